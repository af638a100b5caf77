# Copyright 2026 The open_spiel_ppsro Authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The flags that the examples share, and what they make of them.

Nothing here trains or writes; bad values become a `ValueError` of one line.
"""

import dataclasses
import os

from absl import flags

# The package imports its modules when they are used: the workers, which read
# the example again, need few of them.
import open_spiel_ppsro as ppsro
import recorded_run

SCHEMES = ("sequential", "naive", "rectified", "dch", "pipeline", "neupl")
ORACLES = ("ppo", "dqn", "exact")

GAME_NAME = flags.DEFINE_string(
    "game_name", "leduc_poker",
    "The OpenSpiel game, with parameters if any: 'kuhn_poker(players=3)'.")
ORACLE = flags.DEFINE_enum(
    "oracle", "ppo", ORACLES,
    "What trains a best response; exact: dynamic programming, which makes "
    "sequential PSRO double oracle.")
META_STRATEGY = flags.DEFINE_string(
    "meta_strategy", "nash",
    "How a meta-game is solved: nash and fictitious_play for two-player "
    "zero-sum games; prd, rm, uniform, uniform_biased, alpharank, cce (a "
    "coarse correlated equilibrium, a joint distribution) for all.")

# Flags of some schemes.
NUM_LEVELS = flags.DEFINE_integer(
    "num_levels", None,
    "Policies of each player that train at once, usually 3 to 10; 4 if not "
    "given, 16 for neupl. Not for sequential, which trains one, and rectified, "
    "which trains one per supporter.")
WARMUP_STEPS = flags.DEFINE_integer(
    "warmup_steps", None,
    "Environment steps that a level of pipeline or dch trains before the level "
    "above it starts; 0 if not given.")
RECTIFY = flags.DEFINE_enum(
    "rectify", None, ("subset", "relu"),
    "Whom a child of rectified PSRO faces. subset (default): the supporters "
    "that its parent does not lose to; relu: the objective of Balduzzi et al. "
    "2019.")
DCH_META_SOLVER = flags.DEFINE_enum(
    "dch_meta_solver", None, ("nash", "online"),
    "How dch weighs the levels below. nash (default): the meta-strategy of "
    "the live payoffs; online: decoupled regret matching, Lanctot et al. 2017.")

# Flags of some oracles.
TIE_BREAK = flags.DEFINE_string(
    "tie_break", None,
    "Which of the tied best actions the exact oracle plays: first, last, "
    "random, uniform, or perturbed (the best against random opponents; "
    "default).")
EPISODES_PER_BATCH = flags.DEFINE_integer(
    "episodes_per_batch", None,
    "Episodes that a learner plays between two updates; the learner's default "
    "if not given.")
LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None,
    "Of the learner's optimiser, at first; the learner's default if not "
    "given.")
HIDDEN_SIZES = flags.DEFINE_list(
    "hidden_sizes", None,
    "Units in the hidden layers of the network, as in 64,64; the learner's "
    "default if not given.")
DEVICE = flags.DEFINE_string(
    "device", None,
    "Where networks live, as torch names it: cpu (default), cuda, ...")

# Of the rounds and the freeze rule.
OPPONENT_UPDATE_FREQ = flags.DEFINE_integer(
    "opponent_update_freq", None,
    "Environment steps (decisions of all players) that each policy trains in "
    "a round, between two looks at its opponents; about two batches of the "
    "learner if not given, one of neupl.")
MIN_STEPS = flags.DEFINE_integer(
    "min_steps", None,
    "Environment steps that a policy trains before it may freeze; about a "
    "dozen batches of the learner if not given.")
MAX_STEPS = flags.DEFINE_integer(
    "max_steps", None,
    "Environment steps after which a policy freezes even if it still improves, "
    "once its opponents are frozen; no limit by default.")
PLATEAU_DELTA = flags.DEFINE_float(
    "plateau_delta", None,
    "A policy has plateaued when its payoff improves by less than this from "
    "one window to the next, in game utility; 0.02 if not given.")
PLATEAU_WINDOW = flags.DEFINE_integer(
    "plateau_window", None,
    "Environment steps in such a window; every round is one if not given.")

EXECUTOR = flags.DEFINE_enum(
    "executor", "processes", ("serial", "processes", "ray"),
    "Where learners run: in this process, in worker processes, or on a Ray "
    "cluster. The result is the same, bit for bit.")
NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None,
    "Worker processes for --executor=processes and ray; one per core, or CPU "
    "of the cluster, by default.")
RAY_ADDRESS = flags.DEFINE_string(
    "ray_address", None,
    "For --executor=ray: the host:port of a running cluster, or auto; a local "
    "one is started if not given.")
WORKER_TIMEOUT_SECONDS = flags.DEFINE_float(
    "worker_timeout_seconds", 1800,
    "A worker that has not answered for so many seconds counts as dead, and is "
    "replaced; longer than any one call of a learner.")
FREE_RUNNING = flags.DEFINE_boolean(
    "free_running", None,
    "Take the results of learners as they come, for workers of unequal speed, "
    "instead of waiting for all in every round. No two runs are the same.")
MAX_STALENESS = flags.DEFINE_integer(
    "max_staleness", None,
    "With --free_running: a learner whose opponents were drawn so many rounds "
    "ago is waited for; 8 if not given.", lower_bound=1)
WORKERS_PER_LEVEL = flags.DEFINE_integer(
    "workers_per_level", None,
    "Workers that train each policy together, usually 1 to 5; 1 if not given. "
    "More pay on sampled games, with more cores than policies in training.")

# Games too large to enumerate.
EVALUATION = flags.DEFINE_enum(
    "evaluation", "auto", ("auto", "exact", "sampled"),
    "exact: payoffs and NashConv from the enumerated game. sampled: payoffs by "
    "playing, and a lower bound of NashConv from trained exploiters. auto: "
    "exact if the game has at most --max_histories histories.")
MAX_HISTORIES = flags.DEFINE_integer(
    "max_histories", 5_000_000, "The largest game to enumerate.",
    lower_bound=1)
PAYOFF_EPISODES = flags.DEFINE_integer(
    "payoff_episodes", None,
    "Of a sampled game: episodes to play per round to measure payoffs; about "
    "a sixth of the episodes trained if not given, and for neupl 0.3 of all.")
EXPLOITER_STEPS = flags.DEFINE_integer(
    "exploiter_steps", None,
    "Of a sampled game: environment steps that each exploiter trains after "
    "the run, beyond its time limit; 1,000,000 if not given, 0 for none.",
    lower_bound=0)

# Limits of a run.
TIME_LIMIT_SECONDS = flags.DEFINE_float(
    "time_limit_seconds", 60, "Seconds from the start of a run to its end.")
MAX_ITERATIONS = flags.DEFINE_integer(
    "max_iterations", None,
    "Stop when so many policies have frozen for every player; of dch and "
    "neupl, which never freeze, after so many rounds.")
MAX_ROUNDS = flags.DEFINE_integer(
    "max_rounds", None, "Stop after so many rounds.")
MAX_EPISODES = flags.DEFINE_integer(
    "max_episodes", None,
    "Stop when so many episodes have been trained and evaluated in all.")
TARGET_EXPLOITABILITY = flags.DEFINE_float(
    "target_exploitability", None,
    "Stop when the exploitability (NashConv divided by the number of players) "
    "of the meta-strategy over frozen policies is at most this.")

_DEFAULT_STALENESS = 8

# Who reads a flag; given for others alone, it is refused.
_FOR_SCHEMES = {
    "num_levels": ("naive", "dch", "pipeline", "neupl"),
    "warmup_steps": ("dch", "pipeline"),
    "rectify": ("rectified",),
    "dch_meta_solver": ("dch",),
    "opponent_update_freq": SCHEMES,
    "min_steps": ("sequential", "naive", "rectified", "pipeline"),
    "max_steps": ("sequential", "naive", "rectified", "pipeline"),
    "plateau_delta": ("sequential", "naive", "rectified", "pipeline"),
    "plateau_window": ("sequential", "naive", "rectified", "pipeline"),
    "workers_per_level": ("sequential", "naive", "rectified", "dch",
                          "pipeline"),
    "free_running": ("sequential", "naive", "rectified", "dch", "pipeline"),
}
_FOR_ORACLES = {
    "tie_break": ("exact",),
    "episodes_per_batch": ("ppo", "dqn"),
    "learning_rate": ("ppo", "dqn"),
    "hidden_sizes": ("ppo", "dqn"),
    "device": ("ppo", "dqn"),
    "workers_per_level": ("ppo", "dqn"),
}


def check(schemes):
  """Raises ValueError if a flag is out of range or does nothing here.

  Args:
    schemes: the names of the schemes that will run.
  """
  for flag in (TIME_LIMIT_SECONDS, MAX_ITERATIONS, MAX_ROUNDS, MAX_EPISODES,
               TARGET_EXPLOITABILITY):
    if flag.value is not None and not flag.value > 0:
      raise ValueError(
          f"--{flag.name} is {flag.value}; it takes a value above 0")
  for kind, users_of, chosen in (("--scheme", _FOR_SCHEMES, schemes),
                                 ("--oracle", _FOR_ORACLES, [ORACLE.value])):
    for flag, users in users_of.items():
      if flags.FLAGS[flag].value is not None and not set(users) & set(chosen):
        raise ValueError(
            f"--{flag} does nothing with {kind}={','.join(chosen)}; it is for "
            f"{', '.join(users)}")
  if NUM_WORKERS.value is not None and EXECUTOR.value == "serial":
    raise ValueError("--num_workers does nothing with --executor=serial; it "
                     "is for processes and ray")
  if FREE_RUNNING.value and EXECUTOR.value == "serial":
    raise ValueError("--free_running does nothing with --executor=serial; it "
                     "is for processes and ray")
  if MAX_STALENESS.value is not None and not FREE_RUNNING.value:
    raise ValueError("--max_staleness does nothing without --free_running")
  if RAY_ADDRESS.value is not None and EXECUTOR.value != "ray":
    raise ValueError("--ray_address does nothing with --executor="
                     f"{EXECUTOR.value}; it is for ray")


# What a resumed run need not have in common with the one before it.
_OF_THIS_PROCESS = ("resume", "output_dir")
_OF_THE_EXECUTOR = ("num_workers", "ray_address")


def adopt(path, main_module):
  """Sets the flags that were not given as the run of a directory had them.

  Args:
    path: the run directory.
    main_module: the name of the example.

  Raises:
    ValueError: if there is no run in it.
  """
  given = ppsro.read_config(path).get("flags", {})
  others = _OF_THIS_PROCESS + (_OF_THE_EXECUTOR if EXECUTOR.present else ())
  for flag in flags.FLAGS.get_key_flags_for_module(main_module):
    if not flag.present and flag.name in given and flag.name not in others:
      flag.value = given[flag.name]


def _given(**options):
  return {name: flag.value for name, flag in options.items()
          if flag.value is not None}


def make_scheme(name):
  """Returns the scheme of that name, as the flags set it."""
  options = {"num_levels": NUM_LEVELS, "warmup_steps": WARMUP_STEPS,
             "rectify": RECTIFY, "meta_solver": DCH_META_SOLVER}
  return ppsro.SCHEMES[name](**_given(**{
      option: flag for option, flag in options.items()
      if name in _FOR_SCHEMES[flag.name]}))


def make_config(scheme):
  """Returns the configuration of the learners of a scheme."""
  if ORACLE.value == "exact":
    return ppsro.ExactConfig(**_given(tie_break=TIE_BREAK))
  given = _given(episodes_per_batch=EPISODES_PER_BATCH,
                 learning_rate=LEARNING_RATE, device=DEVICE)
  if HIDDEN_SIZES.value is not None:
    try:
      given["hidden_sizes"] = tuple(int(size) for size in HIDDEN_SIZES.value)
    except ValueError as error:
      raise ValueError(
          f"--hidden_sizes is {','.join(HIDDEN_SIZES.value)!r}; it takes "
          "whole numbers, as in 64,64") from error
  if scheme.shares_learner and ORACLE.value == "ppo":
    return ppsro.NeuPLConfig(max_policies=scheme.num_levels + 1, **given)
  return {"ppo": ppsro.PPOConfig, "dqn": ppsro.DQNConfig}[ORACLE.value](
      **given)


def make_executor():
  """Returns the executor that the flags ask for."""
  if EXECUTOR.value == "serial":
    return ppsro.SerialExecutor()
  if EXECUTOR.value == "ray":
    return ppsro.RayExecutor(
        num_workers() if RAY_ADDRESS.value is None else NUM_WORKERS.value,
        RAY_ADDRESS.value,
        worker_timeout_seconds=WORKER_TIMEOUT_SECONDS.value)
  return ppsro.ProcessExecutor(num_workers(), WORKER_TIMEOUT_SECONDS.value)


def num_workers():
  """Returns how many worker processes there are."""
  if NUM_WORKERS.value is not None:
    return NUM_WORKERS.value
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count()


def open_game():
  """Returns the game of the flags, a `GameTree` or a `StateGame`."""
  game = ppsro.open_game(GAME_NAME.value, MAX_HISTORIES.value,
                         EVALUATION.value)
  if isinstance(game, ppsro.GameTree):
    for flag in (PAYOFF_EPISODES, EXPLOITER_STEPS):
      if flag.value is not None:
        raise ValueError(f"--{flag.name} does nothing here: the evaluation of "
                         f"{GAME_NAME.value} is exact")
  elif TARGET_EXPLOITABILITY.value is not None:
    raise ValueError("--target_exploitability needs an exact evaluation, and "
                     f"{GAME_NAME.value} is sampled")
  return game


def make_oracle(tree, scheme, config, executor, seed):
  """Returns the oracle that serves a scheme.

  Args:
    tree: a `GameTree` or a `StateGame`.
    scheme: a `Scheme`.
    config: of its learners.
    executor: where they train; the oracle will close it.
    seed: of everything random.
  """
  if isinstance(config, ppsro.NeuPLConfig):
    return ppsro.NeuPLOracle(tree, config, executor, seed)
  return ppsro.PipelinedOracle(tree, config, executor, seed,
                               seat_symmetric=scheme.one_population,
                               **_given(workers_per_level=WORKERS_PER_LEVEL))


def make_solver(oracle, scheme):
  """Returns a solver with the freeze rule and the rounds of the flags."""
  tree = oracle.original_game
  plateau = ppsro.default_plateau(oracle, **_given(
      delta=PLATEAU_DELTA, window=PLATEAU_WINDOW, min_steps=MIN_STEPS,
      max_steps=MAX_STEPS))
  max_staleness = 0
  if FREE_RUNNING.value:
    max_staleness = MAX_STALENESS.value or _DEFAULT_STALENESS
  return ppsro.PipelinePSROSolver(
      tree.game, oracle, scheme, META_STRATEGY.value,
      opponent_update_freq=OPPONENT_UPDATE_FREQ.value, plateau=plateau,
      payoff_episodes=PAYOFF_EPISODES.value, max_staleness=max_staleness)


def limits():
  """Returns the `Limits` of a run."""
  return recorded_run.Limits(
      TIME_LIMIT_SECONDS.value, MAX_ITERATIONS.value, MAX_ROUNDS.value,
      MAX_EPISODES.value, TARGET_EXPLOITABILITY.value)


def run_settings(main_module, solver, config, executor, **settings):
  """Returns the resolved settings of a run, for its `config.json`.

  Args:
    main_module: the name of the example.
    solver: its solver.
    config: of its learners.
    executor: where they train.
    **settings: what the flags do not say.
  """
  given = {flag.name: flag.value
           for flag in flags.FLAGS.get_key_flags_for_module(main_module)}
  return {
      **given,
      "flags": given,
      "num_workers": executor.num_workers,
      "num_levels": solver.scheme.num_levels,
      "opponent_update_freq": solver.opponent_update_freq,
      **dataclasses.asdict(solver.plateau_rule),
      "learner": dataclasses.asdict(config),
      **settings}

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

"""The flags that commands share, and what they make of them.

A command calls the `define` functions that it needs.
"""

import contextlib
import difflib
import importlib
import inspect
import os
import sys

from absl import flags

# The package imports its modules when they are used: the workers, which read
# the main script again, need few of them.
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import progress
from open_spiel_ppsro.runs import provenance

FLAGS = flags.FLAGS

_DEFAULT_STALENESS = 8
# What most workers will need and takes long to import.
_OF_WORKERS = ("open_spiel_ppsro.oracles.ppo",)

# Flags that set a field of the scheme, of the learner's configuration, of the
# rule by which policies freeze. Who has no such field does not read the flag.
SCHEME_FIELDS = {"num_levels": "num_levels", "warmup_steps": "warmup_steps",
                  "rectify": "rectify", "dch_meta_solver": "meta_solver",
                  "anytime": "anytime"}
LEARNER_FIELDS = {name: name for name in (
    "tie_break", "episodes_per_batch", "policy_loss", "warm_start",
    "learning_rate", "network", "hidden_sizes", "device")}
# Of the learner of self-play alone.
SELF_PLAY_FIELDS = {"magnet": "magnet", "magnet_updates": "magnet_updates",
                     "self_play_answer": "answer"}
PLATEAU_FIELDS = {"plateau_delta": "delta", "plateau_window": "window",
                   "plateau_relative": "relative",
                   "min_steps": "min_steps", "max_steps": "max_steps"}
LIMITS = ("time_limit_seconds", "max_iterations", "max_rounds",
           "max_episodes", "target_exploitability")
# What a resumed run need not have in common with the one before it.
OF_THIS_PROCESS = ("resume", "overwrite", "output_dir", "config",
                    "tensorboard")
# The names of flags by group, as --help shows them; filled as they are defined.
GROUPS: dict[str, list[str]] = {}


@contextlib.contextmanager
def group(title):
  """Puts the flags that are defined within it into a group of --help."""
  before = set(FLAGS)
  try:
    yield
  finally:
    names = GROUPS.setdefault(title, [])
    names += [name for name in FLAGS
              if name not in before and name not in names]


def define():
  """Defines the flags of a run, but for its scheme, seed and directory."""
  with group("What is played, and how"):
    _define_method()
  with group("Single schemes and best responders"):
    _define_details()
  with group("Rounds, and when policies freeze"):
    _define_rounds()
  with group("Workers"):
    _define_workers()
  with group("Games too large to enumerate"):
    _define_evaluation()
  with group("When the run ends"):
    _define_limits()
  define_imports()


def define_imports():
  """Defines the flag of modules of one's own."""
  with group("Of your own"):
    flags.DEFINE_list(
        "import_module", None,
        "Modules of yours to import first, here and in the workers, separated "
        "by commas: they may register games, add to ppsro.SCHEMES, "
        "ppsro.ORACLES and ppsro.METHODS, and define policies. They are also "
        "looked for in the current directory.")


def _define_method():
  flags.DEFINE_string(
      "game_name", "leduc_poker",
      "The OpenSpiel game, with parameters if any: 'kuhn_poker(players=3)'.")
  flags.DEFINE_string(
      "oracle", "ppo",
      "What trains a best response: ppo, dqn, exact (dynamic programming, "
      "which makes sequential PSRO double oracle), or what a module of "
      "--import_module has added. self_play has a learner of its own, and with "
      "exact a table with exact updates.")
  flags.DEFINE_string(
      "meta_strategy", "nash",
      "How a meta-game is solved: nash and fictitious_play for two-player "
      "zero-sum games; prd, rm, uniform, uniform_biased, alpharank, cce (a "
      "coarse correlated equilibrium, a joint distribution) for all.")

  flags.DEFINE_string(
      "initial_policy", None,
      "What a population begins with: uniform, random play; self_play, what "
      "self-play finds in --self_play_share of the run; or a run directory, "
      "what that run has found. If not given self_play on sampled two-player "
      "zero-sum games, but for dark hex that is not abrupt, else uniform.")
  flags.DEFINE_float(
      "self_play_share", None,
      "Of --initial_policy=self_play: the share of the run that self-play "
      "has; 0.6 if not given, 0.5 on an enumerated game. The limits say how "
      "many batches that is; the clock ends them only where a machine is too "
      "slow, or one worker plays all.")


def _define_details():
  flags.DEFINE_integer(
      "num_levels", None,
      "Policies of each player that train at once, usually 2 to 10; if not "
      "given 2 for pipeline, 4 for dch and naive, 16 for neupl. Not for "
      "sequential and self_play, which train one, and rectified, which trains "
      "one per supporter.")
  flags.DEFINE_integer(
      "warmup_steps", None,
      "Environment steps that a level of pipeline or dch trains before the "
      "level above it starts; 0 if not given.")
  flags.DEFINE_boolean(
      "anytime", None,
      "Of sequential and pipeline, on enumerated two-player zero-sum games: "
      "opponents play the mixture that is worst for all that a policy has been "
      "so far, and the policy hands out the best mixture of that (Anytime "
      "PSRO); not so if not given.")
  flags.DEFINE_enum(
      "rectify", None, ("subset", "relu"),
      "Whom a child of rectified PSRO faces. subset (default): the supporters "
      "that its parent does not lose to; relu: the objective of Balduzzi et "
      "al. 2019.")
  flags.DEFINE_enum(
      "dch_meta_solver", None, ("nash", "online"),
      "How dch weighs the levels below. nash (default): the meta-strategy of "
      "the live payoffs; online: decoupled regret matching, Lanctot et al. "
      "2017.")

  flags.DEFINE_string(
      "tie_break", None,
      "Which of the tied best actions the exact oracle plays: first, last, "
      "random, uniform, or perturbed (the best against random opponents; "
      "default).")
  flags.DEFINE_integer(
      "episodes_per_batch", None,
      "Episodes that a learner plays between two updates. If not given, the "
      "learner's default, which on an enumerated game is the expectation of "
      "all episodes: no noise, and no episode is counted.")
  flags.DEFINE_enum(
      "policy_loss", None, ("mirror", "clipped"),
      "How a batch changes the policy of ppo. mirror: a mirror-descent step, "
      "the default for expectations; clipped: PPO's clipped surrogate, the "
      "default for batches of episodes.")
  flags.DEFINE_boolean(
      "warm_start", None,
      "Whether a new policy of ppo begins as a copy of the one that the "
      "meta-strategy of its own side plays most, where that is a network of "
      "the same shape; if not given, true on a sampled game that does not "
      "begin with random play, and in dark hex.")
  flags.DEFINE_float(
      "learning_rate", None,
      "Of the learner's optimiser, at first; the learner's default if not "
      "given.")
  flags.DEFINE_string(
      "network", None,
      "The network: mlp (default), a perceptron; resnet; conv, for "
      "observations that are boards, conv(3,6,7) if the game does not say so; "
      "or module:function, a function of yours from (num_features, "
      "num_outputs) to a torch.nn.Module, looked for in the current directory, "
      "too.")
  flags.DEFINE_list(
      "hidden_sizes", None,
      "Units in the hidden layers of the network, as in 64,64; none if empty, "
      "and the learner's default if not given.")
  flags.DEFINE_string(
      "device", None,
      "Where networks live, as torch names it: cpu (default), cuda, ...")

  flags.DEFINE_float(
      "magnet", None,
      "How much self_play keeps its policy close to random play at first, in "
      "units of the returns; if not given 0.1 to 0.3 by the game, or 1 on an "
      "enumerated game. It falls as training goes on.",
      lower_bound=0)
  flags.DEFINE_integer(
      "magnet_updates", None,
      "The policy of self_play itself replaces random play as what it is kept "
      "close to, every so many updates; never if not given.", lower_bound=0)
  flags.DEFINE_enum(
      "self_play_answer", None, ("mixture", "weights"),
      "What self_play has found on a sampled game: a mixture of 20 late "
      "policies (default), or one network with the average of their weights.")


def _define_rounds():
  flags.DEFINE_integer(
      "opponent_update_freq", None,
      "Environment steps (decisions of all players) that each policy trains in "
      "a round, between two looks at its opponents; about two batches of "
      "the learner if not given, one of neupl, 20 of self_play. An expectation "
      "counts as one episode of random play.")
  flags.DEFINE_integer(
      "min_steps", None,
      "Environment steps that a policy trains before it may freeze; about a "
      "dozen batches of the learner if not given, seven expectations.")
  flags.DEFINE_integer(
      "max_steps", None,
      "Environment steps after which a policy freezes even if it still "
      "improves, once its opponents are frozen; no limit by default.")
  flags.DEFINE_float(
      "plateau_delta", None,
      "A policy has plateaued when its payoff improves by less than this from "
      "one window to the next, in game utility; 0.02 if not given, 0.0002 "
      "where batches are expectations.")
  flags.DEFINE_float(
      "plateau_relative", None,
      "The same as a share of what the policy gains over the meta-strategy of "
      "its own side; the larger of the two counts. 0 if not given, 0.05 where "
      "batches are expectations.")
  flags.DEFINE_integer(
      "plateau_window", None,
      "Environment steps in such a window; every round is one if not given.")


def _define_workers():
  flags.DEFINE_enum(
      "executor", "processes", ("serial", "processes", "ray"),
      "Where learners run: in this process, in worker processes, or on a Ray "
      "cluster. The result is the same, bit for bit.")
  flags.DEFINE_integer(
      "num_workers", None,
      "Worker processes for --executor=processes and ray; one per core, or CPU "
      "of the cluster, by default.")
  flags.DEFINE_string(
      "ray_address", None,
      "For --executor=ray: the host:port of a running cluster, or auto; a "
      "local one is started if not given.")
  flags.DEFINE_float(
      "worker_timeout_seconds", 1800,
      "A worker that has not answered for so many seconds counts as dead, and "
      "is replaced; longer than any one call of a learner.")
  flags.DEFINE_boolean(
      "free_running", None,
      "Take the results of learners as they come, for workers of unequal "
      "speed, instead of waiting for all in every round. No two runs are the "
      "same. Off by default.")
  flags.DEFINE_integer(
      "max_staleness", None,
      "With --free_running: a learner whose opponents were drawn so many "
      "rounds ago is waited for; 8 if not given.", lower_bound=1)
  flags.DEFINE_integer(
      "workers_per_level", None,
      "Workers that train each policy together, usually 1 to 5; 1 if not "
      "given, and 2 for self_play on a sampled game. More pay on sampled "
      "games, with more cores than policies in training.")


def _define_evaluation():
  flags.DEFINE_enum(
      "evaluation", "auto", ("auto", "exact", "sampled"),
      "exact: payoffs and NashConv from the enumerated game. sampled: payoffs "
      "by playing, and a lower bound of NashConv from trained exploiters. "
      "auto: exact if the game has at most --max_histories histories.")
  flags.DEFINE_integer(
      "max_histories", 5_000_000, "The largest game to enumerate.",
      lower_bound=1)
  flags.DEFINE_integer(
      "payoff_episodes", None,
      "Of a sampled game: episodes to play per round to measure payoffs; "
      "about a sixth of the episodes trained if not given, for neupl 0.3 of "
      "all, and few for self_play, which does not need them.")
  flags.DEFINE_float(
      "evaluation_share", None,
      "Of a sampled two-player game: the share of the time of one core that "
      "goes into certain bounds of exploitability, beside the run; 0.1 if not "
      "given, 0 for none.", lower_bound=0, upper_bound=1)
  flags.DEFINE_integer(
      "exploiter_steps", None,
      "Of a sampled game: environment steps that each exploiter trains after "
      "the last round, or fewer if the time is over before. If not given, 0 "
      "where the bounds of exploitability have a fast walk (phantom_ttt, "
      "dark_hex, liars_dice) or turn out narrow, 1,000,000 elsewhere.",
      lower_bound=0)


def _define_limits():
  flags.DEFINE_float(
      "time_limit_seconds", 60,
      "Seconds from the start of a run to its result, enumeration and "
      "exploiters included.")
  flags.DEFINE_integer(
      "max_iterations", None,
      "Stop when so many policies have frozen for every player; of dch, neupl "
      "and self_play, which never freeze, after so many rounds. No limit by "
      "default.")
  flags.DEFINE_integer(
      "max_rounds", None,
      "Stop after so many rounds; no limit by default.")
  flags.DEFINE_integer(
      "max_episodes", None,
      "Stop when so many episodes have been trained and evaluated in all; no "
      "limit by default.")
  flags.DEFINE_float(
      "target_exploitability", None,
      "Stop when the exploitability (NashConv divided by the number of "
      "players) of the answer is at most this; no target by default.")
  flags.DEFINE_enum(
      "answer", None, ("meta_nash", "least_exploitable"),
      "Which policy is the answer, that read_policy returns; both are kept. "
      "meta_nash: the meta-strategy over frozen policies. least_exploitable: "
      "the mixture of these policies that loses least to exact best "
      "responses, or on a sampled game the one with the least upper bound that "
      "was measured; the default where there is one, in two-player zero-sum "
      "games.")


def define_one_run(output_dir_help):
  """Defines the flags of a command that plays one run.

  Args:
    output_dir_help: what its --output_dir is for.
  """
  with group("What is played, and how"):
    flags.DEFINE_string(
        "scheme", "pipeline",
        "Who trains against whom. sequential: PSRO; naive: several best "
        "responses to the same meta-Nash; rectified: PSRO_rN; dch: deep "
        "cognitive hierarchies; pipeline: Pipeline PSRO; neupl: one "
        "conditional network; self_play: regularised self-play, a baseline and "
        "no PSRO; or what a module of --import_module has added.")
    flags.DEFINE_integer("seed", 1, "Of everything random.", lower_bound=0)
  define_directory(output_dir_help)


def define_watching():
  """Defines the flags of who watches a run."""
  with group("What is written"):
    flags.DEFINE_boolean(
        "tensorboard", False,
        "Write scalars and the payoff matrix for TensorBoard, into "
        "tensorboard/ of the run directory.")


def define_mixture():
  """Defines the flag that says which mixture of a run counts."""
  with group("What of the run"):
    flags.DEFINE_string(
        "mixture", None,
        "Which mixture over its policies: meta_nash, the solution of its "
        "meta-game, or least_exploitable, the one that loses least; the answer "
        "of the run if not given.")


def define_directory(output_dir_help):
  """Defines the flags that say where the results go."""
  with group("Where the results go"):
    flags.DEFINE_string("output_dir", None, output_dir_help)
    flags.DEFINE_boolean(
        "overwrite", False,
        "Whether --output_dir may hold something that is replaced.")


def define_checkpoints():
  """Defines the flags of checkpoints and of resuming from them."""
  with group("Where the results go"):
    flags.DEFINE_boolean(
        "resume", False,
        "Go on with what is in --output_dir, from the newest checkpoints, to "
        "the same bits. Flags that are not given are as they were; limits, "
        "executor and number of workers may be others.")
    flags.DEFINE_float(
        "checkpoint_seconds", 20,
        "Seconds between two checkpoints; 0 writes none.", lower_bound=0)
    flags.DEFINE_integer(
        "keep_checkpoints", 2, "How many checkpoints stay.", lower_bound=1)


def define_config():
  """Defines the flag that repeats a run."""
  with group("What is played, and how"):
    flags.DEFINE_string(
        "config", None,
        "The config.json of a run, or its directory, whose settings are then "
        "the defaults of all flags: the run is repeated, but for the flags "
        "that are given. None by default.")


def make_output_dir(name):
  """Returns the directory of the flags, made for what is new.

  Args:
    name: of the default directory.
  """
  return output_directory.make(FLAGS.output_dir, name, FLAGS.overwrite)


def import_modules():
  """Imports the modules that --import_module names.

  Raises:
    ValueError: if one cannot be imported; says why.
  """
  has_network = "network" in FLAGS and ":" in (FLAGS.network or "")
  if (FLAGS.import_module or has_network) and os.getcwd() not in sys.path:
    sys.path.append(os.getcwd())
  for name in FLAGS.import_module or ():
    try:
      importlib.import_module(name)
    except Exception as error:  # Whatever a module of somebody's may raise.
      raise ValueError(f"--import_module: cannot import {name!r}: "
                       f"{type(error).__name__}: {error}") from error


def check(scheme_names):
  """Raises ValueError if a flag is out of range or does nothing here.

  Args:
    scheme_names: the names of the schemes that will run.
  """
  import_modules()
  if FLAGS.executor == "processes":  # It imports while this process does.
    process_executor.start_fork_server(_OF_WORKERS)
  for kind, names, known in (("scheme", scheme_names, ppsro.SCHEMES),
                             ("oracle", [FLAGS.oracle], ppsro.ORACLES)):
    for name in names:
      if name not in known:
        close = difflib.get_close_matches(name, known)
        raise ValueError(
            f"unknown {kind} {name!r}; "
            + (f"did you mean {' or '.join(close)}?" if close else
               f"use one of {', '.join(known)}"))
  limits()
  if len(scheme_names) == 1 and not takes_oracle(scheme_names[0]):
    raise ValueError(
        f"--oracle={FLAGS.oracle} does nothing with scheme={scheme_names[0]}, "
        "which has a learner of its own: leave it out, or use exact")
  for kind, readers_of, chosen in (
      ("--scheme", schemes_that_read, scheme_names),
      ("--oracle", oracles_that_read, [FLAGS.oracle])):
    for flag in {**SCHEME_FIELDS, **LEARNER_FIELDS, **PLATEAU_FIELDS,
                 **SELF_PLAY_FIELDS, "workers_per_level": None,
                 "free_running": None}:
      # Who reads a flag takes an import to say.
      readers = readers_of(flag) if FLAGS[flag].value is not None else None
      if readers is not None and not set(readers) & set(chosen):
        raise ValueError(
            f"--{flag} does nothing with {kind}={','.join(chosen)}; it is for "
            f"{', '.join(readers)}")
  _check_self_play(scheme_names)
  if FLAGS.num_workers is not None and FLAGS.executor == "serial":
    raise ValueError("--num_workers does nothing with --executor=serial; it "
                     "is for processes and ray")
  if FLAGS.free_running and FLAGS.executor == "serial":
    raise ValueError("--free_running does nothing with --executor=serial; it "
                     "is for processes and ray")
  if FLAGS.self_play_share is not None and FLAGS.initial_policy not in (
      None, "self_play"):
    raise ValueError("--self_play_share does nothing with --initial_policy="
                     f"{FLAGS.initial_policy}; it is for self_play")
  if FLAGS.max_staleness is not None and not FLAGS.free_running:
    raise ValueError("--max_staleness does nothing without --free_running")
  if FLAGS.ray_address is not None and FLAGS.executor != "ray":
    raise ValueError("--ray_address does nothing with --executor="
                     f"{FLAGS.executor}; it is for ray")


def _check_self_play(scheme_names):
  """Raises ValueError if a flag says nothing to the learner of self-play."""
  if not all(ppsro.SCHEMES[name].plays_itself for name in scheme_names):
    return
  config = _self_play_config()
  for flag, field in {**LEARNER_FIELDS, **SELF_PLAY_FIELDS}.items():
    if FLAGS[flag].value is not None and not takes(config, field):
      raise ValueError(
          f"--{flag} does nothing with --scheme={','.join(scheme_names)} "
          f"--oracle={FLAGS.oracle}: its {config.__name__} has no {field}")


def schemes_that_read(flag):
  """Returns the names of schemes that a flag says something to, or None."""
  if flag in SCHEME_FIELDS:
    return [name for name, scheme in ppsro.SCHEMES.items()
            if takes(scheme, SCHEME_FIELDS[flag])]
  if flag in PLATEAU_FIELDS:
    return [name for name, scheme in ppsro.SCHEMES.items() if scheme.freezes]
  if flag in SELF_PLAY_FIELDS:
    return [name for name, scheme in ppsro.SCHEMES.items()
            if scheme.plays_itself]
  if flag in ("workers_per_level", "free_running"):
    return [name for name, scheme in ppsro.SCHEMES.items()
            if not scheme.shares_learner]
  return None


def oracles_that_read(flag):
  """Returns the names of oracles that a flag says something to, or None."""
  if flag in LEARNER_FIELDS:
    return [name for name, config in ppsro.ORACLES.items()
            if takes(config, LEARNER_FIELDS[flag])]
  if flag == "workers_per_level":
    return [name for name, config in ppsro.ORACLES.items()
            if config.takes_team]
  return None


def takes_oracle(scheme_name):
  """Returns whether a scheme can do with what --oracle says."""
  return not ppsro.SCHEMES[scheme_name].plays_itself or FLAGS.oracle in (
      FLAGS["oracle"].default, "exact")


def _self_play_config():
  """Returns the class of the configuration of self-play."""
  return (ppsro.TabularSelfPlayConfig if FLAGS.oracle == "exact"
          else ppsro.SelfPlayConfig)


def takes(function, argument):
  """Returns whether a function or a constructor has an argument."""
  return argument in inspect.signature(function).parameters


def _given(fields, owner):
  """Returns the fields of an owner that flags were given for.

  Args:
    fields: `{flag: field}`.
    owner: takes some of the fields as arguments.
  """
  return {field: FLAGS[flag].value for flag, field in fields.items()
          if FLAGS[flag].value is not None and takes(owner, field)}


def make_scheme(name):
  """Returns the scheme of that name, as the flags set it."""
  scheme = ppsro.SCHEMES[name]
  return scheme(**_given(SCHEME_FIELDS, scheme))


def make_config(scheme):
  """Returns the configuration of the learners of a scheme."""
  config = ppsro.ORACLES[FLAGS.oracle]
  options = {}
  if scheme.shares_learner and FLAGS.oracle == "ppo":
    config = ppsro.NeuPLConfig
    options["max_policies"] = scheme.num_levels + 1
  if scheme.plays_itself:
    config = _self_play_config()
    if config is ppsro.SelfPlayConfig and FLAGS.workers_per_level is not None:
      options["streams"] = FLAGS.workers_per_level
  options.update(_given({**LEARNER_FIELDS, **SELF_PLAY_FIELDS}, config))
  if "hidden_sizes" in options:
    try:
      options["hidden_sizes"] = tuple(map(int, options["hidden_sizes"]))
    except ValueError as error:
      raise ValueError(
          f"--hidden_sizes is {','.join(options['hidden_sizes'])!r}; it takes "
          "whole numbers, as in 64,64") from error
  try:
    return config(**options)
  except TypeError as error:
    raise ValueError(f"--oracle={FLAGS.oracle}: {config.__name__} cannot be "
                     f"made of flags alone: {error}") from error


def make_executor():
  """Returns the executor that the flags ask for."""
  if FLAGS.executor == "serial":
    return ppsro.SerialExecutor(FLAGS.import_module or ())
  options = {"worker_timeout_seconds": FLAGS.worker_timeout_seconds,
             "imports": FLAGS.import_module or ()}
  if FLAGS.executor == "processes":
    return ppsro.ProcessExecutor(num_workers(), **options)
  return ppsro.RayExecutor(
      num_workers() if FLAGS.ray_address is None else FLAGS.num_workers,
      FLAGS.ray_address, **options)


def num_workers():
  """Returns how many worker processes there are."""
  if FLAGS.num_workers is not None:
    return FLAGS.num_workers
  return provenance.num_cores()


def callbacks():
  """Returns the callbacks that the flags ask for."""
  return [ppsro.callbacks.TensorBoard()] if FLAGS.tensorboard else []


def limits():
  """Returns the `Limits` of a run."""
  return ppsro.Limits(**{name: FLAGS[name].value for name in LIMITS})


def open_game(evaluation=None):
  """Returns the game of the flags, opened; says so if that takes long.

  Args:
    evaluation: in place of that of the flags.
  """
  with progress.Progress() as shown:
    with shown.phase("importing"):
      ppsro.run  # All that a run needs, so that no run has to wait for it.
    with shown.phase(f"opening {FLAGS.game_name}"):
      return ppsro.open_game(FLAGS.game_name, FLAGS.max_histories,
                             evaluation or FLAGS.evaluation, shown.done)


def run(game, scheme_name, seed, **options):
  """Plays one run as the flags set it, see `ppsro.run`.

  Args:
    game: to play; a string or one that was opened.
    scheme_name: in `SCHEMES`.
    seed: of everything random.
    **options: of `ppsro.run`, in place of what the flags say.

  Returns:
    A `RunSummary`.
  """
  with progress.Progress() as shown, shown.phase("importing"):
    executor = make_executor()
    executor.prepare(_OF_WORKERS)  # They start while this process imports.
    play = ppsro.run  # Imports what a run needs, which takes some seconds.
    scheme = make_scheme(scheme_name)
    config = make_config(scheme)
  max_staleness = 0
  if FLAGS.free_running:
    max_staleness = FLAGS.max_staleness or _DEFAULT_STALENESS
  return play(game, scheme, config, executor, seed=seed, **{
      "limits": limits(),
      "evaluation": FLAGS.evaluation,
      "max_histories": FLAGS.max_histories,
      "meta_strategy": FLAGS.meta_strategy,
      "initial_policy": FLAGS.initial_policy,
      **({} if FLAGS.self_play_share is None
         else {"self_play_share": FLAGS.self_play_share}),
      "workers_per_level": (
          1 if FLAGS.workers_per_level is None or scheme.plays_itself
          else FLAGS.workers_per_level),
      "opponent_update_freq": FLAGS.opponent_update_freq,
      "payoff_episodes": FLAGS.payoff_episodes,
      "max_staleness": max_staleness,
      "plateau": {field: FLAGS[flag].value
                  for flag, field in PLATEAU_FIELDS.items()},
      "exploiter_steps": FLAGS.exploiter_steps,
      "answer": FLAGS.answer,
      "evaluation_share": FLAGS.evaluation_share,
      "settings": settings(),
      **options})


def settings():
  """Returns what `config.json` cannot know but from the flags."""
  return {
      **{name: FLAGS[name].value for name in (
          "executor", "worker_timeout_seconds", "ray_address", "free_running",
          "import_module", "schemes", "seeds") if name in FLAGS},
      "flags_given": sorted(
          name for names in GROUPS.values() for name in names
          if name in FLAGS and not FLAGS[name].using_default_value
          and name not in OF_THIS_PROCESS)}

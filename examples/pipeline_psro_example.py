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

"""Solves a game by Pipeline PSRO, or another scheme, and shows how far it is.

    python examples/pipeline_psro_example.py --game_name=leduc_poker

Progress goes to standard error. The last line of standard output begins with
`result:`; its NashConv is exact, of the meta-strategy over frozen policies.
Everything else is in the run directory: config.json, metrics.csv,
final_policy.npz and nash_conv.png.
"""

import time

_START = time.perf_counter()  # Before the imports: they are part of the wall.

# pylint: disable=wrong-import-position
import dataclasses
import os
import sys

from absl import app
from absl import flags

# The package imports its modules when they are used: the workers, which read
# this file again, need few of them.
import open_spiel_ppsro as ppsro

_SCHEMES = ("sequential", "naive", "pipeline")
_ORACLES = ("ppo", "dqn", "exact")

_GAME_NAME = flags.DEFINE_string(
    "game_name", "leduc_poker",
    "The OpenSpiel game, with parameters if any: 'kuhn_poker(players=3)'.")
_SCHEME = flags.DEFINE_enum(
    "scheme", "pipeline", _SCHEMES,
    "Who trains against whom. sequential: PSRO; naive: several best responses "
    "to the same meta-Nash; pipeline: Pipeline PSRO.")
_ORACLE = flags.DEFINE_enum(
    "oracle", "ppo", _ORACLES,
    "What trains a best response; exact: dynamic programming, which makes "
    "sequential PSRO double oracle.")
_TIE_BREAK = flags.DEFINE_string(
    "tie_break", "perturbed",
    "Which of the tied best actions the exact oracle plays: first, last, "
    "random, uniform, or perturbed (the best against random opponents).")
_META_STRATEGY = flags.DEFINE_string(
    "meta_strategy", "nash",
    "How a meta-game is solved: nash and fictitious_play for two-player "
    "zero-sum games; prd, rm, uniform, uniform_biased, alpharank for all.")
_NUM_LEVELS = flags.DEFINE_integer(
    "num_levels", 4,
    "Policies of each player that train at once, usually 3 to 10. Not for "
    "--scheme=sequential, which trains one.")
_WARMUP_STEPS = flags.DEFINE_integer(
    "warmup_steps", 0,
    "Environment steps that a level of the pipeline trains before the level "
    "above it starts.")
_OPPONENT_UPDATE_FREQ = flags.DEFINE_integer(
    "opponent_update_freq", None,
    "Environment steps (decisions of all players) that each policy trains in "
    "a round, between two looks at its opponents; about two batches of the "
    "learner if not given.")
_MIN_STEPS = flags.DEFINE_integer(
    "min_steps", None,
    "Environment steps that a policy trains before it may freeze; about a "
    "dozen batches of the learner if not given.")
_MAX_STEPS = flags.DEFINE_integer(
    "max_steps", None,
    "Environment steps after which a policy freezes even if it still improves, "
    "once its opponents are frozen; no limit by default.")
_PLATEAU_DELTA = flags.DEFINE_float(
    "plateau_delta", None,
    "A policy has plateaued when its payoff improves by less than this from "
    "one window to the next, in game utility; 0.02 if not given.")
_PLATEAU_WINDOW = flags.DEFINE_integer(
    "plateau_window", None,
    "Environment steps in such a window; every round is one if not given.")
_EPISODES_PER_BATCH = flags.DEFINE_integer(
    "episodes_per_batch", None,
    "Episodes that a learner plays between two updates; the learner's default "
    "if not given.")
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None,
    "Of the learner's optimiser, at first; the learner's default if not "
    "given.")
_HIDDEN_SIZES = flags.DEFINE_list(
    "hidden_sizes", None,
    "Units in the hidden layers of the network, as in 64,64; the learner's "
    "default if not given.")
_DEVICE = flags.DEFINE_string(
    "device", "cpu", "Where networks live, as torch names it: cpu, cuda, ...")
_EXECUTOR = flags.DEFINE_enum(
    "executor", "processes", ("serial", "processes"),
    "Where learners run: in this process or in worker processes. The result "
    "is the same, bit for bit.")
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None,
    "Worker processes for --executor=processes; one per core by default.")
_SEED = flags.DEFINE_integer("seed", 1, "Of everything random.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None,
    "The run directory; runs/GAME-SCHEME-ORACLE-seedN by default.")
_TIME_LIMIT_SECONDS = flags.DEFINE_float(
    "time_limit_seconds", 60,
    "Seconds from the start of the process to its end.")
_MAX_ITERATIONS = flags.DEFINE_integer(
    "max_iterations", None,
    "Stop when so many policies have frozen for every player.")
_MAX_EPISODES = flags.DEFINE_integer(
    "max_episodes", None,
    "Stop when so many episodes have been trained and evaluated in all.")
_TARGET_EXPLOITABILITY = flags.DEFINE_float(
    "target_exploitability", None,
    "Stop when the exploitability (NashConv divided by the number of players) "
    "of the meta-strategy over frozen policies is at most this.")

# Of the time limit, kept for writing the policy and drawing the plot.
_WRAP_UP_SECONDS = 1.5
_PLAIN_PROGRESS_SECONDS = 5.0


def make_config():
  """Returns the configuration of the learners that the flags ask for."""
  if _ORACLE.value == "exact":
    return ppsro.ExactConfig(tie_break=_TIE_BREAK.value)
  given = {"device": _DEVICE.value}
  if _EPISODES_PER_BATCH.value is not None:
    given["episodes_per_batch"] = _EPISODES_PER_BATCH.value
  if _LEARNING_RATE.value is not None:
    given["learning_rate"] = _LEARNING_RATE.value
  if _HIDDEN_SIZES.value is not None:
    try:
      given["hidden_sizes"] = tuple(int(size) for size in _HIDDEN_SIZES.value)
    except ValueError as error:
      raise ValueError(
          f"--hidden_sizes is {','.join(_HIDDEN_SIZES.value)!r}; it takes "
          "whole numbers, as in 64,64") from error
  return {"ppo": ppsro.PPOConfig, "dqn": ppsro.DQNConfig}[_ORACLE.value](
      **given)


def make_scheme():
  """Returns the scheme that the flags ask for."""
  if _SCHEME.value == "sequential":
    return ppsro.Sequential()
  if _SCHEME.value == "naive":
    return ppsro.NaiveParallel(_NUM_LEVELS.value)
  return ppsro.Pipeline(_NUM_LEVELS.value, _WARMUP_STEPS.value)


def make_executor():
  """Returns the executor that the flags ask for."""
  if _EXECUTOR.value == "serial":
    return ppsro.SerialExecutor()
  num_workers = _NUM_WORKERS.value
  if num_workers is None:
    num_workers = len(os.sched_getaffinity(0)) if hasattr(
        os, "sched_getaffinity") else os.cpu_count()
  return ppsro.ProcessExecutor(num_workers)


def check_limits():
  """Raises ValueError unless the limits of the run are above zero."""
  for flag in (_TIME_LIMIT_SECONDS, _MAX_ITERATIONS, _MAX_EPISODES,
               _TARGET_EXPLOITABILITY):
    if flag.value is not None and not flag.value > 0:
      raise ValueError(
          f"--{flag.name} is {flag.value}; it takes a value above 0")


def stop_reason(result):
  """Returns why a run ends after a round, or None if it goes on."""
  limits = (
      (_TARGET_EXPLOITABILITY,
       lambda limit: result.of_frozen.exploitability <= limit),
      (_MAX_ITERATIONS, lambda limit: result.iterations >= limit),
      (_MAX_EPISODES, lambda limit: result.training_episodes
       + result.evaluation_episodes >= limit),
      (_TIME_LIMIT_SECONDS, lambda limit: time.perf_counter() - _START
       + result.round_seconds + _WRAP_UP_SECONDS >= limit))
  for flag, reached in limits:
    if flag.value is not None and reached(flag.value):
      return flag.name
  return None


class Progress:
  """One live line on a terminal, a plain line now and then elsewhere."""

  def __init__(self):
    self._live = sys.stderr.isatty()
    self._last = -_PLAIN_PROGRESS_SECONDS
    self._training_start = time.perf_counter()

  def show(self, result):
    now = time.perf_counter()
    if not self._live and now - self._last < _PLAIN_PROGRESS_SECONDS:
      return
    self._last = now
    rate = result.training_episodes / (now - self._training_start)
    left = max(0.0, _TIME_LIMIT_SECONDS.value - (now - _START))
    line = (f"round {result.round}  "
            f"frozen {'/'.join(map(str, result.num_policies))}  "
            f"NashConv {result.of_frozen.nash_conv:.4g}  "
            f"{rate:,.0f} episodes/s  {left:.0f} s left")
    if self._live:
      sys.stderr.write(f"\r\x1b[K{line}")
      sys.stderr.flush()
    else:
      print(line, file=sys.stderr, flush=True)

  def close(self):
    if self._live:
      sys.stderr.write("\n")


def metrics_row(result):
  """Returns a `RoundResult` as a row of metrics.csv."""
  return {
      "round": result.round,
      "wall_seconds": f"{time.perf_counter() - _START:.3f}",
      "iterations": result.iterations,
      "training_episodes": result.training_episodes,
      "evaluation_episodes": result.evaluation_episodes,
      "episodes": result.training_episodes + result.evaluation_episodes,
      "environment_steps": result.environment_steps,
      "nash_conv_frozen": result.of_frozen.nash_conv,
      "exploitability_frozen": result.of_frozen.exploitability,
      "nash_conv_all": result.of_all.nash_conv,
      "exploitability_all": result.of_all.exploitability,
      "policies": "/".join(map(str, result.num_policies)),
      "levels": " ".join(
          f"{level.policy_id.player}/{level.policy_id.index}/{level.steps}/"
          f"{level.mean_return:.5g}/{'settled' if level.settled else 'moving'}"
          for level in result.levels),
  }


def solve():
  """Runs until a limit is reached; returns the exit code."""
  check_limits()
  config, scheme = make_config(), make_scheme()
  output_dir = _OUTPUT_DIR.value or os.path.join(
      "runs", f"{_GAME_NAME.value}-{_SCHEME.value}-{_ORACLE.value}-"
      f"seed{_SEED.value}")
  executor = make_executor()
  tree = ppsro.enumerate_game(_GAME_NAME.value)
  directory = ppsro.RunDirectory(output_dir)
  progress = Progress()
  result, stopped_by = None, "interrupt"
  with ppsro.PipelinedOracle(tree, config, executor, _SEED.value) as oracle:
    plateau = ppsro.default_plateau(
        oracle, delta=_PLATEAU_DELTA.value, window=_PLATEAU_WINDOW.value,
        min_steps=_MIN_STEPS.value, max_steps=_MAX_STEPS.value)
    solver = ppsro.PipelinePSROSolver(
        tree.game, oracle, scheme, _META_STRATEGY.value,
        opponent_update_freq=_OPPONENT_UPDATE_FREQ.value, plateau=plateau)
    directory.write_config({
        **{flag.name: flag.value
           for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])},
        "output_dir": str(output_dir),
        "num_workers": getattr(executor, "num_workers", 0),
        "opponent_update_freq": solver.opponent_update_freq,
        **dataclasses.asdict(plateau),
        "learner": dataclasses.asdict(config)})
    try:
      for result in solver.run():
        directory.append_metrics(metrics_row(result))
        progress.show(result)
        stopped_by = stop_reason(result)
        if stopped_by:
          break
    except KeyboardInterrupt:
      stopped_by = "interrupt"
  progress.close()
  directory.write_policy(str(tree.game),
                         [infostates.names for infostates in tree.infostates],
                         solver.final_tables())
  if result is not None:
    ppsro.plot_run(directory.path)
  found = solver.exploitability()
  summary = {
      "game": _GAME_NAME.value,
      "scheme": _SCHEME.value,
      "oracle": _ORACLE.value,
      "nash_conv": f"{found.nash_conv:.6g}",
      "exploitability": f"{found.exploitability:.6g}",
      "iterations": solver.iterations,
      "policies": sum(map(len, solver.get_policies())),
      "rounds": result.round if result else 0,
      "episodes": (result.training_episodes + result.evaluation_episodes
                   if result else 0),
      "wall_seconds": f"{time.perf_counter() - _START:.2f}",
      "seed": _SEED.value,
      "stopped_by": stopped_by,
      "output_dir": output_dir,
  }
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))
  return 130 if stopped_by == "interrupt" else 0


def main(argv):
  try:
    if len(argv) > 1:
      raise ValueError(f"unexpected argument {argv[1]!r}; every setting is a "
                       "flag, see --help")
    return solve()
  except ValueError as error:
    print(f"error: {error}", file=sys.stderr)
    return 2


def parse_flags(argv):
  """As absl does, but a mistake is told in one line."""
  try:
    return flags.FLAGS(argv)
  except flags.Error as error:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
  app.run(main, flags_parser=parse_flags)

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

"""How far the pipeline scales, on paper: predicted for 1 to 10,000 workers.

    python examples/scaling_model_example.py --game_name=leduc_poker

Real rounds on this machine measure what the parts of a round cost; a
discrete-event model, whose assumptions `scaling_model.py` states, plays rounds
on more workers than there are, and says how long an iteration takes (one more
frozen policy for every player) and what binds. Then the model is held against
real runs with 1, 2 and 4 worker processes here. scaling.png has the picture.
"""

import dataclasses
import os
import statistics
import sys

from absl import flags

import entry_point
import open_spiel_ppsro as ppsro
from open_spiel_ppsro import report
import scaling_calibration
import scaling_model

_GAME_NAME = flags.DEFINE_string(
    "game_name", "leduc_poker",
    "A two-player zero-sum OpenSpiel game, enumerated or sampled.")
_ORACLE = flags.DEFINE_enum(
    "oracle", "ppo", ("ppo", "dqn"), "What trains a best response.")
_EPISODES_PER_BATCH = flags.DEFINE_integer(
    "episodes_per_batch", None,
    "Episodes that a learner plays between two updates; the learner's default "
    "if not given.", lower_bound=1)
_NUM_LEVELS = flags.DEFINE_integer(
    "num_levels", None,
    "Policies of each player that train at once; if not given, for each number "
    "of workers what is fastest.", lower_bound=1)
_WORKERS_PER_LEVEL = flags.DEFINE_integer(
    "workers_per_level", None,
    "Workers that share the episodes of each policy; if not given, for each "
    "number of workers what is fastest, up to 16, and 1 on enumerated games.",
    lower_bound=1)
_MAX_WORKERS = flags.DEFINE_integer(
    "max_workers", 10_000, "The most workers to predict.", lower_bound=1)
_CORES = flags.DEFINE_integer(
    "cores", None,
    "Cores of the machine or cluster that is predicted; one per worker if not "
    "given.", lower_bound=1)
_BANDWIDTH = flags.DEFINE_float(
    "bandwidth_mbytes_per_second", 1250,
    "Of the main process's link to the workers, each way, in 10**6 bytes per "
    "second; 1250 is 10 gigabit Ethernet.")
_LATENCY = flags.DEFINE_float(
    "latency_seconds", 1e-4, "Of a message between two machines.",
    lower_bound=0)
_ITERATIONS = flags.DEFINE_integer(
    "iterations", 256,
    "The length of the run that is predicted: policies of each player frozen "
    "at its end.", lower_bound=1)
_HARDER = flags.DEFINE_float(
    "harder", 100,
    "A second prediction is for a game whose policies need so many times the "
    "rounds to freeze, and so deeper pipelines; 1 for none.", lower_bound=1)
_CALIBRATION_ROUNDS = flags.DEFINE_integer(
    "calibration_rounds", 40,
    "Rounds of each calibrating run, at least, and of each run to check.",
    lower_bound=5)
_CHECK = flags.DEFINE_bool(
    "check", True, "Whether to hold the model against real runs.")
_CHECK_WORKERS = flags.DEFINE_list(
    "check_workers", "1,2,4", "Worker processes of these runs.")
_REPEATS = flags.DEFINE_integer(
    "repeats", 5, "How often each of them runs; the median counts.",
    lower_bound=1)
_SEED = flags.DEFINE_integer(
    "seed", 1, "Of the runs that calibrate and check.", lower_bound=0)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", os.path.join("runs", "scaling-model"),
    "For scaling.txt and scaling.png.")

# At so many points of a run an iteration is played.
_POPULATIONS = 12
_MOST_PER_LEVEL = 16
_MOST_PER_WORKER = 8
_CHECK_LEVELS = scaling_calibration.DEFAULT_LEVELS


def progress(text):
  """Says what is done."""
  print(text, file=sys.stderr, flush=True)


def check_workers():
  """Returns the numbers of workers of the runs to check."""
  try:
    numbers = [int(text) for text in _CHECK_WORKERS.value]
    if numbers and min(numbers) > 0:
      return numbers
  except ValueError:
    pass
  raise ValueError(f"--check_workers is {','.join(_CHECK_WORKERS.value)!r}; "
                   "it takes whole numbers above 0, separated by commas")


def open_game():
  """Returns the game of the flags; ValueError if it has no meta-Nash."""
  game = ppsro.open_game(_GAME_NAME.value)
  if game.num_players != 2 or not game.is_zero_sum:
    raise ValueError(f"{_GAME_NAME.value} is not a two-player zero-sum game; "
                     "the model is of pipelines with the meta-Nash, which "
                     "only such games have")
  return game


def seconds(value):
  """Returns a duration as text."""
  return (f"{value:.3g} s" if value >= 1 else
          f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us")


def costs_table(costs, per_freeze, here):
  """Returns what was measured as text.

  Args:
    costs: `scaling_model.Costs`.
    per_freeze: `{levels: rounds}`, measured.
    here: this machine, a `scaling_model.Machine`.
  """
  size = lambda value: f"{value / 1e3:,.1f} kB"
  rows = [("train a policy, a round", seconds(
      statistics.mean(costs.train_seconds)
      + costs.opponent_seconds * costs.opponents(10))),
          ("the same, its first round", seconds(
              statistics.mean(costs.first_train_seconds)
              + costs.opponent_seconds * costs.opponents(10))),
          ("open a policy", seconds(costs.open_seconds)),
          ("main process, a round", seconds(costs.round_seconds)),
          ("snapshot", size(costs.report_bytes))]
  for policies in (10, 100, 1000):
    at = f", at {policies:,} policies"
    rows += [
        (f"meta-Nash{at}", seconds(costs.solve_seconds(policies))),
        (f"payoffs of a policy, main process{at}",
         seconds(costs.payoff_seconds(policies))),
        (f"other, per policy, main process{at}",
         seconds(costs.other_seconds(policies))),
        (f"opponents sent to a policy{at}", size(
            costs.task_bytes
            + costs.opponent_bytes * costs.opponents(policies)))]
    if costs.match_seconds(policies):
      rows += [
          (f"matches of a policy, workers{at}",
           seconds(costs.match_seconds(policies))),
          (f"matches of a new policy, workers{at}",
           seconds(costs.open_match_seconds(policies))),
          (f"snapshots for matches, per policy{at}",
           size(costs.match_bytes(policies)))]
  rows += [
      ("all cores busy, a task takes", f"{here.busy_slowdown:.3f} times"),
      ("two processes a core, further", f"{here.shared_slowdown:.3f} times"),
      ("pipe", f"{here.bytes_per_second / 1e6:,.0f} MB/s"),
      ("message in the pipe", seconds(here.message_seconds)),
      ("training that workers of a level do not split",
       f"{100 * costs.fixed_share:.0f} %")]
  rows += [(f"rounds to a freeze, {levels} level(s)",
            f"{rounds:.2f}, model {costs.rounds_per_iteration(levels):.2f}")
           for levels, rounds in per_freeze.items()]
  rows.append(("depth: levels that help", f"{costs.depth}"))
  return report.aligned([("cost", "measured here"), *rows])


def predictions(costs, here):
  """Returns a `scaling_model.Prediction` for each number of workers.

  Args:
    costs: `scaling_model.Costs`.
    here: this machine, a `scaling_model.Machine`.
  """
  populations = sorted({
      1 + round((_ITERATIONS.value - 1) * k / (_POPULATIONS - 1))
      for k in range(_POPULATIONS)})
  levels = ([_NUM_LEVELS.value] if _NUM_LEVELS.value
            else scaling_model.powers_of_two(costs.depth))
  teams = ([_WORKERS_PER_LEVEL.value] if _WORKERS_PER_LEVEL.value
           else [1] if costs.fixed_share == 1
           else scaling_model.powers_of_two(_MOST_PER_LEVEL))
  # What a message costs the processes, and what it costs the wire.
  rate = 1 / (1 / here.bytes_per_second + 1e-6 / _BANDWIDTH.value)
  found = []
  for workers in scaling_model.powers_of_two(_MAX_WORKERS.value):
    if _WORKERS_PER_LEVEL.value and workers < _WORKERS_PER_LEVEL.value:
      continue
    machine = scaling_model.Machine(
        workers, _CORES.value or workers, here.busy_slowdown, here.busy_cores,
        here.shared_slowdown, rate, _LATENCY.value + here.latency_seconds,
        here.message_seconds)
    # More policies to a worker than these only share out the main process.
    few = [count for count in levels
           if count * costs.populations <= _MOST_PER_WORKER * workers]
    found.append(scaling_model.best(costs, machine, few or levels[:1], teams,
                                    populations))
  return found


def speedups(found):
  """Returns how much faster than the first each prediction is."""
  return [found[0].seconds_per_iteration / p.seconds_per_iteration
          for p in found]


def predictions_table(found):
  """Returns predictions as text."""
  rows = [["workers", "levels", "per level", "rounds/s", "s/iteration",
           "speedup", "efficiency", "utilisation", "binds", "which takes"]]
  for p, speedup in zip(found, speedups(found)):
    rows.append([
        f"{p.workers:,}", f"{p.levels}", f"{p.workers_per_level}",
        f"{1 / p.seconds_per_round:.3g}", f"{p.seconds_per_iteration:.4g}",
        f"{speedup:.2f}", f"{speedup * found[0].workers / p.workers:.3g}",
        f"{p.utilisation:.3g}", p.binds, f"{100 * p.shares[p.binds]:.0f} %"])
  return report.aligned(rows)


def median_and_range(values):
  """Returns `median (lowest - highest)` as text."""
  return (f"{statistics.median(values):.3g} "
          f"({min(values):.3g} - {max(values):.3g})")


def held_against_runs(game, config, costs, here):
  """Plays real rounds in processes; returns a table and the ratios.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    costs: `scaling_model.Costs`.
    here: this machine, a `scaling_model.Machine`.

  Returns:
    Text, and `{workers: predicted / measured}`, medians over repeats.
  """
  measured = {workers: [] for workers in check_workers()}
  predicted = {workers: [] for workers in measured}
  num_rounds = _CALIBRATION_ROUNDS.value
  populations = range(1, 1 + max(1, round(
      num_rounds / costs.rounds_per_iteration(_CHECK_LEVELS))))
  for repeat in range(_REPEATS.value):
    # Others may use the machine, too, and not always as much: what processes
    # cost each other is measured anew, just before the runs.
    progress(f"repeat {repeat + 1}: processes that share this machine")
    busy, shared = scaling_calibration.slowdowns(
        game, config, here.cores, _SEED.value)
    for workers in measured:
      progress(f"repeat {repeat + 1}: {num_rounds} rounds, {workers} worker(s)")
      measured[workers].append(scaling_calibration.measured_rounds(
          game, config, workers, _CHECK_LEVELS, num_rounds, _SEED.value))
      predicted[workers].append(scaling_model.predict(
          costs, dataclasses.replace(
              here, workers=workers, busy_slowdown=busy,
              shared_slowdown=shared),
          _CHECK_LEVELS, 1, populations).seconds_per_round)
  rows = [["workers", "measured s/round", "predicted s/round",
           "predicted / measured"]]
  ratios = {workers: [p / m for p, m in zip(predicted[workers], found)]
            for workers, found in measured.items()}
  for workers, found in measured.items():
    rows.append([f"{workers}", *map(
        median_and_range, (found, predicted[workers], ratios[workers]))])
  return report.aligned(rows), {
      workers: statistics.median(some) for workers, some in ratios.items()}


def main():
  check_workers()
  for flag in (_BANDWIDTH,):
    if not flag.value > 0:
      raise ValueError(
          f"--{flag.name} is {flag.value}; it takes a value above 0")
  if (_WORKERS_PER_LEVEL.value or 1) > _MAX_WORKERS.value:
    raise ValueError(
        f"--workers_per_level is {_WORKERS_PER_LEVEL.value}; it takes at most "
        f"--max_workers, {_MAX_WORKERS.value}")
  game = open_game()
  given = ({} if _EPISODES_PER_BATCH.value is None else
           {"episodes_per_batch": _EPISODES_PER_BATCH.value})
  config = {"ppo": ppsro.PPOConfig, "dqn": ppsro.DQNConfig}[_ORACLE.value](
      **given)
  path = ppsro.RunDirectory(_OUTPUT_DIR.value).path
  cores = len(os.sched_getaffinity(0)) if hasattr(
      os, "sched_getaffinity") else os.cpu_count()
  progress("calibrating: processes that share this machine")
  latency_seconds, message_seconds, bytes_per_second = (
      scaling_calibration.pipe())
  busy, shared = scaling_calibration.slowdowns(
      game, config, cores, _SEED.value)
  here = scaling_model.Machine(
      cores, cores, busy, cores, shared, bytes_per_second, latency_seconds,
      message_seconds)
  costs, per_freeze = scaling_calibration.calibrate(
      game, config, _CALIBRATION_ROUNDS.value, _SEED.value, progress)
  texts = [f"{_GAME_NAME.value}, {_ORACLE.value}, {cores} cores\n\n"
           + costs_table(costs, per_freeze, here)]
  print(texts[-1], flush=True)
  progress("predicting")
  cases = {"as measured": costs}
  if _HARDER.value > 1:
    cases[f"{_HARDER.value:g} times the rounds"] = dataclasses.replace(
        costs, rounds_alone=costs.rounds_alone * _HARDER.value)
  found = {label: predictions(case, here) for label, case in cases.items()}
  for label, case in found.items():
    texts.append(f"{label}\n" + predictions_table(case))
    print("\n" + texts[-1], flush=True)
  measured = found["as measured"]
  summary = {
      "game": _GAME_NAME.value, "oracle": _ORACLE.value,
      "depth": costs.depth,
      "workers": measured[-1].workers,
      **{f"{name}{suffix}": value
         for suffix, case in zip(("", "_harder"), found.values())
         for name, value in (
             ("speedup", f"{speedups(case)[-1]:.2f}"),
             ("binds", case[-1].binds))}}
  if _CHECK.value:
    text, ratios = held_against_runs(game, config, costs, here)
    texts.append(text)
    print("\n" + text)
    summary["ratios"] = ",".join(f"{workers}:{ratio:.3f}"
                                 for workers, ratio in ratios.items())
  (path / "scaling.txt").write_text("\n\n".join(texts) + "\n",
                                    encoding="utf-8")
  summary["plot"] = ppsro.plot_scaling(
      path / "scaling.png",
      f"{_GAME_NAME.value}, {_ORACLE.value}: predicted, at the best number of "
      "levels", [p.workers for p in measured],
      {label: speedups(case) for label, case in found.items()},
      {label: {cause: [p.shares[cause] for p in case]
               for cause in scaling_model.CAUSES}
       for label, case in found.items()})
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))
  return 0


if __name__ == "__main__":
  entry_point.run(main)

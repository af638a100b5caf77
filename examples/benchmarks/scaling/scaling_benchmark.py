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

    python examples/benchmarks/scaling/scaling_benchmark.py \
        --game_name=leduc_poker

Real rounds on this machine measure what the parts of a round cost; a
discrete-event model, whose assumptions `scaling_model.py` states, plays rounds
on more workers than there are, a free core for each, 10 gigabit Ethernet, and
says how long an iteration takes (one more frozen policy for every player) and
what binds. Then the model is held against real runs with 1, 2 and 4 worker
processes here. scaling.txt has the tables, scaling.png the picture.
"""

import dataclasses
import statistics
import sys

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.runs import plots
from open_spiel_ppsro.runs import provenance
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
_MAX_WORKERS = flags.DEFINE_integer(
    "max_workers", 10_000, "The most workers to predict.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 40, "Rounds of each calibrating run, and of each run to check.",
    lower_bound=5)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each run to check is done; the median counts. 0 "
    "for no check.", lower_bound=0)
_SEED = flags.DEFINE_integer(
    "seed", 1, "Of the runs that calibrate and check.", lower_bound=0)
common_flags.define_directory(
    "For scaling.txt and scaling.png; runs/scaling by default, with a number "
    "where that is taken.")
flags.adopt_module_key_flags(common_flags)

_CHECK_WORKERS = (1, 2, 4)
# The predicted run freezes 256 policies of each player; an iteration is played
# at so many of them.
_POPULATIONS = (1, 32, 64, 96, 128, 160, 192, 224, 256)
# A second prediction is for a game whose levels train so many times as long
# before all below them have frozen, so that deeper pipelines help.
_HARDER = 100
_LEVELS = tuple(2 ** k for k in range(11))
# Of 10 gigabit Ethernet.
_NETWORK = {"bytes_per_second": 1.25e9, "latency_seconds": 1e-4}


def progress(text):
  """Says what is done."""
  print(text, file=sys.stderr, flush=True)


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
  rows = [("cost", "at 10 policies", "at 256")]
  for label, curve in (
      ("train a policy for a round", lambda size: (
          statistics.mean(costs.train_seconds)
          + costs.opponent_seconds * costs.opponents(size))),
      ("meta-Nash", costs.solve_seconds),
      ("payoffs of a policy, main process", costs.payoff_seconds),
      ("payoffs of a policy, workers", lambda size: costs.match_seconds),
      ("other, of a policy, main process", costs.other_seconds)):
    rows.append((label, seconds(curve(10)), seconds(curve(256))))
  rows.append(("opponents sent to a policy", *(
      f"{costs.opponent_bytes * costs.opponents(size) / 1e3:,.0f} kB"
      for size in (10, 256))))
  rows += [
      ("snapshot", f"{costs.snapshot_bytes / 1e3:,.0f} kB", ""),
      ("all cores busy, a task takes", f"{here.busy_slowdown:.2f} times", "")]
  rows += [(f"rounds to a freeze, {levels} level(s)", f"{rounds:.2f}",
            f"model {costs.rounds_per_iteration(levels):.2f}")
           for levels, rounds in per_freeze.items()]
  return plots.aligned(rows)


def predictions(costs):
  """Returns the best `scaling_model.Prediction` for each number of workers."""
  numbers = {factor * 10 ** k for k in range(9) for factor in (1, 2, 4)}
  return [scaling_model.best(
      costs, scaling_model.Machine(workers, workers, **_NETWORK), _LEVELS,
      _POPULATIONS)
          for workers in sorted({n for n in numbers if n < _MAX_WORKERS.value}
                                | {_MAX_WORKERS.value})]


def speedups(found):
  """Returns how much faster than the first each prediction is."""
  return [found[0].seconds_per_iteration / p.seconds_per_iteration
          for p in found]


def predictions_table(found):
  """Returns predictions as text."""
  rows = [("workers", "levels", "s/round", "s/iteration",
           "speedup", "efficiency", "binds", "which takes")]
  for p, speedup in zip(found, speedups(found)):
    rows.append((
        f"{p.workers:,}", f"{p.levels}",
        f"{p.seconds_per_round:.4g}", f"{p.seconds_per_iteration:.4g}",
        f"{speedup:.2f}", f"{speedup / p.workers:.3g}", p.binds,
        f"{100 * p.shares[p.binds]:.0f} %"))
  return plots.aligned(rows)


def held_against_runs(game, config, costs, here):
  """Plays real rounds in processes.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    costs: `scaling_model.Costs`.
    here: this machine, a `scaling_model.Machine`.

  Returns:
    A table, and `{workers: predicted / measured}`, medians over repeats.
  """
  levels = scaling_calibration.DEFAULT_LEVELS
  measured = {workers: [] for workers in _CHECK_WORKERS}
  predicted = {workers: [] for workers in _CHECK_WORKERS}
  populations = range(1, 2 + round(
      _ROUNDS.value / costs.rounds_per_iteration(levels)))
  for repeat in range(_REPEATS.value):
    # Others may use the machine, too, and not always as much: what processes
    # cost each other is measured anew, just before the runs.
    progress(f"check {repeat + 1} of {_REPEATS.value}")
    busy_slowdown = scaling_calibration.slowdown(
        game, config, here.cores, _SEED.value)
    for workers in _CHECK_WORKERS:
      with ppsro.PipelinedOracle(
          game, config, ppsro.ProcessExecutor(workers), _SEED.value) as oracle:
        solver = ppsro.PipelinePSROSolver(game.game, oracle,
                                          ppsro.Pipeline(levels))
        found = [solver.round().round_seconds for _ in range(_ROUNDS.value)]
      measured[workers].append(statistics.mean(
          found[scaling_calibration.WARM_UP_ROUNDS:]))
      predicted[workers].append(scaling_model.predict(
          costs, dataclasses.replace(
              here, workers=workers, busy_slowdown=busy_slowdown),
          levels, populations).seconds_per_round)
  rows = [("workers", "measured s/round", "predicted s/round",
           "predicted / measured")]
  medians = {}
  for workers in _CHECK_WORKERS:
    ratios = [p / m for p, m in zip(predicted[workers], measured[workers])]
    medians[workers] = statistics.median(ratios)
    rows.append((f"{workers}", *(
        f"{statistics.median(values):.3g} "
        f"({min(values):.3g} - {max(values):.3g})"
        for values in (measured[workers], predicted[workers], ratios))))
  return plots.aligned(rows), medians


def plot_scaling(path, title, workers, speedups, shares):
  """Draws speedup, and where the time goes, by workers; returns the path.

  Args:
    path: where the picture goes.
    title: its title.
    workers: numbers of workers, ascending.
    speedups: `{label: speedups}`, one for each number of workers.
    shares: `{label: {cause: shares of the time}}`, likewise; a stack of them
      for each label.
  """
  figure = plots.new_figure(5 * (1 + len(shares)), 4.5)
  left, *others = figure.subplots(1, 1 + len(shares))
  left.plot(workers, workers, "--", color="0.7", linewidth=1, label="ideal")
  for label, values in speedups.items():
    left.plot(workers, values, "o-", markersize=3, linewidth=1.3, label=label)
  left.set_yscale("log")
  left.yaxis.set_major_formatter("{x:g}")
  left.set_ylim(0.8, 4 * max(max(values) for values in speedups.values()))
  left.set_ylabel("speedup")
  left.legend(frameon=False, fontsize=8)
  for axis, (label, parts) in zip(others, shares.items()):
    axis.stackplot(workers, list(parts.values()), labels=list(parts),
                   alpha=0.8)
    axis.set_title(label, fontsize=10)
    axis.set_ylabel("share of the time of a round")
    axis.set_ylim(0, 1)
  for axis in (left, *others):
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlim(workers[0], max(workers[-1], workers[0] + 1))
    axis.set_xlabel("workers")
    axis.grid(True, which="major", alpha=0.25)
  axis.legend(frameon=False, fontsize=8, loc="center left",
              bbox_to_anchor=(1, 0.5), reverse=True)
  figure.suptitle(title)
  return plots.save_figure(figure, path)


def main():
  game = open_game()
  given = ({} if _EPISODES_PER_BATCH.value is None else
           {"episodes_per_batch": _EPISODES_PER_BATCH.value})
  config = {"ppo": ppsro.PPOConfig, "dqn": ppsro.DQNConfig}[_ORACLE.value](
      **given)
  path = common_flags.make_output_dir("scaling")
  cores = provenance.num_cores()
  progress("calibrating: processes that share this machine")
  here = scaling_model.Machine(cores, cores, scaling_calibration.slowdown(
      game, config, cores, _SEED.value))
  costs, per_freeze = scaling_calibration.calibrate(
      game, config, _ROUNDS.value, _SEED.value, progress)
  texts = [f"{_GAME_NAME.value}, {_ORACLE.value}, {cores} cores\n"
           + costs_table(costs, per_freeze, here)]
  print(texts[-1], flush=True)
  found = {}
  for label, factor in (("as measured", 1),
                        (f"{_HARDER} times the training", _HARDER)):
    progress(f"predicting: {label}")
    found[label] = predictions(dataclasses.replace(
        costs, rounds_shared=factor * costs.rounds_shared))
    texts.append(f"{label}\n" + predictions_table(found[label]))
    print("\n" + texts[-1], flush=True)
  summary = {"game": _GAME_NAME.value, "oracle": _ORACLE.value}
  for suffix, case in zip(("", "_harder"), found.values()):
    summary["workers"] = case[-1].workers
    summary[f"speedup{suffix}"] = f"{speedups(case)[-1]:.2f}"
    summary[f"binds{suffix}"] = case[-1].binds
  if _REPEATS.value:
    text, ratios = held_against_runs(game, config, costs, here)
    texts.append(text)
    print("\n" + text)
    summary["ratios"] = ",".join(f"{workers}:{ratio:.3f}"
                                 for workers, ratio in ratios.items())
  (path / "scaling.txt").write_text("\n\n".join(texts) + "\n",
                                    encoding="utf-8")
  summary["plot"] = plot_scaling(
      path / "scaling.png",
      f"{_GAME_NAME.value}, {_ORACLE.value}: predicted, at the best number of "
      "levels", [p.workers for p in case],
      {label: speedups(case) for label, case in found.items()},
      {label: {cause: [p.shares[cause] for p in case]
               for cause in scaling_model.CAUSES}
       for label, case in found.items()})
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))
  return 0


if __name__ == "__main__":
  launch.start(main)

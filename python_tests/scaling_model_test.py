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

"""Tests of the scaling model: schedules by hand, invariants, one run."""

import dataclasses
import math
import pathlib
import random
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import open_spiel_ppsro as ppsro
import testing

scaling_calibration = testing.import_example("scaling_calibration")
scaling_model = testing.import_example("scaling_model")

# Two settled rounds to a freeze, and six that the levels share.
FREE = scaling_model.Costs(2, (1.0,), 2, 6)
TIMES = (1.0, 2.0, 3.0, 4.0)


def machine(workers, cores=None, **changes):
  return scaling_model.Machine(workers, cores or workers, **changes)


def tasks(times, **sizes):
  return [scaling_model.Task(seconds, **sizes) for seconds in times]


def costs(**changes):
  return dataclasses.replace(FREE, **changes)


def constant(cost):
  return lambda size: cost


class CurveTest(parameterized.TestCase):

  @parameterized.parameters(
      # Before the first point, at points, between, and after the last.
      ({4: 8.0}, 1, 8), ({4: 8.0}, 400, 8),
      ({10: 1.0, 1000: 100.0}, 10, 1), ({10: 1.0, 1000: 100.0}, 100, 10),
      ({10: 1.0, 20: 4.0}, 40, 4))
  def test_at(self, points, size, cost):
    self.assertAlmostEqual(scaling_model.curve(points)(size), cost)


class ScheduleTest(parameterized.TestCase):

  @parameterized.parameters(
      # One worker: the sum. As many as tasks: the longest. Fewer: by shares.
      (1, {}, 10), (4, {}, 4), (2, {}, 6), (100, {}, 4),
      # Four workers on two cores: four at half speed until 2, three at 2/3
      # until 3.5, two until 4.5, one.
      (4, {"cores": 2}, 5.5), (4, {"cores": 1}, 10),
      # Cores that cost each other a quarter, while both are busy.
      (2, {"busy_slowdown": 1.25}, 1.25 * 4 + 2),
      (1, {"busy_slowdown": 2}, 10))
  def test_by_hand(self, workers, changes, seconds):
    found, traffic = scaling_model.schedule(
        machine(workers, **changes), tasks(TIMES))
    self.assertAlmostEqual(found, seconds)
    self.assertEqual(traffic, 0)

  @parameterized.parameters(
      # The link sends to one after another: the last one waits for four.
      ({"bytes_sent": 10}, {}, 4 + 1, 4),
      # Answers queue: of equal tasks the last comes after four of them.
      ({"bytes_answered": 10}, {}, 1 + 4, 4),
      ({"bytes_sent": 10, "bytes_answered": 10}, {}, 4 + 1 + 1, 5),
      # Latency is there and back, and at once for all.
      ({}, {"latency_seconds": 1}, 1 + 1 + 1, 2))
  def test_link(self, sizes, changes, seconds, traffic):
    found = scaling_model.schedule(
        machine(4, bytes_per_second=10, **changes), tasks([1.0] * 4, **sizes))
    self.assertSequenceAlmostEqual(found, (seconds, traffic))

  def test_nothing_to_do(self):
    self.assertEqual(scaling_model.schedule(machine(3), []), (0, 0))

  def test_no_shorter_than_work_and_longest_share(self):
    draw = random.Random(1)
    for _ in range(50):
      workers, cores = draw.randint(1, 9), draw.randint(1, 9)
      times = [draw.random() for _ in range(draw.randint(1, 30))]
      found, _ = scaling_model.schedule(machine(workers, cores), tasks(times))
      longest = max(sum(times[worker::workers]) for worker in range(workers))
      self.assertGreaterEqual(found + 1e-9, max(
          longest, sum(times) / min(workers, cores)))
      self.assertLessEqual(found, sum(times) + 1e-9)


class PredictTest(parameterized.TestCase):

  @parameterized.parameters(
      # levels, workers, seconds of a round of 1-second policies of 2 players.
      (4, 1, 8), (4, 2, 4), (4, 8, 1), (4, 100, 1), (1, 1, 2), (1, 2, 1))
  def test_training_by_hand(self, levels, workers, seconds):
    found = scaling_model.predict(FREE, machine(workers), levels, (1,))
    self.assertAlmostEqual(found.seconds_per_round, seconds)
    self.assertAlmostEqual(found.seconds_per_iteration,
                           {1: 8, 4: 3.5}[levels] * seconds)
    self.assertEqual(found.binds,
                     "depth" if workers > 2 * levels else "training")

  @parameterized.parameters(
      ("meta-Nash", {"solve_seconds": constant(1e3)}),
      ("payoffs", {"payoff_seconds": constant(1e3)}),
      ("payoffs", {"match_seconds": 1e3}),
      ("traffic", {"match_seconds": 1e-3, "match_bytes": 1e9}),
      ("traffic", {"snapshot_bytes": 1e9}),
      ("traffic", {"opponents": constant(7), "opponent_bytes": 1e9}),
      ("other", {"round_seconds": 1e3}),
      ("other", {"other_seconds": constant(1e3)}),
      ("training", {"opponents": constant(7), "opponent_seconds": 1}))
  def test_binds(self, cause, changes):
    found = scaling_model.predict(
        costs(**changes), machine(8, bytes_per_second=1e6), 4, (1,))
    self.assertEqual(found.binds, cause)
    self.assertAlmostEqual(sum(found.shares.values()), 1)

  def test_round_by_hand(self):
    found = scaling_model.predict(
        costs(solve_seconds=constant(.1), payoff_seconds=constant(.01),
              other_seconds=constant(.001), round_seconds=.5, open_seconds=2),
        machine(8), 4, (1,))
    # 4 + 1 solutions, 8 policies; in one of 3.5 rounds two policies open.
    self.assertAlmostEqual(found.seconds_per_round,
                           1 + .5 + .08 + .008 + .5 + 2 / 3.5)

  def test_costs_grow_with_the_population(self):
    found = [scaling_model.predict(
        costs(solve_seconds=scaling_model.curve({1: 1.0, 1000: 1000.0})),
        machine(8), 4, (frozen,)).seconds_per_round for frozen in (6, 96)]
    self.assertAlmostEqual(found[0], 1 + 5 * 10)
    self.assertAlmostEqual(found[1], 1 + 5 * 100)

  def test_more_workers_are_never_slower_where_messages_are_free(self):
    varied = costs(train_seconds=TIMES, solve_seconds=constant(0.1),
                   match_seconds=0.2)
    found = [scaling_model.best(varied, machine(workers), (1, 2, 4, 8),
                                range(1, 40))
             for workers in (1, 2, 4, 8, 16, 1000)]
    for fewer, more in zip(found, found[1:]):
      self.assertLessEqual(more.seconds_per_iteration,
                           fewer.seconds_per_iteration * 1.001)
    for prediction in found:
      self.assertGreaterEqual(  # Efficiency.
          1.001, found[0].seconds_per_iteration
          / prediction.seconds_per_iteration / prediction.workers)
    self.assertEqual(found[-1], scaling_model.best(
        varied, machine(1000), (1, 2, 4, 8), range(1, 40)))


class CalibrationTest(parameterized.TestCase):

  @parameterized.parameters(
      ([0, 1, 2], [5, 7, 9], 5, 2), ([3, 3, 3], [6, 6, 6], 6, 0),
      ([0, 1, 2], [4, 2, 0], 2, 0),
      ([1, 2, 3], [0, 2, 4], 0, 16 / 14))  # Through the origin.
  def test_line(self, x, y, start, slope):
    self.assertSequenceAlmostEqual(scaling_calibration.line(x, y),
                                   (start, slope))

  @parameterized.parameters(
      # Two policies a level; from the first round in which one froze.
      ([0, 0, 2, 2, 2], 1), ([0, 2, 0, 2, 0, 2, 0], 2),
      ([0, 1, 1, 0, 1, 1], 2 * 4 / 3))
  def test_rounds_per_freeze(self, frozen, rounds):
    self.assertAlmostEqual(
        scaling_calibration.rounds_per_freeze(frozen, 2), rounds)

  def test_too_few_freezes(self):
    with self.assertRaisesRegex(ValueError, "--rounds"):
      scaling_calibration.rounds_per_freeze([0, 2, 0], 2)


  @pytest.mark.thorough
  def test_costs_of_a_sampled_game(self):
    with mock.patch.multiple(scaling_calibration, _LEVELS=(1, 4),
                             _GROWN=(17, 20), _GROWN_ROUNDS=2):
      costs, per_freeze = scaling_calibration.calibrate(
          ppsro.open_game("kuhn_poker", evaluation="sampled"),
          ppsro.PPOConfig(episodes_per_batch=64, hidden_sizes=(8,)), 24, 1,
          lambda text: None)
    self.assertEqual(set(per_freeze), {1, 4})
    self.assertEqual(costs.populations, 2)
    for name in ("rounds_settled", "open_seconds", "snapshot_bytes",
                 "opponent_bytes", "match_seconds", "match_bytes",
                 "match_tasks"):
      self.assertGreater(getattr(costs, name), 0, name)
    for name in ("solve_seconds", "payoff_seconds", "other_seconds"):
      for size in (1, 18, 1000):
        self.assertGreater(getattr(costs, name)(size), 0, name)
    self.assertGreater(sum(costs.train_seconds), 0)


class BenchmarkTest(absltest.TestCase):

  @pytest.mark.thorough
  def test_kuhn_poker_from_end_to_end(self):
    path = testing.make_directory(self) / "run"
    with mock.patch.multiple(scaling_calibration, _SLOWDOWN_SECONDS=0.1,
                             _GROWN=(17, 20), _GROWN_ROUNDS=2):
      code, lines, errors = testing.call_example(
          "scaling_benchmark", "--game_name=kuhn_poker",
          "--episodes_per_batch=64", "--rounds=24", "--repeats=1",
          "--max_workers=8", f"--output_dir={path}")
    self.assertEqual(code, 0, errors)
    found = testing.result_of(lines)
    self.assertEqual((found["game"], found["workers"]), ("kuhn_poker", "8"))
    self.assertTrue(math.isfinite(float(found["speedup"])))
    self.assertRegex(found["ratios"], r"^1:[0-9.]+,2:[0-9.]+,4:[0-9.]+$")
    self.assertEqual(pathlib.Path(found["plot"]).read_bytes()[:4], b"\x89PNG")
    self.assertIn((path / "scaling.txt").read_text().strip(),
                  "\n".join(lines))


if __name__ == "__main__":
  absltest.main()

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
import subprocess
import sys
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from open_spiel_ppsro import executors

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))
# pylint: disable=wrong-import-position
import scaling_calibration
import scaling_model

Task = scaling_model.Task
FREE = scaling_model.Costs(2, (1.0,), (1.0,), 8, 2)
TIMES = (1.0, 2.0, 3.0, 4.0)


def machine(workers, **changes):
  return scaling_model.Machine(workers, changes.pop("cores", workers),
                               **changes)


def spread(times, workers, **sizes):
  """Returns shares: tasks dealt to workers in turn."""
  shares = {}
  for number, seconds in enumerate(times):
    shares.setdefault(number % workers, []).append(Task(seconds, **sizes))
  return shares


def costs(**changes):
  return dataclasses.replace(FREE, **changes)


class CurveTest(parameterized.TestCase):

  @parameterized.parameters(
      # Before the first point, at points, between, and a power law beyond.
      ({4: 8.0}, 1, 8), ({4: 8.0}, 400, 8),
      ({10: 1.0, 1000: 100.0}, 10, 1), ({10: 1.0, 1000: 100.0}, 100, 10),
      ({10: 1.0, 20: 4.0}, 40, 16), ({10: 4.0, 20: 1.0}, 40, 1),
      ({1: 0}, 50, 0))
  def test_at(self, points, size, cost):
    self.assertAlmostEqual(scaling_model.Curve(points)(size), cost)

  @parameterized.parameters(({},), ({1: -1.0},), ({1: 0.0, 2: 1.0},))
  def test_points_out_of_range(self, points):
    with self.assertRaisesRegex(ValueError, "takes costs above 0"):
      scaling_model.Curve(points)


class ScheduleTest(parameterized.TestCase):

  @parameterized.parameters(
      # One worker: the sum. As many as tasks: the longest. Fewer: by shares.
      (1, {}, 10), (4, {}, 4), (2, {}, 6),
      # Four workers on two cores: 1 and 2 of equal speed, then one by one:
      # at half speed until 2, three at 2/3 until 3.5, two until 4.5, one.
      (4, {"cores": 2}, 5.5), (4, {"cores": 1}, 10),
      # Cores that cost each other a quarter, while more than one is busy.
      (4, {"busy_slowdown": 1.25}, 1.25 * 3 + 1), (1, {"busy_slowdown": 2}, 10),
      # More processes than cores, as above, half as fast while four are.
      (2, {"cores": 1, "shared_slowdown": 2}, 2 * 8 + 2))
  def test_by_hand(self, workers, changes, seconds):
    found = scaling_model.schedule(
        machine(workers, **changes), spread(TIMES, workers))
    self.assertAlmostEqual(found.seconds, seconds)
    self.assertEqual(found.traffic_seconds, 0)
    self.assertLessEqual(found.busy_seconds, seconds * workers + 1e-9)

  @parameterized.parameters(
      # The link sends to one after another: the last one waits for four.
      ({"bytes_sent": 10}, {}, 4 + 1, 4),
      # Answers queue: of equal tasks the last comes after four of them.
      ({"bytes_answered": 10}, {}, 1 + 4, 4),
      ({"bytes_sent": 10, "bytes_answered": 10}, {}, 4 + 1 + 1, 5),
      # Latency is there and back, and at once for all.
      ({}, {"latency_seconds": 1}, 1 + 1 + 1, 2),
      # Messages take the link one after another.
      ({}, {"message_seconds": 1}, 4 + 1 + 1, 5))
  def test_link(self, sizes, changes, seconds, traffic):
    found = scaling_model.schedule(
        machine(4, bytes_per_second=10, **changes),
        spread([1.0] * 4, 4, **sizes))
    self.assertAlmostEqual(found.seconds, seconds)
    self.assertAlmostEqual(found.traffic_seconds, traffic)
    self.assertAlmostEqual(found.busy_seconds, 4)

  def test_nothing_to_do(self):
    found = scaling_model.schedule(machine(3), {})
    self.assertEqual((found.seconds, found.busy_seconds), (0, 0))

  def test_no_shorter_than_work_and_longest_share(self):
    draw = random.Random(1)
    for _ in range(50):
      workers, cores = draw.randint(1, 9), draw.randint(1, 9)
      times = [draw.random() for _ in range(draw.randint(1, 30))]
      shares = spread(times, workers)
      found = scaling_model.schedule(machine(workers, cores=cores), shares)
      longest = max(sum(task.seconds for task in share)
                    for share in shares.values())
      work = sum(times)
      self.assertGreaterEqual(found.seconds + 1e-9, max(
          longest, work / min(workers, cores)))
      self.assertLessEqual(found.seconds, work + 1e-9)
      self.assertGreaterEqual(found.busy_seconds + 1e-9, work)


class HomesTest(absltest.TestCase):

  def test_as_the_executors_place(self):
    draw = random.Random(2)
    for workers in (2, 3, 7):
      ours, theirs = scaling_model.Homes(workers), executors.Placement(workers)
      names = []
      for step in range(200):
        if names and draw.random() < 0.4:
          name = names.pop(draw.randrange(len(names)))
          ours.remove(name)
          theirs.remove(name)
        elif draw.random() < 0.1:
          self.assertEqual(
              ours.shares({name: name for name in names}),
              {worker: [name for _, name, _, _ in share]
               for worker, share in theirs.shares(
                   [(name, None, None) for name in names]).items()})
        else:
          apart_from = names[-1:] if draw.random() < 0.3 else []
          names.append(step)
          self.assertEqual(ours.place(step, apart_from),
                           theirs.place(step, apart_from))


class PredictTest(parameterized.TestCase):

  @parameterized.parameters(
      # levels, workers, seconds of a round of 1-second policies of 2 players.
      (4, 1, 8), (4, 2, 4), (4, 8, 1), (4, 100, 1), (1, 1, 2), (1, 2, 1))
  def test_training_by_hand(self, levels, workers, seconds):
    found = scaling_model.predict(FREE, machine(workers), levels)
    rounds = {1: 8, 4: 2}[levels]
    self.assertAlmostEqual(found.seconds_per_round, seconds)
    self.assertAlmostEqual(found.seconds_per_iteration, rounds * seconds)
    self.assertEqual(found.binds,
                     "depth" if workers > 2 * levels else "training")
    self.assertAlmostEqual(found.utilisation,
                           2 * levels / seconds / workers)

  @parameterized.parameters(
      ("meta-Nash", {"solve_seconds": scaling_model.Curve({1: 1e3})}),
      ("payoffs", {"payoff_seconds": scaling_model.Curve({1: 1e3})}),
      ("payoffs", {"match_seconds": scaling_model.Curve({1: 1e3})}),
      ("traffic", {"task_bytes": 1e9}), ("traffic", {"report_bytes": 1e9}),
      ("traffic", {"opponents": scaling_model.constant(7),
                   "opponent_bytes": 1e9}),
      ("other", {"round_seconds": 1e3}), ("training", {}))
  def test_binds(self, cause, changes):
    found = scaling_model.predict(
        costs(**changes), machine(8, bytes_per_second=1e6), 4)
    self.assertEqual(found.binds, cause)
    self.assertAlmostEqual(sum(found.shares.values()), 1)

  def test_one_solution_per_level_and_one_for_who_froze(self):
    seconds = scaling_model.predict(
        costs(solve_seconds=scaling_model.constant(1), train_seconds=(0.0,),
              first_train_seconds=(0.0,)), machine(8), 4).seconds_per_iteration
    self.assertAlmostEqual(seconds, 2 * 4 + 1)

  def test_a_new_policy_takes_longer_in_its_first_round(self):
    found = scaling_model.predict(
        costs(first_train_seconds=(3.0,), open_seconds=0.5), machine(8), 4)
    self.assertAlmostEqual(found.seconds_per_iteration, (0.5 + 3) + 1)

  def test_free_costs_take_no_time(self):
    found = scaling_model.predict(
        costs(train_seconds=(0.0,), first_train_seconds=(0.0,)), machine(2), 4)
    self.assertEqual(
        (found.seconds_per_iteration, found.utilisation), (0, 0))

  @parameterized.parameters((1, 8), (2, 4), (4, 2), (8, 2), (50, 2))
  def test_one_freeze_per_round_at_most(self, levels, rounds):
    self.assertEqual(FREE.rounds_per_iteration(levels), rounds)
    self.assertEqual(costs(rounds_settled=1).rounds_per_iteration(100), 1)
    self.assertEqual(FREE.depth, 4)

  @parameterized.parameters((1, 1), (2, .625), (4, .4375))
  def test_workers_of_a_level_share_all_but_a_part(self, team, seconds):
    found = scaling_model.predict(
        costs(fixed_share=0.25), machine(8 * team), 4, team)
    self.assertAlmostEqual(found.seconds_per_round, seconds)
    # There and back around the ring, each gradient step.
    slower = scaling_model.predict(
        costs(fixed_share=0.25, gradient_steps=3, gradient_bytes=8),
        machine(8 * team, bytes_per_second=8), 4, team)
    self.assertAlmostEqual(slower.seconds_per_round,
                           seconds + 3 * 2 * (team - 1) / team)

  def test_more_workers_are_never_slower_where_messages_are_free(self):
    varied = costs(train_seconds=TIMES, first_train_seconds=(5.0,),
                   solve_seconds=scaling_model.constant(0.1),
                   match_seconds=scaling_model.constant(0.2),
                   fixed_share=0.5)
    found = [scaling_model.best(varied, machine(workers), (1, 2, 4),
                                (1, 2, 4), range(1, 9))
             for workers in (1, 2, 4, 8, 16, 32, 64, 1000)]
    for fewer, more in zip(found, found[1:]):
      self.assertLessEqual(more.seconds_per_iteration,
                           fewer.seconds_per_iteration + 1e-9)
    for prediction in found:
      self.assertBetween(prediction.utilisation, 0, 1 + 1e-9)
      self.assertGreaterEqual(  # Efficiency.
          1 + 1e-9, found[0].seconds_per_iteration
          / prediction.seconds_per_iteration / prediction.workers)

  def test_the_same_again(self):
    varied = costs(train_seconds=TIMES)
    self.assertEqual(
        *(scaling_model.predict(varied, machine(3), 4, 1, (1, 5, 9))
          for _ in range(2)))

  @parameterized.parameters(
      (lambda: machine(0), "workers is 0"),
      (lambda: scaling_model.Machine(1, 0), "cores is 0"),
      (lambda: costs(train_seconds=()), "no sample"),
      (lambda: costs(rounds_settled=0.5), "takes 1 or more"),
      (lambda: costs(rounds_alone=1), "at least the second"),
      (lambda: scaling_model.predict(FREE, machine(2), 0), "levels is 0"),
      (lambda: scaling_model.predict(FREE, machine(2), 1, 3),
       "3 workers per level need as many"))
  def test_out_of_range(self, make, message):
    with self.assertRaisesRegex(ValueError, message):
      make()

  @parameterized.parameters((1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]),
                            (8, [1, 2, 4, 8]))
  def test_powers_of_two(self, most, powers):
    self.assertEqual(scaling_model.powers_of_two(most), powers)


class CalibrationTest(parameterized.TestCase):

  @parameterized.parameters(
      ([0, 1, 2], [5, 7, 9], 5, 2), ([3, 3, 3], [6, 6, 6], 6, 0),
      ([0, 1, 2], [4, 2, 0], 2, 0), ([1, 2, 3], [0, 2, 4], 0, 11 / 7 * 6 / 6))
  def test_line(self, x, y, start, slope):
    found = scaling_calibration.line(x, y)
    self.assertAlmostEqual(found[0], start)
    if start:
      self.assertAlmostEqual(found[1], slope)
    else:  # Through the origin.
      self.assertAlmostEqual(found[1], sum(
          a * b for a, b in zip(x, y)) / sum(a * a for a in x))

  @parameterized.parameters(
      ([(4, 2), (16, 4), (100, 10)], 0.5), ([(5, 1), (9, 1)], 0),
      ([(1, 1)], 0), ([], 0), ([(7, 7)], 1))
  def test_growth(self, pairs, exponent):
    self.assertAlmostEqual(scaling_calibration.growth(pairs), exponent)

  @parameterized.parameters(
      # Two policies a level; from the first round in which one froze.
      ([0, 0, 2, 2, 2], 1), ([0, 2, 0, 2, 0, 2, 0], 2),
      ([0, 1, 1, 0, 1, 1], 2 * 4 / 3))
  def test_rounds_per_freeze(self, frozen, rounds):
    self.assertAlmostEqual(
        scaling_calibration.rounds_per_freeze(frozen, 2), rounds)

  def test_too_few_freezes(self):
    with self.assertRaisesRegex(ValueError, "--calibration_rounds"):
      scaling_calibration.rounds_per_freeze([0, 2, 0], 2)


class ExampleTest(parameterized.TestCase):

  def run_example(self, *arguments):
    process = subprocess.run(
        [sys.executable, str(EXAMPLES / "scaling_model_example.py"),
         *arguments], capture_output=True, text=True, timeout=240)
    return process.returncode, process.stdout, process.stderr

  def test_kuhn_poker_from_end_to_end(self):
    with tempfile.TemporaryDirectory() as path:
      code, output, errors = self.run_example(
          "--game_name=kuhn_poker", "--episodes_per_batch=256",
          "--calibration_rounds=12", "--repeats=1", "--check_workers=1,2",
          "--max_workers=16", "--iterations=20", f"--output_dir={path}")
      self.assertEqual(code, 0, errors)
      *_, last = output.splitlines()
      found = dict(pair.split("=", 1) for pair in last.split()[1:])
      self.assertTrue(last.startswith("result: game=kuhn_poker "), last)
      self.assertEqual(found["workers"], "16")
      self.assertRegex(found["ratios"], r"^1:[0-9.]+,2:[0-9.]+$")
      self.assertEqual(pathlib.Path(found["plot"]).read_bytes()[:4],
                       b"\x89PNG")
      self.assertIn((pathlib.Path(path) / "scaling.txt").read_text().strip(),
                    output)

  @parameterized.parameters(
      ("--game_name=chess_but_not", "chess_but_not"),
      ("--game_name=kuhn_poker(players=3)", "two-player zero-sum"),
      ("--check_workers=1,many", "whole numbers above 0"),
      ("--check_workers=0", "whole numbers above 0"),
      ("--bandwidth_mbytes_per_second=0", "value above 0"),
      ("--latency_seconds=-1", "latency_seconds"),
      ("--num_levels=0", "num_levels"),
      ("--workers_per_level=20000", "at most --max_workers"))
  def test_bad_input_is_told_in_one_line(self, flag, message):
    with tempfile.TemporaryDirectory() as path:
      code, output, errors = self.run_example(flag, f"--output_dir={path}")
    self.assertIn(code, (1, 2))
    self.assertIn(message, errors)
    self.assertLen(errors.strip().splitlines(), 1)
    self.assertEqual(output, "")


if __name__ == "__main__":
  absltest.main()

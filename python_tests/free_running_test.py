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

"""Tests of free-running rounds: nobody waits, and nothing gets too stale.

Where the order of answers matters, an executor decides it, and no clock.
"""

import multiprocessing
import os
import signal
import threading

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import ppo
import testing

PPO = ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(16,))


class LatestFirst(executor_lib.SerialExecutor):
  """The fewest answers that will do, the last call's first."""

  def collect(self, tickets, at_least=None):
    at_least = len(tickets) if at_least is None else at_least
    chosen = sorted(tickets)[len(tickets) - at_least:]
    return super().collect(chosen)


def make_solver(executor, max_staleness, scheme=None, **options):
  """Returns a solver of Kuhn poker whose oracle need not be closed."""
  return testing.make_solver(
      "kuhn_poker", PPO, scheme or schemes.Pipeline(3), executor, seed=3,
      max_staleness=max_staleness, **options)[1]


class FreeRunningTest(parameterized.TestCase):

  def assert_nothing_is_lost(self, solver):
    """Checks that what was trained is counted, and nobody is left training."""
    self.assertEqual(
        solver.training_episodes,
        sum(member.episodes for member in solver.population.members()))
    solver.catch_up()
    self.assertEqual(solver.in_training, 0)
    for member in solver.population.active():
      self.assertGreater(member.steps, 0)

  @pytest.mark.slow
  def test_in_lockstep_it_does_not_matter_who_is_first(self):
    found = []
    for executor in (LatestFirst(), executor_lib.SerialExecutor()):
      solver = make_solver(executor, 0)
      found.append((testing.without_clocks(solver.round() for _ in range(12)),
                    solver.state()))
    self.assertEqual(found[0][0], found[1][0])
    self.assertEmpty(testing.differences(found[0][1], found[1][1]))

  def test_matches_are_not_waited_for_and_not_lost(self):
    asked = []

    class Recorded(LatestFirst):
      """Notes how many episodes the matches are asked to play."""

      def submit(self, tasks):
        asked.extend(sum(args[1]) for _, method, args in tasks
                     if method.startswith("play"))
        return super().submit(tasks)

    solver = make_solver(Recorded(), 4, evaluation="sampled")
    self.assertNotEmpty(asked)  # The first matches have begun,
    for _ in range(12):
      # and LatestFirst has none ready before it is made to wait for all.
      self.assertEqual(solver.round().evaluation_episodes, 0)
    while solver.in_training:
      solver.catch_up()
    weight = np.sum(solver.state()["evaluator"]["weight"])  # Waits for all.
    played = solver.episodes - solver.training_episodes
    self.assertEqual(played, sum(asked))
    self.assertGreater(weight, 0)

  @parameterized.parameters(
      lambda: schemes.Pipeline(3), lambda: schemes.NaiveParallel(2),
      schemes.Sequential, lambda: schemes.DCH(2))
  @pytest.mark.slow
  def test_a_round_that_begins_early_is_the_same(self, scheme):
    with (process_executor.ProcessExecutor(2) as executor,
          process_executor.ProcessExecutor(2) as another):
      solver, patient = (make_solver(one, 0, scheme())
                         for one in (executor, another))
      early = [solver.round(lambda: True) for _ in range(7)]
      self.assertGreater(solver.in_training, 0)
      with self.assertRaisesRegex(ValueError, r"in training; catch_up\(\)"):
        solver.state()
      early += [solver.catch_up(), solver.round(), solver.round(lambda: True),
                solver.round()]
      self.assertEqual(solver.in_training, 0)
      self.assertEqual(
          testing.without_clocks(early),
          testing.without_clocks(patient.round() for _ in early))
      self.assertEqual(str(solver.state()), str(patient.state()))

  def test_a_round_begins_early_only_where_it_can(self):
    for executor, staleness in ((executor_lib.SerialExecutor(), 0),
                                (LatestFirst(), 4)):
      solver = make_solver(executor, staleness)
      solver.round(lambda: self.fail("it is not asked"))

  @parameterized.product(
      max_staleness=(1, 2, 4, 7),
      scheme=(lambda: schemes.Pipeline(3), lambda: schemes.NaiveParallel(3),
              lambda: schemes.DCH(3), schemes.Sequential))
  @pytest.mark.sweep(4)
  def test_staleness_is_bounded_and_nobody_is_left_behind(
      self, max_staleness, scheme):
    solver = make_solver(LatestFirst(), max_staleness, scheme())
    results = [solver.round() for _ in range(4 * max_staleness + 4)]
    seen = [level.staleness for result in results for level in result.levels]
    self.assertEqual(max(seen), max_staleness)
    self.assertEqual(solver.staleness, max_staleness)
    reported = {}  # When each policy did, in rounds.
    for result in results:
      self.assertNotEmpty(result.levels)
      for level in result.levels:
        before = reported.setdefault(level.policy_id, result.round - 1)
        self.assertLessEqual(result.round - before, max_staleness + 1)
        reported[level.policy_id] = result.round
    self.assert_nothing_is_lost(solver)

  @pytest.mark.slow
  def test_a_level_freezes_only_after_all_below_it(self):
    solver = make_solver(LatestFirst(), 4, min_steps=1000)
    results = [solver.round() for _ in range(80)]
    frozen = [policy_id for result in results for policy_id in result.frozen]
    self.assertGreater(len(frozen), 8)
    for player in range(2):
      indices = [p.index for p in frozen if p.player == player]
      self.assertEqual(indices, list(range(1, len(indices) + 1)))
    for result in results:
      stationary = {level.policy_id for level in result.levels
                    if level.stationary}
      self.assertContainsSubset(result.frozen, stationary)
    self.assert_nothing_is_lost(solver)

  def test_it_can_be_saved_after_it_has_caught_up(self):
    solver = make_solver(LatestFirst(), 4)
    for _ in range(9):
      solver.round()
    with self.assertRaisesRegex(ValueError, r"in training; catch_up\(\)"):
      solver.state()
    solver.catch_up()
    state = solver.state()
    other = make_solver(LatestFirst(), 4)
    other.restore(state)
    self.assertEqual(
        testing.without_clocks(other.round() for _ in range(9)),
        testing.without_clocks(solver.round() for _ in range(9)))

  def test_rounds_go_on_while_a_worker_sleeps(self):
    max_staleness = 6
    with process_executor.ProcessExecutor(2) as executor:
      # Four policies, two on each worker, and none freezes.
      solver = make_solver(executor, max_staleness, schemes.Pipeline(2),
                           min_steps=10 ** 9)
      solver.round()
      solver.catch_up()
      everybody = {m.policy_id for m in solver.population.active()}
      self.assertLen(everybody, 4)
      before = solver.staleness
      sleeper = multiprocessing.active_children()[0]
      os.kill(sleeper.pid, signal.SIGSTOP)
      # If a round waited for the sleeper it would not end; then it wakes, and
      # what is checked below fails.
      alarm = threading.Timer(testing.PATIENCE_SECONDS, os.kill,
                              (sleeper.pid, signal.SIGCONT))
      alarm.start()
      try:  # All begin in the first of these rounds.
        awake = [{level.policy_id for level in solver.round().levels}
                 for _ in range(max_staleness)]
      finally:
        alarm.cancel()
        os.kill(sleeper.pid, signal.SIGCONT)
      asleep = everybody - set.union(*awake)
      self.assertTrue(all(awake))
      self.assertLen(asleep, 2)
      # The next round has to wait for the opponents drawn so long ago.
      result = solver.round()
      self.assertContainsSubset(asleep, {
          level.policy_id for level in result.levels
          if level.staleness == max_staleness})
      self.assertEqual(solver.staleness, max(before, max_staleness))
      reported = [solver.round().levels for _ in range(max_staleness + 1)]
      self.assertEqual({level.policy_id for levels in reported
                        for level in levels}, everybody)
      self.assertEqual(solver.staleness, max_staleness)
      self.assert_nothing_is_lost(solver)

  @parameterized.parameters(
      (-1, {}, "takes 0 or more"), (2, {"sweep": True}, "use 0"))
  def test_out_of_range(self, max_staleness, options, message):
    with self.assertRaisesRegex(ValueError, message):
      make_solver(executor_lib.SerialExecutor(), max_staleness, **options)

  def test_rows_of_one_network_wait_for_each_other(self):
    oracle = neupl.NeuPLOracle("kuhn_poker")
    with self.assertRaisesRegex(ValueError, "share a network"):
      solver_lib.PipelinePSROSolver("kuhn_poker", oracle, schemes.NeuPL(3),
                                    max_staleness=1)


if __name__ == "__main__":
  absltest.main()

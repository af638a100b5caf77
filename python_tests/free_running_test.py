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

"""Tests of free-running rounds: nobody waits, and nothing gets too stale."""

import multiprocessing
import os
import signal
import time

from absl.testing import absltest
from absl.testing import parameterized

from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo

PPO = ppo.PPOConfig(episodes_per_batch=256)


class LatestFirst(executor_lib.SerialExecutor):
  """The fewest answers that will do, the last call's first."""

  def collect(self, tickets, at_least=None):
    at_least = len(tickets) if at_least is None else at_least
    chosen = sorted(tickets)[len(tickets) - at_least:]
    return super().collect(chosen)


def rounds(number, executor, max_staleness, scheme=None, evaluation="exact",
           **kwargs):
  """Returns a solver and its results after some rounds on Kuhn poker."""
  oracle = pipelined.PipelinedOracle("kuhn_poker", PPO, executor, seed=3,
                                     evaluation=evaluation)
  solver = solver_lib.PipelinePSROSolver(
      "kuhn_poker", oracle, scheme or schemes.Pipeline(3),
      max_staleness=max_staleness, **kwargs)
  return solver, [solver.round() for _ in range(number)]


def played(results):
  """Returns what two runs have in common if they are the same."""
  return [(r.of_all.nash_conv, r.of_frozen.nash_conv, r.training_episodes,
           r.frozen, r.levels) for r in results]


class FreeRunningTest(parameterized.TestCase):

  def test_in_lockstep_it_does_not_matter_who_is_first(self):
    _, ours = rounds(12, LatestFirst(), 0)
    _, theirs = rounds(12, executor_lib.SerialExecutor(), 0)
    self.assertEqual(played(ours), played(theirs))

  def test_matches_are_not_waited_for_and_not_lost(self):
    solver, results = rounds(40, LatestFirst(), 4, evaluation="sampled")
    played_late = [result.evaluation_episodes for result in results]
    self.assertEqual(played_late, sorted(played_late))
    # LatestFirst has none ready before it is made to wait for all.
    self.assertEqual(played_late[-1], 0)
    solver.catch_up()
    self.assertGreater(len(solver.state()["evaluator"]["weight"]), 2)
    self.assertGreater(solver.episodes, solver.training_episodes)

  @parameterized.product(
      max_staleness=(1, 2, 4, 7),
      scheme=(lambda: schemes.Pipeline(3), lambda: schemes.NaiveParallel(3),
              lambda: schemes.DCH(3), schemes.Sequential))
  def test_staleness_is_bounded_and_nobody_is_left_behind(
      self, max_staleness, scheme):
    solver, results = rounds(60, LatestFirst(), max_staleness, scheme())
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
    self.assertEqual(
        solver.training_episodes,
        sum(m.episodes for m in solver.population.members()))
    caught_up = solver.catch_up()
    self.assertEqual(solver.in_training, 0)
    self.assertNotEmpty(caught_up.levels)

  def test_a_level_freezes_only_after_all_below_it(self):
    solver, results = rounds(150, LatestFirst(), 4)
    frozen = [policy_id for result in results for policy_id in result.frozen]
    self.assertGreater(len(frozen), 8)
    for player in range(2):
      indices = [p.index for p in frozen if p.player == player]
      self.assertEqual(indices, list(range(1, len(indices) + 1)))
    for result in results:
      settled = {level.policy_id: level.settled for level in result.levels}
      for policy_id in result.frozen:
        self.assertTrue(settled[policy_id])
    self.assertLess(results[-1].of_frozen.nash_conv, 0.1)

  def test_it_can_be_saved_after_it_has_caught_up(self):
    solver, _ = rounds(9, LatestFirst(), 4)
    with self.assertRaisesRegex(ValueError, r"in training; catch_up\(\)"):
      solver.state()
    solver.catch_up()
    state = solver.state()
    other, _ = rounds(0, LatestFirst(), 4)
    other.restore(state)
    self.assertEqual(played([other.round() for _ in range(9)]),
                     played([solver.round() for _ in range(9)]))

  def test_rounds_go_on_while_a_worker_sleeps(self):
    with process_executor.ProcessExecutor(2) as executor:
      solver, results = rounds(4, executor, 6, schemes.Pipeline(2))
      sleeper = multiprocessing.active_children()[0]
      os.kill(sleeper.pid, signal.SIGSTOP)
      try:
        start = time.monotonic()
        # In every one of them somebody reports, and only the last may wait.
        results += [solver.round() for _ in range(4)]
        self.assertLess(time.monotonic() - start, 60)
      finally:
        os.kill(sleeper.pid, signal.SIGCONT)
      results += [solver.round() for _ in range(60)]
      self.assertLessEqual(solver.staleness, 6)
      self.assertGreater(solver.staleness, 2)
      self.assertLess(results[-1].of_frozen.nash_conv, 0.5)

  @parameterized.parameters(
      (-1, {}, "takes 0 or more"), (2, {"sweep": True}, "use 0"))
  def test_out_of_range(self, max_staleness, options, message):
    with self.assertRaisesRegex(ValueError, message):
      rounds(0, executor_lib.SerialExecutor(), max_staleness, **options)

  def test_rows_of_one_network_wait_for_each_other(self):
    oracle = neupl.NeuPLOracle("kuhn_poker")
    with self.assertRaisesRegex(ValueError, "share a network"):
      solver_lib.PipelinePSROSolver("kuhn_poker", oracle, schemes.NeuPL(3),
                                    max_staleness=1)


if __name__ == "__main__":
  absltest.main()

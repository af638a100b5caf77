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

"""Tests of rounds: when they end, what is saved on the way, by made-up clocks.
"""

import math
import types

from absl.testing import absltest
from absl.testing import parameterized

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.runs import progress
from open_spiel_ppsro.runs import rounds
from open_spiel_ppsro.runs import signals


class Solver:
  """A solver whose rounds take two seconds each, of no clock.

  The first one may say that it took longer.
  """

  def __init__(self, in_training=0, interrupted_in=None, first_seconds=2.0):
    self.rounds = 0
    self.iterations = 0
    self.episodes = self.training_episodes = 0
    self.in_training = in_training
    self.calls = []
    self.certain = []
    self._interrupted_in = interrupted_in
    self._first_seconds = first_seconds

  def round(self, goes_on):
    if self.rounds + 1 == self._interrupted_in:
      raise signals.Interrupted
    result = self._play("round")
    self.certain.append(goes_on())
    return result

  def catch_up(self):
    return self._play("catch up")

  def _play(self, call):
    self.calls.append(call)
    self.rounds += 1
    return types.SimpleNamespace(
        round=self.rounds, training_episodes=0,
        round_seconds=2.0 if self.rounds > 1 else self._first_seconds,
        num_policies=(1, 1), levels=(), least_exploitable=None,
        of_frozen=types.SimpleNamespace(nash_conv=math.nan, cce_gap=None))


class Recorder:
  """Records what is recorded, and when it is saved."""

  is_save_due = False

  def __init__(self, solver):
    self._solver = solver
    self.saved_after = []

  @property
  def seconds(self):
    return 2.0 * self._solver.rounds

  best = None
  interval = None

  def record(self, result):
    del result
    return self.seconds

  def save(self):
    self.saved_after.append(self._solver.rounds)


class RoundsTest(parameterized.TestCase):

  def play(self, solver, limits, **kwargs):
    recorder = Recorder(solver)
    with signals.Signals() as received, progress.Progress() as shown:
      stopped_by = rounds.play(solver, recorder, limits, received, shown,
                               **kwargs)
    return stopped_by, recorder.saved_after

  @parameterized.parameters(
      # A round of two seconds and the wrap-up have to fit. Before the last one
      # that may not end in time everything is saved.
      (10, 0, 4, [0, 3, 4]), (12, 0, 5, [0, 4, 5]),
      # Time that is kept for something else.
      (20, 10, 4, [0, 3, 4]),
      # One round is tried, whatever is kept; none if there is no time at all.
      (3, 3, 1, [0, 1]), (1, 0, 0, [0, 0]))
  def test_time(self, time_limit_seconds, reserved, num_rounds, saved_after):
    solver = Solver()
    self.assertEqual(
        self.play(solver, ppsro.Limits(time_limit_seconds),
                  reserve=lambda: reserved),
        ("time_limit_seconds", saved_after))
    self.assertEqual(solver.rounds, num_rounds)

  def test_a_slow_start_does_not_end_a_run(self):
    solver = Solver(first_seconds=7.0)
    self.assertEqual(self.play(solver, ppsro.Limits(10)),
                     ("time_limit_seconds", [0, 1, 3, 4]))

  def test_a_round_that_is_broken_off_is_all_that_is_lost(self):
    solver = Solver(interrupted_in=4)
    self.assertEqual(self.play(solver, ppsro.Limits(10)),
                     ("time_limit_seconds", [0, 3]))
    self.assertEqual(solver.rounds, 3)

  def test_other_limits_and_callbacks(self):
    solver, seen = Solver(), []
    stopped_by, saved_after = self.play(
        solver, ppsro.Limits(math.inf, max_rounds=3),
        callbacks=[lambda *args: seen.append(args)])
    self.assertEqual((stopped_by, saved_after), ("max_rounds", [0, 3]))
    self.assertEqual([(who, result.round) for who, result in seen],
                     [(solver, 1), (solver, 2), (solver, 3)])

  @parameterized.parameters(
      # Exact best responses that gain nothing end a run; learned ones, and
      # gains that can be seen, do not.
      (True, 1e-13, 1), (True, -1e-17, 1), (False, 0.0, 3), (True, 1e-11, 3))
  def test_an_equilibrium_ends_a_run(self, is_exact, nash_conv, num_rounds):
    solver = Solver()
    solver.original_game = ppsro.open_game("kuhn_poker")
    play_round = solver.round

    def exact_round(goes_on):
      result = play_round(goes_on)
      result.levels = (types.SimpleNamespace(is_exact=True),
                       types.SimpleNamespace(is_exact=is_exact))
      result.of_frozen.nash_conv = nash_conv
      return result

    solver.round = exact_round
    stopped_by, _ = self.play(solver, ppsro.Limits(math.inf, max_rounds=3))
    self.assertEqual(
        (stopped_by, solver.rounds),
        ("equilibrium" if num_rounds == 1 else "max_rounds", num_rounds))

  @parameterized.parameters(
      # Of the first round it is not known how long others will take.
      ({"max_rounds": 4}, [False, True, True, False]),
      # Three rounds of two seconds and the wrap-up fit.
      ({"time_limit_seconds": 14}, [False, True, True, False, False, False]),
      # What ends the run is known once the round has been measured.
      ({"target_exploitability": 0.1, "max_rounds": 3}, [False] * 3))
  def test_when_the_next_round_is_certain(self, limits, expected):
    solver = Solver()
    solver.exploitability = lambda: types.SimpleNamespace(exploitability=1.0)
    self.play(solver, ppsro.Limits(**{"time_limit_seconds": math.inf,
                                      **limits}))
    self.assertEqual(solver.certain, expected)

  def test_who_is_in_training_is_waited_for(self):
    solver = Solver(in_training=1)
    self.play(solver, ppsro.Limits(math.inf, max_rounds=3))
    # A checkpoint knows nobody who is in the middle of training.
    self.assertEqual(solver.calls, ["catch up", "round", "round", "catch up"])


if __name__ == "__main__":
  absltest.main()

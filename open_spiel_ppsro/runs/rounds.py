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

"""Rounds: plays them until a limit is reached, each recorded as it ends."""

import time
from typing import Callable

from open_spiel_ppsro.runs import limits as limits_lib
from open_spiel_ppsro.runs import progress as progress_lib
from open_spiel_ppsro.runs import recorder as recorder_lib
from open_spiel_ppsro.runs import signals as signals_lib

# A round that is under way when the time is over may be late by so much. Most
# are not broken off then, and the limit is kept all the same. The first round
# has nothing to lose, and is broken off in time.
_LATE_SECONDS = 5.0
_LATE_SHARE = 0.1
# With time for so many more like the last one, the next round is certain.
_CERTAIN_ROUNDS = 3
# A NashConv of at most this share of the spread of utilities is rounding.
_ROUNDING = 1e-12


def play(solver, recorder: recorder_lib.Recorder, limits: limits_lib.Limits,
         signals: signals_lib.Signals, progress: progress_lib.Progress,
         callbacks=(),
         reserve: Callable[[], float] = lambda: 0.0) -> str:
  """Plays rounds until a limit is reached or a signal comes.

  A round that is under way some seconds after the time is over, or after a
  signal, is broken off: what the round before had found stays.

  Args:
    solver: a `PipelinePSROSolver`.
    recorder: takes every round.
    limits: of the run.
    signals: of the run, entered.
    progress: shows every round.
    callbacks: functions of `(solver, result)`, called after every round.
    reserve: tells how many seconds are kept for what comes after the last
      round.

  Returns:
    What ended the run: a limit's name, a key of `signals.EXIT_CODES`, or
    `equilibrium` where exact best responses have nothing left to gain.
  """
  episodes_before = solver.training_episodes
  rounds_start = time.perf_counter()
  first_round = solver.rounds + 1
  last_seconds = 0.0  # Of the last round, once there is one.

  def one(play_round):
    """Plays a round; returns its result, and how long the run has taken."""
    until = (time.perf_counter()
             + limits.time_limit_seconds - recorder.seconds)
    if solver.rounds:
      until += min(_LATE_SECONDS, _LATE_SHARE * limits.time_limit_seconds)
    with progress.phase(f"round {solver.rounds + 1}"), (
        signals.breakable(until)):
      result = play_round()
    seconds = recorder.record(result)
    progress.show_round(
        result, (result.training_episodes - episodes_before)
        / (time.perf_counter() - rounds_start),
        seconds, limits.time_limit_seconds - seconds, recorder.best,
        recorder.interval, solver)
    for callback in callbacks:
      callback(solver, result)
    return result, seconds

  def goes_on():
    """Returns whether the next round is certain, so that it may begin now."""
    return not (
        signals.received or recorder.is_save_due or not last_seconds
        or limits.target_exploitability is not None
        or limits.reached(solver, recorder.seconds + reserve(),
                          _CERTAIN_ROUNDS * last_seconds))

  def save():
    if solver.in_training:
      one(solver.catch_up)
    recorder.save()

  stopped_by = limits.reached(solver, recorder.seconds)
  try:
    if not solver.rounds:
      save()
    while not stopped_by and not signals.received:
      result, seconds = one(lambda: solver.round(goes_on))
      last_seconds = result.round_seconds
      spent = seconds + reserve()
      # In the first round workers still start, so it says little of the next.
      stopped_by = (
          limits.reached(solver, spent, 0.0 if solver.rounds == first_round
                         else result.round_seconds)
          or ("equilibrium" if _is_equilibrium(solver, result) else None))
      # Nothing but the last round is to be lost, should it be broken off.
      may_be_last = limits.seconds_left(spent) <= 2 * result.round_seconds
      if not stopped_by and not signals.received and (
          recorder.is_save_due or may_be_last):
        save()
    save()
  except signals_lib.Interrupted:  # In the middle of a round.
    recorder.has_whole_rounds = False
  return signals.received or stopped_by or "time_limit_seconds"


def _is_equilibrium(solver, result):
  """Returns whether exact best responses gain no more than rounding errors."""
  if not result.levels or not all(level.is_exact for level in result.levels):
    return False
  game = solver.original_game.game
  return result.of_frozen.nash_conv <= _ROUNDING * (
      game.max_utility() - game.min_utility())

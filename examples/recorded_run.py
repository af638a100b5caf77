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

"""One run: rounds until a limit is reached, each recorded as it ends.

Everything a run leaves is in its run directory; how it goes is shown on
standard error.
"""

import contextlib
import dataclasses
import math
import os
import signal
import sys
import threading
import time

import open_spiel_ppsro as ppsro

# Of the time limit, kept for writing the policy and drawing the plot.
_WRAP_UP_SECONDS = 1.5
_PLAIN_PROGRESS_SECONDS = 5.0
# For how long the round under way may go on after a signal. Who presses Ctrl-C
# waits for it; who takes machines away gives half a minute.
_PATIENCE_SECONDS = {signal.SIGINT: 1.0, signal.SIGTERM: 10.0}
_STOPPED_BY = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate"}
EXIT_CODES = {"interrupt": 130, "terminate": 143}


@dataclasses.dataclass(frozen=True)
class Limits:
  """When a run ends; None is no limit. The names are those of the flags.

  Attributes:
    time_limit_seconds: from the start of the run.
    max_iterations: policies frozen for every player.
    max_rounds: however many policies have frozen by then.
    max_episodes: of training and evaluation.
    target_exploitability: of the meta-strategy over frozen policies.
  """
  time_limit_seconds: float
  max_iterations: int | None = None
  max_rounds: int | None = None
  max_episodes: int | None = None
  target_exploitability: float | None = None

  def reached(self, solver, seconds, round_seconds=0.0):
    """Returns the limit that a run has reached, or None.

    Args:
      solver: its solver.
      seconds: since the start of the run.
      round_seconds: how long its last round took; another has to fit.
    """
    if self.target_exploitability is not None and (
        solver.exploitability().exploitability <= self.target_exploitability):
      return "target_exploitability"
    if (self.max_iterations is not None
        and solver.iterations >= self.max_iterations):
      return "max_iterations"
    if self.max_rounds is not None and solver.rounds >= self.max_rounds:
      return "max_rounds"
    if self.max_episodes is not None and solver.episodes >= self.max_episodes:
      return "max_episodes"
    if seconds + round_seconds + _WRAP_UP_SECONDS >= self.time_limit_seconds:
      return "time_limit_seconds"
    return None


class Progress:
  """One live line on a terminal, a plain line now and then elsewhere."""

  def __init__(self, time_limit_seconds, label, solver):
    self._episodes_before = solver.training_episodes
    self._time_limit_seconds = time_limit_seconds
    self._label = label
    self._live = sys.stderr.isatty()
    self._last = -_PLAIN_PROGRESS_SECONDS
    self._training_start = time.perf_counter()

  def show(self, result, seconds):
    """Shows a `RoundResult`, so many seconds after the start of the run."""
    now = time.perf_counter()
    if not self._live and now - self._last < _PLAIN_PROGRESS_SECONDS:
      return
    self._last = now
    rate = ((result.training_episodes - self._episodes_before)
            / (now - self._training_start))
    left = max(0.0, self._time_limit_seconds - seconds)
    left = "" if left == math.inf else f"  {left:.0f} s left"
    line = (f"{self._label}round {result.round}  "
            f"frozen {'/'.join(map(str, result.num_policies))}  "
            f"{self._nash_conv(result)}"
            f"{rate:,.0f} episodes/s{left}")
    if self._live:
      sys.stderr.write(f"\r\x1b[K{line}")
      sys.stderr.flush()
    else:
      print(line, file=sys.stderr, flush=True)

  def _nash_conv(self, result):
    if math.isnan(result.of_frozen.nash_conv):  # Of a sampled game.
      return ""
    gap = result.of_frozen.cce_gap
    return (f"NashConv {result.of_frozen.nash_conv:.4g}  "
            + ("" if gap is None else f"CCE gap {gap:.4g}  "))

  def close(self):
    """Ends the live line."""
    if self._live:
      sys.stderr.write("\n")


class Signals:
  """What Ctrl-C and SIGTERM do to a run, as a context manager.

  The round that is under way may end if it does so soon; else it is broken off
  by `Interrupted`. A second signal ends the process at once.
  """

  def __init__(self):
    self.received = None
    self._breakable = False
    self._before = {}

  def __enter__(self):
    if threading.current_thread() is threading.main_thread():
      for number, handler in ((signal.SIGINT, self._handle),
                              (signal.SIGTERM, self._handle),
                              (signal.SIGALRM, self._out_of_patience)):
        self._before[number] = signal.signal(number, handler)
    return self

  def __exit__(self, *exc_info):
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def _handle(self, number, frame):
    del frame
    if self.received is not None:
      os._exit(128 + number)  # pylint: disable=protected-access
    self.received = number
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS[number])

  def _out_of_patience(self, number, frame):
    del number, frame
    if self._breakable:
      raise Interrupted

  @contextlib.contextmanager
  def breakable(self):
    """Marks what may be broken off."""
    self._breakable = True
    try:
      yield
    finally:
      self._breakable = False


class Interrupted(Exception):
  """A signal came and the round under way took too long to end."""


def play(solver, directory, limits, start, label="", checkpoint_seconds=None,
         keep_checkpoints=2):
  """Plays rounds until a limit; writes metrics, checkpoints, policy and plot.

  Args:
    solver: a `PipelinePSROSolver`.
    directory: a `RunDirectory` that was started or resumed.
    limits: the `Limits` of the run.
    start: `time.perf_counter()` at the start of the run, less the seconds that
      it had run before it was resumed.
    label: goes before every line of progress.
    checkpoint_seconds: between two checkpoints; there is one more at the end.
      None for no checkpoints.
    keep_checkpoints: how many of them stay.

  Returns:
    What ended the run: a limit's name, or a value of `EXIT_CODES`.
  """
  progress = Progress(limits.time_limit_seconds, label, solver)
  last_save = time.perf_counter()

  def record(result):
    seconds = time.perf_counter() - start
    directory.append_metrics(result.metrics(seconds))
    progress.show(result, seconds)
    return seconds

  def save():
    nonlocal last_save
    if solver.in_training:
      with signals.breakable():
        result = solver.catch_up()
      record(result)
    if checkpoint_seconds is not None:
      last_save = time.perf_counter()
      directory.write_checkpoint(
          solver.rounds, {"solver": solver.state(),
                          "wall_seconds": last_save - start},
          keep_checkpoints)

  stopped_by = limits.reached(solver, time.perf_counter() - start)
  with Signals() as signals:
    try:
      if not solver.rounds:
        save()
      while not stopped_by and not signals.received:
        with signals.breakable():
          result = solver.round()
        seconds = record(result)
        stopped_by = limits.reached(solver, seconds, result.round_seconds)
        if not stopped_by and not signals.received and (
            checkpoint_seconds is not None
            and time.perf_counter() - last_save >= checkpoint_seconds):
          save()
      save()
    except Interrupted:  # In the middle of a round: the last one stays.
      pass
    directory.flush()
    if signals.received:
      stopped_by = _STOPPED_BY[signals.received]
  progress.close()
  ppsro.write_policy(directory.path, solver.final_policy())
  if solver.is_exact and solver.rounds:
    ppsro.plot_run(directory.path)
  return stopped_by

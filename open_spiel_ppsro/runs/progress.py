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

"""Progress: what a run says on standard error while it goes on.

On a terminal it is a live display, see `live_display`; elsewhere it is a plain
line now and then. Whatever takes longer than two seconds says what it does, by
a thread that looks at what is going on.
"""

import contextlib
import math
import os
import sys
import threading
import time
from typing import Any

from open_spiel_ppsro.runs import level_table

# What takes less than this goes on without a word.
_SILENT_SECONDS = 2.0
# A log gets a line no more often than this.
_PLAIN_SECONDS = 5.0
# How often the thread looks; a display is up to date by that much.
_LOOK_SECONDS = 0.5


class Progress:
  """Shows how far a run is; a context manager, which ends its thread."""

  def __init__(self, label: str = "") -> None:
    """Makes a progress that shows nothing yet.

    Args:
      label: goes before every line.
    """
    self._label = label
    # A terminal without a cursor to move gets plain lines.
    self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    self._stream = sys.stderr
    self._display: Any = None  # A `LiveDisplay`, once there is something.
    self._lock = threading.Lock()
    self._shown_at = -math.inf
    self._table = level_table.LevelTable()
    self._rows_at = -math.inf
    # The last round in words, when the run began, and when its time is over.
    self._round: tuple[str, float, float] | None = None
    self._is_new = False  # Whether the display does not have it yet.
    # What is going on, and since when.
    self._phase: tuple[str, float] | None = None
    self._share = 0.0
    self._rounds_shown = 0
    self._ended = threading.Event()
    self._thread = threading.Thread(target=self._watch, daemon=True)

  def __enter__(self) -> "Progress":
    self._thread.start()
    return self

  def __exit__(self, *exc_info) -> None:
    self._ended.set()
    self._thread.join()
    if self._is_new:
      self._draw()
    self.end_line()

  @contextlib.contextmanager
  def phase(self, text: str):
    """Marks what is going on; it is said if it takes long.

    Args:
      text: what is going on, as in `enumerating leduc_poker`.
    """
    self._share = 0.0
    self._phase = text, time.perf_counter()
    try:
      yield
    finally:
      self._phase = None

  def done(self, share: float) -> None:
    """Takes how much of the phase is done, from 0 to 1."""
    self._share = share

  def say(self, text: str) -> None:
    """Shows a line that stays."""
    with self._lock:
      if self._display is not None:
        self._display.say(f"{self._label}{text}")
      else:
        print(f"{self._label}{text}", file=sys.stderr, flush=True)
      self._shown_at = time.perf_counter()

  def show_round(self, result, episodes_per_second: float, seconds: float,
                 seconds_left: float, best=None, interval=None,
                 solver=None) -> None:
    """Shows what a round brought.

    Args:
      result: its `RoundResult`.
      episodes_per_second: trained so far.
      seconds: how long the run has taken.
      seconds_left: until the time limit, `math.inf` if there is none.
      best: the `BestPolicy` of an enumerated game, or None.
      interval: the newest `MeasuredInterval` of a sampled game, or None.
      solver: of the run, whose levels a terminal then shows, too.
    """
    now = time.perf_counter()
    if self._is_live and solver is not None:
      self._table.take(result)
    elif not self._is_live and self._rounds_shown and (
        now - self._shown_at < _PLAIN_SECONDS):
      return
    self._rounds_shown += 1
    rate = (f"{episodes_per_second:,.0f} episodes/s"
            if episodes_per_second else "")
    line = (f"round {result.round}  "
            f"frozen {'/'.join(map(str, result.num_policies))}  "
            f"{_strength(result, best, interval)}{rate}")
    if not self._is_live:
      self._print(f"{line}{_time(seconds, seconds_left)}")
      return
    # The thread draws, and only this one may look at the solver.
    rows = None
    if solver is not None and now - self._rows_at >= _LOOK_SECONDS:
      self._rows_at = now
      rows = self._table.rows(solver, result)
    with self._lock:
      self._make_display()
      self._round = line, now - seconds, now + seconds_left
      self._display.rows = self._display.rows if rows is None else rows
      self._is_new = True

  def end_line(self) -> None:
    """Leaves the display as it is, so that others can write below it."""
    with self._lock:
      if self._display is not None:
        self._display.end()

  def _make_display(self):
    if self._display is None:
      # It takes a tenth of a second to import, which only terminals spend.
      from open_spiel_ppsro.runs import live_display  # pylint: disable=g-import-not-at-top
      self._display = live_display.LiveDisplay(self._stream)

  def _draw(self, phase=""):
    with self._lock:
      self._make_display()
      self._is_new = False
      if self._round is not None:
        line, began, until = self._round
        now = time.perf_counter()
        self._display.headline = (
            f"{self._label}{line}{_time(now - began, until - now)}")
      self._display.phase = phase and f"{self._label}{phase}"
      self._display.draw()

  def _print(self, text):
    with self._lock:
      self._shown_at = time.perf_counter()
      print(f"{self._label}{text}", file=sys.stderr, flush=True)

  def _watch(self):
    while not self._ended.wait(_LOOK_SECONDS):
      phase, share = self._phase, self._share
      now = time.perf_counter()
      seconds = 0.0 if phase is None else now - phase[1]
      if phase is None or seconds < _SILENT_SECONDS:
        if self._is_new:
          self._draw()
        continue
      # In a log, the longer it takes, the rarer a line.
      if not self._is_live and now - self._shown_at < max(
          _PLAIN_SECONDS, seconds / 2):
        continue
      how_far = f"{seconds:.0f} s"
      if share > 0:
        how_far += (f", {100 * share:.0f} %, about "
                    f"{seconds * (1 - share) / share:.0f} s to go")
      show = self._draw if self._is_live else self._print
      show(f"{phase[0]}: {how_far}")


def _time(seconds, seconds_left):
  """Returns in words how long a run has taken, and how long it will go on."""
  left = ("" if seconds_left == math.inf
          else f", {max(0.0, seconds_left):.0f} s left")
  return f"  {seconds:.0f} s{left}"


def _strength(result, best, interval):
  """Returns how strong the policies are as text, as far as it is known."""
  found = result.of_frozen
  if interval is not None:
    return (f"exploitability {interval.low:.4f} to {interval.high:.4f} after "
            f"round {interval.round}  ")
  if math.isnan(found.nash_conv):
    return ""
  least = result.least_exploitable
  is_best = best is None or best.round == result.round
  return "".join([
      f"NashConv {found.nash_conv:.4g}  ",
      "" if is_best else f"best {best.nash_conv:.4g}  ",
      # In the same unit: there are two players.
      "" if least is None else f"least exploitable {2 * least.upper:.4g}  ",
      "" if found.cce_gap is None else f"CCE gap {found.cce_gap:.4g}  "])

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

On a terminal it is one live line; elsewhere it is a plain line now and then.
Whatever takes longer than two seconds says what it does, by a thread that looks
at what is going on.
"""

import contextlib
import math
import sys
import threading
import time

# What takes less than this goes on without a word.
_SILENT_SECONDS = 2.0
# A log gets a line no more often than this.
_PLAIN_SECONDS = 5.0
# How often the thread looks; a live line is up to date by that much.
_LOOK_SECONDS = 0.5


class Progress:
  """Shows how far a run is; a context manager, which ends its thread."""

  def __init__(self, label: str = "") -> None:
    """Makes a progress that shows nothing yet.

    Args:
      label: goes before every line.
    """
    self._label = label
    self._live = sys.stderr.isatty()
    self._lock = threading.Lock()
    self._line = ""  # The live line that is on the terminal.
    self._shown_at = -math.inf
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
      self._end_line()
      print(f"{self._label}{text}", file=sys.stderr, flush=True)
      self._shown_at = time.perf_counter()

  def show_round(self, result, episodes_per_second: float,
                 seconds_left: float, interval=None) -> None:
    """Shows what a round brought.

    Args:
      result: its `RoundResult`.
      episodes_per_second: trained so far.
      seconds_left: until the time limit, `math.inf` if there is none.
      interval: the newest `MeasuredInterval` of a sampled game, or None.
    """
    now = time.perf_counter()
    if not self._live and self._rounds_shown and (
        now - self._shown_at < _PLAIN_SECONDS):
      return
    self._rounds_shown += 1
    rate = (f"{episodes_per_second:,.0f} episodes/s"
            if episodes_per_second else "")
    left = ("" if seconds_left == math.inf
            else f"  {max(0.0, seconds_left):.0f} s left")
    self._write(f"round {result.round}  "
                f"frozen {'/'.join(map(str, result.num_policies))}  "
                f"{_strength(result, interval)}{rate}{left}")

  def end_line(self) -> None:
    """Ends the live line, so that others can write."""
    with self._lock:
      self._end_line()

  def _end_line(self):
    if self._line:
      print(file=sys.stderr, flush=True)
      self._line = ""

  def _write(self, text, keeps=True):
    """Replaces the live line, or prints a plain one.

    Args:
      text: the line.
      keeps: whether it is the live line to which a phase is added.
    """
    with self._lock:
      self._shown_at = time.perf_counter()
      line = f"{self._label}{text}"
      if not self._live:
        print(line, file=sys.stderr, flush=True)
        return
      if keeps:
        self._line = line
      elif self._line:
        line = f"{self._line}  {text}"
      else:
        self._line = " "  # Something is there.
      sys.stderr.write(f"\r\x1b[K{line}")
      sys.stderr.flush()

  def _watch(self):
    while not self._ended.wait(_LOOK_SECONDS):
      phase, share = self._phase, self._share
      if phase is None:
        continue
      text, start = phase
      now = time.perf_counter()
      seconds = now - start
      # In a log, the longer it takes, the rarer a line.
      pause = 0 if self._live else max(_PLAIN_SECONDS, seconds / 2)
      if seconds < _SILENT_SECONDS or now - self._shown_at < pause:
        continue
      how_far = f"{seconds:.0f} s"
      if share > 0:
        how_far += (f", {100 * share:.0f} %, about "
                    f"{seconds * (1 - share) / share:.0f} s to go")
      self._write(f"{text}: {how_far}", keeps=False)


def _strength(result, interval):
  """Returns how strong the policies are as text, as far as it is known."""
  found = result.of_frozen
  if interval is not None:
    return (f"exploitability {interval.low:.4f} to {interval.high:.4f} after "
            f"round {interval.round}  ")
  if math.isnan(found.nash_conv):
    return ""
  least = result.least_exploitable
  return "".join([
      f"NashConv {found.nash_conv:.4g}  ",
      # In the same unit: there are two players.
      "" if least is None else f"least exploitable {2 * least.upper:.4g}  ",
      "" if found.cce_gap is None else f"CCE gap {found.cce_gap:.4g}  "])

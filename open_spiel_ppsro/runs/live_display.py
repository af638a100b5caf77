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


"""LiveDisplay: what a terminal shows of a run, always at its lower end.

The cursor stays below the display, at the beginning of a line, and is never
hidden: whatever ends the process, the terminal is whole. What others write to
standard output and error goes above the display.
"""

from collections.abc import Sequence
import contextlib
import io
import os
import sys
import threading
from typing import Any

from absl import logging as absl_logging
from rich import console as console_lib
from rich import table as table_lib
from rich import text as text_lib

from open_spiel_ppsro.runs import level_table

# Of a terminal that does not say: its columns and lines.
_SIZE = (80, 24)
# Narrower terminals do without the steps after which a policy may freeze.
_WIDE = 72
_STYLES = {"frozen": "dim", "settled": "bold", "waiting": "dim"}


class LiveDisplay:
  """A headline, a table of levels and what is going on.

  Attributes:
    headline: of the last round; nothing before there is one.
    rows: of the levels.
    phase: what is going on, if it takes long.
  """

  def __init__(self, stream) -> None:
    """Makes a display that shows nothing yet.

    Args:
      stream: of the terminal.
    """
    self.headline = ""
    self.rows: Sequence[level_table.LevelRow] = ()
    self.phase = ""
    self._stream = stream
    self._lock = threading.RLock()
    self._num_lines = 0  # Of the display, on the terminal.
    self._size: tuple[int, int] | None = None
    self._replaced: list[tuple[Any, Any]] = []  # How to give streams back.

  def draw(self) -> None:
    """Brings the terminal up to date."""
    with self._lock:
      self._capture()
      self._write(self._erasure() + self._content())

  def say(self, text: str) -> None:
    """Writes a line above the display, which stays."""
    self.write_above(self._stream, f"{text}\n")

  def write_above(self, stream, text: str) -> None:
    """Writes whole lines above the display."""
    with self._lock:
      was_drawn = self._num_lines > 0
      self._write(self._erasure())
      stream.write(text)
      stream.flush()
      if was_drawn:
        self._write(self._content())

  def end(self) -> None:
    """Leaves what is shown where it is, and gives the streams back."""
    with self._lock:
      for proxy, restore in self._replaced:
        proxy.end()
        restore()
      self._replaced = []
      self._num_lines = 0
      self._size = None
      self.phase = ""

  def _write(self, text):
    # A terminal that is gone costs the run nothing.
    with contextlib.suppress(OSError, ValueError):
      self._stream.write(text)
      self._stream.flush()

  def _erasure(self):
    """Returns what takes the display away; the cursor is where it began."""
    size = self._terminal_size()
    was, self._size = self._size, size
    lines, self._num_lines = self._num_lines, 0
    if not lines:
      return "\r"
    if was != size:
      # Where the lines are now, each terminal decides for itself. What is on
      # the screen goes up and out of it, and is not lost.
      return "\n" * size[1] + "\x1b[H\x1b[2J"
    return f"\r\x1b[{lines}A\x1b[J"

  def _content(self):
    """Returns the lines of the display, and counts them."""
    width, height = self._size or _SIZE
    found = io.StringIO()
    console = console_lib.Console(
        file=found, force_terminal=True, width=max(20, width - 1),
        height=height, highlight=False, emoji=False, markup=False)
    if self.headline:
      console.print(text_lib.Text(self.headline, style="bold"))
    if self.rows:
      console.print(self._table(width))
    if self.phase:
      console.print(text_lib.Text(self.phase, style="italic"))
    # The cursor takes the last line of the terminal.
    lines = found.getvalue().splitlines()[:max(1, height - 1)]
    self._num_lines = len(lines)
    return "".join(f"{line}\n" for line in lines)

  def _table(self, width):
    is_wide = width >= _WIDE
    has_players = self.rows[0].player is not None
    has_gains = any(row.gain is not None for row in self.rows)
    table = table_lib.Table(box=None, pad_edge=False, padding=(0, 1),
                            header_style="underline")
    if has_players:
      table.add_column("player", justify="right", no_wrap=True)
    table.add_column("policy", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    if is_wide:
      table.add_column("may freeze at", justify="right", no_wrap=True)
    table.add_column("return", justify="right", no_wrap=True)
    if has_gains:
      table.add_column("gain", justify="right", no_wrap=True)
    for row in self.rows:
      cells = [str(row.player)] if has_players else []
      cells += [_or_dash(row.policy),
                row.status + (f", round {row.frozen_in}"
                              if row.frozen_in is not None else ""),
                _count(row.steps) if row.policy is not None else "-"]
      if is_wide:
        cells.append(_count(row.budget) if row.budget is not None
                     and row.policy is not None else "-")
      cells.append(_or_dash(row.payoff, ".3f"))
      if has_gains:
        cells.append(_or_dash(row.gain, ".3g"))
      table.add_row(*cells, style=_STYLES.get(row.status))
    return table

  def _terminal_size(self):
    try:
      width, height = os.get_terminal_size(self._stream.fileno())
    except (OSError, ValueError, AttributeError):
      return _SIZE
    return width or _SIZE[0], height or _SIZE[1]

  def _capture(self):
    """Makes what others write to the terminal go above the display."""
    if self._replaced:
      return
    for name in ("stdout", "stderr"):
      stream = getattr(sys, name)
      if stream is not self._stream and not stream.isatty():
        continue  # It goes elsewhere.
      proxy = _Above(self, stream)
      setattr(sys, name, proxy)
      self._replaced.append((proxy, _restorer(name, proxy, stream)))
      handler = absl_logging.get_absl_handler().python_handler
      if handler.stream is stream:
        handler.setStream(proxy)
        self._replaced.append((proxy, lambda h=handler, s=stream:
                               h.setStream(s)))


class _Above(io.TextIOBase):
  """A standard stream whose lines go above the display."""

  def __init__(self, display, stream):
    super().__init__()
    self._display, self._to = display, stream
    self._text = ""

  def write(self, text):
    self._text += text
    whole, newline, self._text = self._text.rpartition("\n")
    if newline:
      self._display.write_above(self._to, whole + newline)
    return len(text)

  def end(self):
    text, self._text = self._text, ""
    if text:
      self._to.write(text)

  def flush(self):
    if self._text:  # A prompt, perhaps: somebody waits to see it.
      text, self._text = self._text, ""
      self._display.write_above(self._to, f"{text}\n")
    self._to.flush()

  def isatty(self):
    return self._to.isatty()

  def fileno(self):
    return self._to.fileno()

  def writable(self):
    return True

  @property
  def encoding(self):
    return self._to.encoding


def _restorer(name, proxy, stream):
  def restore():
    if getattr(sys, name) is proxy:
      setattr(sys, name, stream)
  return restore


def _count(number):
  """Returns a count in four characters or so."""
  for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
    if number >= unit:
      return f"{number / unit:.3g}{letter}"
  return str(number)


def _or_dash(value, form="d"):
  return "-" if value is None else format(value, form)

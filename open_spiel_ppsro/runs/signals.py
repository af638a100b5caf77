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

"""Signals: what Ctrl-C, SIGTERM and the end of the time do to a run."""

import contextlib
import math
import os
import signal
import threading
import time
from typing import Any

# For so many seconds after a signal what is under way may go on. Who presses
# Ctrl-C waits for it; who takes machines away gives half a minute.
_PATIENCE_SECONDS = {signal.SIGINT: 1.0, signal.SIGTERM: 10.0}
_NAMES = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate"}
# What a process whose run was ended by a signal returns, as shells have it.
EXIT_CODES = {"interrupt": 130, "terminate": 143}
# So long after an interruption the next one comes, should it have been lost.
_AGAIN_SECONDS = 0.5
# A timer takes no infinite time; this is three years.
_LONGEST_SECONDS = 1e8


class Interrupted(BaseException):
  """What was under way is broken off: it took too long to end.

  It is no `Exception`, so that nothing on the way out takes it for an error
  of its own.
  """


class Signals:
  """What signals do to a run; a context manager, one at a time.

  What is under way may end if it does so soon after a signal; else it is broken
  off by `Interrupted`. A second signal ends the process at once. Outside the
  main thread, where Python lets nobody handle signals, nothing is broken off.

  Attributes:
    received: the signal that came, `interrupt` or `terminate`; None if none.
  """

  def __init__(self) -> None:
    self.received: str | None = None
    self._breakable = False
    self._until = math.inf
    self._patience_seconds = 0.0
    self._patience_ends = math.inf
    self._before: dict[signal.Signals, Any] = {}

  def __enter__(self) -> "Signals":
    if threading.current_thread() is threading.main_thread():
      for number, handler in ((signal.SIGINT, self._handle),
                              (signal.SIGTERM, self._handle),
                              (signal.SIGALRM, self._time_is_over)):
        self._before[number] = signal.signal(number, handler)
    return self

  def __exit__(self, *exc_info) -> None:
    if self._before:
      signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in self._before.items():
      signal.signal(number, handler)
    self._before = {}

  def _handle(self, number, frame):
    del frame
    if self.received is not None:
      os._exit(128 + number)  # pylint: disable=protected-access
    self.received = _NAMES[number]
    self._patience_ends = time.perf_counter() + max(
        _PATIENCE_SECONDS[number], self._patience_seconds)
    if self._breakable:
      self._set_timer()

  def _time_is_over(self, number, frame):
    del number, frame
    if self._breakable:
      raise Interrupted

  def _set_timer(self):
    seconds = min(self._until, self._patience_ends) - time.perf_counter()
    if self._before:
      # A timer of 0 seconds would never end.
      # Raised in a place that swallows exceptions, such as a destructor, an
      # interruption would be lost: so it comes again until it has worked.
      signal.setitimer(signal.ITIMER_REAL,
                       min(max(seconds, 1e-3), _LONGEST_SECONDS),
                       _AGAIN_SECONDS)

  @contextlib.contextmanager
  def breakable(self, until: float = math.inf,
                patience_seconds: float = 0.0):
    """Marks what may be broken off, by `Interrupted`.

    Args:
      until: the `time.perf_counter()` at which it is broken off even if no
        signal came.
      patience_seconds: how long it may go on after a signal, if that is longer
        than usual.
    """
    self._until = until
    self._patience_seconds = patience_seconds
    self._breakable = True
    self._set_timer()
    try:
      yield
    finally:
      self._breakable = False
      self._patience_seconds = 0.0
      if self._before:
        signal.setitimer(signal.ITIMER_REAL, 0)

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

"""IntervalWatch: measures a run on a sampled game while it goes on.

NashConv of a game that is too large to enumerate is not known, but the exact
interval of exploitability is certain. A process of its own computes it for the
policy of one round after another, and takes no more than a stated share of the
time of a core. What it finds arrives some rounds later.
"""

import dataclasses
import json
import math
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import pyspiel

from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.runs import limits as limits_lib
from open_spiel_ppsro.runs import progress as progress_lib
from open_spiel_ppsro.runs import signals as signals_lib

# The seconds that a walk may take: the first one, and so much more for each
# second of the run. An hour's run then is measured every six minutes.
_FIRST_SECONDS = 2.0
_SECONDS_PER_SECOND = 0.01
# The walk at the end has the machine for itself, and this long at most.
_LAST_SECONDS = 20.0
# Beside its walk a measurement takes so long: the networks of the policy are
# read, and a first one waits for imports and the compiler.
_BESIDE_SECONDS = 2.0
# How often a waiting run looks for the answer.
_LOOK_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class MeasuredInterval:
  """Certain bounds of the exploitability of the policy of one round.

  Attributes:
    round: the number of the round; 0 is the initial policy.
    low: at least so much, in game utility.
    high: at most so much.
    seconds: how long the walk took.
  """
  round: int
  low: float
  high: float
  seconds: float


def applies(game: pyspiel.Game) -> bool:
  """Returns whether the exact interval exists for a game."""
  kind = game.get_type()
  return (game.num_players() == 2
          and kind.dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL
          and (kind.provides_information_state_tensor
               or kind.provides_information_state_string))


class IntervalWatch:
  """Computes intervals beside a run; a context manager, which ends it.

  Attributes:
    latest: the newest `MeasuredInterval`; None before the first.
  """

  def __init__(self, share: float, limits: limits_lib.Limits,
               imports: tuple[str, ...], progress: progress_lib.Progress
               ) -> None:
    """Makes a watch; its process starts with the first measurement.

    Args:
      share: of the time of the run, that one core measures; above 0.
      limits: of the run.
      imports: modules that the process imports first.
      progress: of the run.
    """
    self.latest: MeasuredInterval | None = None
    self._share = share
    self._limits = limits
    self._imports = imports
    self._progress = progress
    self._start = time.perf_counter()
    self._spent = 0.0
    self._has_ended = False
    self._process: subprocess.Popen[str] | None = None
    self._answers: queue.Queue[str | None] = queue.Queue()
    # The round that is being measured, and since when.
    self._asked: tuple[int, float] | None = None
    self._new: MeasuredInterval | None = None

  def __enter__(self) -> "IntervalWatch":
    self._directory = tempfile.TemporaryDirectory(prefix="ppsro-interval-")
    return self

  def __exit__(self, *exc_info) -> None:
    self._end()
    self._directory.cleanup()

  def _end(self):
    self._has_ended = True
    if self._process is not None:
      self._process.kill()
      self._process.wait()
      self._process = None

  def _begin(self):
    environment = {**os.environ,
                   "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                   # One core is what the share is of.
                   "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    self._process = subprocess.Popen(
        [sys.executable, "-m", "open_spiel_ppsro.runs.interval_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=environment,
        start_new_session=True)  # Ctrl-C is for the run to handle.
    threading.Thread(target=self._read, args=(self._process.stdout,),
                     daemon=True).start()
    self._send({"imports": self._imports})

  def _read(self, stream):
    for line in stream:
      self._answers.put(line)
    self._answers.put(None)

  def _send(self, request):
    assert self._process is not None and self._process.stdin is not None
    try:
      self._process.stdin.write(json.dumps(request) + "\n")
      self._process.stdin.flush()
    except OSError:  # It has died, and its output says so, too.
      pass

  def look(self, solver) -> MeasuredInterval | None:
    """Takes what has been measured, and asks for the next if it is time.

    Args:
      solver: the `PipelinePSROSolver` after a round.

    Returns:
      The `MeasuredInterval` that came since the last call, or None.
    """
    try:
      self._take(self._answers.get_nowait())
    except queue.Empty:
      pass
    new, self._new = self._new, None
    elapsed = time.perf_counter() - self._start
    seconds = _FIRST_SECONDS + _SECONDS_PER_SECOND * elapsed
    if not self._has_ended and self._asked is None and (
        self._spent + seconds <= self._share * elapsed):
      self._ask(solver, seconds)
    return new

  def _ask(self, solver, seconds):
    if self._process is None:
      self._begin()
    path = pathlib.Path(self._directory.name) / "policy.npz"
    storage.write_policy(path, solver.final_policy())
    self._asked = solver.rounds, time.perf_counter()
    self._send({"policy": str(path), "seconds": seconds})

  def _take(self, line):
    """Takes a line of the process, or None if it has ended."""
    answer: dict[str, Any] = (
        {"error": "its process ended"} if line is None else json.loads(line))
    if "error" in answer:
      self._progress.say("exploitability is not measured from here on: "
                         f"{answer['error']}")
      self._end()
      self._asked = None
      return
    assert self._asked is not None
    number, since = self._asked
    self._asked = None
    self._spent += time.perf_counter() - since
    self._new = self.latest = MeasuredInterval(
        number, answer["low"], answer["high"], answer["seconds"])

  def reserve(self) -> float:
    """Returns how many seconds of the time limit are for the last walk."""
    limit = self._limits.time_limit_seconds
    if limit == math.inf or self._has_ended:
      return 0.0
    return min(self._share * limit, _LAST_SECONDS)

  def last(self, solver, seconds_left: float,
           signals: signals_lib.Signals) -> MeasuredInterval | None:
    """Measures the final policy, shows that it does, and ends in time.

    Args:
      solver: of the run, after its last round.
      seconds_left: until the time is over.
      signals: of the run, entered; one ends the measurement.

    Returns:
      The `MeasuredInterval` of the final policy; that of an earlier round if
      there was no time for it, and None if there is none.
    """
    end = time.perf_counter() + min(
        seconds_left, self.reserve() or _LAST_SECONDS)
    with self._progress.phase("measuring exploitability"):
      while not self._has_ended and not signals.received:
        left = end - time.perf_counter()
        if self._asked is None:
          walk = left - _BESIDE_SECONDS
          is_measured = (self.latest is not None
                         and self.latest.round == solver.rounds)
          if is_measured or walk <= 0:
            break
          self._ask(solver, walk)
        elif left <= 0:
          break
        try:
          self._take(self._answers.get(timeout=_LOOK_SECONDS))
        except queue.Empty:
          pass
    return self.latest

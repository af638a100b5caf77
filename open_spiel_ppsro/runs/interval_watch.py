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

What a run answers with never gets worse. Each measurement bounds the best
response to the mixture of each population apart; of every population the
mixture stays whose upper bound is the least.
"""

from collections.abc import Sequence
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

import numpy as np
import pyspiel

from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.runs import limits as limits_lib
from open_spiel_ppsro.runs import progress as progress_lib
from open_spiel_ppsro.runs import signals as signals_lib

# The seconds that a walk may take: the first one, and so much more for each
# second of the run. An hour's run then is measured every six minutes.
_FIRST_SECONDS = 2.0
_SECONDS_PER_SECOND = 0.01
# The initial policies, if they are not random play, have this share of all that
# the run measures.
_SHARE_OF_FIRST = 0.25
# A search has this share of the seconds that a walk would have: it counts
# nodes, and a slow machine takes longer for them.
_SEARCH_SHARE = 0.5
# The walk at the end has the machine for itself, and this long at most, or this
# share of a run that is longer than five minutes.
_LAST_SECONDS, _LAST_SHARE = 20.0, 1 / 15
# Where all that was measured is exact, the end is kept so many times as long as
# the longest measurement and the longest search took together.
_LAST_TIMES = 2.0
# Beside its walk a measurement takes so long: the networks of the policy are
# read, and a first one waits for imports and the compiler.
_BESIDE_SECONDS = 2.0
# A search for better weights ranges over so many members of each population's
# policies, of which level 0 of a strong start alone has 20: those of the
# certain mixture and of the meta-Nash first, but so many of the newest at
# least.
_MOST_CANDIDATES, _NEWEST = 52, 16
# Bounds are narrow if the lower one is at least this share of the upper one.
_NARROW = 0.5
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


@dataclasses.dataclass(frozen=True, eq=False)
class CertifiedMixture:
  """The mixtures of frozen policies that are certain to lose least.

  Attributes:
    weights: per population `[P]`, of the members of its policies in the order
      in which these froze, see `sampled.parts`; those that have frozen since
      have none.
    lows: per population, what a best response to its mixture gets at least; of
      one population for both players, twice the exploitability.
    highs: what it gets at most.
  """
  weights: tuple[np.ndarray, ...]
  lows: tuple[float, ...]
  highs: tuple[float, ...]

  @property
  def low(self) -> float:
    """The exploitability is at least so much, in game utility."""
    return max(0.0, sum(self.lows) / 2)

  @property
  def high(self) -> float:
    """It is at most so much."""
    return max(0.0, sum(self.highs) / 2)

  def better(self, other: "CertifiedMixture") -> "CertifiedMixture":
    """Returns the better mixture of each population, of these and others.

    Args:
      other: the bounds of others, or further bounds of the same.
    """
    chosen = []
    for ours, theirs in zip(*(zip(one.weights, one.lows, one.highs)
                              for one in (self, other))):
      size = max(len(ours[0]), len(theirs[0]))
      if np.array_equal(np.pad(ours[0], (0, size - len(ours[0]))),
                        np.pad(theirs[0], (0, size - len(theirs[0])))):
        high = min(ours[2], theirs[2])
        # Two walks of the same mixture may differ by rounding.
        chosen.append((theirs[0], min(max(ours[1], theirs[1]), high), high))
      else:
        chosen.append(theirs if theirs[2] < ours[2] else ours)
    weights, lows, highs = zip(*chosen)
    return CertifiedMixture(weights, lows, highs)


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
    certified: the `CertifiedMixture` of all that was measured; None before the
      first, where policies do not freeze, and of games that are not zero-sum.
  """

  def __init__(self, share: float, limits: limits_lib.Limits,
               imports: tuple[str, ...], progress: progress_lib.Progress
               ) -> None:
    """Makes a watch; its process starts when there is something to do.

    Args:
      share: of the time of the run, that one core measures; above 0.
      limits: of the run.
      imports: modules that the process imports first.
      progress: of the run.
    """
    self.latest: MeasuredInterval | None = None
    self.certified: CertifiedMixture | None = None
    self._share = share
    self._limits = limits
    self._imports = imports
    self._progress = progress
    self._start = time.perf_counter()
    self._spent = 0.0
    self._has_ended = False
    self._process: subprocess.Popen[str] | None = None
    self._answers: queue.Queue[str | None] = queue.Queue()
    # What is being measured: the round, or None of a mixture that was found
    # earlier, and its weights; of a search, the positions of its members; and
    # since when.
    self._asked: tuple[int | None, Any, float] | None = None
    # The longest measurement and search, in seconds, and whether all are exact.
    self._longest = {"low": 0.0, "found": 0.0}
    self._all_exact = True
    # Searches that found nothing, one after another, and how many measurements
    # come before the next one.
    self._fruitless = 0
    self._pause = 1
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
    if self._process is None:
      self._begin()
    assert self._process is not None and self._process.stdin is not None
    try:
      self._process.stdin.write(json.dumps(request) + "\n")
      self._process.stdin.flush()
    except OSError:  # It has died, and its output says so, too.
      pass

  @property
  def is_narrow(self) -> bool:
    """Whether the newest bounds say how exploitable a policy is."""
    return (self.latest is not None
            and self.latest.low >= _NARROW * self.latest.high)

  @property
  def is_wide(self) -> bool:
    """Whether they leave it open; without bounds that is not known."""
    return self.latest is not None and not self.is_narrow

  def prepare(self, game: pyspiel.Game) -> None:
    """Lets the process import and compile what it needs for a game."""
    self._send({"prepare": str(game)})

  def take_first(self, solver, bounds: Sequence[Sequence[float]]) -> None:
    """Takes the bounds of the initial policies, which are known already.

    Args:
      solver: the `PipelinePSROSolver` before its first round.
      bounds: per population, `(low, high)` of a best response to it.
    """
    lows, highs = zip(*bounds)
    self._keep(solver, CertifiedMixture(_meta_nash(solver), lows, highs))
    assert self.certified is not None
    self._new = self.latest = MeasuredInterval(
        0, self.certified.low, self.certified.high, 0.0)

  def measure_first(self, solver) -> None:
    """Asks for bounds of the initial policies, before there is time for it.

    What comes later has to be certain to lose less.

    Args:
      solver: the `PipelinePSROSolver` before its first round.
    """
    limit = self._limits.time_limit_seconds
    self._ask(solver, _FIRST_SECONDS if limit == math.inf else max(
        _FIRST_SECONDS, _SHARE_OF_FIRST * self._share * limit))

  def look(self, solver) -> MeasuredInterval | None:
    """Takes what has been measured, and asks for the next if it is time.

    Args:
      solver: the `PipelinePSROSolver` after a round.

    Returns:
      The `MeasuredInterval` that came since the last call, or None.
    """
    try:
      self._take(self._answers.get_nowait(), solver)
    except queue.Empty:
      pass
    new, self._new = self._new, None
    elapsed = time.perf_counter() - self._start
    left = self._share * elapsed - self._spent
    # Before the first round, self-play may have left much.
    seconds = max(_FIRST_SECONDS + _SECONDS_PER_SECOND * elapsed, left / 2)
    if not self._has_ended and self._asked is None and seconds <= left:
      if self._pause <= 0 and self._can_search(solver):
        self._search(solver, seconds)
      else:
        self._pause -= 1
        self._ask(solver, seconds)
    return new

  def _can_search(self, solver):
    """Returns whether players have policies of their own to be weighed."""
    return (self.certified is not None and len(self.certified.weights) == 2
            and max(map(len, _meta_nash(solver))) > 1)

  def _search(self, solver, seconds):
    """Asks for weights of members of frozen policies that lose less."""
    assert self.certified is not None
    positions, members, start = [], [], []
    for (own, _, _), certain, now in zip(
        solver.parts(), self.certified.weights, _meta_nash(solver)):
      certain = np.pad(certain, (0, len(own) - len(certain)))
      order = np.lexsort((np.arange(len(own)), now, certain))
      best, others = np.split(order, [-(_MOST_CANDIDATES - _NEWEST)])[::-1]
      chosen = np.sort(np.append(best, np.sort(others)[-_NEWEST:]))
      positions.append(chosen)
      members.append([own[k] for k in chosen])
      start.append(certain[chosen])
    path = pathlib.Path(self._directory.name) / "candidates.npz"
    storage.write_policy(path, sampled.MixturePolicy(
        solver.played_game, members, start))
    self._asked = None, positions, time.perf_counter()
    self._send({"search": str(path), "seconds": _SEARCH_SHARE * seconds})

  def _ask(self, solver, seconds, answer="meta_nash"):
    path = pathlib.Path(self._directory.name) / "policy.npz"
    storage.write_policy(path, solver.final_policy(answer))
    if answer == "meta_nash":
      asked = solver.rounds, _meta_nash(solver)
    else:
      assert self.certified is not None
      asked = None, self.certified.weights
    self._asked = *asked, time.perf_counter()
    self._send({"policy": str(path), "seconds": seconds})

  def _take(self, line, solver):
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
    number, weights, since = self._asked
    self._asked = None
    taken = time.perf_counter() - since
    self._spent += taken
    kind = "found" if "found" in answer else "low"
    self._longest[kind] = max(self._longest[kind], taken)
    if "found" in answer:
      self._take_found(solver, weights, answer["found"])
      return
    self._all_exact &= answer["low"] == answer["high"]
    if number is not None:
      self._new = self.latest = MeasuredInterval(
          number, answer["low"], answer["high"], answer["seconds"])
    if solver.scheme.freezes and solver.played_game.is_zero_sum:
      self._certify(solver, weights, answer["best_responses"])

  def _certify(self, solver, weights, best_responses):
    """Keeps the better mixture of each population."""
    bounds = [[best_responses[1 - player] for player in
               solver.played_game.players_of(population)]
              for population in range(len(weights))]
    self._keep(solver, CertifiedMixture(
        tuple(np.array(own, float) for own in weights),
        tuple(sum(low for low, _ in own) for own in bounds),
        tuple(sum(high for _, high in own) for own in bounds)))

  def _take_found(self, solver, positions, answers):
    """Keeps what a search has found where it is better."""
    before = self.certified
    assert before is not None
    found = list(zip(before.weights, before.lows, before.highs))
    for population, (chosen, answer) in enumerate(zip(positions, answers)):
      if answer is not None:
        weights = np.zeros(chosen.max() + 1)
        weights[chosen] = answer["weights"]
        found[population] = weights, *answer["bounds"]
    self._keep(solver, CertifiedMixture(*zip(*found)))
    assert self.certified is not None
    self._fruitless = (
        0 if self.certified.high < before.high else self._fruitless + 1)
    self._pause = 2 ** self._fruitless

  def _keep(self, solver, found):
    """Takes the better of the mixtures known and found as the certain ones."""
    self.certified = (found if self.certified is None
                      else self.certified.better(found))
    solver.certify(self.certified.weights)

  def reserve(self) -> float:
    """Returns how many seconds of the time limit are for the last walk."""
    limit = self._limits.time_limit_seconds
    if limit == math.inf or self._has_ended:
      return 0.0
    seconds = min(self._share * limit, max(_LAST_SECONDS, _LAST_SHARE * limit))
    if self._all_exact and min(self._longest.values()) > 0:
      seconds = min(seconds, _BESIDE_SECONDS
                    + _LAST_TIMES * sum(self._longest.values()))
    return seconds

  def last(self, solver, seconds_left: float,
           signals: signals_lib.Signals) -> MeasuredInterval | None:
    """Measures the final policy, shows that it does, and ends in time.

    What is left of the time searches for better weights, if bounds are narrow
    or searches were of use so far, and narrows those of the certified mixture.

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
    has_narrowed = has_searched = False
    with self._progress.phase("measuring exploitability"):
      while not self._has_ended and not signals.received:
        left = end - time.perf_counter()
        if self._asked is None:
          walk = left - _BESIDE_SECONDS
          is_measured = (self.latest is not None
                         and self.latest.round == solver.rounds)
          if walk <= 0:
            break
          if not is_measured:
            # If it is what is certain already, that is narrowed by the way.
            has_narrowed = self._is_certified(_meta_nash(solver))
            self._ask(solver, walk if has_narrowed else walk / 3)
          elif not has_searched and self._can_search(solver) and (
              self.is_narrow or not self._fruitless):
            has_searched, has_narrowed = True, False
            self._search(solver, walk / 2)
          elif not has_narrowed and self.certified is not None:
            has_narrowed = True
            self._ask(solver, walk, "least_exploitable")
          else:
            break
        elif left <= 0:
          break
        try:
          self._take(self._answers.get(timeout=_LOOK_SECONDS), solver)
        except queue.Empty:
          pass
    return self.latest

  def _is_certified(self, weights):
    """Returns whether weights are those that are certified, or none are."""
    return self.certified is None or all(
        np.array_equal(own, np.pad(known, (0, len(own) - len(known))))
        for own, known in zip(weights, self.certified.weights))


def _meta_nash(solver):
  """Returns per population how the meta-Nash draws all in `solver.parts`."""
  return tuple(weights @ shares for weights, (_, _, shares) in zip(
      solver.final_strategy("meta_nash").probabilities, solver.parts()))

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

"""Walk: what every walk to a best response answers, and in which parts.

A best response of one player needs the other player's policy only where its
mixture goes. A walk goes there and nowhere else: what is no more probable than
its threshold is pruned, and counts as lost in the lower bound and as won in the
upper one. So the best response's value is certainly between the two, whatever
the threshold, and the bounds meet as it falls to zero.
"""

import abc
from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

import numpy as np

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import seat_policy


class Bounds(NamedTuple):
  """A value is certainly between these two numbers, up to rounding."""
  low: float
  high: float

  @property
  def width(self) -> float:
    """How much is not known."""
    return self.high - self.low

  def meet(self, other: "Bounds") -> "Bounds":
    """Returns what follows from both."""
    low = max(self.low, other.low)
    return Bounds(low, max(low, min(self.high, other.high)))


@dataclasses.dataclass(frozen=True)
class Part:
  """What a walk has found behind some of the responder's first actions.

  Attributes:
    settled: of what ends, or is pruned, before the responder first decides.
    roots: for each information state at which it first decides, the bounds of
      the best of the part's actions there, weighted by the reach; (-inf, -inf)
      where the part has none.
    nodes: how many nodes were visited.
    seconds: of wall clock that it took.
  """
  settled: Bounds
  roots: tuple[Bounds, ...]
  nodes: int
  seconds: float


class Walk(abc.ABC):
  """Bounds the values of best responses to two mixtures.

  The first actions of a responder are dealt out to parts, which are walked one
  by one, in any process. What a part finds depends on its arguments alone, so
  that it is the same with any number of workers.

  Attributes:
    seats: what both players play.
    num_parts: into so many parts a best response is cut.
    takes_floor: whether `respond` has another argument, `floor`: another part
      of the same best response has this lower bound at the only information
      state at which the responder first decides. What is not better need not be
      walked; the part's lower bound is then the floor.
    first_threshold: passes whose thresholds fall begin with it.
    growth_per_decade: about so many times as much a pass costs whose threshold
      is ten times lower.
    remembers_members: whether `respond_to_members` prunes what a member alone
      plays no more often than the threshold, whatever its probability. Then
      walks at the same threshold but the first one cost little.
    nodes_per_second: about so many nodes are visited by `respond_to_members`
      with a mixture of 20 networks, on one idle core; for budgets that no clock
      decides.
  """

  num_parts = 1
  takes_floor = False
  first_threshold = 0.1
  growth_per_decade = 10.0
  remembers_members = False
  nodes_per_second = 3e4

  def __init__(self, seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      seats: what both players play.
    """
    self.seats = list(seats)

  def mix(self, player: int, probabilities: np.ndarray) -> None:
    """Gives the members of a player's mixture other probabilities, `[K]`."""
    self.seats[player] = self.seats[player].mixed(probabilities)

  @abc.abstractmethod
  def respond(self, player: int, part: int, threshold: float,
              budget: budget_lib.Budget) -> Part:
    """Walks one part of a best response.

    Args:
      player: who responds.
      part: which one, below `num_parts`.
      threshold: what is no more probable is pruned; at 0 nothing is.
      budget: ends the walk when it has cost too much.

    Raises:
      OutOfBudget: if it did.
    """

  def expect(self, player: int, threshold: float,
             budget: budget_lib.Budget) -> Part:
    """Bounds a player's return if both play their mixtures.

    Only games that are not zero-sum need it, and a walk of a zero-sum game need
    not have it; `respond` explains the arguments.

    Raises:
      OutOfBudget: if it has cost too much.
    """
    raise NotImplementedError

  @abc.abstractmethod
  def respond_to_members(
      self, player: int, threshold: float, budget: budget_lib.Budget
  ) -> tuple[Bounds, np.ndarray]:
    """Walks a whole best response, and sees what it gets from each member.

    Args:
      player: who responds.
      threshold: see `respond`, and `remembers_members`.
      budget: see there.

    Returns:
      The bounds of the response's value, and float `[K]`: what the response of
      the lower bound gets at least if the other player plays each of the
      members of its mixture; one of no probability may have 0. Weighted as
      the mixture it is that lower bound.

    Raises:
      OutOfBudget: if it has cost too much.
    """

  def exact_cost(self, player: int) -> tuple[float, float] | None:
    """Returns what `respond` at threshold 0 costs; None if that is not known.

    Returns:
      How many nodes all parts visit together, and about how many seconds they
      take.
    """
    del player
    return None


def combine(parts: Sequence[Part]) -> Bounds:
  """Returns the bounds of a best response's value, from all its parts."""
  low, high = parts[0].settled
  for found in zip(*(part.roots for part in parts)):
    low += max(bounds.low for bounds in found)
    high += max(bounds.high for bounds in found)
  return Bounds(low, high)

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

"""Liar's dice: a walk for two players and any dice, over the public tree.

All that is public is which bids were made, a set, since bids only rise; so a
public state is a bit mask, and whose turn it is follows from how many bits are
set. The sets whose highest bid is `b` are the masks in `[2^b, 2^(b+1))`: one
slice of every array. The mixture goes down slice by slice, for all its hands;
the best response comes up the same way, for all of its own.
"""

from collections.abc import Sequence
import dataclasses
import time

import numpy as np
import pyspiel

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk
from open_spiel_ppsro.games import dice

# A walk holds some arrays of one float64 per public state and hand. One of
# them may have so many numbers, 256 MB; numdice=2 and dice_sides=5 has 16
# million.
_MOST_NUMBERS = 32_000_000
# So many rows are shown to a policy at once; a row has a few dozen numbers.
_ROWS_AT_ONCE = 100_000
# So many rows are asked to tell how long all of them will take: milliseconds.
_TIMED_ROWS = 1_000
# What is remembered of a mixture's members may have so many numbers, 512 MB.
_MOST_REMEMBERED = 128_000_000
# To mix these and respond takes as long as so many nodes for each public state.
_NODES_OF_SET = 0.5
# The answers of small networks take all but a fifth of the time.
_OTHER_WORK = 1.25


def applies(game: pyspiel.Game) -> bool:
  """Returns whether a game is liar's dice for two, and not too large."""
  rules = dice.of_string(str(game))
  return rules is not None and (
      2 ** rules.num_bids * len(rules.hands) <= _MOST_NUMBERS)


@dataclasses.dataclass(frozen=True)
class _Member:
  """What `_go_down` finds for a member alone, where there is something.

  Attributes:
    sets: int `[n]`, the public states.
    calls: float32 `[n, H]`.
    lost: float `[n]`.
  """
  sets: np.ndarray
  calls: np.ndarray
  lost: np.ndarray


class DiceWalk(walk.Walk):
  """Best responses on the public tree, to mixtures of functions."""

  # A pass at a higher threshold takes as long, and says little.
  first_threshold = 1e-3
  growth_per_decade = 2.5
  remembers_members = True
  nodes_per_second = 3e5

  def __init__(self, game: pyspiel.Game,
               seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      game: one that `applies`.
      seats: what both players play.
    """
    super().__init__(seats)
    rules = dice.of_string(str(game))
    assert rules is not None
    self._rules = rules
    self._num_bids, self._hands = rules.num_bids, rules.hands
    self._prior, self._payoffs = rules.chances, rules.payoffs
    # By player: the threshold of `_walked_members`, and what it found.
    self._walked: dict[int, tuple[float, list[_Member]]] = {}
    self._size = np.zeros(2 ** self._num_bids, np.int8)
    for bid in range(self._num_bids):
      self._size[1 << bid:2 << bid] = self._size[:1 << bid] + 1

  def respond(self, player, part, threshold, budget):
    calls, lost = self._go_down(
        player, threshold, budget,
        dict(enumerate(self.seats[1 - player].probabilities)))
    bounds = [self._come_up(player, calls, -lost)]
    if lost.any():
      bounds.append(self._come_up(player, calls, lost))
    return walk.Part(walk.Bounds(0, 0), (walk.Bounds(bounds[0], bounds[-1]),),
                     budget.nodes, budget.seconds)

  def respond_to_members(self, player, threshold, budget):
    seat = self.seats[1 - player]
    members = self._walked_members(1 - player, threshold, budget)
    budget.spend(round(_NODES_OF_SET * len(self._size)))
    calls = np.zeros((len(self._size), len(self._hands)))
    lost = np.zeros(len(calls))
    for probability, member in zip(seat.probabilities, members):
      calls[member.sets] += probability * member.calls
      lost[member.sets] += probability * member.lost
    chosen = np.full(calls.shape, -1, np.int8)
    bounds = walk.Bounds(self._come_up(player, calls, -lost, chosen),
                         self._come_up(player, calls, lost))
    reached, calls_count = self._played(player, chosen)
    return bounds, np.array([
        (np.where(calls_count[member.sets], member.calls, 0)
         - np.where(reached[member.sets], member.lost[:, None], 0)
         ).sum(axis=0) @ self._prior for member in members])

  def _walked_members(self, player, threshold, budget):
    """Returns a `_Member` for each of a player's members, as if it were alone.

    So the same serve for all mixtures of them.
    """
    if self._walked.get(player, (None,))[0] != threshold:
      self._walked.pop(player, None)
      walked: list[_Member] = []
      for member in range(len(self.seats[player].probabilities)):
        calls, lost = self._go_down(1 - player, threshold, budget,
                                    {member: 1.0})
        sets = np.flatnonzero(calls.any(axis=1) | (lost > 0))
        walked.append(_Member(sets, calls[sets].astype(np.float32), lost[sets]))
        if sum(one.calls.size for one in walked) > _MOST_REMEMBERED:
          raise budget_lib.OutOfBudget
      self._walked[player] = threshold, walked
    return self._walked[player][1]

  def exact_cost(self, player):
    opponent = 1 - player
    rows = len(self._hands) * 2 ** (self._num_bids - 1)
    members = range(len(self.seats[opponent].probabilities))
    start = time.perf_counter()
    for member in members:
      self._answers(opponent, member, np.zeros(_TIMED_ROWS, int),
                    np.zeros(_TIMED_ROWS, int), -1)
    seconds = (time.perf_counter() - start) * rows / _TIMED_ROWS
    return rows * len(members), _OTHER_WORK * seconds

  def _sets(self, highest):
    """Returns the slice of public states with a highest bid, -1 for none."""
    return slice(0, 1) if highest < 0 else slice(1 << highest, 2 << highest)

  def _with_bid(self, sets, bid):
    """Returns the slice of the same public states after a higher bid."""
    return slice(sets.start + (1 << bid), sets.stop + (1 << bid))

  def _decides(self, sets, player):
    """Returns bool `[n]`, at which public states a player decides."""
    return self._size[sets] % 2 == player

  def _go_down(self, player, threshold, budget, members):
    """Returns what calling is worth, and what was pruned, by public state.

    Args:
      player: who responds.
      threshold: a member's plan for a set and a hand is followed above it.
      budget: what it may cost.
      members: those who play, and their probabilities.

    Returns:
      Float `[S, H]`: if a call follows a set, the responder's return with each
      of its hands, weighted by the mixture's plan and its hands' chances:
      where the responder decides, if it calls; where the other one does, as
      often as it calls. And float `[S]`, the weight of what was pruned.
    """
    calls = np.zeros((len(self._size), len(self._hands)))
    lost = np.zeros(len(calls))
    for member, probability in members.items():
      # By highest bid: sets that are reached, and the plan for them, `[n, H]`.
      reached: list[list[tuple[np.ndarray, np.ndarray]]] = [
          [] for _ in range(self._num_bids + 1)]
      reached[-1].append((np.zeros(1, int), np.full(
          (1, len(self._hands)), probability)))
      for highest in range(-1, self._num_bids):
        if not reached[highest]:
          continue
        sets, plan = map(np.concatenate, zip(*reached[highest]))
        reached[highest] = []
        goes_on = (plan > threshold).any(axis=1)
        lost[sets[~goes_on]] += plan[~goes_on] @ self._prior
        sets, plan = sets[goes_on], plan[goes_on]
        is_mine = self._size[sets] % 2 == player
        mine, theirs = sets[is_mine], sets[~is_mine]
        own = plan[is_mine]
        if highest >= 0:  # Nobody can call before there is a bid.
          calls[mine] -= (own * self._prior) @ self._payoffs[highest]
        for bid in range(highest + 1, self._num_bids):
          reached[bid].append((mine + (1 << bid), own))
        own = plan[~is_mine]
        followed = own > threshold
        lost[theirs] += np.where(followed, 0, own) @ self._prior
        further = np.zeros((self._num_bids - highest, *own.shape))
        at, hands = np.nonzero(followed)
        for first in range(0, len(at), _ROWS_AT_ONCE):
          rows = at[first:first + _ROWS_AT_ONCE]
          held = hands[first:first + _ROWS_AT_ONCE]
          budget.spend(len(rows))
          further[:, rows, held] = own[rows, held] * self._answers(
              1 - player, member, theirs[rows], held, highest
              )[:, highest + 1:].T
        for bid in range(highest + 1, self._num_bids):
          reached[bid].append((theirs + (1 << bid), further[bid - highest - 1]))
        if highest >= 0:
          calls[theirs] += (further[-1] * self._prior) @ self._payoffs[
              highest].T
    return calls, lost

  def _answers(self, player, member, sets, hands, highest):
    """Returns `[U, A]`, what a member plays at sets with the same top bid."""
    observations = self._rules.features[player][hands]
    first = self._rules.first_bid_feature
    observations[:, first:first + self._num_bids] = (
        sets[:, None] >> np.arange(self._num_bids)) & 1
    mask = np.broadcast_to(
        self._rules.legal_actions_mask(np.array([highest])),
        (len(sets), self._num_bids + 1))
    return self.seats[player].member_probabilities(member, observations, mask)

  def _come_up(self, player, calls, pruned, chosen=None):
    """Returns the value of a best response.

    Args:
      player: who responds.
      calls: of `_go_down`.
      pruned: float `[S]`, what the pruned play is worth.
      chosen: int8 `[S, H]`, is given the bid that is best, -1 to call; None if
        nobody wants to know.
    """
    values = calls.copy()
    for highest in reversed(range(-1, self._num_bids)):
      sets = self._sets(highest)
      # Nobody can call before there is a bid.
      best = calls[sets].copy() if highest >= 0 else np.full_like(
          calls[sets], -np.inf)
      total = calls[sets].copy()
      for bid in range(highest + 1, self._num_bids):
        further = values[self._with_bid(sets, bid)]
        total += further
        if chosen is not None:
          chosen[sets][further > best] = bid
        np.maximum(best, further, out=best)
      values[sets] = pruned[sets, None] + np.where(
          self._decides(sets, player)[:, None], best, total)
    return float(values[0] @ self._prior)

  def _played(self, player, chosen):
    """Returns bool `[S, H]` twice, of a response that bids as chosen.

    Where it may come to by its own bids, and where `calls` count for it.
    """
    reached, calls_count = np.zeros((2, *chosen.shape), bool)
    reached[0] = True
    for highest in range(-1, self._num_bids):
      sets = self._sets(highest)
      is_theirs = ~self._decides(sets, player)[:, None]
      for bid in range(highest + 1, self._num_bids):
        reached[self._with_bid(sets, bid)] = reached[sets] & (
            is_theirs | (chosen[sets] == bid))
      calls_count[sets] = reached[sets] & (is_theirs | (chosen[sets] < 0))
    return reached, calls_count

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
import itertools
import math
import time

import numpy as np
import pyspiel

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk

_NAME = "liars_dice"
# A walk holds some arrays of one float64 per public state and hand. One of
# them may have so many numbers, 256 MB; numdice=2 and dice_sides=5 has 16
# million.
_MOST_NUMBERS = 32_000_000
# So many rows are shown to a policy at once; a row has a few dozen numbers.
_ROWS_AT_ONCE = 100_000
# So many rows are asked to tell how long all of them will take: milliseconds.
_TIMED_ROWS = 1_000
# The answers of small networks take all but a fifth of the time.
_OTHER_WORK = 1.25


def applies(game: pyspiel.Game) -> bool:
  """Returns whether a game is liar's dice for two, and not too large."""
  if game.get_type().short_name != _NAME or game.num_players() != 2:
    return False
  num_bids = game.num_distinct_actions() - 1
  return 2 ** num_bids * _num_hands(game) <= _MOST_NUMBERS


def _num_hands(game):
  parameters = game.get_parameters()
  return math.comb(parameters["numdice"] + parameters["dice_sides"] - 1,
                   parameters["numdice"])


class DiceWalk(walk.Walk):
  """Best responses on the public tree, to mixtures of functions."""

  nodes_per_second = 3e5

  def __init__(self, game: pyspiel.Game,
               seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      game: one that `applies`.
      seats: what both players play.
    """
    parameters = game.get_parameters()
    num_dice, sides = parameters["numdice"], parameters["dice_sides"]
    super().__init__(seats)
    # The last action is to call the other a liar.
    self._num_bids = game.num_distinct_actions() - 1
    self._hands = list(itertools.combinations_with_replacement(
        range(sides), num_dice))
    self._prior = np.array([
        math.factorial(num_dice) / math.prod(
            math.factorial(hand.count(face)) for face in set(hand))
        for hand in self._hands]) / sides ** num_dice
    self._hand_features = np.stack([
        [self._dealt(game, hand, player).information_state_tensor(player)
         for hand in self._hands] for player in range(2)]).astype(np.float32)
    self._first_bid_feature = self._find_bids(game)
    self._payoffs = self._call_payoffs(game)
    self._size = np.zeros(2 ** self._num_bids, np.int8)
    for bid in range(self._num_bids):
      self._size[1 << bid:2 << bid] = self._size[:1 << bid] + 1

  def respond(self, player, part, threshold, budget):
    calls, lost = self._go_down(player, threshold, budget)
    bounds = [self._come_up(player, calls, -lost)]
    if lost.any():
      bounds.append(self._come_up(player, calls, lost))
    return walk.Part(walk.Bounds(0, 0), (walk.Bounds(bounds[0], bounds[-1]),),
                     budget.nodes, budget.seconds)

  def respond_to_members(self, player, threshold, budget):
    probabilities = self.seats[1 - player].probabilities
    if len(probabilities) * len(self._size) * len(self._hands) > _MOST_NUMBERS:
      raise budget_lib.OutOfBudget  # The arrays of all members are too large.
    found = [self._go_down(player, threshold, budget, [member])
             for member in range(len(probabilities))]
    calls, lost = (np.sum(arrays, axis=0) for arrays in zip(*found))
    bounds = walk.Bounds(self._come_up(player, calls, -lost),
                         self._come_up(player, calls, lost))
    chosen = self._choices(player, calls, -lost)
    return bounds, self.seats[1 - player].per_unit(np.array([
        self._come_up(player, own, -own_lost, chosen)
        for own, own_lost in found]))

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

  def _dealt(self, game, hand, player):
    """Returns the state in which a player has a hand, the other any."""
    state = game.new_initial_state()
    for seat in range(2):
      for die in hand if seat == player else self._hands[0]:
        state.apply_action(die)
    return state

  def _find_bids(self, game):
    """Returns where in a tensor the bids begin, in their order."""
    state = self._dealt(game, self._hands[0], 0)
    before = np.array(state.information_state_tensor(0))
    state.apply_action(0)
    return int(np.flatnonzero(
        np.array(state.information_state_tensor(0)) != before)[0])

  def _call_payoffs(self, game):
    """Returns `[bids, H, H]`: the bidder's return when its bid is called.

    The second index is the bidder's hand, the third the caller's.
    """
    payoffs = np.zeros((self._num_bids, len(self._hands), len(self._hands)))
    for (mine, hand), (theirs, other) in itertools.product(
        enumerate(self._hands), repeat=2):
      dealt = game.new_initial_state()
      for die in hand + other:
        dealt.apply_action(die)
      for bid in range(self._num_bids):
        state = dealt.child(bid)
        state.apply_action(self._num_bids)
        payoffs[bid, mine, theirs] = state.player_return(0)
    return payoffs

  def _sets(self, highest):
    """Returns the slice of the public states with a highest bid, -1 for none.

    The sets that have the higher bid `b` too lie `2 ** b` further.
    """
    return slice(0, 1) if highest < 0 else slice(1 << highest, 2 << highest)

  def _decides(self, sets, player):
    """Returns bool `[n]`, at which public states a player decides."""
    return self._size[sets] % 2 == player

  def _go_down(self, player, threshold, budget, members=None):
    """Returns what calling is worth, and what was pruned, by public state.

    Args:
      player: who responds.
      threshold: a member's plan for a set and a hand is followed above it.
      budget: what it may cost.
      members: of the mixture, those that count; None for all.

    Returns:
      Float `[S, H]`: if a call follows a set, the responder's return with each
      of its hands, weighted by the mixture's plan and its hands' chances:
      where the responder decides, if it calls; where the other one does, as
      often as it calls. And float `[S]`, the weight of what was pruned.
    """
    opponent = self.seats[1 - player]
    calls = np.zeros((len(self._size), len(self._hands)))
    lost = np.zeros(len(calls))
    for member, probability in enumerate(opponent.probabilities):
      if members is not None and member not in members:
        continue
      plan = np.zeros_like(calls)
      plan[0] = probability
      for highest in range(-1, self._num_bids):
        sets = self._sets(highest)
        sets = sets.start + np.flatnonzero(plan[sets].any(axis=1))
        is_mine = self._decides(sets, player)
        mine, theirs = sets[is_mine], sets[~is_mine]
        for bid in range(highest + 1, self._num_bids):
          plan[mine + (1 << bid)] = plan[mine]
        own = plan[theirs]
        followed = own > threshold
        lost[theirs] += np.where(followed, 0, own) @ self._prior
        called = np.zeros_like(own)
        at, hands = np.nonzero(followed)
        for first in range(0, len(at), _ROWS_AT_ONCE):
          rows = at[first:first + _ROWS_AT_ONCE]
          held = hands[first:first + _ROWS_AT_ONCE]
          budget.spend(len(rows))
          further = own[rows, held, None] * self._answers(
              1 - player, member, theirs[rows], held, highest)
          for bid in range(highest + 1, self._num_bids):
            plan[theirs[rows] + (1 << bid), held] = further[:, bid]
          called[rows, held] = further[:, -1]
        if highest >= 0:  # Nobody can call before there is a bid.
          payoffs = self._payoffs[highest]
          calls[mine] -= (plan[mine] * self._prior) @ payoffs
          calls[theirs] += (called * self._prior) @ payoffs.T
    return calls, lost

  def _answers(self, player, member, sets, hands, highest):
    """Returns `[U, A]`, what a member plays at sets with the same top bid."""
    observations = self._hand_features[player][hands]
    first = self._first_bid_feature
    observations[:, first:first + self._num_bids] = (
        sets[:, None] >> np.arange(self._num_bids)) & 1
    mask = np.zeros((len(sets), self._num_bids + 1), bool)
    mask[:, highest + 1:] = True
    mask[:, -1] = highest >= 0
    return self.seats[player].member_probabilities(member, observations, mask)

  def _come_up(self, player, calls, pruned, chosen=None):
    """Returns the value of a best response, or of a given one.

    Args:
      player: who responds.
      calls: of `_go_down`.
      pruned: float `[S]`, what the pruned play is worth.
      chosen: what `_choices` returned; None for a best response.
    """
    values = calls.copy()
    for highest in reversed(range(-1, self._num_bids)):
      sets = self._sets(highest)
      options, total = self._options(values, calls, pruned, highest)
      best = (options.max(axis=0) if chosen is None else
              np.take_along_axis(options, chosen[sets][None], axis=0)[0])
      values[sets] = np.where(self._decides(sets, player)[:, None], best, total)
    return float(values[0] @ self._prior)

  def _choices(self, player, calls, pruned):
    """Returns int `[S, H]`, which of `_options` is best; see `_come_up`."""
    values, chosen = calls.copy(), np.zeros(calls.shape, np.int64)
    for highest in reversed(range(-1, self._num_bids)):
      sets = self._sets(highest)
      options, total = self._options(values, calls, pruned, highest)
      chosen[sets] = options.argmax(axis=0)
      values[sets] = np.where(self._decides(sets, player)[:, None],
                              options.max(axis=0), total)
    return chosen

  def _options(self, values, calls, pruned, highest):
    """Returns `[n, U, H]`, the value of each action, and `[U, H]`, of all.

    The first action is to call, which nobody can before there is a bid.
    """
    sets = self._sets(highest)
    options = [calls[sets] if highest >= 0
               else np.full_like(calls[sets], -np.inf)]
    options += [values[sets.start + (1 << bid):sets.stop + (1 << bid)]
                for bid in range(highest + 1, self._num_bids)]
    total = calls[sets] + pruned[sets, None] + sum(options[1:])
    return np.stack(options), total

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

"""StateWalk: a walk over pyspiel states, for any game of perfect recall.

It goes down from decision to decision of the responder, for many information
states together. Between two decisions the others move: their policies are
asked once per information state, for many of them in one batch.

What a player knows is its information state tensor, which is what networks
see, and the string of a game that has no tensor. On dark_hex they differ:
OpenSpiel's strings count moves that the player cannot see, and do not remember
what they said before, so that they lack perfect recall.
"""

from collections.abc import Hashable
from collections.abc import Sequence
import random
from typing import Any
from typing import NamedTuple
from typing import TypeAlias

import numpy as np
from open_spiel.python import observation
import pyspiel

from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk
from open_spiel_ppsro.games import game_tree

_CHANCE = int(pyspiel.PlayerId.CHANCE)
# The responder of a walk in which both players play their mixtures; it is
# neither a player nor one of OpenSpiel's special ones.
_NOBODY = -9
# The first actions of a responder are dealt out to so many parts. More keep
# more workers busy; each part asks the policies anew.
_NUM_PARTS = 8
# About so many states are made at once from decisions of the responder; others
# wait until these have been walked to their ends. Many are large batches for
# the policies; few stay in the cache of the processor, which is worth more: one
# player, one network, threshold 1e-2 on phantom_ttt took 7.8 s with 100, 9.3 s
# with 500, and 14.7 s with 4,000.
_STATES_AT_ONCE = 250
# So many nodes are visited between two looks at the clock: milliseconds.
_NODES_AT_ONCE = 1_000
# So many episodes of random play look for information states that forget, or
# as many as come to so many information states: a fraction of a second.
_NUM_PROBES = 100
_PROBED_INFOSTATES = 20_000
# A game of more histories is not known to be walked whole in seconds.
_FEW = 200_000
# Such a walk costs so many times what it would at the usual speed, at most: a
# budget that ends in the middle of it has brought nothing.
_CAUTION = 3.0
_TINY = np.finfo(float).tiny


# A state on the way; a tuple, because millions are made:
#   the pyspiel state, which the visit owns;
#   the probability that chance and the mixtures give to it;
#   per player, float `[K]`, the reach of the members of its mixture, None of
#     the responder;
#   a slot: which of the sums its value goes to.
_Visit: TypeAlias = tuple[Any, float, tuple[Any, Any], int]


class _Answer(NamedTuple):
  """What a mixture does at an information state; three lists of one length.

  Attributes:
    actions: those that it may take.
    shares: the probability of each.
    reach: `[K]`, of its members after each.
  """
  actions: list[int]
  shares: list[float]
  reach: list[np.ndarray]


class _Best(NamedTuple):
  """The best action at an information state.

  Attributes:
    low: its value at least.
    high: the value of any action at most.
    members: `[K]`, what the action of `low` gets from each member of the
      opponent's mixture; 0 if it is not asked for.
  """
  low: float
  high: float
  members: Any


class _Group:
  """All visits at one information state of the responder."""

  __slots__ = ("slot", "visits")

  def __init__(self, slot):
    self.slot = slot
    self.visits = []


class StateWalk(walk.Walk):
  """Best responses to two mixtures, by states of the game."""

  num_parts = _NUM_PARTS

  def __init__(self, game: pyspiel.Game,
               seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      game: of two players, sequential.
      seats: what they play.

    Raises:
      ValueError: if the game has no information states or they forget.
    """
    kind = game.get_type()
    if not (kind.provides_information_state_tensor
            or kind.provides_information_state_string):
      raise ValueError(
          f"{game} has neither information state tensors nor strings, so what "
          "a best response knows is not defined: an interval needs a game with "
          "information states")
    self._game = game
    super().__init__(seats)
    self._histories: float | None = None
    self._observer = None
    if kind.provides_information_state_tensor:
      self._observer = observation.make_observation(
          game, pyspiel.IIGObservationType(perfect_recall=True))
    self.lowest_utility = game.min_utility()
    self.highest_utility = game.max_utility()
    self._check_recall()

  def exact_cost(self, player):
    if self._histories is None:
      self._histories = game_tree.estimated_histories(self._game, _FEW)
    if self._histories > _FEW:
      return None
    members = len(self.seats[1 - player].members)
    return (_CAUTION * self._histories, _CAUTION * self._histories
            / self.nodes_per_second * max(1.0, members / 20))

  def respond(self, player, part, threshold, budget):
    descent = _Descent(self, player, player, threshold, budget)
    groups, lows, highs = descent.settle([self._root(player)], 1)
    # The first actions of the whole game are dealt out in turn.
    actions, dealt = [], 0
    for group in groups:
      legal = group.visits[0][0].legal_actions()
      actions.append(legal[(part - dealt) % _NUM_PARTS::_NUM_PARTS])
      dealt += len(legal)
    roots = descent.values(groups, actions)
    return walk.Part(
        walk.Bounds(lows[0], highs[0]),
        tuple(walk.Bounds(root.low, root.high) for root in roots),
        budget.nodes, budget.seconds)

  def respond_to_members(self, player, threshold, budget):
    descent = _Descent(self, player, player, threshold, budget, True)
    groups, lows, highs = descent.settle([self._root(player)], 1)
    low, high, members = lows[0], highs[0], descent.members[0]
    for best in descent.values(groups, [
        group.visits[0][0].legal_actions() for group in groups]):
      low, high = low + best.low, high + best.high
      members = members + best.members
    return (walk.Bounds(low, high),
            self.seats[1 - player].per_unit(members))

  def expect(self, player, threshold, budget):
    descent = _Descent(self, _NOBODY, player, threshold, budget)
    _, lows, highs = descent.settle([self._root(_NOBODY)], 1)
    return walk.Part(walk.Bounds(lows[0], highs[0]), (), budget.nodes,
                     budget.seconds)

  def _root(self, responder):
    reach = tuple(None if seat.player == responder else seat.probabilities
                  for seat in self.seats)
    return self._game.new_initial_state(), 1.0, reach, 0

  def known(self, state: Any, player: int) -> Hashable:
    """Returns what a player knows at a state."""
    if self._observer is None:
      return state.information_state_string(player)
    self._observer.set_from(state, player)
    return self._observer.tensor.tobytes()

  def asked(self, state: Any, player: int) -> Hashable:
    """Returns what the answer of a player's policies may depend on.

    OpenSpiel policies may know the string, and reach depends on the tensor.
    """
    known = self.known(state, player)
    if self.seats[player].needs_states and self._observer is not None:
      return player, known, state.information_state_string(player)
    return player, known

  def ask(self, visits: Sequence[_Visit]) -> list[_Answer]:
    """Returns what the mixtures do, at different information states."""
    answers: list[Any] = [None] * len(visits)
    states = [visit[0] for visit in visits]
    legal = [state.legal_actions() for state in states]
    for seat in self.seats:
      rows = [row for row, state in enumerate(states)
              if state.current_player() == seat.player]
      if not rows:
        continue
      mask = np.zeros((len(rows), self._game.num_distinct_actions()), bool)
      for index, row in enumerate(rows):
        mask[index, legal[row]] = True
      reach = np.stack([visits[row][2][seat.player] for row in rows], 1)
      asked = [states[row] for row in rows]
      further = seat.ask(reach, self._observations(asked, seat.player), mask,
                         asked)
      plans = further.sum(axis=0)
      # A plan so small that it is rounded to zero has no shares.
      shares = plans / np.maximum(plans.sum(axis=1, keepdims=True), _TINY)
      for index, row in enumerate(rows):
        taken = np.flatnonzero(shares[index])
        answers[row] = _Answer(
            taken.tolist(), shares[index, taken].tolist(),
            list(further[:, index, taken].T))
    return answers

  def _observations(self, states, player):
    """Returns float32 `[U, D]`, or None of a game without tensors."""
    if self._observer is None:
      return None
    seen = []
    for state in states:
      self._observer.set_from(state, player)
      seen.append(self._observer.tensor.copy())
    return np.stack(seen)

  def _check_recall(self):
    """Raises ValueError if an information state forgets what was done.

    Random play finds that in games that forget often. What it misses is
    refused by `settle`, where two pasts of the responder meet.
    """
    rng = random.Random(0)
    before: dict[Hashable, Hashable] = {}
    for _ in range(_NUM_PROBES):
      if len(before) > _PROBED_INFOSTATES:
        return
      state = self._game.new_initial_state()
      last: list[Hashable] = [None, None]
      while not state.is_terminal():
        if state.is_chance_node():
          actions, weights = zip(*state.chance_outcomes())
          state.apply_action(rng.choices(actions, weights)[0])
          continue
        player = state.current_player()
        known = player, self.known(state, player)
        if before.setdefault(known, last[player]) != last[player]:
          self.refuse_to_forget(player)
        action = rng.choice(state.legal_actions())
        last[player] = hash((known, action))
        state.apply_action(action)

  def refuse_to_forget(self, player: int) -> None:
    """Raises ValueError: an information state has two pasts."""
    raise ValueError(
        f"{self._game} does not have perfect recall: player {player} comes to "
        "one information state by different sequences of its own actions; an "
        "interval needs a game of perfect recall")


class _Descent:
  """One pass of a responder down the game, at one threshold."""

  def __init__(self, states, responder, beneficiary, threshold, budget,
               by_member=False):
    """Makes a descent.

    Args:
      states: the `StateWalk`.
      responder: who decides; `_NOBODY` if both play their mixtures.
      beneficiary: whose returns count.
      threshold: what is no more probable is pruned.
      budget: what it may cost.
      by_member: whether `members` is filled.
    """
    # What `settle` found last, per slot: `[K]`, what comes of each member of
    # the opponent's mixture, of which its lower bound is the sum.
    self.members: list[Any] = []
    self._by_member = by_member
    self._walk = states
    self._responder = responder
    self._beneficiary = beneficiary
    self._threshold = threshold
    self._budget = budget
    self._answers = {}

  def settle(self, visits, num_slots):
    """Lets chance and the mixtures move until the responder decides.

    Args:
      visits: `_Visit`s; the list is used up.
      num_slots: how many sums there are.

    Returns:
      The `_Group`s of what the responder comes to, and per slot what ends on
      the way is worth: lower and upper bounds, two lists.
    """
    responder, threshold = self._responder, self._threshold
    known, asked, answers = self._walk.known, self._walk.asked, self._answers
    groups = {}
    lows, pruned = [0.0] * num_slots, [0.0] * num_slots
    by_member = self._by_member
    members = self.members = [0.0] * num_slots
    waiting, num_waiting, nodes = {}, 0, 0
    while visits or waiting:
      if nodes >= _NODES_AT_ONCE:
        self._budget.spend(nodes)
        nodes = 0
      if not visits or num_waiting >= _STATES_AT_ONCE:
        answers.update(zip(waiting, self._walk.ask(
            [late[0] for late in waiting.values()])))
        for late in waiting.values():
          visits.extend(late)
        waiting, num_waiting = {}, 0
      state, weight, reach, slot = visit = visits.pop()
      player = state.current_player()
      if player == responder:
        key = known(state, player)
        group = groups.get(key)
        if group is None:
          group = groups[key] = _Group(slot)
        elif group.slot != slot:
          self._walk.refuse_to_forget(player)
        group.visits.append(visit)
      elif player >= 0:
        key = asked(state, player)
        answer = answers.get(key)
        if answer is None:
          waiting.setdefault(key, []).append(visit)
          num_waiting += 1
          continue
        for action, share, after in zip(*answer):
          further = weight * share
          if further <= threshold:
            pruned[slot] += further
            if by_member:
              members[slot] = members[slot] + (
                  self._walk.lowest_utility * further / after.sum()) * after
          else:
            visits.append((
                state.child(action), further,
                (after, reach[1]) if player == 0 else (reach[0], after), slot))
      elif player == _CHANCE:
        for action, probability in state.chance_outcomes():
          further = weight * probability
          if further <= threshold:
            pruned[slot] += further
            if by_member:
              own = reach[1 - responder]
              members[slot] = members[slot] + (
                  self._walk.lowest_utility * further / own.sum()) * own
          else:
            visits.append((state.child(action), further, reach, slot))
      else:
        value = weight * state.player_return(self._beneficiary)
        lows[slot] += value
        if by_member:
          own = reach[1 - responder]
          members[slot] = members[slot] + value / own.sum() * own
      nodes += 1
    self._budget.spend(nodes)
    highs = [value + self._walk.highest_utility * weight
             for value, weight in zip(lows, pruned)]
    lows = [value + self._walk.lowest_utility * weight
            for value, weight in zip(lows, pruned)]
    return list(groups.values()), lows, highs

  def values(self, groups, actions):
    """Returns the `_Best` of each of some information states.

    Args:
      groups: the information states; their visits are used up.
      actions: for each of them, the actions to choose from.
    """
    found = []
    while len(found) < len(groups):
      start = end = len(found)
      held = 0
      while end < len(groups) and held < _STATES_AT_ONCE:
        held += len(groups[end].visits) * len(actions[end])
        end += 1
      found += self._best(groups[start:end], actions[start:end])
    return found

  def _best(self, groups, actions):
    """As `values`, of information states that are few enough to hold."""
    slots = [index for index, own in enumerate(actions) for _ in own]
    visits, slot = [], 0
    for group, own in zip(groups, actions):
      for action in own:
        for state, weight, reach, _ in group.visits:
          visits.append((state.child(action), weight, reach, slot))
        slot += 1
      group.visits.clear()
    below, lows, highs = self.settle(visits, len(slots))
    members = self.members
    for group, found in zip(below, self.values(
        below, [group.visits[0][0].legal_actions() for group in below])):
      lows[group.slot] += found.low
      highs[group.slot] += found.high
      members[group.slot] = members[group.slot] + found.members
    best = [_Best(-np.inf, -np.inf, 0.0)] * len(groups)
    for index, low, high, own in zip(slots, lows, highs, members):
      was = best[index]
      best[index] = _Best(max(was.low, low), max(was.high, high),
                          own if low > was.low else was.members)
    return best

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

"""Phantom boards: a walk for phantom_ttt and dark_hex, over own sequences.

On these boards a player knows what it has tried and what became of it, and
nothing else. So what a mixture does is a trie of its own sequences, built level
by level with one question per level to each policy; and the state of the game
is a pair of own sequences, without pyspiel (`board_kernel.py`).
"""

from collections.abc import Sequence
import functools
import math

import numpy as np

from open_spiel_ppsro.evaluation.interval import board_kernel
from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import member_answers
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk
from open_spiel_ppsro.games import phantom_board

# So many answers of policies are held at once, a hundred bytes each.
_ANSWERS_AT_ONCE = 200_000
# A member of a mixture whose reach is below this share of the threshold is not
# asked; its reach counts as pruned. A mixture of 20 networks saves half of the
# questions, and the interval grows by far less than by the threshold.
_NEGLIGIBLE = 0.01
# Before a walk at a low threshold there are some at higher ones, from the
# first on, each so much lower: they cost little and tell it what to leave out.
_FIRST_THRESHOLD = 1e-2
_STEP = 0.1
_LOWEST_THRESHOLD = 1e-6
_NO_MEMBERS = np.zeros(0)
# How many entries the kernel meets per second, before it has been timed.
_ENTRIES_PER_SECOND = 3e7
# As much time as an answer of a network of a few thousand weights takes.
_ENTRIES_PER_ANSWER = 100
_ENTRIES_PER_MEMORY = 5  # As one that is remembered takes.


def own_sequences(board: phantom_board.PhantomBoard,
                  seat: seat_policy.SeatPolicy, threshold: float,
                  budget: budget_lib.Budget,
                  answers: member_answers.MemberAnswers,
                  by_member: bool = False) -> board_kernel.OwnSequences:
  """Returns the trie of a mixture, as far as it goes with some probability.

  Args:
    board: the rules.
    seat: the mixture.
    threshold: tries whose plan is not above are not followed.
    budget: what it may cost.
    answers: of the members; it is brought up to date.
    by_member: whether the plans of the members are there, too.

  Raises:
    OutOfBudget: if it costs more.
  """
  num_members = len(seat.members) if by_member else 0
  player, size = seat.player, board.num_cells
  bits = 1 << np.arange(size)
  count = np.array([mask.bit_count() for mask in range(2 ** size)])
  levels: list[tuple[np.ndarray, ...]] = []
  # The nodes of a level: what was tried, what became of it, the reach of the
  # members, the stones and the refused cells as bits.
  cells = np.zeros((1, 0), int)
  placed = np.zeros((1, 0), bool)
  reach = seat.probabilities[:, None]
  stones = refused = np.zeros(1, int)
  # Sequences as numbers, as long as these fit into 62 bits.
  base = 2 * size
  key: np.ndarray | None = np.zeros(1, np.int64)
  num_nodes = 0
  while len(cells):
    num_nodes += len(cells)
    # Where the player has no decision left it may still be while the other
    # side decides: such a node stays, without edges.
    if board.abrupt:
      decides = count[stones] + count[refused] < size
    else:
      decides = 2 * count[stones] + player < size
    pruned = np.zeros(len(cells))
    pruned_members = np.zeros((len(cells), num_members), np.float32)
    found = []
    rows_at_once = max(1, _ANSWERS_AT_ONCE // len(reach))
    deciding = np.flatnonzero(decides)
    for first in range(0, len(deciding), rows_at_once):
      rows = deciding[first:first + rows_at_once]
      own = reach[:, rows]
      asked = np.where(own > _NEGLIGIBLE * threshold, own, 0)
      budget.spend(_ENTRIES_PER_MEMORY * asked.size)
      further, num_asked = answers.ask(
          len(levels), None if key is None else key[rows], asked,
          ((stones | refused)[rows, None] & bits) == 0,
          functools.partial(_observe, board, player, cells[rows],
                            placed[rows]))
      budget.spend(_ENTRIES_PER_ANSWER * num_asked)
      plans = further.sum(axis=0)
      followed = plans > threshold
      pruned[rows] = (own - asked).sum(axis=0) + np.where(
          followed, 0, plans).sum(axis=1)
      if by_member:
        pruned_members[rows] = ((own - asked) + np.where(
            followed, 0, further).sum(axis=2)).T
      row, cell = np.nonzero(followed)
      found.append((rows[row], cell, further[:, row, cell]))
    parent = np.concatenate([part[0] for part in found] or [np.zeros(0, int)])
    cell = np.concatenate([part[1] for part in found] or [np.zeros(0, int)])
    after = np.concatenate([part[2] for part in found] or [reach[:, :0]],
                           axis=1)

    more_stones = stones[parent] | bits[cell]
    more_refused = refused[parent] | bits[cell]
    won = board.wins[player][more_stones]
    lost = board.wins[1 - player][more_refused]
    if board.abrupt:
      room = count[more_stones] + count[refused[parent]] < size
      known = room
    else:
      room = 2 * count[more_stones] - 1 + player < size
      known = count[more_refused] <= count[stones[parent]] + player
    goes_on = ~won & room, ~lost & known
    if_placed = np.where(won, board_kernel.WIN, board_kernel.DRAW)
    if_refused = np.full(len(parent), board_kernel.NOWHERE)
    numbers = num_nodes + np.arange(goes_on[0].sum() + goes_on[1].sum())
    if_placed[goes_on[0]] = numbers[:goes_on[0].sum()]
    if_refused[goes_on[1]] = numbers[goes_on[0].sum():]
    levels.append((stones, reach.sum(axis=0), pruned,
                   np.bincount(parent, minlength=len(cells)), cell,
                   after.sum(axis=0), if_placed, if_refused,
                   *(of_members[:num_members].T.astype(np.float32)
                     for of_members in (reach, after)), pruned_members))

    parents = np.concatenate([parent[chosen] for chosen in goes_on])
    is_placed = np.arange(len(numbers)) < goes_on[0].sum()
    last = np.concatenate([cell[chosen] for chosen in goes_on])
    reach = np.concatenate([after[:, chosen] for chosen in goes_on], axis=1)
    if key is not None and base ** (len(levels) + 1) < 2 ** 62:
      key = base * key[parents] + 2 * last + is_placed
    else:
      key = None
    cells = np.concatenate([cells[parents], last[:, None]], axis=1)
    placed = np.concatenate([placed[parents], is_placed[:, None]], axis=1)
    stones = stones[parents] | np.where(is_placed, bits[last], 0)
    refused = refused[parents] | np.where(is_placed, 0, bits[last])
  (all_stones, plan, pruned, degree, cell, edge_plan, if_placed, if_refused,
   members, edge_members, pruned_members) = map(np.concatenate, zip(*levels))
  return board_kernel.OwnSequences(
      all_stones.astype(np.uint16), plan, pruned,
      np.concatenate([[0], degree.cumsum()]), cell.astype(np.uint8), edge_plan,
      if_placed.astype(np.int32), if_refused.astype(np.int32), members,
      edge_members, pruned_members)


def _observe(board, player, cells, placed, chosen):
  """Returns what a player sees at some of its own sequences."""
  return board.observations(player, cells[chosen], placed[chosen])


class BoardWalk(walk.Walk):
  """Best responses on a phantom board, to mixtures of functions."""

  takes_floor = True
  nodes_per_second = 3e7

  def __init__(self, board: phantom_board.PhantomBoard,
               seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      board: the rules.
      seats: what both players play.
    """
    self.num_parts = board.num_cells
    self._board = board
    super().__init__(seats)
    # What the parts of one pass have in common, by opponent: the threshold, the
    # sequences, and the nodes that these cost.
    self._sequences: dict[
        int, tuple[float, board_kernel.OwnSequences, int]] = {}
    self._entries_per_second = _ENTRIES_PER_SECOND
    self._answers = [member_answers.MemberAnswers(seat, board.num_cells)
                     for seat in seats]
    self._first_rows = board_kernel.first_rows(board.num_cells)
    # What is known of the responses of each player, and from which threshold.
    self._found = [self._nothing_found() for _ in range(2)]
    # The first calls compile the kernel, or load it; no budget counts that.
    for player in range(2):
      self.respond(player, 0, 1.0, budget_lib.Budget())

  def respond(self, player, part, threshold, budget, floor=-math.inf):
    sequences = self._opponent_sequences(1 - player, threshold, budget)
    before = budget.seconds
    settled, bounds, entries = self._respond(
        player, part, sequences, floor, budget,
        self._found_above(player, threshold))
    if entries > 1e6:
      self._entries_per_second = entries / (budget.seconds - before)
    return walk.Part(settled, (bounds,), budget.nodes, budget.seconds)

  def respond_to_members(self, player, threshold, budget):
    seat = self.seats[1 - player]
    ladder = [_FIRST_THRESHOLD]
    while ladder[-1] > max(threshold, _LOWEST_THRESHOLD):
      ladder.append(ladder[-1] * _STEP)
    _, found = self._nothing_found()
    for higher in ladder[:-1]:
      self._respond_to(player, self._own_sequences(
          seat.player, higher, budget), budget, found)
    sequences = self._own_sequences(seat.player, threshold, budget, True)
    # To see what every member gets takes far longer than to see the mixture; so
    # that comes last, when it is known what to leave out.
    self._respond_to(player, sequences.without_members(), budget, found)
    bounds, members = self._respond_to(player, sequences, budget, found)
    return bounds, seat.per_unit(members)

  def _respond_to(self, player, sequences, budget, found):
    """Returns the bounds of a best response, and what members get, `[K]`."""
    settled, best = walk.Bounds(0, 0), walk.Bounds(-math.inf, -math.inf)
    members = np.zeros(sequences.members.shape[1])
    for cell in np.argsort(-found.upper[0], kind="stable").tolist():
      before, after = np.zeros((2, len(members)))
      settled, bounds, _ = self._respond(
          player, cell, sequences, best.low, budget, found, before, after)
      if bounds.low > best.low:
        members = before + after
      best = walk.Bounds(max(best.low, bounds.low), max(best.high, bounds.high))
    return (walk.Bounds(settled.low + best.low, settled.high + best.high),
            members)

  def mix(self, player, probabilities):
    super().mix(player, probabilities)
    self._sequences.pop(player, None)
    self._found[1 - player] = self._nothing_found()

  def _respond(self, player, cell, sequences, floor, budget, found,
               before=_NO_MEMBERS, after=_NO_MEMBERS):
    """Returns bounds of what is settled, and of a first try; and its entries.

    Args:
      player: who responds.
      cell: of the first try.
      sequences: of the opponent.
      floor: see `walk.Walk`.
      budget: what it may cost.
      found: see `board_kernel.respond`, and for the last two, too.
      before: what is settled, by member.
      after: what follows, by member.
    """
    *bounds, entries = board_kernel.respond(
        sequences, self._board.wins[player], self._board.num_cells,
        player == 0, self._board.abrupt, self._board.drawn, cell, floor,
        budget.nodes_left(self._entries_per_second), before, after, found,
        self._first_rows)
    budget.spend(abs(entries))
    if entries < 0:
      raise budget_lib.OutOfBudget
    return walk.Bounds(*bounds[:2]), walk.Bounds(*bounds[2:]), entries

  def _found_above(self, player, threshold):
    """Returns what is known of a player's responses at higher thresholds."""
    if threshold > self._found[player][0]:
      self._found[player] = self._nothing_found()
    _, found = self._found[player]
    self._found[player] = threshold, found
    return found

  def _nothing_found(self):
    return math.inf, board_kernel.nothing_found(self._board.num_cells)

  def _own_sequences(self, player, threshold, budget, by_member=False):
    return own_sequences(self._board, self.seats[player], threshold, budget,
                         self._answers[player], by_member)

  def _opponent_sequences(self, opponent, threshold, budget):
    """Returns the own sequences of an opponent, made once for all parts.

    Every part counts an equal share of the nodes that they cost, whichever part
    was the first in its process, so that the count does not depend on that.
    """
    if self._sequences.get(opponent, (None,))[0] != threshold:
      sequences = self._own_sequences(opponent, threshold, budget)
      self._sequences[opponent] = threshold, sequences, budget.nodes
      budget.refund(budget.nodes)
    _, sequences, nodes = self._sequences[opponent]
    budget.spend(nodes // self.num_parts)
    return sequences

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

import numpy as np

from open_spiel_ppsro.evaluation.interval import board_kernel
from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk
from open_spiel_ppsro.games import phantom_board

# So many answers of policies are held at once, a hundred bytes each.
_ANSWERS_AT_ONCE = 200_000
# A member of a mixture whose reach is below this share of the threshold is not
# asked; its reach counts as pruned. A mixture of 20 networks saves half of the
# questions, and the interval grows by far less than by the threshold.
_NEGLIGIBLE = 0.01
# How many entries the kernel meets per second, before it has been timed.
_ENTRIES_PER_SECOND = 3e7
# As much time as an answer of a network of a few thousand weights takes.
_ENTRIES_PER_ANSWER = 100


def own_sequences(board: phantom_board.PhantomBoard,
                  seat: seat_policy.SeatPolicy, threshold: float,
                  budget: budget_lib.Budget, by_member: bool = False
                  ) -> board_kernel.OwnSequences:
  """Returns the trie of a mixture, as far as it goes with some probability.

  Args:
    board: the rules.
    seat: the mixture.
    threshold: tries whose plan is not above are not followed.
    budget: what it may cost.
    by_member: whether the plans of the members are there, too.

  Raises:
    OutOfBudget: if it costs more.
  """
  num_members = len(seat.members) if by_member else 0
  player, size = seat.player, board.num_cells
  bits = 1 << np.arange(size)
  count = np.array([mask.bit_count() for mask in range(2 ** size)])
  levels = []
  # The nodes of a level: what was tried, what became of it, the reach of the
  # members, the stones and the refused cells as bits.
  cells = np.zeros((1, 0), int)
  placed = np.zeros((1, 0), bool)
  reach = seat.probabilities[:, None]
  stones = refused = np.zeros(1, int)
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
      budget.spend(_ENTRIES_PER_ANSWER * int(np.count_nonzero(asked)))
      further = seat.ask(
          asked, board.observations(player, cells[rows], placed[rows]),
          ((stones | refused)[rows, None] & bits) == 0)
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


class BoardWalk(walk.Walk):
  """Best responses on a phantom board, to mixtures of functions."""

  nodes_per_second = 2e7

  def __init__(self, board: phantom_board.PhantomBoard,
               seats: Sequence[seat_policy.SeatPolicy]):
    """Makes a walk.

    Args:
      board: the rules.
      seats: what both players play.
    """
    self.num_parts = board.num_cells
    self._board = board
    self._seats = seats
    # What the parts of one pass have in common, by opponent: the threshold, the
    # sequences, and the nodes that these cost.
    self._sequences: dict[
        int, tuple[float, board_kernel.OwnSequences, int]] = {}
    self._entries_per_second = _ENTRIES_PER_SECOND
    # The first calls compile the kernel, or load it; no budget counts that.
    for player in range(2):
      self.respond(player, 0, 1.0, budget_lib.Budget())

  def respond(self, player, part, threshold, budget):
    sequences = self._opponent_sequences(1 - player, threshold, budget)
    before = budget.seconds
    *found, entries = board_kernel.respond(
        sequences, self._board.wins[player], self._board.num_cells,
        player == 0, self._board.abrupt, self._board.drawn,
        part, budget.nodes_left(self._entries_per_second), np.zeros(0),
        np.zeros(0))
    if entries > 1e6:
      self._entries_per_second = entries / (budget.seconds - before)
    budget.spend(abs(entries))
    if entries < 0:
      raise budget_lib.OutOfBudget
    return walk.Part(walk.Bounds(*found[:2]), (walk.Bounds(*found[2:]),),
                     budget.nodes, budget.seconds)

  def respond_to_members(self, player, threshold, budget):
    seat = self._seats[1 - player]
    sequences = own_sequences(self._board, seat, threshold, budget, True)
    best, members = walk.Bounds(-np.inf, -np.inf), None
    for cell in range(self._board.num_cells):
      before, after = np.zeros((2, len(seat.members)))
      *bounds, entries = board_kernel.respond(
          sequences, self._board.wins[player], self._board.num_cells,
          player == 0, self._board.abrupt, self._board.drawn, cell,
          budget.nodes_left(self._entries_per_second), before, after)
      budget.spend(abs(entries))
      if entries < 0:
        raise budget_lib.OutOfBudget
      low, high = bounds[0] + bounds[2], bounds[1] + bounds[3]
      if low > best.low:
        members = before + after
      best = walk.Bounds(max(best.low, low), max(best.high, high))
    return best, members / seat.probabilities

  def _opponent_sequences(self, opponent, threshold, budget):
    """Returns the own sequences of an opponent, made once for all parts.

    Every part counts an equal share of the nodes that they cost, whichever part
    was the first in its process, so that the count does not depend on that.
    """
    if self._sequences.get(opponent, (None,))[0] != threshold:
      sequences = own_sequences(self._board, self._seats[opponent], threshold,
                                budget)
      self._sequences[opponent] = threshold, sequences, budget.nodes
      budget.refund(budget.nodes)
    _, sequences, nodes = self._sequences[opponent]
    budget.spend(nodes // self.num_parts)
    return sequences

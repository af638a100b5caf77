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

"""Board kernel: a best response on a phantom board, compiled by Numba.

The responder's information state is what it has tried and what became of it.
There the opponent may be at many of its own sequences, each with the stones
that it has placed: these are the *entries* of the information state. An action
meets every entry once, either on a stone of the entry or on a free cell, which
gives the two information states that can follow. The walk goes depth first; it
keeps the entries of the information states on its way in one array, a stack.

What an earlier walk with a higher threshold has found bounds this one: what it
left out of the opponent counted for the responder, and what is not left out any
more adds at most its weight. A try that cannot be the best one is not walked.

Numba compiles the functions when they are first called, for some seconds, and
keeps the machine code in `__pycache__`, or where `NUMBA_CACHE_DIR` says.
"""

from typing import NamedTuple

import numba
import numpy as np

# What an opponent's move leads to, instead of a node.
NOWHERE = -1  # The rules forbid it.
WIN = -2
DRAW = -3

_UNKNOWN = -np.inf
# Of so many tries it is remembered at most what they bring, 8 bytes each.
_MOST_FOUND = 600_000


class OwnSequences(NamedTuple):
  """Own sequences of a mixture as a trie, those nearest the root first.

  A node is a sequence of the player's own tries with what became of each; an
  edge is a cell that the mixture tries next. N nodes, E edges.

  Attributes:
    placed: uint16 `[N]`, the cells of the stones placed, as bits.
    plan: float `[N]`, the probability that the mixture gives to the tries.
    pruned: float `[N]`, what of it goes to tries that are not followed.
    first_edge: int `[N + 1]`, where the edges of a node begin.
    cell: uint8 `[E]`.
    edge_plan: float `[E]`, the plan after this try.
    if_placed: int32 `[E]`, the node if the cell is free, `WIN` or `DRAW`.
    if_refused: int32 `[E]`, the node if it is not.
    members: float32 `[N, K]`, `plan` of each member of the mixture; K is 0 if
      it is not asked for.
    edge_members: float32 `[E, K]`, `edge_plan` of each.
    pruned_members: float32 `[N, K]`, `pruned` of each.
  """
  placed: np.ndarray
  plan: np.ndarray
  pruned: np.ndarray
  first_edge: np.ndarray
  cell: np.ndarray
  edge_plan: np.ndarray
  if_placed: np.ndarray
  if_refused: np.ndarray
  members: np.ndarray
  edge_members: np.ndarray
  pruned_members: np.ndarray

  def without_members(self) -> "OwnSequences":
    """Returns the same where members were not asked for."""
    return self._replace(
        members=self.members[:, :0], edge_members=self.edge_members[:, :0],
        pruned_members=self.pruned_members[:, :0])


class Found(NamedTuple):
  """What walks with higher thresholds have found, near the root; I rows.

  Rows are the responder's information states before its first tries, see
  `first_rows`: I and the row of the information state after a try follow from
  the number of cells.

  Attributes:
    upper: float `[I, C]`, at most so much a try at each cell brings, with all
      that follows; infinite if nothing is known.
    weight: float `[I]`, of the entries there when that was found.
  """
  upper: np.ndarray
  weight: np.ndarray


def nothing_found(num_cells: int) -> Found:
  """Returns what is known before the first walk."""
  num_rows = first_rows(num_cells)[-1]
  return Found(np.full((num_rows, num_cells), np.inf), np.zeros(num_rows))


def first_rows(num_cells: int) -> np.ndarray:
  """Returns the row of the first information state after 0, 1, ... tries.

  Args:
    num_cells: of the board.

  Returns:
    int `[D + 2]`, the last entry is the number of all rows.
  """
  rows, most = [0, 1], _MOST_FOUND // num_cells
  while len(rows) <= num_cells and rows[-1] + (
      2 * num_cells) ** (len(rows) - 1) <= most:
    rows.append(rows[-1] + (2 * num_cells) ** (len(rows) - 1))
  return np.array(rows)


@numba.njit(cache=True)
def _opponent_moves(sequences, node, stones, end_of_turn, full, entries, end,
                    weight, low, high, members):
  """Lets the opponent move at a node; appends where it ends its turn.

  Args:
    sequences: the opponent's.
    node: where it is.
    stones: of the responder, as bits.
    end_of_turn: whether a refused try ends the turn.
    full: the bits of a board that is drawn; 0 if there is none.
    entries: the stack.
    end: where the next entry goes.
    weight: of the entries appended so far.
    low: what has ended so far is worth to the responder, at least.
    high: at most.
    members: float `[K]`, `low` against each member of the opponent's mixture;
      it is brought up to date in place.

  Returns:
    The four before it, brought up to date.
  """
  low -= sequences.pruned[node]
  high += sequences.pruned[node]
  for member in range(len(members)):
    members[member] -= sequences.pruned_members[node, member]
  for edge in range(sequences.first_edge[node],
                    sequences.first_edge[node + 1]):
    plan = sequences.edge_plan[edge]
    if (stones >> sequences.cell[edge]) & 1:
      after = sequences.if_refused[edge]
      if end_of_turn:
        entries[end] = after
        end += 1
        weight += plan
      else:
        end, weight, low, high = _opponent_moves(
            sequences, after, stones, end_of_turn, full, entries, end, weight,
            low, high, members)
    else:
      after = sequences.if_placed[edge]
      if after == WIN:
        low -= plan
        high -= plan
        for member in range(len(members)):
          members[member] -= sequences.edge_members[edge, member]
      elif after != DRAW and (stones | sequences.placed[after]) != full:
        entries[end] = after
        end += 1
        weight += plan
  return end, weight, low, high


@numba.njit(cache=True)
def _enter(found, row, weight, tried):
  """Brings what was found at an information state up to its present weight."""
  more = weight - found.weight[row]
  found.weight[row] = weight
  for cell in range(found.upper.shape[1]):
    if (tried >> cell) & 1:
      found.upper[row, cell] = _UNKNOWN
    else:
      found.upper[row, cell] += more


@numba.njit(cache=True)
def _at_most(found, row, weight):
  """Returns what an information state of a weight brings at most."""
  if row < 0:
    return weight
  upper = _UNKNOWN
  for cell in range(found.upper.shape[1]):
    upper = max(upper, found.upper[row, cell])
  return min(upper + weight - found.weight[row], weight)


@numba.njit(cache=True)
def _most_promising(found, row, closed, favourite, best_low):
  """Returns the cell to try next; their number if no other one can be better.

  Args:
    found: what was found.
    row: of the information state.
    closed: cells that need not be tried any more, as bits.
    favourite: the cell that goes first where nothing tells them apart.
    best_low: what is there already.
  """
  num_cells = found.upper.shape[1]
  chosen, most = num_cells, best_low
  for cell in range(num_cells):
    if not (closed >> cell) & 1:
      upper = found.upper[row, cell]
      if upper > most or (upper == most and cell == favourite
                          and chosen < num_cells):
        chosen, most = cell, upper
  return chosen


@numba.njit(cache=True)
def respond(sequences, wins, num_cells, moves_first, abrupt, full,
            first_cell, floor, max_entries, before_members, first_members,
            found, first_rows):
  """Returns bounds of a best response that begins with a given try.

  Args:
    sequences: the `OwnSequences` of the opponent.
    wins: bool `[2 ** num_cells]`, the stones with which the responder wins.
    num_cells: up to 16.
    moves_first: whether the responder does.
    abrupt: whether a refused try ends the turn.
    full: the bits of a board that is drawn; 0 if there is none.
    first_cell: the responder tries it first.
    floor: what is not better than this need not be walked; the lower bound
      after the first try is at least this.
    max_entries: it gives up after so many.
    before_members: float `[K]`, zeros; becomes what the opponent's first turn
      is worth against each member of its mixture.
    first_members: the same of what the responder's best play is worth after
      its first try, by the lower bound.
    found: what walks of the same mixture have `Found` whose thresholds were not
      lower; it is brought up to date in place.
    first_rows: of the board.

  Returns:
    Lower and upper bounds of what the opponent's first turn ends, then of what
    follows it after this first try; and the number of entries met, negative if
    it has given up.
  """
  # At every depth an entry is at another node, and of the two information
  # states after a try no node is in both.
  entries = np.empty((num_cells + 2) * len(sequences.plan), np.int32)
  # By depth. The entries of the information state there:
  start = np.zeros(num_cells + 1, np.int64)
  stop = np.zeros(num_cells + 1, np.int64)
  # Those after the try: from `room` if it is refused, from `middle` to `end`
  # if it is placed, and their weights.
  room = np.zeros(num_cells + 1, np.int64)
  middle = np.zeros(num_cells + 1, np.int64)
  end = np.zeros(num_cells + 1, np.int64)
  refused_weight = np.zeros(num_cells + 1)
  placed_weight = np.zeros(num_cells + 1)
  # What the responder has placed and tried, as bits, the cell that it tries
  # now, and those that it need not try any more.
  stones = np.zeros(num_cells + 1, np.int64)
  tried = np.zeros(num_cells + 1, np.int64)
  cell = np.full(num_cells + 1, -1, np.int64)
  closed = np.zeros(num_cells + 1, np.int64)
  # How many of the two information states after the try are done.
  done = np.full(num_cells + 1, 2, np.int64)
  # Of the try, and of the best one.
  low = np.full(num_cells + 1, _UNKNOWN)
  high = np.full(num_cells + 1, _UNKNOWN)
  best_low = np.full(num_cells + 1, _UNKNOWN)
  best_high = np.full(num_cells + 1, _UNKNOWN)
  best_cell = np.zeros(num_cells + 1, np.int64)
  # What the try, and the best one, are worth against each member.
  num_members = len(before_members)
  members = np.zeros((num_cells + 1, num_members))
  best_members = np.zeros((num_cells + 1, num_members))
  # What was best at the last information state of this depth is tried first:
  # more of the others are then cut. A third less to walk on dark_hex.
  favourite = np.zeros(num_cells + 1, np.int64)
  # The row of the information state in what was found, or -1.
  row = np.full(num_cells + 1, -1, np.int64)

  before_low = before_high = 0.0
  if moves_first:
    entries[0] = 0
    stop[0] = 1
    weight = 1.0
  else:
    stop[0], weight, before_low, before_high = _opponent_moves(
        sequences, 0, 0, abrupt, full, entries, 0, 0.0, 0.0, 0.0,
        before_members)
  room[0] = stop[0]
  row[0] = 0
  _enter(found, 0, weight, 0)
  best_low[0] = floor
  # At the root no other cell is tried.
  closed[0] = (1 << num_cells) - 1 - (1 << first_cell)
  num_met = stop[0]
  depth = 0
  while True:
    if done[depth] < 2:
      is_placed = done[depth] == 1
      done[depth] += 1
      weight = placed_weight[depth] if is_placed else refused_weight[depth]
      if weight == 0:
        continue
      below = depth + 1
      if row[depth] < 0 or below >= len(first_rows) - 1:
        row[below] = row_if_placed = -1
      else:
        row_if_placed = first_rows[below] + 1 + 2 * (
            (row[depth] - first_rows[depth]) * num_cells + cell[depth])
        row[below] = row_if_placed if is_placed else row_if_placed - 1
      most = high[depth] + _at_most(
          found, row_if_placed, placed_weight[depth])
      if not is_placed:
        most += _at_most(found, row[below], weight)
      if most <= best_low[depth]:
        low[depth] = _UNKNOWN  # Another try is as good.
        high[depth] = most
        done[depth] = 2
        continue
      start[below] = middle[depth] if is_placed else room[depth]
      stop[below] = end[depth] if is_placed else middle[depth]
      room[below] = end[depth]
      stones[below] = stones[depth]
      if is_placed:
        stones[below] |= 1 << cell[depth]
      tried[below] = closed[below] = tried[depth] | (1 << cell[depth])
      if row[below] >= 0:
        _enter(found, row[below], weight, tried[below])
      cell[below] = -1
      low[below] = high[below] = _UNKNOWN
      best_low[below] = best_high[below] = _UNKNOWN
      depth = below
      continue

    if low[depth] > best_low[depth]:
      best_low[depth] = low[depth]
      best_cell[depth] = cell[depth]
      for member in range(num_members):
        best_members[depth, member] = members[depth, member]
    best_high[depth] = max(best_high[depth], high[depth])
    if row[depth] >= 0:
      if cell[depth] >= 0:
        found.upper[row[depth], cell[depth]] = min(
            found.upper[row[depth], cell[depth]], high[depth])
      trying = _most_promising(found, row[depth], closed[depth],
                               favourite[depth], best_low[depth])
    else:
      trying = favourite[depth]
    if trying < num_cells and (closed[depth] >> trying) & 1:
      trying = 0
      while trying < num_cells and (closed[depth] >> trying) & 1:
        trying += 1
    if trying == num_cells:
      favourite[depth] = best_cell[depth]
      if depth == 0:
        for member in range(num_members):
          first_members[member] = best_members[0, member]
        return before_low, before_high, best_low[0], best_high[0], num_met
      depth -= 1
      low[depth] += best_low[depth + 1]
      high[depth] += best_high[depth + 1]
      for member in range(num_members):
        members[depth, member] += best_members[depth + 1, member]
      continue

    # The try meets every entry.
    cell[depth] = trying
    closed[depth] |= 1 << trying
    done[depth] = 0
    num_met += stop[depth] - start[depth]
    if num_met > max_entries:
      return before_low, before_high, _UNKNOWN, np.inf, -num_met
    mine = stones[depth]
    members[depth] = 0
    sum_low = sum_high = weight = 0.0
    last = room[depth]
    for index in range(start[depth], stop[depth]):
      node = entries[index]
      if (sequences.placed[node] >> trying) & 1:
        if abrupt:
          last, weight, sum_low, sum_high = _opponent_moves(
              sequences, node, mine, abrupt, full, entries, last, weight,
              sum_low, sum_high, members[depth])
        else:
          entries[last] = node
          last += 1
          weight += sequences.plan[node]
    middle[depth] = last
    refused_weight[depth] = weight
    mine |= 1 << trying
    is_won = wins[mine]
    weight = 0.0
    for index in range(start[depth], stop[depth]):
      node = entries[index]
      placed = sequences.placed[node]
      if not (placed >> trying) & 1:
        if is_won:
          sum_low += sequences.plan[node]
          sum_high += sequences.plan[node]
          for member in range(num_members):
            members[depth, member] += sequences.members[node, member]
        elif (mine | placed) != full:
          last, weight, sum_low, sum_high = _opponent_moves(
              sequences, node, mine, abrupt, full, entries, last, weight,
              sum_low, sum_high, members[depth])
    end[depth] = last
    placed_weight[depth] = weight
    low[depth] = sum_low
    high[depth] = sum_high

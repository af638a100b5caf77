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

"""Zero-sum matrix games: an exact Nash equilibrium by linear programming."""

import numpy as np

from open_spiel_ppsro.meta_games import linear_program

# Regret, relative to the largest payoff, below which a strategy is exact.
_EXACT = 1e-9
# A game of at most this many strategies is solved in one linear program.
_SMALL = 24


def solve_zero_sum(payoffs, hint=None):
  """Returns `(x, y)`, a Nash equilibrium of a two-player zero-sum matrix.

  Solves a small game over the strategies that matter, adds those that would
  profit against its solution, and repeats until none does: a double oracle
  on the matrix itself, which costs what the support costs.

  Args:
    payoffs: `[K_0, K_1]`, the utility of player 0.
    hint: a pair of index sequences, rows and columns to begin with, such as
      the support of a similar game. It decides the speed, and, where there
      are several equilibria, which of them is found.

  Raises:
    ValueError: if `payoffs` is not a finite matrix.
  """
  payoffs = np.asarray(payoffs, float)
  if payoffs.ndim != 2 or not np.isfinite(payoffs).all():
    raise ValueError("the payoffs of a zero-sum game are a finite matrix "
                     f"[K_0, K_1], got shape {payoffs.shape}")
  num_rows, num_columns = payoffs.shape
  tolerance = _EXACT * max(1.0, np.abs(payoffs).max())
  if max(num_rows, num_columns) <= _SMALL or hint is None:
    rows, columns = np.arange(num_rows), np.arange(num_columns)
  else:
    rows, columns = (np.unique(np.asarray(h, int)) for h in hint)
  while True:
    x, y = _solve_by_lp(payoffs[np.ix_(rows, columns)])
    row_values = payoffs[:, columns] @ y
    column_values = x @ payoffs[rows]
    value = x @ row_values[rows]
    new_rows = np.flatnonzero(row_values > value + tolerance)
    new_columns = np.flatnonzero(column_values < value - tolerance)
    more_rows = np.union1d(rows, new_rows)
    more_columns = np.union1d(columns, new_columns)
    if len(more_rows) == len(rows) and len(more_columns) == len(columns):
      break
    rows, columns = more_rows, more_columns
  full_x, full_y = np.zeros(num_rows), np.zeros(num_columns)
  full_x[rows], full_y[columns] = x, y
  return full_x, full_y


def _solve_by_lp(payoffs):
  """Returns `(x, y)`, solving both players' programs in one."""
  if 1 in payoffs.shape:
    x, y = np.zeros(payoffs.shape[0]), np.zeros(payoffs.shape[1])
    x[payoffs.max(axis=1).argmax()] = 1
    y[payoffs.min(axis=0).argmin()] = 1
    return x, y
  # With payoffs shifted above zero: max sum(y), payoffs @ y <= 1; the duals
  # of the rows are the other player's strategy.
  scale = np.abs(payoffs).max() or 1.0
  shifted = (payoffs - payoffs.min()) / scale + 1.0
  num_rows, num_columns = shifted.shape
  x, duals = linear_program.minimise(
      np.full(num_columns, -1.0), shifted, np.full(num_rows, -np.inf),
      np.ones(num_rows))
  return normalised(-duals), normalised(x)


def normalised(weights):
  weights = np.maximum(weights, 0)
  return weights / weights.sum()

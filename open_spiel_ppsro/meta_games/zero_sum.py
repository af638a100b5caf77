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

from collections.abc import Sequence

from absl import logging
import numpy as np

from open_spiel_ppsro.meta_games import linear_program
from open_spiel_ppsro.meta_games import population_dynamics

# What a player may gain over an equilibrium, as a share of the spread (largest
# less smallest) of the payoffs that are played in it. HiGHS leaves 1e-12 as a
# rule; a smaller number makes strategies join that gain nothing but rounding.
_EXACT = 1e-10
# What both players together may gain, as a share of the spread of all payoffs;
# above it a warning says that no equilibrium was found.
_VISIBLE = 1e-6
# A game of at most this many strategies is solved in one linear program. With
# 60 of a run on Leduc poker that took half as long as growing a smaller one,
# with 200 twice as long.
_SMALL = 64
# HiGHS's tolerances are absolute: 1e-9 for a limit, up to 1e-6 for a pivot. So
# the larger the numbers of a program are, the finer is its answer. Here payoffs
# lie between _UNIT and 2 * _UNIT, a cost is _PRICE, a limit is their product,
# and HiGHS is told not to scale them back. Powers of two cost no digits. With a
# limit of 1e8 in place of 2e6 the primal simplex method found nothing.
_UNIT = 2.0**8
_PRICE = 2.0**13
_HIGHS = {
    "simplex_scale_strategy": 0,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
    "simplex_iteration_limit": 30_000,  # The hardest of 400x400 took 7,000.
}
# Values of HiGHS's option simplex_strategy: where the dual simplex method, the
# faster one, stalls on rounding, the primal one takes another way.
_DUAL, _PRIMAL = 1, 4


def solve_zero_sum(
    payoffs: np.ndarray, hint: Sequence[np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns `(x, y)`, a Nash equilibrium of a two-player zero-sum matrix.

  Solves a small game over the strategies that matter, adds those that would
  profit against its solution, and repeats until none does: a double oracle
  on the matrix itself, which costs what the support costs. If both players
  together still gain more than 1e-6 of the spread of the payoffs, a warning
  says so.

  Args:
    payoffs: `[K_0, K_1]`, the utility of player 0.
    hint: `(x, y)`, an equilibrium of a similar game, NaN for strategies that
      are new; neither is all zero. It decides the speed, and, where there are
      several equilibria, which of them is found.

  Raises:
    ValueError: if `payoffs` is not a finite matrix.
  """
  payoffs = np.asarray(payoffs, float)
  if payoffs.ndim != 2 or not payoffs.size or not np.isfinite(payoffs).all():
    raise ValueError(
        "the payoffs of a zero-sum game are a finite matrix [K_0, K_1], got "
        f"shape {payoffs.shape} with {(~np.isfinite(payoffs)).sum()} entries "
        "that are not finite")
  # A power of two costs no digits, and no difference overflows afterwards.
  payoffs = np.ldexp(payoffs, -np.frexp(np.abs(payoffs).max())[1])
  spread = np.ptp(payoffs)
  if hint is None or max(payoffs.shape) <= _SMALL:
    hint = [np.full(size, np.nan) for size in payoffs.shape]
  found = _double_oracle(payoffs, *hint)
  if _gap(payoffs, *found) > 2 * _EXACT * _played_spread(payoffs, *found):
    # The payoffs that are played may have been rounding beside others, such as
    # those of a terrible policy; among themselves they are not.
    found = _best(payoffs, found, _double_oracle(payoffs, *found))
  if _gap(payoffs, *found) > _VISIBLE * spread:
    # HiGHS has failed. Regret matching ends always, if far from an equilibrium.
    unit = (payoffs - payoffs.min()) / spread
    found = _best(payoffs, found,
                  population_dynamics.regret_matching([unit, -unit]))
    if _gap(payoffs, *found) > _VISIBLE * spread:
      logging.warning(
          "no equilibrium of a zero-sum game of %d by %d strategies was found: "
          "best responses gain %.1e of the spread of its payoffs",
          *payoffs.shape, _gap(payoffs, *found) / spread)
  x, y = found
  return x, y


def _gains(payoffs, x, y):
  """Returns what each row, and each column, gains against `x` and `y`."""
  # Less one that is played, so that a constant in all payoffs costs no digits.
  payoffs = payoffs - payoffs[x.argmax(), y.argmax()]
  row_values, column_values = payoffs @ y, x @ payoffs
  value = x @ row_values
  return row_values - value, value - column_values


def _gap(payoffs, x, y):
  return sum(gains.max() for gains in _gains(payoffs, x, y))


def _best(payoffs, *candidates):
  return min(candidates, key=lambda found: _gap(payoffs, *found))


def _played_spread(payoffs, x, y):
  return np.ptp(payoffs[np.ix_(x > 0, y > 0)])


def _double_oracle(payoffs, x, y):
  """Returns `(x, y)`, sought first where those given are not zero."""
  rows, columns = np.flatnonzero(x), np.flatnonzero(y)
  while True:
    start = linear_program.Basis(y[columns] > 0, ~(x[rows] > 0))
    x, y = (np.zeros(size) for size in payoffs.shape)
    x[rows], y[columns] = _solve_by_lp(payoffs[np.ix_(rows, columns)], start)
    row_gains, column_gains = _gains(payoffs, x, y)
    tolerance = _EXACT * _played_spread(payoffs, x, y)
    more_rows = np.union1d(rows, np.flatnonzero(row_gains > tolerance))
    more_columns = np.union1d(columns, np.flatnonzero(column_gains > tolerance))
    if len(more_rows) == len(rows) and len(more_columns) == len(columns):
      return x, y
    rows, columns = more_rows, more_columns


def _solve_by_lp(payoffs, start):
  """Returns `(x, y)`, solving both players' programs in one.

  Args:
    payoffs: `[K_0, K_1]`.
    start: the `linear_program.Basis` to begin with: the columns that are
      expected to be played, and the slacks of the rows that are not.
  """
  num_rows, num_columns = payoffs.shape
  # Where pure strategies are an equilibrium, nothing else is needed.
  found = (np.eye(1, num_rows, payoffs.min(axis=1).argmax())[0],
           np.eye(1, num_columns, payoffs.max(axis=0).argmin())[0])
  spread = np.ptp(payoffs)
  for method in (_DUAL, _PRIMAL):
    if _gap(payoffs, *found) <= _EXACT * spread:
      break
    # With payoffs above zero: max sum(y), payoffs @ y <= 1; the duals of the
    # rows are the other player's strategy.
    y, duals = linear_program.minimise(
        np.full(num_columns, -_PRICE),
        _UNIT * (1 + (payoffs - payoffs.min()) / spread),
        np.full(num_rows, -np.inf), np.full(num_rows, _UNIT * _PRICE),
        start, {**_HIGHS, "simplex_strategy": method}, must_be_optimal=False)
    if y.max() > 0 and duals.min() < 0:
      found = _best(payoffs, found, (normalised(-duals), normalised(y)))
  return found


def normalised(weights: np.ndarray) -> np.ndarray:
  """Returns the shares of `weights`, those below zero counted as zero."""
  weights = np.maximum(weights, 0)
  return weights / weights.sum()

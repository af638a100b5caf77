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

"""Tests for zero_sum: equilibria of matrices that are hard to solve.

Gaps are computed in integers, without rounding, and the values of the tamer
matrices by SciPy too.
"""

import fractions
from unittest import mock

from absl import logging
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import scipy.optimize

from open_spiel_ppsro.meta_games import linear_program
from open_spiel_ppsro.meta_games import zero_sum

RPS = np.array([[0., -1, 1], [1, 0, -1], [-1, 1, 0]])
SIZES = ((3, 2), (8, 13), (26, 40), (70, 30))
LARGER_SIZES = ((1, 1), (1, 6), (7, 1), (2, 2), (4, 4), (20, 20), (25, 24),
                (66, 66), (110, 110), (150, 60), (200, 200))
# SciPy solves these to its tolerance.
TAME = ("normal", "antisymmetric", "cyclic", "integers", "counts", "blotto",
        "rank_3", "duplicates", "identity", "zero")


def zoo(num_rows, num_columns, seed):
  """Yields `(name, payoffs)`: kinds of matrices, ordinary and adversarial.

  Those that have to be square have as many columns as rows.
  """
  shape = num_rows, num_columns
  rng = np.random.default_rng([seed, *shape])

  def normal():
    return rng.normal(size=shape)

  yield "normal", normal()
  for scale in (1e-300, 1e-9, 1e-6, 1e6, 1e9, 1e300):
    yield f"scale_{scale:.0e}", scale * normal()
  for spread in (1e-15, 1e-12, 1e-9, 1e-6, 1e-3):
    yield f"spread_{spread:.0e}_around_1", 1 + spread * normal()
  yield "around_minus_1e9", normal() - 1e9
  for loss in (1e3, 1e6, 1e9, 1e12):
    yield f"terrible_row_{loss:.0e}", _terrible(normal(), loss, rng)
    yield f"terrible_column_{loss:.0e}", -_terrible(normal().T, loss, rng).T
  yield "terrible_both", -_terrible(_terrible(normal(), 1e8, rng).T, 1e8, rng).T
  for size in (1e8, -1e8):
    payoffs = normal()
    payoffs[rng.integers(num_rows), rng.integers(num_columns)] = size
    yield f"one_cell_{size:.0e}", payoffs
  for noise in (1e-4, 1e-8, 1e-12):
    yield f"rows_alike_{noise:.0e}", rng.normal(size=num_columns) + (
        noise * normal())
    yield f"columns_alike_{noise:.0e}", rng.normal(size=(num_rows, 1)) + (
        noise * normal())
  few = rng.normal(size=(1 + num_rows // 4, 1 + num_columns // 4))
  duplicates = few[rng.integers(len(few), size=num_rows)][
      :, rng.integers(few.shape[1], size=num_columns)]
  yield "duplicates", duplicates
  for noise in (1e-13, 1e-9):
    yield f"duplicates_but_for_{noise:.0e}", duplicates + noise * normal()
  yield "rank_1", np.outer(rng.normal(size=num_rows),
                           rng.normal(size=num_columns))
  rank_3 = rng.normal(size=(num_rows, 3)) @ rng.normal(size=(3, num_columns))
  yield "rank_3", rank_3
  yield "rank_3_but_for_1e-08", rank_3 + 1e-8 * normal()
  yield "integers", rng.integers(-1, 2, shape).astype(float)
  yield "counts", rng.binomial(400, 0.5 + 0.1 * np.tanh(normal())) / 200 - 1
  yield "sparse", normal() * (rng.random(shape) < 0.05)
  yield "zero", np.zeros(shape)
  yield "constant", np.full(shape, -0.1)
  yield "constant_but_for_rounding", 0.1 * (
      1 + np.finfo(float).eps * rng.integers(-3, 4, shape))
  steps = np.subtract.outer(*[np.arange(num_rows)] * 2)
  cyclic = np.sign(np.sin(2 * np.pi * steps / num_rows).round(9))
  yield "cyclic", cyclic
  yield "cyclic_but_for_1e-07", cyclic + 1e-7 * rng.normal(size=cyclic.shape)
  noise = rng.uniform(-1, 1, cyclic.shape)
  yield "antisymmetric", noise - noise.T
  skill = rng.normal(size=num_rows)
  transitive = np.tanh(np.subtract.outer(skill, skill))
  yield "transitive", transitive
  yield "transitive_and_cycles", transitive + 0.1 * (noise - noise.T)
  armies = [rng.multinomial(10, np.full(5, 0.2), size) for size in shape]
  yield "blotto", np.sign(np.sign(
      armies[0][:, None] - armies[1]).sum(axis=-1)).astype(float)
  for axes in ((0,), (1,), (0, 1)):
    scales = np.ones(shape)
    for axis in axes:
      sizes = [1, 1]
      sizes[axis] = shape[axis]
      scales = scales * 10 ** rng.uniform(-8 / len(axes), 2, sizes)
    yield f"scales_along_{axes}", normal() * scales
  yield "cells_of_all_scales", normal() * 10 ** rng.uniform(-9, 0, shape)
  yield "heavy_tails", rng.standard_cauchy(shape)
  yield "lognormal", np.exp(5 * normal())
  yield "identity", np.eye(*shape)
  yield "hilbert", 1 / (1 + np.add.outer(np.arange(num_rows),
                                         np.arange(num_columns)))
  points = np.linspace(0, 1, num_rows), np.linspace(0, 1, num_columns)
  yield "powers", points[0][:, None] ** np.arange(num_columns)
  yield "bells", np.exp(-np.subtract.outer(*points) ** 2)
  yield "triangular", np.tril(np.ones(shape))


def _terrible(payoffs, loss, rng):
  """Returns `payoffs` with one row that loses as much more."""
  payoffs[rng.integers(len(payoffs))] -= loss
  return payoffs


def hints(payoffs, seed):
  """Yields `(x, y)` as they come, and as they never should."""
  rng = np.random.default_rng(seed)
  # The equilibrium of a game that grew.
  old = zero_sum.solve_zero_sum(payoffs[:-2, :-3])
  yield np.append(old[0], [np.nan] * 2), np.append(old[1], [np.nan] * 3)
  # The last strategy of one player, the first of the other.
  yield np.eye(len(payoffs))[-1], np.eye(payoffs.shape[1])[0]
  # Random strategies.
  x, y = (rng.random(size) * (rng.random(size) < 0.3) for size in payoffs.shape)
  x[0] = y[-1] = np.nan
  yield x, y


def as_integers(array):
  """Returns a multiple of an array, exactly, in Python's integers."""
  ratios = [value.as_integer_ratio() for value in array.ravel().tolist()]
  scale = max(denominator for _, denominator in ratios)
  return np.array([numerator * (scale // denominator)
                   for numerator, denominator in ratios],
                  object).reshape(array.shape)


def exact_gap(payoffs, x, y):
  """Returns what best responses gain, in both seats together, unrounded.

  Returns:
    The gap as a share of the spread of all payoffs, and of the spread of those
    that are played, where these are not all the same.
  """
  matrix, p, q = map(as_integers, (payoffs, x, y))
  rows, columns = np.flatnonzero(x), np.flatnonzero(y)
  gap = fractions.Fraction((matrix[:, columns] @ q[columns]).max(), q.sum()) - (
      fractions.Fraction((p[rows] @ matrix[rows]).min(), p.sum()))
  played = matrix[np.ix_(rows, columns)]
  spread = matrix.max() - matrix.min() or 1
  return (float(gap / spread),
          float(gap / (played.max() - played.min() or spread)))


def value_by_scipy(payoffs):
  """Returns the value of a zero-sum matrix game, by another linear program."""
  rows, columns = payoffs.shape
  solution = scipy.optimize.linprog(
      np.r_[np.zeros(rows), -1],
      A_ub=np.c_[-payoffs.T, np.ones(columns)], b_ub=np.zeros(columns),
      A_eq=[np.r_[np.ones(rows), 0]], b_eq=[1],
      bounds=[(0, None)] * rows + [(None, None)])
  return -solution.fun


class SolveZeroSumTest(parameterized.TestCase):

  def check(self, payoffs, hint=None, name=None):
    """Solves a matrix, checks that it is solved, and returns its value."""
    with self.assertNoLogs(logging.get_absl_logger(), "WARNING"):
      x, y = zero_sum.solve_zero_sum(payoffs, hint)
    for weights, size in zip((x, y), payoffs.shape, strict=True):
      self.assertEqual(weights.shape, (size,), name)
      self.assertGreaterEqual(weights.min(), 0, name)
      self.assertAlmostEqual(weights.sum(), 1, delta=1e-12, msg=name)
    of_all, of_played = exact_gap(payoffs, x, y)
    self.assertGreaterEqual(of_all, 0, name)
    self.assertLessEqual(of_all, 1e-9, name)
    self.assertLessEqual(of_played, 1e-9, name)
    return x @ payoffs @ y

  @parameterized.named_parameters(
      ("rps", RPS, 0),
      ("matching_pennies", [[1, -1], [-1, 1]], 0),
      ("dominated", [[3, 2], [1, 0], [2, 5]], 11 / 4),
      ("saddle", [[3, 1, 4], [0, -1, 6]], 1),
      ("one_row", [[3, -1, 2]], -1),
      ("one_column", [[3], [-1], [2]], 3),
      ("one_cell", [[-1]], -1),
      ("largest", [[1e308, -1e308], [-1e308, 1e308]], 0),
      ("smallest", [[0, 5e-324], [5e-324, 0]], 0),
  )
  def test_value(self, payoffs, value):
    payoffs = np.array(payoffs, float)
    largest = np.abs(payoffs).max()
    self.assertAlmostEqual(self.check(payoffs) / largest, value / largest)

  @parameterized.parameters(*SIZES)
  def test_zoo(self, *shape):
    for name, payoffs in zoo(*shape, seed=0):
      value = self.check(payoffs, name=name)
      if name in TAME:
        self.assertAlmostEqual(value, value_by_scipy(payoffs), delta=1e-6,
                               msg=name)

  def test_hints(self):
    for name, payoffs in zoo(66, 70, seed=1):
      if name in TAME:
        values = [self.check(payoffs, hint, name)
                  for hint in hints(payoffs, 2)]
        np.testing.assert_allclose(values, value_by_scipy(payoffs), atol=1e-6,
                                   err_msg=name)

  @parameterized.parameters(*LARGER_SIZES)
  @pytest.mark.thorough
  def test_larger_zoo(self, *shape):
    for name, payoffs in zoo(*shape, seed=2):
      self.check(payoffs, name=name)
      if max(payoffs.shape) > 64:
        for hint in hints(payoffs, 2):
          self.check(payoffs, hint, name)

  @pytest.mark.thorough
  def test_largest(self):
    for name, payoffs in zoo(400, 400, seed=3):
      if name in (*TAME, "terrible_row_1e+06"):
        for hint in (None, *hints(payoffs, 3)):
          self.check(payoffs, hint, name)

  @parameterized.parameters(10, 100)
  def test_the_same_again(self, size):
    payoffs = np.random.default_rng(0).normal(size=(size, size))
    for hint in (None, *hints(payoffs, 0)):
      first = zero_sum.solve_zero_sum(payoffs, hint)
      again = zero_sum.solve_zero_sum(payoffs.copy(), hint)
      np.testing.assert_array_equal(first, again)

  def test_a_hint_decides_between_equilibria(self):
    payoffs = np.tile(np.kron(RPS, np.ones((1, 30))), (30, 1))
    first, last = np.arange(90) < 3, np.arange(90) >= 87
    for rows in (first, last):
      hint = rows / 3, first / 3
      x, _ = zero_sum.solve_zero_sum(payoffs, hint)
      np.testing.assert_allclose(x, rows / 3, atol=1e-12)
      self.assertAlmostEqual(self.check(payoffs, hint), 0)

  @parameterized.parameters(
      ([0.], "0 entries"), ([[0., np.nan]], "1 entries"),
      ([[np.inf], [-np.inf]], "2 entries"), (np.zeros((2, 2, 2)), "0 entries"),
      (np.zeros((0, 2)), "shape"))
  def test_refuses_what_is_no_finite_matrix(self, payoffs, reason):
    with self.assertRaisesRegex(ValueError, f"finite matrix.*{reason}"):
      zero_sum.solve_zero_sum(payoffs)


class WhenHighsFailsTest(parameterized.TestCase):

  def solve(self, answer, num_failures):
    """Returns the gap if HiGHS fails so often, and then answers so."""
    payoffs = np.random.default_rng(5).normal(size=(6, 7))
    minimise = linear_program.minimise
    with mock.patch.object(linear_program, "minimise") as failing:
      failing.side_effect = lambda cost, matrix, *args, **kwargs: (
          minimise(cost, matrix, *args, **kwargs)
          if failing.call_count > num_failures else
          (np.full(len(cost), answer), np.full(len(matrix), -answer)))
      x, y = zero_sum.solve_zero_sum(payoffs)
    methods = [call.args[5]["simplex_strategy"]
               for call in failing.call_args_list]
    self.assertNotEqual(methods[0], methods[1])
    for weights in (x, y):
      self.assertGreaterEqual(weights.min(), 0)
      self.assertAlmostEqual(weights.sum(), 1)
    return exact_gap(payoffs, x, y)[0]

  @parameterized.product(answer=(0, 1, -1, np.nan), num_failures=(1, 3))
  def test_now_and_then(self, answer, num_failures):
    with self.assertNoLogs(logging.get_absl_logger(), "WARNING"):
      self.assertLess(self.solve(answer, num_failures), 1e-9)

  @parameterized.parameters(0, 1, -1, np.nan)
  def test_always(self, answer):
    with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
      gap = self.solve(answer, np.inf)
    # This is what regret matching leaves; the best pure strategies leave 0.3.
    self.assertBetween(gap, 1e-6, 0.02)
    self.assertLen(logs.output, 1)
    self.assertIn("6 by 7 strategies", logs.output[0])
    self.assertIn(f"{gap:.1e}", logs.output[0])


if __name__ == "__main__":
  absltest.main()

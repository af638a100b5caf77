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

"""Tests for linear_program, against SciPy."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import scipy.optimize

from open_spiel_ppsro.meta_games import linear_program


def mixture_program(payoffs):
  """Returns the program that mixes columns against the best of rows.

  Its columns are the value and the weights: the weights sum to 1, and the value
  is no less than what each row of `payoffs` `[M, N]` gets.
  """
  num_rows, num_columns = payoffs.shape
  cost = np.append(1.0, np.zeros(num_columns))
  matrix = np.block([[np.zeros((1, 1)), np.ones((1, num_columns))],
                     [np.ones((num_rows, 1)), -payoffs]])
  return cost, matrix


def value_by_scipy(payoffs):
  cost, matrix = mixture_program(payoffs)
  return scipy.optimize.linprog(
      cost, -matrix[1:], np.zeros(len(payoffs)), matrix[:1], [1],
      [(None, None)] + [(0, None)] * payoffs.shape[1]).fun


class MinimiseTest(parameterized.TestCase):

  @parameterized.parameters(*range(5))
  def test_minimise(self, seed):
    rng = np.random.default_rng(seed)
    cost, matrix = rng.uniform(0, 1, 40), rng.normal(size=(30, 40))
    lower = matrix @ rng.uniform(0, 1, 40) - rng.uniform(0, 1, 30)
    upper = np.where(rng.random(30) < 0.5, lower + 0.1, np.inf)
    wanted = scipy.optimize.linprog(
        cost, np.vstack([-matrix, matrix[upper < np.inf]]),
        np.append(-lower, upper[upper < np.inf]))
    x, duals = linear_program.minimise(cost, matrix, lower, upper)
    self.assertAlmostEqual(cost @ x, wanted.fun)
    # Weak duality: no x costs less than this.
    bounds = np.where(duals > 0, lower, np.minimum(upper, 1e6))
    self.assertGreaterEqual((cost - duals @ matrix).min(), -1e-6)
    self.assertAlmostEqual(duals @ bounds, wanted.fun)
    # The basis of the solution, another one, and none.
    tight = np.abs(duals) > 1e-9
    for start in (linear_program.Basis(x > 1e-9, ~tight),
                  linear_program.Basis(np.arange(40) < 30, np.zeros(30, bool)),
                  linear_program.Basis(x > 1e-9, np.zeros(30, bool))):
      for method in (1, 4):
        again = linear_program.minimise(cost, matrix, lower, upper, start,
                                        {"simplex_strategy": method})
        np.testing.assert_allclose(again[0], x, atol=1e-6)
        np.testing.assert_allclose(again[1], duals, atol=1e-6)

  def test_a_good_start_needs_no_steps(self):
    rng = np.random.default_rng(0)
    program = (-np.ones(40), rng.uniform(1, 2, (30, 40)), np.full(30, -np.inf),
               np.ones(30))
    x, duals = linear_program.minimise(*program)
    with self.assertRaisesRegex(ValueError, "Iteration limit"):
      linear_program.minimise(*program, options={"simplex_iteration_limit": 0})
    again = linear_program.minimise(
        *program, linear_program.Basis(x > 0, duals == 0),
        {"simplex_iteration_limit": 0})
    np.testing.assert_allclose(again[0], x, atol=1e-9)
    np.testing.assert_allclose(again[1], duals, atol=1e-9)

  def test_no_optimum(self):
    # x is 1 at least and 0 at most.
    program = np.ones(1), np.ones((1, 1)), np.ones(1), np.zeros(1)
    with self.assertRaisesRegex(ValueError, "1 rows and 1 columns: Infeasible"):
      linear_program.minimise(*program)
    x, duals = linear_program.minimise(*program, must_be_optimal=False)
    self.assertEqual((x.shape, duals.shape), ((1,), (1,)))


# One row, one column: both are tight, and the slack of the sum is nonbasic.
FIRST_BASIS = linear_program.Basis(np.ones(2, bool), np.zeros(2, bool))


class GrowingProgramTest(parameterized.TestCase):

  def check(self, payoffs, solution):
    cost, matrix = mixture_program(payoffs)
    x, duals = solution
    self.assertAlmostEqual(cost @ x, value_by_scipy(payoffs), delta=1e-7)
    # Feasible, with duals that prove that nothing costs less.
    self.assertAlmostEqual(x[1:].sum(), 1, delta=1e-8)
    self.assertGreaterEqual((matrix[1:] @ x).min(), -1e-8)
    self.assertGreaterEqual(x[1:].min(), -1e-8)
    self.assertGreaterEqual(duals[1:].min(), -1e-8)
    reduced = cost - duals @ matrix
    self.assertAlmostEqual(reduced[0], 0, delta=1e-8)
    self.assertGreaterEqual(reduced[1:].min(), -1e-8)
    self.assertAlmostEqual(duals[0], cost @ x, delta=1e-7)

  @parameterized.parameters(*range(5))
  def test_it_grows(self, seed):
    payoffs = np.random.default_rng(seed).normal(size=(30, 40))
    program = linear_program.GrowingProgram(1, FIRST_BASIS)
    for num_rows, num_columns in ((1, 1), (5, 1), (5, 8), (12, 20), (12, 20),
                                  (30, 40)):
      part = payoffs[:num_rows, :num_columns]
      self.check(part, program.solve(*mixture_program(part)))

  @parameterized.parameters(*range(5))
  def test_a_basis_is_where_another_program_begins(self, seed):
    payoffs = np.random.default_rng(seed).normal(size=(30, 40))
    first = linear_program.GrowingProgram(1, FIRST_BASIS)
    first.solve(*mixture_program(payoffs))
    basis = first.basis()
    self.assertEqual(basis.columns.sum() + basis.slacks.sum(), 31)
    # What has no weight leaves it; the others have the same solution.
    rows, columns = ~basis.slacks[1:], basis.columns[1:]
    part = payoffs[np.ix_(rows, columns)]
    second = linear_program.GrowingProgram(1, linear_program.Basis(
        np.append(basis.columns[:1], basis.columns[1:][columns]),
        np.append(basis.slacks[:1], basis.slacks[1:][rows])))
    x, _ = second.solve(*mixture_program(part))
    self.assertAlmostEqual(x[0], value_by_scipy(payoffs), delta=1e-7)
    again = second.basis()
    self.assertTrue(again.columns.all())
    self.assertFalse(again.slacks.any())
    # What left comes back.
    order = np.argsort(~rows, kind="stable"), np.argsort(~columns,
                                                         kind="stable")
    self.check(payoffs[np.ix_(*order)],
               second.solve(*mixture_program(payoffs[np.ix_(*order)])))

  def test_no_optimum(self):
    # Without rows nothing keeps the value up.
    program = linear_program.GrowingProgram(
        1, linear_program.Basis(np.zeros(0, bool), np.zeros(0, bool)))
    self.assertIsNone(program.solve(*mixture_program(np.zeros((0, 2)))))


if __name__ == "__main__":
  absltest.main()

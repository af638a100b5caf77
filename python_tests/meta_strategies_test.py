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

"""Tests for meta_strategies."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import scipy.optimize

from open_spiel_ppsro.meta_games import meta_game
from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.meta_games import sub_game_solver
from open_spiel_ppsro.meta_games import zero_sum

RPS = np.array([[0., -1, 1], [1, 0, -1], [-1, 1, 0]])
RANDOM = np.random.default_rng(0)


def value_by_scipy(payoffs):
  """Returns the value of a zero-sum matrix game, by another solver's LP."""
  rows, columns = payoffs.shape
  solution = scipy.optimize.linprog(
      np.r_[np.zeros(rows), -1],
      A_ub=np.c_[-payoffs.T, np.ones(columns)], b_ub=np.zeros(columns),
      A_eq=[np.r_[np.ones(rows), 0]], b_eq=[1],
      bounds=[(0, None)] * rows + [(None, None)])
  return -solution.fun


class SolveZeroSumTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ("rps", RPS),
      ("matching_pennies", np.array([[1., -1], [-1, 1]])),
      ("dominated", np.array([[3., 2], [1, 0], [2, 5]])),
      ("duplicates", np.repeat(np.repeat(RPS, 4, axis=0), 2, axis=1)),
      ("zero", np.zeros((4, 5))),
      ("constant", np.full((3, 3), -1.0)),
      ("one_row", np.array([[3., -1, 2]])),
      ("one_column", np.array([[3.], [-1], [2]])),
      ("one_cell", np.array([[-1.0]])),
      ("huge", 1e6 * RANDOM.uniform(-1, 1, (10, 12))),
      ("tiny", 1e-6 * RANDOM.uniform(-1, 1, (10, 12))),
      ("wide", RANDOM.uniform(-1, 1, (40, 60))),
      ("large", RANDOM.uniform(-1, 1, (120, 120))),
  )
  def test_value_and_regret(self, payoffs):
    scale = max(np.abs(payoffs).max(), 1e-30)
    rows, columns = payoffs.shape
    hints = [None, (np.eye(rows)[0], np.eye(columns)[-1]),
             (np.full(rows, np.nan), np.eye(columns)[0])]
    for hint in hints:
      x, y = zero_sum.solve_zero_sum(payoffs, hint)
      for p in (x, y):
        self.assertAlmostEqual(p.sum(), 1)
        self.assertTrue((p >= 0).all())
      regrets = meta_strategies.regrets([payoffs, -payoffs], [x, y])
      self.assertLess(regrets.max() / scale, 1e-8)
      if scale > 1e-3:  # Smaller than scipy's own tolerance.
        self.assertAlmostEqual(x @ payoffs @ y / scale,
                               value_by_scipy(payoffs) / scale, places=6)

  @parameterized.parameters(
      (np.zeros(3),), (np.array([[0., np.nan]]),), (np.zeros((2, 2, 2)),))
  def test_refuses_what_is_no_matrix(self, payoffs):
    with self.assertRaisesRegex(ValueError, "finite matrix"):
      zero_sum.solve_zero_sum(payoffs)


class MethodsTest(parameterized.TestCase):

  @parameterized.parameters(*sorted(meta_strategies.METHODS))
  def test_every_method_answers_distributions(self, method):
    options = {"prd_iterations": 500} if method == "prd" else {}
    if method == "rm":
      options = {"iterations": 500}
    sub_game = meta_game.SubGame([RPS, -RPS], options)
    name, probabilities, joint = meta_strategies.solve(method, sub_game)
    self.assertEqual(name, method)
    self.assertEqual(joint is not None, method == "cce")
    for p in probabilities:
      self.assertAlmostEqual(p.sum(), 1)
      if method != "uniform_biased":
        np.testing.assert_allclose(p, 1 / 3, atol=0.05)

  @parameterized.parameters("nash", "fictitious_play")
  def test_zero_sum_methods_refuse_other_games(self, method):
    for payoffs in ([RPS, RPS], [np.zeros((2, 2, 2))] * 3):
      with self.assertRaisesRegex(ValueError, "prd"):
        meta_strategies.solve(method, meta_game.SubGame(payoffs))
    with self.assertRaisesRegex(ValueError, "alpharank.*uniform"):
      meta_strategies.check_applicable(method, 3, True)
    with self.assertRaisesRegex(ValueError, "general-sum"):
      meta_strategies.check_applicable(method, 2, False)
    meta_strategies.check_applicable("uniform", 3, False)

  def test_fictitious_play_approaches_nash(self):
    payoffs = np.random.default_rng(1).uniform(-1, 1, (8, 8))
    worst = []
    for iterations in (100, 10_000):
      sub_game = meta_game.SubGame(
          [payoffs, -payoffs], {"fictitious_play_iterations": iterations})
      probabilities = meta_strategies.fictitious_play_strategy(sub_game)
      worst.append(meta_strategies.regrets([payoffs, -payoffs],
                                           probabilities).max())
    self.assertLess(worst[1], worst[0])
    self.assertLess(worst[1], 0.03)

  def test_psro_v2_calling_convention(self):
    sub_game = meta_game.SubGame([RPS[:, :2], -RPS[:, :2]])
    marginals, joint = meta_strategies.nash_strategy(solver=sub_game,
                                                     return_joint=True)
    np.testing.assert_allclose(joint, np.outer(*marginals).ravel())

  def test_unknown_method(self):
    with self.assertRaisesRegex(ValueError, "unknown meta-strategy 'nsh'"):
      meta_strategies.resolve("nsh")


class SubGameSolverTest(absltest.TestCase):

  def test_solves_each_sub_game_once_while_it_stands(self):
    game = meta_game.MetaGame((0, 1))
    game.grow((3, 3))
    game.fill(([0, 1, 2], [0, 1, 2]), [RPS, -RPS])
    calls = []

    def counting(solver, return_joint=False):
      calls.append(1)
      return meta_strategies.nash_strategy(solver, return_joint)

    solve = sub_game_solver.SubGameSolver(game, counting)
    everyone = ((0, 1, 2), (0, 1, 2))
    first = solve(everyone)
    np.testing.assert_allclose(first.probabilities[0], 1 / 3)
    self.assertIs(solve(everyone), first)
    solve(((0, 1), (0, 1)))
    self.assertLen(calls, 2)
    game.fill(([0], [1]), [[[-2.0]], [[2.0]]])
    changed = solve(everyone)
    self.assertLen(calls, 3)
    self.assertLess(changed.regret.max(), 1e-9)
    self.assertFalse(np.allclose(changed.probabilities[0], 1 / 3))


class OnlineRegretMatchingTest(absltest.TestCase):

  def test_average_play_approaches_nash(self):
    game = meta_game.MetaGame((0, 0))
    game.grow((3,))
    payoffs = np.array([[0., -2, 1], [2, 0, -1], [-1, 1, 0]])
    game.fill(([0, 1, 2], [0, 1, 2]), [payoffs, -payoffs])
    solver = sub_game_solver.OnlineRegretMatching(game, exploration=0.0)
    average = np.mean([solver(((0, 1, 2),)).probabilities[0]
                       for _ in range(4000)], axis=0)
    np.testing.assert_allclose(
        average, zero_sum.solve_zero_sum(payoffs)[0], atol=0.03)
    exploring = sub_game_solver.OnlineRegretMatching(game, exploration=0.3)
    for _ in range(10):
      probabilities = exploring(((0, 1, 2),)).probabilities[0]
    self.assertGreaterEqual(probabilities.min(), 0.1 - 1e-12)


if __name__ == "__main__":
  absltest.main()

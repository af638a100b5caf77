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

from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro.meta_games import meta_game
from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.meta_games import sub_game_solver
from open_spiel_ppsro.meta_games import zero_sum

RPS = np.array([[0., -1, 1], [1, 0, -1], [-1, 1, 0]])


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

  def test_knows_which_sub_games_stand(self):
    rng = np.random.default_rng(0)
    payoffs = rng.normal(size=(5, 5))
    game = meta_game.MetaGame((0, 1))
    game.grow((5, 5))
    game.fill([range(5)] * 2, [payoffs, -payoffs])
    solve = sub_game_solver.SubGameSolver(game, "nash")
    sub_games = [((0, 1, 2), (0, 1, 2)), ((0, 1, 2, 3), (0, 1, 2, 3)),
                 ((1, 3), (0, 2, 4))]
    known = [solve(indices) for indices in sub_games]
    for changed in ((0, 0), (2, 3), (1, 4), (4, 4)):
      payoffs[changed] += 1
      # All is set again, and only what is another number counts as changed.
      game.fill([range(5)] * 2, [payoffs, -payoffs])
      game.grow((6, 7))
      # Another solver goes on where this one is.
      restored_game = meta_game.MetaGame((0, 1))
      restored_game.restore(game.payoffs)
      restored = sub_game_solver.SubGameSolver(restored_game, "nash")
      restored.restore(solve.state())
      for index, indices in enumerate(sub_games):
        stands = not all(policy in policies for policy, policies
                         in zip(changed, indices))
        for solver in (solve, restored):
          with mock.patch.object(
              meta_strategies, "solve", wraps=meta_strategies.solve) as calls:
            answer = solver(indices)
          self.assertEqual(calls.called, not stands)
          self.assertLess(answer.regret.max(), 1e-9)
          if stands:
            for found, old in zip(answer.probabilities,
                                  known[index].probabilities):
              np.testing.assert_array_equal(found, old)
        known[index] = answer

  def test_a_checkpoint_of_0_1_says_where_to_start(self):
    game = meta_game.MetaGame((0, 1))
    game.grow((3, 3))
    game.fill([range(3)] * 2, [RPS, -RPS])
    everyone = ((0, 1, 2), (0, 1, 2))
    solve = sub_game_solver.SubGameSolver(game, "nash")
    solve(everyone)
    state = solve.state()
    self.assertIs(state["solved"][0][1], True)
    state["solved"][0][1] = "the hash of the payoffs"
    restored = sub_game_solver.SubGameSolver(game, "nash")
    restored.restore(state)
    with mock.patch.object(
        meta_strategies, "solve", wraps=meta_strategies.solve) as calls:
      restored(everyone)
      restored(everyone)
    self.assertEqual(calls.call_count, 1)
    np.testing.assert_allclose(calls.call_args.args[1].hint, 1 / 3)


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

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

"""Tests for population_dynamics, against OpenSpiel's own implementations."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import projected_replicator_dynamics
from open_spiel.python.algorithms import regret_matching
from open_spiel.python.egt import alpharank
import pytest

from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.meta_games import population_dynamics

RPS = np.array([[0., -1, 1], [1, 0, -1], [-1, 1, 0]])
BIASED_RPS = np.array([[0., -2, 1], [2, 0, -1], [-1, 1, 0]])
DILEMMA = np.array([[3., 0], [5, 1]])


def random_game(seed, *sizes):
  return list(np.random.default_rng(seed).uniform(-3, 3, (len(sizes), *sizes)))


GAMES = (
    ("rps", [BIASED_RPS, -BIASED_RPS]),
    ("dilemma", [DILEMMA, DILEMMA.T]),
    ("rectangular", random_game(0, 3, 5)),
    ("one_policy", random_game(1, 1, 3)),
    ("three_players", random_game(2, 3, 2, 4)),
    ("four_players", random_game(3, 2, 3, 1, 2)),
    ("ties", list(np.random.default_rng(4).integers(-2, 2, (3, 3, 3, 3)))),
)


class AgainstOpenSpielTest(parameterized.TestCase):

  @parameterized.product(
      game=GAMES,
      options=({}, {"prd_gamma": 1e-2},
               {"average_over_last_n_strategies": 500}),
      prd_dt=(1e-3, 1e-2))
  @pytest.mark.sweep(10)
  def test_projected_replicator_dynamics(self, game, options, prd_dt):
    ours = population_dynamics.projected_replicator_dynamics(
        game[1], prd_iterations=3000, prd_dt=prd_dt, **options)
    theirs = projected_replicator_dynamics.projected_replicator_dynamics(
        game[1], prd_iterations=3000, prd_dt=prd_dt, **options)
    for p, q in zip(ours, theirs):
      np.testing.assert_allclose(p, q, atol=1e-9)

  @parameterized.product(
      game=GAMES,
      options=({}, {"gamma": 0.1}, {"average_over_last_n_strategies": 500}))
  def test_regret_matching(self, game, options):
    ours = population_dynamics.regret_matching(
        game[1], iterations=1000, **options)
    theirs = regret_matching.regret_matching(
        game[1], iterations=1000, **options)
    for p, q in zip(ours, theirs):
      np.testing.assert_allclose(p, q, atol=1e-6)

  def test_initial_strategies(self):
    _, payoffs = GAMES[4]
    start = [np.array([0.5, 0.2, 0.3]), np.array([1.0, 0]),
             np.array([0, 0, 0.1, 0.9])]
    for p, q in zip(
        population_dynamics.projected_replicator_dynamics(
            payoffs, start, prd_iterations=100, prd_dt=1e-3),
        projected_replicator_dynamics.projected_replicator_dynamics(
            payoffs, [p.copy() for p in start], prd_iterations=100)):
      np.testing.assert_allclose(p, q, atol=1e-12)

  @parameterized.named_parameters(*GAMES)
  def test_alpha_rank(self, payoffs):
    ranks = population_dynamics.alpha_rank(payoffs)
    self.assertAlmostEqual(ranks.sum(), 1)
    self.assertGreaterEqual(ranks.min(), 0)
    payoffs = [tensor.astype(float) for tensor in payoffs]
    np.testing.assert_allclose(
        ranks.ravel(), alpharank.sweep_pi_vs_epsilon(payoffs), atol=1e-6)


class PropertiesTest(parameterized.TestCase):

  def test_no_probability_below_gamma(self):
    for gamma in (1e-6, 0.05):
      found = population_dynamics.projected_replicator_dynamics(
          [10 * DILEMMA, 10 * DILEMMA.T], prd_gamma=gamma,
          average_over_last_n_strategies=1)
      for p in found:
        np.testing.assert_allclose(p, [gamma, 1 - gamma], atol=1e-12)

  @pytest.mark.thorough
  def test_default_steps_come_as_far_as_openspiels(self):
    payoffs = np.random.default_rng(6).uniform(-1, 1, (3, 4, 4, 4))
    theirs = projected_replicator_dynamics.projected_replicator_dynamics(
        payoffs, prd_iterations=75_000)
    for unit in (1e-3, 1.0, 1e3):
      ours = population_dynamics.projected_replicator_dynamics(unit * payoffs)
      for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p, q, atol=5e-3)

  def test_a_constant_changes_nothing(self):
    # With payoffs below zero rounding errors used to grow without bound.
    payoffs = random_game(5, 2, 2, 2)
    found = [population_dynamics.projected_replicator_dynamics(
        [tensor + constant for tensor in payoffs])
             for constant in (0, 20, -20)]
    for player in range(3):
      for strategies in found:
        self.assertAlmostEqual(strategies[player].sum(), 1, places=9)
        np.testing.assert_allclose(
            strategies[player], found[0][player], atol=1e-6)

  def test_averages_of_zero_sum_games_approach_equilibria(self):
    payoffs = np.random.default_rng(5).uniform(-1, 1, (6, 6))
    for dynamics, bound in (
        (population_dynamics.projected_replicator_dynamics, 0.1),
        (population_dynamics.regret_matching, 0.02)):
      found = dynamics([payoffs, -payoffs])
      self.assertLess(
          meta_strategies.regrets([payoffs, -payoffs], found).max(), bound)

  def test_rank_of_a_cycle(self):
    ranks = population_dynamics.alpha_rank([RPS, -RPS])
    np.testing.assert_allclose(ranks.sum(axis=0), 1 / 3)

  @parameterized.parameters(
      ({"prd_iterations": 0}, "iterations is 0"),
      ({"prd_dt": 0}, "prd_dt is 0"),
      ({"prd_gamma": 0.6}, "prd_gamma is 0.6.*less than 0.5"),
      ({"prd_initial_strategies": [np.ones(3), np.ones(2)]}, "2 strategies"),
      ({"average_over_last_n_strategies": 0}, "1 or more"))
  def test_refuses(self, options, message):
    with self.assertRaisesRegex(ValueError, message):
      population_dynamics.projected_replicator_dynamics(
          [DILEMMA, DILEMMA.T], **options)

  def test_refuses_what_is_no_game(self):
    for payoffs in ([DILEMMA], [DILEMMA, RPS]):
      with self.assertRaisesRegex(ValueError, "n tensors"):
        population_dynamics.regret_matching(payoffs)

  def test_alpha_rank_refuses_before_it_explodes(self):
    with self.assertRaisesRegex(
        ValueError, "60x60 policies walks over 3,600 profiles.*use prd"
    ) as caught:
      population_dynamics.alpha_rank([np.zeros((60, 60))] * 2)
    self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
  absltest.main()

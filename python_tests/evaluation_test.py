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

"""Tests for meta_game and evaluation."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import policy_aggregator
import pytest

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.meta_games import meta_game
import testing


class MetaGameTest(absltest.TestCase):

  def test_grows_and_keeps_what_it_knows(self):
    game = meta_game.MetaGame(roles=(0, 1))
    game.grow((1, 2))
    game.fill(([0], [0, 1]), [[[1., 2.]], [[-1., -2.]]])
    game.grow((2, 2))
    np.testing.assert_array_equal(game.payoffs[0, 0], [1, 2])
    self.assertTrue(np.isnan(game.payoffs[0, 1]).all())
    with self.assertRaisesRegex(ValueError, "unmeasured"):
      game.sub_game(((0, 1), (0,)))
    known = game.sub_game(((0,), (1, 0)))
    np.testing.assert_array_equal(known.get_meta_game()[0], [[2, 1]])
    self.assertEqual(known.get_policies(), [[0], [0, 1]])

  def test_expected_return(self):
    rng = np.random.default_rng(0)
    for shape in ((3, 4), (2, 3, 4)):
      game = meta_game.MetaGame(roles=tuple(range(len(shape))))
      game.grow(shape)
      payoffs = rng.normal(size=(len(shape), *shape))
      game.fill([range(k) for k in shape], payoffs)
      weights = [rng.dirichlet(np.ones(k)) for k in shape]
      for player in range(len(shape)):
        # By brute force over profiles.
        expected = sum(
            payoffs[(player, *profile)] * np.prod(
                [weights[p][profile[p]] for p in range(len(shape))
                 if p != player])
            for profile in np.ndindex(*shape) if profile[player] == 1)
        self.assertAlmostEqual(game.expected_return(
            (player, 1), meta_game.MetaStrategy(
                tuple(tuple(range(k)) for k in shape), tuple(weights), "drawn",
                np.zeros(len(shape)))), expected)


class ExactEvaluatorTest(parameterized.TestCase):

  def populated(self, tree, count, seed=0):
    rng = np.random.default_rng(seed)
    population = population_lib.Population(tree.num_populations)
    for p in range(tree.num_populations):
      for _ in range(count):
        population.publish(
            population.open(p).policy_id,
            testing.random_table(tree, tree.roles.index(p), rng))
    return population

  @parameterized.parameters("kuhn_poker", "kuhn_poker(players=3)", "symmetric")
  def test_after_changes_as_from_scratch(self, name):
    if name == "symmetric":
      tree = seat_symmetry.symmetrise(game_tree.enumerate_game("kuhn_poker"))
    else:
      tree = game_tree.enumerate_game(name)
    population = self.populated(tree, 2)
    evaluator = exact_evaluator.ExactEvaluator(tree)
    game = meta_game.MetaGame(tree.roles)
    ids = [m.policy_id for m in population.members()]
    evaluator.measure(population, game, ids)
    # Some policies change, one is added, twice.
    other = self.populated(tree, 4, seed=1)
    for policy_id in (ids[1], ids[-1]):
      population.publish(policy_id, other[policy_id].snapshot.policy)
    added = population.open(0).policy_id
    population.publish(added, other[added].snapshot.policy)
    evaluator.measure(population, game, [ids[1], ids[-1], added])
    scratch = meta_game.MetaGame(tree.roles)
    exact_evaluator.ExactEvaluator(tree).measure(
        population, scratch, [m.policy_id for m in population.members()])
    self.assertFalse(np.isnan(game.payoffs).any())
    np.testing.assert_allclose(game.payoffs, scratch.payoffs, atol=1e-12)

  @parameterized.parameters("kuhn_poker", "leduc_poker",
                            "kuhn_poker(players=3)")
  @pytest.mark.slow
  def test_exploitability_is_openspiels(self, name):
    tree = game_tree.enumerate_game(name)
    population = self.populated(tree, 3)
    evaluator = exact_evaluator.ExactEvaluator(tree)
    evaluator.measure(population, meta_game.MetaGame(tree.roles),
                      [m.policy_id for m in population.members()])
    indices = tuple((0, 2) for _ in tree.roles)
    weights = [np.array([0.25, 0.75])] * tree.num_players
    result = evaluator.exploitability(meta_game.MetaStrategy(
        indices, tuple(weights), "drawn", np.zeros(len(weights))))
    policies = [
        [tree.tabular_policy(
            [population[population_lib.PolicyId(p, k)].snapshot.policy.table
             for p in range(tree.num_players)]) for k in (0, 2)]
        for _ in tree.roles]
    aggregate = policy_aggregator.PolicyAggregator(tree.game).aggregate(
        list(range(tree.num_players)), policies, weights)
    self.assertAlmostEqual(
        result.nash_conv, exploitability.nash_conv(tree.game, aggregate),
        delta=1e-9)
    self.assertAlmostEqual(result.exploitability * tree.num_players,
                           result.nash_conv)


if __name__ == "__main__":
  absltest.main()

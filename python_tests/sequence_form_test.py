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

"""Tests for sequence_form, against OpenSpiel's own evaluation."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import best_response as spiel_best_response
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import policy_aggregator
import pyspiel
import pytest

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
import testing

GAMES = (
    "kuhn_poker", "kuhn_poker(players=3)", "leduc_poker",
    "liars_dice(dice_sides=3)",
    "goofspiel(num_cards=4,imp_info=True,points_order=descending)",
    "matrix_rps", "matrix_pd", "matrix_sh", "matrix_bos",
    "matching_pennies_3p", "blotto(coins=3,fields=2,players=2)",
)


def random_tables(tree, seed, count=None):
  """Returns per player a random table, or `count` of them."""
  rng = np.random.default_rng(seed)
  if count is None:
    return [testing.random_table(tree, player, rng)
            for player in range(tree.num_players)]
  return [np.stack([testing.random_table(tree, player, rng)
                    for _ in range(count)])
          for player in range(tree.num_players)]


def as_plans(tree, tables):
  return [sequence_form.realization_plan(tree, table, player)
          for player, table in enumerate(tables)]


class AgainstOpenSpielTest(parameterized.TestCase):

  @parameterized.parameters(*GAMES)
  @pytest.mark.slow
  def test_nash_conv_and_returns(self, name):
    tree = game_tree.enumerate_game(name)
    for seed in range(2):
      tables = random_tables(tree, seed)
      plans = as_plans(tree, tables)
      policy = tree.tabular_policy(tables)
      self.assertAlmostEqual(
          sequence_form.nash_conv(tree, plans),
          exploitability.nash_conv(tree.game, policy), delta=1e-9)
      np.testing.assert_allclose(
          sequence_form.expected_returns(tree, plans),
          expected_game_score.policy_value(
              tree.game.new_initial_state(), [policy] * tree.num_players),
          atol=1e-9)

  @pytest.mark.thorough
  def test_liars_dice(self):
    tree = game_tree.enumerate_game("liars_dice")
    tables = [tree.uniform_table(player) for player in range(2)]
    self.assertAlmostEqual(
        sequence_form.nash_conv(tree, as_plans(tree, tables)),
        pyspiel.nash_conv(tree.game, pyspiel.UniformRandomPolicy(tree.game)),
        delta=1e-9)

  @parameterized.parameters(
      ("kuhn_poker", 0.916666666667), ("leduc_poker", 4.747222222222))
  def test_known_nash_conv_of_uniform_play(self, name, expected):
    tree = game_tree.enumerate_game(name)
    tables = [tree.uniform_table(player) for player in range(2)]
    self.assertAlmostEqual(
        sequence_form.nash_conv(tree, as_plans(tree, tables)), expected)

  @parameterized.parameters(
      ("kuhn_poker", (3, 4)), ("kuhn_poker(players=3)", (2, 3, 2)),
      ("matrix_pd", (2, 3)), ("leduc_poker", (2, 2)))
  def test_payoff_tensors(self, name, counts):
    tree = game_tree.enumerate_game(name)
    tables = [t[:k] for t, k in zip(random_tables(tree, 0, 4), counts)]
    tensors = sequence_form.payoff_tensors(tree, as_plans(tree, tables))
    self.assertEqual(tensors.shape, (tree.num_players, *counts))
    for profile in np.ndindex(*counts):
      policy = tree.tabular_policy(
          [table[k] for table, k in zip(tables, profile)])
      np.testing.assert_allclose(
          tensors[(slice(None), *profile)],
          expected_game_score.policy_value(
              tree.game.new_initial_state(), [policy] * tree.num_players),
          atol=1e-9)

  @parameterized.parameters("kuhn_poker", "kuhn_poker(players=3)",
                            "leduc_poker")
  @pytest.mark.slow
  def test_mixture_is_the_aggregate(self, name):
    tree = game_tree.enumerate_game(name)
    tables = random_tables(tree, 5, 3)
    weights = [np.array([.5, .2, .3])] * tree.num_players
    plans = [sequence_form.mixture_table_plan(tree, tables[p], weights[p], p)
             for p in range(tree.num_players)]
    aggregate = policy_aggregator.PolicyAggregator(tree.game).aggregate(
        list(range(tree.num_players)),
        [[tree.tabular_policy([t[k] for t in tables]) for k in range(3)]
         for _ in range(tree.num_players)], weights)
    self.assertAlmostEqual(
        sequence_form.nash_conv(tree, plans),
        exploitability.nash_conv(tree.game, aggregate), delta=1e-9)
    for player, plan in enumerate(plans):
      np.testing.assert_allclose(
          sequence_form.realization_plan(
              tree, sequence_form.behaviour(tree, plan, player), player),
          plan, atol=1e-12)

  def test_averaging_per_information_state_is_another_policy(self):
    # Player 0 of Kuhn poker: always bet, or never: with weights 0.2 and 0.8
    # the state after "pass, bet" is reached by the second alone.
    tree = game_tree.enumerate_game("kuhn_poker")
    tables = np.zeros((2, 6, 2))
    tables[0, :, 1] = tables[1, :, 0] = 1
    weights = np.array([0.2, 0.8])
    plan = sequence_form.mixture_table_plan(tree, tables, weights, 0)
    behaviour = sequence_form.behaviour(tree, plan, 0)
    later = tree.infostates[0].levels[1]
    np.testing.assert_allclose(behaviour[later], [[1, 0]] * 3)
    averaged = np.einsum("k,kia->ia", weights, tables)
    np.testing.assert_allclose(averaged[later], [[.8, .2]] * 3)
    other = sequence_form.realization_plan(tree, tree.uniform_table(1), 1)
    naive = sequence_form.realization_plan(tree, averaged, 0)
    self.assertGreater(abs(sequence_form.nash_conv(tree, [plan, other])
                           - sequence_form.nash_conv(tree, [naive, other])),
                       0.01)


class BestResponseTest(parameterized.TestCase):

  @parameterized.product(
      name=("kuhn_poker", "leduc_poker", "kuhn_poker(players=3)"),
      tie_break=sequence_form.TIE_BREAKS)
  def test_value_is_openspiels(self, name, tie_break):
    tree = game_tree.enumerate_game(name)
    tables = random_tables(tree, 1)
    # Deterministic opponents leave much unreached, and ties to break.
    tables[1] = np.eye(tree.num_actions)[
        tree.infostates[1].legal_actions_mask.argmax(axis=1)]
    plans = as_plans(tree, tables)
    policy = tree.tabular_policy(tables)
    response = sequence_form.best_response(tree, plans, 0, tie_break,
                                           np.random.default_rng(0))
    tree.check_table(response.table, 0)
    expected = spiel_best_response.BestResponsePolicy(
        tree.game, 0, policy).value(tree.game.new_initial_state())
    self.assertAlmostEqual(response.value, expected, delta=1e-9)
    played = [sequence_form.realization_plan(tree, response.table, 0),
              *plans[1:]]
    self.assertAlmostEqual(
        sequence_form.expected_returns(tree, played)[0], expected, delta=1e-9)

  @parameterized.parameters("kuhn_poker", "leduc_poker",
                            "kuhn_poker(players=3)", "matrix_pd")
  def test_a_pure_plan_has_the_value_of_a_best_response(self, name):
    tree = game_tree.enumerate_game(name)
    plans = as_plans(tree, random_tables(tree, 2))
    for player in range(tree.num_players):
      values = sequence_form.sequence_values(tree, plans, player)
      plan, value = sequence_form.best_pure_plan(tree, values, player)
      self.assertAlmostEqual(
          value, sequence_form.best_response_value(tree, plans, player),
          delta=1e-12)
      self.assertAlmostEqual(plan @ values, value, delta=1e-12)
      self.assertContainsSubset(np.unique(plan), [0, 1])
      tree.check_table(sequence_form.behaviour(tree, plan, player), player)

  @parameterized.parameters("kuhn_poker", "leduc_poker")
  def test_ties_of_a_pure_plan_are_broken_by_second_values(self, name):
    tree = game_tree.enumerate_game(name)
    tables = random_tables(tree, 1)
    tables[1] = np.eye(tree.num_actions)[
        tree.infostates[1].legal_actions_mask.argmax(axis=1)]
    plans = as_plans(tree, tables)
    values = sequence_form.sequence_values(tree, plans, 0)
    second = sequence_form.values_against_uniform(tree, 0)
    plan, value = sequence_form.best_pure_plan(tree, values, 0, second)
    response = sequence_form.best_response(tree, plans, 0, "perturbed")
    self.assertEqual(value, response.value)
    np.testing.assert_array_equal(
        plan, sequence_form.realization_plan(tree, response.table, 0))
    first, _ = sequence_form.best_pure_plan(tree, values, 0)
    self.assertAlmostEqual(first @ values, plan @ values, delta=1e-9)
    self.assertGreater(plan @ second, first @ second)

  @parameterized.parameters(
      ("first", [1, 0, 0]), ("last", [0, 0, 1]),
      ("uniform", [1 / 3, 1 / 3, 1 / 3]))
  def test_ties_on_rock_paper_scissors(self, tie_break, expected):
    tree = game_tree.enumerate_game("matrix_rps")
    plans = as_plans(tree, [tree.uniform_table(0), tree.uniform_table(1)])
    response = sequence_form.best_response(tree, plans, 0, tie_break)
    np.testing.assert_allclose(response.table, [expected])

  def test_perturbed_is_sensible_where_opponents_never_go(self):
    # Against an opponent who always passes, player 0 never sees a bet after
    # its pass; holding the king (card 2) it should still call one.
    tree = game_tree.enumerate_game("kuhn_poker")
    never_bets = np.tile([1., 0.], (6, 1))
    plans = as_plans(tree, [tree.uniform_table(0), never_bets])
    king = tree.infostates[0].rows["2pb"]
    jack = tree.infostates[0].rows["0pb"]
    perturbed = sequence_form.best_response(tree, plans, 0, "perturbed").table
    np.testing.assert_array_equal(perturbed[[king, jack]], [[0, 1], [1, 0]])
    first = sequence_form.best_response(tree, plans, 0, "first").table
    np.testing.assert_array_equal(first[king], [1, 0])

  def test_unknown_rule(self):
    tree = game_tree.enumerate_game("kuhn_poker")
    plans = as_plans(tree, random_tables(tree, 0))
    with self.assertRaisesRegex(ValueError, "perturbed"):
      sequence_form.best_response(tree, plans, 0, "worst")


if __name__ == "__main__":
  absltest.main()

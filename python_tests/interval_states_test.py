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

"""Tests of exploitability intervals of games that are walked state by state."""

import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.games import sequence_form

GENERAL_SUM = (
    "trade_comm(num_items=2)",
    "sheriff(item_penalty=1.0,item_value=5.0,max_bribe=2,max_items=2,"
    "num_rounds=1,sheriff_penalty=1.0)")
ZERO_SUM = (
    "kuhn_poker", "leduc_poker", "liars_dice(dice_sides=3)",
    "goofspiel(num_cards=4,imp_info=True,points_order=descending)")
WEIGHTS = [np.array([.5, .3, .2]), np.array([.6, 0, .4])]


def random_tables(tree, seed, count):
  """Returns per player `count` random tables, with zeros."""
  rng = np.random.default_rng(seed)
  tables = []
  for infostates in tree.infostates:
    mask = infostates.legal_actions_mask
    table = rng.exponential(size=(count, *mask.shape)) * mask
    table *= (rng.random(table.shape) < .7) | (table == table.max(
        axis=-1, keepdims=True))
    tables.append(table / table.sum(axis=-1, keepdims=True))
  return tables


def of_game(name):
  """Returns a tree, mixtures of OpenSpiel policies, and their exact gains.

  The gains are per player the value of the best response, then the returns.
  """
  tree = ppsro.enumerate_game(name)
  tables = random_tables(tree, 0, 3)
  plans = [sequence_form.mixture_table_plan(tree, own, weights, player)
           for player, (own, weights) in enumerate(zip(tables, WEIGHTS))]
  members = [tree.tabular_policy([own[k] for own in tables]) for k in range(3)]
  best = [sequence_form.best_response_value(tree, plans, player)
          for player in range(2)]
  return (tree, [(members, weights) for weights in WEIGHTS], best,
          sequence_form.expected_returns(tree, plans),
          sequence_form.nash_conv(tree, plans) / 2)


def uniform(observations, legal_actions_mask):
  return legal_actions_mask / legal_actions_mask.sum(axis=1, keepdims=True)


class ExactTest(parameterized.TestCase):

  @parameterized.parameters(*ZERO_SUM, *GENERAL_SUM)
  def test_threshold_zero_is_exact(self, name):
    tree, mixtures, best, returns, expected = of_game(name)
    found = ppsro.exploitability_interval(tree.game, mixtures, seconds=None)
    self.assertEqual(found.width, 0)
    self.assertAlmostEqual(found.low, expected, delta=1e-9)
    np.testing.assert_allclose(
        found.best_responses, np.stack([best, best], 1), atol=1e-9)
    if name in GENERAL_SUM:
      np.testing.assert_allclose(
          found.returns, np.stack([returns, returns], 1), atol=1e-9)
    else:
      self.assertIsNone(found.returns)

  @pytest.mark.thorough
  def test_liars_dice(self):
    game = pyspiel.load_game("liars_dice")
    found = ppsro.exploitability_interval(
        game, openspiel_policy.UniformRandomPolicy(game), seconds=None)
    expected = pyspiel.nash_conv(game, pyspiel.UniformRandomPolicy(game)) / 2
    np.testing.assert_allclose([found.low, found.high], expected, atol=1e-9)

  @parameterized.parameters(*ZERO_SUM, *GENERAL_SUM)
  @pytest.mark.slow
  def test_bounds_hold_and_close(self, name):
    tree, mixtures, best, _, expected = of_game(name)
    widths = []
    for threshold in (.1, .01, 1e-3, 1e-4, 1e-5, 1e-7):
      found = ppsro.exploitability_interval(
          tree.game, mixtures, seconds=None, threshold=threshold)
      self.assertEqual(found.thresholds, (threshold, threshold))
      widths.append(found.width)
      self.assertBetween(expected, found.low - 1e-9, found.high + 1e-9)
      for bounds, value in zip(found.best_responses, best):
        self.assertBetween(value, bounds.low - 1e-9, bounds.high + 1e-9)
    self.assertSequenceAlmostEqual(widths, sorted(widths, reverse=True))
    self.assertGreater(widths[0], .01)
    self.assertLess(widths[-1], 1e-5)

  def test_dark_hex_is_by_what_a_player_sees(self):
    # OpenSpiel's strings of dark_hex forget on larger boards, and on this one
    # they count moves that the rules hide, which is worth nothing here.
    game = pyspiel.load_game("dark_hex(board_size=2)")
    found = ppsro.exploitability_interval(
        game, openspiel_policy.UniformRandomPolicy(game), seconds=None)
    self.assertAlmostEqual(
        found.low, pyspiel.nash_conv(game, pyspiel.UniformRandomPolicy(game))
        / 2)
    self.assertEqual(found.width, 0)


class PoliciesTest(parameterized.TestCase):

  def test_all_forms_agree(self):
    game = ppsro.open_game("kuhn_poker", evaluation="sampled")
    members = [ppsro.PPOConfig().make_learner(
        game, 0, np.random.SeedSequence(seed)).initial_policy()
               for seed in range(2)]
    weights = np.array([.75, .25])
    mixture = ppsro.Mixture(
        tuple(ppsro.Snapshot(ppsro.PolicyId(0, index), 0, member)
              for index, member in enumerate(members)), weights)
    wrapped = [ppsro.SampledPolicy(game, [0, 1], member) for member in members]
    both = ppsro.MixturePolicy(game, [members] * 2, [weights] * 2)
    results = [
        ppsro.exploitability_interval(given, policies, seconds=None)
        for given, policies in (
            (game, [(members, weights)] * 2), (game, [mixture, mixture]),
            (game, both), (game.game, both), ("kuhn_poker", both),
            (game, [(wrapped, 3 * weights)] * 2),
            ("kuhn_poker", [(wrapped, weights)] * 2))]
    for result in results:
      self.assertEqual(result.width, 0)
      self.assertAlmostEqual(result.low, results[0].low, delta=1e-6)
    tree = ppsro.enumerate_game("kuhn_poker")
    plans = [
        sequence_form.mixture_table_plan(tree, np.stack([
            member(infostates.observations, infostates.legal_actions_mask)
            for member in members]), weights, player)
        for player, infostates in enumerate(tree.infostates)]
    self.assertAlmostEqual(
        results[0].low, sequence_form.nash_conv(tree, plans) / 2, delta=1e-6)

  def test_one_policy_of_both_seats_sees_its_seat(self):
    game = ppsro.symmetrise(ppsro.open_game("kuhn_poker",
                                            evaluation="sampled"))
    seen = []

    def function(observations, legal_actions_mask):
      seen.append(observations)
      # Player 0 never bets, player 1 always does.
      return np.eye(2)[observations[:, -1].astype(int)]

    found = ppsro.exploitability_interval(game, [function] * 2, seconds=None)
    self.assertEqual({rows.shape[1] for rows in seen}, {game.num_features})
    tree = ppsro.enumerate_game("kuhn_poker")
    plans = [sequence_form.realization_plan(
        tree, np.eye(2)[np.full(len(tree.infostates[player]), player)], player)
             for player in range(2)]
    self.assertAlmostEqual(
        found.low, sequence_form.nash_conv(tree, plans) / 2, delta=1e-9)

  def test_a_game_without_tensors_takes_openspiel_policies(self):
    game = pyspiel.load_game("latent_ttt")
    found = ppsro.exploitability_interval(
        game, openspiel_policy.UniformRandomPolicy(game), seconds=None,
        max_nodes=20_000)
    self.assertBetween(found.low, 0, found.high)
    with self.assertRaisesRegex(ValueError, "use OpenSpiel policies"):
      ppsro.exploitability_interval(game, [uniform, uniform])


class BudgetTest(parameterized.TestCase):

  @parameterized.parameters("leduc_poker", *GENERAL_SUM)
  @pytest.mark.slow
  def test_more_nodes_know_more(self, name):
    tree, mixtures, _, _, expected = of_game(name)
    before = ppsro.exploitability_interval(tree.game, mixtures, seconds=1e-9)
    self.assertEqual(before.nodes, 0)
    for max_nodes in (10, 1_000, 10_000, 100_000):
      found = ppsro.exploitability_interval(
          tree.game, mixtures, seconds=None, max_nodes=max_nodes)
      self.assertLessEqual(found.nodes, max_nodes)
      self.assertBetween(expected, found.low - 1e-9, found.high + 1e-9)
      self.assertBetween(found.low, before.low - 1e-9, found.high)
      self.assertLessEqual(found.high, before.high + 1e-9)
      before = found
    self.assertEqual(found.width, 0)

  def test_a_small_game_is_walked_whole_at_once(self):
    tree, mixtures, *_ = of_game("leduc_poker")
    found = ppsro.exploitability_interval(
        tree.game, mixtures, seconds=None, max_nodes=100_000)
    self.assertEqual(found.thresholds, (0, 0))
    once = ppsro.exploitability_interval(tree.game, mixtures, seconds=None)
    self.assertEqual(found.nodes, once.nodes)

  def test_a_pass_that_cost_no_nodes_is_followed_by_another(self):
    # pylint: disable=protected-access
    search = interval._Search(None, None, None, 10, 0.0)
    quantity = interval._Quantity(
        "respond", 0, 1, walk_lib.Bounds(-1.0, 1.0), (10.0, 10.0))
    found = search._next(quantity, [math.inf, math.inf])
    self.assertBetween(found, 0, quantity.threshold / 2)

  def test_the_threshold_stops_falling(self):
    tree, mixtures, *_ = of_game("leduc_poker")
    found = ppsro.exploitability_interval(
        tree.game, mixtures, max_nodes=10 ** 9, seconds=None, threshold=.002)
    self.assertEqual(found.thresholds, (.002, .002))
    self.assertGreater(found.width, 0)

  @pytest.mark.slow
  def test_workers_share_the_walk(self):
    tree, mixtures, *_ = of_game("leduc_poker")
    alone, *others = [], [], []
    for executor, results in zip(
        (None, ppsro.SerialExecutor(), ppsro.ProcessExecutor(2)),
        (alone, *others)):
      if executor is not None:
        executor.start(None)
      for max_nodes in (3_000, 100_000):
        found = ppsro.exploitability_interval(
            tree.game, mixtures, seconds=None, max_nodes=max_nodes,
            executor=executor)
        results.append((found.low, found.high, found.nodes))
      if executor is not None:
        executor.close()
    self.assertEqual([alone, alone], others)


class RefusalsTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker(players=3)", "has 3 players; an interval needs two"),
      ("matrix_rps", "convert_to_turn_based"),
      ("liars_dice_ir", "does not have perfect recall: player"),
      ("gin_rummy", "neither information state tensors nor strings"))
  def test_games(self, name, message):
    game = pyspiel.load_game(name)
    with self.assertRaisesRegex(ValueError, message) as caught:
      ppsro.exploitability_interval(
          game, openspiel_policy.UniformRandomPolicy(game))
    self.assertNotIn("\n", str(caught.exception))

  @parameterized.parameters(
      ({"seconds": 0}, "seconds is 0"), ({"max_nodes": -1}, "max_nodes is -1"),
      ({"threshold": 1}, "threshold is 1"),
      ({"policies": None}, "policies is a NoneType; give"),
      ({"policies": [uniform]}, "one entry per player"),
      ({"policies": [uniform, 3]}, "player 1 plays a int; a policy is"),
      ({"policies": [([uniform], [.5, .5]), uniform]},
       "player 0 has 1 policies and probabilities of shape"),
      ({"policies": [([uniform, uniform], [1.5, -.5]), uniform]},
       "the probabilities of player 0's policies are"),
      ({"policies": [lambda seen, mask: np.full(mask.shape, .3), uniform]},
       "policy 0 of player 0 answers .0.3, 0.3.*not a distribution over"))
  def test_arguments(self, arguments, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      ppsro.exploitability_interval(
          "kuhn_poker", **{"policies": [uniform] * 2, **arguments})
    self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
  absltest.main()

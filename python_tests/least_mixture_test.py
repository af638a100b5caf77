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

"""Tests for mixtures that lose least, by walks."""

import importlib.util
import math
import unittest
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import least_mixture
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import small_game
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled

DICE = "liars_dice(dice_sides=3)"


def make_networks(name, count, scale=1.0):
  """Returns per player some random networks of a game."""
  game = state_game.state_game(loading.load_game(name))
  sizes = (game.num_features, 8, game.num_actions + 1)
  found = []
  for player in range(2):
    found.append([])
    for seed in range(count):
      parameters = networks.Network(
          sizes, networks.generator(np.random.SeedSequence(
              (player, seed))), "cpu", last_gain=scale)
      found[-1].append(networks.NetworkPolicy(
          sizes, networks.as_array(parameters.parameters), game.num_actions))
  return game.game, found


class MembersTest(parameterized.TestCase):

  @parameterized.product(
      name=("kuhn_poker", DICE, "phantom_ttt",
            "phantom_ttt(gameversion=abrupt)", "dark_hex(board_size=2)"),
      player=(0, 1))
  def test_what_a_response_gets_from_each_member(self, name, player):
    thresholds = (0.0, 1e-2)
    if name.startswith("phantom_ttt"):
      thresholds = (1e-2,)
    game, policies = make_networks(name, 3, 3.0)
    weights = np.array([0.5, 0.3, 0.2])
    seats = seat_policy.seat_policies(game, [(own, weights)
                                             for own in policies])
    walk = interval.make_walk(game, seats)
    for threshold in thresholds:
      bounds, members = walk.respond_to_members(
          player, threshold, budget_lib.Budget())
      found = interval.exploitability_interval(
          game, [(own, weights) for own in policies], seconds=None,
          threshold=threshold).best_responses[player]
      if walk.remembers_members:  # It prunes members, not their mixture.
        exact = interval.exploitability_interval(
            game, [(own, weights) for own in policies], seconds=None,
        ).best_responses[player].low
        self.assertBetween(exact, bounds.low - 1e-6, bounds.high + 1e-6)
        self.assertEqual(bounds.width < 1e-9, threshold == 0)
        for member in range(3):  # Alone they are the same.
          alone = np.eye(3)[member]
          walk.mix(1 - player, alone)
          of_one, _ = walk.respond_to_members(
              player, threshold, budget_lib.Budget())
          np.testing.assert_allclose(of_one, interval.exploitability_interval(
              game, [(own, alone) for own in policies], seconds=None,
              threshold=threshold).best_responses[player], atol=1e-6)
        walk.mix(1 - player, weights)
      else:
        np.testing.assert_allclose(bounds, found, atol=1e-6)
      self.assertAlmostEqual(weights @ members, bounds.low, places=5)
      for member, value in enumerate(members):  # No response gets more.
        alone = [(own, np.eye(3)[member]) for own in policies]
        best = interval.exploitability_interval(
            game, alone, seconds=None, threshold=threshold
        ).best_responses[player]
        self.assertLessEqual(value, best.high + 1e-5)

  @parameterized.product(
      name=("kuhn_poker", DICE, "dark_hex(board_size=2)"), player=(0, 1))
  def test_other_proportions_are_another_mixture(self, name, player):
    game, policies = make_networks(name, 3, 3.0)
    mixed = interval.make_walk(
        game, seat_policy.seat_policies(game, policies_of(policies)))
    for weights in ([0.6, 0.3, 0.1], [0.0, 0.25, 0.75], [0.2, 0.2, 0.6]):
      mixed.mix(1 - player, np.array(weights))
      other = interval.make_walk(game, seat_policy.seat_policies(
          game, [(own, weights) for own in policies]))
      for threshold in (1e-2, 0.0):
        bounds, members = mixed.respond_to_members(
            player, threshold, budget_lib.Budget())
        expected, of_others = other.respond_to_members(
            player, threshold, budget_lib.Budget())
        np.testing.assert_allclose(bounds, expected, atol=1e-12)
        np.testing.assert_allclose(members[np.array(weights) > 0], of_others,
                                   atol=1e-12)

  @pytest.mark.slow
  def test_out_of_budget(self):
    self.enter_context(without_trees())
    for name in ("kuhn_poker", DICE, "dark_hex(board_size=2)"):
      game, policies = make_networks(name, 2)
      seats = seat_policy.seat_policies(game, policies_of(policies))
      with self.assertRaises(budget_lib.OutOfBudget):
        interval.make_walk(game, seats).respond_to_members(
            0, 0.0, budget_lib.Budget(nodes=5))
      self.assertIsNone(least_mixture.least_mixture(
          game, policies, 0, 1e-6))


def without_trees():
  """Lets no game be small."""
  return mock.patch.object(least_mixture.small_game, "small_tree",
                           lambda name: None)


def policies_of(policies):
  """Returns per player its policies with equal weights."""
  return [(own, np.full(len(own), 1 / len(own))) for own in policies]


class LeastMixtureTest(parameterized.TestCase):

  @parameterized.product(name=("kuhn_poker", DICE), has_tree=(True, False))
  def test_is_what_it_is_on_the_enumerated_game(self, name, has_tree):
    if not has_tree:
      self.enter_context(without_trees())
    game, policies = make_networks(name, 5, 3.0)
    tree = game_tree.enumerate_game(game)
    exact = least_exploitable.LeastExploitableMixture(tree)
    for player, own in enumerate(policies):
      seen = tree.infostates[player]
      exact.update(player, range(len(own)), sequence_form.realization_plan(
          tree, np.stack([policy(seen.observations, seen.legal_actions_mask)
                          for policy in own]), player))
    expected = exact.solve(1e-9)
    found = [least_mixture.least_mixture(game, policies, player, 1e3)
             for player in range(2)]
    upper = sum(one.bounds.high for one in found) / 2
    uniform = sum(one.first.high for one in found) / 2
    measured = interval.exploitability_interval(
        game, [(own, one.weights) for own, one in zip(policies, found)],
        seconds=None)
    self.assertAlmostEqual(measured.high, upper, places=6)
    self.assertEqual([one.threshold for one in found], [0.0, 0.0])
    self.assertGreater(upper, expected.upper - 1e-9)
    self.assertLess(upper - expected.upper, 0.2 * (uniform - expected.upper))

  def test_weights_of_dice_may_be_better_though_bounds_are_wide(self):
    self.enter_context(without_trees())
    game, policies = make_networks("liars_dice(dice_sides=4)", 5, 3.0)
    for player in range(2):
      found = least_mixture.least_mixture(game, policies, player, 0.03)
      self.assertGreater(found.threshold, 0)
      self.assertLess(found.bounds.low, found.first.low)
      self.assertLess(found.bounds.high, found.first.high)
      exact = interval.exploitability_interval(
          game, [(own, found.weights) for own in policies], seconds=None,
      ).best_responses[1 - player].low
      self.assertBetween(exact, found.bounds.low - 1e-6,
                         found.bounds.high + 1e-6)

  @parameterized.product(start=(None, [0.2, 0.3, 0.5]), has_tree=(True, False))
  def test_a_mixed_policy_has_one_weight(self, start, has_tree):
    if not has_tree:
      self.enter_context(without_trees())
    game, policies = make_networks("kuhn_poker", 4, 3.0)
    shares = np.array([0.25, 0.75])
    for player, own in enumerate(policies):
      mixed = [[sampled.MixedPolicy(own[:2], shares), *own[2:]]] * 2
      found = least_mixture.least_mixture(
          game, mixed, player, 1e3, start and np.array(start))
      self.assertLen(found.weights, 3)
      seats = [(own, np.concatenate([found.weights[0] * shares,
                                     found.weights[1:]]))] * 2
      measured = interval.exploitability_interval(
          game, seats, seconds=None).best_responses[1 - player]
      np.testing.assert_allclose(found.bounds, measured, atol=1e-6)
      self.assertLess(found.bounds.high, found.first.high)

  def test_which_games_are_small(self):
    for name, is_small in (
        ("kuhn_poker", True), ("leduc_poker", True), ("phantom_ttt", False),
        ("liars_dice", True), ("liars_dice(dice_sides=8)", False),
        ("tic_tac_toe", False)):
      self.assertEqual(
          small_game.small_tree(str(loading.load_game(name))) is not None,
          is_small, name)

  @unittest.skipUnless(importlib.util.find_spec("numba"),
                       "how far a walk gets in its time is that of Numba")
  @pytest.mark.slow
  def test_bounds_that_say_nothing_are_narrowed_while_walks_fit(self):
    game, members = make_networks("phantom_ttt", 4)
    thresholds = []
    for useless_width in (least_mixture._USELESS_WIDTH, math.inf):
      with mock.patch.object(least_mixture, "_USELESS_WIDTH", useless_width):
        thresholds.append(
            least_mixture.least_mixture(game, members, 0, 0.8).threshold)
    self.assertLess(*thresholds)

  def test_thresholds_fit_a_deadline(self):
    self.enter_context(without_trees())
    # By this clock every look at it takes a second, and all else no time.
    self.enter_context(mock.patch.object(
        walk_lib.Walk, "nodes_per_second", 1.0))
    game, members = make_networks("kuhn_poker", 3)
    for deadline, fits, threshold in (
        (12.0, True, 0.1), (30.0, True, 0.01), (60.0, True, 0.0),
        (12.0, False, 0.0)):
      with mock.patch.object(least_mixture, "time") as clock:
        clock.time.side_effect = range(1000)
        found = least_mixture.least_mixture(
            game, members, 0, 1e9, deadline=deadline, fits_deadline=fits)
      self.assertAlmostEqual(found.threshold, threshold)
      self.assertLessEqual(found.bounds.high, found.first.high)

  def test_the_upper_bound_is_never_above_that_of_equal_weights(self):
    game, policies = make_networks("dark_hex(board_size=2)", 3)
    for player in range(2):
      found = least_mixture.least_mixture(game, policies, player, 1.0)
      self.assertLessEqual(found.bounds.high, found.first.high)
      self.assertAlmostEqual(found.weights.sum(), 1)


if __name__ == "__main__":
  absltest.main()

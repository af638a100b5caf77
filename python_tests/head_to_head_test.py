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

"""Tests of matches between two sides, and of where a policy loses."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import expected_game_score
import pyspiel
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.evaluation import head_to_head
from open_spiel_ppsro.evaluation import weak_points
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import sampled as sampled_lib
import testing

GAMES = ("kuhn_poker", "leduc_poker", "kuhn_poker(players=3)",
         "tiny_bridge_2p", "liars_dice(dice_sides=3)")


def random_tables(tree, seed):
  return [testing.random_table(tree, player, seed + player)
          for player in range(tree.num_players)]


class HeadToHeadTest(parameterized.TestCase):

  @parameterized.parameters("kuhn_poker", "kuhn_poker(players=3)")
  def test_exact_returns_are_openspiels(self, name):
    tree = ppsro.enumerate_game(name)
    ours, others = random_tables(tree, 1), random_tables(tree, 9)
    found = head_to_head.exact_returns(tree, ours, others)
    self.assertEqual(found.games, 0)
    for seat in range(tree.num_players):
      policies = [tree.tabular_policy(
          [ours[p] if p == seat else others[p]
           for p in range(tree.num_players)])] * tree.num_players
      expected = expected_game_score.policy_value(
          tree.game.new_initial_state(), policies)[seat]
      self.assertAlmostEqual(found.means[seat], expected, places=12)
    self.assertAlmostEqual(found.mean, found.means.mean())

  def test_members_that_draw_stand_for_themselves(self):
    game = ppsro.open_game("kuhn_poker", evaluation="sampled")
    tree = ppsro.enumerate_game("kuhn_poker")
    rng = np.random.default_rng(5)
    one, two = (ppsro.NetworkPolicy(
        (game.num_features, 2), rng.normal(
            size=2 * game.num_features + 2).astype(np.float32), 2)
                for _ in range(2))
    drawing = sampled_lib.MixedPolicy([one, two], [0.25, 0.75])
    mixture = ppsro.MemberMixture(
        game, [[0, 3]] * 2, [[drawing, ppsro.UniformPolicy()]] * 2,
        [np.array([0.4, 0.6])] * 2, joint=np.array([[0.4, 0.0], [0.0, 0.6]]))
    flat = mixture.flat()
    self.assertEqual(flat.indices, [[0, 0, 3]] * 2)
    for probabilities in flat.probabilities:
      np.testing.assert_allclose(probabilities, [0.1, 0.3, 0.6])
    np.testing.assert_allclose(flat.joint.sum(axis=0), [0.1, 0.3, 0.6])
    np.testing.assert_allclose(flat.joint[:2, :2], 0.4 * np.outer(
        [0.25, 0.75], [0.25, 0.75]))
    for ours, theirs in zip(flat.tables(tree), mixture.tables(tree)):
      np.testing.assert_allclose(ours, theirs, atol=1e-12)

  @pytest.mark.slow
  def test_sampled_returns_are_near_exact_ones(self):
    tree, game = ppsro.enumerate_game("kuhn_poker"), ppsro.open_game(
        "kuhn_poker", evaluation="sampled")
    fold = ppsro.NetworkPolicy(  # Zero weights, and a bias to pass.
        (game.num_features, 2), np.append(
            np.zeros(2 * game.num_features), [5, 0]).astype(np.float32), 2)
    mixture = ppsro.MemberMixture(
        game, [[0, 1]] * 2, [[ppsro.UniformPolicy(), fold]] * 2,
        [np.array([0.25, 0.75])] * 2)
    uniform = [tree.uniform_table(player) for player in range(2)]
    exact = head_to_head.exact_returns(tree, mixture.tables(tree), uniform)
    sampled = head_to_head.sampled_returns(
        game, head_to_head.side_of(mixture), head_to_head.uniform_side(2),
        5000, np.random.default_rng(2))
    bots = head_to_head.bot_returns(
        game.game,
        lambda player: ppsro.MixtureBot(mixture, player,
                                        np.random.default_rng(player)),
        lambda player: pyspiel.make_uniform_random_bot(player, 7), 1500,
        np.random.default_rng(3))
    for found, games in ((sampled, 5000), (bots, 1500)):
      self.assertEqual(found.games, games)
      # Returns of Kuhn poker have a deviation of one to two.
      np.testing.assert_array_less(found.standard_errors * games ** 0.5, 2)
      np.testing.assert_array_less(
          np.abs(found.means - exact.means), 5 * found.standard_errors)
      self.assertLess(found.standard_error, found.standard_errors.max())


class WeakPointsTest(parameterized.TestCase):

  @parameterized.parameters(*GAMES)
  @pytest.mark.slow
  def test_they_sum_to_nash_conv(self, name):
    tree = ppsro.enumerate_game(name)
    tables = random_tables(tree, 4)
    points = weak_points.weak_points(tree, tables)
    plans = sequence_form.as_plans(tree, tables)
    for player, gain in enumerate(sequence_form.player_gains(tree, plans)):
      self.assertAlmostEqual(sum(point.shortfall for point in points
                                 if point.player == player), gain, places=9)
    self.assertEqual(points, sorted(
        points, key=lambda point: -point.shortfall))
    self.assertLessEqual(max(point.reach for point in points), 1 + 1e-12)
    self.assertGreater(min(point.gain for point in points), 0)

  def test_an_equilibrium_loses_nowhere(self):
    tree = ppsro.enumerate_game("matrix_rps")
    tables = [tree.uniform_table(player) for player in range(2)]
    self.assertLess(sum(point.shortfall for point
                        in weak_points.weak_points(tree, tables)), 1e-12)

  def test_a_blunder_is_found(self):
    tree = ppsro.enumerate_game("kuhn_poker")
    tables = [tree.uniform_table(player) for player in range(2)]
    # Player 1 passes a bet with the king, which is the worst that it can do.
    row = tree.infostates[1].rows["2b"]
    tables[1][row] = [1, 0]
    point = max(weak_points.weak_points(tree, tables),
                key=lambda point: point.gain)
    self.assertEqual((point.player, point.name, point.best_action,
                      point.probabilities), (1, "2b", 1, {0: 1.0, 1: 0.0}))
    self.assertAlmostEqual(point.reach, 1 / 6)  # Dealt 1/3, and a bet 1/2.
    self.assertAlmostEqual(point.gain, 3)  # It wins 2 instead of losing 1.
    # OpenSpiel's walk reaches it as often.
    self.assertEqual(tree.action_names(1, [row]), {row: {0: "Pass", 1: "Bet"}})


if __name__ == "__main__":
  absltest.main()

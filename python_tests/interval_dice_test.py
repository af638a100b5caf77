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

"""Tests of exploitability intervals of liar's dice, by its public tree."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pyspiel
import pytest
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.evaluation.interval import liars_dice
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import networks

GAMES = ("liars_dice(dice_sides=4)", "liars_dice(dice_sides=2,numdice=2)",
         "liars_dice(dice_sides=3,bidding_rule=reset-quantity)")
LARGER_GAMES = ("liars_dice(dice_sides=3,numdice=2)",
                "liars_dice(dice_sides=2,numdice=3)")
WEIGHTS = np.array([.5, .3, .2])


def mixtures(game, temperature=.3):
  """Returns per player random networks, and their probabilities."""
  sizes = (game.information_state_tensor_size(), 16,
           game.num_distinct_actions())
  return [([ppsro.NetworkPolicy(
      sizes, networks.Network(sizes, torch.Generator().manual_seed(
          10 * player + index), "cpu").parameters.numpy().copy(), sizes[-1],
      temperature) for index in range(3)], WEIGHTS) for player in range(2)]


def best_values(game, policies):
  """Returns the values of both best responses, exactly."""
  tree = ppsro.enumerate_game(game)
  plans = [sequence_form.mixture_table_plan(tree, np.stack([
      member(infostates.observations, infostates.legal_actions_mask)
      for member in members]), weights, player)
           for player, ((members, weights), infostates) in enumerate(
               zip(policies, tree.infostates))]
  return [sequence_form.best_response_value(tree, plans, player)
          for player in range(2)]


class LiarsDiceTest(parameterized.TestCase):

  def test_uniform_play(self):
    game = pyspiel.load_game("liars_dice(dice_sides=4)")
    found = ppsro.exploitability_interval(
        game, [ppsro.UniformPolicy()] * 2, seconds=None)
    np.testing.assert_allclose(
        [found.low, found.high],
        pyspiel.nash_conv(game, pyspiel.UniformRandomPolicy(game)) / 2,
        atol=1e-9)

  @parameterized.parameters(*GAMES)
  def test_threshold_zero_is_exact_and_others_hold(self, name):
    self._check(name)

  @parameterized.parameters(*LARGER_GAMES)
  @pytest.mark.thorough
  def test_larger_games(self, name):
    self._check(name)

  def _check(self, name):
    game = pyspiel.load_game(name)
    self.assertTrue(liars_dice.applies(game))
    policies = mixtures(game)
    expected = best_values(game, policies)
    found = ppsro.exploitability_interval(game, policies, seconds=None)
    self.assertEqual(found.width, 0)
    np.testing.assert_allclose(
        found.best_responses, np.stack([expected, expected], 1), atol=1e-6)
    self.assertAlmostEqual(found.low, sum(expected) / 2, delta=1e-6)
    widths = []
    for threshold in (.1, .01, 1e-3, 1e-4, 1e-6):
      found = ppsro.exploitability_interval(
          game, policies, seconds=None, threshold=threshold)
      for (low, high), value in zip(found.best_responses, expected):
        self.assertBetween(value, low - 1e-6, high + 1e-6)
      widths.append(found.width)
    self.assertEqual(widths, sorted(widths, reverse=True))
    self.assertGreater(widths[0], .01)
    self.assertLess(widths[-1], 1e-4)

  def test_it_is_exact_at_once_where_there_is_room(self):
    game = pyspiel.load_game(GAMES[0])
    num_rows = 2 * 3 * 4 * 2 ** 7  # Players, members, hands, sets.
    for max_nodes, is_exact in ((num_rows // 2, False), (2 * num_rows, True)):
      found = ppsro.exploitability_interval(
          game, mixtures(game, 1.0), seconds=None, max_nodes=max_nodes)
      self.assertLessEqual(found.nodes, max_nodes)
      self.assertEqual(found.width == 0, is_exact)
    self.assertEqual(found.nodes, num_rows)

  @parameterized.parameters("liars_dice(numdice=3)", "liars_dice_ir",
                            "kuhn_poker")
  def test_other_games(self, name):
    self.assertFalse(liars_dice.applies(pyspiel.load_game(name)))


if __name__ == "__main__":
  absltest.main()

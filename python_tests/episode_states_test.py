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

"""Tests for the states of many episodes: arrays and pyspiel say the same."""

from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro.games import dice
from open_spiel_ppsro.games import phantom_board
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import episode_states
from open_spiel_ppsro.simulators import play as play_lib

BOARDS = (
    "phantom_ttt", "phantom_ttt(gameversion=abrupt)",
    "dark_hex(board_size=3)", "dark_hex(board_size=3,gameversion=adh)",
    "dark_hex(num_rows=2,num_cols=4)", "dark_hex(board_size=4)")
DICE = (
    "liars_dice", "liars_dice(bidding_rule=reset-quantity)",
    "liars_dice(dice_sides=3)", "liars_dice(numdice=2,dice_sides=5)",
    "liars_dice(numdice=3,dice_sides=2)")
OTHERS = (
    "kuhn_poker", "leduc_poker", "liars_dice_ir", "phantom_ttt_ir",
    "liars_dice(numdice=6,dice_sides=6)",
    "phantom_ttt(obstype=reveal-numturns)", "dark_hex(board_size=5)")


def lopsided(observations, mask):
  """Plays some actions more often, by what it sees."""
  weights = np.random.default_rng(0).exponential(
      size=(observations.shape[1], mask.shape[1]))
  odds = mask * (1 + observations @ weights)
  return odds / odds.sum(axis=1, keepdims=True)


class EpisodeStatesTest(parameterized.TestCase):

  @parameterized.product(name=BOARDS, symmetric=(False, True))
  def test_boards_are_as_pyspiel_bit_for_bit(self, name, symmetric):
    self._check(name, symmetric, episode_states.BoardStates)

  @parameterized.product(name=DICE, symmetric=(False, True),
                         known_events=(None, 1, 9))
  def test_dice_are_as_pyspiel_bit_for_bit(self, name, symmetric, known_events):
    self._check(name, symmetric, episode_states.DiceStates, known_events)

  def _check(self, name, symmetric, states_class, known_events=None):
    game = state_game.state_game(name)
    if symmetric:
      game = seat_symmetry.symmetrise(game)
    assignment = np.random.default_rng(1).integers(0, 2, (2, 300))
    chance = known_events and np.random.default_rng(3).random(
        (300, known_events))

    def play():
      rng = np.random.default_rng(2)
      returns, steps, decisions = play_lib.play(
          game, [lopsided, sampled.UniformPolicy()], assignment, rng,
          chance, recorded=1)
      return [returns, steps, *vars(decisions).values(), rng.random()]

    states = episode_states.make_states(game, 1, np.random.default_rng(0))
    self.assertIsInstance(states, states_class)
    found = play()
    with mock.patch.multiple(episode_states, phantom_board=mock.DEFAULT,
                             dice=mock.DEFAULT) as rules:
      for module in rules.values():
        module.of_string.return_value = None
      expected = play()
    for ours, theirs in zip(found, expected):
      np.testing.assert_array_equal(ours, theirs)
      self.assertEqual(np.asarray(ours).dtype, np.asarray(theirs).dtype)
    self.assertGreater(len(np.unique(found[0])), 1)  # Not all games end alike.

  @parameterized.parameters(*OTHERS)
  def test_other_games_are_on_states(self, name):
    self.assertIsNone(phantom_board.of_string(name))
    self.assertIsNone(dice.of_string(name))


if __name__ == "__main__":
  absltest.main()

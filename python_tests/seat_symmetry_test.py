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

"""Tests for seat_symmetry."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pyspiel

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import normal_form
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
import testing


class SymmetriseTest(parameterized.TestCase):

  @parameterized.parameters("kuhn_poker", "leduc_poker")
  def test_payoff_is_the_mean_over_seats(self, name):
    original = game_tree.enumerate_game(name)
    tree = seat_symmetry.symmetrise(original)
    rng = np.random.default_rng(0)
    tables = [testing.random_table(tree, 0, rng) for _ in range(3)]
    plans = np.stack([sequence_form.realization_plan(tree, table, 0)
                      for table in tables])
    payoffs = sequence_form.payoff_tensors(tree, [plans, plans])
    np.testing.assert_allclose(payoffs[0], -payoffs[0].T, atol=1e-12)
    seats = [tree.seat_tables([table]) for table in tables]

    def seated(first, second):
      return sequence_form.expected_returns(original, [
          sequence_form.realization_plan(original, seats[first][0], 0),
          sequence_form.realization_plan(original, seats[second][1], 1)])[0]

    for i in range(3):
      for j in range(3):
        self.assertAlmostEqual(
            payoffs[0][i, j], (seated(i, j) - seated(j, i)) / 2, places=10)

  def test_best_response_is_best_in_both_seats(self):
    original = game_tree.enumerate_game("kuhn_poker")
    tree = seat_symmetry.symmetrise(original)
    table = testing.random_table(tree, 1, np.random.default_rng(1))
    value = sequence_form.best_response_value(
        tree, [None, sequence_form.realization_plan(tree, table, 1)], 0)
    plans = [sequence_form.realization_plan(original, t, player)
             for player, t in enumerate(tree.seat_tables([table]))]
    by_seat = [sequence_form.best_response_value(original, plans, player)
               for player in range(2)]
    self.assertAlmostEqual(value, np.mean(by_seat), places=12)

  def test_tells_the_seats_apart(self):
    tree = seat_symmetry.symmetrise(game_tree.enumerate_game("leduc_poker"))
    observations = tree.infostates[0].observations
    self.assertLen(np.unique(observations, axis=0), 936)

  @parameterized.parameters(1, 2)
  def test_a_player_who_never_acts(self, actor):
    original = game_tree.enumerate_game(pyspiel.load_efg_game(
        f'EFG 2 R "alone" {{ "1" "2" }} ""\np "" {actor} 1 "" {{ "l" "r" }} 0\n'
        't "" 1 "" { 1, -1 }\nt "" 2 "" { 3, -3 }\n'))
    tree = seat_symmetry.symmetrise(original)
    self.assertLen(tree.infostates[0], 1)
    plans = [sequence_form.realization_plan(tree, np.array([[p, 1 - p]]), 0)
             for p in (0.25, 1.0)]
    payoffs = sequence_form.payoff_tensors(tree, [np.stack(plans)] * 2)
    # The actor gets 1 or 3 of the other, in one seat; half the gain counts.
    gain = 0.75 if actor == 1 else -0.75
    np.testing.assert_allclose(payoffs[0], [[0, gain], [-gain, 0]], atol=1e-12)
    self.assertEqual([len(table) for table in tree.seat_tables(
        [np.array([[0.25, 0.75]])])], [1, 0] if actor == 1 else [0, 1])

  def test_a_symmetric_game_stays_as_it_is(self):
    tree = normal_form.from_payoffs(normal_form.random_symmetric(4, 0))
    self.assertIs(seat_symmetry.symmetrise(tree), tree)

  @parameterized.parameters("kuhn_poker(players=3)", "matrix_pd")
  def test_refuses_what_is_not_two_player_zero_sum(self, name):
    with self.assertRaisesRegex(ValueError, "two-player zero-sum"):
      seat_symmetry.symmetrise(game_tree.enumerate_game(name))


if __name__ == "__main__":
  absltest.main()

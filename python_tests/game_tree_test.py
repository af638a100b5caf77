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

"""Tests for game_tree."""

import pickle
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
import pyspiel
import pytest

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
import testing

GOOFSPIEL = "goofspiel(num_cards=4,imp_info=True,points_order=descending)"


class EnumerateTest(parameterized.TestCase):

  @parameterized.parameters(
      # game, histories, information states per player
      ("kuhn_poker", 58, (6, 6)),
      ("kuhn_poker(players=3)", 617, (16, 16, 16)),
      ("leduc_poker", 9457, (468, 468)),
      ("liars_dice(dice_sides=4)", None, (512, 512)),
      (GOOFSPIEL, 1077, (81, 81)),
      ("matrix_rps", 13, (1, 1)),
  )
  def test_counts(self, name, histories, infostates):
    tree = game_tree.enumerate_game(name)
    if histories is not None:
      self.assertEqual(tree.num_histories, histories)
    self.assertEqual(tuple(map(len, tree.infostates)), infostates)
    for infostates in tree.infostates:
      self.assert_parents_come_first(tree, infostates)

  def assert_parents_come_first(self, tree, infostates):
    root = len(infostates) * tree.num_actions
    covered = 0
    for depth, level in enumerate(infostates.levels):
      self.assertEqual(level.start, covered)
      covered = level.stop
      parents = infostates.parent_sequences[level]
      if depth == 0:
        self.assertTrue((parents == root).all())
      else:
        self.assertTrue((parents // tree.num_actions < level.start).all())
        row, action = np.divmod(parents, tree.num_actions)
        self.assertTrue(infostates.legal_actions_mask[row, action].all())
    self.assertEqual(covered, len(infostates))
    self.assertEqual(infostates.rows,
                     {name: i for i, name in enumerate(infostates.names)})

  @parameterized.parameters(
      ("leduc_poker", 9457),
      ("liars_dice(dice_sides=4)", None))
  def test_says_how_far_it_is(self, name, histories):
    shares = []
    tree = game_tree.enumerate_game(name, done=shares.append)
    if histories is not None:
      np.testing.assert_allclose(
          shares, np.arange(1, len(shares) + 1) * 1000 / histories, rtol=0.05)
    self.assertLen(shares, tree.num_histories // 1000)
    self.assertEqual(shares, sorted(shares))
    self.assertBetween(shares[-1], 0.5, 1)

  def test_tables_round_trip(self):
    tree = game_tree.enumerate_game("leduc_poker")
    tables = [testing.random_table(tree, player, player)
              for player in range(2)]
    tabular = tree.tabular_policy(tables)
    uniform = policy.UniformRandomPolicy(tree.game)
    for player in range(2):
      np.testing.assert_allclose(tree.tabulate(tabular, player),
                                 tables[player], atol=1e-12)
      np.testing.assert_allclose(tree.tabulate(uniform, player),
                                 tree.uniform_table(player), atol=1e-12)

  def test_check_table_names_the_information_state(self):
    tree = game_tree.enumerate_game("kuhn_poker")
    table = tree.uniform_table(0)
    table[2] = [0.7, 0.7]
    with self.assertRaisesRegex(ValueError, "not a distribution"):
      tree.check_table(table, 0)
    with self.assertRaisesRegex(ValueError, "shape"):
      tree.check_table(table[:3], 0)

  def test_pickles_without_the_game(self):
    tree = game_tree.enumerate_game("kuhn_poker")
    copy = pickle.loads(pickle.dumps(tree))
    self.assertIsNone(copy.game)
    np.testing.assert_array_equal(copy.terminal_sequences,
                                  tree.terminal_sequences)


class RefusalsTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker", 5_000_000, 58), ("leduc_poker", 5_000_000, 9457),
      ("leduc_poker", 900, 9457), ("liars_dice", 100_000, 294_883),
      ("oshi_zumo(coins=4)", 5_000_000, None), ("chess", 5_000_000, None),
      ("battleship", 5_000_000, None))
  @pytest.mark.slow
  def test_gives_up_after_few_histories(self, name, limit, histories):
    made, child = [], pyspiel.State.child

    def counted(state, action):
      made.append(action)
      return child(state, action)

    with mock.patch.object(pyspiel.State, "child", counted):
      if histories and histories <= limit:
        self.assertEqual(game_tree.enumerate_game(name, limit).num_histories,
                         histories)
      else:
        with self.assertRaisesRegex(game_tree.TooLargeError, "max_histories"):
          game_tree.enumerate_game(name, limit)
    self.assertNotEmpty(made)
    # They take seconds at most; the limit would take minutes.
    self.assertLess(len(made), 50_000)

  @parameterized.parameters(
      ("kuhn_poker", 58, 0), ("kuhn_poker(players=4)", None, 0.3),
      ("leduc_poker", 9457, 0.3), ("liars_dice", 294_883, 0.5),
      (GOOFSPIEL, 1077, 0))
  def test_estimated_histories(self, name, histories, tolerance):
    game = loading.turn_based(loading.load_game(name))
    if histories is None:
      histories = game_tree.enumerate_game(game).num_histories
    self.assertBetween(game_tree.estimated_histories(game, 1e9),
                       (1 - tolerance) * histories,
                       (1 + tolerance) * histories)

  @parameterized.parameters(
      ("leduc_pokr", "did you mean leduc_poker"),
      ("no_such_thing_at_all", "registered_names"),
      ("leduc_poker(playerz=3)", "Unknown parameter 'playerz'.*players"),
      ("leduc_poker(", "closing bracket"),
      ("2048", "two or more"),
      ("mfg_crowd_modelling", "two or more|mean-field"),
      ("chess", "max_histories"),
      ("liars_dice_ir(numdice=2,dice_sides=2)", "perfect recall"),
  )
  def test_in_one_line(self, name, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      game_tree.enumerate_game(name)
    self.assertNotIn("\n", str(caught.exception))

  def test_too_many_histories(self):
    with self.assertRaisesRegex(ValueError, "more than 9000 histories"):
      game_tree.enumerate_game("leduc_poker", max_histories=9000)
    game_tree.enumerate_game("leduc_poker", max_histories=9457)


if __name__ == "__main__":
  absltest.main()

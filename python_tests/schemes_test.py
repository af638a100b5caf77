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

"""Tests for schemes and populations, on populations drawn by hand."""

import itertools
import re

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import schemes
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib

TABLE = np.ones((1, 1))
PolicyId = population_lib.PolicyId


def draw(*players):
  """Returns a population from a string a player: F frozen, a active.

  A digit after `a` is its steps in thousands: `Fa3a1` has a frozen policy and
  two active ones. Players open their policies in turn.
  """
  population = population_lib.Population(len(players))
  for column in itertools.zip_longest(
      *(re.findall(r"[Fa]\d?", letters) for letters in players)):
    for player, drawn in enumerate(column):
      if drawn is None:
        continue
      letter, steps = drawn[0], drawn[1:] or "0"
      member = population.open(player)
      member.steps = 1000 * int(steps)
      population.publish(member.policy_id, TABLE)
      if letter == "F":
        population.freeze(member.policy_id)
  return population


def uniform(indices):
  return meta_game_lib.MetaStrategy(
      indices, tuple(np.full(len(i), 1 / max(len(i), 1)) for i in indices),
      "uniform", np.zeros(len(indices)))


def graph(scheme, population, meta_game=None, solve=uniform):
  return schemes.interaction_graph(scheme, population, meta_game, solve)


def weights(rows, index):
  """Returns the row of a policy of the first population, its weights alone."""
  return rows[PolicyId(0, index)].meta_strategy.probabilities[0]


class InteractionGraphTest(parameterized.TestCase):

  @parameterized.parameters(
      # scheme, population, {(player, index): (sub-game, stationary)}
      (schemes.Sequential(), ("Fa", "Fa"),
       {(0, 1): (((0,), (0,)), True), (1, 1): (((0,), (0,)), True)}),
      (schemes.Pipeline(2), ("FFaa", "FFaa"),
       {(0, 2): (((0, 1), (0, 1)), True), (1, 2): (((0, 1), (0, 1)), True),
        (0, 3): (((0, 1, 2), (0, 1, 2)), False),
        (1, 3): (((0, 1, 2), (0, 1, 2)), False)}),
      # One player ahead: above its frozen level, the other's still moves.
      (schemes.Pipeline(2), ("FFa", "Faa"),
       {(0, 2): (((0, 1), (0, 1)), False), (1, 1): (((0,), (0,)), True),
        (1, 2): (((0, 1), (0, 1)), False)}),
      # One player has fewer levels than the other.
      (schemes.Pipeline(3), ("Faaa", "Fa"),
       {(0, 1): (((0,), (0,)), True), (1, 1): (((0,), (0,)), True),
        (0, 2): (((0, 1), (0, 1)), False),
        (0, 3): (((0, 1, 2), (0, 1)), False)}),
      (schemes.DCH(2), ("Faa",),
       {(0, 1): (((0,),), True), (0, 2): (((0, 1),), False)}),
  )
  def test_rows(self, scheme, drawn, expected):
    rows = graph(scheme, draw(*drawn))
    self.assertEqual(
        {tuple(i): (row.meta_strategy.indices, row.stationary)
         for i, row in rows.items()}, expected)
    for policy_id, row in rows.items():
      for indices, probabilities in zip(row.meta_strategy.indices,
                                        row.meta_strategy.probabilities):
        self.assertTrue(all(i < policy_id.index for i in indices))
        self.assertAlmostEqual(sum(probabilities), 1)

  def test_naive_keeps_what_was_frozen_when_it_opened(self):
    population = draw("Faa", "Faa")
    population.freeze(PolicyId(0, 2))
    late = population.open(0)
    population.publish(late.policy_id, TABLE)
    rows = graph(schemes.NaiveParallel(2), population)
    self.assertEqual(rows[PolicyId(0, 1)].meta_strategy.indices, ((0,), (0,)))
    # In the order they froze: the second before the first.
    self.assertEqual(rows[PolicyId(0, 3)].meta_strategy.indices, ((0, 2), (0,)))
    self.assertTrue(all(row.stationary for row in rows.values()))

  def test_a_seventh_scheme_is_a_few_lines(self):

    class LastTwo(schemes.Pipeline):
      """Each level trains against the two below it."""

      def opponents(self, population, policy_id):
        return tuple(
            tuple(range(min(policy_id.index, size)))[-2:]
            for size in population.sizes())

    rows = graph(LastTwo(3), draw("FFFa", "FFFa"))
    self.assertEqual(rows[PolicyId(0, 3)].meta_strategy.indices,
                     ((1, 2), (1, 2)))

  def test_equal_sub_games_are_solved_once_smallest_first(self):
    asked = []

    def solve(indices):
      asked.append(indices)
      return uniform(indices)

    graph(schemes.Pipeline(3), draw("Faaa", "Faaa"), solve=solve)
    self.assertEqual(asked, [((0,), (0,)), ((0, 1), (0, 1)),
                             ((0, 1, 2), (0, 1, 2))])


class SelfPlayTest(absltest.TestCase):

  def test_one_policy_faces_itself(self):
    scheme = schemes.SelfPlay()
    population = draw("F")
    self.assertEqual(scheme.answer(population), ((0,),))
    self.assertEqual(scheme.openings(population, uniform),
                     [schemes.Opening(0)])
    population = draw("Fa")
    self.assertEmpty(scheme.openings(population, uniform))
    self.assertEqual(scheme.answer(population), ((1,),))
    rows = graph(scheme, population)
    self.assertEqual(list(rows), [PolicyId(0, 1)])
    self.assertEqual(rows[PolicyId(0, 1)].meta_strategy.indices, ((1,),))
    self.assertFalse(rows[PolicyId(0, 1)].stationary)


class AnswerTest(parameterized.TestCase):

  @parameterized.parameters(
      (schemes.Pipeline(2), ((0, 1), (0,))),
      (schemes.DCH(2), ((0, 1, 2), (0, 1))))
  def test_frozen_policies_or_all(self, scheme, expected):
    self.assertEqual(scheme.answer(draw("FFa", "Fa")), expected)


class RectifiedTest(absltest.TestCase):
  RPS = np.array([[0., -1, 1], [1, 0, -1], [-1, 1, 0]])

  def rps_population(self):
    population = draw("FFF")
    for parent in range(3):
      member = population.open(0, parent)
      population.publish(member.policy_id, TABLE)
    game = meta_game_lib.MetaGame((0, 0))
    game.grow((6,))
    payoffs = np.zeros((6, 6))
    payoffs[:3, :3] = self.RPS
    payoffs[3:, :3] = self.RPS[[1, 1, 1]]  # All children play paper.
    game.fill((range(6), range(6)), [payoffs, -payoffs])
    return population, game

  def test_one_child_per_supporter_when_none_is_active(self):
    scheme = schemes.Rectified()

    def solve(indices):
      return meta_game_lib.MetaStrategy(
          indices, (np.array([.5, 1e-5, .5 - 1e-5]),), "drawn", np.zeros(1))

    self.assertEqual(scheme.openings(draw("FFF"), solve),
                     [schemes.Opening(0, 0), schemes.Opening(0, 2)])
    self.assertEqual(scheme.openings(draw("FFFa"), solve), [])

  def test_subset_keeps_whom_the_parent_does_not_lose_to(self):
    population, game = self.rps_population()
    rows = graph(schemes.Rectified("subset"), population, game)
    np.testing.assert_allclose(weights(rows, 3),
                               [.5, 0, .5])  # Rock: rock, scissors.
    np.testing.assert_allclose(weights(rows, 4),
                               [.5, .5, 0])  # Paper: rock, paper.

  def test_relu_keeps_whom_the_child_does_not_lose_to(self):
    population, game = self.rps_population()
    fresh = graph(schemes.Rectified("relu"), population, game)
    np.testing.assert_allclose(weights(fresh, 3), 1 / 3)
    self.assertFalse(fresh[PolicyId(0, 3)].stationary)
    for member in population.active():
      member.rounds = 1
    rows = graph(schemes.Rectified("relu"), population, game)
    np.testing.assert_allclose(weights(rows, 3),
                               [.5, .5, 0])  # Paper, whatever its parent.
    self.assertTrue(rows[PolicyId(0, 3)].stationary)

  def test_who_loses_to_all_faces_all(self):
    population, game = self.rps_population()
    payoffs = np.array(game.payoffs[0])
    payoffs[1, :3] = payoffs[4, :3] = -1  # The parent, and the child.
    game.fill((range(6), range(6)), [payoffs, -payoffs])
    for member in population.active():
      member.rounds = 1
    for rule in ("subset", "relu"):
      rows = graph(schemes.Rectified(rule), population, game)
      np.testing.assert_allclose(weights(rows, 4), 1 / 3)

  def test_a_tie_is_no_loss_and_a_mixture_of_one_is_kept(self):
    population = draw("F")
    member = population.open(0, parent=0)
    population.publish(member.policy_id, TABLE)
    game = meta_game_lib.MetaGame((0, 0))
    game.grow((2,))
    game.fill((range(2), range(2)), np.zeros((2, 2, 2)))
    for rule in ("subset", "relu"):
      rows = graph(schemes.Rectified(rule), population, game)
      np.testing.assert_array_equal(weights(rows, 1), [1])


class OpeningsTest(parameterized.TestCase):

  @parameterized.parameters(
      (schemes.Sequential(), ("F", "F"), [0, 1]),
      (schemes.Sequential(), ("Fa", "F"), [1]),
      (schemes.Sequential(), ("FF", "Fa"), [0]),
      (schemes.Pipeline(3), ("F", "F"), [0, 1, 0, 1, 0, 1]),
      (schemes.Pipeline(3), ("FFaa", "FFaaa"), [0]),
      (schemes.Pipeline(2, warmup_steps=3000), ("F", "F"), [0, 1]),
      (schemes.Pipeline(2, warmup_steps=3000), ("Fa2", "Fa2"), []),
      (schemes.Pipeline(2, warmup_steps=3000), ("Fa3", "Fa2"), []),
      (schemes.Pipeline(2, warmup_steps=3000), ("Fa3", "Fa4"), [0, 1]),
      (schemes.NaiveParallel(2), ("FFa", "F"), [0, 1, 1]),
      (schemes.DCH(2), ("Faa", "Faa"), []),
  )
  def test_openings(self, scheme, drawn, players):
    self.assertEqual(
        [o.player for o in scheme.openings(draw(*drawn), uniform)], players)

  @parameterized.parameters(
      (schemes.Pipeline(), 2), (schemes.Pipeline(3), 3),
      (schemes.Sequential(), 1), (schemes.DCH(), 4),
      (schemes.NaiveParallel(), 4), (schemes.NeuPL(), 16))
  def test_default_levels(self, scheme, levels):
    self.assertEqual(scheme.num_levels, levels)

  @parameterized.parameters(
      (lambda: schemes.Pipeline(0), "num_levels is 0"),
      (lambda: schemes.Pipeline(2, -1), "warmup_steps is -1"),
      (lambda: schemes.Rectified("both"), "subset, relu"),
      (lambda: schemes.DCH(2, meta_solver="best"), "nash or online"),
      (lambda: schemes.DCH(2, exploration=2), "from 0 to 1"),
      (lambda: plateau_lib.PlateauRule(delta=-1), "delta is -1"),
      (lambda: plateau_lib.PlateauRule(relative=-1), "relative is -1"),
      (lambda: plateau_lib.PlateauRule(min_steps=5, max_steps=4),
       "max_steps is 4"),
  )
  def test_refusals(self, make, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      make()
    self.assertNotIn("\n", str(caught.exception))


class PlateauTest(parameterized.TestCase):

  @parameterized.parameters(
      # rule, payoffs by round of 10 steps, stationary from round, freezes in
      (dict(delta=.1), [1, 1, 1], 1, 2),
      (dict(delta=.1), [0, .5, .55], 1, 3),
      (dict(delta=.1), [.5, 0, 0], 1, 2),  # Getting worse is no progress.
      (dict(delta=.1, min_steps=40), [1, 1, 1, 1, 1], 1, 4),
      (dict(delta=.1, window=20), [0, 1, 1, 1, 1, 1], 1, 6),
      (dict(delta=.1, max_steps=30), [0, 1, 2, 3], 1, 3),
      # Windows against moving opponents count, but freezing waits for still
      # ones; or they do not count, and two more are needed.
      (dict(delta=.1), [1, 1, 1, 1, 1], 4, 4),
      (dict(delta=.1, max_steps=10), [0, 1, 2, 3], 3, 3),
  )
  def test_freezes_in_round(self, rule, payoffs, stationary_from, expected):
    plateau = plateau_lib.Plateau(plateau_lib.PlateauRule(**rule))
    frozen = [plateau.update(10 * r, 10, payoff, r >= stationary_from)
              for r, payoff in enumerate(payoffs, start=1)]
    self.assertEqual(frozen.index(True) + 1, expected)

  @parameterized.parameters(
      # gain, the least improvement that keeps a policy in training
      (0.0, 0.1), (1.0, 0.1), (2.0, 0.1), (4.0, 0.2))
  def test_a_share_of_the_gain(self, gain, least):
    rule = plateau_lib.PlateauRule(delta=0.1, relative=0.05)
    for improvement, frozen in ((0.99 * least, True), (1.01 * least, False)):
      plateau = plateau_lib.Plateau(rule)
      plateau.update(10, 10, 1.0, True, gain)
      self.assertEqual(
          plateau.update(20, 10, 1.0 + improvement, True, gain), frozen)

  def test_the_first_window_never_freezes(self):
    for delta in (0.0, 1e9):
      plateau = plateau_lib.Plateau(plateau_lib.PlateauRule(delta=delta))
      self.assertFalse(plateau.update(10, 10, -100.0, True))


class PopulationTest(absltest.TestCase):

  def test_a_life(self):
    population = draw("F", "F")
    member = population.open(0)
    self.assertEqual(member.frozen_at_opening, ((0,), (0,)))
    with self.assertRaisesRegex(ValueError, "not been trained"):
      population.freeze(member.policy_id)
    for version in range(3):
      population.publish(member.policy_id, TABLE)
      self.assertEqual(member.snapshot.version, version)
    self.assertEqual([m.policy_id for m in population.active()], [(0, 1)])
    self.assertFalse(population.all_frozen(((0, 1), (0,))))
    population.freeze(member.policy_id)
    self.assertTrue(population.all_frozen(((0, 1), (0,))))
    self.assertEqual(population.frozen_indices(), ((0, 1), (0,)))
    with self.assertRaisesRegex(ValueError, "is frozen"):
      population.publish(member.policy_id, TABLE)
    self.assertEqual(population.sizes(), (2, 1))

  def test_mixture_checks_its_probabilities(self):
    snapshot = population_lib.Snapshot(PolicyId(0, 0), 0, TABLE)
    with self.assertRaisesRegex(ValueError, "shape"):
      population_lib.Mixture((snapshot,), np.array([.5, .5]))


if __name__ == "__main__":
  absltest.main()

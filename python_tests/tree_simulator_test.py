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

"""Tests of TreeSimulator and of merging batches."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.simulators import simulator as simulator_lib
from open_spiel_ppsro.simulators import tree_simulator
import testing

EPISODES = 200_000


def mixture(tables, probabilities, player):
  return population.Mixture(
      tuple(population.Snapshot(population.PolicyId(player, k), 0, table)
            for k, table in enumerate(tables)), np.array(probabilities))


class TreeSimulatorTest(parameterized.TestCase):

  def draw(self, name, player, share=0.0, seed=0, num_episodes=EPISODES):
    tree = game_tree.enumerate_game(name)
    simulator = tree_simulator.TreeSimulator(tree, player)
    own = testing.random_table(tree, player, 1)
    tables = [[testing.random_table(tree, p, 10 * p + k) for k in range(3)]
              for p in range(tree.num_players)]
    weights = [0.5, 0.3, 0.2]
    opponents = tuple(mixture(t, weights, p) for p, t in enumerate(tables))
    simulator.face(opponents, share)
    batch = simulator.draw(lambda observations, mask: own, num_episodes,
                           np.random.default_rng(seed))
    plans = [
        (1 - share) * sequence_form.mixture_table_plan(
            tree, np.stack(tables[p]), weights, p)
        + share * sequence_form.realization_plan(
            tree, tree.uniform_table(p), p)
        for p in range(tree.num_players)]
    plans[player] = sequence_form.realization_plan(tree, own, player)
    return tree, batch, plans

  @parameterized.product(name=("kuhn_poker", "leduc_poker",
                               "kuhn_poker(players=3)"),
                         player=(0, 1), share=(0.0, 0.25))
  def test_is_the_exact_distribution(self, name, player, share):
    tree, batch, plans = self.draw(name, player, share)
    # Returns: within five standard errors of the exact expectation.
    reach = sequence_form.terminal_reach(tree, plans)
    returns = tree.terminal_returns[player]
    expected = reach @ returns
    deviation = np.sqrt(reach @ (returns - expected) ** 2)
    self.assertLess(abs(batch.episode_return - expected),
                    5 * deviation / np.sqrt(EPISODES))
    # Visits of each information state: likewise, of a binomial.
    visits = np.bincount(batch.row, batch.count, len(batch.observations))
    values = np.bincount(tree.terminal_sequences[player], reach,
                         tree.num_sequences(player))
    for level in reversed(tree.infostates[player].levels):
      rows = values[:-1].reshape(batch.legal_actions_mask.shape)[level]
      values += np.bincount(tree.infostates[player].parent_sequences[level],
                            rows.sum(axis=1), len(values))
    exact = values[:-1].reshape(batch.legal_actions_mask.shape).sum(axis=1)
    error = 5 * np.sqrt(exact * (1 - exact) / EPISODES) + 1e-9
    self.assertTrue((np.abs(visits / EPISODES - exact) <= error + 3 / EPISODES
                    ).all())

  @parameterized.product(name=("kuhn_poker", "leduc_poker",
                               "goofspiel(num_cards=3,imp_info=True)"),
                         player=(0, 1), share=(0.0, 0.25))
  def test_expectation_is_the_limit_of_draws(self, name, player, share):
    tree, batch, plans = self.draw(name, player, share, num_episodes=None)
    self.assertTrue(batch.is_expectation)
    self.assertEqual((batch.num_episodes, batch.weight), (0, 1))
    self.assertEqual(batch.num_steps, max(1, round(
        tree_simulator.mean_steps(tree))))
    returns = sequence_form.expected_returns(tree, plans)[player]
    self.assertAlmostEqual(batch.episode_return, returns)
    # Frequent samples of a huge draw have the same shares and mean returns.
    _, drawn, _ = self.draw(name, player, share, num_episodes=2 ** 40)
    for field in ("row", "action", "next_row"):
      np.testing.assert_array_equal(getattr(batch, field),
                                    getattr(drawn, field))
    np.testing.assert_allclose(drawn.count / 2 ** 40, batch.count, atol=5e-6)
    frequent = batch.count > 1e-4
    self.assertGreater(frequent.sum(), 4)
    for field in ("mean_return", "reward"):
      np.testing.assert_allclose(
          getattr(drawn, field)[frequent], getattr(batch, field)[frequent],
          atol=5e-3)
    # Whoever comes to an information state decides there.
    visits = np.bincount(batch.row, batch.count, len(batch.observations))
    arrivals = np.bincount(batch.next_row[batch.next_row >= 0],
                           batch.count[batch.next_row >= 0],
                           len(batch.observations))
    later = np.arange(tree.infostates[player].levels[0].stop, len(visits))
    np.testing.assert_allclose(arrivals[later], visits[later], atol=1e-12)

  def test_expectation_of_other_opponents(self):
    tree = game_tree.enumerate_game("kuhn_poker")
    simulator = tree_simulator.TreeSimulator(tree, 0)
    own = testing.random_table(tree, 0, 1)
    found = []
    for seed in (1, 2, 1):
      other = mixture([testing.random_table(tree, 1, seed)], [1.0], 1)
      simulator.face((other, other))
      found.append(simulator.draw(lambda observations, mask: own, None,
                                  np.random.default_rng(0)).episode_return)
    self.assertEqual(found[0], found[2])
    self.assertNotEqual(found[0], found[1])

  @parameterized.product(player=(0, 1, 2), share=(0.0, 0.25))
  def test_opponents_drawn_together(self, player, share):
    tree = game_tree.enumerate_game("kuhn_poker(players=3)")
    tables = [[testing.random_table(tree, p, 10 * p + k) for k in range(2)]
              for p in range(3)]
    profiles = np.array([[0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    opponents = population.JointMixture(
        tuple(mixture(tables[p], np.bincount(profiles[:, p], weights), p)
              for p in range(3)), profiles, weights)
    expected = np.zeros_like(tree.terminal_chance)
    for profile, weight in zip(profiles, weights):  # One profile at a time.
      plans = [
          (1 - share) * sequence_form.realization_plan(tree, tables[p][k], p)
          + share * sequence_form.realization_plan(
              tree, tree.uniform_table(p), p)
          for p, k in enumerate(profile)]
      expected += weight * sequence_form.terminal_reach(tree, plans, player)
    reach = tree_simulator.opponents_reach(tree, opponents, player, share)
    np.testing.assert_allclose(reach, expected, atol=1e-12)
    independent = tree_simulator.opponents_reach(
        tree, opponents.mixtures, player, share)
    self.assertGreater(np.abs(reach - independent).max(), 1e-4)

  def test_joint_of_independent_draws_is_the_mixtures(self):
    tree = game_tree.enumerate_game("kuhn_poker(players=3)")
    mixtures = tuple(
        mixture([testing.random_table(tree, p, 10 * p + k) for k in range(2)],
                [0.3, 0.7], p) for p in range(3))
    profiles = np.array(list(np.ndindex(2, 2, 2)))
    joint = population.JointMixture(
        mixtures, profiles, np.array([0.3, 0.7])[profiles].prod(axis=1))
    np.testing.assert_allclose(
        tree_simulator.opponents_reach(tree, joint, 1, 0.1),
        tree_simulator.opponents_reach(tree, mixtures, 1, 0.1), atol=1e-12)

  @parameterized.parameters("kuhn_poker", "leduc_poker")
  def test_flows_are_conserved(self, name):
    tree, batch, _ = self.draw(name, 1)
    self.assertEqual(batch.num_episodes, EPISODES)
    visits = np.bincount(batch.row, batch.count, len(batch.observations))
    arrivals = np.bincount(batch.next_row[batch.next_row >= 0],
                           batch.count[batch.next_row >= 0],
                           len(batch.observations))
    later = np.arange(tree.infostates[1].levels[0].stop, len(visits))
    np.testing.assert_array_equal(arrivals[later], visits[later])
    self.assertTrue(
        batch.legal_actions_mask[batch.row, batch.action].all())
    # Rewards add up to returns, and returns to the mean over episodes: every
    # episode passes one first information state of the player.
    self.assertAlmostEqual((batch.count * batch.reward).sum() / EPISODES,
                           batch.episode_return, places=9)
    first = batch.row < tree.infostates[1].levels[0].stop
    self.assertAlmostEqual(
        (batch.count * batch.mean_return)[first].sum() / EPISODES,
        batch.episode_return * batch.count[first].sum() / EPISODES, places=2)

  def test_same_generator_same_batch(self):
    _, first, _ = self.draw("kuhn_poker", 0, seed=3)
    _, second, _ = self.draw("kuhn_poker", 0, seed=3)
    _, other, _ = self.draw("kuhn_poker", 0, seed=4)
    np.testing.assert_array_equal(first.count, second.count)
    self.assertFalse(np.array_equal(first.count, other.count))

  def test_demonstrates_the_behaviour_policy(self):
    tree = game_tree.enumerate_game("leduc_poker")
    simulator = tree_simulator.TreeSimulator(tree, 0)
    tables = np.stack([testing.random_table(tree, 0, k) for k in range(2)])
    _, _, shown = simulator.demonstrate(
        mixture(tables, [.3, .7], 0), None)
    plan = sequence_form.mixture_table_plan(tree, tables, [.3, .7], 0)
    np.testing.assert_allclose(
        sequence_form.realization_plan(tree, shown, 0), plan, atol=1e-12)

  @parameterized.parameters("kuhn_poker(players=3)", "leduc_poker",
                            "goofspiel(num_cards=3,imp_info=True)")
  def test_mean_steps(self, name):
    tree = game_tree.enumerate_game(name)
    self.assertAlmostEqual(tree_simulator.mean_steps(tree),
                           decisions_of_random_play(
                               tree.game.new_initial_state()))

  def test_steps_of_a_batch(self):
    tree, batch, plans = self.draw("leduc_poker", 0)
    reach = sequence_form.terminal_reach(tree, plans)
    expected = reach @ tree.terminal_steps
    deviation = np.sqrt(reach @ (tree.terminal_steps - expected) ** 2)
    self.assertLess(abs(batch.num_steps / EPISODES - expected),
                    5 * deviation / np.sqrt(EPISODES))


def decisions_of_random_play(state):
  """Returns the mean number of decisions to the end, by walking all states."""
  if state.is_terminal():
    return 0.0
  if state.is_chance_node():
    return sum(probability * decisions_of_random_play(state.child(action))
               for action, probability in state.chance_outcomes())
  return 1 + np.mean([decisions_of_random_play(state.child(action))
                      for action in state.legal_actions()])


class MergeTest(absltest.TestCase):

  def test_expectations_weigh_the_same(self):
    shared = np.zeros((2, 3), np.float32)
    merged = simulator_lib.merge([
        dataclasses.replace(self.batch(shared, first), num_episodes=0)
        for first in (0, 1, 5)])
    self.assertTrue(merged.is_expectation)
    self.assertEqual((merged.weight, merged.episode_return), (1, 2.0))

  def batch(self, observations, first_row):
    return simulator_lib.EpisodeBatch(
        observations=observations,
        legal_actions_mask=np.ones((2, 2), bool),
        row=np.array([0, 1]), action=np.array([1, 0]),
        count=np.array([3., 2.]) + first_row,
        mean_return=np.array([1., -1.]), reward=np.array([0., -1.]),
        next_row=np.array([1, -1]), num_episodes=5, num_steps=9,
        episode_return=float(first_row))

  def test_shared_and_separate_observations(self):
    shared = np.zeros((2, 3), np.float32)
    merged = simulator_lib.merge([self.batch(shared, 0), self.batch(shared, 1)])
    self.assertIs(merged.observations, shared)
    np.testing.assert_array_equal(merged.row, [0, 1, 0, 1])
    np.testing.assert_array_equal(merged.next_row, [1, -1, 1, -1])
    apart = simulator_lib.merge([self.batch(np.zeros((2, 3)), 0),
                              self.batch(np.ones((2, 3)), 1)])
    self.assertEqual(apart.observations.shape, (4, 3))
    np.testing.assert_array_equal(apart.row, [0, 1, 2, 3])
    np.testing.assert_array_equal(apart.next_row, [1, -1, 3, -1])
    for result in (merged, apart):
      self.assertEqual((result.num_episodes, result.num_steps), (10, 18))
      self.assertEqual(result.episode_return, 0.5)
      np.testing.assert_array_equal(result.count, [3, 2, 4, 3])


if __name__ == "__main__":
  absltest.main()

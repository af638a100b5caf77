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

"""Tests for the learners: PPO, DQN, exact, gradual."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import gradual
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled


def uniform_opponents(tree):
  return tuple(
      population.Mixture(
          (population.Snapshot(population.PolicyId(player, 0), 0,
                               tree.uniform_table(player)),), np.ones(1))
      for player in range(tree.num_players))


def plans(tree, tables):
  return [sequence_form.realization_plan(tree, table, player)
          for player, table in enumerate(tables)]


def train(config, name, player, batches, seed=0, stationary=True):
  tree = game_tree.enumerate_game(name)
  learner = config.make_learner(
      tree, player, np.random.SeedSequence(seed, spawn_key=(player,)))
  report = learner.train(uniform_opponents(tree),
                         batches * config.steps_per_batch(tree), stationary)
  tree.check_table(report.policy.table, player)
  return tree, report


class DeepLearnersTest(parameterized.TestCase):

  @parameterized.product(
      config=(ppo.PPOConfig(), dqn.DQNConfig(),
              dqn.DQNConfig(minibatch_rows=200)),
      name=("kuhn_poker", "leduc_poker", "kuhn_poker(players=3)"),
      player=(0, 1))
  @pytest.mark.sweep(4)
  @pytest.mark.slow
  def test_come_close_to_the_best_response(self, config, name, player):
    tree, report = train(config, name, player, 30)
    uniform = plans(tree, [tree.uniform_table(p)
                           for p in range(tree.num_players)])
    best = sequence_form.best_response_value(tree, uniform, player)
    played = list(uniform)
    played[player] = sequence_form.realization_plan(
        tree, report.policy.table, player)
    value = sequence_form.expected_returns(tree, played)[player]
    self.assertLessEqual(value, best + 1e-9)
    start = sequence_form.expected_returns(tree, uniform)[player]
    self.assertGreater((value - start) / (best - start), 0.93)
    self.assertGreater(report.steps, 0)
    self.assertEqual(report.episodes, 0)  # Of an expectation nobody plays.

  @parameterized.parameters(ppo.PPOConfig(episodes_per_batch=512),
                            dqn.DQNConfig(episodes_per_batch=512))
  @pytest.mark.slow
  def test_seed_decides_the_bits(self, config):
    first = train(config, "leduc_poker", 0, 3)[1].policy.table
    np.testing.assert_array_equal(
        first, train(config, "leduc_poker", 0, 3)[1].policy.table)
    other = train(config, "leduc_poker", 0, 3, seed=1)[1].policy.table
    self.assertFalse(np.array_equal(first, other))

  def test_imitation_begins_with_the_own_mixture(self):
    tree = game_tree.enumerate_game("leduc_poker")
    rng = np.random.default_rng(0)
    mask = tree.infostates[0].legal_actions_mask
    target = rng.exponential(size=mask.shape) ** 3 * mask
    target /= target.sum(axis=1, keepdims=True)
    own, other = uniform_opponents(tree)
    own = population.Mixture(
        (population.Snapshot(population.PolicyId(0, 0), 0, target),),
        np.ones(1))
    distances = {}
    for steps in (0, 200):
      # A step so small that the updates after the imitation do nothing.
      config = ppo.PPOConfig(imitation_steps=steps, imitation_noise=0.0,
                             learning_rate=1e-9, final_learning_rate=1e-9)
      learner = config.make_learner(tree, 0, np.random.SeedSequence(0))
      report = learner.train((own, other), 1, True)
      distances[steps] = np.abs(report.policy.table - target).mean()
    self.assertLess(distances[200], 0.5 * distances[0])

  @parameterized.parameters(
      # widths after the input, temperature, whether it sees its seat, whether
      # it is in a mixed policy; whether it is copied
      ((8, 3), 1.0, False, False, True),
      ((8, 3), 1.0, False, True, True),
      ((8, 3), 1.0, True, True, True),
      ((8, 8, 3), 1.0, False, False, False),
      ((8, 3), 0.5, False, False, False))
  def test_a_new_policy_begins_as_the_strongest(
      self, sizes, temperature, sees_seat, mixed, is_copied):
    game = open_game.open_game("kuhn_poker", evaluation="sampled")
    sizes = (game.num_features + 2 * sees_seat, *sizes)
    members = [networks.NetworkPolicy(
        sizes, networks.as_array(networks.Network(
            sizes, networks.generator(np.random.SeedSequence(seed)), "cpu"
        ).parameters), game.num_actions, temperature,
        np.eye(2, dtype=np.float32)[0] if sees_seat else None)
               for seed in range(3)]
    uniform = sampled.UniformPolicy()
    policies, probabilities = [uniform, *members], [0.1, 0.2, 0.4, 0.3]
    if mixed:
      policies = [uniform, sampled.MixedPolicy(members, [0.3, 0.5, 0.2])]
      probabilities = [0.4, 0.6]
    own, other = (population.Mixture(
        tuple(population.Snapshot(population.PolicyId(player, index), 0, policy)
              for index, policy in enumerate(policies)),
        np.array(probabilities)) for player in range(2))
    # Steps so small that the updates do nothing.
    config = ppo.PPOConfig(hidden_sizes=(8,), warm_start=True,
                           imitation_steps=0, learning_rate=1e-9,
                           final_learning_rate=1e-9)
    learner = config.make_learner(game, 0, np.random.SeedSequence(5))
    report = learner.train((own, other), 1, True)
    observations = np.random.default_rng(0).random(
        (6, game.num_features)).astype(np.float32)
    mask = np.ones((6, game.num_actions), bool)
    answers = report.policy(observations, mask)
    differences = [np.abs(answers - member(observations, mask)).max()
                   for member in members]
    self.assertEqual(min(differences) < 1e-5, is_copied)
    if is_copied:
      self.assertEqual(np.argmin(differences), 1)
    # It goes on from its state to the same bits.
    resumed = config.make_learner(game, 0, np.random.SeedSequence(5))
    resumed.restore(learner.state())
    after = [one.train((own, other), 1, True).policy.parameters
             for one in (learner, resumed)]
    np.testing.assert_array_equal(*after)

  def test_exploiters_begin_as_others_and_from_nothing(self):
    self.assertEqual(
        [(config.warm_start, config.imitation_steps) for config in
         ppo.PPOConfig(warm_start=True, imitation_steps=25).exploiters()],
        [(True, 25), (False, 0)])
    only = ppo.PPOConfig(warm_start=False, imitation_steps=0)
    self.assertEqual(only.exploiters(), [only])

  @parameterized.parameters(
      (lambda: ppo.PPOConfig(epochs=0), "epochs is 0"),
      (lambda: ppo.PPOConfig(episodes_per_batch=0), "episodes_per_batch is 0"),
      (lambda: ppo.PPOConfig(hidden_sizes=(0,)), "hidden_sizes"),
      (lambda: ppo.PPOConfig(learning_rate=-1.0), "learning_rate is -1"),
      (lambda: ppo.PPOConfig(random_opponent_share=2), "from 0 to 1"),
      (lambda: ppo.PPOConfig(device="abacus"), "device 'abacus'"),
      (lambda: dqn.DQNConfig(epsilon=-1), "epsilon is -1"),
      (lambda: dqn.DQNConfig(replay_batches=0), "replay_batches is 0"),
      (lambda: exact.ExactConfig("best"), "perturbed"),
      (lambda: gradual.GradualConfig(0.0), "learning_rate is 0"),
  )
  def test_refusals(self, make, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      make()
    self.assertNotIn("\n", str(caught.exception))


class ExactLearnersTest(parameterized.TestCase):

  @parameterized.parameters("first", "last", "uniform", "perturbed")
  def test_exact(self, tie_break):
    tree, report = train(exact.ExactConfig(tie_break), "leduc_poker", 1, 1)
    expected = sequence_form.best_response(
        tree, plans(tree, [tree.uniform_table(0), tree.uniform_table(1)]), 1,
        tie_break)
    np.testing.assert_array_equal(report.policy.table, expected.table)
    self.assertEqual((report.steps, report.episodes, report.is_exact),
                     (0, 0, True))
    self.assertAlmostEqual(report.mean_return, expected.value)

  def test_gradual_moves_half_way(self):
    config = gradual.GradualConfig(0.5)
    tree = game_tree.enumerate_game("kuhn_poker")
    learner = config.make_learner(tree, 0, np.random.SeedSequence(0))
    start = sequence_form.realization_plan(tree, learner.initial_policy(), 0)
    opponents = uniform_opponents(tree)
    uniform = plans(tree, [tree.uniform_table(0), tree.uniform_table(1)])
    best = sequence_form.best_response_value(tree, uniform, 0)
    value = start @ sequence_form.sequence_values(tree, uniform, 0)
    for steps in (1, 3):
      report = learner.train(opponents, steps, False)
      value += (1 - 0.5 ** steps) * (best - value)
      self.assertAlmostEqual(report.mean_return, value)


if __name__ == "__main__":
  absltest.main()

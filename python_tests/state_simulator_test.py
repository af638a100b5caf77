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

"""Tests of StateSimulator, StateGame and sampled payoffs, against the tree."""

import pickle

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import expected_game_score
import pytest

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import match
from open_spiel_ppsro.evaluation import payoff_estimate
from open_spiel_ppsro.evaluation import sampled_evaluator
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import open_game as open_game_lib
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import simulator as simulator_lib
from open_spiel_ppsro.simulators import state_simulator
from open_spiel_ppsro.simulators import tree_simulator

GAMES = ("kuhn_poker", "leduc_poker", "kuhn_poker(players=3)",
         "goofspiel(num_cards=3,imp_info=true)")
EPISODES = 20_000


def network_policy(game, seed, temperature=0.3):
  """Returns a random network; sharp enough to be unlike uniform play."""
  network = networks.Network(
      (game.num_features, 16, game.num_actions),
      networks.generator(np.random.SeedSequence(seed)), "cpu")
  return networks.NetworkPolicy(network.sizes, network.parameters.numpy(),
                                game.num_actions, temperature)


def always(action):
  """Returns a policy that plays an action wherever it is legal."""
  def policy(observations, mask):
    del observations
    chosen = np.where(mask[:, [action]], np.eye(mask.shape[1])[action], mask)
    return chosen / chosen.sum(axis=1, keepdims=True)
  return policy


def mixture(policies, probabilities, player=0):
  return population_lib.Mixture(
      tuple(population_lib.Snapshot(population_lib.PolicyId(player, k), 0, p)
            for k, p in enumerate(policies)), np.array(probabilities))


def tabulated(tree, policies, probabilities, player):
  """Returns the realization plan of a mixture of functions."""
  simulator = tree_simulator.TreeSimulator(tree, player)
  return sequence_form.mixture_table_plan(
      tree, np.stack([simulator.tabulate(policy) for policy in policies]),
      np.array(probabilities), player)


def both(name, symmetric):
  """Returns a game as a `GameTree` and as a `StateGame`."""
  tree, game = game_tree.enumerate_game(name), state_game.state_game(name)
  if symmetric:
    return seat_symmetry.symmetrise(tree), seat_symmetry.symmetrise(game)
  return tree, game


class AgainstTheTreeTest(parameterized.TestCase):

  @parameterized.parameters(
      *[(name, False) for name in GAMES],
      ("kuhn_poker", True), ("leduc_poker", True),
      ("goofspiel(num_cards=3,imp_info=true)", True))
  @pytest.mark.sweep(3)
  @pytest.mark.slow
  def test_means_are_the_exact_ones(self, name, symmetric):
    tree, game = both(name, symmetric)
    players = range(game.num_players)
    policies = [[network_policy(game, 10 * player + k) for k in range(2)]
                for player in players]
    own = network_policy(game, 99)
    simulator = state_simulator.StateSimulator(game, 0)
    simulator.face([mixture(p, (.3, .7)) for p in policies], random_share=0.25)
    batch = simulator.draw(own, EPISODES, np.random.default_rng(1))

    uniform = sampled.UniformPolicy()
    plans = [tabulated(tree, [own], [1.], 0)] + [
        tabulated(tree, [*policies[player], uniform], (.225, .525, .25), player)
        for player in players[1:]]
    reach = sequence_form.terminal_reach(tree, plans)
    exact = reach @ tree.terminal_returns[0]
    deviation = np.sqrt(reach @ (tree.terminal_returns[0] - exact) ** 2)
    self.assertLess(abs(batch.episode_return - exact),
                    4 * deviation / EPISODES ** .5)
    self.assertAlmostEqual(batch.num_steps / EPISODES,
                           reach @ tree.terminal_steps, delta=0.05)

    # How often each action was taken at each information state.
    seen = {row.tobytes(): index for index, row
            in enumerate(tree.infostates[0].observations)}
    rows = np.array([seen[row.tobytes()] for row in batch.observations])
    counts = np.bincount(rows * game.num_actions + batch.action,
                         minlength=len(seen) * game.num_actions)
    on_tree = tree_simulator.TreeSimulator(tree, 0)
    on_tree.face([mixture([tree_simulator.TreeSimulator(tree, p).tabulate(x)
                           for x in policies[p]], (.3, .7))
                  for p in players], random_share=0.25)
    expected = on_tree.draw(own, 10 ** 9, np.random.default_rng(2))
    frequency = np.bincount(
        expected.row * game.num_actions + expected.action, expected.count,
        len(counts)) / 1e9
    error = np.sqrt(frequency / EPISODES) + 1 / EPISODES
    self.assertLess((np.abs(counts / EPISODES - frequency) / error).max(), 5)
    for row, action in zip(batch.row, batch.action):
      assert batch.legal_actions_mask[row, action]

  @pytest.mark.slow
  def test_opponents_drawn_together(self):
    tree, game = both("kuhn_poker(players=3)", False)
    own = network_policy(game, 99)
    profiles = np.array([[0, 0, 0], [0, 1, 1]])  # Both pass, or both bet.

    def joint(policies):
      return population_lib.JointMixture(
          tuple(mixture(policies[p], (.5, .5), p) for p in range(3)), profiles,
          np.array([.5, .5]))

    simulator = state_simulator.StateSimulator(game, 0)
    simulator.face(joint([[always(0), always(1)]] * 3))
    batch = simulator.draw(own, EPISODES, np.random.default_rng(1))
    on_tree = joint([[tree_simulator.TreeSimulator(tree, p).tabulate(always(k))
                      for k in range(2)] for p in range(3)])
    plan = tabulated(tree, [own], [1.], 0)[tree.terminal_sequences[0]]
    reach, of_independent = (
        plan * tree_simulator.opponents_reach(tree, opponents, 0)
        for opponents in (on_tree, on_tree.mixtures))
    exact = reach @ tree.terminal_returns[0]
    deviation = np.sqrt(reach @ (tree.terminal_returns[0] - exact) ** 2)
    error = 4 * deviation / EPISODES ** .5
    self.assertLess(abs(batch.episode_return - exact), error)
    # How often the opponents agree shows in how long the episodes are.
    self.assertAlmostEqual(batch.num_steps / EPISODES,
                           reach @ tree.terminal_steps, delta=0.05)
    self.assertGreater(
        abs((of_independent - reach) @ tree.terminal_steps), 0.1)

  def test_entries_follow_each_other(self):
    game = state_game.state_game("leduc_poker")
    simulator = state_simulator.StateSimulator(game, 1)
    simulator.face([mixture([sampled.UniformPolicy()], [1.])] * 2)
    batch = simulator.draw(network_policy(game, 1), 500,
                           np.random.default_rng(0))
    ends = batch.next_row < 0
    np.testing.assert_array_equal(batch.reward[~ends], 0)
    np.testing.assert_array_equal(batch.reward[ends], batch.mean_return[ends])
    follows = batch.next_row[~ends]
    np.testing.assert_array_equal(batch.mean_return[~ends],
                                  batch.mean_return[follows])
    self.assertLen(set(follows), len(follows))
    self.assertTrue((follows > np.flatnonzero(~ends)).all())
    # What is seen next holds what was seen before: the information state
    # tensor has a bit for every action.
    self.assertTrue((batch.observations[follows].sum(axis=1)
                     > batch.observations[~ends].sum(axis=1)).all())

  def test_rewards_before_the_end(self):
    # Catch and others pay at the end; this one pays as it goes.
    game = state_game.state_game(
        "laser_tag(fully_obs=true,horizon=8)")
    simulator = state_simulator.StateSimulator(game, 0)
    uniform = sampled.UniformPolicy()
    simulator.face([mixture([uniform], [1.])] * 2)
    batch = simulator.draw(uniform, 400, np.random.default_rng(0))
    # Along an episode, what is still to come is the reward and what follows.
    later = np.where(batch.next_row < 0, 0, batch.mean_return[batch.next_row])
    np.testing.assert_allclose(batch.mean_return, batch.reward + later)
    self.assertGreater(np.abs(batch.reward[batch.next_row >= 0]).max(), 0)

  def test_demonstrates_who_played(self):
    game = state_game.state_game("kuhn_poker")
    simulator = state_simulator.StateSimulator(game, 0)
    policies = [network_policy(game, seed) for seed in range(2)]
    simulator.face([mixture(policies, (.5, .5))] * 2)
    observations, mask, probabilities = simulator.demonstrate(
        mixture(policies, (.5, .5)), np.random.default_rng(0))
    first, second = (policy(observations, mask) for policy in policies)
    by_first = np.abs(probabilities - first).max(axis=1) < 1e-6
    by_second = np.abs(probabilities - second).max(axis=1) < 1e-6
    self.assertTrue((by_first | by_second).all())
    self.assertTrue(by_first.any() and by_second.any())


  @parameterized.parameters(*[(name, False) for name in GAMES],
                            ("leduc_poker", True))
  def test_behaviour_of_a_mixture_is_weighted_by_reach(self, name, symmetric):
    tree, game = both(name, symmetric)
    simulator = state_simulator.StateSimulator(game, 0)
    policies = [network_policy(game, seed) for seed in range(3)]
    mixed = mixture(policies, (.2, .5, .3))
    simulator.face([mixed] * game.num_players)
    batch = simulator_lib.merge([
        simulator.draw(policies[0], 200, np.random.default_rng(seed))
        for seed in range(2)])
    found = simulator.behaviour(mixed, batch)
    exact = sequence_form.behaviour(
        tree, tabulated(tree, policies, (.2, .5, .3), 0), 0)
    seen = {row.tobytes(): index for index, row
            in enumerate(tree.infostates[0].observations)}
    rows = [seen[row.tobytes()] for row in batch.observations]
    np.testing.assert_allclose(found, exact[rows], atol=1e-5)


class StateGameTest(parameterized.TestCase):

  @parameterized.parameters(
      "phantom_ttt", "dark_hex(board_size=3)", "liars_dice(numdice=2)",
      "goofspiel(num_cards=8,imp_info=true)", "battleship", "backgammon",
      "connect_four", "blotto", "bargaining", "leduc_poker(players=3)")
  @pytest.mark.sweep(5)
  def test_real_games_play(self, name):
    game = pickle.loads(pickle.dumps(state_game.state_game(name)))
    simulator = state_simulator.StateSimulator(game, 0)
    uniform = sampled.UniformPolicy()
    simulator.face([mixture([uniform, network_policy(game, 0)], [.5, .5])]
                   * game.num_players)
    batch = simulator.draw(network_policy(game, 1), 8,
                           np.random.default_rng(0))
    self.assertEqual(batch.observations.shape[1], game.num_features)
    self.assertEqual(batch.num_episodes, 8)
    self.assertTrue(np.isfinite(batch.mean_return).all())

  def test_mean_steps(self):
    self.assertAlmostEqual(
        state_game.state_game("leduc_poker").mean_steps,
        tree_simulator.mean_steps(game_tree.enumerate_game("leduc_poker")),
        delta=0.3)

  @parameterized.parameters(
      ("2048", "PSRO needs two or more"), ("mfg_crowd_modelling", "PSRO needs"),
      ("chessboard", "no game"))
  def test_refuses(self, name, message):
    with self.assertRaisesRegex(ValueError, message):
      state_game.state_game(name)

  def test_opens_by_size(self):
    self.assertIsInstance(open_game_lib.open_game("kuhn_poker"),
                          game_tree.GameTree)
    self.assertIsInstance(open_game_lib.open_game("phantom_ttt", 1000),
                          state_game.StateGame)
    self.assertIsInstance(
        open_game_lib.open_game("kuhn_poker", evaluation="sampled"),
        state_game.StateGame)
    with self.assertRaisesRegex(ValueError, "too many to enumerate"):
      open_game_lib.open_game("phantom_ttt", 1000, "exact")
    with self.assertRaisesRegex(ValueError, "auto, exact or sampled"):
      open_game_lib.open_game("kuhn_poker", evaluation="guessed")


class SampledEvaluatorTest(parameterized.TestCase):

  @parameterized.parameters(
      # game, symmetric, policies, episodes a round, largest standard error
      ("kuhn_poker", False, 3, 9_000, 0.1),
      ("kuhn_poker(players=3)", False, 3, 9_000, 0.15),
      ("kuhn_poker", True, 3, 9_000, 0.1),
      # Few episodes a cell: what is expected of it counts.
      ("kuhn_poker", False, 10, 300, 0.6),
      ("leduc_poker", True, 10, 300, 2))
  @pytest.mark.slow
  @pytest.mark.sweep(2)
  def test_payoffs_within_standard_errors(self, *case):
    self._check_payoffs(*case)

  @parameterized.parameters(
      ("leduc_poker", False, 3, 9_000, 0.25),
      ("liars_dice", False, 3, 9_000, 0.1),
      ("leduc_poker", True, 3, 9_000, 0.25),
      ("leduc_poker", False, 10, 300, 2),
      ("liars_dice", False, 10, 300, 0.6))
  @pytest.mark.thorough
  def test_payoffs_of_more_games_within_standard_errors(self, *case):
    self._check_payoffs(*case)

  def _check_payoffs(self, name, symmetric, count, num_episodes, largest):
    tree, game = both(name, symmetric)
    population = population_lib.Population(game.num_populations)
    ids = [population.open(p).policy_id for p in range(game.num_populations)
           for _ in range(count)]
    for seed, policy_id in enumerate(ids):
      population.publish(policy_id, network_policy(game, seed))
    plans = [
        np.stack([tabulated(tree, [member.snapshot.policy], [1.], player)
                  for member in population.members(role)])
        for player, role in enumerate(game.roles)]
    exact = sequence_form.payoff_tensors(tree, plans)
    executor = executor_lib.SerialExecutor()
    executor.start(game)
    scores = []
    for seed in range(3):
      meta_game = meta_game_lib.MetaGame(game.roles)
      evaluator = sampled_evaluator.SampledEvaluator(
          game, executor, seed, num_episodes)
      evaluator.measure(population, meta_game, ids)
      weights = [np.ones(count) / count] * game.num_populations
      for _ in range(3):  # Nothing has changed: it adds up.
        evaluator.set_importance(weights)
        evaluator.measure(population, meta_game, [])
      self.assertAlmostEqual(evaluator.episodes, 4 * num_episodes, delta=8)
      errors = evaluator.standard_errors()
      self.assertLess(errors.max(), largest)
      off = (meta_game.payoffs - exact) / np.maximum(errors, 1e-9)
      if symmetric:  # What a policy earns against itself is known.
        np.testing.assert_array_equal(
            meta_game.payoffs[:, range(count), range(count)], 0)
        off[:, range(count), range(count)] = 0
        np.testing.assert_allclose(
            meta_game.payoffs[0], -meta_game.payoffs[0].T, atol=1e-12)
        off = off[:, np.triu(np.ones((count, count)), 1) > 0]
      if game.is_zero_sum:
        off = off[0]
      scores.append(off.ravel())
    scores = np.concatenate(scores)
    # A few episodes are not yet normally distributed.
    self.assertLess(np.abs(scores).max(), 4 if count == 3 else 5)
    # As far off as they say, all together: chi-square over its degrees of
    # freedom. It may be less: episodes share out the deals among them.
    deviation = np.sqrt(2 / len(scores))
    self.assertBetween(np.mean(scores ** 2), 0.35, 1 + 4 * deviation)

  @parameterized.parameters(
      ("leduc_poker", False, 0), ("leduc_poker", False, 1),
      ("kuhn_poker", True, 0), ("blotto(coins=5,fields=2)", False, 1))
  @pytest.mark.sweep(1)
  @pytest.mark.slow
  def test_training_tells_of_payoffs(self, name, symmetric, player):
    tree, game = both(name, symmetric)
    population = population_lib.Population(game.num_populations)
    ids = [population.open(p).policy_id for p in range(game.num_populations)
           for _ in range(3)]
    for seed, policy_id in enumerate(ids):
      population.publish(policy_id, network_policy(game, seed))
    learner = population_lib.PolicyId(game.roles[player], 2)
    simulator = state_simulator.StateSimulator(game, player)
    self.assertIsNone(simulator.training_payoffs())
    simulator.face(tuple(
        population_lib.Mixture(tuple(
            member.snapshot for member in population.members(role)[:2]),
                               np.array([0.3, 0.7])) for role in game.roles),
                   random_share=0.2)
    rng = np.random.default_rng(0)
    for _ in range(2):
      simulator.draw(population[learner].snapshot.policy, 10_000, rng)
    payoffs = simulator.training_payoffs()
    np.testing.assert_allclose(payoffs.episodes, [4800, 11200], rtol=0.1)
    executor = executor_lib.SerialExecutor()
    executor.start(game)
    evaluator = sampled_evaluator.SampledEvaluator(game, executor, 0, 1)
    meta_game = meta_game_lib.MetaGame(game.roles)
    evaluator.measure(population, meta_game, ids, share=0.0)
    evaluator.add_training_payoffs(learner, payoffs)
    evaluator.measure(population, meta_game, [], share=0.0)
    self.assertEqual(evaluator.episodes, 0)
    exact = sequence_form.payoff_tensors(tree, [
        np.stack([tabulated(tree, [member.snapshot.policy], [1.], p)
                  for member in population.members(role)])
        for p, role in enumerate(game.roles)])
    for other in range(2):
      cell = (2, other) if player == 0 else (other, 2)
      off = meta_game.payoffs - exact
      for seat in range(2):
        self.assertLess(abs(off[seat][cell]),
                        4 * evaluator.standard_errors()[seat][cell])
      if symmetric:
        self.assertEqual(meta_game.payoffs[0][cell[::-1]],
                         -meta_game.payoffs[0][cell])

  def test_few_episodes_are_drawn_towards_what_others_say(self):
    rng = np.random.default_rng(0)
    effects = rng.normal(size=(2, 30)) / 4
    true = effects[0][:, None] - effects[1] + rng.normal(size=(30, 30)) / 10
    weight = rng.integers(0, 9, true.shape)  # Some were never played.
    weight[0, 0] = 100_000
    own = true + rng.normal(size=true.shape) / np.sqrt(np.maximum(weight, 1))
    means, errors, *_ = payoff_estimate.estimate(
        weight.astype(float), weight * own, weight * own ** 2 + weight - 1.)
    off = (means - true)
    self.assertLess(np.abs(off).mean(), 0.45 * np.abs(own - true).mean())
    self.assertAlmostEqual(means[0, 0], own[0, 0], places=3)
    self.assertBetween(np.mean((off / errors) ** 2), 0.5, 1.5)
    self.assertLess(errors[weight == 0].max(), 0.51)

  @parameterized.parameters(0., 1., -1.)
  def test_estimates_where_nothing_is_random(self, value):
    weight = np.array([[4., 0.], [0., 0.]])
    means, errors, *_ = payoff_estimate.estimate(
        weight, weight * value, weight * value ** 2)
    np.testing.assert_allclose(means, value)
    self.assertTrue((errors > 0).all() and np.isfinite(errors).all())
    means, errors, *_ = payoff_estimate.estimate(*np.zeros((3, 2, 3)))
    np.testing.assert_array_equal(means, 0)
    self.assertTrue((errors > 0).all() and np.isfinite(errors).all())

  def test_chance_is_shared_out(self):
    chance = match._stratified(  # pylint: disable=protected-access
        100, 64, np.random.default_rng(0))
    self.assertLen(chance, 100)
    for start in (0, 32, 64):
      counts = np.floor(32 * chance[start:start + 32]).astype(int)
      np.testing.assert_array_equal(np.sort(counts, axis=0), np.broadcast_to(
          np.arange(32)[:, None], counts.shape))

  def test_episodes_go_where_the_meta_strategy_is(self):
    game = state_game.state_game("leduc_poker")
    population = population_lib.Population(2)
    ids = [population.open(p).policy_id for p in range(2) for _ in range(6)]
    for seed, policy_id in enumerate(ids):
      population.publish(policy_id, network_policy(game, seed))
    executor = executor_lib.SerialExecutor()
    executor.start(game)
    evaluator = sampled_evaluator.SampledEvaluator(game, executor, 0, 5_000)
    meta_game = meta_game_lib.MetaGame(game.roles)
    evaluator.measure(population, meta_game, ids)
    weights = [np.array([.5, .5, 0, 0, 0, 0])] * 2
    evaluator.set_importance(weights)
    evaluator.measure(population, meta_game, [])
    errors = evaluator.standard_errors()[0]
    self.assertLess(errors[:2, :2].max(), errors[2:, 2:].min())

  def test_mean_returns_against_openspiel(self):
    game = state_game.state_game("kuhn_poker")
    executor = executor_lib.SerialExecutor()
    executor.start(game)
    evaluator = sampled_evaluator.SampledEvaluator(game, executor, 0, 1)
    policies = [network_policy(game, seed) for seed in range(4)]
    mixtures = (mixture(policies[:2], (.4, .6)),
                mixture(policies[2:], (.1, .9)))
    profiles = sampled_evaluator.profiles_of(mixtures)
    self.assertAlmostEqual(sum(weight for _, weight in profiles), 1)
    mean, error = evaluator.mean_returns(profiles, 40_000, 7)
    expected = sum(
        weight * np.array(expected_game_score.policy_value(
            game.game.new_initial_state(),
            [sampled.SampledPolicy(game, [p], policy)
             for p, policy in enumerate(profile)]))
        for profile, weight in profiles)
    self.assertLess((np.abs(mean - expected) / error).max(), 4)


if __name__ == "__main__":
  absltest.main()

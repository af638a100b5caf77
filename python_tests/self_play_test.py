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

"""Tests for self-play: its scheme, its learner and its averages."""

import dataclasses
import math
import pathlib
import pickle

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
from open_spiel.python.algorithms import exploitability
import pyspiel
import pytest
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import schemes
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import policy_average
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.oracles import tabular_self_play
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import play as play_lib
import testing

SMALL = self_play.SelfPlayConfig(episodes_per_batch=64, hidden_sizes=(16,))


def symmetric(name, evaluation="exact"):
  return seat_symmetry.symmetrise(
      open_game.open_game(name, evaluation=evaluation))


def uniform(observations, mask):
  del observations
  return mask / mask.sum(axis=1, keepdims=True)


def make_samples(rng, num_rows=7, num_actions=4):
  """Returns random `Samples` whose old policy is near that of random logits."""
  illegal = torch.tensor(rng.random((num_rows, num_actions)) < 0.3)
  illegal[:, 0] = False
  legal = (~illegal).double()

  def log_probs():
    return networks.masked_log_softmax(
        torch.tensor(rng.normal(size=illegal.shape)), illegal)

  weight = torch.tensor(rng.random(illegal.shape)) * legal
  weight /= weight.sum()
  return self_play.Samples(
      observations=torch.zeros(num_rows, 1), illegal=illegal, weight=weight,
      visit_weight=weight.sum(1),
      advantage=torch.tensor(rng.normal(size=illegal.shape)) * legal,
      old_log_probs=log_probs(), magnet_log_probs=log_probs(),
      value_target=torch.tensor(rng.normal(size=num_rows)))


class LossTest(parameterized.TestCase):

  @parameterized.product(seed=(0, 1, 2), magnet=(0.0, 0.3),
                         proximal=(0.0, 0.2))
  def test_gradient_is_that_of_the_loss(self, seed, magnet, proximal):
    rng = np.random.default_rng(seed)
    samples = make_samples(rng)
    config = dataclasses.replace(SMALL, proximal=proximal)
    output = torch.tensor(rng.normal(size=(7, 5)), requires_grad=True)
    log_probs = networks.masked_log_softmax(output[:, :-1], samples.illegal)
    probabilities = log_probs.exp()

    def divergence(other):
      return (samples.visit_weight[:, None] * probabilities
              * (log_probs - other)).sum()

    ratio = (log_probs - samples.old_log_probs).exp()
    surrogate = torch.minimum(
        ratio * samples.advantage,
        ratio.clamp(1 - config.clip, 1 + config.clip) * samples.advantage)
    loss = (-(samples.weight * surrogate).sum()
            + magnet * divergence(samples.magnet_log_probs)
            + proximal * divergence(samples.old_log_probs)
            + config.value_coefficient * (
                samples.visit_weight
                * (output[:, -1] - samples.value_target) ** 2).sum())
    loss.backward()
    np.testing.assert_allclose(
        self_play.loss_gradient(output.detach(), samples, config, magnet),
        output.grad, atol=1e-9)

  @parameterized.parameters(0.0, 0.7, 1.0)
  def test_advantages_are_sums_of_later_errors(self, decay):
    # Episodes are chains: the advantage of a decision is the sum of the
    # errors from there on, each decayed once more.
    game = symmetric("leduc_poker", "sampled")
    batch = of_game.make_simulator(game, 0).play_itself(
        uniform, 40, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    value = rng.normal(size=len(batch.observations))
    found = self_play.advantages(batch, value, 2.0, decay)
    for entry in range(len(batch.row)):
      expected, factor, now = 0.0, 1.0, entry
      while now >= 0:
        later = batch.next_row[now]
        expected += factor * (batch.reward[now] / 2 - value[now] + (
            value[later] if later >= 0 else 0))
        factor *= decay
        now = later
      self.assertAlmostEqual(found[entry], expected)
    if decay == 1:
      np.testing.assert_allclose(found, batch.mean_return / 2 - value)

  def test_advantages_of_counted_entries(self):
    # Without decay, the mean advantage of the entries of an action is its mean
    # return less the value, on an enumerated game as well.
    game = symmetric("leduc_poker")
    batch = of_game.make_simulator(game, 0).play_itself(
        uniform, 2 ** 16, np.random.default_rng(1))
    value = np.random.default_rng(2).normal(size=len(batch.observations))
    found = self_play.advantages(batch, value, 2.0, 1.0)
    shape = batch.legal_actions_mask.shape
    entry = batch.row * shape[1] + batch.action

    def mean(values):
      total = np.bincount(entry, batch.count * values, np.prod(shape))
      return total / np.maximum(np.bincount(entry, batch.count,
                                            np.prod(shape)), 1)

    np.testing.assert_allclose(
        mean(found), mean(batch.mean_return / 2 - value[batch.row]), atol=1e-9)

  def test_distinct_rows(self):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (500, 7)).astype(np.float32)
    first, group = self_play.distinct(rows)
    self.assertLen(first, len(np.unique(rows, axis=0)))
    np.testing.assert_array_equal(rows[first][group], rows)


class WidthTest(parameterized.TestCase):

  @parameterized.parameters(
      ("leduc_poker", 64), ("liars_dice", 64), ("phantom_ttt", 64),
      ("liars_dice(numdice=2,dice_sides=5)", 128))
  def test_responders_can_copy_what_self_play_has_found(self, name, width):
    game = seat_symmetry.symmetrise(state_game.state_game(name))
    for config in (self_play.SelfPlayConfig(), ppo.PPOConfig()):
      self.assertEqual(config.for_game(game).hidden_sizes, (width, width))


class PlayItselfTest(parameterized.TestCase):

  def test_both_kinds_of_games_agree(self):
    # How often each information state is visited, and what is earned there.
    tree, states = symmetric("leduc_poker"), symmetric("leduc_poker", "sampled")
    episodes = 4000
    exact = of_game.make_simulator(tree, 0).play_itself(
        uniform, 2 ** 20, np.random.default_rng(1))
    played = of_game.make_simulator(states, 0).play_itself(
        uniform, episodes, np.random.default_rng(2))
    self.assertEqual(played.num_episodes, episodes)
    self.assertLen(played.row, played.num_steps)  # All decisions are there.
    # An episode of the tree shows the decisions of one seat.
    self.assertAlmostEqual(2 * exact.count.sum() / 2 ** 20,
                           len(played.row) / episodes, delta=0.1)
    rows = {row.tobytes(): index for index, row in enumerate(
        tree.infostates[0].observations)}
    index = [rows[row.tobytes()] for row in played.observations]
    visits = np.bincount(index, minlength=len(rows)) / episodes
    expected = np.bincount(exact.row, exact.count, len(rows)) / 2 ** 19
    error = np.sqrt(expected / episodes) + 1e-3
    self.assertLess(np.abs(visits - expected).max() / error.max(), 5)
    self.assertAlmostEqual(exact.episode_return, 0, delta=0.05)
    self.assertAlmostEqual(played.episode_return, 0, delta=1e-9)


class AverageTest(parameterized.TestCase):

  def test_plans_average_as_episodes_do(self):
    tree = symmetric("kuhn_poker")
    average = policy_average.PlanAverage(tree, 0)
    self.assertIsNone(average.policy())
    tables = [testing.random_table(tree, 0, seed) for seed in range(5)]
    for number, table in enumerate(tables, 1):
      average.add(lambda *_, table=table: table, number)
    weights = np.ones(1)
    for number in range(2, 6):
      weight = 3 / (2 + number)
      weights = np.append(weights * (1 - weight), weight)
    expected = sequence_form.mixture_table_plan(
        tree, np.stack(tables), weights, 0)
    np.testing.assert_allclose(sequence_form.realization_plan(
        tree, average.policy().table, 0), expected, atol=1e-12)
    self.assertEqual(list(weights), sorted(weights))  # Later ones count more.

  def test_snapshots_cover_the_last_half(self):
    network = networks.Network((1, 1), None, "cpu")
    average = policy_average.SnapshotMixture(network, 1)
    self.assertIsNone(average.policy())
    for number in range(1, 5001):
      network.parameters.fill_(number)
      average.add(uniform, number)
      taken = [member.parameters[0] for member in average.policy().members]
      self.assertEqual(len(taken), min(number, 20))
      if number > 100:  # A snapshot averages what was shortly before it.
        self.assertBetween(taken[-1] / number, 0.92, 0.99)
        self.assertBetween(taken[0] / number, 0.45, 0.6)
        self.assertLess(max(np.diff(taken)), 0.05 * number)

  def test_weights(self):
    network = networks.Network((1, 1), None, "cpu")
    average = policy_average.WeightAverage(network, 1)
    self.assertIsNone(average.policy())
    for number in range(1, 1001):
      network.parameters.fill_(number)
      average.add(uniform, number)
    # Update n weighs as n ** (1 / 0.15 - 1), about: the mean of n is 0.87 N.
    self.assertAlmostEqual(
        float(average.policy().parameters[0]), 870, delta=10)


class MixedPolicyTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.game = symmetric("kuhn_poker", "sampled")
    self.policy = sampled.MixedPolicy(
        [networks.NetworkPolicy(
            (self.game.num_features, 3), np.random.default_rng(seed).normal(
                size=3 * self.game.num_features + 3).astype(np.float32), 2)
         for seed in range(3)], [0.5, 0.3, 0.2])

  def test_there_and_back(self):
    back = policy_lib.from_data(policy_lib.to_data(self.policy))
    self.assertEmpty(testing.differences(
        policy_lib.to_data(back), policy_lib.to_data(self.policy)))
    self.assertLen(back.weights(), 3)
    noisy = back.with_noise(0.1, np.random.default_rng(0))
    self.assertFalse(np.array_equal(noisy.weights()[0], back.weights()[0]))

  @pytest.mark.slow
  def test_a_member_is_drawn_per_episode(self):
    # Played against itself it earns what the mixture of its members does.
    count = 20_000
    assignment = np.stack([np.zeros(count, int), np.ones(count, int)])
    mixed, _, _ = play_lib.play(
        self.game, [self.policy, sampled.UniformPolicy()], assignment,
        np.random.default_rng(0))
    parts = [play_lib.play(
        self.game, [member, sampled.UniformPolicy()], assignment,
        np.random.default_rng(1))[0][0].mean()
             for member in self.policy.members]
    self.assertAlmostEqual(mixed[0].mean(),
                           self.policy.probabilities @ parts, delta=0.06)

  def test_openspiel_sees_the_behaviour_policy(self):
    seen = sampled.SampledPolicy(self.game, [0, 1], self.policy)
    expected = sampled.MixturePolicy(
        self.game, [self.policy.members] * 2, [self.policy.probabilities] * 2)
    state = self.game.game.new_initial_state()
    for action in (0, 1, 0, 1):
      if not state.is_chance_node():
        self.assertEqual(seen.action_probabilities(state),
                         expected.action_probabilities(state))
      state.apply_action(action)
    self.assertEqual(seen.action_probabilities(state),
                     expected.action_probabilities(state))
    with self.assertRaisesRegex(ValueError, "by state"):
      self.policy(np.zeros((1, self.game.num_features), np.float32),
                  np.ones((1, 2), bool))


class StepTest(parameterized.TestCase):
  """The step in closed form, in a table and as what a network is fitted to."""

  @parameterized.product(seed=(0, 1, 2), magnet=(0.0, 0.3, 5.0))
  def test_it_is_the_best_policy_for_its_objective(self, seed, magnet):
    rng = np.random.default_rng(seed)
    before, resting = rng.dirichlet(np.ones(4), size=2)
    advantage, size = rng.normal(size=4), 0.7

    def objective(policy):
      return (policy @ advantage
              - magnet * policy @ np.log(policy / resting)
              - policy @ np.log(policy / before) / size)

    found = np.exp(tabular_self_play.step(
        np.log(before), advantage, np.log(resting), magnet, size))
    found /= found.sum()
    for other in rng.dirichlet(np.ones(4), size=200):
      for share in (1, 1e-2):
        self.assertGreaterEqual(
            objective(found), objective((1 - share) * found + share * other))

  def test_advantages_are_gains_of_single_deviations(self):
    # At an information state, on the way there by the policy itself.
    tree = symmetric("leduc_poker")
    table = testing.random_table(tree, 0, 1)
    batch = of_game.make_simulator(tree, 0).play_itself(
        lambda *_: table, None, None)
    self.assertEqual(batch.num_episodes, 0)
    count, total = batch.per_action()
    found = tabular_self_play.action_advantages(count, total)
    np.testing.assert_allclose((table * found).sum(axis=1), 0, atol=1e-12)

    def value(row, policy):
      other = table.copy()
      other[row] = policy
      plans = [sequence_form.realization_plan(tree, one, 0)
               for one in (other, table)]
      return sequence_form.terminal_reach(tree, plans, None) @ (
          tree.terminal_returns[0])

    rows = np.random.default_rng(0).choice(len(table), 20, replace=False)
    reach = count.sum(axis=1)
    for row in rows:
      for action in np.flatnonzero(tree.infostates[0].legal_actions_mask[row]):
        self.assertAlmostEqual(
            value(row, np.eye(table.shape[1])[action])
            - value(row, table[row]), found[row, action] * reach[row])

  def test_actions_that_are_not_taken_have_none(self):
    np.testing.assert_array_equal(
        tabular_self_play.action_advantages(
            np.array([[2.0, 0.0, 2.0], [0.0, 0.0, 0.0]]),
            np.array([[2.0, 0.0, 6.0], [0.0, 0.0, 0.0]])),
        [[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])

  @pytest.mark.slow
  def test_the_network_is_fitted_to_the_step_of_the_table(self):
    # A network that can say anything takes the step that the table takes.
    tree = symmetric("kuhn_poker")
    seed, rows = np.random.SeedSequence(1), tree.infostates[0]
    network = self_play.SelfPlayConfig(
        step_size=2.0, epochs=1000, learning_rate=1e-2).make_learner(
            tree, 0, seed)
    table = tabular_self_play.TabularSelfPlayConfig(
        step_size=2.0).make_learner(tree, 0, seed)
    for learner in (network, table):
      learner.train(None, 1, False)
    expected = table.answer().table  # The only policy so far.
    self.assertGreater(np.abs(expected - tree.uniform_table(0)).max(), 0.2)
    np.testing.assert_allclose(
        network.current(rows.observations, rows.legal_actions_mask),
        expected, atol=0.02)


class SelfPlayTest(parameterized.TestCase):

  @parameterized.product(
      seed=(0, 1, 2),
      config=((self_play.SelfPlayConfig(), 0.1),
              (self_play.SelfPlayConfig(episodes_per_batch=2 ** 16), 0.1),
              (tabular_self_play.TabularSelfPlayConfig(), 0.04)))
  @pytest.mark.sweep(3)
  @pytest.mark.slow
  def test_comes_close_to_the_equilibrium(self, seed, config):
    config, most = config
    oracle, solver = testing.make_solver(
        "kuhn_poker", config, schemes.SelfPlay(), seed=seed)
    with oracle:
      found = [solver.round().of_frozen.nash_conv for _ in range(15)]
    # Uniform play has 0.92.
    self.assertLess(found[-1], most)
    self.assertEqual(solver.num_policies, (1,))
    self.assertEqual(solver.iterations, 15)

  @parameterized.parameters("mixture", "weights")
  @pytest.mark.slow
  def test_what_a_sampled_run_found_can_be_measured(self, answer):
    config = dataclasses.replace(SMALL, answer=answer)
    oracle, solver = testing.make_solver(
        "kuhn_poker", config, schemes.SelfPlay(), evaluation="sampled",
        opponent_update_freq=3000)
    with oracle:
      for _ in range(5):
        solver.round()
      mixture = solver.final_mixtures()[0]
      self.assertLen(mixture.snapshots, 20 if answer == "mixture" else 1)
      by_policy = interval.exploitability_interval(
          "kuhn_poker", solver.final_policy(), seconds=None)
      by_mixtures = interval.exploitability_interval(
          solver.played_game, solver.final_mixtures(), seconds=None)
      by_policies = interval.exploitability_interval(
          "kuhn_poker", solver.get_policies()[0][0], seconds=None)
    self.assertAlmostEqual(by_policy.low, by_mixtures.low)
    self.assertAlmostEqual(by_policy.low, by_policies.low)
    self.assertAlmostEqual(by_policy.width, 0)
    self.assertLess(by_policy.high, 0.45)  # Random play has 0.458.

  @parameterized.parameters("exact", "sampled")
  @pytest.mark.slow
  def test_the_magnet_holds(self, evaluation):
    # With a magnet that is all that counts, the policy stays at random play.
    found = {}
    for magnet in (0.0, 100.0):
      config = dataclasses.replace(
          SMALL, magnet=magnet, episodes_per_batch=512)
      game = symmetric("kuhn_poker", evaluation)
      learner = config.make_learner(game, 0, np.random.SeedSequence(1))
      learner.train(None, 40_000, False)
      rows = symmetric("kuhn_poker").infostates[0]
      policy = learner.current(rows.observations, rows.legal_actions_mask)
      found[magnet] = np.abs(policy - 0.5).max()
    self.assertLess(found[100.0], 0.05)
    self.assertGreater(found[0.0], 0.2)

  @pytest.mark.slow
  def test_a_magnet_that_moves_lets_go(self):
    distances = {}
    for updates in (0, 5):
      config = dataclasses.replace(
          SMALL, magnet=2.0, magnet_decay_updates=10 ** 9,
          decay_updates=10 ** 9, magnet_updates=updates,
          episodes_per_batch=4096)
      learner = config.make_learner(
          symmetric("kuhn_poker"), 0, np.random.SeedSequence(1))
      learner.train(None, 150 * config.steps_per_batch(
          symmetric("kuhn_poker")), False)
      rows = symmetric("kuhn_poker").infostates[0]
      distances[updates] = np.abs(learner.current(
          rows.observations, rows.legal_actions_mask) - 0.5).max()
    self.assertGreater(distances[5], 1.5 * distances[0])

  @parameterized.parameters(SMALL, self_play.SelfPlayConfig(),
                            tabular_self_play.TabularSelfPlayConfig())
  def test_an_enumerated_game_may_come_from_another_process(self, config):
    tree = symmetric("kuhn_poker")
    answers = []
    for game in (tree, pickle.loads(pickle.dumps(tree))):
      learner = config.make_learner(game, 0, np.random.SeedSequence(1))
      answers.append(learner.train((), 1, False).policy.table)
    np.testing.assert_array_equal(*answers)

  @parameterized.parameters(
      ("phantom_ttt", 0.1, 600),
      ("phantom_ttt(gameversion=abrupt)", 0.2, 1200),
      ("dark_hex(board_size=3,gameversion=adh)", 0.2, 1200),
      ("liars_dice(numdice=2,dice_sides=5)", 0.1, 600),
      ("liars_dice", 0.3, 67), ("goofspiel", 0.3, 67))
  def test_the_magnet_falls_as_fast_as_the_game_allows(
      self, name, magnet, updates):
    game = seat_symmetry.symmetrise(open_game.open_game(
        name, evaluation="sampled"))
    config = self_play.SelfPlayConfig().for_game(game)
    self.assertEqual((config.magnet, config.magnet_decay_updates),
                     (magnet, updates))
    self.assertEqual(
        self_play.SelfPlayConfig(magnet=0.5).for_game(game).magnet, 0.5)

  @pytest.mark.thorough
  def test_goofspiel_does_not_become_a_pure_strategy(self):
    name = "goofspiel(num_cards=4,imp_info=True,points_order=descending)"
    summary = ppsro.run(
        name, "self_play", self_play.SelfPlayConfig(episodes_per_batch=512),
        limits=ppsro.Limits(math.inf, max_rounds=5),
        output_dir=testing.make_directory(self) / "run")
    uniform = policy.UniformRandomPolicy(pyspiel.load_game(name))
    self.assertLess(
        summary.nash_conv, 0.5 * exploitability.nash_conv(
            pyspiel.load_game(name), uniform))

  @pytest.mark.thorough
  def test_expectations_do_not_circle(self):
    # Uniform play is at about 4, and where steps are of 3 and fall three times
    # as fast, this is at 0.8 and then grows.
    game = (pathlib.Path(__file__).resolve().parents[1]
            / "examples/benchmarks/study/random_game.efg")
    oracle, solver = testing.make_solver(
        f"efg_game(filename={game})", self_play.SelfPlayConfig(),
        schemes.SelfPlay(), seed=1, opponent_update_freq=2400)
    with oracle:
      found = [solver.round().of_frozen.exploitability for _ in range(2)]
    self.assertLess(found[-1], 0.5)

  @parameterized.parameters(
      (lambda: self_play.SelfPlayConfig(answer="last"), "mixture, weights"),
      (lambda: self_play.SelfPlayConfig(magnet=-1), "magnet is -1"),
      (lambda: self_play.SelfPlayConfig(decay_updates=0), "decay_updates is 0"),
      (lambda: self_play.SelfPlayConfig(trace_decay=2), "trace_decay is 2"),
      (lambda: self_play.SelfPlayConfig(streams=0), "streams is 0"),
      (lambda: pipelined.PipelinedOracle(
          "kuhn_poker", SMALL, process_executor.ProcessExecutor(2),
          seat_symmetric=True, workers_per_level=2), "see its streams"),
      (lambda: testing.make_solver(
          "kuhn_poker", ppo.PPOConfig(), schemes.SelfPlay()),
       "SelfPlayConfig"),
      (lambda: testing.make_solver(
          "kuhn_poker", SMALL, schemes.Pipeline(), seat_symmetric=True),
       "SelfPlayConfig"),
      (lambda: testing.make_solver(
          "kuhn_poker", SMALL, schemes.Pipeline()), "seat_symmetric=True"),
      (lambda: testing.make_solver(
          "kuhn_poker(players=3)", SMALL, schemes.SelfPlay()), "two-player"))
  def test_refusals(self, make, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      make()
    self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
  absltest.main()

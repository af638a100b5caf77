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

"""Tests for PipelinedOracle and its policies inside psro_v2."""

import pickle
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import rl_environment
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import policy_aggregator
from open_spiel.python.algorithms.psro_v2 import psro_v2
import pyspiel
import pytest

from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
import testing


def psro_v2_solver(oracle, method="uniform", **kwargs):
  return psro_v2.PSROSolver(
      oracle.played_game.game, oracle, sims_per_entry=20,
      training_strategy_selector="probabilistic",
      meta_strategy_method=method,
      **{"sample_from_marginals": True, **kwargs})


def nash_conv(game, solver):
  aggregate = policy_aggregator.PolicyAggregator(game).aggregate(
      list(range(game.num_players())), solver.get_policies(),
      solver.get_meta_strategies())
  return exploitability.nash_conv(game, aggregate)


class InsidePsroV2Test(parameterized.TestCase):

  @parameterized.product(
      method=("prd", "uniform", meta_strategies.nash_strategy),
      config=(ppo.PPOConfig(episodes_per_batch=2048),
              dqn.DQNConfig(episodes_per_batch=2048), exact.ExactConfig()))
  def test_three_iterations(self, method, config):
    with pipelined.PipelinedOracle("kuhn_poker", config,
                                   number_training_steps=20_000) as oracle:
      solver = psro_v2_solver(
          oracle, method,
          **({"prd_iterations": 200} if method == "prd" else {}))
      before = nash_conv(oracle.played_game.game, solver)
      for iteration in range(3):
        solver.iteration()
        self.assertEqual([len(p) for p in solver.get_policies()],
                         [iteration + 2] * 2)
      self.assertEqual(solver.get_meta_game()[0].shape, (4, 4))
      self.assertTrue(all(p.is_frozen() for p in solver.get_policies()[0][1:]))
      self.assertLess(nash_conv(oracle.played_game.game, solver), before)

  def test_with_exact_responses_and_payoffs_it_is_double_oracle(self):
    with pipelined.PipelinedOracle("kuhn_poker",
                                   exact.ExactConfig()) as oracle:
      game = oracle.played_game.game

      def exact_returns(self, policies, num_episodes):
        del self, num_episodes
        return np.array(expected_game_score.policy_value(
            game.new_initial_state(), policies))

      with mock.patch.object(psro_v2.PSROSolver, "sample_episodes",
                             exact_returns):
        solver = psro_v2_solver(oracle, meta_strategies.nash_strategy)
        for _ in range(8):
          solver.iteration()
      self.assertLess(nash_conv(game, solver), 1e-9)

  def test_joint_probabilities_of_two_players_are_their_marginals(self):
    responses = []
    for marginal in (True, False):
      with pipelined.PipelinedOracle("kuhn_poker",
                                     exact.ExactConfig()) as oracle:
        solver = psro_v2_solver(oracle, sample_from_marginals=marginal)
        solver.iteration()
        responses.append([p[-1].table(i)
                          for i, p in enumerate(solver.get_policies())])
    for by_marginal, by_joint in zip(*responses):
      np.testing.assert_array_equal(by_marginal, by_joint)

  def test_joint_probabilities_of_three_players_draw_opponents_together(self):
    tree = game_tree.enumerate_game("kuhn_poker(players=3)")
    with pipelined.PipelinedOracle(tree, exact.ExactConfig()) as oracle:
      policies = [
          [oracle.policy(p, testing.random_table(tree, p, 10 * p + k))
           for k in range(3)] for p in range(3)]
      joint = np.zeros((3, 3, 3))
      joint[0, 2, 2], joint[1, 1, 2], joint[2, 2, 1] = 0.5, 0.2, 0.3
      parameters = [[{"policy": own[0], "total_policies": policies,
                      "probabilities_of_playing_policies": joint.ravel()}]
                    for own in policies]
      responses = oracle(tree.game, parameters)
    for player, (response,) in enumerate(responses):
      reach = 0
      for profile in np.argwhere(joint):
        plans = [sequence_form.realization_plan(
            tree, policies[p][k].table(p), p) for p, k in enumerate(profile)]
        reach = reach + joint[tuple(profile)] * sequence_form.terminal_reach(
            tree, plans, skip=player)
      plan = sequence_form.realization_plan(tree, response.table(player),
                                            player)
      self.assertAlmostEqual(
          plan @ sequence_form.values_of_reach(tree, reach, player),
          sequence_form.best_value_of_reach(tree, reach, player))

  @pytest.mark.slow
  def test_in_worker_processes_the_same(self):
    config = ppo.PPOConfig(episodes_per_batch=512)
    found = []
    for executor in (None, process_executor.ProcessExecutor(2)):
      with pipelined.PipelinedOracle("kuhn_poker", config, executor, seed=5,
                                     number_training_steps=3000) as oracle:
        solver = psro_v2_solver(oracle)
        solver.iteration()
        found.append(solver.get_policies()[1][1].table(1))
    np.testing.assert_array_equal(*found)

  def test_refuses_another_game_and_one_sided_symmetry(self):
    with pipelined.PipelinedOracle("kuhn_poker",
                                   exact.ExactConfig()) as oracle:
      with self.assertRaisesRegex(ValueError, "same turn-based game"):
        psro_v2.PSROSolver(
            pyspiel.load_game("leduc_poker"), oracle, sims_per_entry=1,
            training_strategy_selector="probabilistic",
            meta_strategy_method="uniform",
            sample_from_marginals=True).iteration()
      with self.assertRaisesRegex(ValueError, "symmetric_game"):
        psro_v2_solver(oracle, symmetric_game=True).iteration()


class PoliciesTest(parameterized.TestCase):

  def policies(self, seat_symmetric):
    with pipelined.PipelinedOracle(
        "kuhn_poker", ppo.PPOConfig(episodes_per_batch=512),
        seat_symmetric=seat_symmetric) as oracle:
      return oracle.played_game, oracle.policy(
          0, testing.random_table(oracle.played_game, 0, 0))

  @parameterized.parameters(False, True)
  def test_behaves_as_psro_v2_expects(self, seat_symmetric):
    _, policy = self.policies(seat_symmetric)
    game = pyspiel.load_game("kuhn_poker")
    state = game.new_initial_state().child(0).child(1)
    probabilities = policy.action_probabilities(state)
    self.assertAlmostEqual(sum(probabilities.values()), 1)
    copy = pickle.loads(pickle.dumps(policy))
    self.assertEqual(copy.action_probabilities(state), probabilities)
    self.assertTrue(policy.is_frozen())
    exact_copy = policy.copy_with_noise(0.0)
    self.assertFalse(exact_copy.is_frozen())
    exact_copy.freeze()
    self.assertTrue(exact_copy.is_frozen())
    np.testing.assert_array_equal(exact_copy.table(0), policy.table(0))
    noisy = policy.copy_with_noise(0.3)
    self.assertFalse(np.array_equal(noisy.table(0), policy.table(0)))
    np.testing.assert_allclose(noisy.table(0).sum(axis=1), 1)
    if seat_symmetric:
      self.assertGreater(policy.table(1).size, 0)
    else:
      with self.assertRaisesRegex(ValueError, "asked to play player 1"):
        policy.action_probabilities(state.child(0))

  def test_steps_through_an_environment(self):
    tree, policy = self.policies(seat_symmetric=True)
    environment = rl_environment.Environment("kuhn_poker")
    for _ in range(20):
      time_step = environment.reset()
      while not time_step.last():
        player = time_step.observations["current_player"]
        output = policy.step(time_step)
        self.assertIn(output.action,
                      time_step.observations["legal_actions"][player])
        state = environment.get_state
        self.assertAlmostEqual(
            policy.action_probabilities(state)[output.action],
            output.probs[output.action])
        time_step = environment.step([output.action])
      self.assertIsNone(policy.step(time_step))
    self.assertEqual(tree.num_populations, 1)


if __name__ == "__main__":
  absltest.main()

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

"""Tests for the NeuPL scheme and its oracle."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
import pytest

from open_spiel_ppsro import population
from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.games import normal_form
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import learner
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
import testing


def tables(solver):
  return [m.snapshot.policy.table for m in solver.population.members()]


class TabularLimitTest(parameterized.TestCase):

  @parameterized.parameters("first", "last", "uniform", "perturbed")
  @pytest.mark.slow
  def test_it_is_double_oracle(self, tie_break):
    game = "kuhn_poker"
    rounds = 12
    found = []
    for scheme in (schemes.Sequential(), schemes.NeuPL(rounds)):
      with pipelined.PipelinedOracle(
          game, exact.ExactConfig(tie_break), seat_symmetric=True) as oracle:
        solver = solver_lib.PipelinePSROSolver(game, oracle, scheme)
        for _ in range(rounds + 1):
          result = solver.round()
        found.append(tables(solver)[:rounds + 1])
    for ours, double_oracle in zip(*found):
      np.testing.assert_array_equal(ours, double_oracle)
    self.assertLess(result.of_all.nash_conv, 0.1)


class RockPaperScissorsTest(absltest.TestCase):

  @pytest.mark.thorough
  def test_rows_cycle_and_the_mixture_is_uniform(self):
    tree = normal_form.from_payoffs([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    rock = policy.TabularPolicy(tree.game)
    rock.action_probability_array[:] = [1, 0, 0]
    config = neupl.NeuPLConfig(max_policies=5, episodes_per_batch=4096)
    with neupl.NeuPLOracle(tree, config, seed=1) as oracle:
      solver = solver_lib.PipelinePSROSolver(
          tree.game, oracle, schemes.NeuPL(4), initial_policies=[rock])
      for _ in range(120):
        result = solver.round()
      found = tables(solver)
      weights = solver.get_meta_strategies()[0]
    np.testing.assert_array_equal(found[0], [[1, 0, 0]])  # The sink.
    np.testing.assert_allclose(found[1], [[0, 1, 0]], atol=0.02)  # Paper.
    np.testing.assert_allclose(found[2], [[0, 0, 1]], atol=0.02)  # Scissors.
    np.testing.assert_allclose(
        sum(w * table[0] for w, table in zip(weights, found)), 1 / 3,
        atol=0.02)
    self.assertLess(result.of_all.nash_conv, 0.04)


class RowsTest(parameterized.TestCase):
  """Rows of the interaction graph as the oracle is given them."""

  def train(self, *rows):
    """Trains policies 1, 2, ... with these rows; returns their reports.

    Args:
      *rows: per policy, the probabilities of those below it.
    """
    config = neupl.NeuPLConfig(max_policies=5, episodes_per_batch=64,
                               hidden_sizes=(8,))
    with neupl.NeuPLOracle("kuhn_poker", config) as oracle:
      ids = [population.PolicyId(0, index + 1) for index in range(len(rows))]
      oracle.open(ids)
      uniform = oracle.uniform_policy(0)

      def assignment(policy_id, row):
        mixture = population.Mixture(
            tuple(population.Snapshot(population.PolicyId(0, k), 0, uniform)
                  for k in range(len(row))), np.array(row))
        return learner.Assignment(policy_id, (mixture, mixture), 200, False,
                                  (np.array(row),))

      return oracle.train([assignment(*pair) for pair in zip(ids, rows)])

  @parameterized.parameters(
      # The second row differs by less than the tolerance of a thousandth.
      ((0.5, 0.5), (0.5, 0.5)), ((0.5, 0.5), (0.5002, 0.4998)))
  def test_equal_rows_are_one_policy(self, one, other):
    first, leader, follower = self.train((1.0,), one, other)
    self.assertGreaterEqual(leader.steps, 200)
    self.assertGreaterEqual(leader.episodes, 64)
    # What they train together is counted once.
    self.assertEqual((follower.steps, follower.episodes), (0, 0))
    self.assertEqual(follower.mean_return, leader.mean_return)
    np.testing.assert_array_equal(follower.policy.table, leader.policy.table)
    self.assertGreaterEqual(first.steps, 200)
    self.assertFalse(np.array_equal(first.policy.table, leader.policy.table))

  def test_different_rows_are_two(self):
    reports = self.train((1.0,), (0.5, 0.5), (0.502, 0.498))
    for report in reports:
      self.assertGreaterEqual(report.steps, 200)
    self.assertFalse(np.array_equal(reports[1].policy.table,
                                    reports[2].policy.table))

  def test_the_sink_stays_as_it_was(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", neupl.NeuPLConfig(max_policies=4, episodes_per_batch=64),
        schemes.NeuPL(3))
    with oracle:
      for _ in range(2):
        solver.round()
    np.testing.assert_array_equal(tables(solver)[0],
                                  oracle.uniform_policy(0).table)


class WrongCombinationsTest(absltest.TestCase):

  def test_say_what_works(self):
    with self.assertRaisesRegex(ValueError, "NeuPLConfig"):
      neupl.NeuPLOracle("kuhn_poker", dqn.DQNConfig())
    with pipelined.PipelinedOracle("kuhn_poker", ppo.PPOConfig(),
                                   seat_symmetric=True) as oracle:
      with self.assertRaisesRegex(ValueError, "NeuPLOracle"):
        solver_lib.PipelinePSROSolver("kuhn_poker", oracle, schemes.NeuPL(3))
    with neupl.NeuPLOracle("kuhn_poker") as oracle:
      with self.assertRaisesRegex(ValueError, "PipelinedOracle"):
        solver_lib.PipelinePSROSolver("kuhn_poker", oracle,
                                      schemes.Pipeline(3))
    with self.assertRaisesRegex(ValueError, "two-player zero-sum"):
      neupl.NeuPLOracle("kuhn_poker(players=3)")
    with self.assertRaisesRegex(ValueError, "max_policies"):
      with neupl.NeuPLOracle(
          "kuhn_poker", neupl.NeuPLConfig(max_policies=3)) as oracle:
        solver_lib.PipelinePSROSolver(
            "kuhn_poker", oracle, schemes.NeuPL(4)).round()


if __name__ == "__main__":
  absltest.main()

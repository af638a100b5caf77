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

"""Tests for PipelinePSROSolver."""

import dataclasses
import pickle

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import policy_aggregator
from open_spiel.python.algorithms.psro_v2 import meta_strategies as psro_v2_meta
import pyspiel
import pytest
import scipy.optimize

from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.simulators import tree_simulator
import testing

SMALL_PPO = ppo.PPOConfig(episodes_per_batch=8192)
FAST_PPO = ppo.PPOConfig(episodes_per_batch=128, hidden_sizes=(16,))


class ConvergenceTest(parameterized.TestCase):

  @parameterized.product(
      scheme=(schemes.Sequential, lambda: schemes.NaiveParallel(2),
              lambda: schemes.Pipeline(3)),
      tie_break=sequence_form.TIE_BREAKS)
  def test_exact_responses_solve_kuhn(self, scheme, tie_break):
    oracle, solver = testing.make_solver(
        "kuhn_poker", exact.ExactConfig(tie_break), scheme())
    with oracle:
      for result in solver.run():
        if result.of_frozen.nash_conv < 1e-9 or result.round == 60:
          break
    self.assertLess(result.of_frozen.nash_conv, 1e-9)
    tree = oracle.played_game
    pi = tree.tabular_policy(solver.final_tables())
    self.assertAlmostEqual(expected_game_score.policy_value(
        tree.game.new_initial_state(), [pi] * 2)[0], -1 / 18)
    self.assertLess(exploitability.nash_conv(tree.game, pi), 1e-9)

  @parameterized.parameters(
      (schemes.Sequential, False), (lambda: schemes.NaiveParallel(2), False),
      (lambda: schemes.Pipeline(3), False),
      # Six levels are enough, but nothing makes DCH find the right ones.
      (lambda: schemes.DCH(6), False, 0.5),
      (schemes.Rectified, True), (lambda: schemes.Pipeline(3), True))
  @pytest.mark.sweep(2)
  @pytest.mark.slow
  def test_ppo_brings_kuhn_close(self, scheme, seat_symmetric, bound=0.1):
    oracle, solver = testing.make_solver(
        "kuhn_poker", SMALL_PPO, scheme(), seat_symmetric=seat_symmetric)
    with oracle:
      for result in solver.run():
        if result.of_frozen.nash_conv < bound or result.round == 250:
          break
    self.assertLess(result.of_frozen.nash_conv, bound)


class BookkeepingTest(parameterized.TestCase):

  @parameterized.parameters(
      (lambda: schemes.Pipeline(3), False),
      (lambda: schemes.NaiveParallel(2), False),
      (schemes.Rectified, True))
  @pytest.mark.slow
  def test_frozen_policies_stand_still(self, scheme, seat_symmetric):
    oracle, solver = testing.make_solver(
        "kuhn_poker", SMALL_PPO, scheme(), seat_symmetric=seat_symmetric)
    known = {}
    with oracle:
      for result in solver.run():
        for member in solver.population.members():
          if member.frozen:
            table = member.snapshot.policy.table
            np.testing.assert_array_equal(
                table, known.setdefault(member.policy_id, table.copy()))
        if result.iterations >= 4:
          break
    self.assertGreaterEqual(len(known), 5)
    if isinstance(solver.scheme, schemes.Pipeline):
      for indices in solver.population.frozen_indices():
        self.assertEqual(indices, tuple(range(len(indices))))

  @pytest.mark.slow
  def test_says_what_openspiel_says(self):
    oracle, solver = testing.make_solver(
        "leduc_poker", SMALL_PPO, schemes.Pipeline(2))
    with oracle:
      for result in solver.run():
        if result.iterations >= 2:
          break
    game = oracle.played_game.game
    aggregate = policy_aggregator.PolicyAggregator(game).aggregate(
        [0, 1], solver.get_policies(), solver.get_meta_strategies())
    expected = exploitability.nash_conv(game, aggregate)
    self.assertAlmostEqual(result.of_frozen.nash_conv, expected, places=9)
    self.assertAlmostEqual(result.of_frozen.exploitability, expected / 2,
                           places=9)
    sizes = tuple(len(p) for p in solver.get_policies())
    self.assertEqual(result.num_policies, sizes)
    payoffs = solver.get_meta_game()
    self.assertEqual(payoffs[0].shape, sizes)
    np.testing.assert_allclose(payoffs[0], -payoffs[1])
    self.assertEqual([len(p) for p in solver.get_meta_strategies()],
                     list(sizes))
    self.assertEqual(
        result.training_episodes,
        sum(m.episodes for m in solver.population.members()))

  def test_iteration_freezes_a_policy_of_each_player(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", dqn.DQNConfig(episodes_per_batch=512),
        schemes.Pipeline(2))
    with oracle:
      for iteration in range(1, 3):
        solver.iteration()
        self.assertGreaterEqual(
            min(len(p) for p in solver.get_policies()), iteration + 1)

  def test_one_population_answers_for_both_seats(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", exact.ExactConfig(), schemes.Sequential(),
        seat_symmetric=True)
    with oracle:
      for _ in range(3):
        solver.iteration()
    policies = solver.get_policies()
    self.assertEqual([len(p) for p in policies], [4, 4])
    payoffs = solver.get_meta_game()[0]
    np.testing.assert_allclose(payoffs, -payoffs.T, atol=1e-12)
    game = loading.load_game("kuhn_poker")
    aggregate = policy_aggregator.PolicyAggregator(game).aggregate(
        [0, 1], policies, solver.get_meta_strategies())
    self.assertAlmostEqual(solver.exploitability().nash_conv,
                           exploitability.nash_conv(game, aggregate))

  def test_psro_v2s_own_meta_strategy(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", exact.ExactConfig(), schemes.Sequential(),
        meta_strategy_method=psro_v2_meta.uniform_biased_strategy)
    with oracle:
      for _ in range(3):
        solver.iteration()
    weights = solver.get_meta_strategies()[0]
    np.testing.assert_allclose(
        weights, np.exp(np.arange(4)) / np.exp(np.arange(4)).sum())

  @parameterized.parameters(
      ("kuhn_poker(players=3)", "uniform", {}),
      ("matrix_pd", "prd", {"prd_iterations": 200}),
      ("matching_pennies_3p", "rm", {"iterations": 200}),
      ("kuhn_poker(players=3)", "alpharank", {}),
      ("matrix_sh", "cce", {}),
      ("matching_pennies_3p", "cce", {}))
  def test_other_games_by_other_meta_strategies(self, name, method, options):
    oracle, solver = testing.make_solver(
        name, exact.ExactConfig(), schemes.Pipeline(2),
        meta_strategy_method=method, **options)
    with oracle:
      for _ in range(3):
        solver.iteration()
    tables = solver.final_tables()
    self.assertLen(tables, oracle.played_game.num_players)
    self.assertAlmostEqual(
        solver.exploitability().nash_conv,
        exploitability.nash_conv(oracle.played_game.game,
                                 oracle.played_game.tabular_policy(tables)),
        delta=1e-9)


class AnswersTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker", FAST_PPO, lambda: schemes.Pipeline(3), False),
      ("kuhn_poker", FAST_PPO, lambda: schemes.Pipeline(3), True),
      # Policies freeze in another order than they opened in.
      ("kuhn_poker", FAST_PPO, lambda: schemes.NaiveParallel(3), False),
      # Policies change after they were mixed.
      ("kuhn_poker", FAST_PPO, lambda: schemes.DCH(3), False),
      ("leduc_poker", exact.ExactConfig(), lambda: schemes.Pipeline(2), False))
  @pytest.mark.sweep(2)
  @pytest.mark.slow
  def test_the_least_exploitable_mixture_is_as_openspiel_measures_it(
      self, name, config, scheme, seat_symmetric):
    oracle, solver = testing.make_solver(
        name, config, scheme(), seat_symmetric=seat_symmetric, min_steps=300,
        answer="least_exploitable")
    with oracle:
      results = [solver.round() for _ in range(12)]
    least = solver.least_exploitable()
    self.assertIs(results[-1].least_exploitable, least)
    self.assertGreater(min(solver.num_policies), 3)
    self.assertEqual([len(weights) for weights in least.weights],
                     list(solver.num_policies))
    pi = solver.final_policy()
    self.assertAlmostEqual(exploitability.exploitability(pi.game, pi),
                           least.upper)
    self.assertAlmostEqual(solver.exploitability().exploitability, least.upper)
    for result in results:
      found = result.least_exploitable
      self.assertLessEqual(found.lower, found.upper + 1e-9)
      self.assertLessEqual(found.upper, result.of_frozen.exploitability + 1e-9)
    # No other mixture is below the lower bound.
    rng = np.random.default_rng(0)
    for _ in range(5):
      other = solver._evaluator.exploitability(dataclasses.replace(
          solver._of_frozen, probabilities=[
              rng.dirichlet(np.ones(count)) for count in solver.num_policies]))
      self.assertGreaterEqual(other.exploitability, least.lower - 1e-9)
    if solver.scheme.freezes:  # It never rises while policies are only added.
      values = [result.least_exploitable.upper for result in results]
      self.assertLess(values[-1], values[0])
      self.assertLessEqual(np.diff(values).max(), 1e-9)

  def test_a_solver_answers_as_psro_v2_does_unless_told_otherwise(self):
    for answer, name in (("meta_nash", "meta_nash"),
                         (None, "least_exploitable")):
      oracle, solver = testing.make_solver(
          "kuhn_poker", exact.ExactConfig(), schemes.Sequential(),
          answer=answer)
      with oracle:
        for _ in range(3):
          solver.round()
        self.assertEqual(solver.answer, name)
        self.assertEqual(solver.exploitability(),
                         solver.exploitability(name))
        for ours, theirs in zip(solver.final_tables(),
                                solver.final_tables(name)):
          np.testing.assert_array_equal(ours, theirs)

  @parameterized.parameters(
      ("kuhn_poker(players=3)", "exact", "uniform"),
      ("kuhn_poker", "sampled", "nash"))
  def test_elsewhere_there_is_none(self, name, evaluation, method):
    options = {"evaluation": evaluation, "meta_strategy_method": method}
    oracle, solver = testing.make_solver(
        name, FAST_PPO, schemes.Sequential(), answer=None, **options)
    with oracle:
      self.assertEqual(solver.answers, ("meta_nash",))
      self.assertIsNone(solver.round().least_exploitable)
      with self.assertRaisesRegex(ValueError, "of this run it takes meta_nash"):
        solver.final_policy("least_exploitable")
    for answer, message in (("least_exploitable", "use 'meta_nash'"),
                            ("best", "takes one of meta_nash, least_exp")):
      with self.assertRaisesRegex(ValueError, message):
        testing.make_solver(name, FAST_PPO, schemes.Sequential(),
                            answer=answer, **options)


class AnytimeTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker", exact.ExactConfig(), 1, False),
      ("kuhn_poker", exact.ExactConfig(), 2, True),
      ("kuhn_poker", FAST_PPO, 2, False),
      ("leduc_poker", exact.ExactConfig(), 1, False))
  def test_what_is_handed_out_is_the_best_mixture_of_the_snapshots(
      self, name, config, num_levels, seat_symmetric):
    oracle, solver = testing.make_solver(
        name, config, schemes.Pipeline(num_levels, anytime=True),
        seat_symmetric=seat_symmetric, min_steps=300)
    tree = solver.played_game
    most_snapshots = 0
    with oracle:
      for _ in range(8):
        result = solver.round()
        levels = dict(solver._anytime._levels)
        most_snapshots = max(most_snapshots, *(
            len(level.plans) for level in levels.values()), 0)
        for status in result.levels:
          policy_id = status.policy_id
          player = tree.player_of(policy_id.player)
          # Against the worst of those below it, in the meta-game.
          below = tuple(tuple(range(min(policy_id.index, size)))
                        for size in solver.population.sizes())
          worst = solver._empirical_game.payoffs_against(
              policy_id, below).min()
          if status.stationary:
            self.assertAlmostEqual(status.payoff, worst)
          if status.stationary and policy_id in levels:
            # A linear program of SciPy's finds no better mixture.
            values = solver._anytime._values(
                policy_id, levels[policy_id].plans,
                dataclasses.replace(solver._of_frozen, indices=below))
            best = scipy.optimize.linprog(
                np.append(np.zeros(len(values)), -1),
                A_ub=np.hstack([-values.T, np.ones((values.shape[1], 1))]),
                b_ub=np.zeros(values.shape[1]),
                A_eq=[np.append(np.ones(len(values)), 0)], b_eq=[1],
                bounds=[(0, None)] * len(values) + [(None, None)])
            self.assertAlmostEqual(worst, best.x[-1], places=6)
            self.assertEqual(player, policy_id.player)
    self.assertGreater(most_snapshots, 1)

  @pytest.mark.slow
  def test_exact_responses_solve_kuhn(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", exact.ExactConfig(), schemes.Sequential(anytime=True))
    with oracle:
      for result in solver.run():
        if result.of_frozen.nash_conv < 1e-9 or result.round == 300:
          break
    self.assertLess(result.of_frozen.nash_conv, 1e-9)
    # Each policy took several rounds.
    self.assertGreater(result.round, 2 * result.iterations)

  @parameterized.parameters(("kuhn_poker", "sampled", "nash"),
                            ("kuhn_poker(players=3)", "exact", "uniform"))
  def test_elsewhere_it_is_refused(self, name, evaluation, method):
    with self.assertRaisesRegex(ValueError, "anytime takes exact payoffs in a"):
      testing.make_solver(
          name, FAST_PPO, schemes.Pipeline(2, anytime=True),
          evaluation=evaluation, meta_strategy_method=method)


class CorrelatedTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker(players=3)", schemes.Sequential()),
      ("kuhn_poker(players=3)", schemes.Pipeline(2)),
      ("matching_pennies_3p", schemes.Sequential()),
      ("bargaining(max_turns=1)", schemes.Sequential()),
      ("kuhn_poker", schemes.NaiveParallel(2)))
  @pytest.mark.slow
  def test_gap_is_openspiels_and_exact_responses_close_it(self, name, scheme):
    oracle, solver = testing.make_solver(
        name, exact.ExactConfig(), scheme, meta_strategy_method="cce")
    tree = oracle.played_game
    with oracle:
      for result in solver.run():
        if tree.num_histories < 1000 and result.round in (2, 5, 9):
          self.assertAlmostEqual(result.of_frozen.cce_gap,
                                 gap_by_openspiel(tree, solver), places=6)
        if result.of_frozen.cce_gap < 1e-7 or result.round == 150:
          break
    self.assertLess(result.of_frozen.cce_gap, 1e-7)
    joint = solver.final_joint()
    for player, weights in enumerate(solver.get_meta_strategies()):
      np.testing.assert_allclose(
          weights, joint.sum(axis=tuple(
              axis for axis in range(joint.ndim) if axis != player)))

  @pytest.mark.thorough
  def test_ppo_closes_the_gap_of_three_players(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker(players=3)", SMALL_PPO, schemes.Pipeline(3),
        meta_strategy_method="cce")
    with oracle:
      for result in solver.run():
        if result.of_frozen.cce_gap < 0.1 or result.round == 100:
          break
    self.assertLess(result.of_frozen.cce_gap, 0.1)

  def test_no_gap_where_players_are_independent(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", exact.ExactConfig(), schemes.Sequential())
    with oracle:
      self.assertIsNone(solver.round().of_frozen.cce_gap)
    self.assertIsNone(solver.final_joint())

  @pytest.mark.slow
  def test_sampled_games_draw_opponents_together(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker(players=3)", FAST_PPO, schemes.Pipeline(2),
        evaluation="sampled", min_steps=300, meta_strategy_method="cce")
    with oracle:
      for _ in range(2):
        solver.iteration()
      self.assertEqual(solver.final_joint().shape,
                       tuple(map(len, solver.get_policies())))
      self.assertGreaterEqual(min(solver.final_joint().shape), 3)


def gap_by_openspiel(tree, solver):
  """Returns the CCE gap as OpenSpiel's C++ measures it."""
  policies, joint = solver.get_policies(), solver.final_joint()
  device = []
  for profile in np.argwhere(joint):
    tabular = tree.tabular_policy([
        policies[player][index].table(player)
        for player, index in enumerate(profile)])
    device.append((joint[tuple(profile)],
                   policy.python_policy_to_pyspiel_policy(tabular)))
  info = pyspiel.cce_dist(tree.game, device, -1.0, -1.0)
  return sum(max(0.0, gain) for gain in info.deviation_incentives)


class SampledTest(parameterized.TestCase):

  @parameterized.parameters(
      (lambda: schemes.Pipeline(2), False), (schemes.Rectified, True),
      (schemes.Sequential, False))
  @pytest.mark.thorough
  def test_exploiters_bound_the_exact_nash_conv_from_below(
      self, scheme, seat_symmetric):
    oracle, solver = testing.make_solver(
        "kuhn_poker", ppo.PPOConfig(episodes_per_batch=512), scheme(),
        evaluation="sampled", min_steps=3000)
    with oracle:
      solver.iteration()
      result = solver.round()
      bound = solver.lower_bound(40_000, num_episodes=20_000)
    self.assertTrue(np.isnan(result.of_frozen.nash_conv))
    self.assertGreater(result.evaluation_episodes, 0)
    tree = game_tree.enumerate_game("kuhn_poker")
    if seat_symmetric:
      tree = seat_symmetry.symmetrise(tree)
    plans = []
    for player, mixture in enumerate(solver.final_mixtures()):
      simulator = tree_simulator.TreeSimulator(tree, player)
      plans.append(sequence_form.mixture_table_plan(
          tree, np.stack([simulator.tabulate(snapshot.policy)
                          for snapshot in mixture.snapshots]),
          mixture.probabilities, player))
    exact_nash_conv = sequence_form.nash_conv(tree, plans)
    self.assertLess(bound.nash_conv,
                    exact_nash_conv + 4 * bound.standard_error)
    self.assertGreater(bound.nash_conv, 0.9 * exact_nash_conv)

  @pytest.mark.slow
  def test_payoffs_are_psro_v2s_to_read(self):
    oracle, solver = testing.make_solver(
        "kuhn_poker", dqn.DQNConfig(episodes_per_batch=512),
        schemes.Pipeline(2), evaluation="sampled", min_steps=3000)
    with oracle:
      solver.iteration()
      policies, payoffs = solver.get_policies(), solver.get_meta_game()
      self.assertEqual(payoffs[0].shape, tuple(map(len, policies)))
      np.testing.assert_allclose(payoffs[0], -payoffs[1])
      game = pyspiel.load_game("kuhn_poker")
      copies = pickle.loads(pickle.dumps([p[-1] for p in policies]))
      exactly = expected_game_score.policy_value(
          game.new_initial_state(), copies)
      self.assertLess(abs(payoffs[0][-1, -1] - exactly[0]),
                      5 * solver.payoff_standard_errors()[0][-1, -1])


class FailuresTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker(players=3)", schemes.Sequential(), {},
       "two-player zero-sum.*use 'cce', .* or one of alpharank, prd, "),
      ("matrix_pd", schemes.Sequential(), {}, "general-sum"),
      ("kuhn_poker", schemes.Sequential(), {"meta_strategy_method": "nsh"},
       "unknown meta-strategy"),
      ("kuhn_poker", schemes.Sequential(), {"opponent_update_freq": 0},
       "opponent_update_freq is 0"),
      ("kuhn_poker", schemes.Rectified(), {"seat_symmetric": False},
       "seat_symmetric=True"),
      ("kuhn_poker", schemes.Sequential(), {"initial_policies": []},
       "for each population"),
  )
  def test_wrong_combinations_fail_at_construction(self, name, scheme, kwargs,
                                                   message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      testing.make_solver(
          name, exact.ExactConfig(), scheme, **kwargs)
    self.assertNotIn("\n", str(caught.exception))

  def test_another_game_than_the_oracles(self):
    with pipelined.PipelinedOracle("kuhn_poker",
                                   exact.ExactConfig()) as oracle:
      with self.assertRaisesRegex(ValueError, "give both the same game"):
        solver_lib.PipelinePSROSolver("leduc_poker", oracle)

  @parameterized.parameters(executor_lib.SerialExecutor(),
                            process_executor.ProcessExecutor(2))
  @pytest.mark.slow
  def test_a_learners_exception_names_the_policy(self, executor):
    oracle, solver = testing.make_solver(
        "kuhn_poker", BrokenConfig(), schemes.Sequential(), executor=executor)
    with oracle:
      with self.assertRaisesRegex(
          executor_lib.WorkerError,
          "(?s)player [01] policy 1.*broken_train.*cannot learn this"):
        solver.round()


class BrokenConfig(exact.ExactConfig):
  """Makes learners that fail."""

  def make_learner(self, tree, player, seed_sequence):
    learner = super().make_learner(tree, player, seed_sequence)

    def broken_train(*args):
      raise ArithmeticError("cannot learn this")

    learner.train = broken_train
    return learner


if __name__ == "__main__":
  absltest.main()

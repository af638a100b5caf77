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
"""Tests of what is refused at the door from Python, each in one line."""

import dataclasses

from absl import logging
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
import pyspiel

import open_spiel_ppsro as ppsro

ORACLE = ppsro.PipelinedOracle("kuhn_poker", ppsro.ExactConfig())
TREE = ORACLE.played_game
KUHN = pyspiel.load_game("kuhn_poker")
LEDUC_POLICY = policy.UniformRandomPolicy(pyspiel.load_game("leduc_poker"))


def solver(*args, **kwargs):
  return ppsro.PipelinePSROSolver("kuhn_poker", ORACLE, *args, **kwargs)


def oracle(*args, **kwargs):
  return ppsro.PipelinedOracle("kuhn_poker", *args, **kwargs)


def play(scheme=None, **kwargs):
  with oracle(ppsro.ExactConfig()) as fresh:
    made = ppsro.PipelinePSROSolver("kuhn_poker", fresh, scheme, **kwargs)
    for _ in range(3):
      made.round()


def returns(answer):
  """Returns a meta-strategy of that name that gives an answer."""

  def mine(solver, return_joint=False):
    del solver, return_joint
    return answer

  return mine


@dataclasses.dataclass(frozen=True)
class OpensWhat(ppsro.Pipeline):
  """Opens what is no opening."""

  def openings(self, population, solve):
    return [0]


@dataclasses.dataclass(frozen=True)
class FacesWhat(ppsro.Pipeline):
  """Faces a policy that does not exist."""

  def opponents(self, population, policy_id):
    return (0,), (7,)


@dataclasses.dataclass(frozen=True)
class WeighsWhat(ppsro.Pipeline):
  """Weighs all policies alike, by weights that sum to more than 1."""

  def weigh(self, population, policy_id, probabilities, meta_game):
    return tuple(np.ones(len(weights)) + 1 for weights in probabilities)


class HasAnArray(ppsro.Pipeline):
  """A scheme with a field that is no plain data."""

  def settings(self):
    return {"function": print}


class DoorsTest(parameterized.TestCase):

  @parameterized.parameters(
      (lambda: solver(num_level=5), TypeError, "num_levels of the scheme"),
      (lambda: solver(plateu=None), TypeError, "did you mean plateau"),
      (lambda: solver(prd_gama=1), TypeError, "did you mean prd_gamma"),
      (lambda: oracle(executr=3), TypeError, "did you mean executor"),
      (lambda: solver("pipeline"), ValueError, "scheme is 'pipeline'"),
      (lambda: solver(ppsro.Pipeline), ValueError, r"instance: Pipeline\(\)"),
      (lambda: ppsro.PipelinePSROSolver(ORACLE, KUHN), ValueError,
       "oracle is .*takes a PipelinedOracle"),
      (lambda: ppsro.PipelinePSROSolver(3, ORACLE), ValueError, "game is 3"),
      (lambda: ppsro.PipelinePSROSolver("leduc_poker", ORACLE), ValueError,
       "give both the same game"),
      (lambda: solver(plateau=0.02), ValueError, "takes a ppsro.PlateauRule"),
      (lambda: solver(opponent_update_freq="10"), ValueError,
       "opponent_update_freq is '10'"),
      (lambda: solver(initial_policies=1), ValueError, "initial_policies is 1"),
      (lambda: solver(initial_policies=[1, 2]), ValueError,
       "1 is no OpenSpiel policy"),
      (lambda: solver(initial_policies=[
          LEDUC_POLICY.to_tabular(), LEDUC_POLICY.to_tabular()]), ValueError,
       "no information state '0' of player 0 of kuhn_poker"),
      (lambda: oracle({}), ValueError, "config is {}"),
      (lambda: oracle("ppo"), ValueError, r"such as ppsro.PPOConfig\(\)"),
      (lambda: oracle(ppsro.PPOConfig), ValueError,
       r"it takes an instance: PPOConfig\(\)"),
      (lambda: oracle(ppsro.NeuPLConfig()), ValueError, "to a NeuPLOracle"),
      (lambda: oracle(executor="processes"), ValueError,
       "executor is 'processes'"),
      (lambda: oracle(executor=ppsro.SerialExecutor), ValueError,
       "it takes an Executor"),
      (lambda: oracle(seed=1.5), ValueError, "seed is 1.5"),
      (lambda: oracle(seed=None), ValueError, "seed is None"),
      (lambda: oracle(workers_per_level=2.5), ValueError, "whole number"),
      (lambda: ppsro.PPOConfig(hidden_sizes=64), ValueError,
       "hidden_sizes is 64"),
      (lambda: ppsro.PPOConfig(learning_rate="0.01"), ValueError,
       "learning_rate is '0.01'"),
      (lambda: ppsro.DQNConfig(epsilon="x"), ValueError, "epsilon is 'x'"),
      (lambda: ppsro.Pipeline("4"), ValueError, "num_levels is '4'"),
      (lambda: ppsro.Pipeline(2.5), ValueError, "num_levels is 2.5"),
      (lambda: ppsro.PlateauRule(delta="x"), ValueError, "delta is 'x'"),
      (lambda: ppsro.best_response(TREE, [None, TREE.uniform_table(1)], 5),
       ValueError, "players from 0 to 1"),
      (lambda: ppsro.nash_conv(TREE, [np.ones((3, 2))] * 2), ValueError,
       r"tables of shape \(6, 2\) or realization plans of length 13"),
      (lambda: ppsro.nash_conv(TREE, [TREE.uniform_table(0)]), ValueError,
       "2 players"),
      (lambda: solver().lower_bound(1000), ValueError,
       r"its NashConv is exact: see exploitability\(\)"),
      (lambda: solver(HasAnArray()), ValueError,
       "HasAnArray takes to be a frozen dataclass of plain data"),
      (lambda: play(OpensWhat()), ValueError, "OpensWhat.openings gave 0"),
      (lambda: play(FacesWhat()), ValueError, "FacesWhat.opponents gave"),
      (lambda: play(WeighsWhat()), ValueError, "WeighsWhat.weigh gave"),
      (lambda: solver(meta_strategy_method=lambda s: None), ValueError,
       r"<lambda> takes \(s\); .* signature \(solver, return_joint=False\)"),
      (lambda: solver(meta_strategy_method=lambda solver: None), ValueError,
       "with the keyword arguments solver and return_joint"),
      (lambda: play(meta_strategy_method=returns([[1.], [1.]])), ValueError,
       "a list with an array per player, and their joint distribution"),
      (lambda: play(meta_strategy_method=returns(None)), ValueError,
       "meta-strategy mine returned NoneType"),
      (lambda: play(meta_strategy_method=returns(([[1.]], None))), ValueError,
       "mine returned 1 arrays for 2 players"),
      (lambda: play(meta_strategy_method=returns(
          ([[np.nan], [1.]], None))), ValueError, r"mine returned \[nan\]"),
      (lambda: play(meta_strategy_method=returns(
          ([[2.], [1.]], None))), ValueError, "that sum to 1"),
      (lambda: play(meta_strategy_method=returns(
          ([[-1., 2.], [1.]], None))), ValueError, "none below 0"))
  def test_one_line_names_what_was_wrong(self, call, error, message):
    with self.assertRaisesRegex(error, message) as context:
      call()
    self.assertLen(str(context.exception).splitlines(), 1)

  def test_a_solver_says_what_it_is(self):
    self.assertEqual(
        repr(solver()),
        "<PipelinePSROSolver of kuhn_poker(): Pipeline, 0 rounds>")

  def test_a_closed_oracle_says_so(self):
    with oracle(ppsro.ExactConfig()) as closed:
      made = ppsro.PipelinePSROSolver("kuhn_poker", closed)
      made.round()
    for call in (made.round, made.state, made.iteration,
                 lambda: ppsro.PipelinePSROSolver("kuhn_poker", closed)):
      with self.assertRaisesRegex(ValueError, "the oracle is closed"):
        call()
    made.final_policy()  # What it has found is there.

  def test_sampled_runs_name_what_works(self):
    with ppsro.PipelinedOracle(
        "kuhn_poker", ppsro.PPOConfig(hidden_sizes=(4,),
                                      episodes_per_batch=16),
        evaluation="sampled") as sampled:
      made = ppsro.PipelinePSROSolver("kuhn_poker", sampled)
      with self.assertRaisesRegex(ValueError, r"final_policy\(\) and"):
        made.final_tables()
      self.assertEqual(made.payoff_standard_errors().shape, (2, 1, 1))


class AcceptedTest(absltest.TestCase):

  def test_what_psro_v2_takes_is_warned_of(self):
    options = dict(
        sims_per_entry=10, rectifier="", symmetric_game=False,
        training_strategy_selector="probabilistic", sample_from_marginals=True,
        number_policies_selected=1, prd_iterations=10, prd_gamma=1e-6)
    with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
      made = solver(**options)
      oracle(number_training_episodes=10).close()
    self.assertLen(logs.output, 7)
    for name in options:
      self.assertEqual(any(f"{name} of psro_v2" in line
                           for line in logs.output), "prd" not in name)
    self.assertEqual(made.get_kwargs()["prd_iterations"], 10)

  def test_games_are_taken_as_they_come(self):
    for game in ("kuhn_poker", KUHN, TREE):
      made = ppsro.PipelinePSROSolver(game, ORACLE, ppsro.Sequential())
      self.assertIs(made.original_game, TREE)
      self.assertIs(ppsro.open_game(made.played_game), TREE)

  def test_functions_take_tables_and_plans(self):
    with oracle(ppsro.ExactConfig()) as fresh:
      made = ppsro.PipelinePSROSolver("kuhn_poker", fresh, ppsro.Sequential())
      for _ in range(3):
        made.round()
    tables = made.final_tables()
    plans = [ppsro.realization_plan(TREE, table, player)
             for player, table in enumerate(tables)]
    value = made.exploitability().nash_conv
    self.assertAlmostEqual(ppsro.nash_conv(TREE, tables), value)
    self.assertEqual(ppsro.nash_conv(TREE, plans),
                     ppsro.nash_conv(TREE, tables))
    np.testing.assert_array_equal(
        ppsro.payoff_tensors(TREE, [table[None] for table in tables]),
        ppsro.payoff_tensors(TREE, [plan[None] for plan in plans]))
    np.testing.assert_array_equal(
        ppsro.best_response(TREE, tables, 0).table,
        ppsro.best_response(TREE, plans, 0).table)

  def test_a_callable_may_play_its_joint_distribution(self):

    def correlated(solver, return_joint=False):
      sizes = solver.get_meta_game()[0].shape
      joint = np.zeros(sizes)
      last = tuple(size - 1 for size in sizes)
      joint[(0,) * len(sizes)] += 0.5  # All first, or all last.
      joint[last] += 0.5
      marginals = [joint.sum(axis=tuple(a for a in range(len(sizes)) if a != p))
                   for p in range(len(sizes))]
      return (marginals, joint.ravel()) if return_joint else marginals

    found = []
    for plays_joint in (False, True):
      correlated.plays_joint = plays_joint
      with ppsro.PipelinedOracle("kuhn_poker(players=3)",
                                 ppsro.ExactConfig()) as fresh:
        made = ppsro.PipelinePSROSolver(
            "kuhn_poker(players=3)", fresh, ppsro.Sequential(), correlated)
        for _ in range(3):
          made.round()
      found.append(made.final_joint())
      self.assertEqual(made.exploitability().cce_gap is not None, plays_joint)
    self.assertIsNone(found[0])
    self.assertAlmostEqual(found[1].sum(), 1)
    self.assertEqual(np.count_nonzero(found[1]), 2)

  def test_a_round_shows_the_regret_of_its_meta_strategies(self):
    regrets = {}
    for method in ("nash", "uniform"):
      with oracle(ppsro.ExactConfig()) as fresh:
        made = ppsro.PipelinePSROSolver(
            "kuhn_poker", fresh, ppsro.Sequential(), method)
        for _ in range(4):
          result = made.round()
        regrets[method] = result.regret_frozen
        payoffs, weights = made.get_meta_game(), made.get_meta_strategies()
        expected = max(
            (payoffs[0] @ weights[1]).max() - weights[0] @ payoffs[0] @ (
                weights[1]),
            (weights[0] @ payoffs[1]).max() - weights[0] @ payoffs[1] @ (
                weights[1]))
        self.assertAlmostEqual(result.regret_frozen, expected)
    self.assertLess(regrets["nash"], 1e-9)
    self.assertGreater(regrets["uniform"], 1e-3)


class GamesTest(parameterized.TestCase):

  @parameterized.parameters(
      "pig(winscore=4,horizon=6)", "breakthrough(rows=3,columns=2)",
      "oware(num_houses_per_player=2,num_seeds_per_house=1)",
      "markov_soccer(horizon=2)")
  def test_games_without_information_states_are_sampled(self, name):
    self.assertIsInstance(ppsro.open_game(name), ppsro.StateGame)
    with self.assertRaisesRegex(ValueError, "evaluation='sampled' plays it"):
      ppsro.open_game(name, evaluation="exact")

  @parameterized.parameters(
      ("nfg_game", "cannot load 'nfg_game': a parameter is missing; nfg_game "
       "takes filename"),
      ("misere", "cannot load 'misere': Missing parameter game; .* takes game"),
      (3, "game is 3"),
      ("chat_game", "offers action .* says that it has 2 distinct actions"),
      ("checkers(rows=4,columns=4)", "ends before anybody decides anything"),
      ("goofspiel(num_cards=4,points_order=random)", "evaluation='sampled'"),
      # It has no tensors, so that it cannot be sampled.
      ("liars_dice_ir(dice_sides=3)", "a game of perfect recall$"))
  def test_refused_in_one_line(self, game, message):
    with self.assertRaisesRegex(ValueError, message) as context:
      ppsro.open_game(game)
    self.assertLen(str(context.exception).splitlines(), 1)

  @parameterized.parameters(
      ("chat_game", "offers action"),
      ("checkers(rows=4,columns=4)", "ends before anybody decides"))
  def test_refused_where_it_would_be_sampled(self, game, message):
    with self.assertRaisesRegex(ValueError, message):
      ppsro.open_game(game, evaluation="sampled")


if __name__ == "__main__":
  absltest.main()

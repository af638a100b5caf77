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

"""Tests for the policy that a population begins with."""

import math
import time

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import schemes
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.runs import first_policy
import testing

SMALL = ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(8,))


def exploitability(policy):
  return ppsro.exploitability_interval(
      "kuhn_poker", policy, seconds=None).low


class FirstPolicyTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  @parameterized.product(evaluation=("exact", "sampled"),
                         symmetric=(False, True))
  def test_level_0_is_what_self_play_found(self, evaluation, symmetric):
    game = open_game.open_game("kuhn_poker", evaluation=evaluation)
    found = first_policy.by_self_play(
        game, ppsro.SerialExecutor(), 1, time.perf_counter() + 0.5)
    played = seat_symmetry.symmetrise(game) if symmetric else game
    _, solver = testing.make_solver(
        played, SMALL, schemes.Sequential(), evaluation=evaluation,
        initial_policies=first_policy.per_population(found, played))
    self.assertAlmostEqual(exploitability(solver.final_policy("meta_nash")),
                           exploitability(found))
    self.assertNotAlmostEqual(exploitability(found), 0.4583, places=2)
    solver.round()  # It can be trained against.

  def test_the_executor_can_be_used_again(self):
    game = open_game.open_game("kuhn_poker", evaluation="sampled")
    executor = process_executor.ProcessExecutor(2)
    found = first_policy.by_self_play(game, executor, 1, 0.0)
    oracle, solver = testing.make_solver(
        game, SMALL, schemes.Pipeline(2), executor, evaluation="sampled",
        initial_policies=first_policy.per_population(found, game))
    with oracle:
      solver.round()
    self.assertBetween(len(found.policies[0]), 2, 10)  # One per batch.

  @parameterized.parameters("exact", "sampled")
  @pytest.mark.slow
  def test_a_run_begins_with_another_and_resumes(self, evaluation):
    options = {"evaluation": evaluation}
    if evaluation == "sampled":
      options.update(exploiter_steps=0, evaluation_share=0)
    found = ppsro.run(
        "kuhn_poker", "self_play", output_dir=self.path / "first",
        limits=ppsro.Limits(math.inf, max_rounds=1), **options)
    options.update(initial_policy=found.path, output_dir=self.path / "second")
    first = []
    for rounds in (1, 2):
      ppsro.run("kuhn_poker", config=SMALL, resume=rounds == 2,
                limits=ppsro.Limits(math.inf, max_rounds=rounds),
                callbacks=[lambda solver, _: first.append(
                    solver.population.members(0)[0].snapshot.policy)],
                **options)
    self.assertLen(first, 2)
    self.assertEmpty(testing.differences(*(
        policy.to_data() for policy in first)))
    settings = ppsro.read_config(self.path / "second")
    self.assertEqual(settings["initial_policy"], str(found.path))
    policy = ppsro.read_policy(found.path)
    state = policy.game.new_initial_state()
    state.apply_action(0)
    state.apply_action(1)
    seen = testing.make_solver(
        "kuhn_poker", SMALL, schemes.Sequential(), evaluation=evaluation,
        initial_policies=first_policy.per_population(
            policy, open_game.open_game("kuhn_poker", evaluation=evaluation))
    )[1].get_policies()[0][0]
    np.testing.assert_allclose(
        list(seen.action_probabilities(state).values()),
        list(policy.action_probabilities(state).values()), atol=1e-6)

  @parameterized.parameters(
      ({"self_play_share": 1.0}, "self_play_share is 1"),
      ({"initial_policy": "self_play", "initial_policies": [None, None]},
       "give one of them"),
      ({"initial_policy": "self_play", "limits": ppsro.Limits(math.inf, 3)},
       "give a limit"),
      ({"initial_policy": "nowhere"}, "initial_policy is 'nowhere'"))
  def test_refusals(self, options, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      ppsro.run("kuhn_poker", config=SMALL, output_dir=self.path / "none",
                **options)
    self.assertNotIn("\n", str(caught.exception))
    self.assertFalse((self.path / "none").exists())

  def test_refuses_another_game(self):
    found = ppsro.run("kuhn_poker", "self_play", output_dir=self.path / "run",
                      limits=ppsro.Limits(max_rounds=1))
    with self.assertRaisesRegex(ValueError, "a run of kuhn_poker"):
      ppsro.run("leduc_poker", initial_policy=found.path,
                output_dir=self.path / "none")


if __name__ == "__main__":
  absltest.main()

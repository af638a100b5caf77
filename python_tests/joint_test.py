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

"""Tests of joint policies: what a correlated run leaves is an equilibrium."""

import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import expected_game_score
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.policies import joint as joint_lib
from open_spiel_ppsro.runs import run_directory
import testing

SAMPLED = ppsro.PPOConfig(episodes_per_batch=64, hidden_sizes=(8,))


def payoffs_of(joint):
  """Returns what OpenSpiel says of every profile, `[n, K_0, ...]`."""
  shape = joint.probabilities.shape
  payoffs = np.zeros((len(shape), *shape))
  for profile in itertools.product(*map(range, shape)):
    policies = [joint.policies[player][index]
                for player, index in enumerate(profile)]
    payoffs[(slice(None), *profile)] = expected_game_score.policy_value(
        joint.game.original.game.new_initial_state(), policies)
  return payoffs


class JointTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "run"

  def run_and_read(self, game, scheme, config, **options):
    solvers = []
    summary = ppsro.run(
        game, scheme, config, meta_strategy="cce", output_dir=self.path,
        callbacks=[lambda solver, _: solvers.append(solver)], **options)
    self.assertEqual(summary.missing, ())
    return summary, solvers[0], ppsro.read_joint(self.path)

  @parameterized.parameters(
      ("kuhn_poker(players=3)", "sequential", 5),
      ("kuhn_poker", ppsro.Pipeline(2), 4),
      ("matrix_pd", "sequential", 3))
  @pytest.mark.slow
  def test_of_an_enumerated_game(self, game, scheme, num_rounds):
    summary, solver, joint = self.run_and_read(
        game, scheme, ppsro.ExactConfig(),
        limits=ppsro.Limits(max_rounds=num_rounds))
    self.assertAlmostEqual(joint.probabilities.sum(), 1)
    self.assertLessEqual(joint.probabilities.size, solver.final_joint().size)
    # Nobody gains by another of the policies: it is a CCE of the meta-game.
    payoffs = payoffs_of(joint)
    for player in range(len(payoffs)):
      value = (joint.probabilities * payoffs[player]).sum()
      others = joint.probabilities.sum(axis=player, keepdims=True)
      for index in range(joint.probabilities.shape[player]):
        deviation = payoffs[player].take([index], axis=player)
        self.assertLessEqual((others * deviation).sum(), value + 1e-6)
    # Values are those of the whole joint distribution in the solver.
    np.testing.assert_allclose(
        [(joint.probabilities * of_player).sum() for of_player in payoffs],
        [(solver.final_joint() * of_player).sum()
         for of_player in solver.get_meta_game()], atol=1e-9)
    self.assertGreaterEqual(summary.cce_gap, 0)
    self.assertEqual(ppsro.read_result(self.path)["cce_gap"], summary.cce_gap)

  def test_of_a_sampled_game(self):
    _, solver, joint = self.run_and_read(
        "kuhn_poker(players=3)", "sequential", SAMPLED, evaluation="sampled",
        exploiter_steps=0, limits=ppsro.Limits(max_rounds=3))
    self.assertAlmostEqual(joint.probabilities.sum(), 1)
    state = joint.game.game.new_initial_state()
    for action in (0, 1, 2):
      state.apply_action(action)
    kept = [np.flatnonzero(solver.final_joint().sum(
        axis=tuple({0, 1, 2} - {player}))) for player in range(3)]
    for policy, index in zip(joint.policies[0], kept[0], strict=True):
      self.assertEqual(
          policy.action_probabilities(state),
          solver.get_policies()[0][index].action_probabilities(state))

  def test_profiles_are_drawn_by_their_probabilities(self):
    probabilities = np.array([[0.1, 0.2], [0, 0.7]])
    joint = joint_lib.JointPolicy(None, ["ab", "cd"], probabilities)
    rng = np.random.default_rng(0)
    drawn = ["".join(joint.sample(rng)) for _ in range(20_000)]
    for (i, one), (j, other) in itertools.product(enumerate("ab"),
                                                  enumerate("cd")):
      self.assertAlmostEqual(drawn.count(one + other) / len(drawn),
                             probabilities[i, j], delta=0.02)

  def test_what_is_never_played_is_left_out(self):
    joint = joint_lib.JointPolicy(
        None, ["abc", "de"], np.array([[0, 0.25], [0, 0], [0, 0.75]])).support()
    self.assertEqual(joint.policies, [["a", "c"], ["e"]])
    np.testing.assert_array_equal(joint.probabilities, [[0.25], [0.75]])

  def test_refuses(self):
    with self.assertRaisesRegex(ValueError, r"it takes \(1, 2\)"):
      joint_lib.JointPolicy(None, ["a", "bc"], np.ones((2, 1)))
    self.path.mkdir()
    with self.assertRaisesRegex(ValueError, "there is no joint policy in"):
      ppsro.read_joint(self.path)
    self.assertEqual(joint_lib.JOINT_FILE, run_directory.FINAL_JOINT)


if __name__ == "__main__":
  absltest.main()

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

"""Tests of check_learner: good learners pass, and each fault is named."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import tabular_qlearner
from open_spiel.python.pytorch import dqn
from open_spiel.python.pytorch import policy_gradient
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import testing as checks

SMALL = {"hidden_sizes": (4,), "episodes_per_batch": 32}
EVERYWHERE = (
    ppsro.PPOConfig(**SMALL),
    ppsro.DQNConfig(**SMALL),
    ppsro.DQNConfig(**SMALL, minibatch_rows=5),
    ppsro.RLAgentConfig(tabular_qlearner.QLearner, episodes_per_batch=16),
    ppsro.RLAgentConfig(
        dqn.DQN, {"hidden_layers_sizes": [4], "batch_size": 8,
                  "min_buffer_size_to_learn": 8, "replay_buffer_capacity": 32},
        episodes_per_batch=16),
    ppsro.RLAgentConfig(
        policy_gradient.PolicyGradient,
        {"hidden_layers_sizes": (4,), "batch_size": 4}, episodes_per_batch=16))


@dataclasses.dataclass(frozen=True)
class NoisyConfig(ppsro.LearnerConfig):
  """Random policies, with a fault to choose; without one it is sound."""
  fault: str = ""

  def steps_per_batch(self, game):
    return np.nan if self.fault == "steps per batch" else 10.0

  def make_learner(self, game, player, seed_sequence):
    if self.fault == "no learner":
      return {}
    return NoisyLearner(self, game, player, seed_sequence)

  def settings(self):
    if self.fault == "settings":
      return {"fault": {self.fault}}
    return super().settings()


class NoisyPolicy(ppsro.FunctionPolicy):
  """Plays the legal actions by weights; with a fault, wrongly."""

  def __init__(self, weights, fault=""):
    self.weights_of_actions, self.fault = weights, fault
    self.asked = 0

  def __call__(self, observations, legal_actions_mask):
    self.asked += 1
    played = self.weights_of_actions * legal_actions_mask
    if self.fault == "not the same twice":
      played = played + self.asked * legal_actions_mask
    if self.fault == "illegal":
      return np.ones(legal_actions_mask.shape) / len(self.weights_of_actions)
    played /= played.sum(axis=1, keepdims=True)
    return 2 * played if self.fault == "sums to 2" else played

  def to_data(self):
    if self.fault == "not savable":
      return {"policy": self}
    weights = self.weights_of_actions
    return {"weights": np.sort(weights) if self.fault == "saved otherwise" else
            weights, "fault": self.fault}

  @classmethod
  def from_data(cls, data):
    return cls(data["weights"], data["fault"])

  def __getstate__(self):
    if self.fault == "pickled otherwise":
      return {**vars(self), "weights_of_actions": self.weights_of_actions[::-1]}
    if self.fault == "not picklable":
      raise TypeError("it has a lock")
    return vars(self)


class NoisyLearner(ppsro.Learner):
  """Draws weights of actions anew in each training."""

  def __init__(self, config, game, player, seed_sequence):
    self.fault = config.fault
    self.game, self.player = game, player
    self.rng = np.random.default_rng(seed_sequence)
    self.weights = np.ones(game.num_actions)

  def initial_policy(self):
    return self.policy()

  def policy(self):
    weights = self.weights if self.fault == "shares" else self.weights.copy()
    if not self.game.is_enumerated:
      return NoisyPolicy(weights, self.fault)
    table = weights * self.game.infostates[self.player].legal_actions_mask
    if self.fault == "table shape":
      table = table[1:]
    return table / table.sum(axis=1, keepdims=True)

  def train(self, opponents, num_steps, stationary):
    rng = np.random if self.fault == "global" else self.rng
    self.weights *= np.exp(rng.normal(size=len(self.weights)))
    report = ppsro.TrainingReport(
        policy=self.policy(),
        mean_return=np.nan if self.fault == "nan" else 0.0,
        steps=num_steps / 2 if self.fault == "half steps" else num_steps,
        episodes=1)
    return vars(report) if self.fault == "no report" else report

  def state(self):
    weights = self.weights
    state = {"weights": weights if self.fault == "state shares" else
             weights.copy(), "rng": self.rng.bit_generator.state}
    if self.fault == "no rng":
      del state["rng"]
    if self.fault == "object in state":
      state["game"] = self.game
    return state

  def restore(self, state):
    if self.fault == "restore raises":
      raise KeyError("momentum")
    if self.fault != "restores nothing":
      self.weights = state["weights"]
      self.rng.bit_generator.state = state.get(
          "rng", self.rng.bit_generator.state)


class CheckLearnerTest(parameterized.TestCase):

  @parameterized.product(config=EVERYWHERE, evaluation=("exact", "sampled"))
  @pytest.mark.slow
  @pytest.mark.sweep(4)
  def test_learners_of_the_package_pass(self, config, evaluation):
    checks.check_learner(config, evaluation=evaluation, num_steps=60)

  @parameterized.parameters(ppsro.ExactConfig(), ppsro.GradualConfig(),
                            ppsro.ExactConfig("random"), NoisyConfig())
  def test_learners_of_enumerated_games_pass(self, config):
    checks.check_learner(config)

  def test_other_games(self):
    for game in ("kuhn_poker(players=3)", "matrix_rps",
                 ppsro.symmetrise(ppsro.enumerate_game("kuhn_poker"))):
      checks.check_learner(NoisyConfig(), game)
    checks.check_learner(NoisyConfig(), "tiny_hanabi", "sampled")

  @pytest.mark.slow
  def test_in_a_worker_process(self):
    checks.check_learner(EVERYWHERE[0], evaluation="sampled", num_steps=60,
                         executor=ppsro.ProcessExecutor(1))

  def test_in_a_worker_all_bits_are_compared(self):

    class Forgetful(ppsro.SerialExecutor):
      """Calls its actors a second time, as a broken executor might."""

      def call(self, tasks):
        super().call(tasks)
        return super().call(tasks)

    with self.assertRaisesRegex(AssertionError,
                                "a learner in a worker differs"):
      checks.check_learner(NoisyConfig(), executor=Forgetful())

  @parameterized.parameters(
      ("no rng", "trains on differently, so state.. lacks something"),
      ("restores nothing", r"state\(\) is another after restore: weights is"),
      ("restore raises", "restore raised KeyError: 'momentum'"),
      ("state shares", r"state\(\) returned changes when the learner trains"),
      ("object in state", r"state\(\) raised TypeError: .*GameTree"),
      ("global", "not drawn from seed_sequence: policy"),
      ("table shape", r"has shape \(6, 2\), got \(5, 2\)"),
      ("no report", "train gave a dict; it takes to give a ppsro.TrainingRep"),
      ("no learner", "make_learner gave a dict"),
      ("nan", "mean_return of the report is nan"),
      ("half steps", "steps of the report is 5.0"),
      ("settings", "dataclass of plain data"),
      ("steps per batch", "steps_per_batch raised ValueError: it is nan"))
  def test_faults(self, fault, message):
    self.check_fault(fault, "exact", message)

  @parameterized.parameters(
      ("not savable", "cannot be saved"),
      ("saved otherwise", "plays otherwise when saved and read"),
      ("pickled otherwise", "plays otherwise when pickled"),
      ("not picklable", "raised TypeError: it has a lock"),
      ("not the same twice", "plays otherwise when asked again"),
      ("illegal", "zero where illegal"),
      ("sums to 2", "rows of which sum to 1"),
      ("shares", "what it reported changes when the learner trains on"))
  def test_faults_of_policies(self, fault, message):
    self.check_fault(fault, "sampled", message)

  def check_fault(self, fault, evaluation, message):
    # Fewer actions are legal at times in Leduc poker.
    with self.assertRaisesRegex(AssertionError, message) as caught:
      checks.check_learner(
          NoisyConfig(fault),
          "leduc_poker" if fault == "illegal" else "kuhn_poker", evaluation)
    self.assertNotIn("\n", str(caught.exception))
    self.assertStartsWith(str(caught.exception), "NoisyConfig")

  def test_rows_of_neupl_are_refused(self):
    with self.assertRaisesRegex(AssertionError, "rows of NeuPL"):
      checks.check_learner(ppsro.NeuPLConfig())


if __name__ == "__main__":
  absltest.main()

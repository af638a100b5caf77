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

"""The same seed gives the same bits, wherever learners run."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import pytest
import torch

from open_spiel_ppsro import schemes
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.executors import ray_executor
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.oracles import tabular_self_play
import testing

SELF_PLAY = self_play.SelfPlayConfig(episodes_per_batch=64, hidden_sizes=(16,))
PPO = ppo.PPOConfig(episodes_per_batch=128, hidden_sizes=(16,))
DQN = dqn.DQNConfig(episodes_per_batch=128, hidden_sizes=(16,))
NEUPL = neupl.NeuPLConfig(episodes_per_batch=128, hidden_sizes=(16,),
                          max_policies=4)



def narrow(num_features, num_outputs):
  """Makes a network of one's own."""
  return torch.nn.Sequential(
      torch.nn.Linear(num_features, 8), torch.nn.Tanh(),
      torch.nn.Linear(8, num_outputs))


CASES = {
    "ppo": (PPO, schemes.Pipeline(3), {}),
    "dqn": (DQN, schemes.Pipeline(3), {}),
    "ppo_sampled": (PPO, schemes.Pipeline(3), {"evaluation": "sampled"}),
    "dqn_sampled": (DQN, schemes.NaiveParallel(2), {"evaluation": "sampled"}),
    "neupl": (NEUPL, schemes.NeuPL(3), {}),
    "neupl_sampled": (NEUPL, schemes.NeuPL(3), {"evaluation": "sampled"}),
    "self_play": (SELF_PLAY, schemes.SelfPlay(), {}),
    "resnet": (dataclasses.replace(PPO, network="resnet"),
               schemes.Pipeline(3), {}),
    "own_network_sampled": (dataclasses.replace(DQN, network=narrow),
                            schemes.Pipeline(3), {"evaluation": "sampled"}),
    "self_play_expectation": (
        dataclasses.replace(SELF_PLAY, episodes_per_batch=None,
                            magnet_updates=50), schemes.SelfPlay(), {}),
    "self_play_table": (
        tabular_self_play.TabularSelfPlayConfig(magnet_updates=50),
        schemes.SelfPlay(), {}),
    "self_play_sampled": (SELF_PLAY, schemes.SelfPlay(),
                          {"evaluation": "sampled"}),
    "self_play_in_four_streams": (
        dataclasses.replace(SELF_PLAY, streams=4), schemes.SelfPlay(),
        {"evaluation": "sampled"}),
}


def play(config, scheme, options, executor=None, seed=0):
  """Returns the results and the state of a short run on Kuhn poker."""
  return testing.play(8, "kuhn_poker", config, scheme, executor, seed,
                      min_steps=300, **options)


class LockstepTest(parameterized.TestCase):

  def assert_same(self, ours, theirs):
    self.assertEqual(ours[0], theirs[0])
    self.assertEmpty(testing.differences(ours[1], theirs[1]))

  def check_numbers_of_workers(self, serial, case, *numbers):
    """Checks that with worker processes all is as serially."""
    # Learners trained; where they can freeze, some did, and others opened.
    members = sum(map(len, serial[1]["population"]["members"]))
    self.assertGreaterEqual(
        members, 2 if case[1].plays_itself else 8 if case[1].freezes else 4)
    for workers in numbers:
      self.assert_same(
          play(*case, process_executor.ProcessExecutor(workers)), serial)

  @parameterized.named_parameters(
      (name, *case) for name, case in CASES.items())
  @pytest.mark.slow
  @pytest.mark.sweep(3)
  def test_in_processes_and_with_another_seed(self, *case):
    serial = play(*case)
    self.check_numbers_of_workers(serial, case, 2)
    # A table with exact updates draws nothing.
    draws = not isinstance(case[0], tabular_self_play.TabularSelfPlayConfig)
    self.assertEqual(play(*case, seed=1)[0] != serial[0], draws)

  @parameterized.named_parameters(
      (name, *case) for name, case in CASES.items())
  @pytest.mark.thorough
  def test_once_more_and_with_any_number_of_workers(self, *case):
    serial = play(*case)
    self.assert_same(play(*case), serial)
    self.check_numbers_of_workers(serial, case, 1, 3)

  @pytest.mark.thorough
  def test_on_ray(self):
    # A start of Ray takes seconds: one is enough.
    case = CASES["ppo"]
    self.assert_same(play(*case, ray_executor.RayExecutor(2)), play(*case))

  @parameterized.named_parameters(
      (name, *case) for name, case in CASES.items() if name != "ppo")
  @pytest.mark.thorough
  def test_on_ray_any_learner(self, *case):
    self.assert_same(play(*case, ray_executor.RayExecutor(2)), play(*case))


if __name__ == "__main__":
  absltest.main()

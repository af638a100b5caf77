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

"""Tests of several workers on one policy."""

import threading

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import torch

from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
import testing


def in_team(size, work):
  """Returns what `work(team)` returns to each of `size` workers."""
  answers = [None] * size

  def run(rendezvous):
    answers[rendezvous.rank] = work(data_parallel.join(rendezvous))

  store = data_parallel.RendezvousStore("127.0.0.1")
  threads = [threading.Thread(target=run, args=(rendezvous,))
             for rendezvous in store.of("policy", size)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  return answers


class TeamTest(parameterized.TestCase):

  @parameterized.parameters(2, 3, 5)
  def test_all_get_the_same(self, size):
    vectors = np.random.default_rng(0).normal(size=(size, 1000)).astype("f")

    def work(team):
      mean = team.mean(torch.from_numpy(vectors[team.rank].copy())).numpy()
      return mean, team.gather(team.rank, 0.5)

    answers = in_team(size, work)
    for mean, numbers in answers:
      np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=1e-6)
      np.testing.assert_array_equal(mean, answers[0][0])
      self.assertEqual(numbers.tolist(), [[n, 0.5] for n in range(size)])
    again = in_team(size, work)
    np.testing.assert_array_equal(again[0][0], answers[0][0])

  def test_alone(self):
    team = data_parallel.join(None)
    vector = torch.ones(3)
    self.assertIs(team.mean(vector), vector)
    self.assertEqual(team.gather(1, 2.5).tolist(), [[1, 2.5]])


class TrainingTest(parameterized.TestCase):

  @parameterized.product(
      config=(ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(16,)),
              dqn.DQNConfig(episodes_per_batch=64, hidden_sizes=(16,),
                            temperature=0.1)),
      evaluation=("exact", "sampled"))
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_same_bits_wherever_they_live(self, config, evaluation):
    rounds, policies = 3, 4

    def train(executor, workers_per_level):
      return testing.play(rounds, "kuhn_poker", config, schemes.Pipeline(2),
                          executor, seed=3, evaluation=evaluation,
                          workers_per_level=workers_per_level)

    (results, state), (elsewhere, state_elsewhere) = (
        train(process_executor.ProcessExecutor(number), 2)
        for number in (2, 3))
    self.assertEqual(elsewhere, results)
    self.assertEmpty(testing.differences(state_elsewhere, state))
    alone, alone_state = train(None, 1)
    self.assertNotEqual(alone, results)
    # As many batches, each of the episodes of two workers.
    self.assertEqual(alone_state["training_episodes"] % (64 * policies), 0)
    self.assertEqual(state["training_episodes"],
                     2 * alone_state["training_episodes"])

  @pytest.mark.thorough
  def test_they_find_the_best_response(self):
    with pipelined.PipelinedOracle(
        "kuhn_poker", ppo.PPOConfig(), process_executor.ProcessExecutor(2),
        workers_per_level=2) as oracle:
      solver = solver_lib.PipelinePSROSolver("kuhn_poker", oracle,
                                             schemes.Pipeline(2))
      for result in solver.run():
        if result.of_frozen.nash_conv < 0.1 or result.round == 60:
          break
    self.assertLess(result.of_frozen.nash_conv, 0.1)

  @parameterized.parameters(
      (ppo.PPOConfig(), 0, 2, "takes a whole number, 1 or more"),
      (ppo.PPOConfig(), 3, 2, "3 workers per level need as many"),
      (ppo.PPOConfig(), 2, None, "use processes, 2 or more"),
      (exact.ExactConfig(), 2, 2, "for PPO and DQN"))
  def test_wrong_numbers_say_what_works(self, config, workers, processes,
                                        message):
    executor = processes and process_executor.ProcessExecutor(processes)
    with self.assertRaisesRegex(ValueError, message):
      pipelined.PipelinedOracle("kuhn_poker", config, executor,
                                workers_per_level=workers)


if __name__ == "__main__":
  absltest.main()

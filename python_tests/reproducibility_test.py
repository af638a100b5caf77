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
import numpy as np

from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.executors import ray_executor
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo

ROUNDS = 12


def play(config, executor, seed=0, evaluation="exact"):
  """Returns all policies, all payoffs and all metrics of a short run."""
  with pipelined.PipelinedOracle("kuhn_poker", config, executor, seed,
                                 evaluation=evaluation) as oracle:
    solver = solver_lib.PipelinePSROSolver(
        "kuhn_poker", oracle, schemes.Pipeline(3),
        plateau=solver_lib.default_plateau(oracle, min_steps=1000))
    results = [solver.round() for _ in range(ROUNDS)]
  # All but the clocks.
  metrics = [dataclasses.replace(r, training_seconds=0, evaluation_seconds=0,
                                 round_seconds=0) for r in results]
  policies = [m.snapshot.policy.table for m in solver.population.members()]
  return ([getattr(policy, "parameters", policy) for policy in policies],
          solver.get_meta_game(), metrics)


class LockstepTest(parameterized.TestCase):

  @parameterized.parameters(ppo.PPOConfig(episodes_per_batch=512),
                            dqn.DQNConfig(episodes_per_batch=512))
  def test_any_executor_any_worker_count(self, config):
    tables, payoffs, metrics = play(config, executor_lib.SerialExecutor())
    self.assertGreater(len(tables), 8)  # Some froze, others opened.
    for make in (executor_lib.SerialExecutor,
                 lambda: process_executor.ProcessExecutor(1),
                 lambda: process_executor.ProcessExecutor(2),
                 lambda: process_executor.ProcessExecutor(3),
                 lambda: ray_executor.RayExecutor(2)):
      found = play(config, make())
      self.assertEqual(len(found[0]), len(tables))
      for ours, theirs in zip(found[0], tables):
        np.testing.assert_array_equal(ours, theirs)
      np.testing.assert_array_equal(found[1], payoffs)
      self.assertEqual(found[2], metrics)
    _, _, other = play(config, executor_lib.SerialExecutor(), seed=1)
    self.assertNotEqual(other, metrics)

  def test_sampled_games_too(self):
    config = ppo.PPOConfig(episodes_per_batch=512)
    _, payoffs, metrics = play(config, executor_lib.SerialExecutor(),
                               evaluation="sampled")
    for workers in (1, 2, 3):
      found = play(config, process_executor.ProcessExecutor(workers),
                   evaluation="sampled")
      np.testing.assert_array_equal(found[1], payoffs)
      self.assertEqual(str(found[2]), str(metrics))  # As text nan is nan.


if __name__ == "__main__":
  absltest.main()

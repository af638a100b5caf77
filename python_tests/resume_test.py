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

"""A run that was stopped and resumed is the run that was not."""

import dataclasses
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import gradual
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo

ROUNDS = 9
PPO = ppo.PPOConfig(episodes_per_batch=512)
DQN = dqn.DQNConfig(episodes_per_batch=512)
NEUPL = neupl.NeuPLConfig(episodes_per_batch=128, max_policies=4)


def make_solver(config, scheme, executor=None, evaluation="exact",
                workers_per_level=1, **kwargs):
  """Returns a solver that freezes soon; close its oracle."""
  if isinstance(config, neupl.NeuPLConfig):
    oracle = neupl.NeuPLOracle("kuhn_poker", config, executor, 3,
                               evaluation=evaluation)
  else:
    oracle = pipelined.PipelinedOracle(
        "kuhn_poker", config, executor, 3, evaluation=evaluation,
        seat_symmetric=scheme.one_population,
        workers_per_level=workers_per_level)
  return solver_lib.PipelinePSROSolver(
      "kuhn_poker", oracle, scheme,
      plateau=solver_lib.default_plateau(oracle, min_steps=1000), **kwargs)


def content(solver):
  """Returns all policies and payoffs of a solver."""
  return ([getattr(member.snapshot.policy, "parameters",
                   member.snapshot.policy)
           for member in solver.population.members() if member.steps
           or isinstance(member.snapshot.policy, np.ndarray)],
          solver.get_meta_game())


def without_clocks(results):
  return [str(dataclasses.replace(
      result, training_seconds=0, evaluation_seconds=0, round_seconds=0))
          for result in results]


CASES = {
    "pipeline_ppo": (PPO, lambda: schemes.Pipeline(3), {}),
    "pipeline_dqn": (DQN, lambda: schemes.Pipeline(2), {}),
    "pipeline_sampled": (PPO, lambda: schemes.Pipeline(2),
                         {"evaluation": "sampled"}),
    "naive_dqn_sampled": (DQN, lambda: schemes.NaiveParallel(2),
                          {"evaluation": "sampled"}),
    "sequential_exact": (exact.ExactConfig("random"), schemes.Sequential, {}),
    "sweep_gradual": (gradual.GradualConfig(0.3), lambda: schemes.Pipeline(3),
                      {"sweep": True}),
    "rectified": (PPO, lambda: schemes.Rectified("relu"), {}),
    "dch_online": (DQN, lambda: schemes.DCH(3, meta_solver="online"), {}),
    "neupl": (NEUPL, lambda: schemes.NeuPL(3), {}),
    "neupl_sampled": (NEUPL, lambda: schemes.NeuPL(3),
                      {"evaluation": "sampled"}),
    "cce": (PPO, lambda: schemes.Pipeline(2),
            {"meta_strategy_method": "cce"}),
    "prd": (PPO, lambda: schemes.Pipeline(2),
            {"meta_strategy_method": "prd"}),
}


class ResumeTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    directory = tempfile.TemporaryDirectory()
    self.addCleanup(directory.cleanup)
    self.path = pathlib.Path(directory.name) / "checkpoint.npz"

  def assert_same(self, ours, theirs):
    self.assertEqual(len(ours[0]), len(theirs[0]))
    for one, other in zip(ours[0], theirs[0]):
      np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(ours[1], theirs[1])

  @parameterized.named_parameters(
      (name, *case) for name, case in CASES.items())
  def test_same_bits_from_any_round(self, config, make_scheme, options):
    whole = make_solver(config, make_scheme(), **options)
    results, states = [], []
    for number in range(ROUNDS):
      if number in (0, 1, 4, ROUNDS - 1):
        states.append((number, whole.state()))
      results.append(whole.round())
    self.assertGreater(len(content(whole)[0]), 2)
    for number, state in states:  # What they hold has not changed since.
      plain_data.write(self.path, state)
      resumed = make_solver(config, make_scheme(), **options)
      resumed.restore(plain_data.read(self.path))
      self.assertEqual(
          without_clocks(resumed.round() for _ in range(number, ROUNDS)),
          without_clocks(results[number:]))
      self.assert_same(content(resumed), content(whole))

  def test_another_executor_and_several_workers_per_level(self):
    options = {"workers_per_level": 2}
    with process_executor.ProcessExecutor(2) as executor:
      whole = make_solver(PPO, schemes.Pipeline(2), executor, **options)
      for _ in range(3):
        whole.round()
      plain_data.write(self.path, whole.state())
      results = [whole.round() for _ in range(4)]
    with process_executor.ProcessExecutor(3) as executor:
      resumed = make_solver(PPO, schemes.Pipeline(2), executor, **options)
      resumed.restore(plain_data.read(self.path))
      self.assertEqual(without_clocks(resumed.round() for _ in range(4)),
                       without_clocks(results))
    self.assert_same(content(resumed), content(whole))

  def test_refuses_another_run(self):
    state = make_solver(PPO, schemes.Pipeline(2)).state()
    for other, message in (
        (make_solver(PPO, schemes.Pipeline(3)),
         "scheme num_levels is 2 there and 3 here"),
        (make_solver(PPO, schemes.NaiveParallel(2)),
         "scheme is 'Pipeline' there and 'NaiveParallel' here"),
        (make_solver(DQN, schemes.Pipeline(2)),
         "oracle is 'PPOConfig' there and 'DQNConfig' here"),
        (make_solver(PPO, schemes.Pipeline(2),
                     meta_strategy_method="uniform"),
         "meta_strategy is 'nash' there and 'uniform' here")):
      with self.assertRaisesRegex(ValueError, message):
        other.restore(state)
    played = make_solver(PPO, schemes.Pipeline(2), executor_lib.SerialExecutor())
    played.round()
    with self.assertRaisesRegex(ValueError, "has played 1"):
      played.restore(state)


if __name__ == "__main__":
  absltest.main()

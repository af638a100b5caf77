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
import itertools

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import schemes
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import gradual
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.oracles import tabular_self_play
import testing

# The numbers of rounds after which a run is saved, and gone on with.
SAVED = (0, 1, 4, 7, 8)
SELF_PLAY = self_play.SelfPlayConfig(episodes_per_batch=64, hidden_sizes=(16,))
PPO = ppo.PPOConfig(episodes_per_batch=128, hidden_sizes=(16,))
DQN = dqn.DQNConfig(episodes_per_batch=128, hidden_sizes=(16,))
NEUPL = neupl.NeuPLConfig(episodes_per_batch=64, hidden_sizes=(16,),
                          max_policies=4)


def make_solver(config, scheme, executor=None, **options):
  """Returns an oracle and a solver of Kuhn poker that freezes soon."""
  return testing.make_solver("kuhn_poker", config, scheme, executor, seed=3,
                             **{"min_steps": 300, **options})


CASES = {
    "pipeline_ppo": (PPO, lambda: schemes.Pipeline(3), {}),
    "pipeline_dqn": (DQN, lambda: schemes.Pipeline(2), {}),
    "pipeline_sampled": (PPO, lambda: schemes.Pipeline(2),
                         {"evaluation": "sampled"}),
    "naive_dqn_sampled": (DQN, lambda: schemes.NaiveParallel(2),
                          {"evaluation": "sampled"}),
    "anytime": (PPO, lambda: schemes.Pipeline(2, anytime=True), {}),
    "sequential_exact": (exact.ExactConfig("random"), schemes.Sequential, {}),
    "sweep_gradual": (gradual.GradualConfig(0.3), lambda: schemes.Pipeline(3),
                      {"sweep": True, "min_steps": 3}),
    "rectified": (PPO, lambda: schemes.Rectified("relu"), {}),
    "dch_online": (DQN, lambda: schemes.DCH(3, meta_solver="online"), {}),
    "neupl": (NEUPL, lambda: schemes.NeuPL(3), {}),
    "neupl_sampled": (NEUPL, lambda: schemes.NeuPL(3),
                      {"evaluation": "sampled"}),
    "self_play": (dataclasses.replace(SELF_PLAY, magnet_updates=50),
                  schemes.SelfPlay, {}),
    "self_play_expectation": (
        dataclasses.replace(SELF_PLAY, episodes_per_batch=None,
                            magnet_updates=50), schemes.SelfPlay, {}),
    "self_play_table": (
        tabular_self_play.TabularSelfPlayConfig(magnet_updates=50),
        schemes.SelfPlay, {}),
    "self_play_sampled": (SELF_PLAY, schemes.SelfPlay,
                          {"evaluation": "sampled"}),
    "self_play_weights": (dataclasses.replace(SELF_PLAY, answer="weights"),
                          schemes.SelfPlay, {"evaluation": "sampled"}),
    "cce": (PPO, lambda: schemes.Pipeline(2),
            {"meta_strategy_method": "cce"}),
    "prd": (PPO, lambda: schemes.Pipeline(2),
            {"meta_strategy_method": "prd", "prd_iterations": 1000}),
}


class ResumeTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "checkpoint.npz"

  def through_a_file(self, state):
    plain_data.write(self.path, state)
    return plain_data.read(self.path)

  @parameterized.named_parameters(
      (name, *case) for name, case in CASES.items())
  @pytest.mark.slow
  @pytest.mark.sweep(4)
  def test_same_bits_from_any_round(self, config, make_scheme, options):
    _, whole = make_solver(config, make_scheme(), **options)
    results, states = [], {}
    for number in range(SAVED[-1] + 1):
      if number in SAVED:
        states[number] = whole.state()
      if number < SAVED[-1]:
        results.append(whole.round())
    self.assertGreater(len(whole.population.members()),
                       1 if whole.scheme.plays_itself else 2)
    if whole.scheme.freezes:
      self.assertNotEmpty([p for result in results for p in result.frozen])
    # A state is all that the rest depends on: it is enough to come from each
    # to the next. What a state holds has not changed since it was taken.
    for start, end in itertools.pairwise(SAVED):
      _, resumed = make_solver(config, make_scheme(), **options)
      resumed.restore(self.through_a_file(states[start]))
      self.assertEqual(
          testing.without_clocks(
              resumed.round() for _ in range(start, end)),
          testing.without_clocks(results[start:end]))
      self.assertEmpty(testing.differences(resumed.state(), states[end]))

  @pytest.mark.slow
  def test_another_executor_and_several_workers_per_level(self):
    self._check_another_executor(PPO, schemes.Pipeline(2),
                                 workers_per_level=2)

  @pytest.mark.slow
  def test_workers_that_share_the_batches_of_self_play(self):
    for before, after in ((1, 2), (2, 1)):
      self._check_another_executor(SELF_PLAY, schemes.SelfPlay(), before, after,
                                   evaluation="sampled")

  def _check_another_executor(self, config, scheme, before=2, after=3,
                              **options):
    """Checks that a run goes on with another number of workers.

    Args:
      config: of the learners.
      scheme: of the run.
      before: how many workers it has until it is saved.
      after: how many it has then.
      **options: of the solver.
    """
    oracle, whole = make_solver(
        config, scheme, process_executor.ProcessExecutor(before), **options)
    with oracle:
      for _ in range(2):
        whole.round()
      state = self.through_a_file(whole.state())
      results = [whole.round() for _ in range(3)]
      end = whole.state()
    oracle, resumed = make_solver(
        config, scheme, process_executor.ProcessExecutor(after), **options)
    with oracle:
      resumed.restore(state)
      self.assertEqual(
          testing.without_clocks(resumed.round() for _ in range(3)),
          testing.without_clocks(results))
      self.assertEmpty(testing.differences(resumed.state(), end))

  def test_refuses_another_run(self):
    _, saved = make_solver(PPO, schemes.Pipeline(2))
    for config, scheme, options, message in (
        (PPO, schemes.Pipeline(3), {},
         "scheme num_levels is 2 there and 3 here"),
        (PPO, schemes.NaiveParallel(2), {},
         "scheme is 'Pipeline' there and 'NaiveParallel' here"),
        (DQN, schemes.Pipeline(2), {},
         "oracle is 'PPOConfig' there and 'DQNConfig' here"),
        (PPO, schemes.Pipeline(2), {"meta_strategy_method": "uniform"},
         "meta_strategy is 'nash' there and 'uniform' here")):
      _, other = make_solver(config, scheme, **options)
      with self.assertRaisesRegex(ValueError, message):
        other.restore(saved.state())
    _, played = make_solver(PPO, schemes.Pipeline(2))
    played.round()
    with self.assertRaisesRegex(ValueError, "has played 1"):
      played.restore(saved.state())


if __name__ == "__main__":
  absltest.main()

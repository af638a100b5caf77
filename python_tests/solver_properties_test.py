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

"""Properties of any solver: whatever its options, it is refused in one line,
or its rounds keep what they promise and can be gone on with elsewhere."""

import math

from absl.testing import absltest
import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import schemes
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import ppo
import testing

levels = st.integers(1, 3)
options = st.fixed_dictionaries({
    "game": st.sampled_from([
        "kuhn_poker", "kuhn_poker(players=3)", "matrix_rps",
        "goofspiel(imp_info=True,num_cards=3,players=2)", "matrix_pd"]),
    "scheme": st.one_of(
        st.builds(schemes.Sequential),
        st.builds(schemes.NaiveParallel, levels),
        st.builds(schemes.Rectified, st.sampled_from(["subset", "relu"])),
        st.builds(schemes.DCH, levels,
                  meta_solver=st.sampled_from(["nash", "online"])),
        st.builds(schemes.Pipeline, levels,
                  warmup_steps=st.integers(0, 2000)),
        st.builds(schemes.NeuPL, levels)),
    "config": st.sampled_from([
        ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(8,)),
        dqn.DQNConfig(episodes_per_batch=64, hidden_sizes=(8,)),
        neupl.NeuPLConfig(episodes_per_batch=64, max_policies=4),
        exact.ExactConfig("perturbed"), exact.ExactConfig("random")]),
    "meta_strategy_method": st.sampled_from([
        "nash", "prd", "rm", "uniform", "uniform_biased", "fictitious_play",
        "cce"]),
    "evaluation": st.sampled_from(["exact", "sampled"]),
    "seat_symmetric": st.booleans(),
    "sweep": st.booleans(),
    "opponent_update_freq": st.integers(1, 500),
    "min_steps": st.integers(1, 1000),
    "seed": st.integers(0, 2 ** 31),
})


class PropertiesTest(absltest.TestCase):

  @hypothesis.given(options, st.integers(0, 3), st.integers(1, 3))
  @hypothesis.settings(max_examples=40)
  @pytest.mark.thorough
  def test_any_options(self, chosen, before, after):
    self.check(chosen, before, after)

  @pytest.mark.thorough
  @hypothesis.given(options, st.integers(0, 3), st.integers(1, 3))
  @hypothesis.settings(max_examples=400)
  def test_many_options(self, chosen, before, after):
    self.check(chosen, before, after)

  def check(self, chosen, before, after):
    """Checks what a solver promises.

    Args:
      chosen: the arguments of `testing.make_solver`.
      before: rounds until it is saved, and another is restored from that.
      after: rounds that both play from there.
    """
    try:
      (_, solver), (_, other) = (testing.make_solver(**chosen)
                                 for _ in range(2))
    except ValueError as error:
      self.assertLen(str(error).splitlines(), 1)
      self.assertGreater(len(str(error)), 20)
      return
    results = [solver.round() for _ in range(before)]
    path = testing.make_directory(self) / "checkpoint.npz"
    plain_data.write(path, solver.state())
    other.restore(plain_data.read(path))
    going_on = [solver.round() for _ in range(after)]
    self.assertEqual(
        testing.without_clocks(other.round() for _ in range(after)),
        testing.without_clocks(going_on))
    self.assertEmpty(testing.differences(other.state(), solver.state()))
    results += going_on
    for number, result in enumerate(results, 1):
      self.assertEqual(result.round, number)
      self.assertTrue(result.levels)
      for level in result.levels:
        self.assertTrue(math.isfinite(level.payoff))
      for found in (result.of_frozen, result.of_all):
        if solver.is_exact:
          self.assertGreater(found.nash_conv, -1e-9)
    members = solver.population.members()
    self.assertEqual(solver.training_episodes,
                     sum(member.episodes for member in members))
    for probabilities, payoffs in zip(solver.get_meta_strategies(),
                                      solver.get_meta_game()):
      self.assertAlmostEqual(sum(probabilities), 1)
      self.assertGreaterEqual(min(probabilities), -1e-12)
      self.assertTrue(np.isfinite(payoffs).all())


if __name__ == "__main__":
  absltest.main()

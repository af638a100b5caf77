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

"""Tests for normal_form, and of schemes on games with known failures."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy
import pytest

from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import schemes
from open_spiel_ppsro.games import normal_form
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.meta_games import zero_sum
from open_spiel_ppsro.oracles import exact
from open_spiel_ppsro.oracles import gradual
import testing

# Rock, paper, scissors, and X that beats each of them by 2/5: the game on
# which rectified PSRO stops short (McAleer et al. 2020). Y only loses to X.
RPS_XY = np.array([[0, -1, 1, -.4, -.4],
                   [1, 0, -1, -.4, -.4],
                   [-1, 1, 0, -.4, -.4],
                   [.4, .4, .4, 0, 1],
                   [.4, .4, .4, -1, 0]])


def generalised_rps(size):
  """Returns the game in which i beats j iff (i - j) mod size is odd."""
  difference = (np.arange(size)[:, None] - np.arange(size)) % size
  return np.where(difference == 0, 0, np.where(difference % 2 == 1, 1, -1))


def pure_policy(tree, action):
  result = policy.TabularPolicy(tree.game)
  result.action_probability_array[:] = 0
  result.action_probability_array[:, action] = 1
  return result


def exploitabilities(payoffs, scheme, rounds, start=None, config=None, seed=0,
                     **kwargs):
  """Returns the exploitability of the result and over all, per round."""
  tree = normal_form.from_payoffs(payoffs)
  config = exact.ExactConfig("first") if config is None else config
  oracle, solver = testing.make_solver(
      tree, config, scheme, seed=seed, initial_policies=None if start is None
      else [pure_policy(tree, start)], **kwargs)
  with oracle:
    results = [solver.round() for _ in range(rounds)]
  return ([r.of_frozen.exploitability for r in results],
          [r.of_all.exploitability for r in results])


class FromPayoffsTest(parameterized.TestCase):

  def test_payoffs_and_value(self):
    payoffs = np.array([[1., -2., 3.], [-1., 0., .5]])
    tree = normal_form.from_payoffs(payoffs)
    self.assertEqual(tree.roles, (0, 1))
    plans = [sequence_form.realization_plan(
        tree, np.eye(3)[:count, None, :], player)
             for player, count in enumerate((2, 3))]
    tensors = sequence_form.payoff_tensors(tree, plans)
    np.testing.assert_allclose(tensors[0], payoffs)
    np.testing.assert_allclose(tensors[1], -payoffs)

  def test_symmetric_games_have_one_population(self):
    tree = normal_form.from_payoffs(normal_form.random_symmetric(5, seed=3))
    self.assertEqual(tree.roles, (0, 0))
    np.testing.assert_array_equal(
        normal_form.random_symmetric(5, 3), normal_form.random_symmetric(5, 3))
    self.assertLess(np.abs(normal_form.random_symmetric(50, 1)).max(), 1)

  @parameterized.parameters(
      ([1., 2.],), (np.zeros((0, 3)),), ([[np.nan]],))
  def test_refuses_what_is_no_matrix(self, payoffs):
    with self.assertRaisesRegex(ValueError, "finite payoff matrix"):
      normal_form.from_payoffs(payoffs)

  def test_refuses_false_symmetry(self):
    with self.assertRaisesRegex(ValueError, "minus its transpose"):
      normal_form.from_payoffs([[0, 1], [1, 0]], symmetric=True)

  def test_reads_files(self):
    directory = testing.make_directory(self)
    (directory / "m.csv").write_text("0, 1\n-1, 0\n")
    np.save(directory / "m.npy", [[0, 1], [-1, 0]])
    for name in ("m.csv", "m.npy"):
      tree = normal_form.from_file(directory / name)
      np.testing.assert_allclose(tree.terminal_returns[0], [0, 1, -1, 0])
    (directory / "b.csv").write_text("0, one\n")
    for name in ("b.csv", "missing.csv"):
      with self.assertRaisesRegex(ValueError, name):
        normal_form.from_file(directory / name)
    (directory / "ragged.csv").write_text("3,0\n5\n")
    with self.assertRaisesRegex(
        ValueError, "ragged.csv: row 1 has 2 numbers, and row 2 has 1$"):
      normal_form.from_file(directory / "ragged.csv")


class CounterexamplesTest(parameterized.TestCase):

  @parameterized.product(size=(4, 5), start=(0, 1, 2))
  def test_rectified_subset_never_finds_x(self, size, start):
    frozen, _ = exploitabilities(RPS_XY[:size, :size],
                                 schemes.Rectified("subset"), 12, start)
    np.testing.assert_allclose(frozen[2:], 0.4, atol=1e-12)

  @parameterized.product(
      scheme=(lambda: schemes.Rectified("relu"), schemes.Sequential,
              lambda: schemes.Pipeline(3), lambda: schemes.NaiveParallel(2),
              lambda: schemes.NeuPL(5)),
      size=(4, 5), start=(0, 1, 2))
  def test_the_others_do(self, scheme, size, start):
    frozen, _ = exploitabilities(RPS_XY[:size, :size], scheme(), 12, start)
    self.assertLess(frozen[-1], 1e-9)

  @parameterized.parameters(3, 5, 7)
  @pytest.mark.slow
  def test_dch_needs_enough_levels(self, size):
    payoffs = generalised_rps(size)
    # Full support takes size - 1 policies beside the first one.
    _, short = exploitabilities(payoffs, schemes.DCH(size - 2), 30, 0)
    self.assertGreater(min(short), 0.1)
    frozen, _ = exploitabilities(payoffs, schemes.Pipeline(2), 30, 0)
    self.assertLess(frozen[-1], 1e-9)
    self.assertGreater(frozen[0], 0.1)

  def test_prop_3_1_some_support_strategy_does_not_lose(self):
    # McAleer et al. 2020, Proposition 3.1, on random sub-populations.
    rng = np.random.default_rng(0)
    for seed in range(20):
      payoffs = normal_form.random_symmetric(9, seed)
      from_all = zero_sum.solve_zero_sum(payoffs)[0]
      support = np.flatnonzero(from_all > 1e-9)
      kept = np.sort(rng.choice(9, 4, replace=False))
      left_out = np.setdiff1d(support, kept)
      if not len(left_out):
        continue
      restricted = np.zeros(9)
      restricted[kept] = zero_sum.solve_zero_sum(
          payoffs[np.ix_(kept, kept)])[0]
      self.assertGreaterEqual((payoffs[left_out] @ restricted).max(), -1e-9)


class RandomGamesTest(absltest.TestCase):

  @pytest.mark.thorough
  def test_more_learners_converge_and_dch_does_not(self):
    # A small version of the paper's first figure.
    def final(scheme):
      return np.mean([
          exploitabilities(
              normal_form.random_symmetric(20, seed), scheme(), 40,
              config=gradual.GradualConfig(0.5), seed=seed, sweep=True,
              opponent_update_freq=1,
              plateau=plateau_lib.PlateauRule(delta=0.03))[1][-1]
          for seed in range(3)])
    self.assertLess(final(lambda: schemes.Pipeline(4)), 0.02)
    self.assertGreater(final(schemes.Sequential), 0.05)
    self.assertGreater(final(lambda: schemes.DCH(4)), 0.05)


if __name__ == "__main__":
  absltest.main()

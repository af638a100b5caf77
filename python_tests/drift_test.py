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

"""Tests of drift: intervals of payoffs hold although policies learn on."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro.evaluation import drift as drift_lib
from open_spiel_ppsro.evaluation import payoff_estimate

KEPT = 0.5


class Payoffs:
  """The payoffs of one player; a policy a row, all of which learn at once."""

  def __init__(self, shape):
    self.weight = np.zeros(shape)
    self.sums = np.zeros((1, *shape))
    self.squares = np.zeros(shape)
    self.drift = drift_lib.Drift(1, len(shape))
    self.drift.grow(shape)

  def add(self, means, episodes, variance=1.0, rng=None):
    """Adds as many episodes to each cell.

    Args:
      means: of their returns, by cell.
      episodes: how many.
      variance: of the return of an episode.
      rng: draws the mean of the episodes; without one it is as expected.
    """
    if rng is not None:
      means = means + rng.normal(0, (variance / episodes) ** 0.5, means.shape)
    for cell in np.ndindex(self.weight.shape):
      self.drift.add(cell, episodes)
    self.weight += episodes
    self.sums += episodes * means
    self.squares += episodes * (means ** 2 + variance)

  def change(self, rows=None):
    """All policies, or those of some rows, have learned."""
    rows = range(len(self.weight)) if rows is None else rows
    for row in rows:
      self.drift.change((row, slice(None)), self.weight, self.sums, KEPT)
      for array in (self.weight, self.sums[0], self.squares):
        array[row] *= KEPT

  def estimate(self):
    """Returns the `Estimate` of all cells, and their standard errors."""
    estimate = payoff_estimate.estimate(
        self.weight, self.sums[0], self.squares)
    errors = self.drift.standard_errors([estimate], self.weight, self.sums)
    return estimate, errors[0]


def covered(means, errors, true):
  """Returns which share of 95 % intervals hold the true payoff."""
  return np.mean(np.abs(means - true) < 1.96 * errors)


class DriftTest(parameterized.TestCase):

  def test_without_changes_errors_are_those_of_chance(self):
    rng = np.random.default_rng(0)
    payoffs = Payoffs((5, 4))
    for _ in range(3):
      payoffs.add(rng.normal(size=(5, 4)), 20, rng=rng)
    estimate, errors = payoffs.estimate()
    np.testing.assert_allclose(errors, estimate.error)

  def test_a_cell_that_was_never_played(self):
    payoffs = Payoffs((2, 2))
    payoffs.add(np.zeros((2, 2)), 10)
    payoffs.drift.grow((3, 2))
    payoffs.weight = np.pad(payoffs.weight, ((0, 1), (0, 0)))
    payoffs.sums = np.pad(payoffs.sums, ((0, 0), (0, 1), (0, 0)))
    payoffs.squares = np.pad(payoffs.squares, ((0, 1), (0, 0)))
    payoffs.change([2])
    estimate, errors = payoffs.estimate()
    np.testing.assert_allclose(errors, estimate.error)

  def test_steady_drift_is_what_the_error_is(self):
    # No chance: a policy gains 0.1 a round, and its episodes lag behind.
    payoffs, gain = Payoffs((1, 1)), 0.1
    for number in range(30):
      payoffs.add(np.full((1, 1), gain * (number - 0.75)), 10_000, 1e-6)
      payoffs.change()
    estimate, errors = payoffs.estimate()
    off = gain * 29 - estimate.mean[0, 0]
    self.assertAlmostEqual(off, 1.75 * gain, delta=1e-3)
    self.assertAlmostEqual(errors[0, 0], off, delta=2e-2)
    self.assertLess(estimate.error[0, 0], 0.01 * off)
    # Once it stands still, fresh episodes drive the drift out.
    payoffs.add(np.full((1, 1), gain * 29), 1_000_000, 1e-6)
    estimate, fresh_errors = payoffs.estimate()
    off = gain * 29 - estimate.mean[0, 0]
    self.assertAlmostEqual(off, 1.75 * gain / 101, delta=1e-4)
    self.assertBetween(fresh_errors[0, 0], off / 2, 3 * off)

  def test_where_nothing_moves_halved_episodes_weigh_as_they_do(self):
    # Of rounds that weigh 1/2, 1/4, ... the variance is a third of what a
    # single round of the same weight would have; no jump shows a drift.
    payoffs = Payoffs((1, 1))
    for _ in range(40):
      payoffs.add(np.zeros((1, 1)), 10_000)
      payoffs.change()
    estimate, errors = payoffs.estimate()
    self.assertAlmostEqual(
        errors[0, 0], estimate.error[0, 0] / 3 ** 0.5, delta=1e-5)

  @parameterized.parameters(
      # rounds, episodes a round, drift a round in deviations of an episode
      (20, 1000, 0.0), (20, 1000, 0.02), (20, 1000, 0.1), (6, 1000, 0.1),
      (20, 100, 0.1), (20, 1000, 1.0))
  def test_coverage_of_random_drift(self, rounds, episodes, drift):
    # The seed is fixed: the same numbers each time.
    rng = np.random.default_rng(0)
    payoffs = Payoffs((40, 40))
    true = rng.normal(size=(40, 40))
    for _ in range(rounds):
      step = rng.normal(0, drift, true.shape)
      payoffs.add(true + step / 4, episodes, rng=rng)
      true = true + step
      payoffs.change()
    estimate, errors = payoffs.estimate()
    self.assertBetween(covered(estimate.mean, errors, true), 0.91, 0.98)
    # The policies freeze, and some cells are measured.
    payoffs.add(true, episodes // 10, rng=rng)
    estimate, errors = payoffs.estimate()
    self.assertBetween(covered(estimate.mean, errors, true), 0.91, 0.98)
    if drift >= 0.1 and episodes == 1000:  # Chance alone is not enough.
      self.assertLess(covered(estimate.mean, estimate.error, true), 0.8)

  def test_goes_on_from_its_state(self):
    rng = np.random.default_rng(0)
    payoffs, other = Payoffs((3, 2)), Payoffs((3, 2))
    for _ in range(4):
      payoffs.add(rng.normal(size=(3, 2)), 10, rng=rng)
      payoffs.change([0, 2])
    other.weight, other.sums, other.squares = (
        payoffs.weight.copy(), payoffs.sums.copy(), payoffs.squares.copy())
    other.drift = drift_lib.Drift(1, 2)
    other.drift.restore(payoffs.drift.state(), other.weight)
    for one in (payoffs, other):
      one.add(np.ones((3, 2)), 10)
      one.change([1])
    np.testing.assert_array_equal(*(
        one.estimate()[1] for one in (payoffs, other)))

  def test_goes_on_where_version_0_1_kept_no_jumps(self):
    payoffs = Payoffs((2, 2))
    payoffs.add(np.ones((2, 2)), 10)
    payoffs.drift = drift_lib.Drift(1, 2)
    payoffs.drift.restore(None, payoffs.weight)
    estimate, errors = payoffs.estimate()
    np.testing.assert_allclose(errors, estimate.error)


if __name__ == "__main__":
  absltest.main()

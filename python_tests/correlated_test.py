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

"""Tests for correlated, against OpenSpiel's JPSRO where it has a reference."""

from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import jpsro

from open_spiel_ppsro.meta_games import correlated

DILEMMA = np.array([[3., 0], [5, 1]])
CHICKEN = np.array([[6., 2], [7, 0]])


def random_game(seed, *sizes):
  return np.random.default_rng(seed).uniform(-3, 3, (len(sizes), *sizes))


def zero_sum(seed, *sizes):
  payoffs = random_game(seed, *sizes)
  payoffs[-1] = -payoffs[:-1].sum(axis=0)
  return payoffs


def largest_welfare_by_jpsro(payoffs):
  """Returns the welfare of JPSRO's mwcce, which by default asks for ECOS."""
  # pylint: disable=protected-access
  matrix, _ = jpsro._cce_constraints(payoffs, [0.0] * len(payoffs))
  joint, _ = jpsro._linear(payoffs, matrix, np.zeros(len(matrix)),
                           solver_kwargs={"solver": "HIGHS"})
  return (payoffs.sum(axis=0) * joint).sum()


def gains_by_jpsro(payoffs, joint):
  # pylint: disable=protected-access
  matrix, _ = jpsro._cce_constraints(payoffs, [0.0] * len(payoffs),
                                     remove_null=False, zero_tolerance=0.0)
  return matrix @ joint.ravel()


class MaxWelfareCCETest(parameterized.TestCase):

  @parameterized.product(
      game=(("dilemma", np.stack([DILEMMA, DILEMMA.T])),
            ("chicken", np.stack([CHICKEN, CHICKEN.T])),
            ("two_players", random_game(0, 4, 6)),
            ("zero_sum", zero_sum(1, 5, 5)),
            ("three_players", random_game(2, 3, 4, 2)),
            ("three_players_zero_sum", zero_sum(3, 4, 4, 4)),
            ("four_players", random_game(4, 2, 3, 1, 3)),
            ("ties", np.random.default_rng(5).integers(
                -2, 2, (3, 4, 4, 4)).astype(float)),
            ("constant", np.ones((3, 2, 2, 2))),
            ("one_profile", np.ones((2, 1, 1)))),
      unit=(1e-3, 1.0, 1e4),
      whole=(True, False))
  def test_gains_nobody_and_welfare_is_jpsros(self, game, unit, whole):
    payoffs = game[1]
    with mock.patch.multiple(correlated, _WHOLE=10 ** 6 if whole else 1,
                             _AT_A_TIME=2):
      joint = correlated.max_welfare_cce(unit * payoffs)
    self.assertEqual(joint.shape, payoffs.shape[1:])
    self.assertAlmostEqual(joint.sum(), 1)
    self.assertGreaterEqual(joint.min(), 0)
    gains = correlated.deviation_gains(payoffs, joint)
    self.assertLess(max(gain.max() for gain in gains), 1e-7)
    np.testing.assert_allclose(np.concatenate(gains),
                               gains_by_jpsro(payoffs, joint), atol=1e-9)
    if payoffs.any() and np.ptp(payoffs):
      self.assertAlmostEqual((payoffs.sum(axis=0) * joint).sum(),
                             largest_welfare_by_jpsro(payoffs), places=5)

  def test_value_and_support_of_a_large_game(self):
    payoffs = zero_sum(6, 25, 25, 25)
    joint = correlated.max_welfare_cce(payoffs)
    self.assertLess(
        max(gain.max() for gain in correlated.deviation_gains(payoffs, joint)),
        1e-7)
    # A vertex: at most one profile per constraint.
    self.assertLessEqual((joint > 0).sum(), 3 * 25 + 1)

  def test_chicken_correlates(self):
    # The best of its equilibria: never both dare, and no product does that.
    joint = correlated.max_welfare_cce([CHICKEN, CHICKEN.T])
    self.assertAlmostEqual(joint[1, 1], 0)
    self.assertGreater(
        np.abs(joint - np.outer(joint.sum(1), joint.sum(0))).max(), 0.05)

  @parameterized.parameters(
      (np.zeros((2, 3)),), (np.full((2, 2, 2), np.nan),))
  def test_refuses(self, payoffs):
    with self.assertRaisesRegex(ValueError, "finite tensors"):
      correlated.max_welfare_cce(payoffs)


if __name__ == "__main__":
  absltest.main()

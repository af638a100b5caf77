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

"""Payoff estimates: from sums of returns to means and standard errors."""

from typing import NamedTuple

import numpy as np

# The prior of a cell is the payoff that the other cells predict. It counts for
# at least and at most this many episodes; between them, for more the better it
# fits. The upper bound is low because the prior has better and worse policies
# but no cycles: with too much weight on it the equilibrium becomes pure.
_PRIOR_EPISODES = (1.0, 4.0)
# The rounds in which the weight of the prior and its fit are found in turn, and
# the sweeps over the axes per fit. More are more precise and slower.
_PRIOR_ROUNDS, _PRIOR_SWEEPS = 2, 4
# The variance of all cells counts for this many episodes of each one. Once a
# cell has many more, its variance is its own.
_VARIANCE_EPISODES = 8.0


class Estimate(NamedTuple):
  """The estimated payoffs of cells, in arrays of one shape.

  Attributes:
    mean: the payoffs.
    error: their standard errors, if all episodes were played by the policies
      as they are, and weigh 1; see `drift` for those that did not.
    variance: the variances of the return of one episode.
    prior_episodes: for how many episodes of each cell its prior counts.
  """
  mean: np.ndarray
  error: np.ndarray
  variance: np.ndarray
  prior_episodes: float


def estimate(weight: np.ndarray, sums: np.ndarray, squares: np.ndarray
             ) -> Estimate:
  """Returns the estimated payoffs of cells, and their standard errors.

  Args:
    weight: the number of episodes of each cell, or their total weight, in an
      array of any shape.
    sums: the sums of their returns, in the same shape.
    squares: the sums of their squared returns, in the same shape.

  Returns:
    An `Estimate`. A cell that was never played has the mean of its prior, and
    an error by which cells differ from theirs.
  """
  played = weight > 0
  total = max(weight.sum(), 1e-300)
  own = np.divide(sums, weight, out=np.zeros(weight.shape), where=played)
  within = np.maximum(squares - own * sums, 0)  # Times the weight.
  # A mean takes up one episode, so cells with two or more show a variance.
  several = weight >= 2
  freedom = (weight - 1)[several].sum()
  variance = within[several].sum() / freedom if freedom > 0 else 0.0
  if not variance > 0:
    variance = (squares / total).sum() or 1.0
    if freedom > 0:  # No return has differed within a cell.
      variance *= 1e-2
  least, most = _PRIOR_EPISODES
  episodes = most
  parameters = sum(weight.shape) - weight.ndim + 1
  count = played.sum()
  for _ in range(_PRIOR_ROUNDS):
    trust = weight / (weight + episodes)
    fit = _additive(own, trust)
    if count <= parameters:
      break
    # The spread is the variance around the fit that chance does not explain.
    spread = (trust * ((own - fit) ** 2 * count / (count - parameters)
                       - variance / np.where(played, weight, 1))
              ).sum() / trust.sum()
    episodes = float(np.clip(variance / max(spread, 1e-300), least, most))
  means = (sums + episodes * fit) / (weight + episodes)
  of_cell = (within + _VARIANCE_EPISODES * variance) / (
      weight + _VARIANCE_EPISODES)
  return Estimate(means, np.sqrt(of_cell / (weight + episodes)), of_cell,
                  episodes)


def _additive(values, trust):
  """Returns the fit of `values` by one effect per index of each axis."""
  fit = np.full(values.shape, np.vdot(trust, values) / max(
      trust.sum(), 1e-300))
  for _ in range(_PRIOR_SWEEPS):
    for axis in range(values.ndim):
      others = tuple(other for other in range(values.ndim) if other != axis)
      fit = fit + (trust * (values - fit)).sum(others, keepdims=True) / (
          trust.sum(others, keepdims=True) + 1)
  return fit

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

import numpy as np

# What is expected of a cell before it is played counts for as many episodes as
# it is good for, in these bounds. The upper one is low because the prior knows
# of better and worse policies and of no cycles: believed too much, it is a
# game whose equilibrium is pure.
_PRIOR_EPISODES = (1.0, 4.0)
_PRIOR_ROUNDS, _PRIOR_SWEEPS = 2, 4
# A cell's variance is its own, once it has many more episodes than this.
_VARIANCE_EPISODES = 8.0


def estimate(weight: np.ndarray, sums: np.ndarray, squares: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray]:
  """Returns what cells are expected to hold, and how far off that may be.

  Args:
    weight: of the episodes of each cell, any shape.
    sums: of their returns.
    squares: of their squared returns.

  Returns:
    Means and standard errors, of that shape. A cell that was never played has
    the expected mean, and the deviation of cells from it as its error.
  """
  played = weight > 0
  total = max(weight.sum(), 1e-300)
  own = np.divide(sums, weight, out=np.zeros(weight.shape), where=played)
  within = np.maximum(squares - own * sums, 0)  # Times the weight.
  # A mean takes an episode, or less where episodes count for less than one.
  several = weight >= 2
  freedom = (weight - 1)[several].sum()
  variance = within[several].sum() / freedom if freedom > 0 else 0.0
  if not variance > 0:
    variance = (squares / total).sum() or 1.0
    if freedom > 0:  # Nothing here is random.
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
    # How far cells are from the fit, beyond what chance explains.
    spread = (trust * ((own - fit) ** 2 * count / (count - parameters)
                       - variance / np.where(played, weight, 1))
              ).sum() / trust.sum()
    episodes = float(np.clip(variance / max(spread, 1e-300), least, most))
  means = (sums + episodes * fit) / (weight + episodes)
  of_cell = (within + _VARIANCE_EPISODES * variance) / (
      weight + _VARIANCE_EPISODES)
  return means, np.sqrt(of_cell / (weight + episodes))


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

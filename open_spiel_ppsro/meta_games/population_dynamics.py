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

"""Learning dynamics of n players on the payoff tensors of a meta-game.

Projected replicator dynamics (Lanctot et al. 2017, section 3.1) and regret
matching (Hart & Mas-Colell 2000) take the same steps as in OpenSpiel, but for
all players at once and on arrays that are never allocated anew: a step costs a
dozen array operations on a few hundred bytes. Alpha-rank is computed by linear
systems. By default a solve takes 5,000 steps, because every round needs several
solves; OpenSpiel's takes 100,000 steps that are about 20 times as short.

In two-player zero-sum games the averages of regret matching approach an
equilibrium. With more players or general sums there is no such guarantee for
either of the dynamics. The joint average play of regret matching approaches the
set of coarse correlated equilibria, but the functions here return the product
of the averages, which need not be near that set. Alpha-rank ranks strategies;
it is no equilibrium concept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

# The steps of a solve. More are more precise and take longer.
_ITERATIONS = 5_000
# The length of a step times the range of payoffs. With it, 5,000 steps come as
# far as OpenSpiel's 100,000 where payoffs range over 2. Longer steps come
# further and are less precise.
_STEP = 0.03
# The regret of every strategy at the start of regret matching, as in OpenSpiel.
_FIRST_REGRET = 1e-6
# The most profiles that alpha-rank walks over; a solve of so many takes
# seconds. Its time grows with the cube of this number.
MAX_PROFILES = 1_000
# The fewest and the most times that alpha-rank halves its epsilon. More come
# closer to the limit of infinite selection.
_FEWEST_HALVINGS = 10
_MOST_HALVINGS = 46


class _Values:
  """The expected return of each strategy against the others' strategies.

  Players and strategies are rows and columns of one array; where a player has
  fewer strategies than another, the rest of its row stays zero. `strategies`
  has to be changed in place, because the products are computed from views of
  it.
  """

  def __init__(self, payoffs, scale):
    """Makes room for the players of a game.

    Args:
      payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
      scale: the factor that multiplies all values.
    """
    payoffs = [np.asarray(tensor, float) for tensor in payoffs]
    self.sizes = payoffs[0].shape
    num_players = len(self.sizes)
    if len(payoffs) != num_players or any(
        tensor.shape != self.sizes for tensor in payoffs):
      raise ValueError(
          "the payoffs of n players are n tensors [K_0, ..., K_{n-1}], got "
          f"shapes {', '.join(str(tensor.shape) for tensor in payoffs)}")
    shape = num_players, max(self.sizes)
    self.exists = np.arange(shape[1]) < np.array(self.sizes)[:, None]
    self.strategies = np.where(
        self.exists, 1 / np.array(self.sizes)[:, None], 0.0)
    self.values = np.zeros(shape)
    # Entries `(factor, factor, product)` of the others' joint distributions.
    self._outer = []
    self._matrices = []
    rows = [row[:size] for row, size in zip(self.strategies, self.sizes)]
    for player, tensor in enumerate(payoffs):
      others = [p for p in range(num_players) if p != player]
      joint = rows[others[0]] if others else np.ones(1)
      for other in others[1:]:
        product = np.empty((len(joint), self.sizes[other]))
        self._outer.append((joint[:, None], rows[other][None, :], product))
        joint = product.reshape(-1)
      matrix = scale * np.moveaxis(tensor, player, 0)
      self._matrices.append((
          np.ascontiguousarray(matrix.reshape(self.sizes[player], -1)), joint,
          self.values[player, :self.sizes[player]]))

  def start(self, strategies):
    """Sets the strategies, `[K_p]` per player."""
    for row, size, given in zip(self.strategies, self.sizes, strategies):
      if np.shape(given) != (size,):
        raise ValueError(f"an initial strategy has shape {np.shape(given)}; "
                         f"that player has {size} strategies")
      row[:size] = given

  def update(self):
    """Computes `values` `[n, K]` from `strategies` `[n, K]`."""
    for left, right, product in self._outer:
      np.multiply(left, right, product)
    for matrix, joint, values in self._matrices:
      np.dot(matrix, joint, values)

  def per_player(self, array):
    """Returns a list of `[K_p]` from `[n, K]`."""
    return [row[:size].copy() for row, size in zip(array, self.sizes)]


def _first_averaged(iterations, window):
  """Returns the first step whose strategies count; 0 is the start."""
  if iterations < 1:
    raise ValueError(f"iterations is {iterations}; it takes 1 or more")
  if window is not None and window < 1:
    raise ValueError(f"average_over_last_n_strategies is {window}; it takes 1 "
                     "or more, or None for all")
  return 0 if window is None else max(0, iterations + 1 - window)


def projected_replicator_dynamics(
    payoffs: Sequence[np.ndarray],
    prd_initial_strategies: Sequence[np.ndarray] | None = None,
    prd_iterations: int = _ITERATIONS, prd_dt: float | None = None,
    prd_gamma: float = 1e-6,
    average_over_last_n_strategies: int | None = None,
    **unused_kwargs: Any) -> list[np.ndarray]:
  """Returns `[K_p]` per player, the time average of the dynamics.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    prd_initial_strategies: `[K_p]` per player; uniform by default.
    prd_iterations: the number of steps.
    prd_dt: the length of a step; by default 0.03 divided by the range of
      payoffs, so that the answer does not depend on their unit.
    prd_gamma: the least probability of any strategy.
    average_over_last_n_strategies: how many of the last steps are averaged; all
      by default.
    **unused_kwargs: options of other meta-strategies.

  Raises:
    ValueError: if a number is out of range or a shape wrong.
  """
  del unused_kwargs
  if prd_dt is None:
    span = max(float(np.ptp(tensor)) for tensor in payoffs)
    prd_dt = _STEP / span if span > 0 else 1.0
  if not prd_dt > 0:
    raise ValueError(f"prd_dt is {prd_dt}; it takes a value above 0")
  # Where a player's payoff is negative, every step multiplies the error of its
  # sum of probabilities by more than 1, and where it is positive, by less. The
  # dynamics themselves do not depend on a constant, so none is negative.
  game = _Values([np.asarray(tensor) - np.min(tensor) for tensor in payoffs],
                 prd_dt)
  if not 0 <= prd_gamma * max(game.sizes) < 1:
    raise ValueError(
        f"prd_gamma is {prd_gamma}; with {max(game.sizes)} strategies it takes "
        f"0 or more and less than {1 / max(game.sizes):.3g}")
  first = _first_averaged(prd_iterations, average_over_last_n_strategies)
  if prd_initial_strategies is not None:
    game.start(prd_initial_strategies)
  strategies, values = game.strategies, game.values
  project = _projection(strategies, prd_gamma * game.exists)
  total = strategies.copy() if first == 0 else np.zeros_like(strategies)
  mean = np.empty(len(strategies))
  mean_column = mean[:, None]
  for step in range(1, prd_iterations + 1):
    game.update()
    np.vecdot(strategies, values, mean)
    np.subtract(values, mean_column, values)
    np.multiply(values, strategies, values)
    np.add(strategies, values, strategies)
    project()
    if step >= first:
      np.add(total, strategies, total)
  return game.per_player(total / (prd_iterations + 1 - first))


def _projection(strategies, least):
  """Returns a function that projects `strategies`, in place.

  It projects onto the closest distributions, in the Euclidean norm, with at
  least the given probabilities. Probabilities below these are raised, and the
  player's other strategies pay for it in equal parts. This is repeated until no
  probability is too low (Michelot 1986).

  Args:
    strategies: `[n, K]`, rows that sum to 1 when the function is called.
    least: `[n, K]`, the least probabilities.
  """
  is_low = np.empty(strategies.shape, bool)
  is_free = np.empty(strategies.shape, bool)
  excess = np.empty(len(strategies))
  excess_column = excess[:, None]
  one, ones = np.ones_like(excess), np.ones_like(strategies)
  part = np.empty_like(strategies)
  # By the bytes of `is_free`, the share of its player's excess that each
  # strategy pays.
  shares = {}

  def project():
    np.less(strategies, least, is_low)
    while np.count_nonzero(is_low):
      np.maximum(strategies, least, out=strategies)
      np.greater(strategies, least, is_free)
      key = is_free.tobytes()
      if key not in shares:
        shares[key] = is_free / np.maximum(is_free.sum(axis=1), 1)[:, None]
      np.vecdot(strategies, ones, excess)
      np.subtract(excess, one, excess)
      np.multiply(shares[key], excess_column, part)
      np.subtract(strategies, part, strategies)
      np.less(strategies, least, is_low)

  return project


def regret_matching(
    payoffs: Sequence[np.ndarray],
    initial_strategies: Sequence[np.ndarray] | None = None,
    iterations: int = _ITERATIONS, gamma: float = 1e-6,
    average_over_last_n_strategies: int | None = None,
    **unused_kwargs: Any) -> list[np.ndarray]:
  """Returns `[K_p]` per player, the average play of regret matching.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    initial_strategies: `[K_p]` per player; uniform by default.
    iterations: the number of steps.
    gamma: the share of uniformly random play.
    average_over_last_n_strategies: how many of the last steps are averaged; all
      by default.
    **unused_kwargs: options of other meta-strategies.

  Raises:
    ValueError: if a number is out of range or a shape wrong.
  """
  del unused_kwargs
  if not 0 <= gamma <= 1:
    raise ValueError(f"gamma is {gamma}; it takes a value from 0 to 1")
  game = _Values(payoffs, 1.0)
  first = _first_averaged(iterations, average_over_last_n_strategies)
  uniform = game.strategies.copy()
  if initial_strategies is not None:
    game.start(initial_strategies)
  strategies, values = game.strategies, game.values
  explored = gamma * uniform
  exploited = np.full(len(strategies), 1 - gamma)
  regret = _FIRST_REGRET * game.exists
  total = strategies.copy() if first == 0 else np.zeros_like(strategies)
  mean, weight = np.empty((2, len(strategies)))
  mean_column, weight_column = mean[:, None], weight[:, None]
  missing = ~game.exists if not game.exists.all() else None
  # These are whole arrays, because NumPy is slower with numbers.
  zero, ones = np.zeros_like(strategies), np.ones_like(strategies)
  for step in range(1, iterations + 1):
    game.update()
    np.vecdot(strategies, values, mean)
    np.subtract(values, mean_column, values)
    np.add(regret, values, regret)
    if missing is not None:
      regret[missing] = 0
    np.maximum(regret, zero, out=strategies)
    np.vecdot(strategies, ones, weight)
    if np.count_nonzero(weight) < len(weight):  # Some player has no regret.
      strategies[weight == 0] = uniform[weight == 0]
      weight[weight == 0] = 1
    np.divide(exploited, weight, weight)
    np.multiply(strategies, weight_column, strategies)
    np.add(strategies, explored, strategies)
    if step >= first:
      np.add(total, strategies, total)
  return game.per_player(total / (iterations + 1 - first))


def alpha_rank(payoffs: Sequence[np.ndarray]) -> np.ndarray:
  """Returns `[K_0, ..., K_{n-1}]`, the alpha-rank of each profile.

  It is the stationary distribution of a random walk over profiles in which one
  player at a time changes to a strategy that earns it more (Omidshafiei et al.
  2019, in the limit of infinite selection), or, with a probability epsilon, to
  one that does not. Epsilon is halved until the distribution no longer changes.
  OpenSpiel's `sweep_pi_vs_epsilon` computes the same, by eigenvectors instead
  of linear systems.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`. The walk takes memory
      of the square of the number of profiles, and time of its cube.

  Raises:
    ValueError: if there are more than `MAX_PROFILES` profiles.
  """
  payoffs = [np.asarray(tensor, float) for tensor in payoffs]
  sizes = payoffs[0].shape
  count = payoffs[0].size
  if count > MAX_PROFILES:
    raise ValueError(
        f"alpha-rank of {'x'.join(map(str, sizes))} policies walks over "
        f"{count:,} profiles, more than {MAX_PROFILES:,}: use prd, rm or "
        "uniform, or stop earlier")
  if count == 1:
    return np.ones(sizes)
  better, tied, worse = np.zeros((3, count, count))
  profiles = np.arange(count).reshape(sizes)
  for player, tensor in enumerate(payoffs):
    # The profiles of a row differ in this player's strategy alone.
    rows = np.moveaxis(profiles, player, -1).reshape(-1, sizes[player])
    values = tensor.ravel()[rows]
    gain = values[:, None, :] - values[:, :, None]
    tie = 1e-14 + 1e-5 * np.abs(values[:, :, None])  # As NumPy's isclose.
    moves = rows[:, :, None], rows[:, None, :]
    better[moves] = gain > tie
    worse[moves] = gain < -tie
    tied[moves] = np.abs(gain) <= tie
  np.fill_diagonal(tied, 0)
  previous = np.zeros(count)
  for halvings in range(1, _MOST_HALVINGS + 1):
    epsilon = 0.5 ** halvings
    rates = (1 - epsilon) * better + 0.5 * tied + epsilon * worse
    np.fill_diagonal(rates, -rates.sum(axis=1))
    system = rates.T.copy()
    system[-1] = 1  # The equation replaced here follows from the others.
    ranks = np.linalg.solve(system, np.eye(count)[-1])
    ranks = np.maximum(ranks, 0)
    ranks /= ranks.sum()
    if halvings > _FEWEST_HALVINGS and np.allclose(ranks, previous):
      break
    previous = ranks
  return ranks.reshape(sizes)

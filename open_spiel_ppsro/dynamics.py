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

"""Dynamics: replicator dynamics and regret matching, for any number of players.

Both average play over time. In two-player zero-sum games the average approaches
a Nash equilibrium; with more players or general sums nothing promises one:
what regret matching plays over time approaches the set of coarse correlated
equilibria, and the marginals used here are less than that.
"""

import numpy as np


def contracted(payoffs):
  """Returns a function from strategies to the values of all actions.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.

  Returns:
    A function from strategies, per player `[K_p]`, to per player `[K_p]`: what
    each action earns while the others play theirs.
  """
  players = range(len(payoffs))
  own_first = [np.ascontiguousarray(np.moveaxis(payoffs[p], p, 0))
               for p in players]
  others = [[q for q in reversed(players) if q != p] for p in players]

  def values(strategies):
    answer = []
    for tensor, opponents in zip(own_first, others):
      for opponent in opponents:
        tensor = tensor @ strategies[opponent]
      answer.append(tensor)
    return answer

  return values


def _uniform(payoffs):
  return [np.full(size, 1 / size) for size in np.shape(payoffs[0])]


def projected_replicator(payoffs, iterations, dt, gamma):
  """Returns the average play of projected replicator dynamics.

  Source: Lanctot et al. 2017, appendix; each step is projected to the nearest
  strategy that plays every action with probability `gamma` or more.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    iterations: how many steps.
    dt: the length of a step.
    gamma: see above.

  Returns:
    Per player `[K_p]`, from uniform play on.
  """
  values_of = contracted(payoffs)
  strategies = _uniform(payoffs)
  totals = [strategy.copy() for strategy in strategies]
  for _ in range(iterations):
    values = values_of(strategies)
    for player, value in enumerate(values):
      strategy = strategies[player]
      moved = strategy + dt * strategy * (value - value @ strategy)
      # The step keeps the sum, so what is inside is its own projection.
      if moved.min() < gamma:
        moved = _projected(moved, gamma)
      strategies[player] = moved
      totals[player] += moved
  return [total / total.sum() for total in totals]


def _projected(strategy, gamma):
  """Returns the nearest distribution of no probability below `gamma`.

  What is too little becomes `gamma`; the rest gives equal shares for it, which
  may leave others with too little.
  """
  low = np.zeros(len(strategy), bool)
  while True:
    low |= strategy < gamma
    excess = strategy[~low].sum() + gamma * low.sum() - 1
    projected = np.where(low, gamma, strategy - excess / (~low).sum())
    if not (projected < gamma).any():
      return projected
    strategy = projected


def regret_matching(payoffs, iterations, gamma):
  """Returns the average play of regret matching.

  Source: Hart and Mas-Colell 2000, with the expected values of actions.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    iterations: how many steps.
    gamma: the share of uniformly random play.

  Returns:
    Per player `[K_p]`, from uniform play on.
  """
  values_of = contracted(payoffs)
  uniform = _uniform(payoffs)
  strategies = list(uniform)
  totals = [strategy.copy() for strategy in strategies]
  regrets = [np.zeros(len(strategy)) for strategy in strategies]
  for _ in range(iterations):
    values = values_of(strategies)
    for player, value in enumerate(values):
      regrets[player] += value - value @ strategies[player]
      positive = np.maximum(regrets[player], 0)
      weight = positive.sum()
      strategies[player] = uniform[player] if weight <= 0 else (
          gamma * uniform[player] + (1 - gamma) / weight * positive)
      totals[player] += strategies[player]
  return [total / total.sum() for total in totals]

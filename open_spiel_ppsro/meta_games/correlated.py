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

"""Coarse correlated equilibria of n-player games in normal form.

A coarse correlated equilibrium (CCE) is a joint distribution over profiles from
which no player gains by leaving for one strategy of its own before it is told
anything (Moulin & Vial 1978). Every game has one, for any number of players and
any sums, and a linear program finds it. JPSRO (Marris et al. 2021) plays a CCE
as its meta-strategy. A game can have many; this module finds one with the
largest sum of expected returns.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from open_spiel_ppsro.meta_games import linear_program

# A gain up to this counts as none, relative to the largest payoff. It is above
# rounding errors; a larger one makes the equilibrium less exact.
_EXACT = 1e-9
# A program of at most this many profiles is solved whole. A larger one begins
# with some profiles, and others join by their prices.
_WHOLE = 400
# At most this many profiles join at a time. More make fewer and larger
# programs; the answer is as exact.
_AT_A_TIME = 50


def deviation_gains(payoffs: Sequence[np.ndarray],
                    joint: np.ndarray) -> list[np.ndarray]:
  """Returns the gain of a deviation to each strategy, `[K_p]` per player.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    joint: `[K_0, ..., K_{n-1}]`, a distribution over profiles. A player that
      deviates always plays one strategy; the others play the joint's marginal
      over their profiles.
  """
  gains = []
  for player, tensor in enumerate(payoffs):
    others = joint.sum(axis=player).ravel()
    values = np.moveaxis(np.asarray(tensor), player, 0)
    gains.append(values.reshape(len(values), -1) @ others
                 - np.vdot(tensor, joint))
  return gains


def max_welfare_cce(payoffs: Sequence[npt.ArrayLike]) -> np.ndarray:
  """Returns `[K_0, ..., K_{n-1}]`: a CCE with the largest sum of returns.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.

  Raises:
    ValueError: if the payoffs are not finite tensors of one shape.
  """
  tensors: np.ndarray = np.asarray(payoffs, float)
  if tensors.ndim != len(tensors) + 1 or not np.isfinite(tensors).all():
    raise ValueError("the payoffs of n players are n finite tensors [K_0, ..., "
                     f"K_{{n-1}}], got shape {tensors.shape}")
  shape = tensors.shape[1:]
  # A constant per player changes no gain. Without it no digits are lost.
  tensors = tensors - tensors.mean(axis=tuple(range(1, tensors.ndim)),
                                   keepdims=True)
  tensors = tensors / (np.abs(tensors).max() or 1.0)
  welfare = tensors.sum(axis=0).ravel()
  if np.ptp(welfare) <= _EXACT:  # All profiles have equal welfare.
    welfare = np.zeros_like(welfare)
  count = welfare.size
  chosen = np.arange(count)
  if count > _WHOLE:
    # The first profiles hold every strategy of every player, and those of the
    # largest welfare.
    chosen = np.union1d(
        np.ravel_multi_index([np.arange(max(shape)) % size for size in shape],
                             shape),
        welfare.argsort()[-_AT_A_TIME:])
  # The first loop finds the least gain that any distribution leaves, which is
  # none; the second one the largest welfare without gains.
  while True:
    weights, prices, gain = _least_gain(tensors, chosen)
    more = _wanted(prices, chosen) if gain > _EXACT else ()
    if not len(more):
      break
    chosen = np.union1d(chosen, more)
  while welfare.any():
    weights, prices = _most_welfare(tensors, welfare, chosen, gain)
    more = _wanted(prices, chosen)
    if not len(more):
      break
    chosen = np.union1d(chosen, more)
  joint = np.zeros(count)
  joint[chosen] = np.maximum(weights, 0)
  return (joint / joint.sum()).reshape(shape)


def _wanted(prices, chosen):
  """Returns the profiles outside `chosen` with the lowest prices below zero."""
  prices[chosen] = 0
  candidates = np.argpartition(
      prices, min(_AT_A_TIME, len(prices) - 1))[:_AT_A_TIME]
  return candidates[prices[candidates] < -_EXACT]


def _least_gain(payoffs, chosen):
  """Returns the weights of the chosen profiles with the least gain.

  Returns:
    The weights `[C]`, the change of the gain by adding each profile `[P]`, and
    the gain of the best deviation of any player.
  """
  gains = _gains(payoffs, chosen)
  # The last variable is the gain.
  matrix = np.block([[gains, np.full((len(gains), 1), -1.0)],
                     [np.ones(len(chosen)), 0.0]])
  bounds = np.append(np.zeros(len(gains)), 1.0)
  solution, duals = linear_program.minimise(
      np.append(np.zeros(len(chosen)), 1.0), matrix,
      np.append(np.full(len(gains), -np.inf), 1.0), bounds)
  return solution[:-1], _prices(payoffs, duals), solution[-1]


def _most_welfare(payoffs, welfare, chosen, gain):
  """Returns the weights `[C]` with the largest welfare, and prices `[P]`.

  No player gains more than `gain` by a deviation from them.
  """
  gains = _gains(payoffs, chosen)
  solution, duals = linear_program.minimise(
      -welfare[chosen], np.vstack([gains, np.ones(len(chosen))]),
      np.append(np.full(len(gains), -np.inf), 1.0),
      np.append(np.full(len(gains), gain), 1.0))
  return solution, _prices(payoffs, duals) - welfare


def _gains(payoffs, profiles):
  """Returns `[sum K_p, C]`, the gain of each deviation in each profile."""
  coordinates = np.unravel_index(profiles, payoffs.shape[1:])
  parts = []
  for player, tensor in enumerate(payoffs):
    others = [c for p, c in enumerate(coordinates) if p != player]
    parts.append(np.moveaxis(tensor, player, 0)[(slice(None), *others)]
                 - tensor.ravel()[profiles])
  return np.vstack(parts)


def _prices(payoffs, duals):
  """Returns `[P]`, the negative value of each profile's column by the duals."""
  prices = np.full(payoffs.shape[1:], -duals[-1])
  start = 0
  for player, tensor in enumerate(payoffs):
    part = duals[start:start + tensor.shape[player]]
    start += len(part)
    prices -= np.expand_dims(np.tensordot(part, tensor, axes=(0, player)),
                             player) - part.sum() * tensor
  return prices.ravel()

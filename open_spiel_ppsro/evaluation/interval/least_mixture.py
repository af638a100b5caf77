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

"""LeastMixture: mixtures of given policies that lose least, by walks.

The weights of a player's policies minimise the value of a best response, which
is the maximum of functions that are linear in them. Cutting planes (Kelley
1960) find them, as in `evaluation/least_exploitable.py` on enumerated games: a
walk finds a best response to a mixture, and what that response gets from each
policy; a linear program finds the weights that do best against all responses so
far; the best response to these is the next one.
"""

from collections.abc import Sequence
import dataclasses
import math

import numpy as np
import pyspiel

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.meta_games import zero_sum

# A share of every mixture that is spread over all policies. A walk sees only
# where its mixture goes, so without it nothing is learned of policies without
# weight; more of it keeps the mixture from the best one.
_SPREAD = 0.05
# The upper bound may be so much above the lower one, as a share of the spread
# of the upper bounds seen.
_RELATIVE_GAP = 0.05
# Each player's responses, at most. Leduc poker and liar's dice with 20 policies
# took 10.
_MOST_RESPONSES = 16
# The threshold of a walk falls by this factor while so many walks at the next
# one would fit into the budget; what one costs is guessed from the last two.
_STEP = 0.1
_WALKS = 10
# Below this the threshold goes to zero.
_LOWEST_THRESHOLD = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class LeastMixture:
  """The best weights of one player's policies that were found.

  Attributes:
    weights: `[K]`.
    bounds: of the value of the other player's best response to them.
    uniform: the same to all policies with equal weights.
    threshold: of the walks.
    nodes: how many nodes these have visited.
  """
  weights: np.ndarray
  bounds: walk_lib.Bounds
  uniform: walk_lib.Bounds
  threshold: float
  nodes: int


def least_mixture(game: pyspiel.Game, policies: Sequence[Sequence],
                  player: int, seconds: float) -> LeastMixture | None:
  """Returns the weights of a player's policies that lose least.

  It takes as many nodes whatever the machine, and then gives the same bits.

  Args:
    game: two-player zero-sum, with turns and perfect recall, or a `StateGame`.
    policies: per player, functions of observations.
    player: whose policies are weighed.
    seconds: what it may take on an idle core, as nodes: no clock is read.

  Returns:
    A `LeastMixture`, which is certain to lose less than equal weights, or has
    equal weights; None if not even a walk at the highest threshold was within
    the budget.

  Raises:
    ValueError: if there is no walk for the game.
  """
  count = len(policies[player])
  equal = np.full(count, 1 / count)
  spent = 0
  max_nodes = seconds * _make_walk(
      game, policies, player, equal).nodes_per_second

  def respond(weights, threshold):
    """Returns bounds, what the response gets from each, and the nodes."""
    budget = budget_lib.Budget(nodes=max_nodes - spent)
    found = _make_walk(game, policies, player, weights).respond_to_members(
        1 - player, threshold, budget)
    return *found, budget.nodes

  threshold, first, growth = 1.0, None, 1 / _STEP
  while first is None or (threshold > 0 and (
      _WALKS * growth * first[2] <= max_nodes - spent)):
    lower_one = threshold * _STEP
    # What is exact for one mixture may not be so for the next.
    if lower_one < _LOWEST_THRESHOLD or (first and not first[0].width):
      lower_one = 0.0
    try:
      found = respond(equal, lower_one)
    except budget_lib.OutOfBudget:
      if first is None:
        return None
      break
    spent += found[2]
    if first is not None:
      growth = min(max(1.0, found[2] / max(1, first[2])), 1 / _STEP)
    threshold, first = lower_one, found
  assert first is not None
  best, best_bounds = equal, first[0]
  cuts, lower, worst = [first[1]], -math.inf, first[0].high
  while len(cuts) < _MOST_RESPONSES:
    payoffs = np.stack(cuts, axis=1)  # [K, C], of the other player.
    weights, _ = zero_sum.solve_zero_sum(-payoffs)
    lower = max(lower, float((weights @ payoffs).max()))
    if best_bounds.high - lower <= _RELATIVE_GAP * (worst - lower):
      break
    try:
      bounds, cut, nodes = respond(
          (1 - _SPREAD) * weights + _SPREAD * equal, threshold)
    except budget_lib.OutOfBudget:
      break
    spent += nodes
    cuts.append(cut)
    worst = max(worst, bounds.high)
    if bounds.high < best_bounds.high:
      best, best_bounds = (1 - _SPREAD) * weights + _SPREAD * equal, bounds
  # The bounds of a mixture are the wider, the more policies it mixes; so a
  # lower upper bound alone does not say that it is better.
  if best_bounds.high > first[0].low:
    best, best_bounds = equal, first[0]
  return LeastMixture(best, best_bounds, first[0], threshold, spent)


def _make_walk(game, policies, player, weights):
  """Returns a walk of a mixture of a player's policies; the other's are any."""
  seats: list = [(own[:1], [1.0]) for own in policies]
  seats[player] = policies[player], weights
  return interval.make_walk(getattr(game, "game", game),
                            seat_policy.seat_policies(game, seats))

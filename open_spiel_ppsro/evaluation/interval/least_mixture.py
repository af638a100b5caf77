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
import contextlib
import dataclasses
import math
import time
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import small_game
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.meta_games import zero_sum
from open_spiel_ppsro.policies import sampled

# A share of the first mixture that is spread over all policies, and so many
# times less with each further response. A walk sees only where its mixture
# goes, so without it nothing is learned of policies without weight; more of it
# keeps the mixture from the best one.
_SPREAD = 0.05
# In the end, policies that are played less than this are not played at all.
_LEAST_WEIGHT = 0.01
# What the best mixture certainly loses may be so much above what every mixture
# loses, as a share of what is there to gain on the first one.
_RELATIVE_GAP = 0.05
# Each player's responses, at most. Leduc poker and liar's dice with 20 policies
# took 10.
_MOST_RESPONSES = 24
# The threshold of a walk falls by this factor while so many walks at the next
# one would fit into the budget. What one costs is guessed from the last two; it
# grows ever more slowly, as on phantom tic-tac-toe. If in fact fewer fit than
# the second number, the last threshold has to do.
_STEP = 0.1
_WALKS = 6
_FEWEST_WALKS = 4
# Where members are remembered, walks at a threshold after the first one cost
# about this share of it. Higher thresholds than this one teach nothing there.
_SHARE_OF_REMEMBERED = 0.25
_FIRST_OF_REMEMBERED = 1e-2
# Bounds that are as far apart as this, as a share of the spread of returns, say
# nothing about weights. Then the next threshold is tried while this many walks
# fit, because otherwise all of them are for nothing. Where members are
# remembered, every mixture is pruned alike, and wider bounds compare as well.
_USELESS_WIDTH, _USELESS_WIDTH_OF_REMEMBERED = 0.005, 0.02
_FEWEST_WALKS_AT_ALL = 3
# The first walks are short, and say nothing of the speed until so many seconds
# are over.
_SECONDS_FOR_PACE = 0.5
# Below this the threshold goes to zero.
_LOWEST_THRESHOLD = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class LeastMixture:
  """The best weights of one player's policies that were found.

  Attributes:
    weights: `[K]`.
    bounds: of the value of the other player's best response to them.
    first: the same to the weights that the search began with.
    threshold: of the walks.
    nodes: how many nodes these have visited.
  """
  weights: np.ndarray
  bounds: walk_lib.Bounds
  first: walk_lib.Bounds
  threshold: float
  nodes: int


def least_mixture(game: pyspiel.Game, policies: Sequence[Sequence],
                  player: int, seconds: float,
                  start: np.ndarray | None = None,
                  deadline: float = math.inf, fits_deadline: bool = False
                  ) -> LeastMixture | None:
  """Returns the weights of a player's policies that lose least.

  It takes as many nodes whatever the machine, and then gives the same bits,
  unless there is a deadline, and it is missed or is to be fitted.

  Args:
    game: two-player zero-sum, with turns and perfect recall, or a `StateGame`.
    policies: per player, functions of observations, or `MixedPolicy` of them,
      of which each has one weight.
    player: whose K policies are weighed.
    seconds: what it may take on an idle core, as nodes, which no clock counts.
    start: `[K]`, weights to begin with; by default equal ones. A small share
      of them is spread over all policies.
    deadline: in seconds since 1970; then it ends with what it has found.
    fits_deadline: whether thresholds are such that enough walks fit before it,
      at the speed of the walks so far. Otherwise only nodes count.

  Returns:
    A `LeastMixture`, which is certain to lose less than the first weights, or
    has these; None if not even a walk at the highest threshold was within the
    budget. A small game is enumerated, which the budget does not count.

  Raises:
    ValueError: if there is no walk for the game.
  """
  members, _, shares = sampled.parts(policies[player])
  equal = np.full(len(policies[player]), 1 / len(policies[player]))
  start = equal if start is None else start / start.sum()
  tree = small_game.small_tree(str(getattr(game, "game", game)))
  if tree is not None:
    weights, value, before = small_game.least_weights(
        tree, game, members, shares, player, start)
    return LeastMixture(weights, walk_lib.Bounds(value, value),
                        walk_lib.Bounds(before, before), 0.0, 0)
  other = sampled.members(policies[1 - player][0])[0][0]
  search = _Search(game, members, shares, other, player, seconds,
                   deadline, fits_deadline)
  first_weights = (1 - _SPREAD) * start + _SPREAD * equal
  found = search.lower_threshold(first_weights)
  if found is None:
    return None
  first, cut = found
  best, best_bounds = first_weights, first
  cuts, lower, narrowest = [cut], -math.inf, first.width
  # The last walk is kept for the weights without what is spread.
  while len(cuts) < _MOST_RESPONSES and search.has_room:
    payoffs = np.stack(cuts, axis=1)  # [K, C], of the other player.
    weights, _ = zero_sum.solve_zero_sum(-payoffs)
    lower = max(lower, float((weights @ payoffs).max()))
    if best_bounds.low - lower <= _RELATIVE_GAP * (first.high - lower):
      break  # What the walks leave open no other weights can close.
    if lower + (0 if search.remembers else narrowest) >= first.low:
      break  # Nothing can be certain to be better: bounds are too wide.
    spread = _SPREAD / len(cuts)
    weights = (1 - spread) * weights + spread * equal
    try:
      bounds, cut = search.respond(weights)
    except budget_lib.OutOfBudget:
      break
    cuts.append(cut)
    narrowest = min(narrowest, bounds.width)
    if bounds.high < best_bounds.high:
      best, best_bounds = weights, bounds
  if best is not first_weights:  # The same without what was spread.
    played = np.where(best >= _LEAST_WEIGHT, best, 0)
    played /= played.sum()
    with contextlib.suppress(budget_lib.OutOfBudget):
      bounds = search.bounds(played)
      if bounds.high < best_bounds.high:
        best, best_bounds = played, bounds
  # The bounds of a mixture are the wider, the more policies it mixes; so a
  # lower upper bound alone does not say that it is better. Where members are
  # pruned apart, their mixtures have bounds of the same kind.
  if best_bounds.low >= first.low or (
      not search.remembers and best_bounds.high > first.low):
    best, best_bounds = first_weights, first
  return LeastMixture(best, best_bounds, first, search.threshold, search.nodes)


class _Search:
  """The walks of a search, within its budget.

  Attributes:
    threshold: of the walks.
    nodes: how many these have visited.
    remembers: whether they remember members; see `walk.Walk`.
  """

  def __init__(self, game, members, shares, other, player, seconds, deadline,
               fits_deadline):
    """Makes a search.

    Args:
      game: see `least_mixture`.
      members: M functions of observations.
      shares: `[K, M]`, each policy as a distribution over them.
      other: any function that the other player plays; it is not asked.
      player: whose policies are weighed.
      seconds: see `least_mixture`.
      deadline: see there.
      fits_deadline: see there.
    """
    self.threshold = 1.0
    self.nodes = 0
    self._player, self._shares, self._deadline = player, shares, deadline
    seats: list[Any] = [([other], [1.0])] * 2
    seats[player] = members, np.ones(len(members))
    pyspiel_game = getattr(game, "game", game)
    self._walk = interval.make_walk(pyspiel_game,
                                    seat_policy.seat_policies(game, seats))
    self.remembers = self._walk.remembers_members
    # What a further walk at a threshold costs, as a share of the one before.
    self._further = _SHARE_OF_REMEMBERED if self.remembers else 1.0
    self._max_nodes = seconds * self._walk.nodes_per_second
    self._useless = (
        _USELESS_WIDTH_OF_REMEMBERED if self.remembers else _USELESS_WIDTH) * (
            pyspiel_game.max_utility() - pyspiel_game.min_utility())
    self._fits_deadline = fits_deadline
    self._start = time.time()
    self._cost = 0  # Of the last walk, in nodes.

  def respond(self, weights, threshold=None):
    """Returns bounds, and what the response gets from each policy, `[K]`.

    Raises:
      budget_lib.OutOfBudget: if that takes more than what is left.
    """
    bounds, of_members = self._walk_members(
        weights, self.threshold if threshold is None else threshold)
    return bounds, self._shares @ of_members

  def bounds(self, weights):
    """Returns the bounds alone; policies may have no weight."""
    return self._walk_members(weights, self.threshold)[0]

  def _walk_members(self, weights, threshold):
    """Returns bounds, and what the response gets from who plays, `[M]`."""
    budget = budget_lib.Budget(self._deadline - time.time(),
                               self._max_nodes - self.nodes)
    self._walk.mix(self._player, weights @ self._shares)
    found = self._walk.respond_to_members(1 - self._player, threshold, budget)
    self.nodes += budget.nodes
    self._cost = budget.nodes
    return found

  @property
  def has_room(self):
    """Whether two more walks at the last threshold fit into what is left."""
    return 2 * self._further * self._cost <= self._nodes_left()

  def _nodes_left(self):
    """Returns how many more nodes it may visit."""
    left = self._max_nodes - self.nodes
    if not self._fits_deadline:
      return left
    now = time.time()
    taken = now - self._start
    pace = (self.nodes / taken if taken > _SECONDS_FOR_PACE
            else self._walk.nodes_per_second)
    return min(left, pace * (self._deadline - now))

  def lower_threshold(self, weights):
    """Lowers the threshold as far as the budget allows, for many walks.

    Args:
      weights: `[K]`, what is walked.

    Returns:
      The answer of `respond` at that threshold; None if there is no room for
      one at the first.
    """
    found, cost, growth = None, 0, self._walk.growth_per_decade
    further = self._further
    if self.remembers:
      self.threshold = _FIRST_OF_REMEMBERED / _STEP
    wanted, fewest = _FEWEST_WALKS_AT_ALL, _FEWEST_WALKS_AT_ALL
    while found is None or (self.threshold > 0 and (
        (1 + (wanted - 1) * further) * math.sqrt(growth) * cost
        <= self._nodes_left())):
      lower_one = self.threshold * _STEP
      # What is exact for one mixture may not be so for the next.
      if lower_one < _LOWEST_THRESHOLD or (found and not found[0].width):
        lower_one = 0.0
      before = self.nodes
      try:
        found = self.respond(weights, lower_one)
      except budget_lib.OutOfBudget:
        break
      last, cost = cost, max(1, self.nodes - before)
      if last and fewest * further * cost > self._nodes_left():
        break  # It costs more than was guessed; the higher one has to do.
      if last:
        growth = min(max(1.0, cost / last), 1 / _STEP)
      self.threshold = lower_one
      if found[0].width < self._useless:
        wanted, fewest = _WALKS, _FEWEST_WALKS
    return found

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

"""Schemes: who opens, who trains against whom, and who may freeze.

A PSRO variant is an interaction graph that grows: for each policy in training,
the policies that it trains against and their probabilities. A `Scheme` answers
three questions about it (`openings`, `opponents`, `freezes`); the freeze rule
is one for all: *a policy freezes when it has plateaued and everything it
trains against is frozen*, so a best response is to something that stands
still. For the pipeline that is "only the lowest active level is promoted".
"""

import abc
import dataclasses

import numpy as np

from open_spiel_ppsro import meta_strategies


class Scheme(abc.ABC):
  """One PSRO variant.

  Attributes:
    freezes: whether the freeze rule applies at all.
    num_levels: how many policies of each player train at once.
  """

  freezes = True

  def __init__(self, num_levels=1):
    if num_levels < 1:
      raise ValueError(f"num_levels is {num_levels}; it takes 1 or more, "
                       "usually 3 to 10")
    self.num_levels = num_levels

  @abc.abstractmethod
  def openings(self, population):
    """Returns the players, one entry per new policy that starts now."""

  @abc.abstractmethod
  def opponents(self, population, policy_id):
    """Returns the sub-game that a policy trains against.

    Args:
      population: the population.
      policy_id: an active policy.

    Returns:
      Per player, the indices of the eligible policies. The policy trains
      against the meta-strategy of this sub-game, its own player's part of it
      included in the solution.
    """


class Pipeline(Scheme):
  """Pipeline PSRO (McAleer et al. 2020, Algorithm 1).

  Each level trains against the meta-Nash of all levels below it, over all
  players, levels still in training included. `num_levels` levels of each
  player are active; a new one opens on top when the lowest has frozen, and
  starts once the level below it has trained `warmup_steps`.
  """

  def __init__(self, num_levels=4, warmup_steps=0):
    """Makes the scheme.

    Args:
      num_levels: active levels per player, usually 3 to 10.
      warmup_steps: environment steps that every policy of a level trains
        before the level above it starts.
    """
    super().__init__(num_levels)
    if warmup_steps < 0:
      raise ValueError(
          f"warmup_steps is {warmup_steps}; it takes 0 or more steps")
    self.warmup_steps = warmup_steps

  def openings(self, population):
    sizes = population.sizes()
    opened = []
    for player, level in enumerate(sizes):
      if len(population.active(player)) >= self.num_levels:
        continue
      below = [population.members(p)[level - 1] for p in range(len(sizes))
               if sizes[p] >= level]
      if len(below) == len(sizes) and all(
          m.snapshot is not None
          and (m.frozen or m.steps >= self.warmup_steps) for m in below):
        opened.append(player)
    return opened

  def opponents(self, population, policy_id):
    return tuple(tuple(range(min(policy_id.index, size)))
                 for size in population.sizes())


class Sequential(Pipeline):
  """PSRO (Lanctot et al. 2017, Algorithm 1): a pipeline of one level."""

  def __init__(self):
    super().__init__(num_levels=1)


class NaiveParallel(Scheme):
  """Naive parallel PSRO (the baseline of McAleer et al. 2020, section 4).

  `num_levels` policies per player train at once, each against the meta-Nash
  of what was frozen when it opened; they do not know of each other.
  """

  def openings(self, population):
    return [player for player in range(population.num_players)
            for _ in range(self.num_levels - len(population.active(player)))]

  def opponents(self, population, policy_id):
    return population[policy_id].frozen_at_opening


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """One row of the interaction graph.

  Attributes:
    indices: per player, the policies it ranges over.
    meta_strategy: the solution of their sub-game.
    settled: whether all of them are frozen.
  """
  indices: tuple[tuple[int, ...], ...]
  meta_strategy: meta_strategies.MetaStrategy
  settled: bool


def interaction_graph(scheme, population, solve):
  """Returns the rows of all active policies: `{PolicyId: Row}`.

  Args:
    scheme: a `Scheme`.
    population: a `Population`.
    solve: a function from the policies of a sub-game, indices per player, to
      its `MetaStrategy`; asked for the smallest sub-game first.
  """
  sub_games = {m.policy_id: scheme.opponents(population, m.policy_id)
               for m in population.active()}
  solutions = {
      indices: solve(indices)
      for indices in sorted(set(sub_games.values()),
                            key=lambda i: ([len(s) for s in i], i))}
  return {policy_id: Row(indices, solutions[indices],
                         population.all_frozen(indices))
          for policy_id, indices in sub_games.items()}


@dataclasses.dataclass(frozen=True)
class PlateauRule:
  """When a policy has learned what it will (McAleer et al. 2020, appendix).

  Once its opponents stand still, a policy is judged by its payoff against
  them. A window of `window` environment steps closes with the mean over it;
  the policy has plateaued when a window improved on the one before by less
  than `delta`. So the first one that closes never freezes.

  Attributes:
    delta: in game utility.
    window: in environment steps; 0 makes every round one.
    min_steps: of training before it may freeze, in environment steps.
    max_steps: of training after which it freezes regardless, once its
      opponents stand still; None for no limit.
  """
  delta: float = 0.02
  window: int = 0
  min_steps: int = 0
  max_steps: int | None = None

  def __post_init__(self):
    for name in ("delta", "window", "min_steps"):
      if getattr(self, name) < 0:
        raise ValueError(f"{name} is {getattr(self, name)}; it takes 0 or more")
    if self.max_steps is not None and self.max_steps < max(1, self.min_steps):
      raise ValueError(
          f"max_steps is {self.max_steps}; it takes at least min_steps "
          f"({self.min_steps}) and 1")


class Plateau:
  """The plateau test of one policy, fed with its training in order."""

  def __init__(self, rule):
    self._rule = rule
    self._previous = -np.inf
    self._steps = 0
    self._weighted = 0.0

  def update(self, total_steps, steps, payoff):
    """Takes a settled round of training and returns whether to freeze.

    Args:
      total_steps: environment steps trained since the policy opened.
      steps: of these, the steps of this round.
      payoff: of the snapshot after it, in game utility.
    """
    self._steps += steps
    self._weighted += steps * payoff
    plateaued = False
    if self._steps >= max(self._rule.window, 1):
      mean = self._weighted / self._steps
      plateaued = (mean < self._previous + self._rule.delta
                   and total_steps >= self._rule.min_steps)
      self._previous = mean
      self._steps, self._weighted = 0, 0.0
    return plateaued or (self._rule.max_steps is not None
                         and total_steps >= self._rule.max_steps)

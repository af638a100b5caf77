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
the policies that it trains against and their probabilities. A `Scheme` says
which policies open, what each one faces, and whether they freeze at all; the
freeze rule is one for all: *a policy freezes when it has plateaued and
everything it trains against is frozen*, so a best response is to something
that stands still. For the pipeline that is "only the lowest active level is
promoted".
"""

import abc
import dataclasses

import numpy as np

from open_spiel_ppsro.meta_games import sub_game_solver


@dataclasses.dataclass(frozen=True)
class Opening:
  """A policy that starts: for which player, and from which parent's index."""
  player: int
  parent: int | None = None


class Scheme(abc.ABC):
  """One PSRO variant.

  Attributes:
    freezes: whether policies ever freeze.
    one_population: whether it needs a single population for all roles, a
      symmetric game or one made so by `seat_symmetry.symmetrise`.
    shares_learner: whether all policies are one conditional network.
    num_levels: how many policies of each player train at once.
  """

  freezes = True
  one_population = False
  shares_learner = False

  def __init__(self, num_levels):
    if num_levels < 1:
      raise ValueError(f"num_levels is {num_levels}; it takes 1 or more, "
                       "usually 3 to 10")
    self.num_levels = num_levels

  @abc.abstractmethod
  def openings(self, population, solve):
    """Returns a list of `Opening`, one for each new policy that starts now.

    Args:
      population: the population.
      solve: a function from a sub-game, indices per population, to its
        `MetaStrategy`.
    """

  @abc.abstractmethod
  def opponents(self, population, policy_id):
    """Returns the sub-game that a policy trains against.

    Args:
      population: the population.
      policy_id: an active policy.

    Returns:
      Per population, the indices of the eligible policies. The policy trains
      against the meta-strategy of this sub-game, its own side's part of it
      included in the solution.
    """

  def weigh(self, population, policy_id, probabilities, meta_game):
    """Returns what a policy faces, from the meta-strategy of its sub-game.

    Args:
      population: the population.
      policy_id: an active policy.
      probabilities: per population, those of the meta-strategy.
      meta_game: the `MetaGame`.

    Returns:
      Per population, the probabilities of its opponents.
    """
    del population, policy_id, meta_game
    return probabilities

  def settled(self, population, policy_id):
    """Returns whether frozen opponents mean that what it faces is final."""
    del population, policy_id
    return True

  def row_solver(self, meta_game, solve):
    """Returns the function that solves the sub-games of the rows.

    Args:
      meta_game: the `MetaGame`.
      solve: the function that solves sub-games for the result.
    """
    del meta_game
    return solve


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

  def openings(self, population, solve):
    sizes = population.sizes()
    opened = []
    for player, size in enumerate(sizes):
      wanted = self.num_levels - len(population.active(player))
      for level in range(size, size + wanted):
        below = [m for p in range(len(sizes))
                 for m in population.members(p)[level - 1:level]]
        # A level below that opens in this same round has trained nothing.
        trained = len(below) == len(sizes) and all(
            m.frozen or m.steps >= self.warmup_steps for m in below)
        if not trained and self.warmup_steps > 0:
          break
        opened.append((level, player))
    # Level by level: workers that take turns then have as many new policies.
    return [Opening(player) for _, player in sorted(opened)]

  def opponents(self, population, policy_id):
    return tuple(tuple(range(min(policy_id.index, size)))
                 for size in population.sizes())


class Sequential(Pipeline):
  """PSRO (Lanctot et al. 2017, Algorithm 1): a pipeline of one level."""

  def __init__(self):
    super().__init__(num_levels=1)


class DCH(Pipeline):
  """Deep cognitive hierarchies (Lanctot et al. 2017, Algorithm 3).

  `num_levels` levels of each player, opened once, train for ever against the
  levels below; none freezes, and none is added. What it finds is the
  meta-strategy over all levels.
  """

  freezes = False

  def __init__(self, num_levels=4, warmup_steps=0, meta_solver="nash",
               exploration=0.1):
    """Makes the scheme.

    Args:
      num_levels: levels per player.
      warmup_steps: environment steps that a level trains before the level
        above it starts.
      meta_solver: `nash`: the rows are meta-strategies of the live payoffs;
        `online`: each player and level has a decoupled regret-matching solver
        that takes one step a round, as the paper describes.
      exploration: the uniform share of online meta-strategies, the paper's
        gamma.
    """
    super().__init__(num_levels, warmup_steps)
    if meta_solver not in ("nash", "online"):
      raise ValueError(f"unknown meta_solver {meta_solver!r} of DCH; use nash "
                       "or online")
    if not 0 <= exploration <= 1:
      raise ValueError(f"exploration is {exploration}; it takes a value from "
                       "0 to 1")
    self._meta_solver = meta_solver
    self._exploration = exploration

  def row_solver(self, meta_game, solve):
    if self._meta_solver == "nash":
      return solve
    return sub_game_solver.OnlineRegretMatching(meta_game, self._exploration)


class NaiveParallel(Scheme):
  """Naive parallel PSRO (the baseline of McAleer et al. 2020, section 4).

  `num_levels` policies per player train at once, each against the meta-Nash
  of what was frozen when it opened; they do not know of each other.
  """

  def __init__(self, num_levels=4):
    """Makes the scheme; `num_levels` policies per player train at once."""
    super().__init__(num_levels)

  def openings(self, population, solve):
    wanted = [(count, player) for player in range(population.num_populations)
              for count in range(
                  self.num_levels - len(population.active(player)))]
    return [Opening(player) for _, player in sorted(wanted)]

  def opponents(self, population, policy_id):
    return population[policy_id].frozen_at_opening


class Rectified(Scheme):
  """PSRO_rN (Balduzzi et al. 2019, Algorithm 4), in either of two readings.

  A generation has one child for each policy in the support of the meta-Nash;
  the next one opens when all of them have frozen. A child trains against the
  meta-Nash of its parents' generation, rectified:

  * `subset`: kept where its parent does not lose; what the reference
    implementation of Pipeline PSRO does.
  * `relu`: the objective as it is written, the payoffs against the opponents
    weighted by the meta-Nash, each cut at zero; its gradient comes from the
    opponents that the child itself does not lose to, and the child begins
    with a response to all of them.

  It needs one population; it plays an asymmetric game with random seats.
  """

  one_population = True
  _RULES = ("subset", "relu")
  # Probabilities up to this are not in the support.
  _SUPPORT = 1e-4
  _NOT_LOSING = -1e-9

  def __init__(self, rectify="subset"):
    """Makes the scheme; `rectify` is `subset` or `relu`."""
    super().__init__(num_levels=1)
    if rectify not in self._RULES:
      raise ValueError(f"unknown rectify {rectify!r}; use one of "
                       f"{', '.join(self._RULES)}")
    self._rule = rectify

  def openings(self, population, solve):
    if population.active():
      return []
    frozen = population.frozen_indices()
    weights = solve(frozen).probabilities[0]
    return [Opening(0, parent) for parent, weight in zip(frozen[0], weights)
            if weight > self._SUPPORT]

  def opponents(self, population, policy_id):
    return population[policy_id].frozen_at_opening

  def settled(self, population, policy_id):
    # What a `relu` child faces depends on itself, from its second round on.
    return self._rule == "subset" or population[policy_id].rounds > 0

  def weigh(self, population, policy_id, probabilities, meta_game):
    member = population[policy_id]
    indices = member.frozen_at_opening
    judge = policy_id
    if self._rule == "subset":
      judge = (0, member.parent)
    elif not member.rounds:
      return probabilities
    kept = probabilities[0] * (
        meta_game.payoffs_against(judge, indices) >= self._NOT_LOSING)
    if not kept.sum() > 0:
      return probabilities
    return (kept / kept.sum(),)


class NeuPL(DCH):
  """Neural population learning (Liu et al. 2022, Algorithms 1 and 3).

  One conditional network is every policy: what it is told is its row of the
  interaction graph, the meta-Nash of the policies below. All unique rows train
  at once and for ever; the first policy, the sink, never does. With an exact
  response per row in place of the network it is double oracle.
  """

  one_population = True
  shares_learner = True

  def __init__(self, num_levels=16):
    """Makes the scheme; `num_levels` is the number of rows, sink aside."""
    super().__init__(num_levels)


SCHEMES = {
    "sequential": Sequential,
    "naive": NaiveParallel,
    "rectified": Rectified,
    "dch": DCH,
    "pipeline": Pipeline,
    "neupl": NeuPL,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """One row of the interaction graph.

  Attributes:
    indices: per population, the policies it ranges over.
    probabilities: per population, a probability for each of them.
    settled: whether what it faces stands still.
    joint: where the policies are not drawn independently, the probabilities
      of profiles, one axis per player.
  """
  indices: tuple[tuple[int, ...], ...]
  probabilities: tuple[np.ndarray, ...]
  settled: bool
  joint: np.ndarray | None = None


def interaction_graph(scheme, population, meta_game, solve, policy_ids=None):
  """Returns the rows of active policies: `{PolicyId: Row}`.

  Args:
    scheme: a `Scheme`.
    population: a `Population`.
    meta_game: its `MetaGame`.
    solve: a function from the policies of a sub-game, indices per population,
      to its `MetaStrategy`; asked for the smallest sub-game first.
    policy_ids: which active policies; all by default.
  """
  if policy_ids is None:
    policy_ids = [m.policy_id for m in population.active()]
  sub_games = {policy_id: scheme.opponents(population, policy_id)
               for policy_id in policy_ids}
  solutions = {
      indices: solve(indices)
      for indices in sorted(set(sub_games.values()),
                            key=lambda i: ([len(s) for s in i], i))}
  return {
      policy_id: Row(
          indices,
          scheme.weigh(population, policy_id,
                       solutions[indices].probabilities, meta_game),
          population.all_frozen(indices)
          and scheme.settled(population, policy_id),
          solutions[indices].joint)
      for policy_id, indices in sub_games.items()}

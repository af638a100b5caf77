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
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import ClassVar

import numpy as np

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import sub_game_solver

# The readings of PSRO_rN, see `Rectified`.
RECTIFY_RULES = ("subset", "relu")
# A policy with at most this probability is not in the support of PSRO_rN.
_SUPPORT = 1e-4
# A payoff of at least this counts as not losing, in game utility: rounding
# makes a draw a little less than zero.
_NOT_LOSING = -1e-9

# From a sub-game, the indices of its policies per population, to its solution.
SolveFunction = Callable[[tuple[tuple[int, ...], ...]],
                         meta_game_lib.MetaStrategy]


@dataclasses.dataclass(frozen=True)
class Opening:
  """A policy that starts: for which player, and from which parent's index."""
  player: int
  parent: int | None = None


class Scheme(abc.ABC):
  """One PSRO variant; a frozen dataclass of plain data.

  Its fields are what a run is resumed by, and what the command line offers.

  Attributes:
    freezes: whether policies ever freeze.
    one_population: whether it needs a single population for all roles, a
      symmetric game or one made so by `seat_symmetry.symmetrise`.
    shares_learner: whether all policies are one conditional network.
    num_levels: how many policies of each player train at once.
  """

  freezes: ClassVar[bool] = True
  one_population: ClassVar[bool] = False
  shares_learner: ClassVar[bool] = False
  num_levels: int = 1

  def settings(self) -> dict[str, Any]:
    """Returns its fields, what the bits of a run depend on."""
    assert dataclasses.is_dataclass(self)
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()}

  @abc.abstractmethod
  def openings(self, population: population_lib.Population,
               solve: SolveFunction) -> list[Opening]:
    """Returns a list of `Opening`, one for each new policy that starts now.

    Args:
      population: the population.
      solve: a function from a sub-game, indices per population, to its
        `MetaStrategy`.
    """

  @abc.abstractmethod
  def opponents(self, population: population_lib.Population,
                policy_id: population_lib.PolicyId
                ) -> tuple[tuple[int, ...], ...]:
    """Returns the sub-game that a policy trains against.

    Args:
      population: the population.
      policy_id: an active policy.

    Returns:
      Per population, the indices of the eligible policies. The policy trains
      against the meta-strategy of this sub-game, its own side's part of it
      included in the solution.
    """

  def weigh(self, population: population_lib.Population,
            policy_id: population_lib.PolicyId,
            probabilities: tuple[np.ndarray, ...],
            meta_game: meta_game_lib.MetaGame) -> tuple[np.ndarray, ...]:
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

  def is_stationary(self, population: population_lib.Population,
                    policy_id: population_lib.PolicyId) -> bool:
    """Returns whether the mixture is final once every opponent is frozen."""
    del population, policy_id
    return True

  def row_solver(self, meta_game: meta_game_lib.MetaGame,
                 solve: SolveFunction) -> SolveFunction:
    """Returns the function that solves the sub-games of policies in training.

    One that remembers something has `state()` and `restore(state)`.

    Args:
      meta_game: the `MetaGame`.
      solve: the function that solves sub-games for the result.
    """
    del meta_game
    return solve


@dataclasses.dataclass(frozen=True)
class Pipeline(Scheme):
  """Pipeline PSRO (McAleer et al. 2020, Algorithm 1).

  Each level trains against the meta-Nash of all levels below it, over all
  players, levels still in training included. `num_levels` levels of each
  player are active; a new one opens on top when the lowest has frozen, and
  starts once the level below it has trained `warmup_steps`.

  Attributes:
    num_levels: active levels per player, usually 3 to 10.
    warmup_steps: environment steps that every policy of a level trains before
      the level above it starts.
  """
  num_levels: int = 4
  warmup_steps: int = 0

  def __post_init__(self):
    _check_levels(self.num_levels)
    _check_warmup(self.warmup_steps)

  def openings(self, population: population_lib.Population,
               solve: SolveFunction) -> list[Opening]:
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

  def opponents(self, population: population_lib.Population,
                policy_id: population_lib.PolicyId
                ) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(range(min(policy_id.index, size)))
                 for size in population.sizes())


@dataclasses.dataclass(frozen=True)
class Sequential(Pipeline):
  """PSRO (Lanctot et al. 2017, Algorithm 1): a pipeline of one level."""
  num_levels: int = dataclasses.field(default=1, init=False)
  warmup_steps: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass(frozen=True)
class DCH(Pipeline):
  """Deep cognitive hierarchies (Lanctot et al. 2017, Algorithm 3).

  `num_levels` levels of each player, opened once, train for ever against the
  levels below; none freezes, and none is added. What it finds is the
  meta-strategy over all levels.

  Attributes:
    num_levels: levels per player.
    warmup_steps: environment steps that a level trains before the level above
      it starts.
    meta_solver: `nash`: the rows are meta-strategies of the live payoffs;
      `online`: each player and level has a decoupled regret-matching solver
      that takes one step a round, as the paper describes.
    exploration: the uniform share of online meta-strategies, the paper's gamma.
  """

  freezes = False
  meta_solver: str = "nash"
  exploration: float = 0.1

  def __post_init__(self):
    super().__post_init__()
    if self.meta_solver not in ("nash", "online"):
      raise ValueError(f"unknown meta_solver {self.meta_solver!r} of DCH; use "
                       "nash or online")
    if not 0 <= self.exploration <= 1:
      raise ValueError(f"exploration is {self.exploration}; it takes a value "
                       "from 0 to 1")

  def row_solver(self, meta_game: meta_game_lib.MetaGame,
                 solve: SolveFunction) -> SolveFunction:
    if self.meta_solver == "nash":
      return solve
    return sub_game_solver.OnlineRegretMatching(meta_game, self.exploration)


@dataclasses.dataclass(frozen=True)
class NaiveParallel(Scheme):
  """Naive parallel PSRO (the baseline of McAleer et al. 2020, section 4).

  `num_levels` policies per player train at once, each against the meta-Nash
  of what was frozen when it opened; they do not know of each other.

  Attributes:
    num_levels: how many policies per player train at once.
  """
  num_levels: int = 4

  def __post_init__(self):
    _check_levels(self.num_levels)

  def openings(self, population: population_lib.Population,
               solve: SolveFunction) -> list[Opening]:
    wanted = [(count, player) for player in range(population.num_populations)
              for count in range(
                  self.num_levels - len(population.active(player)))]
    return [Opening(player) for _, player in sorted(wanted)]

  def opponents(self, population: population_lib.Population,
                policy_id: population_lib.PolicyId
                ) -> tuple[tuple[int, ...], ...]:
    return population[policy_id].frozen_at_opening


@dataclasses.dataclass(frozen=True)
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

  Attributes:
    rectify: `subset` or `relu`.
  """

  one_population = True
  num_levels: int = dataclasses.field(default=1, init=False)
  rectify: str = "subset"

  def __post_init__(self):
    if self.rectify not in RECTIFY_RULES:
      raise ValueError(f"unknown rectify {self.rectify!r}; use one of "
                       f"{', '.join(RECTIFY_RULES)}")

  def openings(self, population: population_lib.Population,
               solve: SolveFunction) -> list[Opening]:
    if population.active():
      return []
    frozen = population.frozen_indices()
    weights = solve(frozen).probabilities[0]
    return [Opening(0, parent) for parent, weight in zip(frozen[0], weights)
            if weight > _SUPPORT]

  def opponents(self, population: population_lib.Population,
                policy_id: population_lib.PolicyId
                ) -> tuple[tuple[int, ...], ...]:
    return population[policy_id].frozen_at_opening

  def is_stationary(self, population: population_lib.Population,
                    policy_id: population_lib.PolicyId) -> bool:
    # What a `relu` child faces depends on itself, from its second round on.
    return self.rectify == "subset" or population[policy_id].rounds > 0

  def weigh(self, population: population_lib.Population,
            policy_id: population_lib.PolicyId,
            probabilities: tuple[np.ndarray, ...],
            meta_game: meta_game_lib.MetaGame) -> tuple[np.ndarray, ...]:
    member = population[policy_id]
    indices = member.frozen_at_opening
    judge = policy_id
    if self.rectify == "subset":
      assert member.parent is not None
      judge = population_lib.PolicyId(0, member.parent)
    elif not member.rounds:
      return probabilities
    kept = probabilities[0] * (
        meta_game.payoffs_against(judge, indices) >= _NOT_LOSING)
    if not kept.sum() > 0:
      return probabilities
    return (kept / kept.sum(),)


@dataclasses.dataclass(frozen=True)
class NeuPL(DCH):
  """Neural population learning (Liu et al. 2022, Algorithms 1 and 3).

  One conditional network is every policy: what it is told is its row of the
  interaction graph, the meta-Nash of the policies below. All unique rows train
  at once and for ever; the first policy, the sink, never does. With an exact
  response per row in place of the network it is double oracle.

  Attributes:
    num_levels: the number of rows, the sink aside.
  """

  one_population = True
  shares_learner = True
  num_levels: int = 16
  warmup_steps: int = dataclasses.field(default=0, init=False)
  meta_solver: str = dataclasses.field(default="nash", init=False)
  exploration: float = dataclasses.field(default=0.1, init=False)


def _check_levels(num_levels):
  if not isinstance(num_levels, int) or num_levels < 1:
    raise ValueError(f"num_levels is {num_levels!r}; it takes a whole number, "
                     "1 or more, usually 3 to 10")


def _check_warmup(warmup_steps):
  if warmup_steps < 0:
    raise ValueError(
        f"warmup_steps is {warmup_steps}; it takes 0 or more steps")


def check_scheme(scheme: Any) -> None:
  """Raises ValueError unless `scheme` is a usable `Scheme`."""
  if isinstance(scheme, type) and issubclass(scheme, Scheme):
    raise ValueError(f"scheme is the class {scheme.__name__}; it takes an "
                     f"instance: {scheme.__name__}()")
  if not isinstance(scheme, Scheme):
    raise ValueError(f"scheme is {scheme!r}; it takes a Scheme, such as "
                     "ppsro.Pipeline()")
  name = type(scheme).__name__
  try:
    plain_data.check(scheme.settings())
  except (AssertionError, TypeError) as error:
    raise ValueError(
        f"{name} takes to be a frozen dataclass of plain data, so that a run "
        f"can be resumed: {error or 'it is no dataclass'}") from error


def check_openings(scheme: Scheme, openings: Iterable[Opening],
                   num_populations: int) -> None:
  """Raises ValueError unless a scheme's `openings` are openings."""
  for opening in openings:
    if not isinstance(opening, Opening) or not (
        0 <= opening.player < num_populations):
      raise ValueError(
          f"{type(scheme).__name__}.openings gave {opening!r}; it takes to "
          "give ppsro.Opening(player), with players from 0 to "
          f"{num_populations - 1}")


def _sub_game_of(scheme, population, policy_id):
  """Returns whom a policy faces, as its scheme says, checked."""
  answer = scheme.opponents(population, policy_id)
  sizes = population.sizes()
  try:
    indices = tuple(tuple(map(int, chosen)) for chosen in answer)
  except TypeError:
    indices = ()
  if len(indices) != len(sizes) or not all(
      chosen and 0 <= min(chosen) and max(chosen) < size
      for chosen, size in zip(indices, sizes)):
    raise ValueError(
        f"{type(scheme).__name__}.opponents gave {answer!r} for {policy_id}; "
        "it takes to give, for each population, the indices of at least one "
        f"policy below {' and '.join(map(str, sizes))}")
  return indices


def _checked_weights(scheme, indices, weights):
  """Returns what `Scheme.weigh` gave, if it is a distribution per population.
  """
  arrays = tuple(np.asarray(array, float) for array in weights)
  if [array.shape for array in arrays] != [
      (len(chosen),) for chosen in indices] or not all(
          (array >= 0).all() and abs(array.sum() - 1) < 1e-6
          for array in arrays):
    raise ValueError(
        f"{type(scheme).__name__}.weigh gave {weights!r}; it takes to give, "
        "for each population, a probability for each of "
        f"{' and '.join(str(len(chosen)) for chosen in indices)} policies")
  return arrays


SCHEMES: dict[str, type[Scheme]] = {
    "sequential": Sequential,
    "naive": NaiveParallel,
    "rectified": Rectified,
    "dch": DCH,
    "pipeline": Pipeline,
    "neupl": NeuPL,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """One row of the interaction graph: what a policy in training faces.

  Attributes:
    meta_strategy: which policies it faces, with which probabilities. Rows that
      face the same thing share the object.
    stationary: whether what it faces is final.
  """
  meta_strategy: meta_game_lib.MetaStrategy
  stationary: bool


def interaction_graph(
    scheme: Scheme, population: population_lib.Population,
    meta_game: meta_game_lib.MetaGame, solve: SolveFunction,
    policy_ids: Sequence[population_lib.PolicyId] | None = None
) -> dict[population_lib.PolicyId, Row]:
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
  sub_games = {policy_id: _sub_game_of(scheme, population, policy_id)
               for policy_id in policy_ids}
  solutions = {
      indices: solve(indices)
      for indices in sorted(set(sub_games.values()),
                            key=lambda i: ([len(s) for s in i], i))}
  graph = {}
  for policy_id, indices in sub_games.items():
    faced = solutions[indices]
    weights = scheme.weigh(population, policy_id, faced.probabilities,
                           meta_game)
    if weights is not faced.probabilities:
      faced = dataclasses.replace(
          faced, probabilities=_checked_weights(scheme, indices, weights))
    graph[policy_id] = Row(
        faced, population.all_frozen(indices)
        and scheme.is_stationary(population, policy_id))
  return graph

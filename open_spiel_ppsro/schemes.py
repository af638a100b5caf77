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

"""Schemes: which policies open, against whom they train, and who may freeze.

A PSRO variant is an interaction graph that grows. The graph has, for each
policy in training, the policies that it trains against and their probabilities.
A `Scheme` decides which policies open, which opponents each one faces, and
whether policies freeze at all. All schemes share one freeze rule: *a policy
freezes when it has plateaued and all its opponents are frozen*. So a frozen
policy is a best response to fixed opponents. In the pipeline this rule means
that only the lowest active level is promoted.
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
# A policy is in the support of PSRO_rN if its probability is above this. A
# larger number gives a generation fewer children.
_SUPPORT = 1e-4
# A payoff of at least this counts as not losing, in game utility, because
# rounding makes a draw a little less than zero.
_NOT_LOSING = -1e-9
# Policies of each player that train at once by default, where they do not wait
# for each other.
_LEVELS = 4
# The same in a pipeline. A policy has learned its response after some ten
# batches, and what upper levels learn meanwhile is lost on them: after 10 and
# 30 seconds of one core, Leduc poker is at exploitability 0.34 and 0.06 with
# two levels, 0.48 and 0.19 with four; sampled Leduc poker on two cores is at
# 0.077 after 120 s with two, 0.091 with four.
_LEVELS_OF_PIPELINE = 2

# A function from a sub-game, the indices of its policies per population, to its
# meta-strategy.
SolveFunction = Callable[[tuple[tuple[int, ...], ...]],
                         meta_game_lib.MetaStrategy]


@dataclasses.dataclass(frozen=True)
class Opening:
  """A policy that opens.

  Attributes:
    player: the population that the policy joins.
    parent: the index of the policy that it springs from, if any.
  """
  player: int
  parent: int | None = None


class Scheme(abc.ABC):
  """One PSRO variant; a frozen dataclass of plain data.

  A checkpoint holds its fields, and the command line has a flag for each.

  Attributes:
    freezes: whether policies ever freeze.
    one_population: whether it needs a single population for all roles, a
      symmetric game or one made so by `seat_symmetry.symmetrise`.
    shares_learner: whether all policies are one conditional network.
    plays_itself: whether its policy trains against itself alone, by a learner
      that does so.
    batches_per_round: how many batches of uniformly random play a policy trains
      in a round by default. 1.4 gives two batches in practice: episodes get
      shorter near equilibrium, and the last batch is finished. More let
      policies train longer against the same opponents.
    payoff_share: on a sampled game, the episodes that measure payoffs per
      episode of training, with rounds counted as above; 0.25 take about a tenth
      of the time. With a fifth as many, and payoffs closer to their priors, the
      exploitability of Leduc poker's policy after two minutes was 0.61 instead
      of 0.36.
    num_levels: how many policies of each player train at once.
    anytime: whether the opponents of a policy adapt to it, see
      `evaluation/anytime.py`.
  """

  freezes: ClassVar[bool] = True
  one_population: ClassVar[bool] = False
  shares_learner: ClassVar[bool] = False
  plays_itself: ClassVar[bool] = False
  batches_per_round: ClassVar[float] = 1.4
  payoff_share: ClassVar[float] = 0.25
  num_levels: int = 1
  anytime: bool = False

  def settings(self) -> dict[str, Any]:
    """Returns its fields, on which the bits of a run depend."""
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
      Per population, the indices of the eligible policies, those of the
      policy's own side included. The policy trains against the meta-strategy
      of this sub-game.
    """

  def answer(self, population: population_lib.Population
             ) -> tuple[tuple[int, ...], ...]:
    """Returns the sub-game whose meta-strategy is what the run has found.

    Per population, the frozen policies, or all where none ever freezes.
    """
    return (population.frozen_indices() if self.freezes else
            tuple(tuple(range(size)) for size in population.sizes()))

  def weigh(self, population: population_lib.Population,
            policy_id: population_lib.PolicyId,
            probabilities: tuple[np.ndarray, ...],
            meta_game: meta_game_lib.MetaGame) -> tuple[np.ndarray, ...]:
    """Returns the probabilities of a policy's opponents.

    Args:
      population: the population.
      policy_id: an active policy.
      probabilities: per population, the probabilities of the meta-strategy of
        its sub-game.
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

    A function that keeps something between calls has `state()` and
    `restore(state)`.

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
    num_levels: the number of active levels per player, usually 2 to 10.
    warmup_steps: environment steps that every policy of a level trains before
      the level above it starts.
    anytime: whether a level's opponents play, round by round, the mixture of
      those below that is worst for all its snapshots so far, and the level
      hands out the best mixture of these (Anytime PSRO, McAleer et al. 2022),
      in enumerated two-player zero-sum games.
  """
  num_levels: int = _LEVELS_OF_PIPELINE
  warmup_steps: int = 0
  anytime: bool = False

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
        # If the level below opens in this same round, it has not trained.
        trained = len(below) == len(sizes) and all(
            m.frozen or m.steps >= self.warmup_steps for m in below)
        if not trained and self.warmup_steps > 0:
          break
        opened.append((level, player))
    # The order is level by level, so that workers that take turns get equally
    # many policies.
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

  `num_levels` levels of each player open once and train for ever against the
  levels below; none freezes, and none is added. The result is the
  meta-strategy over all levels.

  Attributes:
    num_levels: the number of levels per player.
    warmup_steps: environment steps that a level trains before the level above
      it starts.
    meta_solver: with `nash`, rows are meta-strategies of the current payoffs;
      with `online`, each player and level has a decoupled regret-matching
      solver that takes one step a round, as the paper describes.
    exploration: the uniform share of online meta-strategies, the paper's gamma.
  """

  freezes = False
  num_levels: int = _LEVELS
  anytime: bool = dataclasses.field(default=False, init=False)
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
  of the policies that were frozen when it opened; they ignore each other.

  Attributes:
    num_levels: how many policies per player train at once.
  """
  num_levels: int = _LEVELS

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
  the next generation opens when all children have frozen. A child trains
  against the meta-Nash of its parents' generation, rectified by one of two
  rules:

  * `subset` keeps the opponents that its parent does not lose to, as the
    reference implementation of Pipeline PSRO does.
  * `relu` is the objective as the paper writes it: payoffs against the
    opponents, each cut at zero, are weighted by the meta-Nash. Its gradient
    comes from the opponents that the child itself does not lose to, and the
    child begins with a response to all of them.

  The scheme needs one population; an asymmetric game is played with seats drawn
  at random.

  Attributes:
    rectify: the rule, `subset` or `relu`.
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
    # From its second round on, the opponents of a `relu` child depend on the
    # child itself.
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

  One conditional network is every policy: its input holds a row of the
  interaction graph, which is the meta-Nash of the policies below. All unique
  rows train at once and for ever; the first policy, the sink, never trains.
  With an exact response per row in place of the network, the scheme is double
  oracle.

  Attributes:
    num_levels: the number of rows, without the sink.
  """

  one_population = True
  shares_learner = True
  # One batch in practice, because the rows of NeuPL change every round.
  batches_per_round = 0.7
  # Evaluation takes 0.3 of all episodes (Liu et al. 2022).
  payoff_share = 0.3 / 0.7
  num_levels: int = 16
  warmup_steps: int = dataclasses.field(default=0, init=False)
  meta_solver: str = dataclasses.field(default="nash", init=False)
  exploration: float = dataclasses.field(default=0.1, init=False)


@dataclasses.dataclass(frozen=True)
class SelfPlay(Scheme):
  """Regularised self-play: a baseline, and no variant of PSRO.

  One policy, which plays both seats, trains against itself as it changes. It
  never freezes, no other one opens, and no meta-game is solved: the answer is
  an average of the policy over its training, see `oracles/self_play.py`.
  """

  freezes = False
  one_population = True
  plays_itself = True
  # Nothing changes between two rounds, so they are there to be looked at.
  batches_per_round = 20.0
  # The payoff against random play, the only one, decides nothing.
  payoff_share = 0.01
  num_levels: int = dataclasses.field(default=1, init=False)

  def openings(self, population: population_lib.Population,
               solve: SolveFunction) -> list[Opening]:
    return [] if population.active() else [Opening(0)]

  def opponents(self, population: population_lib.Population,
                policy_id: population_lib.PolicyId
                ) -> tuple[tuple[int, ...], ...]:
    return ((policy_id.index,),)

  def answer(self, population: population_lib.Population
             ) -> tuple[tuple[int, ...], ...]:
    # Before the first round it is the initial policy.
    return ((population.sizes()[0] - 1,),)


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
        f"can be resumed: {str(error) or 'it is no dataclass'}") from error


def check_openings(scheme: Scheme, openings: Iterable[Opening],
                   num_populations: int) -> None:
  """Raises ValueError unless a scheme's `openings` can be opened."""
  for opening in openings:
    if not isinstance(opening, Opening) or not (
        0 <= opening.player < num_populations):
      raise ValueError(
          f"{type(scheme).__name__}.openings gave {opening!r}; it takes to "
          "give ppsro.Opening(player), with players from 0 to "
          f"{num_populations - 1}")


def _sub_game_of(scheme, population, policy_id):
  """Returns the sub-game that a scheme gives for a policy, once checked."""
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
  """Returns the weights that a scheme gave, once checked."""
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


# The schemes by the names that the command line has for them.
SCHEMES: dict[str, type[Scheme]] = {
    "sequential": Sequential,
    "naive": NaiveParallel,
    "rectified": Rectified,
    "dch": DCH,
    "pipeline": Pipeline,
    "neupl": NeuPL,
    "self_play": SelfPlay,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """One row of the interaction graph: the opponents of a policy in training.

  Attributes:
    meta_strategy: the `MetaStrategy` that the policy faces. Rows with the same
      opponents share the object.
    stationary: whether the opponents and their probabilities are final.
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
    meta_game: the population's `MetaGame`.
    solve: a function from the policies of a sub-game, indices per population,
      to its `MetaStrategy`; the smallest sub-game is solved first.
    policy_ids: the active policies whose rows are returned; all by default.
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

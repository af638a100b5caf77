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

"""Evaluator: the interface that measures payoffs of profiles, and NashConv."""

import abc
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import simulator


@dataclasses.dataclass(frozen=True)
class Exploitability:
  """The distance of a policy profile from equilibrium, in game utility.

  Attributes:
    nash_conv: the sum over players of their best-response gains; it is exact,
      or NaN where it is not known.
    exploitability: NashConv divided by the number of players.
    cce_gap: the sum over players of the gains of their best deviations from a
      joint distribution over profiles, where a player deviates before it is
      told its policy; None where players draw independently, or where the gap
      is not known. With a joint distribution, NashConv is that of the
      marginals, each played independently.
  """
  nash_conv: float
  exploitability: float
  cce_gap: float | None = None


class Evaluator(abc.ABC):
  """Measures the policies of a population, and keeps its meta-game up to date.

  Attributes:
    game: the `Game` that is played.
    episodes: how many episodes have been played to measure payoffs.
  """

  game: game_lib.Game
  episodes: int = 0

  @abc.abstractmethod
  def measure(self, population: population_lib.Population,
              meta_game: meta_game_lib.MetaGame,
              changed: Sequence[population_lib.PolicyId],
              share: float = 1.0) -> None:
    """Brings the meta-game up to date.

    Args:
      population: the population.
      meta_game: the population's `MetaGame`, which is grown and filled.
      changed: the ids of the policies with a new snapshot since the last
        call.
      share: the share of a round's measuring episodes to play now. With 0, new
        policies get the payoffs that are expected of them. Exact payoffs do not
        depend on it.
    """

  def forget(self) -> None:
    """Forgets all payoffs, as if it were new."""

  def set_importance(self, importance: list[np.ndarray]) -> None:
    """Sets where precise payoffs matter; exact evaluators ignore it.

    Args:
      importance: per population, a weight for each policy, from its
        probabilities in the meta-strategies.
    """

  def add_training_payoffs(self, policy_id: population_lib.PolicyId,
                           payoffs: simulator.TrainingPayoffs) -> None:
    """Adds the returns of a policy in training; call it before `measure`.

    The policy earned them before its new snapshot. Where payoffs are exact, the
    method does nothing.

    Args:
      policy_id: the policy that trained, in a two-player game.
      payoffs: the `TrainingPayoffs` of its training.
    """

  @abc.abstractmethod
  def exploitability(
      self, meta_strategy: meta_game_lib.MetaStrategy) -> Exploitability:
    """Returns the `Exploitability` of a meta-strategy in the original game."""

  def least_exploitable(
      self, meta_strategy: meta_game_lib.MetaStrategy
  ) -> least_exploitable.LeastExploitable | None:
    """Returns the mixtures of some policies that lose least, where known.

    The policies it is called with stay among those of the next call, and once
    it has been called they are measured before they change.

    Args:
      meta_strategy: a `MetaStrategy` over these policies; the answer is no more
        exploitable.

    Returns:
      A `LeastExploitable` with the weights of these policies; None where there
      is no such mixture, as in games that are sampled, general-sum or of more
      than two players.
    """
    del meta_strategy
    return None

  @abc.abstractmethod
  def state(self) -> dict[str, Any]:
    """Returns all measurements, in plain data and arrays."""

  @abc.abstractmethod
  def restore(self, state: dict[str, Any],
              population: population_lib.Population) -> None:
    """Makes this new evaluator equal to another by its `state`.

    Args:
      state: the `state` of the other.
      population: the population that the other had measured.
    """

  def opponents(self, meta_strategy: meta_game_lib.MetaStrategy,
                population: population_lib.Population
                ) -> population_lib.Opponents:
    """Returns the opponents that a meta-strategy is for learners.

    Args:
      meta_strategy: a `MetaStrategy` over some policies of the population.
      population: the population.

    Returns:
      A `Mixture` of snapshots per player; a `JointMixture` if the players do
      not draw independently.
    """
    if meta_strategy.joint is not None:
      return joint_mixture(meta_strategy, population)
    return mixtures(self.game.roles, meta_strategy, population)


def joint_mixture(meta_strategy: meta_game_lib.MetaStrategy,
                  population: population_lib.Population
                  ) -> population_lib.JointMixture:
  """Returns the `JointMixture` of snapshots of a joint distribution.

  Args:
    meta_strategy: a `MetaStrategy` with a joint distribution; each player has
      a population of its own.
    population: the `Population`.
  """
  joint = meta_strategy.joint
  assert joint is not None
  profiles = np.argwhere(joint > 0)
  probabilities = joint[joint > 0] / joint.sum()
  marginals = []
  for player, chosen in enumerate(meta_strategy.indices):
    used, profiles[:, player] = np.unique(profiles[:, player],
                                          return_inverse=True)
    marginals.append(population_lib.Mixture(
        tuple(population[population_lib.PolicyId(player, chosen[k])].snapshot
              for k in used),
        np.bincount(profiles[:, player], probabilities)))
  return population_lib.JointMixture(tuple(marginals), profiles, probabilities)


def mixtures(roles: Sequence[int], meta_strategy: meta_game_lib.MetaStrategy,
             population: population_lib.Population,
             of_parts: Sequence[np.ndarray] | None = None
             ) -> tuple[population_lib.Mixture, ...]:
  """Returns a `Mixture` of snapshots per player, without zero probabilities.

  A `MixedPolicy` counts as its members: each of them is a snapshot.

  Args:
    roles: for each player, the population of its policies.
    meta_strategy: a `MetaStrategy`; if it is joint, the mixtures are its
      marginals.
    population: the `Population`.
    of_parts: per population `[P]`, other weights of the members of all its
      policies, see `sampled.parts`.
  """
  per_population = []
  for p, (chosen, weights) in enumerate(zip(
      meta_strategy.indices, meta_strategy.probabilities)):
    snapshots = [population[population_lib.PolicyId(p, index)].snapshot
                 for index in chosen]
    if of_parts is None:
      support = np.flatnonzero(weights)
      per_population.append(
          _mixture([snapshots[k] for k in support], weights[support]))
    else:
      support = np.flatnonzero(of_parts[p])
      parts = _mixture(snapshots, np.ones(len(snapshots))).snapshots
      per_population.append(population_lib.Mixture(
          tuple(parts[k] for k in support), of_parts[p][support]))
  return tuple(per_population[role] for role in roles)


def _mixture(snapshots, weights):
  """Returns the `Mixture` of snapshots, with members for mixed policies."""
  parts, probabilities = [], []
  for snapshot, weight in zip(snapshots, weights):
    members, shares = sampled.members(snapshot.policy)
    parts += [snapshot if member is snapshot.policy
              else dataclasses.replace(snapshot, policy=member)
              for member in members]
    probabilities.append(weight * shares)
  return population_lib.Mixture(tuple(parts), np.concatenate(probabilities))

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

"""MetaGame: the payoffs of all policy profiles, and meta-strategies over them.

It is the empirical game of PSRO (Lanctot et al. 2017): player `p` chooses one
of its `K_p` policies, and cell `[k_0, ..., k_{n-1}]` holds the expected return
of each player, in game utility.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, eq=False)
class MetaStrategy:
  """A distribution over some policies of each population, and its regret.

  Attributes:
    indices: per population, the indices of the K_p policies that the
      meta-strategy ranges over.
    probabilities: one float array `[K_p]` per population: there is one per
      player, or a single one where all players choose from the same policies.
    method: the name of the method that gave the probabilities.
    regret: per player, the gain of its best policy over the meta-strategy, in
      game utility.
    joint: `[K_0, ..., K_{n-1}]`, the distribution over profiles, where it is
      not the product of `probabilities`, which are then its marginals; None
      where all players draw independently.
  """
  indices: tuple[tuple[int, ...], ...]
  probabilities: tuple[np.ndarray, ...]
  method: str
  regret: np.ndarray
  joint: np.ndarray | None = None

  def state(self) -> dict[str, Any]:
    """Returns all fields but the indices, in plain data and arrays."""
    return {"probabilities": self.probabilities, "method": self.method,
            "regret": self.regret, "joint": self.joint}

  @classmethod
  def restored(cls, indices: Sequence[Sequence[int]],
               state: dict[str, Any]) -> "MetaStrategy":
    """Returns the meta-strategy of `indices` whose `state` is given."""
    return cls(tuple(map(tuple, indices)), **{
        **state, "probabilities": tuple(state["probabilities"])})


class MetaGame:
  """A payoff tensor per player that grows with the population.

  Indices of policies are given per population. Usually each player has a
  population of its own; in a symmetric game all players choose from one.
  """

  def __init__(self, roles: Sequence[int]):
    """Makes an empty meta-game.

    Args:
      roles: for each player, the population that it chooses from.
    """
    self._roles = tuple(roles)
    self._payoffs = np.zeros((len(roles),) + (0,) * len(roles))
    # The number of the `fill` that last changed each profile, from 1.
    self._versions = np.zeros((0,) * len(roles), int)
    self._fills = 0

  @property
  def payoffs(self) -> np.ndarray:
    """The tensor `[n, K_0, ..., K_{n-1}]`, NaN where a cell is missing."""
    return self._payoffs

  def grow(self, sizes: Sequence[int]) -> None:
    """Makes room for `sizes[p]` policies of population `p`."""
    shape = tuple(self.per_player(sizes))
    grown = np.full((len(self._roles), *shape), np.nan)
    versions = np.zeros(shape, int)
    old = tuple(slice(k) for k in self._versions.shape)
    grown[:, *old], versions[old] = self._payoffs, self._versions
    self._payoffs, self._versions = grown, versions

  def fill(self, indices: Sequence[Sequence[int]],
           payoffs: np.ndarray) -> None:
    """Sets the cells of the product of `indices`, one sequence per player.

    Args:
      indices: per player, the indices of policies.
      payoffs: `[n, len(indices[0]), ...]`, the payoffs of each player.

    Raises:
      FloatingPointError: if a payoff is not finite.
    """
    if not np.isfinite(payoffs).all():
      raise FloatingPointError(
          f"payoffs among the policies {[list(i) for i in indices]} are not "
          "finite: check the returns of the game")
    cells = np.ix_(*indices)
    of_all_players: Any = (slice(None), *cells)
    is_changed = (self._payoffs[of_all_players] != payoffs).any(axis=0)
    self._payoffs[of_all_players] = payoffs
    self._fills += 1
    self._versions[cells] = np.where(is_changed, self._fills,
                                     self._versions[cells])

  def version(self, indices: Sequence[Sequence[int]]) -> int:
    """Returns a number that grows whenever payoffs among policies change.

    Args:
      indices: per population, the policies.
    """
    return int(self._versions[np.ix_(*self.per_player(indices))].max())

  def restore(self, payoffs: np.ndarray) -> None:
    """Sets the payoffs to those of another meta-game, `[n, K_0, ...]`.

    All versions are 0 then.
    """
    self._payoffs = payoffs.copy()
    self._versions = np.zeros(payoffs.shape[1:], int)
    self._fills = 0

  def per_player(self, per_population: Sequence[Any]) -> list[Any]:
    """Returns a list with, for each player, the entry of its population."""
    return [per_population[role] for role in self._roles]

  def payoffs_against(self, policy_id: tuple[int, int],
                      indices: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns a policy's payoffs `[..., k_q, ...]`, an axis per other player.

    Args:
      policy_id: `(population, index)`, the policy, which plays as the first
        player of its population.
      indices: per population, the indices of the others' policies.
    """
    population, index = policy_id
    player = self._roles.index(population)
    chosen = self.per_player(indices)
    chosen[player] = [index]
    return self._payoffs[player][np.ix_(*chosen)].squeeze(axis=player)

  def expected_return(self, policy_id: tuple[int, int],
                      meta_strategy: MetaStrategy) -> float:
    """Returns the expected return of a policy against a meta-strategy.

    Args:
      policy_id: `(population, index)`, the policy.
      meta_strategy: a `MetaStrategy`; the policy's own side of it is not read.
    """
    player = self._roles.index(policy_id[0])
    values = self.payoffs_against(policy_id, meta_strategy.indices)
    if meta_strategy.joint is not None:
      return float(np.vdot(values, meta_strategy.joint.sum(axis=player)))
    weights = self.per_player(meta_strategy.probabilities)
    for other in reversed(range(len(weights))):
      if other != player:
        values = values @ weights[other]
    return float(values)

  def value(self, population: int, meta_strategy: MetaStrategy) -> float:
    """Returns what a population's own side of a meta-strategy earns in it.

    Args:
      population: the population, which plays as its first player.
      meta_strategy: a `MetaStrategy`.
    """
    values = self._payoffs[self._roles.index(population)][
        np.ix_(*self.per_player(meta_strategy.indices))]
    if meta_strategy.joint is not None:
      return float(np.vdot(values, meta_strategy.joint))
    for weights in reversed(self.per_player(meta_strategy.probabilities)):
      values = values @ weights
    return float(values)

  def sub_game(self, indices: Sequence[Sequence[int]],
               options: Mapping[str, Any] | None = None) -> "SubGame":
    """Returns the `SubGame` of the given policies per population."""
    cells = np.ix_(*self.per_player(indices))
    return SubGame([tensor[cells] for tensor in self._payoffs], options)

  def per_population(self, per_player: Sequence[Any]) -> tuple[Any, ...]:
    """Returns a tuple with, for each population, its first player's entry."""
    return tuple(per_player[self._roles.index(population)]
                 for population in range(max(self._roles) + 1))


class SubGame:
  """The payoffs of some policies of each player, as psro_v2 asks for them.

  Any psro_v2 meta-strategy callable `(solver, return_joint=False)` accepts it
  as the solver.
  """

  symmetric_game = False

  def __init__(self, payoffs: Sequence[npt.ArrayLike],
               options: Mapping[str, Any] | None = None):
    """Makes a sub-game.

    Args:
      payoffs: per player, a tensor `[k_0, ..., k_{n-1}]`.
      options: keyword arguments for the meta-strategy.
    """
    self._payoffs = [np.asarray(tensor, float) for tensor in payoffs]
    self._options = dict(options or {})
    if any(np.isnan(tensor).any() for tensor in self._payoffs):
      raise ValueError("the sub-game has unmeasured payoffs")

  def get_meta_game(self) -> list[np.ndarray]:
    return self._payoffs

  def get_policies(self) -> list[list[int]]:
    return [list(range(count)) for count in self._payoffs[0].shape]

  def get_kwargs(self) -> dict[str, Any]:
    return self._options

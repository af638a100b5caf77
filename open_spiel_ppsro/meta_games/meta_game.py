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

"""MetaGame: the payoffs of all policy profiles, and how they are played.

The empirical game of PSRO (Lanctot et al. 2017): player `p` chooses one of its
`K_p` policies; cell `[k_0, ..., k_{n-1}]` holds the expected return of each
player, in game utility.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, eq=False)
class MetaStrategy:
  """Which policies are played, with which probabilities, and how good that is.

  Attributes:
    indices: per population, the indices of the K_p policies that it ranges
      over.
    probabilities: one float array `[K_p]` per population: per player, but a
      single one where all players choose from the same policies.
    method: the name of the method that gave them.
    regret: per player, what its best policy gains over it, in game utility.
    joint: `[K_0, ..., K_{n-1}]`, the distribution over profiles, where it is
      not the product of `probabilities`, which are then its marginals; None
      where all play independently.
  """
  indices: tuple[tuple[int, ...], ...]
  probabilities: tuple[np.ndarray, ...]
  method: str
  regret: np.ndarray
  joint: np.ndarray | None = None

  def state(self) -> dict[str, Any]:
    """Returns all but its indices, in plain data and arrays."""
    return {"probabilities": self.probabilities, "method": self.method,
            "regret": self.regret, "joint": self.joint}

  @classmethod
  def restored(cls, indices: Sequence[Sequence[int]],
               state: dict[str, Any]) -> "MetaStrategy":
    """Returns the meta-strategy of `indices` whose `state` this was."""
    return cls(tuple(map(tuple, indices)), **{
        **state, "probabilities": tuple(state["probabilities"])})


class MetaGame:
  """A payoff tensor per player that grows with the population.

  Indices of policies are given per population. Usually each player has its
  own; in a symmetric game all players choose from one.
  """

  def __init__(self, roles: Sequence[int]):
    """Makes an empty meta-game.

    Args:
      roles: for each player, the population it chooses from.
    """
    self._roles = tuple(roles)
    self._payoffs = np.zeros((len(roles),) + (0,) * len(roles))

  @property
  def payoffs(self) -> np.ndarray:
    """The tensor `[n, K_0, ..., K_{n-1}]`, NaN where a cell is missing."""
    return self._payoffs

  def grow(self, sizes: Sequence[int]) -> None:
    """Makes room for `sizes[p]` policies of population `p`."""
    grown = np.full((len(self._roles),) + tuple(self.per_player(sizes)),
                    np.nan)
    grown[tuple(slice(k) for k in self._payoffs.shape)] = self._payoffs
    self._payoffs = grown

  def fill(self, indices: Sequence[Sequence[int]],
           payoffs: np.ndarray) -> None:
    """Sets the cells of the product of `indices`, one sequence per player.

    Args:
      indices: per player, policy indices.
      payoffs: `[n, len(indices[0]), ...]`.

    Raises:
      FloatingPointError: if one is not finite.
    """
    if not np.isfinite(payoffs).all():
      raise FloatingPointError(
          f"payoffs among the policies {[list(i) for i in indices]} are not "
          "finite: check the returns of the game")
    for player, tensor in enumerate(payoffs):
      self._payoffs[player][np.ix_(*indices)] = tensor

  def restore(self, payoffs: np.ndarray) -> None:
    """Makes the payoffs those of another meta-game, `[n, K_0, ...]`."""
    self._payoffs = payoffs.copy()

  def per_player(self, per_population: Sequence[Any]) -> list[Any]:
    """Returns a list with, for each player, the entry of its population."""
    return [per_population[role] for role in self._roles]

  def payoffs_against(self, policy_id: tuple[int, int],
                      indices: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns `[..., k_q, ...]` over the other players: a policy's payoffs.

    Args:
      policy_id: `(population, index)`; it plays the first of its roles.
      indices: per population, the policies of the others.
    """
    population, index = policy_id
    player = self._roles.index(population)
    chosen = self.per_player(indices)
    chosen[player] = [index]
    return self._payoffs[player][np.ix_(*chosen)].squeeze(axis=player)

  def expected_return(self, policy_id: tuple[int, int],
                      meta_strategy: MetaStrategy) -> float:
    """Returns what a policy expects against what the other players play.

    Args:
      policy_id: `(population, index)`.
      meta_strategy: a `MetaStrategy`; the own side of it is not read.
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
  """Some policies of each player; what psro_v2 meta-strategies ask a solver.

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

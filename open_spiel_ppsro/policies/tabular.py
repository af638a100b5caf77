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

"""Tabular policies: action probabilities by information state."""

import dataclasses
from typing import Any
from typing import Self

import numpy as np
import pyspiel

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.policies import policy as policy_lib


@dataclasses.dataclass(frozen=True, eq=False)
class TablePolicy(policy_lib.Policy):
  """A policy of an enumerated game, as a population keeps it.

  Attributes:
    table: float64 `[I, A]`, the action probabilities at the information states
      of its player, in the order of `game_tree.Infostates`.
  """
  table: np.ndarray

  def to_data(self) -> dict[str, Any]:
    return {"table": self.table}

  @classmethod
  def from_data(cls, data: dict[str, Any]) -> "TablePolicy":
    return cls(data["table"])

  def weights(self) -> list[np.ndarray]:
    return [self.table.copy()]

  def with_noise(self, sigma: float, rng: np.random.Generator) -> Self:
    """Returns a copy whose rows are mixed with random distributions.

    Args:
      sigma: the share of the random distribution, over the actions that the
        policy plays with positive probability.
      rng: the generator that draws the random distributions.
    """
    return dataclasses.replace(
        self, table=noisy_table(self.table, self.table > 0, sigma, rng))


def as_policy(policy: policy_lib.Policy | np.ndarray) -> policy_lib.Policy:
  """Returns the policy; an array becomes a `TablePolicy`."""
  return TablePolicy(policy) if isinstance(policy, np.ndarray) else policy


def noisy_table(table: np.ndarray, mask: np.ndarray, sigma: float,
                rng: np.random.Generator) -> np.ndarray:
  """Returns `[I, A]`: `1 - sigma` of a table and `sigma` of a random one.

  Args:
    table: `[I, A]`, the action probabilities.
    mask: bool `[I, A]`, the actions that may be random.
    sigma: the share of the random table, from 0, an exact copy, to 1.
    rng: the generator that draws the random table.
  """
  if not sigma:
    return table.copy()
  noise = rng.exponential(size=mask.shape) * mask
  noise /= noise.sum(axis=1, keepdims=True)
  return (1 - sigma) * table + sigma * noise


class BestResponsePolicy(policy_lib.OpenSpielPolicy):
  """Tables of one seat or several, as an OpenSpiel policy.

  It gives probabilities by information state. A best response plays one seat,
  or both in a seat-symmetric run; the result of a run plays all seats.
  """

  def __init__(self, game: pyspiel.Game,
               seats: dict[int, tuple[game_tree.Infostates, np.ndarray]],
               frozen: bool = False):
    """Makes a policy.

    Args:
      game: a turn-based pyspiel game.
      seats: for each player that the policy plays, a pair of the
        `game_tree.Infostates` of that player and a table `[I, A]`.
      frozen: whether the policy is final.
    """
    super().__init__(game, sorted(seats), frozen)
    self._seats = dict(seats)
    self._rows_by_observation: dict[int, dict[bytes, int]] = {}

  def table(self, player: int) -> np.ndarray:
    """Returns the table `[I, A]` of a player that the policy plays."""
    self._check_seat(player)
    return self._seats[player][1]

  def infostates(self, player: int) -> game_tree.Infostates:
    """Returns the information states of a player that the policy plays."""
    self._check_seat(player)
    return self._seats[player][0]

  def probabilities(self, state: pyspiel.State, player: int) -> np.ndarray:
    infostates, table = self._seats[player]
    name = state.information_state_string(player)
    if name not in infostates.rows:
      raise ValueError(f"{self.game} has no information state {name!r} of "
                       f"player {player}")
    return table[infostates.rows[name]]

  def probabilities_of_observation(
      self, observation: np.ndarray, player: int,
      legal_actions: list[int]) -> np.ndarray:
    del legal_actions  # The table has no probability elsewhere.
    infostates, table = self._seats[player]
    if player not in self._rows_by_observation:
      self._rows_by_observation[player] = {
          row.tobytes(): index
          for index, row in enumerate(infostates.observations)}
    row = self._rows_by_observation[player].get(observation.tobytes())
    if row is None:
      raise ValueError(f"{self.game} has no information state with the tensor "
                       f"{observation.tolist()} of player {player}")
    return table[row].copy()

  def get_weights(self) -> list[np.ndarray]:
    """Returns a copy of the table `[I, A]` of each of its players."""
    return [table.copy() for _, table in self._seats.values()]

  def copy_with_noise(self, sigma: float = 0.0) -> "BestResponsePolicy":
    """Returns an unfrozen copy.

    Args:
      sigma: each row becomes `(1 - sigma)` of itself plus `sigma` of a random
        distribution over its legal actions; 0 copies exactly.
    """
    return BestResponsePolicy(self.game, {
        player: (infostates, noisy_table(
            table, infostates.legal_actions_mask, sigma, self._rng))
        for player, (infostates, table) in self._seats.items()})

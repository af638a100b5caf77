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

"""Game: the common face of all games, for the rest of the package.

A game is either enumerated, a `GameTree`, on which everything is exact, or
sampled, a `StateGame`, which is played state by state.
"""

import abc
from typing import ClassVar
from typing import Self

import pyspiel


class Game(abc.ABC):
  """A game of two or more players that PSRO can play.

  Attributes:
    game: the pyspiel game, turn-based. In a worker process an enumerated game
      has none, because workers need its arrays alone.
    num_players: n, the number of players.
    num_actions: A, the number of distinct actions.
    is_zero_sum: whether the returns of all players always sum to zero.
    roles: for each player, the population that its policies come from: one
      per player, unless one population plays all seats.
    before_symmetry: the game before its seats were drawn at random, see
      `seat_symmetry.symmetrise`; None if they are not drawn.
    is_enumerated: whether it is a `GameTree`, so that its payoffs and NashConv
      are exact.
  """

  game: pyspiel.Game
  num_players: int
  num_actions: int
  is_zero_sum: bool
  roles: tuple[int, ...]
  before_symmetry: Self | None
  is_enumerated: ClassVar[bool]

  @property
  def num_populations(self) -> int:
    """The number of populations, one per player or one for all."""
    return max(self.roles) + 1

  @property
  def plays_all_seats(self) -> bool:
    """Whether one population plays all seats."""
    return self.num_populations < self.num_players

  @property
  def has_drawn_seats(self) -> bool:
    """Whether a coin decides before each episode who takes which seat."""
    return self.before_symmetry is not None

  @property
  def original(self) -> Self:
    """The game before its seats were drawn; itself if they are not drawn."""
    return self if self.before_symmetry is None else self.before_symmetry

  def player_of(self, population: int) -> int:
    """Returns the first player whose policies come from a population."""
    return self.roles.index(population)

  def players_of(self, population: int) -> list[int]:
    """Returns all players whose policies come from a population."""
    return [player for player, role in enumerate(self.roles)
            if role == population]

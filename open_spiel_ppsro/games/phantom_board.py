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

"""Phantom boards: the rules of phantom_ttt and dark_hex, on arrays.

On these boards a player knows what it has tried and what became of it, and
nothing else. Stones are bits: the state of a board is two numbers.
"""

import dataclasses
import functools

import numpy as np
import pyspiel

_NAMES = ("phantom_ttt", "dark_hex")
# Who wins is a table of all sets of cells.
_MOST_CELLS = 16

_LINES = (0b000000111, 0b000111000, 0b111000000, 0b001001001, 0b010010010,
          0b100100100, 0b100010001, 0b001010100)


@dataclasses.dataclass(frozen=True, eq=False)
class PhantomBoard:
  """The rules of a phantom game on a board of cells.

  Attributes:
    name: `phantom_ttt` or `dark_hex`.
    num_rows: of the board.
    num_columns: of the board.
    abrupt: whether a try on an occupied cell ends the turn.
    wins: bool `[2, 2 ** num_cells]`, with which stones each player wins.
  """
  name: str
  num_rows: int
  num_columns: int
  abrupt: bool
  wins: np.ndarray

  @property
  def num_cells(self) -> int:
    """Of the board."""
    return self.num_rows * self.num_columns

  @property
  def drawn(self) -> int:
    """The bits of a full board if it is a draw; 0 if somebody has won then."""
    return 2 ** self.num_cells - 1 if self.name == "phantom_ttt" else 0

  @property
  def num_features(self) -> int:
    """D, the length of an information state tensor."""
    return self.seen_features + self.num_cells ** 2

  @property
  def seen_features(self) -> int:
    """How many features show the cells; those after them show the tries."""
    return (3 if self.name == "phantom_ttt" else 9) * self.num_cells

  def feature_of_free(self, cells: np.ndarray) -> np.ndarray:
    """Returns the features that are 1 while cells are thought to be free."""
    return cells if self.name == "phantom_ttt" else 9 * cells + 4

  def feature_of_owner(self, cells: np.ndarray,
                       owner: np.ndarray) -> np.ndarray:
    """Returns the features that are 1 once the owners of cells are known."""
    if self.name == "phantom_ttt":  # Planes: free, player 1, player 0.
      return (2 - owner) * self.num_cells + cells
    return 9 * cells + 5 - 2 * owner  # Per cell: 3 is player 1, 5 player 0.

  def feature_of_try(self, number: np.ndarray,
                     cells: np.ndarray) -> np.ndarray:
    """Returns the features that are 1 if a player tried cells at its turns.

    Args:
      number: how many tries of the player came before.
      cells: which cells it tried.
    """
    return self.seen_features + number * self.num_cells + cells

  def observations(self, player: int, cells: np.ndarray,
                   placed: np.ndarray) -> np.ndarray:
    """Returns float32 `[U, D]`, OpenSpiel's information state tensors.

    Args:
      player: whose.
      cells: int `[U, T]`, what it has tried, in order.
      placed: bool `[U, T]`, whether a stone was placed there.
    """
    rows = np.arange(len(cells))[:, None]
    seen = np.zeros((len(cells), self.num_features), np.float32)
    seen[:, self.feature_of_free(np.arange(self.num_cells))] = 1
    seen[rows, self.feature_of_free(cells)] = 0
    seen[rows, self.feature_of_owner(
        cells, np.where(placed, player, 1 - player))] = 1
    seen[rows, self.feature_of_try(np.arange(cells.shape[1]), cells)] = 1
    return seen


def of_string(game: str) -> PhantomBoard | None:
  """Returns the rules of a game string, or None; it is quick to say so."""
  return _of_string(game) if game.startswith(_NAMES) else None


@functools.cache
def _of_string(game):
  return phantom_board(pyspiel.load_game(game))


def phantom_board(game: pyspiel.Game) -> PhantomBoard | None:
  """Returns the rules of a game, or None if it is not one of these games."""
  name = game.get_type().short_name
  parameters = game.get_parameters()
  if name not in _NAMES or (
      parameters["obstype"] != "reveal-nothing"):
    return None
  if name == "phantom_ttt":
    won = np.zeros(512, bool)
    for line in _LINES:
      won |= (np.arange(512) & line) == line
    return PhantomBoard(name, 3, 3, parameters["gameversion"] == "abrupt",
                        np.stack([won, won]))
  rows, columns = parameters["num_rows"], parameters["num_cols"]
  if rows * columns > _MOST_CELLS:
    return None
  return PhantomBoard(
      name, rows, columns, parameters["gameversion"] == "adh",
      np.stack([_connected(rows, columns, player) for player in range(2)]))


def _connected(rows, columns, player):
  """Returns bool `[2 ** cells]`, which stones of hex connect the sides.

  Player 0 connects the first row with the last, player 1 the first column with
  the last.
  """
  cells = [divmod(cell, columns) for cell in range(rows * columns)]
  along = [cell[player] for cell in cells]
  far = (rows, columns)[player] - 1

  def bits(wanted):
    return sum(1 << cell for cell, is_in in enumerate(wanted) if is_in)

  neighbours = [
      bits((r - row, c - column) in
          ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1))
          for r, c in cells)
      for row, column in cells]
  stones = np.arange(2 ** len(cells))
  joined = stones & bits(position == 0 for position in along)
  while True:
    wider = joined.copy()
    for cell, around in enumerate(neighbours):
      wider |= np.where((joined >> cell) & 1, around & stones, 0)
    if (wider == joined).all():
      return (joined & bits(position == far for position in along)) != 0
    joined = wider

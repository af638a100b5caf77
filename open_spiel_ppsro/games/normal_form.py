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

"""Normal-form games as game trees: from an array, a file, or at random."""

import os
import pathlib

import numpy as np
import numpy.typing as npt
import pyspiel

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading


def matrix_game(payoffs: npt.ArrayLike,
                symmetric: bool | None = None) -> game_tree.GameTree:
  """Returns the `GameTree` of a two-player zero-sum matrix game.

  Args:
    payoffs: `[K_0, K_1]`, the utility of player 0.
    symmetric: whether both players choose from one population; by default,
      whether `payoffs` is antisymmetric.

  Raises:
    ValueError: if `payoffs` is not a finite matrix, or is to be symmetric and
      is not antisymmetric.
  """
  payoffs = np.asarray(payoffs, float)
  if payoffs.ndim != 2 or 0 in payoffs.shape or not np.isfinite(payoffs).all():
    raise ValueError("a matrix game takes a finite payoff matrix [K_0, K_1], "
                     f"got shape {payoffs.shape}")
  is_antisymmetric = payoffs.shape[0] == payoffs.shape[1] and np.allclose(
      payoffs, -payoffs.T)
  if symmetric is None:
    symmetric = is_antisymmetric
  if symmetric and not is_antisymmetric:
    raise ValueError("the payoff matrix of a symmetric zero-sum game equals "
                     "minus its transpose; this one does not")
  rows, columns = payoffs.shape
  num_actions = max(rows, columns)
  game = loading.turn_based(pyspiel.create_matrix_game(
      payoffs.tolist(), (-payoffs).tolist()))
  state = game.new_initial_state()
  names = [state.information_state_string(0),
           state.child(0).information_state_string(1)]
  row, column = np.divmod(np.arange(rows * columns), columns)
  return game_tree.GameTree(
      game=game,
      num_players=2,
      num_actions=num_actions,
      num_histories=1 + rows + rows * columns,
      infostates=tuple(
          _one_infostate(name, count, num_actions)
          for name, count in zip(names, payoffs.shape)),
      terminal_sequences=np.stack([row, column]),
      terminal_chance=np.ones(rows * columns),
      terminal_returns=np.stack([payoffs.ravel(), -payoffs.ravel()]),
      terminal_steps=np.full(rows * columns, 2),
      is_zero_sum=True,
      roles=(0, 0) if symmetric else (0, 1))


def matrix_game_from_file(path: str | os.PathLike) -> game_tree.GameTree:
  """Returns the `GameTree` of the payoffs in a file.

  Args:
    path: a `.npy` file, or a text file with a row of the matrix per line, whose
      numbers are separated by commas or blanks.

  Raises:
    ValueError: if the file cannot be read as a payoff matrix.
  """
  try:
    if pathlib.Path(path).suffix == ".npy":
      payoffs = np.load(path, allow_pickle=False)
    else:
      text = pathlib.Path(path).read_text()
      rows = [[float(entry) for entry in line.replace(",", " ").split()]
              for line in text.splitlines() if line.strip()]
      for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
          raise ValueError(f"row 1 has {len(rows[0])} numbers, and row "
                           f"{number} has {len(row)}")
      payoffs = np.array(rows)
  except (OSError, ValueError) as error:
    raise ValueError(f"cannot read a payoff matrix from {path}: {error}"
                    ) from error
  return matrix_game(payoffs)


def random_symmetric(size: int, seed: int) -> np.ndarray:
  """Returns a random antisymmetric `[size, size]` payoff matrix.

  The upper triangle is uniform on (-1, 1), as in the random normal-form games
  of McAleer et al. 2020, section 5.
  """
  upper = np.triu(np.random.default_rng(seed).uniform(-1, 1, (size, size)), 1)
  return upper - upper.T


def _one_infostate(name, count, num_actions):
  mask = np.zeros((1, num_actions), bool)
  mask[0, :count] = True
  return game_tree.Infostates(
      names=(name,), rows={name: 0}, legal_actions_mask=mask,
      parent_sequences=np.array([num_actions]), levels=(slice(0, 1),),
      observations=np.ones((1, 1), np.float32))


# Version 0.1 had these names.
from_payoffs = matrix_game
from_file = matrix_game_from_file

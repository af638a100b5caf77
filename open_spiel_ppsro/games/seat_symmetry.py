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

"""Seat symmetry: a two-player game in which one policy plays both seats.

Some methods (PSRO_rN, NeuPL, the reference implementation of Pipeline PSRO)
need a single population with payoffs `u(i, j) = -u(j, i)`. Any two-player
zero-sum game has such payoffs once the seats are drawn at random before each
episode. A policy then has the information states of both seats. Its
exploitability is measured in the original game, seat by seat.
"""

import dataclasses

import numpy as np

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game


def symmetrise(game: game_lib.Game) -> game_lib.Game:
  """Returns a game whose seats are drawn by a fair coin before each episode.

  One population plays both seats. An enumerated game then has the information
  states of both seats, and its `seat_rows` lead back to those of each seat. In
  a sampled game an observation ends with a one-hot seat.

  Args:
    game: a `GameTree` or a `StateGame` of two players, zero-sum.

  Raises:
    ValueError: if the game is not two-player zero-sum.
  """
  if game.num_players != 2 or not game.is_zero_sum:
    raise ValueError(
        f"{game.game} has {game.num_players} players and is "
        f"{'zero-sum' if game.is_zero_sum else 'general-sum'}; one policy for "
        "all seats needs a two-player zero-sum game")
  if game.plays_all_seats:
    return game
  if isinstance(game, game_tree.GameTree):
    return _symmetrise_tree(game)
  assert isinstance(game, state_game.StateGame)
  return dataclasses.replace(game, roles=(0, 0), before_symmetry=game,
                             num_features=game.num_features + 2)


def _symmetrise_tree(tree):
  """Returns the `GameTree` whose seats are drawn; see `symmetrise`."""
  num_actions = tree.num_actions
  sizes = [len(infostates) for infostates in tree.infostates]
  depths = np.concatenate([_depths(i) for i in tree.infostates])
  order = np.argsort(depths, kind="stable")
  merged_row = np.empty(sum(sizes), int)
  merged_row[order] = np.arange(sum(sizes))
  seat_rows = (merged_row[:sizes[0]], merged_row[sizes[0]:])

  def merged_sequence(seat, sequences):
    if not sizes[seat]:  # This player never acts.
      return np.full_like(sequences, sum(sizes) * num_actions)
    row, action = np.divmod(sequences, num_actions)
    is_empty = sequences == sizes[seat] * num_actions
    row = seat_rows[seat][np.where(is_empty, 0, row)]
    return np.where(is_empty, sum(sizes) * num_actions,
                    row * num_actions + action)

  names = [f"seat {seat}: {name}" for seat in range(2)
           for name in tree.infostates[seat].names]
  names = tuple(names[index] for index in order)
  bounds = np.searchsorted(depths[order], np.arange(depths.max() + 2))
  width = max(i.observations.shape[1] for i in tree.infostates)
  observations = np.zeros((sum(sizes), width + 2), np.float32)
  for seat, infostates in enumerate(tree.infostates):
    observations[seat_rows[seat], :infostates.observations.shape[1]] = (
        infostates.observations)
    observations[seat_rows[seat], width + seat] = 1
  infostates = game_tree.Infostates(
      names=names,
      rows={name: row for row, name in enumerate(names)},
      legal_actions_mask=np.concatenate(
          [i.legal_actions_mask for i in tree.infostates])[order],
      parent_sequences=np.concatenate(
          [merged_sequence(seat, tree.infostates[seat].parent_sequences)
           for seat in range(2)])[order],
      levels=tuple(slice(int(a), int(b))
                   for a, b in zip(bounds[:-1], bounds[1:])),
      observations=observations)
  by_seat = [merged_sequence(seat, tree.terminal_sequences[seat])
             for seat in range(2)]
  return dataclasses.replace(
      tree,
      num_histories=2 * tree.num_histories + 1,
      infostates=(infostates, infostates),
      terminal_sequences=np.stack([np.concatenate(by_seat),
                                   np.concatenate(by_seat[::-1])]),
      terminal_chance=np.tile(tree.terminal_chance, 2) / 2,
      terminal_returns=np.concatenate(
          [tree.terminal_returns, tree.terminal_returns[::-1]], axis=1),
      terminal_steps=np.tile(tree.terminal_steps, 2),
      roles=(0, 0),
      before_symmetry=tree,
      seat_rows=seat_rows)


def _depths(infostates):
  """Returns int `[I]`, the level of each information state."""
  depths = np.empty(len(infostates), int)
  for depth, level in enumerate(infostates.levels):
    depths[level] = depth
  return depths

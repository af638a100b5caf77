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

"""The choice of a simulator: on the arrays of a game, or on its states."""

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.simulators import simulator
from open_spiel_ppsro.simulators import state_simulator
from open_spiel_ppsro.simulators import tree_simulator


def make_simulator(game: game_lib.Game, player: int) -> simulator.Simulator:
  """Returns the simulator of `player` in a `GameTree` or a `StateGame`."""
  if isinstance(game, state_game.StateGame):
    return state_simulator.StateSimulator(game, player)
  assert isinstance(game, game_tree.GameTree)
  return tree_simulator.TreeSimulator(game, player)


def gives_expectation(game: game_lib.Game,
                      episodes_per_batch: int | None) -> bool:
  """Returns whether batches are the expectation, see `EpisodeBatch`.

  Args:
    game: a `GameTree` or a `StateGame`.
    episodes_per_batch: the episodes of a batch; None for the default.
  """
  return game.is_enumerated and episodes_per_batch is None


def steps_per_batch(game: game_lib.Game,
                    episodes_per_batch: int | None = None) -> float:
  """Returns the environment steps in a batch of uniformly random play.

  Args:
    game: a `GameTree` or a `StateGame`.
    episodes_per_batch: the episodes of a batch; by default as many as the
      simulator of the game plays. On an enumerated game that is the
      expectation, which counts as one episode.
  """
  if isinstance(game, state_game.StateGame):
    return game.mean_steps * (
        episodes_per_batch or state_simulator.default_episodes(game))
  assert isinstance(game, game_tree.GameTree)
  if episodes_per_batch is None:
    return tree_simulator.expectation_steps(game)
  return tree_simulator.mean_steps(game) * episodes_per_batch

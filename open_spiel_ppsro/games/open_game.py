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

"""Opening a game: enumerated if it is small enough, sampled if not."""

from collections.abc import Callable

import pyspiel

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game


def open_game(game: pyspiel.Game | str | game_lib.Game,
              max_histories: int = game_tree.DEFAULT_MAX_HISTORIES,
              evaluation: str = "auto",
              done: Callable[[float], None] | None = None) -> game_lib.Game:
  """Returns a `GameTree` if the game is to be enumerated, else a `StateGame`.

  Args:
    game: a pyspiel game or a game string; a `Game` is returned as it is.
    max_histories: the histories up to which a game is enumerated.
    evaluation: `exact` gives a `GameTree`; `sampled` gives a `StateGame`;
      `auto` gives a `GameTree` if the game is small enough and can be
      enumerated, else a `StateGame`.
    done: is told now and then which share of an enumeration is done.

  Raises:
    ValueError: as `game_tree.enumerate_game` and `state_game` do.
  """
  if isinstance(game, game_lib.Game):
    return game
  if evaluation == "exact":
    return game_tree.enumerate_game(game, max_histories, done)
  if evaluation == "sampled":
    return state_game.state_game(game)
  if evaluation != "auto":
    raise ValueError(f"unknown evaluation {evaluation!r}; use auto, exact or "
                     "sampled")
  try:
    return game_tree.enumerate_game(game, max_histories, done)
  except game_tree.NotEnumerableError:
    return state_game.state_game(game)

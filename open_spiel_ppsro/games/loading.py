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

"""Loading: from a string to a pyspiel game that PSRO can play."""

from collections.abc import Sequence
import contextlib
import difflib
import os
import sys

import numpy as np
import pyspiel


def load_game(name: str) -> pyspiel.Game:
  """Returns the pyspiel game of a game string, with parameters or without.

  Raises:
    ValueError: if OpenSpiel has no such game or parameter; in one line.
  """
  if not isinstance(name, str):
    raise ValueError(f"game is {name!r}; it takes a pyspiel game or its string")
  short_name = name.split("(")[0].strip()
  known = pyspiel.registered_names()
  if short_name not in known:
    close = difflib.get_close_matches(short_name, known)
    hint = f"; did you mean {' or '.join(close)}?" if close else (
        "; pyspiel.registered_names() lists those it has")
    raise ValueError(f"OpenSpiel has no game {short_name!r}{hint}")
  try:
    with silent_stderr():
      return pyspiel.load_game(name)
  except (pyspiel.SpielError, IndexError, RuntimeError) as error:
    # Some games, such as nfg_game, raise IndexError if a parameter is missing.
    text = ("a parameter is missing" if isinstance(error, IndexError)
            else " ".join(str(error).split()))
    raise ValueError(
        f"cannot load {name!r}: {text}; {short_name} takes "
        f"{_parameters(short_name)}") from error


def _parameters(short_name):
  """Returns in words the parameters of a game."""
  for game_type in pyspiel.registered_games():
    if game_type.short_name == short_name:
      return ", ".join(game_type.parameter_specification) or "no parameters"
  return "no parameters"


@contextlib.contextmanager
def silent_stderr():
  """Silences standard error, where OpenSpiel repeats its C++ exceptions."""
  sys.stderr.flush()
  saved = os.dup(2)
  try:
    with open(os.devnull, "wb") as nowhere:
      os.dup2(nowhere.fileno(), 2)
    yield
  finally:
    os.dup2(saved, 2)
    os.close(saved)


def turn_based(game: pyspiel.Game) -> pyspiel.Game:
  """Returns `game`, converted to turn-based if its moves are simultaneous."""
  if not isinstance(game, pyspiel.Game):
    raise ValueError(f"game is {game!r}; it takes a pyspiel game or its string")
  dynamics = game.get_type().dynamics
  if dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
    return pyspiel.convert_to_turn_based(game)
  if dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
    raise ValueError(
        f"{game.get_type().short_name} is a mean-field game; PSRO needs a "
        "sequential or simultaneous game of two or more players")
  return game


def playable(game: pyspiel.Game) -> pyspiel.Game:
  """Returns `game`, converted to turn-based, if PSRO can play it.

  Raises:
    ValueError: if the game is a mean-field game or has fewer than two players.
  """
  game = turn_based(game)
  if game.num_players() < 2:
    raise ValueError(
        f"{game} has {game.num_players()} player; PSRO needs two or more")
  return game


def check_actions(game: pyspiel.Game, legal_actions: Sequence[int]) -> None:
  """Raises ValueError if a game offers an action that it says it has not."""
  if max(legal_actions) >= game.num_distinct_actions():
    raise ValueError(
        f"{game} offers action {max(legal_actions)} and says that it has "
        f"{game.num_distinct_actions()} distinct actions: its parameters do "
        "not fit each other")


def check_has_decisions(game: pyspiel.Game, has_some: bool) -> None:
  """Raises ValueError if nobody ever decides anything in a game."""
  if not has_some:
    raise ValueError(f"{game} ends before anybody decides anything: choose "
                     "other parameters")


def observation(state: pyspiel.State, player: int) -> np.ndarray | None:
  """Returns the input of a network at `state`, float32 `[D]`, or None.

  It is the information state tensor where the game has one, else the
  observation tensor; None if the game has neither.
  """
  game_type = state.get_game().get_type()
  if game_type.provides_information_state_tensor:
    return np.asarray(state.information_state_tensor(player), np.float32)
  if game_type.provides_observation_tensor:
    return np.asarray(state.observation_tensor(player), np.float32)
  return None

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

"""StateGame: a game that is too large to enumerate and is played by states.

It answers the questions that the rest of the package asks of any game, see
`game.Game`, without a tree.
"""

from collections.abc import Sequence
import dataclasses
import random
from typing import Any
from typing import Self

import numpy as np
from open_spiel.python import observation
import pyspiel

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import loading

# The episodes of random play by which the mean length of an episode is
# estimated. More make the estimate more precise and a start slower.
_NUM_PROBES = 200


@dataclasses.dataclass(frozen=True, eq=False)
class StateGame(game_lib.Game):
  """A game that is sampled; make it with `open_game` or `state_game`.

  Attributes:
    game: the pyspiel game, turn-based.
    num_players: n, the number of players.
    num_actions: A, the number of distinct actions.
    num_features: D, the length of an observation: the information state tensor
      or, where the game has none, the observation tensor, which may forget;
      then a one-hot seat where one population plays all seats.
    is_zero_sum: whether OpenSpiel calls the game zero-sum.
    roles: for each player, the population that its policies come from.
    mean_steps: decisions of all players in an episode of uniformly random
      play, estimated.
    before_symmetry: see `game.Game`.
  """
  game: pyspiel.Game
  num_players: int
  num_actions: int
  num_features: int
  is_zero_sum: bool
  roles: tuple[int, ...]
  mean_steps: float
  before_symmetry: Self | None = None

  is_enumerated = False

  def __getstate__(self):
    # A game travels as its string, because some pyspiel games cannot be
    # pickled.
    return {**self.__dict__, "game": str(self.game), "before_symmetry": None}

  def __setstate__(self, state):
    self.__dict__.update(state, game=pyspiel.load_game(state["game"]))

  def observer(self) -> Any:
    """Returns an OpenSpiel observation: `set_from(state, player)`, `tensor`."""
    recalls = self.game.get_type().provides_information_state_tensor
    return observation.make_observation(
        self.game, pyspiel.IIGObservationType(perfect_recall=recalls))

  def with_seats(self, observations: np.ndarray,
                 players: Sequence[int] | np.ndarray) -> np.ndarray:
    """Returns observations as policies see them.

    Args:
      observations: float32 `[U, D]`, from an `observer`.
      players: int `[U]`, the player who sees each observation.

    Returns:
      Each observation followed by its one-hot seat, `[U, D + 2]`, where one
      population plays all seats; the same observations elsewhere.
    """
    if not self.plays_all_seats:
      return observations
    return np.concatenate(
        [observations, np.eye(2, dtype=np.float32)[players]], axis=1)


def state_game(game: pyspiel.Game | str) -> StateGame:
  """Returns the `StateGame` of a pyspiel game or a game string.

  Raises:
    ValueError: if the game has fewer than two players, is a mean-field game,
      has neither information state nor observation tensors, has no decisions,
      or offers actions that it says it has not.
  """
  if isinstance(game, str):
    game = loading.load_game(game)
  game = loading.playable(game)
  kind = game.get_type()
  if kind.provides_information_state_tensor:
    num_features = game.information_state_tensor_size()
  elif kind.provides_observation_tensor:
    num_features = game.observation_tensor_size()
  else:
    raise ValueError(
        f"{game} has neither information state tensors nor observation "
        "tensors, so no network can see it: choose a game with tensors, or "
        "parameters that make this one small enough to enumerate")
  return StateGame(
      game=game,
      num_players=game.num_players(),
      num_actions=game.num_distinct_actions(),
      num_features=num_features,
      is_zero_sum=kind.utility == pyspiel.GameType.Utility.ZERO_SUM,
      roles=tuple(range(game.num_players())),
      mean_steps=_mean_steps(game))


def _mean_steps(game):
  """Returns an estimate of the decisions in an episode of random play."""
  rng = random.Random(0)
  steps = 0
  for _ in range(_NUM_PROBES):
    state = game.new_initial_state()
    while not state.is_terminal():
      if state.is_chance_node():
        actions, weights = zip(*state.chance_outcomes())
        state.apply_action(rng.choices(actions, weights)[0])
      else:
        actions = state.legal_actions()
        loading.check_actions(game, actions)
        state.apply_action(rng.choice(actions))
        steps += 1
  loading.check_has_decisions(game, steps > 0)
  return steps / _NUM_PROBES

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

"""Episode states: where many episodes of a `StateGame` are, all at once.

Any game is played on the states of pyspiel, one for each episode. The phantom
games and liar's dice are played on arrays, a move of all episodes at a time.
What is seen and what happens is the same, bit for bit.
"""

import abc
from collections.abc import Sequence
import itertools

import numpy as np
import pyspiel

from open_spiel_ppsro.games import dice
from open_spiel_ppsro.games import phantom_board
from open_spiel_ppsro.games import state_game

_CHANCE = int(pyspiel.PlayerId.CHANCE)


class EpisodeStates(abc.ABC):
  """The states of E episodes."""

  @abc.abstractmethod
  def to_move(self) -> tuple[np.ndarray, np.ndarray]:
    """Lets chance move; returns the episodes that go on, and who is to move.

    Returns:
      int `[U]`, the episodes in ascending order, and int `[U]`, the players.
    """

  @abc.abstractmethod
  def observe(self, episodes: np.ndarray, players: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    """Returns what players see: float32 `[U, D]`, and bool `[U, A]`.

    Args:
      episodes: int `[U]`.
      players: int `[U]`, who is to move in each of them.
    """

  @abc.abstractmethod
  def returns_so_far(self, episodes: np.ndarray,
                     players: np.ndarray) -> np.ndarray:
    """Returns float `[U]`, what players have earned; see `observe`."""

  @abc.abstractmethod
  def apply(self, episodes: np.ndarray, actions: np.ndarray) -> None:
    """Applies an action in each of some episodes.

    Args:
      episodes: int `[U]`.
      actions: int `[U]`, of the players who are to move.
    """

  @abc.abstractmethod
  def returns(self) -> np.ndarray:
    """Returns float `[n, E]`, what all players have earned at the end."""


def make_states(game: state_game.StateGame, num_episodes: int,
                rng: np.random.Generator,
                chance: np.ndarray | None = None) -> EpisodeStates:
  """Returns the first states of episodes, on arrays if that can be.

  Args:
    game: a `StateGame`.
    num_episodes: E.
    rng: decides chance events.
    chance: float `[E, C]`, see `play.play`.
  """
  board = phantom_board.of_string(str(game.game))
  if board is not None:
    return BoardStates(board, num_episodes)
  rules = dice.of_string(str(game.game))
  if rules is not None:
    return DiceStates(rules, num_episodes, rng, chance)
  return GameStates(game, num_episodes, rng, chance)


class GameStates(EpisodeStates):
  """The states of any game."""

  def __init__(self, game: state_game.StateGame, num_episodes: int,
               rng: np.random.Generator, chance: np.ndarray | None):
    """Makes the first states; see `make_states`."""
    self._game = game
    self._observer = game.observer()
    self._states = [game.game.new_initial_state() for _ in range(num_episodes)]
    self._has_rewards = (game.game.get_type().reward_model
                         == pyspiel.GameType.RewardModel.REWARDS)
    self._rng = rng
    self._chance = chance
    self._events = [0] * num_episodes
    self._alive: Sequence[int] = range(num_episodes)

  def to_move(self) -> tuple[np.ndarray, np.ndarray]:
    states = self._states
    acting, to_move = [], []
    for episode in self._alive:
      state = states[episode]
      player = state.current_player()
      while player == _CHANCE:
        self._apply_chance(episode)
        player = state.current_player()
      if player >= 0:
        acting.append(episode)
        to_move.append(player)
    self._alive = acting
    return np.array(acting, int), np.array(to_move, int)

  def _apply_chance(self, episode):
    event = self._events[episode]
    self._events[episode] += 1
    apply_chance(self._states[episode],
                 self._chance[episode, event]
                 if self._chance is not None and event < self._chance.shape[1]
                 else self._rng.random())

  def observe(self, episodes: np.ndarray, players: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    states = self._states
    set_from, tensor = self._observer.set_from, self._observer.tensor
    seen, legal = [], []
    for episode, player in zip(episodes.tolist(), players.tolist()):
      state = states[episode]
      set_from(state, player)
      seen.append(tensor.tobytes())
      legal.append(state.legal_actions())
    # The buffer is a bytearray, because torch warns of read-only arrays.
    observations = np.frombuffer(
        bytearray().join(seen), np.float32).reshape(len(seen), -1)
    counts = np.fromiter(map(len, legal), int, len(legal))
    mask = np.zeros((len(legal), self._game.num_actions), bool)
    mask[np.repeat(np.arange(len(legal)), counts),
         np.fromiter(itertools.chain.from_iterable(legal), int,
                     counts.sum())] = True
    return observations, mask

  def returns_so_far(self, episodes: np.ndarray,
                     players: np.ndarray) -> np.ndarray:
    if not self._has_rewards:
      return np.zeros(len(episodes))
    return np.array(
        [self._states[episode].returns()[player] for episode, player in zip(
            episodes.tolist(), players.tolist())], float)

  def apply(self, episodes: np.ndarray, actions: np.ndarray) -> None:
    states = self._states
    for episode, action in zip(episodes.tolist(), actions.tolist()):
      states[episode].apply_action(action)

  def returns(self) -> np.ndarray:
    return np.array([state.returns() for state in self._states], float
                    ).reshape(len(self._states), self._game.num_players).T


class _ArrayStates(EpisodeStates):
  """States on arrays, of two players who move one at a time.

  All rewards come at the end.
  """

  def __init__(self, num_episodes: int):
    """Lets player 0 be to move in all episodes."""
    self._mover = np.zeros(num_episodes, int)
    self._alive = np.arange(num_episodes)
    self._has_ended = np.zeros(num_episodes, bool)
    self._returns = np.zeros((2, num_episodes))

  def to_move(self) -> tuple[np.ndarray, np.ndarray]:
    self._alive = self._alive[~self._has_ended[self._alive]]
    return self._alive, self._mover[self._alive]

  def returns_so_far(self, episodes: np.ndarray,
                     players: np.ndarray) -> np.ndarray:
    return np.zeros(len(episodes))

  def returns(self) -> np.ndarray:
    return self._returns


class BoardStates(_ArrayStates):
  """The states of a phantom game."""

  def __init__(self, board: phantom_board.PhantomBoard, num_episodes: int):
    """Makes empty boards.

    Args:
      board: the rules.
      num_episodes: E.
    """
    super().__init__(num_episodes)
    self._board = board
    nothing = np.zeros((1, 0), int)
    # A row for each episode and player, one after another.
    self._seen = np.repeat(
        board.observations(0, nothing, nothing.astype(bool)),
        2 * num_episodes, axis=0)
    self._legal = np.ones((2 * num_episodes, board.num_cells), bool)
    self._stones = np.zeros(2 * num_episodes, int)
    self._num_tries = np.zeros(2 * num_episodes, int)

  def observe(self, episodes: np.ndarray, players: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    rows = 2 * episodes + players
    return self._seen[rows], self._legal[rows]

  def apply(self, episodes: np.ndarray, actions: np.ndarray) -> None:
    board = self._board
    players = self._mover[episodes]
    own, other = 2 * episodes + players, 2 * episodes + 1 - players
    is_free = ((self._stones[other] >> actions) & 1) == 0
    self._legal[own, actions] = False
    # A feature of a matrix row, counted through: faster than pairs of indices.
    features = self._seen.reshape(-1)
    first = own * board.num_features
    features[first + board.feature_of_free(actions)] = 0
    features[first + board.feature_of_owner(
        actions, np.where(is_free, players, 1 - players))] = 1
    features[first + board.feature_of_try(self._num_tries[own], actions)] = 1
    self._num_tries[own] += 1
    stones = self._stones[own] | np.where(is_free, 1 << actions, 0)
    self._stones[own] = stones
    has_won = is_free & board.wins[players, stones]
    winners = episodes[has_won]
    self._returns[players[has_won], winners] = 1
    self._returns[1 - players[has_won], winners] = -1
    self._has_ended[winners] = True
    if board.drawn:
      self._has_ended[
          episodes[(stones | self._stones[other]) == board.drawn]] = True
    if board.abrupt:
      self._mover[episodes] = 1 - players
    else:
      self._mover[episodes] = np.where(is_free, 1 - players, players)


class DiceStates(_ArrayStates):
  """The states of liar's dice."""

  def __init__(self, rules: dice.Dice, num_episodes: int,
               rng: np.random.Generator, chance: np.ndarray | None):
    """Rolls the dice.

    Args:
      rules: of the game.
      num_episodes: E.
      rng: see `make_states`.
      chance: see there.
    """
    super().__init__(num_episodes)
    self._rules = rules
    num_known = 0 if chance is None else min(
        chance.shape[1], 2 * rules.num_dice)
    uniform = rng.random((num_episodes, 2 * rules.num_dice - num_known))
    if chance is not None:
      uniform = np.concatenate([chance[:, :num_known], uniform], axis=1)
    self._hands = self._hands_of(uniform)
    self._bids = np.zeros((num_episodes, rules.num_bids), np.float32)
    self._highest = np.full(num_episodes, -1)

  def _hands_of(self, uniform):
    """Returns int `[2, E]`, the numbers of the hands; see `apply_chance`."""
    rules, left = self._rules, uniform.copy()
    sides = np.zeros(uniform.shape, int)
    for _ in range(rules.num_sides - 1):
      left -= 1 / rules.num_sides
      sides += left >= 0
    sides = np.sort(sides.reshape(-1, 2, rules.num_dice), axis=2)
    # Ascending sides, read as a number: those of hands are in their order.
    places = rules.num_sides ** np.arange(rules.num_dice)[::-1]
    return np.searchsorted(np.array(rules.hands) @ places, sides @ places).T

  def observe(self, episodes: np.ndarray, players: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    rules, first = self._rules, self._rules.first_bid_feature
    seen = rules.features[players, self._hands[players, episodes]]
    seen[:, first:first + rules.num_bids] = self._bids[episodes]
    return seen, rules.legal_actions_mask(self._highest[episodes])

  def apply(self, episodes: np.ndarray, actions: np.ndarray) -> None:
    players = self._mover[episodes]
    is_call = actions == self._rules.num_bids
    called, callers = episodes[is_call], players[is_call]
    bidders = 1 - callers
    payoffs = self._rules.payoffs[
        self._highest[called], self._hands[bidders, called],
        self._hands[callers, called]]
    self._returns[bidders, called] = payoffs
    self._returns[callers, called] = -payoffs
    self._has_ended[called] = True
    bid, bids = episodes[~is_call], actions[~is_call]
    self._bids[bid, bids] = 1
    self._highest[bid] = bids
    self._mover[episodes] = 1 - players


def apply_chance(state: pyspiel.State, uniform: float) -> None:
  """Applies the chance outcome that a number in [0, 1) selects."""
  for action, probability in state.chance_outcomes():
    uniform -= probability
    if uniform < 0:
      break
  state.apply_action(action)  # Rounding can leave only the last outcome.

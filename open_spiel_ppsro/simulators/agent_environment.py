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

"""AgentEnvironment: the episodes of one player, a decision at a time.

OpenSpiel's agents are stepped through an episode and learn on the way. To one
player who plays against opponents that stand still, the rest of the game is an
environment: it is shown as `rl_environment.TimeStep`, as OpenSpiel's own
environments are.
"""

import abc
from typing import Any

import numpy as np
from open_spiel.python import rl_environment

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import agent as agent_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import episode_states
from open_spiel_ppsro.simulators import play
from open_spiel_ppsro.simulators import tree_simulator


class AgentEnvironment(abc.ABC):
  """A game as one player meets it.

  Attributes:
    num_features: D, the length of an observation.
    num_steps: decisions of all players in the episode, known at its end.
    episode_return: of the player in the episode, in game utility, known at
      its end.
  """

  num_features: int
  num_steps: int = 0
  episode_return: float = 0.0

  @abc.abstractmethod
  def face(self, opponents: Any, random_share: float = 0.0) -> None:
    """Sets the opponents of the episodes to come, as `Simulator.face` does."""

  @abc.abstractmethod
  def reset(self, rng: np.random.Generator) -> rl_environment.TimeStep:
    """Begins an episode and returns its first time step.

    That is its last one, too, if the player has nothing to decide in it.

    Args:
      rng: decides everything random in the episode, its own actions aside.
    """

  @abc.abstractmethod
  def step(self, action: int) -> rl_environment.TimeStep:
    """Takes an action and returns the next time step of the player."""


def make_environment(game: game_lib.Game, player: int) -> AgentEnvironment:
  """Returns the environment of `player` in a `GameTree` or a `StateGame`."""
  if isinstance(game, state_game.StateGame):
    return StateEnvironment(game, player)
  assert isinstance(game, game_tree.GameTree)
  return TreeEnvironment(game, player)


class TreeEnvironment(AgentEnvironment):
  """The environment of a player in an enumerated game, on its arrays.

  After an own sequence comes an information state of the player or the end of
  the episode, with a probability proportional to the reach of chance and of
  the opponents: in a game of perfect recall these are all there is to know.
  So one draw stands for all that happens until the next decision, and its cost
  does not depend on the number of opponents. All rewards come at the end.
  """

  def __init__(self, tree: game_tree.GameTree, player: int):
    """Makes the environment of `player` in a `GameTree`."""
    self._tree = tree
    self._player = player
    infostates = tree.infostates[player]
    self.num_features = infostates.observations.shape[1]
    self._info_states = infostates.observations.tolist()
    self._legal_actions = [np.flatnonzero(mask).tolist()
                           for mask in infostates.legal_actions_mask]
    self._nowhere = [0.0] * self.num_features
    # What may follow a sequence: information states `[I]`, then terminal
    # histories `[T]`; sorted by the sequence that they follow.
    self._follows = np.concatenate([infostates.parent_sequences,
                                    tree.terminal_sequences[player]])
    self._order = np.argsort(self._follows, kind="stable")
    self._follows = self._follows[self._order]
    self._bounds = np.searchsorted(
        self._follows, np.arange(tree.num_sequences(player) + 1)).tolist()
    self._cumulative = np.zeros(0)
    self._rng = np.random.default_rng(0)
    self._row = 0

  def face(self, opponents, random_share=0.0):
    reach = tree_simulator.opponents_reach(
        self._tree, opponents, self._player, random_share)
    weights = np.concatenate([self._infostate_reach(reach), reach])[
        self._order]
    # Each sequence has a share of 1, so that rounding is the same for all.
    total = np.bincount(self._follows, weights, len(self._bounds) - 1)
    self._cumulative = np.cumsum(
        weights / np.maximum(total, np.finfo(float).tiny)[self._follows])

  def _infostate_reach(self, reach):
    """Returns `[I]`: chance and opponents' reach of each information state.

    Args:
      reach: `[T]`, the same of the terminal histories.
    """
    tree, player = self._tree, self._player
    infostates = tree.infostates[player]
    mask = infostates.legal_actions_mask
    values = np.bincount(tree.terminal_sequences[player], reach,
                         tree.num_sequences(player))
    rows = values[:-1].reshape(mask.shape)
    found = np.empty(len(infostates))
    for level in reversed(infostates.levels):
      # It is equal below every legal action; their mean rounds least.
      found[level] = rows[level].sum(axis=1) / mask[level].sum(axis=1)
      values += np.bincount(infostates.parent_sequences[level], found[level],
                            len(values))
    return found

  def reset(self, rng):
    self._rng = rng
    return self._after(len(self._bounds) - 2, rl_environment.StepType.FIRST)

  def step(self, action):
    return self._after(self._row * self._tree.num_actions + action,
                       rl_environment.StepType.MID)

  def _after(self, sequence, step_type):
    """Returns the time step that follows a sequence."""
    start, stop = self._bounds[sequence], self._bounds[sequence + 1]
    low = self._cumulative[start - 1] if start else 0.0
    high = self._cumulative[stop - 1]
    # Below the highest, so that by rounding nothing of probability 0 follows.
    threshold = min(low + self._rng.random() * (high - low),
                    np.nextafter(high, low))
    drawn = self._order[start + self._cumulative[start:stop].searchsorted(
        threshold, side="right")]
    if drawn < len(self._info_states):
      self._row = int(drawn)
      return agent_lib.time_step(
          self._player, self._tree.num_players, self._info_states[drawn],
          self._legal_actions[drawn],
          None if step_type == rl_environment.StepType.FIRST
          else [0.0] * self._tree.num_players, step_type)
    terminal = drawn - len(self._info_states)
    rewards = self._tree.terminal_returns[:, terminal].tolist()
    self.num_steps = int(self._tree.terminal_steps[terminal])
    self.episode_return = rewards[self._player]
    return agent_lib.time_step(
        self._player, len(rewards), self._nowhere, [], rewards,
        rl_environment.StepType.LAST)


class StateEnvironment(AgentEnvironment):
  """The environment of a player in a sampled game, on pyspiel states.

  Where one population plays both seats, the seat is drawn per episode, and
  the rewards are told as if it were the seat of the player.
  """

  def __init__(self, game: state_game.StateGame, player: int):
    """Makes the environment of `player` in a `StateGame`."""
    self._game = game
    self._player = player
    self.num_features = game.num_features
    self._observer = game.observer()
    self._nowhere = [0.0] * self.num_features
    self._opponents: Any = None
    self._random_share = 0.0
    # Of the episode: who plays which seat and how, and who has got what.
    self._rng = np.random.default_rng(0)
    self._seats: list[int] = []
    self._policies: list[Any] = []
    self._returns: list[float] = []
    self._state: Any = None

  def face(self, opponents, random_share=0.0):
    self._opponents = opponents
    self._random_share = random_share

  def reset(self, rng):
    self._rng = rng
    self._seats = list(range(self._game.num_players))
    if self._game.plays_all_seats and rng.random() < 0.5:
      self._seats.reverse()
    self._policies = self._draw_policies()
    self._state = self._game.game.new_initial_state()
    self._returns = [0.0] * self._game.num_players
    self.num_steps = 0
    return self._advance(rl_environment.StepType.FIRST)

  def step(self, action):
    self._state.apply_action(action)
    self.num_steps += 1
    return self._advance(rl_environment.StepType.MID)

  def _draw_policies(self):
    """Returns the policies of the episode, None for that of the player."""
    mixtures, profile = self._opponents, None
    if isinstance(mixtures, population.JointMixture):
      profiles, probabilities = mixtures.without(self._player)
      profile = profiles[self._rng.choice(len(profiles), p=probabilities)]
      mixtures = mixtures.mixtures
    policies: list[Any] = [None] * self._game.num_players
    for other, mixture in enumerate(mixtures):
      if other == self._player:
        continue
      chosen = (self._rng.choice(len(mixture.snapshots),
                                 p=mixture.probabilities)
                if profile is None else profile[other])
      is_random = self._rng.random() < self._random_share
      policies[other] = (sampled.UniformPolicy() if is_random else
                         mixture.snapshots[chosen].policy)
    return policies

  def _advance(self, step_type):
    """Returns the next time step of the player, after all others' moves."""
    state, game = self._state, self._game
    while not state.is_terminal():
      seat = state.current_player()
      if state.is_chance_node():
        episode_states.apply_chance(state, self._rng.random())
        continue
      legal_actions = state.legal_actions()
      self._observer.set_from(state, seat)
      observation = game.with_seats(
          np.array(self._observer.tensor)[None], [seat])
      policy = self._policies[self._seats[seat]]
      if policy is None:
        return agent_lib.time_step(
            self._player, game.num_players, observation[0].tolist(),
            legal_actions,
            None if step_type == rl_environment.StepType.FIRST
            else self._rewards(), step_type)
      mask = np.zeros((1, game.num_actions), bool)
      mask[0, legal_actions] = True
      state.apply_action(int(play.choose(policy(observation, mask),
                                         self._rng)[0]))
      self.num_steps += 1
    rewards = self._rewards()
    self.episode_return = self._returns[self._player]
    return agent_lib.time_step(
        self._player, len(rewards), self._nowhere, [], rewards,
        rl_environment.StepType.LAST)

  def _rewards(self):
    """Returns what each player has got since this was asked last."""
    by_seat = self._state.returns()
    before = self._returns
    self._returns = [by_seat[seat] for seat in self._seats]
    return [now - then for now, then in zip(self._returns, before)]

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

"""Policies as OpenSpiel and psro_v2 know them."""

import numpy as np
from open_spiel.python import policy
from open_spiel.python import rl_agent
import pyspiel


class FunctionPolicy(policy.Policy):
  """A policy of a sampled game, as OpenSpiel knows policies.

  Attributes:
    function: from `(observations [U, D], legal_actions_mask [U, A])` to
      action probabilities `[U, A]`.
  """

  def __init__(self, game, players, function, frozen=True):
    """Makes a policy.

    Args:
      game: a `StateGame`.
      players: the seats that it plays.
      function: see above.
      frozen: whether it is final.
    """
    super().__init__(game.game, players)
    self.function = function
    self._state_game = game
    self._frozen = frozen
    self._observer = game.observer()

  def __getstate__(self):
    return self._state_game, self.player_ids, self.function, self._frozen

  def __setstate__(self, state):
    self.__init__(*state)

  def action_probabilities(self, state, player_id=None):
    """Returns `{action: probability}` for the legal actions of a state."""
    player = state.current_player() if player_id is None else player_id
    legal_actions = state.legal_actions(player)
    probabilities = self.probabilities(state, player, legal_actions)
    return {action: float(probabilities[action]) for action in legal_actions}

  def probabilities(self, state, player, legal_actions):
    """Returns float `[A]` for a player at a state."""
    self._observer.set_from(state, player)
    observation = np.array(self._observer.tensor)[None]
    if self._state_game.plays_all_seats:
      observation = np.concatenate(
          [observation, np.eye(2, dtype=np.float32)[[player]]], axis=1)
    mask = np.zeros((1, self._state_game.num_actions), bool)
    mask[0, legal_actions] = True
    return self.function(observation, mask)[0]

  def freeze(self):
    self._frozen = True

  def unfreeze(self):
    self._frozen = False

  def is_frozen(self):
    return self._frozen


class BestResponsePolicy(policy.Policy):
  """A policy of the population, as OpenSpiel and psro_v2 know policies.

  It gives probabilities by information state, from a table, for the one seat
  that it plays, or for both in a seat-symmetric run. It can be frozen,
  copied, stepped and pickled as psro_v2 asks of an RLPolicy; it does not
  learn by being stepped, its learner does.
  """

  def __init__(self, game, seats, frozen=False):
    """Makes a policy.

    Args:
      game: a turn-based pyspiel game.
      seats: for each player that it plays, a pair of the
        `game_tree.Infostates` of that player and a table `[I, A]`.
      frozen: whether it is final.
    """
    super().__init__(game, sorted(seats))
    self._seats = dict(seats)
    self._frozen = frozen
    self._rows_by_observation = {}
    self._rng = np.random.default_rng(0)

  def table(self, player):
    """Returns the table `[I, A]` of a player that it plays."""
    return self._seat(player)[1]

  def _seat(self, player):
    if player not in self._seats:
      raise ValueError(
          f"this policy plays player {' and '.join(map(str, self.player_ids))},"
          f" it was asked to play player {player}")
    return self._seats[player]

  def action_probabilities(self, state, player_id=None):
    """Returns `{action: probability}` for the legal actions of a state.

    Raises:
      ValueError: if it is asked to play another seat than its own, or an
        information state that the game does not have.
    """
    player = state.current_player() if player_id is None else player_id
    if player == pyspiel.PlayerId.SIMULTANEOUS:
      raise ValueError("at a simultaneous node say which player is asked: "
                       "action_probabilities(state, player_id)")
    infostates, table = self._seat(player)
    name = state.information_state_string(player)
    if name not in infostates.rows:
      raise ValueError(f"{self.game} has no information state {name!r} of "
                       f"player {player}")
    row = table[infostates.rows[name]]
    return {action: float(row[action])
            for action in state.legal_actions(player)}

  def step(self, time_step, is_evaluation=False):
    """Returns the `rl_agent.StepOutput` for an `rl_environment` time step."""
    del is_evaluation  # It never learns here.
    if time_step.last():
      return None
    player = time_step.observations["current_player"]
    if player not in self._seats:  # At a simultaneous node.
      player = self.player_ids[0]
    infostates, table = self._seats[player]
    if player not in self._rows_by_observation:
      self._rows_by_observation[player] = {
          row.tobytes(): index
          for index, row in enumerate(infostates.observations)}
    seen = np.asarray(
        time_step.observations["info_state"][player], np.float32)
    row = self._rows_by_observation[player].get(seen.tobytes())
    if row is None:
      raise ValueError(f"{self.game} has no information state with the tensor "
                       f"{seen.tolist()} of player {player}")
    return rl_agent.StepOutput(
        action=int(self._rng.choice(len(table[row]), p=table[row])),
        probs=table[row].copy())

  def freeze(self):
    self._frozen = True

  def unfreeze(self):
    self._frozen = False

  def is_frozen(self):
    return self._frozen

  def get_weights(self):
    """Returns a copy of the table `[I, A]` of each player that it plays."""
    return [table.copy() for _, table in self._seats.values()]

  def copy_with_noise(self, sigma=0.0):
    """Returns an unfrozen copy.

    Args:
      sigma: each row becomes `(1 - sigma)` of itself plus `sigma` of a random
        distribution over its legal actions; 0 copies exactly.
    """
    seats = {}
    for player, (infostates, table) in self._seats.items():
      mask = infostates.legal_actions_mask
      noise = self._rng.exponential(size=mask.shape) * mask
      noise /= noise.sum(axis=1, keepdims=True)
      seats[player] = infostates, (
          (1 - sigma) * table + sigma * noise if sigma else table.copy())
    return BestResponsePolicy(self.game, seats)

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

"""NetworkMixture: mixtures of networks as one OpenSpiel policy, and on disk.

What a run on a sampled game has found: for each player a distribution over
networks, one of which is drawn per episode.
"""

import pathlib

import numpy as np
from open_spiel.python import policy
import pyspiel

from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import open_spiel_policies
from open_spiel_ppsro.simulators import state_simulator

_FILE = "final_policy.npz"


class NetworkMixture(policy.Policy):
  """The behaviour policy of a mixture per player, weighted by reach.

  At a state each network counts by its probability times those that it gave
  to the player's actions on the way, as perfect recall demands.
  """

  def __init__(self, game, functions, probabilities):
    """Makes a policy.

    Args:
      game: a `StateGame`.
      functions: per player, K functions as snapshots keep them.
      probabilities: per player `[K]`.
    """
    super().__init__(game.game, list(range(game.num_players)))
    self.probabilities = probabilities
    self._policies = [
        [open_spiel_policies.FunctionPolicy(game, [player], function) for function in chosen]
        for player, chosen in enumerate(functions)]

  def action_probabilities(self, state, player_id=None):
    """Returns `{action: probability}` for the legal actions of a state."""
    player = state.current_player() if player_id is None else player_id
    weights = np.array(self.probabilities[player], float)
    before = self.game.new_initial_state()
    for action in state.history():
      if before.current_player() == player:
        weights *= self._all(before, player)[:, action]
      before.apply_action(action)
    if not weights.sum() > 0:  # Nobody comes here; any answer is right.
      weights = np.array(self.probabilities[player], float)
    mean = weights @ self._all(state, player) / weights.sum()
    return {action: float(mean[action])
            for action in state.legal_actions(player)}

  def _all(self, state, player):
    """Returns `[K, A]`, what each network plays."""
    legal_actions = state.legal_actions(player)
    return np.stack([one.probabilities(state, player, legal_actions)
                     for one in self._policies[player]])


def write_networks(path, game, mixtures):
  """Writes a mixture per player into a run directory, without pickles.

  Args:
    path: the run directory.
    game: the `StateGame` that was played.
    mixtures: a `population.Mixture` per player.
  """
  arrays = {"game": np.array(str(game.game)),
            "plays_all_seats": np.array(game.plays_all_seats)}
  for player, mixture in enumerate(mixtures):
    arrays[f"probabilities_{player}"] = mixture.probabilities
    for index, snapshot in enumerate(mixture.snapshots):
      if isinstance(snapshot.policy, state_simulator.UniformPolicy):
        continue  # No arrays: uniform.
      for name in ("sizes", "parameters", "temperature", "context"):
        value = getattr(snapshot.policy, name)
        if value is not None:
          arrays[f"{name}_{player}_{index}"] = np.array(value)
  np.savez_compressed(pathlib.Path(path) / _FILE, **arrays)


def read_networks(path):
  """Returns what `write_networks` wrote as a `NetworkMixture`."""
  with np.load(pathlib.Path(path) / _FILE, allow_pickle=False) as arrays:
    game = state_game.state_game(pyspiel.load_game(str(arrays["game"])))
    if arrays["plays_all_seats"]:
      game = state_game.symmetrise(game)
    probabilities = [arrays[f"probabilities_{player}"]
                     for player in range(game.num_players)]
    functions = []
    for player, weights in enumerate(probabilities):
      chosen = []
      for index in range(len(weights)):
        get = lambda name, end=f"_{player}_{index}": (
            arrays[name + end] if name + end in arrays else None)
        chosen.append(
            state_simulator.UniformPolicy() if get("parameters") is None else
            networks.NetworkPolicy(
                tuple(get("sizes").tolist()), get("parameters"),
                game.num_actions, float(get("temperature")), get("context")))
      functions.append(chosen)
  return NetworkMixture(game, functions, probabilities)

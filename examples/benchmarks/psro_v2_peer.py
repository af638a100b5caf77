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

"""psro_v2 with its RLOracle and OpenSpiel's torch DQN: what ours is beside.

OpenSpiel wraps agents for psro_v2 in a module that needs JAX, whichever the
agent; `DQNPolicy` is that wrapper for its torch agent. All settings are those
of OpenSpiel's psro_v2_example. pytorch.dqn needs dm-tree.
"""

import contextlib
import io
import random

from absl import logging
import numpy as np
from open_spiel.python import policy
from open_spiel.python import rl_environment
from open_spiel.python.algorithms.psro_v2 import psro_v2
from open_spiel.python.algorithms.psro_v2 import rl_oracle
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.games import loading

_AGENT = {
    "hidden_layers_sizes": [256] * 4,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "update_target_network_every": 1000,
    "learn_every": 10,
    "optimizer_str": "adam",
}


def dqn():
  """Returns OpenSpiel's torch DQN.

  Raises:
    ValueError: if it cannot be imported.
  """
  try:
    from open_spiel.python.pytorch import dqn as module  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise ValueError("psro_v2's torch DQN needs dm-tree: pip install "
                     f"'open_spiel_ppsro[benchmark]' ({error})") from error
  return module.DQN


class DQNPolicy(policy.Policy):
  """A torch DQN agent of one player, as psro_v2's RLOracle trains it."""

  # The constructor of the agent seeds from its argument, 42 by default.
  _seeds = random.Random(1)

  def __init__(self, env, player_id, weights=None):
    super().__init__(env.game, [player_id])
    # It reseeds NumPy and torch for everyone, too.
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
    self._env = env
    self._agent = dqn()(
        player_id=player_id, num_actions=env.action_spec()["num_actions"],
        state_representation_size=env.observation_spec()["info_state"][0],
        seed=self._seeds.randrange(2 ** 31), **_AGENT)
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch_state)
    if weights is not None:
      # pylint: disable=protected-access
      self._agent._q_network.load_state_dict(weights)
      self._agent._target_q_network.load_state_dict(weights)
    self._frozen = False

  def step(self, time_step, is_evaluation=False):
    return self._agent.step(time_step, is_evaluation or self._frozen)

  def action_probabilities(self, state, player_id=None):
    player = state.current_player() if player_id is None else player_id
    mask = np.array(state.legal_actions_mask(player), bool)
    probabilities = self.probabilities(
        loading.observation(state, player)[None], mask[None])[0]
    return {action: probabilities[action]
            for action in np.flatnonzero(mask).tolist()}

  @torch.inference_mode()
  def probabilities(self, observations, legal_actions_mask):
    """Returns action probabilities `[U, A]`, greedy, for many at once."""
    # pylint: disable-next=protected-access
    values = self._agent._q_network(torch.from_numpy(observations)).numpy()
    best = np.where(legal_actions_mask, values, -np.inf).argmax(axis=1)
    return np.eye(values.shape[1])[best]

  def freeze(self):
    self._frozen = True

  def unfreeze(self):
    self._frozen = False

  def is_frozen(self):
    return self._frozen

  def copy_with_noise(self, sigma=0.0):
    del sigma  # OpenSpiel's example has 0.
    # pylint: disable-next=protected-access
    return DQNPolicy(self._env, self.player_ids[0],
                     self._agent._q_network.state_dict())


def make_solver(game, training_episodes, sims_per_entry):
  """Returns a `psro_v2.PSROSolver` as OpenSpiel's example wires it.

  Its meta-strategy is this package's exact `nash`: psro_v2's own needs a solver
  that cvxpy no longer ships.

  Args:
    game: a turn-based pyspiel game.
    training_episodes: of each best response.
    sims_per_entry: games per cell of the payoff table.
  """
  logging.set_verbosity(logging.WARNING)  # It logs every environment made.
  env = rl_environment.Environment(game)
  oracle = rl_oracle.RLOracle(env, DQNPolicy, {},
                              number_training_episodes=training_episodes,
                              self_play_proportion=0.0, sigma=0.0)
  first = [DQNPolicy(env, player) for player in range(game.num_players())]
  for one in first:
    one.freeze()
  with contextlib.redirect_stdout(io.StringIO()):  # It prints.
    return psro_v2.PSROSolver(
        game, oracle, initial_policies=first, sims_per_entry=sims_per_entry,
        training_strategy_selector="probabilistic", rectifier="",
        number_policies_selected=1, sample_from_marginals=True,
        meta_strategy_method=ppsro.nash_strategy)

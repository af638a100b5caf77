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

"""Distillation: one network that imitates a mixture in all seats."""

import dataclasses

import numpy as np
import torch

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.policies import member_mixture
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import play as play_lib

# The share of the weight that is spread over all information states of an
# enumerated game, reached or not. More of it makes play better where nobody
# goes, and worse where they go.
_EVERYWHERE = 0.1
# Rows of an update on a sampled game.
_ROWS = 2_048
# Episodes of a sampled game that are played once and shown again and again, and
# how many of them are under way at a time. More show more of the game.
_EPISODES, _EPISODES_AT_ONCE = 16_384, 2_048


@dataclasses.dataclass(frozen=True, eq=False)
class DistilledPolicy:
  """One network for all seats.

  Attributes:
    network: its input is an observation `[D]`, of fewer features filled up with
      zeros, and then a one-hot seat `[n]`.
    num_features: D, the length of an observation.
    num_players: n, the number of players.
  """
  network: networks.NetworkPolicy
  num_features: int
  num_players: int

  def inputs(self, observations: np.ndarray, player: int) -> np.ndarray:
    """Returns what the network is shown, float32 `[U, D + n]`.

    Args:
      observations: float32 `[U, D_p]`.
      player: whose they are.
    """
    return _inputs(observations, np.full(len(observations), player),
                   self.num_features, self.num_players)

  def tables(self, tree: game_tree.GameTree) -> list[np.ndarray]:
    """Returns per player `[I_p, A]`, what it plays in an enumerated game."""
    return [self.network(self.inputs(infostates.observations, player),
                         infostates.legal_actions_mask)
            for player, infostates in enumerate(tree.infostates)]


def _inputs(observations, players, num_features, num_players):
  rows = np.zeros((len(observations), num_features + num_players), np.float32)
  rows[:, :observations.shape[1]] = observations
  rows[np.arange(len(rows)), num_features + players] = 1
  return rows


def distil(mixture: member_mixture.MemberMixture, hidden_sizes=(128, 128),
           updates: int = 3_000, learning_rate: float = 3e-3, seed: int = 0
           ) -> DistilledPolicy:
  """Trains a network to play as a mixture does.

  On an enumerated game it is shown the behaviour policy of the mixture, each
  information state weighted by how likely play comes there. On a sampled game
  it is shown what members did in episodes between them, which is the same in
  the mean.

  Args:
    mixture: what to imitate.
    hidden_sizes: units in the hidden layers.
    updates: of the network.
    learning_rate: at first; it falls to a hundredth.
    seed: of the weights and the episodes.
  """
  networks.pin_threads()
  game, n = mixture.game, mixture.num_players
  if isinstance(game, game_tree.GameTree):
    width = max(i.observations.shape[1] for i in game.infostates)
    batches = _of_tree(mixture, game, width)
  else:
    assert isinstance(game, state_game.StateGame)
    width = game.original.num_features
    batches = _of_episodes(mixture, game, width, np.random.default_rng(seed))
  sizes = (width + n, *hidden_sizes, game.num_actions)
  network = networks.Network(
      sizes, networks.generator(np.random.SeedSequence(seed)), "cpu",
      last_gain=0.01)
  adam = optimiser.Adam(network.parameters)
  for update in range(updates):
    inputs, mask, targets, weights = next(batches)
    output = network.module(inputs)
    probabilities = networks.masked_softmax(output.detach(), ~mask)
    # Cross-entropy to the targets, whose gradient by logits this is.
    gradient = (probabilities - targets) * weights
    adam.step(network.backward(output, gradient),
              learning_rate * 0.01 ** (update / max(1, updates - 1)))
  return DistilledPolicy(
      networks.NetworkPolicy(sizes, networks.as_array(network.parameters),
                             game.num_actions), width, n)


def _of_tree(mixture, tree, width):
  """Yields the whole game, again and again."""
  tables = mixture.tables(tree)
  plans = [sequence_form.realization_plan(tree, table, player)
           for player, table in enumerate(tables)]
  inputs, masks, targets, weights = [], [], [], []
  for player, infostates in enumerate(tree.infostates):
    reach = sequence_form.infostate_gains(tree, plans, player).reach
    count = len(infostates)
    inputs.append(_inputs(infostates.observations, np.full(count, player),
                          width, tree.num_players))
    masks.append(infostates.legal_actions_mask)
    targets.append(tables[player])
    weights.append((1 - _EVERYWHERE) * reach / max(reach.sum(), 1e-12)
                   + _EVERYWHERE / max(count, 1))
  batch = (torch.from_numpy(np.concatenate(inputs)),
           torch.from_numpy(np.concatenate(masks)),
           torch.from_numpy(np.concatenate(targets)).float(),
           torch.from_numpy(np.concatenate(weights)).float()[:, None])
  while True:
    yield batch


def _of_episodes(mixture, game, width, rng):
  """Yields decisions of members in episodes between them."""
  policies: list[sampled.FunctionPolicy] = []
  offsets = []
  for members in mixture.members:
    offsets.append(len(policies))
    policies += members
  inputs, masks, targets, stacks = [], [], [], {}
  for _ in range(0, _EPISODES, _EPISODES_AT_ONCE):
    drawn = np.array([mixture.draw(rng) for _ in range(_EPISODES_AT_ONCE)]).T
    _, _, decisions = play_lib.play(
        game, policies, drawn + np.array(offsets)[:, None], rng,
        recorded=len(policies), stacks=stacks)
    inputs.append(_inputs(decisions.observations[:, :width], decisions.player,
                          width, game.num_players))
    masks.append(decisions.legal_actions_mask)
    targets.append(decisions.probabilities.astype(np.float32))
  columns = [torch.from_numpy(np.concatenate(parts))
             for parts in (inputs, masks, targets)]
  while True:
    for rows in torch.from_numpy(
        rng.permutation(len(columns[0]))).split(_ROWS):
      yield (*(column.index_select(0, rows) for column in columns),
             1 / len(rows))

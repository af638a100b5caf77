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

"""PPO: a best responder by clipped policy gradients.

Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", with
whole-episode returns instead of bootstrapped ones.
"""

import dataclasses

import numpy as np
import torch

from open_spiel_ppsro import simulators
from open_spiel_ppsro.oracles import base
from open_spiel_ppsro.oracles import networks


@dataclasses.dataclass(frozen=True)
class PPOConfig:
  """How PPO trains. The defaults work on games from Kuhn to Leduc poker.

  Attributes:
    hidden_sizes: of the network, policy and value share it.
    episodes_per_batch: episodes played between two updates of the policy.
    epochs: gradient passes over a batch.
    minibatch_rows: the most distinct observations per gradient step.
    learning_rate: of Adam, while the opponents still change.
    final_learning_rate: it falls to this once they stand still.
    learning_rate_decay: by this factor per batch.
    clip: the ratio of new to old probability is clipped to 1 +- this.
    entropy_coefficient: weight of the entropy bonus.
    value_coefficient: weight of the value loss; returns are scaled to unit
      size first.
    random_opponent_share: this share of episodes is played against uniformly
      random opponents, so that play is sensible where the mixture never goes.
    device: of all tensors, as torch names it.
  """
  hidden_sizes: tuple[int, ...] = (64, 64)
  episodes_per_batch: int = 8192
  epochs: int = 8
  minibatch_rows: int = 4096
  learning_rate: float = 2e-2
  final_learning_rate: float = 1e-3
  learning_rate_decay: float = 0.9
  clip: float = 0.2
  entropy_coefficient: float = 0.0
  value_coefficient: float = 0.5
  random_opponent_share: float = 0.05
  device: str = "cpu"

  def __post_init__(self):
    base.check_positive(
        self, "episodes_per_batch", "epochs", "minibatch_rows",
        "learning_rate", "final_learning_rate", "learning_rate_decay", "clip")
    base.check_share(self, "random_opponent_share")

  def make_learner(self, tree, player, seed_sequence):
    """Returns a `PPOLearner` of `player` in a `GameTree`."""
    return PPOLearner(simulators.TreeSimulator(tree, player), self,
                      seed_sequence)


class PPOLearner(base.Learner):
  """Trains one network on batches of episodes from a simulator."""

  def __init__(self, simulator, config, seed_sequence):
    networks.pin_threads()
    self._simulator = simulator
    self._config = config
    network_seed, episode_seed = seed_sequence.spawn(2)
    self._rng = np.random.default_rng(episode_seed)
    self._network = networks.mlp(
        (simulator.observations.shape[1], *config.hidden_sizes,
         simulator.legal_actions_mask.shape[1] + 1),
        networks.generator(network_seed), config.device, last_gain=0.1)
    self._optimizer = torch.optim.Adam(
        self._network.parameters(), lr=config.learning_rate, fused=True)
    self._learning_rate = config.learning_rate
    self._return_scale = None
    self._observations = networks.DeviceCopy(config.device)
    self._mask = networks.DeviceCopy(config.device)

  def train(self, opponents, num_steps, settled):
    self._simulator.face(opponents, self._config.random_opponent_share)
    steps, episodes, total_return = 0, 0, 0.0
    while steps < num_steps:
      batch = self._simulator.draw(self._policy,
                                   self._config.episodes_per_batch, self._rng)
      self._update(batch)
      if settled:
        self._learning_rate = max(
            self._learning_rate * self._config.learning_rate_decay,
            self._config.final_learning_rate)
      steps += batch.num_steps
      episodes += batch.num_episodes
      total_return += batch.num_episodes * batch.episode_return
    return base.TrainingReport(
        table=self._simulator.tabulate(self._policy),
        mean_return=total_return / episodes, steps=steps, episodes=episodes)

  def _policy(self, observations, mask):
    with torch.no_grad():
      logits = self._network(self._observations(observations))[:, :-1]
      return networks.masked_log_softmax(
          logits, self._mask(mask)).exp().double().cpu().numpy()

  def _update(self, batch):
    """Takes `epochs` passes over a batch."""
    config = self._config
    shape = batch.legal_actions_mask.shape
    flat = batch.row * shape[1] + batch.action
    count = np.bincount(flat, batch.count, shape[0] * shape[1]).reshape(shape)
    total = np.bincount(flat, batch.count * batch.mean_return,
                        shape[0] * shape[1]).reshape(shape)
    visits = count.sum(axis=1)
    value_target = total.sum(axis=1) / np.maximum(visits, 1)
    if self._return_scale is None:
      self._return_scale = float(np.sqrt(
          visits @ value_target ** 2 / visits.sum())) or 1.0

    observations = self._observations(batch.observations)
    mask = self._mask(batch.legal_actions_mask)
    as_tensor = lambda array: torch.as_tensor(
        array, dtype=torch.float32, device=config.device)
    taken = as_tensor(count > 0)
    weight = as_tensor(count / count.sum())
    visit_weight = as_tensor(visits / visits.sum())
    value_target = as_tensor(value_target / self._return_scale)
    returns = as_tensor(total / np.maximum(count, 1) / self._return_scale)
    with torch.no_grad():
      output = self._network(observations)
      old_log_probs = networks.masked_log_softmax(output[:, :-1], mask)
      advantage = (returns - output[:, -1:]) * taken
      mean = (weight * advantage).sum()
      deviation = (weight * (advantage - mean) ** 2).sum().sqrt()
      advantage = advantage / (deviation + 1e-8)

    for group in self._optimizer.param_groups:
      group["lr"] = self._learning_rate
    for _ in range(config.epochs):
      for part in self._minibatches(shape[0]):
        output = self._network(observations[part])
        log_probs = networks.masked_log_softmax(output[:, :-1], mask[part])
        # Where nothing was taken there is no sample, and no ratio to blow up.
        ratio = ((log_probs - old_log_probs[part]) * taken[part]).exp()
        clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
        gain = torch.minimum(ratio * advantage[part],
                             clipped * advantage[part])
        value_error = (output[:, -1] - value_target[part]) ** 2
        loss = (config.value_coefficient
                * (visit_weight[part] * value_error).sum()
                - (weight[part] * gain).sum())
        if config.entropy_coefficient:
          entropy = -(log_probs.exp() * log_probs).sum(dim=1)
          loss -= (config.entropy_coefficient
                   * (visit_weight[part] * entropy).sum())
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

  def _minibatches(self, num_rows):
    """Yields slices or index arrays that cover the rows once."""
    size = self._config.minibatch_rows
    if num_rows <= size:
      yield slice(None)
      return
    order = self._rng.permutation(num_rows)
    for start in range(0, num_rows, size):
      yield order[start:start + size]

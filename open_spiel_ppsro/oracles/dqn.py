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

"""DQN: a best responder by Q-learning with a replay buffer.

Source: Mnih et al. 2015; double Q-targets of van Hasselt et al. 2016.
"""

import collections
import dataclasses
import math
from typing import Any
from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib


@dataclasses.dataclass(frozen=True)
class DQNConfig(learner_lib.LearnerConfig):
  """The settings of DQN. The defaults work on games from Kuhn to Leduc poker.

  A field that is None has a default that depends on the kind of the batches;
  `game_defaults` has them, with the reasons.

  Attributes:
    network: the architecture of the Q-network, as of `PPOConfig`.
    hidden_sizes: the widths of its hidden layers.
    episodes_per_batch: episodes played between two rounds of updates, by each
      worker of a level; by default the expectation on an enumerated game, and
      as many as the simulator plays best on a sampled one.
    replay_batches: how many batches, the newest, the replay buffer keeps.
    updates_per_batch: the gradient steps after each batch, or a few more, so
      that each observation counts as often.
    minibatch_rows: the most distinct observations per gradient step.
    visit_exponent: an action counts by its samples to the power of this; 1
      makes all samples equal. A small one also teaches play that the policy
      rarely comes to.
    learning_rate: the learning rate of Adam while the opponents still change.
    final_learning_rate: the learning rate to which it falls once the opponents
      are final.
    learning_rate_decay: the factor by which it falls per batch.
    epsilon: the share of exploring actions while the opponents still change.
    final_epsilon: the share to which it falls once the opponents are final.
    epsilon_decay: the factor by which it falls per batch.
    target_rate: the share of the way to the network that the target network
      moves per gradient step.
    temperature: the temperature of the published policy, which plays actions by
      the softmax of their Q-values, in units of the scale of returns; 0 plays
      the best action.
    random_opponent_share: the share of episodes against uniformly random
      opponents, which keeps play sensible where the mixture never goes.
    device: the device of all tensors, as torch names it.
  """
  network: Any = "mlp"
  hidden_sizes: tuple[int, ...] = (64, 64)
  episodes_per_batch: int | None = None
  replay_batches: int | None = None
  updates_per_batch: int | None = None
  minibatch_rows: int | None = None
  visit_exponent: float | None = None
  learning_rate: float | None = None
  final_learning_rate: float = 5e-4
  learning_rate_decay: float | None = None
  epsilon: float = 0.5
  final_epsilon: float | None = None
  epsilon_decay: float | None = None
  target_rate: float | None = None
  temperature: float = 0.0
  random_opponent_share: float | None = None
  device: str = "cpu"

  takes_team = True

  def __post_init__(self):
    learner_lib.name_network(self)
    learner_lib.check_positive(
        self, "replay_batches", "updates_per_batch", "minibatch_rows",
        "learning_rate", "final_learning_rate",
        "learning_rate_decay", "epsilon_decay", "target_rate")
    learner_lib.check_not_negative(self, "visit_exponent", "temperature")
    learner_lib.check_sizes(self)
    learner_lib.check_share(
        self, "epsilon", "final_epsilon", "random_opponent_share")

  def for_game(self, game: game_lib.Game) -> "DQNConfig":
    return learner_lib.with_network_of_game(game_defaults.complete(
        self, game_defaults.of_dqn(self, game)), game)

  def check_game(self, game: game_lib.Game) -> None:
    learner_lib.check_network(self.for_game(game), game, 0)

  def steps_per_batch(self, game: game_lib.Game) -> float:
    return of_game.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(
      self, game: game_lib.Game, player: int,
      seed_sequence: np.random.SeedSequence,
      team: data_parallel.SingleWorker = data_parallel.SingleWorker()
  ) -> "DQNLearner":
    return DQNLearner(of_game.make_simulator(game, player),
                      self.for_game(game), seed_sequence, team)


class _Samples(NamedTuple):
  """The inputs of a gradient step, per distinct observation, as tensors.

  Attributes:
    observations: `[U, D]`, the observations.
    target: `[U, A]`, the Q-values to fit.
    weight: `[U, A]`, the weight of each action.
  """
  observations: torch.Tensor
  target: torch.Tensor
  weight: torch.Tensor


class DQNLearner(learner_lib.Learner):
  """A learner that trains a Q-network on batches of episodes."""

  def __init__(self, simulator: simulator_lib.Simulator, config: DQNConfig,
               seed_sequence: np.random.SeedSequence,
               team: data_parallel.SingleWorker):
    networks.pin_threads()
    self._team = team
    self._simulator = simulator
    self._config: Any = config  # No field is open here.
    self._episodes_per_batch = (
        config.episodes_per_batch or simulator.episodes_per_batch)
    network_seed, episode_seed = learner_lib.seeds(seed_sequence, team)
    self._rng = np.random.default_rng(episode_seed)
    self._network = networks.Network(
        (simulator.num_features, *config.hidden_sizes,
         simulator.num_actions),
        networks.generator(network_seed), config.device, name=config.network)
    self._target = networks.Network(
        self._network.sizes, None, config.device, name=config.network)
    self._target.parameters.copy_(self._network.parameters)
    self._optimizer = optimiser.Adam(self._network.parameters)
    self._learning_rate = config.learning_rate
    self._epsilon = config.epsilon
    self._replay: collections.deque[simulator_lib.EpisodeBatch] = (
        collections.deque(maxlen=config.replay_batches))
    self._return_scale = None
    self._observations = networks.DeviceCopy(config.device)
    self._illegal = networks.DeviceCopy(config.device, np.logical_not)

  def initial_policy(self) -> policy_lib.Policy:
    return self._snapshot()

  def state(self) -> dict[str, Any]:
    return {"parameters": networks.as_array(self._network.parameters),
            "target": networks.as_array(self._target.parameters),
            "optimizer": self._optimizer.state(),
            "learning_rate": self._learning_rate,
            "epsilon": self._epsilon,
            "return_scale": self._return_scale,
            "replay": [simulator_lib.pack(batch, self._simulator.constants)
                       for batch in self._replay],
            "rng": self._rng.bit_generator.state}

  def restore(self, state: dict[str, Any]) -> None:
    self._network.parameters.copy_(torch.from_numpy(state["parameters"]))
    self._target.parameters.copy_(torch.from_numpy(state["target"]))
    self._optimizer.restore(state["optimizer"])
    self._learning_rate = state["learning_rate"]
    self._epsilon = state["epsilon"]
    self._return_scale = state["return_scale"]
    self._replay.extend(
        simulator_lib.unpack(batch, self._simulator.constants)
        for batch in state["replay"])
    self._rng.bit_generator.state = state["rng"]

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    config = self._config
    self._simulator.face(opponents, config.random_opponent_share)
    # The entries are steps, episodes, weights of batches, summed returns.
    totals = np.zeros(4)
    while totals[0] < num_steps:
      batch = self._simulator.draw(self._explore, self._episodes_per_batch,
                                   self._rng)
      self._replay.append(batch)
      self._update(simulator_lib.merge(self._replay))
      learner_lib.check_finite(self._network.parameters, batch.episode_return)
      if stationary:
        self._learning_rate = max(
            self._learning_rate * config.learning_rate_decay,
            config.final_learning_rate)
        self._epsilon = max(self._epsilon * config.epsilon_decay,
                            config.final_epsilon)
      totals += self._team.gather(
          batch.num_steps, batch.num_episodes, batch.weight,
          batch.weight * batch.episode_return).sum(axis=0)
    steps, episodes, weight, total_return = totals.tolist()
    # The first worker of a team speaks for all.
    policy: Any = self._snapshot() if self._team.rank == 0 else None
    return learner_lib.TrainingReport(
        policy=policy,
        mean_return=total_return / weight,
        steps=int(steps), episodes=int(episodes))

  def _snapshot(self):
    return self._simulator.publish(self._exploit, self._copy)

  def _copy(self):
    return networks.NetworkPolicy(
        self._network.sizes, networks.as_array(self._network.parameters),
        self._simulator.num_actions, self._config.temperature,
        network=self._network.name)

  def _q_values(self, observations, mask):
    """Returns Q-values `[U, A]`, in units of the return scale.

    The Q-value of an illegal action is -inf.
    """
    return self._network(self._observations(observations)).masked_fill(
        self._illegal(mask), -torch.inf)

  def _exploit(self, observations, mask):
    q_values = self._q_values(observations, mask)
    if self._config.temperature:
      return torch.softmax(q_values / self._config.temperature,
                           dim=1).double().cpu().numpy()
    return np.eye(mask.shape[1])[q_values.argmax(dim=1).cpu().numpy()]

  def _explore(self, observations, mask):
    return ((1 - self._epsilon) * self._exploit(observations, mask)
            + self._epsilon * mask / mask.sum(axis=1, keepdims=True))

  def _update(self, batch):
    """Takes `updates_per_batch` gradient steps on the replay buffer."""
    config = self._config
    shape = batch.legal_actions_mask.shape
    flat = batch.row * shape[1] + batch.action

    def as_sum(values):
      return np.bincount(flat, values, shape[0] * shape[1])

    def as_tensor(array):
      return torch.as_tensor(array, dtype=torch.float32, device=config.device)

    count = as_sum(batch.count)
    if self._return_scale is None:
      self._return_scale = float(np.sqrt(
          batch.count @ batch.mean_return ** 2 / batch.count.sum())) or 1.0
      self._return_scale = float(
          self._team.gather(self._return_scale).mean())

    share = np.divide(batch.count, count[flat],
                      out=np.zeros_like(batch.count), where=batch.count > 0)
    reward = as_tensor(
        as_sum(share * batch.reward).reshape(shape) / self._return_scale)
    continues = np.flatnonzero(batch.next_row >= 0)
    next_row = torch.as_tensor(batch.next_row[continues], device=config.device)
    next_share = as_tensor(share[continues])
    from_entry = torch.as_tensor(flat[continues], device=config.device)
    weight = count / count.sum()
    if config.visit_exponent != 1:
      weight = weight ** config.visit_exponent * (count > 0)
      weight /= weight.sum()
    weight = as_tensor(weight.reshape(shape))
    observations = self._observations(batch.observations)
    illegal = self._illegal(batch.legal_actions_mask)

    def targets(q_values):
      # In the double Q-target the online network chooses the next action, and
      # the target network gives its value. The target of an action is the mean
      # over the observations that followed it.
      best = q_values.masked_fill(illegal, -torch.inf).argmax(dim=1)
      value = self._target(observations).gather(1, best[:, None])[:, 0]
      return reward.flatten().index_add(
          0, from_entry, next_share * value[next_row]).reshape(shape)

    parts = math.ceil(
        self._team.gather(len(observations)).max() / config.minibatch_rows)
    for _ in range(math.ceil(config.updates_per_batch / parts)):
      output = self._network.module(observations)
      target = targets(output.detach())
      if parts == 1:  # The outputs of the targets serve for the gradient, too.
        self._fit(output, target, weight)
        continue
      for part in optimiser.minibatches(
          _Samples(observations, target, weight), parts, self._rng):
        self._fit(self._network.module(part.observations), part.target,
                  part.weight)

  def _fit(self, output, target, weight):
    """Takes a gradient step towards targets, and moves the target network."""
    # The gradient of the Huber loss is the error, cut to [-1, 1].
    error = (output.detach() - target).clamp_(-1, 1)
    self._optimizer.step(
        self._team.mean(self._network.backward(output, weight * error)),
        self._learning_rate)
    self._target.parameters.lerp_(self._network.parameters,
                                  self._config.target_rate)

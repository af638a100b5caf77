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
whole-episode returns instead of bootstrapped ones. A new policy begins by
imitating the meta-strategy of its own side, so that it has to learn only the
gain over it. On Leduc poker the population then needs fewer policies.
"""

import dataclasses
import math
from typing import Any
from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib

# The learning rate of Adam at the first step of imitation. A larger one makes
# longer steps.
_IMITATION_LEARNING_RATE = 2e-2
# The epsilon of Adam during imitation. It is large, because gradients are tiny
# once the imitation is good, and steps of full length along their noise would
# ruin the network. A larger one makes these steps shorter.
_IMITATION_EPSILON = 1e-3
# In the baseline the network's value counts as this many visits. With more, the
# baseline relies on the network rather than on the returns of the batch.
_BASELINE_VISITS = 10.0
# The default `entropy_coefficient` on sampled games. A larger one keeps
# policies more random.
_SAMPLED_ENTROPY = 0.02
# The logarithm of a ratio is cut at this, because a larger ratio overflows. A
# ratio this large is clipped in any case.
_MAX_LOG_RATIO = 10.0


@dataclasses.dataclass(frozen=True)
class PPOConfig(learner_lib.LearnerConfig):
  """The settings of PPO. The defaults work on games from Kuhn to Leduc poker.

  Attributes:
    hidden_sizes: the widths of the hidden layers of the network, which policy
      and value share.
    episodes_per_batch: episodes played between two updates of the policy, by
      each worker of a level; by default as many as the simulator plays at no
      extra cost.
    epochs: the gradient passes over a batch.
    minibatch_rows: the most distinct observations per gradient step.
    learning_rate: the learning rate of Adam while the opponents still change.
    final_learning_rate: the learning rate to which it falls once the opponents
      are final.
    learning_rate_decay: the factor by which it falls per batch.
    clip: the bound of the ratio of new to old probability, which is clipped to
      1 +- this.
    entropy_coefficient: the weight of the entropy bonus; by default 0 on an
      enumerated game, whose batches are nearly free of noise, and 0.02 on a
      sampled one, where an action is easily given up too early.
    value_coefficient: the weight of the value loss; returns are scaled to unit
      size first.
    imitation_steps: the gradient steps that a new policy first takes to imitate
      the meta-strategy of its own side; 0 starts from random weights.
    imitation_noise: the share of uniformly random play in the imitated policy.
    random_opponent_share: the share of episodes against uniformly random
      opponents, which keeps play sensible where the mixture never goes.
    device: the device of all tensors, as torch names it.
  """
  hidden_sizes: tuple[int, ...] = (64, 64)
  episodes_per_batch: int | None = None
  epochs: int = 8
  minibatch_rows: int = 4096
  learning_rate: float = 2e-2
  final_learning_rate: float = 1e-3
  learning_rate_decay: float = 0.9
  clip: float = 0.2
  entropy_coefficient: float | None = None
  value_coefficient: float = 0.5
  imitation_steps: int = 25
  imitation_noise: float = 0.1
  random_opponent_share: float = 0.02
  device: str = "cpu"

  takes_team = True

  def __post_init__(self):
    learner_lib.check_positive(
        self, "epochs", "minibatch_rows",
        "learning_rate", "final_learning_rate", "learning_rate_decay", "clip")
    learner_lib.check_sizes(self)
    learner_lib.check_share(self, "imitation_noise", "random_opponent_share")

  def steps_per_batch(self, game: game_lib.Game) -> float:
    return of_game.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(
      self, game: game_lib.Game, player: int,
      seed_sequence: np.random.SeedSequence,
      team: data_parallel.SingleWorker = data_parallel.SingleWorker()
  ) -> "PPOLearner":
    config = self
    if self.entropy_coefficient is None:
      config = dataclasses.replace(
          self, entropy_coefficient=(
              0.0 if game.is_enumerated else _SAMPLED_ENTROPY))
    return PPOLearner(of_game.make_simulator(game, player), player, config,
                      seed_sequence, team)

  def exploiters(self) -> list[learner_lib.LearnerConfig]:
    # An exploiter that imitates may keep actions that it should give up, and
    # one that starts from random weights may miss actions that others know.
    return [self, dataclasses.replace(self, imitation_steps=0)]


class Samples(NamedTuple):
  """The inputs of a gradient step, per distinct observation, as tensors.

  Attributes:
    observations: `[U, D]`, the observations.
    illegal: bool `[U, A]`, true where an action is not legal.
    taken: `[U, A]`, 1 where an action was taken.
    weight: `[U, A]`, the share of each action among all samples; sums to 1.
    advantage: `[U, A]`, the normalised advantage of each action.
    old_log_probs: `[U, A]`, the log probabilities of the policy that played.
    visit_weight: `[U]`, `weight` summed over actions.
    value_target: `[U]`, the mean returns in units of the return scale.
  """
  observations: torch.Tensor
  illegal: torch.Tensor
  taken: torch.Tensor
  weight: torch.Tensor
  advantage: torch.Tensor
  old_log_probs: torch.Tensor
  visit_weight: torch.Tensor
  value_target: torch.Tensor

  def rows(self, rows: Any) -> "Samples":
    """Returns the samples of some of the observations."""
    return Samples(*(tensor[rows] for tensor in self))


def surrogate_gradient(logits: torch.Tensor, samples: Samples,
                       config: Any) -> torch.Tensor:
  """Returns `[U, A]`, the gradient of PPO's policy loss by the logits.

  The loss is the negative clipped surrogate (equation 7 of the paper) minus
  `entropy_coefficient` times the mean entropy.

  Args:
    logits: `[U, A]`, the logits of the policy.
    samples: the `Samples` of these observations.
    config: a configuration with `clip` and `entropy_coefficient`.
  """
  log_probs = networks.masked_log_softmax(logits, samples.illegal)
  probabilities = log_probs.exp()
  # An action that was not taken has no sample; its ratio is set to 1.
  ratio = ((log_probs - samples.old_log_probs) * samples.taken).clamp(
      max=_MAX_LOG_RATIO).exp()
  gain = ratio * samples.advantage
  clipped = (ratio.clamp(1 - config.clip, 1 + config.clip)
             * samples.advantage)
  by_log_prob = -samples.weight * gain * (gain <= clipped)
  if config.entropy_coefficient:
    by_log_prob += (config.entropy_coefficient * samples.visit_weight[:, None]
                    * probabilities * (log_probs + 1))
  return networks.through_log_softmax(by_log_prob, probabilities)


def loss_gradient(output: torch.Tensor, samples: Samples,
                  config: PPOConfig) -> torch.Tensor:
  """Returns `[U, A + 1]`, the gradient of the PPO loss by the output.

  The loss is that of `surrogate_gradient`, plus `value_coefficient` times the
  squared error of the last output.

  Args:
    output: `[U, A + 1]`, logits and value.
    samples: the `Samples` of these observations.
    config: a `PPOConfig`.
  """
  gradient = torch.empty_like(output)
  gradient[:, :-1] = surrogate_gradient(output[:, :-1], samples, config)
  gradient[:, -1] = (2 * config.value_coefficient * samples.visit_weight
                     * (output[:, -1] - samples.value_target))
  return gradient


def normalised_advantage(
    returns: torch.Tensor, value: torch.Tensor, value_target: torch.Tensor,
    visits: torch.Tensor, weight: torch.Tensor,
    taken: torch.Tensor) -> torch.Tensor:
  """Returns `[U, A]`, the advantage of each action, of unit deviation.

  Args:
    returns: `[U, A]`, the mean return of each action.
    value: `[U]`, the network's estimate of `value_target`.
    value_target: `[U]`, the mean returns over actions.
    visits: `[U]`, the number of samples in the mean `value_target`.
    weight: `[U, A]`, the share of each action among all samples.
    taken: `[U, A]`, 1 where an action was taken.
  """
  # Where an observation was visited often, the mean return is a better baseline
  # than the network's value.
  baseline = (visits * value_target + _BASELINE_VISITS * value) / (
      visits + _BASELINE_VISITS)
  advantage = (returns - baseline[:, None]) * taken
  mean = (weight * advantage).sum()
  deviation = (weight * (advantage - mean) ** 2).sum().sqrt()
  return advantage / (deviation + 1e-8)


def return_scale(count: np.ndarray, total: np.ndarray) -> float:
  """Returns the root mean square of mean returns, over visits; 1 if zero.

  Args:
    count: `[U, A]`, the samples of each action.
    total: `[U, A]`, the summed returns of each action.
  """
  visits = count.sum(axis=1)
  mean_return = total.sum(axis=1) / np.maximum(visits, 1)
  return float(np.sqrt(visits @ mean_return ** 2 / visits.sum())) or 1.0


def make_samples(observations: torch.Tensor, illegal: torch.Tensor,
                 log_probs: torch.Tensor, value: torch.Tensor,
                 count: np.ndarray, total: np.ndarray,
                 scale: float) -> Samples:
  """Returns the `Samples` of observations that were visited.

  Args:
    observations: `[U, D]`, the observations, a tensor.
    illegal: bool `[U, A]`, true where an action is not legal, a tensor.
    log_probs: `[U, A]`, the log probabilities of the policy that played, a
      tensor.
    value: `[U]`, the network's estimate of the mean return, in units of the
      return scale, a tensor.
    count: `[U, A]`, the samples of each action.
    total: `[U, A]`, the summed returns of each action.
    scale: the return scale, in game utility.
  """

  def as_tensor(array):
    return torch.as_tensor(array, dtype=torch.float32,
                           device=observations.device)

  visits = count.sum(axis=1)
  taken = as_tensor(count > 0)
  weight = as_tensor(count / count.sum())
  value_target = as_tensor(total.sum(axis=1) / visits / scale)
  return Samples(
      observations=observations,
      illegal=illegal,
      taken=taken,
      weight=weight,
      advantage=normalised_advantage(
          as_tensor(total / np.maximum(count, 1) / scale), value, value_target,
          as_tensor(visits), weight, taken),
      old_log_probs=log_probs,
      visit_weight=as_tensor(visits / visits.sum()),
      value_target=value_target)


class PPOLearner(learner_lib.Learner):
  """A learner that trains one network on batches of episodes."""

  def __init__(self, simulator: simulator_lib.Simulator, player: int,
               config: PPOConfig, seed_sequence: np.random.SeedSequence,
               team: data_parallel.SingleWorker):
    networks.pin_threads()
    self._team = team
    self._simulator = simulator
    self._player = player
    self._episodes_per_batch = (
        config.episodes_per_batch or simulator.episodes_per_batch)
    self._has_trained = False
    self._config = config
    network_seed, episode_seed = learner_lib.seeds(seed_sequence, team)
    self._rng = np.random.default_rng(episode_seed)
    self._network = networks.MLP(
        (simulator.num_features, *config.hidden_sizes,
         simulator.num_actions + 1),
        networks.generator(network_seed), config.device, last_gain=0.1)
    self._optimizer = optimiser.Adam(self._network)
    self._learning_rate = config.learning_rate
    self._return_scale = None
    self._observations = networks.DeviceCopy(config.device)
    self._illegal = networks.DeviceCopy(config.device, np.logical_not)

  def initial_policy(self) -> policy_lib.Policy:
    return self._snapshot()

  def state(self) -> dict[str, Any]:
    return {"parameters": networks.as_array(self._network.parameters),
            "optimizer": self._optimizer.state(),
            "learning_rate": self._learning_rate,
            "return_scale": self._return_scale,
            "has_trained": self._has_trained,
            "rng": self._rng.bit_generator.state}

  def restore(self, state: dict[str, Any]) -> None:
    self._network.parameters.copy_(torch.from_numpy(state["parameters"]))
    self._optimizer.restore(state["optimizer"])
    self._learning_rate = state["learning_rate"]
    self._return_scale = state["return_scale"]
    self._has_trained = state["has_trained"]
    self._rng.bit_generator.state = state["rng"]

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    self._simulator.face(opponents, self._config.random_opponent_share)
    if not self._has_trained and self._config.imitation_steps:
      self._imitate(opponents[self._player])
    self._has_trained = True
    totals = np.zeros(3)  # The entries are steps, episodes, summed returns.
    while totals[0] < num_steps:
      batch = self._simulator.draw(self._policy,
                                   self._episodes_per_batch, self._rng)
      samples = self._samples(batch)
      everyone = self._team.gather(
          len(samples.observations), batch.num_steps, batch.num_episodes,
          batch.num_episodes * batch.episode_return)
      self._update(samples, self._count_minibatches(everyone[:, 0]))
      learner_lib.check_finite(self._network.parameters, batch.episode_return)
      if stationary:
        self._learning_rate = max(
            self._learning_rate * self._config.learning_rate_decay,
            self._config.final_learning_rate)
      totals += everyone[:, 1:].sum(axis=0)
    steps, episodes, total_return = totals.tolist()
    # The first worker of a team speaks for all.
    policy: Any = self._snapshot() if self._team.rank == 0 else None
    return learner_lib.TrainingReport(
        policy=policy,
        mean_return=total_return / episodes,
        steps=int(steps), episodes=int(episodes),
        payoffs=self._simulator.training_payoffs())

  def _imitate(self, mixture):
    """Fits the policy to a `Mixture` and a share of uniformly random play."""
    observations, mask, probabilities = self._simulator.demonstrate(
        mixture, self._rng)
    noise = self._config.imitation_noise
    target = torch.as_tensor(
        (1 - noise) * probabilities
        + noise * mask / mask.sum(axis=1, keepdims=True),
        dtype=torch.float32, device=self._config.device)
    observations = self._observations(observations)
    illegal = self._illegal(mask)
    optimizer = optimiser.Adam(self._network, epsilon=_IMITATION_EPSILON)
    minibatches = self._count_minibatches(self._team.gather(len(target)))
    for step in range(self._config.imitation_steps):
      for rows in self._minibatches(len(target), minibatches):
        activations = self._network.activations(observations[rows])
        probabilities = networks.masked_log_softmax(
            activations[-1][:, :-1], illegal[rows]).exp()
        # This is the gradient of the cross-entropy. The value is not trained.
        gradient = torch.zeros_like(activations[-1])
        gradient[:, :-1] = (probabilities - target[rows]) / len(probabilities)
        optimizer.step(
            self._team.mean(self._network.gradient(activations, gradient)),
            _IMITATION_LEARNING_RATE * max(0.1, 0.96 ** step))

  def _snapshot(self):
    return self._simulator.publish(self._policy, self._copy)

  def _copy(self):
    return networks.NetworkPolicy(
        self._network.sizes, networks.as_array(self._network.parameters),
        self._simulator.num_actions)

  def _policy(self, observations, mask):
    log_probs = networks.masked_log_softmax(
        self._network(self._observations(observations))[:, :-1],
        self._illegal(mask))
    return log_probs.exp().double().cpu().numpy()

  def _update(self, samples, minibatches):
    """Takes `epochs` passes over a batch, each in `minibatches` steps."""
    config = self._config
    num_rows = len(samples.observations)
    for _ in range(config.epochs):
      for rows in self._minibatches(num_rows, minibatches):
        part = samples.rows(rows)
        activations = self._network.activations(part.observations)
        self._optimizer.step(
            self._team.mean(self._network.gradient(
                activations, loss_gradient(activations[-1], part, config))),
            self._learning_rate)

  def _samples(self, batch):
    """Returns the `Samples` of a batch, without unvisited observations."""
    count, total = batch.per_action()
    if self._return_scale is None:
      self._return_scale = float(
          self._team.gather(return_scale(count, total)).mean())
    observations = self._observations(batch.observations)
    illegal = self._illegal(batch.legal_actions_mask)
    visited = np.flatnonzero(count.sum(axis=1))
    if len(visited) < len(count):  # Unvisited observations have no samples.
      count, total = count[visited], total[visited]
      rows = torch.as_tensor(visited, device=self._config.device)
      observations, illegal = observations[rows], illegal[rows]
    output = self._network(observations)
    return make_samples(
        observations, illegal,
        networks.masked_log_softmax(output[:, :-1], illegal), output[:, -1],
        count, total, self._return_scale)

  def _count_minibatches(self, num_rows):
    """Returns how many minibatches all workers cut their rows into.

    Args:
      num_rows: an array with the number of rows of each worker.
    """
    return math.ceil(num_rows.max() / self._config.minibatch_rows)

  def _minibatches(self, num_rows, count):
    """Yields `count` slices or index arrays that cover the rows once."""
    if count == 1:
      yield slice(None)
    else:
      yield from np.array_split(self._rng.permutation(num_rows), count)

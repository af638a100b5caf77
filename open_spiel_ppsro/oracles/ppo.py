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

"""PPO: a best responder by policy steps on whole batches.

Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", with
whole-episode returns instead of bootstrapped ones. Its clipped surrogate is one
of two losses of the policy and suits batches of few episodes: a new policy then
begins as the strongest one of its own side, or by imitating the meta-strategy,
so that it has to learn only the gain over it. The other is the mirror-descent
step of `mirror_descent`, which suits batches without noise.
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
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import mirror_descent
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib

# The learning rate of Adam at the first step of imitation. A larger one makes
# longer steps.
_IMITATION_LEARNING_RATE = 2e-2
# The epsilon of Adam during imitation. It is large, because gradients are tiny
# once the imitation is good, and steps of full length along their noise would
# ruin the network. A larger one makes these steps shorter.
_IMITATION_EPSILON = 1e-3
# A copy plays well already, and steps as long as those of a new network would
# first ruin it: it takes this share of the learning rate. With 1 and with 0.15
# sampled Leduc poker was left more exploitable.
_LEARNING_RATE_OF_COPY = 0.25
# In the baseline the network's value counts as this many visits. With more, the
# baseline relies on the network rather than on the returns of the batch.
_BASELINE_VISITS = 10.0
# The logarithm of a ratio is cut at this, because a larger ratio overflows. A
# ratio this large is clipped in any case.
_MAX_LOG_RATIO = 10.0

# The names of the losses of a policy, see `PPOConfig.policy_loss`.
POLICY_LOSSES = ("mirror", "clipped")


@dataclasses.dataclass(frozen=True)
class PPOConfig(learner_lib.LearnerConfig):
  """The settings of PPO. The defaults work on games from Kuhn to Leduc poker.

  A field that is None has a default that depends on the loss and on the kind of
  the game; `game_defaults` has them, with the reasons.

  Attributes:
    network: the architecture of the network, which policy and value share:
      `mlp`, `resnet`, `conv`, or a factory of your own, a function or its name
      `module:function`, see `policies.architectures`.
    hidden_sizes: the widths of its hidden layers.
    episodes_per_batch: episodes played between two updates of the policy, by
      each worker of a level; by default the expectation on an enumerated game,
      and as many as the simulator plays best on a sampled one.
    policy_loss: how a batch changes the policy. `mirror`: a mirror-descent step
      to a target that the network is fitted to, see `mirror_descent`; for
      batches with little noise. `clipped`: PPO's clipped surrogate, for batches
      of few episodes. By default `mirror` on an enumerated game, `clipped` on a
      sampled one.
    epochs: the gradient passes over a batch.
    minibatch_rows: the most distinct observations per gradient step.
    learning_rate: the learning rate of Adam while the opponents still change.
    final_learning_rate: the learning rate to which it falls once the opponents
      are final.
    learning_rate_decay: the factor by which it falls per batch.
    clip: the bound of the ratio of new to old probability, which is clipped to
      1 +- this, in the loss `clipped`.
    advantage_clip: the bound of a mirror-descent step, in deviations of the
      advantages of a batch.
    visit_exponent: in the loss `mirror` an observation counts by its visits to
      the power of this; 0 makes all of them equal. A small one also teaches
      play that the policy rarely comes to.
    entropy_coefficient: the weight of the entropy bonus of the loss `clipped`.
    value_coefficient: the weight of the value loss; returns are scaled to unit
      size first.
    warm_start: whether a new policy begins as a copy of the one that the
      meta-strategy of its own side plays most, if that is a network of the same
      shape; its learning rate is a quarter then. By default only in a run on a
      sampled game that does not begin with random play, and in dark hex.
    imitation_steps: the gradient steps that any other new policy first takes to
      imitate the meta-strategy of its own side; 0 starts from random weights.
    imitation_noise: the share of uniformly random play in the imitated policy.
    random_opponent_share: the share of episodes against uniformly random
      opponents, which keeps play sensible where the mixture never goes.
    temperature: what the logits of the published policy are divided by; 0 plays
      the best action.
    device: the device of all tensors, as torch names it.
  """
  network: Any = "mlp"
  hidden_sizes: tuple[int, ...] | None = None
  episodes_per_batch: int | None = None
  policy_loss: str | None = None
  epochs: int | None = None
  minibatch_rows: int | None = None
  learning_rate: float | None = None
  final_learning_rate: float = 1e-3
  learning_rate_decay: float | None = None
  clip: float = 0.2
  advantage_clip: float = 3.0
  visit_exponent: float = 0.3
  entropy_coefficient: float | None = None
  value_coefficient: float | None = None
  warm_start: bool | None = None
  imitation_steps: int | None = None
  imitation_noise: float = 0.1
  random_opponent_share: float | None = None
  temperature: float | None = None
  device: str = "cpu"

  takes_team = True

  def __post_init__(self):
    learner_lib.name_network(self)
    learner_lib.check_choice(self, "policy_loss", POLICY_LOSSES)
    learner_lib.check_positive(
        self, "epochs", "minibatch_rows", "learning_rate",
        "final_learning_rate", "learning_rate_decay", "clip",
        "advantage_clip")
    learner_lib.check_not_negative(
        self, "visit_exponent", "value_coefficient", "entropy_coefficient",
        "imitation_steps", "temperature")
    learner_lib.check_sizes(self)
    learner_lib.check_share(self, "imitation_noise", "random_opponent_share")

  def for_game(self, game: game_lib.Game) -> "PPOConfig":
    return learner_lib.with_network_of_game(game_defaults.complete(
        self, game_defaults.of_ppo(self, game)), game)

  def check_game(self, game: game_lib.Game) -> None:
    learner_lib.check_network(self.for_game(game), game, 1)

  def steps_per_batch(self, game: game_lib.Game) -> float:
    return of_game.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(
      self, game: game_lib.Game, player: int,
      seed_sequence: np.random.SeedSequence,
      team: data_parallel.SingleWorker = data_parallel.SingleWorker()
  ) -> "PPOLearner":
    return PPOLearner(of_game.make_simulator(game, player), player,
                      self.for_game(game), seed_sequence, team)

  def exploiters(self) -> list[learner_lib.LearnerConfig]:
    # An exploiter that begins as others play may keep actions that it should
    # give up, and one that starts from random weights may miss actions that
    # others know.
    if self.imitation_steps == 0 and not self.warm_start:
      return [self]
    return [self, dataclasses.replace(self, warm_start=False,
                                      imitation_steps=0)]


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


class _Demonstrations(NamedTuple):
  """The inputs of a gradient step of imitation, as tensors.

  Attributes:
    observations: `[U, D]`, the observations.
    illegal: bool `[U, A]`, true where an action is not legal.
    target: `[U, A]`, the action probabilities to imitate.
  """
  observations: torch.Tensor
  illegal: torch.Tensor
  target: torch.Tensor


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
  probabilities = networks.exponential(log_probs, samples.illegal)
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


def loss_gradient(output: torch.Tensor,
                  samples: Samples | mirror_descent.ValueSamples,
                  config: PPOConfig) -> torch.Tensor:
  """Returns `[U, A + 1]`, the gradient of the whole loss by the output.

  The loss is that of the policy, by the kind of the samples, plus
  `value_coefficient` times the squared error of the last output.

  Args:
    output: `[U, A + 1]`, logits and value.
    samples: the samples of these observations.
    config: a `PPOConfig` without open defaults.
  """
  if isinstance(samples, mirror_descent.ValueSamples):
    return mirror_descent.output_gradient(output, samples)
  gradient = torch.empty_like(output)
  gradient[:, :-1] = surrogate_gradient(output[:, :-1], samples, config)
  assert config.value_coefficient is not None
  gradient[:, -1] = (2 * config.value_coefficient * samples.visit_weight
                     * (output[:, -1] - samples.value_target))
  return gradient


def normalised_advantage(
    returns: torch.Tensor, value: torch.Tensor, value_target: torch.Tensor,
    visits: torch.Tensor | None, weight: torch.Tensor,
    taken: torch.Tensor) -> torch.Tensor:
  """Returns `[U, A]`, the advantage of each action, of unit deviation.

  Args:
    returns: `[U, A]`, the mean return of each action.
    value: `[U]`, the network's estimate of `value_target`.
    value_target: `[U]`, the mean returns over actions.
    visits: `[U]`, the number of samples in the mean `value_target`; None if it
      is exact, and thus the best baseline.
    weight: `[U, A]`, the share of each action among all samples.
    taken: `[U, A]`, 1 where an action was taken.
  """
  baseline = value_target
  if visits is not None:
    # Where an observation was visited often, the mean return is a better
    # baseline than the network's value.
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
  mean_return = _mean(total.sum(axis=1), visits)
  return float(np.sqrt(visits @ mean_return ** 2 / visits.sum())) or 1.0


def make_samples(observations: torch.Tensor, illegal: torch.Tensor,
                 log_probs: torch.Tensor, value: torch.Tensor,
                 count: np.ndarray, total: np.ndarray,
                 scale: float, is_expectation: bool = False) -> Samples:
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
    is_expectation: whether counts are probabilities and returns are exact.
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
          as_tensor(_mean(total, count) / scale), value, value_target,
          None if is_expectation else as_tensor(visits), weight, taken),
      old_log_probs=log_probs,
      visit_weight=as_tensor(visits / visits.sum()),
      value_target=value_target)


def mirror_samples(samples: Samples, visits: np.ndarray, visit_exponent: float,
                   advantage_clip: float, is_expectation: bool
                   ) -> mirror_descent.MirrorSamples:
  """Returns the `MirrorSamples` of what `make_samples` gave.

  Args:
    samples: the `Samples`.
    visits: `[U]`, the visits of each observation.
    visit_exponent: see `mirror_descent.observation_weights`.
    advantage_clip: see `mirror_descent.targets`.
    is_expectation: whether counts are probabilities.
  """
  share = None
  if not is_expectation:
    share = samples.weight / samples.visit_weight[:, None]
  return mirror_descent.MirrorSamples(
      observations=samples.observations,
      illegal=samples.illegal,
      target=mirror_descent.targets(
          samples.old_log_probs, samples.illegal, samples.advantage, share,
          advantage_clip),
      weight=torch.as_tensor(
          mirror_descent.observation_weights(visits, visit_exponent),
          dtype=torch.float32, device=samples.observations.device),
      visit_weight=samples.visit_weight,
      value_target=samples.value_target)


def _mean(total, count):
  """Returns `total / count`, and 0 where there is no count."""
  return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


class PPOLearner(learner_lib.Learner):
  """A learner that trains one network on batches of episodes."""

  def __init__(self, simulator: simulator_lib.Simulator, player: int,
               config: Any, seed_sequence: np.random.SeedSequence,
               team: data_parallel.SingleWorker):
    """Makes a learner; see `PPOConfig.make_learner`.

    Args:
      simulator: where its episodes come from.
      player: whose policy it trains.
      config: a `PPOConfig` without open defaults.
      seed_sequence: the seed of all its random numbers.
      team: the workers that train the policy.
    """
    networks.pin_threads()
    self._team = team
    self._simulator = simulator
    self._player = player
    self._episodes_per_batch = (
        config.episodes_per_batch or simulator.episodes_per_batch)
    self._has_trained = False
    self._config: Any = config  # No field is open here.
    network_seed, episode_seed = learner_lib.seeds(seed_sequence, team)
    self._rng = np.random.default_rng(episode_seed)
    self._network = networks.Network(
        (simulator.num_features, *config.hidden_sizes,
         simulator.num_actions + 1),
        networks.generator(network_seed), config.device, last_gain=0.1,
        name=config.network)
    self._optimizer = optimiser.Adam(self._network.parameters)
    # What the network sees after every observation, if it is a copy of one that
    # played other seats, too.
    self._context: torch.Tensor | None = None
    self._learning_rate = config.learning_rate
    self._return_scale = None
    self._observations = networks.DeviceCopy(config.device)
    self._illegal = networks.DeviceCopy(config.device, np.logical_not)

  def initial_policy(self) -> policy_lib.Policy:
    return self._snapshot()

  def state(self) -> dict[str, Any]:
    return {"parameters": networks.as_array(self._network.parameters),
            "context": (None if self._context is None
                        else networks.as_array(self._context)),
            "optimizer": self._optimizer.state(),
            "learning_rate": self._learning_rate,
            "return_scale": self._return_scale,
            "has_trained": self._has_trained,
            "rng": self._rng.bit_generator.state}

  def restore(self, state: dict[str, Any]) -> None:
    self._take_context(state.get("context"))
    self._network.parameters.copy_(torch.from_numpy(state["parameters"]))
    self._optimizer.restore(state["optimizer"])
    self._learning_rate = state["learning_rate"]
    self._return_scale = state["return_scale"]
    self._has_trained = state["has_trained"]
    self._rng.bit_generator.state = state["rng"]

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    self._simulator.face(opponents, self._config.random_opponent_share)
    if not self._has_trained:
      own = opponents[self._player]
      if not (self._config.warm_start and self._copy_strongest(own)) and (
          self._config.imitation_steps):
        self._imitate(own)
    self._has_trained = True
    # The entries are steps, episodes, weights of batches, summed returns.
    totals = np.zeros(4)
    while totals[0] < num_steps:
      batch = self._simulator.draw(self._policy,
                                   self._episodes_per_batch, self._rng)
      samples = self._samples(batch)
      everyone = self._team.gather(
          len(samples.observations), batch.num_steps, batch.num_episodes,
          batch.weight, batch.weight * batch.episode_return)
      self._update(samples, self._count_minibatches(everyone[:, 0]))
      learner_lib.check_finite(self._network.parameters, batch.episode_return)
      if stationary:
        self._learning_rate = max(
            self._learning_rate * self._config.learning_rate_decay,
            self._config.final_learning_rate)
      totals += everyone[:, 1:].sum(axis=0)
    steps, episodes, weight, total_return = totals.tolist()
    # The first worker of a team speaks for all.
    policy: Any = self._snapshot() if self._team.rank == 0 else None
    return learner_lib.TrainingReport(
        policy=policy,
        mean_return=total_return / weight,
        steps=int(steps), episodes=int(episodes),
        payoffs=(self._simulator.training_payoffs()
                 if self._config.temperature == 1 else None))

  def _copy_strongest(self, mixture):
    """Begins as what a `Mixture` plays most; returns whether that can be."""
    source: Any = mixture.snapshots[int(mixture.probabilities.argmax())].policy
    if isinstance(source, sampled.MixedPolicy):
      source = source.members[int(source.probabilities.argmax())]
    network, temperature = self._network, self._config.temperature
    if not isinstance(source, networks.NetworkPolicy) or (
        source.network, source.sizes[1:], source.temperature) != (
            network.name, network.sizes[1:], temperature):
      return False
    self._take_context(source.context)
    self._network.parameters.copy_(torch.from_numpy(source.parameters))
    self._learning_rate *= _LEARNING_RATE_OF_COPY
    return True

  def _take_context(self, context):
    """Makes the network one that sees `context` after every observation."""
    if context is None:
      return
    self._network = networks.Network(
        (self._simulator.num_features + len(context), *self._network.sizes[1:]),
        None, self._config.device, name=self._network.name)
    self._optimizer = optimiser.Adam(self._network.parameters)
    self._context = torch.as_tensor(context, device=self._config.device)

  def _inputs(self, observations):
    inputs = self._observations(observations)
    if self._context is None:
      return inputs
    return torch.cat([inputs, self._context.expand(len(inputs), -1)], dim=1)

  def _imitate(self, mixture):
    """Fits the policy to a `Mixture` and a share of uniformly random play."""
    observations, mask, probabilities = self._simulator.demonstrate(
        mixture, self._rng)
    noise = self._config.imitation_noise
    target = torch.as_tensor(
        (1 - noise) * probabilities
        + noise * mask / mask.sum(axis=1, keepdims=True),
        dtype=torch.float32, device=self._config.device)
    samples = _Demonstrations(self._observations(observations),
                              self._illegal(mask), target)
    optimizer = optimiser.Adam(self._network.parameters,
                               epsilon=_IMITATION_EPSILON)
    minibatches = self._count_minibatches(self._team.gather(len(target)))
    for step in range(self._config.imitation_steps):
      for part in optimiser.minibatches(samples, minibatches, self._rng):
        output = self._network.module(part.observations)
        probabilities = networks.masked_softmax(
            output.detach()[:, :-1], part.illegal)
        # This is the gradient of the cross-entropy. The value is not trained.
        gradient = torch.zeros_like(output)
        gradient[:, :-1] = (probabilities - part.target) / len(probabilities)
        optimizer.step(
            self._team.mean(self._network.backward(output, gradient)),
            _IMITATION_LEARNING_RATE * max(0.1, 0.96 ** step))

  def _snapshot(self):
    return self._simulator.publish(self._published, self._copy)

  def _copy(self):
    return networks.NetworkPolicy(
        self._network.sizes, networks.as_array(self._network.parameters),
        self._simulator.num_actions, self._config.temperature,
        None if self._context is None else networks.as_array(self._context),
        self._network.name)

  def _policy(self, observations, mask):
    return self._play(observations, mask, 1.0)

  def _published(self, observations, mask):
    return self._play(observations, mask, self._config.temperature)

  def _play(self, observations, mask, temperature):
    logits = self._network(self._inputs(observations))[:, :-1]
    if not temperature:
      best = logits.masked_fill(self._illegal(mask), -torch.inf).argmax(dim=1)
      return np.eye(mask.shape[1])[best.cpu().numpy()]
    if temperature != 1:
      logits = logits / temperature
    return networks.masked_softmax(
        logits, self._illegal(mask)).double().cpu().numpy()

  def _update(self, samples, minibatches):
    """Takes `epochs` passes over a batch, each in `minibatches` steps."""
    config = self._config
    for _ in range(config.epochs):
      for part in optimiser.minibatches(samples, minibatches, self._rng):
        output = self._network.module(part.observations)
        gradient = loss_gradient(output.detach(), part, config)
        self._optimizer.step(
            self._team.mean(self._network.backward(output, gradient)),
            self._learning_rate)

  def _samples(self, batch):
    """Returns the samples of a batch, without unvisited observations."""
    count, total = batch.per_action()
    if self._return_scale is None:
      self._return_scale = float(
          self._team.gather(return_scale(count, total)).mean())
    observations = self._inputs(batch.observations)
    illegal = self._illegal(batch.legal_actions_mask)
    visited = np.flatnonzero(count.sum(axis=1))
    if len(visited) < len(count):  # Unvisited observations have no samples.
      count, total = count[visited], total[visited]
      rows = torch.as_tensor(visited, device=self._config.device)
      observations, illegal = observations[rows], illegal[rows]
    output = self._network(observations)
    samples = make_samples(
        observations, illegal,
        networks.masked_log_softmax(output[:, :-1], illegal), output[:, -1],
        count, total, self._return_scale, batch.is_expectation)
    if self._config.policy_loss == "clipped":
      return samples
    return mirror_descent.with_value(
        mirror_samples(
            samples, count.sum(axis=1), self._config.visit_exponent,
            self._config.advantage_clip, batch.is_expectation),
        self._config.value_coefficient)

  def _count_minibatches(self, num_rows):
    """Returns how many minibatches all workers cut their rows into.

    Args:
      num_rows: an array with the number of rows of each worker.
    """
    return math.ceil(num_rows.max() / self._config.minibatch_rows)

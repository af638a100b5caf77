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

"""Self-play: magnetic mirror descent, one network against itself.

Source: Sokota et al. 2023, "A Unified Approach to Reinforcement Learning,
Quantal Response Equilibria, and Two-Player Zero-Sum Games": a policy gradient
with a proximal term, the divergence from the policy that played, and a magnet,
the divergence from a policy that stays. With a magnet that stands still, the
policy comes to rest at a quantal response equilibrium; so the magnet's weight
falls in the course of the training. Alternatively the magnet moves: from time
to time the policy itself takes its place.

The last policy still circles, so what is handed out is an average over the
training, see `policy_average`.
"""

from collections.abc import Sequence
import dataclasses
import math
from typing import Any
from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import mirror_descent
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.oracles import policy_average
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import tabular_self_play
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib

# A stream of a batch of the default size has about this many decisions on a
# sampled game. With half as many they take a third more time.
_DECISIONS_PER_STREAM = 4096
# The epsilon of Adam. A larger one makes shorter steps where gradients are
# small.
_EPSILON = 1e-5
# A gradient is scaled down to this norm. With a larger one, rare and large
# gradients move the policy further.
_LARGEST_GRADIENT = 0.5
# The logarithm of a ratio is cut at this, because a larger ratio overflows. A
# ratio this large is clipped in any case.
_MAX_LOG_RATIO = 10.0
ANSWERS = ("mixture", "weights")


@dataclasses.dataclass(frozen=True)
class SelfPlayConfig(learner_lib.LearnerConfig):
  """The settings of regularised self-play.

  Weights of magnet and proximal term are in units of the returns' scale, the
  root mean square of the returns of random play. What is None by default
  depends on the game, see `game_defaults`. The fields from `decay_updates` to
  `trace_decay` are for drawn episodes, `step_size` and `visit_exponent` for
  expectations.

  Attributes:
    network: the architecture of the network, which policy and value share, as
      of `PPOConfig`.
    hidden_sizes: the widths of its hidden layers.
    episodes_per_batch: episodes played between two updates of the policy, by
      all workers together; by default those of about 4096 decisions for each of
      the `streams` on a sampled game, and the expectation of all on an
      enumerated one.
    epochs: the gradient passes over a batch.
    minibatches: the gradient steps of such a pass.
    learning_rate: the learning rate of Adam at first, with one stream. With
      more, on drawn episodes, it is that many times as large: the mean of
      their steps has less noise.
    magnet: the weight of the divergence from the magnet at first.
    magnet_decay_updates: after so many updates of one stream the magnet has
      fallen to 0.7; after n times as many, to 1 / sqrt(1 + n). Nothing depends
      on how long a run will be. Fewer bring the policy closer to an
      equilibrium, as long as it does not begin to circle. On expectations the
      learning rate and `step_size` fall with it.
    magnet_updates: the policy replaces the magnet every so many updates; 0
      keeps the uniformly random one.
    decay_updates: after so many updates of one stream the learning rate has
      fallen to a half; after n times as many, to 1 / (1 + n).
    proximal: the weight of the divergence from the policy that played, which
      keeps steps short and late policies from circling.
    clip: the bound of the ratio of new to old probability, which is clipped to
      1 +- this.
    value_coefficient: the weight of the value loss.
    trace_decay: the lambda of generalised advantage estimation; 1 uses the
      returns of whole episodes.
    step_size: how far a step on an expectation moves logits at first, as a
      multiple of the advantages; it falls as the magnet does.
    visit_exponent: see `mirror_descent.observation_weights`.
    answer: what is handed out on a sampled game: `mixture`, of 20 late
      snapshots, or `weights`, one network with the average of the weights. On
      an enumerated game it is the exact average of all policies.
    streams: a batch is played in so many parts, each with random numbers and
      minibatches of its own. As many workers can share it, and leave the bits
      as they are; by default 2 on a sampled game, and 1 on an enumerated one.
    device: the device of all tensors, as torch names it.
  """
  network: Any = "mlp"
  hidden_sizes: tuple[int, ...] | None = None
  episodes_per_batch: int | None = None
  epochs: int = 2
  minibatches: int = 4
  learning_rate: float | None = None
  magnet: float | None = None
  magnet_decay_updates: int | None = None
  magnet_updates: int = 0
  decay_updates: int | None = None
  proximal: float | None = None
  clip: float = 0.2
  value_coefficient: float = 0.5
  trace_decay: float = 0.95
  step_size: float = 1.0
  visit_exponent: float = 0.6
  answer: str = "mixture"
  streams: int | None = None
  device: str = "cpu"

  plays_itself = True

  def __post_init__(self):
    learner_lib.name_network(self)
    learner_lib.check_positive(
        self, "epochs", "minibatches", "learning_rate", "magnet_decay_updates",
        "decay_updates", "clip", "value_coefficient", "step_size", "streams")
    learner_lib.check_not_negative(
        self, "magnet", "magnet_updates", "proximal", "visit_exponent")
    learner_lib.check_share(self, "trace_decay")
    learner_lib.check_sizes(self)
    if self.answer not in ANSWERS:
      raise ValueError(f"unknown answer {self.answer!r} of self-play; use one "
                       f"of {', '.join(ANSWERS)}")

  def check_game(self, game: game_lib.Game) -> None:
    tabular_self_play.check_game(game)
    learner_lib.check_network(self.for_game(game), game, 1)

  def exploiters(self) -> list[learner_lib.LearnerConfig]:
    return ppo.PPOConfig(network=self.network,
                         device=self.device).exploiters()

  def for_game(self, game: game_lib.Game) -> "SelfPlayConfig":
    return learner_lib.with_network_of_game(game_defaults.complete(
        self, game_defaults.of_self_play(self, game)), game)

  def steps_per_batch(self, game: game_lib.Game) -> float:
    episodes = self.num_episodes(game)
    # Of an expectation each stream has the whole.
    return of_game.steps_per_batch(game, episodes) * (
        self.num_streams(game) if episodes is None else 1)

  def num_episodes(self, game: game_lib.Game) -> int | None:
    """Returns the episodes of a batch of all workers; None: an expectation."""
    if self.episodes_per_batch is not None or game.is_enumerated:
      return self.episodes_per_batch
    return self.num_streams(game) * max(32, round(
        _DECISIONS_PER_STREAM / of_game.steps_per_batch(game, 1)))

  def num_streams(self, game: game_lib.Game) -> int:
    """Returns `streams`, or its default on a game."""
    streams = self.for_game(game).streams
    assert streams is not None
    return streams

  def sharing_workers(self, num_workers: int) -> int:
    # It is asked of what `for_game` returned. Processes that share an
    # accelerator would only wait for each other.
    assert self.streams is not None
    return 1 if self.device != "cpu" else max(
        number for number in range(1, num_workers + 1)
        if not self.streams % number)

  def state_of_team(self, states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {**states[0], "rngs": [rng for state in states
                                  for rng in state["rngs"]]}

  def make_learner(
      self, game: game_lib.Game, player: int,
      seed_sequence: np.random.SeedSequence,
      team: data_parallel.SingleWorker = data_parallel.SingleWorker()
  ) -> "SelfPlayLearner":
    return SelfPlayLearner(game, player, self.for_game(game), seed_sequence,
                           team)


class Samples(NamedTuple):
  """The inputs of a gradient step, per distinct observation, as tensors.

  Attributes:
    observations: `[U, D]`, the observations.
    illegal: bool `[U, A]`, true where an action is not legal.
    weight: `[U, A]`, the share of each action among all samples; sums to 1.
    visit_weight: `[U]`, `weight` summed over actions.
    advantage: `[U, A]`, the mean advantage of each action that was taken, in
      units of the return scale.
    old_log_probs: `[U, A]`, the log probabilities of the policy that played.
    magnet_log_probs: `[U, A]`, those of the magnet.
    value_target: `[U]`, the value to be learned, in units of the return scale.
  """
  observations: torch.Tensor
  illegal: torch.Tensor
  weight: torch.Tensor
  visit_weight: torch.Tensor
  advantage: torch.Tensor
  old_log_probs: torch.Tensor
  magnet_log_probs: torch.Tensor
  value_target: torch.Tensor


def loss_gradient(output: torch.Tensor, samples: Samples,
                  config: SelfPlayConfig, magnet: float) -> torch.Tensor:
  """Returns `[U, A + 1]`, the gradient of the loss by logits and value.

  The loss is the negative clipped surrogate of PPO, plus `magnet` times the
  divergence of the policy from the magnet, plus `proximal` times that from the
  policy that played (Sokota et al. 2023, equation 12), plus
  `value_coefficient` times the squared error of the value.

  Args:
    output: `[U, A + 1]`, logits and value.
    samples: the `Samples` of these observations.
    config: a `SelfPlayConfig`.
    magnet: the weight of the magnet.
  """
  proximal = config.proximal
  assert proximal is not None  # It is asked of what `for_game` returned.
  log_probs = networks.masked_log_softmax(output[:, :-1], samples.illegal)
  probabilities = networks.exponential(log_probs, samples.illegal)
  change = log_probs - samples.old_log_probs
  ratio = change.clamp(max=_MAX_LOG_RATIO).exp()
  gain = ratio * samples.advantage
  clipped = (ratio.clamp(1 - config.clip, 1 + config.clip)
             * samples.advantage)
  by_log_prob = probabilities * (
      (magnet + proximal) + proximal * change
      + magnet * (log_probs - samples.magnet_log_probs))
  by_log_prob *= samples.visit_weight[:, None]
  by_log_prob -= samples.weight * gain * (gain <= clipped)
  gradient = torch.empty_like(output)
  gradient[:, :-1] = networks.through_log_softmax(by_log_prob, probabilities)
  gradient[:, -1] = (2 * config.value_coefficient * samples.visit_weight
                     * (output[:, -1] - samples.value_target))
  return gradient


def advantages(batch: simulator_lib.EpisodeBatch, value: np.ndarray,
               scale: float, trace_decay: float) -> np.ndarray:
  """Returns float `[N]`, the advantage of each entry of a batch.

  Generalised advantage estimation (Schulman et al. 2016, equation 16) without
  discount; where an observation is followed by several entries, by their mean.

  Args:
    batch: the `EpisodeBatch`.
    value: `[U]`, the value of each row of the batch, in units of `scale`.
    scale: the return scale, in game utility.
    trace_decay: the lambda.
  """
  row, next_row = batch.row, batch.next_row
  goes_on = next_row >= 0
  advantage = batch.reward / scale - value[row]
  advantage[goes_on] += value[next_row[goes_on]]
  visits = np.maximum(np.bincount(row, batch.count, len(value)), 1)
  mean = np.zeros(len(value))  # The mean advantage of every row, once known.
  for entries in reversed(_by_depth(row, next_row, len(value))):
    later = entries[goes_on[entries]]
    advantage[later] += trace_decay * mean[next_row[later]]
    mean += np.bincount(row[entries], (batch.count * advantage)[entries],
                        len(value)) / visits
  return advantage


def _by_depth(row, next_row, num_rows):
  """Returns arrays of entries: the first decisions, the second ones, ..."""
  goes_on = np.flatnonzero(next_row >= 0)
  row_before, row_after = row[goes_on], next_row[goes_on]
  depth, was = np.zeros(num_rows, int), None
  while was is None or not np.array_equal(was, depth):
    was = depth
    depth = was.copy()
    depth[row_after] = was[row_before] + 1
  of_entry = depth[row]
  order = np.argsort(of_entry, kind="stable")
  return np.split(order, np.flatnonzero(np.diff(of_entry[order])) + 1)


def distinct(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns int `[V]` and `[U]`: distinct rows, and which of them each row is.

  Args:
    observations: float32 `[U, D]`.
  """
  # Equal rows have equal sums of random weights, and it is next to impossible
  # that others have; it is checked all the same.
  weights = np.random.default_rng(0).standard_normal(observations.shape[1])
  _, first, group = np.unique(observations @ weights, return_index=True,
                              return_inverse=True)
  if not np.array_equal(observations[first[group]], observations):
    _, first, group = np.unique(observations, axis=0, return_index=True,
                                return_inverse=True)
  return first, group.reshape(-1)


class SelfPlayLearner(learner_lib.Learner):
  """A learner whose network plays all seats."""

  def __init__(self, game: game_lib.Game, player: int, config: SelfPlayConfig,
               seed_sequence: np.random.SeedSequence,
               team: data_parallel.SingleWorker):
    """Makes a learner.

    Args:
      game: one that plays all seats.
      player: 0.
      config: a `SelfPlayConfig` for this game.
      seed_sequence: of everything random.
      team: the workers that train together, who share the streams.
    """
    networks.pin_threads()
    self._team = team
    self._config = config
    assert config.hidden_sizes is not None  # No field is open here.
    self._simulator = of_game.make_simulator(game, player)
    streams = config.num_streams(game)
    own = streams // team.size
    episodes = config.num_episodes(game)
    self._num_episodes = episodes and -(-episodes // streams)
    network_seed, *episode_seeds = seed_sequence.spawn(1 + streams)
    self._rngs = [np.random.default_rng(seed) for seed in
                  episode_seeds[own * team.rank:own * (team.rank + 1)]]
    num_actions = self._simulator.num_actions
    self._network = networks.Network(
        (self._simulator.num_features, *config.hidden_sizes, num_actions + 1),
        networks.generator(network_seed), config.device, last_gain=0.1,
        name=config.network)
    self._optimizer = optimiser.Adam(self._network.parameters,
                                     epsilon=_EPSILON)
    self._return_scale: float | None = None
    self._updates = 0
    # The network of a magnet that moves; until it has moved, there is none.
    self._magnet: networks.Network | None = None
    self._observations = networks.DeviceCopy(config.device)
    self._illegal = networks.DeviceCopy(config.device, np.logical_not)
    self._average: policy_average.PolicyAverage
    if isinstance(game, game_tree.GameTree):
      self._average = policy_average.PlanAverage(game, player)
    elif config.answer == "weights":
      self._average = policy_average.WeightAverage(self._network, num_actions)
    else:
      self._average = policy_average.SnapshotMixture(
          self._network, num_actions)

  def initial_policy(self) -> policy_lib.Policy:
    return self._simulator.publish(self.current, lambda: networks.NetworkPolicy(
        self._network.sizes, networks.as_array(self._network.parameters),
        self._simulator.num_actions, network=self._network.name))

  def state(self) -> dict[str, Any]:
    return {"parameters": networks.as_array(self._network.parameters),
            "optimizer": self._optimizer.state(),
            "return_scale": self._return_scale,
            "updates": self._updates,
            "magnet": (None if self._magnet is None
                       else networks.as_array(self._magnet.parameters)),
            "average": self._average.state(),
            "rngs": [rng.bit_generator.state for rng in self._rngs]}

  def restore(self, state: dict[str, Any]) -> None:
    self._network.parameters.copy_(torch.from_numpy(state["parameters"]))
    self._optimizer.restore(state["optimizer"])
    self._return_scale = state["return_scale"]
    self._updates = state["updates"]
    if state["magnet"] is not None:
      self._move_magnet(torch.from_numpy(state["magnet"]))
    self._average.restore(state["average"])
    rngs = state["rngs"]  # Its own ones, or those of its whole team.
    if len(rngs) > len(self._rngs):
      rngs = rngs[len(self._rngs) * self._team.rank:]
    for rng, own in zip(self._rngs, rngs):
      rng.bit_generator.state = own

  def train(self, opponents: Any, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    del opponents, stationary  # Its only opponent is itself, as it is now.
    # The entries are steps, episodes, weights of batches, summed returns.
    totals = np.zeros(4)
    while totals[0] < num_steps:
      batches = [self._simulator.play_itself(
          self.current, self._num_episodes, rng) for rng in self._rngs]
      of_streams = self._team.concatenated(torch.tensor([
          (batch.num_steps, batch.num_episodes, batch.weight,
           batch.weight * batch.episode_return,
           tabular_self_play.return_scale(batch)) for batch in batches],
          dtype=torch.float64)).numpy()
      if self._return_scale is None:
        self._return_scale = float(of_streams[:, -1].mean())
      if self._num_episodes is None:
        self._fit(batches)
      else:
        self._update([self._samples(batch) for batch in batches])
      self._take_in()
      for batch in batches:
        learner_lib.check_finite(self._network.parameters, batch.episode_return)
      totals += of_streams[:, :-1].sum(axis=0)
    steps, episodes, weight, total_return = totals.tolist()
    # The first worker of a team speaks for all.
    policy: Any = self.answer() if self._team.rank == 0 else None
    return learner_lib.TrainingReport(
        policy=policy, mean_return=total_return / weight,
        steps=int(steps), episodes=int(episodes))

  def answer(self) -> policy_lib.Policy | None:
    """Returns what it hands out, the average; None before any training."""
    return self._average.policy()

  def current(self, observations: np.ndarray,
              mask: np.ndarray) -> np.ndarray:
    """Returns `[U, A]`, what the network plays now, not what it hands out."""
    return networks.masked_softmax(
        self._network(self._observations(observations))[:, :-1],
        self._illegal(mask)).double().cpu().numpy()

  def _samples(self, batch):
    """Returns the `Samples` of a batch, without unvisited observations."""
    if "observations" in self._simulator.constants:
      first = np.unique(batch.row[batch.count > 0])
      group = np.zeros(len(batch.observations), int)
      group[first] = np.arange(len(first))
    else:
      first, group = distinct(batch.observations)
    observations = torch.as_tensor(batch.observations[first],
                                   device=self._config.device)
    mask = batch.legal_actions_mask[first]
    illegal = torch.as_tensor(~mask, device=self._config.device)
    output = self._network(observations)
    log_probs = networks.masked_log_softmax(output[:, :-1], illegal)
    value = output[:, -1].cpu().numpy().astype(float)[group]
    gain = advantages(batch, value, self._return_scale,
                      self._config.trace_decay)
    entry = group[batch.row] * mask.shape[1] + batch.action

    def summed(values):
      return np.bincount(entry, batch.count * values, mask.size
                         ).reshape(mask.shape)

    def as_tensor(array):
      return torch.as_tensor(array, dtype=torch.float32,
                             device=self._config.device)

    count = summed(1.0)
    visits = count.sum(axis=1)
    return Samples(
        observations=observations,
        illegal=illegal,
        weight=as_tensor(count / visits.sum()),
        visit_weight=as_tensor(visits / visits.sum()),
        advantage=as_tensor(summed(gain) / np.maximum(count, 1)),
        old_log_probs=log_probs,
        magnet_log_probs=self._magnet_log_probs(
            observations, illegal, log_probs),
        value_target=as_tensor(
            summed(gain + value[batch.row]).sum(axis=1) / visits))

  def _update(self, streams):
    """Takes the passes over a batch, given as the `Samples` of each stream."""
    config = self._config
    magnet = config.magnet * self._magnet_share()

    def by_output(output, samples):
      return loss_gradient(output, samples, config, magnet)

    # The weaker the magnet, the less it damps what noise and circling do to the
    # policy; so the learning rate falls faster in the long run.
    self._descend(
        streams, by_output, config.learning_rate * config.streams
        / (1 + config.streams * self._updates / config.decay_updates))

  def _fit(self, batches):
    """Fits the network to the step in closed form, on expectations."""
    decay = self._magnet_share()

    def by_output(output, samples):
      gradient = torch.zeros_like(output)  # The value is not trained.
      gradient[:, :-1] = mirror_descent.logit_gradient(output[:, :-1], samples)
      return gradient

    # The shorter the steps, the less there is to fit.
    self._descend([self._targets(batch, decay) for batch in batches],
                  by_output, self._config.learning_rate * decay)

  def _magnet_share(self):
    """Returns which share is left of the magnet."""
    config = self._config
    return 1 / math.sqrt(
        1 + config.streams * self._updates / config.magnet_decay_updates)

  def _descend(self, streams, by_output, learning_rate):
    """Takes the passes over the samples of each stream, in minibatches.

    Every stream takes steps of its own from where all are, and then all go on
    from the mean of where that has led them. So workers wait for each other
    once in a batch.

    Args:
      streams: the samples of each.
      by_output: a function from output and samples to the gradient of the loss
        by the output.
      learning_rate: of Adam.
    """
    if self._config.streams == 1:
      self._take_steps(self._rngs[0], streams[0], by_output, learning_rate)
      return
    optimizer, ends = self._optimizer, []
    start, num_steps = optimizer.vectors(), optimizer.num_steps
    for rng, samples in zip(self._rngs, streams):
      optimizer.set_vectors(start, num_steps)
      self._take_steps(rng, samples, by_output, learning_rate)
      ends.append(optimizer.vectors())
    # All of them in one order, so that the bits are those of one worker.
    optimizer.set_vectors(
        self._team.concatenated(torch.stack(ends)).mean(dim=0),
        optimizer.num_steps)

  def _take_steps(self, rng, samples, by_output, learning_rate):
    """Takes the passes over the samples of one stream."""
    config = self._config
    for _ in range(config.epochs):
      for part in optimiser.minibatches(samples, config.minibatches, rng):
        gradient = self._gradient(part, by_output)
        norm = float(gradient.norm())
        if norm > _LARGEST_GRADIENT:
          gradient *= _LARGEST_GRADIENT / norm
        self._optimizer.step(gradient, learning_rate)

  def _targets(self, batch, decay):
    """Returns the `MirrorSamples` of an expectation, after a step from it."""
    config = self._config
    count, total = batch.per_action()
    visited = np.flatnonzero(count.sum(axis=1))

    def as_tensor(array):
      return torch.as_tensor(array, dtype=torch.float32, device=config.device)

    rows = torch.as_tensor(visited, device=config.device)
    count, total = count[visited], total[visited]
    observations = self._observations(batch.observations)[rows]
    illegal = self._illegal(batch.legal_actions_mask)[rows]
    log_probs = networks.masked_log_softmax(
        self._network(observations)[:, :-1], illegal)
    logits = tabular_self_play.step(
        log_probs, as_tensor(tabular_self_play.action_advantages(count, total)
                             / self._return_scale),
        self._magnet_log_probs(observations, illegal, log_probs),
        config.magnet * decay, config.step_size * decay)
    weight = as_tensor(mirror_descent.observation_weights(
        count.sum(axis=1), config.visit_exponent))
    return mirror_descent.MirrorSamples(
        observations=observations, illegal=illegal,
        target=networks.masked_softmax(logits, illegal),
        weight=weight, visit_weight=weight, value_target=weight)

  def _magnet_log_probs(self, observations, illegal, log_probs):
    # Zeros stand for a uniform magnet: only differences matter.
    return (torch.zeros_like(log_probs) if self._magnet is None
            else networks.masked_log_softmax(
                self._magnet(observations)[:, :-1], illegal))

  def _take_in(self):
    """Counts an update and averages the policy that it has led to."""
    config = self._config
    self._updates += 1
    self._average.add(self.current, self._updates)
    if config.magnet_updates and not self._updates % config.magnet_updates:
      self._move_magnet(self._network.parameters)

  def _gradient(self, part, by_output):
    """Returns the gradient by the network's parameters on a minibatch."""
    output = self._network.module(part.observations)
    # The weights of a minibatch sum to its share of the batch.
    return self._network.backward(
        output, self._config.minibatches * by_output(output.detach(), part))

  def _move_magnet(self, parameters):
    if self._magnet is None:
      self._magnet = networks.Network(
          self._network.sizes, None, self._config.device,
          name=self._network.name)
    self._magnet.parameters.copy_(parameters)

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

"""NeuPL: one conditional network is the whole population.

Source: Liu et al. 2022, "NeuPL: Neural Population Learning", Algorithms 1 and
5, with the policy steps of `ppo` in place of MPO. The inputs of the policy are
an observation and its own row of the interaction graph. Equal rows are one
policy. Where batches are episodes, a value network, which also gets the
opponent's row, is learned per opponent; an expectation needs none.

The training is data-parallel: every unique row plays its episodes and computes
its gradient in a worker, with the same weights. The gradients are averaged in
row order, so that the result does not depend on the number of workers.
"""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import torch

from open_spiel_ppsro import population
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import mirror_descent
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib

# An action is nearly given up if its log probability is below this; then its
# logit is pushed no further down. A higher one keeps more actions alive.
_GIVEN_UP = np.log(1e-3)
# Rows whose probabilities round to the same multiples of this are equal, and
# are trained once. A larger one makes more rows equal.
_ROW_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class NeuPLConfig(learner_lib.LearnerConfig):
  """The settings of the conditional network.

  A field that is None has a default that depends on the kind of the batches;
  `game_defaults` has them, with the reasons.

  Attributes:
    max_policies: the most policies, sink included; the length of a row.
    network: the architecture of the policy network and of the value network, as
      of `PPOConfig`. Rows of the interaction graph follow the observation.
    hidden_sizes: the widths of their hidden layers.
    episodes_per_batch: episodes per unique row between two updates; by default
      the expectation on an enumerated game, and as many as the simulator plays
      best on a sampled one.
    policy_loss: how a batch changes the policy, `mirror` or `clipped`, see
      `PPOConfig`.
    epochs: the gradient passes of the policy over a batch; the value takes one.
    learning_rate: the learning rate of Adam at the start.
    final_learning_rate: the learning rate to which it falls.
    learning_rate_decay: the factor by which it falls per batch.
    clip: the bound of the ratio of new to old probability, which is clipped to
      1 +- this, in the loss `clipped`.
    advantage_clip: as of `PPOConfig`.
    visit_exponent: as of `PPOConfig`.
    entropy_coefficient: the weight of the entropy bonus.
    anchor_coefficient: the weight of the cross-entropy to the behaviour of the
      row's own mixture, times the probability that two draws from the mixture
      differ. With it a row improves on its mixture instead of leaving it: fewer
      rows suffice, and rows change less when the mixture does. The response to
      a single policy is free of it.
    exploration: the share of uniformly random actions in training. Training one
      row changes the others, and a row that was changed to always play one
      action must still try the rest.
    random_opponent_share: the share of episodes against uniformly random
      opponents.
    device: the device of all tensors, as torch names it.
  """
  max_policies: int = 17
  network: Any = "mlp"
  hidden_sizes: tuple[int, ...] = (128, 64)
  episodes_per_batch: int | None = None
  policy_loss: str | None = None
  epochs: int | None = None
  learning_rate: float = 1e-2
  final_learning_rate: float = 3e-4
  learning_rate_decay: float = 0.994
  clip: float = 0.2
  advantage_clip: float = 3.0
  visit_exponent: float = 0.3
  entropy_coefficient: float = 0.0
  anchor_coefficient: float | None = None
  exploration: float = 0.05
  random_opponent_share: float | None = None
  device: str = "cpu"

  trains_rows = True

  def __post_init__(self):
    learner_lib.name_network(self)
    learner_lib.check_choice(self, "policy_loss", ppo.POLICY_LOSSES)
    learner_lib.check_positive(
        self, "max_policies", "epochs", "learning_rate", "final_learning_rate",
        "learning_rate_decay", "clip", "advantage_clip")
    learner_lib.check_not_negative(
        self, "visit_exponent", "entropy_coefficient", "anchor_coefficient")
    learner_lib.check_sizes(self)
    learner_lib.check_share(self, "exploration", "random_opponent_share")

  def exploiters(self) -> list[learner_lib.LearnerConfig]:
    return ppo.PPOConfig(
        network=self.network, episodes_per_batch=self.episodes_per_batch,
        device=self.device).exploiters()

  def for_game(self, game: game_lib.Game) -> "NeuPLConfig":
    return learner_lib.with_network_of_game(game_defaults.complete(
        self, game_defaults.of_neupl(self, game)), game)

  def check_game(self, game: game_lib.Game) -> None:
    config = self.for_game(game)
    for num_rows, num_values in ((1, 0), (2, None)):
      learner_lib.check_network(config, game, num_values,
                                num_rows * self.max_policies)

  def steps_per_batch(self, game: game_lib.Game) -> float:
    return of_game.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(self, game: game_lib.Game, player: int,
                   seed_sequence: np.random.SeedSequence
                   ) -> learner_lib.Learner:
    raise ValueError("the rows of NeuPL share one network: use a NeuPLOracle, "
                     "which trains them")


class ConditionalNetworks:
  """The policy and the value network, with their parameters as one vector."""

  def __init__(self, simulator: simulator_lib.Simulator, config: NeuPLConfig,
               seed_sequence: np.random.SeedSequence):
    width, num_actions = simulator.num_features, simulator.num_actions
    generator = networks.generator(seed_sequence)
    rows = config.max_policies
    self.policy = networks.Network(
        (width + rows, *config.hidden_sizes, num_actions), generator,
        config.device, last_gain=0.1, name=config.network)
    self.value = networks.Network(
        (width + 2 * rows, *config.hidden_sizes, 1), generator, config.device,
        name=config.network)

  def get(self) -> np.ndarray:
    """Returns the parameters of both, float32 `[P]`, as a NumPy array."""
    return torch.cat([self.policy.parameters,
                      self.value.parameters]).cpu().numpy()

  def set(self, parameters: np.ndarray) -> None:
    """Sets the parameters of both."""
    vector = torch.as_tensor(parameters)
    size = len(self.policy.parameters)
    self.policy.parameters.copy_(vector[:size])
    self.value.parameters.copy_(vector[size:])


def conditioned(observations: torch.Tensor,
                *rows: torch.Tensor) -> torch.Tensor:
  """Returns `[U, D + N ...]`, observations, each followed by the same rows."""
  return torch.cat(
      [observations] + [row.expand(len(observations), -1) for row in rows],
      dim=1)


class RowWorker:
  """An actor that plays one row of the interaction graph, with gradients."""

  def __init__(self, game: game_lib.Game, config: NeuPLConfig, player: int,
               network_seed: np.random.SeedSequence,
               episode_seed: np.random.SeedSequence):
    networks.pin_threads()
    self._simulator = of_game.make_simulator(game, player)
    self._config: Any = config  # No field is open here.
    self._networks = ConditionalNetworks(self._simulator, config, network_seed)
    self._rng = np.random.default_rng(episode_seed)
    self._observations = networks.DeviceCopy(config.device)
    self._illegal = networks.DeviceCopy(config.device, np.logical_not)
    self._row: Any = None  # The tensor of the row that plays.
    self._return_scale = None

  def state(self) -> dict[str, Any]:
    """Returns the state between two rounds, as `Learner.state` does."""
    return {"rng": self._rng.bit_generator.state,
            "return_scale": self._return_scale}

  def restore(self, state: dict[str, Any]) -> None:
    """Makes this new worker equal to another by its `state`."""
    self._rng.bit_generator.state = state["rng"]
    self._return_scale = state["return_scale"]

  def parameters(self) -> np.ndarray:
    """Returns the parameters of the networks, float32 `[P]`."""
    return self._networks.get()

  def snapshot(self, parameters: np.ndarray,
               row: np.ndarray) -> policy_lib.Policy:
    """Returns the policy of a row `[N]` in the form that snapshots keep."""
    self._networks.set(parameters)
    self._row = self._tensor(row)
    policy = self._networks.policy

    def copy():
      return networks.NetworkPolicy(
          policy.sizes, networks.as_array(policy.parameters),
          self._simulator.num_actions, context=np.float32(row),
          network=policy.name)

    return self._simulator.publish(self._policy, copy)

  def play(self, parameters: np.ndarray, row: np.ndarray,
           opponents: population.Mixture, opponent_rows: Sequence[np.ndarray]
           ) -> tuple[int, int, float]:
    """Plays a batch; returns `(steps, episodes, mean return)`.

    An expectation has no episodes, and needs no value: it is of the whole
    mixture, and its mean returns are the baseline.

    Args:
      parameters: `[P]`, the parameters of both networks.
      row: `[N]`, the row that plays.
      opponents: a `Mixture`; each of its policies gets its share of episodes,
        as if one were drawn per episode. It is also the row's own mixture,
        because one population plays both seats.
      opponent_rows: for each policy of the mixture, its row `[N]`.
    """
    config, simulator = self._config, self._simulator
    self._networks.set(parameters)
    self._row = self._tensor(row)
    num_episodes = config.episodes_per_batch or simulator.episodes_per_batch
    if num_episodes is None:
      simulator.face((opponents, opponents), config.random_opponent_share)
      batch = simulator.draw(self._explore, None, self._rng)
      self._prepare([(batch, row)], opponents)
      return batch.num_steps, 0, batch.episode_return
    episodes = self._rng.multinomial(num_episodes, opponents.probabilities)
    batches = []
    for snapshot, opponent_row, share in zip(
        opponents.snapshots, opponent_rows, episodes):
      if share:
        alone = population.Mixture((snapshot,), np.ones(1))
        simulator.face((alone, alone), config.random_opponent_share)
        batches.append((
            simulator.draw(self._explore, int(share), self._rng), opponent_row))
    self._prepare(batches, opponents)
    num_episodes = sum(batch.num_episodes for batch, _ in batches)
    return (sum(batch.num_steps for batch, _ in batches), num_episodes,
            sum(batch.num_episodes * batch.episode_return
                for batch, _ in batches) / num_episodes)

  def gradient(self, parameters: np.ndarray, with_value: bool) -> np.ndarray:
    """Returns `[P]`, the gradient of the loss on the latest batch.

    Args:
      parameters: `[P]`, the parameters of both networks.
      with_value: whether the value network takes this step, too; if not, its
        part of the gradient is zero.
    """
    self._networks.set(parameters)
    nets = self._networks
    inputs = conditioned(self._samples.observations, self._row)
    output = nets.policy.module(inputs)
    by_logits = self._policy_gradient(output.detach())
    if self._anchor is not None:
      target, weight = self._anchor
      probabilities = networks.masked_softmax(
          output.detach(), self._samples.illegal)
      by_logits += weight * (probabilities - target)
    gradient = [nets.policy.backward(output, by_logits)]
    if with_value and self._value_samples is not None:
      inputs, target, weight = self._value_samples
      output = nets.value.module(inputs)
      error = output.detach()[:, 0] - target
      gradient.append(nets.value.backward(
          output, (2 * weight * error)[:, None]))
    else:
      gradient.append(torch.zeros_like(nets.value.parameters))
    return torch.cat(gradient).cpu().numpy()

  def _policy_gradient(self, logits):
    if isinstance(self._samples, mirror_descent.MirrorSamples):
      return mirror_descent.logit_gradient(logits, self._samples)
    return ppo.surrogate_gradient(logits, self._samples, self._config)

  def _tensor(self, array):
    return torch.as_tensor(array, dtype=torch.float32,
                           device=self._config.device)

  def _policy(self, observations, mask):
    logits = self._networks.policy(
        conditioned(self._observations(observations), self._row))
    return networks.masked_softmax(
        logits, self._illegal(mask)).double().cpu().numpy()

  def _explore(self, observations, mask):
    epsilon = self._config.exploration
    return ((1 - epsilon) * self._policy(observations, mask)
            + epsilon * mask / mask.sum(axis=1, keepdims=True))

  def _prepare(self, batches, mixture):
    """Keeps the samples of a batch in the form that `gradient` reads.

    Args:
      batches: a list of pairs of an `EpisodeBatch` and the opponent's row.
      mixture: the row's own mixture.
    """
    merged = simulator_lib.merge([batch for batch, _ in batches])
    count, total = merged.per_action()
    if self._return_scale is None:
      self._return_scale = ppo.return_scale(count, total)
    observations = self._observations(merged.observations)
    self._value_samples = None
    value = torch.zeros(len(count), device=self._config.device)
    if not merged.is_expectation:
      value = self._value_estimates(batches, merged, observations, count)
    visited = np.flatnonzero(count.sum(axis=1))
    self._anchor = self._anchor_target(mixture, merged, count, visited)
    rows = torch.as_tensor(visited, device=self._config.device)
    observations = observations[rows]
    illegal = self._illegal(merged.legal_actions_mask)[rows]
    logits = self._networks.policy(conditioned(observations, self._row))
    log_probs = networks.masked_log_softmax(logits, illegal)
    samples = ppo.make_samples(
        observations, illegal, log_probs, value[rows], count[visited],
        total[visited], self._return_scale, merged.is_expectation)
    # Exploration takes a nearly given up action again and again, and it pays
    # less. If each time pushed its logit further down, the logit would become
    # too low to recover.
    advantage = samples.advantage
    advantage[(log_probs < _GIVEN_UP) & (advantage < 0)] = 0
    self._samples = samples
    if self._config.policy_loss == "mirror":
      self._samples = ppo.mirror_samples(
          samples, count[visited].sum(axis=1), self._config.visit_exponent,
          self._config.advantage_clip, merged.is_expectation)

  def _value_estimates(self, batches, merged, observations, count):
    """Returns the value network's estimates, and keeps its training samples.

    An input of the value network is the opponent's row, so the network is
    asked per opponent.

    Args:
      batches: the batches, as for `_prepare`.
      merged: all batches as one `EpisodeBatch`.
      observations: the observations of `merged` as a tensor `[U, D]`.
      count: `[U, A]`, the samples of `merged`.

    Returns:
      A tensor `[U]`, the mean over opponents, in units of the return scale.
    """
    visits = count.sum(axis=1)
    inputs, targets, weights = [], [], []
    value = torch.zeros(len(visits), device=self._config.device)
    end = 0
    for batch, opponent_row in batches:
      batch_count, batch_total = batch.per_action()
      batch_visits = batch_count.sum(axis=1)
      # If the batches share their observations, they share the rows of
      # `merged`; if not, the rows of a batch follow those of the one before.
      start = 0
      if batch.observations is not merged.observations:
        start, end = end, end + len(batch_visits)
      visited = np.flatnonzero(batch_visits)  # Others have no samples.
      visits_here = batch_visits[visited]
      returns_here = batch_total.sum(axis=1)[visited]
      rows = torch.as_tensor(visited + start, device=self._config.device)
      inputs.append(conditioned(observations[rows], self._row,
                                self._tensor(opponent_row)))
      targets.append(self._tensor(
          returns_here / visits_here / self._return_scale))
      weights.append(self._tensor(visits_here / visits.sum()))
      value[rows] += (self._tensor(visits_here) / self._tensor(visits)[rows]
                      * self._networks.value(inputs[-1])[:, 0])
    self._value_samples = (torch.cat(inputs), torch.cat(targets),
                           torch.cat(weights))
    return value

  def _anchor_target(self, mixture, merged, count, visited):
    """Returns the target of the anchor and its weight; None for no anchor.

    Args:
      mixture: the row's own mixture.
      merged: all batches as one `EpisodeBatch`.
      count: `[U, A]`, the samples of `merged`.
      visited: the indices of the V observations that have samples.

    Returns:
      Tensors of the visited observations: action probabilities `[V, A]` and
      weights `[V, 1]`.
    """
    weight = self._config.anchor_coefficient * (
        1 - mixture.probabilities @ mixture.probabilities)
    if not weight > 0:
      return None
    visits = count.sum(axis=1)
    if self._config.policy_loss == "mirror":  # Weighed as what it holds back.
      weights = weight * mirror_descent.observation_weights(
          visits[visited], self._config.visit_exponent)
    else:
      weights = weight * visits[visited] / visits.sum()
    mask = merged.legal_actions_mask[visited]
    epsilon = self._config.exploration
    return (
        self._tensor((1 - epsilon)
                     * self._simulator.behaviour(mixture, merged)[visited]
                     + epsilon * mask / mask.sum(axis=1, keepdims=True)),
        self._tensor(weights)[:, None])


class NeuPLOracle(pipelined.PipelinedOracle):
  """An oracle that trains the rows of NeuPL as one conditional network."""

  config: NeuPLConfig
  needs_separate_opponents = True
  can_share = True

  def __init__(self, game: Any, config: NeuPLConfig | None = None,
               executor: executor_lib.Executor | None = None, seed: int = 0,
               **kwargs: Any):
    """Makes an oracle; see `PipelinedOracle`.

    Args:
      game: a two-player zero-sum game; one policy plays both seats.
      config: a `NeuPLConfig`.
      executor: the executor whose workers play the rows and compute gradients.
      seed: the seed of all random numbers.
      **kwargs: further arguments of `PipelinedOracle`.
    """
    config = NeuPLConfig() if config is None else config
    if not isinstance(config, NeuPLConfig):
      raise ValueError("NeuPL trains by PPO: give it a NeuPLConfig, or use a "
                       "PipelinedOracle with ExactConfig; got "
                       f"{type(config).__name__}")
    networks.pin_threads()
    super().__init__(game, config, executor, seed, seat_symmetric=True,
                     **kwargs)
    self._parameters: torch.Tensor | None = None
    self._optimizer: optimiser.Adam | None = None
    self._learning_rate = config.learning_rate
    self._rows = {0: np.zeros(config.max_policies)}  # The sink's row is zero.
    self._reports: dict[
        population.PolicyId, learner_lib.TrainingReport] = {}

  def open(self, policy_ids: Sequence[population.PolicyId],
           wait: bool = True) -> list[policy_lib.Policy]:
    self.check_open()
    if policy_ids and max(p.index for p in policy_ids) >= (
        self.config.max_policies):
      raise ValueError(
          f"max_policies is {self.config.max_policies}, too few for "
          f"{max(p.index for p in policy_ids) + 1} policies with the sink")
    for policy_id in policy_ids:
      self._create_row(policy_id)
      self._rows[policy_id.index] = np.zeros(self.config.max_policies)
    if policy_ids and self._parameters is None:
      (parameters,) = self.executor.call(
          [executor_lib.Task(policy_ids[0], "parameters", ())])
      self._parameters = torch.tensor(parameters)
      self._optimizer = optimiser.Adam(self._parameters)
    return self._snapshots({policy_id: self._rows[policy_id.index]
                         for policy_id in policy_ids})

  def _create_row(self, policy_id, state=None):
    self.executor.create(
        policy_id, RowWorker, self.config, policy_id.player,
        np.random.SeedSequence(self.seed),
        np.random.SeedSequence(self.seed, spawn_key=policy_id), state=state)

  def state(self, policy_ids: Sequence[population.PolicyId]) -> dict[str, Any]:
    shared = None
    if self._parameters is not None and self._optimizer is not None:
      shared = {"parameters": networks.as_array(self._parameters),
                "optimizer": self._optimizer.state()}
    return {
        **super().state(policy_ids),
        "shared": shared,
        "learning_rate": self._learning_rate,
        "rows": [[index, row] for index, row in self._rows.items()]}

  def restore(self, policy_ids: Sequence[population.PolicyId],
              state: dict[str, Any]) -> None:
    for policy_id, (worker_state,) in zip(policy_ids, state["learners"]):
      self._create_row(policy_id, worker_state)
    if state["shared"] is not None:
      self._parameters = torch.tensor(state["shared"]["parameters"])
      self._optimizer = optimiser.Adam(self._parameters)
      self._optimizer.restore(state["shared"]["optimizer"])
    self._learning_rate = state["learning_rate"]
    self._rows = {index: row for index, row in state["rows"]}

  def begin(self, assignments: Sequence[learner_lib.Assignment]) -> None:
    # Rows share their network, so all of them train to the end right here.
    self.check_open()
    self.executor.save_if_due()
    self._reports = dict(zip([a.policy_id for a in assignments],
                             self._train(assignments)))

  def finished(self, policy_ids: Collection[population.PolicyId] = ()
               ) -> dict[population.PolicyId, learner_lib.TrainingReport]:
    return self._reports

  def _train(self, assignments):
    """Returns the `TrainingReport` of each assignment."""
    rows = {a.policy_id: self._padded(a.probabilities[0])
            for a in assignments}
    for policy_id, row in rows.items():
      self._rows[policy_id.index] = row
    # The first of several policies with equal rows trains for all of them.
    leaders = {}
    for policy_id, row in rows.items():
      leaders.setdefault(row.tobytes(), policy_id)
    unique = [a for a in assignments
              if leaders[rows[a.policy_id].tobytes()] == a.policy_id]
    # The entries are steps, episodes, mean return, weight of batches.
    trained = {a.policy_id: [0, 0, 0.0, 0] for a in unique}
    while any(trained[a.policy_id][0] < a.num_steps for a in unique):
      for assignment, (steps, episodes, mean_return) in zip(
          unique, self._update(unique, rows)):
        record = trained[assignment.policy_id]
        weight = episodes or 1  # Of an expectation.
        record[2] = (record[3] * record[2] + weight * mean_return) / (
            record[3] + weight)
        record[0] += steps
        record[1] += episodes
        record[3] += weight
    tables = dict(zip(trained, self._snapshots(
        {policy_id: rows[policy_id] for policy_id in trained})))
    reports = []
    for assignment in assignments:
      leader = leaders[rows[assignment.policy_id].tobytes()]
      steps, episodes, mean_return, _ = trained[leader]
      if leader != assignment.policy_id:  # The leader's report counts them.
        steps, episodes = 0, 0
      reports.append(learner_lib.TrainingReport(
          tables[leader], mean_return, steps, episodes))
    return reports

  def _update(self, assignments, rows):
    """Plays a batch of every unique row and takes the epochs on them."""
    # An executor may repeat calls, so their arguments must not change.
    parameters = networks.as_array(self._parameters)
    answers = self.executor.call([
        executor_lib.Task(a.policy_id, "play", (
            parameters, rows[a.policy_id], a.opponents[1],
            [self._rows[snapshot.policy_id.index]
             for snapshot in a.opponents[1].snapshots]))
        for a in assignments])
    for epoch in range(self.config.epochs):
      gradients = self.executor.call(
          [executor_lib.Task(a.policy_id, "gradient", (parameters, epoch == 0))
           for a in assignments])
      self._optimizer.step(
          torch.from_numpy(np.mean(gradients, axis=0)), self._learning_rate)
      parameters = networks.as_array(self._parameters)
    learner_lib.check_finite(self._parameters,
                      sum(mean_return for _, _, mean_return in answers))
    self._learning_rate = max(
        self._learning_rate * self.config.learning_rate_decay,
        self.config.final_learning_rate)
    return answers

  def _snapshots(self, rows):
    """Returns the policies of `{policy id: row}` with the current weights."""
    if not rows:
      return []
    parameters = networks.as_array(self._parameters)
    return self.executor.call(
        [executor_lib.Task(policy_id, "snapshot", (parameters, row))
         for policy_id, row in rows.items()])

  def _padded(self, probabilities):
    """Returns probabilities as a row `[N]`, rounded by `_ROW_TOLERANCE`."""
    row = np.zeros(self.config.max_policies)
    row[:len(probabilities)] = (
        np.round(probabilities / _ROW_TOLERANCE) * _ROW_TOLERANCE)
    return row

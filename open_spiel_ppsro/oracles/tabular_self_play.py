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

"""Self-play with exact updates: magnetic mirror descent in a table.

Source: Sokota et al. 2023, "A Unified Approach to Reinforcement Learning,
Quantal Response Equilibria, and Two-Player Zero-Sum Games". On an enumerated
game the value of every action is known, and the step has a closed form. Weight
of the magnet and size of the step fall together, with the root of the number
of updates: that keeps the policy from circling, where a step that is long
beside the magnet does not. `self_play` fits a network to the same steps.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import policy_average
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator as simulator_lib

# What a count of nothing is divided by.
_TINY = np.finfo(float).tiny


def check_game(game: game_lib.Game) -> None:
  """Raises ValueError unless one policy plays all seats of a game."""
  if not game.plays_all_seats:
    raise ValueError(
        "self-play has one policy for both seats: make the oracle with "
        "seat_symmetric=True, which works for two-player zero-sum games")


def return_scale(batch: simulator_lib.EpisodeBatch) -> float:
  """Returns the root mean square of the returns in a batch; 1 if it is 0."""
  return float(np.sqrt(batch.count @ batch.mean_return ** 2
                       / batch.count.sum())) or 1.0


def action_advantages(count: np.ndarray, total: np.ndarray) -> np.ndarray:
  """Returns `[U, A]`, what each action earns above the mean of its row.

  Args:
    count: `[U, A]`, how often each action is taken.
    total: `[U, A]`, the summed returns. An action that is not taken has 0.
  """
  taken = count > 0
  value = np.divide(total, count, out=np.zeros_like(total), where=taken)
  mean = total.sum(axis=1) / np.maximum(count.sum(axis=1), _TINY)
  return np.where(taken, value - mean[:, None], 0.0)


def step(log_probs: Any, advantage: Any, magnet_log_probs: Any,
         magnet: float, size: float) -> Any:
  """Returns `[U, A]`, log probabilities after a step, not normalised.

  The closed form of magnetic mirror descent with negative entropy: the policy
  that maximises the advantages, less `magnet` times the divergence from the
  magnet, less 1 / `size` times that from the policy before.

  Args:
    log_probs: `[U, A]`, an array or a tensor, of the policy before.
    advantage: `[U, A]`, in units of the return scale.
    magnet_log_probs: `[U, A]`; zeros for a magnet that is uniform.
    magnet: its weight.
    size: of the step.
  """
  return (log_probs + size * (advantage + magnet * magnet_log_probs)) / (
      1 + size * magnet)


@dataclasses.dataclass(frozen=True)
class TabularSelfPlayConfig(learner_lib.LearnerConfig):
  """The settings of self-play with exact updates.

  Attributes:
    magnet: the weight of the divergence from the magnet at first, in units of
      the returns' scale, the root mean square of the returns of random play.
      After n updates it is divided by the root of 1 + n.
    step_size: the size of a step at first; it falls alike.
    magnet_updates: the policy replaces the magnet every so many updates; 0
      keeps the uniformly random one.
  """
  magnet: float = 1.0
  step_size: float = 1.5
  magnet_updates: int = 0

  needs_enumerated_game = True
  plays_itself = True

  def __post_init__(self):
    learner_lib.check_positive(self, "step_size")
    learner_lib.check_not_negative(self, "magnet", "magnet_updates")

  def check_game(self, game: game_lib.Game) -> None:
    super().check_game(game)
    check_game(game)

  def steps_per_batch(self, game: game_lib.Game) -> float:
    return of_game.steps_per_batch(game)

  def make_learner(self, game: game_lib.Game, player: int,
                   seed_sequence: np.random.SeedSequence
                   ) -> "TabularSelfPlayLearner":
    del seed_sequence  # Nothing is drawn.
    assert isinstance(game, game_tree.GameTree)
    return TabularSelfPlayLearner(game, player, self)


class TabularSelfPlayLearner(learner_lib.Learner):
  """A learner with a table of logits that play all seats."""

  def __init__(self, tree: game_tree.GameTree, player: int,
               config: TabularSelfPlayConfig):
    self._config = config
    self._simulator = of_game.make_simulator(tree, player)
    self._legal = tree.infostates[player].legal_actions_mask
    self._set_logits(np.zeros(self._legal.shape))
    # Zeros stand for a uniform magnet: only differences matter.
    self._magnet = np.zeros(self._legal.shape)
    self._return_scale: float | None = None
    self._updates = 0
    self._average = policy_average.PlanAverage(tree, player)

  def initial_policy(self) -> np.ndarray:
    return self._table.copy()

  def state(self) -> dict[str, Any]:
    return {"table": self._table.copy(), "log_probs": self._log_probs.copy(),
            "magnet": self._magnet.copy(), "return_scale": self._return_scale,
            "updates": self._updates, "average": self._average.state()}

  def restore(self, state: dict[str, Any]) -> None:
    self._table = state["table"].copy()
    self._log_probs = state["log_probs"].copy()
    self._magnet = state["magnet"].copy()
    self._return_scale = state["return_scale"]
    self._updates = state["updates"]
    self._average.restore(state["average"])

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    del opponents, stationary  # Its only opponent is itself, as it is now.
    steps, returns = 0, []
    while steps < num_steps:
      batch = self._simulator.play_itself(self._policy, None, None)
      steps += batch.num_steps
      returns.append(batch.episode_return)
      self._update(batch)
    return learner_lib.TrainingReport(
        policy=self.answer(), mean_return=float(np.mean(returns)), steps=steps,
        episodes=0)

  def answer(self) -> Any:
    """Returns what it hands out, the average; None before any training."""
    return self._average.policy()

  def _update(self, batch):
    config = self._config
    if self._return_scale is None:
      self._return_scale = return_scale(batch)
    decay = 1 / math.sqrt(1 + self._updates)
    count, total = batch.per_action()
    self._set_logits(step(
        self._log_probs, action_advantages(count, total) / self._return_scale,
        self._magnet, config.magnet * decay, config.step_size * decay))
    self._updates += 1
    self._average.add(self._policy, self._updates)
    if config.magnet_updates and not self._updates % config.magnet_updates:
      self._magnet = self._log_probs.copy()

  def _policy(self, observations, mask):
    del observations, mask
    return self._table

  def _set_logits(self, logits):
    """Sets the policy; `log_probs` of illegal actions are of no use."""
    logits = np.where(self._legal, logits, -np.inf)
    logits -= logits.max(axis=1, keepdims=True)
    table = np.exp(logits)
    total = table.sum(axis=1, keepdims=True)
    self._table = table / total
    self._log_probs = np.where(self._legal, logits - np.log(total), 0.0)

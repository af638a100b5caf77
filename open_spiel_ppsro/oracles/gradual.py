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

"""The gradual oracle: a policy that moves towards its best response.

It learns at a given speed and without noise. It is the model of slow learning
in the random normal-form games of McAleer et al. 2020, section 5: from a random
mixed strategy `x`, every step moves to `(1 - rate) x + rate b`, where `b` is an
exact best response. On a tree the policy moves in realization plans, where
mixing is linear.
"""

import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.simulators import tree_simulator


@dataclasses.dataclass(frozen=True)
class GradualConfig(learner_lib.LearnerConfig):
  """The settings of the gradual oracle.

  Attributes:
    learning_rate: the share of the way to the best response per step.
  """
  learning_rate: float = 0.5

  needs_enumerated_game = True

  def __post_init__(self):
    learner_lib.check_positive(self, "learning_rate")
    learner_lib.check_share(self, "learning_rate")

  def steps_per_batch(self, game: game_lib.Game) -> float:
    del game  # A step of training is one move of the policy.
    return 1.0

  def make_learner(self, game: game_lib.Game, player: int,
                   seed_sequence: np.random.SeedSequence) -> "GradualLearner":
    assert isinstance(game, game_tree.GameTree)
    return GradualLearner(game, player, self, seed_sequence)


def random_table(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Returns `[I, A]`, uniform random numbers, normalised by row."""
  table = rng.random(mask.shape) * mask
  return table / table.sum(axis=1, keepdims=True)


class GradualLearner(learner_lib.Learner):
  """A learner that moves to its best response, `num_steps` times a call."""

  def __init__(self, tree: game_tree.GameTree, player: int,
               config: GradualConfig, seed_sequence: np.random.SeedSequence):
    self._tree = tree
    self._player = player
    self._rate = config.learning_rate
    self._rng = np.random.default_rng(seed_sequence)
    self._table = random_table(
        tree.infostates[player].legal_actions_mask, self._rng)

  def initial_policy(self) -> np.ndarray:
    return self._table

  def state(self) -> dict[str, Any]:
    return {"rng": self._rng.bit_generator.state, "table": self._table}

  def restore(self, state: dict[str, Any]) -> None:
    self._rng.bit_generator.state = state["rng"]
    self._table = state["table"]

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    tree, player = self._tree, self._player
    reach = tree_simulator.opponents_reach(tree, opponents, player)
    # Ties are broken at random, because a fixed rule would give the same
    # response again where the policies below repeat each other.
    response = sequence_form.best_response_to_reach(
        tree, reach, player, "random", self._rng)
    target = sequence_form.realization_plan(tree, response.table, player)
    plan = sequence_form.realization_plan(tree, self._table, player)
    kept = (1 - self._rate) ** num_steps
    plan = kept * plan + (1 - kept) * target
    self._table = sequence_form.behaviour(tree, plan, player)
    return learner_lib.TrainingReport(
        policy=self._table,
        mean_return=float(
            plan @ sequence_form.values_of_reach(tree, reach, player)),
        steps=num_steps, episodes=0)

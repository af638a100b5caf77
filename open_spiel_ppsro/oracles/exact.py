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

"""The exact oracle: a best response by dynamic programming on the game tree.

PSRO with this oracle is the double oracle algorithm (McMahan, Gordon & Blum
2003).
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
class ExactConfig(learner_lib.LearnerConfig):
  """The settings of the exact oracle.

  Attributes:
    tie_break: the rule by which a best action is chosen, one of
      `sequence_form.TIE_BREAKS`; see `sequence_form.best_response_to_reach`.
  """
  tie_break: str = "perturbed"

  needs_enumerated_game = True
  responds_exactly = True

  def __post_init__(self):
    if self.tie_break not in sequence_form.TIE_BREAKS:
      raise ValueError(
          f"unknown tie_break {self.tie_break!r}; use one of "
          f"{', '.join(sequence_form.TIE_BREAKS)}")

  def steps_per_batch(self, game: game_lib.Game) -> float:
    del game  # The exact oracle trains no environment steps.
    return 1.0

  def make_learner(self, game: game_lib.Game, player: int,
                   seed_sequence: np.random.SeedSequence) -> "ExactLearner":
    assert isinstance(game, game_tree.GameTree)
    return ExactLearner(game, player, self, seed_sequence)


class ExactLearner(learner_lib.Learner):
  """A learner that computes the best response and trains no episodes."""

  def __init__(self, tree: game_tree.GameTree, player: int,
               config: ExactConfig, seed_sequence: np.random.SeedSequence):
    self._tree = tree
    self._player = player
    self._config = config
    self._rng = np.random.default_rng(seed_sequence)

  def initial_policy(self) -> np.ndarray:
    return self._tree.uniform_table(self._player)

  def state(self) -> dict[str, Any]:
    return {"rng": self._rng.bit_generator.state}

  def restore(self, state: dict[str, Any]) -> None:
    self._rng.bit_generator.state = state["rng"]

  def train(self, opponents: population.Opponents, num_steps: int,
            stationary: bool) -> learner_lib.TrainingReport:
    response = sequence_form.best_response_to_reach(
        self._tree,
        tree_simulator.opponents_reach(self._tree, opponents, self._player),
        self._player, self._config.tie_break, self._rng)
    return learner_lib.TrainingReport(
        policy=response.table, mean_return=response.value, steps=0, episodes=0,
        is_exact=True)

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

"""A game, a scheme, a best responder and a meta-strategy of one's own.

    python examples/extending_example.py

plays them together, with all flags of the other examples. These reach them as
well, because importing this module registers all four:

    python examples/pipeline_psro_example.py \\
        --import_module=extending_example --scheme=prioritised --oracle=linear

docs/extend.md goes through them one by one.
"""

import dataclasses

from absl import flags
import numpy as np
import pyspiel

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import launch

FLAGS = flags.FLAGS


# A game: player 0 holds a low or a high card and may bet; player 1 may call.

_GAME_TYPE = pyspiel.GameType(
    short_name="python_bluff",
    long_name="Bluff with one card",
    dynamics=pyspiel.GameType.Dynamics.SEQUENTIAL,
    chance_mode=pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC,
    information=pyspiel.GameType.Information.IMPERFECT_INFORMATION,
    utility=pyspiel.GameType.Utility.ZERO_SUM,
    reward_model=pyspiel.GameType.RewardModel.TERMINAL,
    max_num_players=2, min_num_players=2,
    provides_information_state_string=True,
    provides_information_state_tensor=True,
    provides_observation_string=False,
    provides_observation_tensor=False)
_GAME_INFO = pyspiel.GameInfo(
    num_distinct_actions=2, max_chance_outcomes=2, num_players=2,
    min_utility=-2.0, max_utility=2.0, utility_sum=0.0, max_game_length=3)


class BluffGame(pyspiel.Game):
  """Both put in 1, a bet and a call put in 1 more; the high card wins."""

  def __init__(self, params=None):
    super().__init__(_GAME_TYPE, _GAME_INFO, params or {})

  def new_initial_state(self):
    return BluffState(self)

  def make_py_observer(self, iig_obs_type=None, params=None):
    return BluffObserver()


class BluffState(pyspiel.State):
  """The card, whether player 0 bet, and whether player 1 called."""

  def __init__(self, game):
    super().__init__(game)
    self.moves = []

  def current_player(self):
    if len(self.moves) == 3 or self.moves[1:] == [0]:
      return pyspiel.PlayerId.TERMINAL
    return (pyspiel.PlayerId.CHANCE, 0, 1)[len(self.moves)]

  def chance_outcomes(self):
    return [(0, 0.5), (1, 0.5)]

  def _legal_actions(self, player):
    return [0, 1]

  def _apply_action(self, action):
    self.moves.append(action)

  def _action_to_string(self, player, action):
    return str(action)

  def is_terminal(self):
    return self.current_player() == pyspiel.PlayerId.TERMINAL

  def returns(self):
    if not self.is_terminal():
      return [0.0, 0.0]
    gain = 1.0 if self.moves[0] else -1.0
    if self.moves[1]:  # After a bet player 1 folds or doubles the stakes.
      gain = 2 * gain if self.moves[2] else 1.0
    return [gain, -gain]

  def __str__(self):
    return "".join(map(str, self.moves))


class BluffObserver:
  """What a player sees: player 0 its card, player 1 that it was bet."""

  def __init__(self):
    self.tensor = np.zeros(3, np.float32)
    self.dict = {"seen": self.tensor}

  def set_from(self, state, player):
    self.tensor[:] = 0
    self.tensor[2 if player else state.moves[0] if state.moves else 0] = 1

  def string_from(self, state, player):
    return "a bet" if player else f"card {state.moves[:1]}"


pyspiel.register_game(_GAME_TYPE, BluffGame)


# A scheme: whom a policy loses to, it faces more often.


@dataclasses.dataclass(frozen=True)
class PrioritisedSelfPlay(ppsro.Scheme):
  """Prioritised fictitious self-play of two players (Vinyals et al. 2019).

  Attributes:
    power: opponents count by this power of how far they are from the weakest.
  """
  power: float = 2.0

  def openings(self, population, solve):
    return [ppsro.Opening(player)
            for player in range(population.num_populations)
            if not population.active(player)]

  def opponents(self, population, policy_id):
    return population[policy_id].frozen_at_opening

  def weigh(self, population, policy_id, probabilities, meta_game):
    payoffs = meta_game.payoffs_against(
        policy_id, population[policy_id].frozen_at_opening)
    weights = (payoffs.max() - payoffs) ** self.power
    if not weights.sum() > 0:
      weights = np.ones(len(payoffs))
    faced = list(probabilities)
    faced[(policy_id.player + 1) % len(faced)] = weights / weights.sum()
    return tuple(faced)


ppsro.SCHEMES["prioritised"] = PrioritisedSelfPlay


# A best responder: REINFORCE on a policy that is linear in what is seen.


class LinearPolicy(ppsro.FunctionPolicy):
  """Plays the softmax of `observations @ weights`."""

  def __init__(self, weights):
    self._weights = weights

  def __call__(self, observations, legal_actions_mask):
    logits = np.where(legal_actions_mask, observations @ self._weights,
                      -np.inf)
    played = np.exp(logits - logits.max(axis=1, keepdims=True))
    return played / played.sum(axis=1, keepdims=True)

  def to_data(self):
    return {"weights": self._weights}

  @classmethod
  def from_data(cls, data):
    return cls(data["weights"])


@dataclasses.dataclass(frozen=True)
class LinearConfig(ppsro.LearnerConfig):
  """How a linear policy trains, on enumerated and on sampled games.

  Attributes:
    episodes_per_batch: between two steps along the gradient.
    learning_rate: the length of such a step.
  """
  episodes_per_batch: int = 256
  learning_rate: float = 1.0

  def steps_per_batch(self, game):
    return ppsro.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(self, game, player, seed_sequence):
    return LinearLearner(self, ppsro.make_simulator(game, player),
                         np.random.default_rng(seed_sequence))


class LinearLearner(ppsro.Learner):
  """Learns the weights of one policy."""

  def __init__(self, config, simulator, rng):
    self._config, self._simulator, self._rng = config, simulator, rng
    self._weights = np.zeros((simulator.num_features, simulator.num_actions))

  def initial_policy(self):
    policy = LinearPolicy(self._weights.copy())
    return self._simulator.publish(policy, copy=lambda: policy)

  def train(self, opponents, num_steps, stationary):
    self._simulator.face(opponents)
    batches, steps = [], 0
    while steps < num_steps:
      batch = self._simulator.draw(
          LinearPolicy(self._weights), self._config.episodes_per_batch,
          self._rng)
      counts, returns = batch.per_action()
      visits = np.maximum(counts.sum(axis=1, keepdims=True), 1)
      values = returns.sum(axis=1, keepdims=True) / visits
      advantages = returns - counts * values
      self._weights += self._config.learning_rate * (
          batch.observations.T @ advantages) / batch.num_episodes
      batches.append(batch.episode_return)
      steps += batch.num_steps
    return ppsro.TrainingReport(
        self.initial_policy(), mean_return=float(np.mean(batches)), steps=steps,
        episodes=len(batches) * self._config.episodes_per_batch)

  def state(self):
    return {"weights": self._weights.copy(),
            "rng": self._rng.bit_generator.state}

  def restore(self, state):
    self._weights = state["weights"]
    self._rng.bit_generator.state = state["rng"]


ppsro.ORACLES["linear"] = LinearConfig


# A meta-strategy: players that err, the less the more it costs.


def quantal_response(solver, return_joint=False):
  """A logit quantal response equilibrium (McKelvey & Palfrey 1995).

  Args:
    solver: answers `get_meta_game()`, and `get_kwargs()` with, optionally, the
      `rationality` (default 10, per unit of game utility).
    return_joint: whether to return the flat joint distribution too.
  """
  payoffs = solver.get_meta_game()
  rationality = solver.get_kwargs().get("rationality", 10.0)
  play = [np.ones(size) / size for size in payoffs[0].shape]
  for step in range(2, 2000):  # The averages of smooth fictitious play.
    for player, values in enumerate(
        (payoffs[0] @ play[1], play[0] @ payoffs[1])):
      response = np.exp(rationality * (values - values.max()))
      play[player] += (response / response.sum() - play[player]) / step
  return (play, np.outer(*play).ravel()) if return_joint else play


ppsro.META_STRATEGIES["quantal_response"] = quantal_response


def main():
  common_flags.check([FLAGS.scheme])
  summary = common_flags.run(
      FLAGS.game_name, FLAGS.scheme, FLAGS.seed, output_dir=FLAGS.output_dir,
      overwrite=FLAGS.overwrite)
  print(summary.line())
  return summary.exit_code


if __name__ == "__main__":  # A module that is imported defines no flags.
  common_flags.define()
  common_flags.define_one_run(
      "The run directory; runs/GAME-SCHEME-ORACLE-seedN by default, with a "
      "number where that is taken.")
  flags.adopt_module_key_flags(common_flags)
  for name, default in (
      ("game_name", "python_bluff"), ("scheme", "prioritised"),
      ("oracle", "linear"), ("meta_strategy", "quantal_response"),
      ("executor", "serial"), ("max_rounds", 100)):
    FLAGS.set_default(name, default)
  launch.start(main)

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

"""Policies of sampled games: functions of a player's observations."""

import abc
from typing import Any
from typing import Hashable
from typing import Sequence

import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel

from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import policy as policy_lib


class FunctionPolicy(policy_lib.Policy):
  """A policy of a sampled game, as a population keeps it.

  Policies with an equal `stack_key`, unless it is None, can answer together:
  `stack(policies)` returns an object that answers for all of them, see
  `networks.NetworkStack`.
  """

  stack_key: Hashable = None
  stack: Any = None

  @abc.abstractmethod
  def __call__(self, observations: np.ndarray,
               legal_actions_mask: np.ndarray) -> np.ndarray:
    """Returns action probabilities `[U, A]`, zero where illegal.

    Args:
      observations: float32 `[U, D]`, see `state_game.StateGame.num_features`.
      legal_actions_mask: bool `[U, A]`, the legal actions.
    """


class UniformPolicy(FunctionPolicy):
  """A policy that plays every legal action with equal probability."""

  def __call__(self, observations: np.ndarray,
               legal_actions_mask: np.ndarray) -> np.ndarray:
    return legal_actions_mask / legal_actions_mask.sum(axis=1, keepdims=True)

  def to_data(self) -> dict[str, Any]:
    return {}

  @classmethod
  def from_data(cls, data: dict[str, Any]) -> "UniformPolicy":
    return cls()


class MixedPolicy(FunctionPolicy):
  """One policy of several, drawn at the start of each episode.

  To a population it is a single policy. Whoever plays it draws a member, see
  `play.play`; an observation alone does not tell which one is playing.

  Attributes:
    members: K policies, none of them mixed.
    probabilities: float `[K]`, the probability of each member.
  """

  def __init__(self, members: Sequence[FunctionPolicy],
               probabilities: Sequence[float] | np.ndarray):
    """Makes a mixed policy; see the attributes."""
    self.members = tuple(members)
    self.probabilities = np.asarray(probabilities, float)

  def __call__(self, observations: np.ndarray,
               legal_actions_mask: np.ndarray) -> np.ndarray:
    raise ValueError("a MixedPolicy draws one of its members per episode; an "
                     "observation does not tell which: ask it by state")

  def to_data(self) -> dict[str, Any]:
    return {"members": [policy_lib.to_data(member) for member in self.members],
            "probabilities": self.probabilities}

  @classmethod
  def from_data(cls, data: dict[str, Any]) -> "MixedPolicy":
    members: list[Any] = [policy_lib.from_data(member)
                          for member in data["members"]]
    return cls(members, data["probabilities"])

  def weights(self) -> list[np.ndarray]:
    return [array for member in self.members for array in member.weights()]

  def with_noise(self, sigma: float, rng: np.random.Generator) -> "MixedPolicy":
    """Returns a copy whose members are noisy copies."""
    return MixedPolicy([member.with_noise(sigma, rng)
                        for member in self.members], self.probabilities)


def members(policy: Any) -> tuple[tuple[Any, ...], np.ndarray]:
  """Returns the members of a policy, and their probabilities.

  Args:
    policy: a `MixedPolicy`, or any other policy, which is its own member.
  """
  if isinstance(policy, MixedPolicy):
    return policy.members, policy.probabilities
  return (policy,), np.ones(1)


def parts(policies: Sequence[Any]
          ) -> tuple[list[Any], np.ndarray, np.ndarray]:
  """Returns the members of K policies, P in all, and how these are drawn.

  Args:
    policies: each as of `members`.

  Returns:
    The members, policy by policy; int `[P]`, whose each of them is; and float
    `[K, P]`, each policy as a distribution over them.
  """
  found = [members(policy) for policy in policies]
  owners = np.repeat(np.arange(len(found)), [len(own) for own, _ in found])
  return ([one for own, _ in found for one in own], owners,
          np.eye(len(found))[:, owners]
          * np.concatenate([weights for _, weights in found]))


class SampledPolicy(policy_lib.OpenSpielPolicy):
  """A function of observations, as an OpenSpiel policy.

  Attributes:
    function: the `FunctionPolicy`.
  """

  def __init__(self, game: state_game.StateGame, players: list[int],
               function: FunctionPolicy, frozen: bool = True):
    """Makes a policy.

    Args:
      game: a `StateGame`.
      players: the seats that the policy plays.
      function: the `FunctionPolicy` that gives the probabilities.
      frozen: whether the policy is final.
    """
    super().__init__(game.game, players, frozen)
    self.function = function
    self._state_game = game
    self._observer = game.observer()
    if isinstance(function, MixedPolicy):
      self._mixture = MixturePolicy(
          game, [function.members] * game.num_players,
          [function.probabilities] * game.num_players)

  def __getstate__(self):
    return self._state_game, self.player_ids, self.function, self._frozen

  def __setstate__(self, state):
    self.__init__(*state)

  def probabilities(self, state: pyspiel.State, player: int) -> np.ndarray:
    if isinstance(self.function, MixedPolicy):
      return self._mixture.probabilities_at(state, player)
    self._observer.set_from(state, player)
    return self.probabilities_of_observation(
        np.array(self._observer.tensor), player, state.legal_actions(player))

  def probabilities_of_observation(
      self, observation: np.ndarray, player: int,
      legal_actions: list[int]) -> np.ndarray:
    mask = np.zeros((1, self._state_game.num_actions), bool)
    mask[0, legal_actions] = True
    return self.function(
        self._state_game.with_seats(observation[None], [player]), mask)[0]

  def get_weights(self) -> list[np.ndarray]:
    """Returns copies of the function's learned parameters."""
    return self.function.weights()

  def copy_with_noise(self, sigma: float = 0.0) -> "SampledPolicy":
    """Returns an unfrozen copy; for `sigma` see the function's `with_noise`."""
    return SampledPolicy(self._state_game, self.player_ids,
                         self.function.with_noise(sigma, self._rng),
                         frozen=False)


class MixturePolicy(openspiel_policy.Policy):
  """The behaviour policy of a mixture per player, weighted by reach.

  At a state the weight of each member is its probability in the mixture times
  the probabilities that it gave to the player's actions on the way.

  Attributes:
    state_game: the `StateGame`.
    policies: per player, the K members of its mixture, each a `FunctionPolicy`.
    probabilities: per player, float `[K]`, the probabilities of the members.
  """

  def __init__(self, game: state_game.StateGame,
               policies: Sequence[Sequence[FunctionPolicy]],
               probabilities: Sequence[np.ndarray]):
    """Makes a policy that plays every seat; see the attributes."""
    super().__init__(game.game, list(range(game.num_players)))
    self.state_game = game
    self.policies = [list(chosen) for chosen in policies]
    self.probabilities = list(probabilities)
    self._members = [
        [SampledPolicy(game, [player], function) for function in chosen]
        for player, chosen in enumerate(policies)]

  def action_probabilities(self, state: pyspiel.State,
                           player_id: int | None = None) -> dict[int, float]:
    """Returns `{action: probability}` for the legal actions of a state."""
    player = state.current_player() if player_id is None else player_id
    mean = self.probabilities_at(state, player)
    return {action: float(mean[action])
            for action in state.legal_actions(player)}

  def probabilities_at(self, state: pyspiel.State, player: int) -> np.ndarray:
    """Returns float `[A]`, the action probabilities of a player at a state."""
    weights = np.array(self.probabilities[player], float)
    before = self.game.new_initial_state()
    for action in state.history():
      if before.current_player() == player:
        weights *= self._all(before, player)[:, action]
      before.apply_action(action)
    if not weights.sum() > 0:  # No member comes here, so any answer is right.
      weights = np.array(self.probabilities[player], float)
    return weights @ self._all(state, player) / weights.sum()

  def _all(self, state, player):
    """Returns `[K, A]`, the action probabilities of each member."""
    return np.stack([member.probabilities(state, player)
                     for member in self._members[player]])

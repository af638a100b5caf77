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

"""Policy: a value that a population keeps, and its OpenSpiel wrapper.

A `Policy` is a value: it never changes, it travels to workers by pickling, and
it goes to disk as plain data. An `OpenSpielPolicy` wraps one of them, together
with the game that it is for, as OpenSpiel and psro_v2 know policies.
"""

import abc
from typing import Any
from typing import ClassVar
from typing import Self

import numpy as np
from open_spiel.python import policy as openspiel_policy
from open_spiel.python import rl_agent
import pyspiel

from open_spiel_ppsro import plain_data


class Policy(abc.ABC):
  """A policy as a population keeps it for one of its members.

  On an enumerated game it is a `tabular.TablePolicy`, on a sampled one a
  `sampled.FunctionPolicy`. A new class defines `to_data` and `from_data`, by
  which it goes to disk and comes back. A file names the class, so the module
  that defines it has to be imported before a run with it is resumed or read.
  """

  # All classes of policies by name; Python fills it as they are defined.
  classes: ClassVar[dict[str, type["Policy"]]] = {}

  def __init_subclass__(cls, **kwargs):
    super().__init_subclass__(**kwargs)
    Policy.classes[cls.__name__] = cls

  @abc.abstractmethod
  def to_data(self) -> dict[str, Any]:
    """Returns the whole policy as plain data and arrays; see `plain_data`."""

  @classmethod
  @abc.abstractmethod
  def from_data(cls, data: dict[str, Any]) -> "Policy":
    """Returns the policy whose `to_data` was `data`."""

  def weights(self) -> list[np.ndarray]:
    """Returns copies of the learned parameters; an empty list by default."""
    return []

  def with_noise(self, sigma: float, rng: np.random.Generator) -> Self:
    """Returns a noisy copy, for a new policy to start from.

    Args:
      sigma: the amount of noise; 0 for none. Its unit depends on the class.
      rng: the generator that draws the noise.

    Raises:
      ValueError: if this class cannot add noise.
    """
    del rng
    if sigma:
      raise ValueError(f"{type(self).__name__} cannot be copied with noise; "
                       "use sigma=0")
    return self


def to_data(policy: Policy) -> dict[str, Any]:
  """Returns a policy of any class as plain data and arrays."""
  return {"class": type(policy).__name__, **policy.to_data()}


def from_data(data: dict[str, Any]) -> Policy:
  """Returns the policy of data that `to_data` made.

  Raises:
    ValueError: if the policy's class is not defined in this process.
  """
  data = dict(data)
  name = data.pop("class")
  if name not in Policy.classes:
    raise ValueError(
        f"there is no policy class {name!r} here: import the module that "
        "defines it first (on the command line by --import_module)")
  return Policy.classes[name].from_data(data)


def check_savable(policy: Any, owner: Any) -> None:
  """Raises ValueError unless a population can keep and save a policy.

  Args:
    policy: the policy that a learner returned.
    owner: the policy's id; the message names it.
  """
  name = type(policy).__name__
  if not isinstance(policy, Policy):
    raise ValueError(
        f"the policy of {owner} is a {name}; a population holds tables [I, A] "
        "of an enumerated game, or subclasses of ppsro.FunctionPolicy")
  try:
    data = to_data(policy)
    plain_data.check(data)
    back = from_data(data)
  except Exception as error:
    raise ValueError(
        f"the policy of {owner}, a {name}, cannot be saved, so a run could "
        f"not be resumed: {error}") from error
  if not isinstance(back, Policy):
    raise ValueError(f"{name}.from_data returns a {type(back).__name__}; it "
                     "takes to return a policy")


class OpenSpielPolicy(openspiel_policy.Policy, abc.ABC):
  """A policy of a population, as OpenSpiel and psro_v2 know policies.

  It gives probabilities and can be frozen, copied, stepped and pickled, like an
  RLPolicy of psro_v2. A step does not train it; its learner does.
  """

  def __init__(self, game: pyspiel.Game, players: list[int],
               frozen: bool = False):
    """Makes a policy.

    Args:
      game: a turn-based pyspiel game.
      players: the seats that the policy plays.
      frozen: whether the policy is final.
    """
    super().__init__(game, players)
    self._frozen = frozen
    self._rng = np.random.default_rng(0)

  @abc.abstractmethod
  def probabilities(self, state: pyspiel.State, player: int) -> np.ndarray:
    """Returns float `[A]`, the action probabilities of a player at a state."""

  @abc.abstractmethod
  def probabilities_of_observation(
      self, observation: np.ndarray, player: int,
      legal_actions: list[int]) -> np.ndarray:
    """Returns float `[A]`, the action probabilities at an observation `[D]`."""

  @abc.abstractmethod
  def get_weights(self) -> list[np.ndarray]:
    """Returns copies of the learned parameters, a list of arrays."""

  @abc.abstractmethod
  def copy_with_noise(self, sigma: float = 0.0) -> "OpenSpielPolicy":
    """Returns an unfrozen copy; `sigma` is its amount of noise."""

  def action_probabilities(self, state: pyspiel.State,
                           player_id: int | None = None) -> dict[int, float]:
    """Returns `{action: probability}` for the legal actions of a state.

    Raises:
      ValueError: if the policy does not play the seat, or the game does not
        have the information state.
    """
    player = state.current_player() if player_id is None else player_id
    if player == pyspiel.PlayerId.SIMULTANEOUS:
      raise ValueError("at a simultaneous node say which player is asked: "
                       "action_probabilities(state, player_id)")
    self._check_seat(player)
    probabilities = self.probabilities(state, player)
    return {action: float(probabilities[action])
            for action in state.legal_actions(player)}

  def step(self, time_step: Any,
           is_evaluation: bool = False) -> rl_agent.StepOutput | None:
    """Returns the `rl_agent.StepOutput` for an `rl_environment` time step."""
    del is_evaluation  # A step never trains the policy.
    if time_step.last():
      return None
    player = time_step.observations["current_player"]
    if player not in self.player_ids:  # At a simultaneous node.
      player = self.player_ids[0]
    probabilities = self.probabilities_of_observation(
        np.asarray(time_step.observations["info_state"][player], np.float32),
        player, time_step.observations["legal_actions"][player])
    return rl_agent.StepOutput(
        action=int(self._rng.choice(len(probabilities), p=probabilities)),
        probs=probabilities)

  def freeze(self) -> None:
    self._frozen = True

  def unfreeze(self) -> None:
    self._frozen = False

  def is_frozen(self) -> bool:
    return self._frozen

  def _check_seat(self, player):
    if player not in self.player_ids:
      raise ValueError(
          "this policy plays player "
          f"{' and '.join(map(str, self.player_ids))}, it was asked to play "
          f"player {player}")

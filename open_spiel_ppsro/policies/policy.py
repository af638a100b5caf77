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

"""Policy: what a population holds, and what OpenSpiel is shown of it.

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
  """What a population holds for one of its members.

  On an enumerated game that is a `tabular.TablePolicy`, on a sampled one a
  `sampled.FunctionPolicy`. A class of one's own says how it goes to disk by
  `to_data` and `from_data`. It is found again by its name, so the module that
  defines it has to be imported before a run with it is resumed or read.
  """

  # All classes of policies by name; Python fills it as they are defined.
  classes: ClassVar[dict[str, type["Policy"]]] = {}

  def __init_subclass__(cls, **kwargs):
    super().__init_subclass__(**kwargs)
    Policy.classes[cls.__name__] = cls

  @abc.abstractmethod
  def to_data(self) -> dict[str, Any]:
    """Returns all that it is, as plain data and arrays; see `plain_data`."""

  @classmethod
  @abc.abstractmethod
  def from_data(cls, data: dict[str, Any]) -> "Policy":
    """Returns the policy whose `to_data` was `data`."""

  def weights(self) -> list[np.ndarray]:
    """Returns copies of what a learner would have learned; none by default."""
    return []

  def with_noise(self, sigma: float, rng: np.random.Generator) -> Self:
    """Returns a noisy copy, for a new policy to start from.

    Args:
      sigma: how much noise; 0 for none. Its unit depends on the class.
      rng: draws the noise.

    Raises:
      ValueError: if this class knows no noise.
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
  """Returns the policy that `to_data` was given.

  Raises:
    ValueError: if its class is not defined in this process.
  """
  data = dict(data)
  name = data.pop("class")
  if name not in Policy.classes:
    raise ValueError(
        f"there is no policy class {name!r} here: import the module that "
        "defines it first (on the command line by --import_module)")
  return Policy.classes[name].from_data(data)


def check_savable(policy: Any, owner: Any) -> None:
  """Raises ValueError unless a policy can be held by a population.

  Args:
    policy: what a learner gave.
    owner: whose policy it is; the message names it.
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

  It can be asked for probabilities, frozen, copied, stepped and pickled, as
  psro_v2 asks of an RLPolicy. It does not learn by being stepped: its learner
  does.
  """

  def __init__(self, game: pyspiel.Game, players: list[int],
               frozen: bool = False):
    """Makes a policy.

    Args:
      game: a turn-based pyspiel game.
      players: the seats that it plays.
      frozen: whether it is final.
    """
    super().__init__(game, players)
    self._frozen = frozen
    self._rng = np.random.default_rng(0)

  @abc.abstractmethod
  def probabilities(self, state: pyspiel.State, player: int) -> np.ndarray:
    """Returns float `[A]`, what it plays for a player at a state."""

  @abc.abstractmethod
  def probabilities_of_observation(
      self, observation: np.ndarray, player: int,
      legal_actions: list[int]) -> np.ndarray:
    """Returns float `[A]`, what it plays where a player sees float32 `[D]`."""

  @abc.abstractmethod
  def get_weights(self) -> list[np.ndarray]:
    """Returns copies of what was learned, a list of arrays."""

  @abc.abstractmethod
  def copy_with_noise(self, sigma: float = 0.0) -> "OpenSpielPolicy":
    """Returns an unfrozen copy; `sigma` is how much noise it gets."""

  def action_probabilities(self, state: pyspiel.State,
                           player_id: int | None = None) -> dict[int, float]:
    """Returns `{action: probability}` for the legal actions of a state.

    Raises:
      ValueError: if it is asked to play another seat than its own, or an
        information state that the game does not have.
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
    del is_evaluation  # It never learns here.
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

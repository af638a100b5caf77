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

"""Agents: what OpenSpiel calls an `rl_agent.AbstractAgent`, as a policy.

An agent is told what it sees by `rl_environment.TimeStep`, learns as it is
stepped, and draws from the global random generators. Here it is made from an
`AgentSpec`, asked what it plays, and kept from whatever else is random.
"""

from collections.abc import Sequence
import copy
import dataclasses
import functools
import inspect
import random
from typing import Any

import numpy as np
from open_spiel.python import rl_agent
from open_spiel.python import rl_environment
import pyspiel
import torch

from open_spiel_ppsro.policies import agent_state
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled

# What OpenSpiel's agents call the length of an observation.
_SIZE_NAMES = ("state_representation_size", "info_state_size")
# Arguments of an agent that the game and the seed of a run decide.
GIVEN_NAMES = ("player_id", "num_actions", "seed", *_SIZE_NAMES)


def parameters(agent_class: type) -> tuple[
    dict[str, inspect.Parameter], bool]:
  """Returns the parameters of an agent's constructor.

  Returns:
    `{name: parameter}`, with those of a base class where the constructor
    passes on keyword arguments; and whether it takes further ones.
  """
  found: dict[str, inspect.Parameter] = {}
  for base in agent_class.__mro__:
    if "__init__" not in vars(base) or base in (rl_agent.AbstractAgent, object):
      continue
    own = list(inspect.signature(
        vars(base)["__init__"]).parameters.values())[1:]
    for parameter in own:
      if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL,
                                inspect.Parameter.VAR_KEYWORD):
        found.setdefault(parameter.name, parameter)
    if not any(parameter.kind == inspect.Parameter.VAR_KEYWORD
               for parameter in own):
      return found, False
  return found, True


@dataclasses.dataclass(frozen=True, eq=False)
class AgentSpec:
  """How an agent is made.

  Attributes:
    agent_class: its class.
    player: the player whose entry of a time step it reads.
    num_players: n, the number of players.
    num_features: D, the length of an observation.
    num_actions: A, the number of distinct actions.
    seed: for its constructor, if that takes one.
    kwargs: further arguments of its constructor.
  """
  agent_class: type[rl_agent.AbstractAgent]
  player: int
  num_players: int
  num_features: int
  num_actions: int
  seed: int
  kwargs: dict[str, Any]

  def make(self) -> rl_agent.AbstractAgent:
    """Returns a new agent, which shares nothing with any other.

    Its constructor may draw from the global generators, and seed them.
    """
    known, _ = parameters(self.agent_class)
    given = dict(zip(GIVEN_NAMES, (self.player, self.num_actions, self.seed,
                                   self.num_features, self.num_features)))
    # An object that is a default would be one for all agents.
    shared = {name: parameter.default for name, parameter in known.items()
              if agent_state.may_change(parameter.default)}
    return self.agent_class(**copy.deepcopy({
        **shared,
        **{name: value for name, value in given.items() if name in known},
        **self.kwargs}))

  def to_data(self) -> dict[str, Any]:
    """Returns it as plain data and arrays; its class is told by its name."""
    return {
        **{field.name: getattr(self, field.name)
           for field in dataclasses.fields(self)},
        "agent_class": agent_state.name_of(self.agent_class),
        "kwargs": agent_state.collect_arguments(
            self.agent_class, self.kwargs)}

  @classmethod
  def from_data(cls, data: dict[str, Any]) -> "AgentSpec":
    """Returns what `to_data` was called on.

    Raises:
      ValueError: if the class of the agent is not defined in this process;
        says what to import.
    """
    name = data["agent_class"]
    agent_class = agent_state.find(name)
    if agent_class is None:
      module = name.partition(":")[0]
      raise ValueError(
          f"there is no agent class {name.replace(':', '.')} here: "
          + ("it was defined in the main script of the run; define it in a "
             "module that can be imported" if module == "__main__" else
             f"import {module} first (on the command line by "
             f"--import_module={module})"))
    if not is_agent_class(agent_class):
      raise ValueError(f"{name.replace(':', '.')} is no rl_agent.AbstractAgent")
    return cls(**{**data, "agent_class": agent_class,
                  "kwargs": agent_state.restore_arguments(
                      agent_class, data["kwargs"])})


def is_agent_class(value: Any) -> bool:
  """Returns whether something is a subclass of `rl_agent.AbstractAgent`."""
  return isinstance(value, type) and issubclass(value, rl_agent.AbstractAgent)


class GlobalGenerators:
  """The global generators of random, NumPy and torch, as one agent has them.

  Inside `with generators:` what is drawn from them depends on the agent alone;
  outside they are as if nothing had been drawn. Those of a GPU are not held.
  """

  def __init__(self, seed: int | np.random.SeedSequence):
    """Makes the generators as a seed has them."""
    if not isinstance(seed, np.random.SeedSequence):
      seed = np.random.SeedSequence(seed)
    python, numpy, of_torch = map(int, seed.generate_state(3))
    self._inside = (
        random.Random(python).getstate(),
        np.random.RandomState(numpy).get_state(legacy=False),
        torch.Generator().manual_seed(of_torch).get_state())
    self._outside: list[Any] = []  # A stack, as agents may ask each other.

  def __enter__(self):
    self._outside.append(_global_states())
    _set_global_states(self._inside)
    return self

  def __exit__(self, *exc_info):
    self._inside = _global_states()
    _set_global_states(self._outside.pop())

  def state(self) -> dict[str, Any]:
    """Returns plain data and arrays for `restore`."""
    python, numpy, of_torch = self._inside
    version, words, gauss = python
    return {"python": [version, np.array(words, np.uint32), gauss],
            "numpy": copy.deepcopy(numpy), "torch": of_torch.numpy().copy()}

  def restore(self, state: dict[str, Any]) -> None:
    """Makes these generators equal to others by their state."""
    version, words, gauss = state["python"]
    self._inside = ((version, tuple(words.tolist()), gauss), state["numpy"],
                    torch.from_numpy(state["torch"].copy()))


def _global_states():
  return (random.getstate(), np.random.get_state(legacy=False),
          torch.get_rng_state())


def _set_global_states(states):
  random.setstate(states[0])
  np.random.set_state(states[1])
  torch.set_rng_state(states[2])


def time_step(player: int, num_players: int, info_state: Sequence[float],
              legal_actions: Sequence[int],
              rewards: Sequence[float] | None,
              step_type: rl_environment.StepType) -> rl_environment.TimeStep:
  """Returns what an agent is told, as OpenSpiel's environments tell it.

  What others see stays hidden: their entries are empty.

  Args:
    player: the player that the agent plays.
    num_players: n, the number of players.
    info_state: `[D]`, what it sees.
    legal_actions: what it may do; nothing at the end.
    rewards: per player, since the last decision of the agent; None at first.
    step_type: whether this is the first time step, or the last.
  """
  is_last = step_type == rl_environment.StepType.LAST
  seen: list[Sequence[float]] = [[] for _ in range(num_players)]
  legal: list[Sequence[int]] = [[] for _ in range(num_players)]
  seen[player], legal[player] = info_state, legal_actions
  return rl_environment.TimeStep(
      observations={
          "info_state": seen,
          "legal_actions": legal,
          "current_player": int(pyspiel.PlayerId.TERMINAL) if is_last else (
              player),
          "serialized_state": []},
      rewards=rewards,
      discounts=None if rewards is None else (
          [0.0 if is_last else 1.0] * num_players),
      step_type=step_type)


def action_probabilities(agent: rl_agent.AbstractAgent, spec: AgentSpec,
                         observations: np.ndarray,
                         legal_actions_mask: np.ndarray) -> np.ndarray:
  """Returns `[U, A]`, what an agent plays when it does not learn.

  Args:
    agent: the agent.
    spec: that it was made from.
    observations: float32 `[U, D]`.
    legal_actions_mask: bool `[U, A]`.

  Raises:
    FloatingPointError: if they are not finite.
    ValueError: if they are no probabilities.
  """
  name = spec.agent_class.__name__
  table = np.zeros(legal_actions_mask.shape)
  rewards = [0.0] * spec.num_players
  # The same whatever was drawn before: a policy is a function.
  with GlobalGenerators(0):
    for row, (info_state, mask) in enumerate(
        zip(observations.tolist(), legal_actions_mask)):
      output = agent.step(time_step(
          spec.player, spec.num_players, info_state,
          np.flatnonzero(mask).tolist(), rewards,
          rl_environment.StepType.MID), is_evaluation=True)
      probabilities: Any = None if output is None else output.probs
      if np.shape(probabilities) != mask.shape:
        raise ValueError(
            f"{name}.step(time_step, is_evaluation=True) gives probs "
            f"{probabilities!r}; it takes to give {len(mask)} probabilities, "
            "one per action")
      table[row] = probabilities
  if not np.isfinite(table).all():
    raise FloatingPointError(
        f"the probabilities of {name} are not finite: training diverged; a "
        "lower learning rate helps")
  table = np.where(legal_actions_mask, table, 0)
  sums = table.sum(axis=1, keepdims=True)
  if (table < 0).any() or (sums <= 0).any():
    raise ValueError(f"the probabilities of {name} are negative, or zero for "
                     "all legal actions")
  return table / sums


class AgentPolicy(sampled.FunctionPolicy):
  """What an agent plays on a sampled game when it does not learn.

  Attributes:
    spec: the `AgentSpec` of the agent.
    learned: plain data, what it had learned, see `agent_state.collect`.
  """

  def __init__(self, spec: AgentSpec, learned: dict[str, Any]):
    """Makes a policy; see the attributes."""
    self.spec = spec
    self.learned = learned

  @functools.cached_property
  def _agent(self):
    networks.pin_threads()
    with GlobalGenerators(0):
      agent = self.spec.make()
    agent_state.restore(agent, self.learned)
    return agent

  def __getstate__(self):
    return self.spec, self.learned

  def __setstate__(self, state):
    self.__init__(*state)

  def __call__(self, observations, legal_actions_mask):
    return action_probabilities(self._agent, self.spec, observations,
                                legal_actions_mask)

  def to_data(self):
    return {"spec": self.spec.to_data(), "learned": self.learned}

  @classmethod
  def from_data(cls, data):
    return cls(AgentSpec.from_data(data["spec"]), data["learned"])

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

"""RLAgent: any reinforcement learning agent of OpenSpiel as a best responder.

The agent is stepped through one episode after another against opponents that
stand still, as OpenSpiel's examples do, and learns in its own way. What it
plays when it does not learn is the policy.
"""

import copy
import dataclasses
import inspect
from typing import Any

import numpy as np
from open_spiel.python import rl_agent

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.policies import agent as agent_lib
from open_spiel_ppsro.policies import agent_state
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import agent_environment
from open_spiel_ppsro.simulators import of_game

# Episodes of the trial in which an agent is saved and restored before a run.
_TRIAL_EPISODES = 16


@dataclasses.dataclass(frozen=True)
class RLAgentConfig(learner_lib.LearnerConfig):
  """How an agent of OpenSpiel trains, such as its DQN or its Q-learner.

  The constructor of the agent gets `player_id` and, where it takes them,
  `num_actions`, `state_representation_size` or `info_state_size`, and a `seed`
  that is drawn for each policy. The agent sees its own entries of a time step
  alone. Before a run it is tried out: what cannot be saved is refused.

  Attributes:
    agent_class: a subclass of `rl_agent.AbstractAgent`, defined at the top of a
      module.
    kwargs: further arguments of its constructor: numbers, strings, lists,
      classes, and objects made of these, such as a schedule. Each agent gets
      copies of its own.
    episodes_per_batch: how many episodes it is stepped through between two
      looks at the clock; rounds and plateaus are counted in batches.
    random_opponent_share: this share of episodes is played against uniformly
      random opponents, so that play is sensible where the mixture never goes.
  """
  agent_class: type[rl_agent.AbstractAgent]
  kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
  episodes_per_batch: int = 256
  random_opponent_share: float = 0.05

  def __post_init__(self):
    name = _check_class(self.agent_class)
    if not isinstance(self.kwargs, dict):
      raise ValueError(f"kwargs is {self.kwargs!r}; it takes a dict of "
                       f"arguments of {name}")
    known, takes_others = agent_lib.parameters(self.agent_class)
    for key in self.kwargs:
      if key == "player_id" or key not in known and not takes_others:
        raise ValueError(
            f"kwargs has {key!r}, which "
            + ("the game decides" if key == "player_id" else
               f"{name} does not take; it takes "
               + ", ".join(sorted(set(known) - {"player_id"}))))
    missing = [
        key for key, parameter in known.items()
        if parameter.default is inspect.Parameter.empty
        and key not in self.kwargs and key not in agent_lib.GIVEN_NAMES]
    if missing:
      raise ValueError(f"kwargs lacks {', '.join(missing)}, without which "
                       f"{name} cannot be made")
    for key, value in self.kwargs.items():
      _described(value, f"kwargs[{key!r}]")
    agent_state.collect_arguments(self.agent_class, self.kwargs)
    object.__setattr__(self, "kwargs", copy.deepcopy(self.kwargs))
    if not isinstance(self.episodes_per_batch, int) or (
        self.episodes_per_batch < 1):
      raise ValueError(f"episodes_per_batch is {self.episodes_per_batch!r}; it "
                       "takes a whole number, 1 or more")
    learner_lib.check_share(self, "random_opponent_share")

  def settings(self):
    return {
        "agent_class": _full_name(self.agent_class),
        "kwargs": _described(self.kwargs, "kwargs"),
        "episodes_per_batch": self.episodes_per_batch,
        "random_opponent_share": self.random_opponent_share}

  def steps_per_batch(self, game):
    return of_game.steps_per_batch(game, self.episodes_per_batch)

  def make_learner(self, game, player, seed_sequence):
    return RLAgentLearner(game, player, self, seed_sequence)

  def check_game(self, game):
    """Raises ValueError unless its agents can play a game and be saved.

    An agent plays some episodes, is saved and restored, and plays on beside
    the one that was restored: the two have to stay equal.
    """
    super().check_game(game)
    config = dataclasses.replace(self, episodes_per_batch=_TRIAL_EPISODES)
    opponents = _uniform_opponents(game)

    def made():
      return config.make_learner(game, 0, np.random.SeedSequence(0))

    try:
      learner, other = made(), made()
      learner.train(opponents, 1, stationary=False)
      other.restore(learner.state())
      states = []
      for one in (learner, other):
        one.train(opponents, 1, stationary=False)
        states.append(one.state())
      plays_alike = learner.plays_as_its_policy()
    except Exception as error:  # Whatever the agent may raise.
      reason = " ".join(str(error).split())
      raise ValueError(
          f"{_full_name(self.agent_class)} does not work here: "
          + (reason if type(error) is ValueError else
             f"{type(error).__name__}: {reason}")) from error
    difference = plain_data.first_difference(*states)
    if difference:
      raise ValueError(
          f"{_full_name(self.agent_class)} is not the same after it was saved "
          f"and restored: {difference}; something that it holds changes where "
          "its attributes do not show it")
    if not plays_alike:
      raise ValueError(
          f"{_full_name(self.agent_class)} plays otherwise without its "
          "optimiser and replay buffer, which policies of sampled games are "
          "saved without")


def _check_class(agent_class):
  """Returns the name of a class of agents; ValueError if it is none."""
  if not agent_lib.is_agent_class(agent_class):
    raise ValueError(f"agent_class is {agent_class!r}; it takes a subclass of "
                     "open_spiel.python.rl_agent.AbstractAgent")
  if agent_state.find(agent_state.name_of(agent_class)) is not agent_class:
    raise ValueError(f"{_full_name(agent_class)} cannot be found by its name, "
                     "as workers do: define it at the top of a module")
  return agent_class.__name__


def _full_name(named):
  return f"{named.__module__}.{named.__qualname__}"


def _described(value, place):
  """Returns an argument of an agent as settings show it, plain data."""
  if value is None or isinstance(value, (str, bool, int, float)):
    return value
  if isinstance(value, (np.ndarray, np.generic)):
    return value.tolist()
  if isinstance(value, (list, tuple)):
    return [_described(item, place) for item in value]
  if isinstance(value, dict):
    return {str(key): _described(item, place) for key, item in value.items()}
  if hasattr(value, "__qualname__"):
    return _full_name(value)
  if hasattr(value, "__dict__"):
    return {"class": _full_name(type(value)), **_described(vars(value), place)}
  raise ValueError(f"{place} is a {type(value).__name__}; an argument of an "
                   "agent is plain data, a class, or an object made of these")


def _uniform_opponents(game):
  """Returns a `Mixture` per player, of the uniformly random policy."""
  return tuple(
      population.Mixture((population.Snapshot(
          population.PolicyId(player, 0), 0,
          tabular.TablePolicy(game.uniform_table(player))
          if isinstance(game, game_tree.GameTree)
          else sampled.UniformPolicy()),), np.ones(1))
      for player in range(game.num_players))


class RLAgentLearner(learner_lib.Learner):
  """Steps an agent through episodes."""

  def __init__(self, game: game_lib.Game, player: int, config: RLAgentConfig,
               seed_sequence: np.random.SeedSequence):
    networks.pin_threads()
    agent_seed, global_seed, episode_seed = seed_sequence.spawn(3)
    self._game = game
    self._config = config
    self._environment = agent_environment.make_environment(game, player)
    self._rng = np.random.default_rng(episode_seed)
    self._spec = agent_lib.AgentSpec(
        config.agent_class, player, game.num_players,
        self._environment.num_features, game.num_actions,
        int(agent_seed.generate_state(1)[0]), config.kwargs)
    self._generators = agent_lib.GlobalGenerators(global_seed)
    with self._generators:
      self._agent = self._spec.make()

  def initial_policy(self):
    return self._policy()

  def state(self):
    return {"agent": agent_state.collect(self._agent),
            "global_generators": self._generators.state(),
            "rng": self._rng.bit_generator.state}

  def restore(self, state):
    agent_state.restore(self._agent, state["agent"])
    self._generators.restore(state["global_generators"])
    self._rng.bit_generator.state = state["rng"]

  def train(self, opponents, num_steps, stationary):
    del stationary  # An agent learns on in its own way.
    self._environment.face(opponents, self._config.random_opponent_share)
    steps, episodes, total_return = 0, 0, 0.0
    with self._generators:
      while steps < num_steps:
        for _ in range(self._config.episodes_per_batch):
          self._play_episode()
          steps += self._environment.num_steps
          total_return += self._environment.episode_return
        episodes += self._config.episodes_per_batch
    learner_lib.check_finite_return(total_return / episodes)
    return learner_lib.TrainingReport(
        policy=self._policy(), mean_return=total_return / episodes,
        steps=steps, episodes=episodes)

  def plays_as_its_policy(self) -> bool:
    """Returns whether the agent and its policy play the same, to the last bit.

    Both are asked at the beginnings of some episodes.
    """
    policy = self._policy()
    if isinstance(policy, tabular.TablePolicy):
      return True
    seen, legal = [], np.zeros((_TRIAL_EPISODES, self._game.num_actions), bool)
    for row in range(_TRIAL_EPISODES):
      observations = self._environment.reset(self._rng).observations
      seen.append(observations["info_state"][self._spec.player])
      legal[row, observations["legal_actions"][self._spec.player]] = True
    asked = np.array(seen, np.float32)[legal.any(axis=1)], legal[
        legal.any(axis=1)]
    return np.array_equal(
        policy(*asked), agent_lib.action_probabilities(
            self._agent, self._spec, *asked))

  def _play_episode(self):
    time_step = self._environment.reset(self._rng)
    if time_step.last():  # It had nothing to decide and has nothing to learn.
      return
    while not time_step.last():
      output = self._agent.step(time_step)
      action = None if output is None else output.action
      legal_actions = time_step.observations["legal_actions"][
          self._spec.player]
      if action is None:
        raise FloatingPointError(
            f"{self._spec.agent_class.__name__} chose no action: if its loss "
            "is no longer finite, a lower learning rate helps")
      if action not in legal_actions:
        raise ValueError(
            f"{self._spec.agent_class.__name__} chose the action {action}; "
            f"legal are {legal_actions}")
      time_step = self._environment.step(int(action))
    self._agent.step(time_step)

  def _policy(self):
    game = self._game
    if not isinstance(game, game_tree.GameTree):
      return agent_lib.AgentPolicy(
          self._spec, agent_state.collect(self._agent, learning=False))
    infostates = game.infostates[self._spec.player]
    return tabular.TablePolicy(agent_lib.action_probabilities(
        self._agent, self._spec, infostates.observations,
        infostates.legal_actions_mask))

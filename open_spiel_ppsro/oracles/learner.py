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

"""Learner: the trainer of one policy, its configuration and its reports.

A `Learner` lives on a worker for as long as its policy trains. It gets its
opponents and the number of steps to train, and answers with a `TrainingReport`;
networks, optimisers and replay buffers never leave it.
"""

import abc
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import ClassVar
from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.policies import architectures
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import of_game
from open_spiel_ppsro.simulators import simulator


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingReport:
  """The result of one call of `Learner.train`.

  Attributes:
    policy: the policy after the training: a table `[I, A]` or a `TablePolicy`
      of an enumerated game, a `FunctionPolicy` of a sampled one.
    mean_return: the mean return against the opponents, in game utility.
    steps: environment steps trained, decisions of all players.
    episodes: episodes trained.
    is_exact: whether the policy is an exact best response, so that more
      training against the same opponents would not improve it.
    payoffs: the `TrainingPayoffs` of the simulator, if payoffs are not exact
      and the learner played in training as its policy does; else None.
  """
  policy: policy_lib.Policy | np.ndarray
  mean_return: float
  steps: int
  episodes: int
  is_exact: bool = False
  payoffs: simulator.TrainingPayoffs | None = None

  def __post_init__(self):
    object.__setattr__(self, "policy", tabular.as_policy(self.policy))


class Assignment(NamedTuple):
  """The training of one policy in a round.

  Attributes:
    policy_id: the id of the policy that trains.
    opponents: per player a `population.Mixture`.
    num_steps: the length of the training, in environment steps.
    stationary: whether the opponents are final.
    probabilities: the policy's row of the interaction graph: per population, a
      probability for each of its first policies.
  """
  policy_id: population.PolicyId
  opponents: tuple[Any, ...]
  num_steps: int
  stationary: bool
  probabilities: tuple[np.ndarray, ...] = ()


class Learner(abc.ABC):
  """The trainer of one policy against given opponents."""

  @abc.abstractmethod
  def initial_policy(self) -> policy_lib.Policy | np.ndarray:
    """Returns the policy before any training, as in a `TrainingReport`."""

  @abc.abstractmethod
  def train(self, opponents: Any, num_steps: int,
            stationary: bool) -> TrainingReport:
    """Trains for at least `num_steps` and returns a `TrainingReport`.

    Args:
      opponents: per player a `population.Mixture`, as `Simulator.face` takes
        them. The player's own entry is the meta-strategy of its own side, from
        which a learner may start.
      num_steps: environment steps, decisions of all players. The last batch is
        finished, so a learner may train some more.
      stationary: whether the opponents are final. Until then a learner should
        stay able to follow them.

    Raises:
      FloatingPointError: if the learned parameters are not finite.
    """

  @abc.abstractmethod
  def state(self) -> dict[str, Any]:
    """Returns the whole state between two calls of `train`.

    The state is plain data and arrays, as `plain_data.write` takes them, and
    does not change later.
    """

  @abc.abstractmethod
  def restore(self, state: dict[str, Any]) -> None:
    """Makes this new learner equal to another by its `state`."""


class LearnerConfig(abc.ABC):
  """The configuration of learners; a frozen dataclass of plain data.

  Attributes:
    needs_enumerated_game: whether its learners read the arrays of a `GameTree`.
    takes_team: whether several workers can train one policy together, each on
      batches of its own: then `make_learner` takes a `data_parallel.Team` as
      its last argument.
    responds_exactly: whether its learners give exact best responses at once.
    trains_rows: whether its policies are the rows of one network, which a
      `NeuPLOracle` trains.
    plays_itself: whether its learners train against themselves, whatever the
      opponents, which is for `schemes.SelfPlay`.
  """

  needs_enumerated_game: ClassVar[bool] = False
  takes_team: ClassVar[bool] = False
  responds_exactly: ClassVar[bool] = False
  trains_rows: ClassVar[bool] = False
  plays_itself: ClassVar[bool] = False

  @abc.abstractmethod
  def make_learner(self, game: game_lib.Game, player: int,
                   seed_sequence: np.random.SeedSequence) -> Learner:
    """Returns a new learner; workers call it.

    Args:
      game: a `GameTree` or a `StateGame`; `simulators.of_game.make_simulator`
        gives the episodes of either. A `GameTree` has no pyspiel game there.
      player: the player whose policy it trains.
      seed_sequence: the seed of all its random numbers.
    """

  @abc.abstractmethod
  def steps_per_batch(self, game: game_lib.Game) -> float:
    """Returns the environment steps in a batch of uniformly random play.

    The solver counts rounds and plateaus in batches.
    """

  def check_game(self, game: game_lib.Game) -> None:
    """Raises ValueError unless its learners can train on a game.

    A run asks once, before it begins.

    Args:
      game: a `GameTree` or a `StateGame`.
    """
    if self.needs_enumerated_game and not game.is_enumerated:
      raise ValueError(
          f"{type(self).__name__} needs a game that is enumerated; "
          f"{game.game} is sampled: use PPO or DQN")

  def for_game(self, game: game_lib.Game) -> "LearnerConfig":
    """Returns the configuration with what its defaults are on a game.

    A run asks once, so that its settings say with which values it ran.

    Args:
      game: a `GameTree` or a `StateGame`.
    """
    del game
    return self

  def sharing_workers(self, num_workers: int) -> int:
    """Returns how many workers share the batches of one policy.

    Their number makes no difference to the bits. Where it may be more than 1,
    `make_learner` takes a `data_parallel.Team` as its last argument, and
    `state_of_team` knows what each worker has for itself.

    Args:
      num_workers: how many there are.
    """
    del num_workers
    return 1

  def state_of_team(self, states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the states of workers that share batches as that of a single one.

    Any of them can be restored to it, in a team of any size.

    Args:
      states: by rank, the `Learner.state` of each worker of the team.
    """
    state, = states
    return state

  def exploiters(self) -> list["LearnerConfig"]:
    """Returns the configurations of the exploiters of a lower bound."""
    return [self]

  def settings(self) -> dict[str, Any]:
    """Returns the fields, on which the bits of its learners depend."""
    assert dataclasses.is_dataclass(self)
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()}


def check_config(config: Any) -> None:
  """Raises ValueError unless `config` is a usable `LearnerConfig`."""
  if isinstance(config, type) and issubclass(config, LearnerConfig):
    raise ValueError(f"config is the class {config.__name__}; it takes an "
                     f"instance: {config.__name__}()")
  if not isinstance(config, LearnerConfig):
    raise ValueError(f"config is {config!r}; it takes a LearnerConfig, such as "
                     "ppsro.PPOConfig()")
  name = type(config).__name__
  try:
    plain_data.check(config.settings())
  except (AssertionError, TypeError) as error:
    raise ValueError(
        f"{name} takes to be a dataclass of plain data, so that a run can be "
        f"resumed: {str(error) or 'it is no dataclass'}") from error


def check_state(state: Any, config: LearnerConfig) -> None:
  """Raises ValueError unless what `Learner.state` gave can be saved."""
  try:
    plain_data.check(state)
  except TypeError as error:
    raise ValueError(
        f"the state() of a learner of {type(config).__name__} cannot be saved, "
        f"so a run could not be resumed: {error}") from error


def check_policy(policy: policy_lib.Policy | np.ndarray,
                 policy_id: population.PolicyId,
                 game: game_lib.Game) -> None:
  """Raises ValueError unless a learner's policy can be played and saved.

  Args:
    policy: what it gave, a table `[I, A]` or a `Policy`.
    policy_id: whose policy it is.
    game: a `GameTree` or a `StateGame`.
  """
  policy = tabular.as_policy(policy)
  policy_lib.check_savable(policy, policy_id)
  if not isinstance(game, game_tree.GameTree):
    if not isinstance(policy, sampled.FunctionPolicy):
      raise ValueError(
          f"the policy of {policy_id} is a {type(policy).__name__}; on the "
          "sampled game a learner gives a ppsro.FunctionPolicy")
  elif not isinstance(policy, tabular.TablePolicy):
    raise ValueError(
        f"the policy of {policy_id} is a {type(policy).__name__}; on the "
        "enumerated game a learner gives a table [I, A]")
  else:
    game.check_table(policy.table, game.player_of(policy_id.player))


def make_learner(
    game: game_lib.Game, config: LearnerConfig, player: int,
    seed_sequence: np.random.SeedSequence,
    rendezvous: data_parallel.Rendezvous | None = None) -> Learner:
  """Returns the learner of a configuration; executors call this function.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: a `LearnerConfig`.
    player: the player whose policy it trains.
    seed_sequence: the seed of all its random numbers.
    rendezvous: the `data_parallel.Rendezvous` of this worker, if several
      workers train the policy.
  """
  if rendezvous is None:
    return config.make_learner(game, player, seed_sequence)
  make_in_team: Any = config.make_learner  # One that takes a team.
  return make_in_team(game, player, seed_sequence,
                      data_parallel.join(rendezvous))


def seeds(seed_sequence: np.random.SeedSequence,
          team: data_parallel.SingleWorker
          ) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
  """Returns the seeds of a learner's network and of its episodes.

  The workers of a team have equal networks and play different episodes.
  """
  network_seed, *episode_seeds = seed_sequence.spawn(1 + team.size)
  return network_seed, episode_seeds[team.rank]


def check_finite(parameters: torch.Tensor, mean_return: float) -> None:
  """Raises FloatingPointError if training has diverged.

  Args:
    parameters: the parameters of the network, a tensor.
    mean_return: the mean return of the episodes trained.
  """
  check_finite_return(mean_return)
  if not torch.isfinite(parameters).all():
    raise FloatingPointError(
        "the weights of its network are no longer finite: training diverged; "
        "a lower learning rate helps")


def check_finite_return(mean_return: float) -> None:
  """Raises FloatingPointError if a mean return of episodes is not finite."""
  if not np.isfinite(mean_return):
    raise FloatingPointError(
        f"the mean return of its episodes is {mean_return}: check the returns "
        "of the game")


def _set_fields(config, names):
  """Yields `(name, value)` of fields, without those whose default is open."""
  open_fields = {field.name for field in dataclasses.fields(config)
                 if field.default is None}
  for name in names:
    value = getattr(config, name)
    if value is not None or name not in open_fields:
      yield name, value


def check_choice(config: Any, name: str, choices: Sequence[str]) -> None:
  """Raises ValueError if a field of a configuration is none of some names."""
  for _, value in _set_fields(config, [name]):
    if value not in choices:
      raise ValueError(
          f"{name} is {value!r}; use one of {', '.join(choices)}")


def check_positive(config: Any, *names: str) -> None:
  """Raises ValueError if a field of a configuration is not above zero."""
  for name, value in _set_fields(config, names):
    if not isinstance(value, (int, float)) or not value > 0:
      raise ValueError(f"{name} is {value!r}; it takes a number above 0")


def check_not_negative(config: Any, *names: str) -> None:
  """Raises ValueError if a field of a configuration is below zero."""
  for name, value in _set_fields(config, names):
    if not isinstance(value, (int, float)) or not value >= 0:
      raise ValueError(f"{name} is {value!r}; it takes 0 or more")


def check_share(config: Any, *names: str) -> None:
  """Raises ValueError if a field of a configuration is not in [0, 1]."""
  for name, value in _set_fields(config, names):
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
      raise ValueError(f"{name} is {value!r}; it takes a number from 0 to 1")


def name_network(config: Any) -> None:
  """Gives a new configuration the name of its network in place of a function.

  Raises:
    ValueError: if there is no such network.
  """
  object.__setattr__(config, "network", architectures.name_of(config.network))


def with_network_of_game(config: Any, game: game_lib.Game) -> Any:
  """Returns a configuration whose network is what it is on a game."""
  if config.network != "conv":  # In workers, too, where games have no pyspiel.
    return config
  return dataclasses.replace(config, network=architectures.of_game(
      config.network, game.original.game))


def check_network(config: Any, game: game_lib.Game, num_values: int | None,
                  num_further: int = 0) -> None:
  """Raises ValueError unless the network of a configuration works.

  Args:
    config: a configuration for this game.
    game: a `GameTree` or a `StateGame`.
    num_values: its outputs beside a logit per action; None for a value alone.
    num_further: its inputs beside those of an observation.
  """
  for player in range(game.num_populations):
    simulator_of_game = of_game.make_simulator(game, game.player_of(player))
    architectures.check(config.network, (
        simulator_of_game.num_features + num_further, *config.hidden_sizes,
        1 if num_values is None else game.num_actions + num_values))


def check_sizes(config: Any) -> None:
  """Raises ValueError unless network, batch and device can be made."""
  for _, sizes in _set_fields(config, ["hidden_sizes"]):
    if not isinstance(sizes, (tuple, list)) or not all(
        isinstance(size, int) and size > 0 for size in sizes):
      raise ValueError(f"hidden_sizes is {sizes!r}; it takes a tuple of whole "
                       "numbers above 0, as in (64, 64)")
  if config.episodes_per_batch is not None and (
      not isinstance(config.episodes_per_batch, int)
      or config.episodes_per_batch < 1):
    raise ValueError(f"episodes_per_batch is {config.episodes_per_batch!r}; it "
                     "takes a whole number, 1 or more, or None")
  try:
    torch.zeros(1, device=config.device)
  except (RuntimeError, AssertionError, TypeError) as error:
    raise ValueError(f"torch cannot use the device {config.device!r}; cpu "
                     "always works") from error

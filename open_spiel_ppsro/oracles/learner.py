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

"""What a best responder is: configuration, learner, report, policy.

A `Learner` lives on a worker for as long as its policy trains. It is told
whom to face and for how long, and answers with a `TrainingReport`; networks,
optimisers and replay never leave it.
"""

import abc
import dataclasses
from typing import Any
from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.simulators import state_simulator
from open_spiel_ppsro.simulators import tree_simulator


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingReport:
  """What one stretch of training brought.

  Attributes:
    policy: what is played after it, as `population.Snapshot` keeps it.
    mean_return: against the opponents faced, in game utility.
    steps: environment steps trained, decisions of all players.
    episodes: episodes trained.
    is_exact: whether the policy is an exact best response, so that more
      training against the same opponents would bring nothing.
    meetings: the `state_simulator.Meetings` of its training, where it played
      as its policy does and payoffs are not known without; else None.
  """
  policy: Any
  mean_return: float
  steps: int
  episodes: int
  is_exact: bool = False
  meetings: Any = None


class Assignment(NamedTuple):
  """What one policy does in a round.

  Attributes:
    policy_id: who trains.
    opponents: per player a `population.Mixture`.
    num_steps: how long, in environment steps.
    settled: whether the opponents are final.
    probabilities: its row of the interaction graph: per population, a
      probability for each of its first policies.
  """
  policy_id: tuple[int, int]
  opponents: tuple[Any, ...]
  num_steps: int
  settled: bool
  probabilities: tuple[np.ndarray, ...] = ()


class Learner(abc.ABC):
  """Trains one policy against opponents that it is given."""

  @abc.abstractmethod
  def initial_policy(self):
    """Returns the policy before any training, as a snapshot keeps it."""

  @abc.abstractmethod
  def train(self, opponents, num_steps, settled):
    """Trains for at least `num_steps` and returns a `TrainingReport`.

    Args:
      opponents: per player a `population.Mixture`; the own entry is the
        meta-strategy of the own side, to start from if the learner likes.
      num_steps: environment steps, decisions of all players; the last batch
        is finished, so a little more is trained.
      settled: whether the opponents are final. Until then a learner should
        stay ready to follow them.

    Raises:
      FloatingPointError: if what it has learned is not finite.
    """

  @abc.abstractmethod
  def state(self):
    """Returns all that it is between two calls of `train`.

    As `executors.py` says: plain data and arrays, as `checkpoint.py` takes
    them, that nobody changes later.
    """

  @abc.abstractmethod
  def restore(self, state):
    """Makes this learner, newly made, equal to another by its `state`."""


def make_simulator(game, player):
  """Returns the simulator of `player` in a `GameTree` or `StateGame`."""
  if isinstance(game, state_game.StateGame):
    return state_simulator.StateSimulator(game, player)
  return tree_simulator.TreeSimulator(game, player)


def steps_per_batch(game, episodes_per_batch=None):
  """Returns the environment steps in a batch of uniformly random play.

  Args:
    game: a `GameTree` or `StateGame`.
    episodes_per_batch: by default, what its simulator plays.
  """
  if isinstance(game, state_game.StateGame):
    return game.mean_steps * (
        episodes_per_batch or state_simulator.default_episodes(game))
  return tree_simulator.mean_steps(game) * (
      episodes_per_batch or tree_simulator.EPISODES_PER_BATCH)


def make_learner(tree, config, player, seed_sequence, meeting=None):
  """Returns the learner of a configuration; what executors call.

  Args:
    tree: a `GameTree` or a `StateGame`.
    config: of the learner.
    player: whose policy it trains.
    seed_sequence: of everything random.
    meeting: a `data_parallel.Meeting`, if it is one of several workers.
  """
  if meeting is None:
    return config.make_learner(tree, player, seed_sequence)
  return config.make_learner(tree, player, seed_sequence,
                             data_parallel.join(meeting))


def pack_policy(policy_of_snapshot):
  """Returns the policy of a snapshot as plain data and arrays.

  None stands for one that is neither a table nor a network.
  """
  if isinstance(policy_of_snapshot, networks.NetworkPolicy):
    return dataclasses.asdict(policy_of_snapshot)
  if isinstance(policy_of_snapshot, np.ndarray):
    return policy_of_snapshot
  return None


def unpack_policy(data):
  """Returns the policy that `pack_policy` was given; None if it said None."""
  if isinstance(data, dict):
    return networks.NetworkPolicy(**{**data, "sizes": tuple(data["sizes"])})
  return data


def seeds(seed_sequence, team):
  """Returns the seeds of a learner's network and of its episodes.

  The workers of a team have equal networks and play different episodes.
  """
  network_seed, *episode_seeds = seed_sequence.spawn(1 + team.size)
  return network_seed, episode_seeds[team.rank]


def check_finite(parameters, mean_return):
  """Raises FloatingPointError if training has gone astray.

  Args:
    parameters: of the network, a tensor.
    mean_return: of the episodes trained.
  """
  if not np.isfinite(mean_return):
    raise FloatingPointError(
        f"the mean return of its episodes is {mean_return}: check the returns "
        "of the game")
  if not torch.isfinite(parameters).all():
    raise FloatingPointError(
        "the weights of its network are no longer finite: training diverged; "
        "a lower learning rate helps")


def check_positive(config, *names):
  """Raises ValueError if a field of a configuration is not above zero."""
  for name in names:
    if not getattr(config, name) > 0:
      raise ValueError(
          f"{name} is {getattr(config, name)}; it takes a value above 0")


def check_sizes(config):
  """Raises ValueError unless network, batch and device can be made."""
  if not all(isinstance(size, int) and size > 0
             for size in config.hidden_sizes):
    raise ValueError(f"hidden_sizes is {config.hidden_sizes}; it takes whole "
                     "numbers above 0")
  if config.episodes_per_batch is not None and config.episodes_per_batch < 1:
    raise ValueError(f"episodes_per_batch is {config.episodes_per_batch}; it "
                     "takes 1 or more, or None")
  try:
    torch.zeros(1, device=config.device)
  except (RuntimeError, AssertionError) as error:
    raise ValueError(f"torch cannot use the device {config.device!r}; cpu "
                     "always works") from error


def check_share(config, *names):
  """Raises ValueError if a field of a configuration is not in [0, 1]."""
  for name in names:
    if not 0 <= getattr(config, name) <= 1:
      raise ValueError(
          f"{name} is {getattr(config, name)}; it takes a value from 0 to 1")

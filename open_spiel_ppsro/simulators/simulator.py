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

"""Simulator: the source of one player's episodes, and their form.

Learners ask a simulator for episodes of their policy against fixed opponents.
They do not see whether the episodes are drawn on arrays or played on states.
"""

import abc
from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.policies import policy as policy_lib

# A policy as play asks it: a function from `(observations [U, D],
# legal_actions_mask [U, A])` to action probabilities `[U, A]`, zero where
# illegal.
PolicyFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class EpisodeBatch:
  """The observations, actions and returns of one player in many episodes.

  Each distinct observation is stored once, and a sample refers to it by its
  row. Samples that agree in observation, action and next observation are one
  entry with a count: learners of whole-episode returns and of one-step targets
  need only the counts and the mean returns. On a small game U is the number of
  information states, and N the number of its transitions.

  Attributes:
    observations: float32 `[U, D]`, the observations.
    legal_actions_mask: bool `[U, A]`, the legal actions at each observation.
    row: int `[N]`, the row of each sample's observation.
    action: int `[N]`, the action taken.
    count: float64 `[N]`, the number of episodes with this sample; in an
      expectation the share of episodes, see `num_episodes`.
    mean_return: float64 `[N]`, the mean return of these episodes from here to
      their end, in game utility.
    reward: float64 `[N]`, the mean reward until the next observation.
    next_row: int `[N]`, the row of the player's next observation; -1 at the
      end of an episode.
    num_episodes: how many episodes were played; 0 if the batch is the
      expectation, the limit of ever larger batches, which nobody played.
    num_steps: how many decisions all players took in them; an expectation
      counts as one episode of uniformly random play, in whole steps.
    episode_return: the mean return over all episodes.
  """
  observations: np.ndarray
  legal_actions_mask: np.ndarray
  row: np.ndarray
  action: np.ndarray
  count: np.ndarray
  mean_return: np.ndarray
  reward: np.ndarray
  next_row: np.ndarray
  num_episodes: int
  num_steps: int
  episode_return: float

  @property
  def is_expectation(self) -> bool:
    """Whether the batch is the limit of ever larger batches."""
    return not self.num_episodes

  @property
  def weight(self) -> int:
    """The weight of the batch beside others, which is its episodes, or 1."""
    return self.num_episodes or 1

  def per_action(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns counts and summed returns of all samples, each `[U, A]`."""
    num_actions = self.legal_actions_mask.shape[1]
    entry = self.row * num_actions + self.action
    return (self._sums_of(entry, self.count),
            self._sums_of(entry, self.count * self.mean_return))

  def _sums_of(self, entry, values):
    shape = self.legal_actions_mask.shape
    return np.bincount(entry, values, shape[0] * shape[1]).reshape(shape)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingPayoffs:
  """The returns of a policy and its single opponent during training.

  Attributes:
    policy_ids: the ids of the K policies that the opponent played.
    episodes: int `[K]`, the episodes against each of them.
    sums: float `[2, 2, K]`, the sums of returns and of squared returns, for the
      learner and its opponent, against each policy.
  """
  policy_ids: tuple[population_lib.PolicyId, ...]
  episodes: np.ndarray
  sums: np.ndarray


class Simulator(abc.ABC):
  """The source of one player's episodes against fixed opponents.

  Attributes:
    num_features: D, the length of an observation.
    num_actions: A, the number of distinct actions.
    episodes_per_batch: how many episodes a batch of the default size has; None
      if it is the expectation.
    constants: `{name: array}`, the fields of an `EpisodeBatch` that all batches
      of this simulator share; see `pack`.
  """

  num_features: int
  num_actions: int
  episodes_per_batch: int | None
  constants: dict[str, np.ndarray] = {}

  @abc.abstractmethod
  def face(self, opponents: population_lib.Opponents,
           random_share: float = 0.0) -> None:
    """Sets the opponents of the episodes to come.

    Args:
      opponents: a `population.Mixture` per player, or a `JointMixture`; one
        policy of it is drawn per episode. The player's own entry is not read.
      random_share: the share of the episodes in which each opponent plays
        uniformly at random instead.
    """

  @abc.abstractmethod
  def draw(self, policy: PolicyFunction, num_episodes: int | None,
           rng: np.random.Generator) -> EpisodeBatch:
    """Returns `num_episodes` episodes of a policy.

    Args:
      policy: the player's policy.
      num_episodes: how many episodes to play; None for the expectation, which
        an enumerated game has.
      rng: the generator of all random numbers.
    """

  @abc.abstractmethod
  def play_itself(self, policy: PolicyFunction, num_episodes: int | None,
                  rng: np.random.Generator | None) -> EpisodeBatch:
    """Returns episodes in which a policy plays all seats, all its decisions.

    One population has to play all seats, see `seat_symmetry.symmetrise`.
    Opponents that were set by `face` are forgotten.

    Args:
      policy: the policy of all players.
      num_episodes: how many episodes to play; None for the expectation, on an
        enumerated game.
      rng: the generator of all random numbers; an expectation needs none.
    """

  @abc.abstractmethod
  def demonstrate(self, mixture: population_lib.Mixture,
                  rng: np.random.Generator
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how a `Mixture` of this player plays, for imitation.

    Args:
      mixture: the mixture to show.
      rng: the generator of all random numbers.

    Returns:
      Observations `[U, D]`, legal actions `[U, A]`, and action probabilities
      `[U, A]` there.
    """

  @abc.abstractmethod
  def behaviour(self, mixture: population_lib.Mixture,
                batch: EpisodeBatch) -> np.ndarray:
    """Returns the behaviour policy of a `Mixture` of this player.

    Args:
      mixture: one policy of it is drawn per episode.
      batch: an `EpisodeBatch` of this simulator, or several merged.

    Returns:
      Action probabilities `[U, A]` at the observations of the batch, those of
      the policies weighted by their reach.
    """

  @abc.abstractmethod
  def publish(self, policy: PolicyFunction,
              copy: Callable[[], policy_lib.Policy]) -> policy_lib.Policy:
    """Returns a policy in the form that populations keep.

    Args:
      policy: the player's policy.
      copy: a function that returns a copy that can travel. Only sampled games
        need it, because on enumerated ones a table is the whole policy.
    """

  def training_payoffs(self) -> TrainingPayoffs | None:
    """Returns the returns since `face`; None where payoffs are exact."""
    return None


def pack(batch: EpisodeBatch,
         constants: dict[str, np.ndarray]) -> dict[str, Any]:
  """Returns an `EpisodeBatch` as plain data and arrays.

  Args:
    batch: the batch.
    constants: `{name: array}`, the arrays that all batches of its simulator
      share; the data leave them out.
  """
  return {field.name: getattr(batch, field.name)
          for field in dataclasses.fields(batch)
          if constants.get(field.name) is not getattr(batch, field.name)}


def unpack(data: dict[str, Any],
           constants: dict[str, np.ndarray]) -> EpisodeBatch:
  """Returns the `EpisodeBatch` of data that `pack` made."""
  return EpisodeBatch(**{**constants, **data})


def merge(batches: Iterable[EpisodeBatch]) -> EpisodeBatch:
  """Returns one `EpisodeBatch` that holds the samples of several.

  Args:
    batches: the batches. Where all have the same array of observations, the
      result has it too.
  """
  batches = list(batches)
  first = batches[0]
  if len(batches) == 1:
    return first
  if all(batch.observations is first.observations for batch in batches):
    observations, mask = first.observations, first.legal_actions_mask
    offsets = np.zeros(len(batches), int)
  else:
    observations = np.concatenate([batch.observations for batch in batches])
    mask = np.concatenate([batch.legal_actions_mask for batch in batches])
    offsets = np.cumsum([0] + [len(batch.observations)
                               for batch in batches[:-1]])
  def joined(name):
    return np.concatenate([getattr(batch, name) for batch in batches])

  return EpisodeBatch(
      observations=observations,
      legal_actions_mask=mask,
      row=np.concatenate([batch.row + offset
                          for batch, offset in zip(batches, offsets)]),
      action=joined("action"),
      count=joined("count"),
      mean_return=joined("mean_return"),
      reward=joined("reward"),
      next_row=np.concatenate(
          [np.where(batch.next_row < 0, -1, batch.next_row + offset)
           for batch, offset in zip(batches, offsets)]),
      num_episodes=sum(batch.num_episodes for batch in batches),
      num_steps=sum(batch.num_steps for batch in batches),
      episode_return=sum(batch.weight * batch.episode_return
                         for batch in batches) / sum(
                             batch.weight for batch in batches))

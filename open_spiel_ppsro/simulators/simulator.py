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

"""EpisodeBatch: what one player saw, did and got in many episodes.

What learners train on. They ask a simulator for episodes of their policy
against fixed opponents and never see whether these were played on a tree or on
states.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class EpisodeBatch:
  """What one player saw, did and got in many episodes.

  Each distinct observation stands once, and a sample names it by its row.
  Samples that agree in observation, action and next observation are one entry
  with a count: for whole-episode returns and for one-step targets alike, the
  counts and the mean returns are all there is to know. U is the number of
  information states on a small game, and N the number of its transitions.

  Attributes:
    observations: float32 `[U, D]`.
    legal_actions_mask: bool `[U, A]`.
    row: int `[N]`, the observation of each sample.
    action: int `[N]`, the action taken.
    count: float64 `[N]`, in how many episodes.
    mean_return: float64 `[N]`, mean return of these episodes from here to
      their end, in game utility.
    reward: float64 `[N]`, mean reward until the next observation.
    next_row: int `[N]`, the next observation of the player; -1 at the end.
    num_episodes: how many episodes were played.
    num_steps: how many decisions all players took in them.
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


def pack(batch, constants):
  """Returns an `EpisodeBatch` as plain data and arrays.

  Args:
    batch: the batch.
    constants: `{name: array}`, the arrays that all batches of its simulator
      share; they are left out.
  """
  return {field.name: getattr(batch, field.name)
          for field in dataclasses.fields(batch)
          if constants.get(field.name) is not getattr(batch, field.name)}


def unpack(data, constants):
  """Returns the `EpisodeBatch` that `pack` was given."""
  return EpisodeBatch(**{**constants, **data})


def merge(batches):
  """Returns one `EpisodeBatch` that holds the samples of several.

  Args:
    batches: a sequence of them. Where all name the same array of
      observations, the result names it too.
  """
  batches = list(batches)
  first = batches[0]
  if len(batches) == 1:
    return first
  if all(batch.observations is first.observations for batch in batches):
    observations, mask = first.observations, first.legal_actions_mask
    offsets = [0] * len(batches)
  else:
    observations = np.concatenate([batch.observations for batch in batches])
    mask = np.concatenate([batch.legal_actions_mask for batch in batches])
    offsets = np.cumsum([0] + [len(batch.observations)
                               for batch in batches[:-1]])
  episodes = sum(batch.num_episodes for batch in batches)
  joined = lambda name: np.concatenate(
      [getattr(batch, name) for batch in batches])
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
      num_episodes=episodes,
      num_steps=sum(batch.num_steps for batch in batches),
      episode_return=sum(batch.num_episodes * batch.episode_return
                         for batch in batches) / episodes)

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

"""Play: many episodes of a `StateGame` are played to their ends at once.

All episodes advance together, a decision at a time: the states show what the
players see, every policy answers for all its episodes in one forward pass, and
the states take the actions.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import episode_states

# A policy that has more rows to answer than this is asked alone, others are
# asked together. The number changes only the time that play takes, and rounding
# errors.
_FEW_ROWS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
  """Decisions of recorded policies, in the order in which they were taken.

  Attributes:
    observations: float32 `[N, D]`, the players' observations.
    legal_actions_mask: bool `[N, A]`, the legal actions.
    probabilities: float `[N, A]`, the policies' action probabilities.
    action: int `[N]`, the actions taken.
    episode: int `[N]`, the index of the episode.
    player: int `[N]`, the player who decided.
    return_so_far: float `[N]`, the player's return before the decision, in game
      utility.
  """
  observations: np.ndarray
  legal_actions_mask: np.ndarray
  probabilities: np.ndarray
  action: np.ndarray
  episode: np.ndarray
  player: np.ndarray
  return_so_far: np.ndarray


def play(game: state_game.StateGame,
         policies: Sequence[Callable[[np.ndarray, np.ndarray], np.ndarray]],
         assignment: npt.ArrayLike, rng: np.random.Generator,
         chance: np.ndarray | None = None, recorded: int | None = None,
         stacks: dict[tuple, Any] | None = None
         ) -> tuple[np.ndarray, int, Decisions | None]:
  """Plays episodes to their ends, all at once.

  Args:
    game: a `StateGame`.
    policies: functions from `(observations [U, D], legal_actions_mask [U, A])`
      to action probabilities `[U, A]`, zero where illegal. Policies with an
      equal `stack_key` answer together, by the `stack` of their class. Of a
      `MixedPolicy` a member is drawn per episode.
    assignment: int `[n, E]`, for each player and episode the index of the
      policy that plays.
    rng: a NumPy generator.
    chance: float `[E, C]` in [0, 1), the numbers that decide the first C chance
      events of each episode; `rng` decides the others. Equal numbers give
      equal chance events wherever the play before them was equal.
    recorded: the decisions of policies with an index below this are recorded;
      None records nothing.
    stacks: a dict in which this function keeps the stacks of policies; the
      caller gives it again while the same policies play.

  Returns:
    Returns `[n, E]` in game utility, the number of decisions of all players,
    and the `Decisions` of the recorded policies or None.
  """
  assignment = np.array(assignment)
  policies = _with_members(policies, assignment, rng)
  num_episodes = assignment.shape[1]
  states = episode_states.make_states(game, num_episodes, rng, chance)
  ask = _PolicyBatch(policies, {} if stacks is None else stacks)
  num_steps = 0
  records = []
  while True:
    episodes, players = states.to_move()
    if not len(episodes):
      break
    num_steps += len(episodes)
    keys = assignment[players, episodes]
    order = np.argsort(keys, kind="stable")
    episodes, players, keys = episodes[order], players[order], keys[order]
    observations, mask = states.observe(episodes, players)
    observations = game.with_seats(observations, players)
    probabilities = ask(keys, observations, mask)
    actions = choose(probabilities, rng)
    if recorded is not None:
      count = np.searchsorted(keys, recorded)
      records.append((observations[:count], mask[:count],
                      probabilities[:count], actions[:count],
                      episodes[:count], players[:count],
                      states.returns_so_far(episodes[:count],
                                            players[:count])))
    states.apply(episodes, actions)
  return states.returns(), num_steps, None if recorded is None else Decisions(
      *map(np.concatenate, zip(*records)))


def _with_members(policies, assignment, rng):
  """Returns `policies` with the members of mixed ones, which it assigns."""
  policies = list(policies)
  for index, policy in enumerate(policies):
    if isinstance(policy, sampled.MixedPolicy):
      for own in assignment:
        episodes = np.flatnonzero(own == index)
        own[episodes] = len(policies) + draw_assignment(
            policy.probabilities, len(episodes), rng)
      policies += policy.members
  return policies


class _PolicyBatch:
  """A set of policies that answer at once, each for rows of its own."""

  def __init__(self, policies, stacks):
    self._policies = policies
    kinds = {}
    for index, policy in enumerate(policies):
      kinds.setdefault(getattr(policy, "stack_key", None), []).append(index)
    kinds.pop(None, None)
    self._stacks = []
    self._stack_of = np.full(len(policies), -1)
    self._place = np.zeros(len(policies), int)
    for members in kinds.values():
      if len(members) > 1:
        self._stack_of[members] = len(self._stacks)
        self._place[members] = np.arange(len(members))
        stacked = tuple(policies[index] for index in members)
        if stacked not in stacks:
          stacks[stacked] = stacked[0].stack(stacked)
        self._stacks.append(stacks[stacked])

  def __call__(self, keys, observations, mask):
    """Returns action probabilities `[U, A]`.

    Args:
      keys: int `[U]`, ascending, the index of the policy that answers each row.
      observations: float32 `[U, D]`, the players' observations.
      mask: bool `[U, A]`, the legal actions.
    """
    bounds = np.flatnonzero(np.diff(keys, prepend=-1, append=-1))
    starts, counts = bounds[:-1], np.diff(bounds)
    who = keys[starts]
    stack_of = np.where(counts > _FEW_ROWS, -1, self._stack_of[who])
    probabilities = np.empty(mask.shape)
    for group in np.flatnonzero(stack_of < 0):
      rows = slice(starts[group], starts[group] + counts[group])
      probabilities[rows] = self._policies[who[group]](
          observations[rows], mask[rows])
    for number, stack in enumerate(self._stacks):
      groups = stack_of == number
      if groups.any():
        rows = np.repeat(groups, counts)
        probabilities[rows] = stack(self._place[who[groups]], counts[groups],
                                    observations[rows], mask[rows])
    return probabilities


def choose(probabilities: np.ndarray, rng: np.random.Generator
           ) -> np.ndarray:
  """Returns int `[U]`, an action drawn from each row of `[U, A]`."""
  cumulative = probabilities.cumsum(axis=1)
  threshold = rng.random(len(cumulative)) * cumulative[:, -1]
  return (cumulative > threshold[:, None]).argmax(axis=1)


def draw_assignment(probabilities: np.ndarray, num_episodes: int,
                    rng: np.random.Generator) -> np.ndarray:
  """Returns int `[E]`, an index drawn for each episode, in random order."""
  counts = rng.multinomial(num_episodes, probabilities)
  return rng.permutation(np.repeat(np.arange(len(counts)), counts))

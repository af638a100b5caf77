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

"""TreeSimulator: one player's episodes, drawn on the arrays of a game."""

from collections.abc import Callable
import functools
from typing import Any

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import simulator as simulator_lib


def mean_steps(tree: game_tree.GameTree) -> float:
  """Returns the mean decisions in an episode of uniformly random play."""
  plans = [sequence_form.realization_plan(tree, tree.uniform_table(p), p)
           for p in range(tree.num_players)]
  return float(sequence_form.terminal_reach(tree, plans)
               @ tree.terminal_steps)


def expectation_steps(tree: game_tree.GameTree) -> int:
  """Returns the environment steps that an expectation counts as, 1 or more."""
  return max(1, round(mean_steps(tree)))


def opponents_reach(tree: game_tree.GameTree, opponents: population.Opponents,
                    player: int, random_share: float = 0.0) -> np.ndarray:
  """Returns `[T]`: chance reach times the reach of the opponents.

  Args:
    tree: a `GameTree`.
    opponents: a `Mixture` per player, or a `JointMixture`, with tables as
      policies; the player's own entry is not read.
    player: the player whose opponents they are.
    random_share: the share of the episodes in which each opponent plays
      uniformly at random instead.
  """

  def uniform(other):
    return tree.uniform_table(other)[None]

  plans: list[Any] = [None] * tree.num_players
  if isinstance(opponents, population.JointMixture):
    for other, mixture in enumerate(opponents.mixtures):
      if other != player:
        plans[other] = (
            (1 - random_share) * sequence_form.realization_plan(
                tree, mixture.tables(), other)
            + random_share * sequence_form.realization_plan(
                tree, uniform(other), other))
    return sequence_form.joint_reach(tree, plans, *opponents.without(player),
                                     skip=player)
  for other, mixture in enumerate(opponents):
    if other != player:
      plans[other] = sequence_form.mixture_table_plan(
          tree, np.concatenate([mixture.tables(), uniform(other)]),
          np.append((1 - random_share) * mixture.probabilities, random_share),
          other)
  return sequence_form.terminal_reach(tree, plans, player)


class TreeSimulator(simulator_lib.Simulator):
  """The source of one player's episodes on an enumerated game.

  Episodes are drawn from their exact distribution, all at once: the reach
  probabilities of the terminal histories are known, and a multinomial draw
  tells how many of `num_episodes` independent episodes end at each of them.
  The cost does not grow with the number of episodes. Without a number there is
  no draw: the batch holds the probabilities and the expected returns
  themselves, and costs even less.

  By definition one opponent is drawn from its mixture per episode. In a game
  of perfect recall the mixture's behaviour policy, weighted by reach, gives the
  same distribution over episodes, so the simulator uses that.
  """

  def __init__(self, tree: game_tree.GameTree, player: int):
    """Makes a simulator of `player` in a `GameTree`."""
    self._tree = tree
    self._player = player
    infostates = tree.infostates[player]
    self.observations = infostates.observations
    self.legal_actions_mask = infostates.legal_actions_mask
    self.num_features = self.observations.shape[1]
    self.num_actions = tree.num_actions
    self.episodes_per_batch = None
    self._reach: np.ndarray | None = None
    self._reach_of_sequences: tuple[np.ndarray, np.ndarray] | None = None
    # A sample ends at the next information state of the player, or at the end
    # of the episode. So there is one entry for each information state that has
    # a parent sequence, and one for each sequence at which some history ends.
    later = np.arange(infostates.levels[0].stop if infostates.levels else 0,
                      len(infostates))
    last = np.unique(tree.terminal_sequences[player])
    last = last[last < tree.num_sequences(player) - 1]
    sequences = np.concatenate([infostates.parent_sequences[later], last])
    self._later, self._last = later, last
    self._row, self._action = np.divmod(sequences, tree.num_actions)
    self._next_row = np.concatenate([later, np.full(len(last), -1)])
    # All batches share these arrays, see `simulator.pack`.
    self.constants = {
        "observations": self.observations,
        "legal_actions_mask": self.legal_actions_mask,
        "row": self._row, "action": self._action, "next_row": self._next_row}

  def face(self, opponents: population.Opponents,
           random_share: float = 0.0) -> None:
    self._reach = opponents_reach(self._tree, opponents, self._player,
                                  random_share)
    self._reach_of_sequences = None

  def demonstrate(self, mixture: population.Mixture, rng: np.random.Generator
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    del rng  # The answer is exact.
    return (self.observations, self.legal_actions_mask,
            self.behaviour(mixture, None))

  def behaviour(self, mixture: population.Mixture,
                batch: simulator_lib.EpisodeBatch | None) -> np.ndarray:
    del batch  # All batches have the same observations.
    plan = sequence_form.mixture_table_plan(
        self._tree, mixture.tables(), mixture.probabilities, self._player)
    return sequence_form.behaviour(self._tree, plan, self._player)

  def tabulate(self, policy: simulator_lib.PolicyFunction) -> np.ndarray:
    """Returns float64 `[I, A]`, the policy at every information state."""
    table = np.asarray(policy(self.observations, self.legal_actions_mask),
                       float)
    table = np.where(self.legal_actions_mask, table, 0)
    return table / table.sum(axis=1, keepdims=True)

  def publish(self, policy: simulator_lib.PolicyFunction,
              copy: Callable[[], policy_lib.Policy]) -> policy_lib.Policy:
    del copy
    return tabular.TablePolicy(self.tabulate(policy))

  def draw(self, policy: simulator_lib.PolicyFunction,
           num_episodes: int | None,
           rng: np.random.Generator) -> simulator_lib.EpisodeBatch:
    assert self._reach is not None, "face comes first"
    return self._draw(
        sequence_form.realization_plan(
            self._tree, self.tabulate(policy), self._player),
        num_episodes, rng)

  def play_itself(self, policy: simulator_lib.PolicyFunction,
                  num_episodes: int | None, rng: np.random.Generator | None
                  ) -> simulator_lib.EpisodeBatch:
    tree = self._tree
    assert tree.plays_all_seats, "the policy has to know all seats"
    plan = sequence_form.realization_plan(
        tree, self.tabulate(policy), self._player)
    self._reach = sequence_form.terminal_reach(
        tree, [plan] * tree.num_players, self._player)
    self._reach_of_sequences = None
    # A coin decides about seats, so one player has the decisions of all.
    return self._draw(plan, num_episodes, rng)

  def _draw(self, plan, num_episodes, rng):
    """Returns an `EpisodeBatch` of the player's realization plan `[S]`."""
    tree, player = self._tree, self._player
    # How many episodes, or which share of them, end at each sequence of the
    # player, and their summed returns.
    if num_episodes is None:
      ended, ended_returns = (plan * part for part in self._expected())
      num_steps = self._expectation_steps
      episode_return = float(ended_returns.sum())
    else:
      sequences = tree.terminal_sequences[player]
      reach = self._reach * plan[sequences]
      ends = rng.multinomial(num_episodes, reach / reach.sum()).astype(float)
      returns = ends * tree.terminal_returns[player]
      ended = np.bincount(sequences, ends, tree.num_sequences(player))
      ended_returns = np.bincount(sequences, returns,
                                  tree.num_sequences(player))
      num_steps = int(ends @ tree.terminal_steps)
      episode_return = float(returns.sum() / num_episodes)
    visits = self._below(ended)
    visit_returns = self._below(ended_returns)

    count = np.concatenate([visits[self._later], ended[self._last]])
    total = np.concatenate([visit_returns[self._later],
                            ended_returns[self._last]])
    mean_return = np.divide(total, count, out=np.zeros_like(total),
                            where=count > 0)
    return simulator_lib.EpisodeBatch(
        observations=self.observations,
        legal_actions_mask=self.legal_actions_mask,
        row=self._row,
        action=self._action,
        count=count,
        mean_return=mean_return,
        reward=np.where(self._next_row < 0, mean_return, 0),
        next_row=self._next_row,
        num_episodes=num_episodes or 0,
        num_steps=num_steps,
        episode_return=episode_return)

  @functools.cached_property
  def _expectation_steps(self):
    return expectation_steps(self._tree)

  def _expected(self):
    """Returns `[S]`, `[S]`: reach of the others, and reach times return.

    Both are summed over the terminal histories of each sequence. They are the
    same until others are faced.
    """
    if self._reach_of_sequences is None:
      sequences = self._tree.terminal_sequences[self._player]
      size = self._tree.num_sequences(self._player)
      self._reach_of_sequences = (
          np.bincount(sequences, self._reach, size),
          sequence_form.values_of_reach(self._tree, self._reach, self._player))
    return self._reach_of_sequences

  def _below(self, values):
    """Returns `[I]`, the sum of `values` `[S]` at and below each infostate."""
    tree, player = self._tree, self._player
    values = values.copy()
    rows = values[:-1].reshape(self.legal_actions_mask.shape)
    sums = np.empty(len(rows))
    for level, before in sequence_form.levels_upwards(tree, player):
      sums[level] = rows[level].sum(axis=1)
      sequence_form.add_to_parents(
          tree, player, level, before, sums[level], values)
    return sums

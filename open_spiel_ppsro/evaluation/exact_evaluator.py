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

"""ExactEvaluator: payoffs and NashConv of an enumerated game, exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.policies import tabular


class ExactEvaluator(evaluator_lib.Evaluator):
  """An evaluator that keeps the realization plans of all policies."""

  game: game_tree.GameTree

  def __init__(self, game: game_tree.GameTree):
    """Makes an evaluator of a `GameTree`."""
    self.game = game
    self._plans = [
        np.zeros((0, game.num_sequences(game.player_of(p))))
        for p in range(game.num_populations)]

  def measure(self, population: population_lib.Population,
              meta_game: meta_game_lib.MetaGame,
              changed: Sequence[population_lib.PolicyId],
              share: float = 1.0) -> None:
    del share  # Every cell is exact.
    game = self.game
    sizes = population.sizes()
    meta_game.grow(sizes)
    stale = [[i.index for i in changed if i.player == p]
             for p in range(len(sizes))]
    for p, indices in enumerate(stale):
      player = game.player_of(p)
      grown = np.zeros((sizes[p], game.num_sequences(player)))
      grown[:len(self._plans[p])] = self._plans[p]
      if indices:
        tables = np.stack([
            population[population_lib.PolicyId(p, index)].snapshot.table
            for index in indices])
        grown[indices] = sequence_form.realization_plan(game, tables, player)
      self._plans[p] = grown
    for player, role in enumerate(game.roles):
      if stale[role]:
        # Where policies of several players changed, the cells that they share
        # are filled once, for the first of these players.
        rows = [list(range(sizes[r])) for r in game.roles]
        for earlier in range(player):
          rows[earlier] = [index for index in rows[earlier]
                           if index not in stale[game.roles[earlier]]]
        rows[player] = stale[role]
        meta_game.fill(rows, sequence_form.payoff_tensors(
            game, [self._plans[r][chosen]
                   for r, chosen in zip(game.roles, rows)]))

  def state(self) -> dict[str, Any]:
    """Returns no data: all measurements follow from the population."""
    return {}

  def restore(self, state: dict[str, Any],
              population: population_lib.Population) -> None:
    del state
    self._plans = [
        sequence_form.realization_plan(
            self.game, np.stack([member.snapshot.table
                                 for member in population.members(p)]),
            self.game.player_of(p))
        for p in range(population.num_populations)]

  def mixture_tables(
      self, meta_strategy: meta_game_lib.MetaStrategy) -> list[np.ndarray]:
    """Returns the behaviour policy of each population's mixture, `[I, A]`.

    A mixture draws one policy per episode, so each policy is weighted by its
    reach.
    """
    return [
        sequence_form.behaviour(
            self.game,
            sequence_form.mixture_plan(plans[list(chosen)], weights),
            self.game.player_of(p))
        for p, (plans, chosen, weights) in enumerate(zip(
            self._plans, meta_strategy.indices, meta_strategy.probabilities))]

  def exploitability(self, meta_strategy: meta_game_lib.MetaStrategy
                     ) -> evaluator_lib.Exploitability:
    game = self.game.original
    tables = self.game.seat_tables(self.mixture_tables(meta_strategy))
    value = sequence_form.nash_conv(
        game, [sequence_form.realization_plan(game, table, player)
               for player, table in enumerate(tables)])
    return evaluator_lib.Exploitability(
        value, value / game.num_players,
        None if meta_strategy.joint is None else self._cce_gap(meta_strategy))

  def _cce_gap(self, meta_strategy):
    return cce_gap(
        self.game,
        [plans[list(chosen)]
         for plans, chosen in zip(self._plans, meta_strategy.indices)],
        meta_strategy.joint)

  def behaviour_opponents(self, meta_strategy: meta_game_lib.MetaStrategy
                          ) -> tuple[population_lib.Mixture, ...]:
    """Returns the opponents of a meta-strategy as one policy per player.

    Each policy is the behaviour policy of a mixture, weighted by reach. It
    gives the same distribution over episodes as the mixture, and travels as one
    table.

    Args:
      meta_strategy: a `MetaStrategy` whose players draw independently.

    Returns:
      A `Mixture` of one snapshot per player.
    """
    tables = self.mixture_tables(meta_strategy)
    return tuple(
        population_lib.Mixture(
            (population_lib.Snapshot(
                population_lib.PolicyId(role, population_lib.MIXTURE_INDEX), 0,
                tabular.TablePolicy(tables[role])),),
            np.ones(1))
        for role in self.game.roles)


def cce_gap(game: game_tree.GameTree, plans: Sequence[np.ndarray],
            joint: np.ndarray) -> float:
  """Returns what the best deviations from a joint distribution gain, in sum.

  Args:
    game: a `GameTree`.
    plans: per player, K_p realization plans `[K_p, S_p]`.
    joint: `[K_0, ..., K_{n-1}]`, the probabilities of the profiles.
  """
  profiles = np.argwhere(joint > 0)
  probabilities = joint[joint > 0]
  returns = game.terminal_returns @ sequence_form.joint_reach(
      game, plans, profiles, probabilities)
  # A gain below zero counts as zero: the player does better by following.
  return float(sum(
      max(0.0, sequence_form.best_value_of_reach(
          game, sequence_form.joint_reach(
              game, plans, profiles, probabilities, skip=player), player)
          - returns[player])
      for player in range(game.num_players)))

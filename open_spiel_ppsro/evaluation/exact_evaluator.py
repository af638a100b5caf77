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

"""ExactEvaluator: payoffs and exploitability of an enumerated game, exactly."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import growing_rows
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.policies import tabular

# The most work of one search for the least exploitable mixture, in games ended
# (terminal histories) times best responses. That of liar's dice, with 147,420,
# is a second; a round that adds a policy takes a tenth of it.
_LEAST_EXPLOITABLE_WORK = 20_000_000
# The fewest best responses of one search, however large the game.
_LEAST_RESPONSES = 8


class ExactEvaluator(evaluator_lib.Evaluator):
  """An evaluator that keeps the realization plans of all policies."""

  game: game_tree.GameTree

  def __init__(self, game: game_tree.GameTree):
    """Makes an evaluator of a `GameTree`."""
    self.game = game
    self._begin_plans()
    self._begin_least_exploitable()

  def _begin_plans(self):
    game = self.game
    self._plans = [
        growing_rows.GrowingRows(game.num_sequences(game.player_of(p)))
        for p in range(game.num_populations)]

  def _begin_least_exploitable(self):
    game = self.game
    self._least = (
        least_exploitable.LeastExploitableMixture(game)
        if game.num_players == 2 and game.is_zero_sum else None)
    # Per population, the policies that it mixes, in the order they came, and
    # those of them that have changed since.
    self._mixed: list[list[int]] = [[] for _ in self._plans]
    self._changed: list[set[int]] = [set() for _ in self._plans]

  def forget(self) -> None:
    self._begin_plans()
    self._begin_least_exploitable()

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
      self._plans[p].grow(sizes[p])
      if indices:
        tables = np.stack([
            population[population_lib.PolicyId(p, index)].snapshot.table
            for index in indices])
        self._plans[p].rows[indices] = sequence_form.realization_plan(
            game, tables, game.player_of(p))
      self._changed[p].update(indices)
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
            game, [self._plans[r].chosen(chosen)
                   for r, chosen in zip(game.roles, rows)]))

  def plans(self, population_index: int,
            indices: Sequence[int]) -> np.ndarray:
    """Returns `[K, S]`, the realization plans of some policies."""
    return self._plans[population_index].rows[list(indices)]

  def state(self) -> dict[str, Any]:
    """Returns how far the search for the least exploitable mixture is.

    All else follows from the population.
    """
    if self._least is None:
      return {}
    return {"mixed": [list(mixed) for mixed in self._mixed],
            "least_exploitable": self._least.state()}

  def restore(self, state: dict[str, Any],
              population: population_lib.Population) -> None:
    self._begin_plans()
    for p, plans in enumerate(self._plans):
      members = population.members(p)
      plans.grow(len(members))
      plans.rows[:] = sequence_form.realization_plan(
          self.game, np.stack([member.snapshot.table for member in members]),
          self.game.player_of(p))
    self._begin_least_exploitable()
    if self._least is not None and "mixed" in state:  # Not of version 0.1.
      self._mixed = [list(mixed) for mixed in state["mixed"]]
      self._least.restore(
          state["least_exploitable"],
          [plans.rows[mixed] for plans, mixed in zip(self._plans, self._mixed)])

  def least_exploitable(
      self, meta_strategy: meta_game_lib.MetaStrategy
  ) -> least_exploitable.LeastExploitable | None:
    if self._least is None:
      return None
    candidate, places = [], []
    for p, (chosen, weights) in enumerate(zip(
        meta_strategy.indices, meta_strategy.probabilities)):
      mixed = self._mixed[p]
      known = len(mixed)
      place_of = {index: place for place, index in enumerate(mixed)}
      for index in chosen:
        if place_of.setdefault(index, len(mixed)) == len(mixed):
          mixed.append(index)
      stale = [place for place, index in enumerate(mixed)
               if place >= known or index in self._changed[p]]
      self._changed[p].difference_update(mixed)
      self._least.update(
          p, stale, self._plans[p].rows[[mixed[place] for place in stale]])
      places.append([place_of[index] for index in chosen])
      candidate.append(np.zeros(len(mixed)))
      candidate[p][places[p]] = weights
    found = self._least.solve(
        max_responses=int(np.clip(
            _LEAST_EXPLOITABLE_WORK // len(self.game.terminal_chance),
            _LEAST_RESPONSES, least_exploitable.MAX_RESPONSES)),
        candidate=candidate)
    return dataclasses.replace(found, weights=tuple(
        weights[own] for weights, own in zip(found.weights, places)))

  def mixture_tables(
      self, meta_strategy: meta_game_lib.MetaStrategy) -> list[np.ndarray]:
    """Returns the behaviour policy of each population's mixture, `[I, A]`.

    A mixture draws one policy per episode, so each policy is weighted by its
    reach.
    """
    return [
        sequence_form.behaviour(
            self.game,
            self._mixture_plan(p, chosen, weights),
            self.game.player_of(p))
        for p, (chosen, weights) in enumerate(zip(
            meta_strategy.indices, meta_strategy.probabilities))]

  def _mixture_plan(self, population, indices, weights):
    """Returns `[S]`, the plan of a mixture of policies of a population."""
    used = np.flatnonzero(weights)  # Plans of no weight are not touched.
    return sequence_form.mixture_plan(
        self._plans[population].rows[np.asarray(indices, int)[used]],
        np.asarray(weights)[used])

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
        [plans.rows[list(chosen)]
         for plans, chosen in zip(self._plans, meta_strategy.indices)],
        meta_strategy.joint)

  def best_response_value(self, population: int,
                          meta_strategy: meta_game_lib.MetaStrategy) -> float:
    """Returns the most that a player can expect against a meta-strategy.

    Args:
      population: that of the player.
      meta_strategy: of all players; the player's own side is not read.
    """
    game, player = self.game, self.game.player_of(population)
    if meta_strategy.joint is not None:
      joint = meta_strategy.joint
      plans = [self._plans[role].rows[list(meta_strategy.indices[role])]
               for role in game.roles]
      return sequence_form.best_value_of_reach(
          game, sequence_form.joint_reach(
              game, plans, np.argwhere(joint > 0), joint[joint > 0],
              skip=player), player)
    return sequence_form.best_response_value(
        game, [self._mixture_plan(role, meta_strategy.indices[role],
                                  meta_strategy.probabilities[role])
               for role in game.roles], player)

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

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

"""Evaluation: the payoffs of policy profiles, and NashConv.

`ExactEvaluator` is for games that fit in a `GameTree`: every number it gives
is exact.
"""

import dataclasses

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import sequence_form


@dataclasses.dataclass(frozen=True)
class Exploitability:
  """How far a policy profile is from equilibrium, in game utility.

  Attributes:
    nash_conv: the sum over players of their best-response gains.
    exploitability: NashConv divided by the number of players.
  """
  nash_conv: float
  exploitability: float


class ExactEvaluator:
  """Measures policies by their realization plans, which it keeps."""

  def __init__(self, tree):
    self.tree = tree
    self._plans = [np.zeros((0, tree.num_sequences(player)))
                   for player in range(tree.num_players)]

  def measure(self, population, meta_game, changed):
    """Brings the meta-game up to date.

    Args:
      population: a `Population`.
      meta_game: its `MetaGame`; grown, and filled where policies changed.
      changed: the ids of the policies with a new snapshot since the last
        call.
    """
    tree = self.tree
    sizes = population.sizes()
    meta_game.grow(sizes)
    by_player = [[i.index for i in changed if i.player == player]
                 for player in range(tree.num_players)]
    for player, indices in enumerate(by_player):
      grown = np.zeros((sizes[player], tree.num_sequences(player)))
      grown[:len(self._plans[player])] = self._plans[player]
      if indices:
        tables = np.stack([
            population[population_lib.PolicyId(player, index)].snapshot.table
            for index in indices])
        grown[indices] = sequence_form.realization_plan(tree, tables, player)
      self._plans[player] = grown
    for player, indices in enumerate(by_player):
      if indices:
        # Policies changed on both sides are met once: by the first player.
        rows = [list(range(size)) for size in sizes]
        for earlier in range(player):
          rows[earlier] = [index for index in rows[earlier]
                           if index not in by_player[earlier]]
        rows[player] = indices
        meta_game.fill(rows, sequence_form.payoff_tensors(
            tree, [plans[r] for plans, r in zip(self._plans, rows)]))

  def mixture_plans(self, indices, probabilities):
    """Returns one plan per player: of a mixture over policies `indices`."""
    return [sequence_form.mixture_plan(plans[list(chosen)], weights)
            for plans, chosen, weights in zip(self._plans, indices,
                                              probabilities)]

  def exploitability(self, indices, probabilities):
    """Returns the `Exploitability` of independent mixtures over policies.

    Args:
      indices: per player, policy indices.
      probabilities: per player, a probability for each of them. A mixture
        draws one policy per episode; it is weighted by reach.
    """
    value = sequence_form.nash_conv(
        self.tree, self.mixture_plans(indices, probabilities))
    return Exploitability(value, value / self.tree.num_players)

  def opponents(self, indices, probabilities):
    """Returns what a learner faces: per player a `Mixture` of one policy.

    That policy is the behaviour policy of the mixture, weighted by reach; it
    gives the same distribution over episodes as drawing one policy per
    episode does, and it travels as one table.
    """
    return tuple(
        population_lib.Mixture(
            (population_lib.Snapshot(
                population_lib.PolicyId(player, -1), 0,
                sequence_form.behaviour(self.tree, plan, player)),),
            np.ones(1))
        for player, plan in enumerate(
            self.mixture_plans(indices, probabilities)))

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
is exact. For those that do not there is `sampled_evaluation.py`.
"""


import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.games import sequence_form


class ExactEvaluator:
  """Measures policies by their realization plans, which it keeps."""

  # How many episodes have been played to measure payoffs.
  episodes = 0

  def __init__(self, tree):
    self.tree = tree
    self._plans = [
        np.zeros((0, tree.num_sequences(tree.roles.index(population))))
        for population in range(tree.num_populations)]

  def measure(self, population, meta_game, changed, importance=None,
              share=1.0):
    """Brings the meta-game up to date.

    Args:
      population: a `Population`.
      meta_game: its `MetaGame`; grown, and filled where policies changed.
      changed: the ids of the policies with a new snapshot since the last
        call.
      importance: not used; every cell is exact.
      share: not used.
    """
    del importance, share
    tree = self.tree
    sizes = population.sizes()
    meta_game.grow(sizes)
    stale = [[i.index for i in changed if i.player == p]
             for p in range(len(sizes))]
    for p, indices in enumerate(stale):
      player = tree.roles.index(p)
      grown = np.zeros((sizes[p], tree.num_sequences(player)))
      grown[:len(self._plans[p])] = self._plans[p]
      if indices:
        tables = np.stack([
            population[population_lib.PolicyId(p, index)].snapshot.policy
            for index in indices])
        grown[indices] = sequence_form.realization_plan(tree, tables, player)
      self._plans[p] = grown
    for player, role in enumerate(tree.roles):
      if stale[role]:
        # Where policies of several players changed, the cells that they share
        # are met once: by the first of these players.
        rows = [list(range(sizes[r])) for r in tree.roles]
        for earlier in range(player):
          rows[earlier] = [index for index in rows[earlier]
                           if index not in stale[tree.roles[earlier]]]
        rows[player] = stale[role]
        meta_game.fill(rows, sequence_form.payoff_tensors(
            tree, [self._plans[r][chosen]
                   for r, chosen in zip(tree.roles, rows)]))

  def state(self):
    """Returns nothing: what it knows follows from the population."""
    return {}

  def restore(self, state, population):
    """Makes it, newly made, know the policies of a `Population`.

    Args:
      state: of another.
      population: whose policies it knew.
    """
    del state
    self._plans = [
        sequence_form.realization_plan(
            self.tree, np.stack([member.snapshot.policy
                                 for member in population.members(p)]),
            self.tree.roles.index(p))
        for p in range(population.num_populations)]

  def mixture_tables(self, indices, probabilities):
    """Returns one table per population: a mixture's behaviour policy.

    Args:
      indices: per population, policy indices.
      probabilities: per population, a probability for each of them. A mixture
        draws one policy per episode; it is weighted by reach.
    """
    return [
        sequence_form.behaviour(
            self.tree,
            sequence_form.mixture_plan(plans[list(chosen)], weights),
            self.tree.roles.index(p))
        for p, (plans, chosen, weights) in enumerate(
            zip(self._plans, indices, probabilities))]

  def exploitability(self, indices, probabilities, joint=None):
    """Returns the `Exploitability`, in the original game, of mixtures.

    Args:
      indices: as for `mixture_tables`.
      probabilities: likewise; players draw independently.
      joint: `[K_0, ..., K_{n-1}]`, if they do not: how likely each profile is.
        `probabilities` are its marginals.
    """
    game = self.tree.original or self.tree
    tables = self.tree.seat_tables(self.mixture_tables(indices, probabilities))
    value = sequence_form.nash_conv(
        game, [sequence_form.realization_plan(game, table, player)
               for player, table in enumerate(tables)])
    return evaluator_lib.Exploitability(
        value, value / game.num_players,
        None if joint is None else self._cce_gap(indices, joint))

  def _cce_gap(self, indices, joint):
    tree = self.tree
    plans = [plans[list(chosen)]
             for plans, chosen in zip(self._plans, indices)]
    profiles = np.argwhere(joint > 0)
    probabilities = joint[joint > 0]
    returns = tree.terminal_returns @ sequence_form.joint_reach(
        tree, plans, profiles, probabilities)
    # A player that was better off told what to do has nothing to gain.
    return float(sum(
        max(0.0, sequence_form.best_value_of_reach(
            tree, sequence_form.joint_reach(
                tree, plans, profiles, probabilities, skip=player), player)
            - returns[player])
        for player in range(tree.num_players)))

  def opponents(self, indices, probabilities, population=None, joint=None):
    """Returns what a learner faces: a `Mixture` per player.

    Args:
      indices: as for `mixture_tables`.
      probabilities: likewise.
      population: if given, its snapshots are the policies of the mixtures;
        by default each mixture is one policy, its behaviour policy weighted
        by reach, which gives the same distribution over episodes and travels
        as one table.
      joint: as for `exploitability`; needs `population`, and gives a
        `JointMixture`.
    """
    if joint is not None:
      return evaluator_lib.joint_mixture(indices, joint, population)
    if population is not None:
      return evaluator_lib.mixtures(self.tree.roles, indices, probabilities, population)
    tables = self.mixture_tables(indices, probabilities)
    return tuple(
        population_lib.Mixture(
            (population_lib.Snapshot(
                population_lib.PolicyId(role, -1), 0, tables[role]),),
            np.ones(1))
        for role in self.tree.roles)

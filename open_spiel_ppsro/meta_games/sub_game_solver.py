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

"""Sub-game solvers: the meta-strategies of a growing meta-game, remembered."""

import numpy as np

from open_spiel_ppsro.meta_games import correlated
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import meta_strategies

# Solutions kept by a SubGameSolver, several times the levels of a pipeline.
_MOST_REMEMBERED = 64


class SubGameSolver:
  """Solves the sub-games of one growing meta-game, none of them twice.

  A sub-game whose payoffs have not changed since it was last solved is
  answered from memory; any other is searched from the support of the solution
  before it.
  """

  def __init__(self, meta_game, method, options=None):
    """Makes a solver.

    Args:
      meta_game: a `MetaGame`.
      method: a name in METHODS or a psro_v2 callable.
      options: keyword arguments that reach the method by `get_kwargs()`.
    """
    self._meta_game = meta_game
    self._method = method
    self._options = options
    # Indices -> (version of the payoffs, MetaStrategy), oldest first.
    self._solved = {}
    self._previous = None  # The last MetaStrategy.

  def __call__(self, indices):
    """Returns the `MetaStrategy` of the policies `indices` per population."""
    version = self._meta_game.version(indices)
    known = self._solved.pop(indices, None)
    if known is not None and known[0] == version:
      self._solved[indices] = known
      return known[1]
    sub_game = self._meta_game.sub_game(indices, self._options)
    payoffs = sub_game.get_meta_game()
    start = self._previous if known is None else known[1]
    if start is not None:
      hint = _support_hint(start, indices)
      sub_game.hint = hint and self._meta_game.per_player(hint)
    name, marginals, joint = meta_strategies.solve(self._method, sub_game)
    # Of a symmetric game's solution one side is kept: it serves both.
    probabilities = self._meta_game.per_population(marginals)
    if len(probabilities) < len(marginals):
      # One population for all: a two-player zero-sum game, in which the
      # marginals are an equilibrium by themselves.
      joint = None
    solution = meta_game_lib.MetaStrategy(
        indices, probabilities, name,
        meta_strategies.regrets(
            payoffs, self._meta_game.per_player(probabilities))
        if joint is None else np.array([
            gains.max() for gains in correlated.deviation_gains(
                payoffs, joint)]), joint)
    self._solved[indices] = version, solution
    self._previous = solution
    while len(self._solved) > _MOST_REMEMBERED:
      del self._solved[next(iter(self._solved))]
    return solution

  def state(self):
    """Returns what it remembers, in plain data and arrays."""
    return {
        "solved": [[indices, version == self._meta_game.version(indices),
                    solution.state()]
                   for indices, (version, solution) in self._solved.items()],
        "previous": self._previous and [
            self._previous.indices, self._previous.state()]}

  def restore(self, state):
    """Makes it remember what another did, of a meta-game just restored."""
    restored = meta_game_lib.MetaStrategy.restored
    # Version 0.1 kept a hash of the payoffs in place of whether they stand.
    self._solved = {
        _as_indices(indices): (0 if stands is True else -1,
                               restored(indices, solution))
        for indices, stands, solution in state["solved"]}
    if state["previous"] is not None:
      self._previous = restored(*state["previous"])


def _as_indices(data):
  return tuple(map(tuple, data))


class OnlineRegretMatching:
  """Decoupled online meta-solvers (Lanctot et al. 2017, section 3.2).

  Each sub-game and player has its own regrets and takes one regret-matching
  step a call, on what its policies are worth against the others' strategies
  now; nothing is solved. Payoffs are those of the meta-game, where the paper
  has sampled returns.
  """

  def __init__(self, meta_game, exploration):
    """Makes solvers for a `MetaGame`; `exploration` is the uniform share."""
    self._meta_game = meta_game
    self._exploration = exploration
    self._regrets = {}  # Indices -> per population, [K_p].

  def state(self):
    """Returns its regrets, in plain data and arrays."""
    return [[indices, [regret.copy() for regret in regrets_of]]
            for indices, regrets_of in self._regrets.items()]

  def restore(self, state):
    """Makes its regrets those of another."""
    self._regrets = {_as_indices(indices): regrets_of
                     for indices, regrets_of in state}

  def __call__(self, indices):
    """Takes a step for the policies `indices`; returns a `MetaStrategy`."""
    if indices not in self._regrets:
      self._regrets[indices] = [np.zeros(len(i)) for i in indices]
    accumulated = self._regrets[indices]
    probabilities = []
    for regret in accumulated:
      positive = np.maximum(regret, 0)
      uniform = np.full(len(regret), 1 / len(regret))
      matched = positive / positive.sum() if positive.any() else uniform
      probabilities.append((1 - self._exploration) * matched
                           + self._exploration * uniform)
    payoffs = self._meta_game.sub_game(indices).get_meta_game()
    answer = meta_game_lib.MetaStrategy(
        indices, tuple(probabilities), "online", meta_strategies.regrets(
            payoffs, self._meta_game.per_player(probabilities)))
    for population, regret in enumerate(accumulated):
      values = np.array([
          self._meta_game.expected_return((population, index), answer)
          for index in indices[population]])
      regret += values - values @ probabilities[population]
    return answer


def _support_hint(solution, indices):
  """Returns where to look for the support of one sub-game after another.

  Args:
    solution: the `MetaStrategy` of the sub-game that was solved.
    indices: the policies per population of the sub-game to solve.

  Returns:
    Per population `[K_p]`, the old probabilities of `indices`, NaN for what is
    new. None if that leaves a population without any.
  """
  hint = []
  for old, probabilities, new in zip(
      solution.indices, solution.probabilities, indices):
    weight = dict(zip(old, probabilities))
    hint.append(np.array([weight.get(index, np.nan) for index in new]))
  return hint if all(weights.any() for weights in hint) else None

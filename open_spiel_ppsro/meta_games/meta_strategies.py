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

"""Meta-strategies: from the payoffs of a meta-game to play probabilities.

Every method is a psro_v2 callable `f(solver, return_joint=False)`; psro_v2's
own methods and ours stand in one table, `METHODS`, and any of them works in
psro_v2's solver and in ours. Ours:

* `nash`: an exact equilibrium of a two-player zero-sum game, by linear
  programming on HiGHS. psro_v2's needs a solver that cvxpy no longer ships.
* `fictitious_play`: the average play of simultaneous fictitious play (Brown
  1951), which the reference implementation of Pipeline PSRO uses.
* `cce`: a coarse correlated equilibrium, a joint distribution over profiles,
  by linear programming, for any game; see `correlated.py`.
* `prd`, `rm`, `alpharank`: those of psro_v2, several times as fast, for any
  number of players; see `population_dynamics.py`.
"""

import dataclasses
import hashlib

import numpy as np

from open_spiel.python.algorithms.psro_v2 import meta_strategies

from open_spiel_ppsro.meta_games import correlated
from open_spiel_ppsro.meta_games import linear_program
from open_spiel_ppsro.meta_games import population_dynamics

# Regret, relative to the largest payoff, below which a strategy is exact.
_EXACT = 1e-9
# A game of at most this many strategies is solved in one linear program.
_SMALL = 24
# Solutions kept by a SubGameSolver, several times the levels of a pipeline.
_MOST_REMEMBERED = 64

# Played as the joint distributions that they return.
_CORRELATED = ("cce",)
_ZERO_SUM_ONLY = ("nash", "fictitious_play")


@dataclasses.dataclass(frozen=True, eq=False)
class MetaStrategy:
  """Play probabilities and how good they are.

  Attributes:
    probabilities: one float array `[K_p]` per population: per player, but a
      single one where all players choose from the same policies.
    method: the name of the method that gave them.
    regret: per player, what its best policy gains over it, in game utility.
    joint: `[K_0, ..., K_{n-1}]`, the distribution over profiles, where it is
      not the product of `probabilities`, which are then its marginals; None
      where all play independently.
  """
  probabilities: tuple[np.ndarray, ...]
  method: str
  regret: np.ndarray
  joint: np.ndarray | None = None


def regrets(payoffs, probabilities):
  """Returns `[n]`: each player's best deviation gain against the others.

  Args:
    payoffs: per player, a tensor `[K_0, ..., K_{n-1}]`.
    probabilities: per player, `[K_p]`.
  """
  gains = []
  for player, tensor in enumerate(payoffs):
    values = np.moveaxis(np.asarray(tensor), player, -1)
    for opponent, weights in enumerate(probabilities):
      if opponent != player:
        values = np.tensordot(weights, values, axes=(0, 0))
    gains.append(values.max() - values @ probabilities[player])
  return np.array(gains)


def solve_zero_sum(payoffs, hint=None):
  """Returns `(x, y)`, a Nash equilibrium of a two-player zero-sum matrix.

  Solves a small game over the strategies that matter, adds those that would
  profit against its solution, and repeats until none does: a double oracle
  on the matrix itself, which costs what the support costs.

  Args:
    payoffs: `[K_0, K_1]`, the utility of player 0.
    hint: a pair of index sequences, rows and columns to begin with, such as
      the support of a similar game. It decides the speed, and, where there
      are several equilibria, which of them is found.

  Raises:
    ValueError: if `payoffs` is not a finite matrix.
  """
  payoffs = np.asarray(payoffs, float)
  if payoffs.ndim != 2 or not np.isfinite(payoffs).all():
    raise ValueError("the payoffs of a zero-sum game are a finite matrix "
                     f"[K_0, K_1], got shape {payoffs.shape}")
  num_rows, num_columns = payoffs.shape
  tolerance = _EXACT * max(1.0, np.abs(payoffs).max())
  if max(num_rows, num_columns) <= _SMALL or hint is None:
    rows, columns = np.arange(num_rows), np.arange(num_columns)
  else:
    rows, columns = (np.unique(np.asarray(h, int)) for h in hint)
  while True:
    x, y = _solve_by_lp(payoffs[np.ix_(rows, columns)])
    row_values = payoffs[:, columns] @ y
    column_values = x @ payoffs[rows]
    value = x @ row_values[rows]
    new_rows = np.flatnonzero(row_values > value + tolerance)
    new_columns = np.flatnonzero(column_values < value - tolerance)
    more_rows = np.union1d(rows, new_rows)
    more_columns = np.union1d(columns, new_columns)
    if len(more_rows) == len(rows) and len(more_columns) == len(columns):
      break
    rows, columns = more_rows, more_columns
  full_x, full_y = np.zeros(num_rows), np.zeros(num_columns)
  full_x[rows], full_y[columns] = x, y
  return full_x, full_y


def _solve_by_lp(payoffs):
  """Returns `(x, y)`, solving both players' programs in one."""
  if 1 in payoffs.shape:
    x, y = np.zeros(payoffs.shape[0]), np.zeros(payoffs.shape[1])
    x[payoffs.max(axis=1).argmax()] = 1
    y[payoffs.min(axis=0).argmin()] = 1
    return x, y
  # With payoffs shifted above zero: max sum(y), payoffs @ y <= 1; the duals
  # of the rows are the other player's strategy.
  scale = np.abs(payoffs).max() or 1.0
  shifted = (payoffs - payoffs.min()) / scale + 1.0
  num_rows, num_columns = shifted.shape
  x, duals = linear_program.minimise(
      np.full(num_columns, -1.0), shifted, np.full(num_rows, -np.inf),
      np.ones(num_rows))
  return _normalised(-duals), _normalised(x)


def _normalised(weights):
  weights = np.maximum(weights, 0)
  return weights / weights.sum()


def _answer(result, return_joint):
  if return_joint:
    return result, meta_strategies.get_joint_strategy_from_marginals(result)
  return result


def _zero_sum_payoffs(solver, method):
  meta_games = [np.asarray(tensor) for tensor in solver.get_meta_game()]
  if len(meta_games) != 2 or np.abs(sum(meta_games)).max() > 1e-6 * max(
      1.0, np.abs(meta_games[0]).max()):
    works = [name for name in METHODS if name not in _ZERO_SUM_ONLY]
    raise ValueError(
        f"meta-strategy {method!r} needs a two-player zero-sum game; for "
        f"other games use one of {', '.join(works)}")
  return meta_games[0]


def nash_strategy(solver, return_joint=False):
  """An exact Nash equilibrium of a two-player zero-sum meta-game.

  Args:
    solver: answers `get_meta_game()`; if it has an attribute `hint`, that is
      passed on to `solve_zero_sum`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    A list of two arrays `[K_p]`; with `return_joint`, a pair of it and the
    joint distribution `[K_0 * K_1]`.

  Raises:
    ValueError: if the game is not two-player zero-sum.
  """
  payoffs = _zero_sum_payoffs(solver, "nash")
  return _answer(list(solve_zero_sum(payoffs, getattr(solver, "hint", None))),
                 return_joint)


def fictitious_play_strategy(solver, return_joint=False):
  """The averages of fictitious play on a two-player zero-sum meta-game.

  Args:
    solver: answers `get_meta_game()`, and `get_kwargs()` with, optionally,
      `fictitious_play_iterations` (default 2,000).
    return_joint: whether to return the flat joint distribution too.

  Returns:
    As `nash_strategy`.

  Raises:
    ValueError: if the game is not two-player zero-sum.
  """
  payoffs = _zero_sum_payoffs(solver, "fictitious_play")
  iterations = solver.get_kwargs().get("fictitious_play_iterations", 2_000)
  counts = [np.zeros(size) for size in payoffs.shape]
  row_values, column_values = np.zeros(len(payoffs)), np.zeros(
      payoffs.shape[1])
  for _ in range(iterations):
    row, column = row_values.argmax(), column_values.argmin()
    counts[0][row] += 1
    counts[1][column] += 1
    row_values += payoffs[:, column]
    column_values += payoffs[row]
  return _answer([count / iterations for count in counts], return_joint)


def prd_strategy(solver, return_joint=False):
  """The averages of projected replicator dynamics, for any number of players.

  Args:
    solver: answers `get_meta_game()`, and `get_kwargs()` with, optionally, the
      options of `population_dynamics.projected_replicator_dynamics`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    A list with `[K_p]` per player; with `return_joint`, a pair of it and their
    joint distribution, flat.
  """
  return _answer(population_dynamics.projected_replicator_dynamics(
      solver.get_meta_game(), **solver.get_kwargs()), return_joint)


def rm_strategy(solver, return_joint=False):
  """The averages of regret matching, for any number of players.

  Args:
    solver: answers `get_meta_game()`, and `get_kwargs()` with, optionally, the
      options of `population_dynamics.regret_matching`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    As `prd_strategy`.
  """
  return _answer(population_dynamics.regret_matching(
      solver.get_meta_game(), **solver.get_kwargs()), return_joint)


def alpharank_strategy(solver, return_joint=False):
  """The marginals of alpha-rank, for any number of players.

  Args:
    solver: answers `get_meta_game()`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    As `prd_strategy`, but the joint distribution is that of alpha-rank, which
    need not be the product of the marginals.

  Raises:
    ValueError: if there are too many profiles to rank.
  """
  joint = population_dynamics.alpha_rank(solver.get_meta_game())
  marginals = marginals_of(joint)
  return (marginals, joint.ravel()) if return_joint else marginals


def cce_strategy(solver, return_joint=False):
  """A coarse correlated equilibrium with the largest sum of returns.

  Args:
    solver: answers `get_meta_game()`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    The marginals, a list with `[K_p]` per player; with `return_joint`, a pair
    of it and the equilibrium, flat. The product of the marginals need not be an
    equilibrium of any kind, unless the game is two-player zero-sum.
  """
  joint = correlated.max_welfare_cce(solver.get_meta_game())
  marginals = marginals_of(joint)
  return (marginals, joint.ravel()) if return_joint else marginals


def marginals_of(joint):
  """Returns a list with `[K_p]` per player from `[K_0, ..., K_{n-1}]`."""
  axes = range(joint.ndim)
  return [joint.sum(axis=tuple(axis for axis in axes if axis != player))
          for player in axes]


METHODS = {
    **meta_strategies.META_STRATEGY_METHODS,
    "alpharank": alpharank_strategy,
    "cce": cce_strategy,
    "prd": prd_strategy,
    "rm": rm_strategy,
    "nash": nash_strategy,
    "fictitious_play": fictitious_play_strategy,
}


def resolve(method):
  """Returns `(name, callable)` for a name in METHODS or a psro_v2 callable.

  Raises:
    ValueError: if it is neither.
  """
  if callable(method):
    return getattr(method, "__name__", str(method)), method
  if method not in METHODS:
    raise ValueError(f"unknown meta-strategy {method!r}; use one of "
                     f"{', '.join(sorted(METHODS))}")
  return method, METHODS[method]


def check_applicable(method, num_players, is_zero_sum):
  """Raises ValueError if a named method cannot solve such a game."""
  name, _ = resolve(method)
  if METHODS.get(name) is not None and name in _ZERO_SUM_ONLY and (
      num_players != 2 or not is_zero_sum):
    works = [name for name in METHODS if name not in _ZERO_SUM_ONLY]
    raise ValueError(
        f"meta-strategy {name!r} needs a two-player zero-sum game, this one "
        f"has {num_players} players and is "
        f"{'zero-sum' if is_zero_sum else 'general-sum'}: use one of "
        f"{', '.join(sorted(works))}")


def solve(method, sub_game):
  """Returns the solution of a `SubGame`.

  Returns:
    The name of the method, `[K_p]` per player, and `[K_0, ..., K_{n-1}]`, or
    None if the method has all players play independently.
  """
  name, function = resolve(method)
  # psro_v2's own alpharank answers something else without.
  marginals, joint = function(solver=sub_game, return_joint=True)
  joint = (np.reshape(joint, sub_game.get_meta_game()[0].shape)
           if name in _CORRELATED else None)
  return name, [_normalised(np.asarray(p, float).reshape(-1))
                for p in marginals], joint


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
    self._solved = {}  # Indices -> (digest, MetaStrategy), oldest first.
    self._previous = None  # The last (indices, MetaStrategy).

  def __call__(self, indices):
    """Returns the `MetaStrategy` of the policies `indices` per population."""
    sub_game = self._meta_game.sub_game(indices, self._options)
    payoffs = sub_game.get_meta_game()
    digest = _digest(payoffs)
    known = self._solved.pop(indices, None)
    if known is not None and known[0] == digest:
      self._solved[indices] = known
      return known[1]
    start = self._previous if known is None else (indices, known[1])
    if start is not None:
      hint = _support_hint(*start, indices)
      sub_game.hint = hint and self._meta_game.per_player(hint)
    name, marginals, joint = solve(self._method, sub_game)
    # Of a symmetric game's solution one side is kept: it serves both.
    probabilities = self._meta_game.per_population(marginals)
    if len(probabilities) < len(marginals):
      # One population for all: a two-player zero-sum game, in which the
      # marginals are an equilibrium by themselves.
      joint = None
    solution = MetaStrategy(
        probabilities, name,
        regrets(payoffs, self._meta_game.per_player(probabilities))
        if joint is None else np.array([
            gains.max() for gains in correlated.deviation_gains(
                payoffs, joint)]), joint)
    self._solved[indices] = digest, solution
    self._previous = indices, solution
    while len(self._solved) > _MOST_REMEMBERED:
      del self._solved[next(iter(self._solved))]
    return solution

  def state(self):
    """Returns what it remembers, in plain data and arrays."""
    return {
        "solved": [[indices, digest, dataclasses.asdict(solution)]
                   for indices, (digest, solution) in self._solved.items()],
        "previous": self._previous and [
            self._previous[0], dataclasses.asdict(self._previous[1])]}

  def restore(self, state):
    """Makes it remember what another did."""
    self._solved = {
        _as_indices(indices): (digest, _as_solution(solution))
        for indices, digest, solution in state["solved"]}
    if state["previous"] is not None:
      indices, solution = state["previous"]
      self._previous = _as_indices(indices), _as_solution(solution)


def _digest(payoffs):
  """Returns a string that two payoff tensors share only if they are equal."""
  digest = hashlib.blake2b(repr(payoffs[0].shape).encode())
  for tensor in payoffs:
    digest.update(np.ascontiguousarray(tensor))
  return digest.hexdigest()


def _as_indices(data):
  return tuple(map(tuple, data))


def _as_solution(data):
  return MetaStrategy(**{**data, "probabilities": tuple(
      data["probabilities"])})


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
    for population, regret in enumerate(accumulated):
      values = np.array([
          self._meta_game.expected_return((population, index), indices,
                                          probabilities)
          for index in indices[population]])
      regret += values - values @ probabilities[population]
    return MetaStrategy(
        tuple(probabilities), "online",
        regrets(payoffs, self._meta_game.per_player(probabilities)))


def _support_hint(old_indices, solution, indices):
  """Returns where to look for the support of one sub-game after another.

  Args:
    old_indices: the policies per population of the sub-game solved.
    solution: its `MetaStrategy`.
    indices: the policies per population of the sub-game to solve.

  Returns:
    Per population, positions in `indices`: of the old support and of all that
    is new. None if that leaves a population without any.
  """
  hint = []
  for old, probabilities, new in zip(old_indices, solution.probabilities,
                                     indices):
    weight = dict(zip(old, probabilities))
    hint.append([position for position, index in enumerate(new)
                 if weight.get(index, 1) > 0])
  return hint if all(hint) else None

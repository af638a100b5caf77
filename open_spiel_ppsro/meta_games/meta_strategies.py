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

Every method is a psro_v2 callable `f(solver, return_joint=False)`. One table,
`METHODS`, holds psro_v2's methods and those of this package, and each of them
works in both solvers. This package has:

* `nash`: an exact equilibrium of a two-player zero-sum game, by linear
  programming on HiGHS. The `nash` of psro_v2 needs a solver that cvxpy no
  longer ships.
* `fictitious_play`: the average play of simultaneous fictitious play (Brown
  1951), which the reference implementation of Pipeline PSRO uses.
* `cce`: a coarse correlated equilibrium, a joint distribution over profiles,
  by linear programming, for any game; see `correlated.py`.
* `prd`, `rm`, `alpharank`: the methods of psro_v2, several times as fast, for
  any number of players; see `population_dynamics.py`.
"""


from collections.abc import Callable
from collections.abc import Sequence
import inspect
from typing import Any

import numpy as np
from open_spiel.python.algorithms.psro_v2 import meta_strategies

from open_spiel_ppsro.meta_games import correlated
from open_spiel_ppsro.meta_games import meta_game
from open_spiel_ppsro.meta_games import population_dynamics
from open_spiel_ppsro.meta_games import zero_sum

# The methods that solve two-player zero-sum games alone.
_ZERO_SUM_ONLY = ("nash", "fictitious_play")
# The method with which PSRO converges on any game; see `correlated.py`.
_GUARANTEED = "cce"
# Rounding may make probabilities negative, or their sum differ from 1, by this
# much. A method that returns worse ones is refused.
_PROBABILITY_ERROR = 1e-6


def regrets(payoffs: Sequence[np.ndarray],
            probabilities: Sequence[np.ndarray]) -> np.ndarray:
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


def _answer(result, return_joint):
  if return_joint:
    return result, meta_strategies.get_joint_strategy_from_marginals(result)
  return result


def _zero_sum_payoffs(solver, method):
  meta_games = [np.asarray(tensor) for tensor in solver.get_meta_game()]
  if len(meta_games) != 2 or np.abs(meta_games[0] + meta_games[1]).max() > (
      1e-6 * max(1.0, np.abs(meta_games[0]).max())):
    raise ValueError(
        f"meta-strategy {method!r} needs a two-player zero-sum game: "
        f"{_what_works()}")
  return meta_games[0]


def nash_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns an exact Nash equilibrium of a two-player zero-sum meta-game.

  Args:
    solver: an object with `get_meta_game()`; if it has an attribute `hint`,
      `solve_zero_sum` gets it.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    A list of two arrays `[K_p]`; with `return_joint`, a pair of it and the
    joint distribution `[K_0 * K_1]`.

  Raises:
    ValueError: if the game is not two-player zero-sum.
  """
  payoffs = _zero_sum_payoffs(solver, "nash")
  return _answer(
      list(zero_sum.solve_zero_sum(payoffs, getattr(solver, "hint", None))),
      return_joint)


def fictitious_play_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns the average play of fictitious play on a zero-sum meta-game.

  Args:
    solver: an object with `get_meta_game()`, and with `get_kwargs()`, which may
      hold `fictitious_play_iterations` (default 2,000).
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


def prd_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns the average of projected replicator dynamics, for any players.

  Args:
    solver: an object with `get_meta_game()`, and with `get_kwargs()`, which may
      hold options of `population_dynamics.projected_replicator_dynamics`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    A list with `[K_p]` per player; with `return_joint`, a pair of it and their
    joint distribution, flat.
  """
  return _answer(population_dynamics.projected_replicator_dynamics(
      solver.get_meta_game(), **solver.get_kwargs()), return_joint)


def rm_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns the average play of regret matching, for any number of players.

  Args:
    solver: an object with `get_meta_game()`, and with `get_kwargs()`, which may
      hold options of `population_dynamics.regret_matching`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    As `prd_strategy`.
  """
  return _answer(population_dynamics.regret_matching(
      solver.get_meta_game(), **solver.get_kwargs()), return_joint)


def alpharank_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns the marginals of alpha-rank, for any number of players.

  Args:
    solver: an object with `get_meta_game()`.
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


def cce_strategy(solver: Any, return_joint: bool = False) -> Any:
  """Returns a coarse correlated equilibrium with the largest sum of returns.

  Args:
    solver: an object with `get_meta_game()`.
    return_joint: whether to return the flat joint distribution too.

  Returns:
    The marginals, a list with `[K_p]` per player; with `return_joint`, a pair
    of it and the equilibrium, flat. The product of the marginals need not be an
    equilibrium of any kind, unless the game is two-player zero-sum.
  """
  joint = correlated.max_welfare_cce(solver.get_meta_game())
  marginals = marginals_of(joint)
  return (marginals, joint.ravel()) if return_joint else marginals


cce_strategy.plays_joint = True  # type: ignore[attr-defined]


def marginals_of(joint: np.ndarray) -> list[np.ndarray]:
  """Returns a list with `[K_p]` per player from `[K_0, ..., K_{n-1}]`."""
  axes = range(joint.ndim)
  return [joint.sum(axis=tuple(axis for axis in axes if axis != player))
          for player in axes]


META_STRATEGIES = {
    **meta_strategies.META_STRATEGY_METHODS,
    "alpharank": alpharank_strategy,
    "cce": cce_strategy,
    "prd": prd_strategy,
    "rm": rm_strategy,
    "nash": nash_strategy,
    "fictitious_play": fictitious_play_strategy,
}
METHODS = META_STRATEGIES  # Version 0.1 had this name.


def resolve(method: str | Callable) -> tuple[str, Callable]:
  """Returns `(name, callable)` for a name in METHODS or a psro_v2 callable.

  Raises:
    ValueError: if `method` is neither.
  """
  if callable(method):
    return getattr(method, "__name__", str(method)), method
  if method not in METHODS:
    raise ValueError(f"unknown meta-strategy {method!r}; use one of "
                     f"{', '.join(sorted(METHODS))}")
  return method, METHODS[method]


def _check_signature(name, function):
  """Raises ValueError unless a callable takes what it is called with."""
  try:
    signature = inspect.signature(function)
  except ValueError:  # Of something written in C nobody can tell.
    return
  try:
    signature.bind(solver=None, return_joint=True)
  except TypeError as error:
    raise ValueError(
        f"the meta-strategy {name} takes {signature}; it is called with the "
        "keyword arguments solver and return_joint: give it the signature "
        "(solver, return_joint=False)") from error


def check_applicable(method: str | Callable, num_players: int,
                     is_zero_sum: bool) -> None:
  """Raises ValueError if a method cannot solve such a game, or be called."""
  name, function = resolve(method)
  _check_signature(name, function)
  if METHODS.get(name) is not None and name in _ZERO_SUM_ONLY and (
      num_players != 2 or not is_zero_sum):
    raise ValueError(
        f"meta-strategy {name!r} needs a two-player zero-sum game, this one "
        f"has {num_players} players and is "
        f"{'zero-sum' if is_zero_sum else 'general-sum'}: {_what_works()}")


def _what_works():
  """Returns in words which methods solve any game."""
  others = sorted(name for name in METHODS
                  if name not in (*_ZERO_SUM_ONLY, _GUARANTEED))
  return (f"use {_GUARANTEED!r}, which converges to a coarse correlated "
          f"equilibrium of any game, or one of {', '.join(others)}, which "
          "guarantee nothing there")


def solve(method: str | Callable, sub_game: meta_game.SubGame
          ) -> tuple[str, list[np.ndarray], np.ndarray | None]:
  """Returns the solution of a `SubGame`.

  If a callable's attribute `plays_joint` is true, the joint distribution that
  it returns is played; of any other callable the marginals are played.

  Returns:
    The name of the method, the marginals `[K_p]` per player, and the joint
    distribution `[K_0, ..., K_{n-1}]`, None if all players draw independently.

  Raises:
    ValueError: if the method does not return probabilities.
  """
  name, function = resolve(method)
  shape = sub_game.get_meta_game()[0].shape
  # Without a joint distribution, psro_v2's alpharank returns something else.
  answer = function(solver=sub_game, return_joint=True)
  try:
    marginals, joint = answer
    marginals = [np.asarray(p, float).reshape(-1) for p in marginals]
  except (TypeError, ValueError) as error:
    raise ValueError(
        f"the meta-strategy {name} returned {type(answer).__name__}; with "
        "return_joint=True it takes to return a list with an array per player, "
        "and their joint distribution") from error
  _check_probabilities(name, marginals, [(size,) for size in shape])
  marginals = [zero_sum.normalised(p) for p in marginals]
  if not getattr(function, "plays_joint", False):
    return name, marginals, None
  joint = np.asarray(joint, float)
  if joint.size == np.prod(shape):
    joint = joint.reshape(shape)
  _check_probabilities(name, [joint], [shape])
  return name, marginals, joint


def _check_probabilities(name, arrays, shapes):
  """Raises ValueError unless each array is a distribution of its shape."""
  if len(arrays) != len(shapes):
    raise ValueError(
        f"the meta-strategy {name} returned {len(arrays)} arrays for "
        f"{len(shapes)} players; with return_joint=True it takes to return a "
        "list with an array per player, and their joint distribution")
  for array, shape in zip(arrays, shapes):
    if array.shape != shape or not np.isfinite(array).all() or (
        array.min() < -_PROBABILITY_ERROR) or (
            abs(array.sum() - 1) > _PROBABILITY_ERROR):
      raise ValueError(
          f"the meta-strategy {name} returned "
          f"{np.array2string(array, 10 ** 6, 3, threshold=20)} of shape "
          f"{array.shape}; it takes to return probabilities of shape {shape}, "
          "none below 0, that sum to 1")

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

"""Exact play on a GameTree: realization plans, payoffs, responses, NashConv.

A *table* `[..., I, A]` holds the action probabilities of one player at its
information states. A *realization plan* `[..., S]` holds, for each sequence of
the player, the product of its own probabilities on the way; it is linear in
mixtures, which a table is not. Leading dimensions are batches of policies.

Source: von Stengel 1996; Koller, Megiddo & von Stengel 1996 for the payoff
form; Lanctot et al. 2017 for NashConv.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from open_spiel_ppsro.games import game_tree

# Action values that differ by less than this tie, relative to the largest
# value. It is above rounding errors; a larger one makes more actions tie.
_TIE_TOLERANCE = 1e-9

# The rules for choosing among best actions, see `best_response_to_reach`.
TIE_BREAKS = ("first", "last", "random", "uniform", "perturbed")


def realization_plan(tree: game_tree.GameTree, table: np.ndarray,
                     player: int) -> np.ndarray:
  """Returns the plan `[..., S]` of a behaviour policy `[..., I, A]`."""
  infostates = tree.infostates[player]
  batch = table.shape[:-2]
  plan = np.ones(batch + (tree.num_sequences(player),))
  # This is a view of the plan by information state and action; `reshape` would
  # copy a batch.
  rows = np.lib.stride_tricks.as_strided(
      plan, batch + infostates.legal_actions_mask.shape, plan.strides[:-1] + (
          plan.strides[-1] * tree.num_actions, plan.strides[-1]))
  for level in infostates.levels:
    reach = plan[..., infostates.parent_sequences[level]]
    rows[..., level, :] = reach[..., None] * table[..., level, :]
  return plan


def as_plans(tree: game_tree.GameTree, policies: Sequence[npt.ArrayLike],
             skip: int | None = None) -> list[np.ndarray]:
  """Returns the realization plans of plans or tables, as users give them.

  Args:
    tree: the game.
    policies: per player, plans `[..., S_p]` or tables `[..., I_p, A]`, such as
      `solver.final_tables()`.
    skip: a player whose entry is not read, or None.

  Raises:
    ValueError: if a player's entry has neither shape.
  """
  if len(policies) != tree.num_players:
    raise ValueError(f"the game has {tree.num_players} players, got policies "
                     f"of {len(policies)}")
  plans: list[Any] = []
  for player, policy in enumerate(policies):
    if player == skip:
      plans.append(policy)
      continue
    policy = np.asarray(policy, float)
    shape = tree.infostates[player].legal_actions_mask.shape
    if policy.shape[-2:] == shape:
      policy = realization_plan(tree, policy, player)
    elif policy.ndim == 0 or policy.shape[-1] != tree.num_sequences(player):
      raise ValueError(
          f"player {player} takes tables of shape {shape} or realization plans "
          f"of length {tree.num_sequences(player)}, got shape {policy.shape}")
    plans.append(policy)
  return plans


def behaviour(tree: game_tree.GameTree, plan: np.ndarray,
              player: int) -> np.ndarray:
  """Returns the table `[..., I, A]` of a plan; uniform where it has no reach.

  The table of a weighted sum of plans is the behaviour policy that is
  realization-equivalent to their mixture (Kuhn's theorem).
  """
  infostates = tree.infostates[player]
  mask = infostates.legal_actions_mask
  rows = plan[..., :-1].reshape(plan.shape[:-1] + mask.shape)
  reach = rows.sum(axis=-1, keepdims=True)
  uniform = mask / mask.sum(axis=1, keepdims=True)
  return np.where(reach > 0, rows / np.where(reach > 0, reach, 1), uniform)


def mixture_plan(plans: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
  """Returns `[S]`, the plan of the mixture of `plans` `[K, S]`."""
  return np.einsum("k,ks->s", probabilities, plans)


def mixture_table_plan(tree: game_tree.GameTree, tables: np.ndarray,
                       probabilities: np.ndarray, player: int) -> np.ndarray:
  """Returns `[S]`, the plan of a mixture of behaviour policies `[K, I, A]`."""
  return mixture_plan(realization_plan(tree, tables, player), probabilities)


def terminal_reach(tree: game_tree.GameTree, plans: Sequence[np.ndarray],
                   skip: int | None = None) -> np.ndarray:
  """Returns `[T]`: chance reach times the reach of all players but `skip`.

  Args:
    tree: the game.
    plans: one plan `[S_p]` per player; the entry of `skip` is not read.
    skip: a player, or None to leave none out.
  """
  reach = tree.terminal_chance
  for player, plan in enumerate(plans):
    if player != skip:
      reach = reach * plan[tree.terminal_sequences[player]]
  return reach


def joint_reach(tree: game_tree.GameTree, plans: Sequence[np.ndarray],
                profiles: np.ndarray, probabilities: np.ndarray,
                skip: int | None = None) -> np.ndarray:
  """Returns the `terminal_reach` `[T]` of plans that are drawn together.

  Args:
    tree: the game.
    plans: per player, K_p plans `[K_p, S_p]`; the entry of `skip` is not read.
    profiles: int `[M, n]`, the index of each player's plan in each profile.
    probabilities: `[M]`, the probability of each profile.
    skip: a player, or None to leave none out.
  """
  at_terminals = [
      None if player == skip else own[:, tree.terminal_sequences[player]]
      for player, own in enumerate(plans)]
  total = np.zeros_like(tree.terminal_chance)
  for profile, probability in zip(profiles, probabilities):
    reach = probability
    for rows, chosen in zip(at_terminals, profile):
      if rows is not None:
        reach = reach * rows[chosen]
    total += reach
  return tree.terminal_chance * total


def sequence_values(tree: game_tree.GameTree, plans: Sequence[np.ndarray],
                    player: int) -> np.ndarray:
  """Returns `[S]`: the payoff that each sequence of `player` ends in.

  The expected return of a plan `x` of the player is `x @ sequence_values`.

  Args:
    tree: the game.
    plans: one plan per player; the entry of `player` is not read.
    player: the player whose sequences and utility count.
  """
  return values_of_reach(tree, terminal_reach(tree, plans, skip=player), player)


def values_of_reach(tree: game_tree.GameTree, reach: np.ndarray,
                    player: int) -> np.ndarray:
  """Returns `sequence_values` by the reach `[T]` of chance and the others."""
  return np.bincount(tree.terminal_sequences[player],
                     reach * tree.terminal_returns[player],
                     tree.num_sequences(player))


def expected_returns(tree: game_tree.GameTree,
                     plans: Sequence[np.ndarray]) -> np.ndarray:
  """Returns `[n]`, the expected return of each player for a plan each."""
  return tree.terminal_returns @ terminal_reach(tree, plans)


@dataclasses.dataclass(frozen=True, eq=False)
class BestResponse:
  """A best response: its table `[I, A]` and its expected return."""
  table: np.ndarray
  value: float


def _action_values(tree, gradient, player, allowed):
  """Returns what best play is worth, from the last decisions to the root.

  Args:
    tree: the game.
    gradient: `[S]`, as `sequence_values` gives it.
    player: the player who acts.
    allowed: bool `[I, A]`, the actions that may follow.

  Returns:
    The action values `[I, A]`, the value of the best allowed one `[I]`, and the
    value of the root.
  """
  values = gradient.copy()
  rows = values[:-1].reshape(allowed.shape)
  best = np.empty(len(rows))
  for level, before in levels_upwards(tree, player):
    best[level] = _row_maxima(np.where(allowed[level], rows[level], -np.inf))
    add_to_parents(tree, player, level, before, best[level], values)
  return rows, best, values[-1]


def levels_upwards(tree: game_tree.GameTree,
                   player: int) -> Iterator[tuple[slice, slice]]:
  """Yields each level of a player's information states, the last ones first.

  Yields:
    The slice of the level, and the slice of the sequences that lead to it:
    those of the level before, or the empty one.
  """
  levels = tree.infostates[player].levels
  for level, before in zip(levels[:0:-1], levels[-2::-1]):
    yield level, slice(before.start * tree.num_actions,
                       before.stop * tree.num_actions)
  if levels:
    root = tree.num_sequences(player) - 1
    yield levels[0], slice(root, root + 1)


def add_to_parents(tree: game_tree.GameTree, player: int, level: slice,
                   before: slice, numbers: np.ndarray,
                   values: np.ndarray) -> None:
  """Adds up numbers of information states at the sequences before them.

  Args:
    tree: the game.
    player: whose they are.
    level: as `levels_upwards` yields it.
    before: likewise.
    numbers: `[L]`, of the information states of the level.
    values: `[S]`, to which they are added in place.
  """
  parents = tree.infostates[player].parent_sequences[level]
  values[before] += np.bincount(
      parents - before.start, numbers, before.stop - before.start)


def _row_maxima(values):
  """Returns `values.max(axis=1)`, which reduces short rows slowly."""
  maxima = values[:, 0].copy()
  for column in values.T[1:]:
    np.maximum(maxima, column, out=maxima)
  return maxima


def best_response_value(tree: game_tree.GameTree, plans: Sequence[np.ndarray],
                        player: int) -> float:
  """Returns the most that `player` can expect against the others' plans."""
  return best_value_of_reach(
      tree, terminal_reach(tree, plans, skip=player), player)


def best_value_of_reach(tree: game_tree.GameTree, reach: np.ndarray,
                        player: int) -> float:
  """Returns `best_response_value` by the reach `[T]` of all others."""
  gradient = values_of_reach(tree, reach, player)
  mask = tree.infostates[player].legal_actions_mask
  return float(_action_values(tree, gradient, player, mask)[-1])


def best_pure_plan(tree: game_tree.GameTree, values: np.ndarray, player: int,
                   second: np.ndarray | None = None
                   ) -> tuple[np.ndarray, float]:
  """Returns `(plan, value)`: a pure plan `[S]` of most value, and that value.

  Args:
    tree: the game.
    values: `[S]`, the value of each sequence of the player, as
      `sequence_values` gives it.
    player: the player of the plan.
    second: `[S]`, other values of the sequences, by which one of several best
      plans is chosen; by default it is the first.
  """
  tied, value = _best_actions(
      tree, values, player, tree.infostates[player].legal_actions_mask)
  if second is not None:
    tied, _ = _best_actions(tree, second, player, tied)
  table = np.zeros(tied.shape)
  table[np.arange(len(table)), tied.argmax(axis=1)] = 1
  return realization_plan(tree, table, player), value


def best_response(tree: game_tree.GameTree, plans: Sequence[npt.ArrayLike],
                  player: int, tie_break: str = "first",
                  rng: np.random.Generator | None = None) -> BestResponse:
  """Returns an exact `BestResponse` of `player` to the others' policies.

  Args:
    tree: the game.
    plans: one plan `[S_p]` or table `[I_p, A]` per player; the entry of
      `player` is not read.
    player: the player who responds.
    tie_break: the rule among best actions, see `best_response_to_reach`.
    rng: a NumPy generator, which the rule `random` needs.
  """
  if player not in range(tree.num_players):
    raise ValueError(f"player is {player}; the game has players from 0 to "
                     f"{tree.num_players - 1}")
  plans = as_plans(tree, plans, skip=player)
  return best_response_to_reach(
      tree, terminal_reach(tree, plans, skip=player), player, tie_break, rng)


def best_response_to_reach(
    tree: game_tree.GameTree, reach: np.ndarray, player: int,
    tie_break: str = "first",
    rng: np.random.Generator | None = None) -> BestResponse:
  """Returns an exact `BestResponse` of `player` to the others' reach.

  Actions whose values differ by less than 1e-9 (relative to the largest) tie.
  Ties are frequent: at information states that the opponents never let the
  player reach, all actions tie. The rule for breaking them decides how many
  iterations double oracle needs.

  Args:
    tree: the game.
    reach: `[T]`, the probability that chance and the others give to each
      terminal history.
    player: the player who responds.
    tie_break: `first` and `last` choose the first or last of the tied actions;
      `random` draws one; `uniform` plays all of them with equal probability;
      `perturbed` chooses the best one against opponents that play uniformly at
      random, so that the response is exact and yet sensible where the
      opponents do not go.
    rng: a NumPy generator, which `random` needs.

  Raises:
    ValueError: if `tie_break` is none of these.
  """
  if tie_break not in TIE_BREAKS:
    raise ValueError(f"tie_break is {tie_break!r}; use one of "
                     f"{', '.join(TIE_BREAKS)}")
  mask = tree.infostates[player].legal_actions_mask
  tied, value = _best_actions(
      tree, values_of_reach(tree, reach, player), player, mask)
  if tie_break == "perturbed":
    tied, _ = _best_actions(
        tree, values_against_uniform(tree, player), player, tied)
    tie_break = "first"
  if tie_break == "uniform":
    table = tied / tied.sum(axis=1, keepdims=True)
  else:
    if tie_break == "first":
      choice = tied.argmax(axis=1)
    elif tie_break == "last":
      choice = tied.shape[1] - 1 - tied[:, ::-1].argmax(axis=1)
    else:
      assert rng is not None
      choice = np.where(tied, rng.random(tied.shape), -1).argmax(axis=1)
    table = np.zeros(mask.shape)
    table[np.arange(len(table)), choice] = 1
  return BestResponse(table, value)


def values_against_uniform(tree: game_tree.GameTree,
                           player: int) -> np.ndarray:
  """Returns `sequence_values` where the others play uniformly at random."""
  uniform = [realization_plan(tree, tree.uniform_table(p), p)
             for p in range(tree.num_players)]
  return sequence_values(tree, uniform, player)


def _best_actions(tree, gradient, player, allowed):
  """Returns bool `[I, A]`, which actions tie for best, and the root value.

  Args:
    tree: the game.
    gradient: `[S]`, as `sequence_values` gives it.
    player: the player who acts.
    allowed: bool `[I, A]`, the actions that may be chosen and may follow.
  """
  values, best, root = _action_values(tree, gradient, player, allowed)
  scale = np.abs(gradient).max(initial=0.0)
  least = best[:, None] - _TIE_TOLERANCE * max(scale, 1e-30)
  return allowed & (values >= least), float(root)


def player_gains(tree: game_tree.GameTree,
                 plans: Sequence[np.ndarray]) -> np.ndarray:
  """Returns `[n]`, each player's gain by a best response to the others."""
  returns = expected_returns(tree, plans)
  return np.array([best_response_value(tree, plans, player) - returns[player]
                   for player in range(tree.num_players)])


@dataclasses.dataclass(frozen=True, eq=False)
class InfostateGains:
  """Where a player falls short of its best response, by information state.

  Attributes:
    reach: `[I]`, the probability that play by all policies comes there.
    shortfalls: `[I]`, what the player loses by its own play there, times
      `reach`, if it answered best afterwards; they sum to its `player_gains`.
    best_actions: int `[I]`, the action of most value there, the first of
      several.
  """
  reach: np.ndarray
  shortfalls: np.ndarray
  best_actions: np.ndarray


def infostate_gains(tree: game_tree.GameTree, plans: Sequence[np.ndarray],
                    player: int) -> InfostateGains:
  """Returns the `InfostateGains` of a player.

  The value of a best response minus that of the player's own policy is a sum
  over information states: own reach times the value of the best action minus
  that of the own ones, all with best play after them.

  Args:
    tree: the game.
    plans: one plan `[S_p]` per player.
    player: the player.
  """
  infostates = tree.infostates[player]
  mask = infostates.legal_actions_mask
  values, best, _ = _action_values(
      tree, sequence_values(tree, plans, player), player, mask)
  plan = plans[player]
  own = plan[:-1].reshape(mask.shape)
  visits = np.bincount(tree.terminal_sequences[player],
                       terminal_reach(tree, plans),
                       tree.num_sequences(player))
  rows = visits[:-1].reshape(mask.shape)
  for level, before in levels_upwards(tree, player):
    add_to_parents(tree, player, level, before, rows[level].sum(axis=1),
                    visits)
  return InfostateGains(
      rows.sum(axis=1),
      plan[infostates.parent_sequences] * best
      - (own * np.where(mask, values, 0)).sum(axis=1),
      np.where(mask, values, -np.inf).argmax(axis=1))


def nash_conv(tree: game_tree.GameTree,
              plans: Sequence[npt.ArrayLike]) -> float:
  """Returns NashConv: the sum over players of their best-response gains.

  Exploitability is NashConv divided by the number of players.

  Args:
    tree: the game.
    plans: one plan `[S_p]` or table `[I_p, A]` per player.
  """
  plans = as_plans(tree, plans)
  return float(player_gains(tree, plans).sum())


def payoff_tensors(tree: game_tree.GameTree,
                   plans: Sequence[npt.ArrayLike]) -> np.ndarray:
  """Returns `[n, K_0, ..., K_{n-1}]`: every profile's expected returns.

  The player with the most policies is contracted over its sequences, the
  others over terminal histories.

  Args:
    tree: the game.
    plans: one array per player: plans `[K_p, S_p]` or tables `[K_p, I_p, A]`.
  """
  plans = as_plans(tree, plans)
  counts = [len(p) for p in plans]
  if 0 in counts:
    return np.zeros((tree.num_players, *counts))
  last = int(np.argmax(counts))
  others = [p for p in range(tree.num_players) if p != last]
  num_terminals = tree.terminal_chance.size
  reach = tree.terminal_chance[None]
  for player in others:
    gathered = plans[player][:, tree.terminal_sequences[player]]
    reach = (reach[:, None] * gathered[None]).reshape(-1, num_terminals)
  tensors: list[np.ndarray] = []
  for player in range(tree.num_players):
    if tree.is_zero_sum and tree.num_players == 2 and player == 1:
      tensors.append(-tensors[0])
      continue
    values = np.stack([
        np.bincount(tree.terminal_sequences[last],
                    own * tree.terminal_returns[player],
                    tree.num_sequences(last)) for own in reach], axis=1)
    tensor = (plans[last] @ values).T.reshape(
        [counts[p] for p in others] + [counts[last]])
    tensors.append(np.moveaxis(tensor, -1, last))
  return np.stack(tensors)

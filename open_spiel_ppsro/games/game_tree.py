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

"""GameTree: a small game, enumerated once into arrays.

PSRO needs two things of a game of perfect recall: the information states of
each player, and the terminal histories, each with the sequence of own actions
that leads each player there. Both fit in a few arrays. Every exact quantity
(`sequence_form.py`) and every batch of episodes (`tree_simulator.py`) is
arithmetic on them.

A *sequence* of a player is either empty, or an information state and the action
taken there. Its index is `infostate * num_actions + action`; the empty sequence
comes last, at `num_infostates * num_actions`.

Source: von Stengel, "Efficient Computation of Behavior Strategies", 1996.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import random
from typing import Self

import numpy as np
from open_spiel.python import policy
import pyspiel

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import loading

# The histories up to which a game is enumerated, unless the caller says
# otherwise. More of them take more memory and time.
DEFAULT_MAX_HISTORIES = 5_000_000

# The number of histories is estimated before a game is enumerated. For that, at
# most this many histories of each length are followed: the estimate takes a
# fraction of a second and is rarely off by half. More make it more precise.
_NUM_FOLLOWED = 2_000
# A game is refused at once if the estimate is above this many times the limit.
# A smaller factor would refuse games that an estimate by chance overrates.
_HOPELESS_FACTOR = 3
# How many histories are enumerated between two reports of how far it is: some
# milliseconds' worth.
_HISTORIES_PER_REPORT = 1_000


class NotEnumerableError(ValueError):
  """A game cannot be enumerated; it may still be sampled."""


class TooLargeError(NotEnumerableError):
  """A game has more histories than the limit allows."""


@dataclasses.dataclass(frozen=True, eq=False)
class Infostates:
  """The information states of one player, those nearest the root first.

  Attributes:
    names: the information state strings, `[I]`.
    rows: the inverse of `names`.
    legal_actions_mask: bool `[I, A]`.
    parent_sequences: int `[I]`, the last sequence of the player before it
      reaches the information state.
    levels: slices of `[I]`; level `d` holds the information states that the
      player reaches after `d` actions of its own.
    observations: float32 `[I, D]`, the inputs of a network: the information
      state tensor; where the game has none, the observation tensor; where it
      has neither, the one-hot index of the information state.
  """
  names: tuple[str, ...]
  rows: dict[str, int]
  legal_actions_mask: np.ndarray
  parent_sequences: np.ndarray
  levels: tuple[slice, ...]
  observations: np.ndarray

  def __len__(self) -> int:
    return len(self.names)


@dataclasses.dataclass(frozen=True, eq=False)
class GameTree(game_lib.Game):
  """A game as arrays; build it with `enumerate_game`.

  Attributes:
    game: the pyspiel game, turn-based.
    num_players: n, the number of players.
    num_actions: A, the number of distinct actions.
    num_histories: how many histories were visited, terminal ones included.
    infostates: one `Infostates` per player.
    terminal_sequences: int `[n, T]`, the last sequence of each player on the
      way to each terminal history.
    terminal_chance: float `[T]`, the product of the chance probabilities.
    terminal_returns: float `[n, T]`, in game utility.
    terminal_steps: int `[T]`, decisions of all players on the way.
    is_zero_sum: whether the returns sum to zero at every terminal history.
    roles: for each player, the population that its policies come from.
    before_symmetry: see `game.Game`.
    seat_rows: where seats are drawn, an int array `[I_p]` for each player of
      the original game: the rows that its information states have here.
  """
  game: pyspiel.Game
  num_players: int
  num_actions: int
  num_histories: int
  infostates: tuple[Infostates, ...]
  terminal_sequences: np.ndarray
  terminal_chance: np.ndarray
  terminal_returns: np.ndarray
  terminal_steps: np.ndarray
  is_zero_sum: bool
  roles: tuple[int, ...]
  before_symmetry: Self | None = None
  seat_rows: tuple[np.ndarray, ...] = ()

  is_enumerated = True

  def __getstate__(self):
    # Workers need the arrays alone, and some pyspiel games cannot be pickled.
    return {**self.__dict__, "game": None, "before_symmetry": None}

  def seat_tables(self, tables: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns one table per player of the original game.

    Args:
      tables: one table `[I, A]` per population.
    """
    if self.has_drawn_seats:
      return [tables[0][rows] for rows in self.seat_rows]
    return [tables[role] for role in self.roles]

  def num_sequences(self, player: int) -> int:
    """Returns the length of a realization plan of `player`."""
    return len(self.infostates[player]) * self.num_actions + 1

  def uniform_table(self, player: int) -> np.ndarray:
    """Returns `[I, A]`, the policy that is uniform over legal actions."""
    mask = self.infostates[player].legal_actions_mask
    return mask / mask.sum(axis=1, keepdims=True)

  def tabulate(self, pi: policy.Policy, player: int) -> np.ndarray:
    """Returns `[I, A]`, the action probabilities of an OpenSpiel policy.

    Args:
      pi: a `policy.Policy`. One that has a `table(player)` of the right shape,
        or is a `TabularPolicy`, is read by information state; any other is
        asked at one history of each information state.
      player: the player whose information states the table has.

    Raises:
      ValueError: if the policy's probabilities do not sum to one, or an illegal
        action has some.
    """
    infostates = self.infostates[player]
    table = np.zeros(infostates.legal_actions_mask.shape)
    if self.has_drawn_seats:
      for seat, rows in enumerate(self.seat_rows):
        table[rows] = self.original.tabulate(pi, seat)
      return table
    if hasattr(pi, "table") and np.shape(pi.table(player)) == table.shape:
      return np.array(pi.table(player))
    if not isinstance(pi, policy.Policy):
      raise ValueError(f"{pi!r} is no OpenSpiel policy; a policy of "
                       f"{self.game} is an open_spiel.python.policy.Policy")
    if isinstance(pi, policy.TabularPolicy):
      for row, name in enumerate(infostates.names):
        if name not in pi.state_lookup:
          raise ValueError(
              f"the policy is of {pi.game}, and has no information state "
              f"{name!r} of player {player} of {self.game}")
        table[row] = pi.policy_for_key(name)
    else:
      for row, state in self._representatives(player):
        for action, probability in pi.action_probabilities(
            state, player).items():
          table[row, action] = probability
    self.check_table(table, player)
    return table

  def check_table(self, table: np.ndarray, player: int) -> None:
    """Raises ValueError unless `table` `[I, A]` is a policy of `player`."""
    mask = self.infostates[player].legal_actions_mask
    if table.shape != mask.shape:
      raise ValueError(
          f"a policy table of player {player} has shape {mask.shape}, "
          f"got {table.shape}")
    wrong = (np.abs(table.sum(axis=1) - 1) > 1e-6) | (
        np.where(mask, 0, table) != 0).any(axis=1) | (table < 0).any(axis=1)
    if wrong.any():
      row = int(np.argmax(wrong))
      raise ValueError(
          f"player {player}'s policy at {self.infostates[player].names[row]!r}"
          f" is {table[row].tolist()}, not a distribution over the legal "
          f"actions {np.flatnonzero(mask[row]).tolist()}")

  def tabular_policy(self,
                     tables: Sequence[np.ndarray]) -> policy.TabularPolicy:
    """Returns an OpenSpiel `TabularPolicy` from one `[I, A]` per player."""
    result = policy.TabularPolicy(self.game)
    for infostates, table in zip(self.infostates, tables):
      for name, probabilities in zip(infostates.names, table):
        result.policy_for_key(name)[:] = probabilities
    return result

  def action_names(self, player: int, wanted: Iterable[int] | None = None
                   ) -> dict[int, dict[int, str]]:
    """Returns what the game calls the legal actions, by row and action.

    Args:
      player: the player.
      wanted: rows of its information states; all of them by default.
    """
    left = set(range(len(self.infostates[player])) if wanted is None
               else wanted)
    found = {}
    for row, state in self._representatives(player) if left else ():
      if row in left:
        found[row] = {action: state.action_to_string(player, action)
                      for action in state.legal_actions()}
        if len(found) == len(left):
          break
    return found

  def _representatives(self, player):
    """Yields (row, state), one state for each information state."""
    rows = self.infostates[player].rows
    seen = set()
    stack = [self.game.new_initial_state()]
    while stack and len(seen) < len(rows):
      state = stack.pop()
      if state.is_terminal():
        continue
      if state.current_player() == player:
        row = rows[state.information_state_string(player)]
        if row not in seen:
          seen.add(row)
          yield row, state
      stack.extend(state.child(action) for action in state.legal_actions())


def estimated_histories(game: pyspiel.Game, limit: float) -> float:
  """Returns an estimate of how many histories a game has, up to `limit`.

  The estimate follows the tree level by level. Where a level has more than
  `_NUM_FOLLOWED` histories, so many are drawn from it and count for all of them
  (Chen 1992, with a stratum for each length). The estimate is unbiased, and
  exact where no level is that large.

  Args:
    game: a turn-based pyspiel game.
    limit: the estimate ends as soon as it is above this.
  """
  rng = random.Random(0)
  level, weight, estimate = [game.new_initial_state()], 1.0, 1.0
  while level and estimate <= limit:
    children = [(state, action) for state in level if not state.is_terminal()
                for action in state.legal_actions()]
    estimate += weight * len(children)
    if len(children) > _NUM_FOLLOWED:
      weight *= len(children) / _NUM_FOLLOWED
      children = rng.sample(children, _NUM_FOLLOWED)
    level = [state.child(action) for state, action in children]
  return estimate


class _Collector:
  """Gathers the information states of one player during enumeration."""

  def __init__(self):
    self.rows = {}
    self.parents = []
    self.legal_actions = []
    self.observations = []

  def row(self, state, player, name, parent, legal_actions):
    row = self.rows.get(name)
    if row is None:
      loading.check_actions(state.get_game(), legal_actions)
      row = self.rows[name] = len(self.parents)
      self.parents.append(parent)
      self.legal_actions.append(legal_actions)
      self.observations.append(loading.observation(state, player))
    elif self.parents[row] != parent:
      raise ValueError(
          f"{state.get_game()} does not have perfect recall: player {player} "
          f"reaches {name!r} by different sequences of its own actions; exact "
          "evaluation needs a game of perfect recall"
          + ("" if self.observations[row] is None else
             ", evaluation='sampled' plays it without"))
    elif self.legal_actions[row] != legal_actions:
      raise ValueError(
          f"{state.get_game()} offers player {player} different legal actions "
          f"at different histories of {name!r}")
    return row

  def infostates(self, num_actions):
    """Returns the `Infostates`, and the new row of each collected row."""
    count = len(self.parents)
    depths = np.zeros(count, int)
    # A parent comes before its children, so its depth is known.
    for row, parent in enumerate(self.parents):
      if parent >= 0:
        depths[row] = depths[parent // num_actions] + 1
    order = np.argsort(depths, kind="stable")
    new_row = np.empty(count, int)
    new_row[order] = np.arange(count)

    parents = np.asarray(self.parents, int)[order]
    parents = np.where(
        parents < 0, count * num_actions,
        new_row[parents // num_actions] * num_actions + parents % num_actions)
    mask = np.zeros((count, num_actions), bool)
    for row, actions in enumerate(self.legal_actions):
      mask[new_row[row], actions] = True
    bounds = np.searchsorted(depths[order], np.arange(
        depths.max(initial=-1) + 2))
    names = list(self.rows)
    names = tuple(names[row] for row in order)
    if count and self.observations[0] is not None:
      observations = np.stack(self.observations)[order]
    else:
      observations = np.eye(count, dtype=np.float32)
    return Infostates(
        names=names,
        rows={name: row for row, name in enumerate(names)},
        legal_actions_mask=mask,
        parent_sequences=parents,
        levels=tuple(slice(int(a), int(b))
                     for a, b in zip(bounds[:-1], bounds[1:])),
        observations=observations), new_row


def _check_names_infostates(game):
  """Raises NotEnumerableError if a game has no information state strings.

  Its type does not always tell, so its first decision is asked.
  """
  state = game.new_initial_state()
  while state.is_chance_node():
    state.apply_action(state.legal_actions()[0])
  if state.is_terminal():
    return
  try:
    with loading.silent_stderr():
      state.information_state_string(state.current_player())
  except (pyspiel.SpielError, NotImplementedError) as error:
    raise NotEnumerableError(
        f"OpenSpiel gives {game} no information state strings, so it cannot be "
        "enumerated: evaluation='sampled' plays it") from error


def enumerate_game(game: pyspiel.Game | str,
                   max_histories: int = DEFAULT_MAX_HISTORIES,
                   done: Callable[[float], None] | None = None) -> GameTree:
  """Returns the `GameTree` of a game.

  Args:
    game: a pyspiel game or a game string with parameters; a simultaneous game
      is converted to turn-based.
    max_histories: the most histories that the game may have.
    done: is told now and then which share of the work is done, as estimated.

  Raises:
    TooLargeError: if the game has more than `max_histories` histories.
    NotEnumerableError: if OpenSpiel gives it no information state strings.
    ValueError: if the game has fewer than two players, is a mean-field game,
      lacks perfect recall, has no decisions, or offers actions that it says it
      has not.
  """
  if isinstance(game, str):
    game = loading.load_game(game)
  game = loading.playable(game)
  _check_names_infostates(game)
  too_large = TooLargeError(
      f"{game} has more than {max_histories} histories, too many to "
      "enumerate for exact evaluation: choose smaller game parameters or raise "
      "max_histories")
  hopeless = _HOPELESS_FACTOR * max_histories
  estimate = estimated_histories(game, hopeless)
  if estimate > hopeless:
    raise too_large
  expected = min(estimate, max_histories)

  num_players = game.num_players()
  num_actions = game.num_distinct_actions()
  collectors = [_Collector() for _ in range(num_players)]
  sequences, chances, returns, steps = [], [], [], []
  num_histories = 0
  # The search is depth first. An entry of the stack is a state, its chance
  # reach, the decisions so far, and the last sequence of each player, numbered
  # by collected rows, with -1 for the empty sequence.
  stack = [(game.new_initial_state(), 1.0, 0, (-1,) * num_players)]
  while stack:
    state, chance, step, last = stack.pop()
    num_histories += 1
    if num_histories > max_histories:
      raise too_large
    if done is not None and num_histories % _HISTORIES_PER_REPORT == 0:
      # An estimate that was too low must not look like the end.
      done(num_histories / max(expected, 1.05 * num_histories))
    if state.is_terminal():
      sequences.append(last)
      chances.append(chance)
      returns.append(state.returns())
      steps.append(step)
      continue
    player = state.current_player()
    if player == pyspiel.PlayerId.CHANCE:
      for action, probability in reversed(state.chance_outcomes()):
        stack.append((state.child(action), chance * probability, step, last))
      continue
    legal_actions = state.legal_actions()
    row = collectors[player].row(
        state, player, state.information_state_string(player), last[player],
        legal_actions)
    for action in reversed(legal_actions):
      after = list(last)
      after[player] = row * num_actions + action
      stack.append((state.child(action), chance, step + 1, tuple(after)))

  loading.check_has_decisions(
      game, any(collector.rows for collector in collectors))
  terminal_sequences = np.asarray(sequences, int).T
  infostates = []
  for player, collector in enumerate(collectors):
    found, new_row = collector.infostates(num_actions)
    old = terminal_sequences[player]
    terminal_sequences[player] = np.where(
        old < 0, len(found) * num_actions,
        new_row[old // num_actions] * num_actions + old % num_actions
        if len(found) else 0)
    infostates.append(found)
  terminal_returns = np.asarray(returns, float).T
  return GameTree(
      game=game,
      num_players=num_players,
      num_actions=num_actions,
      num_histories=num_histories,
      infostates=tuple(infostates),
      terminal_sequences=np.ascontiguousarray(terminal_sequences),
      terminal_chance=np.asarray(chances),
      terminal_returns=np.ascontiguousarray(terminal_returns),
      terminal_steps=np.asarray(steps, int),
      is_zero_sum=bool(np.abs(terminal_returns.sum(axis=0)).max() < 1e-9),
      roles=tuple(range(num_players)))

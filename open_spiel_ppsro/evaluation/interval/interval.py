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

"""The exact interval of exploitability, for large two-player games.

Exploitability is a matter of best responses, and a best response needs the
other side's policy only where it goes. `exploitability_interval` walks there,
with a threshold below which it prunes, and lowers the threshold while there is
time: the interval is certain at any moment and narrows as it goes.
"""

from collections.abc import Sequence
import dataclasses
import itertools
import math
import time
from typing import Any

from absl import logging
import pyspiel

from open_spiel_ppsro.evaluation.interval import budget as budget_lib
from open_spiel_ppsro.evaluation.interval import liars_dice
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import state_walk
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import phantom_board

# A threshold is lowered at most by this factor at once: what a pass costs is
# known only from those before it.
_LARGEST_STEP = 30.0
# A smaller step is not worth a pass.
_SMALLEST_STEP = 2.0
# A pass with a lower threshold costs more, whatever was measured.
_LEAST_GROWTH = 1.1
# Of what is left of the budget, a pass is planned to take so much.
_PLANNED_SHARE = 0.8
# Below this the threshold goes to zero.
_LOWEST_THRESHOLD = 1e-12
# A player whose interval is so much narrower than the other's waits.
_NARROW = 0.25
# Games that may have a walk on phantom boards, which takes Numba.
_BOARD_GAMES = ("phantom_ttt", "dark_hex")
_ACTOR = "exploitability_interval"


@dataclasses.dataclass(frozen=True)
class ExploitabilityInterval:
  """Exploitability is certainly between `low` and `high`, up to rounding.

  Attributes:
    low: at least so much, in game utility. Exploitability is NashConv divided
      by the number of players, two.
    high: at most so much.
    best_responses: per player, the bounds of the value of its best response to
      the other player's policy.
    returns: per player, the bounds of its return if both play their policies;
      None of a zero-sum game, where they cancel out.
    thresholds: per player, the threshold of the last pass to its best response:
      what the other player reaches with no greater probability was pruned.
    nodes: how many nodes all passes have visited.
    seconds: of wall clock that it took, in all.
  """
  low: float
  high: float
  best_responses: tuple[walk_lib.Bounds, walk_lib.Bounds]
  returns: tuple[walk_lib.Bounds, walk_lib.Bounds] | None
  thresholds: tuple[float, float]
  nodes: int
  seconds: float

  @property
  def width(self) -> float:
    """How much of the exploitability is not known; 0 if it is exact."""
    return self.high - self.low


def exploitability_interval(
    game: Any, policies: Any, seconds: float | None = 10.0,
    max_nodes: int | None = None, threshold: float = 0.0,
    executor: executor_lib.Executor | None = None) -> ExploitabilityInterval:
  """Returns bounds of how exploitable two policies are, each certain.

  phantom_ttt, dark_hex on small boards and liars_dice with few dice have fast
  walks of their own, if the policies are functions of observations. Any other
  game of perfect recall is walked by its states. Where a game is not zero-sum,
  what a player gains is the value of its best response less its return, and
  both are bounded. What a best response knows is its information state tensor,
  or the string of a game that has no tensors.

  Args:
    game: a game string, a pyspiel game, or a `StateGame`. Two players, turns.
    policies: an OpenSpiel policy that plays both seats, a `MixturePolicy`, or
      a list with an entry for each player. An entry is a policy; a pair of K
      policies and K probabilities, of which one is drawn per episode; or a
      `population.Mixture`. A policy is an OpenSpiel policy, or a function from
      `(observations [U, D], legal_actions_mask [U, A])` to action
      probabilities `[U, A]`, which is faster.
    seconds: of wall clock, to walk. The threshold falls from pass to pass until
      the next pass would take too long. None for as long as it takes. What has
      to be imported, compiled or started first comes on top.
    max_nodes: the same in nodes, for the same result on any machine.
    threshold: it falls no further than this. With neither `seconds` nor
      `max_nodes` one pass is made, at this threshold; 0 is exact.
    executor: an executor that was started; its workers share the walks. The
      same result, sooner, if `seconds` does not decide.

  Raises:
    ValueError: if the game has not two players, has simultaneous moves or no
      perfect recall, or if `policies` or a number is not as above.
  """
  start = time.perf_counter()
  _check_numbers(seconds, max_nodes, threshold)
  seats_of = game
  if isinstance(game, str):
    game = loading.load_game(game)
  game = getattr(game, "game", game)
  _check_game(game)
  seats = seat_policy.seat_policies(seats_of, policies)
  walk = make_walk(game, seats)
  anything = walk_lib.Bounds(game.min_utility(), game.max_utility())
  is_constant_sum = game.get_type().utility in (
      pyspiel.GameType.Utility.ZERO_SUM, pyspiel.GameType.Utility.CONSTANT_SUM)
  quantities = [
      _Quantity(method, player, walk.num_parts, anything,
                (walk.growth_per_decade,) * 2)
      for method in (("respond",) if is_constant_sum else ("respond", "expect"))
      for player in range(2)]
  with _Crew(walk, game, seats, executor) as crew:
    search = _Search(walk, crew, seconds, max_nodes, threshold)
    search.run(quantities)
  best_responses = quantities[0].bounds, quantities[1].bounds
  returns = None
  if is_constant_sum:
    nash_conv = [first + second - game.utility_sum()
                 for first, second in zip(*best_responses)]
  else:
    returns = quantities[2].bounds, quantities[3].bounds
    gains = [(max(best.low - now.high, 0.0), max(best.high - now.low, 0.0))
             for best, now in zip(best_responses, returns)]
    nash_conv = [sum(gain) for gain in zip(*gains)]
  return ExploitabilityInterval(
      low=max(nash_conv[0], 0.0) / 2,
      high=max(nash_conv[1], 0.0) / 2,
      best_responses=best_responses,
      returns=returns,
      thresholds=(quantities[0].threshold, quantities[1].threshold),
      nodes=search.nodes,
      seconds=time.perf_counter() - start)


def has_fast_walk(game: pyspiel.Game) -> bool:
  """Returns whether a game has a walk of its own, for networks to play."""
  if game.get_type().short_name in _BOARD_GAMES:
    boards = _phantom_boards(game)
    return boards is not None and phantom_board.phantom_board(game) is not None
  return liars_dice.applies(game)


def make_walk(game: pyspiel.Game, seats: Sequence[seat_policy.SeatPolicy]
              ) -> walk_lib.Walk:
  """Returns the fastest walk that there is for a game and what is played."""
  if not any(seat.needs_states for seat in seats):
    if liars_dice.applies(game):
      return liars_dice.DiceWalk(game, seats)
    if game.get_type().short_name in _BOARD_GAMES:
      walk = _board_walk(game, seats)
      if walk is not None:
        return walk
  return state_walk.StateWalk(game, seats)


def _board_walk(game, seats):
  """Returns a `BoardWalk`, or None if there is none for the game."""
  boards = _phantom_boards(game)
  board = None if boards is None else phantom_board.phantom_board(game)
  return None if board is None else boards.BoardWalk(board, seats)


def _phantom_boards(game):
  """Returns the module of walks on boards, or None without Numba."""
  try:
    # Numba takes a second to import: only who needs it waits.
    # pylint: disable=import-outside-toplevel
    from open_spiel_ppsro.evaluation.interval import phantom_boards
  except ModuleNotFoundError as error:
    if error.name != "numba":
      raise
    logging.log_first_n(
        logging.WARNING, "Numba is not installed, so %s is walked state by "
        "state: pip install 'open_spiel_ppsro[fast]'", 1, game)
    return None
  return phantom_boards


def _check_numbers(seconds, max_nodes, threshold):
  for name, value in (("seconds", seconds), ("max_nodes", max_nodes)):
    if value is not None and not value > 0:
      raise ValueError(f"{name} is {value}; it takes a number above 0, or None")
  if not 0 <= threshold < 1:
    raise ValueError(f"threshold is {threshold}; it takes a number from 0 to 1")


def _check_game(game):
  if game.num_players() != 2:
    raise ValueError(
        f"{game} has {game.num_players()} players; an interval needs two")
  dynamics = game.get_type().dynamics
  if dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL:
    raise ValueError(
        f"{game} has simultaneous moves; an interval needs turns: use "
        "pyspiel.convert_to_turn_based(game), and policies of that game")



class _Walker:
  """A walk in a worker of an executor."""

  def __init__(self, shared, game, seats):
    del shared  # What the executor shares is for its other actors.
    self._walk = make_walk(loading.load_game(game), seats)

  def is_ready(self):
    """Returns True, once it has been made."""
    return True

  def run(self, *call):
    """Returns a `Part`, or None; see `_run`."""
    return _run(self._walk, *call)


def _run(walk, method, arguments, floor, deadline, nodes):
  """Returns what a method of a walk finds, or None if it costs too much.

  Args:
    walk: the walk.
    method: the name of the method.
    arguments: of the method, without the budget.
    floor: another argument, if there is one.
    deadline: when it has to be done, in seconds since 1970.
    nodes: how many it may visit.
  """
  try:
    return getattr(walk, method)(
        *arguments, budget_lib.Budget(deadline - time.time(), nodes),
        *([] if floor is None else [floor]))
  except budget_lib.OutOfBudget:
    return None


class _Crew:
  """Those who walk: this process alone, or the workers of an executor."""

  def __init__(self, walk, game, seats, executor):
    self._walk = walk
    self._executor = executor
    self._names = []
    if executor is not None:
      for worker in range(executor.num_workers):
        executor.create((_ACTOR, worker), _Walker, str(game), seats)
        self._names.append((_ACTOR, worker))
      executor.call([(name, "is_ready", ()) for name in self._names])

  def run(self, calls, deadline, nodes):
    """Returns the parts of calls, in order, up to the first that fails.

    Args:
      calls: a number, and the arguments of `_run` after the walk. Calls of one
        number have the same worker, which knows what it has found before.
      deadline: see `_run`.
      nodes: how many each call may visit.
    """
    if self._executor is None:
      parts = (_run(self._walk, *call, deadline, nodes)
               for _, *call in calls)
    else:
      parts = self._executor.call([
          (self._names[number % len(self._names)], "run",
           (*call, deadline, nodes)) for number, *call in calls])
    return list(itertools.takewhile(lambda part: part is not None, parts))

  def __enter__(self):
    return self

  def __exit__(self, *exc_info):
    for name in self._names:
      self._executor.discard(name)


@dataclasses.dataclass
class _Quantity:
  """A number that passes bound: a best response's value or a return.

  Attributes:
    method: of the walk that bounds it.
    player: whose it is.
    num_parts: how many calls bound it together.
    bounds: what is known.
    growth: how many times as much a pass costs whose threshold is ten times
      lower, in nodes and in seconds; guessed, before there are two passes.
    threshold: of the last pass.
    cost: of the last pass, in nodes and in seconds of wall clock.
    leader: the part that had the best lower bound in the last pass.
  """
  method: str
  player: int
  num_parts: int
  bounds: walk_lib.Bounds
  growth: tuple[float, float]
  threshold: float = 1.0
  cost: tuple[float, float] = (0.0, 0.0)
  leader: int | None = None

  @property
  def is_exact(self) -> bool:
    """Whether nothing is left to find out."""
    return self.bounds.width == 0

  def calls(self, threshold: float) -> list[tuple[Any, ...]]:
    """Returns methods and arguments of a pass at a threshold, by part."""
    if self.method == "expect":
      return [(self.method, (self.player, threshold))]
    return [(self.method, (self.player, part, threshold))
            for part in range(self.num_parts)]

  def learn(self, threshold: float, parts: Sequence[walk_lib.Part],
            cost: tuple[float, float]) -> None:
    """Takes in what a pass found, and what it cost."""
    if 0 < threshold < self.threshold and min(self.cost) > 0:
      decades = math.log10(self.threshold / threshold)
      nodes, seconds = (
          max((now / before) ** (1 / decades), _LEAST_GROWTH)
          for now, before in zip(cost, self.cost))
      self.growth = nodes, seconds
    self.bounds = self.bounds.meet(walk_lib.combine(parts))
    lows = [part.roots[0].low for part in parts if len(part.roots) == 1]
    self.leader = lows.index(max(lows)) if len(lows) == len(parts) else None
    self.threshold, self.cost = threshold, cost


class _Search:
  """Lowers the thresholds, pass by pass, while the budget lasts."""

  def __init__(self, walk, crew, seconds, max_nodes, lowest):
    """Makes a search; its time runs from now on.

    Args:
      walk: what has to be bounded.
      crew: who walks.
      seconds: see `exploitability_interval`.
      max_nodes: see there.
      lowest: no threshold is lower.
    """
    self.nodes = 0
    self._walk = walk
    self._crew = crew
    self._lowest = lowest
    self._max_nodes = math.inf if max_nodes is None else max_nodes
    self._end = math.inf if seconds is None else time.perf_counter() + seconds

  def run(self, quantities):
    """Bounds quantities as well as the budget allows."""
    first = self._lowest
    if min(self._left()) < math.inf and not self._has_room_for_exact(
        quantities):
      first = max(first, self._walk.first_threshold)
    plan = {index: first for index in range(len(quantities))}
    while plan and self._pass(quantities, plan):
      plan = self._plan(quantities)

  def _left(self):
    """Returns what is left of the budget: nodes and seconds."""
    return self._max_nodes - self.nodes, self._end - time.perf_counter()

  def _pass(self, quantities, plan):
    """Makes a pass; returns whether it was within the budget.

    Args:
      quantities: all of them.
      plan: `{index of a quantity: threshold}`.
    """
    before = time.perf_counter()
    parts = self._parts(quantities, plan)
    wall = time.perf_counter() - before
    # Parts that were walked at the same time share the wall clock.
    scale = wall / (sum(part.seconds for part in parts.values()) or 1.0)
    for index, threshold in plan.items():
      own = range(len(quantities[index].calls(threshold)))
      found = [parts[index, part] for part in own if (index, part) in parts]
      nodes = sum(part.nodes for part in found)
      if len(found) < len(own) or self.nodes + nodes > self._max_nodes:
        return False
      self.nodes += nodes
      quantities[index].learn(threshold, found, (
          nodes, scale * sum(part.seconds for part in found)))
    return True

  def _parts(self, quantities, plan):
    """Returns `{(index of a quantity, part): Part}` of what a pass found.

    Where the walk can use it, the part that led in the last pass goes first, so
    that of the others only what is better has to be walked.
    """
    calls = {(index, part): call for index, threshold in plan.items()
             for part, call in enumerate(quantities[index].calls(threshold))}
    leaders = {(index, quantities[index].leader) for index in plan}
    if not self._walk.takes_floor or not leaders <= calls.keys():
      leaders = set()
    nodes_left, seconds_left = self._left()
    deadline = time.time() + seconds_left
    found: dict[tuple[int, int], walk_lib.Part] = {}
    floors: dict[int, float] = {}
    for stage in ([key for key in calls if key in leaders],
                  [key for key in calls if key not in leaders]):
      found.update(zip(stage, self._crew.run(
          [(index * self._walk.num_parts + part, *calls[index, part],
            floors.get(index)) for index, part in stage],
          deadline, nodes_left)))
      if not leaders <= found.keys():
        break  # It is over the budget.
      floors = {index: found[index, part].roots[0].low
                for index, part in leaders}
    return found

  def _plan(self, quantities):
    """Returns the thresholds of the next pass; empty if there is none."""
    unknown = [index for index, quantity in enumerate(quantities)
               if not quantity.is_exact and quantity.threshold > self._lowest]
    if not unknown:
      return {}
    if self._has_room_for_exact([quantities[index] for index in unknown]):
      return {index: self._lowest for index in unknown}
    widths = {index: quantities[index].bounds.width for index in unknown}
    widest = max(unknown, key=widths.__getitem__)
    for chosen in ([index for index in unknown
                    if widths[index] >= _NARROW * widths[widest]], [widest]):
      spent = [sum(costs) for costs in zip(*(
          quantities[index].cost for index in chosen))]
      room = [_PLANNED_SHARE * left / cost if cost else math.inf
              for left, cost in zip(self._left(), spent)]
      plan = {index: self._next(quantities[index], room) for index in chosen}
      if None not in plan.values():
        return plan
    return {}

  def _has_room_for_exact(self, quantities):
    """Returns whether the walk knows that it can be exact in what is left."""
    costs = [self._walk.exact_cost(quantity.player) for quantity in quantities]
    return None not in costs and all(
        sum(cost) <= _PLANNED_SHARE * left
        for cost, left in zip(zip(*costs), self._left()))

  def _next(self, quantity, room):
    """Returns the next threshold of a quantity, or None if there is no room.

    Args:
      quantity: one that is not exact.
      room: the pass may cost so many times as much as the last one, in nodes
        and in seconds.
    """
    if min(room) <= 1:
      return None
    # A pass may have cost nothing, where only nodes are counted.
    step = min((10 ** (math.log(more) / math.log(growth))
                for more, growth in zip(room, quantity.growth)
                if more < math.inf), default=_LARGEST_STEP)
    if step < _SMALLEST_STEP:
      return None
    threshold = max(quantity.threshold / min(step, _LARGEST_STEP),
                    self._lowest)
    return threshold if threshold > _LOWEST_THRESHOLD else self._lowest

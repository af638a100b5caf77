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

"""Measures what the parts of a round cost, for `scaling_model.py`.

Real rounds run in this process, one thing after another, through the package's
solver, oracle and executor, with timers around the parts. What processes on
one machine cost each other is measured with real processes.
"""

import collections
import dataclasses
import pickle
import statistics
import time
from typing import NamedTuple

import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import sub_game_solver
from open_spiel_ppsro.oracles import learner as learner_lib
import scaling_model

DEFAULT_LEVELS = 4
# Levels of the calibrating runs: alone, the default, and more than enough.
_LEVELS = (1, DEFAULT_LEVELS, 8)
# Rounds at the start of a run that are not counted: all its policies are new.
WARM_UP_ROUNDS = 3
# Sizes to which a population of untrained policies is grown, to see how costs
# grow with it, and how many rounds are played then; the first does not count.
_GROWN = (64, 256)
_GROWN_ROUNDS = 4
_OPENED_AT_ONCE = 16
_SOLUTIONS = 16
_SLOWDOWN_SECONDS = 4.0


class TimedTask(NamedTuple):
  """A call of one actor.

  Attributes:
    method: that was called; `create` made the actor.
    seconds: that it took.
    bytes_sent: of the pickled call.
    bytes_answered: of the pickled answer.
    opponents: of training, how many policies it faces.
  """
  method: str
  seconds: float
  bytes_sent: int = 0
  bytes_answered: int = 0
  opponents: int = 0


class TimedExecutor(ppsro.SerialExecutor):
  """Runs everything in this process, and records what it took.

  Attributes:
    tasks: every `TimedTask`.
    spent: seconds by method, what recording them took included.
  """

  def __init__(self):
    super().__init__()
    self.forget()

  def forget(self):
    """Starts a new record."""
    self.tasks, self.spent = [], collections.Counter()

  def create(self, name, factory, *args, apart_from=(), state=None):
    start = time.perf_counter()
    super().create(name, factory, *args, apart_from=apart_from, state=state)
    self.tasks.append(TimedTask("create", time.perf_counter() - start))
    self.spent["create"] += self.tasks[-1].seconds

  def submit(self, tasks):
    tickets = []
    for task in tasks:
      start = time.perf_counter()
      tickets += super().submit([task])
      seconds = time.perf_counter() - start
      _, method, args = task
      self.tasks.append(TimedTask(
          method, seconds, _size(task), _size(self._answers[tickets[-1]]),
          sum(len(mixture.snapshots) for mixture in args[0])
          if method == "train" else 0))
      self.spent[method] += time.perf_counter() - start
    return tickets


def _size(message):
  return len(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


@dataclasses.dataclass(frozen=True)
class TimedRound:
  """What a round took.

  Attributes:
    policies: of each player at its end, active ones included.
    active: policies in training, of all players.
    frozen: how many froze at its end.
    solve_seconds: of meta-strategies.
    payoff_seconds: of measuring payoffs, in the main process.
    other_seconds: of all else in the main process.
    tasks: the `TimedTask` of every call.
  """
  policies: int
  active: int
  frozen: int
  solve_seconds: float
  payoff_seconds: float
  other_seconds: float
  tasks: tuple[TimedTask, ...]


class TimedSolver(ppsro.PipelinePSROSolver):
  """Plays rounds as its parent does, on a `TimedExecutor`.

  Attributes:
    timed: a `TimedRound` for each round.
  """

  def __init__(self, game, oracle, scheme):
    self.timed = []
    self._solve_seconds = 0.0
    super().__init__(game, oracle, scheme)
    solve = self._solve
    def timed(indices):
      start = time.perf_counter()
      solution = solve(indices)
      self._solve_seconds += time.perf_counter() - start
      return solution
    self._solve = self._solve_row = timed

  def round(self):
    executor = self._oracle.executor
    executor.forget()
    self._solve_seconds = 0.0
    result = super().round()
    payoff_seconds = (result.evaluation_seconds - executor.spent["store"]
                      - executor.spent["play_stored"])
    self.timed.append(TimedRound(
        self._population.sizes()[0], len(result.levels), len(result.frozen),
        self._solve_seconds, payoff_seconds,
        result.round_seconds - self._solve_seconds - payoff_seconds
        - sum(executor.spent.values()), tuple(executor.tasks)))
    return result

  def grow(self, size):
    """Fills the population of each player up with untrained policies."""
    while self._population.sizes()[0] < size:
      policy_ids = [
          self._population.open(p).policy_id
          for p in range(self._population.num_populations)
          for _ in range(_OPENED_AT_ONCE)]
      for policy_id, policy in zip(policy_ids,
                                   self._oracle.open(policy_ids)):
        self._population.publish(policy_id, policy)
        self._population.freeze(policy_id)
        self._oracle.retire(policy_id)
      self._measure(policy_ids)


def serial_run(game, config, levels, num_rounds, seed, grown=0):
  """Plays rounds in this process and returns the `TimedSolver`.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    levels: of the pipeline.
    num_rounds: to play.
    seed: of the run.
    grown: policies of each player to begin with; 0 for the initial one.
  """
  with ppsro.PipelinedOracle(game, config, TimedExecutor(), seed) as oracle:
    solver = TimedSolver(game.game, oracle, ppsro.Pipeline(levels))
    solver.grow(grown)
    for _ in range(num_rounds):
      solver.round()
  return solver


def rounds_per_freeze(frozen, populations):
  """Returns how many rounds a level takes to freeze, from the first that did.

  Args:
    frozen: how many policies froze in each round.
    populations: policies of a level.

  Raises:
    ValueError: if too few froze to say.
  """
  rounds = np.flatnonzero(frozen)
  if len(rounds) < 2:
    raise ValueError(
        f"too few policies froze in {len(frozen)} rounds to tell how many "
        "rounds they need; use more --rounds")
  freezes = sum(frozen[rounds[0] + 1:])
  return float((rounds[-1] - rounds[0]) * populations / freezes)


def calibrate(game, config, num_rounds, seed, report):
  """Measures the `Costs` of a game.

  Args:
    game: a `GameTree` or a `StateGame`, two-player zero-sum.
    config: of the learners.
    num_rounds: of each calibrating run.
    seed: of the runs.
    report: called with a line of text now and then.

  Returns:
    The `scaling_model.Costs`, and `{levels: rounds}` that a level of the
    calibrating runs took to freeze.

  Raises:
    ValueError: if the rounds are too few.
  """
  is_sampled = isinstance(game, ppsro.StateGame)
  runs = {}
  for levels in _LEVELS:
    report(f"calibrating: {num_rounds} rounds of {levels} level(s)")
    runs[levels] = serial_run(game, config, levels, num_rounds, seed)
  rounds = {levels: run.timed[WARM_UP_ROUNDS:] for levels, run in runs.items()}
  usual = rounds[DEFAULT_LEVELS]
  now = statistics.mean(r.policies for r in usual)
  by_size = {now: usual}
  for size in _GROWN:
    report(f"calibrating: a population of {size} policies")
    by_size[size] = serial_run(game, config, DEFAULT_LEVELS, _GROWN_ROUNDS,
                               seed, size).timed[1:]

  def tasks(method):
    return [task for r in usual for task in r.tasks if task.method == method]

  def per_policy(total):
    return total / sum(r.active for r in usual)

  trained = tasks("train")
  # An enumerated game's opponents travel as one table for each player.
  support = [np.count_nonzero(p) for p in
             runs[DEFAULT_LEVELS].get_meta_strategies()]
  exponent = float(np.log(np.mean(support)) / np.log(
      max(2, *runs[DEFAULT_LEVELS].num_policies)))
  _, opponent_seconds = line([task.opponents for task in trained],
                             [task.seconds for task in trained])
  everything = [r for timed in rounds.values() for r in timed]
  round_seconds, _ = line([r.active for r in everything],
                          [r.other_seconds for r in everything])

  def main_curve(cost):
    return scaling_model.curve({
        size: max(1e-9, statistics.mean(cost(r) / r.active for r in timed))
        for size, timed in by_size.items()})

  per_freeze = {levels: rounds_per_freeze([r.frozen for r in run.timed],
                                          game.num_populations)
                for levels, run in runs.items()}
  rounds_settled, rounds_shared = line(
      [1 / levels for levels in per_freeze], list(per_freeze.values()))
  rounds_settled = max(1.0, rounds_settled)
  report("calibrating: meta-strategies")
  return scaling_model.Costs(
      populations=game.num_populations,
      train_seconds=tuple(
          max(0.0, task.seconds - opponent_seconds * task.opponents)
          for task in trained),
      rounds_settled=rounds_settled,
      rounds_shared=rounds_shared,
      open_seconds=sum(
          statistics.mean(task.seconds for task in tasks(method))
          for method in ("create", "initial_policy")),
      snapshot_bytes=statistics.mean(t.bytes_answered for t in trained),
      opponents=lambda size: 2 * size ** exponent if is_sampled else 2,
      opponent_seconds=opponent_seconds,
      opponent_bytes=(sum(task.bytes_sent for task in trained)
                      / sum(task.opponents for task in trained)),
      solve_seconds=scaling_model.curve({
          now: statistics.mean(
              r.solve_seconds for r in usual) / (DEFAULT_LEVELS + 1),
          **solve_seconds(_GROWN, exponent)}),
      payoff_seconds=main_curve(lambda r: r.payoff_seconds),
      match_seconds=per_policy(sum(
          task.seconds for task in tasks("play_stored"))),
      match_bytes=per_policy(sum(task.bytes_sent for task in tasks("store"))),
      match_tasks=-(-len(tasks("play_stored")) // len(usual)) or 1,
      other_seconds=main_curve(
          lambda r: r.other_seconds - round_seconds),
      round_seconds=round_seconds), per_freeze


def line(x, y):
  """Returns `(y at zero, slope)` of the least-squares line, neither below 0.

  Args:
    x: numbers, 0 or more.
    y: as many.
  """
  x, y = np.asarray(x, float), np.asarray(y, float)
  spread = x - x.mean()
  slope = max(0.0, float(spread @ y) / max(float(spread @ spread), 1e-300))
  start = float(y.mean() - slope * x.mean())
  if start < 0:
    return 0.0, float(x @ y) / float(x @ x)
  return start, slope


def solve_seconds(sizes, exponent):
  """Returns `{size: seconds}` of solving a meta-game anew after a round.

  The meta-game grows as one of a run does: policies are points of a sphere,
  and those in training move to the best response to the solution before.

  Args:
    sizes: numbers of policies of each player, ascending.
    exponent: the support is about `size ** exponent`.
  """
  rng = np.random.default_rng(0)
  rank = max(2, round(sizes[-1] ** exponent))
  matrix = rng.normal(size=(rank, rank))
  sides = list(_on_sphere(rng.normal(size=(2, 1, rank))))
  game = meta_game_lib.MetaGame((0, 1))
  solve = sub_game_solver.SubGameSolver(game, "nash")
  found = []
  for size in range(1, 1 + sizes[-1]):
    payoffs = sides[0] @ matrix @ sides[1].T
    game.grow((size, size))
    game.fill([range(size)] * 2, np.stack([payoffs, -payoffs]))
    start = time.perf_counter()
    p, q = solve((tuple(range(size)),) * 2).probabilities
    found.append(time.perf_counter() - start)
    responses = matrix @ (q @ sides[1]), -(p @ sides[0]) @ matrix
    for side, response in enumerate(responses):
      sides[side] = np.vstack([sides[side], rng.normal(size=rank)])
      sides[side][-1:] = _on_sphere(sides[side][-1:])
      active = sides[side][-DEFAULT_LEVELS:]
      active[:] = _on_sphere(active + _on_sphere(response))
  return {size: statistics.mean(found[size - _SOLUTIONS:size])
          for size in sizes}


def _on_sphere(points):
  return points / np.linalg.norm(points, axis=-1, keepdims=True)


def slowdown(game, config, cores, seed):
  """Returns how much longer a task takes when all cores are busy.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    cores: of this machine.
    seed: of the learners.
  """
  with ppsro.PipelinedOracle(
      game, config, ppsro.ProcessExecutor(cores), seed) as oracle:
    policy_ids = [population_lib.PolicyId(0, 1 + core) for core in range(cores)]
    oracle.open(policy_ids)
    opponents = tuple(population_lib.Mixture(
        (population_lib.Snapshot(population_lib.PolicyId(role, 0), 0,
                                 oracle.uniform_policy(role)),), np.ones(1))
                      for role in oracle.played_game.roles)
    steps = int(np.ceil(1.4 * oracle.steps_per_batch))  # As a round does.

    def seconds(some):
      start = time.perf_counter()
      oracle.train([learner_lib.Assignment(policy_id, opponents, steps, False)
                    for policy_id in some])
      return time.perf_counter() - start

    seconds(policy_ids)
    alone = together = 0.0
    start = time.perf_counter()
    while not together or time.perf_counter() - start < _SLOWDOWN_SECONDS:
      alone += statistics.mean(
          seconds([policy_id]) for policy_id in policy_ids)
      together += seconds(policy_ids)
  return max(1.0, together / alone)

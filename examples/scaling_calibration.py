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
solver, oracle and executor, with timers around the parts. What two processes
cost each other, and a message, is measured with real processes.
"""

import dataclasses
import pickle
import statistics
import time

import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import meta_game as meta_game_lib
from open_spiel_ppsro import meta_strategies
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import state_simulator
from open_spiel_ppsro.oracles import base
import scaling_model

# Rounds at the start of a run that are not counted: all its policies are new.
WARM_UP_ROUNDS = 3
# Levels of the calibrating runs: alone, the default, and more than enough.
_LEVELS = (1, 4, 8)
DEFAULT_LEVELS = 4
# Of a run: so many iterations, or so many times the rounds.
_ENOUGH_ITERATIONS = 8
_PATIENCE = 3
# Sizes to which a population of untrained policies is grown, to see how costs
# grow with it; every new cell of a sampled game is played, hence the second.
_GROWN = (64, 256)
_GROWN_SAMPLED = (32, 128)
_GROWN_ROUNDS = 4
_OPENED_AT_ONCE = 16
_SOLVED = (64, 128, 256, 512)
_SOLVE_REPEATS = 5
# Of the measurements with processes.
_REPEATS = 25
_TASKS_PER_WORKER = 2
# After training the main process works about this share of that time.
_MAIN_SHARE = 0.1
_SLOWDOWN_SECONDS = 8.0
_MESSAGES = 64
_MESSAGE_BYTES = 2 ** 22


@dataclasses.dataclass(frozen=True)
class TimedTask:
  """A call of one actor.

  Attributes:
    seconds: that it took.
    create_seconds: that making the actor took, if this was its first call.
    is_first: whether it was its first call of this method.
    bytes_sent: of the pickled call.
    bytes_answered: of the pickled answer.
    opponents: of a training task, how many policies it faces.
  """
  seconds: float
  create_seconds: float
  is_first: bool
  bytes_sent: int
  bytes_answered: int
  opponents: int


class TimedExecutor(ppsro.SerialExecutor):
  """Runs everything in this process, and records what it took.

  Attributes:
    calls: a list of `(method, [TimedTask])`.
    seconds: in all calls and creations, pickling for the record included.
  """

  def __init__(self):
    super().__init__()
    self.calls = []
    self.seconds = 0.0
    self._create_seconds = {}
    self._called = set()

  def create(self, name, factory, *args, apart_from=()):
    start = time.perf_counter()
    super().create(name, factory, *args, apart_from=apart_from)
    self._create_seconds[name] = time.perf_counter() - start
    self.seconds += self._create_seconds[name]

  def call(self, tasks):
    begin = time.perf_counter()
    answers, timed = [], []
    for name, method, args in tasks:
      start = time.perf_counter()
      answers += super().call([(name, method, args)])
      seconds = time.perf_counter() - start
      timed.append(TimedTask(
          seconds, self._create_seconds.pop(name, 0.0),
          (name, method) not in self._called, _size((name, method, args)),
          _size(answers[-1]),
          sum(len(mixture.snapshots) for mixture in args[0])
          if method == "train" else 0))
      self._called.add((name, method))
    if tasks:
      self.calls.append((tasks[0][1], timed))
    self.seconds += time.perf_counter() - begin
    return answers


def _size(message):
  return len(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


@dataclasses.dataclass(frozen=True)
class TimedRound:
  """What a round took.

  Attributes:
    policies: of each player at its end, active ones included.
    active: policies in training, of all players.
    opened: of these, how many were new.
    frozen: how many froze at its end.
    solve_seconds: of meta-strategies.
    payoff_seconds: of measuring payoffs, in the main process.
    other_seconds: of all else in the main process.
    calls: as `TimedExecutor` has them.
  """
  policies: int
  active: int
  opened: int
  frozen: int
  solve_seconds: float
  payoff_seconds: float
  other_seconds: float
  calls: tuple

  def tasks(self, method, is_open=False):
    """Returns the timed tasks of a method; of matches, those of one kind.

    Args:
      method: of the actors.
      is_open: whether matches for opened policies are wanted, which come
        before any training, or those after it.
    """
    found, trained = [], False
    for name, tasks in self.calls:
      trained |= name == "train"
      if name == method and (method != "play" or trained != is_open):
        found += tasks
    return found


class TimedSolver(ppsro.PipelinePSROSolver):
  """Plays rounds as its parent does, and keeps what they took.

  Attributes:
    timed: a `TimedRound` for each round.
    supports: pairs `(policies, policies in the support)` of each solution.
  """

  def __init__(self, game, oracle, scheme, **kwargs):
    self.timed, self.supports = [], []
    self._spent = {"solve": 0.0, "measure": 0.0}
    super().__init__(game, oracle, scheme, **kwargs)
    self._solve = self._timing("solve", self._solve)
    self._solve_row = self._timing("solve", self._solve_row)

  def _timing(self, part, function):
    def timed(*args):
      start, before = time.perf_counter(), self._oracle.executor.seconds
      answer = function(*args)
      self._spent[part] += (time.perf_counter() - start
                            - self._oracle.executor.seconds + before)
      if part == "solve":
        self.supports += [(len(p), np.count_nonzero(p))
                          for p in answer.probabilities]
      return answer
    return timed

  def _measure(self, changed):
    self._timing("measure", super()._measure)(changed)

  def round(self):
    executor = self._oracle.executor
    before = executor.seconds
    self._spent = dict.fromkeys(self._spent, 0.0)
    executor.calls = []
    start = time.perf_counter()
    result = super().round()
    seconds = time.perf_counter() - start
    self.timed.append(TimedRound(
        self._population.sizes()[0], len(result.levels),
        sum(len(tasks) for method, tasks in executor.calls
            if method == "initial_policy"), len(result.frozen),
        self._spent["solve"], self._spent["measure"],
        seconds - executor.seconds + before - sum(self._spent.values()),
        tuple(executor.calls)))
    return result

  def grow(self, size):
    """Fills the population of each player up with untrained policies."""
    while self._population.sizes()[0] < size:
      policy_ids = [
          self._population.open(p).policy_id
          for p in range(self._population.num_populations)
          for _ in range(min(_OPENED_AT_ONCE,
                             size - self._population.sizes()[p]))]
      for policy_id, policy in zip(policy_ids,
                                   self._oracle.open(policy_ids)):
        self._population.publish(policy_id, policy)
        self._population.freeze(policy_id)
        self._oracle.retire(policy_id)
      self._measure(policy_ids)
    self.update_meta_strategies()
    self._importance = [np.full(k, 2 / k) for k in self._population.sizes()]


def serial_run(game, config, levels, num_rounds, seed, grown=0):
  """Plays rounds in this process and returns the `TimedSolver`.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    levels: of the pipeline.
    num_rounds: at least; more, up to a limit, where few policies froze and
      the population is not `grown`.
    seed: of the run.
    grown: policies of each player to begin with; 0 for the initial one.
  """
  with ppsro.PipelinedOracle(game, config, TimedExecutor(), seed) as oracle:
    solver = TimedSolver(game.game, oracle, ppsro.Pipeline(levels))
    if grown:
      solver.grow(grown)
    while len(solver.timed) < num_rounds or (
        not grown and solver.iterations < _ENOUGH_ITERATIONS
        and len(solver.timed) < _PATIENCE * num_rounds):
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
        "rounds they need; use a larger --calibration_rounds")
  freezes = sum(frozen[rounds[0] + 1:])
  return (rounds[-1] - rounds[0]) * populations / freezes


def calibrate(game, config, num_rounds, seed, report):
  """Measures the `Costs` of a game.

  Args:
    game: a `GameTree` or a `StateGame`, two-player zero-sum.
    config: of the learners.
    num_rounds: of each calibrating run, at least.
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
    report(f"calibrating: {num_rounds} rounds or more of {levels} level(s)")
    runs[levels] = serial_run(game, config, levels, num_rounds, seed)
  rounds = {levels: run.timed[WARM_UP_ROUNDS:] for levels, run in runs.items()}
  by_size = {statistics.mean(r.policies for r in rounds[DEFAULT_LEVELS]):
             rounds[DEFAULT_LEVELS]}
  for size in _GROWN_SAMPLED if is_sampled else _GROWN:
    report(f"calibrating: a population of {size} policies")
    by_size[size] = serial_run(game, config, DEFAULT_LEVELS, _GROWN_ROUNDS,
                               seed, size).timed
  everything = [r for timed in rounds.values() for r in timed]
  trained = [task for r in everything for task in r.tasks("train")]
  opened = [task for r in everything for task in r.tasks("initial_policy")]
  opponents = [task.opponents for task in trained]
  base_bytes, opponent_bytes = line(
      opponents, [task.bytes_sent for task in trained])
  _, opponent_seconds = line(*zip(*(
      (task.opponents, task.seconds) for task in trained
      if not task.is_first)))
  alone = lambda task: max(
      0.0, task.seconds - opponent_seconds * task.opponents)
  supports = [pair for run in runs.values() for pair in run.supports]
  exponent = growth(supports)
  populations = game.num_populations
  per_freeze = {levels: rounds_per_freeze([r.frozen for r in run.timed],
                                          populations)
                for levels, run in runs.items()}
  rounds_settled = max(1.0, min(per_freeze.values()))
  round_seconds, _ = line([r.active for r in everything],
                          [r.other_seconds for r in everything])
  per_policy = lambda cost, of=lambda r: r.active: scaling_model.Curve({
      size: statistics.median(cost(r) / of(r) for r in timed if of(r))
      for size, timed in by_size.items() if any(map(of, timed))})
  matches = {}
  if is_sampled:
    for name, is_open in (("match", False), ("open_match", True)):
      of = (lambda r: r.opened) if is_open else (lambda r: r.active)
      matches[f"{name}_seconds"] = per_policy(
          lambda r, o=is_open: sum(t.seconds for t in r.tasks("play", o)), of)
      matches[f"{name}_bytes"] = per_policy(
          lambda r, o=is_open: sum(t.bytes_sent for t in r.tasks("play", o)),
          of)
  report("calibrating: meta-strategies")
  return scaling_model.Costs(
      populations=populations,
      train_seconds=tuple(alone(t) for t in trained if not t.is_first),
      first_train_seconds=tuple(alone(t) for t in trained if t.is_first),
      rounds_alone=max(rounds_settled, per_freeze[1]),
      rounds_settled=rounds_settled,
      open_seconds=statistics.median(
          t.seconds + t.create_seconds for t in opened),
      # Of either player's mixture; of an enumerated game each is one table.
      opponents=(scaling_model.Curve({
          size: 2 * size ** exponent for size in (1, 1000)})
                 if is_sampled else scaling_model.constant(2)),
      opponent_seconds=opponent_seconds,
      task_bytes=base_bytes,
      opponent_bytes=opponent_bytes,
      report_bytes=statistics.median(t.bytes_answered for t in trained),
      solve_seconds=scaling_model.Curve({
          statistics.mean(r.policies for r in timed): statistics.mean(
              r.solve_seconds / (levels + (r.opened > 0)) for r in timed)
          for levels, timed in [(DEFAULT_LEVELS, rounds[DEFAULT_LEVELS])]
      } | solve_seconds(exponent)),
      payoff_seconds=per_policy(lambda r: r.payoff_seconds,
                                lambda r: r.active + r.opened),
      other_seconds=per_policy(
          lambda r: max(1e-9, r.other_seconds - round_seconds)),
      round_seconds=round_seconds,
      fixed_share=fixed_share(game, config, seed) if is_sampled else 1.0,
      gradient_steps=2 * getattr(config, "epochs", 8),
      gradient_bytes=statistics.median(t.bytes_answered for t in trained),
      **matches), per_freeze


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


def growth(pairs):
  """Returns the least-squares `a` of `y = x ** a`, at least 0, over pairs."""
  logs = np.log([pair for pair in pairs if pair[0] > 1])
  if not len(logs):
    return 0.0
  return max(0.0, float(logs[:, 0] @ logs[:, 1]) / float(
      logs[:, 0] @ logs[:, 0]))


def solve_seconds(exponent):
  """Returns `{policies: seconds}` of solving a meta-game anew after a round.

  The meta-games are random ones of a low rank, whose solutions have about the
  support that real ones have: `policies ** exponent`. Each is solved from the
  support before it, as a run does.
  """
  rng = np.random.default_rng(0)
  most = _SOLVED[-1]
  found = {}
  for size in _SOLVED:
    rank = max(1, round(size ** exponent))
    sides = rng.normal(size=(2, most, rank)) / rank ** 0.5
    game = meta_game_lib.MetaGame((0, 1))
    solve = meta_strategies.SubGameSolver(game, "nash")
    seconds = []
    for count in [24, *(k for k in _SOLVED if k < size), size]:
      _fill(game, sides, count)
      solve((tuple(range(count)),) * 2)
    for _ in range(_SOLVE_REPEATS):
      sides[:, size - 4:size] += 0.1 * rng.normal(size=(2, 4, rank))
      _fill(game, sides, size)
      start = time.perf_counter()
      solve((tuple(range(size)),) * 2)
      seconds.append(time.perf_counter() - start)
    found[size] = statistics.median(seconds)
  return found


def _fill(game, sides, count):
  game.grow((count, count))
  payoffs = sides[0, :count] @ sides[1, :count].T
  game.fill([range(count)] * 2, np.stack([payoffs, -payoffs]))


def fixed_share(game, config, seed):
  """Returns the share of training that fewer episodes a batch do not save."""
  episodes = (config.episodes_per_batch
              or state_simulator.default_episodes(game))
  if episodes < 2:
    return 1.0
  seconds = {}
  for count in (episodes, episodes // 2):
    changed = dataclasses.replace(config, episodes_per_batch=count)
    with ppsro.PipelinedOracle(game, changed, seed=seed) as oracle:
      train = _training(oracle, 1)
      train([0])
      seconds[count] = statistics.median(
          train([0]) for _ in range(_REPEATS // 2))
  half = seconds[episodes // 2] / seconds[episodes]
  return min(1.0, max(0.0, 2 * half - 1))


def _training(oracle, count):
  """Opens learners of player 0; returns a function that times some of them."""
  policy_ids = [population_lib.PolicyId(0, 1 + k) for k in range(count)]
  oracle.open(policy_ids)
  opponents = tuple(population_lib.Mixture(
      (population_lib.Snapshot(population_lib.PolicyId(role, 0), 0,
                               oracle.uniform_policy(role)),), np.ones(1))
                    for role in oracle.tree.roles)
  steps = int(np.ceil(1.4 * oracle.steps_per_batch))  # As a round does.

  def train(chosen):
    start = time.perf_counter()
    oracle.train([base.Assignment(policy_ids[k], opponents, steps, False)
                  for k in chosen])
    seconds = time.perf_counter() - start
    while time.perf_counter() - start < (1 + _MAIN_SHARE) * seconds:
      pass  # Workers that have waited a while start slowly, as in rounds.
    return seconds
  return train


def slowdowns(game, config, cores, seed):
  """Measures what processes that train at once cost each other.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    cores: of this machine.
    seed: of the learners.

  Returns:
    How much longer a task takes when all cores are busy, and how much longer
    than its share of a core says when there are two processes to a core.
  """
  workers = 2 * cores
  with ppsro.PipelinedOracle(
      game, config, ppsro.ProcessExecutor(workers), seed) as oracle:
    train = _training(oracle, workers * _TASKS_PER_WORKER)
    # As they are placed: one to each worker, then another.
    of = lambda some: [worker + turn * workers for worker in some
                       for turn in range(_TASKS_PER_WORKER)]
    train(of(range(workers)))
    alone = groups = together = 0.0
    start = time.perf_counter()
    while time.perf_counter() - start < _SLOWDOWN_SECONDS:
      alone += sum(train(of([worker])) for worker in range(workers))
      groups += train(of(range(cores))) + train(of(range(cores, workers)))
      together += train(of(range(workers)))
  return max(1.0, groups * cores / alone), max(1.0, together / groups)


class Echo:
  """An actor that does nothing."""

  def take(self, payload):
    """Returns the number of bytes that it got."""
    return len(payload)


def make_echo(shared):
  """Returns an `Echo`; what executors call."""
  del shared
  return Echo()


def pipe():
  """Measures messages between processes of this machine.

  Returns:
    Latency of a message in seconds, seconds that a further message keeps the
    pipe busy, and bytes per second.
  """
  def timed(payload, count):
    start = time.perf_counter()
    executor.call([("echo", "take", (payload,))] * count)
    return time.perf_counter() - start

  with ppsro.ProcessExecutor(1) as executor:
    executor.start(None)
    executor.create("echo", make_echo)
    large = np.zeros(_MESSAGE_BYTES, np.uint8)
    timed(large, _MESSAGES)
    one, many, heavy = (
        statistics.median(timed(payload, count) for _ in range(_REPEATS))
        for payload, count in ((b"", 1), (b"", _MESSAGES), (large, 1)))
  message = max(0.0, (many - one) / (_MESSAGES - 1))
  return (max(0.0, one / 2 - message), message,
          _MESSAGE_BYTES / max(heavy - one, 1e-9))


def measured_rounds(game, config, workers, levels, num_rounds, seed):
  """Plays rounds in worker processes; returns the mean seconds of a round.

  Args:
    game: a `GameTree` or a `StateGame`.
    config: of the learners.
    workers: processes.
    levels: of the pipeline.
    num_rounds: to play; the first `WARM_UP_ROUNDS` are not counted.
    seed: of the run.
  """
  with ppsro.PipelinedOracle(
      game, config, ppsro.ProcessExecutor(workers), seed) as oracle:
    solver = ppsro.PipelinePSROSolver(game.game, oracle,
                                      ppsro.Pipeline(levels))
    seconds = [solver.round().round_seconds for _ in range(num_rounds)]
  return statistics.mean(seconds[WARM_UP_ROUNDS:])

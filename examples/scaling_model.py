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

"""A discrete-event model of the pipeline's lockstep rounds.

Costs go in, a schedule of workers, main process and link comes out. What it
assumes:

* A round is what the solver does in one: the main process opens, solves and
  sends, the workers train, the main process measures and judges, and nothing
  of one round overlaps another.
* A level of the pipeline needs `rounds_alone` rounds of training in all, and
  `rounds_settled` of them after all below it have frozen, of which one at
  least. So with L levels one freezes every max(rounds_settled, rounds_alone /
  L) rounds, never more than one a round, and levels beyond the ratio of the
  two add work and no speed: that ratio is the depth of the pipeline.
* An iteration, one more frozen policy for every player, is worth the same
  whatever the number of levels.
* Several workers of a level share its episodes, and average each gradient.
"""

import dataclasses
import heapq
import math

import numpy as np

# Where the time of a round goes. `depth` is training while there are fewer
# tasks than workers: deeper pipelines would use them, if they helped.
CAUSES = ("training", "depth", "payoffs", "meta-Nash", "traffic", "other")
# Matches are cut into so many tasks, as `sampled_evaluation.py` does.
_MATCH_TASKS = 8


class Curve:
  """A cost that grows with the number of policies: points on a power law.

  Between two points, and beyond the last, it is a straight line on
  logarithmic axes; before the first it is constant.
  """

  def __init__(self, points):
    """Makes a curve of `{policies: cost}`, both above zero, or all costs 0."""
    self._x = np.log(sorted(points))
    values = np.array([points[size] for size in sorted(points)], float)
    if not len(values) or (values < 0).any() or (
        (values == 0).any() and (values > 0).any()):
      raise ValueError(f"the points of a curve are {points}; it takes costs "
                       "above 0, or only zeros")
    self._y = np.log(values) if values.all() else None

  def __call__(self, size):
    """Returns the cost at a number of policies."""
    if self._y is None:
      return 0.0
    x = math.log(max(size, 1))
    y = np.interp(x, self._x, self._y)
    if x > self._x[-1] and len(self._x) > 1:
      # A cost that fell between two measurements will not go on falling.
      y += (x - self._x[-1]) * max(0.0, (self._y[-1] - self._y[-2]) / (
          self._x[-1] - self._x[-2]))
    return float(np.exp(y))


def constant(cost):
  """Returns the `Curve` of a cost that does not grow."""
  return Curve({1: cost})


@dataclasses.dataclass(frozen=True, eq=False)
class Costs:
  """What the parts of a round cost, on one core that has nothing else to do.

  Curves are by the number of policies of each player, active ones included.
  A policy is `active` while it trains; it is `opened` in its first round.

  Attributes:
    populations: policies of a level.
    train_seconds: of a policy's training in a round, on a worker: a sample of
      them, drawn from with equal probability; opponents apart.
    first_train_seconds: the same of its first round.
    rounds_alone: rounds that a level needs if it is the only one in training.
    rounds_settled: of these, how many after all below it have frozen.
    open_seconds: to make a learner, on its worker.
    opponents: how many policies a learner faces.
    opponent_seconds: that each of them adds to a round's training.
    task_bytes: of a training task, opponents apart.
    opponent_bytes: that each opponent adds.
    report_bytes: of its answer.
    solve_seconds: of one meta-strategy, in the main process; a round needs as
      many as there are levels, and one more when a level freezes.
    payoff_seconds: of measuring the payoffs of one changed policy against all,
      in the main process.
    match_seconds: of playing for them, on workers, per active policy; 0 where
      payoffs are exact.
    match_bytes: of snapshots sent for it, per active policy.
    open_match_seconds: the same of an opened policy, whose cells are all new.
    open_match_bytes: likewise.
    other_seconds: of the main process, per active policy.
    round_seconds: of the main process, once a round.
    fixed_share: the share of training that several workers of a level do not
      split, but each does.
    gradient_steps: of a policy in a round, each averaged over its workers.
    gradient_bytes: of one gradient.
  """
  populations: int
  train_seconds: tuple[float, ...]
  first_train_seconds: tuple[float, ...]
  rounds_alone: float = 1.0
  rounds_settled: float = 1.0
  open_seconds: float = 0.0
  opponents: Curve = constant(0)
  opponent_seconds: float = 0.0
  task_bytes: float = 0.0
  opponent_bytes: float = 0.0
  report_bytes: float = 0.0
  solve_seconds: Curve = constant(0)
  payoff_seconds: Curve = constant(0)
  match_seconds: Curve = constant(0)
  match_bytes: Curve = constant(0)
  open_match_seconds: Curve = constant(0)
  open_match_bytes: Curve = constant(0)
  other_seconds: Curve = constant(0)
  round_seconds: float = 0.0
  fixed_share: float = 1.0
  gradient_steps: int = 0
  gradient_bytes: float = 0.0

  def __post_init__(self):
    if not self.train_seconds or not self.first_train_seconds:
      raise ValueError("there is no sample of train_seconds or of "
                       "first_train_seconds; calibrate with more rounds")
    if self.rounds_settled < 1 or self.rounds_alone < self.rounds_settled:
      raise ValueError(
          f"rounds_alone is {self.rounds_alone}, rounds_settled "
          f"{self.rounds_settled}; the second takes 1 or more, the first at "
          "least the second")

  def rounds_per_iteration(self, levels):
    """Returns how many rounds it takes one level of `levels` to freeze."""
    return max(self.rounds_settled, self.rounds_alone / levels)

  @property
  def depth(self):
    """The number of levels beyond which more do not freeze faster."""
    return math.ceil(self.rounds_alone / self.rounds_settled - 1e-9)


@dataclasses.dataclass(frozen=True)
class Machine:
  """Where rounds are played.

  Attributes:
    workers: processes that train, of one thread each.
    cores: that they share, one machine's or a cluster's.
    busy_slowdown: how much longer a task takes when `busy_cores` cores are
      busy, of memory and clock that they share; 1 is no longer.
    busy_cores: see there.
    shared_slowdown: how much longer than twice as long, or three times, tasks
      take when there are two or more of them to a core.
    bytes_per_second: of the link of the main process, each way.
    latency_seconds: of a message, which keeps the link free.
    message_seconds: of a message, which keeps it busy.
  """
  workers: int
  cores: int
  busy_slowdown: float = 1.0
  busy_cores: int = 2
  shared_slowdown: float = 1.0
  bytes_per_second: float = math.inf
  latency_seconds: float = 0.0
  message_seconds: float = 0.0

  def __post_init__(self):
    for name in ("workers", "cores"):
      if getattr(self, name) < 1:
        raise ValueError(
            f"{name} is {getattr(self, name)}; it takes 1 or more")

  def speed(self, running):
    """Returns the speed of each of `running` tasks; 1 is alone."""
    crowd = min(1.0, (min(running, self.cores) - 1)
                / max(1, self.busy_cores - 1))
    speed = 1 / (1 + (self.busy_slowdown - 1) * crowd)
    if running > self.cores:
      waiting = min(1.0, (running - self.cores) / self.cores)
      speed *= self.cores / running / (1 + (self.shared_slowdown - 1) * waiting)
    return speed

  def transfer_seconds(self, size):
    """Returns how long a message of `size` bytes keeps the link busy."""
    return self.message_seconds + size / self.bytes_per_second


class Cores:
  """Tasks that run at once, all at the same speed."""

  def __init__(self, machine):
    self._machine = machine
    self._time = 0.0
    self._work = 0.0  # Done so far for each task, had it run from the start.
    self._ends = []  # A heap of (work when it ends, worker).

  def start(self, time, worker, seconds):
    """Starts a task of so many seconds on a worker that has none."""
    self._advance(time)
    heapq.heappush(self._ends, (self._work + seconds, worker))

  def next_end(self):
    """Returns when the next task ends; infinity if none runs."""
    if not self._ends:
      return math.inf
    speed = self._machine.speed(len(self._ends))
    return self._time + max(0.0, self._ends[0][0] - self._work) / speed

  def end(self):
    """Ends that task and returns `(time, worker)`."""
    time = self.next_end()
    self._advance(time)
    self._work, worker = heapq.heappop(self._ends)
    return time, worker

  def _advance(self, time):
    self._work += (time - self._time) * self._machine.speed(
        max(1, len(self._ends)))
    self._time = time


@dataclasses.dataclass(frozen=True)
class Task:
  """A call of an actor: its work, and what travels to it and back."""
  seconds: float
  bytes_sent: float = 0.0
  bytes_answered: float = 0.0


@dataclasses.dataclass(frozen=True)
class Schedule:
  """How a call of many actors went.

  Attributes:
    seconds: from the first message to the last answer.
    traffic_seconds: of these, how long the task that answered last was not
      running: on its way, and its answer.
    busy_seconds: of all workers together, running tasks.
  """
  seconds: float
  traffic_seconds: float
  busy_seconds: float


def schedule(machine, shares):
  """Plays one call of an executor, event by event.

  The main process sends each worker its share, one worker after another; a
  worker runs its tasks in order and answers each; answers queue for the link.

  Args:
    machine: a `Machine`.
    shares: `{worker: [Task]}`, in the order in which they are sent.

  Returns:
    A `Schedule`.
  """
  cores, arrivals, free = Cores(machine), [], 0.0
  for worker, share in shares.items():
    free += machine.transfer_seconds(sum(task.bytes_sent for task in share))
    heapq.heappush(arrivals, (free + machine.latency_seconds, worker))
  waiting = {worker: list(reversed(share)) for worker, share in shares.items()}
  began, last_start = {}, {}
  free = last = traffic = busy = 0.0
  while True:
    if arrivals and arrivals[0][0] <= cores.next_end():
      time, worker = heapq.heappop(arrivals)
      began[worker] = last_start[worker] = time
    elif cores.next_end() < math.inf:
      time, worker = cores.end()
      busy += time - last_start[worker]
      last_start[worker] = time
      task = waiting[worker].pop()
      free = max(free, time) + machine.transfer_seconds(task.bytes_answered)
      answered = free + machine.latency_seconds
      if answered >= last:
        last, traffic = answered, answered - (time - began[worker])
    else:
      return Schedule(last, traffic, busy)
    if waiting[worker]:
      cores.start(time, worker, waiting[worker][-1].seconds)


class Homes:
  """Which worker each actor lives on, by the rule of `executors.Placement`.

  That one is made for a few workers, this one for thousands.
  """

  def __init__(self, num_workers):
    self._actors = np.zeros(num_workers, int)
    self._fresh = np.zeros(num_workers, int)  # Created since the last call.
    self._homes = {}

  def place(self, name, apart_from=()):
    """Chooses a worker for a new actor and returns its index."""
    order = self._actors * (len(self._homes) + 1) + self._fresh
    order[[self._homes[other] for other in apart_from]] = np.iinfo(int).max
    worker = int(order.argmin())
    self._homes[name] = worker
    self._actors[worker] += 1
    self._fresh[worker] += 1
    return worker

  def remove(self, name):
    """Forgets an actor."""
    self._actors[self._homes.pop(name)] -= 1

  def shares(self, tasks):
    """Returns `{worker: [Task]}` of `{name: Task}`."""
    self._fresh[:] = 0
    shares = {}
    for name, task in tasks.items():
      shares.setdefault(self._homes[name], []).append(task)
    return shares


class Rounds:
  """Plays the rounds of a pipeline on a machine."""

  def __init__(self, costs, machine, levels, workers_per_level=1, seed=0):
    """Makes a pipeline whose levels are all in training.

    Args:
      costs: `Costs`.
      machine: a `Machine`.
      levels: policies of each player that train at once.
      workers_per_level: that train each policy.
      seed: of the draws from samples of costs.

    Raises:
      ValueError: if there are fewer workers than a level needs.
    """
    if levels < 1:
      raise ValueError(f"levels is {levels}; it takes 1 or more")
    if workers_per_level > machine.workers:
      raise ValueError(
          f"{workers_per_level} workers per level need as many workers, the "
          f"machine has {machine.workers}")
    self._costs = costs
    self._machine = machine
    self._workers_per_level = workers_per_level
    self._rng = np.random.default_rng(seed)
    # Workers beyond these never get a task.
    most = levels * costs.populations * workers_per_level + _MATCH_TASKS
    self._used = min(machine.workers, most)
    self._homes = Homes(self._used)
    self._plays = costs.match_seconds(1) > 0
    if self._plays:  # The evaluator is there first.
      for worker in range(self._used):
        self._homes.place(("match", worker))
    self._opened = 0
    self._active = []  # Levels, lowest first; each a list of policies.
    for _ in range(levels):
      self._open()
    self._fresh = set()

  def _open(self):
    level = []
    for _ in range(self._costs.populations):
      policy, names = self._opened, []
      self._opened += 1
      for rank in range(self._workers_per_level):
        names.append((policy, rank))
        self._homes.place(names[-1], names[:-1])
      level.append(policy)
    self._active.append(level)

  def freeze(self):
    """Freezes the lowest level; the round after it opens another."""
    for policy in self._active.pop(0):
      for rank in range(self._workers_per_level):
        self._homes.remove((policy, rank))
    self._open()
    self._fresh = set(self._active[-1])

  def play(self, frozen):
    """Plays a round.

    Args:
      frozen: how many policies of each player have frozen.

    Returns:
      `{cause: seconds}`, and how long all workers together ran tasks.
    """
    costs = self._costs
    policies = frozen + len(self._active)
    active = [policy for level in self._active for policy in level]
    opened = [policy for policy in active if policy in self._fresh]
    opponents = costs.opponents(policies)
    seconds = dict.fromkeys(CAUSES, 0.0)
    seconds["meta-Nash"] = costs.solve_seconds(policies) * (
        len(self._active) + bool(opened))
    seconds["payoffs"] = costs.payoff_seconds(policies) * (
        len(active) + len(opened))
    seconds["other"] = (costs.round_seconds
                        + costs.other_seconds(policies) * len(active))
    calls = []
    if opened:
      task = Task(costs.open_seconds, bytes_answered=costs.report_bytes)
      calls.append(("training", self._homes.shares(
          {(policy, 0): task for policy in opened})))
      calls += self._matches(len(opened), costs.open_match_seconds(policies),
                             costs.open_match_bytes(policies))
    calls.append(("training", self._homes.shares({
        name: task for policy in active
        for name, task in self._training(policy, opponents)})))
    calls += self._matches(len(active), costs.match_seconds(policies),
                           costs.match_bytes(policies))
    busy_seconds = 0.0
    for cause, shares in calls:
      if cause == "training" and sum(
          map(len, shares.values())) < self._machine.workers:
        cause = "depth"
      found = schedule(self._machine, shares)
      busy_seconds += found.busy_seconds
      seconds["traffic"] += found.traffic_seconds
      seconds[cause] += found.seconds - found.traffic_seconds
    self._fresh = set()
    return seconds, busy_seconds

  def _training(self, policy, opponents):
    """Yields the name and `Task` of each worker of a policy."""
    costs, team = self._costs, self._workers_per_level
    seconds = self._rng.choice(
        costs.first_train_seconds if policy in self._fresh
        else costs.train_seconds) + opponents * costs.opponent_seconds
    if team > 1:
      seconds *= costs.fixed_share + (1 - costs.fixed_share) / team
      # A ring: each worker passes on all but its own part, twice.
      seconds += costs.gradient_steps * 2 * (team - 1) * (
          self._machine.latency_seconds + costs.gradient_bytes / team
          / self._machine.bytes_per_second)
    for rank in range(team):
      yield (policy, rank), Task(
          seconds, costs.task_bytes + opponents * costs.opponent_bytes,
          costs.report_bytes if rank == 0 else 0)

  def _matches(self, changed, seconds, size):
    """Yields the call that plays matches for so many policies, if any."""
    if self._plays:
      shares = {}
      for number in range(_MATCH_TASKS):
        shares.setdefault(number % self._used, []).append(
            Task(seconds * changed / _MATCH_TASKS,
                 size * changed / _MATCH_TASKS))
      yield "payoffs", shares


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What a pipeline does on a machine.

  Attributes:
    workers: of the machine.
    levels: in training at once.
    workers_per_level: that train each policy.
    seconds_per_round: mean.
    seconds_per_iteration: mean; an iteration is a frozen policy per player.
    utilisation: the share of time that the workers run tasks.
    shares: `{cause: share of the time}`, see `CAUSES`.
  """
  workers: int
  levels: int
  workers_per_level: int
  seconds_per_round: float
  seconds_per_iteration: float
  utilisation: float
  shares: dict[str, float]

  @property
  def binds(self):
    """The cause that takes the largest share of the time."""
    return max(self.shares, key=self.shares.get)


def predict(costs, machine, levels, workers_per_level=1, populations=(1,)):
  """Plays an iteration at each of several population sizes.

  A level has just frozen in its first round; the others are alike, so that one
  is played and counts for all of them.

  Args:
    costs: `Costs`.
    machine: a `Machine`.
    levels: policies of each player that train at once.
    workers_per_level: that train each policy.
    populations: numbers of frozen policies of each player, ascending.

  Returns:
    A `Prediction`: means over them.
  """
  pipeline = Rounds(costs, machine, levels, workers_per_level)
  rounds = costs.rounds_per_iteration(levels)
  total, busy_seconds = dict.fromkeys(CAUSES, 0.0), 0.0
  for frozen in populations:
    pipeline.freeze()
    for weight in (1, rounds - 1):
      seconds, busy = pipeline.play(frozen)
      busy_seconds += weight * busy
      for cause in CAUSES:
        total[cause] += weight * seconds[cause]
  seconds = sum(total.values())
  return Prediction(
      machine.workers, levels, workers_per_level,
      seconds / rounds / len(populations), seconds / len(populations),
      busy_seconds / seconds / machine.workers if seconds else 0.0,
      {cause: part / seconds if seconds else 0.0
       for cause, part in total.items()})


def best(costs, machine, levels, workers_per_level, populations):
  """Returns the fastest `Prediction` per iteration.

  Args:
    costs: `Costs`.
    machine: a `Machine`.
    levels: numbers of levels to try.
    workers_per_level: numbers of workers to try; those that need more workers
      than there are, are left out.
    populations: as for `predict`.
  """
  found = [
      predict(costs, machine, count, team, populations)
      for count in levels for team in workers_per_level
      if team == 1 or count * team * costs.populations <= machine.workers]
  return min(found, key=lambda prediction: prediction.seconds_per_iteration)


def powers_of_two(most):
  """Returns 1, 2, 4, ... and `most` itself."""
  return [2 ** k for k in range(math.ceil(math.log2(most)))] + [most]

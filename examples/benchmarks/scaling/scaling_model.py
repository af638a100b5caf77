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
* A level of the pipeline needs `rounds_settled` rounds of training after all
  below it have frozen, and before that `rounds_shared` more, in which those
  above it train, too. So with L levels one freezes every rounds_settled +
  rounds_shared / L rounds: the depth of the pipeline binds as the serial part
  does in Amdahl's law.
* An iteration, one more frozen policy for every player, is worth the same
  whatever the number of levels.
* One worker trains a policy; workers of one level do not share it.
"""

import collections
import dataclasses
import heapq
import math
from typing import Callable
from typing import NamedTuple

import numpy as np

# Where the time of a round goes. `depth` is training while there are fewer
# tasks than workers: deeper pipelines would use them, if they helped.
CAUSES = ("training", "depth", "payoffs", "meta-Nash", "traffic", "other")
# Deeper pipelines with more policies to a worker are not worth a try: they
# only share out what the main process does once a round.
_MOST_PER_WORKER = 8


def curve(points):
  """Returns the function through `{size: cost}`, a power law between points.

  Before the first and after the last it is constant. Costs are above zero.
  """
  sizes = np.log(sorted(points))
  costs = np.log([points[size] for size in sorted(points)])
  return lambda size: float(np.exp(np.interp(np.log(size), sizes, costs)))


def nothing(size):
  """The curve of what costs nothing."""
  del size
  return 0.0


@dataclasses.dataclass(frozen=True)
class Costs:
  """What the parts of a round cost, on one core that has nothing else to do.

  Curves are by the number of policies of each player, active ones included.
  A policy is active while it trains.

  Attributes:
    populations: policies of a level.
    train_seconds: of a policy's training in a round, opponents apart: a sample,
      drawn from with equal probability.
    rounds_settled: that a level needs after all below it have frozen.
    rounds_shared: that it needs before, while levels above it train, too.
    open_seconds: to make a learner, on its worker.
    snapshot_bytes: of a policy, with the report of its training.
    opponents: curve, how many policies a learner faces.
    opponent_seconds: that each of them adds to a round's training.
    opponent_bytes: that each of them adds to what a worker is sent.
    solve_seconds: curve, of a meta-strategy; a round has one for each level and
      one more.
    payoff_seconds: curve, of measuring payoffs in the main process, per active
      policy.
    match_seconds: of playing for them, on workers, per active policy; 0 where
      payoffs are exact.
    match_bytes: of snapshots that whoever plays is sent, per active policy.
    match_tasks: into how many tasks the playing of a round is cut.
    other_seconds: curve, of the main process, per active policy.
    round_seconds: of the main process, once a round.
  """
  populations: int
  train_seconds: tuple[float, ...]
  rounds_settled: float
  rounds_shared: float
  open_seconds: float = 0.0
  snapshot_bytes: float = 0.0
  opponents: Callable[[float], float] = nothing
  opponent_seconds: float = 0.0
  opponent_bytes: float = 0.0
  solve_seconds: Callable[[float], float] = nothing
  payoff_seconds: Callable[[float], float] = nothing
  match_seconds: float = 0.0
  match_bytes: float = 0.0
  match_tasks: int = 8
  other_seconds: Callable[[float], float] = nothing
  round_seconds: float = 0.0

  def rounds_per_iteration(self, levels):
    """Returns how many rounds it takes one level of `levels` to freeze."""
    return self.rounds_settled + self.rounds_shared / levels


@dataclasses.dataclass(frozen=True)
class Machine:
  """Where rounds are played.

  Attributes:
    workers: processes that train, of one thread each.
    cores: that they share, one machine's or a cluster's.
    busy_slowdown: how much longer a task takes when all cores are busy, of
      memory and clock that they share; 1 is no longer.
    bytes_per_second: of the link of the main process, each way.
    latency_seconds: of a message, in which the link takes others.
  """
  workers: int
  cores: int
  busy_slowdown: float = 1.0
  bytes_per_second: float = math.inf
  latency_seconds: float = 0.0

  def speed(self, running):
    """Returns the speed of each of `running` tasks; 1 is alone."""
    crowd = (min(running, self.cores) - 1) / max(1, self.cores - 1)
    return (min(1.0, self.cores / running)
            / (1 + (self.busy_slowdown - 1) * crowd))


class Task(NamedTuple):
  """A call of an actor: its work, and what travels to it and back."""
  seconds: float
  bytes_sent: float = 0.0
  bytes_answered: float = 0.0


def schedule(machine, tasks):
  """Plays one call of an executor, event by event.

  Workers get tasks in turn. The main process sends each its share, one worker
  after another; a worker runs its tasks in order and answers each; answers
  queue for the link. Tasks that run at once do so at the same speed.

  Args:
    machine: a `Machine`.
    tasks: a list of `Task`.

  Returns:
    Seconds from the first message to the last answer, and how long in these
    the task that answered last was not running: on its way, and its answer.
  """
  shares = [collections.deque(tasks[worker::machine.workers])
            for worker in range(min(machine.workers, len(tasks)))]
  arrivals, link = collections.deque(), 0.0
  for worker, share in enumerate(shares):
    link += sum(task.bytes_sent for task in share) / machine.bytes_per_second
    arrivals.append((link + machine.latency_seconds, worker))
  running, began = [], {}  # A heap of (progress when it ends, worker).
  # Progress is the work done for a task that has run from the start.
  time = progress = link = last = traffic = 0.0
  while arrivals or running:
    speed = machine.speed(max(1, len(running)))
    end = (time + max(0.0, running[0][0] - progress) / speed if running
           else math.inf)
    is_arrival = bool(arrivals) and arrivals[0][0] <= end
    event = arrivals[0][0] if is_arrival else end
    progress += (event - time) * speed
    time = event
    if is_arrival:
      _, worker = arrivals.popleft()
      began[worker] = time
    else:
      progress, worker = heapq.heappop(running)
      link = max(link, time) + (
          shares[worker].popleft().bytes_answered / machine.bytes_per_second)
      if link + machine.latency_seconds >= last:
        last = link + machine.latency_seconds
        traffic = last - (time - began[worker])
    if shares[worker]:
      heapq.heappush(running, (progress + shares[worker][0].seconds, worker))
  return last, traffic


def play_round(costs, machine, levels, frozen, opens, rng):
  """Plays a round.

  Args:
    costs: `Costs`.
    machine: a `Machine`.
    levels: policies of each player that train at once.
    frozen: how many policies of each player have frozen.
    opens: whether a level has just opened.
    rng: a NumPy generator; draws from samples of costs.

  Returns:
    `{cause: seconds}`.
  """
  policies, active = frozen + levels, levels * costs.populations
  seconds = dict.fromkeys(CAUSES, 0.0)
  seconds["meta-Nash"] = (levels + 1) * costs.solve_seconds(policies)
  seconds["payoffs"] = active * costs.payoff_seconds(policies)
  seconds["other"] = (costs.round_seconds
                      + active * costs.other_seconds(policies))
  calls = []
  if opens:
    calls.append(("training", costs.populations * [
        Task(costs.open_seconds, 0.0, costs.snapshot_bytes)]))
  opponents = costs.opponents(policies)
  calls.append(("training", [
      Task(train_seconds + opponents * costs.opponent_seconds,
           opponents * costs.opponent_bytes, costs.snapshot_bytes)
      for train_seconds in rng.choice(costs.train_seconds, active)]))
  if costs.match_seconds:
    task = Task(active * costs.match_seconds / costs.match_tasks)
    sent = task._replace(bytes_sent=active * costs.match_bytes)
    first = min(machine.workers, costs.match_tasks)
    calls.append(("payoffs", first * [sent]
                  + (costs.match_tasks - first) * [task]))
  for cause, tasks in calls:
    if cause == "training" and len(tasks) < machine.workers:
      cause = "depth"
    total, traffic = schedule(machine, tasks)
    seconds["traffic"] += traffic
    seconds[cause] += total - traffic
  return seconds


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What a pipeline does on a machine.

  Attributes:
    workers: of the machine.
    levels: in training at once.
    seconds_per_round: mean.
    seconds_per_iteration: mean; an iteration is a frozen policy per player.
    shares: `{cause: share of the time}`, see `CAUSES`.
  """
  workers: int
  levels: int
  seconds_per_round: float
  seconds_per_iteration: float
  shares: dict[str, float]

  @property
  def binds(self):
    """The cause that takes the largest share of the time."""
    return max(self.shares, key=self.shares.get)


def predict(costs, machine, levels, populations):
  """Returns the `Prediction`, mean over iterations at several sizes.

  Of an iteration the first round, in which a level opens, and one of the
  others are played; that one counts for all of them.

  Args:
    costs: `Costs`.
    machine: a `Machine`.
    levels: policies of each player that train at once.
    populations: numbers of frozen policies of each player.
  """
  rng = np.random.default_rng(0)
  rounds = costs.rounds_per_iteration(levels)
  total = collections.Counter()
  for frozen in populations:
    for opens, weight in ((True, 1), (False, rounds - 1)):
      for cause, seconds in play_round(
          costs, machine, levels, frozen, opens, rng).items():
        total[cause] += weight * seconds / len(populations)
  seconds = sum(total.values())
  return Prediction(
      machine.workers, levels, seconds / rounds, seconds,
      {cause: part / seconds for cause, part in total.items()})


def best(costs, machine, levels, populations):
  """Returns the fastest `Prediction` per iteration.

  Args:
    costs: `Costs`.
    machine: a `Machine`.
    levels: numbers of levels to try, ascending.
    populations: as for `predict`.
  """
  few = [count for count in levels if count * costs.populations
         <= _MOST_PER_WORKER * machine.workers]
  return min((predict(costs, machine, count, populations)
              for count in few or levels[:1]),
             key=lambda prediction: prediction.seconds_per_iteration)

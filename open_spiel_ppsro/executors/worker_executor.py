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

"""WorkerExecutor: it places actors on workers and survives a worker's death.

It keeps what is needed to make each actor again: how the actor was made, its
state some time ago, and the calls since then. A worker that dies or hangs is
replaced; its actors are restored, and repeat the calls since then. If actors
answer the same when they are told the same, their caller does not notice.

Process and Ray executors derive from it and only add how to start, end, reach
and hear a worker.
"""

import abc
import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import time
from typing import Any
from typing import NamedTuple
from typing import SupportsIndex

from absl import logging

from open_spiel_ppsro.executors import actor_host
from open_spiel_ppsro.executors import executor as executor_lib

# After this many deaths in a row during calls of the same actor, the executor
# stops with an error: the actor itself is at fault.
_MOST_DEATHS = 3
# Seconds between two savings of the states of all actors. No more than about
# this much work has to be repeated after a death.
_SAVE_SECONDS = 10.0
# Seconds to wait, after an actor that waits for others has failed, for one of
# the other workers to turn out dead: that was then the reason.
_GRACE_SECONDS = 1.0


# What workers have said, by worker: some of the `(succeeded, answer)` of its
# `ActorHost`, and why the worker is dead, or None if it lives.
Heard = dict[int, tuple[list[tuple[bool, Any]], str | None]]


class Placement:
  """The worker that each actor lives on; one rule spreads actors evenly."""

  def __init__(self, num_workers: int) -> None:
    self._num_workers = num_workers
    self._homes: dict[Hashable, int] = {}  # Actor name -> worker index.
    # The worker index of each actor created since the last call.
    self._fresh: list[int] = []

  def place(self, name: Hashable, apart_from: Sequence[Hashable]) -> int:
    """Chooses a worker for a new actor and returns its index.

    The rule takes the worker with the fewest actors; of these, the one with the
    fewest new ones, because an actor's first call is often its longest.

    Raises:
      ValueError: if there are too few workers to keep it apart from others.
    """
    taken = {self._homes[other] for other in apart_from}
    free = [worker for worker in range(self._num_workers)
            if worker not in taken]
    if not free:
      raise ValueError(
          f"{len(apart_from) + 1} workers of one level need as many worker "
          f"processes, there are {self._num_workers}")
    homes = list(self._homes.values())
    self._homes[name] = min(free, key=lambda worker: (
        homes.count(worker), self._fresh.count(worker)))
    self._fresh.append(self._homes[name])
    return self._homes[name]

  def remove(self, name: Hashable) -> int:
    """Forgets an actor and returns the worker that it lived on."""
    return self._homes.pop(name)

  def home(self, name: Hashable) -> int:
    """Returns the worker that an actor lives on."""
    return self._homes[name]

  def residents(self, workers: Collection[int]) -> set[Hashable]:
    """Returns the names of the actors that live on some workers."""
    return {name for name, home in self._homes.items() if home in workers}

  def calls_begin(self) -> None:
    """Says that the actors created so far are no longer new."""
    self._fresh.clear()


@dataclasses.dataclass
class _Recipe:
  """How to make an actor again.

  Attributes:
    factory: makes the actor, of what all actors share and of `args`.
    args: further arguments of the factory.
    state: to be restored; None for the state of a new actor.
    has_peers: whether the actor waits for others while it runs, or they for it.
  """
  factory: Callable[..., Any]
  args: tuple[Any, ...]
  state: Any
  has_peers: bool


class _Call(NamedTuple):
  """A task that a worker was sent and has not answered yet.

  Attributes:
    ticket: under which the caller will collect the answer; None for a task that
      is repeated after a death and whose answer is known already.
    task: what the worker was sent.
  """
  ticket: int | None
  task: executor_lib.Task


class WorkerExecutor(executor_lib.Executor):
  """An executor that spreads actors over workers.

  An actor stays on the worker where it was created.
  """

  def __init__(self, num_workers: int,
               worker_timeout_seconds: float | None = None,
               imports: Sequence[str] = ()) -> None:
    """Makes an executor without workers; `start` launches them.

    Args:
      num_workers: how many workers to launch.
      worker_timeout_seconds: a worker that has not answered for so long counts
        as dead; None for never.
      imports: the names of modules that each worker imports first, such as the
        one that registers a game of your own.

    Raises:
      ValueError: if an argument is out of range or of the wrong type.
    """
    if not isinstance(num_workers, SupportsIndex) or num_workers < 1:
      raise ValueError(f"num_workers is {num_workers!r}; it takes a whole "
                       "number, 1 or more")
    if worker_timeout_seconds is not None and not (
        isinstance(worker_timeout_seconds, (int, float))
        and 0 < worker_timeout_seconds < float("inf")):
      raise ValueError(
          f"worker_timeout_seconds is {worker_timeout_seconds!r}; it takes a "
          "number of seconds above 0, or None for no limit")
    if not isinstance(imports, (list, tuple)) or not all(
        isinstance(name, str) for name in imports):
      raise ValueError(f"imports is {imports!r}; it takes a list of module "
                       "names, as in ['my_games']")
    self.num_workers = int(num_workers)
    self._timeout = worker_timeout_seconds
    self.imports = tuple(imports)
    self._forget()

  def _forget(self) -> None:
    """Sets everything to the state of an executor that has no workers."""
    self._placement = Placement(self.num_workers)
    self._recipes: dict[Hashable, _Recipe] = {}  # In order of creation.
    # The calls since the actors' states were kept.
    self._journal: list[executor_lib.Task] = []
    self._saved_at = time.monotonic()
    # Per worker, oldest first.
    self._unanswered: list[collections.deque[_Call]] = [
        collections.deque() for _ in range(self.num_workers)]
    self._heard_at = [0.0] * self.num_workers  # Clock of time.monotonic.
    self._answers: dict[int, Any] = {}  # By ticket, until they are collected.
    self._num_submitted = 0
    # By actor name, the deaths in a row during its calls.
    self._deaths: collections.Counter[Hashable] = collections.Counter()

  # The members that each kind of worker implements.

  @abc.abstractmethod
  def _start_workers(self, shared: bytes) -> None:
    """Starts all workers.

    Args:
      shared: the first message to each worker.
    """

  @abc.abstractmethod
  def _end_workers(self) -> None:
    """Ends all workers, if there are any."""

  @abc.abstractmethod
  def _launch(self, worker: int) -> None:
    """Starts worker number `worker` in place of one that was killed."""

  @abc.abstractmethod
  def _kill(self, worker: int) -> None:
    """Ends a worker for certain."""

  @abc.abstractmethod
  def _post(self, worker: int, message: bytes, is_call: bool) -> None:
    """Sends a message for `ActorHost.obey`; never waits and never fails.

    Args:
      worker: the index of the worker.
      message: what `actor_host.message` returned.
      is_call: whether the worker will answer.
    """

  @abc.abstractmethod
  def _receive(self, workers: Sequence[int],
               timeout: float | None) -> Heard:
    """Waits until some workers have something to say.

    Args:
      workers: those to wait for.
      timeout: how many seconds to wait at most; None for no limit.

    Returns:
      What was said, of the workers that have said anything.

    Raises:
      WorkerError: if a worker cannot work, and another in its place could not
        either.
    """

  # The members that all kinds of workers have in common.

  def start(self, shared: Any) -> None:
    self._check_is_free()
    self._forget()
    try:
      self._start_workers(actor_host.message("share", shared))
    except BaseException:
      self._end_workers()
      raise
    self.is_started = True

  def close(self) -> None:
    self._end_workers()
    self._forget()
    self.is_started = False

  def _send(self, worker: int, command: str, *details: Any) -> None:
    """Sends a command and its arguments to the `ActorHost` of a worker."""
    self._post(worker, actor_host.message(command, *details),
               is_call=command == "call")

  def _send_calls(self, worker: int, calls: Iterable[_Call]) -> None:
    """Sends calls, as plain tuples: pickling them takes a quarter of the time.
    """
    self._send(worker, "call", [tuple(call.task) for call in calls])

  def create(self, name: Hashable, factory: Callable[..., Any], *args: Any,
             apart_from: Sequence[Hashable] = (), state: Any = None) -> None:
    self._check_is_started()
    worker = self._placement.place(name, apart_from)
    for other in apart_from:
      self._recipes[other].has_peers = True
    self._recipes[name] = _Recipe(factory, args, state, bool(apart_from))
    self._send(worker, "create", name, factory, args, state)

  def submit(self, tasks: Iterable[executor_lib.Task]) -> list[int]:
    self._check_is_started()
    self._placement.calls_begin()
    shares: dict[int, list[_Call]] = {}
    tickets = []
    for task in tasks:
      ticket, task = self._num_submitted, executor_lib.Task(*task)
      self._num_submitted += 1
      tickets.append(ticket)
      shares.setdefault(self._placement.home(task.name), []).append(
          _Call(ticket, task))
    for worker, share in shares.items():
      if not self._unanswered[worker]:
        self._heard_at[worker] = time.monotonic()
      self._unanswered[worker].extend(share)
      self._send_calls(worker, share)
    return tickets

  def collect(self, tickets: Sequence[int],
              at_least: int | None = None) -> dict[int, Any]:
    self._check_is_started()
    at_least = len(tickets) if at_least is None else at_least
    while sum(ticket in self._answers for ticket in tickets) < at_least:
      busy = self._busy()
      if not busy:
        raise ValueError(
            "the tickets stand for calls that were collected before, or given "
            "up because another call failed: submit the calls again")
      dead, failed = self._listen(busy, self._patience(busy))
      dead.update(self._overdue(dead))
      if failed and not dead and self._have_peers(failed):
        dead = self._dead_peers(failed)
      # A failure counts, unless it may come from the death of a peer.
      if failed and not self._have_peers(dead):
        self._raise_first(failed)
      if dead:
        self._replace(dead)
    return {ticket: self._answers.pop(ticket) for ticket in tickets
            if ticket in self._answers}

  def _busy(self) -> list[int]:
    """Returns the workers that have calls to answer."""
    return [worker for worker, calls in enumerate(self._unanswered) if calls]

  def _patience(self, busy: Sequence[int]) -> float | None:
    """Returns the seconds until one of some workers counts as hanging."""
    if self._timeout is None:
      return None
    first = min(self._heard_at[worker] for worker in busy)
    return max(0.0, first + self._timeout - time.monotonic())

  def _listen(self, busy: Sequence[int], timeout: float | None
             ) -> tuple[dict[int, str], dict[int, str]]:
    """Waits for workers and takes their answers.

    Args:
      busy: the workers to wait for.
      timeout: how many seconds to wait at most; None for no limit.

    Returns:
      `{worker: reason}` of the workers that died, and of those whose oldest
      call has failed and which have given up the calls after it.
    """
    dead, failed = {}, {}
    for worker, (answers, death) in self._receive(busy, timeout).items():
      self._heard_at[worker] = time.monotonic()
      for succeeded, answer in answers:
        if succeeded:
          self._take(worker, answer)
        else:
          failed[worker] = answer
      if death:
        dead[worker] = death
    return dead, failed

  def _take(self, worker: int, answer: Any) -> None:
    """Takes the answer to the oldest call of a worker."""
    ticket, task = self._unanswered[worker].popleft()
    if ticket is None:
      return
    self._answers[ticket] = answer
    self._deaths.pop(task.name, None)
    if task.method != "state":
      self._journal.append(task)

  def _overdue(self, dead: Collection[int]) -> dict[int, str]:
    """Returns `{worker: reason}` of the workers that hang and are not dead."""
    if self._timeout is None:
      return {}
    now = time.monotonic()
    return {worker: f"did not answer for {self._timeout:g} s"
            for worker in self._busy() if worker not in dead
            and now - self._heard_at[worker] >= self._timeout}

  def _have_peers(self, workers: Collection[int]) -> bool:
    """Returns whether an actor on some workers waits for others."""
    return any(self._recipes[name].has_peers
               for name in self._placement.residents(workers))

  def _dead_peers(self, failed: dict[int, str]) -> dict[int, str]:
    """Waits for the death that made some workers fail.

    Args:
      failed: `{worker: reason}`; the workers that fail meanwhile are added.

    Returns:
      `{worker: reason}` of the workers that are found dead within the grace.
    """
    end = time.monotonic() + _GRACE_SECONDS
    dead: dict[int, str] = {}
    while not dead and time.monotonic() < end:
      others = [worker for worker in self._busy() if worker not in failed]
      if not others:
        break
      dead, more = self._listen(others, max(0.0, end - time.monotonic()))
      failed.update(more)
    return dead

  def _raise_first(self, failed: Mapping[int, str]) -> None:
    """Raises the error of the first of some workers whose calls failed."""
    worker, reason = next(iter(failed.items()))
    name = self._unanswered[worker][0].task.name
    for worker in failed:
      self._unanswered[worker].clear()
    raise executor_lib.WorkerError.of_actor(name, reason)

  def _replace(self, dead: Mapping[int, str]) -> None:
    """Replaces workers and lets the new ones get to where the old ones were.

    Args:
      dead: `{worker: reason}`; each worker died in the middle of a call.
    """
    for worker, reason in dead.items():
      # A worker that was repeating answered calls did not die of these: they
      # went well before.
      calls = self._unanswered[worker]
      name = min(calls, key=lambda call: call.ticket is None).task.name
      self._deaths[name] += 1
      if self._deaths[name] == _MOST_DEATHS:
        raise executor_lib.WorkerError(
            f"the worker of {name} died {_MOST_DEATHS} times in a row; the "
            f"last one {reason}")
      logging.warning("The worker of %s %s; it is replaced.", name, reason)
    # Actors that wait for each other can only start again together.
    workers = range(self.num_workers) if self._have_peers(dead) else list(dead)
    for worker in workers:
      self._kill(worker)
    for worker in workers:
      self._launch(worker)
      self._catch_up(worker)

  def _catch_up(self, worker: int) -> None:
    """Makes the actors of a new worker again and sends their calls again."""
    residents = self._placement.residents([worker])
    for name, recipe in self._recipes.items():
      if name in residents:
        self._send(worker, "create", name, recipe.factory, recipe.args,
                   recipe.state)
    calls = [_Call(None, task) for task in self._journal
             if task.name in residents]
    calls += [call for call in self._unanswered[worker]
              if call.ticket is not None]
    self._unanswered[worker] = collections.deque(calls)
    self._send_calls(worker, calls)
    self._heard_at[worker] = time.monotonic()

  def states(self, names: Iterable[Hashable]) -> list[Any]:
    names = list(names)
    states = super().states(names)
    for name, state in zip(names, states):
      self._recipes[name].state = state
    known = set(names)
    self._journal = [task for task in self._journal if task.name not in known]
    return states

  def save_if_due(self) -> None:
    now = time.monotonic()
    if now - self._saved_at >= _SAVE_SECONDS:
      self.states(dict.fromkeys(task.name for task in self._journal))
      self._saved_at = now

  def discard(self, name: Hashable) -> None:
    self._check_is_started()
    self._send(self._placement.remove(name), "discard", name)
    del self._recipes[name]
    self._deaths.pop(name, None)
    self._journal = [task for task in self._journal if task.name != name]


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
  """Sets environment variables for the processes started inside."""
  before = {name: os.environ.get(name) for name in variables}
  os.environ.update(variables)
  try:
    yield
  finally:
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value

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

"""Executor: it keeps stateful objects and runs their methods, many at once.

The objects are called *actors*. Each one has a name, is made once by
`factory(shared, *args)`, and stays where it was made. Answers come back in the
order of the calls, so that a caller gets the same from every executor, with any
number of workers. This folder knows nothing of games, policies or learning.

An actor that changes when it is called has two more methods: `state()` returns
all that the actor is, in plain data and arrays that nobody changes later, and
`restore(state)` makes an actor that was newly made equal to that one.
"""

import abc
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from open_spiel_ppsro.executors import actor_host


class Task(NamedTuple):
  """A call of an actor; a plain tuple of the same three does as well.

  Attributes:
    name: of the actor.
    method: the name of the method to call.
    args: the positional arguments of the method.
  """
  name: Hashable
  method: str
  args: tuple[Any, ...]


class WorkerError(RuntimeError):
  """An actor raised, or its worker died; the message carries the reason."""

  @classmethod
  def of_actor(cls, name: Hashable, reason: str) -> "WorkerError":
    """Returns the error of an actor that failed.

    Args:
      name: of the actor.
      reason: one line, or the text of a traceback.
    """
    reason = reason.rstrip()
    space = "\n" if "\n" in reason else " "
    return cls(f"the worker of {name} failed:{space}{reason}")


class Executor(abc.ABC):
  """The place where actors live and are called; it is a context manager.

  A subclass implements six methods: `start`, `create`, `submit`, `collect`,
  `discard` and `close`. It keeps three promises:

  - `start` calls `_check_is_free` first and sets `is_started`; `close` unsets
    it; the other four call `_check_is_started` first.
  - The calls of one actor run in the order in which they were submitted, and
    each one is answered once.
  - If a call raises an exception, `submit` or `collect` raises
    `WorkerError.of_actor`.

  `call` and `states` are built on these. A subclass whose workers can die
  implements `save_if_due` too, and one with several workers sets `num_workers`
  and `host`.

  Attributes:
    num_workers: how many actors can run at once.
    runs_beside: whether actors run while the caller goes on.
    host: a name of the caller's machine that the workers can reach.
    imports: the names of modules that workers import first.
    is_started: whether actors can be created and called; true from `start` to
      `close`.
  """

  num_workers: int = 1
  runs_beside: bool = True
  host: str = "127.0.0.1"
  imports: tuple[str, ...] = ()
  is_started: bool = False

  def _check_is_free(self) -> None:
    """Raises a ValueError if the executor is in use."""
    if self.is_started:
      raise ValueError(
          "the executor is in use by another oracle: close that oracle first, "
          "or give each oracle an executor of its own")

  def _check_is_started(self) -> None:
    """Raises a ValueError if the executor is closed or was never started."""
    if not self.is_started:
      raise ValueError(
          "the executor is closed: it runs nothing before an oracle is made "
          "with it, nor after that oracle is closed")

  def prepare(self, imports: Sequence[str] = ()) -> None:
    """Begins what `start` would begin, and does not wait; optional.

    Workers that are prepared start while this process still imports what it
    needs.

    Args:
      imports: the names of further modules that workers will need.
    """

  @abc.abstractmethod
  def start(self, shared: Any) -> None:
    """Makes the executor ready.

    Args:
      shared: the first argument of every factory.

    Raises:
      ValueError: if the executor is started already.
    """

  @abc.abstractmethod
  def create(self, name: Hashable, factory: Callable[..., Any], *args: Any,
             apart_from: Sequence[Hashable] = (), state: Any = None) -> None:
    """Makes the actor `name` by `factory(shared, *args)`, without waiting.

    An exception of the factory is raised by the first call of the actor.

    Args:
      name: of the actor.
      factory: a class or function that makes the actor.
      *args: further arguments of the factory.
      apart_from: names of actors that this one will wait for while it runs, so
        that it cannot share a worker with them.
      state: the state of such an actor, to be restored; None for a new one.

    Raises:
      ValueError: if there are too few workers to keep the actors apart, or the
        executor is closed.
    """

  @abc.abstractmethod
  def submit(self, tasks: Iterable[Task]) -> list[int]:
    """Begins many calls and returns a ticket for each, in their order.

    Args:
      tasks: the calls. Those of one actor run in the order in which they were
        submitted.

    Raises:
      ValueError: if the executor is closed.
    """

  @abc.abstractmethod
  def collect(self, tickets: Sequence[int],
              at_least: int | None = None) -> dict[int, Any]:
    """Waits for calls and returns `{ticket: answer}` of those that are done.

    Args:
      tickets: tickets that `submit` returned and that were not collected yet.
      at_least: how many of the calls to wait for; None for all.

    Raises:
      WorkerError: if one of the calls raised.
      ValueError: if the executor is closed.
    """

  def call(self, tasks: Iterable[Task]) -> list[Any]:
    """Calls many actors and returns their answers, in the order of `tasks`.

    Args:
      tasks: the calls, as `submit` takes them.

    Raises:
      WorkerError: if one of the calls raised.
      ValueError: if the executor is closed.
    """
    tickets = self.submit(tasks)
    answers = self.collect(tickets)
    return [answers[ticket] for ticket in tickets]

  def states(self, names: Iterable[Hashable]) -> list[Any]:
    """Returns the states of actors that have one, in the order of `names`."""
    return self.call([Task(name, "state", ()) for name in names])

  def save_if_due(self) -> None:
    """Tells the executor that no actor is in the middle of anything.

    An executor whose workers can die uses such moments to keep the states of
    the actors, so that little has to be done again after a death.
    """

  @abc.abstractmethod
  def discard(self, name: Hashable) -> None:
    """Forgets the actor `name`."""

  @abc.abstractmethod
  def close(self) -> None:
    """Ends all workers; the executor can be started again."""

  def __enter__(self):
    return self

  def __exit__(self, *exc_info):
    self.close()


class SerialExecutor(Executor):
  """An executor that runs everything in this process, one after the other."""

  runs_beside = False

  def __init__(self, imports: Sequence[str] = ()) -> None:
    """Makes an executor.

    Args:
      imports: the names of modules that other processes of a run, such as the
        one that measures it, import first.
    """
    self.imports = tuple(imports)
    self._host = actor_host.ActorHost()
    self._answers: dict[int, Any] = {}
    self._num_submitted = 0

  def start(self, shared: Any) -> None:
    self._check_is_free()
    self._host.share(shared)
    self.is_started = True

  def create(self, name: Hashable, factory: Callable[..., Any], *args: Any,
             apart_from: Sequence[Hashable] = (), state: Any = None) -> None:
    self._check_is_started()
    if apart_from:
      raise ValueError("this process runs one learner at a time: use more "
                       "worker processes, or one worker per level")
    self._host.create(name, factory, args, state)

  def submit(self, tasks: Iterable[Task]) -> list[int]:
    self._check_is_started()
    tickets = []
    for task in tasks:
      name, method, args = task
      succeeded, answer = self._host.run(name, method, args)
      if not succeeded:
        raise WorkerError.of_actor(name, answer)
      tickets.append(self._num_submitted)
      self._answers[self._num_submitted] = answer
      self._num_submitted += 1
    return tickets

  def collect(self, tickets: Sequence[int],
              at_least: int | None = None) -> dict[int, Any]:
    self._check_is_started()
    return {ticket: self._answers.pop(ticket) for ticket in tickets}

  def discard(self, name: Hashable) -> None:
    self._check_is_started()
    self._host.discard(name)

  def close(self) -> None:
    self._host = actor_host.ActorHost()
    self._answers.clear()
    self.is_started = False

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

"""Executors: where stateful objects live and their methods run.

An executor holds named *actors*, each made once by `factory(shared, *args)`
and kept where it was made, and calls their methods, many at once. Answers come
back in the order of the calls, so that a caller gets the same from any
executor with any number of workers. A leaf: it knows nothing of games,
policies or learning.

An actor that changes when it is called has two methods more: `state()` returns
all that it is, in plain data and arrays that nobody changes later, and
`restore(state)` makes one that was newly made equal to it.
"""

import abc
import traceback


class WorkerError(RuntimeError):
  """An actor raised, or its worker died too often; carries the reason."""


class Executor(abc.ABC):
  """Creates actors and calls them; use it as a context manager.

  Attributes:
    num_workers: how many actors can run at once.
    host: a name of the machine of the caller that the workers can reach.
  """

  num_workers = 1
  host = "127.0.0.1"

  @abc.abstractmethod
  def start(self, shared):
    """Makes ready; `shared` is the first argument of every factory."""

  @abc.abstractmethod
  def create(self, name, factory, *args, apart_from=(), state=None):
    """Makes the actor `name` by `factory(shared, *args)`, in good time.

    An exception of the factory is raised by the first call of the actor.

    Args:
      name: of the actor, hashable.
      factory: makes it.
      *args: of the factory.
      apart_from: names of actors that it will wait for while it runs, and so
        cannot share a worker with.
      state: of such an actor, to be restored.

    Raises:
      ValueError: if there are too few workers for that.
    """

  @abc.abstractmethod
  def submit(self, tasks):
    """Begins many calls and returns a ticket for each, in their order.

    Args:
      tasks: a list of `(name, method name, arguments tuple)`. The calls of
        one actor run in the order in which they were submitted.
    """

  @abc.abstractmethod
  def collect(self, tickets, at_least=None):
    """Waits for calls and returns `{ticket: answer}` of those that are done.

    Args:
      tickets: of `submit`, not collected before.
      at_least: how many to wait for; all by default.

    Raises:
      WorkerError: if one of them raised.
    """

  def call(self, tasks):
    """Calls many actors and returns their answers, in the order of `tasks`.

    Args:
      tasks: as for `submit`.

    Raises:
      WorkerError: if one of them raised.
    """
    tickets = self.submit(tasks)
    answers = self.collect(tickets)
    return [answers[ticket] for ticket in tickets]

  def states(self, names):
    """Returns the states of actors that have one; see the module."""
    return self.call([(name, "state", ()) for name in names])

  def save_if_due(self):
    """Says that no actor is in the middle of anything.

    An executor whose workers can die keeps the states of the actors now and
    then, so that little has to be done again.
    """

  @abc.abstractmethod
  def discard(self, name):
    """Forgets the actor `name`."""

  @abc.abstractmethod
  def close(self):
    """Ends all workers; the executor can be started again."""

  def __enter__(self):
    return self

  def __exit__(self, *exc_info):
    self.close()


class _Failure:
  """Stands for an actor whose factory raised."""

  def __init__(self, text):
    self.traceback = text


class Home:
  """Actors that live in one process; what every kind of worker has inside."""

  def __init__(self):
    self._shared = None
    self._actors = {}

  def share(self, shared):
    """Sets the first argument of every factory."""
    self._shared = shared

  def create(self, name, factory, args, state):
    """Makes an actor; if that fails, its first call will say why."""
    try:
      self._actors[name] = factory(self._shared, *args)
      if state is not None:
        self._actors[name].restore(state)
    except Exception:  # pylint: disable=broad-except
      self._actors[name] = _Failure(traceback.format_exc())

  def discard(self, name):
    """Forgets an actor."""
    del self._actors[name]

  def run(self, name, method, args):
    """Returns (True, answer) or (False, traceback text)."""
    try:
      actor = self._actors[name]
      if isinstance(actor, _Failure):
        return False, actor.traceback
      return True, getattr(actor, method)(*args)
    except Exception:  # pylint: disable=broad-except
      return False, traceback.format_exc()

  def run_all(self, tasks):
    """Runs `(name, method, args)` in order, up to the first failure.

    Yields:
      `(succeeded, answer)`. Nothing after a failure is run: it might wait for
      one that failed.
    """
    for task in tasks:
      succeeded, answer = self.run(*task)
      yield succeeded, answer
      if not succeeded:
        return


def raise_failure(name, text):
  """Raises the `WorkerError` of an actor that raised."""
  raise WorkerError(f"the worker of {name} failed:\n{text.rstrip()}")


class SerialExecutor(Executor):
  """Runs everything in this process, one after the other."""

  def __init__(self):
    self._home = Home()
    self._answers = {}
    self._num_submitted = 0

  def start(self, shared):
    self._home.share(shared)

  def create(self, name, factory, *args, apart_from=(), state=None):
    if apart_from:
      raise ValueError("this process runs one learner at a time: use more "
                       "worker processes, or one worker per level")
    self._home.create(name, factory, args, state)

  def submit(self, tasks):
    first = self._num_submitted
    self._num_submitted += len(tasks)
    tickets = range(first, self._num_submitted)
    for ticket, (name, method, args) in zip(tickets, tasks):
      succeeded, answer = self._home.run(name, method, args)
      if not succeeded:
        raise_failure(name, answer)
      self._answers[ticket] = answer
    return list(tickets)

  def collect(self, tickets, at_least=None):
    return {ticket: self._answers.pop(ticket) for ticket in tickets}

  def discard(self, name):
    self._home.discard(name)

  def close(self):
    self._home = Home()
    self._answers.clear()

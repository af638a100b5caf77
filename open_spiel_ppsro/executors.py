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
"""

import abc
import contextlib
import multiprocessing
from multiprocessing import connection
import os
import pickle
import signal
import traceback

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                     "MKL_NUM_THREADS")
_GRACE_SECONDS = 0.5


class WorkerError(RuntimeError):
  """An actor raised, or its process died; carries its traceback as text."""


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
  def create(self, name, factory, *args, apart_from=()):
    """Makes the actor `name` by `factory(shared, *args)`, in good time.

    An exception of the factory is raised by the first call of the actor.

    Args:
      name: of the actor, hashable.
      factory: makes it.
      *args: of the factory.
      apart_from: names of actors that it will wait for while it runs, and so
        cannot share a worker with.

    Raises:
      ValueError: if there are too few workers for that.
    """

  @abc.abstractmethod
  def call(self, tasks):
    """Calls many actors and returns their answers, in the order of `tasks`.

    Args:
      tasks: a list of `(name, method name, arguments tuple)`.

    Raises:
      WorkerError: if one of them raised.
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

  def create(self, name, factory, args):
    """Makes an actor; if that fails, its first call will say why."""
    try:
      self._actors[name] = factory(self._shared, *args)
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
    """Runs `(index, name, method, args)` in order, up to the first failure.

    Yields:
      `(index, succeeded, answer)`. Nothing after a failure is run: it might
      wait for one that failed.
    """
    for index, name, method, args in tasks:
      succeeded, answer = self.run(name, method, args)
      yield index, succeeded, answer
      if not succeeded:
        return


class Placement:
  """Which worker each actor lives on: as even as can be, by one rule."""

  def __init__(self, num_workers):
    self._num_workers = num_workers
    self._homes = {}  # Actor name -> worker index.
    self._fresh = []  # Worker index of each actor created since the last call.

  def place(self, name, apart_from):
    """Chooses a worker for a new actor and returns its index.

    Raises:
      ValueError: if there are too few workers to keep it apart from others.
    """
    # The one with the fewest actors; of these, the one with the fewest new
    # ones, whose first call is often their longest.
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

  def remove(self, name):
    """Forgets an actor and returns the worker that it lived on."""
    return self._homes.pop(name)

  def shares(self, tasks):
    """Returns `{worker: [(index, name, method, args)]}` of a call's tasks."""
    self._fresh.clear()
    shares = {}
    for index, (name, method, args) in enumerate(tasks):
      shares.setdefault(self._homes[name], []).append(
          (index, name, method, args))
    return shares

  def someone_on(self, worker):
    """Returns the name of an actor on a worker, or "nothing"."""
    return next((name for name, home in self._homes.items()
                 if home == worker), "nothing")


def raise_failure(name, text):
  """Raises the `WorkerError` of an actor that raised."""
  raise WorkerError(f"the worker of {name} failed:\n{text.rstrip()}")


class SerialExecutor(Executor):
  """Runs everything in this process, one after the other."""

  def __init__(self):
    self._home = Home()

  def start(self, shared):
    self._home.share(shared)

  def create(self, name, factory, *args, apart_from=()):
    if apart_from:
      raise ValueError("this process runs one learner at a time: use more "
                       "worker processes, or one worker per level")
    self._home.create(name, factory, args)

  def call(self, tasks):
    answers = []
    for name, method, args in tasks:
      succeeded, answer = self._home.run(name, method, args)
      if not succeeded:
        raise_failure(name, answer)
      answers.append(answer)
    return answers

  def discard(self, name):
    self._home.discard(name)

  def close(self):
    self._home = Home()


def _serve(pipe):
  """The life of a worker process."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # The main process decides.
  home = Home()
  with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
    while True:
      command, *details = pickle.loads(pipe.recv_bytes())
      if command == "call":
        for answer in home.run_all(*details):
          pipe.send(answer)
      else:
        getattr(home, command)(*details)


class ProcessExecutor(Executor):
  """Spreads actors over worker processes, each of one thread.

  The processes are spawned, not forked, once; an actor stays in the process
  with the fewest actors at the time it was created.
  """

  def __init__(self, num_workers):
    """Makes an executor of `num_workers` processes; `start` spawns them."""
    if num_workers < 1:
      raise ValueError(f"num_workers is {num_workers}; it takes 1 or more")
    self.num_workers = num_workers
    self._workers = []  # (process, pipe)
    self._placement = Placement(num_workers)

  def start(self, shared):
    # open_spiel's utils.spawn sets the global start method to fork; ask for
    # the context by name.
    context = multiprocessing.get_context("spawn")
    message = pickle.dumps(("share", shared), pickle.HIGHEST_PROTOCOL)
    with environment({name: "1" for name in _THREAD_VARIABLES}):
      for index in range(self.num_workers):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True,
                                  name=f"open_spiel_ppsro worker {index}")
        process.start()
        theirs.close()
        self._workers.append((process, ours))
    for index in range(self.num_workers):
      self._send_bytes(index, message)

  def create(self, name, factory, *args, apart_from=()):
    self._send(self._placement.place(name, apart_from),
               "create", name, factory, args)

  def call(self, tasks):
    shares = self._placement.shares(tasks)
    for worker, share in shares.items():
      self._send(worker, "call", share)
    answers = [None] * len(tasks)
    waiting = {worker: [index for index, *_ in share]
               for worker, share in shares.items()}
    while waiting:
      ready = connection.wait([self._workers[w][1] for w in waiting])
      for worker in list(waiting):
        if self._workers[worker][1] not in ready:
          continue
        try:
          index, succeeded, answer = self._workers[worker][1].recv()
        except (EOFError, ConnectionResetError):
          self._died(worker, tasks[waiting[worker][0]][0])
        if not succeeded:
          raise_failure(tasks[index][0], answer)
        answers[index] = answer
        waiting[worker].remove(index)
        if not waiting[worker]:
          del waiting[worker]
    return answers

  def discard(self, name):
    self._send(self._placement.remove(name), "discard", name)

  def close(self):
    for process, _ in self._workers:
      process.terminate()
    for process, pipe in self._workers:
      process.join(_GRACE_SECONDS)
      if process.is_alive():
        process.kill()
        process.join()
      pipe.close()
    self._workers.clear()
    self._placement = Placement(self.num_workers)

  def _send(self, worker, *message):
    self._send_bytes(worker, pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

  def _send_bytes(self, worker, message):
    try:
      self._workers[worker][1].send_bytes(message)
    except (BrokenPipeError, ConnectionResetError):
      self._died(worker, self._placement.someone_on(worker))

  def _died(self, worker, name):
    process = self._workers[worker][0]
    process.join(_GRACE_SECONDS)
    raise WorkerError(
        f"worker process {worker} died (exit code {process.exitcode}) while "
        f"it ran {name}")


@contextlib.contextmanager
def environment(variables):
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

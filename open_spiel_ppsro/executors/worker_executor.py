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

"""WorkerExecutor: what executors with workers have in common, deaths included.

It places actors on workers, and keeps what it takes to make an actor again:
how it was made, its state some time ago, and the calls since then. A worker
that dies or hangs is replaced, its actors are restored, and they do again what
they had done since. Actors that do the same when they are told the same are
then the same, and whoever called them does not notice.
"""

import abc
import collections
import contextlib
import dataclasses
import os
import time
from typing import Any

from absl import logging

from open_spiel_ppsro.executors import executor as executor_lib

# So many deaths of the same actor in a row, and it is the actor.
_MOST_DEATHS = 3
# States are kept so that no more than this has to be done again.
_SAVE_SECONDS = 10.0
# How long after an actor has failed another's worker may turn out to be dead,
# which was the reason.
_GRACE_SECONDS = 1.0


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

  def home(self, name):
    """Returns the worker that an actor lives on."""
    return self._homes[name]

  def calls_begin(self):
    """Says that the actors created so far are no longer new."""
    self._fresh.clear()


@dataclasses.dataclass
class _Actor:
  """How to make an actor again."""
  factory: Any
  args: tuple[Any, ...]
  state: Any
  has_peers: bool


class WorkerExecutor(executor_lib.Executor):
  """Spreads actors over workers; an actor stays where it was created."""

  def __init__(self, num_workers, worker_timeout_seconds=None):
    """Makes an executor without workers; `start` launches them.

    Args:
      num_workers: how many.
      worker_timeout_seconds: a worker that has not answered for so long counts
        as dead; None for never.

    Raises:
      ValueError: if a number is out of range.
    """
    if num_workers < 1:
      raise ValueError(f"num_workers is {num_workers}; it takes 1 or more")
    if worker_timeout_seconds is not None and not worker_timeout_seconds > 0:
      raise ValueError(f"worker_timeout_seconds is {worker_timeout_seconds}; "
                       "it takes a value above 0")
    self.num_workers = num_workers
    self._timeout = worker_timeout_seconds
    self._forget()

  def _forget(self):
    self._placement = Placement(self.num_workers)
    self._actors = {}  # By name, in order of creation.
    self._journal = []  # The calls since the actors' states, as tasks.
    self._saved_at = time.monotonic()
    # Per worker, the calls that it has not answered: (ticket, task). No
    # ticket: nobody waits for the answer.
    self._unanswered = [collections.deque() for _ in range(self.num_workers)]
    self._heard_at = [0.0] * self.num_workers
    self._answers = {}
    self._num_submitted = 0
    self._deaths = collections.Counter()

  # What a kind of worker is.

  @abc.abstractmethod
  def _launch(self, worker):
    """Starts worker number `worker`, in place of another if there was one."""

  @abc.abstractmethod
  def _kill(self, worker):
    """Ends a worker for certain."""

  @abc.abstractmethod
  def _post(self, worker, command, *details):
    """Sends what `executors.Home` is to do; never waits, never fails."""

  @abc.abstractmethod
  def _receive(self, workers, timeout):
    """Waits for workers.

    Args:
      workers: those to wait for.
      timeout: in seconds; None for ever.

    Returns:
      Of those that had something to say, `{worker: (answers, reason)}`: some
      answers, and why the worker is dead, or None.
    """

  # What all of them do.

  def create(self, name, factory, *args, apart_from=(), state=None):
    worker = self._placement.place(name, apart_from)
    for other in apart_from:
      self._actors[other].has_peers = True
    self._actors[name] = _Actor(factory, args, state, bool(apart_from))
    self._post(worker, "create", name, factory, args, state)

  def submit(self, tasks):
    self._placement.calls_begin()
    shares = {}
    tickets = []
    for task in tasks:
      tickets.append(self._num_submitted)
      self._num_submitted += 1
      shares.setdefault(self._placement.home(task[0]), []).append(
          (tickets[-1], task))
    for worker, share in shares.items():
      if not self._unanswered[worker]:
        self._heard_at[worker] = time.monotonic()
      self._unanswered[worker].extend(share)
      self._post(worker, "call", [task for _, task in share])
    return tickets

  def collect(self, tickets, at_least=None):
    at_least = len(tickets) if at_least is None else at_least
    patience = None
    while sum(ticket in self._answers for ticket in tickets) < at_least:
      waiting = [worker for worker, calls in enumerate(self._unanswered)
                 if calls]
      if patience is None and self._timeout is not None:
        patience = max(0.0, self._timeout + min(
            self._heard_at[worker] for worker in waiting) - time.monotonic())
      dead, failure = {}, None
      for worker, (answers, reason) in self._receive(waiting, patience).items():
        self._heard_at[worker] = time.monotonic()
        for succeeded, answer in answers:
          if not succeeded:
            failure = self._unanswered[worker][0][1][0], answer
            break
          self._take(worker, answer)
        if reason:
          dead[worker] = reason
      if self._timeout is not None:
        for worker in waiting:
          if self._unanswered[worker] and worker not in dead and (
              time.monotonic() - self._heard_at[worker] >= self._timeout):
            dead[worker] = f"did not answer for {self._timeout:g} s"
      if failure and not dead and self._actors[failure[0]].has_peers:
        others = [worker for worker in waiting if self._unanswered[worker]]
        dead = {worker: reason for worker, (_, reason) in self._receive(
            others, _GRACE_SECONDS).items() if reason}
      if failure and not dead:
        # The worker has given up what it was to do after that.
        self._unanswered[self._placement.home(failure[0])].clear()
        executor_lib.raise_failure(*failure)
      if dead:
        self._replace(dead)
      patience = None
    return {ticket: self._answers.pop(ticket) for ticket in tickets
            if ticket in self._answers}

  def _take(self, worker, answer):
    """Takes the answer to the oldest call of a worker."""
    ticket, task = self._unanswered[worker].popleft()
    if ticket is None:
      return
    self._answers[ticket] = answer
    name, method, _ = task
    self._deaths.pop(name, None)
    if method != "state":
      self._journal.append(task)

  def _replace(self, dead):
    """Replaces workers and lets them get to where they were.

    Args:
      dead: `{worker: reason}`, each in the middle of a call.
    """
    for worker, reason in dead.items():
      # What had been answered before is not what it died of.
      _, (name, *_) = min(self._unanswered[worker],
                          key=lambda call: call[0] is None)
      self._deaths[name] += 1
      if self._deaths[name] == _MOST_DEATHS:
        raise executor_lib.WorkerError(
            f"the worker of {name} died {_MOST_DEATHS} times in a row; the "
            f"last one {reason}")
      logging.warning("The worker of %s %s; it is replaced.", name, reason)
    # Actors that wait for each other can only start again together.
    if any(actor.has_peers for name, actor in self._actors.items()
           if self._placement.home(name) in dead):
      dead = range(self.num_workers)
    for worker in dead:
      self._kill(worker)
    for worker in dead:
      self._launch(worker)
      here = lambda name, worker=worker: self._placement.home(name) == worker
      for name, actor in self._actors.items():
        if here(name):
          self._post(worker, "create", name, actor.factory, actor.args,
                     actor.state)
      self._unanswered[worker] = collections.deque(
          [(None, task) for task in self._journal if here(task[0])]
          + [call for call in self._unanswered[worker] if call[0] is not None])
      self._post(worker, "call",
                 [task for _, task in self._unanswered[worker]])
      self._heard_at[worker] = time.monotonic()

  def states(self, names):
    states = super().states(names)
    for name, state in zip(names, states):
      self._actors[name].state = state
    known = set(names)
    self._journal = [task for task in self._journal if task[0] not in known]
    return states

  def save_if_due(self):
    now = time.monotonic()
    if now - self._saved_at >= _SAVE_SECONDS:
      self.states(list(dict.fromkeys(name for name, *_ in self._journal)))
      self._saved_at = now

  def discard(self, name):
    self._post(self._placement.remove(name), "discard", name)
    del self._actors[name]
    self._deaths.pop(name, None)
    self._journal = [task for task in self._journal if task[0] != name]


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

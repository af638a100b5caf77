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

"""ActorHost: it holds the actors of one process and carries out messages.

Every kind of worker has a host inside, and so has the serial executor. Messages
and answers are bytes, pickled here, so that the caller gets the same bits from
every kind of worker.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import importlib
import io
import pickle
import traceback
from typing import Any
from typing import NamedTuple

# Characters of an exception's message that a one-line error repeats: enough for
# any name and path; OpenSpiel's longest messages list all its games.
_MOST_CHARACTERS = 200


def one_line(error: BaseException) -> str:
  """Returns the type of an exception and the first line of its message."""
  first_line = (str(error).splitlines() or [""])[0][:_MOST_CHARACTERS]
  return f"{type(error).__name__}: {first_line}"


def message(command: str, *details: Any) -> bytes:
  """Returns a message for `ActorHost.obey`.

  The command and its arguments are pickled one after the other, so that the
  host knows what it was asked even if it cannot read the arguments.

  Args:
    command: `call`, or the name of a method of `ActorHost`.
    *details: the arguments of the method; of `call`, one list of tasks.
  """
  stream = io.BytesIO()
  pickle.dump(command, stream, pickle.HIGHEST_PROTOCOL)
  pickle.dump(details, stream, pickle.HIGHEST_PROTOCOL)
  return stream.getvalue()


class _UnmadeActor(NamedTuple):
  """It stands for an actor whose factory raised, with the traceback's text."""
  traceback: str


class ActorHost:
  """The actors of one process.

  An exception inside the host never ends the process: the next call is answered
  with it, and the executor raises it as a `WorkerError`.
  """

  def __init__(self, imports: Sequence[str] = ()):
    """Makes a host without actors.

    Args:
      imports: the names of modules to import first. A module that cannot be
        imported is the answer to every call.
    """
    self._shared: Any = None
    self._actors: dict[Hashable, Any] = {}
    self._trouble = ""  # Why this host cannot work; empty if it can.
    for name in imports:
      try:
        importlib.import_module(name)
      except BaseException as error:  # pylint: disable=broad-except
        self.give_up(f"it cannot import {name!r}, which `imports` names "
                     f"({one_line(error)})")

  def give_up(self, reason: str) -> None:
    """Answers every call with `reason` from now on; the first reason stays."""
    self._trouble = self._trouble or reason

  def share(self, shared: Any) -> None:
    """Sets the first argument of every factory."""
    self._shared = shared

  def create(self, name: Hashable, factory: Callable[..., Any],
             args: Iterable[Any], state: Any) -> None:
    """Makes an actor; if that fails, the actor's first call will say why."""
    try:
      self._actors[name] = factory(self._shared, *args)
      if state is not None:
        self._actors[name].restore(state)
    except Exception:  # pylint: disable=broad-except
      self._actors[name] = _UnmadeActor(traceback.format_exc())

  def discard(self, name: Hashable) -> None:
    """Forgets an actor."""
    del self._actors[name]

  def run(self, name: Hashable, method: str,
          args: Iterable[Any]) -> tuple[bool, Any]:
    """Calls an actor and returns (True, answer) or (False, what failed)."""
    try:
      actor = self._actors[name]
      if isinstance(actor, _UnmadeActor):
        return False, actor.traceback
      return True, getattr(actor, method)(*args)
    except FloatingPointError as error:  # Training diverged: no fault of code.
      return False, str(error)
    except Exception:  # pylint: disable=broad-except
      return False, traceback.format_exc()

  def obey(self, message_bytes: bytes) -> Iterator[bytes]:
    """Carries out what `message` returned.

    Yields:
      One pickled `(succeeded, answer)` for each task of a `call`, up to the
      first that fails. The tasks after a failure are not run: they might wait
      for the one that failed.
    """
    stream = io.BytesIO(message_bytes)
    command = pickle.load(stream)
    tasks = []
    try:
      details = pickle.load(stream)
      if command == "call":
        (tasks,) = details
      else:
        getattr(self, command)(*details)
    except Exception as error:  # pylint: disable=broad-except
      self.give_up(
          f"it cannot read what it was sent ({one_line(error)}); if a module "
          "must be imported first, name it in the executor's `imports`")
    if command != "call":
      return
    if self._trouble:
      yield pickle.dumps((False, self._trouble))
      return
    for task in tasks:
      succeeded, answer = self.run(*task)
      try:
        result = pickle.dumps((succeeded, answer), pickle.HIGHEST_PROTOCOL)
      except Exception:  # pylint: disable=broad-except
        succeeded = False
        result = pickle.dumps((False, traceback.format_exc()))
      yield result
      if not succeeded:
        return

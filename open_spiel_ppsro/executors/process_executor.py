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

"""ProcessExecutor: it runs the workers as processes of this machine.

A worker is a new Python process that imports the main script, as the processes
of `multiprocessing` do, so that it knows the classes defined there.
It does so on its own account (see `_main_script`): what goes wrong is then told
once, in one line, by the call that finds out, and the worker is not replaced.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import multiprocessing
from multiprocessing import connection
from multiprocessing import forkserver
from multiprocessing import spawn
from multiprocessing import util
import os
import pickle
import queue
import signal
import sys
import threading
from typing import Any

from open_spiel_ppsro.executors import actor_host
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import worker_executor

# Each of these is 1 in a worker, so that it computes with one thread: there are
# usually as many workers as cores.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                     "MKL_NUM_THREADS")
# Seconds to wait, after a worker's pipe has ended, for the end of its process,
# which tells the exit code; it takes milliseconds.
_EXIT_SECONDS = 0.5
# The first message of a worker. It says that the worker has imported all that
# it has to.
_READY = b"ready"
# What a script needs if it can be imported, as one-line errors quote it.
_GUARD = "`if __name__ == \"__main__\":`"


class _WorkerWanted(BaseException):
  """It ends the import of a main script that asks for workers in a worker.

  It is no `Exception`, because scripts catch these.
  """


# This is set in a worker while it imports the main script.
_is_importing_main = threading.Event()
# A thread holds this while `_hidden_main` has changed the main module.
_hiding = threading.Lock()


def _main_script() -> dict[str, Any]:
  """Returns what `spawn.prepare` needs to import the main script.

  It is empty where there is no such file, as in a notebook or for a script that
  is read from standard input.
  """
  main = {key: value for key, value in spawn.get_preparation_data("").items()
          if key.startswith("init_main")}
  path = main.get("init_main_from_path")
  return main if path is None or os.path.exists(path) else {}


@contextlib.contextmanager
def _hidden_main() -> Iterator[None]:
  """Keeps the processes started inside from importing the main script.

  They would do so before any code of this module runs there, and an exception
  would end them with a traceback each.
  """
  main = vars(sys.modules["__main__"])
  with _hiding:
    kept: dict[str, Any] = {name: main.pop(name)
                            for name in ("__file__", "__spec__")
                            if name in main}
    main["__spec__"] = None
    try:
      yield
    finally:
      main.update(kept)


def _import_main(main: dict[str, Any], host: actor_host.ActorHost) -> None:
  """Imports the main script; if that fails, the host gives up."""
  _is_importing_main.set()
  try:
    spawn.prepare(main)
  except _WorkerWanted:
    host.give_up(
        "it imports the main script, which then starts workers itself: put "
        f"what the script does under {_GUARD}")
  except BaseException as error:  # pylint: disable=broad-except
    host.give_up(
        f"it cannot import the main script ({actor_host.one_line(error)}); "
        f"what only the main process is to do belongs under {_GUARD}")
  _is_importing_main.clear()


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
  """Drops what this process writes to its standard error inside.

  OpenSpiel prints the names of all its games if it is to make one that it does
  not know. Each worker would print them; the host says it, and once.
  """
  kept = os.dup(2)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  os.dup2(nowhere, 2)
  os.close(nowhere)
  try:
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)


def _ignore_signals() -> None:
  """Leaves Ctrl-C and SIGTERM to the main process, which ends the workers."""
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)


def _end_with_the_parent() -> None:
  """Ends this process when the one that started it is gone."""
  parent = multiprocessing.parent_process()
  assert parent is not None
  connection.wait([parent.sentinel])
  os._exit(1)  # pylint: disable=protected-access


def _serve(pipe: Any, main: dict[str, Any], imports: Sequence[str]) -> None:
  """Does what a worker process does, from its start to its end.

  Args:
    pipe: the connection that brings messages and takes answers.
    main: how to import the main script, from `_main_script`.
    imports: the names of modules to import first.
  """
  _ignore_signals()
  threading.Thread(target=_end_with_the_parent, daemon=True).start()
  host = actor_host.ActorHost(imports)
  _import_main(main, host)
  _ignore_signals()  # The script may have set handlers of its own.
  with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
    pipe.send_bytes(_READY)
    shared = pipe.recv_bytes()
    with _silent_stderr():
      list(host.obey(shared))
    while True:
      for answer in host.obey(pipe.recv_bytes()):
        pipe.send_bytes(answer)


def _environment() -> contextlib.AbstractContextManager[None]:
  return worker_executor.environment(
      {variable: "1" for variable in _THREAD_VARIABLES})


# A process that is forked from this one cannot use its fork server.
_own_process_id = os.getpid()


def _start_method() -> str:
  """Returns how workers start.

  A fork server imports what all workers need, once, beside this process, and
  forks them: they start at once and have that memory in common. It has a single
  thread, so that nothing is lost in a fork. Elsewhere workers are spawned.
  """
  has_server = sys.platform == "linux" and os.getpid() == _own_process_id
  return "forkserver" if has_server else "spawn"


def start_fork_server(imports: Sequence[str]) -> None:
  """Starts what forks the workers, where there is such a thing.

  It does not wait, and does nothing if that runs already.

  Args:
    imports: modules that it imports for all workers.
  """
  if _start_method() == "forkserver":
    forkserver.set_forkserver_preload([__name__, *imports])
    with _environment():
      forkserver.ensure_running()


class _Process:
  """A worker process, its pipe, and a thread that sends.

  A worker that hangs does not read; the thread waits for it, and whoever sends
  does not.

  Attributes:
    pipe: the connection that brings the answers of the worker.
    is_ready: whether the worker has said that it has imported everything.
  """

  def __init__(self, name: str, imports: Sequence[str]) -> None:
    # By name, because open_spiel's utils.spawn sets the global method to fork.
    context: Any = multiprocessing.get_context(_start_method())
    self.pipe, theirs = context.Pipe()
    self.is_ready = False
    self._process = context.Process(
        target=_serve, args=(theirs, _main_script(), imports), daemon=True,
        name=name)
    with _hidden_main(), _environment():
      self._process.start()
    theirs.close()
    self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    self._sender = threading.Thread(target=self._send, daemon=True)
    self._sender.start()

  def _send(self) -> None:
    # If the process is dead, whoever waits for an answer will notice.
    with contextlib.suppress(OSError):
      while (message := self._messages.get()) is not None:
        self.pipe.send_bytes(message)

  def post(self, message: bytes) -> None:
    """Sends a message for `ActorHost.obey`, without waiting."""
    self._messages.put(message)

  def exit_code(self) -> int | None:
    """Returns the exit code of a process whose pipe has ended."""
    self._process.join(_EXIT_SECONDS)
    return self._process.exitcode

  def kill(self) -> None:
    """Tells the process and the thread to end; waits for neither."""
    self._process.kill()
    self._messages.put(None)

  def end(self) -> None:
    """Ends the process and the thread for certain."""
    self.kill()
    self._process.join()
    self._sender.join()
    self.pipe.close()


def _kill_all(processes: dict[int, _Process]) -> None:
  """Tells the workers of an executor to end; waits for none."""
  for process in processes.values():
    process.kill()


class ProcessExecutor(worker_executor.WorkerExecutor):
  """An executor whose workers are processes of this machine.

  Each worker computes with one thread. It finds the modules that this process
  finds. The workers end when the executor is closed or forgotten, and when this
  process ends, however it ends.
  """

  def __init__(self, num_workers: int,
               worker_timeout_seconds: float | None = None,
               imports: Sequence[str] = ()) -> None:
    super().__init__(num_workers, worker_timeout_seconds, imports)
    self._workers: dict[int, _Process] = {}
    self._shared = b""
    self._finalizer: util.Finalize | None = None

  def start(self, shared: Any) -> None:
    if _is_importing_main.is_set():
      raise _WorkerWanted
    super().start(shared)

  def prepare(self, imports: Sequence[str] = ()) -> None:
    if _is_importing_main.is_set():
      raise _WorkerWanted
    self._check_is_free()
    start_fork_server(imports)
    if _start_method() == "spawn" and not self._workers:
      self._launch_all(imports)

  def _start_workers(self, shared: bytes) -> None:
    self._shared = shared
    if not self._workers:
      self._launch_all()
    for process in self._workers.values():
      process.post(shared)

  def _launch_all(self, imports=()):
    # Without the finalizer, a script that does not close its executor would
    # never end: at exit multiprocessing sends SIGTERM to the workers, which
    # ignore it, and waits for them.
    self._finalizer = util.Finalize(self, _kill_all, (self._workers,),
                                    exitpriority=0)
    for worker in range(self.num_workers):
      self._workers[worker] = self._make(worker, imports)

  def _end_workers(self) -> None:
    if self._finalizer is not None:
      self._finalizer()
    for process in self._workers.values():
      process.end()
    self._workers.clear()

  def _launch(self, worker: int) -> None:
    self._workers[worker] = self._make(worker)
    self._workers[worker].post(self._shared)

  def _make(self, worker, imports=()):
    return _Process(f"open_spiel_ppsro worker {worker}",
                    (*self.imports, *imports))

  def _kill(self, worker: int) -> None:
    self._workers[worker].end()

  def _post(self, worker: int, message: bytes, is_call: bool) -> None:
    self._workers[worker].post(message)

  def _receive(self, workers: Sequence[int],
               timeout: float | None) -> worker_executor.Heard:
    pipes: dict[Any, int] = {self._workers[worker].pipe: worker
                             for worker in workers}
    found: worker_executor.Heard = {}
    pipe: Any
    for pipe in connection.wait(list(pipes), timeout):
      worker = pipes[pipe]
      try:
        message = pipe.recv_bytes()
      except (EOFError, OSError):
        message = b""
      if not message:
        found[worker] = [], self._reason_of_death(self._workers[worker])
      elif message == _READY:
        self._workers[worker].is_ready = True
        found[worker] = [], None
      else:
        found[worker] = [pickle.loads(message)], None
    return found

  def _reason_of_death(self, process: _Process) -> str:
    """Says why a process is dead.

    Raises:
      WorkerError: if it ended itself before it was ready: its successors would
        do so too.
    """
    code = process.exit_code()
    if not process.is_ready and code is not None and code >= 0:
      raise executor_lib.WorkerError(
          f"a worker ended with exit code {code} while it imported the main "
          "script or what the executor's `imports` name; what only the main "
          f"process is to do belongs under {_GUARD}")
    return f"died (exit code {code})"

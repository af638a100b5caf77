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

"""ProcessExecutor: workers that are processes of this machine."""

import contextlib
import multiprocessing
from multiprocessing import connection
import os
import pickle
import queue
import signal
import threading

from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import worker_executor

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                     "MKL_NUM_THREADS")
_GRACE_SECONDS = 0.5


def _end_with_the_parent():
  """Ends this process when the one that started it is gone."""
  connection.wait([multiprocessing.parent_process().sentinel])
  os._exit(1)  # pylint: disable=protected-access


def _serve(pipe):
  """The life of a worker process."""
  for number in (signal.SIGINT, signal.SIGTERM):  # The main process decides.
    signal.signal(number, signal.SIG_IGN)
  threading.Thread(target=_end_with_the_parent, daemon=True).start()
  home = executor_lib.Home()
  with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
    while True:
      command, *details = pickle.loads(pipe.recv_bytes())
      if command == "call":
        for answer in home.run_all(*details):
          pipe.send(answer)
      else:
        getattr(home, command)(*details)


class _Process:
  """A worker process, its pipe, and a thread that sends.

  A worker that hangs does not read: who sends to it must not wait.
  """

  def __init__(self, name):
    # open_spiel's utils.spawn sets the global start method to fork; ask for
    # the context by name.
    context = multiprocessing.get_context("spawn")
    self.pipe, theirs = context.Pipe()
    self.process = context.Process(target=_serve, args=(theirs,), daemon=True,
                                   name=name)
    with worker_executor.environment(
        {variable: "1" for variable in _THREAD_VARIABLES}):
      self.process.start()
    theirs.close()
    self._messages = queue.SimpleQueue()
    self._sender = threading.Thread(target=self._send, daemon=True)
    self._sender.start()

  def _send(self):
    with contextlib.suppress(OSError):  # It is dead; who waits for it will see.
      while (message := self._messages.get()) is not None:
        self.pipe.send_bytes(message)

  def post(self, message):
    """Sends bytes, in good time."""
    self._messages.put(message)

  def end(self):
    """Ends the process for certain."""
    self.process.kill()
    self.process.join()
    self._messages.put(None)
    self._sender.join()
    self.pipe.close()


class ProcessExecutor(worker_executor.WorkerExecutor):
  """Spreads actors over worker processes, each of one thread.

  The processes are spawned, not forked. They end when this process does,
  however it ends.
  """

  def __init__(self, num_workers, worker_timeout_seconds=None):
    super().__init__(num_workers, worker_timeout_seconds)
    self._workers = [None] * num_workers
    self._shared = b""

  def start(self, shared):
    self._forget()
    self._shared = pickle.dumps(("share", shared), pickle.HIGHEST_PROTOCOL)
    for worker in range(self.num_workers):
      self._launch(worker)

  def _launch(self, worker):
    self._workers[worker] = _Process(f"open_spiel_ppsro worker {worker}")
    self._workers[worker].post(self._shared)

  def _kill(self, worker):
    self._workers[worker].end()

  def _post(self, worker, command, *details):
    self._workers[worker].post(
        pickle.dumps((command, *details), pickle.HIGHEST_PROTOCOL))

  def _receive(self, workers, timeout):
    pipes = {self._workers[worker].pipe: worker for worker in workers}
    found = {}
    for pipe in connection.wait(list(pipes), timeout):
      worker = pipes[pipe]
      try:
        found[worker] = [pipe.recv()], None
      except (EOFError, OSError):
        process = self._workers[worker].process
        process.join(_GRACE_SECONDS)
        found[worker] = [], f"died (exit code {process.exitcode})"
    return found

  def close(self):
    for worker in self._workers:
      if worker is not None:
        worker.process.kill()
    for worker in self._workers:
      if worker is not None:
        worker.end()
    self._workers = [None] * self.num_workers
    self._forget()

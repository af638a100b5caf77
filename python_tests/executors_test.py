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

"""Tests for executors."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor


class Counter:
  """An actor: remembers what it was made with and how often it was called."""

  def __init__(self, shared, start):
    if start < 0:
      raise ValueError(f"cannot start at {start}")
    self._shared = shared
    self._count = start

  def add(self, amount):
    self._count += amount
    return self._shared, self._count

  def state(self):
    return self._count

  def restore(self, state):
    self._count = state

  def add_and_die_once(self, amount, path):
    """Dies in the middle, unless it has before."""
    self._count += amount
    if not os.path.exists(path):
      pathlib.Path(path).touch()
      os.kill(os.getpid(), signal.SIGKILL)
    return self._count

  def hang_once(self, path):
    if not os.path.exists(path):
      pathlib.Path(path).touch()
      self.hang()
    return self._count

  def hang(self):
    time.sleep(1000)

  def fail(self):
    raise ArithmeticError("the counter is broken")

  def die(self):
    os._exit(7)  # pylint: disable=protected-access

  def threads(self):
    return os.environ.get("OMP_NUM_THREADS")


EXECUTORS = {
    "serial": executor_lib.SerialExecutor,
    "one": lambda: process_executor.ProcessExecutor(1),
    "two": lambda: process_executor.ProcessExecutor(2),
    "three": lambda: process_executor.ProcessExecutor(3),
}


class ExecutorTest(parameterized.TestCase):

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_same_answers_in_order(self, make):
    with make() as executor:
      executor.start("shared")
      for name in range(5):
        executor.create(name, Counter, 10 * name)
      tasks = [(name, "add", (1,)) for name in (4, 2, 0, 1, 3, 2)]
      self.assertEqual(
          executor.call(tasks),
          [("shared", n) for n in (41, 21, 1, 11, 31, 22)])
      executor.discard(2)
      executor.create(2, Counter, 100)
      self.assertEqual(executor.call([(2, "add", (1,)), (0, "add", (5,))]),
                       [("shared", 101), ("shared", 6)])
      self.assertEqual(executor.call([]), [])

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_failures_carry_their_traceback(self, make):
    with make() as executor:
      executor.start(None)
      executor.create("good", Counter, 1)
      executor.create("bad", Counter, -1)
      executor.create("breaks", Counter, 1)
      with self.assertRaisesRegex(
          executor_lib.WorkerError, "(?s)breaks.*ArithmeticError: the counter"):
        executor.call([("good", "add", (1,)), ("breaks", "fail", ())])
    with make() as executor:
      executor.start(None)
      executor.create("bad", Counter, -1)
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "(?s)bad.*cannot start at -1"):
        executor.call([("bad", "add", (1,))])

  def test_what_always_dies_is_reported_and_nothing_stays(self):
    with process_executor.ProcessExecutor(2) as executor:
      executor.start(None)
      executor.create("a", Counter, 0)
      executor.create("b", Counter, 0)
      with self.assertRaisesRegex(executor_lib.WorkerError, "of b died 3 times.*exit code 7"):
        executor.call([("a", "add", (1,)), ("b", "die", ())])
    self.assertEmpty(multiprocessing.active_children())

  def scratch(self):
    directory = tempfile.TemporaryDirectory()
    self.addCleanup(directory.cleanup)
    return os.path.join(directory.name, "has-died")

  @parameterized.parameters(1, 2, 3)
  def test_a_worker_that_dies_is_replaced(self, num_workers):
    once = self.scratch()
    with process_executor.ProcessExecutor(num_workers) as executor:
      executor.start("shared")
      executor.create("from state", Counter, 0, state=100)
      for name in "abc":
        executor.create(name, Counter, 10)
      executor.call([(name, "add", (1,)) for name in "abc"])
      self.assertEqual(executor.states(["a"]), [11])
      executor.call([(name, "add", (1,)) for name in "abca"])
      answers = executor.call([
          ("a", "add", (1,)), ("b", "add_and_die_once", (5, once)),
          ("c", "add", (1,)), ("b", "add", (1,)), ("from state", "add", (1,))])
      self.assertEqual(answers, [("shared", 14), 17, ("shared", 13),
                                 ("shared", 18), ("shared", 101)])
      self.assertTrue(os.path.exists(once))
      self.assertEqual(
          executor.call([(name, "add", (0,)) for name in "abc"]),
          [("shared", 14), ("shared", 18), ("shared", 13)])

  def test_a_worker_killed_while_idle_is_replaced(self):
    with process_executor.ProcessExecutor(2) as executor:
      executor.start("shared")
      executor.create("a", Counter, 0)
      for expected in (1, 2, 3, 4, 5):  # Not three in a row: it answered.
        for child in multiprocessing.active_children():
          os.kill(child.pid, signal.SIGKILL)
        self.assertEqual(executor.call([("a", "add", (1,))]),
                         [("shared", expected)])

  def test_a_worker_that_hangs_counts_as_dead(self):
    once = self.scratch()
    with process_executor.ProcessExecutor(
        2, worker_timeout_seconds=4) as executor:
      executor.start("shared")
      executor.create("a", Counter, 3)
      executor.create("b", Counter, 4)
      self.assertEqual(
          executor.call([("a", "hang_once", (once,)), ("b", "add", (1,))]),
          [3, ("shared", 5)])
      # One that is stopped does not even read what it is sent.
      for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGSTOP)
      self.assertEqual(
          executor.call([("a", "add", (np.zeros(10 ** 6),))])[0][1].shape,
          (10 ** 6,))
    with self.assertRaisesRegex(ValueError, "worker_timeout_seconds is 0"):
      process_executor.ProcessExecutor(1, 0)

  def test_workers_end_with_their_parent(self):
    code = ("import multiprocessing, os, signal, executors_test\n"
            "from open_spiel_ppsro.executors import process_executor\n"
            "if __name__ == '__main__':\n"
            "  executor = process_executor.ProcessExecutor(2)\n"
            "  executor.start(None)\n"
            "  executor.create('a', executors_test.Counter, 0)\n"
            "  executor.create('b', executors_test.Counter, 0)\n"
            "  executor.call([('b', 'add', (1,))])\n"
            "  print(*[c.pid for c in multiprocessing.active_children()],"
            " flush=True)\n"
            "  executor.call([('a', 'hang', ())])\n")
    script = self.scratch() + ".py"
    pathlib.Path(script).write_text(code)
    path = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    process = subprocess.Popen([sys.executable, script], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": path})
    pids = [int(pid) for pid in process.stdout.readline().split()]
    self.assertLen(pids, 2)
    process.kill()
    process.communicate()
    killed = time.monotonic()
    while any(map(_is_alive, pids)) and time.monotonic() < killed + 20:
      time.sleep(0.05)
    self.assertFalse(any(map(_is_alive, pids)))

  def test_workers_have_one_thread_and_the_caller_its_own(self):
    before = os.environ.get("OMP_NUM_THREADS")
    with process_executor.ProcessExecutor(1) as executor:
      executor.start(None)
      executor.create("a", Counter, 0)
      self.assertEqual(executor.call([("a", "threads", ())]), ["1"])
    self.assertEqual(os.environ.get("OMP_NUM_THREADS"), before)

  def test_refuses_no_workers(self):
    with self.assertRaisesRegex(ValueError, "num_workers is 0"):
      process_executor.ProcessExecutor(0)


def _is_alive(pid):
  try:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
      return file.read().rpartition(")")[2].split()[0] != "Z"
  except FileNotFoundError:
    return False


if __name__ == "__main__":
  absltest.main()

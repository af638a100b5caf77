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

from absl.testing import absltest
from absl.testing import parameterized

from open_spiel_ppsro import executors
from open_spiel_ppsro import process_executor


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

  def fail(self):
    raise ArithmeticError("the counter is broken")

  def die(self):
    os._exit(7)  # pylint: disable=protected-access

  def threads(self):
    return os.environ.get("OMP_NUM_THREADS")


EXECUTORS = {
    "serial": executors.SerialExecutor,
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
          executors.WorkerError, "(?s)breaks.*ArithmeticError: the counter"):
        executor.call([("good", "add", (1,)), ("breaks", "fail", ())])
    with make() as executor:
      executor.start(None)
      executor.create("bad", Counter, -1)
      with self.assertRaisesRegex(executors.WorkerError,
                                  "(?s)bad.*cannot start at -1"):
        executor.call([("bad", "add", (1,))])

  def test_a_death_is_reported_and_nothing_stays(self):
    with process_executor.ProcessExecutor(2) as executor:
      executor.start(None)
      executor.create("a", Counter, 0)
      executor.create("b", Counter, 0)
      with self.assertRaisesRegex(executors.WorkerError, "exit code 7.*b"):
        executor.call([("a", "add", (1,)), ("b", "die", ())])
    self.assertEmpty(multiprocessing.active_children())

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


if __name__ == "__main__":
  absltest.main()

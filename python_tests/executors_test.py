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

import collections
import functools
import gc
import multiprocessing
import os
import pathlib
import signal
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.executors import worker_executor
import testing


class HomeBody:
  """An object that can only be read in the process that made it."""

  def __reduce__(self):
    return _read_at_home, (os.getpid(),)


def _read_at_home(process_id):
  if os.getpid() != process_id:
    raise LookupError("not at home\nand this is a second line")


EXECUTORS = {
    "serial": executor_lib.SerialExecutor,
    "one": functools.partial(process_executor.ProcessExecutor, 1),
    "two": functools.partial(process_executor.ProcessExecutor, 2),
    "three": functools.partial(process_executor.ProcessExecutor, 3),
}


class ExecutorTest(parameterized.TestCase):

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_same_answers_in_order(self, make):
    with make() as executor:
      executor.start("shared")
      for name in range(5):
        executor.create(name, testing.Counter, 10 * name)
      tasks = [(name, "add", (1,)) for name in (4, 2, 0, 1, 3, 2)]
      self.assertEqual(
          executor.call(tasks),
          [("shared", n) for n in (41, 21, 1, 11, 31, 22)])
      executor.discard(2)
      executor.create(2, testing.Counter, 100)
      self.assertEqual(executor.call([(2, "add", (1,)), (0, "add", (5,))]),
                       [("shared", 101), ("shared", 6)])
      self.assertEqual(executor.call([]), [])

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_failures_carry_their_traceback(self, make):
    with make() as executor:
      executor.start(None)
      executor.create("good", testing.Counter, 1)
      executor.create("bad", testing.Counter, -1)
      executor.create("breaks", testing.Counter, 1)
      with self.assertRaisesRegex(
          executor_lib.WorkerError,
          "(?s)breaks.*ArithmeticError: the counter") as caught:
        executor.call([("good", "add", (1,)), ("breaks", "fail", ())])
      self.assertEqual(str(caught.exception).count("ArithmeticError: "), 1)
      self.assertEqual(executor.call([("good", "add", (1,))])[0][0], None)
    with make() as executor:
      executor.start(None)
      executor.create("bad", testing.Counter, -1)
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "(?s)bad.*cannot start at -1"):
        executor.call([("bad", "add", (1,))])

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_diverged_training_is_one_line(self, make):
    with make() as executor:
      executor.start(None)
      executor.create("a", testing.Counter, 1)
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "^the worker of a failed: it diverged$"):
        executor.call([("a", "diverge", ())])

  def test_what_always_dies_is_reported_and_nothing_stays(self):
    with process_executor.ProcessExecutor(2) as executor:
      executor.start(None)
      executor.create("a", testing.Counter, 0)
      executor.create("b", testing.Counter, 0)
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "of b died 3 times.*exit code 7"):
        executor.call([("a", "add", (1,)), ("b", "die", ())])
    self.assertEmpty(multiprocessing.active_children())

  def scratch(self):
    return str(testing.make_directory(self) / "has-died")

  @parameterized.parameters(1, 2, 3)
  def test_a_worker_that_dies_is_replaced(self, num_workers):
    once = self.scratch()
    with process_executor.ProcessExecutor(num_workers) as executor:
      executor.start("shared")
      executor.create("from state", testing.Counter, 0, state=100)
      for name in "abc":
        executor.create(name, testing.Counter, 10)
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
      executor.create("a", testing.Counter, 0)
      for expected in (1, 2, 3, 4, 5):  # Not three in a row: it answered.
        for child in multiprocessing.active_children():
          os.kill(child.pid, signal.SIGKILL)
        self.assertEqual(executor.call([("a", "add", (1,))]),
                         [("shared", expected)])

  @pytest.mark.slow
  def test_workers_that_hang_count_as_dead(self):
    once = self.scratch()
    with process_executor.ProcessExecutor(
        2, worker_timeout_seconds=4) as executor:
      executor.start("shared")
      executor.create("a", testing.Counter, 3)
      executor.create("b", testing.Counter, 4)
      before = executor.call([("a", "process_id", ()), ("b", "process_id", ())])
      # One that is stopped does not even read what it is sent.
      os.kill(before[1], signal.SIGSTOP)
      hung, added = executor.call([("a", "hang_once", (once,)),
                                   ("b", "add", (np.ones(10 ** 6),))])
      self.assertEqual(hung, 3)
      np.testing.assert_array_equal(added[1], np.full(10 ** 6, 5.0))
      after = executor.call([("a", "process_id", ()), ("b", "process_id", ())])
      self.assertLen({*before, *after}, 4)

  @pytest.mark.thorough
  def test_workers_end_with_their_parent(self):
    code = ("import multiprocessing, os, signal, testing\n"
            "from open_spiel_ppsro.executors import process_executor\n"
            "if __name__ == '__main__':\n"
            "  executor = process_executor.ProcessExecutor(2)\n"
            "  executor.start(None)\n"
            "  executor.create('a', testing.Counter, 0)\n"
            "  executor.create('b', testing.Counter, 0)\n"
            "  executor.call([('b', 'add', (1,))])\n"
            "  print(*[c.pid for c in multiprocessing.active_children()],"
            " flush=True)\n"
            "  executor.call([('a', 'hang', ())])\n")
    script = self.scratch() + ".py"
    pathlib.Path(script).write_text(code)
    process = testing.start_python(script)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    self.assertLen(pids, 2)
    process.kill()
    process.communicate()
    testing.wait_until(lambda: not any(map(testing.is_alive, pids)),
                       "the end of both workers")

  @parameterized.parameters(
      ({"num_workers": 0}, "num_workers is 0"),
      ({"num_workers": "2"}, "num_workers is '2'"),
      ({"num_workers": 1.5}, "num_workers is 1.5"),
      ({"worker_timeout_seconds": 0}, "worker_timeout_seconds is 0"),
      ({"worker_timeout_seconds": "9"}, "worker_timeout_seconds is '9'"),
      ({"worker_timeout_seconds": float("nan")}, "seconds is nan"),
      ({"imports": "my_games"}, r"'my_games'; .* as in \['my_games'\]"),
      ({"imports": None}, "imports is None"),
      ({"imports": [sys]}, "takes a list of module names"))
  def test_refuses_wrong_arguments(self, arguments, message):
    with self.assertRaisesRegex(ValueError, message):
      process_executor.ProcessExecutor(**{"num_workers": 1, **arguments})

  @parameterized.parameters("serial", "two")
  def test_nothing_runs_before_start_and_after_close(self, make):
    executor = EXECUTORS[make]()
    for _ in range(2):
      self.assertFalse(executor.is_started)
      for method, args in (("create", ("a", testing.Counter, 0)),
                           ("submit", ([],)), ("collect", ([],)),
                           ("states", (["a"],)),
                           ("call", ([("a", "add", (1,))],)),
                           ("discard", ("a",))):
        with self.subTest(method), self.assertRaisesRegex(
            ValueError, "^the executor is closed: .*$"):
          getattr(executor, method)(*args)
      executor.start("shared")
      self.assertTrue(executor.is_started)
      executor.create("a", testing.Counter, 0)
      executor.close()

  @parameterized.parameters("serial", "two")
  def test_an_executor_serves_one_oracle_at_a_time(self, make):
    with EXECUTORS[make]() as executor:
      executor.start("first")
      with self.assertRaisesRegex(
          ValueError, "^the executor is in use by another oracle: .*$"):
        executor.start("second")
      executor.create("a", testing.Counter, 0)
      self.assertEqual(executor.call([("a", "add", (1,))]), [("first", 1)])
      executor.close()
      executor.start("second")
      executor.create("a", testing.Counter, 0)
      self.assertEqual(executor.call([("a", "add", (1,))]), [("second", 1)])

  def test_workers_end_when_the_executor_is_forgotten(self):
    executor = process_executor.ProcessExecutor(2)
    executor.start(None)
    executor.create("a", testing.Counter, 0)
    processes = multiprocessing.active_children()
    self.assertLen(processes, 2)
    del executor
    gc.collect()
    for process in processes:
      process.join(60)
      self.assertEqual(process.exitcode, -signal.SIGKILL)

  def test_what_cannot_be_pickled_is_a_failure_and_no_death(self):
    with process_executor.ProcessExecutor(1) as executor:
      executor.start(None)
      executor.create("a", testing.Counter, 0)
      before = executor.call([("a", "process_id", ())])
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "(?s)^the worker of a failed:.*pickle"):
        executor.call([("a", "something_that_cannot_be_pickled", ())])
      self.assertEqual(executor.call([("a", "process_id", ())]), before)
      # What cannot be read in the worker is one line.
      with self.assertRaisesRegex(
          executor_lib.WorkerError,
          r"^the worker of a failed: it cannot read what it was sent "
          r"\(LookupError: not at home\); .* `imports`$"):
        executor.call([("a", "add", (HomeBody(),))])

  @parameterized.named_parameters(*EXECUTORS.items())
  def test_prepared_workers_serve_and_end(self, make):
    with make() as executor:
      executor.prepare(["html.entities"])
      executor.prepare()  # Nothing is begun twice.
      executor.start("shared")
      processes = multiprocessing.active_children()
      if isinstance(executor, process_executor.ProcessExecutor):
        self.assertLen(processes, executor.num_workers)
      executor.create("a", testing.Counter, 0)
      self.assertEqual(executor.call([("a", "add", (1,))]), [("shared", 1)])
      if processes:
        self.assertEqual(executor.call(
            [("a", "has_imported", ("html.entities",))]), [True])
    with make() as executor:
      executor.prepare()  # And nothing else.
    self.assertEmpty(multiprocessing.active_children())

  def test_workers_import_what_they_are_told_to(self):
    # A module that the main process finds and never imports.
    path = pathlib.Path(self.scratch()).parent
    (path / "module_of_a_user.py").write_text("")
    with mock.patch.object(sys, "path", [str(path), *sys.path]):
      for imports in (), ("module_of_a_user",):
        with process_executor.ProcessExecutor(1, imports=imports) as executor:
          executor.start(None)
          executor.create("a", testing.Counter, 0)
          self.assertEqual(executor.call(
              [("a", "has_imported", ("module_of_a_user",))]), [bool(imports)])
    self.assertNotIn("module_of_a_user", sys.modules)

  @parameterized.parameters(
      (None, r"it cannot import 'module_of_a_user', which `imports` names "
       r"\(ModuleNotFoundError: No module named 'module_of_a_user'\)"),
      ("1 / 0", r"it cannot import 'module_of_a_user'.*ZeroDivisionError: div"),
      ("import sys; sys.exit(3)", "it cannot import 'module_of_a_user'.*3"),
      ("import os; os._exit(3)", "ended with exit code 3 while it imported"))
  def test_a_module_that_cannot_be_imported_is_one_line(self, code, message):
    path = pathlib.Path(self.scratch()).parent
    if code:
      (path / "module_of_a_user.py").write_text(code)
    with mock.patch.object(sys, "path", [str(path), *sys.path]):
      with process_executor.ProcessExecutor(
          2, imports=["module_of_a_user"]) as executor:
        executor.start(None)
        executor.create("a", testing.Counter, 0)
        with self.assertNoLogs(level="WARNING"):  # Nobody is replaced.
          with self.assertRaisesRegex(executor_lib.WorkerError,
                                      f"^.*{message}.*$"):
            executor.call([("a", "add", (1,))])


class Scripted(worker_executor.WorkerExecutor):
  """An executor whose workers say what a script says.

  Attributes:
    script: `{worker: (answers, reason of death)}`, in the order of hearing.
    launched: the workers launched in place of others.
  """

  def __init__(self, num_workers, script):
    super().__init__(num_workers)
    self.script = collections.deque(script)
    self.launched = []

  def _start_workers(self, shared):
    pass

  def _end_workers(self):
    pass

  def _launch(self, worker):
    self.launched.append(worker)

  def _kill(self, worker):
    pass

  def _post(self, worker, message, is_call):
    pass

  def _receive(self, workers, timeout):
    heard = self.script.popleft() if self.script else {}
    if not set(heard) <= set(workers):
      raise AssertionError(f"{heard} is not from {workers}")
    return heard


GOOD = [(True, "good")], None
BAD = [(False, "it is broken")], None
DEAD = [], "died"


class CollectTest(parameterized.TestCase):
  """The cases of `WorkerExecutor.collect`, with two actors on two workers."""

  @parameterized.parameters(
      # All goes well.
      (False, [{0: GOOD}, {1: GOOD}], [], False),
      (False, [{0: GOOD, 1: GOOD}], [], False),
      # A death, found in any order.
      (False, [{0: DEAD}, {0: GOOD, 1: GOOD}], [0], False),
      (False, [{1: GOOD}, {0: DEAD}, {0: GOOD}], [0], False),
      # A failure is raised, also if the other worker dies at that time.
      (False, [{0: BAD}], [], True),
      (False, [{0: BAD, 1: DEAD}], [], True),
      (False, [{1: DEAD, 0: BAD}], [], True),
      (False, [{0: BAD, 1: BAD}], [], True),
      # Actors that wait for each other are replaced together.
      (True, [{0: DEAD}, {0: GOOD, 1: GOOD}], [0, 1], False),
      # A death may be the reason of a failure before or after it.
      (True, [{0: BAD, 1: DEAD}, {0: GOOD, 1: GOOD}], [0, 1], False),
      (True, [{0: BAD}, {1: DEAD}, {0: GOOD, 1: GOOD}], [0, 1], False),
      (True, [{1: BAD}, {0: DEAD}, {0: GOOD, 1: GOOD}], [0, 1], False),
      # The peer answers or fails as well, and nobody has died.
      (True, [{0: BAD}, {1: GOOD}], [], True),
      (True, [{0: BAD}, {1: BAD}], [], True))
  def test_case(self, are_peers, script, launched, fails):
    executor = Scripted(2, script)
    with executor, mock.patch.object(worker_executor, "_GRACE_SECONDS", 0.05):
      executor.start(None)
      executor.create("a", testing.Counter)
      executor.create("b", testing.Counter,
                      apart_from=["a"] if are_peers else [])
      tickets = executor.submit([("a", "add", ()), ("b", "add", ())])
      if fails:
        with self.assertRaisesRegex(executor_lib.WorkerError,
                                    "^the worker of .* failed: it is broken$"):
          executor.collect(tickets)
      else:
        self.assertEqual(executor.collect(tickets),
                         dict.fromkeys(tickets, "good"))
      self.assertEqual(executor.launched, launched)
      self.assertEmpty(executor.script)

  def test_what_was_collected_or_given_up_is_not_waited_for(self):
    executor = Scripted(1, [{0: GOOD}, {0: BAD}, {0: GOOD}])
    executor.start(None)
    executor.create("a", testing.Counter)
    (collected,) = executor.submit([("a", "add", ())])
    executor.collect([collected])
    failed, given_up = executor.submit([("a", "fail", ()), ("a", "add", ())])
    with self.assertRaises(executor_lib.WorkerError):
      executor.collect([failed])
    for ticket in collected, failed, given_up:
      with self.assertRaisesRegex(ValueError, "the tickets stand for calls"):
        executor.collect([ticket])
    self.assertEqual(executor.call([("a", "add", ())]), ["good"])


if __name__ == "__main__":
  absltest.main()

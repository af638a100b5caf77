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

"""Tests for scripts that use worker processes: how they start and end."""

import os
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import testing

# A module beside the script, and in the working directory.
MODULE = """
import os


class Counter:
  def __init__(self, shared):
    self.count = shared

  def threads(self):
    return os.environ["OMP_NUM_THREADS"]

  def add(self, amount):
    self.count += amount
    return self.count
"""
START = """
import module_of_a_user
from open_spiel_ppsro.executors import process_executor
"""
USE = """
executor = process_executor.ProcessExecutor(2, imports=["module_of_a_user"])
executor.start(10)
executor.create("a", module_of_a_user.Counter)
print(executor.call([("a", "add", (1,))]))
"""
GUARD = "if __name__ == '__main__':\n"


def indented(text):
  return text.replace("\n", "\n  ")


class ScriptsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    (self.path / "module_of_a_user.py").write_text(MODULE)

  def run_python(self, *args, **kwargs):
    """Runs Python to its end, which must come by itself."""
    return subprocess.run(
        [sys.executable, *args], text=True, capture_output=True, cwd=self.path,
        env={**os.environ, "PYTHONPATH": str(testing.ROOT),
             "OMP_NUM_THREADS": "3"},
        timeout=testing.PATIENCE_SECONDS, check=False, **kwargs)

  def run_script(self, text):
    (self.path / "script.py").write_text(text)
    return self.run_python("script.py")

  def test_a_script_that_never_closes_its_executor_ends(self):
    done = self.run_script(START + GUARD + indented(USE))
    self.assertEqual((done.stdout, done.stderr, done.returncode),
                     ("[11]\n", "", 0))

  def test_a_script_that_fails_before_it_closes_its_executor_ends(self):
    done = self.run_script(START + GUARD + indented(USE + "1 / 0\n"))
    self.assertEqual((done.stdout, done.returncode), ("[11]\n", 1))
    self.assertEqual(done.stderr.splitlines()[-1],
                     "ZeroDivisionError: division by zero")

  def test_a_script_may_define_what_its_workers_run(self):
    done = self.run_script(
        MODULE + "module_of_a_user = __import__('__main__')\n"
        + START.replace("import module_of_a_user", "")
        + GUARD + indented(USE))
    self.assertEqual((done.stdout, done.stderr), ("[11]\n", ""))

  def test_workers_have_one_thread_and_the_caller_its_own(self):
    done = self.run_script(START + "import os\n" + GUARD + indented(
        USE.replace('"add", (1,)', '"threads", ()')
        + "print(os.environ['OMP_NUM_THREADS'])\n"))
    self.assertEqual((done.stdout, done.stderr), ("['1']\n3\n", ""))

  @pytest.mark.slow
  def test_a_process_that_is_forked_has_workers_of_its_own(self):
    # The fork server of the process that it is forked from is none of its own.
    done = self.run_script(START + "import os\n" + GUARD + indented(
        USE + "if not os.fork():\n" + indented("\n" + USE + "os._exit(0)\n")
        + "\nprint(os.wait()[1])\n"))
    self.assertEqual((done.stdout, done.stderr, done.returncode),
                     ("[11]\n[11]\n0\n", "", 0))

  @parameterized.parameters(
      # In a worker, the script gets as far as to start workers,
      (USE, "it imports the main script, which then starts workers itself"),
      # or something else fails before,
      ("import os\nos.mkdir('results')\n" + USE,
       "it cannot import the main script (FileExistsError: "),
      # or it ends the process.
      ("import multiprocessing, os\n"
       "if multiprocessing.parent_process(): os._exit(4)\n" + USE,
       "a worker ended with exit code 4 while it imported the main script"))
  @pytest.mark.slow
  def test_a_forgotten_guard_is_one_line(self, use, message):
    done = self.run_script(START + use)
    self.assertEqual((done.stdout, done.returncode), ("", 1))
    *before, last = done.stderr.splitlines()
    self.assertIn(message, last)
    self.assertTrue(last.endswith("under `if __name__ == \"__main__\":`"), last)
    # What remains is the traceback of the main process, and no log line.
    self.assertEqual(before[0], "Traceback (most recent call last):")
    self.assertEqual([line for line in before[1:] if not line.startswith("  ")],
                     [])

  def test_no_file_no_guard(self):
    # As in a notebook, the main module is no file; workers do without.
    for done in (self.run_python("-", input=START + USE),
                 self.run_python("-c", START + USE)):
      self.assertEqual((done.stdout, done.stderr, done.returncode),
                       ("[11]\n", "", 0))

  def test_what_no_file_defines_is_missed_in_one_line(self):
    done = self.run_python("-", input=(
        MODULE + "module_of_a_user = __import__('__main__')\n"
        + START.replace("import module_of_a_user", "") + USE))
    last = done.stderr.splitlines()[-1]
    self.assertIn("the worker of a failed: it cannot read what it was sent "
                  "(AttributeError: Can't get attribute 'Counter' on <module "
                  "'__main__'", last)
    self.assertEqual(done.stderr.count("Traceback"), 1)


if __name__ == "__main__":
  absltest.main()

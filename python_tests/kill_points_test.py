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

"""A run that is killed at any point and resumed loses nothing.

The process of a run is killed (SIGKILL) at the n-th time that it comes to a
place in its code, for many places and times, and resumed: what it leaves is
what the undisturbed run left, but for the clocks.
"""

import csv
import multiprocessing
import os
import pathlib
import signal
import sys
import tempfile
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

# pylint: disable=wrong-import-position
from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population
from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.runs import run_directory
import recorded_run
import resume_test

# Places by name: what is called there.
PLACES = {
    "training": (optimiser.Adam, "step"),
    "publishing": (population.Population, "publish"),
    "freezing": (population.Population, "freeze"),
    "between rounds": (solver_lib.PipelinePSROSolver, "round"),
    "gathering a checkpoint": (solver_lib.PipelinePSROSolver, "state"),
    "writing a checkpoint": (np, "savez"),
    "before a rename": (os, "replace"),
    "after a rename": (os, "fsync"),
    "writing metrics": (run_directory.RunDirectory, "append_metrics"),
    "clearing old checkpoints": (pathlib.Path, "unlink"),
}


def play(path, resume, config, scheme, executor=None):
  """Plays a short run, or goes on with it, and writes what it finds.

  Args:
    path: of the run directory.
    resume: whether to go on.
    config: of the learners.
    scheme: who trains against whom.
    executor: where; or a number of worker processes.
  """
  if isinstance(executor, int):
    executor = process_executor.ProcessExecutor(executor)
  solver = resume_test.make_solver(config, scheme, executor)
  directory = run_directory.RunDirectory(path)
  if resume and run_directory.checkpoint_paths(path):
    solver.restore(run_directory.read_checkpoint(path)["solver"])
    directory.resume({}, solver.rounds)
  else:
    directory.start({})
  with mock.patch.object(recorded_run.ppsro, "plot_run"):
    recorded_run.play(
        solver, directory, recorded_run.Limits(1e9, max_episodes=50_000),
        time.perf_counter(), checkpoint_seconds=1e-9)
  directory.close()
  solver._oracle.close()  # pylint: disable=protected-access


def in_a_process(function, *args):
  """Calls a function in a forked process; returns its exit code."""
  process = multiprocessing.get_context("fork").Process(
      target=function, args=args)
  process.start()
  process.join(120)
  return process.exitcode


def play_until(place, time_to_die, *args):
  """Plays, and is killed at the n-th time that a place is come to."""
  owner, name = PLACES[place]
  original = getattr(owner, name)
  calls = 0

  def count(*args, **kwargs):
    nonlocal calls
    calls += 1
    if calls == time_to_die:
      os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)

  with mock.patch.object(owner, name, count):
    play(*args)


def left(path):
  """Returns metrics without clocks, and the final policy."""
  with open(path / "metrics.csv", newline="", encoding="utf-8") as file:
    rows = [{name: value for name, value in row.items()
             if "seconds" not in name} for row in csv.DictReader(file)]
  with np.load(path / "final_policy.npz") as arrays:
    return rows, {name: arrays[name].tolist() for name in arrays.files}


class KillPointsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    directory = tempfile.TemporaryDirectory()
    self.addCleanup(directory.cleanup)
    self.path = pathlib.Path(directory.name)

  @parameterized.parameters(
      (resume_test.PPO, lambda: schemes.Pipeline(2), None, (2, 7)),
      (resume_test.PPO, schemes.Sequential),
      (resume_test.DQN, lambda: schemes.Pipeline(2)),
      (resume_test.NEUPL, lambda: schemes.NeuPL(3)),
      (resume_test.PPO, lambda: schemes.Pipeline(2), 2))
  def test_everywhere(self, config, scheme, executor=None, times=(3,)):
    self.assertEqual(
        in_a_process(play, self.path / "whole", False, config, scheme()), 0)
    whole = left(self.path / "whole")
    self.assertGreater(len(whole[0]), 4)
    killed = 0
    for place in PLACES:
      for time_to_die in times:
        path = self.path / f"{place} {time_to_die}"
        code = in_a_process(play_until, place, time_to_die, path, False,
                            config, scheme(), executor)
        self.assertIn(code, (0, -signal.SIGKILL), place)
        killed += code != 0
        if not executor:  # Killed once more on the way, then left alone.
          in_a_process(play_until, place, time_to_die + 1, path, True, config,
                       scheme())
        self.assertEqual(
            in_a_process(play, path, True, config, scheme(), executor), 0,
            place)
        self.assertEqual(left(path), whole, (place, time_to_die))
        self.assertEmpty(list(path.glob(".*")))
        self.assertLessEqual(len(run_directory.checkpoint_paths(path)), 2)
    self.assertGreater(killed, 6)

  @parameterized.parameters(
      (resume_test.PPO, lambda: schemes.Pipeline(2)),
      (resume_test.DQN, schemes.Sequential),
      (resume_test.NEUPL, lambda: schemes.NeuPL(3)))
  def test_workers_killed_all_the_time(self, config, scheme):
    play(self.path / "whole", False, config, scheme())
    deaths = 0
    append = run_directory.RunDirectory.append_metrics

    def append_and_kill(directory, row):
      nonlocal deaths
      append(directory, row)
      if deaths < 4:
        child = multiprocessing.active_children()[deaths % 2]
        os.kill(child.pid, signal.SIGKILL)
        deaths += 1

    with process_executor.ProcessExecutor(2) as executor:
      with mock.patch.object(run_directory.RunDirectory, "append_metrics",
                             append_and_kill):
        play(self.path / "killed", False, config, scheme(), executor)
    self.assertEqual(deaths, 4)
    self.assertEqual(left(self.path / "killed"), left(self.path / "whole"))

  def test_a_full_disk_leaves_the_checkpoint_before(self):
    play(self.path / "whole", False, resume_test.PPO, schemes.Pipeline(2))
    written = 0
    savez = np.savez

    def fill_up(file, **arrays):
      nonlocal written
      written += 1
      if written > 3:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")
      savez(file, **arrays)

    with mock.patch.object(np, "savez", fill_up):
      with self.assertLogs(level="WARNING") as logs:
        play(self.path / "full", False, resume_test.PPO, schemes.Pipeline(2))
    self.assertIn("No space left on device", logs.output[0])
    self.assertEqual(left(self.path / "full"), left(self.path / "whole"))
    names = [p.name for p in run_directory.checkpoint_paths(self.path / "full")]
    self.assertEqual(names, ["checkpoint_00000002.npz",
                             "checkpoint_00000001.npz"])
    play(self.path / "full", True, resume_test.PPO, schemes.Pipeline(2))
    self.assertEqual(left(self.path / "full"), left(self.path / "whole"))

  def test_a_damaged_checkpoint_is_passed_over(self):
    path = self.path / "run"
    play(path, False, resume_test.PPO, schemes.Pipeline(2))
    newest, before = run_directory.checkpoint_paths(path)
    newest.write_bytes(newest.read_bytes()[:1000])
    with self.assertLogs(level="WARNING") as logs:
      found = run_directory.read_checkpoint(path)
    self.assertIn(f"{newest} is not a checkpoint, or it is cut short",
                  logs.output[0])
    self.assertEqual(found["solver"]["rounds"],
                     plain_data.read(before)["solver"]["rounds"])
    before.write_bytes(b"nothing of the kind")
    with self.assertRaisesRegex(ValueError, f"{before} is not a checkpoint"):
      run_directory.read_checkpoint(path)


if __name__ == "__main__":
  absltest.main()

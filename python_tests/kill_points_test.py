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

import multiprocessing
from multiprocessing import forkserver
import os
import pathlib
import signal
import time
from unittest import mock

from absl import logging
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population
from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.runs import limits
from open_spiel_ppsro.runs import plots
from open_spiel_ppsro.runs import progress
from open_spiel_ppsro.runs import recorder as recorder_lib
from open_spiel_ppsro.runs import rounds
from open_spiel_ppsro.runs import run_directory
from open_spiel_ppsro.runs import signals
import testing

PPO = ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(16,))
DQN = dqn.DQNConfig(episodes_per_batch=64, hidden_sizes=(16,))
NEUPL = neupl.NeuPLConfig(episodes_per_batch=64, hidden_sizes=(16,),
                          max_policies=4)
SELF_PLAY = self_play.SelfPlayConfig(episodes_per_batch=64, hidden_sizes=(16,))
ROUNDS = 7

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


def play(path, resume, config, scheme, executor=None, evaluation="exact"):
  """Plays a short run, or goes on with it, and writes what it finds.

  Args:
    path: of the run directory.
    resume: whether to go on.
    config: of the learners.
    scheme: who trains against whom.
    executor: where; or a number of worker processes.
    evaluation: of the game.
  """
  if isinstance(executor, int):
    executor = process_executor.ProcessExecutor(executor)
  oracle, solver = testing.make_solver(
      "kuhn_poker", config, scheme, executor, seed=3, min_steps=300,
      evaluation=evaluation)
  directory = run_directory.RunDirectory(path)
  recorder = recorder_lib.Recorder(
      solver, directory, time.perf_counter(), checkpoint_seconds=1e-9)
  if resume and run_directory.checkpoint_paths(path):
    recorder.restore(run_directory.read_checkpoint(path))
    directory.resume({}, solver.rounds)
  else:
    directory.start({})
  with mock.patch.object(plots, "plot_run"):  # It takes a second.
    with progress.Progress() as shown, signals.Signals() as received:
      rounds.play(solver, recorder, limits.Limits(1e9, max_rounds=ROUNDS),
                  received, shown)
    recorder.write_policies()
    recorder.plot()
  directory.close()
  oracle.close()


def in_a_process(function, *args):
  """Calls a function in a forked process; returns its exit code."""
  forkserver.ensure_running()  # It then forks its workers from ours.
  process = multiprocessing.get_context("fork").Process(
      target=function, args=args)
  process.start()
  process.join(testing.PATIENCE_SECONDS)
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
  """Returns metrics without clocks, history, policies, last checkpoint."""
  state = run_directory.read_checkpoint(path)["solver"]
  names = [run_directory.FINAL_POLICY]
  if state["settings"]["evaluation"] == "exact":  # Else none is known as best.
    names.append(run_directory.BEST_POLICY)
  policies = []
  for name in names:
    with np.load(path / name) as arrays:
      policies.append({key: arrays[key].tolist() for key in arrays.files})
  # What was solved is kept in the order of its use, and who resumes uses it.
  del state["meta_strategies"]
  return (testing.metrics_without_clocks(run_directory.read_metrics(path)),
          run_directory.read_history(path), policies, state)


class KillPointsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  def assert_same(self, path, other):
    """Checks that two runs have left the same."""
    self.assertEmpty(testing.differences(left(path), left(other)),
                    f"{path.name} and {other.name} differ")

  def kill_everywhere(self, config, scheme, executor=None, times=(3,)):
    """Kills a run at all places, resumes it, and compares what is left.

    Args:
      config: of the learners.
      scheme: makes the scheme.
      executor: a number of worker processes, or None for none.
      times: it is killed when it comes to a place for the n-th time.
    """
    whole = self.path / "whole"
    play(whole, False, config, scheme())
    self.assertLen(run_directory.read_metrics(whole)["round"], ROUNDS)
    killed = set()
    for place in PLACES:
      for time_to_die in times:
        path = self.path / f"{place} {time_to_die}"
        code = in_a_process(play_until, place, time_to_die, path, False,
                            config, scheme(), executor)
        self.assertIn(code, (0, -signal.SIGKILL), place)
        if code:
          killed.add(place)
        if not executor:  # Killed once more on the way, then left alone.
          in_a_process(play_until, place, time_to_die + 1, path, True, config,
                       scheme())
        self.assertEqual(
            in_a_process(play, path, True, config, scheme(), executor), 0,
            place)
        self.assert_same(path, whole)
        self.assertEmpty(list(path.glob(".*")))
        self.assertLessEqual(len(run_directory.checkpoint_paths(path)), 2)
    # Some learners take no steps of Adam here, and some schemes never freeze.
    self.assertContainsSubset(set(PLACES) - {"training", "freezing"}, killed)

  @pytest.mark.thorough
  def test_everywhere(self):
    self.kill_everywhere(PPO, lambda: schemes.Pipeline(2))

  @pytest.mark.thorough
  def test_everywhere_with_workers(self):
    self.kill_everywhere(PPO, lambda: schemes.Pipeline(2), 2)

  @parameterized.product(
      case=((PPO, lambda: schemes.Pipeline(2)), (PPO, schemes.Sequential),
            (DQN, lambda: schemes.Pipeline(2)),
            (NEUPL, lambda: schemes.NeuPL(3))),
      times=((1, 2), (4, 5), (6, 7)))
  @pytest.mark.thorough
  def test_everywhere_at_any_time(self, case, times):
    self.kill_everywhere(*case, times=times)

  @parameterized.parameters(
      (PPO, lambda: schemes.Pipeline(2)),
      (DQN, schemes.Sequential),
      (NEUPL, lambda: schemes.NeuPL(3)),
      (SELF_PLAY, schemes.SelfPlay, "sampled"))  # Two workers share a policy.
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_workers_killed_all_the_time(self, config, scheme,
                                       evaluation="exact"):
    play(self.path / "whole", False, config, scheme(), evaluation=evaluation)
    deaths = 0
    append = run_directory.RunDirectory.append_metrics

    def append_and_kill(directory, row, levels):
      nonlocal deaths
      append(directory, row, levels)
      if deaths < 4:
        child = multiprocessing.active_children()[deaths % 2]
        os.kill(child.pid, signal.SIGKILL)
        deaths += 1

    with process_executor.ProcessExecutor(2) as executor:
      with mock.patch.object(run_directory.RunDirectory, "append_metrics",
                             append_and_kill):
        play(self.path / "killed", False, config, scheme(), executor,
             evaluation)
    self.assertEqual(deaths, 4)
    self.assert_same(self.path / "killed", self.path / "whole")

  @pytest.mark.slow
  def test_a_full_disk_leaves_the_checkpoint_before(self):
    play(self.path / "whole", False, PPO, schemes.Pipeline(2))
    written = 0
    savez = np.savez

    def fill_up(file, **arrays):
      nonlocal written
      # The policy finds room again.
      written += "checkpoint" in str(file.name)
      if written > 3 and "checkpoint" in str(file.name):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")
      savez(file, **arrays)

    with mock.patch.object(np, "savez", fill_up):
      with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
        play(self.path / "full", False, PPO, schemes.Pipeline(2))
    self.assertIn("No space left on device", logs.output[0])
    self.assertEqual(left(self.path / "full")[:3],
                     left(self.path / "whole")[:3])
    names = [p.name for p in run_directory.checkpoint_paths(self.path / "full")]
    self.assertEqual(names, ["checkpoint_00000002.npz",
                             "checkpoint_00000001.npz"])
    play(self.path / "full", True, PPO, schemes.Pipeline(2))
    self.assert_same(self.path / "full", self.path / "whole")

  def test_a_damaged_checkpoint_is_passed_over(self):
    path = self.path / "run"
    play(path, False, PPO, schemes.Pipeline(2))
    newest, before = run_directory.checkpoint_paths(path)
    newest.write_bytes(newest.read_bytes()[:1000])
    with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
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

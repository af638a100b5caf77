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

"""Kills a random worker every few seconds, and shows that nothing is lost.

    python examples/soak_example.py --game_name=leduc_poker

A run of --time_limit_seconds whose workers are killed one after another, then
its twin, which is left alone for as many rounds. Checkpoints, metrics and the
final policy have to be the same, bit for bit; exit code 1 if they are not.
What the main process holds is shown on the way: file descriptors, memory,
threads. Both run directories stay.
"""

import math
import multiprocessing
import os
import random
import sys
import threading
import time

from absl import flags
from absl import logging
import numpy as np

import command_line
import entry_point
import open_spiel_ppsro as ppsro
import recorded_run

flags.adopt_module_key_flags(command_line)
flags.FLAGS.set_default("time_limit_seconds", 300)

_SCHEME = flags.DEFINE_enum(
    "scheme", "pipeline", command_line.SCHEMES,
    "Who trains against whom, as in pipeline_psro_example.py.")
_SEED = flags.DEFINE_integer(
    "seed", 1, "Of everything random, and of who is killed.", lower_bound=0)
_KILL_EVERY_SECONDS = flags.DEFINE_float(
    "kill_every_seconds", 10, "Seconds between two kills.", lower_bound=0.1)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", os.path.join("runs", "soak"),
    "For the run directories, disturbed and undisturbed.")


class Killer(threading.Thread):
  """Kills a random worker process now and then.

  Attributes:
    kills: how many so far.
  """

  def __init__(self, seconds, seed):
    super().__init__(daemon=True)
    self.kills = 0
    self._seconds = seconds
    self._rng = random.Random(seed)
    self._is_over = threading.Event()

  def run(self):
    while not self._is_over.wait(self._seconds):
      workers = multiprocessing.active_children()
      if workers:
        self._rng.choice(workers).kill()
        self.kills += 1

  def end(self):
    """Kills nobody any more."""
    self._is_over.set()
    self.join()


class Watched:
  """A solver that says now and then what this process holds.

  It is a solver to `recorded_run.play`, which asks for nothing else.
  """

  def __init__(self, solver, every):
    self._solver = solver
    self._every = every
    self._shown = 0

  def __getattr__(self, name):
    return getattr(self._solver, name)

  def round(self):
    """Plays a round."""
    result = self._solver.round()
    if result.iterations >= self._shown:
      self._shown += self._every
      print(f"{result.iterations} freezes per player: {holdings()}",
            flush=True)
    return result


def holdings():
  """Returns what this process holds, as text; Linux knows."""
  try:
    with open("/proc/self/status", encoding="ascii") as file:
      status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    return (f"{len(os.listdir('/proc/self/fd'))} file descriptors, "
            f"{int(status['VmRSS'].split()[0]) / 1024:.0f} MB, "
            f"{status['Threads'].strip()} threads, "
            f"{len(os.listdir('/dev/shm'))} files of shared memory")
  except OSError:
    return "unknown on this system"


def run(tree, path, limits, kill_every_seconds=None):
  """Plays one run and returns its rounds and kills, and what stopped it."""
  start = time.perf_counter()
  scheme = command_line.make_scheme(_SCHEME.value)
  config = command_line.make_config(scheme)
  directory = ppsro.RunDirectory(path)
  executor = command_line.make_executor()
  with command_line.make_oracle(
      tree, scheme, config, executor, _SEED.value) as oracle:
    solver = command_line.make_solver(oracle, scheme)
    directory.start(command_line.run_settings(
        sys.argv[0], solver, config, executor, output_dir=path))
    killer = Killer(kill_every_seconds or 1, _SEED.value)
    if kill_every_seconds:
      killer.start()
    try:
      stopped_by = recorded_run.play(
          Watched(solver, 100), directory, limits, start,
          f"{os.path.basename(path)}  ", checkpoint_seconds=20)
    finally:
      if kill_every_seconds:
        killer.end()
  directory.close()
  return solver.rounds, killer.kills, stopped_by


def differences(path, other):
  """Returns what two run directories differ in, clocks aside."""
  found = []
  if not _same(*(ppsro.read_checkpoint(p)["solver"] for p in (path, other))):
    found.append("checkpoint")
  one, two = (ppsro.read_metrics(p) for p in (path, other))
  found += [f"{name} of metrics.csv" for name in one
            if "seconds" not in name and not _same(one[name], two[name])]
  one, two = (dict(np.load(os.path.join(p, "final_policy.npz")))
              for p in (path, other))
  if not _same(one, two):
    found.append("final_policy.npz")
  return found


def _same(one, two):
  """Returns whether plain data and arrays are equal bit for bit."""
  if isinstance(one, dict):
    return one.keys() == two.keys() and all(
        _same(one[key], two[key]) for key in one)
  if isinstance(one, (list, tuple)):
    return len(one) == len(two) and all(map(_same, one, two))
  if isinstance(one, np.ndarray):
    return one.dtype == two.dtype and one.shape == two.shape and (
        one.tobytes() == two.tobytes())
  return str(one) == str(two)


def main():
  command_line.check([_SCHEME.value])
  if command_line.EXECUTOR.value != "processes" or (
      command_line.FREE_RUNNING.value):
    raise ValueError("only --executor=processes, in lockstep, has workers to "
                     "kill and a twin to compare with")
  logging.set_verbosity(logging.ERROR)  # Not a line for each kill.
  tree = command_line.open_game()
  paths = [os.path.join(_OUTPUT_DIR.value, name)
           for name in ("disturbed", "undisturbed")]
  rounds, kills, stopped_by = run(
      tree, paths[0], command_line.limits(), _KILL_EVERY_SECONDS.value)
  if stopped_by in recorded_run.EXIT_CODES:
    return recorded_run.EXIT_CODES[stopped_by]
  _, _, stopped_by = run(tree, paths[1], recorded_run.Limits(
      math.inf, max_rounds=rounds))
  if stopped_by in recorded_run.EXIT_CODES:
    return recorded_run.EXIT_CODES[stopped_by]
  found = differences(*paths)
  print(f"result: game={command_line.GAME_NAME.value} kills={kills} "
        f"rounds={rounds} identical={'no' if found else 'yes'} "
        f"output_dir={_OUTPUT_DIR.value}")
  for name in found:
    print(f"error: they differ in {name}", file=sys.stderr)
  return 1 if found else 0


if __name__ == "__main__":
  entry_point.run(main)

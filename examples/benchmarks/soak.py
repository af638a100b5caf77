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

    python examples/benchmarks/soak.py --game_name=leduc_poker

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

from absl import flags
from absl import logging
import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import launch

FLAGS = flags.FLAGS
common_flags.define()
common_flags.define_one_run(
    "For the run directories, disturbed and undisturbed; runs/soak by default, "
    "with a number where that is taken.")
flags.adopt_module_key_flags(common_flags)
FLAGS.set_default("time_limit_seconds", 300)

flags.DEFINE_float(
    "kill_every_seconds", 10, "Seconds between two kills.", lower_bound=0.1)


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


class Watch:
  """Says now and then, from round to round, what this process holds."""

  def __init__(self, every):
    """Makes a watch that speaks after every so many freezes per player."""
    self._every = every
    self._due = 0

  def __call__(self, solver, result):
    del solver
    if result.iterations >= self._due:
      self._due += self._every
      print(f"{result.iterations} freezes per player: {holdings()}",
            flush=True)


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


def run(game, path, kill_every_seconds=None, **options):
  """Plays one run and returns its `RunSummary` and how many it killed."""
  killer = Killer(kill_every_seconds or 1, FLAGS.seed)
  if kill_every_seconds:
    killer.start()
  try:
    summary = common_flags.run(
        game, FLAGS.scheme, FLAGS.seed, output_dir=path,
        overwrite=FLAGS.overwrite, callbacks=[Watch(100)],
        label=f"{os.path.basename(path)}  ", **options)
  finally:
    if kill_every_seconds:
      killer.end()
  return summary, killer.kills


def differences(path, other):
  """Returns what two run directories differ in, clocks aside."""
  found = []
  if not _same(*(ppsro.read_checkpoint(p)["solver"] for p in (path, other))):
    found.append("checkpoint")
  one, two = (ppsro.read_metrics(p) for p in (path, other))
  found += [f"{name} of metrics.csv" for name in one
            if "seconds" not in name and not _same(one[name], two[name])]
  for name in ("final_policy.npz", "best_policy.npz"):
    one, two = (dict(np.load(os.path.join(p, name)))
                if os.path.exists(os.path.join(p, name)) else None
                for p in (path, other))
    if not _same(one, two):
      found.append(name)
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
  common_flags.check([FLAGS.scheme])
  if FLAGS.executor != "processes" or FLAGS.free_running:
    raise ValueError("only --executor=processes, in lockstep, has workers to "
                     "kill and a twin to compare with")
  logging.set_verbosity(logging.ERROR)  # Not a line for each kill.
  game = common_flags.open_game()
  output_dir = common_flags.make_output_dir("soak")
  paths = [os.path.join(output_dir, name)
           for name in ("disturbed", "undisturbed")]
  disturbed, kills = run(game, paths[0], FLAGS.kill_every_seconds)
  if disturbed.exit_code:
    return disturbed.exit_code
  undisturbed, _ = run(game, paths[1], limits=ppsro.Limits(
      math.inf, max_rounds=disturbed.rounds))
  if undisturbed.exit_code:
    return undisturbed.exit_code
  found = differences(*paths)
  print(f"result: game={FLAGS.game_name} kills={kills} "
        f"rounds={disturbed.rounds} identical={'no' if found else 'yes'} "
        f"output_dir={output_dir}")
  for name in found:
    print(f"error: they differ in {name}", file=sys.stderr)
  return 1 if found else 0


if __name__ == "__main__":
  launch.start(main)

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

"""Times free-running rounds beside lockstep where workers are unequal.

    python examples/benchmarks/free_running_benchmark.py

Two worker processes, each on a core of its own; something else computes on
the first one's core. Both modes train the same pipeline, in turn. Linux only.
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import time

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch

_GAMES = flags.DEFINE_list(
    "games", "leduc_poker,phantom_ttt", "OpenSpiel games.")
_SECONDS = flags.DEFINE_float(
    "seconds", 20, "How long to train each time.", lower_bound=0.1)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each mode runs.", lower_bound=1)
_MAX_STALENESS = flags.DEFINE_integer(
    "max_staleness", 8, "Of the free-running rounds.", lower_bound=1)


def pin(pid, core):
  """Keeps all threads of a process on one core."""
  for thread in os.listdir(f"/proc/{pid}/task"):
    os.sched_setaffinity(int(thread), {core})


def train(game, max_staleness, seed):
  """Returns rounds and steps per second, and the largest staleness."""
  cores = sorted(os.sched_getaffinity(0))
  with ppsro.PipelinedOracle(game, executor=ppsro.ProcessExecutor(2),
                             seed=seed) as oracle:
    solver = ppsro.PipelinePSROSolver(game.game, oracle,
                                      max_staleness=max_staleness)
    solver.round()
    for worker, core in zip(multiprocessing.active_children(), cores):
      pin(worker.pid, core)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
      pin(other.pid, cores[0])
      rounds, steps = solver.rounds, solver.environment_steps
      start = time.perf_counter()
      while time.perf_counter() - start < _SECONDS.value:
        solver.round()
      seconds = time.perf_counter() - start
    finally:
      other.kill()
      other.wait()
    return ((solver.rounds - rounds) / seconds,
            (solver.environment_steps - steps) / seconds, solver.staleness)


def main():
  if len(getattr(os, "sched_getaffinity", lambda _: [])(0)) < 2:
    raise ValueError("this benchmark pins processes to two cores: it needs "
                     "Linux and two cores")
  games = [ppsro.open_game(name) for name in _GAMES.value]
  print(f"{'game':<16}{'mode':<14}{'rounds/s':>10}{'steps/s':>16}"
        f"{'staleness':>11}{'ratio':>8}")
  for name, game in zip(_GAMES.value, games):
    modes = {"lockstep": (0, []), "free-running": (_MAX_STALENESS.value, [])}
    for seed in range(_REPEATS.value):
      for max_staleness, found in modes.values():
        found.append(train(game, max_staleness, seed))
    ratio = statistics.median(
        free[1] / lockstep[1] for lockstep, free in zip(
            *(found for _, found in modes.values())))
    for mode, (_, found) in modes.items():
      rounds, steps, staleness = zip(*found)
      print(f"{name:<16}{mode:<14}{statistics.median(rounds):>10.1f}"
            f"{statistics.median(steps):>16,.0f}{max(staleness):>11}"
            f"{f'{ratio:.2f}x' if mode != 'lockstep' else '':>8}", flush=True)


if __name__ == "__main__":
  launch.start(main)

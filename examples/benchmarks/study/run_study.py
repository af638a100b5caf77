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


"""Plays a study: every cell of a TOML file, as many at once as there are cores.

    python examples/benchmarks/study/run_study.py --cores=2 --minutes=60

Each run is one process on one core, in a directory of its own. What has ended
is not played again, so the same command goes on where it was stopped or killed.
The order is that of the file, seed by seed. At the end, and whenever it is
called, the table of all that has ended is written: results.csv, a row for each
run and recorded point; refusals.csv, what cannot run or failed, and why; and
environment.json. `--list` shows what is declared, what it may take and what has
ended, and plays nothing.
"""

import os

# Each run computes with one thread; libraries read this when they are imported.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
  os.environ[f"{_name}_NUM_THREADS"] = "1"

from collections.abc import Sequence
import contextlib
import fcntl
import importlib
import multiprocessing
from multiprocessing import connection
import pathlib
import shutil
import signal
import sys
import time

from absl import flags

import cells as cells_lib
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch
import play_cell
import table

_STUDY = flags.DEFINE_string(
    "study", str(cells_lib.FOLDER / "study.toml"), "What is declared.")
_DIRECTORY = flags.DEFINE_string(
    "directory", "runs/study", "For the runs and the table of them.")
_CORES = flags.DEFINE_integer(
    "cores", 1, "So many runs at once.", lower_bound=1)
_MINUTES = flags.DEFINE_float(
    "minutes", None, "No run begins that may take longer than what is left of "
    "these; whatever still runs then is ended, and played anew the next time. "
    "No limit by default.", lower_bound=0)
_SMOKE = flags.DEFINE_boolean(
    "smoke", False, "Play a few tiny runs that have every game, method, "
    "responder, meta-strategy and depth of every block.")
_ONLY = flags.DEFINE_list(
    "only", [], "Cells whose names contain one of these texts; all by default.")
_BLOCKS = flags.DEFINE_list("blocks", [], "Of these blocks; all by default.")
_LIST = flags.DEFINE_boolean("list", False, "Play nothing.")

# A run that takes so much longer than it should is ended as failed: this many
# times its core seconds, on a machine that others keep busy, and some minutes.
_PATIENCE_FACTOR = 10
_PATIENCE_SECONDS = 600
# How often the clock is looked at while runs go on.
_LOOK_SECONDS = 1.0


def play_all(cells: Sequence[cells_lib.Cell], directory: pathlib.Path,
             cores: int, seconds: float) -> bool:
  """Plays cells, and says how it goes on standard error.

  Args:
    cells: in the order of play, none of which has ended.
    directory: for their directories.
    cores: how many at once.
    seconds: how long.

  Returns:
    Whether there was time for all.
  """
  context = multiprocessing.get_context("fork")  # What is imported, is there.
  start = time.monotonic()
  waiting, running, ended = list(cells), {}, 0
  try:
    while waiting or running:
      left = start + seconds - time.monotonic()
      while len(running) < cores:
        # The first that there is time for.
        cell = next((cell for cell in waiting
                     if cell.max_core_seconds <= left), None)
        if cell is None:
          break
        waiting.remove(cell)
        path = directory / cell.name
        shutil.rmtree(path, ignore_errors=True)  # Of a run that was killed.
        process = context.Process(target=play_cell.play, args=(cell, path))
        process.start()
        running[process] = cell, time.monotonic()
      if not running or left <= 0:
        return not waiting and not running
      connection.wait([process.sentinel for process in running],
                      min(_LOOK_SECONDS, left))
      for process, (cell, since) in list(running.items()):
        taken = time.monotonic() - since
        if process.is_alive() and taken < (
            _PATIENCE_FACTOR * cell.max_core_seconds + _PATIENCE_SECONDS):
          continue
        _end(process)
        del running[process]
        ended += 1
        outcome = table.outcome(directory, cell) or {
            "state": "failed", "why": "its process died or took too long"}
        print(f"{ended}/{len(cells)}  {time.monotonic() - start:6.0f} s  "
              f"{cell.name}  {outcome['state']} in {taken:.0f} s  "
              f"{outcome['why']}", file=sys.stderr, flush=True)
    return True
  finally:
    for process in running:
      _end(process)


def _import_once():
  """Imports what runs need here, so that none of them has to."""
  play_cell.commit()
  ppsro.run  # pylint: disable=pointless-statement
  importlib.import_module("open_spiel_ppsro.runs.plots")
  with contextlib.suppress(ImportError):
    importlib.import_module("numba")


def _end(process):
  process.kill()
  process.join()


def main() -> int:
  study = cells_lib.read(_STUDY.value)
  cells = cells_lib.cells_of(study)
  if _SMOKE.value:
    cells = cells_lib.smoke(cells)
  chosen = [cell for cell in cells
            if not _BLOCKS.value or cell.block in _BLOCKS.value
            if not _ONLY.value or any(text in cell.name
                                      for text in _ONLY.value)]
  directory = pathlib.Path(_DIRECTORY.value).resolve()
  waiting = [cell for cell in chosen
             if not table.has_ended(directory, cell)]
  hours = sum(cell.max_core_seconds for cell in waiting) / 3600
  print(f"{len(chosen)} runs, {len(waiting)} of them to play: at most about "
        f"{hours:.1f} core hours", file=sys.stderr)
  if _LIST.value:
    for cell in chosen:
      outcome = table.outcome(directory, cell)
      print(f"{cell.block:<16}{cell.max_core_seconds:>6.0f}  {cell.name}  "
            f"{outcome['state'] if outcome else ''}")
    return 0
  directory.mkdir(parents=True, exist_ok=True)
  _import_once()
  with open(directory / ".lock", "w", encoding="utf-8") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
      raise ValueError(f"another process plays in {directory}") from None
    # SIGTERM ends it as Ctrl-C does, with its runs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
      is_whole = play_all(waiting, directory, _CORES.value,
                          float("inf") if _MINUTES.value is None
                          else 60 * _MINUTES.value)
    except KeyboardInterrupt:
      is_whole = False
    table.write(study, cells, directory, directory)
  print(f"result: runs={len(chosen)} "
        f"ended={sum(table.has_ended(directory, cell) for cell in chosen)} "
        f"whole={'yes' if is_whole else 'no'} table={directory}/results.csv")
  return 0


if __name__ == "__main__":
  launch.start(main)

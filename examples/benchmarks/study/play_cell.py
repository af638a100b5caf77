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


"""Plays one cell of a study in a process of its own, and leaves its directory.

What a run leaves is in `run/`, as `ppsro train` would leave it; beside it are
`core_seconds.csv`, the processor time after each round, `intervals.csv` of a
sampled game, and `outcome.json`, which is written last: `done`, `refused` by
what cannot be, or `failed`, and the commit of the tree that played it.
"""

from collections.abc import Callable
import contextlib
import csv
import dataclasses
import functools
import json
import math
import os
import pathlib
import time
import traceback

from absl import flags

import cells
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.runs import provenance
from open_spiel_ppsro.runs import run_directory

FLAGS = flags.FLAGS
RUN, OUTCOME, LOG = "run", "outcome.json", "log.txt"
CORE_SECONDS, INTERVALS = "core_seconds.csv", "intervals.csv"
_COMMIT_DIGITS = 10


@dataclasses.dataclass(frozen=True)
class CoreLimits(ppsro.Limits):
  """Limits that count the processor time of this process, not the clock.

  So runs that share a machine are given the same.

  Attributes:
    core_seconds: of the process, from its start.
  """
  core_seconds: float = math.inf

  def __post_init__(self) -> None:
    super().__post_init__()
    self._read()

  def _read(self):
    """Returns the processor time since it was read last."""
    now = time.process_time()
    before = self.__dict__.get("_read_at", now)
    # No field: fields are settings, which stay as they are.
    object.__setattr__(self, "_read_at", now)
    return now - before

  def reached(self, solver, seconds: float,
              round_seconds: float = 0.0) -> str | None:
    # It is asked after each round, and another one has to fit. The seconds of
    # the round that it is told are those of the clock.
    of_round = self._read()
    if solver.rounds and time.process_time() + of_round >= self.core_seconds:
      return "core_seconds"
    return super().reached(solver, seconds, round_seconds)


class KeepPolicies:
  """Keeps what a run has found at some shares of its budget, to be measured.

  Attributes:
    kept: `{round: policy}`.
  """

  def __init__(self, limits: CoreLimits, count: int):
    """Keeps policies at a half of the budget, a quarter, and so on."""
    self.kept: dict = {}
    self._limits = limits
    self._due = [0.5 ** power for power in range(count - 1, 0, -1)]

  def __call__(self, solver, result):
    share = max(time.process_time() / self._limits.core_seconds,
                solver.episodes / (self._limits.max_episodes or math.inf))
    if self._due and share >= self._due[0]:
      self._due = [due for due in self._due if due > share]
      self.kept[result.round] = solver.final_policy()


class KeepLast:
  """Keeps the solver and its last round."""

  def __init__(self):
    self.solver, self.round = None, 0

  def __call__(self, solver, result):
    self.solver, self.round = solver, result.round


def stop_if_alone(parent: int) -> Callable:
  """Returns a callback that ends this process when its parent has died."""
  def look(*_):
    if os.getppid() != parent:
      os._exit(1)  # pylint: disable=protected-access
  return look


def run(cell: cells.Cell, directory: pathlib.Path, parent: int) -> None:
  """Plays the run of a cell by the flags that its command has.

  Args:
    cell: none of the peer.
    directory: for what the run leaves; it is there.
    parent: the process without which it ends.

  Raises:
    ValueError: if there is no such run; says why.
  """
  common_flags.define()
  common_flags.define_one_run("")
  FLAGS([cell.name, *cell.flags()])
  common_flags.check([FLAGS.scheme])
  limits = CoreLimits(
      math.inf, core_seconds=cell.core_seconds, max_rounds=cell.max_rounds,
      max_episodes=round(cell.amount) if cell.budget == "episodes" else None)
  policies = KeepPolicies(limits, cell.intervals)
  last = KeepLast()
  clock = ppsro.callbacks.CSV(
      directory / CORE_SECONDS,
      values=lambda *_: {"core_seconds": f"{time.process_time():.3f}"})
  start = time.perf_counter()
  common_flags.run(
      cell.game_name, cell.scheme, cell.seed, start=start, limits=limits,
      callbacks=[clock, last, stop_if_alone(parent),
                 *([policies] if cell.is_sampled else [])],
      output_dir=directory / RUN, checkpoint_seconds=None)
  # On a machine that others keep busy a core's seconds take longer.
  slowness = (time.perf_counter() - start) / time.process_time()
  for name in ("final_policy.npz", "final_mixture.npz", "best_policy.npz",
               "history.jsonl"):  # A study has hundreds, and reads none.
    (directory / RUN / name).unlink(missing_ok=True)
  if cell.is_sampled and last.solver is not None:
    policies.kept[last.round] = last.solver.final_policy()
    measure(policies.kept, cell.interval_seconds * max(1.0, slowness),
            directory / INTERVALS)


def measure(policies: dict, seconds: float, path: pathlib.Path) -> None:
  """Writes certain bounds of the exploitability of some policies.

  Args:
    policies: `{round: policy}`.
    seconds: of the clock, that each may take.
    path: of the table.
  """
  with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("round", "exploitability_low", "exploitability_high"))
    for number, policy in policies.items():
      found = ppsro.exploitability_interval(
          policy.state_game, policy, seconds=seconds)
      writer.writerow((number, found.low, found.high))


def play(cell: cells.Cell, directory: pathlib.Path) -> None:
  """Plays a cell; the target of a process that was forked.

  Args:
    cell: to play.
    directory: its own, new.
  """
  os.setsid()  # Ctrl-C is for the parent to handle.
  os.chdir(cells.ROOT)
  directory.mkdir(parents=True)
  parent = os.getppid()
  with (open(directory / LOG, "w", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log), contextlib.redirect_stderr(log)):
    state, why = "done", ""
    try:
      if cell.is_peer:
        import play_peer  # pylint: disable=g-import-not-at-top
        play_peer.run(cell, directory, stop_if_alone(parent))
      else:
        run(cell, directory, parent)
    except ValueError as error:
      # What is wrong is said before the first round.
      began = (directory / CORE_SECONDS).exists()
      state, why = "failed" if began else "refused", _one_line(error)
      traceback.print_exc()
    except Exception as error:  # pylint: disable=broad-exception-caught
      state, why = "failed", f"{type(error).__name__}: {_one_line(error)}"
      traceback.print_exc()
  run_directory.replace(directory / OUTCOME, json.dumps({
      "state": state, "why": why, "commit": commit(),
      "core_seconds": time.process_time(),
      "cell": dataclasses.asdict(cell)}, indent=1).encode() + b"\n")


@functools.cache  # That of the code that runs, whatever becomes of its files.
def commit() -> str:
  """Returns the commit of this tree in a few digits; '' if nothing says it."""
  digits, *dirty = (provenance.git_commit(cells.ROOT) or "").split("-")
  return "-".join((digits[:_COMMIT_DIGITS], *dirty))


def _one_line(error):
  return " ".join(str(error).split())

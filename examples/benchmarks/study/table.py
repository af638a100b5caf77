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


"""The table of a study: from run directories to CSV, and back.

`results.csv` has a row for each run and recorded point. Few points of a run are
kept, see `thinned`; its first and last, and where it first reaches a level of
exploitability, are among them.
"""

from collections.abc import Sequence
import csv
import dataclasses
import importlib.metadata
import json
import math
import os
import pathlib
import platform
from typing import Any

import numpy as np

import cells as cells_lib
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.runs import provenance
import play_cell

RESULTS, REFUSALS, ENVIRONMENT = (
    "results.csv", "refusals.csv", "environment.json")
# What tells a run from others, of which tree it is, and then what it had found
# at a point.
SETTINGS = ("budget", "amount", "game", "scheme", "oracle", "meta_strategy",
            "levels", "seed", "version")
COMMIT = "commit"
NUMBERS = ("wall_seconds", "core_seconds", "rounds", "iterations", "episodes",
           "environment_steps", "policies", "exploitability_frozen",
           "exploitability_all", "exploitability_least", "exploitability_low",
           "exploitability_high")
COLUMNS = (*SETTINGS, COMMIT, *NUMBERS)
# Which exploitability is a run's: that of its meta-strategy. Of a sampled game
# it is certainly no more than this bound.
FOUND, BOUND = "exploitability_frozen", "exploitability_high"
# A table that is committed is no larger; points are left out until it fits.
_MOST_BYTES = 1_900_000
_FEWEST_POINTS = 4
_REFUSAL = (*SETTINGS, "state", "why")
_PACKAGES = ("open_spiel_ppsro", "open_spiel", "torch", "numpy", "scipy",
             "highspy", "numba")


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """One run of a study, as its table has it.

  Attributes:
    settings: `{column: text}`, those of `SETTINGS`, and `COMMIT`.
    points: `{column: [M]}`, those of `NUMBERS`, NaN where it has none.
  """
  settings: dict[str, str]
  points: dict[str, np.ndarray]

  def __getattr__(self, name: str) -> str:
    try:
      return self.settings[name]
    except KeyError:
      raise AttributeError(name) from None

  def column(self, name: str) -> np.ndarray:
    """Returns a column; the bound of a sampled game for what is found."""
    if name == FOUND and np.isnan(self.points[FOUND]).all():
      return self.points[BOUND]
    return self.points[name]

  def curve(self, x: str, y: str = FOUND) -> tuple[np.ndarray, np.ndarray]:
    """Returns two columns, where both are known."""
    xs, ys = self.points[x], self.column(y)
    known = ~np.isnan(xs) & ~np.isnan(ys)
    return xs[known], ys[known]

  def last(self, y: str = FOUND) -> float:
    """Returns what was found last within the budget; NaN if nothing was."""
    xs, ys = self.curve("core_seconds", y)
    if self.settings["budget"] == "seconds":  # A peer's iteration ends later.
      within = xs <= float(self.settings["amount"]) * 1.1
      ys = ys[within]
    return float(ys[-1]) if len(ys) else math.nan

  def seconds_to(self, level: float, y: str = FOUND) -> float:
    """Returns the core seconds at which it is first at a level; inf if never.
    """
    xs, ys = self.curve("core_seconds", y)
    reached = np.flatnonzero(ys <= level)
    return float(xs[reached[0]]) if len(reached) else math.inf


def outcome(directory: pathlib.Path,
            cell: cells_lib.Cell) -> dict[str, Any] | None:
  """Returns how a cell ended; None if it has not."""
  try:
    return json.loads((directory / cell.name / play_cell.OUTCOME).read_text(
        encoding="utf-8"))
  except FileNotFoundError:
    return None


def has_ended(directory: pathlib.Path, cell: cells_lib.Cell) -> bool:
  """Returns whether a cell need not be played: it was, or it was refused."""
  found = outcome(directory, cell)
  return found is not None and found["state"] != "failed"


def write(study: dict[str, Any], cells: Sequence[cells_lib.Cell],
          directory: pathlib.Path, to: pathlib.Path) -> None:
  """Writes the table of all that has ended.

  Args:
    study: as declared.
    cells: of the study.
    directory: of the runs.
    to: the directory of the table.
  """
  ended, refusals = [], []
  for cell in cells:
    found = outcome(directory, cell)
    if found is None:
      continue
    if found["state"] != "done":
      refusals.append({**_settings(cell), "state": found["state"],
                       "why": found["why"]})
      continue
    path = directory / cell.name
    ended.append(({**_settings(cell, path), COMMIT: found.get(COMMIT, "")},
                  _points(path)))
  _write_csv(to / REFUSALS, _REFUSAL, refusals)
  for count in range(study["points"], _FEWEST_POINTS - 1, -2):
    _write_csv(to / RESULTS, COLUMNS, [
        {**settings, **{name: _text(values[index])
                        for name, values in points.items()}}
        for settings, points in ended
        for index in thinned(points, count, study["levels_reached"],
                             settings["budget"] == "rounds")])
    if (to / RESULTS).stat().st_size <= _MOST_BYTES:
      break
  (to / ENVIRONMENT).write_text(
      json.dumps({**_of_runs(settings for settings, _ in ended),
                  **environment()}, indent=2) + "\n", encoding="utf-8")


def take_over(source: pathlib.Path, to: pathlib.Path, add: bool) -> None:
  """Copies a table.

  Args:
    source: its directory.
    to: the directory of the copy.
    add: whether runs that are there and not in the table stay.
  """
  columns = {RESULTS: COLUMNS, REFUSALS: _REFUSAL}
  tables = {name: _read_csv(source / name) for name in columns}
  found = json.loads((source / ENVIRONMENT).read_text(encoding="utf-8"))
  if add and (to / RESULTS).exists():
    # A refusal does not say what its levels would have been.
    new = {_key(row) for rows in tables.values() for row in rows}
    new |= {_key(row | {"levels": ""}) for row in tables[RESULTS]}
    for name in columns:
      tables[name] = _merged(_read_csv(to / name), tables[name], new)
    before = json.loads((to / ENVIRONMENT).read_text(encoding="utf-8"))
    found["processor"] = ", ".join(dict.fromkeys(
        [*before["processor"].split(", "), found["processor"]]))
  found |= _of_runs(tables[RESULTS])
  for name, rows in tables.items():
    _write_csv(to / name, columns[name], rows)
  (to / ENVIRONMENT).write_text(
      json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _merged(before, after, new):
  """Returns rows of two tables; a run that is played anew keeps its place.

  Args:
    before: rows; those of runs in `new` go.
    after: rows, which stay.
    new: keys of runs.
  """
  of_run: dict[tuple, list[dict]] = {_key(row): [] for row in before + after}
  for row in [row for row in before if _key(row) not in new] + after:
    of_run[_key(row)].append(row)
  return [row for rows in of_run.values() for row in rows]


def _of_runs(rows):
  """Returns how many runs have rows, and of which trees they are."""
  commits = {_key(row): row[COMMIT] for row in rows}
  return {"runs": len(commits), "commits": sorted(set(commits.values()))}


def _key(row):
  """Returns what tells the run of a row from others."""
  return tuple(row[name] for name in SETTINGS)


def read(directory: str | os.PathLike) -> list[Run]:
  """Returns the runs of a table, in its order."""
  rows = _read_csv(pathlib.Path(directory) / RESULTS)
  runs: dict[tuple, list[dict]] = {}
  for row in rows:
    runs.setdefault(_key(row), []).append(row)
  return [Run({**dict(zip(SETTINGS, key)), COMMIT: points[0][COMMIT]}, {
      name: np.array([float(row[name] or "nan") for row in points])
      for name in NUMBERS}) for key, points in runs.items()]


def read_refusals(directory: str | os.PathLike) -> list[dict[str, str]]:
  """Returns what could not run, and why."""
  return _read_csv(pathlib.Path(directory) / REFUSALS)


def thinned(points: dict[str, np.ndarray], count: int, levels: Sequence[float],
            by_rounds: bool = False) -> list[int]:
  """Returns which points of a run its table keeps, in ascending order.

  Args:
    points: `{column: [M]}`.
    count: about so many, evenly spaced in the logarithm of core seconds.
    levels: of exploitability; where it first reaches one is kept, too, of
      whichever mixture.
    by_rounds: whether they are evenly spaced in rounds instead.
  """
  seconds = points["core_seconds"]
  if not len(seconds):
    return []
  kept = set(np.flatnonzero(~np.isnan(points[BOUND])).tolist())
  if by_rounds:
    kept.update(np.linspace(0, len(seconds) - 1, count, dtype=int).tolist())
  else:
    steps = np.geomspace(max(seconds[0], 1e-3), max(seconds[-1], 2e-3), count)
    kept.update(np.clip(np.searchsorted(seconds, steps), 0, len(seconds) - 1)
                .tolist())
  for column in (FOUND, "exploitability_all", "exploitability_least"):
    for level in levels:
      kept.update(np.flatnonzero(points[column] <= level)[:1].tolist())
  return sorted(kept | {0, len(seconds) - 1})


def environment() -> dict[str, Any]:
  """Returns on what runs are made here."""
  def versions(name):
    try:
      return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      return None

  return {
      "versions": {"python": platform.python_version(),
                   **{name: versions(name) for name in _PACKAGES}},
      "system": platform.platform(),
      "processor": _processor(),
      "cores": provenance.num_cores()}


def _processor():
  """Returns the name of the processor, if the system says it."""
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
  except OSError:
    return platform.processor()
  return next((line.split(":", 1)[1].strip() for line in lines.splitlines()
               if line.startswith("model name")), platform.processor())


def _settings(cell, path=None):
  levels = cell.num_levels or ""
  if path is not None:
    config = json.loads((path / play_cell.RUN / "config.json").read_text(
        encoding="utf-8"))
    levels = config["scheme_settings"].get("num_levels", levels)
  return {"budget": cell.budget, "amount": f"{cell.amount:.0f}",
          "game": cell.game, "scheme": cell.scheme, "oracle": cell.oracle,
          "meta_strategy": cell.meta_strategy, "levels": levels,
          "seed": cell.seed, "version": ppsro.__version__}


def _points(path):
  """Returns `{column: [M]}` of a cell that has ended."""
  rounds = {row["round"]: row for row in _read_csv(
      path / play_cell.RUN / "metrics.csv")}
  for name in (play_cell.CORE_SECONDS, play_cell.INTERVALS):
    if (path / name).exists():
      for row in _read_csv(path / name):
        if row["round"] in rounds:
          rounds[row["round"]] |= row
  rows = [row for row in rounds.values() if row.get("core_seconds")]
  found = {name: np.array([float(row.get(name) or "nan") for row in rows])
           for name in NUMBERS if name != "rounds"}
  found["rounds"] = np.array([float(row["round"]) for row in rows])
  return {name: found[name] for name in NUMBERS}


def _text(number):
  """Returns a number in few digits; '' for NaN."""
  if math.isnan(number):
    return ""
  if number.is_integer() and abs(number) < 1e15:
    return f"{number:.0f}"
  return f"{number:.5g}"


def _read_csv(path):
  with open(path, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def _write_csv(path, columns, rows):
  with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)

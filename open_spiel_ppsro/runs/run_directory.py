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

"""RunDirectory: everything that a run leaves on disk.

    config.json         every setting, resolved
    metrics.csv         a row per round, see `METRICS`
    history.jsonl       what happens to the population, see `history`
    checkpoint_*.npz    all that it takes to resume the run, by round
    final_policy.npz    the policy that the run found, see `policies.storage`
    best_policy.npz     the policy of its best round, of an enumerated game
    final_joint.npz     of a run that plays a joint distribution: that
    final_mixture.npz   the members of that policy, see `final_mixture`
    nash_conv.png       drawn by `report.py`
    result.json         what it found, and on what it ran; written last

It knows files, not games in training. Nothing that is read here is ever
executed: JSON, CSV, and NumPy arrays without pickles. A disk that is full costs
a run what cannot be written and nothing else, see `RunDirectory.missing`.
"""

import contextlib
import csv
import fcntl
import io
import json
import math
import os
import pathlib
import threading
from typing import Any

from absl import logging

from open_spiel_ppsro import plain_data
from open_spiel_ppsro.runs import history

METRICS = {
    "round": "number of the round, from 1",
    "wall_seconds": "since the process started",
    "iterations": "policies frozen for every player, the initial one aside",
    "training_episodes": "episodes trained so far, by all policies; 0 where "
                         "batches are expectations",
    "evaluation_episodes": "episodes played so far to measure payoffs; 0 where "
                           "evaluation is exact",
    "episodes": "the sum of these two",
    "environment_steps": "decisions of all players in these episodes; an "
                         "expectation counts as one episode of random play",
    "nash_conv_frozen": "exact NashConv of the meta-strategy over frozen "
                        "policies; nan of a sampled game",
    "exploitability_frozen": "the same divided by the number of players",
    "nash_conv_all": "exact NashConv of the meta-strategy over all policies, "
                     "those in training included",
    "exploitability_all": "the same divided by the number of players",
    "exploitability_least": "exact exploitability (NashConv divided by the "
                            "number of players) of the mixture of frozen "
                            "policies that loses least; nan where there is "
                            "none: a sampled game, more than two players, "
                            "general-sum",
    "exploitability_least_bound": "no mixture of these policies has less",
    "exploitability_low": "of a sampled two-player game: the exploitability of "
                          "the meta-strategy over frozen policies is certainly "
                          "no less; nan in rounds that brought no measurement",
    "exploitability_high": "it is certainly no more",
    "exploitability_round": "the round whose meta-strategy was measured; it is "
                            "measured beside the run, so it is an earlier one",
    "answer_low": "of a sampled two-player zero-sum game: the exploitability "
                  "of the least exploitable mixture that has been measured is "
                  "certainly no less; nan in rounds that brought no "
                  "measurement",
    "answer_high": "it is certainly no more; it never rises",
    "cce_gap_frozen": "of --meta_strategy=cce, exact: the sum over players of "
                      "what the best deviation gains from the joint "
                      "distribution over frozen policies; nan of all others",
    "cce_gap_all": "the same over all policies",
    "regret_frozen": "what a policy of the meta-game gains over the "
                     "meta-strategy over frozen policies, the most of all "
                     "players: the error of its solver",
    "regret_all": "the same over all policies",
    "policies": "frozen policies of each player, the initial one included, "
                "separated by '/'",
    "training_seconds": "of this round, spent on training",
    "evaluation_seconds": "of this round, spent on measuring payoffs",
    "round_seconds": "of this round, in all; most of the rest solves "
                     "meta-games",
    "staleness": "the most rounds ago that the opponents of a policy that "
                 "trained were drawn; 0 in lockstep",
    "levels": "the policies that trained in the round, separated by spaces, "
              "each as player/index/steps/mean return/settled or moving (do "
              "its opponents stand still?)",
}

_TEXT_COLUMNS = ("policies", "levels")

_CONFIG = "config.json"
_METRICS = "metrics.csv"
_HISTORY = "history.jsonl"
_RESULT = "result.json"
# As `policies.storage` and `policies.joint` name them; they are slow to import.
FINAL_POLICY = "final_policy.npz"
FINAL_JOINT = "final_joint.npz"
FINAL_MIXTURE = "final_mixture.npz"
BEST_POLICY = "best_policy.npz"
PLOT = "nash_conv.png"
_CHECKPOINTS = "checkpoint_*.npz"
# All that a run writes, and what it clears when it is told to overwrite.
_OURS = (_CONFIG, _METRICS, _HISTORY, _RESULT, FINAL_POLICY, BEST_POLICY,
         FINAL_JOINT, FINAL_MIXTURE, PLOT, _CHECKPOINTS)


def writable(path: str | os.PathLike) -> pathlib.Path:
  """Makes a directory, if it is not there, and returns its path.

  Raises:
    ValueError: if it cannot be made or written to.
  """
  path = pathlib.Path(path)
  try:
    path.mkdir(parents=True, exist_ok=True)
    probe = path / ".writable"
    probe.touch()
    probe.unlink()
  except OSError as error:
    raise _cannot_write(path, error) from error
  return path


def lock(path: str | os.PathLike) -> int:
  """Locks a directory and returns the descriptor, which unlocks it if closed.

  Raises:
    ValueError: if another process holds the lock.
  """
  descriptor = os.open(path, os.O_RDONLY)
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    os.close(descriptor)
    raise ValueError(f"{path} is in use by a run that is still alive: choose "
                     "another directory, or end it") from error
  except OSError:  # A file system without locks.
    pass
  return descriptor


class RunDirectory:
  """A directory that a run writes to; one run at a time."""

  def __init__(self, path: str | os.PathLike) -> None:
    """Makes the directory, and its parents, if it is not there.

    Raises:
      ValueError: if it cannot be made or written to.
    """
    self.path = writable(path)
    self._claimed: int | None = None  # The descriptor of the lock.
    self._writer: threading.Thread | None = None
    # What is still to be appended, by file.
    self._unwritten: dict[str, str] = {}
    # By kind of file, the name of the one that is missing.
    self._failed: dict[str, str] = {}
    self._warned: set[str] = set()

  @property
  def missing(self) -> tuple[str, ...]:
    """The files that could not be written, or not as far as the run got."""
    return tuple(self._failed.values())

  def start(self, config: dict[str, Any]) -> None:
    """Starts a run: writes its settings, clears what an earlier run left.

    Args:
      config: a dict of settings.

    Raises:
      ValueError: if another run that is still alive writes here, or if the
        settings cannot be written.
    """
    self._claim()
    self._clear(_OURS)
    header = ",".join(METRICS) + "\n"
    try:
      self._write_config(config)
      replace(self.path / _METRICS, header.encode())
      replace(self.path / _HISTORY, b"")
    except OSError as error:
      raise _cannot_write(self.path, error) from error

  def resume(self, config: dict[str, Any], num_rounds: int) -> None:
    """Goes on with a run: keeps the metrics of its first rounds.

    Args:
      config: a dict of settings.
      num_rounds: how many rounds its checkpoint knows of. Rows of later ones,
        and one half written, are dropped: these rounds will come again.

    Raises:
      ValueError: if another run that is still alive writes here, if there are
        fewer rows, or if nothing can be written.
    """
    self._claim()
    rows = (self.path / _METRICS).read_text().split("\n")
    _parse_metrics(self.path / _METRICS, rows[:1 + num_rounds])
    if len(rows) - 2 < num_rounds:
      raise ValueError(
          f"{self.path / _METRICS} has {len(rows) - 2} whole rows, and the "
          f"checkpoint is of round {num_rounds}")
    try:
      replace(self.path / _METRICS,
              _with_all_columns(rows[:1 + num_rounds]).encode())
      # Runs of versions before 0.2 have none.
      if (self.path / _HISTORY).exists():
        replace(self.path / _HISTORY, history.first_rounds(
            (self.path / _HISTORY).read_text(), num_rounds).encode())
      self._write_config(config)
    except OSError as error:
      raise _cannot_write(self.path, error) from error
    (self.path / _RESULT).unlink(missing_ok=True)

  def _claim(self):
    """Locks the directory for as long as this process lives."""
    if self._claimed is None:
      self._claimed = lock(self.path)
    self._clear(f".{name}.tmp" for name in _OURS)  # Of a run that was killed.

  def _clear(self, patterns):
    for pattern in patterns:
      for path in self.path.glob(pattern):
        path.unlink()

  def close(self) -> None:
    """Lets go of the directory; the last checkpoint is then on disk."""
    self.flush()
    if self._claimed is not None:
      os.close(self._claimed)
      self._claimed = None

  def _write_config(self, config):
    replace(self.path / _CONFIG, _json(config))

  def write_checkpoint(self, num_rounds: int, data: Any,
                       keep: int = 2) -> None:
    """Writes a checkpoint in the background.

    One that cannot be written is a warning: those before it stay.

    Args:
      num_rounds: how many rounds it knows of.
      data: as `plain_data.write` takes it; nobody may change it.
      keep: how many checkpoints stay, this one included.
    """
    self._wait_for_writer()
    self._writer = threading.Thread(
        target=self._write_checkpoint, args=(num_rounds, data, keep))
    self._writer.start()

  def _write_checkpoint(self, num_rounds, data, keep):
    path = self.path / _CHECKPOINTS.replace("*", f"{num_rounds:08d}")
    with self.tolerate("checkpoint", path.name):
      plain_data.write(path, data)
      for old in checkpoint_paths(self.path)[keep:]:
        old.unlink()

  def _wait_for_writer(self):
    if self._writer is not None:
      self._writer.join()
      self._writer = None

  def flush(self) -> None:
    """Waits for the checkpoint that is being written, and for the metrics."""
    self._wait_for_writer()
    for name in list(self._unwritten):
      self._append(name)

  def append_metrics(self, row: dict[str, Any]) -> None:
    """Appends one row to `metrics.csv`.

    One that cannot be written is a warning, and is tried again with the next.

    Args:
      row: a dict with the keys of METRICS.

    Raises:
      ValueError: if the keys are others.
    """
    if row.keys() != METRICS.keys():
      raise ValueError("a row of metrics has the keys "
                       f"{', '.join(METRICS)}; got {', '.join(row)}")
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        [row[name] for name in METRICS])
    self._append(_METRICS, line.getvalue())

  def append_history(self, line: dict[str, Any]) -> None:
    """Appends a line to `history.jsonl`, as `append_metrics` does a row."""
    self._append(_HISTORY, history.encode(line))

  def _append(self, name, text=""):
    """Appends text, and what could not be written before, to a file."""
    self._unwritten[name] = self._unwritten.get(name, "") + text
    with self.tolerate(name):
      rows = self._unwritten[name].encode()
      with open(self.path / name, "ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
          while rows:
            rows = rows[file.write(rows):]
        except OSError:
          file.truncate(size)  # Not half a row.
          raise
      del self._unwritten[name]

  def write_result(self, result: dict[str, Any]) -> None:
    """Writes what the run has found, a dict that JSON can hold."""
    with self.tolerate(_RESULT):
      replace(self.path / _RESULT, _json(result))

  @contextlib.contextmanager
  def tolerate(self, kind: str, name: str | None = None):
    """Makes an error a warning, and the file one that is `missing`.

    That is an `OSError`, or a `ValueError` of what a file is made from.

    Args:
      kind: of file; its first failure is told, and its last one counts.
      name: of the file, if it is not `kind`.
    """
    name = name or kind
    try:
      yield
      self._failed.pop(kind, None)
    except (OSError, ValueError) as error:
      self._failed[kind] = name
      if kind not in self._warned:
        logging.warning("Cannot write %s: %s. The run goes on.",
                        self.path / name,
                        getattr(error, "strerror", None) or error)
        self._warned.add(kind)


def replace(path: str | os.PathLike, content: bytes) -> None:
  """Writes a file all at once: a reader sees the old one or the new.

  Raises:
    OSError: if it cannot be written; nothing is left of it then.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f".{path.name}.tmp")
  try:
    temporary.write_bytes(content)
    os.replace(temporary, path)
  except OSError:
    temporary.unlink(missing_ok=True)
    raise


def _cannot_write(path, error):
  return ValueError(f"cannot write to the output directory {path}: "
                    f"{error.strerror}")


def _json(data):
  return (json.dumps(data, indent=2, sort_keys=True) + "\n").encode()


def read_config(path):
  """Returns the settings of a run as a dict.

  Raises:
    ValueError: if there is no run in that directory, or its file is damaged.
  """
  path = pathlib.Path(path) / _CONFIG
  try:
    return json.loads(path.read_text())
  except OSError as error:
    raise ValueError(f"there is no run in {path.parent}: {path.name} cannot be "
                     f"read ({error.strerror})") from error
  except ValueError as error:
    raise ValueError(f"{path} is damaged: {error}") from error


def checkpoint_paths(path):
  """Returns the checkpoints of a run directory, the newest first."""
  return sorted(pathlib.Path(path).glob(_CHECKPOINTS), reverse=True)


def has_ended(path: str | os.PathLike) -> bool:
  """Returns whether the run of a directory has ended and left its result."""
  return (pathlib.Path(path) / _RESULT).exists()


def read_result(path: str | os.PathLike) -> dict[str, Any]:
  """Returns what a run has found, see `RunSummary`, and its `provenance`.

  Raises:
    ValueError: if the run has not ended, or its file is damaged.
  """
  path = pathlib.Path(path) / _RESULT
  try:
    return json.loads(path.read_text())
  except OSError as error:
    raise ValueError(f"there is no run that has ended in {path.parent}: "
                     f"{path.name} cannot be read ({error.strerror})"
                    ) from error
  except ValueError as error:
    raise ValueError(f"{path} is damaged: {error}") from error


def read_checkpoint(path):
  """Returns the data of the newest checkpoint in a run directory.

  A checkpoint that is damaged is passed over, with a warning.

  Args:
    path: of the run directory, or of one checkpoint.

  Raises:
    ValueError: if there is none that can be read.
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise ValueError(f"there is no run in {path}")
  candidates = checkpoint_paths(path) if path.is_dir() else [path]
  if not candidates:
    raise ValueError(f"there is no checkpoint in {path}: the run wrote none, "
                     "or this is no run directory")
  for index, candidate in enumerate(candidates):
    try:
      return plain_data.read(candidate)
    except (ValueError, OSError) as error:
      if index == len(candidates) - 1:
        raise ValueError(str(error)) from error
      logging.warning("%s; the one before it is used.", error)


def count_rounds(path: str | os.PathLike) -> int:
  """Returns how many rounds a run has recorded.

  Raises:
    OSError: if there is no run in that directory.
  """
  return max(0, (pathlib.Path(path) / _METRICS).read_text().count("\n") - 1)


def read_metrics(path: str | os.PathLike) -> dict[str, list]:
  """Returns `{column: list}` of a run; numbers where METRICS has numbers.

  Raises:
    ValueError: if there is no run in that directory, or its file is damaged.
  """
  path = pathlib.Path(path) / _METRICS
  try:
    lines = path.read_text().splitlines()
  except OSError as error:
    raise ValueError(f"there is no run in {path.parent}: {path.name} cannot be "
                     f"read ({error.strerror})") from error
  return _parse_metrics(path, lines)


def read_history(path: str | os.PathLike) -> list[dict[str, Any]]:
  """Returns the lines of `history.jsonl`; none of a run that has no file."""
  path = pathlib.Path(path) / _HISTORY
  return history.decode(path.read_text()) if path.exists() else []


def _parse_metrics(path, lines):
  """Returns what lines of `metrics.csv` say; see `read_metrics`."""
  header, *rows = csv.reader(lines) if lines else [[]]
  if not header or not METRICS.keys() >= set(header):
    raise ValueError(f"{path} has other columns than this version of "
                     "open_spiel_ppsro writes")
  columns = {name: [] for name in METRICS}
  for number, row in enumerate(rows, 2):
    try:
      for name, value in zip(header, row, strict=True):
        columns[name].append(
            value if name in _TEXT_COLUMNS else float(value))
    except ValueError as error:
      raise ValueError(f"line {number} of {path} is damaged: {error}"
                       ) from error
  for name in METRICS.keys() - set(header):  # Of an earlier version.
    columns[name] = [math.nan] * len(rows)
  return columns


def _with_all_columns(lines):
  """Returns lines of `metrics.csv`, of an earlier version too, as text."""
  text = io.StringIO()
  writer = csv.DictWriter(text, list(METRICS), restval=math.nan,
                          lineterminator="\n")
  writer.writeheader()
  writer.writerows(csv.DictReader(lines))
  return text.getvalue()

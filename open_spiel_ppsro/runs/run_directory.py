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

    config.json         the resolved settings of the run
    metrics.csv         a row per round, see `METRICS`
    checkpoint_*.npz    what it takes to resume it, by round
    final_policy.npz    the policy that the run found, see `policies.storage`
    nash_conv.png       drawn by `report.py`

It knows files, not games in training. Nothing that is read here is ever
executed: JSON, CSV, and NumPy arrays without pickles.
"""

import csv
import fcntl
import json
import os
import pathlib
import threading

from absl import logging

from open_spiel_ppsro import plain_data

METRICS = {
    "round": "number of the round, from 1",
    "wall_seconds": "since the process started",
    "iterations": "policies frozen for every player, the initial one aside",
    "training_episodes": "episodes trained so far, by all policies",
    "evaluation_episodes": "episodes played so far to measure payoffs; 0 where "
                           "evaluation is exact",
    "episodes": "the sum of these two",
    "environment_steps": "decisions of all players in these episodes",
    "nash_conv_frozen": "exact NashConv of the meta-strategy over frozen "
                        "policies; nan of a sampled game",
    "exploitability_frozen": "the same divided by the number of players",
    "nash_conv_all": "exact NashConv of the meta-strategy over all policies, "
                     "those in training included",
    "exploitability_all": "the same divided by the number of players",
    "cce_gap_frozen": "of --meta_strategy=cce, exact: the sum over players of "
                      "what the best deviation gains from the joint "
                      "distribution over frozen policies; nan of all others",
    "cce_gap_all": "the same over all policies",
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

_CONFIG = "config.json"
_METRICS = "metrics.csv"
_CHECKPOINTS = "checkpoint_*.npz"
PLOT = "nash_conv.png"


class RunDirectory:
  """A directory that a run writes to; one run at a time."""

  def __init__(self, path):
    """Makes the directory, and its parents, if it is not there.

    Raises:
      ValueError: if it cannot be made or written to.
    """
    self.path = pathlib.Path(path)
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      probe = self.path / ".writable"
      probe.touch()
      probe.unlink()
    except OSError as error:
      raise ValueError(f"cannot write to the output directory {path}: "
                       f"{error.strerror}") from error

    self._lock = None
    self._writer = None

  def start(self, config):
    """Starts a run: writes its settings, clears what an earlier run left.

    Args:
      config: a dict of settings.

    Raises:
      ValueError: if another run that is still alive writes here.
    """
    self._claim()
    for path in self.path.glob(_CHECKPOINTS):
      path.unlink()
    self._write_config(config)
    with open(self.path / _METRICS, "w", newline="") as file:
      csv.writer(file, lineterminator="\n").writerow(METRICS)

  def resume(self, config, num_rounds):
    """Goes on with a run: keeps the metrics of its first rounds.

    Args:
      config: a dict of settings.
      num_rounds: how many rounds its checkpoint knows of. Rows of later ones,
        and one half written, are dropped: these rounds will come again.

    Raises:
      ValueError: if another run that is still alive writes here, or if there
        are fewer rows.
    """
    self._claim()
    rows = (self.path / _METRICS).read_text().split("\n")
    if next(csv.reader(rows[:1]), None) != list(METRICS):
      raise ValueError(f"{self.path / _METRICS} has other columns than this "
                       "version of open_spiel_ppsro writes")
    if len(rows) - 2 < num_rounds:
      raise ValueError(
          f"{self.path / _METRICS} has {len(rows) - 2} whole rows, and the "
          f"checkpoint is of round {num_rounds}")
    self._replace(_METRICS,
                  "".join(f"{row}\n" for row in rows[:1 + num_rounds]).encode())
    self._write_config(config)

  def _claim(self):
    """Locks the directory for as long as this process lives."""
    if self._lock is None:
      lock = os.open(self.path, os.O_RDONLY)
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except BlockingIOError as error:
        os.close(lock)
        raise ValueError(f"{self.path} is in use by a run that is still alive: "
                         "choose another --output_dir, or end it") from error
      except OSError:  # A file system without locks.
        pass
      self._lock = lock
    for path in self.path.glob(".*.tmp"):  # Of a run that was killed.
      path.unlink()

  def close(self):
    """Lets go of the directory; the last checkpoint is then on disk."""
    self.flush()
    if self._lock is not None:
      os.close(self._lock)
      self._lock = None

  def _write_config(self, config):
    self._replace(_CONFIG, (json.dumps(config, indent=2, sort_keys=True)
                            + "\n").encode())

  def write_checkpoint(self, num_rounds, data, keep=2):
    """Writes a checkpoint in the background.

    One that cannot be written is a warning: those before it stay.

    Args:
      num_rounds: how many rounds it knows of.
      data: as `checkpoint.write` takes it; nobody may change it.
      keep: how many checkpoints stay, this one included.
    """
    self.flush()
    self._writer = threading.Thread(
        target=self._write_checkpoint, args=(num_rounds, data, keep))
    self._writer.start()

  def _write_checkpoint(self, num_rounds, data, keep):
    path = self.path / _CHECKPOINTS.replace("*", f"{num_rounds:08d}")
    try:
      plain_data.write(path, data)
      for old in checkpoint_paths(self.path)[keep:]:
        old.unlink()
    except OSError as error:
      logging.warning("Cannot write the checkpoint %s: %s; the one before it "
                      "stays.", path, error.strerror or error)

  def flush(self):
    """Waits until the checkpoint that is being written is on disk."""
    if self._writer is not None:
      self._writer.join()
      self._writer = None

  def append_metrics(self, row):
    """Appends one row to `metrics.csv`.

    Args:
      row: a dict with the keys of METRICS.

    Raises:
      ValueError: if the keys are others.
    """
    if row.keys() != METRICS.keys():
      raise ValueError("a row of metrics has the keys "
                       f"{', '.join(METRICS)}; got {', '.join(row)}")
    with open(self.path / _METRICS, "a", newline="") as file:
      csv.writer(file, lineterminator="\n").writerow(
          [row[name] for name in METRICS])

  def _replace(self, name, content):
    """Writes a file all at once: a reader sees the old one or the new."""
    temporary = self.path / f".{name}.tmp"
    temporary.write_bytes(content)
    os.replace(temporary, self.path / name)


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


def read_checkpoint(path):
  """Returns the data of the newest checkpoint in a run directory.

  A checkpoint that is damaged is passed over, with a warning.

  Args:
    path: of the run directory, or of one checkpoint.

  Raises:
    ValueError: if there is none that can be read.
  """
  path = pathlib.Path(path)
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


def read_metrics(path):
  """Returns `{column: list}` of a run; numbers where METRICS has numbers."""
  with open(pathlib.Path(path) / _METRICS, newline="") as file:
    rows = list(csv.DictReader(file))
  return {
      name: [row[name] if name in ("policies", "levels") else float(row[name])
             for row in rows]
      for name in METRICS}

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
    final_policy.npz    the policy that the run found, see `read_policy`
    nash_conv.png       drawn by `report.py`

A leaf: it knows files, not games in training. Nothing that is read here is
ever executed: JSON, CSV, and NumPy arrays without pickles.
"""

import csv
import json
import os
import pathlib

import numpy as np

from open_spiel.python import policy
import pyspiel

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
    "levels": "the policies that trained in the round, separated by spaces, "
              "each as player/index/steps/mean return/settled or moving (do "
              "its opponents stand still?)",
}

_CONFIG = "config.json"
_METRICS = "metrics.csv"
_POLICY = "final_policy.npz"
PLOT = "nash_conv.png"


class RunDirectory:
  """A directory that a run writes to."""

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

  def write_config(self, config):
    """Writes a dict of settings, and starts `metrics.csv` anew."""
    self._replace(_CONFIG, (json.dumps(config, indent=2, sort_keys=True)
                            + "\n").encode())
    with open(self.path / _METRICS, "w", newline="") as file:
      csv.writer(file).writerow(METRICS)

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
      csv.writer(file).writerow([row[name] for name in METRICS])

  def write_policy(self, game, infostates, tables):
    """Writes a policy for every player.

    Args:
      game: the string that `pyspiel.load_game` makes the game from.
      infostates: per player, I information state strings.
      tables: per player, action probabilities `[I, A]`.
    """
    arrays = {"game": np.array(game)}
    for player, (names, table) in enumerate(zip(infostates, tables)):
      arrays[f"infostates_{player}"] = np.array(names)
      arrays[f"probabilities_{player}"] = table
    temporary = self.path / ("." + _POLICY)
    np.savez_compressed(temporary.with_suffix(""), **arrays)
    os.replace(temporary, self.path / _POLICY)

  def _replace(self, name, content):
    """Writes a file all at once: a reader sees the old one or the new."""
    temporary = self.path / ("." + name)
    temporary.write_bytes(content)
    os.replace(temporary, self.path / name)


def read_config(path):
  """Returns the settings of a run as a dict."""
  return json.loads((pathlib.Path(path) / _CONFIG).read_text())


def read_metrics(path):
  """Returns `{column: list}` of a run; numbers where METRICS has numbers."""
  with open(pathlib.Path(path) / _METRICS, newline="") as file:
    rows = list(csv.DictReader(file))
  return {
      name: [row[name] if name in ("policies", "levels") else float(row[name])
             for row in rows]
      for name in METRICS}


def read_policy(path):
  """Returns the final policy of a run as an OpenSpiel `TabularPolicy`.

  It plays every seat. A simultaneous game is given turn-based, as it was
  solved.
  """
  with np.load(pathlib.Path(path) / _POLICY, allow_pickle=False) as arrays:
    game = pyspiel.load_game(str(arrays["game"]))
    result = policy.TabularPolicy(game)
    for player in range(game.num_players()):
      for name, probabilities in zip(arrays[f"infostates_{player}"],
                                     arrays[f"probabilities_{player}"]):
        result.policy_for_key(str(name))[:] = probabilities
  return result

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

"""Compares the methods on sampled games, by certain bounds of exploitability.

    python examples/benchmarks/large_games.py --game=phantom_ttt

Every game, method and seed has a run of its own, one after another, with the
default settings. There is a table of what each run came to, and per game a
picture of the bounds against core seconds. It goes on where it was ended: runs
that have ended are read, and one that was killed is resumed.
"""

import json
import math
import pathlib
import re
import resource
import subprocess
import sys
import time

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch

_GAMES = flags.DEFINE_multi_string(
    "game", ["phantom_ttt"], "A game; give the flag several times.")
_METHODS = flags.DEFINE_list(
    "methods", list(ppsro.SCHEMES), "The methods, as --scheme takes them.")
_SEEDS = flags.DEFINE_list("seeds", ["1", "2", "3"], "The seeds.")
_SECONDS = flags.DEFINE_float(
    "time_limit_seconds", 150, "Of each run.", lower_bound=1)
_ARGUMENTS = flags.DEFINE_multi_string(
    "argument", [], "A further flag of all runs, as in "
    "--argument=--initial_policy=uniform; give it several times.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "runs/large_games", "Where the runs and pictures are.")
_EXAMPLE = pathlib.Path(__file__).parent.parent / "pipeline_psro_example.py"
# How often a core second was counted for each second of a run.
_CORES = "cores.json"


def play(path, game, method, seed):
  """Plays a run, or what is left of it, and counts its core seconds.

  Args:
    path: its run directory.
    game: the game string.
    method: the scheme.
    seed: of the run.
  """
  has_begun = any(path.glob("checkpoint_*.npz"))
  command = [
      sys.executable, str(_EXAMPLE), f"--game_name={game}",
      f"--scheme={method}", f"--seed={seed}", "--evaluation=sampled",
      "--exploiter_steps=0", f"--time_limit_seconds={_SECONDS.value}",
      f"--output_dir={path}", "--resume" if has_begun else "--overwrite",
      *_ARGUMENTS.value]
  before, start = _core_seconds(), time.perf_counter()
  subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
  cores = (_core_seconds() - before) / (time.perf_counter() - start)
  (path / _CORES).write_text(json.dumps(cores))


def _core_seconds():
  """Returns what all processes have used that this one has waited for."""
  used = resource.getrusage(resource.RUSAGE_CHILDREN)
  return used.ru_utime + used.ru_stime


def curve(path):
  """Returns rows `(core seconds, low, high)` of a run that has ended.

  They are bounds of its answer; where there is none but the meta-Nash, of that.
  """
  cores = json.loads((path / _CORES).read_text())
  metrics, result = ppsro.read_metrics(path), ppsro.read_result(path)
  names = ("answer_low", "answer_high")
  if result.get("answer_high") is None:
    names = ("exploitability_low", "exploitability_high")
  rows = [(cores * seconds, low, high) for seconds, low, high in zip(
      metrics["wall_seconds"], *(metrics[name] for name in names))
          if not math.isnan(high)]
  if result.get(names[1]) is not None:
    rows.append((cores * result["wall_seconds"],
                 *(result[name] for name in names)))
  return rows


def draw(path, title, curves):
  """Draws the bounds of some runs.

  Args:
    path: of the picture.
    title: of the picture.
    curves: `{method: rows of each seed}`.
  """
  import matplotlib  # pylint: disable=import-outside-toplevel
  matplotlib.use("agg")
  from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
  figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
  for number, (method, seeds) in enumerate(curves.items()):
    for index, rows in enumerate(filter(None, seeds)):
      seconds, low, high = zip(*rows)
      axes.fill_between(seconds, low, high, color=f"C{number}", alpha=0.2)
      axes.plot(seconds, high, color=f"C{number}", marker=".",
                label=None if index else method)
  axes.set(title=title, xlabel="core seconds", yscale="log",
           ylabel="exploitability, certain bounds")
  axes.legend()
  figure.savefig(path, dpi=120)
  pyplot.close(figure)


def main():
  directory = pathlib.Path(_OUTPUT_DIR.value)
  print(f"{'game':<40}{'method':<12}{'seed':>4}{'core seconds':>14}"
        f"{'rounds':>8}{'exploitability':>20}")
  for game in _GAMES.value:
    name = re.sub(r"[^a-z0-9_]+", "-", game.lower()).strip("-")
    curves = {}
    for method in _METHODS.value:
      for seed in _SEEDS.value:
        path = directory / f"{name}-{method}-seed{seed}"
        if not ((path / "result.json").exists() and (path / _CORES).exists()):
          play(path, game, method, seed)
        rows = curve(path)
        curves.setdefault(method, []).append(rows)
        found = (f"{rows[-1][1]:.4f} to {rows[-1][2]:.4f}" if rows
                 else "not measured")
        result = ppsro.read_result(path)
        used = json.loads((path / _CORES).read_text()) * result["wall_seconds"]
        print(f"{game:<40}{method:<12}{seed:>4}{used:>14.0f}"
              f"{result['rounds']:>8}{found:>20}", flush=True)
    if any(rows for seeds in curves.values() for rows in seeds):
      picture = directory / f"{name}.png"
      draw(picture, game, curves)
      print(f"{game}: {picture}")


if __name__ == "__main__":
  launch.start(main)

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

"""Runs every PSRO variant with one oracle, one budget, and one yardstick.

    python examples/compare_schemes_example.py --game_name=leduc_poker

Each scheme and seed is a run of its own, limited by --time_limit_seconds,
--max_episodes and the other limits, with its own run directory. A table and a
plot show exact exploitability: mean and range over seeds, against episodes
and against rounds; for Leduc poker beside the published curves of Pipeline
PSRO.
"""

import itertools
import os
import sys
import time

from absl import flags

import command_line
import entry_point
import open_spiel_ppsro as ppsro
import recorded_run

flags.adopt_module_key_flags(command_line)

_SCHEMES = flags.DEFINE_list(
    "schemes", ",".join(command_line.SCHEMES),
    "Which schemes, in this order.")
_SEEDS = flags.DEFINE_list("seeds", "1,2,3", "A run of each scheme for each.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None,
    "For the run directories, comparison.txt and comparison.png; "
    "runs/compare-GAME-ORACLE by default.")

_PUBLISHED = {"leduc_poker": "published_leduc_curves.csv"}


def chosen_schemes():
  """Returns the names of the schemes to run."""
  unknown = set(_SCHEMES.value) - set(command_line.SCHEMES)
  if unknown or not _SCHEMES.value:
    raise ValueError(f"--schemes is {','.join(_SCHEMES.value)!r}; it takes "
                     f"some of {','.join(command_line.SCHEMES)}")
  schemes = list(_SCHEMES.value)
  if command_line.ORACLE.value == "dqn" and "neupl" in schemes:
    print("neupl is left out: its conditional network trains by ppo, not dqn",
          file=sys.stderr)
    schemes.remove("neupl")
  return schemes


def chosen_seeds():
  """Returns the seeds to run."""
  try:
    seeds = [int(seed) for seed in _SEEDS.value]
  except ValueError as error:
    raise ValueError(f"--seeds is {','.join(_SEEDS.value)!r}; it takes whole "
                     "numbers, as in 1,2,3") from error
  if not seeds or min(seeds) < 0:
    raise ValueError("--seeds takes at least one seed, 0 or more")
  return seeds


def run(tree, name, seed, path):
  """Runs one scheme with one seed; returns what stopped it."""
  start = time.perf_counter()
  scheme = command_line.make_scheme(name)
  config = command_line.make_config(scheme)
  directory = ppsro.RunDirectory(path)
  executor = command_line.make_executor()
  with command_line.make_oracle(
      tree, scheme, config, executor, seed) as oracle:
    solver = command_line.make_solver(oracle, scheme)
    directory.start(command_line.run_settings(
        sys.argv[0], solver, config, executor, scheme=name, seed=seed,
        output_dir=path))
    stopped_by = recorded_run.play(
        solver, directory, command_line.limits(), start,
        f"{name} seed {seed}  ")
  directory.close()
  return stopped_by


def main():
  ppsro.PipelinePSROSolver  # Imported now, not at the first run's expense.
  schemes, seeds = chosen_schemes(), chosen_seeds()
  command_line.check(schemes)
  game_name = command_line.GAME_NAME.value
  tree = command_line.open_game()
  if not isinstance(tree, ppsro.GameTree):
    raise ValueError(f"schemes are compared by exact exploitability, and "
                     f"{game_name} is sampled: choose a smaller game")
  output_dir = _OUTPUT_DIR.value or os.path.join(
      "runs", f"compare-{game_name}-{command_line.ORACLE.value}")
  ppsro.RunDirectory(output_dir)  # Says so now if it cannot be written to.
  runs, exit_code = {}, 0
  try:
    for seed, name in itertools.product(seeds, schemes):
      path = os.path.join(output_dir, f"{name}-seed{seed}")
      exit_code = recorded_run.EXIT_CODES.get(run(tree, name, seed, path), 0)
      if exit_code:
        break
      runs.setdefault(name, []).append(path)
  except KeyboardInterrupt:
    exit_code = 130
  if not runs:
    print("interrupted before the first run had ended", file=sys.stderr)
    return exit_code
  table = ppsro.comparison_table(runs)
  print(table)
  with open(os.path.join(output_dir, "comparison.txt"), "w",
            encoding="utf-8") as file:
    file.write(table + "\n")
  published = {}
  if game_name in _PUBLISHED:
    published = ppsro.read_published(os.path.join(
        os.path.dirname(__file__), _PUBLISHED[game_name]))
  by = lambda x: {name: [ppsro.read_curve(path, x) for path in paths]
                  for name, paths in runs.items()}
  panels = [("rounds", True, by("round"), {})]
  if command_line.ORACLE.value != "exact":  # Which plays no episodes.
    panels.insert(0, ("episodes", True, by("episodes"), published))
  plot = ppsro.plot_curves(
      os.path.join(output_dir, "comparison.png"),
      f"{game_name}, {command_line.ORACLE.value}, seeds "
      f"{', '.join(map(str, seeds))}: mean and range", panels)
  print(f"result: game={game_name} oracle={command_line.ORACLE.value} "
        + " ".join(f"{name}={sum(_last(p) for p in paths) / len(paths):.4g}"
                   for name, paths in runs.items()) + f" plot={plot}")
  return exit_code


def _last(path):
  return ppsro.read_curve(path)[1][-1]


if __name__ == "__main__":
  entry_point.run(main)

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

Each scheme and seed is a run of its own, limited by --time_limit_seconds,
--max_episodes and the other limits, with its own run directory. A table and a
plot show exact exploitability: mean and range over seeds, against episodes
and against rounds; for Leduc poker beside the published curves of Pipeline
PSRO. With --resume the runs of --output_dir that have not ended go on, and
those that are not there, as of another seed, are played.
"""

import itertools
import os
import pathlib
import sys

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import adoption
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import side_by_side
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import signals

FLAGS = flags.FLAGS
USAGE = ""
ARGUMENTS = (0, 0)

_PUBLISHED = {"leduc_poker": "published_leduc_curves.csv"}


def define() -> None:
  """Defines the flags."""
  with common_flags.group("What is played, and how"):
    flags.DEFINE_list(
        "schemes", None, "Which schemes, in this order; all if not given.")
    flags.DEFINE_list("seeds", "1,2,3", "A run of each scheme for each.")
  common_flags.define()
  common_flags.define_directory(
      "For the run directories, comparison.txt and comparison.png; "
      "runs/compare-GAME-ORACLE by default, with a number where that is taken.")
  common_flags.define_checkpoints()


def chosen_schemes():
  """Returns the names of the schemes to run."""
  schemes = list(dict.fromkeys(
      ppsro.SCHEMES if FLAGS.schemes is None else FLAGS.schemes))
  if not schemes:
    raise ValueError("--schemes is empty; it takes some of "
                     f"{','.join(ppsro.SCHEMES)}")
  common_flags.check(schemes)
  for name in list(schemes):
    if not common_flags.takes_oracle(name):
      print(f"{name} is left out: it has a learner of its own, not "
            f"{FLAGS.oracle}", file=sys.stderr)
      schemes.remove(name)
    if FLAGS.oracle == "dqn" and ppsro.SCHEMES[name].shares_learner:
      print(f"{name} is left out: its conditional network trains by ppo, not "
            "dqn", file=sys.stderr)
      schemes.remove(name)
  return schemes


def find_output_dir():
  """Returns the directory to resume, and sets the flags as its runs had them.
  """
  path = FLAGS.output_dir or output_directory.latest(_name())
  configs = sorted(pathlib.Path(path).glob("*/config.json"))
  if not configs:
    raise ValueError(f"there is no run in {path}")
  adoption.adopt(configs[0].parent)
  return path


def _name():
  return f"compare-{FLAGS.game_name}-{FLAGS.oracle}"


def main() -> int:
  """Plays all runs, and compares them."""
  output_dir = find_output_dir() if FLAGS.resume else None
  schemes, seeds = chosen_schemes(), side_by_side.chosen_seeds()
  game = common_flags.open_game()
  if not isinstance(game, ppsro.GameTree):
    raise ValueError(f"schemes are compared by exact exploitability, and "
                     f"{FLAGS.game_name} is sampled: choose a smaller game")
  output_dir = output_dir or common_flags.make_output_dir(_name())
  runs: dict[str, list[str]] = {}
  exit_code = 0
  try:
    for seed, name in itertools.product(seeds, schemes):
      path = os.path.join(output_dir,
                          f"{output_directory.slug(name)}-seed{seed}")
      code, found = side_by_side.play(game, name, seed, path,
                                      f"{name} seed {seed}")
      if found.rounds and code not in signals.EXIT_CODES.values():
        runs.setdefault(name, []).append(path)
      exit_code = max(exit_code, code)
      if code in signals.EXIT_CODES.values():
        break
  except KeyboardInterrupt:
    exit_code = signals.EXIT_CODES["interrupt"]
  if not runs:
    print("no run has ended, so there is nothing to compare", file=sys.stderr)
    return exit_code
  table = ppsro.comparison_table(runs)
  print(table)
  with open(os.path.join(output_dir, "comparison.txt"), "w",
            encoding="utf-8") as file:
    file.write(table + "\n")
  published = {}
  if FLAGS.game_name in _PUBLISHED:
    published = ppsro.read_published(os.path.join(
        os.path.dirname(__file__), _PUBLISHED[FLAGS.game_name]))

  def over(x):
    return {name: [ppsro.read_curve(path, x) for path in paths]
            for name, paths in runs.items()}

  panels: list[tuple] = [("rounds", True, over("round"), {}),
                         ("seconds", True, over("wall_seconds"), {})]
  # Exact responses and expectations play none.
  of_episodes = {name: curves for name, curves in over("episodes").items()
                 if all(x[-1] > 0 for x, _ in curves)}
  if of_episodes:
    panels.insert(0, ("episodes", True, of_episodes, published))
  plot = ppsro.plot_curves(
      os.path.join(output_dir, "comparison.png"),
      f"{FLAGS.game_name}, {FLAGS.oracle}, seeds "
      f"{', '.join(map(str, seeds))}: mean and range", panels)
  print(f"result: game={FLAGS.game_name} oracle={FLAGS.oracle} "
        + " ".join(f"{name}={sum(_last(p) for p in paths) / len(paths):.4g}"
                   for name, paths in runs.items()) + f" plot={plot}")
  return exit_code


def _last(path):
  return ppsro.read_curve(path)[1][-1]

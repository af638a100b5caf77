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

"""How many learners at once help, and which schemes fail, on matrix games.

    python examples/random_normal_form_example.py

The first experiment of McAleer et al. 2020: random symmetric zero-sum games,
with a learner that moves `learning_rate` of the way to its exact best response
each round. A table and a plot show the exact exploitability of the meta-Nash
over all policies, those in training included. With --payoffs_file the game is
any zero-sum matrix instead, and its equilibrium is printed, too:
`--payoffs_file=rps_x.csv --start_action=0
--learning_rates=1` with the lines

    0,-1,1,-0.4
    1,0,-1,-0.4
    -1,1,0,-0.4
    0.4,0.4,0.4,0

is the game in which rectified PSRO stops at 0.4 and all others reach 0.
"""

import os
import sys

from absl import flags
import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import launch

_METHODS = flags.DEFINE_list(
    "methods", "sequential,naive-4,rectified,dch-16,pipeline-4,pipeline-8,"
    "pipeline-16",
    "Schemes, each with its number of learners after a dash where it takes "
    "one.")
_SIZES = flags.DEFINE_list(
    "sizes", "60", "Numbers of actions of the random games.")
_LEARNING_RATES = flags.DEFINE_list(
    "learning_rates", "0.5",
    "Shares of the way to its best response that a learner moves in a round.")
_SEEDS = flags.DEFINE_list(
    "seeds", "1,2,3,4,5", "A game, and a run of each method, for each.")
_ROUNDS = flags.DEFINE_integer("rounds", 50, "Rounds of each run.")
_PLATEAU_DELTA = flags.DEFINE_float(
    "plateau_delta", 0.03,
    "A policy freezes when a round improved its payoff by less than this.")
_PAYOFFS_FILE = flags.DEFINE_string(
    "payoffs_file", None,
    "A .npy file or text with a row a line: the payoffs of player 0 in a "
    "zero-sum game, played instead of random ones.")
_START_ACTION = flags.DEFINE_integer(
    "start_action", None,
    "What the first policy plays, counted from 0; all actions with equal "
    "probability if not given.")
_EXECUTOR = flags.DEFINE_enum(
    "executor", "serial", ("serial", "processes"),
    "Where learners run; their steps are so short that serial is faster.")
common_flags.define_directory(
    "For exploitability.txt and exploitability.png; runs/random-normal-form by "
    "default, with a number where that is taken.")
flags.adopt_module_key_flags(common_flags)


def numbers(flag, kind, accepts, words):
  """Returns the numbers of a list flag; ValueError if one is not accepted."""
  try:
    values = [kind(value) for value in flag.value]
    if values and all(map(accepts, values)):
      return values
  except ValueError:
    pass
  raise ValueError(f"--{flag.name} is {','.join(flag.value)!r}; it takes "
                   f"{words}, separated by commas")


def make_scheme(method):
  """Returns the scheme of a method such as pipeline-4."""
  name, dash, count = method.partition("-")
  scheme = ppsro.SCHEMES.get(name)
  takes_count = scheme is not None and common_flags.takes(scheme, "num_levels")
  if scheme is None or scheme.shares_learner or scheme.plays_itself or (
      dash and not (takes_count and count.isdigit())):
    raise ValueError(f"--methods has {method!r}; it takes sequential, "
                     "rectified, and naive-N, dch-N, pipeline-N")
  return scheme(**({"num_levels": int(count)} if dash else {}))


def first_policies(tree, num_populations):
  """Returns the policies that a run starts from; None for the uniform one.

  Args:
    tree: the game, before its seats are drawn.
    num_populations: one for each player, or one for both seats.
  """
  if _START_ACTION.value is None:
    return None
  counts = [i.legal_actions_mask.sum() for i in tree.infostates]
  if not 0 <= _START_ACTION.value < min(counts):
    raise ValueError(f"--start_action is {_START_ACTION.value}; the game has "
                     f"actions from 0 to {min(counts) - 1}")
  table = np.eye(tree.num_actions)[[_START_ACTION.value]]
  return [tree.tabular_policy([table, table])] * num_populations


def curve(tree, method, learning_rate, seed):
  """Returns rounds and exploitabilities of one run."""
  executor = (ppsro.SerialExecutor() if _EXECUTOR.value == "serial"
              else ppsro.ProcessExecutor(2))
  scheme = make_scheme(method)
  with ppsro.PipelinedOracle(
      tree, ppsro.GradualConfig(learning_rate), executor, seed,
      seat_symmetric=scheme.one_population) as oracle:
    # One move a round, the levels one after another from the lowest up: the
    # rules of the experiment.
    solver = ppsro.PipelinePSROSolver(
        tree.game, oracle, scheme, initial_policies=first_policies(
            tree, oracle.played_game.num_populations),
        opponent_update_freq=1, sweep=True,
        plateau=ppsro.PlateauRule(delta=_PLATEAU_DELTA.value))
    found = [solver.round().of_all.exploitability
             for _ in range(_ROUNDS.value)]
  return list(range(1, len(found) + 1)), found


def games(seeds):
  """Yields a title and, for each seed, the `GameTree` to play."""
  if _PAYOFFS_FILE.value is not None:
    tree = ppsro.from_file(_PAYOFFS_FILE.value)
    yield os.path.basename(_PAYOFFS_FILE.value), [tree] * len(seeds)
    return
  for size in numbers(_SIZES, int, lambda size: size > 1,
                      "whole numbers above 1"):
    yield f"size {size}", [
        ppsro.from_payoffs(ppsro.random_symmetric(size, seed))
        for seed in seeds]


def equilibrium(tree):
  """Returns the exact equilibrium of a matrix game in words."""
  with ppsro.PipelinedOracle(tree, ppsro.ExactConfig()) as oracle:
    solver = ppsro.PipelinePSROSolver(tree, oracle, ppsro.Sequential())
    # A double oracle: no more policies than there are actions.
    for _ in range(2 * tree.num_actions + 1):
      solver.round()
    tables = solver.final_tables("meta_nash")
    nash_conv = solver.exploitability("meta_nash").nash_conv
  lines = [f"equilibrium (NashConv {max(nash_conv, 0.0):.1g}):"]
  for player, table in enumerate(tables):
    lines.append(f"player {player}: " + ", ".join(
        f"action {action} {probability:.6g}"
        for action, probability in enumerate(table[0])
        if probability > 1e-9))
  return "\n".join(lines)


def main():
  if _ROUNDS.value < 1:
    raise ValueError(f"--rounds is {_ROUNDS.value}; it takes 1 or more")
  for method in _METHODS.value:
    make_scheme(method)
  seeds = numbers(_SEEDS, int, lambda seed: seed >= 0,
                  "whole numbers, 0 or more")
  seeds = list(dict.fromkeys(seeds))
  rates = numbers(_LEARNING_RATES, float, lambda rate: 0 < rate <= 1,
                  "numbers above 0, up to 1")
  path = common_flags.make_output_dir("random-normal-form")
  panels, texts = [], []
  for title, trees in games(seeds):
    for rate in rates:
      curves = {}
      for method in _METHODS.value:
        curves[method] = [curve(tree, method, rate, seed)
                          for tree, seed in zip(trees, seeds)]
        print(f"{title}, learning rate {rate:g}: {method} done",
              file=sys.stderr)
      texts.append(f"{title}, learning rate {rate:g}\n"
                   + ppsro.curves_table(curves))
      panels.append((f"rounds ({title}, learning rate {rate:g})", False,
                     curves, {}))
  if _PAYOFFS_FILE.value is not None:
    texts.append(equilibrium(ppsro.from_file(_PAYOFFS_FILE.value)))
  text = "\n\n".join(texts)
  print(text)
  (path / "exploitability.txt").write_text(text + "\n", encoding="utf-8")
  plot = ppsro.plot_curves(
      path / "exploitability.png",
      f"seeds {', '.join(map(str, seeds))}: mean and range", panels)
  print(f"result: rounds={_ROUNDS.value} plot={plot}")
  return 0


if __name__ == "__main__":
  launch.start(main)

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

"""Says how strong what a run has found is, against whom, and where it loses.

With one run: its exploitability, exact where the game can be enumerated; its
returns against each of --against, exact where both sides are tables, else by
playing, with standard errors; and the information states that have the largest
part of its NashConv. With several runs: a table of all against all. A return is
what the run earns in a seat while the other side takes all other seats.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import functools
import math
import pathlib
import sys

from absl import flags
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.bots import policy as policy_bot
import pyspiel

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.evaluation import head_to_head
from open_spiel_ppsro.evaluation import weak_points
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import plots

FLAGS = flags.FLAGS
USAGE = " RUN_DIR..."
ARGUMENTS = (1, sys.maxsize)
# Names of --against that are no run directories.
OPPONENTS = ("uniform", "cfr", "random_bot")


def define() -> None:
  """Defines the flags."""
  with common_flags.group("Opponents"):
    flags.DEFINE_list(
        "against", "uniform",
        "Of one run: whom it plays: run directories; uniform, which plays all "
        "legal actions with equal probability; cfr, the average policy of "
        "CFR+, on games that can be enumerated; random_bot, OpenSpiel's.")
    flags.DEFINE_integer(
        "cfr_iterations", 1000, "Of CFR+.", lower_bound=1)
  with common_flags.group("How it is measured"):
    flags.DEFINE_enum(
        "evaluation", "auto", ("auto", "exact", "sampled"),
        "exact: from the enumerated game; sampled: by playing; auto: exact "
        "where it can be.")
    flags.DEFINE_integer(
        "max_histories", game_tree.DEFAULT_MAX_HISTORIES,
        "The largest game of a sampled run to enumerate.", lower_bound=1)
    flags.DEFINE_integer(
        "games", 10_000, "Games in each seat, where it is sampled.",
        lower_bound=1)
    flags.DEFINE_integer("seed", 1, "Of the games.", lower_bound=0)
    flags.DEFINE_integer(
        "weak_points", 10,
        "Of one run: how many of the information states where it loses most.",
        lower_bound=0)
  common_flags.define_mixture()
  common_flags.define_imports()


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
  """One side of a match.

  Attributes:
    name: of the run directory, or in OPPONENTS.
    tables: per player a table, by the enumerated game; None if there is none.
    functions: the side as `head_to_head` plays many games at once; None if it
      cannot.
    bot: makes a bot of a player.
  """
  name: str
  tables: Callable[[ppsro.GameTree], Sequence[np.ndarray]] | None
  functions: head_to_head.Side | None
  bot: Callable[[int], pyspiel.Bot]


def main(arguments: list[str]) -> int:
  """Evaluates the runs."""
  common_flags.import_modules()
  runs = [ppsro.load(path, FLAGS.mixture) for path in arguments]
  measure = Measure(runs[0])
  if len(runs) == 1:
    return _one(runs[0], measure)
  for run in runs[1:]:
    measure.check_game(run)
  return _all_against_all(runs, measure)


class Measure:
  """How matches of a game are measured, as the flags say.

  Attributes:
    tree: the game, enumerated; None if it is too large or to be sampled.
  """

  def __init__(self, run: ppsro.LoadedRun):
    """Makes one for the game of a run."""
    self._run = run
    self.game = run.game.original.game
    self.tree: ppsro.GameTree | None = None
    if FLAGS.evaluation == "sampled":
      return
    try:
      self.tree = run.tree(FLAGS.max_histories)
    except game_tree.NotEnumerableError:
      if FLAGS.evaluation == "exact":
        raise

  def check_game(self, run: ppsro.LoadedRun) -> None:
    """Raises ValueError unless a run is of the same game."""
    if str(run.game.original.game) != str(self.game):
      raise ValueError(f"{run.path} is of {run.game.original.game}, and "
                       f"{self._run.path} of {self.game}")

  def side(self, name: str) -> Side:
    """Returns an opponent by its name, or by its run directory."""
    rng = np.random.default_rng(FLAGS.seed)
    num_players = self.game.num_players()

    def random_bot(player):
      return pyspiel.make_uniform_random_bot(player, FLAGS.seed)

    if name == "random_bot":
      return Side(name, None, None, random_bot)
    if name == "uniform":
      return Side(
          name, lambda tree: [tree.uniform_table(player)
                              for player in range(num_players)],
          head_to_head.uniform_side(num_players), random_bot)
    if name == "cfr":
      return self._cfr(rng)
    if not pathlib.Path(name).exists():
      raise ValueError(f"--against has {name!r}; it takes run directories and "
                       f"{', '.join(OPPONENTS)}")
    run = ppsro.load(name, FLAGS.mixture)
    self.check_game(run)
    return self.side_of(run)

  def side_of(self, run: ppsro.LoadedRun) -> Side:
    """Returns a run as a side."""
    return Side(
        str(run.path), functools.cache(run.tables),
        None if run.game.is_enumerated
        else head_to_head.side_of(run.mixture),
        lambda player: run.bot(player, np.random.default_rng(FLAGS.seed)))

  def _cfr(self, rng):
    if self.tree is None:
      raise ValueError(f"cfr needs a game that can be enumerated; {self.game} "
                       "is sampled")
    solver = pyspiel.CFRPlusSolver(self.game)
    for _ in range(FLAGS.cfr_iterations):
      solver.evaluate_and_update_policy()
    average = solver.average_policy()
    pi = policy_lib.tabular_policy_from_callable(
        self.game, lambda state: dict(average.action_probabilities(state)))
    return Side(
        "cfr", functools.cache(lambda tree: [
            tree.tabulate(pi, player)
            for player in range(self.game.num_players())]), None,
        lambda player: policy_bot.PolicyBot(
            player, np.random.RandomState(FLAGS.seed), pi))

  def returns(self, ours: Side, others: Side) -> head_to_head.Returns:
    """Returns what we earn in each seat."""
    rng = np.random.default_rng(FLAGS.seed)
    if self.tree is not None and ours.tables and others.tables:
      return head_to_head.exact_returns(
          self.tree, ours.tables(self.tree), others.tables(self.tree))
    if ours.functions is not None and others.functions is not None:
      game = self._run.game.original
      if not isinstance(game, state_game.StateGame):
        game = state_game.state_game(self.game)
      return head_to_head.sampled_returns(
          game, ours.functions, others.functions, FLAGS.games, rng)
    return head_to_head.bot_returns(self.game, ours.bot, others.bot,
                                    FLAGS.games, rng)


def _one(run, measure):
  """Says all about one run."""
  pairs = {"run": run.path, "mixture": run.name}
  found = run.exploitability(FLAGS.max_histories)
  if math.isnan(found.nash_conv):
    text = "NashConv not known exactly: the game is too large"
    bound = run.result.get("nash_conv_lower_bound") if run.has_ended else None
    if bound is not None:
      text += f"; at least {bound:.3g} by exploiters, when it ended"
    print(text)
  else:
    print(f"NashConv {found.nash_conv:.6g}, exploitability "
          f"{found.exploitability:.6g}, exact, of {run.name}")
    pairs["nash_conv"] = f"{found.nash_conv:.6g}"
    pairs["exploitability"] = f"{found.exploitability:.6g}"
  ours = measure.side_of(run)
  seats = range(measure.game.num_players())
  lines = [["against", *(f"as player {seat}" for seat in seats), "mean",
            "games per seat"]]
  for name in FLAGS.against:
    side = measure.side(name)
    returns = measure.returns(ours, side)
    lines.append([side.name, *map(_number, returns.means,
                                  returns.standard_errors),
                  _number(returns.mean, returns.standard_error),
                  str(returns.games) if returns.games else "exact"])
    slug = output_directory.slug(pathlib.Path(name).name)
    pairs[f"against_{slug}" if name not in OPPONENTS else f"against_{name}"] = (
        f"{returns.mean:.6g}")
  print("\n" + plots.aligned(lines))
  if measure.tree is not None and FLAGS.weak_points:
    print("\n" + _weak_points(run, measure.tree))
  print("result: " + " ".join(f"{k}={v}" for k, v in pairs.items()))
  return 0


def _number(mean, standard_error):
  return f"{mean:+.4f}" + (f" +- {standard_error:.4f}" if standard_error
                           else "")


def _weak_points(run, tree):
  """Returns a table of where a run loses most."""
  points = weak_points.weak_points(tree, run.tables(tree))
  if not points:
    return "it loses nowhere"
  total = sum(point.shortfall for point in points)
  shown = points[:FLAGS.weak_points]
  rows = [tree.infostates[point.player].rows[point.name] for point in shown]
  names = [tree.action_names(player, [
      row for row, point in zip(rows, shown) if point.player == player])
           for player in range(tree.num_players)]
  lines = [["part of NashConv", "share", "reach", "player", "at",
            "it plays", "better"]]
  for row, point in zip(rows, shown):
    name = names[point.player][row]
    lines.append([
        f"{point.shortfall:.5f}", f"{100 * point.shortfall / total:.0f} %",
        f"{point.reach:.4f}", str(point.player),
        " ".join(point.name.split()),
        ", ".join(f"{name[action]} {probability:.2f}" for action, probability
                  in point.probabilities.items()),
        name[point.best_action]])
  return (f"where it loses ({len(shown)} of {len(points)} information "
          f"states):\n{plots.aligned(lines)}")


def _all_against_all(runs, measure):
  """Prints a table of all against all."""
  sides = [measure.side_of(run) for run in runs]
  names = [f"[{number}]" for number in range(len(runs))]
  lines = [["run", *names, "mean of others", "NashConv"]]
  means = []
  for number, (run, ours) in enumerate(zip(runs, sides)):
    cells, earned = [], []
    for other, side in enumerate(sides):
      if other == number:
        cells.append("")
        continue
      returns = measure.returns(ours, side)
      cells.append(_number(returns.mean, returns.standard_error))
      earned.append(returns.mean)
    nash_conv = run.exploitability(FLAGS.max_histories).nash_conv
    means.append(sum(earned) / len(earned))
    lines.append([f"{names[number]} {run.path}", *cells, f"{means[-1]:+.4f}",
                  "not known" if math.isnan(nash_conv)
                  else f"{nash_conv:.4g}"])
  print("mean return of each row against each column, over all seats"
        + ("" if measure.tree is not None
           else f"; {FLAGS.games} games per seat") + "\n")
  print(plots.aligned(lines))
  best = int(np.argmax(means))
  print(f"result: runs={len(runs)} game={measure.game} "
        f"best={runs[best].path} best_mean={means[best]:.6g}")
  return 0

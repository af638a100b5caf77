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


"""Writes docs/study.md from the table of the study, and draws its figures.

    python examples/benchmarks/study/study_page.py --runs=runs/study

takes over the table that `run_study.py` has written, with `--add` the runs that
it has beside those that are there; without `--runs` the page is written anew
from the table that is there. Tables and figures stand between markers of the
page. What is written by hand stays; a number in it carries, in a comment right
behind it, the rows that it comes from,

    0.024 (0.016 to 0.027)<!-- rows: last game=leduc_poker scheme=pipeline -->

and is checked, or with `--correct` replaced: mean and range over seeds of
`last`, of `least` (the same of the least exploitable mixture), of
`seconds_to_LEVEL`, or of `rounds_to_LEVEL`.
Settings that are not named are budget=seconds, oracle=ppo, meta_strategy=nash.
"""

from collections.abc import Sequence
import json
import pathlib
import re
import sys

from absl import flags
import numpy as np
from scipy import stats

import cells as cells_lib
import figures
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.runs import plots
import table

_RUNS = flags.DEFINE_string(
    "runs", None, "The directory whose table is taken over. None by default.")
_ADD = flags.DEFINE_boolean(
    "add", False, "Runs that --runs does not have stay in the table.")
_CORRECT = flags.DEFINE_boolean(
    "correct", False, "Numbers that the rows do not bear out are replaced; the "
    "sentences around them are yours to read again.")
_TABLE = flags.DEFINE_string(
    "table", str(cells_lib.FOLDER), "Where the table of the page is.")
_PAGE = flags.DEFINE_string(
    "page", str(cells_lib.ROOT / "docs" / "study.md"), "The page.")
_FIGURES = flags.DEFINE_string(
    "figures", str(cells_lib.ROOT / "docs" / "study"), "For the figures.")

LEVELS = (0.5, 0.1, 0.05, 0.01)
# Where the published curves are read, in episodes.
_EPISODES = (100_000, 300_000, 500_000, 700_000, 1_000_000)
_DEFAULTS = {"budget": "seconds", "oracle": "ppo", "meta_strategy": "nash"}
_NOTHING = "–"
# Exploitability below this is rounding, and shown as 0.
_ROUNDING = 1e-9
CAPTIONS = {
    "seconds": "Exploitability over seconds of one core",
    "episodes": "Exploitability over episodes",
    "published": "Leduc poker beside the published curves",
    "depth": "Pipelines of several depths over rounds",
    "meta_strategies": "What methods end at with several meta-strategies",
    "responders": "What methods end at with several best responders"}


def number(value: float) -> str:
  """Returns a number as the page has it."""
  if not np.isfinite(value):
    return _NOTHING
  return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def _rounded(value):
  """Returns 0 for what is no more than rounding errors."""
  return 0.0 if abs(value) < _ROUNDING else value


def spread(values: Sequence[float]) -> str:
  """Returns mean and range as the page has them."""
  values = [_rounded(value) for value in values]
  if not len(values) or not np.isfinite(values).all():
    return _NOTHING
  low, high = number(min(values)), number(max(values))
  mean = number(float(np.mean(values)))
  return mean if low == high else f"{mean} ({low} to {high})"


def as_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Returns a table in Markdown; says so if it has no row."""
  if not rows:
    return "No run of this has been made yet."
  lines = [header, ["---"] * len(header), *rows]
  return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _methods(runs):
  found = {figures.method(run) for run in runs}
  return [name for name in figures.METHODS if name in found]


def _of(runs, game, method):
  return [run for run in runs
          if run.game == game and figures.method(run) == method]


def finals(runs: Sequence[table.Run], budget: str, y: str = table.FOUND) -> str:
  """Returns the table of what methods end at, a line per method."""
  shown = [run for run in figures.main_runs(runs, budget)
           if np.isfinite(run.last(y))]
  games = figures.names(shown, "game")
  return as_table(["method", *games], [
      [f"`{name}`", *(spread([run.last(y) for run in _of(shown, game, name)])
                      for game in games)] for name in _methods(shown)])


def ranks(runs: Sequence[table.Run], budget: str, y: str = table.FOUND) -> str:
  """Returns the table of ranks by the mean over seeds, the best mean first."""
  shown = [run for run in figures.main_runs(runs, budget)
           if np.isfinite(run.last(y)) and run.scheme != "psro_v2"]
  games, methods = figures.names(shown, "game"), _methods(shown)
  places = np.full((len(methods), len(games)), np.nan)
  for column, game in enumerate(games):
    found = [np.mean([_rounded(run.last(y)) for run in of]) if (
        of := _of(shown, game, name)) else np.nan for name in methods]
    places[:, column] = stats.rankdata(found, nan_policy="omit")
  means = np.nanmean(places, axis=1) if places.size else np.zeros(len(methods))
  return as_table(["method", *games, "mean rank"], [
      [f"`{methods[row]}`", *(_NOTHING if np.isnan(place) else f"{place:g}"
                              for place in places[row]), f"{means[row]:.1f}"]
      for row in np.argsort(means, kind="stable")])


def seconds_to(runs: Sequence[table.Run], cells: Sequence[cells_lib.Cell],
               y: str = table.FOUND) -> str:
  """Returns the table of core seconds to levels of exploitability.

  Args:
    runs: of the study.
    cells: of the study, for the commands.
    y: whose exploitability.
  """
  shown = figures.main_runs(runs, "seconds")
  commands = {(cell.game, cell.scheme): cell.command() for cell in reversed(
      cells) if cell.budget == "seconds" and cell.oracle == "ppo"
              and cell.meta_strategy == "nash"}
  rows = []
  for game in figures.names(shown, "game"):
    for name in _methods(_game(shown, game)):
      of = _of(shown, game, name)
      rows.append([game, f"`{name}`", *(
          number(float(np.median([run.seconds_to(level, y) for run in of])))
          for level in LEVELS), of[0].amount,
                   f"`{commands[game, of[0].scheme]}`"
                   if commands.get((game, of[0].scheme)) else _NOTHING])
  return as_table(["game", "method", *map("to {:g}".format, LEVELS),
                   "budget", "command"], rows)


def _game(runs, game):
  return figures.select(runs, game=game)


def depth(runs: Sequence[table.Run]) -> str:
  """Returns the table of pipelines by depth: rounds to levels, and the end."""
  shown = figures.select(runs, budget="rounds")
  rows = []
  for game in figures.names(shown, "game"):
    for levels in sorted(figures.names(_game(shown, game), "levels"), key=int):
      of = figures.select(shown, game=game, levels=levels)
      ends = [(run.curve("rounds"), run.curve("core_seconds")) for run in of]
      rows.append([
          game, levels,
          *(number(float(np.median([_first(rounds, level)
                                    for rounds, _ in ends])))
            for level in LEVELS[:3]),
          spread([rounds[0][-1] for rounds, _ in ends]),
          spread([seconds[0][-1] for _, seconds in ends]),
          spread([run.last() for run in of])])
  return as_table(["game", "levels", *(f"rounds to {level:g}"
                                       for level in LEVELS[:3]),
                   "rounds", "core seconds", "exploitability"], rows)


def _first(curve, level):
  reached = np.flatnonzero(curve[1] <= level)
  return float(curve[0][reached[0]]) if len(reached) else np.inf


def choices(runs: Sequence[table.Run], setting: str,
            order: Sequence[str]) -> str:
  """Returns the table of what methods end at by the values of a setting."""
  others = {name: value for name, value in _DEFAULTS.items()
            if name != setting}
  shown = figures.select(runs, **others)
  shown = [run for run in shown if run.scheme != "psro_v2"]
  rows = []
  for game in figures.names(shown, "game"):
    of_game = _game(shown, game)
    if len(figures.names(of_game, setting)) < 2:
      continue
    rows += [[game, f"`{name}`", *(
        spread([run.last() for run in figures.select(
            of_game, scheme=name, **{setting: value})])
        for value in order)]
             for name in figures.comparable(of_game, setting)]
  return as_table(["game", "method", *map("`{}`".format, order)], rows)


def published(runs: Sequence[table.Run]) -> str:
  """Returns the table of Leduc poker at equal episodes beside the published."""
  shown = figures.select(figures.main_runs(runs, "episodes"),
                         game="leduc_poker")
  rows = []
  for name, theirs in plots.read_published(figures.PUBLISHED).items():
    ours = [run.curve("episodes") for run in _of(shown, "leduc_poker", name)]
    for label, curves in ((f"`{name}`, published", theirs),
                          (f"`{name}`, here", ours)):
      if ours:
        rows.append([label, *(spread([_at(curve, x) for curve in curves])
                              for x in _EPISODES)])
  return as_table(["method", *map("{:,}".format, _EPISODES)], rows)


def _at(curve, x):
  """Returns a curve's value, NaN beyond its last point."""
  return float(plots.value_at(curve, x)) if x <= curve[0][-1] else np.nan


def refusals(rows: Sequence[dict[str, str]]) -> str:
  """Returns the table of what could not run, and why."""
  seeds: dict[tuple, list[str]] = {}
  for row in rows:
    key = tuple(row[name] for name in (
        "game", "scheme", "oracle", "meta_strategy", "budget", "state", "why"))
    seeds.setdefault(key, []).append(row["seed"])
  games: dict[tuple, list[str]] = {}
  for (game, *rest), _ in seeds.items():
    games.setdefault(tuple(rest), []).append(game)
  if not rows:
    return "Nothing was refused, and nothing failed."
  return as_table(
      ["method", "responder", "meta-strategy", "budget", "games", "what",
       "why"],
      [[f"`{scheme}`", f"`{oracle}`", f"`{meta}`", budget, ", ".join(
          dict.fromkeys(found)), state, why.replace("|", "/")]
       for (scheme, oracle, meta, budget, state, why), found in games.items()])


def environment(found: dict) -> str:
  """Returns in words on what the runs were made."""
  if not found.get("runs"):
    return "No run has been made yet."
  versions = ", ".join(f"{name} {version}" for name, version
                       in found["versions"].items() if version)
  return (f"{found['runs']} runs, each one process on one core of "
          f"{found['processor']} with {found['cores']} cores; {versions}; "
          f"commit {', '.join(found['commits'])}.")


def blocks(runs: Sequence[table.Run], refused: Sequence[dict[str, str]],
           machine: dict, cells: Sequence[cells_lib.Cell],
           drawn: Sequence[str], folder: str) -> dict[str, str]:
  """Returns what stands between the markers of the page, by their names.

  Args:
    runs: of the table.
    refused: rows of the table of refusals.
    machine: the environment.
    cells: of the study.
    drawn: the names of the figures that there are.
    folder: of the figures, as the page has it.
  """
  return {
      "environment": environment(machine),
      "ranks": ranks(runs, "seconds"),
      "ranks_least": ranks(runs, "seconds", "exploitability_least"),
      "ranks_episodes": ranks(runs, "episodes"),
      "finals": finals(runs, "seconds"),
      "finals_least": finals(runs, "seconds", "exploitability_least"),
      "finals_episodes": finals(runs, "episodes"),
      "seconds_to": seconds_to(runs, cells),
      "depth": depth(runs),
      "meta_strategies": choices(runs, "meta_strategy",
                                 ("nash", "prd", "rm", "uniform")),
      "responders": choices(runs, "oracle", ("ppo", "dqn", "exact")),
      "published": published(runs),
      "refusals": refusals(refused),
      **{f"figure_{name}": (f"![{caption}]({folder}/{name}.png)"
                            if name in drawn else
                            "No run of this has been made yet.")
         for name, caption in CAPTIONS.items()}}


def fill(text: str, contents: dict[str, str]) -> str:
  """Returns a page with the contents of its markers.

  Raises:
    ValueError: if the page lacks a marker.
  """
  for name, content in contents.items():
    text, count = re.subn(
        rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)",
        lambda match, content=content: (
            f"{match[1]}\n{content}\n\n{match[2]}"), text, flags=re.S)
    if count != 1:
      raise ValueError(f"the page has {count} places for {name!r}; it takes "
                       "one")
  return text


_NUMBER = re.compile(
    r"(\S+(?: \(\S+ to \S+\))?)(<!-- rows: (\S+)((?: \w+=\S+)*) -->)")


def _of_rows(what, settings, runs):
  """Returns what a number has to be, by the comment behind it."""
  chosen = _DEFAULTS | dict(pair.split("=", 1) for pair in settings.split())
  of = figures.select(runs, **chosen)
  if what.startswith("seconds_to_"):
    values = [run.seconds_to(float(what.removeprefix("seconds_to_")))
              for run in of]
  elif what.startswith("rounds_to_"):
    values = [_first(run.curve("rounds"),
                     float(what.removeprefix("rounds_to_"))) for run in of]
  else:
    values = [run.last("exploitability_least" if what == "least"
                       else table.FOUND) for run in of]
  return spread(values)


def mistakes(text: str, runs: Sequence[table.Run]) -> list[str]:
  """Returns what the page says and its rows do not.

  Args:
    text: of the page.
    runs: of the table.
  """
  return [f"{what}{settings}: the page says {said}, the rows {right}"
          for said, _, what, settings in _NUMBER.findall(text)
          if said != (right := _of_rows(what, settings, runs))]


def corrected(text: str, runs: Sequence[table.Run]) -> str:
  """Returns the page with the numbers that its rows bear out.

  Args:
    text: of the page.
    runs: of the table.
  """
  return _NUMBER.sub(lambda match: (
      _of_rows(match[3], match[4], runs) + match[2]), text)


def contents_of(folder: pathlib.Path, drawn: Sequence[str],
                figures_folder: str) -> dict[str, str]:
  """Returns what stands between the markers, of the table in a folder."""
  return blocks(
      table.read(folder), table.read_refusals(folder),
      json.loads((folder / table.ENVIRONMENT).read_text(encoding="utf-8")),
      cells_lib.cells_of(cells_lib.read()), drawn, figures_folder)


def main() -> int:
  folder, page = pathlib.Path(_TABLE.value), pathlib.Path(_PAGE.value)
  if _RUNS.value:
    folder.mkdir(parents=True, exist_ok=True)
    table.take_over(pathlib.Path(_RUNS.value), folder, _ADD.value)
  runs = table.read(folder)
  drawn = figures.all_figures(runs, pathlib.Path(_FIGURES.value))
  text = fill(page.read_text(encoding="utf-8"), contents_of(
      folder, drawn, pathlib.Path(_FIGURES.value).name))
  if _CORRECT.value:
    for mistake in mistakes(text, runs):
      print(f"corrected: {mistake}", file=sys.stderr)
    text = corrected(text, runs)
  page.write_text(text, encoding="utf-8")
  wrong = mistakes(text, runs)
  for mistake in wrong:
    print(f"error: {mistake}", file=sys.stderr)
  print(f"result: runs={len(runs)} figures={len(drawn)} page={page}")
  return 1 if wrong else 0


if __name__ == "__main__":
  launch.start(main)

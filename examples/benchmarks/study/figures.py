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


"""The figures of a study, from its table.

Lines are told apart by colour, and where there is no colour by style and
marker. Of several seeds a line is the mean, and its band the range.
"""

from collections.abc import Callable
from collections.abc import Sequence
import io
import math
import pathlib

from matplotlib import figure as figure_lib
from matplotlib import ticker
from matplotlib.backends import backend_agg
import numpy as np
from PIL import Image

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.reports import picture
from open_spiel_ppsro.runs import plots
import table

# What is less is drawn there.
_FLOOR = 1e-7
_INCHES = 7.0
_PNG_DPI = 150
# Of a picture, which has few: with them it takes a third of the bytes.
_PNG_COLOURS = 96
_PEERS = {"torch_dqn": "psro_v2, its DQN", "ppo": "psro_v2, our PPO"}
METHODS = ("pipeline", "sequential", "naive", "rectified", "dch", "neupl",
           "self_play", *_PEERS.values())
# An axis that spans no more than this factor has labels between powers of ten.
_FEW_DECADES = 100
# A line has so many markers, about.
_MARKERS = 3
# Leduc poker as it was published, in the package.
PUBLISHED = (pathlib.Path(ppsro.__file__).parent / "commands"
             / "published_leduc_curves.csv")

# Without yellow, which grey paper does not show; peers are grey.
_COLOURS = (*picture.COLOURS[:6], picture.COLOURS[7], "#777777", "#777777")

Curve = tuple[np.ndarray, np.ndarray]


def method(run: table.Run) -> str:
  """Returns what a run's method is called, one of `METHODS`."""
  return _PEERS[run.oracle] if run.scheme == "psro_v2" else run.scheme


def select(runs: Sequence[table.Run], **settings: str) -> list[table.Run]:
  """Returns the runs that have all of some settings."""
  return [run for run in runs if all(
      run.settings.get(name) == value for name, value in settings.items())]


def main_runs(runs: Sequence[table.Run], budget: str) -> list[table.Run]:
  """Returns the runs of all methods as they are by default.

  Args:
    runs: of the study.
    budget: that they have.
  """
  return [run for run in select(runs, budget=budget, meta_strategy="nash")
          if run.oracle == "ppo" or run.scheme == "psro_v2"]


def names(runs: Sequence[table.Run], column: str) -> list[str]:
  """Returns the values of a setting, in the order of the table."""
  return list(dict.fromkeys(run.settings[column] for run in runs))


def comparable(runs: Sequence[table.Run], setting: str) -> list[str]:
  """Returns the schemes that have several values of a setting."""
  return [name for name in METHODS
          if len(names(select(runs, scheme=name), setting)) > 1]


def _new(rows, columns, height):
  figure = figure_lib.Figure(figsize=(_INCHES, height * rows),
                             layout="constrained")
  backend_agg.FigureCanvasAgg(figure)
  return figure, figure.subplots(rows, columns, squeeze=False).flatten()


def _save(figure, path):
  content = io.BytesIO()
  figure.savefig(content, format="png", dpi=_PNG_DPI,
                 metadata={"Software": None})
  small = io.BytesIO()
  Image.open(content).convert("RGB").quantize(_PNG_COLOURS).save(
      small, format="png", optimize=True)
  path.write_bytes(small.getvalue())


def _look(number):
  """Returns how the line of a number is drawn."""
  return {"color": _COLOURS[number % len(_COLOURS)],
          "linestyle": picture.STYLES[number % len(picture.STYLES)],
          "marker": picture.MARKERS[number % len(picture.MARKERS)]}


def _draw(axes, label, number, curves: Sequence[Curve], lows=(), **look):
  """Draws mean and range of some seeds; of an interval from its lower bound."""
  curves = [curve for curve in curves if len(curve[0])]
  if not curves:
    return
  x, mean, lowest, highest = plots.mean_and_range(curves)
  if not len(x):  # They have no x in common.
    x, mean = curves[0]
    lowest = highest = mean
  lows = [curve for curve in lows if len(curve[0])]
  if lows:
    lowest = np.min([plots.value_at(curve, x) for curve in lows], axis=0)
  mean, lowest, highest = (np.maximum(values, _FLOOR)
                           for values in (mean, lowest, highest))
  look = _look(number) | look
  axes.plot(x, mean, label=label, markersize=2.5, drawstyle="steps-post",
            markevery=max(1, len(x) // _MARKERS), **look)
  if len(curves) > 1 or lows:
    axes.fill_between(x, lowest, highest, step="post", color=look["color"],
                      alpha=0.18, linewidth=0)


def _label_few(axis):
  """Labels powers of ten, and 2 and 5 times them where there are few."""
  low, high = axis.get_view_interval()
  subs = (1, 2, 5) if high < _FEW_DECADES * low else (1,)
  axis.set_major_locator(ticker.LogLocator(subs=subs))
  axis.set_major_formatter(ticker.FuncFormatter(_short))
  axis.set_minor_formatter(ticker.NullFormatter())


def _short(number, position=None):
  """Returns a number as a label: 0.5, 2000, 20k, 1M."""
  del position
  for unit, name in ((1e6, "M"), (1e3, "k")):
    if number >= max(1e4, unit):
      return f"{number / unit:g}{name}"
  return f"{number:g}"


def _finish(figure, panels, used, x_label, log_x=True):
  """Labels panels and hides those without a game."""
  for axes in panels[used:]:
    axes.set_visible(False)
  handles = {}
  for number, axes in enumerate(panels[:used]):
    if log_x:
      axes.set_xscale("log")
      _label_few(axes.xaxis)
    axes.set_yscale("log")
    axes.grid(True, which="major", linewidth=0.4, alpha=0.5)
    axes.set_xlabel(x_label)
    if number % 3 == 0:
      axes.set_ylabel("exploitability")
    for handle, label in zip(*axes.get_legend_handles_labels()):
      handles.setdefault(label, handle)
  if handles:
    figure.legend(handles.values(), handles.keys(), frameon=False,
                  handlelength=3, loc="outside lower center", ncols=5)


@picture.styled
def over(runs: Sequence[table.Run], budget: str, x: str, x_label: str,
         path: pathlib.Path) -> None:
  """Draws all methods, a panel per game.

  Args:
    runs: of the study.
    budget: that the runs have.
    x: a column.
    x_label: what it is.
    path: of the picture.
  """
  shown = main_runs(runs, budget)
  games = names(shown, "game")
  figure, panels = _new(max(1, math.ceil(len(games) / 3)), 3, 2.0)
  for axes, game in zip(panels, games):
    of_game = select(shown, game=game)
    for number, name in enumerate(METHODS):
      seeds = [run for run in of_game if method(run) == name]
      _draw(axes, name, number, [run.curve(x) for run in seeds],
            [run.curve(x, "exploitability_low") for run in seeds])
    sampled = any(len(run.curve(x, "exploitability_low")[0])
                  for run in of_game)
    axes.set_title(f"{game}, bounds" if sampled else game)
  _finish(figure, panels, len(games), x_label)
  _save(figure, path)


@picture.styled
def published(runs: Sequence[table.Run], path: pathlib.Path) -> None:
  """Draws Leduc poker at equal episodes, beside the published curves."""
  shown = select(main_runs(runs, "episodes"), game="leduc_poker")
  curves = plots.read_published(PUBLISHED)
  figure, panels = _new(1, len(curves), 2.4)
  for axes, (name, theirs) in zip(panels, curves.items()):
    ours = [run.curve("episodes") for run in shown if method(run) == name]
    _draw(axes, "McAleer et al. 2020", 1, theirs)
    _draw(axes, "this package", 0, ours)
    axes.set_title(name)
  _finish(figure, panels, len(curves), "episodes")
  _save(figure, path)


@picture.styled
def depth(runs: Sequence[table.Run], path: pathlib.Path) -> None:
  """Draws pipelines of several depths over rounds, a panel per game."""
  shown = select(runs, budget="rounds")
  games = names(shown, "game")
  figure, panels = _new(1, max(1, len(games)), 2.4)
  for axes, game in zip(panels, games):
    of_game = select(shown, game=game)
    for number, levels in enumerate(sorted(names(of_game, "levels"), key=int)):
      _draw(axes, f"{levels} levels" if levels != "1" else "1 level", number,
            [run.curve("rounds") for run in select(of_game, levels=levels)])
    axes.set_title(game)
  _finish(figure, panels, len(games), "rounds", log_x=False)
  _save(figure, path)


@picture.styled
def choices(runs: Sequence[table.Run], setting: str,
            order: Sequence[str], path: pathlib.Path) -> None:
  """Draws what methods end at with several values of a setting.

  Args:
    runs: of one budget, those that are compared.
    setting: a column of settings.
    order: its values.
    path: of the picture.
  """
  games = [game for game in names(runs, "game") if len(
      names(select(runs, game=game), setting)) > 1]
  figure, panels = _new(max(1, math.ceil(len(games) / 3)), 3, 2.4)
  for axes, game in zip(panels, games):
    of_game = select(runs, game=game)
    schemes = comparable(of_game, setting)
    for number, value in enumerate(order):
      xs, means, ends = [], [], []
      for place, scheme in enumerate(schemes):
        found = [max(run.last(), _FLOOR) for run in select(
            of_game, scheme=scheme, **{setting: value})]
        if found:
          xs.append(place + 0.16 * (number - (len(order) - 1) / 2))
          means.append(float(np.mean(found)))
          ends.append((means[-1] - min(found), max(found) - means[-1]))
      if xs:
        look = _look(number)
        axes.errorbar(xs, means, np.array(ends).T, label=value, linewidth=0.8,
                      color=look["color"], marker=look["marker"], markersize=3,
                      linestyle="none")
    axes.set_xticks(range(len(schemes)), schemes, rotation=35, ha="right")
    axes.set_title(game)
  _finish(figure, panels, len(games), "", log_x=False)
  _save(figure, path)


def all_figures(runs: Sequence[table.Run], folder: pathlib.Path) -> list[str]:
  """Draws all figures for which there are runs; returns their names.

  Args:
    runs: of the study.
    folder: for the pictures; made if it is not there.
  """
  folder.mkdir(parents=True, exist_ok=True)
  of_seconds = select(runs, budget="seconds")
  kinds: dict[str, tuple[Sequence[table.Run], Callable]] = {
      "seconds": (main_runs(runs, "seconds"), lambda path: over(
          runs, "seconds", "core_seconds", "core seconds", path)),
      "episodes": (main_runs(runs, "episodes"), lambda path: over(
          runs, "episodes", "episodes", "episodes", path)),
      "published": (select(main_runs(runs, "episodes"), game="leduc_poker"),
                    lambda path: published(runs, path)),
      "depth": (select(runs, budget="rounds"),
                lambda path: depth(runs, path)),
      "meta_strategies": (
          [run for run in of_seconds if run.meta_strategy != "nash"],
          lambda path: choices(
              select(of_seconds, oracle="ppo"), "meta_strategy",
              ("nash", "prd", "rm", "uniform"), path)),
      "responders": (
          [run for run in of_seconds if run.oracle in ("exact", "dqn")],
          lambda path: choices(
              select(of_seconds, meta_strategy="nash"), "oracle",
              ("ppo", "dqn", "exact"), path))}
  drawn = []
  for name, (shown, draw) in kinds.items():
    if shown:
      draw(folder / f"{name}.png")
      drawn.append(name)
  return drawn

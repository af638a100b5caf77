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

"""Report: reads run directories; tables and plots; trains nothing.

A curve is a pair of equally long sequences `(x, exploitability)`, x ascending;
several seeds of one method are a list of curves.
"""

import csv
import io
import os
import pathlib

from matplotlib import figure as figure_lib
from matplotlib.backends import backend_agg
import numpy as np

from open_spiel_ppsro.runs import run_directory

# Below this an exploitability is zero up to rounding; a log axis needs a floor.
_FLOOR = 1e-9
# A long curve has about so many markers, and each method has its own.
_MARKERS = 8
_MARKER_OF = "os^Dv<>P"


def new_figure(width, height):
  """Returns an empty figure of that many inches."""
  # Not through pyplot: it keeps global state and looks for a display.
  figure = figure_lib.Figure(figsize=(width, height), layout="constrained")
  backend_agg.FigureCanvasAgg(figure)
  return figure


def save_figure(figure, path):
  """Writes a picture, whole or not at all, and returns its path."""
  content = io.BytesIO()
  figure.savefig(content, dpi=120, format="png")
  run_directory.replace(path, content.getvalue())
  return path


def plot_run(path, interval=None):
  """Draws `nash_conv.png` of a run and returns its path.

  NashConv, exact, over frozen policies, over all policies, and of the least
  exploitable mixture of the frozen ones, against wall seconds and against
  episodes, or against rounds where no episodes were played. Of a run that plays
  a joint distribution the CCE gap takes its place, and NashConv, which is that
  of the marginals, is dashed. Of a sampled game it is the interval in which
  NashConv certainly is.

  Args:
    path: of the run directory.
    interval: a `MeasuredInterval` of the last policy, which metrics do not
      have.
  """
  config = run_directory.read_config(path)
  metrics = run_directory.read_metrics(path)
  rounds, low, high = _intervals(metrics, interval)
  if np.isnan(metrics["nash_conv_frozen"]).all() and not len(rounds):
    raise ValueError(f"there is nothing to draw of {path}: no round was "
                     "finished, or the game is sampled and NashConv not known")
  is_correlated = not np.isnan(metrics["cce_gap_frozen"]).all()
  lines = [(f"{quantity}_{of}", f"{prefix}{of} policies", style + colour)
           for quantity, prefix, style in (
               (("nash_conv", "NashConv of the marginals, ", "--"),
                ("cce_gap", "", "-")) if is_correlated
               else (("nash_conv", "", "-"),))
           for of, colour in (("all", "C1"), ("frozen", "C0"))]
  # There are two players where there is such a mixture.
  metrics["nash_conv_least"] = 2 * np.array(metrics["exploitability_least"])
  if not is_correlated and not np.isnan(metrics["nash_conv_least"]).all():
    lines.append(("nash_conv_least", "least exploitable mixture", "-C2"))
  figure = new_figure(10, 4)
  axes = figure.subplots(1, 2, sharey=True)
  for axis, x, x_label in zip(
      axes, *zip(("wall_seconds", "wall seconds"),
                 ("episodes", "episodes") if any(metrics["episodes"])
                 else ("round", "rounds"))):
    for column, label, style in lines:
      axis.plot(metrics[x], np.maximum(metrics[column], _FLOOR), style,
                linewidth=1.2, label=label, drawstyle="steps-post")
    if len(rounds):
      axis.fill_between(
          np.array(metrics[x])[rounds - 1], np.maximum(low, _FLOOR),
          np.maximum(high, _FLOOR), color="C0", alpha=0.4,
          label="frozen policies, certain bounds")
      axis.plot(np.array(metrics[x])[rounds - 1], np.maximum(high, _FLOOR),
                ".-C0", linewidth=1.2)
    axis.set_yscale("log")
    axis.set_xlabel(x_label)
    axis.grid(True, which="both", alpha=0.25)
  axes[0].set_ylabel("CCE gap" if is_correlated else "NashConv")
  axes[1].legend(frameon=False, loc="upper right")
  figure.suptitle(f"{config['game_name']}: {config['scheme']}, "
                  f"{config['oracle']}, seed {config['seed']}")
  return save_figure(figure, pathlib.Path(path) / run_directory.PLOT)


def _intervals(metrics, interval):
  """Returns rounds `[M]` that were measured, and NashConv's low and high."""
  measured = [(int(number), low, high) for number, low, high in zip(
      metrics["exploitability_round"], metrics["exploitability_low"],
      metrics["exploitability_high"]) if number > 0]
  if interval is not None and interval.round > 0 and (
      not measured or measured[-1][0] < interval.round):
    measured.append((interval.round, interval.low, interval.high))
  table = np.array(measured).reshape(-1, 3)
  # There are two players where there is an interval.
  return table[:, 0].astype(int), 2 * table[:, 1], 2 * table[:, 2]


def read_curve(path, x="episodes"):
  """Returns the curve of a run: a column of its metrics, exploitability.

  It is that of the meta-strategy over frozen policies, or over all where none
  ever freezes.

  Raises:
    ValueError: if there is no run in that directory, or no such column.
  """
  metrics = run_directory.read_metrics(path)
  if x not in metrics:
    raise ValueError(f"there is no column {x!r} in metrics; x takes one of "
                     f"{', '.join(metrics)}")
  return np.array(metrics[x]), np.array(metrics["exploitability_frozen"])


def read_published(path, x="episodes"):
  """Returns `{scheme: curves}` from a file of published figures.

  Args:
    path: CSV with the columns scheme, seed, exploitability and `x`; lines that
      begin with # are comments.
    x: the name of a column.
  """
  with open(path, newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(line for line in file if line[0] != "#"))
  curves = {}
  for row in rows:
    curve = curves.setdefault(row["scheme"], {}).setdefault(
        row["seed"], ([], []))
    curve[0].append(float(row[x]))
    curve[1].append(float(row["exploitability"]))
  return {scheme: [tuple(map(np.array, curve)) for curve in seeds.values()]
          for scheme, seeds in curves.items()}


def value_at(curve, x):
  """Returns the exploitability of a curve at `x`, the last one known there.

  NaN before its first point.
  """
  positions = np.searchsorted(curve[0], x, side="right") - 1
  return np.where(positions < 0, np.nan, np.asarray(curve[1])[positions])


def mean_and_range(curves):
  """Returns `x, mean, lowest, highest` over seeds, where all have values.

  If one ends before another begins, at the beginning of the last one.
  """
  xs = np.unique(np.concatenate([x for x, _ in curves]))
  start = max(x[0] for x, _ in curves)
  xs = xs[(xs >= start) & (xs <= max(start, min(x[-1] for x, _ in curves)))]
  values = np.array([value_at(curve, xs) for curve in curves])
  return xs, values.mean(axis=0), values.min(axis=0), values.max(axis=0)


def plot_curves(path, title, panels):
  """Draws exploitability, mean and range over seeds, and returns the path.

  Args:
    path: where the picture goes.
    title: its title.
    panels: a list of `(x label, log x axis, {label: curves}, {label: curves
      to draw dashed})`; equal labels have equal colours.
  """
  figure = new_figure(5.5 * len(panels), 4.5)
  colours = {}
  y_label = "exploitability"
  for axis, (x_label, log_x, solid, dashed) in zip(
      np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels):
    for curves_by_label, style in ((solid, "-"), (dashed, "--")):
      for label, curves in curves_by_label.items():
        colour = colours.setdefault(label, f"C{len(colours) % 10}")
        x, mean, lowest, highest = mean_and_range(curves)
        if (lowest < _FLOOR).any():
          y_label = f"exploitability; {_FLOOR:g} is {_FLOOR:g} or less"
        # Of curves that lie on each other the markers are seen.
        number, step = list(colours).index(label), max(7, len(x) // _MARKERS)
        axis.plot(x, np.maximum(mean, _FLOOR), style, color=colour,
                  linewidth=1.3 if style == "-" else 1, drawstyle="steps-post",
                  marker=_MARKER_OF[number % len(_MARKER_OF)], markersize=4,
                  markevery=(number % step, step),
                  label=label + (" (published)" if style == "--" else ""))
        axis.fill_between(x, np.maximum(lowest, _FLOOR),
                          np.maximum(highest, _FLOOR), step="post",
                          color=colour, alpha=0.15, linewidth=0)
    axis.set_yscale("log")
    if log_x:
      axis.set_xscale("log")
    axis.set_xlabel(x_label)
    axis.grid(True, which="both", alpha=0.2)
    axis.legend(frameon=False, fontsize=8)
    axis.yaxis.set_tick_params(labelleft=True)
    axis.set_ylabel(y_label)
  figure.suptitle(title)
  return save_figure(figure, path)


def spread(values, form="{:.4g}"):
  """Returns `mean (lowest - highest)` of some numbers as text."""
  mean, lowest, highest = (form.format(f(values))
                           for f in (np.mean, np.min, np.max))
  return mean if lowest == highest else f"{mean} ({lowest} - {highest})"


def comparison_table(runs):
  """Returns a table, a line per method, as text.

  Args:
    runs: `{label: [path of a run directory per seed]}`.

  Raises:
    ValueError: if a label has no list of directories with runs.
  """
  for label, paths in runs.items():
    if isinstance(paths, (str, os.PathLike)) or not paths:
      raise ValueError(f"the runs of {label!r} are {paths!r}; they take a list "
                       "of run directories")
  metrics = {label: [run_directory.read_metrics(path) for path in paths]
             for label, paths in runs.items()}
  # As far as all of them got.
  equal = min(m["episodes"][-1] for seeds in metrics.values() for m in seeds)
  has_least = not all(
      np.isnan(m["exploitability_least"][-1])
      for seeds in metrics.values() for m in seeds)
  header = ["scheme", "exploitability at the end"]
  if has_least:
    header.append("least exploitable mixture")
  if equal:
    header.append(f"at {equal:,.0f} episodes")
  lines = [header + ["rounds", "policies", "episodes", "seconds"]]
  for label, seeds in metrics.items():
    line = [label, spread(_last(seeds, "exploitability_frozen"))]
    if has_least:
      line.append(spread(_last(seeds, "exploitability_least")))
    if equal:
      line.append(spread([
          value_at((m["episodes"], m["exploitability_frozen"]), equal)
          for m in seeds]))
    lines.append(line + [
        spread(_last(seeds, "round"), "{:.0f}"),
        spread(_last(seeds, "policies"), "{:.0f}"),
        spread(_last(seeds, "episodes"), "{:.3g}"),
        spread(_last(seeds, "wall_seconds"), "{:.0f}")])
  return aligned(lines)


def _last(metrics, column):
  """Returns where a column of some runs' metrics ended."""
  return [columns[column][-1] for columns in metrics]


def curves_table(curves):
  """Returns a table of `{label: curves}`, a line per label, as text.

  Five points from the first x to the last, mean and range over seeds.
  """
  last = min(x[-1] for seeds in curves.values() for x, _ in seeds)
  points = np.unique(np.linspace(0, last, 6)[1:].astype(int))
  lines = [["method"] + [f"at {point}" for point in points]]
  for label, seeds in curves.items():
    lines.append([label] + [
        spread([float(value_at(curve, point)) for curve in seeds], "{:.3g}")
        for point in points])
  return aligned(lines)


def aligned(lines):
  """Returns lines of cells as text with columns of equal width."""
  widths = [max(map(len, column)) for column in zip(*lines)]
  return "\n".join("  ".join(cell.ljust(width) for cell, width
                             in zip(line, widths)).rstrip() for line in lines)

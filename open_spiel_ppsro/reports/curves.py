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


"""Curves: the strength of several runs, mean and range by group."""

from collections.abc import Sequence

import numpy as np

from open_spiel_ppsro.reports import picture as picture_lib
from open_spiel_ppsro.reports import run_record
from open_spiel_ppsro.runs import plots

# Below this an exploitability is zero up to rounding; a log axis needs a floor.
_FLOOR = 1e-9
# What tells groups apart, if it is not the same in all runs.
_DISTINCTIONS = ("scheme", "oracle", "meta_strategy")
_LEAST = "exploitability_least"
# `(column, unit on the axis, name of the picture, title)`.
AXES = (("wall_seconds", "wall seconds", "seconds", "over time"),
        ("round", "rounds", "rounds", "over rounds"),
        ("episodes", "episodes", "episodes",
         "over episodes"))


def grouped(records: Sequence[run_record.RunRecord]
            ) -> dict[str, list[run_record.RunRecord]]:
  """Returns runs by what they are seeds of, in the order of their seeds."""
  names = ["scheme"] + [
      name for name in _DISTINCTIONS[1:]
      if len({str(record.config.get(name)) for record in records}) > 1]
  groups: dict[str, list[run_record.RunRecord]] = {}
  for record in records:
    label = ", ".join(str(record.config.get(name)) for name in names)
    groups.setdefault(label, []).append(record)
  return {label: sorted(members, key=lambda r: r.config.get("seed", 0))
          for label, members in groups.items()}


@picture_lib.styled
def draw(groups: dict[str, list[run_record.RunRecord]], x: str, x_label: str,
         name: str, title: str, width: float) -> picture_lib.Picture:
  """Draws the exploitability of groups of runs against a column.

  Args:
    groups: as `grouped` returns them.
    x: the column.
    x_label: what it is.
    name: of the picture.
    title: how the picture goes on after the name of the quantity.
    width: in inches.
  """
  records = [record for members in groups.values() for record in members]
  quantity, column = "Exploitability", "exploitability_frozen"
  if all(record.column("cce_gap_frozen") is not None for record in records):
    quantity, column = "CCE gap", "cce_gap_frozen"
  title = f"{quantity} {title}"
  if not any(record.metrics[x].any() for record in records):
    return picture_lib.Picture(name, title, missing=(
        "No episode was played: responses are computed, or learned from "
        "expectations."))
  picture, (axes,) = picture_lib.new(name, title, "", width, 0.68)
  drawn = []
  for number, (label, members) in enumerate(groups.items()):
    colour = picture_lib.COLOURS[number % len(picture_lib.COLOURS)]
    style = picture_lib.STYLES[number % len(picture_lib.STYLES)]
    curves = [_curve(record, x, column) for record in members
              if record.column(column) is not None]
    bands = [_band(record, x) for record in members
             if record.column("exploitability_high") is not None]
    if curves:
      drawn.append(_draw_mean(picture, axes, label, curves, colour, style,
                              x_label))
      least = [_curve(record, x, _LEAST) for record in members
               if record.column(_LEAST) is not None]
      if len(groups) == 1 and len(least) == len(curves):
        drawn.append(_draw_mean(
            picture, axes, "least exploitable mixture", least,
            picture_lib.COLOURS[3], picture_lib.STYLES[1], x_label))
    elif bands:
      drawn.append(_draw_bounds(picture, axes, label, bands, colour, style,
                                x_label))
  if not any(drawn):
    return picture_lib.Picture(name, title, missing=(
        "The game is sampled, and these runs did not record bounds of its "
        "exploitability."))
  shown = [y for _, _, y, _ in picture.points]
  picture_lib.log_axis(axes, shown)
  axes.set_xlim(left=0)
  picture_lib.count_axis(axes.xaxis, x_label, max(
      record.metrics[x][-1] for record in records))
  axes.set_ylabel(f"{quantity.lower() if quantity != 'CCE gap' else quantity}"
                  "\n(units of the game's returns)")
  axes.grid(True, which="major", linewidth=0.4, alpha=0.5)
  if len(drawn) > 1 or max(map(len, groups.values())) > 1:
    axes.legend(frameon=False, handlelength=2.8)
  picture.caption = (
      f"{quantity} of the meta-strategy over frozen policies. "
      + ("Of several seeds the line is the mean, and the band reaches from "
         "the lowest to the highest. " if max(map(len, groups.values())) > 1
         else "")
      + ("The least exploitable mixture is of the same policies. "
         if drawn.count("mean") > len(groups) else "")
      + ("Bounds: the truth lies in the band. " if "bounds" in drawn else ""))
  return picture


def _curve(record, x, column):
  values = record.metrics[column]
  known = ~np.isnan(values)
  return record.metrics[x][known], values[known]


def _band(record, x):
  low, high = (record.metrics.get(f"exploitability_{end}")
               for end in ("low", "high"))
  if low is None:
    low = np.zeros_like(high)
  known = ~np.isnan(high)
  return (record.metrics[x][known], np.nan_to_num(low[known]), high[known])


def _draw_mean(picture, axes, label, curves, colour, style, x_label):
  x, mean, lowest, highest = plots.mean_and_range(curves)
  if not len(x):  # They have no x in common.
    x, mean = curves[0]
    lowest = highest = mean
  chosen = picture_lib.thinned(len(x), 1000)
  x, mean, lowest, highest = (
      np.maximum(values[chosen], floor) for values, floor in (
          (x, 0), (mean, _FLOOR), (lowest, _FLOOR), (highest, _FLOOR)))
  if len(curves) > 1:
    label = f"{label}, {len(curves)} seeds"
    axes.fill_between(x, lowest, highest, step="post", color=colour,
                      alpha=0.25, linewidth=0)
  axes.plot(x, mean, linestyle=style, color=colour, label=label,
            drawstyle="steps-post")
  for position in picture_lib.thinned(len(x)):
    spread = ("" if len(curves) == 1 else f" ({lowest[position]:.4g} to "
              f"{highest[position]:.4g})")
    picture.points.append((
        axes, x[position], mean[position],
        f"{label}: {mean[position]:.4g}{spread} at {x[position]:,.4g} "
        f"{x_label}"))
  return "mean"


def _draw_bounds(picture, axes, label, bands, colour, style, x_label):
  """Draws bounds of exploitability, from the lowest to the highest."""
  lows = [(x, low) for x, low, _ in bands]
  highs = [(x, high) for x, _, high in bands]
  x, _, low, _ = plots.mean_and_range(lows)
  _, _, _, high = plots.mean_and_range(highs)
  if not len(x):
    x, low, high = bands[0]
  # Where nothing is known from below, the band ends at a tenth of the bound.
  low = np.where(low > 0, low, high / 10)
  axes.fill_between(x, low, high, step="post", color=colour, alpha=0.25,
                    linewidth=0)
  axes.plot(x, high, linestyle=style, color=colour, label=f"{label}, bounds",
            drawstyle="steps-post")
  for position in picture_lib.thinned(len(x)):
    picture.points.append((
        axes, x[position], high[position],
        f"{label}: between {low[position]:.4g} and {high[position]:.4g} at "
        f"{x[position]:,.4g} {x_label}"))
  return "bounds"

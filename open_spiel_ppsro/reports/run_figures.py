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


"""The figures of one run: its population, its payoffs, its time."""

from typing import Any

import matplotlib
from matplotlib import colors
from matplotlib import ticker
import numpy as np

from open_spiel_ppsro.reports import picture as picture_lib
from open_spiel_ppsro.reports import run_record

# With more policies the timeline has a second picture, of the last ones.
_MOST_LIVES = 60
_LAST_LIVES = 40
# Up to so many policies the cells of the payoff matrix have numbers in them.
_NUMBERED = 9
# Meta-strategies below this are not told from zero.
_LEAST_PROBABILITY = 1e-3
# Gaps below this are rounding errors, and drawn there.
_LEAST_GAP = 1e-6
# Training shares are means over rounds, at most this many.
_SHARE_BINS = 60
# The line of a frozen policy in the timeline, in rows, and at most in points.
_LINE_ROWS, _LINE_POINTS = 0.3, 0.8

_STATES = {"training": picture_lib.COLOURS[1],
           "settled": picture_lib.COLOURS[0], "waiting": "white"}


def _player(record, population):
  return "all seats" if len(record.lives) == 1 else f"player {population}"


def _panel_title(record, population):
  return "" if len(record.lives) == 1 else f"player {population}"


def timeline_end(record: run_record.RunRecord, name: str,
                 width: float) -> picture_lib.Picture | None:
  """Draws the lives of the last policies, if there are many."""
  if max(map(len, record.lives)) <= _MOST_LIVES:
    return None
  return timeline(record, name, width, _LAST_LIVES)


@picture_lib.styled
def timeline(record: run_record.RunRecord, name: str, width: float,
             most: int | None = None) -> picture_lib.Picture:
  """Draws the life of each policy, and from which one it sprang.

  Args:
    record: of the run.
    name: of the picture.
    width: in inches.
    most: only so many policies of each player, the last ones.
  """
  title = ("The pipeline" if most is None
           else f"The last {most} policies of the pipeline")
  picture, panels = picture_lib.new(
      name, title, "", width, 0.35 + 0.45 * len(record.lives),
      len(record.lives))
  last = int(record.metrics["round"][-1])
  seen: set[str] = set()
  shown = [lives[-most:] if most else lives for lives in record.lives]
  first = min((life.rounds[0] - 1 for lives in shown for life in lives
               if life.rounds), default=0) if most else 0
  for population, (axes, lives) in enumerate(zip(panels, shown)):
    row = 0.35 * width * 72 / len(lives)  # Its height in points, about.
    line = min(_LINE_ROWS * row, _LINE_POINTS)
    for life in lives:
      _draw_life(picture, axes, record, life, last, seen, line)
    axes.set_ylim(lives[-1].index + 0.6, lives[0].index - 0.6)
    axes.set_ylabel("policy")
    axes.set_title(_panel_title(record, population), loc="left", pad=3)
    picture_lib.index_axis(axes.yaxis)
    axes.set_xlim(first, last)
  panels[-1].set_xlabel("round")
  picture_lib.index_axis(panels[-1].xaxis)
  handles: list[Any] = [matplotlib.patches.Patch(
      facecolor=_STATES[state], edgecolor="black", linewidth=0.4,
      hatch="/////" if state == "waiting" else None, label={
          "training": "training, opponents move",
          "settled": "training, opponents settled",
          "waiting": "waiting for a worker"}[state])
      for state in _STATES if state in seen]
  if "frozen" in seen:
    handles.append(matplotlib.lines.Line2D(
        [], [], color=picture_lib.GREY, linewidth=1.2, label="frozen"))
  if "parent" in seen:
    handles.append(matplotlib.lines.Line2D(
        [], [], color="black", linewidth=0.6, linestyle=":",
        label="sprang from"))
  # Policies open at the upper left and end at the lower right.
  picture.figure.legend(handles=handles, loc="outside lower center",
                        frameon=False, ncols=2)
  picture.caption = (
      "The life of each policy: a row each, in the order of opening. A policy "
      "may freeze once its opponents have settled"
      + (", and then stays as it is." if record.freezes
         else "; those of this scheme never do.")
      + (" Dotted lines lead from a policy to those that sprang from it."
         if "parent" in seen else ""))
  return picture


def _draw_life(picture, axes, record, life, last, seen, line):
  index, end = life.index, last
  segments = life.segments()
  text = [f"{_player(record, life.player)}, policy {index}"]
  if life.parent is not None:
    text.append(f"sprang from policy {life.parent}")
    if segments:
      axes.plot([segments[0][0] - 1] * 2, [life.parent, index], color="black",
                linewidth=0.6, linestyle=":", zorder=1)
      seen.add("parent")
  if life.rounds:
    text.append(f"trained in rounds {life.rounds[0]} to {life.rounds[-1]}, "
                f"{life.steps:,} environment steps")
    settled = [number for number, is_settled
               in zip(life.rounds, life.settled) if is_settled]
    if settled:
      text.append(f"opponents settled from round {settled[0]} on")
  if life.frozen_in is not None:
    axes.plot([life.frozen_in, end], [index, index], color=picture_lib.GREY,
              linewidth=line, zorder=2, solid_capstyle="butt")
    seen.add("frozen")
    text.append("the initial policy" if not life.frozen_in and not index
                else f"froze in round {life.frozen_in}")
  if life.gap is not None:
    text.append(f"a best response would have gained {life.gap:.3g}")
  for first, final, state in segments:
    axes.broken_barh(
        [(first - 1, final - first + 1)], (index - 0.42, 0.84),
        facecolors=_STATES[state], zorder=3,
        hatch="/////" if state == "waiting" else None,
        edgecolors="black" if state == "waiting" else _STATES[state],
        linewidth=min(0.3, line))
    seen.add(state)
  picture.boxes.append((axes, segments[0][0] - 1 if segments else 0, end,
                        index - 0.5, index + 0.5, "; ".join(text)))


@picture_lib.styled
def payoffs(record: run_record.RunRecord, name: str,
            width: float) -> picture_lib.Picture:
  """Draws the payoffs of the first player's policies as a heat map."""
  title = "Payoff matrix"
  found = record.payoff_matrix()
  if found is None or not found[2].size:
    return picture_lib.Picture(name, title, missing=(
        "The payoffs are in checkpoints, and this run has none."
        if record.payoffs is None else
        "Payoffs of more than two players need their meta-strategies, which "
        "this run did not record."))
  rows, columns, matrix = found
  picture, (axes,) = picture_lib.new(name, title, "", width, 0.82)
  finite = matrix[np.isfinite(matrix)]
  low, high = (np.quantile(finite, [0.02, 0.98]) if finite.size > 50
               else (finite.min(), finite.max()))
  if low == high:
    low, high = low - 0.5, high + 0.5
  image = picture_lib.image(
      axes, matrix, cmap=picture_lib.SCALE, vmin=low, vmax=high,
      aspect="auto")
  extend = {(False, False): "neither", (True, False): "min",
            (False, True): "max", (True, True): "both"}[
                (bool(finite.min() < low), bool(finite.max() > high))]
  bar = picture.figure.colorbar(image, ax=axes, extend=extend, shrink=0.9)
  bar.set_label("return of player 0\n(units of the game's returns)")
  bar.outline.set_visible(False)
  for axis, indices in ((axes.xaxis, columns), (axes.yaxis, rows)):
    picture_lib.index_axis(axis)
    axis.set_major_formatter(ticker.FuncFormatter(
        lambda position, _, indices=indices: (
            str(indices[round(position)])
            if 0 <= round(position) < len(indices) else "")))
  opponents = ("" if len(record.lives) == 1 else " of player 1")
  axes.set_xlabel(f"policy{opponents}")
  axes.set_ylabel("policy" + ("" if len(record.lives) == 1
                              else " of player 0"))
  if max(matrix.shape) <= _NUMBERED:
    for (row, column), value in np.ndenumerate(matrix):
      is_dark = value < (low + high) / 2
      if abs(value) < 1e-3 * (high - low):
        value = 0  # But for rounding errors.
      axes.text(column, row, f"{value:.2g}", ha="center", va="center",
                fontsize=5.5, color="white" if is_dark else "black")
  picture.grids.append((
      axes, columns, rows, matrix,
      f"policy $y against policy $x{opponents}: $v"))
  picture.caption = (
      ("What frozen policies earn against each other"
       if record.freezes else "What the policies earn against each other")
      + ", in the order of opening"
      + (", further players by their meta-strategies." if len(
          record.roles) > 2 else ".")
      + ("" if extend == "neither" else
         " The scale of colours spans the middle 96 % of the payoffs."))
  return picture


@picture_lib.styled
def meta_strategy(record: run_record.RunRecord, name: str,
                  width: float) -> picture_lib.Picture:
  """Draws the probability of each policy after each round."""
  title = "Meta-strategy over rounds"
  if not record.meta_strategies:
    return picture_lib.Picture(name, title, missing=(
        "This run did not record its meta-strategies: it is of an older "
        "version, or nothing has frozen yet."))
  chosen = picture_lib.thinned(record.num_rounds, 300)
  rounds = record.metrics["round"][chosen].astype(int)
  picture, panels = picture_lib.new(
      name, title, "", width, 0.3 + 0.4 * len(record.lives),
      len(record.lives))
  scale = matplotlib.colormaps[picture_lib.SCALE].reversed().with_extremes(
      bad="white", under="white")
  for population, axes in enumerate(panels):
    table = record.meta_strategy_at(rounds, population).T
    image = picture_lib.image(
        axes, table, cmap=scale, aspect="auto",
        norm=colors.LogNorm(_LEAST_PROBABILITY, 1),
        extent=(rounds[0] - 1, rounds[-1], len(table) - 0.5, -0.5))
    axes.set_ylabel("policy")
    axes.set_title(_panel_title(record, population), loc="left", pad=3)
    picture_lib.index_axis(axes.yaxis)
    picture.grids.append((
        axes, rounds, range(len(table)), table,
        f"{_player(record, population)}, policy $y after round $x: $v"))
  panels[-1].set_xlabel("round")
  picture_lib.index_axis(panels[-1].xaxis)
  bar = picture.figure.colorbar(image, ax=panels, extend="min", aspect=25)
  bar.set_label("probability")
  bar.outline.set_linewidth(0.3)
  picture.caption = (
      "With which probability the result plays each policy, after each round. "
      "White is less than 0.001.")
  return picture


@picture_lib.styled
def diversity(record: run_record.RunRecord, name: str,
              width: float) -> picture_lib.Picture:
  """Draws how many policies there are, and how many of them count."""
  title = "Population size"
  picture, panels = picture_lib.new(
      name, title, "", width, 0.3 + 0.38 * len(record.lives),
      len(record.lives))
  rounds = np.concatenate([[0], record.metrics["round"]]).astype(int)
  rounds = rounds[picture_lib.thinned(len(rounds))]
  sentences = [f"{'Frozen' if record.freezes else 'All'} policies of each "
               "player."]
  copies = []
  for population, axes in enumerate(panels):
    lives = record.lives[population]
    begins = {life.index: (
        life.frozen_in if record.freezes or not life.index
        else life.rounds[0] if life.rounds else 0) for life in lives
        if life.index in record.answer(population)}
    lines = [("frozen" if record.freezes else "all",
              _counts(begins.values(), rounds), 0)]
    duplicates = record.duplicates(population)
    if duplicates is not None:
      lines.append(("distinct", _counts(
          [begin for index, begin in begins.items()
           if index not in duplicates], rounds), 1))
      copies.append(f"{_player(record, population)} has {len(duplicates)}")
    if record.meta_strategies:
      lines.append(("effective", _effective(
          record.meta_strategy_at(rounds, population)), 3))
    for label, values, number in lines:
      axes.plot(rounds, values, picture_lib.STYLES[number],
                color=picture_lib.COLOURS[number], label=label,
                drawstyle="steps-post")
      picture.points += [
          (axes, x, y, f"{_player(record, population)}, {label}: {y:.3g} "
           f"after round {x}")
          for x, y in zip(rounds.tolist(), values.tolist()) if y == y]
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, rounds[-1])
    axes.set_ylabel("policies")
    axes.set_title(_panel_title(record, population), loc="left", pad=3)
    axes.grid(True, linewidth=0.4, alpha=0.5)
    picture_lib.index_axis(axes.yaxis)
  panels[-1].set_xlabel("round")
  picture_lib.index_axis(panels[-1].xaxis)
  handles, labels = panels[0].get_legend_handles_labels()
  picture.figure.legend(handles, labels, loc="outside upper center", ncols=3,
                        frameon=False, columnspacing=1, handlelength=2.4)
  if copies:
    sentences.append(
        "A policy is a duplicate if an earlier one earns the same as it "
        "against everybody, up to "
        f"{100 * run_record.DUPLICATE_SHARE:g} % of the spread of payoffs: "
        f"{', '.join(copies)}.")
  else:
    sentences.append("Duplicates are not shown: they are told by the payoffs "
                     "of a checkpoint, and this run has none.")
  if record.meta_strategies:
    sentences.append("The effective number is that of the meta-strategy: the "
                     "exponential of its entropy.")
  else:
    sentences.append("Their effective number is not shown: this run did not "
                     "record its meta-strategies.")
  picture.caption = " ".join(sentences)
  return picture


def _counts(begins, rounds):
  return np.searchsorted(np.sort(list(begins)), rounds, side="right").astype(
      float)


def _effective(table):
  """Returns the exponential of the entropy of each row."""
  logs = np.log(table, out=np.zeros_like(table), where=table > 0)
  return np.exp(-(table * logs).sum(axis=1))


@picture_lib.styled
def gaps(record: run_record.RunRecord, name: str,
         width: float) -> picture_lib.Picture:
  """Draws what a best response would have gained when a policy froze."""
  title = "Best-response gap at the freeze"
  known = [[(life, life.gap) for life in members if life.gap is not None]
           for members in record.lives]
  found = [gap for members in known for _, gap in members]
  if not found:
    return picture_lib.Picture(name, title, missing=(
        "The policies of this scheme never freeze." if not record.freezes else
        "This run recorded none: the game is sampled, the run is of an older "
        "version, or nothing has frozen yet."))
  if max(found) < _LEAST_GAP:
    return picture_lib.Picture(name, title, missing=(
        "All policies were exact best responses."))
  picture, (axes,) = picture_lib.new(name, title, "", width, 0.62)
  for population, members in enumerate(known):
    axes.plot([life.index for life, _ in members],
              [max(gap, _LEAST_GAP) for _, gap in members],
              linestyle="none", marker=picture_lib.MARKERS[population % 6],
              markersize=3, markeredgewidth=0.6,
              color=picture_lib.COLOURS[population % 8],
              markerfacecolor="none" if population % 2 else None,
              label=_player(record, population))
    picture.points += [
        (axes, life.index, max(gap, _LEAST_GAP),
         f"{_player(record, population)}, policy {life.index}: {gap:.3g} "
         f"when it froze in round {life.frozen_in}") for life, gap in members]
  picture_lib.log_axis(axes, [y for _, _, y, _ in picture.points])
  axes.set_xlabel("policy")
  axes.set_ylabel("gap\n(units of the game's returns)")
  picture_lib.index_axis(axes.xaxis)
  axes.grid(True, which="major", linewidth=0.4, alpha=0.5)
  if len(record.lives) > 1:
    axes.legend(frameon=False, loc="best", handletextpad=0.2)
  picture.caption = (
      "What a best response to its opponents would have earned more than the "
      "policy, when it froze."
      + (f" Gaps below {_LEAST_GAP:g} are drawn there."
         if min(found) < _LEAST_GAP else ""))
  return picture


@picture_lib.styled
def times(record: run_record.RunRecord, name: str,
          width: float) -> picture_lib.Picture:
  """Draws the share of training, of payoffs and of the rest in rounds."""
  title = "Where the time goes"
  columns = [record.metrics[name] for name in (
      "training_seconds", "evaluation_seconds", "round_seconds")
             if name in record.metrics]
  if len(columns) < 3 or not columns[2].any():
    return picture_lib.Picture(name, title, missing=(
        "This run did not record how long its rounds took."))
  training, evaluation, whole = columns
  parts = {"training": training, "payoffs": evaluation,
           "meta-Nash and the rest": np.maximum(
               0, whole - training - evaluation)}
  edges = np.unique(np.linspace(0, record.num_rounds, _SHARE_BINS + 1
                                ).astype(int))
  sums = np.array([np.add.reduceat(part, edges[:-1])
                   for part in parts.values()])
  shares = 100 * sums / np.maximum(sums.sum(axis=0), 1e-12)
  totals = 100 * sums.sum(axis=1) / sums.sum()
  picture, (axes,) = picture_lib.new(name, title, "", width, 0.62)
  bottom = np.zeros(len(edges) - 1)
  for (label, share, total, colour, hatch) in zip(
      parts, shares, totals, (picture_lib.COLOURS[0], picture_lib.COLOURS[1],
                              "#EEEEEE"), (None, "////", None)):
    axes.stairs(bottom + share, edges, baseline=bottom, fill=True,
                facecolor=colour, edgecolor=(0, 0, 0, 0.35), hatch=hatch,
                linewidth=0, label=f"{label}, {total:.0f} %")
    picture.boxes += [
        (axes, left, right, low, low + height,
         f"rounds {left + 1} to {right}: {label} {height:.0f} %")
        for left, right, low, height in zip(
            edges[:-1].tolist(), edges[1:].tolist(), bottom, share)]
    bottom = bottom + share
  axes.set_xlim(0, record.num_rounds)
  axes.set_ylim(0, 100)
  axes.set_xlabel("round")
  axes.set_ylabel("share of the round (%)")
  picture_lib.index_axis(axes.xaxis)
  picture.figure.legend(loc="outside upper center", ncols=3, frameon=False,
                        columnspacing=1, handlelength=1.5)
  picture.caption = (
      f"{whole.sum():,.0f} s of rounds: training, measuring payoffs, and the "
      "rest, which is mostly solving meta-games and measuring NashConv.")
  return picture


FIGURES = {"pipeline": timeline, "pipeline_end": timeline_end,
           "payoffs": payoffs,
           "meta_strategy": meta_strategy, "population": diversity,
           "gaps": gaps, "time": times}

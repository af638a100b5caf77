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


"""Picture: a figure, and what its values are where one points at it.

All pictures have one look: the width of a paper's column, a palette that the
colour-blind can tell apart (Okabe and Ito 2008) whose colours also differ in
greyscale, and a scale of colours whose lightness is monotone (cividis).
"""

from collections.abc import Sequence
import dataclasses
import io
import re
from typing import Any

import matplotlib
from matplotlib import figure as figure_lib
from matplotlib import ticker
from matplotlib.backends import backend_agg
import numpy as np

# Matrices with more rows or columns have cells smaller than a pixel of a
# screen, which are averaged.
_MOST_CELLS = 120
# A column of a paper in two columns, in inches.
COLUMN_INCHES = 3.4
# Of PNG files, per inch: a column is then 680 pixels wide.
_PNG_DPI = 200
# SVG counts in points.
_POINTS_PER_INCH = 72

# Blue, orange, green, vermilion, purple, sky, yellow, black; the first ones
# differ most in lightness.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
           "#F0E442", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "^", "s", "D", "v", "P")
GREY = "#BBBBBB"
SCALE = "cividis"

_LOOK: Any = {  # Matplotlib's own type of it names every setting.
    "font.family": "sans-serif",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "svg.fonttype": "none",  # Text stays text, and pages small.
    "svg.hashsalt": "open_spiel_ppsro",  # The same picture, the same bits.
    "figure.dpi": _POINTS_PER_INCH,
}


@dataclasses.dataclass
class Picture:
  """A figure with the values that it shows.

  Attributes:
    name: of its files.
    title: a few words.
    caption: what it shows, in full sentences.
    figure: of matplotlib; None if it cannot be drawn.
    missing: why it cannot be drawn.
    points: `(axes, x, y, text)` in data coordinates: the text belongs to what
      is nearest to the pointer.
    boxes: `(axes, x0, x1, y0, y1, text)`: to all of a rectangle.
    grids: `(axes, x values, y values, values [Y, X], text)`: to a cell of an
      image; the text has `$x`, `$y` and `$v` in it.
  """
  name: str
  title: str
  caption: str = ""
  figure: Any = None
  missing: str = ""
  points: list[tuple[Any, float, float, str]] = dataclasses.field(
      default_factory=list)
  boxes: list[tuple[Any, float, float, float, float, str]] = (
      dataclasses.field(default_factory=list))
  grids: list[tuple[Any, Sequence[Any], Sequence[Any], np.ndarray, str]] = (
      dataclasses.field(default_factory=list))
  _is_laid_out: bool = False
  _svg: str = ""

  def png(self) -> bytes:
    """Returns the picture as PNG."""
    return self._saved(format="png", dpi=_PNG_DPI,
                       metadata={"Software": None})

  def svg(self) -> str:
    """Returns the picture as SVG whose ids begin with its name."""
    if self._svg:  # Page and file have the same one.
      return self._svg
    text = self._saved(format="svg", dpi=_PNG_DPI,
                       metadata={"Date": None, "Creator": None}).decode()
    text = text[text.index("<svg"):]
    text = re.sub(r'\bid="', f'id="{self.name}-', text)
    text = re.sub(r'url\(#', f"url(#{self.name}-", text)
    self._svg = re.sub(r'href="#', f'href="#{self.name}-', text)
    return self._svg

  def _saved(self, **options):
    self._lay_out()
    assert self.figure is not None
    content = io.BytesIO()
    with matplotlib.rc_context(_LOOK):
      self.figure.savefig(content, **options)
    return content.getvalue()

  def _lay_out(self):
    """Places everything, once for all kinds of files."""
    assert self.figure is not None
    if self._is_laid_out:
      return
    with matplotlib.rc_context(_LOOK):
      self.figure.dpi = _PNG_DPI
      self.figure.draw_without_rendering()
      self.figure.set_layout_engine("none")
      self.figure.dpi = _POINTS_PER_INCH
    self._is_laid_out = True

  def marks(self) -> dict[str, list[Any]]:
    """Returns points, boxes and grids in the coordinates of the SVG.

    Lengths are in points, y downwards. A box or grid begins with its left,
    top, right and lower edge.
    """
    self._lay_out()
    assert self.figure is not None
    height = self.figure.get_figheight() * _POINTS_PER_INCH

    def place(axes, x, y):
      left, up = axes.transData.transform((x, y))
      return round(float(left), 1), round(float(height - up), 1)

    def frame(axes, x0, x1, y0, y1):
      (a, b), (c, d) = place(axes, x0, y0), place(axes, x1, y1)
      return min(a, c), min(b, d), max(a, c), max(b, d)

    return {
        "points": [[*place(axes, x, y), text]
                   for axes, x, y, text in self.points],
        "boxes": [[*frame(*box), text] for *box, text in self.boxes],
        "grids": [[*frame(axes, *axes.get_xlim(), *axes.get_ylim()),
                   list(map(_plain, xs)), list(map(_plain, ys)),
                   [[_short(value) for value in row] for row in values], text]
                  for axes, xs, ys, values, text in self.grids]}


def new(name: str, title: str, caption: str, width: float, aspect: float,
        rows: int = 1) -> tuple[Picture, list[Any]]:
  """Returns an empty picture and its axes, one above the other.

  Args:
    name: of its files.
    title: a few words.
    caption: what it shows.
    width: in inches.
    aspect: height by width.
    rows: how many axes.
  """
  with matplotlib.rc_context(_LOOK):
    figure = figure_lib.Figure(figsize=(width, aspect * width),
                               layout="constrained", dpi=_POINTS_PER_INCH)
    backend_agg.FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
  return Picture(name, title, caption, figure), list(axes)


def styled(draw):
  """Makes a function draw in the look of all pictures."""
  def with_look(*args, **kwargs):
    with matplotlib.rc_context(_LOOK):
      return draw(*args, **kwargs)
  return with_look


def count_axis(axis: Any, label: str, most: float) -> None:
  """Labels an axis that counts, in thousands and so on where that is shorter.

  Args:
    axis: of matplotlib.
    label: what it counts.
    most: the largest number on it.
  """
  unit, name = next(((unit, name) for unit, name in (
      (1e9, "billions"), (1e6, "millions"), (1e3, "thousands"))
                     if most >= 2 * unit), (1, ""))
  axis.set_label_text(f"{label}, {name}" if name else label)
  axis.set_major_locator(ticker.MaxNLocator(6))
  axis.set_major_formatter(ticker.FuncFormatter(
      lambda value, _: f"{value / unit:g}"))


def log_axis(axes: Any, values: Any) -> None:
  """Makes the y axis logarithmic, with two labels at least.

  Args:
    axes: of matplotlib.
    values: what is on it, above 0.
  """
  low, high = float(np.min(values)), float(np.max(values))
  axes.set_yscale("log")
  if high < 10 * low:  # Less than a decade: there is little to see in it.
    low, high = low / 3, 3 * high
    axes.set_ylim(low, high)
  if high < 100 * low:
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(
        lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def index_axis(axis: Any) -> None:
  """Gives an axis whole numbers, and few of them."""
  axis.set_major_locator(ticker.MaxNLocator(6, integer=True, min_n_ticks=1))


def image(axes: Any, values: np.ndarray, **options: Any) -> Any:
  """Draws a matrix, every row of which leaves a trace however many there are.
  """
  is_small = max(values.shape) <= _MOST_CELLS
  return axes.imshow(
      values, interpolation="none" if is_small else "auto",
      interpolation_stage="data" if is_small else "rgba", **options)


def thinned(length: int, most: int = 400) -> np.ndarray:
  """Returns the positions of at most so many of `length` things."""
  return np.unique(np.linspace(0, length - 1, min(length, most)).astype(int))


def _plain(value):
  return value.item() if isinstance(value, np.generic) else value


def _short(value):
  """Returns a number of three digits, as JSON can hold it."""
  if not np.isfinite(value):
    return None
  value = float(f"{value:.3g}")
  return int(value) if value.is_integer() else value

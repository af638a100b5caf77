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


"""The page of a report: HTML that needs nothing else, with values on hover."""

from collections.abc import Mapping
from collections.abc import Sequence
import html
import json
import math
from typing import Any

import numpy as np

from open_spiel_ppsro.reports import picture as picture_lib
from open_spiel_ppsro.reports import run_record

GENERATOR = '<meta name="generator" content="open_spiel_ppsro report">'

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1240px; margin: 0 auto; padding: 1em 1.5em 4em; }
h1 { font-size: 1.5em; margin: .4em 0 .2em; }
h2 { font-size: 1.2em; margin: 1.6em 0 .4em; border-bottom: 1px solid #ccc; }
.pictures { display: grid; gap: 1.2em 1.6em; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); }
figure { margin: 0; position: relative; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: .85em; color: #444; }
figcaption b { display: block; color: #222; font-size: 1.1em; }
.missing { color: #666; font-style: italic; }
.tip { position: absolute; display: none; z-index: 1; pointer-events: none;
  max-width: 18em; padding: .25em .5em; font-size: .8em; background: #222;
  color: #fff; border-radius: 3px; }
.mark { fill: none; stroke: #000; stroke-width: 1; pointer-events: none; }
table { border-collapse: collapse; font-size: .85em; }
.wide { overflow-x: auto; }
th, td { text-align: left; padding: .15em .9em .15em 0; vertical-align: top;
  border-bottom: 1px solid #eee; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.long { overflow-wrap: anywhere; max-width: 40em; }
details { margin: .5em 0; } summary { cursor: pointer; }
@media print { .tip { display: none !important; } }
"""

# Pictures say their values where the pointer is: that of the rectangle or the
# cell below it, else of the nearest point. Coordinates are those of the SVG.
_SCRIPT = """
const NEAR = 14;  // Points of a picture that are further away say nothing.
for (const figure of document.querySelectorAll("figure.drawn")) {
  const svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const marks = JSON.parse(figure.querySelector("script").textContent);
  const mark = document.createElementNS(svg.namespaceURI, "rect");
  mark.setAttribute("class", "mark");
  mark.style.display = "none";
  svg.append(mark);
  const inside = ([x0, y0, x1, y1], x, y) =>
    x >= x0 && x <= x1 && y >= y0 && y <= y1;
  function found(x, y) {
    for (const [x0, y0, x1, y1, xs, ys, values, text] of marks.grids) {
      if (!inside([x0, y0, x1, y1], x, y)) continue;
      const width = (x1 - x0) / xs.length, height = (y1 - y0) / ys.length;
      const i = Math.min(xs.length - 1, Math.floor((x - x0) / width));
      const j = Math.min(ys.length - 1, Math.floor((y - y0) / height));
      const value = values[j][i];
      return [x0 + i * width, y0 + j * height, width, height,
        text.replace("$x", xs[i]).replace("$y", ys[j])
          .replace("$v", value === null ? "not known" : value)];
    }
    for (const [x0, y0, x1, y1, text] of marks.boxes)
      if (inside([x0, y0, x1, y1], x, y))
        return [x0, y0, x1 - x0, y1 - y0, text];
    let nearest = null, least = NEAR;
    for (const [px, py, text] of marks.points) {
      const distance = Math.hypot(px - x, py - y);
      if (distance < least) {
        least = distance;
        nearest = [px - 2.5, py - 2.5, 5, 5, text];
      }
    }
    return nearest;
  }
  function hide() { tip.style.display = mark.style.display = "none"; }
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    const left = event.clientX - box.left, top = event.clientY - box.top;
    const hit = found(left * view.width / box.width,
                      top * view.height / box.height);
    if (!hit) return hide();
    const [x, y, width, height, text] = hit;
    for (const [name, value] of Object.entries({x, y, width, height}))
      mark.setAttribute(name, value);
    mark.style.display = "inline";
    tip.textContent = text;
    tip.style.display = "block";
    const most = figure.clientWidth - tip.offsetWidth;
    tip.style.left = Math.max(0, Math.min(left + 12, most)) + "px";
    tip.style.top = svg.offsetTop + top + 16 + "px";
  });
}
"""


def page(game: str,
         groups: Mapping[str, Sequence[run_record.RunRecord]],
         common: Sequence[picture_lib.Picture],
         details: Mapping[run_record.RunRecord,
                          Sequence[picture_lib.Picture]]) -> str:
  """Returns the page.

  Args:
    game: its name.
    groups: all runs.
    common: the pictures of all of them.
    details: the pictures of those that are shown in detail.
  """
  records = [record for members in groups.values() for record in members]
  parts = [
      "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
      GENERATOR,
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      '<link rel="icon" href="data:,">',
      f"<title>{_escape(game)}: report</title>",
      f"<style>{_STYLE}</style></head><body>",
      f"<h1>{_escape(game)}: {_escape(', '.join(groups))}</h1>",
      _summary(records), _pictures(common)]
  for record, pictures in details.items():
    parts += [f"<h2>{_escape(_name(record))}</h2>", _pictures(pictures)]
  left_out = len(records) - len(details)
  if left_out:
    parts.append(f"<p>{left_out} more run{'s' * (left_out > 1)} of the same "
                 f"schemes {'are' if left_out > 1 else 'is'} in the curves "
                 "alone; a report of one run shows it in detail.</p>")
  parts += ["<h2>Settings and versions</h2>", *map(_settings, records),
            f"<script>{_SCRIPT}</script></body></html>", ""]
  return "\n".join(parts)


def _pictures(pictures):
  return ('<div class="pictures">' + "\n".join(map(_figure, pictures))
          + "</div>")


def _figure(picture):
  name, title = _escape(picture.name), _escape(picture.title)
  if picture.figure is None:
    return (f'<figure id="{name}" class="missing"><figcaption><b>{title}</b>'
            f"Not shown. {_escape(picture.missing)}</figcaption></figure>")
  marks = json.dumps(picture.marks(), separators=(",", ":"), allow_nan=False
                     ).replace("</", r"<\/")  # `</script>` would end the data.
  svg = picture.svg().replace(
      "<svg ", f'<svg role="img" aria-label="{title}" ', 1)
  return (
      f'<figure id="{name}" class="drawn">{svg}<div class="tip"></div>'
      f"<figcaption><b>{title}</b>{_escape(picture.caption)}</figcaption>"
      f'<script type="application/json">{marks}</script></figure>')


def _name(record):
  config = record.config
  return (f"{record.name}: {config.get('scheme')}, {config.get('oracle')}, "
          f"seed {config.get('seed')}")


def _summary(records):
  """Returns a table with a line for each run."""
  header = ("run", "scheme", "oracle", "seed", "exploitability",
            "best", "least exploitable", "rounds", "policies", "episodes",
            "wall seconds", "ended by")
  rows = []
  for record in records:
    last = {name: values[-1] for name, values in record.metrics.items()}
    exploitability = record.column("exploitability_frozen")
    least = record.column("exploitability_least")
    strength = (_number(exploitability[-1]) if exploitability is not None
                else _bounds(record, last))
    rows.append((
        record.name, record.config.get("scheme"), record.config.get("oracle"),
        record.config.get("seed"), strength,
        "" if exploitability is None else _number(np.nanmin(exploitability)),
        "" if least is None else _number(least[-1]),
        f"{last['round']:,.0f}",
        f"{last['policies']:,.0f}",
        f"{last['episodes']:,.0f}", f"{last['wall_seconds']:,.1f}",
        record.result.get("stopped_by") or "not ended"))
  return _table(header, rows, numbers=range(3, 11))


def _bounds(record, last):
  """Returns what is known of the strength of a sampled run."""
  low, high = last.get("exploitability_low"), last.get("exploitability_high")
  if high is not None and not math.isnan(high):
    return f"{_number(low or 0.0)} to {_number(high)}"
  bound = record.result.get("nash_conv_lower_bound")
  if bound is None:
    return "not known"
  error = record.result.get("lower_bound_standard_error")
  return (f"NashConv at least {_number(bound)}"
          + (f" ± {_number(error)}" if error is not None else ""))


def _settings(record):
  result = record.result
  rows = [(name, value) for name, value in _flat(record.config)]
  rows += [(name, value) for name, value in _flat({
      name: result[name] for name in (
          "command", "versions", "git_commit", "host", "cores", "system")
      if result.get(name) is not None})]
  return (f"<details><summary>{_escape(_name(record))}</summary>"
          + _table(("setting", "value"), rows) + "</details>")


def _flat(data: Mapping[str, Any], before: str = ""):
  """Yields names and values of nested settings."""
  for name, value in data.items():
    if isinstance(value, Mapping):
      yield from _flat(value, f"{before}{name}: ")
    else:
      yield f"{before}{name}", value


def _table(header, rows, numbers=()):
  def row(tag, cells):
    return "<tr>" + "".join(
        f"<{tag}{kind(index)}>{_escape(cell)}</{tag}>"
        for index, cell in enumerate(cells)) + "</tr>"

  def kind(index):
    return ' class="number"' if index in numbers else ' class="long"'

  return ('<div class="wide"><table>' + row("th", header)
          + "\n".join(row("td", cells) for cells in rows) + "</table></div>")


def _number(value):
  return f"{value:.4g}"


def _escape(value):
  return html.escape(str(value))

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


"""Report: one page about some runs, and its pictures as files."""

from collections.abc import Sequence
import os
import pathlib

from open_spiel_ppsro.reports import curves
from open_spiel_ppsro.reports import page
from open_spiel_ppsro.reports import picture as picture_lib
from open_spiel_ppsro.reports import run_figures
from open_spiel_ppsro.reports import run_record
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import run_directory


def report(paths: str | os.PathLike | Sequence[str | os.PathLike],
           output: str | os.PathLike = "report.html",
           width_inches: float = picture_lib.COLUMN_INCHES) -> pathlib.Path:
  """Writes a page about runs of one game, and its pictures as PNG and SVG.

  The page needs no network and no other file. The pictures lie beside it, in
  a directory of its name with `_pictures`. Runs are grouped by scheme; of each
  group, the run with the lowest seed is shown in detail.

  Args:
    paths: run directories, or one.
    output: the page; one that was written before is replaced.
    width_inches: of the pictures; by default a column of a paper.

  Returns:
    The path of the page.

  Raises:
    ValueError: if there is no run in a directory, if they are of different
      games, or if the page cannot be written.
  """
  if isinstance(paths, (str, os.PathLike)):
    paths = [paths]
  if not paths:
    raise ValueError("there is nothing to report: name a run directory")
  if not width_inches > 1:
    raise ValueError(f"width_inches is {width_inches}; it takes more than 1")
  output = pathlib.Path(output)
  _check_output(output)
  records = [run_record.read(path) for path in paths]
  games = sorted({record.config["game_name"] for record in records})
  if len(games) > 1:
    raise ValueError(f"the runs are of different games, {' and '.join(games)}; "
                     "a report is about one")
  groups = curves.grouped(records)
  common = [
      curves.draw(groups, *axis[:2], f"exploitability_{axis[2]}", axis[3],
                  width_inches)
      for axis in curves.AXES]
  details = {}
  for label, members in groups.items():
    ending = "" if len(groups) == 1 else f"-{output_directory.slug(label)}"
    details[members[0]] = [
        picture for name, draw in run_figures.FIGURES.items()
        if (picture := draw(members[0], f"{name}{ending}", width_inches))]
  pictures = common + [picture for found in details.values()
                       for picture in found]
  try:
    folder = run_directory.writable(
        output.with_name(f"{output.stem}_pictures"))
    for picture in pictures:
      if picture.figure is not None:
        run_directory.replace(folder / f"{picture.name}.png", picture.png())
        run_directory.replace(folder / f"{picture.name}.svg",
                              picture.svg().encode())
    run_directory.replace(
        output, page.page(games[0], groups, common, details).encode())
  except OSError as error:
    raise ValueError(f"cannot write the report {output}: {error.strerror}"
                     ) from error
  return output


def _check_output(output):
  """Raises ValueError if a file is there that is not an earlier report."""
  if output.is_dir():
    raise ValueError(f"{output} is a directory; the report takes the name of "
                     "a file, as in report.html")
  if output.exists() and page.GENERATOR not in output.read_text(
      errors="replace")[:1000]:
    raise ValueError(f"{output} is there and is no report: choose another name")

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

"""Writes a page about runs: curves, the population, payoffs, time, settings.

The page needs no network and no other file. The same pictures lie beside it as
PNG and SVG. docs/using.md says what they show.
"""

import sys

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags

FLAGS = flags.FLAGS
USAGE = " RUN_DIR..."
ARGUMENTS = (1, sys.maxsize)


def define() -> None:
  """Defines the flags."""
  with common_flags.group("What is written"):
    flags.DEFINE_string(
        "output", "report.html",
        "The page. The pictures go into a directory beside it.")
    flags.DEFINE_float(
        "width_inches", 3.4,
        "Of the pictures; a paper's column by default.", lower_bound=1)


def main(arguments: list[str]) -> int:
  """Writes the page of the runs that the arguments name."""
  print(ppsro.report(arguments, FLAGS.output, FLAGS.width_inches))
  return 0

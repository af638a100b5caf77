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

    python examples/report_example.py RUN_DIR... [--output=report.html]

The page needs no network and no other file. The same pictures lie beside it as
PNG and SVG. docs/watching.md says what they show.
"""

import sys

from absl import app
from absl import flags

import open_spiel_ppsro as ppsro

_OUTPUT = flags.DEFINE_string(
    "output", "report.html",
    "The page. The pictures go into a directory beside it.")
_WIDTH = flags.DEFINE_float(
    "width_inches", 3.4, "Of the pictures; a paper's column by default.")


def main(argv):
  if len(argv) < 2:
    print(f"error: name one or more run directories, as in python {argv[0]} "
          "runs/leduc-poker-pipeline-ppo-seed1", file=sys.stderr)
    return 2
  try:
    print(ppsro.report(argv[1:], _OUTPUT.value, _WIDTH.value))
  except ValueError as error:
    print(f"error: {error}", file=sys.stderr)
    return 2
  return 0


if __name__ == "__main__":
  app.run(main)

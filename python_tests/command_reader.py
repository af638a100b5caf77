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

"""Reads command lines as the commands would, without carrying them out.

It is a program: standard input has a JSON list of command lines, each a list of
words from `ppsro` or the path of a script on; standard output gets a JSON list
with the complaint about each, empty where there is none. Every line is read in
a fork, so that the package is imported once.
"""

import json
import os
import pathlib
import runpy
import sys
import traceback

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import evaluate
from open_spiel_ppsro.commands import launch

FLAGS = flags.FLAGS


def only_parse(main, argv, flags_parser):
  """Takes the place of `app.run`: parses flags and checks what they say."""
  del main
  flags_parser(argv)
  if "initial_policy" in FLAGS and not FLAGS.import_module:
    common_flags.check(
        [FLAGS.scheme] if "scheme" in FLAGS else list(ppsro.SCHEMES))


def read(words):
  """Reads one command line; raises or exits where something is wrong."""
  launch.app.run = only_parse
  sys.argv = words
  if words[0] == "ppsro":
    command_line.main()
  else:
    sys.path.insert(0, str(pathlib.Path(words[0]).parent))
    runpy.run_path(words[0], run_name="__main__")


def complaint(words):
  """Returns what is wrong with a command line, from a fork of this process."""
  out, into = os.pipe()
  child = os.fork()
  if not child:
    os.dup2(into, 1)
    os.dup2(into, 2)
    os.close(out)
    code = 0
    try:
      read(words)
    except SystemExit as end:
      code = end.code or 0
    except BaseException:  # pylint: disable=broad-exception-caught
      traceback.print_exc()
      code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
  os.close(into)
  with os.fdopen(out) as pipe:
    text = pipe.read()
  return text or "no words" if os.waitpid(child, 0)[1] else ""


if __name__ == "__main__":
  # So that the forks do not each import them.
  _ = ppsro.run, ppsro.ORACLES, evaluate
  json.dump([complaint(words) for words in json.load(sys.stdin)], sys.stdout)

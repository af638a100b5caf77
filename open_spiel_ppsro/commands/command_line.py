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

"""The command line: which commands there are, and how each is started.

`ppsro COMMAND` is the installed command. Every example that has a command is a
script of one line over `run`. A command is a module with `USAGE`, `ARGUMENTS`
(the fewest and the most arguments that are no flags), `define`, which defines
its flags, and `main`. It is imported when it is called.
"""

import time

# When this command began. Its imports are part of the time of a run.
started = time.perf_counter()

import difflib
import importlib
from importlib import metadata
import os
import shlex
import sys

from open_spiel_ppsro.commands import launch

# What each command does, and the example that is the same.
COMMANDS = {
    "train": ("solve a game", "pipeline_psro_example"),
    "resume": ("go on with a run", None),
    "compare": ("run several schemes with one budget",
                "compare_schemes_example"),
    "report": ("draw what runs have left, on a page", "report_example"),
    "play": ("play against what a run has found", "play_example"),
    "evaluate": ("how strong it is, against whom, and where it loses",
                 "evaluate_example"),
    "match": ("several runs against each other", None),
    "export": ("tables, weights and ONNX for other programs",
               "export_policy_example"),
}
# Whether no command has run in this process.
_is_first = True
# A command that is another one, of several runs.
_SHORT_FOR = {"match": "evaluate"}


def invocation(command: str) -> str:
  """Returns how a user of this command line calls a command.

  Args:
    command: a key of `COMMANDS`.
  """
  script = sys.argv[0]
  example = COMMANDS[command][1]
  if not script.endswith(".py"):
    return f"ppsro {command}"
  if example is None:
    raise ValueError(f"{command} is no example")
  return "python " + shlex.quote(
      os.path.join(os.path.dirname(script), f"{example}.py"))


def run(command: str, argv: list[str] | None = None) -> None:
  """Runs a command, and ends the process.

  Args:
    command: a key of `COMMANDS`.
    argv: the name of the program, flags and arguments; those of this process
      by default.
  """
  global started, _is_first
  if not _is_first:
    started = time.perf_counter()
  _is_first = False
  argv = list(sys.argv if argv is None else argv)
  called = (f"python {sys.argv[0]}" if sys.argv[0].endswith(".py")
            else f"ppsro {command}")
  if command == "resume":
    # The first argument is the run directory.
    if len(argv) > 1 and not argv[1].startswith("-"):
      argv[1] = f"--output_dir={argv[1]}"
    argv.insert(1, "--resume")
    command = "train"
  command = _SHORT_FOR.get(command, command)
  module = importlib.import_module(f"{__package__}.{command}")
  module.define()
  launch.start(module.main, argv, f"{called}{module.USAGE}",
                     module.__doc__, module.ARGUMENTS)


def main() -> None:
  """Runs the command that the first argument names."""
  arguments = sys.argv[1:]
  if not arguments or arguments[0] in ("help", "--help", "-h"):
    print(_overview())
    sys.exit(0 if arguments else 2)
  if arguments[0] == "--version":
    print("open_spiel_ppsro", metadata.version("open_spiel_ppsro"))
    return
  if arguments[0] not in COMMANDS:
    close = difflib.get_close_matches(arguments[0], COMMANDS)
    print(f"error: there is no command {arguments[0]!r}; "
          + (f"did you mean {' or '.join(close)}?" if close else
             f"there is {', '.join(COMMANDS)}"), file=sys.stderr)
    sys.exit(2)
  run(arguments[0], [f"ppsro {arguments[0]}", *arguments[1:]])


def _overview():
  lines = ["Pipeline PSRO and its relatives: train, look, use.", "",
           "usage: ppsro COMMAND [arguments] [--flag=value ...]", ""]
  width = max(map(len, COMMANDS))
  lines += [f"  {name:<{width}}  {what}"
            for name, (what, _) in COMMANDS.items()]
  return "\n".join([*lines, "", "ppsro COMMAND --help shows its flags."])

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

"""Launch: reads the command line, runs a command, tells mistakes in one line.

What is wrong becomes a `ValueError` in the command, and `start` prints it.
"""

from collections.abc import Callable
from collections.abc import Sequence
import os
import sys
import textwrap

from absl import app
from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.runs import output_directory

FLAGS = flags.FLAGS


def _parse(argv, usage, doc, arguments):
  """As absl does, but a mistake is told in one line, and --help in groups.

  Args:
    argv: the name of the program, flags and arguments.
    usage: how the command is called, without flags.
    doc: what it does.
    arguments: the fewest and the most arguments that are no flags.
  """
  if any(argument in ("--help", "-help", "-h") for argument in argv[1:]):
    print(help_text(usage, doc))
    sys.exit(0)
  try:
    rest = FLAGS(argv)
  except flags.Error as error:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
  fewest, most = arguments
  if len(rest) - 1 > most:
    print(f"error: unexpected argument {rest[most + 1]!r}; every setting is a "
          "flag, see --help", file=sys.stderr)
    sys.exit(2)
  if len(rest) - 1 < fewest:
    print(f"error: an argument is missing; usage: {usage}", file=sys.stderr)
    sys.exit(2)
  return rest


def help_text(usage, doc):
  """Returns what --help shows: every flag, in groups, with its default."""
  of_main = [flag.name for flag in FLAGS.get_key_flags_for_module(sys.argv[0])]
  grouped = {name for names in common_flags.GROUPS.values() for name in names}
  groups = {"Flags": [name for name in of_main if name not in grouped],
            **common_flags.GROUPS}
  parts = [doc.strip(), f"usage: {usage} [--flag=value ...]"]
  for title, names in groups.items():
    lines = [_flag_text(FLAGS[name]) for name in names if name in FLAGS]
    if lines:
      parts.append("\n".join([f"{title}:", *lines]))
  return "\n\n".join(parts)


def _flag_text(flag):
  name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
  if flag.default is not None:
    name += f" (default: {flag.default_as_str.strip(chr(39))})"
  text = " ".join(flag.help.split())
  if flag.default is None and not any(
      word in text for word in ("default", "if not given")):
    text += " None by default."
  return f"  {name}\n" + textwrap.fill(
      text, 78, initial_indent="      ", subsequent_indent="      ")


def start(main: Callable[..., int], argv: Sequence[str] | None = None,
          usage: str | None = None, doc: str | None = None,
          arguments: tuple[int, int] = (0, 0)) -> None:
  """Runs a command: exit code 2 and one line where the input is wrong.

  Args:
    main: a function that returns the exit code; it is given the arguments that
      are no flags, if the command takes any.
    argv: the name of the program, flags and arguments; those of this process
      by default.
    usage: how the command is called, without flags.
    doc: what it does; that of the main script by default.
    arguments: the fewest and the most arguments that are no flags.
  """
  argv = sys.argv if argv is None else argv

  def guarded(rest):
    try:
      exit_code = main(rest[1:]) if arguments[1] else main()
      sys.stdout.flush()
      return exit_code
    except BrokenPipeError:  # The reader, such as head, wants no more.
      # At the end Python flushes once more, and would complain.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      return 1
    except output_directory.OccupiedError as error:
      ways = (["go on with --resume"] if "resume" in FLAGS else []) + (
          ["choose another --output_dir"] if "output_dir" in FLAGS
          else ["choose another directory"]) + [
              "or replace it with --overwrite"]
      print(f"error: {error.path} holds {error.content}: {', '.join(ways)}",
            file=sys.stderr)
      return 2
    except ValueError as error:
      # The string of a game, such as pathfinding, may have several lines.
      text = "\\n".join(str(error).splitlines())
      print(f"error: {text}", file=sys.stderr)
      return 2
    except (ppsro.WorkerError, FloatingPointError) as error:
      print(f"error: {error}", file=sys.stderr)
      return 1
    except KeyboardInterrupt:
      print("interrupted", file=sys.stderr)
      return 130

  app.run(guarded, list(argv), flags_parser=lambda given: _parse(
      given, usage or f"python {sys.argv[0]}",
      doc or sys.modules["__main__"].__doc__ or "", arguments))

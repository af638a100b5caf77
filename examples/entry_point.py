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

"""How every example starts: mistakes are told in one line, exit code 2."""

import sys

from absl import app
from absl import flags

import open_spiel_ppsro as ppsro


def _parse(argv):
  """As absl does, but a mistake is told in one line."""
  try:
    rest = flags.FLAGS(argv)
  except flags.Error as error:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
  if len(rest) > 1:
    print(f"error: unexpected argument {rest[1]!r}; every setting is a flag, "
          "see --help", file=sys.stderr)
    sys.exit(2)
  return rest


def run(main):
  """Runs an example: exit code 2 and one line where the input is wrong.

  Args:
    main: a function without arguments that returns the exit code.
  """
  def guarded(_):
    try:
      return main()
    except ValueError as error:
      print(f"error: {error}", file=sys.stderr)
      return 2
    except (ppsro.WorkerError, FloatingPointError) as error:
      print(f"error: {error}", file=sys.stderr)
      return 1
  app.run(guarded, flags_parser=_parse)

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

"""Solves a game by Pipeline PSRO, or another scheme, and shows how far it is.

    python examples/pipeline_psro_example.py --game_name=leduc_poker

Progress goes to standard error. The last line of standard output begins with
`result:`; its NashConv is exact, of the meta-strategy over frozen policies. Of
a game too large to enumerate it is nan, and what trained exploiters gain is
reported instead, as a lower bound with its standard error.
Everything else is in the run directory: config.json, metrics.csv,
final_policy.npz, best_policy.npz, nash_conv.png, result.json and checkpoints,
from which --resume goes on.
"""

import shlex
import sys
import time

_START = time.perf_counter()  # Before the imports: they are part of the wall.

from absl import flags  # noqa: E402

import common_flags  # noqa: E402
from open_spiel_ppsro.runs import output_directory  # noqa: E402

FLAGS = flags.FLAGS
common_flags.define()
common_flags.define_one_run(
    "The run directory; runs/GAME-SCHEME-ORACLE-seedN by default, with a "
    "number where that is taken.")
common_flags.define_checkpoints()
common_flags.define_watching()
flags.adopt_module_key_flags(common_flags)


def main():
  if FLAGS.resume:
    common_flags.adopt(FLAGS.output_dir or output_directory.latest(
        output_directory.run_name(FLAGS.game_name, FLAGS.scheme, FLAGS.oracle,
                               FLAGS.seed)))
  common_flags.check([FLAGS.scheme])
  summary = common_flags.run(
      FLAGS.game_name, FLAGS.scheme, FLAGS.seed, start=_START,
      output_dir=FLAGS.output_dir, resume=FLAGS.resume,
      overwrite=FLAGS.overwrite, callbacks=common_flags.callbacks(),
      checkpoint_seconds=FLAGS.checkpoint_seconds or None,
      keep_checkpoints=FLAGS.keep_checkpoints)
  print(what_next(summary), file=sys.stderr)
  print(summary.line())
  return summary.exit_code


def what_next(summary):
  """Returns in words how to read what was found, and how to go on."""
  larger = (f" --{summary.stopped_by}=MORE"
            if summary.stopped_by in common_flags.LIMITS else "")
  return (f"to read the policy: ppsro.read_policy({str(summary.path)!r})\n"
          f"to go on: python {sys.argv[0]} --resume "
          f"--output_dir={shlex.quote(str(summary.path))}{larger}")


if __name__ == "__main__":
  common_flags.start(main)

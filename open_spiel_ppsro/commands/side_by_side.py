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

"""Side by side: runs of one directory, each played, resumed or left alone."""

import pathlib
import sys

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.runs import run_directory
from open_spiel_ppsro.runs import signals

FLAGS = flags.FLAGS


def chosen_seeds() -> list[int]:
  """Returns the seeds of --seeds, each once."""
  try:
    seeds = [int(seed) for seed in FLAGS.seeds]
  except ValueError as error:
    raise ValueError(f"--seeds is {','.join(FLAGS.seeds)!r}; it takes whole "
                     "numbers, as in 1,2,3") from error
  if not seeds or min(seeds) < 0:
    raise ValueError("--seeds takes at least one seed, 0 or more")
  return list(dict.fromkeys(seeds))


def has_ended(path) -> bool:
  """Returns whether a run has reached the limits that the flags set."""
  return run_directory.has_ended(path) and (
      ppsro.read_result(path)["stopped_by"] not in signals.EXIT_CODES
      and ppsro.read_config(path)["limits"] == common_flags.limits().given())


def play(game, scheme: str, seed: int, path, label: str):
  """Plays, or goes on with, one scheme with one seed.

  Args:
    game: opened.
    scheme: its name.
    seed: of everything random.
    path: the run directory.
    label: what the run is called on standard error.

  Returns:
    The exit code of the run, and its `RunSummary`.
  """
  if FLAGS.resume and has_ended(path):
    print(f"{label} has ended before", file=sys.stderr)
    return 0, _summary(path)
  resumes = FLAGS.resume and bool(run_directory.checkpoint_paths(path))
  summary = common_flags.run(
      game, scheme, seed, output_dir=path, resume=resumes,
      overwrite=FLAGS.overwrite or FLAGS.resume, label=f"{label}  ",
      checkpoint_seconds=FLAGS.checkpoint_seconds or None,
      keep_checkpoints=FLAGS.keep_checkpoints)
  return summary.exit_code, summary


def _summary(path):
  """Returns the `RunSummary` of a run that has ended."""
  found = ppsro.read_result(path)
  names = ppsro.RunSummary.__dataclass_fields__
  return ppsro.RunSummary(**{
      **{name: float("nan") if value is None and name in (
          "nash_conv", "exploitability") else value
         for name, value in found.items() if name in names},
      "path": pathlib.Path(path), "missing": tuple(found["missing"])})

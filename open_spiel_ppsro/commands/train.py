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

Progress goes to standard error. The last line of standard output begins with
`result:`; its NashConv is exact, of the meta-strategy over frozen policies. Of
a game too large to enumerate it is nan, and what trained exploiters gain is
reported instead, as a lower bound with its standard error.
Everything else is in the run directory: config.json, metrics.csv,
final_policy.npz, final_mixture.npz, best_policy.npz, nash_conv.png, result.json
and checkpoints, from which --resume goes on.
With --seeds there is a run, its directory and a `result:` line for each seed,
and a last one with mean and range.
"""

from collections.abc import Sequence
import math
import pathlib
import sys

from absl import flags

from open_spiel_ppsro.commands import adoption
from open_spiel_ppsro.commands import closing_words
from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import side_by_side
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import signals

FLAGS = flags.FLAGS
USAGE = ""
ARGUMENTS = (0, 0)


def define() -> None:
  """Defines the flags."""
  common_flags.define()
  common_flags.define_one_run(
      "The run directory; runs/GAME-SCHEME-ORACLE-seedN by default, with a "
      "number where that is taken. With --seeds, that of the run directories: "
      "runs/GAME-SCHEME-ORACLE-seeds.")
  with common_flags.group("What is played, and how"):
    flags.DEFINE_list(
        "seeds", None,
        "A run for each seed, as in 1,2,3, side by side in one directory; one "
        "run, of --seed, if not given.")
  common_flags.define_checkpoints()
  common_flags.define_watching()
  common_flags.define_config()


def main() -> int:
  """Plays the run of the flags, or one for each of several seeds."""
  game = None
  if FLAGS.config:
    if FLAGS.resume:
      raise ValueError("--config starts a new run, and --resume goes on with "
                       "an old one: give one of them")
    game = adoption.adopt_config(FLAGS.config)
  path = _adopt() if FLAGS.resume else None
  common_flags.check([FLAGS.scheme])
  if FLAGS.seeds is not None:
    if FLAGS["seed"].present:
      raise ValueError("--seed and --seeds are both given: give one of them")
    return _all_seeds(path, game)
  summary = common_flags.run(
      game or FLAGS.game_name, FLAGS.scheme, FLAGS.seed,
      start=command_line.started,
      output_dir=FLAGS.output_dir, resume=FLAGS.resume,
      overwrite=FLAGS.overwrite, callbacks=common_flags.callbacks(),
      checkpoint_seconds=FLAGS.checkpoint_seconds or None,
      keep_checkpoints=FLAGS.keep_checkpoints)
  print(closing_words.of(summary), file=sys.stderr)
  print(summary.line())
  return summary.exit_code


def _name():
  """Returns the name of the default directory."""
  name = output_directory.run_name(FLAGS.game_name, FLAGS.scheme, FLAGS.oracle,
                                   FLAGS.seed)
  return name if FLAGS.seeds is None else (
      f"{name.removesuffix(str(FLAGS.seed))}s")


def _adopt():
  """Sets the flags as the run, or the runs, to be resumed had them.

  Returns:
    The directory.
  """
  path = pathlib.Path(FLAGS.output_dir or output_directory.latest(_name()))
  runs = [] if (path / "config.json").exists() else sorted(
      path.glob("seed*/config.json"))
  adoption.adopt(runs[0].parent if runs else path)
  if not runs:  # One run, even if it was one of several.
    FLAGS.seeds = None
    adoption.adopt_seed(path)
  return path


def _all_seeds(path, game):
  """Plays a run for each seed, and says what they found together."""
  seeds = side_by_side.chosen_seeds()
  game = game or common_flags.open_game()
  path = path or common_flags.make_output_dir(_name())
  summaries: list[dict] = []
  exit_code = 0
  try:
    for seed in seeds:
      code, found = side_by_side.play(
          game, FLAGS.scheme, seed, path / f"seed{seed}", f"seed {seed}")
      exit_code = max(exit_code, code)
      if found is not None:
        print(found.line(), flush=True)
        summaries.append(found.as_dict())
      if code in signals.EXIT_CODES.values():
        break
  except KeyboardInterrupt:
    exit_code = signals.EXIT_CODES["interrupt"]
  if summaries:
    print(_line_of_all(summaries, path))
  return exit_code


def _line_of_all(summaries: Sequence[dict], path) -> str:
  """Returns mean and range over seeds, as one line."""
  pairs = {name: summaries[0][name] for name in ("game", "scheme", "oracle")}
  pairs["seeds"] = ",".join(str(found["seed"]) for found in summaries)
  for name in ("nash_conv", "exploitability", "exploitability_least",
               "best_nash_conv", "cce_gap", "exploitability_low",
               "exploitability_high", "answer_low", "answer_high",
               "nash_conv_lower_bound"):
    values = [found[name] for found in summaries]
    if all(value is not None and not math.isnan(value) for value in values):
      pairs[name] = f"{sum(values) / len(values):.6g}"
      pairs[f"{name}_range"] = f"{min(values):.6g}..{max(values):.6g}"
  pairs["output_dir"] = path
  return "result: " + " ".join(f"{k}={v}" for k, v in pairs.items())

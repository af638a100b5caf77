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
final_policy.npz, nash_conv.png and checkpoints, from which --resume goes on.
"""

import time

_START = time.perf_counter()  # Before the imports: they are part of the wall.

# pylint: disable=wrong-import-position
import os
import sys

from absl import flags

import command_line
import entry_point
import open_spiel_ppsro as ppsro
import recorded_run

flags.adopt_module_key_flags(command_line)

_SCHEME = flags.DEFINE_enum(
    "scheme", "pipeline", command_line.SCHEMES,
    "Who trains against whom. sequential: PSRO; naive: several best responses "
    "to the same meta-Nash; rectified: PSRO_rN; dch: deep cognitive "
    "hierarchies; pipeline: Pipeline PSRO; neupl: one conditional network.")
_SEED = flags.DEFINE_integer(
    "seed", 1, "Of everything random.", lower_bound=0)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None,
    "The run directory; runs/GAME-SCHEME-ORACLE-seedN by default.")
_RESUME = flags.DEFINE_boolean(
    "resume", False,
    "Go on with the run of --output_dir from its newest checkpoint, to the "
    "same bits. Flags that are not given are those of the run; limits, "
    "executor and number of workers may be others.")
_CHECKPOINT_SECONDS = flags.DEFINE_float(
    "checkpoint_seconds", 20,
    "Seconds between two checkpoints; 0 writes none.", lower_bound=0)
_KEEP_CHECKPOINTS = flags.DEFINE_integer(
    "keep_checkpoints", 2, "How many checkpoints stay.", lower_bound=1)


def resume(solver, directory, settings):
  """Makes a solver go on with the run of a directory.

  Returns:
    How many seconds the run has taken so far.
  """
  saved = ppsro.read_checkpoint(directory.path)
  try:
    state, seconds = saved["solver"], saved["wall_seconds"]
  except (KeyError, TypeError) as error:
    raise ValueError(f"the checkpoint in {directory.path} is not one of a run: "
                     f"{error} is missing") from error
  solver.restore(state)
  directory.resume(settings, solver.rounds)
  print(f"resumed after round {solver.rounds}, {seconds:.0f} s",
        file=sys.stderr)
  return seconds


def lower_bound(solver):
  """Returns what trained exploiters gain, as pairs of the result line."""
  steps = command_line.EXPLOITER_STEPS.value
  steps = 1_000_000 if steps is None else steps
  if not steps:
    return {}
  print(f"training exploiters, {steps:,} steps each", file=sys.stderr)
  bound = solver.lower_bound(steps)
  return {"nash_conv_lower_bound": f"{bound.nash_conv:.4g}",
          "lower_bound_standard_error": f"{bound.standard_error:.2g}",
          "exploiter_steps": bound.steps}


def _output_dir():
  return _OUTPUT_DIR.value or os.path.join(
      "runs", f"{command_line.GAME_NAME.value}-{_SCHEME.value}-"
      f"{command_line.ORACLE.value}-seed{_SEED.value}")


def main():
  if _RESUME.value:
    command_line.adopt(_output_dir(), sys.argv[0])
  command_line.check([_SCHEME.value])
  game_name = command_line.GAME_NAME.value
  scheme = command_line.make_scheme(_SCHEME.value)
  config = command_line.make_config(scheme)
  output_dir = _output_dir()
  tree = command_line.open_game()
  directory = ppsro.RunDirectory(output_dir)
  executor = command_line.make_executor()
  with command_line.make_oracle(
      tree, scheme, config, executor, _SEED.value) as oracle:
    solver = command_line.make_solver(oracle, scheme)
    if scheme.one_population:
      print(f"{_SCHEME.value} trains one population for both seats of "
            f"{game_name}, drawn at random per episode; NashConv is that of "
            "the original game", file=sys.stderr)
    settings = command_line.run_settings(
        sys.argv[0], solver, config, executor, output_dir=output_dir)
    spent = 0.0
    if _RESUME.value:
      spent = resume(solver, directory, settings)
    else:
      directory.start(settings)
    stopped_by = recorded_run.play(
        solver, directory, command_line.limits(), _START - spent,
        checkpoint_seconds=_CHECKPOINT_SECONDS.value or None,
        keep_checkpoints=_KEEP_CHECKPOINTS.value)
    bound = {}
    if not solver.is_exact and stopped_by not in recorded_run.EXIT_CODES:
      try:
        bound = lower_bound(solver)
      except KeyboardInterrupt:
        stopped_by = "interrupt"
  directory.close()
  found = solver.exploitability()
  summary = {
      "game": game_name,
      "scheme": _SCHEME.value,
      "oracle": command_line.ORACLE.value,
      "nash_conv": f"{found.nash_conv:.6g}",
      "exploitability": f"{found.exploitability:.6g}",
      **({} if found.cce_gap is None else
         {"cce_gap": f"{found.cce_gap:.6g}"}),
      **bound,
      "iterations": solver.iterations,
      "policies": sum(solver.num_policies),
      "rounds": solver.rounds,
      "episodes": solver.episodes,
      "wall_seconds": f"{time.perf_counter() - _START + spent:.2f}",
      **({"staleness": solver.staleness} if solver.max_staleness else {}),
      "seed": _SEED.value,
      "stopped_by": stopped_by,
      "output_dir": output_dir,
  }
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))
  return recorded_run.EXIT_CODES.get(stopped_by, 0)


if __name__ == "__main__":
  entry_point.run(main)

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
final_policy.npz and nash_conv.png.
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


def main():
  command_line.check([_SCHEME.value])
  game_name = command_line.GAME_NAME.value
  scheme = command_line.make_scheme(_SCHEME.value)
  config = command_line.make_config(scheme)
  output_dir = _OUTPUT_DIR.value or os.path.join(
      "runs", f"{game_name}-{_SCHEME.value}-{command_line.ORACLE.value}-"
      f"seed{_SEED.value}")
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
    directory.write_config(command_line.run_settings(
        sys.argv[0], solver, config, executor, output_dir=output_dir))
    result, stopped_by = recorded_run.play(
        solver, directory, command_line.limits(), _START)
    bound = {}
    if not solver.is_exact and stopped_by != "interrupt":
      try:
        bound = lower_bound(solver)
      except KeyboardInterrupt:
        stopped_by = "interrupt"
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
      "rounds": result.round if result else 0,
      "episodes": (result.training_episodes + result.evaluation_episodes
                   if result else 0),
      "wall_seconds": f"{time.perf_counter() - _START:.2f}",
      "seed": _SEED.value,
      "stopped_by": stopped_by,
      "output_dir": output_dir,
  }
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))
  return 130 if stopped_by == "interrupt" else 0


if __name__ == "__main__":
  entry_point.run(main)

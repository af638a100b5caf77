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

"""Tests of who imports whom: one way, and heavy packages where they belong."""

import ast
import pathlib
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized

import open_spiel_ppsro

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "open_spiel_ppsro"

# The modules of the package that each one may import.
MAY_IMPORT = {
    # Leaves.
    "population": (), "meta_game": (), "population_dynamics": (),
    "linear_program": (), "game_tree": (), "executors": (),
    "episodes": (), "checkpoint": (),
    # What is built on them.
    "run_directory": ("checkpoint",),
    "worker_executor": ("executors",),
    "process_executor": ("executors", "worker_executor"),
    "ray_executor": ("executors", "worker_executor"),
    "correlated": ("linear_program",),
    "meta_strategies": ("correlated", "linear_program",
                        "population_dynamics"),
    "sequence_form": ("game_tree",),
    "seat_symmetry": ("game_tree", "sequence_form"),
    "normal_form": ("game_tree",),
    "state_game": ("game_tree",),
    "tree_simulator": ("episodes", "population", "sequence_form"),
    "state_simulator": ("episodes", "population"),
    "evaluation": ("population", "sequence_form"),
    "sampled_evaluation": ("evaluation", "population", "state_simulator"),
    "round_result": ("evaluation", "population"),
    "schemes": ("meta_strategies", "meta_game", "population"),
    "report": ("run_directory",),
    "oracles": ("episodes", "executors", "game_tree", "oracles", "population",
                "seat_symmetry", "sequence_form", "state_game",
                "state_simulator", "tree_simulator"),
    "network_mixture": ("oracles", "state_game", "state_simulator"),
    "solver": ("evaluation", "game_tree", "meta_game", "meta_strategies",
               "oracles", "population", "round_result", "sampled_evaluation",
               "schemes", "state_game"),
}


def modules():
  for path in sorted(PACKAGE.rglob("*.py")):
    if path.name != "__init__.py":
      yield path


def imported(path):
  """Returns the full names of all that a file imports, wherever it does."""
  names = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names |= {f"{node.module}.{alias.name}" for alias in node.names}
  return names


def room(path):
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


class ImportsTest(parameterized.TestCase):

  @parameterized.parameters(*modules())
  def test_one_way(self, path):
    ours = {name.split(".")[1] for name in imported(path)
            if name.startswith("open_spiel_ppsro.")}
    self.assertContainsSubset(ours, MAY_IMPORT[room(path)])

  @parameterized.parameters(*modules())
  def test_heavy_packages_stay_where_they_belong(self, path):
    roots = {name.split(".")[0] for name in imported(path)}
    self.assertNotIn("absl.flags", imported(path))
    if room(path) != "report":
      self.assertNotIn("matplotlib", roots)
    if room(path) != "ray_executor":
      self.assertNotIn("ray", roots)
    if room(path) != "oracles":
      self.assertNotIn("torch", roots)

  def test_every_module_is_in_the_table(self):
    self.assertEqual({room(path) for path in modules()}, set(MAY_IMPORT))

  @parameterized.parameters(
      # What a worker of each kind imports, and what it can do without.
      ("open_spiel_ppsro.oracles.ppo", "cvxpy matplotlib scipy.optimize"),
      ("open_spiel_ppsro.oracles.dqn", "cvxpy matplotlib scipy.optimize"),
      ("open_spiel_ppsro", "torch pyspiel numpy matplotlib"))
  def test_workers_import_little(self, module, absent):
    code = (f"import sys, {module}\n"
            f"print(*[m for m in {absent.split()} if m in sys.modules])")
    answer = subprocess.run([sys.executable, "-c", code], check=True,
                            capture_output=True, text=True, cwd=ROOT)
    self.assertEqual(answer.stdout.split(), [])

  def test_every_public_name_is_there_and_documented(self):
    for name in open_spiel_ppsro.__all__:
      self.assertIsNotNone(getattr(open_spiel_ppsro, name))
      if callable(getattr(open_spiel_ppsro, name)):
        self.assertTrue(getattr(open_spiel_ppsro, name).__doc__, name)
    with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
      open_spiel_ppsro.nothing


if __name__ == "__main__":
  absltest.main()

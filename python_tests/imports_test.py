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
import graphlib

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import open_spiel_ppsro
import testing

PACKAGE = testing.ROOT / "open_spiel_ppsro"

# What each folder and each module beside the folders imports of the others. It
# says what the code does, no more and no less: who changes the one changes the
# other, and sees where the house gets a new dependence.
IMPORTS = {
    # Leaves.
    "late_imports": "",
    "plain_data": "",
    "plateau": "",
    "psro_v2_arguments": "",
    "games": "",
    "meta_games": "",
    "executors": "",
    "callbacks": "",
    # What is built on them, from the ground up.
    "policies": "games plain_data",
    "population": "policies",
    "simulators": "games policies population",
    "evaluation": "executors games meta_games policies population simulators",
    "oracles": "executors games plain_data policies population "
               "psro_v2_arguments simulators",
    "lower_bound": "evaluation oracles population simulators",
    "answers": "evaluation games lower_bound meta_games oracles policies "
               "population",
    "round_result": "evaluation meta_games population",
    "schemes": "meta_games plain_data population",
    "solver": "answers evaluation games meta_games oracles plateau "
              "policies population psro_v2_arguments round_result schemes "
              "simulators",
    "testing": "executors games oracles plain_data policies population "
               "simulators",
    "runs": "callbacks evaluation executors games lower_bound oracles "
            "plain_data plateau policies population round_result schemes "
            "simulators solver",
    "reports": "runs",
    "commands": "evaluation executors games oracles policies runs",
}

# The only places, folders or files, that may import what takes long.
HEAVY = {
    "torch": ("oracles", "policies", "callbacks.py"),
    "matplotlib": ("runs/plots.py", "reports/picture.py",
                   "reports/run_figures.py"),
    "ray": ("executors/ray_executor.py",),
    "numba": ("evaluation/interval/board_kernel.py",),
    "absl.flags": ("commands",),
}


def modules():
  return [path for path in sorted(PACKAGE.rglob("*.py"))
          if path.name != "__init__.py"]


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
  """Returns the folder of a module, or its name if it is in none."""
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def found_imports():
  """Returns for each room the names of the others that it imports."""
  found = {}
  for path in modules():
    found.setdefault(room(path), set()).update(
        name.split(".")[1] for name in imported(path)
        if name.startswith("open_spiel_ppsro."))
  return {name: " ".join(sorted(others - {name}))
          for name, others in found.items()}


class ImportsTest(parameterized.TestCase):

  @pytest.mark.slow
  def test_the_table_is_what_the_code_does(self):
    self.assertEqual(found_imports(), IMPORTS)

  def test_there_is_no_circle(self):
    order = list(graphlib.TopologicalSorter({
        name: others.split() for name, others in IMPORTS.items()
    }).static_order())
    self.assertCountEqual(order, IMPORTS)

  def test_a_circle_would_be_found(self):
    with self.assertRaises(graphlib.CycleError):
      graphlib.TopologicalSorter({
          **{name: others.split() for name, others in IMPORTS.items()},
          "games": ["solver"]}).prepare()

  @parameterized.parameters(*HEAVY.items())
  @pytest.mark.slow
  def test_heavy_packages_stay_where_they_belong(self, package, places):
    users = [str(path.relative_to(PACKAGE)) for path in modules()
             if any(f"{name}.".startswith(f"{package}.")
                    for name in imported(path))]
    self.assertEmpty([user for user in users if not user.startswith(places)])
    self.assertEqual(bool(users), bool(places))

  @parameterized.parameters(
      # What a worker of each kind imports, and what it can do without.
      ("open_spiel_ppsro.oracles.ppo", "cvxpy matplotlib scipy.optimize"),
      ("open_spiel_ppsro.oracles.dqn", "cvxpy matplotlib scipy.optimize"),
      # What the main process imports, and psro_v2 with it.
      ("open_spiel_ppsro.runs.run", "cvxpy networkx matplotlib"),
      ("open_spiel_ppsro", "torch pyspiel numpy matplotlib"))
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_workers_import_little(self, module, absent):
    process = testing.start_python(
        "-c", f"import sys, {module}\n"
        f"print(*[m for m in {absent.split()} if m in sys.modules])")
    output, errors = process.communicate(timeout=testing.PATIENCE_SECONDS)
    self.assertEqual((process.returncode, output.split()), (0, []), errors)

  @pytest.mark.thorough
  def test_late_imports_come_when_they_are_used(self):
    process = testing.start_python(
        "-c", "import sys, inspect, open_spiel_ppsro.solver\n"
        "from open_spiel.python.algorithms import lp_solver\n"
        "from open_spiel.python.egt import alpharank_visualizer\n"
        "inspect.stack()  # It looks at all modules.\n"
        "print('cvxpy' in sys.modules, 'networkx' in sys.modules)\n"
        "print(callable(lp_solver.solve_zero_sum_matrix_game))\n"
        "print(hasattr(lp_solver, 'nothing'), type(lp_solver).__name__)\n"
        "print('cvxpy' in sys.modules, 'networkx' in sys.modules)\n"
        "print(alpharank_visualizer.NetworkPlot.__name__)")
    output, errors = process.communicate(timeout=testing.PATIENCE_SECONDS)
    self.assertEqual(output.split(), [
        "False", "False", "True", "False", "module", "True", "False",
        "NetworkPlot"], errors)

  def test_every_public_name_is_there_and_documented(self):
    for name in open_spiel_ppsro.__all__:
      self.assertIsNotNone(getattr(open_spiel_ppsro, name))
      if callable(getattr(open_spiel_ppsro, name)):
        self.assertTrue(getattr(open_spiel_ppsro, name).__doc__, name)
    with self.assertRaisesRegex(AttributeError, "nothing"):
      open_spiel_ppsro.nothing


if __name__ == "__main__":
  absltest.main()

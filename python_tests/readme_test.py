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

"""Tests of the README: its Python runs, and its tables are the code's."""

import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized

import open_spiel_ppsro
from open_spiel_ppsro.runs import run_directory

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


class ReadmeTest(parameterized.TestCase):

  @parameterized.parameters(*re.findall(r"```python\n(.*?)```", TEXT, re.S))
  def test_python_runs(self, code):
    exec(compile(code, "README.md", "exec"), {})  # pylint: disable=exec-used

  def test_every_column_every_scheme_every_module_is_there(self):
    for column, meaning in run_directory.METRICS.items():
      self.assertIn(f"| `{column}` | {meaning} |", TEXT)
    for scheme in open_spiel_ppsro.SCHEMES:
      self.assertIn(f"| `{scheme}`", TEXT)
    for path in (ROOT / "open_spiel_ppsro").glob("[a-z]*.py"):
      self.assertIn(f"`{path.stem}`", TEXT)

  def test_commands_name_files_that_exist(self):
    for name in re.findall(r"python (examples/\S+\.py)", TEXT):
      self.assertTrue((ROOT / name).exists(), name)


if __name__ == "__main__":
  absltest.main()

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

"""Tests of the texts: their Python runs, their commands, tables, links hold."""

import contextlib
import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import open_spiel_ppsro
from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.runs import metrics
import testing

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "open_spiel_ppsro"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md",
         *sorted(ROOT.glob("docs/*.md"))]
# Flags that are not defined by the examples: absl's own.
FLAGS_OF_OTHERS = {"help", "logdir"}  # Of absl, of TensorBoard.


def text_of(name):
  return (ROOT / name).read_text(encoding="utf-8")


def snippets():
  """Yields a name and the code of every Python block that stands alone."""
  for name in ("README.md", "docs/run_directory.md", "docs/using.md",
               "docs/watching.md", "docs/large_games.md"):
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", text_of(name), re.S)):
      yield f"{name}_{number}", code


class ReadmeTest(parameterized.TestCase):

  @parameterized.named_parameters(*snippets())
  @pytest.mark.slow
  def test_python_runs(self, code):
    # Runs without a named directory have theirs below the current one.
    self.enter_context(contextlib.chdir(testing.make_directory(self)))
    exec(compile(code, "README.md", "exec"), {})  # pylint: disable=exec-used

  def test_every_column_and_every_scheme_is_there(self):
    for column, meaning in {**metrics.METRICS, **metrics.LEVELS}.items():
      self.assertIn(f"| `{column}` | {meaning} |",
                    text_of("docs/run_directory.md"))
    for scheme in open_spiel_ppsro.SCHEMES:
      self.assertIn(f"| `{scheme}`", text_of("README.md"))

  def test_every_room_and_module_is_in_the_plan(self):
    plan = text_of("docs/architecture.md")
    for path in [*PACKAGE.glob("*"), *PACKAGE.glob("*/*")]:
      if path.is_dir() and not path.name.startswith("__"):
        self.assertIn(f"`{path.name}/`", plan)
      elif path.suffix == ".py" and path.name != "__init__.py":
        self.assertIn(f"`{path.stem}`", plan)

  @parameterized.parameters(*PAGES)
  def test_commands_name_files_and_flags_that_exist(self, page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"python ((?:examples|python_tests)/\S+\.py)", text):
      self.assertTrue((ROOT / name).exists(), name)
    for name in re.findall(r"(?:^|`)ppsro (\w+)", text, re.M):
      self.assertIn(name, command_line.COMMANDS)
    defined = {name for path in [*ROOT.glob("examples/**/*.py"),
                                 *PACKAGE.glob("commands/*.py")]
               for name in re.findall(r'DEFINE_\w+\(\s*"(\w+)"',
                                      path.read_text(encoding="utf-8"))}
    self.assertContainsSubset(
        set(re.findall(r"(?<!\w)--([a-z]\w*)", text)),
        defined | FLAGS_OF_OTHERS)

  @parameterized.parameters(*PAGES)
  def test_links_lead_somewhere(self, page):
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
      if target.startswith("http"):
        continue
      linked = page.parent / target if target else page
      self.assertTrue(linked.exists(), target)
      if anchor:
        self.assertIn(anchor, anchors(linked.read_text(encoding="utf-8")))


def anchors(text):
  """Returns the anchors of a page's headings, as Markdown viewers make them."""
  return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
          for title in re.findall(r"^#+ (.*)$", text, re.M)}


if __name__ == "__main__":
  absltest.main()

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

"""Tests of the texts: Python runs, commands are read, names and links hold."""

import contextlib
import functools
import json
import pathlib
import re
import shlex
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import nbclient
import nbformat
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.runs import metrics
import testing

ROOT = testing.ROOT
PACKAGE = ROOT / "open_spiel_ppsro"
NAMES = ["README.md", "CONTRIBUTING.md",
         *(f"docs/{path.name}" for path in sorted(ROOT.glob("docs/*.md")))]
# Flags of absl, of TensorBoard.
FLAGS_OF_OTHERS = {"help", "logdir"}
# Programs that commands may begin with, beside those of the package.
PROGRAMS = ("pip", "python", "python3", "sphinx-build", ".", "tensorboard")
# What results.md calls P.
EXAMPLE = "python examples/pipeline_psro_example.py"


@functools.cache
def text_of(name):
  return (ROOT / name).read_text(encoding="utf-8")


def blocks(name, language):
  return re.findall(rf"```{language}\n(.*?)```", text_of(name), re.S)


def snippets():
  """Yields a name and the code of every Python block that stands alone.

  The modules of extend.md and what uses them are run by extending_test.
  """
  for name in NAMES:
    if name != "docs/extend.md":
      for number, code in enumerate(blocks(name, "python")):
        yield f"{name}_{number}", code
    for number, change in enumerate(blocks(name, "diff")):
      for side, word in (("-", "before"), ("+", "after")):
        yield f"{name}_{word}_{number}", "\n".join(
            line[1:] for line in change.splitlines()
            if line[:1] in (side, " ", ""))


def commands(name):
  """Yields the commands of a page: lines of blocks, and those within text."""
  short = EXAMPLE if "`P` stands for" in text_of(name) else "P"
  lines = [part for block in blocks(name, "sh") for line in block.splitlines()
           for part in line.partition(" # ")[0].split("&&")]
  prose = re.sub(r"```.*?```", "", text_of(name), flags=re.S)
  lines += [" ".join(code.split())
            for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)
            if re.match(r"(ppsro [a-z]+ |python examples|P --)", code)]
  for line in lines:
    line = re.sub(r"^P(?= )", short, line.strip()).replace("...", "")
    if line:
      yield line


def anchors(text):
  """Returns the anchors of a page's headings, as Markdown viewers make them."""
  return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
          for title in re.findall(r"^#+ (.*)$", text, re.M)}


class ReadmeTest(parameterized.TestCase):

  @parameterized.named_parameters(*snippets())
  @pytest.mark.slow
  def test_python_runs(self, code):
    # Runs without a named directory have theirs below the current one.
    self.enter_context(contextlib.chdir(testing.make_directory(self)))
    exec(compile(code, "README.md", "exec"), {})  # pylint: disable=exec-used

  @pytest.mark.thorough
  def test_the_tutorial_runs(self):
    path = ROOT / "examples" / "tutorial.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
      if cell.cell_type == "code":
        self.assertEqual((cell.outputs, cell.execution_count), ([], None))
    nbclient.NotebookClient(
        notebook, timeout=testing.PATIENCE_SECONDS, resources={
            "metadata": {"path": str(testing.make_directory(self))}}).execute()
    kinds = [output.output_type for cell in notebook.cells
             for output in cell.get("outputs", ())]
    self.assertContainsSubset(("display_data", "stream"), kinds)

  @pytest.mark.thorough
  def test_every_command_is_read_by_its_program(self):
    places = {}
    extras = re.findall(r'"(\w+)": \[', text_of("setup.py"))
    for name in NAMES:
      for line in commands(name):
        words = shlex.split(line)
        if words[0] == "python" and words[1].endswith(".py"):
          self.assertTrue((ROOT / words[1]).exists(), line)
          words = [str(ROOT / words[1]), *words[2:]]
        elif words[0] != "ppsro":
          self.assertIn(words[0], (*PROGRAMS, "ruff", "mypy"), line)
          for path in re.findall(r"python_tests/\S+\.py", line):
            self.assertTrue((ROOT / path).exists(), line)
          continue
        places[tuple(words)] = f"{name}: {line}"
      for extra in re.findall(r"(?:\.|open_spiel_ppsro)\[(\w+)\]",
                              text_of(name)):
        self.assertIn(extra, extras)
    self.assertGreater(len(places), 50)
    done = subprocess.run(
        [sys.executable, pathlib.Path(__file__).with_name("command_reader.py")],
        input=json.dumps(list(places)), capture_output=True, text=True,
        check=True, cwd=testing.make_directory(self))
    wrong = [f"{place}\n{complaint}" for place, complaint in zip(
        places.values(), json.loads(done.stdout), strict=True) if complaint]
    self.assertEmpty(wrong, "\n".join(wrong))

  @parameterized.parameters(*NAMES)
  def test_flags_and_names_exist(self, name):
    text = text_of(name)
    for command in re.findall(r"(?:^|`)ppsro (\w+)", text, re.M):
      if command != "COMMAND":
        self.assertIn(command, command_line.COMMANDS)
    defined = {flag for path in [*ROOT.glob("examples/**/*.py"),
                                 *PACKAGE.glob("commands/*.py")]
               for flag in re.findall(r'DEFINE_\w+\(\s*"(\w+)"',
                                      path.read_text(encoding="utf-8"))}
    self.assertContainsSubset(
        set(re.findall(r"(?<![\w-])--([a-z]\w*)", text)),
        defined | FLAGS_OF_OTHERS)
    for path in re.findall(r"(?<!\w)ppsro\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)",
                           text):
      value = ppsro
      for part in path.split("."):
        self.assertTrue(hasattr(value, part), f"ppsro.{path}")
        value = getattr(value, part)
    for part in re.findall(r"solver\.(\w+)\(", text):
      self.assertTrue(hasattr(ppsro.PipelinePSROSolver, part), part)

  def test_every_column_and_every_choice_is_there(self):
    for column, meaning in {**metrics.METRICS, **metrics.LEVELS}.items():
      self.assertIn(f"| `{column}` | {meaning} |", text_of("docs/formats.md"))
    rows = re.findall(r"^\| `(\w+)`", text_of("docs/choose.md"), re.M)
    executors = ("serial", "processes", "ray")
    self.assertContainsSubset(
        [*ppsro.SCHEMES, *ppsro.ORACLES, *executors], rows)
    self.assertContainsSubset(ppsro.META_STRATEGIES, rows)
    for scheme in ppsro.SCHEMES:
      self.assertIn(f"`{scheme}`", text_of("README.md"))

  def test_every_page_is_in_the_table_of_contents(self):
    listed = re.findall(r"^(\w+)$", "\n".join(
        blocks("docs/index.md", "{toctree}")), re.M)
    self.assertSameElements(
        [f"docs/{page}.md" for page in ["index", *listed]],
        [name for name in NAMES if name.startswith("docs/")])

  def test_every_room_and_module_is_in_the_plan(self):
    plan = text_of("docs/architecture.md")
    for path in [*PACKAGE.glob("*"), *PACKAGE.glob("*/*")]:
      if path.is_dir() and not path.name.startswith("__"):
        self.assertIn(f"`{path.name}/`", plan)
      elif path.suffix == ".py" and path.name != "__init__.py":
        self.assertIn(f"`{path.stem}`", plan)

  @parameterized.parameters(*NAMES)
  def test_links_lead_somewhere(self, name):
    page = ROOT / name
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text_of(name)):
      if target.startswith("http"):
        continue
      linked = page.parent / target if target else page
      self.assertTrue(linked.exists(), target)
      if anchor:
        self.assertIn(anchor, anchors(linked.read_text(encoding="utf-8")))


if __name__ == "__main__":
  absltest.main()

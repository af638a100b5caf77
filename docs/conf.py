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

"""How Sphinx makes a site of these pages: `sphinx-build -W docs build/docs`.

The pages are plain Markdown, so that they can be read without being built. Two
things are added when they are read: the reference, from the docstrings of the
public names, and the addresses of files outside this directory, as code.
"""

import inspect
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import open_spiel_ppsro  # noqa: E402

project = "open_spiel_ppsro"
author = "The open_spiel_ppsro Authors"
copyright = "2026, " + author  # pylint: disable=redefined-builtin
version = release = open_spiel_ppsro.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"open_spiel_ppsro {version}"
html_show_sphinx = False
pygments_style = "friendly"
myst_heading_anchors = 3  # The anchors that GitHub makes.

# Single backticks in docstrings are code, as in OpenSpiel.
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def _reference() -> str:
  """Returns the reference: a section for each topic of `__init__.pyi`."""
  stub = (ROOT / "open_spiel_ppsro" / "__init__.pyi").read_text("utf-8")
  lines = []
  for topic, block in re.findall(r"^# (.+)\.\n((?:from .+\n)+)", stub, re.M):
    lines += ["", f"## {topic}", "", "```{eval-rst}"]
    for name in re.findall(r" as (\w+)$", block, re.M):
      value = getattr(open_spiel_ppsro, name)
      full = f"open_spiel_ppsro.{name}"
      if inspect.ismodule(value):
        lines += [f".. automodule:: {full}", "   :members:"]
      elif inspect.isclass(value):
        lines += [f".. autoclass:: {full}", "   :members:"]
      elif callable(value):
        lines += [f".. autofunction:: {full}"]
      else:
        lines += [f".. data:: {full}", "",
                  f"   Names: {', '.join(f'``{key}``' for key in value)}."]
      lines.append("")
    lines.append("```")
  return "\n".join(lines)


def _on_read(app, docname, source):
  """Completes a page as it is read."""
  del app
  if docname == "api":
    source[0] += _reference()
  # Files of the repository are no pages: their names stay, as code.
  source[0] = re.sub(r"\[`?([^\]`]+)`?\]\(\.\./[^)]+\)", r"`\1`", source[0])


def setup(app):
  app.connect("source-read", _on_read)

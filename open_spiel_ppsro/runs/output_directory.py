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

"""Output directories: where results go, and never over something else."""

import contextlib
import itertools
import os
import pathlib
import re

from open_spiel_ppsro.runs import run_directory

# Runs whose directory nobody named have theirs in here.
_DEFAULT_PARENT = "runs"
# So many names of what is in a directory are shown.
_NAMES_SHOWN = 3


class OccupiedError(ValueError):
  """A directory that was named for a new run holds something already.

  Attributes:
    path: of the directory.
    content: what it holds, in words.
  """

  def __init__(self, path, content):
    super().__init__(
        f"{path} holds {content}: resume it with resume=True, choose another "
        "output_dir, or overwrite it with overwrite=True")
    self.path = path
    self.content = content


def run_name(game: str, scheme: str, oracle: str, seed: int) -> str:
  """Returns the name of a run whose directory nobody named."""
  return f"{game}-{scheme}-{oracle}-seed{seed}"


def slug(text: str) -> str:
  """Returns a name for files: letters and digits, with `-` between them."""
  return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def make(output_dir: str | os.PathLike | None, name: str,
         overwrite: bool = False) -> pathlib.Path:
  """Makes a directory for what is new and returns its path.

  Args:
    output_dir: its path. By default it is made of `name`, below `runs`, with
      a number where that is taken.
    name: the default name.
    overwrite: whether it may hold something; files are then replaced by those
      that have the same names.

  Raises:
    OccupiedError: if it holds something and `overwrite` does not say so.
    ValueError: if it cannot be made or written to, or belongs to a run that
      is still alive.
  """
  if output_dir is not None:
    check_free(output_dir, overwrite)
    return run_directory.writable(output_dir)
  for path in _numbered(name):
    try:
      path.mkdir(parents=True)  # Of two that start at once one gets it.
      break
    except FileExistsError:
      continue
    except OSError:
      break  # The next line says why.
  return run_directory.writable(path)


def check_free(path: str | os.PathLike, overwrite: bool = False) -> None:
  """Raises what `make` would, of a directory that was named; makes nothing."""
  path = pathlib.Path(path)
  if path.is_dir():
    os.close(run_directory.lock(path))
    content = _content(path)
    if content and not overwrite:
      raise OccupiedError(path, content)


def latest(name: str) -> pathlib.Path:
  """Returns the default directory of a name that was written to last.

  Raises:
    ValueError: if there is none.
  """
  base = next(_numbered(name))
  pattern = re.compile(re.escape(base.name) + r"(-\d+)?")
  found = [path for path in base.parent.glob(f"{base.name}*")
           if path.is_dir() and pattern.fullmatch(path.name)]
  if not found:
    raise ValueError(f"there is no run in {base}")
  return max(found, key=lambda path: path.stat().st_mtime_ns)


def _numbered(name):
  """Yields the default directories of a name: without a number, 2, 3, ..."""
  base = pathlib.Path(_DEFAULT_PARENT) / slug(name)
  yield base
  for number in itertools.count(2):
    yield base.with_name(f"{base.name}-{number}")


def _content(path):
  """Returns in words what a directory holds; nothing if it is empty."""
  names = sorted(entry.name for entry in path.iterdir())
  if not names:
    return ""
  with contextlib.suppress(ValueError, OSError, KeyError, TypeError):
    config = run_directory.read_config(path)
    rounds = run_directory.count_rounds(path)
    return (f"a run of {config['game_name']} by {config['scheme']}, "
            f"{rounds} round{'' if rounds == 1 else 's'}")
  shown = ", ".join(names[:_NAMES_SHOWN])
  more = len(names) - _NAMES_SHOWN
  return shown + (f" and {more} more" if more > 0 else "")

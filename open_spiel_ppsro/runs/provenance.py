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

"""Provenance: on what, and by which command, a run was made."""

import importlib.metadata
import os
import pathlib
import platform
import shlex
import subprocess
import sys

_PACKAGES = ("open_spiel_ppsro", "open_spiel", "torch", "numpy")
_GIT_SECONDS = 5.0


def provenance() -> dict[str, object]:
  """Returns where a run takes place, in plain data.

  Returns:
    `command`: the command of this process; `versions`: of Python and packages,
    None of one that is not installed; `git_commit`: of the checkout that this
    package lies in, with `-dirty` if it was changed, None if it lies in none;
    `host`, its `cores`, those that this process may use, and its `system`.
  """
  return {
      "command": shlex.join(sys.orig_argv),
      "versions": {"python": platform.python_version(),
                   **{name: _version(name) for name in _PACKAGES}},
      "git_commit": git_commit(pathlib.Path(__file__).parent),
      "host": platform.node(),
      "cores": num_cores(),
      "system": platform.platform(),
  }


def num_cores() -> int:
  """Returns how many cores this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def git_commit(path: str | os.PathLike) -> str | None:
  """Returns the commit of the checkout that a directory belongs to.

  Args:
    path: of a directory.

  Returns:
    The hash, with `-dirty` if files were changed; None if nothing in the
    directory is under version control, or git cannot say.
  """
  def git(*arguments):
    return subprocess.run(
        ["git", "-C", str(path), *arguments], capture_output=True, text=True,
        check=True, timeout=_GIT_SECONDS).stdout.strip()

  try:
    # A directory of installed packages may lie in somebody else's checkout.
    if not git("ls-files", "."):
      return None
    return git("describe", "--always", "--dirty", "--abbrev=40",
               "--exclude=*")
  except (OSError, subprocess.SubprocessError):
    return None


def _version(name):
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return None

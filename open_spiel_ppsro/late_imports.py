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

"""Late imports: two modules of OpenSpiel are executed when they are first used.

psro_v2 imports them, and with them cvxpy, networkx and matplotlib, which take
half of the time that a run needs to start. The first solves matrix games by a
solver that this package does not use; the second draws.
"""

import importlib.abc
import importlib.machinery
import sys
import types

_LATE = ("open_spiel.python.algorithms.lp_solver",
         "open_spiel.python.egt.alpharank_visualizer")


class _LateModule(types.ModuleType):
  """A module that is executed when something in it is asked for.

  The modules of `importlib.util.LazyLoader` do so at any look at them, and
  torch looks at all modules there are.
  """

  def __getattr__(self, name):
    if name.startswith("__"):
      raise AttributeError(name)
    self.__class__ = types.ModuleType
    self.__dict__.pop("_loader").exec_module(self)
    return getattr(self, name)


class _LateLoader(importlib.abc.Loader):
  """Makes a module late that another loader will execute."""

  def __init__(self, loader):
    self._loader = loader

  def create_module(self, spec):
    return self._loader.create_module(spec)

  def exec_module(self, module):
    module.__dict__["_loader"] = self._loader
    module.__class__ = _LateModule


class _Finder(importlib.abc.MetaPathFinder):
  """Finds these modules, and has them executed late."""

  def find_spec(self, fullname, path, target=None):
    if fullname not in _LATE:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None and spec.loader is not None:
      spec.loader = _LateLoader(spec.loader)
    return spec


def install() -> None:
  """Makes the imports late that have not been made yet."""
  if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())

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

"""Agent state: what an OpenSpiel agent is, as plain data and arrays, and back.

OpenSpiel's agents have no common way to be saved. What one has learned lies in
its attributes: numbers, tables, replay buffers, networks, optimisers. `collect`
reads them, and `restore` writes them into another agent that was made by the
same constructor with the same arguments. Functions, classes, devices and the
like are taken to be as the constructor made them, and are not read.

The objects that an agent holds may be of the package that defines the agent,
or of one that defines a base class of it. To restore an agent runs no other
code than that.
"""

import collections
import enum
import functools
import random
import sys
import types
from typing import Any

import numpy as np
import torch

_SCALARS = (type(None), bool, int, float, str)
# They hold no state, or none that changes after they are made.
_STATELESS = (
    type, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
    types.ModuleType, functools.partial, np.ufunc, np.dtype, torch.device,
    torch.dtype)
_DICTS = {"dict": dict, "OrderedDict": collections.OrderedDict,
          "Counter": collections.Counter}
# Stands for what the other agent does not hold.
_NOTHING = object()


def collect(agent: Any, learning: bool = True) -> dict[str, Any]:
  """Returns all that an agent is, as plain data and arrays.

  Args:
    agent: an OpenSpiel agent between two episodes.
    learning: whether it will learn on. Otherwise optimisers and replay buffers
      are left out; what has methods `sample` and `append` or `add` counts as a
      replay buffer, unless it is a torch module.

  Raises:
    ValueError: in one line, if it holds something that cannot be collected;
      names the attribute.
  """
  return _Collector(type(agent), learning).root(agent, type(agent).__name__)


def restore(agent: Any, data: dict[str, Any]) -> None:
  """Makes an agent, newly made, equal to another by what was collected.

  Args:
    agent: of the same class, made with the same arguments.
    data: as `collect` returned it. What it left out stays as it was made.

  Raises:
    ValueError: in one line, if it cannot be restored; names the attribute.
  """
  _Restorer(type(agent)).unpack(data, agent, type(agent).__name__)


def collect_arguments(agent_class: type,
                      arguments: dict[str, Any]) -> dict[str, Any]:
  """Returns arguments of the constructor of an agent as plain data.

  Raises:
    ValueError: in one line, if one cannot be collected; names it.
  """
  return _Collector(agent_class, True).pack(arguments, "kwargs")


def restore_arguments(agent_class: type,
                      data: dict[str, Any]) -> dict[str, Any]:
  """Returns the arguments that `collect_arguments` was given."""
  return _Restorer(agent_class).unpack(data, _NOTHING, "kwargs")


def name_of(named: Any) -> str:
  """Returns the name of a class or function, as `module:name`."""
  return f"{_module_of(named)}:{named.__qualname__}"


def find(name: str) -> Any:
  """Returns the class or function of a name, or None if there is none here.

  Nothing is imported for it: its module has to be imported before.
  """
  module, _, path = name.partition(":")
  found: Any = sys.modules.get(module)
  for part in path.split("."):
    found = getattr(found, part, None)
  return found


def _module_of(named):
  """Returns the name of the module of a class or function, "" of neither."""
  module = getattr(named, "__module__", None) or ""
  # Worker processes have another name for the main script.
  return "__main__" if module == "__mp_main__" else module


def may_change(value: Any) -> bool:
  """Returns whether a value is an object that may change after it was made."""
  return not isinstance(value, (*_SCALARS, *_STATELESS, enum.Enum, tuple))


def _packages_of(agent_class):
  """Returns the names of the packages that an agent's objects may be of."""
  return {_module_of(base).partition(".")[0]
          for base in agent_class.__mro__} - {"abc", "builtins"}


def _is_known(named, packages):
  """Returns whether a class or function can be found again by its name."""
  module = _module_of(named)
  return (module.partition(".")[0] in packages
          or module == "builtins" and isinstance(named, type)
         ) and find(name_of(named)) is named


def _is_replay_buffer(value):
  return (not isinstance(value, torch.nn.Module) and hasattr(value, "sample")
          and (hasattr(value, "append") or hasattr(value, "add")))


class _Collector:
  """Turns values into plain data, each object once."""

  def __init__(self, agent_class, learning):
    self._packages = _packages_of(agent_class)
    self._learning = learning
    # Inside a replay buffer: how many rows it has, and how many are filled.
    self._rows = None
    # `{id: (number, object)}` of all objects that were met, in that order. It
    # holds the objects, so that no other one gets the id of one of them.
    self._met = {}
    self._packers = (
        (np.ndarray, self._array), (torch.Tensor, self._tensor),
        (torch.nn.Module, self._module),
        (torch.optim.Optimizer, self._optimizer),
        ((np.random.RandomState, np.random.Generator, random.Random,
          torch.Generator), self._generator),
        ((list, tuple), self._list), (collections.deque, self._deque),
        (dict, self._dict), (object, self._object))

  def root(self, agent, place):
    """Returns an agent as plain data, whatever else it is."""
    self._meet(agent)
    return self._object(agent, place)

  def pack(self, value, place):
    """Returns a value as plain data.

    Args:
      value: the value.
      place: what messages call it.
    """
    if type(value) in _SCALARS:
      return value
    if isinstance(value, np.generic):
      return {**self._array(np.asarray(value), place), "kind": "number"}
    if isinstance(value, enum.Enum):
      return {"kind": "enum", "class": self._class(value, place),
              "name": value.name}
    if isinstance(value, _STATELESS):
      if hasattr(value, "__qualname__") and _is_known(value, self._packages):
        return {"kind": "named", "name": name_of(value)}
      return {"kind": "as_made"}
    if id(value) in self._met:
      return {"kind": "met", "number": self._met[id(value)][0]}
    if not self._learning and (
        isinstance(value, torch.optim.Optimizer) or _is_replay_buffer(value)):
      return {"kind": "left_out"}
    self._meet(value)
    return next(pack for kind, pack in self._packers
                if isinstance(value, kind))(value, place)

  def _meet(self, value):
    self._met[id(value)] = len(self._met), value

  def _array(self, value, place):
    if value.dtype.kind not in "biuf":
      raise ValueError(f"{place} is an array of {value.dtype}, which cannot be "
                       "saved; arrays of numbers can")
    if self._rows and value.shape[:1] == self._rows[:1]:
      return {"kind": "rows", "capacity": len(value),
              "array": np.array(value[:self._rows[1]])}
    return {"kind": "array", "array": np.array(value)}

  def _tensor(self, value, place):
    try:
      array = value.detach().cpu().numpy()
    except TypeError as error:
      raise ValueError(f"{place} is a tensor that cannot be saved: "
                       f"{error}") from error
    return {**self._array(array, place), "kind": "tensor",
            "device": str(value.device)}

  def _module(self, value, place):
    tensors = {}
    for name, tensor in value.state_dict(keep_vars=True).items():
      if id(tensor) not in self._met:  # Networks may share their layers.
        self._meet(tensor)
        tensors[name] = self._tensor(tensor, f"{place}.{name}")
    return {"kind": "module", "tensors": tensors}

  def _optimizer(self, value, place):
    return {"kind": "optimizer",
            "state": self.pack(value.state_dict(), f"{place}.state_dict()")}

  def _generator(self, value, place):
    if isinstance(value, random.Random):
      state = value.getstate()
    elif isinstance(value, torch.Generator):
      state = value.get_state()
    elif isinstance(value, np.random.RandomState):
      state = value.get_state(legacy=False)
    else:
      state = value.bit_generator.state
    return {"kind": "generator", "state": self.pack(state, place)}

  def _list(self, value, place):
    data = {"items": [self.pack(item, f"{place}[{number}]")
                      for number, item in enumerate(value)]}
    if type(value) in (list, tuple):
      return {"kind": type(value).__name__, **data}
    if not hasattr(value, "_fields"):
      raise self._refusal(value, place)
    return {"kind": "named_tuple", "class": self._class(value, place), **data}

  def _deque(self, value, place):
    return {**self._list(list(value), place), "kind": "deque",
            "maxlen": value.maxlen}

  def _dict(self, value, place):
    data = {"items": [[self.pack(key, place),
                       self.pack(item, f"{place}[{key!r}]")]
                      for key, item in value.items()]}
    if isinstance(value, collections.defaultdict):
      return {"kind": "defaultdict",
              "factory": self.pack(value.default_factory, place), **data}
    if type(value) not in _DICTS.values():
      raise self._refusal(value, place)
    return {"kind": "dict", "type": type(value).__name__, **data}

  def _object(self, value, place):
    if not hasattr(value, "__dict__"):
      raise self._refusal(value, place)
    outside = self._rows
    if _is_replay_buffer(value) and hasattr(
        value, "capacity") and hasattr(value, "__len__"):
      # OpenSpiel's are arrays of `capacity` rows, the last of them not written.
      self._rows = int(value.capacity), len(value)
    attributes = {name: self.pack(item, f"{place}.{name}")
                  for name, item in vars(value).items()}
    self._rows = outside
    return {"kind": "object", "class": self._class(value, place),
            "attributes": attributes}

  def _class(self, value, place):
    if not _is_known(type(value), self._packages):
      raise self._refusal(value, place)
    return name_of(type(value))

  def _refusal(self, value, place):
    kind = type(value)
    return ValueError(
        f"{place} is a {kind.__module__}.{kind.__qualname__}, which cannot be "
        "saved; numbers, strings, lists, dicts, arrays, random generators, "
        "torch modules and optimisers can, and objects of classes of "
        f"{' or '.join(sorted(self._packages))}")


class _Restorer:
  """Turns plain data into values again, in place where there is one."""

  def __init__(self, agent_class):
    self._packages = _packages_of(agent_class)
    self._met = []

  def unpack(self, data, existing, place):
    """Returns what `_Collector.pack` was given.

    Args:
      data: what it returned.
      existing: what the agent, newly made, holds at this place.
      place: what messages call it.
    """
    if not isinstance(data, dict):
      return data
    kind = data["kind"]
    if kind == "number":
      return data["array"][()]
    if kind == "met":
      return self._met[data["number"]]
    if kind == "left_out":
      return None if existing is _NOTHING else existing
    if kind == "named":
      return self._known(data["name"], place)
    if kind == "enum":
      return self._known(data["class"], place)[data["name"]]
    if kind == "as_made":
      if existing is _NOTHING:
        raise ValueError(f"{place} cannot be restored: the constructor of the "
                         "agent does not make it, and it is no plain data")
      return existing
    number = len(self._met)
    self._met.append(existing)
    return getattr(self, f"_{kind}")(data, existing, place, number)

  def _meet(self, number, value):
    self._met[number] = value
    return value

  def _known(self, name, place):
    found = find(name)
    if found is None or not _is_known(found, self._packages):
      raise ValueError(
          f"{place} is of {name}, which is not defined here: import "
          f"{name.partition(':')[0]} first")
    return found

  def _made(self, kind, existing, place):
    """Returns what the constructor made, if it is of a kind."""
    if not isinstance(existing, kind):
      raise ValueError(f"{place} cannot be restored: the constructor of the "
                       "agent does not make it")
    return existing

  def _array(self, data, existing, place, number):
    return self._meet(number, np.array(data["array"]))

  def _rows(self, data, existing, place, number):
    filled = data["array"]
    rows = np.zeros((data["capacity"], *filled.shape[1:]), filled.dtype)
    rows[:len(filled)] = filled
    return self._meet(number, rows)

  def _tensor(self, data, existing, place, number):
    tensor = torch.from_numpy(np.array(data["array"])).to(data["device"])
    if not isinstance(existing, torch.Tensor) or not existing.is_leaf or (
        (existing.shape, existing.dtype) != (tensor.shape, tensor.dtype)):
      return self._meet(number, tensor)
    existing.data.copy_(tensor)  # An optimiser may hold it.
    return existing

  def _module(self, data, existing, place, number):
    own = self._made(torch.nn.Module, existing, place).state_dict(
        keep_vars=True)
    for name, packed in data["tensors"].items():
      self.unpack(packed, self._made(torch.Tensor, own.get(name),
                                     f"{place}.{name}"), place)
    return existing

  def _optimizer(self, data, existing, place, number):
    self._made(torch.optim.Optimizer, existing, place).load_state_dict(
        self.unpack(data["state"], _NOTHING, place))
    return existing

  def _generator(self, data, existing, place, number):
    state = self.unpack(data["state"], _NOTHING, place)
    if isinstance(existing, random.Random):
      existing.setstate(state)
    elif isinstance(existing, (torch.Generator, np.random.RandomState)):
      existing.set_state(state)
    else:
      self._made(np.random.Generator, existing, place)
      existing.bit_generator.state = state
    return existing

  def _list(self, data, existing, place, number):
    target = self._meet(number, existing if type(existing) is list else [])
    target[:] = self._items(data, target, place)
    return target

  def _tuple(self, data, existing, place, number):
    return self._meet(number, tuple(self._items(data, existing, place)))

  def _named_tuple(self, data, existing, place, number):
    kind = self._known(data["class"], place)
    return self._meet(number, kind._make(self._items(data, existing, place)))

  def _deque(self, data, existing, place, number):
    target = self._meet(number, collections.deque(maxlen=data["maxlen"]))
    target.extend(self._items(data, existing, place))
    return target

  def _items(self, data, existing, place):
    made = list(existing) if isinstance(existing, (list, tuple)) else []
    return [self.unpack(item, made[index] if index < len(made) else _NOTHING,
                        f"{place}[{index}]")
            for index, item in enumerate(data["items"])]

  def _dict(self, data, existing, place, number):
    kind = _DICTS[data["type"]]
    return self._fill(data, existing if type(existing) is kind else kind(),
                      place, number)

  def _defaultdict(self, data, existing, place, number):
    if type(existing) is not collections.defaultdict:
      existing = collections.defaultdict(
          self.unpack(data["factory"], _NOTHING, f"{place}.default_factory"))
    return self._fill(data, existing, place, number)

  def _fill(self, data, target, place, number):
    self._meet(number, target)
    made = dict(target)
    target.clear()
    for packed_key, item in data["items"]:
      key = self.unpack(packed_key, _NOTHING, place)
      target[key] = self.unpack(item, made.get(key, _NOTHING),
                                f"{place}[{key!r}]")
    return target

  def _object(self, data, existing, place, number):
    kind = self._known(data["class"], place)
    target = self._meet(number, existing if type(existing) is kind
                        else kind.__new__(kind))
    attributes = vars(target)
    for name, packed in data["attributes"].items():
      attributes[name] = self.unpack(
          packed, attributes.get(name, _NOTHING), f"{place}.{name}")
    return target

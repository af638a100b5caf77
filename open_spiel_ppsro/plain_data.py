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

"""Checkpoint files: plain data and arrays, in one file, whole or not at all.

A file is an npz of NumPy arrays without pickles: one flat array per dtype,
which holds all arrays of that dtype, and a JSON text that says where each array
lies. Reading a file executes no code from it. This module does not know the
meaning of the data.
"""

import io
import json
import os
import pathlib
from typing import Any
import zipfile

import numpy as np

# These names and the version are in every file. Files of an earlier version
# cannot be read once they change.
_FORMAT = "open_spiel_ppsro checkpoint"
_VERSION = 1
_STRUCTURE = "structure"
_ARRAY = "__array__"


def write(path: str | os.PathLike, data: Any) -> None:
  """Writes a checkpoint; a reader sees the old file or the whole new one.

  Args:
    path: the path of the file.
    data: dicts with strings as keys, lists, tuples (which come back as
      lists), strings, numbers, booleans, None, and NumPy arrays of numbers or
      booleans, nested.

  Raises:
    OSError: if the file cannot be written; no part of it is left then.
    TypeError: if the data hold anything else.
  """
  path = pathlib.Path(path)
  arrays = _Arrays()
  structure = json.dumps({"format": _FORMAT, "version": _VERSION,
                          "data": _pack(data, arrays)}).encode()
  temporary = path.with_name(f".{path.name}.tmp")
  try:
    contents: dict[str, Any] = {
        _STRUCTURE: np.frombuffer(structure, np.uint8),
        **{dtype: np.concatenate(parts)
           for dtype, parts in arrays.parts.items()}}
    with open(temporary, "wb") as file:
      np.savez(file, **contents)
      file.flush()
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except BaseException:
    temporary.unlink(missing_ok=True)
    raise
  directory = os.open(path.parent, os.O_RDONLY)
  try:
    os.fsync(directory)  # The new name then outlives a power cut.
  finally:
    os.close(directory)


def check(data: Any) -> None:
  """Raises TypeError unless `write` can write `data`."""
  _pack(data, _Arrays())


def first_difference(one, other, place=""):
  """Returns what differs first in two pieces of plain data, in words.

  Args:
    one: as `write` takes it; a tuple equals a list.
    other: to be compared with it, to the last bit.
    place: where in larger data they stand.

  Returns:
    Such as "learner.rng is 1 in one and 2 in the other"; "" if they are equal.
  """
  if isinstance(one, dict) and isinstance(other, dict) and (
      one.keys() == other.keys()):
    pairs = [(f"{place}.{key}" if place else key, one[key], other[key])
             for key in one]
  elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and (
      len(one) == len(other)):
    pairs = [(f"{place}[{index}]", *pair)
             for index, pair in enumerate(zip(one, other))]
  else:
    if _is_same(one, other):
      return ""
    return (f"{place or 'it'} is {_shown(one)} in one and {_shown(other)} in "
            "the other")
  return next(filter(None, (first_difference(left, right, where)
                            for where, left, right in pairs)), "")


def _is_same(one, other):
  """Returns whether two leaves are equal in kind and bits."""
  if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
    return (one.dtype, one.shape, one.tobytes()) == (
        other.dtype, other.shape, other.tobytes())
  one, other = (value.item() if isinstance(value, np.generic) else value
                for value in (one, other))
  # NaN is unequal to itself.
  return type(one) is type(other) and (one == other or one != one)


def _shown(value):
  """Returns a leaf as a message shows it."""
  if isinstance(value, np.ndarray):
    value = np.array2string(value, max_line_width=10 ** 6, threshold=8)
  text = " ".join(str(value).split())
  return text if len(text) <= 60 else text[:60] + "..."


class _Arrays:
  """Collects arrays, end to end, by dtype."""

  def __init__(self):
    self.parts = {}
    self._sizes = {}

  def add(self, array):
    """Adds an array and returns its place: dtype, start, shape."""
    dtype = array.dtype.str[1:]
    start = self._sizes.get(dtype, 0)
    self._sizes[dtype] = start + array.size
    self.parts.setdefault(dtype, []).append(array.ravel())
    return dtype, start, array.shape


def _pack(data, arrays):
  """Returns `data` as JSON can hold it, and adds its arrays to `arrays`."""
  if isinstance(data, dict):
    if not all(isinstance(key, str) and key != _ARRAY for key in data):
      raise TypeError(f"the keys of a checkpoint are strings, got {list(data)}")
    return {key: _pack(value, arrays) for key, value in data.items()}
  if isinstance(data, (list, tuple)):
    return [_pack(value, arrays) for value in data]
  if isinstance(data, np.ndarray):
    if data.dtype.kind not in "biuf":
      raise TypeError(f"a checkpoint cannot hold arrays of {data.dtype}")
    return {_ARRAY: arrays.add(data)}
  if isinstance(data, np.generic):
    return _pack(data.item(), arrays)
  if data is None or isinstance(data, (str, bool, int, float)):
    return data
  raise TypeError(f"a checkpoint cannot hold a {type(data).__name__}")


def read(path: str | os.PathLike) -> Any:
  """Returns the data of a checkpoint.

  Raises:
    ValueError: if the file is no checkpoint, has another version, or is
      damaged.
    OSError: if the file cannot be read.
  """
  content = pathlib.Path(path).read_bytes()
  if not zipfile.is_zipfile(io.BytesIO(content)):
    raise ValueError(f"{path} is not a checkpoint, or it is cut short")
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
      arrays = {name: file[name] for name in file.files}
  except Exception as error:  # zipfile and NumPy raise many classes of errors.
    raise ValueError(f"{path} is damaged: {_first_line(error)}") from error
  try:
    found = json.loads(bytes(arrays.pop(_STRUCTURE)))
    is_ours = found["format"] == _FORMAT
  except (KeyError, TypeError, ValueError):
    is_ours = False
  if not is_ours:
    raise ValueError(f"{path} is not a checkpoint of open_spiel_ppsro")
  if found["version"] != _VERSION:
    raise ValueError(
        f"{path} is a checkpoint of version {found['version']}; this "
        f"open_spiel_ppsro reads version {_VERSION}")
  try:
    return _unpack(found["data"], arrays)
  except (KeyError, ValueError) as error:
    raise ValueError(f"{path} is damaged: arrays are missing") from error


def _unpack(data, arrays):
  if isinstance(data, list):
    return [_unpack(value, arrays) for value in data]
  if not isinstance(data, dict):
    return data
  if _ARRAY in data:
    dtype, start, shape = data[_ARRAY]
    size = int(np.prod(shape))
    return arrays[dtype][start:start + size].reshape(shape).copy()
  return {key: _unpack(value, arrays) for key, value in data.items()}


def _first_line(error):
  return (str(error) or type(error).__name__).splitlines()[0]

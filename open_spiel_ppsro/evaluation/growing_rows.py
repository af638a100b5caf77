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
"""GrowingRows: the plans of a growing population, in one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class GrowingRows:
  """An array `[K, S]` that gets further rows, without a copy each time.

  Attributes:
    rows: the array; a view, which a later `grow` may replace.
  """

  def __init__(self, width: int):
    """Makes an array `[0, width]`."""
    self.rows = self._room = np.zeros((0, width))

  def grow(self, size: int) -> None:
    """Adds rows of zeros, up to `size` of them."""
    if size > len(self._room):
      # Memory that was never written to is not taken from the machine.
      room = np.zeros((max(size, 2 * len(self._room)), self._room.shape[1]))
      room[:len(self.rows)] = self.rows
      self._room = room
    self.rows = self._room[:size]

  def chosen(self, indices: Sequence[int]) -> np.ndarray:
    """Returns some rows; a view, not a copy, of rows next to each other."""
    places: Any = np.asarray(indices, int)
    if len(places) and (np.diff(places) == 1).all():
      places = slice(int(places[0]), int(places[-1]) + 1)
    return self.rows[places]

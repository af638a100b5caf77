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

"""Budget: how much a part of a walk may cost, in seconds or in nodes."""

import time


class OutOfBudget(Exception):
  """A pass has cost more than it may; nothing of it counts."""


class Budget:
  """Counts what a pass costs and ends it when that is too much.

  Attributes:
    nodes: how many nodes the pass has visited.
  """

  def __init__(self, seconds: float | None, nodes: int | None):
    """Starts to count.

    Args:
      seconds: of wall clock, from now on; None for as long as it takes.
      nodes: how many nodes the pass may visit; None for any number.
    """
    self.nodes = 0
    self._start = time.perf_counter()
    self._max_seconds = seconds
    self._max_nodes = nodes

  def spend(self, nodes: int) -> None:
    """Counts nodes that were visited.

    Raises:
      OutOfBudget: if the pass has now visited too many, or taken too long.
    """
    self.nodes += nodes
    if self._max_nodes is not None and self.nodes > self._max_nodes:
      raise OutOfBudget
    if self._max_seconds is not None and self.seconds > self._max_seconds:
      raise OutOfBudget

  @property
  def seconds(self) -> float:
    """The pass has taken so long, in seconds of wall clock."""
    return time.perf_counter() - self._start

  def nodes_left(self, nodes_per_second: float) -> int:
    """Returns how many nodes the pass may still visit at this speed."""
    left = float(2 ** 62)
    if self._max_nodes is not None:
      left = self._max_nodes - self.nodes
    if self._max_seconds is not None:
      left = min(left, (self._max_seconds - self.seconds) * nodes_per_second)
    return max(int(left), 0)

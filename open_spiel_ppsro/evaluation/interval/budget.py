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

import math
import time

# No walk visits so many nodes; fits into an int64.
_MANY = 2 ** 62


class OutOfBudget(Exception):
  """A part of a walk has cost more than it may; nothing of it counts."""


class Budget:
  """Counts what a part of a walk costs and ends it when that is too much.

  Attributes:
    nodes: how many nodes have been visited.
  """

  def __init__(self, seconds: float = math.inf, nodes: float = math.inf):
    """Starts to count.

    Args:
      seconds: of wall clock, from now on.
      nodes: how many nodes may be visited.
    """
    self.nodes = 0
    self._start = time.perf_counter()
    self._max_seconds = seconds
    self._max_nodes = nodes

  def spend(self, nodes: int) -> None:
    """Counts nodes that were visited.

    Raises:
      OutOfBudget: if these are too many, or it has taken too long.
    """
    self.nodes += nodes
    if self.nodes > self._max_nodes or self.seconds > self._max_seconds:
      raise OutOfBudget

  def refund(self, nodes: int) -> None:
    """Takes back nodes that others have to count."""
    self.nodes -= nodes

  @property
  def seconds(self) -> float:
    """It has taken so long, in seconds of wall clock."""
    return time.perf_counter() - self._start

  def nodes_left(self, nodes_per_second: float) -> int:
    """Returns how many nodes may still be visited, at this speed."""
    return max(0, int(min(
        _MANY, self._max_nodes - self.nodes,
        (self._max_seconds - self.seconds) * nodes_per_second)))

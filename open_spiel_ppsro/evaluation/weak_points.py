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

"""WeakPoint: where a policy loses to its best response, and to which action."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form


@dataclasses.dataclass(frozen=True)
class WeakPoint:
  """An information state at which a policy could gain.

  Attributes:
    player: whose it is.
    name: the information state string.
    reach: the probability that play comes there.
    shortfall: its part of NashConv: reach times gain, in game utility.
    probabilities: `{action: probability}` of the policy there.
    best_action: of the best response.
  """
  player: int
  name: str
  reach: float
  shortfall: float
  probabilities: dict[int, float]
  best_action: int

  @property
  def gain(self) -> float:
    """What the best action gains over the policy there, in game utility."""
    return self.shortfall / self.reach if self.reach > 0 else 0.0


def weak_points(tree: game_tree.GameTree,
                tables: Sequence[np.ndarray]) -> list[WeakPoint]:
  """Returns where a policy loses, the most of NashConv first.

  What all points lose is, in sum, the NashConv of the policy.

  Args:
    tree: the game.
    tables: per player, action probabilities `[I_p, A]`.
  """
  plans = [sequence_form.realization_plan(tree, table, player)
           for player, table in enumerate(tables)]
  found = []
  for player, table in enumerate(tables):
    gains = sequence_form.infostate_gains(tree, plans, player)
    infostates = tree.infostates[player]
    for row in np.flatnonzero(gains.shortfalls > 0):
      found.append(WeakPoint(
          player, infostates.names[row], float(gains.reach[row]),
          float(gains.shortfalls[row]),
          {int(action): float(table[row, action]) for action
           in np.flatnonzero(infostates.legal_actions_mask[row])},
          int(gains.best_actions[row])))
  return sorted(found, key=lambda point: -point.shortfall)

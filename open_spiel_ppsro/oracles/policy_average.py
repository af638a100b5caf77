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

"""Averages of a policy over its training: what self-play hands out.

In self-play the last policy circles around the equilibrium long after the
average of all has come close to it. Three averages are there:

* of realization plans, on enumerated games: the exact average, in one table;
* a mixture of late snapshots, of which one is drawn per episode, each with
  its weights averaged over a short time;
* of the weights of the network: one network, fast to play, but an average in
  name only, because networks are not linear.
"""

import abc
from typing import Any

import numpy as np
import torch

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import simulator as simulator_lib

# How many snapshots a mixture has. With 15 phantom_ttt's policy was as good,
# with 5 it was worse; more are slower to play and to send.
_NUM_SNAPSHOTS = 20
# The snapshots of a mixture cover the last so much of the training. With less,
# the average is noisier; with more, early policies spoil it.
_LATE_SHARE = 1 / 2
# A snapshot is the average of the weights over a window of so much of the
# training: that takes away their noise. Over a longer one policies differ too
# much for an average of weights; it was worse on Leduc poker.
_SNAPSHOT_WINDOW = 0.03
# The training grows by this share from one snapshot to the next.
_GROWTH = (1 - _LATE_SHARE) ** (-1 / _NUM_SNAPSHOTS) - 1
# An average of plans weighs update n by this power of n: the later, the better
# the policy. With 0 all count the same, and the first ones spoil it for long.
_PLAN_POWER = 2.0
# The window of the average of weights, as a share of the updates so far.
_WEIGHT_WINDOW = 0.15


class PolicyAverage(abc.ABC):
  """The average of the policies that a network has been."""

  @abc.abstractmethod
  def add(self, policy: simulator_lib.PolicyFunction,
          updates: int) -> None:
    """Takes in the policy after an update.

    Args:
      policy: the policy of the network, as it is now.
      updates: how many updates it has had, 1 more than at the last call.
    """

  @abc.abstractmethod
  def policy(self) -> policy_lib.Policy | None:
    """Returns the average as a population keeps it; None if there is none."""

  @abc.abstractmethod
  def state(self) -> Any:
    """Returns its state, in plain data and arrays that do not change later."""

  @abc.abstractmethod
  def restore(self, state: Any) -> None:
    """Sets the state to that of another."""


class PlanAverage(PolicyAverage):
  """The average of realization plans, on an enumerated game: exact.

  Plans are linear in mixtures, so that this is the mixture of all policies so
  far, of which one is drawn per episode.
  """

  def __init__(self, tree: game_tree.GameTree, player: int):
    """Makes an average of policies of a `player` in a `GameTree`."""
    self._tree = tree
    self._player = player
    self._plan = np.zeros(tree.num_sequences(player))

  def add(self, policy: simulator_lib.PolicyFunction,
          updates: int) -> None:
    infostates = self._tree.infostates[self._player]
    plan = sequence_form.realization_plan(
        self._tree, policy(infostates.observations,
                           infostates.legal_actions_mask), self._player)
    self._plan += (plan - self._plan) * min(
        1.0, (_PLAN_POWER + 1) / (_PLAN_POWER + updates))

  def policy(self) -> policy_lib.Policy | None:
    if not self._plan.any():
      return None
    return tabular.TablePolicy(sequence_form.behaviour(
        self._tree, self._plan, self._player))

  def state(self) -> np.ndarray:
    return self._plan.copy()

  def restore(self, state: np.ndarray) -> None:
    self._plan = state.copy()


class SnapshotMixture(PolicyAverage):
  """A mixture of snapshots that cover the last half of the training evenly."""

  def __init__(self, network: networks.Network, num_actions: int):
    """Makes a mixture of what a network has been."""
    self._network = network
    self._num_actions = num_actions
    self._weights = network.parameters.clone()
    self._next = 1
    self._snapshots: list[np.ndarray] = []

  def add(self, policy: simulator_lib.PolicyFunction,
          updates: int) -> None:
    self._weights.lerp_(self._network.parameters,
                        1 / (1 + _SNAPSHOT_WINDOW * updates))
    if updates < self._next:
      return
    self._next = updates + max(1, round(_GROWTH * updates))
    self._snapshots = [*self._snapshots[1 - _NUM_SNAPSHOTS:],
                       networks.as_array(self._weights)]

  def policy(self) -> policy_lib.Policy | None:
    if not self._snapshots:
      return None
    return sampled.MixedPolicy(
        [networks.NetworkPolicy(self._network.sizes, parameters,
                                self._num_actions, network=self._network.name)
         for parameters in self._snapshots],
        np.full(len(self._snapshots), 1 / len(self._snapshots)))

  def state(self) -> dict[str, Any]:
    return {"weights": networks.as_array(self._weights), "next": self._next,
            "snapshots": list(self._snapshots)}

  def restore(self, state: dict[str, Any]) -> None:
    self._weights.copy_(torch.from_numpy(state["weights"]))
    self._next = state["next"]
    self._snapshots = list(state["snapshots"])


class WeightAverage(PolicyAverage):
  """The average of a network's weights, over a window that grows."""

  def __init__(self, network: networks.Network, num_actions: int):
    """Makes an average of what a network has been."""
    self._network = network
    self._num_actions = num_actions
    self._parameters: torch.Tensor | None = None

  def add(self, policy: simulator_lib.PolicyFunction,
          updates: int) -> None:
    if self._parameters is None:
      self._parameters = self._network.parameters.clone()
    self._parameters.lerp_(self._network.parameters,
                           1 / (1 + _WEIGHT_WINDOW * updates))

  def policy(self) -> policy_lib.Policy | None:
    if self._parameters is None:
      return None
    return networks.NetworkPolicy(
        self._network.sizes, networks.as_array(self._parameters),
        self._num_actions, network=self._network.name)

  def state(self) -> np.ndarray | None:
    return (None if self._parameters is None
            else networks.as_array(self._parameters))

  def restore(self, state: np.ndarray | None) -> None:
    self._parameters = None if state is None else torch.tensor(state)

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

"""Population: the policies of each player, their snapshots, and mixtures.

This module knows no game, no learner and no scheme. Only the solver changes a
population (single writer); everything that it returns is immutable.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import NamedTuple

import numpy as np

from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import tabular

# Policies of a population have indices from 0 on. These indices are of others:
# the first one is the behaviour policy of a whole mixture, and exploiters have
# the second one and those above it.
MIXTURE_INDEX = -1
FIRST_EXPLOITER_INDEX = 2 ** 30
# The key of a random seed begins with a player, or with one of these numbers:
# the first one for matches that measure payoffs, the second one for matches
# that measure exploiters. Other numbers change the bits of every sampled run.
MATCH_SEED_KEY = 2 ** 31
EXPLOITER_SEED_KEY = 2 ** 31 + 1
SELF_PLAY_SEED_KEY = 2 ** 31 + 2


class PolicyId(NamedTuple):
  """The id of a policy: its player, and its index in opening order.

  In the schemes with levels the index is the level. Index 0 is the initial
  policy, which is frozen from the start. Where one population plays all roles
  of a symmetric game, the player is 0.
  """
  player: int
  index: int  # type: ignore[assignment]  # Tuples have such a method.

  def __str__(self):
    return f"player {self.player} policy {self.index}"


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
  """The policy of a learner as it was at one moment.

  Attributes:
    policy_id: the policy's id.
    version: how many snapshots the policy had published before this one.
    policy: a `TablePolicy` of an enumerated game, for which its table `[I, A]`
      may be given, and a `FunctionPolicy` of a sampled one.
  """
  policy_id: PolicyId
  version: int
  policy: policy_lib.Policy

  def __post_init__(self):
    object.__setattr__(self, "policy", tabular.as_policy(self.policy))

  @property
  def table(self) -> np.ndarray:
    """The table `[I, A]` of a policy of an enumerated game."""
    assert isinstance(self.policy, tabular.TablePolicy)
    return self.policy.table


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
  """A distribution over snapshots of one player; one is drawn per episode.

  Attributes:
    snapshots: K snapshots.
    probabilities: float `[K]`, the probability of each snapshot.
  """
  snapshots: tuple[Snapshot, ...]
  probabilities: np.ndarray

  def __post_init__(self):
    if np.shape(self.probabilities) != (len(self.snapshots),):
      raise ValueError(
          f"a mixture of {len(self.snapshots)} snapshots takes as many "
          f"probabilities, got shape {np.shape(self.probabilities)}")

  def tables(self) -> np.ndarray:
    """Returns the tables `[K, I, A]` of an enumerated game."""
    return np.stack([snapshot.table for snapshot in self.snapshots])


@dataclasses.dataclass(frozen=True, eq=False)
class JointMixture:
  """A distribution over profiles of snapshots; one is drawn per episode.

  It can be indexed by player, and then returns the player's marginal `Mixture`.

  Attributes:
    mixtures: per player, the marginal `Mixture`.
    profiles: int `[M, n]`, for each profile and player the position of a
      snapshot in the player's mixture.
    probabilities: float `[M]`, the probability of each profile.
  """
  mixtures: tuple[Mixture, ...]
  profiles: np.ndarray
  probabilities: np.ndarray

  def __len__(self) -> int:
    return len(self.mixtures)

  def __getitem__(self, player: int) -> Mixture:
    return self.mixtures[player]

  def without(self, player: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns `profiles` and `probabilities` with a player summed out.

    The player's column of the profiles is zero.
    """
    profiles = self.profiles.copy()
    profiles[:, player] = 0
    profiles, which = np.unique(profiles, axis=0, return_inverse=True)
    return profiles, np.bincount(which.reshape(-1), self.probabilities)


# The opponents of a policy: a mixture for each player, or one of profiles.
Opponents = Sequence[Mixture] | JointMixture


@dataclasses.dataclass
class Member:
  """One policy of the population, and counters of its training.

  Attributes:
    policy_id: the policy's id.
    snapshot: its latest published snapshot.
    frozen: whether the policy is final.
    parent: the index of the policy that it sprang from, if any.
    frozen_at_opening: per population, the indices of the policies that were
      frozen when this one opened.
    rounds: how many rounds the policy has trained.
    steps: environment steps that it has trained, decisions of all players.
    latest_steps: the environment steps of its latest round.
    episodes: episodes that it has trained.
  """
  policy_id: PolicyId
  snapshot: Snapshot = None  # type: ignore[assignment]  # Until `publish`.
  frozen: bool = False
  parent: int | None = None
  frozen_at_opening: tuple[tuple[int, ...], ...] = ()
  rounds: int = 0
  steps: int = 0
  latest_steps: int = 0
  episodes: int = 0


# The fields of a `Member` that a checkpoint holds as they are.
_PLAIN_FIELDS = ("frozen", "parent", "rounds", "steps", "latest_steps",
                 "episodes")


class Population:
  """The members of each population, in opening order.

  There is one population per player, or, in a symmetric game, one for all.
  """

  def __init__(self, num_populations: int):
    self._members: tuple[list[Member], ...] = tuple(
        [] for _ in range(num_populations))
    self._frozen: tuple[list[int], ...] = tuple(
        [] for _ in range(num_populations))

  @property
  def num_populations(self) -> int:
    return len(self._members)

  def __getitem__(self, policy_id: PolicyId) -> Member:
    return self._members[policy_id.player][policy_id.index]

  def members(self, player: int | None = None) -> list[Member]:
    """Returns the members of one population, or of all populations."""
    if player is None:
      return [member for players in self._members for member in players]
    return list(self._members[player])

  def sizes(self) -> tuple[int, ...]:
    """Returns how many policies each population has."""
    return tuple(len(members) for members in self._members)

  def active(self, player: int | None = None) -> list[Member]:
    """Returns the active members, in policy order."""
    return [m for m in self.members(player) if not m.frozen]

  def frozen_indices(self) -> tuple[tuple[int, ...], ...]:
    """Returns the frozen policies per population, in the order they froze."""
    return tuple(tuple(indices) for indices in self._frozen)

  def open(self, player: int, parent: int | None = None) -> Member:
    """Adds an active policy for `player` and returns its `Member`."""
    member = Member(PolicyId(player, len(self._members[player])),
                    parent=parent, frozen_at_opening=self.frozen_indices())
    self._members[player].append(member)
    return member

  def publish(self, policy_id: PolicyId,
              policy: policy_lib.Policy | np.ndarray) -> None:
    """Replaces the snapshot of an active policy.

    Args:
      policy_id: the policy's id.
      policy: a `Policy`, or a table `[I, A]`, which becomes a `TablePolicy`.

    Raises:
      ValueError: if the policy is frozen.
    """
    member = self[policy_id]
    if member.frozen:
      raise ValueError(f"{policy_id} is frozen; it takes no new snapshot")
    version = member.snapshot.version + 1 if member.snapshot else 0
    member.snapshot = Snapshot(policy_id, version, tabular.as_policy(policy))

  def replace(self, policy_id: PolicyId, policy: policy_lib.Policy) -> None:
    """Replaces the snapshot of a frozen policy that nobody has faced yet."""
    member = self[policy_id]
    member.snapshot = Snapshot(policy_id, 0, policy)

  def freeze(self, policy_id: PolicyId) -> None:
    """Makes a policy final; its snapshot never changes again."""
    member = self[policy_id]
    if member.snapshot is None:
      raise ValueError(f"{policy_id} has not been trained; nothing to freeze")
    member.frozen = True
    self._frozen[policy_id.player].append(policy_id.index)

  def state(self) -> dict[str, Any]:
    """Returns all members, in plain data and arrays."""
    return {
        "frozen": [list(indices) for indices in self._frozen],
        "members": [[{
            "snapshot": [member.snapshot.version,
                         policy_lib.to_data(member.snapshot.policy)],
            # The policies frozen then are the first of those frozen now.
            "frozen_at_opening": [len(indices) for indices
                                  in member.frozen_at_opening],
            **{name: getattr(member, name) for name in _PLAIN_FIELDS},
        } for member in members] for members in self._members]}

  def restore(self, state: dict[str, Any],
              read_policy: Callable[[PolicyId, Any], policy_lib.Policy]
              ) -> None:
    """Makes this population equal to another by its `state`.

    Args:
      state: the `state` of the other population.
      read_policy: a function from `(policy id, data)` to the policy.
    """
    for player, found in enumerate(state["members"]):
      self._frozen[player][:] = state["frozen"][player]
      members = []
      for index, data in enumerate(found):
        policy_id = PolicyId(player, index)
        version, policy = data["snapshot"]
        members.append(Member(
            policy_id,
            snapshot=Snapshot(
                policy_id, version, read_policy(policy_id, policy)),
            frozen_at_opening=tuple(
                tuple(indices[:count]) for indices, count
                in zip(state["frozen"], data["frozen_at_opening"])),
            **{name: data[name] for name in _PLAIN_FIELDS}))
      self._members[player][:] = members

  def all_frozen(self, sub_game: Sequence[Sequence[int]]) -> bool:
    """Returns whether all policies of a sub-game are frozen.

    Args:
      sub_game: per population, the indices of the policies.
    """
    return all(members[index].frozen
               for members, indices in zip(self._members, sub_game)
               for index in indices)

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

"""Population: which policies exist, which are frozen, and who plays whom.

It knows no game, no learner and no scheme. Only the solver changes a population
(single writer); everything that it returns is immutable.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import tabular

# Indices that no policy of a population has, since it opens from 0 on: of the
# behaviour policy of a whole mixture, and, from the second one on, of
# exploiters.
MIXTURE_INDEX = -1
FIRST_EXPLOITER_INDEX = 2 ** 30
# First entries of the keys of random seeds that no `PolicyId` begins with: of
# matches that measure payoffs, and of those that measure exploiters.
MATCH_SEED_KEY = 2 ** 31
EXPLOITER_SEED_KEY = 2 ** 31 + 1


class PolicyId(NamedTuple):
  """A policy: the player it plays for and its index in opening order.

  In the schemes with levels the index is the level. Index 0 is the initial
  policy, frozen from the start. Where one population plays all roles of a
  symmetric game, the player is 0.
  """
  player: int
  index: int  # type: ignore[assignment]  # Tuples have such a method.

  def __str__(self):
    return f"player {self.player} policy {self.index}"


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
  """The policy of a learner as it was at one moment.

  Attributes:
    policy_id: whose policy it is.
    version: how many snapshots the policy had published before this one.
    policy: a `TablePolicy` of an enumerated game, for which its table `[I, A]`
      may be given, and a `FunctionPolicy` of a sampled one.
  """
  policy_id: PolicyId
  version: int
  policy: policy_lib.Policy

  def __post_init__(self):
    object.__setattr__(self, "policy", tabular.as_policy(self.policy))


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
  """A distribution over snapshots of one player; one is drawn per episode.

  Attributes:
    snapshots: K snapshots.
    probabilities: float `[K]`.
  """
  snapshots: tuple[Snapshot, ...]
  probabilities: np.ndarray

  def __post_init__(self):
    if np.shape(self.probabilities) != (len(self.snapshots),):
      raise ValueError(
          f"a mixture of {len(self.snapshots)} snapshots takes as many "
          f"probabilities, got shape {np.shape(self.probabilities)}")

  def tables(self):
    """Returns the tables `[K, I, A]` of an enumerated game."""
    return np.stack([snapshot.policy.table for snapshot in self.snapshots])


@dataclasses.dataclass(frozen=True, eq=False)
class JointMixture:
  """A distribution over profiles of snapshots; one is drawn per episode.

  To who asks for a player's `Mixture` by its index it shows the marginal.

  Attributes:
    mixtures: per player, the marginal `Mixture`.
    profiles: int `[M, n]`, per profile and player the position of a snapshot
      in the player's mixture.
    probabilities: float `[M]`.
  """
  mixtures: tuple[Mixture, ...]
  profiles: np.ndarray
  probabilities: np.ndarray

  def __len__(self):
    return len(self.mixtures)

  def __getitem__(self, player):
    return self.mixtures[player]

  def without(self, player):
    """Returns `profiles` and `probabilities` with a player summed out.

    Its column of the profiles is zero.
    """
    profiles = self.profiles.copy()
    profiles[:, player] = 0
    profiles, which = np.unique(profiles, axis=0, return_inverse=True)
    return profiles, np.bincount(which.reshape(-1), self.probabilities)


@dataclasses.dataclass
class Member:
  """One policy of the population and what is known of its training.

  Attributes:
    policy_id: who it is.
    frozen: whether it is final.
    snapshot: its latest published snapshot.
    parent: the index of the policy that it sprang from, if any.
    frozen_at_opening: per population, the indices of the policies that were
      frozen when this one opened.
    rounds: how many rounds it has trained.
    steps: environment steps it has trained, decisions of all players.
    latest_steps: those of its latest round.
    episodes: episodes it has trained.
  """
  policy_id: PolicyId
  snapshot: Snapshot | None = None
  frozen: bool = False
  parent: int | None = None
  frozen_at_opening: tuple[tuple[int, ...], ...] = ()
  rounds: int = 0
  steps: int = 0
  latest_steps: int = 0
  episodes: int = 0


_PLAIN_FIELDS = ("frozen", "parent", "rounds", "steps", "latest_steps",
                 "episodes")


class Population:
  """The members of each population, in opening order.

  There is one population per player, or, in a symmetric game, one for all.
  """

  def __init__(self, num_populations):
    self._members = tuple([] for _ in range(num_populations))
    self._frozen = tuple([] for _ in range(num_populations))

  @property
  def num_populations(self):
    return len(self._members)

  def __getitem__(self, policy_id):
    return self._members[policy_id.player][policy_id.index]

  def members(self, player=None):
    """Returns the members of one population, or of all, one by one."""
    if player is None:
      return [member for players in self._members for member in players]
    return list(self._members[player])

  def sizes(self):
    """Returns how many policies each population has."""
    return tuple(len(members) for members in self._members)

  def active(self, player=None):
    """Returns the active members, in policy order."""
    return [m for m in self.members(player) if not m.frozen]

  def frozen_indices(self):
    """Returns, per population, its frozen ones in the order they froze."""
    return tuple(tuple(indices) for indices in self._frozen)

  def open(self, player, parent=None):
    """Adds an active policy for `player` and returns its `Member`."""
    member = Member(PolicyId(player, len(self._members[player])),
                    parent=parent, frozen_at_opening=self.frozen_indices())
    self._members[player].append(member)
    return member

  def publish(self, policy_id, policy):
    """Replaces the snapshot of an active policy.

    Args:
      policy_id: whose snapshot.
      policy: a `Policy`, or a table `[I, A]`, which becomes a `TablePolicy`.

    Raises:
      ValueError: if the policy is frozen.
    """
    member = self[policy_id]
    if member.frozen:
      raise ValueError(f"{policy_id} is frozen; it takes no new snapshot")
    version = member.snapshot.version + 1 if member.snapshot else 0
    member.snapshot = Snapshot(policy_id, version, policy)

  def freeze(self, policy_id):
    """Makes a policy final; its snapshot never changes again."""
    member = self[policy_id]
    if member.snapshot is None:
      raise ValueError(f"{policy_id} has not been trained; nothing to freeze")
    member.frozen = True
    self._frozen[policy_id.player].append(policy_id.index)

  def state(self):
    """Returns all members, in plain data and arrays."""
    return {
        "frozen": [list(indices) for indices in self._frozen],
        "members": [[{
            "snapshot": [member.snapshot.version,
                         policy_lib.to_data(member.snapshot.policy)],
            # What was frozen then is a prefix of what is frozen now.
            "frozen_at_opening": [len(indices) for indices
                                  in member.frozen_at_opening],
            **{name: getattr(member, name) for name in _PLAIN_FIELDS},
        } for member in members] for members in self._members]}

  def restore(self, state, read_policy):
    """Makes this population equal to another by its `state`.

    Args:
      state: of the other.
      read_policy: turns `(policy id, data)` into the policy.
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

  def all_frozen(self, sub_game):
    """Returns whether all of `sub_game`, indices per population, are."""
    return all(members[index].frozen
               for members, indices in zip(self._members, sub_game)
               for index in indices)

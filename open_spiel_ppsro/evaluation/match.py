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

"""Match: the actor that plays policies of a `StateGame`, in a worker."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro import population
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import play as play_lib

# The number of chance events, from the start of an episode, that are
# stratified. With fewer, later events are independent and payoffs noisier.
_BALANCED_EVENTS = 64
# The number of strata of [0, 1). Of this many episodes in a row, each has its
# chance events in another stratum.
_STRATA = 32


class Match:
  """An actor that stores policies and plays them against each other."""

  def __init__(self, game: state_game.StateGame):
    self._game = game
    self._stored: dict[population.PolicyId, policy_lib.Policy] = {}

  def state(self) -> dict[population.PolicyId, policy_lib.Policy]:
    """Returns the stored policies, a dict by `PolicyId`."""
    return dict(self._stored)

  def restore(self,
              state: dict[population.PolicyId, policy_lib.Policy]) -> None:
    """Stores the policies of another match."""
    self._stored = dict(state)

  def store(self,
            policies: dict[population.PolicyId, policy_lib.Policy]) -> None:
    """Stores policies, a dict by `PolicyId`, and drops their old versions."""
    self._stored.update(policies)

  def play_stored(self, profiles: Sequence[Sequence[population.PolicyId]],
                  num_episodes: Sequence[int], seed: np.random.SeedSequence
                  ) -> tuple[np.ndarray, int]:
    """Plays like `play`; profiles hold the ids of stored policies."""
    return self.play([[self._stored[policy_id] for policy_id in profile]
                      for profile in profiles], num_episodes, seed)

  def play(self, profiles: Sequence[Sequence[Any]],
           num_episodes: Sequence[int], seed: np.random.SeedSequence
           ) -> tuple[np.ndarray, int]:
    """Plays profiles of policies against each other.

    Args:
      profiles: a list of profiles; each has a policy per player.
      num_episodes: for each profile, the number of episodes.
      seed: the `SeedSequence` of all random numbers. Chance events are
        stratified over episodes that follow each other; where one population
        plays both seats, both seatings get the same ones.

    Returns:
      The sums of the returns and of their squares `[2, n, len(profiles)]`, and
      the number of decisions played. Where one population plays both seats, a
      return is the mean over both seatings.
    """
    game = self._game
    chance_seed, play_seed = seed.spawn(2)
    is_random = (game.game.get_type().chance_mode
                 != pyspiel.GameType.ChanceMode.DETERMINISTIC)
    chance = _stratified(sum(num_episodes),
                         _BALANCED_EVENTS if is_random else 0,
                         np.random.default_rng(chance_seed))
    policies: list[Any] = []
    indices: dict[int, int] = {}
    for profile in profiles:
      for policy in profile:
        if id(policy) not in indices:
          indices[id(policy)] = len(policies)
          policies.append(policy)
    assignment = np.repeat(
        [[indices[id(policy)] for policy in profile] for profile in profiles],
        num_episodes, axis=0).T
    owner = np.repeat(np.arange(len(profiles)), num_episodes)
    if game.plays_all_seats:
      assignment = np.concatenate([assignment, assignment[::-1]], axis=1)
      chance = np.concatenate([chance, chance])
    returns, steps, _ = play_lib.play(
        game, policies, assignment, np.random.default_rng(play_seed), chance)
    if game.plays_all_seats:
      first, second = np.split(returns, 2, axis=1)
      returns = (first + second[::-1]) / 2
    sums = [[np.bincount(owner, values, len(profiles)) for values in power]
            for power in (returns, returns ** 2)]
    return np.array(sums), steps


def _stratified(count, events, rng):
  """Returns `[count, events]` in [0, 1), each column stratified by blocks."""
  blocks = -(-count // _STRATA)
  strata = rng.permuted(np.broadcast_to(
      np.arange(_STRATA)[:, None], (blocks, _STRATA, events)), axis=1)
  return ((strata + rng.random(strata.shape)) / _STRATA).reshape(
      blocks * _STRATA, events)[:count]

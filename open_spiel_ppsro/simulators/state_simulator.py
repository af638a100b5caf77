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

"""StateSimulator: one player's episodes, played on the states of a game."""

from collections.abc import Callable
from typing import Any

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import play as play_lib
from open_spiel_ppsro.simulators import simulator as simulator_lib

# A batch of the default size has about this many decisions of the learner.
# More make each update more precise and more expensive.
_DECISIONS_PER_BATCH = 2048
# A new policy imitates about this many decisions of the mixture that it starts
# from. More make the imitation more precise and the start slower.
_DEMONSTRATED_DECISIONS = 2048


class StateSimulator(simulator_lib.Simulator):
  """The source of one player's episodes, or both seats', on a `StateGame`.

  Every episode is played, so the cost of a batch grows with its size.
  """

  def __init__(self, game: state_game.StateGame, player: int):
    """Makes a simulator of `player` in a `StateGame`.

    Where one population plays both seats, the seat is drawn per episode.
    """
    self._game = game
    self._player = player
    self.num_features = game.num_features
    self.num_actions = game.num_actions
    self.episodes_per_batch: int = default_episodes(game)
    self._opponents: population.Opponents | None = None
    self._random_share = 0.0
    self._stacks: dict[tuple, Any] = {}
    # One `(opponent [E], returns [2, E])` for each draw.
    self._met: list[tuple[np.ndarray, np.ndarray]] = []

  def face(self, opponents: population.Opponents,
           random_share: float = 0.0) -> None:
    self._opponents = opponents
    self._random_share = random_share
    self._stacks = {}
    self._met = []

  def publish(self, policy: simulator_lib.PolicyFunction,
              copy: Callable[[], policy_lib.Policy]) -> policy_lib.Policy:
    del policy
    return copy()

  def draw(self, policy: simulator_lib.PolicyFunction,
           num_episodes: int | None,
           rng: np.random.Generator) -> simulator_lib.EpisodeBatch:
    assert num_episodes is not None, "a sampled game has no expectation"
    returns, num_steps, decisions, own, others = self._play(
        [policy], np.ones(1), num_episodes, rng)
    if others is not None:
      self._met.append((others, np.stack([own, returns.sum(axis=0) - own])))
    return _batch(returns, num_steps, decisions, float(own.mean()))

  def play_itself(self, policy: simulator_lib.PolicyFunction,
                  num_episodes: int | None, rng: np.random.Generator | None
                  ) -> simulator_lib.EpisodeBatch:
    assert self._game.plays_all_seats, "the policy has to know all seats"
    assert num_episodes is not None and rng is not None, "nothing is enumerated"
    self._opponents = None
    returns, num_steps, decisions = play_lib.play(
        self._game, [policy], np.zeros((self._game.num_players, num_episodes),
                                       int), rng, recorded=1)
    return _batch(returns, num_steps, decisions, float(returns.mean()))

  def training_payoffs(self) -> simulator_lib.TrainingPayoffs | None:
    """Returns the `TrainingPayoffs` of all draws since `face`.

    It returns None if nothing was drawn, or if there are several opponents.
    """
    if not self._met:
      return None
    assert self._opponents is not None
    snapshots = self._opponents[1 - self._player].snapshots
    others, returns = (np.concatenate(part, axis=-1)
                       for part in zip(*self._met))
    known = others >= 0

    def tally(weights):
      return np.bincount(others[known], weights[known], len(snapshots))

    return simulator_lib.TrainingPayoffs(
        tuple(snapshot.policy_id for snapshot in snapshots),
        tally(np.ones(len(others))),
        np.array([[tally(of_player ** power) for of_player in returns]
                  for power in (1, 2)]))

  def demonstrate(self, mixture: population.Mixture, rng: np.random.Generator
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how a `Mixture` plays against the opponents set by `face`.

    One of its policies is drawn per episode; the probabilities are those of
    the drawn policy.
    """
    decisions = self._play(
        [snapshot.policy for snapshot in mixture.snapshots],
        mixture.probabilities,
        max(1, self.episodes_per_batch * _DEMONSTRATED_DECISIONS
            // _DECISIONS_PER_BATCH), rng)[2]
    return (decisions.observations, decisions.legal_actions_mask,
            decisions.probabilities)

  def behaviour(self, mixture: population.Mixture,
                batch: simulator_lib.EpisodeBatch) -> np.ndarray:
    functions: list[Any] = [snapshot.policy for snapshot in mixture.snapshots]
    policies = np.stack([
        function(batch.observations, batch.legal_actions_mask)
        for function in functions])
    # The reach is how likely each policy is to be the one that has played so
    # far: a row is a sample here, and the rows of an episode form a chain.
    reach = np.empty(policies.shape[:2])
    rows = np.setdiff1d(batch.row, batch.next_row)
    reach[:, rows] = mixture.probabilities[:, None]
    while len(rows):
      taken = reach[:, rows] * policies[:, rows, batch.action[rows]]
      # Only ratios matter, and products of many small numbers would vanish.
      taken /= np.maximum(taken.sum(axis=0), np.finfo(float).tiny)
      going_on = batch.next_row[rows] >= 0
      rows = batch.next_row[rows[going_on]]
      reach[:, rows] = taken[:, going_on]
    total = reach.sum(axis=0)
    reach[:, total <= 0] = mixture.probabilities[:, None]
    return np.einsum("ku,kua->ua", reach / reach.sum(axis=0), policies)

  def _play(self, own_policies, own_probabilities, num_episodes, rng):
    """Returns what `play` does, the player's returns `[E]`, and the opponents.

    The opponents are int `[E]`, the index of the policy that a single opponent
    drew from its mixture, -1 where it played at random. They are None if there
    are several opponents.
    """
    game, player = self._game, self._player
    policies = [*own_policies, sampled.UniformPolicy()]
    uniform = len(own_policies)
    assignment = np.empty((game.num_players, num_episodes), int)
    mixtures, profiles = self._opponents, None
    if isinstance(mixtures, population.JointMixture):
      profiles, probabilities = mixtures.without(player)
      profiles = profiles[play_lib.draw_assignment(
          probabilities, num_episodes, rng)]
      mixtures = mixtures.mixtures
    for other, mixture in enumerate(mixtures):
      if other != player:
        chosen = (
            play_lib.draw_assignment(mixture.probabilities, num_episodes, rng)
            if profiles is None else profiles[:, other])
        assignment[other] = np.where(
            rng.random(num_episodes) < self._random_share, uniform,
            len(policies) + chosen)
        policies += [snapshot.policy for snapshot in mixture.snapshots]
    others = None
    if game.num_players == 2:
      others = np.maximum(assignment[1 - player] - uniform - 1, -1)
    assignment[player] = play_lib.draw_assignment(
        own_probabilities, num_episodes, rng)
    seat = np.full(num_episodes, player)
    if game.plays_all_seats:  # Each seat is taken in half of the episodes.
      seat = rng.permutation(np.arange(num_episodes) % 2)
      assignment[:, seat != player] = assignment[::-1, seat != player]
    returns, num_steps, decisions = play_lib.play(
        game, policies, assignment, rng, recorded=len(own_policies),
        stacks=self._stacks)
    return (returns, num_steps, decisions,
            returns[seat, np.arange(num_episodes)], others)


def _batch(returns, num_steps, decisions, episode_return):
  """Returns the `EpisodeBatch` of recorded decisions.

  Args:
    returns: `[n, E]`, what all players earned.
    num_steps: how many decisions they took, recorded or not.
    decisions: the `play.Decisions` that were recorded.
    episode_return: the mean return of the player or players of interest.
  """
  episode, player = decisions.episode, decisions.player
  count = len(episode)
  # The order is chronological within each episode, so the next entry of the
  # same player in the same episode is its next decision.
  chain = episode * len(returns) + player
  order = np.argsort(chain, kind="stable")
  follows = np.append(chain[order][1:] == chain[order][:-1], False)
  next_row = np.full(count, -1)
  next_row[order[follows]] = order[1:][follows[:-1]]
  final = returns[player, episode]
  until_next = np.where(next_row < 0, final, decisions.return_so_far[next_row])
  return simulator_lib.EpisodeBatch(
      observations=decisions.observations,
      legal_actions_mask=decisions.legal_actions_mask,
      row=np.arange(count),
      action=decisions.action,
      count=np.ones(count),
      mean_return=final - decisions.return_so_far,
      reward=until_next - decisions.return_so_far,
      next_row=next_row,
      num_episodes=returns.shape[1],
      num_steps=num_steps,
      episode_return=episode_return)


def default_episodes(game: state_game.StateGame) -> int:
  """Returns how many episodes a batch of the default size has."""
  return max(16, round(
      _DECISIONS_PER_BATCH * game.num_players / game.mean_steps))

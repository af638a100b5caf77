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

"""StateSimulator: many episodes at once on the states of a pyspiel game.

All episodes advance together, a decision at a time: one pass over the states
collects what their players see, every policy answers for all its episodes in
one forward pass, and a second pass applies the actions.
"""

import dataclasses
import itertools

import numpy as np
import pyspiel

from open_spiel_ppsro.simulators import simulator as simulator_lib
from open_spiel_ppsro import population

_CHANCE = int(pyspiel.PlayerId.CHANCE)
# A policy asked for more rows at once than this answers alone.
_FEW_ROWS = 16
# Of the learner, in a batch of the default size.
_DECISIONS_PER_BATCH = 2048
_DEMONSTRATED_DECISIONS = 2048


class UniformPolicy:
  """Plays every legal action with equal probability."""

  def __call__(self, observations, legal_actions_mask):
    return legal_actions_mask / legal_actions_mask.sum(axis=1, keepdims=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
  """Decisions of recorded policies, in the order in which they were taken.

  Attributes:
    observations: float32 `[N, D]`.
    legal_actions_mask: bool `[N, A]`.
    probabilities: float `[N, A]`, of the policy.
    action: int `[N]`.
    episode: int `[N]`.
    player: int `[N]`.
    return_so_far: float `[N]`, what the player had got before, in game
      utility.
  """
  observations: np.ndarray
  legal_actions_mask: np.ndarray
  probabilities: np.ndarray
  action: np.ndarray
  episode: np.ndarray
  player: np.ndarray
  return_so_far: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Meetings:
  """What a policy and its single opponent earned while it learned.

  Attributes:
    policy_ids: of the K policies that the opponent played.
    episodes: int `[K]`, with each of them.
    sums: float `[2, 2, K]`: sums of returns, of squared returns; of both
      players, the learner first; with each of them.
  """
  policy_ids: tuple[population.PolicyId, ...]
  episodes: np.ndarray
  sums: np.ndarray


def play(game, policies, assignment, rng, chance=None, recorded=None,
         stacks=None):
  """Plays episodes to their ends, all at once.

  Args:
    game: a `StateGame`.
    policies: functions from `(observations [U, D], legal_actions_mask [U, A])`
      to action probabilities `[U, A]`, zero where illegal. Those that have an
      equal `kind` answer together, by the `stack` of their class.
    assignment: int `[n, E]`, for each player and episode the index of the
      policy that plays.
    rng: a NumPy generator.
    chance: float `[E, C]` in [0, 1): decides the first C chance events of each
      episode; `rng` does if not given, and the later ones. Equal numbers give
      equal chance events wherever the play before them was equal.
    recorded: the indices up to this one, exclusive, are recorded.
    stacks: a dict, given again while the same policies play: what was made
      for them to answer together.

  Returns:
    Returns `[n, E]` in game utility, the number of decisions of all players,
    and the `Decisions` of the recorded policies or None.
  """
  assignment = np.asarray(assignment)
  num_episodes = assignment.shape[1]
  observer = game.observer()
  set_from, tensor = observer.set_from, observer.tensor
  states = [game.game.new_initial_state() for _ in range(num_episodes)]
  events = [0] * num_episodes
  has_rewards = (game.game.get_type().reward_model
                 == pyspiel.GameType.RewardModel.REWARDS)
  alive = range(num_episodes)
  crowd = _Crowd(policies, {} if stacks is None else stacks)
  num_steps = 0
  records = []
  while True:
    acting, players = [], []
    for episode in alive:
      state = states[episode]
      player = state.current_player()
      while player == _CHANCE:
        event = events[episode]
        events[episode] += 1
        _apply_chance(state, chance[episode, event]
                      if chance is not None and event < chance.shape[1]
                      else rng.random())
        player = state.current_player()
      if player >= 0:
        acting.append(episode)
        players.append(player)
    alive = acting
    if not acting:
      break
    num_steps += len(acting)
    episodes, players = np.array(acting), np.array(players)
    keys = assignment[players, episodes]
    order = np.argsort(keys, kind="stable")
    episodes, players, keys = episodes[order], players[order], keys[order]

    seen, legal = [], []
    for episode, player in zip(episodes.tolist(), players.tolist()):
      state = states[episode]
      set_from(state, player)
      seen.append(tensor.tobytes())
      legal.append(state.legal_actions())
    # A bytearray, because torch warns of arrays that cannot be written to.
    observations = np.frombuffer(
        bytearray().join(seen), np.float32).reshape(len(seen), -1)
    if game.plays_all_seats:
      observations = np.concatenate(
          [observations, np.eye(2, dtype=np.float32)[players]], axis=1)
    counts = np.fromiter(map(len, legal), int, len(legal))
    mask = np.zeros((len(legal), game.num_actions), bool)
    mask[np.repeat(np.arange(len(legal)), counts),
         np.fromiter(itertools.chain.from_iterable(legal), int,
                     counts.sum())] = True

    probabilities = crowd(keys, observations, mask)
    actions = _choose(probabilities, rng)
    if recorded is not None:
      count = np.searchsorted(keys, recorded)
      so_far = np.zeros(count) if not has_rewards else np.array(
          [states[episode].returns()[player] for episode, player in zip(
              episodes[:count].tolist(), players[:count].tolist())], float)
      records.append((observations[:count], mask[:count],
                      probabilities[:count], actions[:count],
                      episodes[:count], players[:count], so_far))
    for episode, action in zip(episodes.tolist(), actions.tolist()):
      states[episode].apply_action(action)
  returns = np.array([state.returns() for state in states], float).reshape(
      num_episodes, game.num_players).T
  return returns, num_steps, None if recorded is None else Decisions(
      *map(np.concatenate, zip(*records)))


class _Crowd:
  """Policies that are asked all at once, each for rows of its own."""

  def __init__(self, policies, stacks):
    self._policies = policies
    kinds = {}
    for index, policy in enumerate(policies):
      kinds.setdefault(getattr(policy, "kind", None), []).append(index)
    kinds.pop(None, None)
    self._stacks = []
    self._stack_of = np.full(len(policies), -1)
    self._place = np.zeros(len(policies), int)
    for members in kinds.values():
      if len(members) > 1:
        self._stack_of[members] = len(self._stacks)
        self._place[members] = np.arange(len(members))
        stacked = tuple(policies[index] for index in members)
        if stacked not in stacks:
          stacks[stacked] = stacked[0].stack(stacked)
        self._stacks.append(stacks[stacked])

  def __call__(self, keys, observations, mask):
    """Returns action probabilities `[U, A]`.

    Args:
      keys: int `[U]`, ascending; who answers each row.
      observations: float32 `[U, D]`.
      mask: bool `[U, A]`, of the legal actions.
    """
    bounds = np.flatnonzero(np.diff(keys, prepend=-1, append=-1))
    starts, counts = bounds[:-1], np.diff(bounds)
    who = keys[starts]
    stack_of = np.where(counts > _FEW_ROWS, -1, self._stack_of[who])
    probabilities = np.empty(mask.shape)
    for group in np.flatnonzero(stack_of < 0):
      rows = slice(starts[group], starts[group] + counts[group])
      probabilities[rows] = self._policies[who[group]](
          observations[rows], mask[rows])
    for number, stack in enumerate(self._stacks):
      groups = stack_of == number
      if groups.any():
        rows = np.repeat(groups, counts)
        probabilities[rows] = stack(self._place[who[groups]], counts[groups],
                                    observations[rows], mask[rows])
    return probabilities


def _apply_chance(state, uniform):
  """Applies the chance outcome that a number in [0, 1) falls on."""
  for action, probability in state.chance_outcomes():
    uniform -= probability
    if uniform < 0:
      break
  state.apply_action(action)  # By rounding, the last one.


def _choose(probabilities, rng):
  """Returns int `[U]`, an action from each row of `[U, A]`."""
  cumulative = probabilities.cumsum(axis=1)
  threshold = rng.random(len(cumulative)) * cumulative[:, -1]
  return (cumulative > threshold[:, None]).argmax(axis=1)


def draw_assignment(probabilities, num_episodes, rng):
  """Returns int `[E]`, an index drawn per episode, in random order."""
  counts = rng.multinomial(num_episodes, probabilities)
  return rng.permutation(np.repeat(np.arange(len(counts)), counts))


class StateSimulator:
  """Episodes of one player, or of both seats, on a `StateGame`.

  The interface is that of `tree_simulator.TreeSimulator`; here an episode costs
  what it costs.
  """

  constants = {}  # Batches share nothing, see `episodes.pack`.

  def __init__(self, game, player):
    """Makes a simulator of `player` in a `StateGame`.

    Where one population plays both seats, the seat is drawn per episode.
    """
    self._game = game
    self._player = player
    self.num_features = game.num_features
    self.num_actions = game.num_actions
    self.episodes_per_batch = default_episodes(game)
    self._opponents = None
    self._random_share = 0.0
    self._stacks = {}
    self._met = []  # Of each draw, `(opponent [E], returns [2, E])`.

  def face(self, opponents, random_share=0.0):
    """Sets the opponents of the episodes to come.

    Args:
      opponents: per player a `Mixture` whose policies are functions, or a
        `JointMixture` of them; the own entry is not read.
      random_share: each opponent instead plays uniformly at random in this
        share of the episodes.
    """
    self._opponents = opponents
    self._random_share = random_share
    self._stacks = {}
    self._met = []

  def handout(self, policy, standalone):
    """Returns a policy as snapshots keep it: here, `standalone()`."""
    del policy
    return standalone()

  def draw(self, policy, num_episodes, rng):
    """Plays `num_episodes` episodes and returns their `EpisodeBatch`.

    Args:
      policy: a function from `(observations [U, D], legal_actions_mask [U, A])`
        to action probabilities `[U, A]`, zero where illegal.
      num_episodes: how many.
      rng: a NumPy generator.
    """
    returns, num_steps, decisions, own, others = self._play(
        [policy], np.ones(1), num_episodes, rng)
    if others is not None:
      self._met.append((others, np.stack([own, returns.sum(axis=0) - own])))
    episode, player = decisions.episode, decisions.player
    count = len(episode)
    # Chronological within each episode; so the next entry of the same episode
    # is the next decision.
    order = np.argsort(episode, kind="stable")
    follows = np.append(episode[order][1:] == episode[order][:-1], False)
    next_row = np.full(count, -1)
    next_row[order[follows]] = order[1:][follows[:-1]]
    final = returns[player, episode]
    until_next = np.where(next_row < 0, final,
                          decisions.return_so_far[next_row])
    return simulator_lib.EpisodeBatch(
        observations=decisions.observations,
        legal_actions_mask=decisions.legal_actions_mask,
        row=np.arange(count),
        action=decisions.action,
        count=np.ones(count),
        mean_return=final - decisions.return_so_far,
        reward=until_next - decisions.return_so_far,
        next_row=next_row,
        num_episodes=num_episodes,
        num_steps=num_steps,
        episode_return=float(own.mean()))

  def meetings(self):
    """Returns the `Meetings` of all draws since `face`, None if there are none.
    """
    if not self._met:
      return None
    snapshots = self._opponents[1 - self._player].snapshots
    others, returns = (np.concatenate(part, axis=-1)
                       for part in zip(*self._met))
    known = others >= 0
    tally = lambda weights: np.bincount(others[known], weights[known],
                                        len(snapshots))
    return Meetings(
        tuple(snapshot.policy_id for snapshot in snapshots),
        tally(np.ones(len(others))),
        np.array([[tally(of_player ** power) for of_player in returns]
                  for power in (1, 2)]))

  def demonstrate(self, mixture, rng):
    """Returns how a `Mixture` of this player plays, for imitation.

    Args:
      mixture: one of its policies is drawn per episode, and plays against the
        opponents that the simulator faces.
      rng: a NumPy generator.

    Returns:
      Observations `[U, D]`, legal actions `[U, A]`, and the probabilities
      `[U, A]` of the policy that played there.
    """
    decisions = self._play(
        [snapshot.policy for snapshot in mixture.snapshots],
        mixture.probabilities,
        max(1, self.episodes_per_batch * _DEMONSTRATED_DECISIONS
            // _DECISIONS_PER_BATCH), rng)[2]
    return (decisions.observations, decisions.legal_actions_mask,
            decisions.probabilities)

  def behaviour(self, mixture, batch):
    """Returns the behaviour policy of a `Mixture` of this player.

    Args:
      mixture: with functions as policies.
      batch: an `EpisodeBatch` of this simulator, or several merged.

    Returns:
      Its action probabilities `[U, A]`, weighted by reach, at the observations
      of the batch.
    """
    policies = np.stack([
        snapshot.policy(batch.observations, batch.legal_actions_mask)
        for snapshot in mixture.snapshots])
    # How likely each policy is to be the one that played so far: a row is a
    # sample here, and the rows of an episode follow each other.
    reach = np.empty(policies.shape[:2])
    rows = np.setdiff1d(batch.row, batch.next_row)
    reach[:, rows] = mixture.probabilities[:, None]
    while len(rows):
      taken = reach[:, rows] * policies[:, rows, batch.action[rows]]
      # Only the ratios matter; products of many small numbers would vanish.
      taken /= np.maximum(taken.sum(axis=0), np.finfo(float).tiny)
      going_on = batch.next_row[rows] >= 0
      rows = batch.next_row[rows[going_on]]
      reach[:, rows] = taken[:, going_on]
    total = reach.sum(axis=0)
    reach[:, total <= 0] = mixture.probabilities[:, None]
    return np.einsum("ku,kua->ua", reach / reach.sum(axis=0), policies)

  def _play(self, own_policies, own_probabilities, num_episodes, rng):
    """Returns what `play` does, the own returns `[E]`, and who was met.

    That is int `[E]`, the policy of its mixture that a single opponent played,
    -1 where it played at random; None of several opponents.
    """
    game, player = self._game, self._player
    policies = [*own_policies, UniformPolicy()]
    uniform = len(own_policies)
    assignment = np.empty((game.num_players, num_episodes), int)
    mixtures, profiles = self._opponents, None
    if isinstance(mixtures, population.JointMixture):
      profiles, probabilities = mixtures.without(player)
      profiles = profiles[draw_assignment(probabilities, num_episodes, rng)]
      mixtures = mixtures.mixtures
    for other, mixture in enumerate(mixtures):
      if other != player:
        chosen = (
            draw_assignment(mixture.probabilities, num_episodes, rng)
            if profiles is None else profiles[:, other])
        assignment[other] = np.where(
            rng.random(num_episodes) < self._random_share, uniform,
            len(policies) + chosen)
        policies += [snapshot.policy for snapshot in mixture.snapshots]
    others = None
    if game.num_players == 2:
      others = np.maximum(assignment[1 - player] - uniform - 1, -1)
    assignment[player] = draw_assignment(own_probabilities, num_episodes, rng)
    seat = np.full(num_episodes, player)
    if game.plays_all_seats:  # As often one as the other.
      seat = rng.permutation(np.arange(num_episodes) % 2)
      assignment[:, seat != player] = assignment[::-1, seat != player]
    returns, num_steps, decisions = play(
        game, policies, assignment, rng, recorded=len(own_policies),
        stacks=self._stacks)
    return (returns, num_steps, decisions,
            returns[seat, np.arange(num_episodes)], others)


def default_episodes(game):
  """Returns the episodes of a batch of the default size."""
  return max(16, round(
      _DECISIONS_PER_BATCH * game.num_players / game.mean_steps))

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

"""SampledEvaluator: payoffs of a `StateGame`, means with standard errors.

It plays policies against each other in the workers. NashConv it does not know.
"""

import itertools

import numpy as np

from open_spiel_ppsro import evaluation
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import state_simulator

# Matches are cut into this many tasks.
_MATCH_TASKS = 8
# Tells the random numbers of matches from those of learners.
_SEED_KEY = 2 ** 31
# Of a cell's episodes so far, this share counts on when the policies behind
# them have learned on: what they were is a good first guess at what they are.
_KEPT = 0.5
# Every missing cell gets at least this many episodes.
_FIRST_EPISODES = 8
# Of the chance events of an episode, so many come from common random numbers.
_COMMON_EVENTS = 64


class Match:
  """Plays policies against each other; lives in a worker."""

  def __init__(self, game):
    self._game = game

  def play(self, profiles, num_episodes, seed):
    """Plays profiles of policies against each other.

    Args:
      profiles: a list of profiles; each has a policy per player.
      num_episodes: for each profile, how many episodes.
      seed: a `SeedSequence`. Chance events are common to all profiles; where
        one population plays both seats, both seatings get the same ones.

    Returns:
      Per player and profile, the sum of the returns and the sum of their
      squares `[2, n, len(profiles)]`; and the decisions played. Where one
      population plays both seats, a return is the mean over both seatings.
    """
    game = self._game
    chance_seed, play_seed = seed.spawn(2)
    chance = np.random.default_rng(chance_seed).random(
        (max(num_episodes), _COMMON_EVENTS))
    policies, indices = [], {}
    for profile in profiles:
      for policy in profile:
        if id(policy) not in indices:
          indices[id(policy)] = len(policies)
          policies.append(policy)
    assignment = np.repeat(
        [[indices[id(policy)] for policy in profile] for profile in profiles],
        num_episodes, axis=0).T
    common = np.concatenate([chance[:count] for count in num_episodes])
    owner = np.repeat(np.arange(len(profiles)), num_episodes)
    if game.plays_all_seats:
      assignment = np.concatenate([assignment, assignment[::-1]], axis=1)
      common = np.concatenate([common, common])
    returns, steps, _ = state_simulator.play(
        game, policies, assignment, np.random.default_rng(play_seed), common)
    if game.plays_all_seats:
      first, second = np.split(returns, 2, axis=1)
      returns = (first + second[::-1]) / 2
    sums = [[np.bincount(owner, values, len(profiles)) for values in power]
            for power in (returns, returns ** 2)]
    return np.array(sums), steps


def make_match(game):
  """Returns a `Match`; what executors call."""
  return Match(game)


class SampledEvaluator:
  """Estimates payoffs by playing, in the workers.

  Every cell keeps the sums of all its episodes. Those of policies that have
  learned on since count for less, those of frozen ones for ever.
  """

  def __init__(self, game, executor, seed, payoff_episodes):
    """Makes an evaluator.

    Args:
      game: a `StateGame`.
      executor: a started executor; the matches are played by its actors.
      seed: of the matches.
      payoff_episodes: how many episodes to play per round, missing cells
        apart.
    """
    self.game = game
    self.episodes = 0
    self._executor = executor
    self._seed = seed
    self._calls = 0
    self._payoff_episodes = payoff_episodes
    n = game.num_players
    # Per cell: weight of its episodes, and per player the weighted sums of
    # returns and of squared returns.
    self._weight = np.zeros((0,) * n)
    self._sums = np.zeros((2, n) + (0,) * n)
    self._names = [("match", worker) for worker in range(
        executor.num_workers)]
    for name in self._names:
      executor.create(name, make_match)

  def measure(self, population, meta_game, changed, importance=None):
    """Brings the meta-game up to date.

    Args:
      population: a `Population`.
      meta_game: its `MetaGame`; grown, and filled where cells were played.
      changed: the ids of the policies with a new snapshot since the last
        call.
      importance: per population, a weight for each policy: where the
        meta-strategies are. The episodes go to cells where these and the
        standard errors are large.
    """
    roles = self.game.roles
    sizes = population.sizes()
    meta_game.grow(sizes)
    shape = tuple(sizes[role] for role in roles)
    self._grow(shape)
    for policy_id in changed:
      for player, role in enumerate(roles):
        if role == policy_id.player:
          cells = (slice(None),) * player + (policy_id.index,)
          self._weight[cells] *= _KEPT
          self._sums[(slice(None),) * 2 + cells] *= _KEPT
    plan = self._plan(shape, importance)
    if plan:
      self._play(population, plan)
    cells = self._weight > 0
    with np.errstate(invalid="ignore", divide="ignore"):
      means = self._sums[0] / self._weight
    if self.game.plays_all_seats:  # A policy against itself earns nothing.
      means[:, np.arange(shape[0]), np.arange(shape[0])] = 0
      cells = np.ones_like(cells)
    meta_game.fill([range(size) for size in shape],
                   np.where(cells, means, np.nan))

  def standard_errors(self):
    """Returns `[n, K_0, ...]`, those of the payoffs, in game utility."""
    with np.errstate(invalid="ignore", divide="ignore"):
      mean = self._sums[0] / self._weight
      variance = np.maximum(self._sums[1] / self._weight - mean ** 2, 0)
      # Eight equal returns do not mean that there are no others.
      floor = np.abs(self._sums[1]).max() / max(self._weight.max(), 1) * 1e-2
      return np.sqrt(np.maximum(variance, floor) / self._weight)

  def _grow(self, shape):
    kept = tuple(map(slice, self._weight.shape))
    weight, sums = np.zeros(shape), np.zeros(self._sums.shape[:2] + shape)
    weight[kept] = self._weight
    sums[(slice(None),) * 2 + kept] = self._sums
    self._weight, self._sums = weight, sums

  def _plan(self, shape, importance):
    """Returns `{cell: episodes}` for the matches of a round."""
    count = np.zeros(shape)
    count[self._weight < _FIRST_EPISODES / 2] = _FIRST_EPISODES
    if importance is not None:
      value = np.ones(shape)
      for player, role in enumerate(self.game.roles):
        # A little everywhere: what is out of use today may be wanted later.
        weights = np.asarray(importance[role]) + 0.1 / shape[player]
        value = value * weights.reshape(
            [-1 if axis == player else 1 for axis in range(len(shape))])
      errors = np.nan_to_num(
          self.standard_errors().max(axis=0), nan=1, posinf=1)
      value *= errors
      matches = self._payoff_episodes
      if self.game.plays_all_seats:  # A match is an episode in either seating.
        value, matches = np.triu(value, 1), matches / 2
      count += np.floor(matches * value / max(value.sum(), 1e-300))
    if self.game.plays_all_seats:  # (i, j) tells of (j, i); (i, i) is known.
      count = np.triu(count, 1)
    return {tuple(cell): int(count[tuple(cell)])
            for cell in np.argwhere(count)}

  def _play(self, population, plan):
    """Plays the matches of a plan in the workers and adds up the returns."""
    cells = list(plan)
    self._calls += 1
    # Cut into as many tasks whatever the number of workers, so that the same
    # seeds play the same cells.
    tasks = [cells[start::_MATCH_TASKS] for start in range(_MATCH_TASKS)]
    tasks = [task for task in tasks if task]
    answers = self._executor.call([
        (self._names[index % len(self._names)], "play", (
            [[population[population_lib.PolicyId(role, cell[player])
                        ].snapshot.policy
              for player, role in enumerate(self.game.roles)]
             for cell in task],
            [plan[cell] for cell in task],
            np.random.SeedSequence(self._seed, spawn_key=(
                _SEED_KEY, self._calls, index))))
        for index, task in enumerate(tasks)])
    for task, (sums, _) in zip(tasks, answers):
      for number, cell in enumerate(task):
        self._add(cell, plan[cell], sums[:, :, number])
        if self.game.plays_all_seats:
          self._add(cell[::-1], plan[cell], sums[:, ::-1, number])
    self.episodes += sum(plan.values()) * (
        2 if self.game.plays_all_seats else 1)

  def _add(self, cell, episodes, sums):
    self._weight[cell] += episodes
    self._sums[(slice(None),) * 2 + cell] += sums

  def opponents(self, indices, probabilities, population, joint=None):
    """Returns what a learner faces: a `Mixture` of snapshots per player.

    Args:
      indices: per population, policy indices.
      probabilities: per population, a probability for each of them.
      population: the `Population`.
      joint: `[K_0, ..., K_{n-1}]`, if players do not draw independently: how
        likely each profile is. Then it returns a `JointMixture`.
    """
    if joint is not None:
      return evaluation.joint_mixture(indices, joint, population)
    return evaluation.mixtures(self.game.roles, indices, probabilities,
                               population)

  def exploitability(self, indices, probabilities, joint=None):
    """Returns an `Exploitability` of NaN: it is not known."""
    del indices, probabilities, joint
    return evaluation.Exploitability(float("nan"), float("nan"))

  def mean_returns(self, profiles, num_episodes, key):
    """Returns means and standard errors `[n]` of a mixture of profiles.

    Args:
      profiles: a list of pairs: a policy per player, and its probability.
      num_episodes: in all.
      key: tells the random numbers of this call from those of others.
    """
    seed = np.random.SeedSequence(self._seed, spawn_key=(_SEED_KEY + 1, key))
    counts = np.random.default_rng(seed).multinomial(
        num_episodes, [probability for _, probability in profiles])
    chosen = [(profile, int(count)) for (profile, _), count
              in zip(profiles, counts) if count]
    tasks = [chosen[start::_MATCH_TASKS] for start in range(_MATCH_TASKS)]
    tasks = [task for task in tasks if task]
    answers = self._executor.call([
        (self._names[index % len(self._names)], "play", (
            [profile for profile, _ in task], [count for _, count in task],
            child))
        for index, (task, child) in enumerate(
            zip(tasks, seed.spawn(len(tasks))))])
    self.episodes += num_episodes * (2 if self.game.plays_all_seats else 1)
    totals = sum(sums.sum(axis=2) for sums, _ in answers)
    mean = totals[0] / num_episodes
    return mean, np.sqrt(
        np.maximum(totals[1] / num_episodes - mean ** 2, 0) / num_episodes)


def profiles_of(mixtures):
  """Returns the profiles of independent mixtures, each with its probability.

  Args:
    mixtures: a `Mixture` per player.
  """
  return [
      ([snapshot.policy for snapshot, _ in profile],
       float(np.prod([probability for _, probability in profile])))
      for profile in itertools.product(*(
          list(zip(mixture.snapshots, mixture.probabilities))
          for mixture in mixtures))]

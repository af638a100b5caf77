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

It plays policies against each other in the workers. It cannot compute NashConv.
"""

from collections.abc import Sequence
import itertools
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import drift as drift_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import match
from open_spiel_ppsro.evaluation import payoff_estimate
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.simulators import simulator

# The matches of a round are cut into at most this many tasks. Fewer leave
# workers idle; more make smaller tasks.
_MATCH_TASKS = 8
# A task has about this many episodes or more. Smaller tasks spend their time on
# calls.
_EPISODES_PER_TASK = 160
# When a policy gets a new snapshot, the weights of its cells are multiplied by
# this: the old payoff is a prior for the new one.
_KEPT = 0.5
# The episodes of a round are shared by weights. The policies of each
# meta-strategy together weigh 1. The policies in training, which change in
# every round, together weigh this. More gives the others fewer episodes.
_IN_TRAINING = 1.0
# All policies together weigh this, because a policy without probability today
# may be needed later.
_ANYWHERE = 0.3


class SampledEvaluator(evaluator_lib.Evaluator):
  """An evaluator that estimates payoffs by playing, in the workers.

  In two-player games it also adds the returns of learners in training, against
  each of their opponents; most episodes of such cells come from there.

  Every cell keeps the sums of all its episodes; frozen policies keep theirs for
  ever. When a policy gets a new snapshot, its earlier episodes count half,
  because an older version played them: episodes of k rounds ago count 2 ** -k.

  A payoff is a weighted mean of the episodes of its cell and of a prior. The
  prior is the fit of all cells by an effect of each player's policy, and counts
  for more episodes the better it fits. So chance in a cell with few episodes
  does not attract the meta-strategy, a cell without episodes has a payoff, and
  a cell with many is the mean of these. Standard errors say how far a payoff
  may be off as the policies are now, although they have moved since.
  """

  game: state_game.StateGame

  def __init__(self, game: state_game.StateGame,
               executor: executor_lib.Executor, seed: int,
               payoff_episodes: int, wait: bool = True):
    """Makes an evaluator.

    Args:
      game: a `StateGame`.
      executor: a started executor, whose actors play the matches.
      seed: the seed of the matches.
      payoff_episodes: how many episodes to play per round, in all.
      wait: whether `measure` waits for its matches. If not, it begins new
        matches only when all earlier ones have been played, and adds the
        returns that are there.
    """
    self.game = game
    self._executor = executor
    self._seed = seed
    self._payoff_episodes = payoff_episodes
    n = game.num_players
    # Of a two-player zero-sum game the returns of one player are enough.
    self._estimated = 1 if n == 2 and game.is_zero_sum else n
    self._names = [("match", worker) for worker in range(
        executor.num_workers)]
    self._wait = wait
    self._importance: list[np.ndarray] | None = None
    # The matches under way: by ticket, pairs of a cell and its episodes.
    self._under_way: dict[Any, list[tuple[tuple[int, ...], int]]] = {}
    # Per match and policy id, the version of the policy that it has stored.
    self._stored: dict[tuple[str, int], dict[
        population_lib.PolicyId, int]] = {}
    for name in self._names:
      executor.create(name, match.Match)
    self.forget()

  def forget(self) -> None:
    self._collect_returns()
    self.episodes = self._calls = 0
    n = self.game.num_players
    # Every cell has the weight of its episodes, and per player the weighted
    # sums of their returns and of their squared returns.
    self._weight = np.zeros((0,) * n)
    self._sums = np.zeros((2, n) + (0,) * n)
    self._drift = drift_lib.Drift(self._estimated, n)
    for name in self._names:
      self._stored[name] = {}

  def set_importance(self, importance: list[np.ndarray]) -> None:
    """Sets where precise payoffs matter.

    Args:
      importance: per population, a weight for each policy. The episodes go to
        cells where these weights and the standard errors are large.
    """
    self._importance = importance

  def measure(self, population: population_lib.Population,
              meta_game: meta_game_lib.MetaGame,
              changed: Sequence[population_lib.PolicyId],
              share: float = 1.0) -> None:
    roles = self.game.roles
    sizes = population.sizes()
    meta_game.grow(sizes)
    shape = tuple(sizes[role] for role in roles)
    self._grow(shape)
    for policy_id in changed:
      for player, role in enumerate(roles):
        if role == policy_id.player:
          cells = tuple(policy_id.index if axis == player else slice(None)
                        for axis in range(len(roles)))
          self._drift.change(cells, self._weight,
                             self._sums[0, :self._estimated], _KEPT)
          self._weight[cells] *= _KEPT
          self._sums[(slice(None),) * 2 + cells] *= _KEPT
    self._collect_returns(at_least=0)
    plan = self._plan(population, share * self._payoff_episodes)
    if plan and not self._under_way:
      self._begin(population, plan)
    if self._wait:
      self._collect_returns()
    meta_game.fill([range(size) for size in shape], self._means())

  def add_training_payoffs(self, policy_id: population_lib.PolicyId,
                           payoffs: simulator.TrainingPayoffs) -> None:
    for number, other in enumerate(payoffs.policy_ids):
      cell = policy_id.index, other.index
      sums = payoffs.sums[:, :, number]
      if self.game.player_of(policy_id.player) == 1:
        cell, sums = cell[::-1], sums[:, ::-1]
      self._add(cell, payoffs.episodes[number], sums)
      if self.game.plays_all_seats:
        self._add(cell[::-1], payoffs.episodes[number], sums[:, ::-1])

  def state(self) -> dict[str, Any]:
    """Returns all measurements, in plain data and arrays.

    The call returns when all matches under way have been played.
    """
    self._collect_returns()
    return {"weight": self._weight.copy(), "sums": self._sums.copy(),
            "drift": self._drift.state(), "calls": self._calls,
            "episodes": self.episodes}

  def restore(self, state: dict[str, Any],
              population: population_lib.Population) -> None:
    del population
    self._weight, self._sums = state["weight"], state["sums"]
    self._drift.restore(state.get("drift"), self._weight)
    self._calls, self.episodes = state["calls"], state["episodes"]

  def standard_errors(self) -> np.ndarray:
    """Returns the standard errors of all payoffs, `[n, K_0, ...]`.

    They are in game utility, of the policies as they are now.
    """
    weight, estimates = self._estimates()
    errors = self._drift.standard_errors(
        estimates, weight, self._sums[0, :self._estimated])
    if self.game.plays_all_seats:
      diagonal = np.arange(len(weight))
      errors[:, diagonal, diagonal] = 0
    return np.broadcast_to(
        errors, (self.game.num_players, *weight.shape)).copy()

  def _grow(self, shape):
    kept = tuple(map(slice, self._weight.shape))
    weight, sums = np.zeros(shape), np.zeros(self._sums.shape[:2] + shape)
    weight[kept] = self._weight
    sums[(slice(None),) * 2 + kept] = self._sums
    self._weight, self._sums = weight, sums
    self._drift.grow(shape)

  def _estimates(self):
    """Returns the weights `[K_0, ...]` and an `Estimate` of each player.

    Of a two-player zero-sum game it is that of the first player alone.
    """
    weight = self._weight.copy()
    if self.game.plays_all_seats:  # A policy against itself earns nothing.
      diagonal = np.arange(len(weight))
      weight[diagonal, diagonal] = 0
    return weight, [payoff_estimate.estimate(weight, *self._sums[:, player])
                    for player in range(self._estimated)]

  def _means(self):
    """Returns the estimated payoffs, `[n, K_0, ...]`."""
    means = np.stack([estimate.mean for estimate in self._estimates()[1]])
    if self.game.plays_all_seats:
      means = (means - means.swapaxes(1, 2)) / 2
    return (np.concatenate([means, -means])
            if len(means) < self.game.num_players else means)

  def _chance_errors(self):
    """Returns `[K_0, ...]`, what more episodes would make smaller.

    It is the largest standard error of a player, drift aside.
    """
    errors = np.max([estimate.error for estimate in self._estimates()[1]],
                    axis=0)
    if self.game.plays_all_seats:
      np.fill_diagonal(errors, 0)
    return errors

  def _plan(self, population, num_episodes):
    """Returns `{cell: episodes}`, the matches to play, in order of cells."""
    value = 1.0
    shape = self._weight.shape
    for player, role in enumerate(self.game.roles):
      weights = np.full(shape[player], _ANYWHERE / shape[player])
      if self._importance is not None:
        # Policies that opened after `set_importance` have no weight yet.
        known = self._importance[role]
        weights[:len(known)] += known
        active = [member.policy_id.index for member in population.active(role)]
        weights[active] += _IN_TRAINING / max(len(active), 1)
      value = np.multiply.outer(value, weights)
    value = value * self._chance_errors()
    if self.game.plays_all_seats:
      # Cell (i, j) determines (j, i), and a match has an episode per seating.
      value, num_episodes = np.triu(value, 1), num_episodes / 2
    if not value.sum() > 0:
      return {}
    # Rounding with a random start gives each cell its share on average, even a
    # share of less than an episode.
    total = value.cumsum() / value.sum() * round(num_episodes)
    start = np.random.default_rng(np.random.SeedSequence(
        self._seed, spawn_key=(
            population_lib.MATCH_SEED_KEY, self._calls))).random()
    count = np.diff(np.floor(total + start).astype(int), prepend=0)
    cells = np.argwhere(count.reshape(shape))
    return dict(zip(map(tuple, cells.tolist()), count[count > 0].tolist()))

  def _begin(self, population, plan):
    """Begins to play the matches of a plan in the workers."""
    self._calls += 1
    tasks = _cut(plan)
    names = [self._names[index % len(self._names)]
             for index in range(len(tasks))]
    profiles = [[[population_lib.PolicyId(role, cell[player])
                  for player, role in enumerate(self.game.roles)]
                 for cell in task] for task in tasks]
    unknown = self._unknown(population, names, profiles)
    tickets = self._executor.submit(
        unknown
        + [executor_lib.Task(name, "play_stored", (
            chosen, [plan[cell] for cell in task], np.random.SeedSequence(
                self._seed, spawn_key=(
                    population_lib.MATCH_SEED_KEY, self._calls, index))))
           for index, (name, task, chosen) in enumerate(
               zip(names, tasks, profiles))])
    self._under_way = dict(zip(tickets, [[]] * len(unknown) + [
        [(cell, plan[cell]) for cell in task] for task in tasks]))

  def _collect_returns(self, at_least=None):
    """Adds the returns of matches that have been played to their cells.

    Args:
      at_least: the number of calls that have to end first; all by default.
    """
    answers = self._executor.collect(list(self._under_way), at_least)
    seats = 2 if self.game.plays_all_seats else 1
    for ticket in sorted(answers):
      for number, (cell, episodes) in enumerate(self._under_way.pop(ticket)):
        sums = answers[ticket][0][:, :, number]
        self._add(cell, episodes, sums)
        if self.game.plays_all_seats:
          self._add(cell[::-1], episodes, sums[:, ::-1])
        self.episodes += seats * episodes

  def _unknown(self, population, names, profiles):
    """Returns the tasks that store policies which are new to the matches."""
    fresh = {}
    for name, chosen in zip(names, profiles):
      stored = self._stored[name]
      for policy_id in sorted({p for profile in chosen for p in profile}):
        snapshot = population[policy_id].snapshot
        if stored.get(policy_id) != snapshot.version:
          stored[policy_id] = snapshot.version
          fresh.setdefault(name, {})[policy_id] = snapshot.policy
    return [executor_lib.Task(name, "store", (policies,))
            for name, policies in fresh.items()]

  def _add(self, cell, episodes, sums):
    self._weight[cell] += episodes
    self._drift.add(cell, episodes)
    self._sums[(slice(None),) * 2 + cell] += sums

  def exploitability(self, meta_strategy: meta_game_lib.MetaStrategy
                     ) -> evaluator_lib.Exploitability:
    """Returns an `Exploitability` of NaN, because it is not known."""
    del meta_strategy
    return evaluator_lib.Exploitability(float("nan"), float("nan"))

  def mean_returns(self, profiles: Sequence[tuple[Sequence[Any], float]],
                   num_episodes: int, key: int
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean returns of a mixture of profiles, and standard errors.

    Args:
      profiles: a list of profiles, each a pair of a list with a policy per
        player, and the probability of the profile.
      num_episodes: the number of episodes, in all.
      key: a number that gives this call random numbers of its own.

    Returns:
      Two arrays `[n]`, in game utility.
    """
    seed = np.random.SeedSequence(self._seed, spawn_key=(
        population_lib.EXPLOITER_SEED_KEY, key))
    counts = np.random.default_rng(seed).multinomial(
        num_episodes, [probability for _, probability in profiles])
    chosen = [(profile, int(count)) for (profile, _), count
              in zip(profiles, counts) if count]
    tasks = [chosen[start::_MATCH_TASKS] for start in range(_MATCH_TASKS)]
    tasks = [task for task in tasks if task]
    answers = self._executor.call([
        executor_lib.Task(self._names[index % len(self._names)], "play", (
            [profile for profile, _ in task], [count for _, count in task],
            child))
        for index, (task, child) in enumerate(
            zip(tasks, seed.spawn(len(tasks))))])
    self.episodes += num_episodes * (2 if self.game.plays_all_seats else 1)
    totals = sum(sums.sum(axis=2) for sums, _ in answers)
    mean = totals[0] / num_episodes
    return mean, np.sqrt(
        np.maximum(totals[1] / num_episodes - mean ** 2, 0) / num_episodes)


def _cut(plan):
  """Returns lists of cells with about equally many episodes, in order.

  The lists do not depend on the number of workers, so that the same seeds play
  the same cells. Cells of one row stay together, so that its policy answers for
  all of them at once.
  """
  cells, counts = list(plan), np.array(list(plan.values()))
  number = 1
  while number < _MATCH_TASKS and (
      counts.sum() >= 2 * number * _EPISODES_PER_TASK):
    number *= 2
  middle = counts.cumsum() - counts / 2
  owner = np.minimum(middle * number // counts.sum(), number - 1)
  tasks = [[cells[index] for index in np.flatnonzero(owner == task)]
           for task in range(number)]
  return [task for task in tasks if task]


def profiles_of(mixtures: Sequence[population_lib.Mixture]
                ) -> list[tuple[list[Any], float]]:
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

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

"""First policy: what the population of a run begins with.

Uniformly random play is the least that one can begin with. What self-play has
found, or another run, is far stronger on large games.
"""

from collections.abc import Sequence
import dataclasses
import math
import os
import time
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import schemes
from open_spiel_ppsro.evaluation.interval import least_mixture
from open_spiel_ppsro.evaluation.interval import small_game
from open_spiel_ppsro.evaluation.interval import walk as walk_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import dice
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import phantom_board
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.oracles import tabular_self_play
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.runs import limits as limits_lib

# Names that a user gives in place of a directory.
UNIFORM = "uniform"
SELF_PLAY = "self_play"
# The share of a run that is self-play, unless the user says: on large games
# that are played on arrays, on other sampled games, and on enumerated games.
# Rounds find more on sampled Leduc poker and liar's dice than self-play does,
# and nothing on phantom_ttt and with two dice each.
_SHARE, _SHARE_OF_OTHERS, _SHARE_OF_TABLES = 0.6, 0.3, 0.5
# Self-play plays so many batches for each second of its share: on boards, with
# dice, and on pyspiel states. Two idle cores of a fast machine manage as many
# of phantom_ttt, and more of Leduc poker; with smaller numbers they would leave
# time to rounds, which on phantom_ttt find less in it. On slow ones, and where
# one core plays all, the clock ends it.
_BATCHES_PER_SECOND_ON_BOARDS = 55
_BATCHES_PER_SECOND_OF_DICE = 45
_BATCHES_PER_SECOND_ON_STATES = 27
# On an enumerated game it updates a table, exactly; so many seconds a batch
# takes at least, and for each information state.
_SECONDS_OF_UPDATE = 5e-4
_SECONDS_PER_INFOSTATE = 3e-6
# A slow machine may take so many times its share before the clock ends
# self-play, and this part of the time is left for the search and for rounds.
_PATIENCE = 1.5
_LEAST_LEFT = 0.3
# The search for weights, after it, leaves at least this part.
_LEAST_LEFT_AFTER_WEIGHING = 0.1
# For so many rounds or iterations as a limit allows, self-play at a share of a
# half has as many batches as their policies, or half as many of twice the size;
# an iteration takes about so many rounds.
_ROUNDS_PER_ITERATION = 10
# For each second that self-play has, the search for the best weights of its
# snapshots has so much, for each player. Of 20 equal weights on phantom_ttt,
# from 0.042 and 0.031, that leads to at most 0.029 and 0.025 with 15 s a
# player, and to 0.028 and 0.023 with 36; with less than 15 one player's stay as
# they are.
_WEIGHING_SHARE = 0.25
# Between two looks at the clock so many batches, or those of so many seconds.
_BATCHES_PER_CALL = 4
_SECONDS_PER_CALL = 0.1


def default_share(game: game_lib.Game) -> float:
  """Returns the share of a run that is self-play unless the user says."""
  if game.is_enumerated:
    return _SHARE_OF_TABLES
  played = game.original.game
  has_arrays = (phantom_board.of_string(str(played))
                or dice.of_string(str(played))) is not None
  return (_SHARE if has_arrays and not small_game.has_few_histories(played)
          else _SHARE_OF_OTHERS)


def budget(limits: limits_lib.Limits, share: float, scheme: schemes.Scheme,
           oracle: pipelined.PipelinedOracle) -> int:
  """Returns how many batches self-play has; the clock has no say in it.

  The limit that would end the run first decides; without any it is as with the
  default time limit.

  Args:
    limits: of the run.
    share: of the run that is self-play.
    scheme: of the run.
    oracle: of the run.
  """
  found, config = [], self_play.SelfPlayConfig()
  rounds = [limits.max_rounds]
  if limits.max_iterations is not None:
    rounds.append(limits.max_iterations * (
        _ROUNDS_PER_ITERATION if scheme.freezes else 1))
  for number in rounds:
    if number is not None:
      found.append(share / (1 - share) * number * scheme.batches_per_round
                   * scheme.num_levels * oracle.played_game.num_populations
                   / config.num_streams(oracle.played_game))
  episodes = config.num_episodes(oracle.played_game)
  if limits.max_episodes is not None and episodes is not None:
    found.append(share * limits.max_episodes / episodes)
  seconds = limits.time_limit_seconds
  if seconds == math.inf and not found:
    seconds = limits_lib.Limits().time_limit_seconds
  if seconds < math.inf:
    found.append(share * seconds * _batches_per_second(oracle.original_game))
  return max(1, int(min(found)))


def _batches_per_second(game):
  if game.is_enumerated:
    return 1 / (_SECONDS_OF_UPDATE + _SECONDS_PER_INFOSTATE * sum(
        map(len, game.original.infostates)))
  name = str(game.original.game)
  if phantom_board.of_string(name) is not None:
    return _BATCHES_PER_SECOND_ON_BOARDS
  return (_BATCHES_PER_SECOND_ON_STATES if dice.of_string(name) is None
          else _BATCHES_PER_SECOND_OF_DICE)


def latest_end(limits: limits_lib.Limits, share: float) -> float:
  """Returns after how many seconds of a run the clock ends self-play."""
  return limits.time_limit_seconds * max(
      share, min(_PATIENCE * share, 1 - _LEAST_LEFT))


def weighing_end(limits: limits_lib.Limits) -> float:
  """Returns after how many seconds of a run the clock ends the search."""
  return limits.time_limit_seconds * (1 - _LEAST_LEFT_AFTER_WEIGHING)


class _Worker:
  """A worker of self-play."""

  def __init__(self, shared, seed_sequence, rendezvous):
    game = seat_symmetry.symmetrise(shared.original)
    self._learner: Any = learner_lib.make_learner(
        game, _config(game), 0, seed_sequence, rendezvous)

  def train(self, num_batches):
    """Returns how many environment steps and episodes some batches took."""
    reports = [self._learner.train((), 1, False) for _ in range(num_batches)]
    return (sum(report.steps for report in reports),
            sum(report.episodes for report in reports))

  def answer(self):
    """Returns the policy that it has found."""
    return self._learner.answer()

  def state(self):
    """Returns the state of the learner."""
    return self._learner.state()

  def restore(self, state):
    """Sets the state of the learner."""
    self._learner.restore(state)


def _config(game):
  """Returns the configuration of self-play: a table where the tree is known."""
  return (tabular_self_play.TabularSelfPlayConfig() if game.is_enumerated
          else self_play.SelfPlayConfig()).for_game(game)


class _Weigher:
  """A worker that weighs the snapshots of self-play."""

  def __init__(self, shared):
    self._game = seat_symmetry.symmetrise(shared.original)

  def weigh(self, members, player, seconds, deadline, fits_deadline):
    """Returns weights of the members with which a player loses less, or None.

    Args:
      members: policies of both seats.
      player: who plays them.
      seconds: what it may take, see `least_mixture`.
      deadline: see there.
      fits_deadline: see there.

    Returns:
      The weights, the bounds of a best response to them, and whether the
      deadline broke the search off.
    """
    try:
      found = least_mixture.least_mixture(
          self._game, [members, members], player, seconds, deadline=deadline,
          fits_deadline=fits_deadline)
    except ValueError:  # There is no walk for this game.
      found = None
    is_late = time.time() > deadline
    if found is None:
      return None, None, is_late
    return found.weights, found.bounds, is_late


class SelfPlay:
  """Self-play in the workers of a run, before its first round.

  The same seed and number of batches give the same bits, with any executor and
  any number of workers.

  Attributes:
    num_batches: how many batches it is to play.
    batches: how many it has played.
    steps: how many environment steps that took.
    episodes: how many episodes.
    was_late: whether the clock has ended the search for weights in `end`.
    bounds: per player, of a best response to what `end` has given it; None if
      they are not known.
  """

  def __init__(self, game: game_lib.Game, executor: executor_lib.Executor,
               seed: int, num_batches: int,
               state: dict[str, Any] | None = None):
    """Makes the learner.

    Args:
      game: of the run; the executor has been started with it.
      executor: of the run.
      seed: of the run.
      num_batches: how many batches to play, unless `state` says.
      state: of another one, to go on from; None to begin.

    Raises:
      ValueError: if the game is not two-player zero-sum.
    """
    self._game: Any = seat_symmetry.symmetrise(game.original)
    self._executor = executor
    self._per_call = max(_BATCHES_PER_CALL, int(
        _SECONDS_PER_CALL * _batches_per_second(game)))
    state = state or {"num_batches": num_batches, "batches": 0, "steps": 0,
                      "episodes": 0, "learner": None}
    self.num_batches: int = state["num_batches"]
    self.batches: int = state["batches"]
    self.steps: int = state["steps"]
    self.episodes: int = state["episodes"]
    self._config = _config(self._game)
    size = self._config.sharing_workers(executor.num_workers)
    self.was_late = False
    self.bounds: list[walk_lib.Bounds] | None = None
    self._names = [(SELF_PLAY, rank) for rank in range(size)]
    # Workers meet in it as long as they train.
    self._store = (None if size == 1
                   else data_parallel.RendezvousStore(executor.host))
    places = [None] if self._store is None else self._store.of(SELF_PLAY, size)
    for rank, (name, place) in enumerate(zip(self._names, places)):
      executor.create(
          name, _Worker,
          np.random.SeedSequence(seed, spawn_key=(
              population_lib.SELF_PLAY_SEED_KEY,)), place,
          apart_from=self._names[:rank],
          state=state["learner"])

  def train(self) -> bool:
    """Plays some batches; returns whether there are more to play."""
    count = min(self._per_call, self.num_batches - self.batches)
    if count > 0:
      self._executor.save_if_due()
      (steps, episodes), *_ = self._executor.call(
          [executor_lib.Task(name, "train", (count,)) for name in self._names])
      self.batches += count
      self.steps += steps
      self.episodes += episodes
    return self.batches < self.num_batches

  def state(self) -> dict[str, Any]:
    """Returns its state, for another one to go on from."""
    return {"num_batches": self.num_batches, "batches": self.batches,
            "steps": self.steps, "episodes": self.episodes,
            "learner": self._config.state_of_team(
                self._executor.states(self._names))}

  def end(self, per_player: bool = False, seconds_left: float = math.inf
          ) -> openspiel_policy.Policy:
    """Ends the learner and returns what it has found, for all seats.

    Args:
      per_player: whether the players may have other weights of the snapshots.
      seconds_left: on a machine that is much too slow the clock ends the search
        for these weights; `was_late` is true then.
    """
    policy, *_ = self._executor.call(
        [executor_lib.Task(self._names[0], "answer", ())])
    for name in self._names:
      self._executor.discard(name)
    if isinstance(self._game, state_game.StateGame):
      members, probabilities = sampled.members(policy)
      weights = [probabilities] * 2
      if per_player and len(members) > 1:
        names = [("weigher", player) for player in range(2)]
        for name in names:
          self._executor.create(name, _Weigher)
        seconds = _WEIGHING_SHARE * self.num_batches / _batches_per_second(
            self._game)
        # One worker weighs for one player after the other.
        shares = ([0.5, 1.0] if self._executor.num_workers == 1
                  else [1.0, 1.0])
        # Where the clock has ended self-play, it has a say anyway.
        by_clock = self.batches < self.num_batches
        found = self._executor.call([
            executor_lib.Task(name, "weigh", (
                members, player, seconds, time.time() + share * seconds_left,
                by_clock))
            for player, (name, share) in enumerate(zip(names, shares))])
        weights = [probabilities if own is None else own
                   for own, _, _ in found]
        if all(bounds is not None for _, bounds, _ in found):
          self.bounds = [bounds for _, bounds, _ in found]
        self.was_late = any(is_late for _, _, is_late in found)
        for name in names:
          self._executor.discard(name)
      return sampled.MixturePolicy(self._game, [members] * 2, weights)
    tables = dict(enumerate(self._game.seat_tables([policy.table])))
    original = self._game.original
    return tabular.BestResponsePolicy(
        original.game, {player: (original.infostates[player], table)
                        for player, table in tables.items()}, frozen=True)


def of_run(path: str | os.PathLike,
           game: game_lib.Game) -> openspiel_policy.Policy:
  """Returns what another run has found.

  Args:
    path: the directory of that run.
    game: the game of this run.

  Raises:
    ValueError: if there is none, or it is for another game.
  """
  if not os.path.exists(path):
    raise ValueError(f"initial_policy is {str(path)!r}; it takes uniform, "
                     "self_play, or a run directory, and there is none")
  policy = storage.read_policy(path)
  ours, theirs = str(game.original.game), str(policy.game)
  if ours != theirs:
    raise ValueError(f"initial_policy is {path}, a run of {theirs}; this one "
                     f"is of {ours}")
  return policy


def per_population(policy: openspiel_policy.Policy, game: game_lib.Game
                   ) -> list[openspiel_policy.Policy]:
  """Returns the policies that the populations of a game begin with.

  Args:
    policy: what was found, a policy of all seats.
    game: the game that is played.

  Raises:
    ValueError: if a population cannot hold it.
  """
  if not isinstance(game, state_game.StateGame):
    return [policy] * game.num_populations
  if not isinstance(policy, sampled.MixturePolicy):
    raise ValueError(
        "the initial policy is a table, and the game is sampled: take one of a "
        "run with evaluation 'sampled'")
  knows_seats = policy.state_game.plays_all_seats
  if game.plays_all_seats and not knows_seats:
    raise ValueError(
        "the initial policy has other networks for each seat, and one "
        "population plays all seats here: take one of self_play")
  found: list[openspiel_policy.Policy] = []
  for population in range(game.num_populations):
    player = game.player_of(population)
    members = policy.policies[player]
    if knows_seats and not game.plays_all_seats:
      members = [_seated(member, player) for member in members]
    found.append(sampled.SampledPolicy(
        game, game.players_of(population),
        members[0] if len(members) == 1 else sampled.MixedPolicy(
            members, policy.probabilities[player])))
  return found


def _seated(policy: Any, player: int) -> sampled.FunctionPolicy:
  """Returns a policy of both seats as one that sits at a player's seat."""
  if isinstance(policy, networks.NetworkPolicy) and policy.context is None:
    return dataclasses.replace(
        policy, context=np.eye(2, dtype=np.float32)[player])
  if isinstance(policy, sampled.UniformPolicy):
    return policy
  raise ValueError(f"a {type(policy).__name__} that plays both seats cannot "
                   "be the initial policy of one of them")


def default(game: game_lib.Game, plays_itself: bool) -> str:
  """Returns what a population begins with unless the user says.

  Args:
    game: the game of the run.
    plays_itself: whether the run is self-play.
  """
  return SELF_PLAY if game_defaults.begins_with_self_play(game) and (
      not plays_itself) else UNIFORM


def check(initial_policy: str | os.PathLike | None, share: float | None,
          policies: Sequence[Any] | None) -> None:
  """Raises ValueError unless what a user asks for can be.

  Args:
    initial_policy: `uniform`, `self_play`, a run directory, or None.
    share: of the time that self-play has, if it is given.
    policies: the initial policies that were given as objects, if any.
  """
  if share is not None and not 0 < share < 1:
    raise ValueError(f"self_play_share is {share}; it takes a number between "
                     "0 and 1")
  if policies is not None and initial_policy not in (None, UNIFORM):
    raise ValueError(f"initial_policy is {initial_policy!r}, and "
                     "initial_policies are given too: give one of them")

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

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import os
import time
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import storage

# Names that a user gives in place of a directory.
UNIFORM = "uniform"
SELF_PLAY = "self_play"
# Batches between two looks at the clock.
_BATCHES_PER_CALL = 4.0
# More workers than this spend their time waiting for each other.
_MOST_WORKERS = 4


def by_self_play(game: game_lib.Game, executor: executor_lib.Executor,
                 seed: int, until: float,
                 show: Callable[[float], None] = lambda share: None
                 ) -> openspiel_policy.Policy:
  """Returns what self-play finds; how much that is depends on the clock.

  Args:
    game: the game of the run.
    executor: one that is not started; it trains, and is closed again.
    seed: of everything random.
    until: the `time.perf_counter()` at which training ends.
    show: takes the share of the time that has gone by, after every round.

  Raises:
    ValueError: if the game is not two-player zero-sum.
  """
  start = time.perf_counter()
  symmetric = seat_symmetry.symmetrise(game.original)
  # Where episodes cost nothing, several workers do not pay.
  workers = 1 if game.is_enumerated else min(executor.num_workers,
                                             _MOST_WORKERS)
  with pipelined.PipelinedOracle(
      symmetric, self_play.SelfPlayConfig(), executor, seed,
      workers_per_level=workers) as oracle:
    policy_id = population_lib.PolicyId(0, 1)
    num_steps = int(_BATCHES_PER_CALL
                    * oracle.config.steps_per_batch(symmetric))
    oracle.open([policy_id])
    report = None
    while report is None or time.perf_counter() < until:
      report, = oracle.train([learner_lib.Assignment(
          policy_id, (), num_steps, False)])
      show(min(1.0, (time.perf_counter() - start) / (until - start)))
    if isinstance(symmetric, state_game.StateGame):
      members, probabilities = sampled.members(report.policy)
      return sampled.MixturePolicy(symmetric, [members] * 2,
                                   [probabilities] * 2)
    return oracle.policy(0, report.policy)


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


def check(initial_policy: str | os.PathLike, share: float,
          policies: Sequence[Any] | None) -> None:
  """Raises ValueError unless what a user asks for can be.

  Args:
    initial_policy: `uniform`, `self_play` or a run directory.
    share: of the time that self-play has.
    policies: the initial policies that were given as objects, if any.
  """
  if not 0 < share < 1:
    raise ValueError(f"self_play_share is {share}; it takes a number between "
                     "0 and 1")
  if policies is not None and initial_policy != UNIFORM:
    raise ValueError(f"initial_policy is {initial_policy!r}, and "
                     "initial_policies are given too: give one of them")

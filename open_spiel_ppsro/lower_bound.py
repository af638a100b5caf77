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

"""Lower bound: trained exploiters show how large NashConv is at least."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import math
import time

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.evaluation import sampled_evaluator
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.simulators import of_game

# The fewest and the most episodes that estimate an exploiter's gain. Four times
# as many halve the standard error.
_FEWEST_EPISODES, _MOST_EPISODES = 1_000, 20_000
# The fewest where there is no time for so many, as in long games. The standard
# error tells how little they say.
_FEWEST_IN_TIME = 100
# How long the gains are measured after training was told to end.
_MEASURING_SECONDS = 2.0
# The share of the time limit that exploiters train; the rest is for measuring
# their gains. A larger share makes better exploiters and less certain gains.
_TRAINING_SHARE = 0.8


@dataclasses.dataclass(frozen=True)
class LowerBound:
  """An estimate of exploiters' gains, which NashConv is not below.

  Attributes:
    nash_conv: the sum over players of the gains of a trained best response, in
      game utility; an estimate.
    standard_error: the standard error of this estimate.
    steps: environment steps that each exploiter trained.
    episodes: the episodes played for the estimate.
  """
  nash_conv: float
  standard_error: float
  steps: int
  episodes: int


def lower_bound(oracle: pipelined.PipelinedOracle,
                evaluator: sampled_evaluator.SampledEvaluator,
                mixtures: Sequence[population.Mixture], exploiter_steps: int,
                num_episodes: int | None = None,
                go_on: Callable[[float], bool] | None = None,
                until: float = math.inf) -> LowerBound:
  """Trains exploiters of a mixture per player, and measures their gains.

  Args:
    oracle: the oracle that trains the exploiters.
    evaluator: the evaluator that plays them against the mixtures.
    mixtures: per player, the mixture to exploit.
    exploiter_steps: environment steps that each exploiter trains.
    num_episodes: the episodes that estimate each exploiter's gain; by default
      20,000, or fewer if these would have more steps than an exploiter
      trains, but 1,000 at least, and 100 at least if there is no time for
      more.
    go_on: called about once a second with the share of the training that is
      done; when it returns False, training ends, and so does measuring, about
      two seconds later.
    until: the `time.perf_counter()` at which the time is over; training ends
      when four fifths of it have gone by.

  Raises:
    ValueError: if a number is out of range.
  """
  if exploiter_steps < 1:
    raise ValueError(f"exploiter_steps is {exploiter_steps}; it takes 1 or "
                     "more environment steps")
  game = oracle.played_game
  start, was_told = time.perf_counter(), False
  training_until = start + _TRAINING_SHARE * (until - start)

  def goes_on(share):
    nonlocal was_told
    was_told = go_on is not None and not go_on(share)
    return not was_told and time.perf_counter() < training_until

  exploiters, steps = oracle.train_exploiters(
      mixtures, exploiter_steps,
      None if go_on is None and until == math.inf else goes_on)
  if num_episodes is None:
    now = time.perf_counter()
    seconds_left = _MEASURING_SECONDS if was_told else until - now
    # A step of play takes no longer than a step of training.
    steps_in_time = steps * seconds_left / max(now - start, 1e-9)
    episode_steps = of_game.steps_per_batch(game, 1)
    num_episodes = int(min(
        np.clip(steps / episode_steps, _FEWEST_EPISODES, _MOST_EPISODES),
        max(steps_in_time / episode_steps, _FEWEST_IN_TIME)))
  gain, variance, episodes = 0.0, 0.0, evaluator.episodes
  value = np.zeros(game.num_players)
  if not game.is_zero_sum:  # In a zero-sum game the values cancel out.
    value, error = evaluator.mean_returns(
        sampled_evaluator.profiles_of(mixtures), num_episodes, key=0)
    variance += float(error @ error)
  for player, role in enumerate(game.roles):
    against = sampled_evaluator.profiles_of(
        [mixture for p, mixture in enumerate(mixtures) if p != player])
    profiles = [
        (others[:player] + [exploiters[role]] + others[player:], weight)
        for others, weight in against]
    mean, error = evaluator.mean_returns(
        profiles, num_episodes, key=1 + player)
    gain += float(mean[player] - value[player])
    variance += float(error[player]) ** 2
  return LowerBound(gain, variance ** 0.5, steps,
                    evaluator.episodes - episodes)

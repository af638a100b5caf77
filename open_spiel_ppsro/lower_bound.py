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

"""Lower bound: NashConv is at least what trained exploiters gain."""

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

# Episodes to estimate what an exploiter gains, at least and at most.
_FEWEST_EPISODES, _MOST_EPISODES = 1_000, 20_000
# Of the time that there is for a lower bound, exploiters train for this share
# at most; in the rest they are played.
_TRAINING_SHARE = 0.8


@dataclasses.dataclass(frozen=True)
class LowerBound:
  """What trained exploiters gain: NashConv is at least about this.

  Attributes:
    nash_conv: the sum over players of the gains of a trained best response, in
      game utility; an estimate.
    standard_error: of this estimate.
    steps: environment steps that each exploiter trained.
    episodes: played for the estimate.
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
  """Trains an exploiter of a mixture per player, and measures what it gains.

  Args:
    oracle: trains the exploiters.
    evaluator: plays them against the mixtures.
    mixtures: per player, what to exploit.
    exploiter_steps: environment steps that each one trains.
    num_episodes: how many to play for the estimate of each one's gain; by
      default 20,000, or fewer if these would be more steps than an exploiter
      trains or would take longer than there is time, but 1,000 at least.
    go_on: called about once a second with the share of the training that is
      done; when it returns False, training ends, and 1,000 episodes are
      played.
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
    episode_steps = of_game.steps_per_batch(game, 1)
    most = steps / episode_steps
    if until < math.inf:
      now = time.perf_counter()
      # To be played takes an exploiter no longer than to train.
      most = min(most, (until - now) * steps / max(now - start, 1e-9)
                 / episode_steps)
    num_episodes = _FEWEST_EPISODES if was_told else int(np.clip(
        most, _FEWEST_EPISODES, _MOST_EPISODES))
  gain, variance, episodes = 0.0, 0.0, evaluator.episodes
  value = np.zeros(game.num_players)
  if not game.is_zero_sum:  # Otherwise the values sum to zero.
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

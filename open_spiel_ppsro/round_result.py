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

"""RoundResult: the results of a round of training, and its row of metrics."""

import dataclasses
from typing import Any

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib


@dataclasses.dataclass(frozen=True)
class LevelStatus:
  """An active policy at the end of a round.

  Attributes:
    policy_id: the policy's id.
    steps: environment steps that the policy has trained so far.
    mean_return: the mean return of its training in this round, exploration and
      random opponents included, in game utility.
    payoff: the payoff of its new snapshot against its opponents of this round,
      in game utility.
    stationary: whether its opponents were final in this round.
    staleness: how many rounds ago its opponents were drawn; 0 in lockstep.
    is_exact: whether the policy is an exact best response to them.
    gain: what the snapshot earns more than the meta-strategy of its own side,
      against the same opponents, in game utility; at least 0.
    opponents: the meta-strategy that they were drawn from.
  """
  policy_id: population_lib.PolicyId
  steps: int
  mean_return: float
  payoff: float
  stationary: bool
  staleness: int
  is_exact: bool = False
  gain: float = 0.0
  opponents: meta_game_lib.MetaStrategy | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class RoundResult:
  """The results of a round.

  Attributes:
    round: the number of the round, from 1.
    iterations: how many policies have frozen for every player, the initial
      one not counted.
    frozen: the policies that froze in this round.
    num_policies: per player (one number where one population plays all), the
      number of policies that the result ranges over: the frozen ones, initial
      one included, or all where none ever freezes.
    levels: the `LevelStatus` of every policy that has trained.
    training_episodes: all episodes trained so far, by all policies.
    evaluation_episodes: all episodes played so far to measure payoffs; 0
      where evaluation is exact.
    environment_steps: all decisions of all players in these episodes.
    of_frozen: the `Exploitability` of the meta-strategy over frozen policies;
      over all policies where none ever freezes.
    of_all: the `Exploitability` of the meta-strategy over all policies, active
      ones included.
    least_exploitable: the least exploitable mixture of the policies of
      `of_frozen`, which is no more exploitable; None outside enumerated
      two-player zero-sum games.
    regret_frozen: the most that any player would gain within the meta-game by
      leaving the meta-strategy over frozen policies, in game utility; its
      solver's error.
    regret_all: the same within the meta-game of all policies.
    training_seconds: how long this round waited for training.
    evaluation_seconds: how long measuring payoffs took in this round.
    round_seconds: how long the whole round took.
  """
  round: int
  iterations: int
  frozen: tuple[population_lib.PolicyId, ...]
  num_policies: tuple[int, ...]
  levels: tuple[LevelStatus, ...]
  training_episodes: int
  evaluation_episodes: int
  environment_steps: int
  of_frozen: evaluator_lib.Exploitability
  of_all: evaluator_lib.Exploitability
  least_exploitable: least_exploitable.LeastExploitable | None
  regret_frozen: float
  regret_all: float
  training_seconds: float
  evaluation_seconds: float
  round_seconds: float

  def __repr__(self) -> str:
    return (f"<RoundResult {self.round}: {self.iterations} iterations, "
            f"{sum(self.num_policies)} policies, NashConv "
            f"{self.of_frozen.nash_conv:.4g}>")

  def metrics(self, wall_seconds: float) -> dict[str, Any]:
    """Returns a row of `metrics.csv`, see `runs.metrics.METRICS`.

    The columns of intervals, which are measured beside the rounds, are nan.

    Args:
      wall_seconds: the seconds since the start of the run.
    """
    least = self.least_exploitable
    return {
        "round": self.round,
        "wall_seconds": f"{wall_seconds:.3f}",
        "iterations": self.iterations,
        "training_episodes": self.training_episodes,
        "evaluation_episodes": self.evaluation_episodes,
        "episodes": self.training_episodes + self.evaluation_episodes,
        "environment_steps": self.environment_steps,
        "nash_conv_frozen": self.of_frozen.nash_conv,
        "exploitability_frozen": self.of_frozen.exploitability,
        "nash_conv_all": self.of_all.nash_conv,
        "exploitability_all": self.of_all.exploitability,
        "exploitability_least": _or_nan(least and least.upper),
        "exploitability_least_bound": _or_nan(least and least.lower),
        "exploitability_low": float("nan"),
        "exploitability_high": float("nan"),
        "exploitability_round": float("nan"),
        "answer_low": float("nan"),
        "answer_high": float("nan"),
        "cce_gap_frozen": _or_nan(self.of_frozen.cce_gap),
        "cce_gap_all": _or_nan(self.of_all.cce_gap),
        "regret_frozen": self.regret_frozen,
        "regret_all": self.regret_all,
        "policies": sum(self.num_policies),
        "training_seconds": f"{self.training_seconds:.4f}",
        "evaluation_seconds": f"{self.evaluation_seconds:.4f}",
        "round_seconds": f"{self.round_seconds:.4f}",
        "staleness": max((level.staleness for level in self.levels),
                         default=0),
    }

  def level_rows(self) -> list[dict[str, Any]]:
    """Returns the rows of `levels.csv`, see `runs.metrics.LEVELS`."""
    return [{
        "round": self.round,
        "player": level.policy_id.player,
        "policy": level.policy_id.index,
        "steps": level.steps,
        "mean_return": f"{level.mean_return:.5g}",
        "payoff": f"{level.payoff:.6g}",
        "gain": f"{level.gain:.6g}",
        "settled": int(level.stationary),
        "frozen": int(level.policy_id in self.frozen),
    } for level in self.levels]


def _or_nan(number):
  return float("nan") if number is None else number

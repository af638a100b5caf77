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

"""Anytime responses: levels whose opponents adapt to them while they train.

A best response to a fixed mixture is good against that mixture, and another
mixture of the same policies may beat it. In Anytime PSRO (McAleer et al. 2022)
a policy therefore responds to opponents that choose, round by round, the
mixture that is worst for all that the policy has been so far; what joins the
population is an equilibrium strategy of this *restricted game*, in which only
the opponent keeps to its population. Here a policy's own side of the restricted
game are its snapshots, one a round: the opponents play the minimax mixture
against them, and the policy hands out the maximin mixture of its snapshots.

A population of such policies has a good least exploitable mixture; its
meta-Nash, which knows opponents from the population alone, is a poor one.
"""

import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import zero_sum
from open_spiel_ppsro.policies import tabular

# An exact responder has settled when its newest response gains no more than
# this share of what the first one gained. On Leduc poker the least exploitable
# mixture is then at 0.2 after 16 iterations and 131 rounds, and with 0.25 after
# 29 and 171; without adapting opponents it takes 30 of either.
_SETTLED_SHARE = 0.1
# Gains below this share of the spread of the game's returns are rounding.
_ROUNDING = 1e-9


@dataclasses.dataclass
class _Level:
  """The snapshots of a policy in training.

  Attributes:
    plans: `[T, S]`, their realization plans, the oldest first.
    first_gap: how much the first response gained against what it faced, over
      what it is certain to get.
    gap: the same of the newest response over the mixture of all; with exact
      responses no strategy gets more than that over what is handed out.
  """
  plans: np.ndarray
  first_gap: float
  gap: float


class AnytimeResponses:
  """The restricted games of all policies in training, of an enumerated game."""

  def __init__(self, evaluator: exact_evaluator.ExactEvaluator) -> None:
    """Makes one that knows no policy yet.

    Args:
      evaluator: of a two-player zero-sum game; it knows what opponents play.
    """
    self._evaluator = evaluator
    self._game = evaluator.game
    self._spread = float(np.ptp(evaluator.game.terminal_returns))
    self._levels: dict[population_lib.PolicyId, _Level] = {}

  def opponents(self, policy_id: population_lib.PolicyId,
                meta_strategy: meta_game_lib.MetaStrategy
                ) -> meta_game_lib.MetaStrategy:
    """Returns the mixture that a policy trains against next.

    Args:
      policy_id: a policy in training.
      meta_strategy: the meta-strategy of its sub-game, which it faces first.
    """
    level = self._levels.get(policy_id)
    if level is None:
      return meta_strategy
    _, weights = zero_sum.solve_zero_sum(
        self._values(policy_id, level.plans, meta_strategy))
    probabilities = list(meta_strategy.probabilities)
    probabilities[self._opponent(policy_id)] = weights
    return dataclasses.replace(
        meta_strategy, probabilities=tuple(probabilities), joint=None,
        method="anytime")

  def add(self, policy_id: population_lib.PolicyId,
          policy: tabular.TablePolicy,
          faced: meta_game_lib.MetaStrategy) -> tabular.TablePolicy:
    """Takes a new snapshot of a policy and returns what it hands out.

    Args:
      policy_id: the policy.
      policy: its snapshot.
      faced: what it was trained against.
    """
    player = self._game.player_of(policy_id.player)
    plan = sequence_form.realization_plan(
        self._game, policy.table[None], player)
    level = self._levels.get(policy_id)
    plans = plan if level is None else np.concatenate([level.plans, plan])
    values = self._values(policy_id, plans, faced)
    own, _ = zero_sum.solve_zero_sum(values)
    gap = float(values[-1] @ faced.probabilities[self._opponent(policy_id)]
                - (own @ values).min())
    self._levels[policy_id] = _Level(
        plans, gap if level is None else level.first_gap, gap)
    return tabular.TablePolicy(sequence_form.behaviour(
        self._game, sequence_form.mixture_plan(plans, own), player))

  def has_settled(self, policy_id: population_lib.PolicyId) -> bool:
    """Returns whether further exact responses would hardly change a policy."""
    level = self._levels[policy_id]
    return level.gap <= max(_SETTLED_SHARE * level.first_gap,
                            _ROUNDING * self._spread)

  def forget(self, policy_id: population_lib.PolicyId) -> None:
    """Forgets a policy that has frozen."""
    self._levels.pop(policy_id, None)

  def state(self) -> list[Any]:
    """Returns all snapshots, in plain data and arrays."""
    return [[policy_id, dataclasses.astuple(level)]
            for policy_id, level in self._levels.items()]

  def restore(self, state: list[Any]) -> None:
    """Makes it go on where another was."""
    self._levels = {population_lib.PolicyId(*policy_id): _Level(*level)
                    for policy_id, level in state}

  def _opponent(self, policy_id):
    """Returns the population that a policy faces."""
    return self._game.roles[1 - self._game.player_of(policy_id.player)]

  def _values(self, policy_id, plans, meta_strategy):
    """Returns `[T, K]`: what plans get against the policies of a sub-game."""
    player = self._game.player_of(policy_id.player)
    opponent = self._opponent(policy_id)
    sides = [plans, self._evaluator.plans(
        opponent, meta_strategy.indices[opponent])]
    if player == 1:
      sides.reverse()
    values = sequence_form.payoff_tensors(self._game, sides)[player]
    return values if player == 0 else values.T

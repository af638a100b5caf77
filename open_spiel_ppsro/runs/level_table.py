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


"""LevelTable: what each level of each player does, for who watches a run."""

from collections.abc import Sequence
import dataclasses
import math
import time

from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import round_result

# Best responses are computed for who watches in at most this share of the time
# that the run takes.
_GAIN_SHARE = 0.02


@dataclasses.dataclass(frozen=True)
class LevelRow:
  """A level of a player.

  Attributes:
    player: of which population; None where one population plays all seats.
    policy: its index; None while none has opened.
    status: `waiting`, `warming up`, `training`, `settled` or `frozen`.
    steps: environment steps that it has trained.
    budget: after how many it may freeze; if there is a most, after how many it
      does once its opponents have. None if it never freezes.
    payoff: against its opponents, in game utility; None if not known.
    gain: what a best response would earn more; None if not known.
    frozen_in: the round in which it froze.
  """
  player: int | None
  policy: int | None
  status: str
  steps: int = 0
  budget: int | None = None
  payoff: float | None = None
  gain: float | None = None
  frozen_in: int | None = None


class LevelTable:
  """Keeps what is known of each level."""

  def __init__(self) -> None:
    self._levels: dict[population_lib.PolicyId, round_result.LevelStatus] = {}
    self._gains: dict[population_lib.PolicyId, float] = {}
    # For each player, the policy that froze last, and when.
    self._frozen: dict[int, tuple[population_lib.PolicyId, int]] = {}
    self._start = time.perf_counter()
    self._gain_seconds = 0.0
    self._seconds_per_gain = 0.0

  def take(self, result: round_result.RoundResult) -> None:
    """Takes what a round brought."""
    for level in result.levels:
      self._levels[level.policy_id] = level
    for policy_id in result.frozen:
      before = self._frozen.get(policy_id.player)
      if before is not None:
        self._levels.pop(before[0], None)
        self._gains.pop(before[0], None)
      self._frozen[policy_id.player] = policy_id, result.round

  def rows(self, solver,
           result: round_result.RoundResult) -> list[LevelRow]:
    """Returns a row per level, by player; the policy that froze last first.

    Args:
      solver: after the round.
      result: of the round, taken before.
    """
    self._update_gains(solver, result.levels)
    rows: list[LevelRow] = []
    populations = range(solver.population.num_populations)
    for player in populations:
      shown = player if len(populations) > 1 else None
      active = [member.policy_id for member in
                solver.population.active(player)]
      if player in self._frozen:
        policy_id, frozen_in = self._frozen[player]
        rows.append(self._row(solver, shown, policy_id, "frozen", frozen_in))
      rows += [self._row(solver, shown, policy_id,
                         self._status(solver, policy_id))
               for policy_id in active]
      rows += [LevelRow(shown, None, "waiting")
               for _ in range(len(active), solver.scheme.num_levels)]
    return rows

  def _row(self, solver, shown, policy_id, status, frozen_in=None):
    level = self._levels.get(policy_id)
    rule = solver.plateau_rule
    return LevelRow(
        shown, policy_id.index, status,
        solver.population[policy_id].steps,
        (rule.max_steps or rule.min_steps) if solver.scheme.freezes else None,
        None if level is None else level.payoff, self._gains.get(policy_id),
        frozen_in)

  def _status(self, solver, policy_id):
    level = self._levels.get(policy_id)
    if level is not None and level.stationary:
      return "settled"
    warmup = getattr(solver.scheme, "warmup_steps", 0)
    return ("warming up" if solver.population[policy_id].steps < warmup
            else "training")

  def _update_gains(self, solver,
                    levels: Sequence[round_result.LevelStatus]) -> None:
    """Computes best responses, if that costs little of the time."""
    for level in levels:
      elapsed = time.perf_counter() - self._start
      if self._gain_seconds + self._seconds_per_gain > _GAIN_SHARE * elapsed:
        return  # Those of the next round, perhaps.
      start = time.perf_counter()
      gain = 0.0 if level.is_exact else solver.best_response_gap(level)
      if not math.isnan(gain):
        self._gains[level.policy_id] = gain
      self._seconds_per_gain = time.perf_counter() - start
      self._gain_seconds += self._seconds_per_gain

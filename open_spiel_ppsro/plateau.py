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

"""Plateau: when a policy has learned what it will, and may freeze."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

# A policy trains for at least so many batches of its learner before it may
# freeze: fewer make more and weaker policies.
_MIN_BATCHES = 12.0


@dataclasses.dataclass(frozen=True)
class PlateauRule:
  """When a policy has learned what it will (McAleer et al. 2020, appendix).

  Once its opponents stand still, a policy is judged by its payoff against
  them. A window of `window` environment steps closes with the mean over it;
  the policy has plateaued when a window improved on the one before by less
  than `delta`. So the first one that closes never freezes. Windows count while
  the opponents still move, too: a policy that has learned its response on the
  way up may freeze at once, as in the paper's normal-form experiment.

  Attributes:
    delta: in game utility.
    window: in environment steps; 0 makes every round one.
    min_steps: of training before it may freeze, in environment steps.
    max_steps: of training after which it freezes regardless, once its
      opponents stand still; None for no limit.
  """
  delta: float = 0.02
  window: int = 0
  min_steps: int = 0
  max_steps: int | None = None

  def __post_init__(self):
    for name in ("delta", "window", "min_steps"):
      value = getattr(self, name)
      if not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{name} is {value!r}; it takes 0 or more")
    if self.max_steps is not None and self.max_steps < max(1, self.min_steps):
      raise ValueError(
          f"max_steps is {self.max_steps}; it takes at least min_steps "
          f"({self.min_steps}) and 1")


def default_plateau(oracle: Any, **changes: Any) -> PlateauRule:
  """Returns the `PlateauRule` that suits an oracle's batches.

  Args:
    oracle: a `PipelinedOracle`.
    **changes: fields of the rule to set otherwise; None changes nothing.
  """
  given = {name: value for name, value in changes.items()
           if value is not None}
  return PlateauRule(**{
      "min_steps": int(_MIN_BATCHES * oracle.steps_per_batch), **given})


class Plateau:
  """The plateau test of one policy, fed with its training in order."""

  def __init__(self, rule: PlateauRule):
    self._rule = rule
    self._previous = -np.inf
    self._steps = 0
    self._weighted = 0.0

  def state(self) -> list[float]:
    """Returns what it has seen, in plain data."""
    return [self._previous, self._steps, self._weighted]

  def restore(self, state: Sequence[Any]) -> None:
    """Makes it have seen what another has."""
    self._previous, self._steps, self._weighted = state

  def update(self, total_steps: int, steps: int, payoff: float,
             stationary: bool) -> bool:
    """Takes a round of training and returns whether to freeze.

    Args:
      total_steps: environment steps trained since the policy opened.
      steps: of these, the steps of this round.
      payoff: of the snapshot after it, in game utility.
      stationary: whether the opponents stood still; the policy freezes only
        then.
    """
    rule = self._rule
    self._steps += steps
    self._weighted += steps * payoff
    plateaued = False
    if self._steps >= max(rule.window, 1):
      mean = self._weighted / self._steps
      plateaued = (mean < self._previous + rule.delta
                   and total_steps >= rule.min_steps)
      self._previous = mean
      self._steps, self._weighted = 0, 0.0
    return stationary and (plateaued or (
        rule.max_steps is not None and total_steps >= rule.max_steps))

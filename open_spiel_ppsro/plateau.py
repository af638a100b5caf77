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

"""Plateau: the test that decides when a policy has learned and may freeze."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

# A policy trains for at least this many batches of its learner before it may
# freeze. Fewer batches make more and weaker policies.
_MIN_BATCHES = 12.0
# The fields of the rule on an enumerated game whose batches are expectations.
# There payoffs have no noise, and a policy is worth its training as long as it
# adds a twentieth to its gain. That says the same early, with gains of a chip,
# and late, with gains of a hundredth. The absolute bound ends what gains
# nothing.
_OF_EXPECTATIONS = {"delta": 2e-4, "relative": 0.05}
# Such a policy also learns faster, so that it may freeze after fewer batches.
_MIN_BATCHES_OF_EXPECTATIONS = 7.0


@dataclasses.dataclass(frozen=True)
class PlateauRule:
  """The rule by which a policy freezes (McAleer et al. 2020, appendix).

  A policy is judged by its payoff against its opponents, averaged over windows
  of `window` environment steps. It has plateaued when the mean of a window is
  above that of the window before by less than `delta` and `relative` ask, so
  the first window never freezes a policy. A policy freezes only once its
  opponents are frozen. Windows before that count as well: a policy that has
  learned its response by then may freeze at once, as in the paper's normal-form
  experiment.

  Attributes:
    delta: the least improvement from window to window that keeps a policy in
      training, in game utility.
    relative: the same as a share of the policy's gain, which is what it earns
      more than the meta-strategy of its own side; the larger of the two counts.
    window: the length of a window, in environment steps; 0 makes every round a
      window.
    min_steps: the training before a policy may freeze, in environment steps.
    max_steps: the training after which a policy freezes without a plateau, once
      its opponents are frozen, in environment steps; None for no limit.
  """
  delta: float = 0.02
  window: int = 0
  min_steps: int = 0
  max_steps: int | None = None
  relative: float = 0.0

  def __post_init__(self):
    for name in ("delta", "window", "min_steps", "relative"):
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
    **changes: fields of the rule, to be set to other values; None leaves a
      field as it is.
  """
  given = {name: value for name, value in changes.items()
           if value is not None}
  if oracle.trains_on_expectations:
    defaults = {**_OF_EXPECTATIONS, "min_steps": int(
        _MIN_BATCHES_OF_EXPECTATIONS * oracle.steps_per_batch)}
  else:
    defaults = {"min_steps": int(_MIN_BATCHES * oracle.steps_per_batch)}
  return PlateauRule(**{**defaults, **given})


class Plateau:
  """The plateau test of one policy, which takes its rounds in order."""

  def __init__(self, rule: PlateauRule):
    self._rule = rule
    self._previous = -np.inf
    self._steps = 0
    self._weighted = 0.0

  def state(self) -> list[float]:
    """Returns the test's state, in plain data."""
    return [self._previous, self._steps, self._weighted]

  def restore(self, state: Sequence[Any]) -> None:
    """Sets the state to that of another test."""
    self._previous, self._steps, self._weighted = state

  def update(self, total_steps: int, steps: int, payoff: float,
             stationary: bool, gain: float = 0.0) -> bool:
    """Takes a round of training and returns whether to freeze.

    Args:
      total_steps: environment steps trained since the policy opened.
      steps: the environment steps of this round.
      payoff: the payoff of the snapshot after this round, in game utility.
      stationary: whether the opponents were final; the policy freezes only
        then.
      gain: what the snapshot earns more than the meta-strategy of its own side,
        in game utility.
    """
    rule = self._rule
    self._steps += steps
    self._weighted += steps * payoff
    plateaued = False
    if self._steps >= max(rule.window, 1):
      mean = self._weighted / self._steps
      plateaued = (mean < self._previous + max(rule.delta, rule.relative * gain)
                   and total_steps >= rule.min_steps)
      self._previous = mean
      self._steps, self._weighted = 0, 0.0
    return stationary and (plateaued or (
        rule.max_steps is not None and total_steps >= rule.max_steps))

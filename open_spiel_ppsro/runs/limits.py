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

"""Limits: when a run ends."""

import dataclasses
import math

# Of the time limit, this much is kept for writing the policy and drawing the
# plot: on a slow machine they take about as long.
_WRAP_UP_SECONDS = 1.5


@dataclasses.dataclass(frozen=True)
class Limits:
  """When a run ends; None is no limit.

  Attributes:
    time_limit_seconds: of the whole run, from its start to its result:
      enumeration, rounds, exploiters and wrap-up. `math.inf` for no limit.
    max_iterations: policies frozen for every player; of schemes that never
      freeze, rounds.
    max_rounds: however many policies have frozen by then.
    max_episodes: of training and evaluation.
    target_exploitability: of the answer of the run, exact, in game utility;
      NashConv divided by the number of players.

  Raises:
    ValueError: if a limit is not above 0.
  """
  time_limit_seconds: float = 60.0
  max_iterations: int | None = None
  max_rounds: int | None = None
  max_episodes: int | None = None
  target_exploitability: float | None = None

  def __post_init__(self) -> None:
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if value is not None and not value > 0:
        raise ValueError(f"{field.name} is {value}; it takes a value above 0")

  def given(self) -> dict[str, float]:
    """Returns the limits that there are, by name."""
    return {name: value for name, value in dataclasses.asdict(self).items()
            if value is not None and value != math.inf}

  def reached(self, solver, seconds: float,
              round_seconds: float = 0.0) -> str | None:
    """Returns the name of the limit that a run has reached, or None.

    Args:
      solver: the `PipelinePSROSolver` of the run.
      seconds: since the start of the run, and those that are kept for what
        comes after the last round.
      round_seconds: how long its last round took; another one has to fit.
    """
    if self.target_exploitability is not None and (
        solver.exploitability().exploitability <= self.target_exploitability):
      return "target_exploitability"
    if (self.max_iterations is not None
        and solver.iterations >= self.max_iterations):
      return "max_iterations"
    if self.max_rounds is not None and solver.rounds >= self.max_rounds:
      return "max_rounds"
    if self.max_episodes is not None and solver.episodes >= self.max_episodes:
      return "max_episodes"
    if self.seconds_left(seconds) <= round_seconds:
      return "time_limit_seconds"
    return None

  def seconds_left(self, seconds: float) -> float:
    """Returns how many seconds are left for rounds.

    Args:
      seconds: that are spent or kept, as for `reached`.
    """
    return self.time_limit_seconds - _WRAP_UP_SECONDS - seconds

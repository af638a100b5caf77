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

"""RunSummary: what a run has found, in the numbers that one asks for first."""

import dataclasses
import math
import pathlib
from typing import Any

from open_spiel_ppsro.runs import signals


@dataclasses.dataclass(frozen=True)
class RunSummary:
  """What a run has found.

  Attributes:
    path: the run directory; all else that the run left is there.
    game: its name.
    scheme: its name.
    oracle: the name of what trained best responses.
    seed: of everything random.
    stopped_by: what ended it: the name of one of its `Limits`, `interrupt`,
      `terminate`, or `equilibrium` where exact best responses have nothing left
      to gain.
    nash_conv: exact, of the meta-strategy over frozen policies; nan of a
      sampled game.
    exploitability: the same divided by the number of players.
    iterations: policies frozen for every player, the initial one aside; of
      schemes that never freeze, rounds.
    policies: over how many policies the final one ranges, all players
      together.
    rounds: played.
    episodes: trained, and played to measure payoffs.
    wall_seconds: since the start of the run, exploiters included.
    exploitability_least: exact, of the least exploitable mixture of the frozen
      policies; None where there is none.
    exploitability_least_bound: no mixture of them has less.
    exploitability_low: of a sampled game: the exploitability of the policy of
      `exploitability_round` is certainly no less; None if it was not measured.
    exploitability_high: it is certainly no more.
    exploitability_round: the round, the last one if there was time for it.
    answer_low: of a sampled game: the exploitability of the least exploitable
      mixture that was measured is certainly no less; None if none was.
    answer_high: it is certainly no more.
    answer: which of `answers.ANSWERS` `read_policy` returns.
    cce_gap: exact, of the joint distribution that was found, in game utility;
      None where players draw independently.
    best_nash_conv: the lowest NashConv of all rounds, that of the policy in
      `best_policy.npz`; None of a sampled game.
    best_round: the round that had it; 0 is the initial policy.
    nash_conv_lower_bound: what trained exploiters gain; None if none were
      trained.
    lower_bound_standard_error: of that estimate.
    exploiter_steps: environment steps that each exploiter trained.
    staleness: the most rounds ago that the opponents of a policy were drawn
      when it reported; None in lockstep, where it is 0.
    missing: the files of the run directory that could not be written.
  """
  path: pathlib.Path
  game: str
  scheme: str
  oracle: str
  seed: int
  stopped_by: str
  nash_conv: float
  exploitability: float
  iterations: int
  policies: int
  rounds: int
  episodes: int
  wall_seconds: float
  exploitability_least: float | None = None
  exploitability_least_bound: float | None = None
  exploitability_low: float | None = None
  exploitability_high: float | None = None
  exploitability_round: int | None = None
  answer_low: float | None = None
  answer_high: float | None = None
  answer: str = "meta_nash"
  cce_gap: float | None = None
  best_nash_conv: float | None = None
  best_round: int | None = None
  nash_conv_lower_bound: float | None = None
  lower_bound_standard_error: float | None = None
  exploiter_steps: int | None = None
  staleness: int | None = None
  missing: tuple[str, ...] = ()

  @property
  def exit_code(self) -> int:
    """What a process that is this run returns.

    130 and 143 after Ctrl-C and SIGTERM; 1 if no round was finished, unless
    the initial policy was good enough, or if something could not be written;
    else 0.
    """
    if self.stopped_by in signals.EXIT_CODES:
      return signals.EXIT_CODES[self.stopped_by]
    is_untrained = not self.rounds and (
        self.stopped_by != "target_exploitability")
    return 1 if is_untrained or self.missing else 0

  def line(self) -> str:
    """Returns the summary as one line that begins with `result:`."""
    pairs = {
        # The string of a game, such as pathfinding, may have several lines.
        "game": "\\n".join(self.game.splitlines()),
        "scheme": self.scheme,
        "oracle": self.oracle,
        "nash_conv": f"{self.nash_conv:.6g}",
        "exploitability": f"{self.exploitability:.6g}",
        "exploitability_least": _text(self.exploitability_least, ".6g"),
        "exploitability_least_bound": _text(
            self.exploitability_least_bound, ".6g"),
        "exploitability_low": _text(self.exploitability_low, ".6g"),
        "exploitability_high": _text(self.exploitability_high, ".6g"),
        "exploitability_round": self.exploitability_round,
        "answer_low": _text(self.answer_low, ".6g"),
        "answer_high": _text(self.answer_high, ".6g"),
        "answer": self.answer,
        "best_nash_conv": _text(self.best_nash_conv, ".6g"),
        "best_round": self.best_round,
        "cce_gap": _text(self.cce_gap, ".6g"),
        "nash_conv_lower_bound": _text(self.nash_conv_lower_bound, ".4g"),
        "lower_bound_standard_error": _text(
            self.lower_bound_standard_error, ".2g"),
        "exploiter_steps": self.exploiter_steps,
        "iterations": self.iterations,
        "policies": self.policies,
        "rounds": self.rounds,
        "episodes": self.episodes,
        "wall_seconds": f"{self.wall_seconds:.2f}",
        "staleness": self.staleness,
        "seed": self.seed,
        "stopped_by": self.stopped_by,
        "missing": ",".join(self.missing) or None,
        "output_dir": self.path,
    }
    return "result: " + " ".join(
        f"{name}={value}" for name, value in pairs.items()
        if value is not None)

  def as_dict(self) -> dict[str, Any]:
    """Returns the summary as JSON can hold it; None where it is nan."""
    return {name: (str(value) if isinstance(value, pathlib.Path) else
                   None if isinstance(value, float) and math.isnan(value) else
                   value)
            for name, value in dataclasses.asdict(self).items()}


def _text(number, form):
  return None if number is None else format(number, form)

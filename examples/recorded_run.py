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

"""One run: rounds until a limit is reached, each recorded as it ends.

Everything a run leaves is in its run directory; how it goes is shown on
standard error.
"""

import dataclasses
import math
import sys
import time

import open_spiel_ppsro as ppsro

# Of the time limit, kept for writing the policy and drawing the plot.
_WRAP_UP_SECONDS = 1.5
_PLAIN_PROGRESS_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Limits:
  """When a run ends; None is no limit. The names are those of the flags.

  Attributes:
    time_limit_seconds: from the start of the run.
    max_iterations: policies frozen for every player.
    max_episodes: of training and evaluation.
    target_exploitability: of the meta-strategy over frozen policies.
  """
  time_limit_seconds: float
  max_iterations: int | None = None
  max_episodes: int | None = None
  target_exploitability: float | None = None

  def reached(self, result, seconds):
    """Returns the limit that a run reached with a round, or None.

    Args:
      result: the `RoundResult`.
      seconds: since the start of the run.
    """
    if (self.target_exploitability is not None
        and result.of_frozen.exploitability <= self.target_exploitability):
      return "target_exploitability"
    if (self.max_iterations is not None
        and result.iterations >= self.max_iterations):
      return "max_iterations"
    if self.max_episodes is not None and (
        result.training_episodes + result.evaluation_episodes
        >= self.max_episodes):
      return "max_episodes"
    if (seconds + result.round_seconds + _WRAP_UP_SECONDS
        >= self.time_limit_seconds):
      return "time_limit_seconds"
    return None


class Progress:
  """One live line on a terminal, a plain line now and then elsewhere."""

  def __init__(self, time_limit_seconds, label=""):
    self._time_limit_seconds = time_limit_seconds
    self._label = label
    self._live = sys.stderr.isatty()
    self._last = -_PLAIN_PROGRESS_SECONDS
    self._training_start = time.perf_counter()

  def show(self, result, seconds):
    """Shows a `RoundResult`, so many seconds after the start of the run."""
    now = time.perf_counter()
    if not self._live and now - self._last < _PLAIN_PROGRESS_SECONDS:
      return
    self._last = now
    rate = result.training_episodes / (now - self._training_start)
    left = max(0.0, self._time_limit_seconds - seconds)
    line = (f"{self._label}round {result.round}  "
            f"frozen {'/'.join(map(str, result.num_policies))}  "
            f"{self._nash_conv(result)}"
            f"{rate:,.0f} episodes/s  {left:.0f} s left")
    if self._live:
      sys.stderr.write(f"\r\x1b[K{line}")
      sys.stderr.flush()
    else:
      print(line, file=sys.stderr, flush=True)

  def _nash_conv(self, result):
    if math.isnan(result.of_frozen.nash_conv):  # Of a sampled game.
      return ""
    gap = result.of_frozen.cce_gap
    return (f"NashConv {result.of_frozen.nash_conv:.4g}  "
            + ("" if gap is None else f"CCE gap {gap:.4g}  "))

  def close(self):
    """Ends the live line."""
    if self._live:
      sys.stderr.write("\n")


def play(solver, directory, limits, start, label=""):
  """Plays rounds until a limit; writes metrics, policy and plot.

  Args:
    solver: a `PipelinePSROSolver`.
    directory: a `RunDirectory` whose configuration is written.
    limits: the `Limits` of the run.
    start: `time.perf_counter()` at the start of the run.
    label: goes before every line of progress.

  Returns:
    The last `RoundResult`, None if there was none, and what ended the run: a
    limit's name, or "interrupt".
  """
  progress = Progress(limits.time_limit_seconds, label)
  result, stopped_by = None, None
  try:
    for result in solver.run():
      seconds = time.perf_counter() - start
      directory.append_metrics(result.metrics(seconds))
      progress.show(result, seconds)
      stopped_by = limits.reached(result, seconds)
      if stopped_by:
        break
  except KeyboardInterrupt:
    stopped_by = "interrupt"
  progress.close()
  tree = solver.tree
  if solver.is_exact:
    directory.write_policy(
        str(tree.game), [infostates.names for infostates in tree.infostates],
        solver.final_tables())
    if result is not None:
      ppsro.plot_run(directory.path)
  else:
    ppsro.write_networks(directory.path, solver.game, solver.final_mixtures())
  return result, stopped_by

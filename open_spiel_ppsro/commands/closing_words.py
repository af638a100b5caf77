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

"""Closing words: six lines on a run that has ended, for people."""

import math
import shlex

from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.runs import run_summary


def of(summary: run_summary.RunSummary) -> str:
  """Returns what ran, how strong it is, where it is, and what to do with it."""
  path = shlex.quote(str(summary.path))
  larger = (f" --{summary.stopped_by}=MORE"
            if summary.stopped_by in common_flags.LIMITS else "")
  uses = [f"{command_line.invocation(name)} {path}"
          for name in ("play", "evaluate", "report")
          if name in command_line.COMMANDS]
  return "\n".join([
      f"what ran: {summary.scheme} with {summary.oracle} on {summary.game}, "
      f"seed {summary.seed}, {summary.rounds} rounds, "
      f"{summary.episodes:,} episodes, {summary.wall_seconds:.0f} s, ended by "
      f"{summary.stopped_by}",
      f"how strong: {_strength(summary)}",
      _best(summary),
      f"saved: {path}" + (
          f", without {', '.join(summary.missing)}" if summary.missing else ""),
      f"to go on: {command_line.invocation('train')} --resume "
      f"--output_dir={path}{larger}",
      f"to use it: {'; '.join(uses)}; in Python "
      f"ppsro.load({str(summary.path)!r})"])


def _strength(summary):
  """Returns in words how strong the policy is."""
  of_mixture = f"of the meta-strategy over {summary.policies} policies"
  if not math.isnan(summary.nash_conv):
    gap = ("" if summary.cce_gap is None
           else f", CCE gap {summary.cce_gap:.4g} of the joint distribution")
    return (f"NashConv {summary.nash_conv:.4g}, exploitability "
            f"{summary.exploitability:.4g}, exact, {of_mixture}{gap}" + (
                "" if summary.exploitability_least is None else
                f"; exploitability {summary.exploitability_least:.4g} of their "
                "least exploitable mixture")
            + f"; the answer is {summary.answer}")
  if summary.exploitability_low is not None:
    return (f"exploitability certainly from {summary.exploitability_low:.3g} "
            f"to {summary.exploitability_high:.3g}, of the meta-strategy after "
            f"round {summary.exploitability_round}" + (
                "" if summary.answer_high is None else
                f"; from {summary.answer_low:.3g} to "
                f"{summary.answer_high:.3g}, of the least exploitable mixture "
                f"that was measured; the answer is {summary.answer}"))
  if summary.nash_conv_lower_bound is None:
    return "not known, as nothing measured it"
  return (f"NashConv at least {summary.nash_conv_lower_bound:.3g} (standard "
          f"error {summary.lower_bound_standard_error:.2g}), by exploiters "
          f"that trained {summary.exploiter_steps:,} steps, {of_mixture}")


def _best(summary):
  """Returns in words how the best round and the last one compare."""
  if not summary.rounds:
    return "best and last: no round was finished; the policy is the initial one"
  if summary.best_nash_conv is None:
    return ("best and last: final_policy.npz has the last; which round was "
            "best is not known of a sampled game")
  return (f"best and last: NashConv {summary.best_nash_conv:.4g} of the "
          f"meta-strategy after round {summary.best_round} (best_policy.npz), "
          f"{summary.nash_conv:.4g} after round {summary.rounds} "
          "(final_policy.npz)")

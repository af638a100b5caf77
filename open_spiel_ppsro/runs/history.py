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

"""History: what happens to the population, for `history.jsonl`.

A line of JSON for each round in which something happened:

    round          its number, from 1
    opened         policies that trained for the first time, each as
                   [player, index, parent]; the parent may be null
    frozen         policies that froze, each as [player, index, payoff, gap]:
                   the payoff against its opponents, and what a best response
                   would gain over it, null of a sampled game; in game utility
    meta_strategy  that over frozen policies, or over all where none ever
                   freezes: {index: probability} per population

A line says only what is new. Whether it says something depends on the round
alone, so that a resumed run leaves the same lines.
"""

import json
import math
from typing import Any

# A probability below this is not worth its place in the file.
_DIGITS = 4


def line_of(solver, result) -> dict[str, Any] | None:
  """Returns what a round brought to the population; None if nothing.

  Args:
    solver: the `PipelinePSROSolver` after the round.
    result: its `RoundResult`.
  """
  line: dict[str, Any] = {}
  opened = [
      [*level.policy_id, solver.population[level.policy_id].parent]
      for level in result.levels
      if solver.population[level.policy_id].rounds == 1]
  if opened:
    line["opened"] = opened
  frozen = [
      [*level.policy_id, _number(level.payoff),
       # An exact response leaves nothing to gain but rounding errors.
       0.0 if level.is_exact else _number(solver.best_response_gap(level))]
      for level in result.levels if level.policy_id in result.frozen]
  if frozen:
    line["frozen"] = frozen
  # Exact payoffs of frozen policies stand still, and so does their solution.
  if frozen or not (solver.is_exact and solver.scheme.freezes):
    chosen = (solver.population.frozen_indices() if solver.scheme.freezes
              else [range(count) for count in solver.num_policies])
    line["meta_strategy"] = [
        {str(index): round(float(probability), _DIGITS)
         for index, probability in sorted(zip(indices, probabilities))
         if round(float(probability), _DIGITS) > 0}
        for indices, probabilities in zip(
            chosen, solver.get_meta_strategies())]
  return {"round": result.round, **line} if line else None


def encode(line: dict[str, Any]) -> str:
  """Returns a line of the file."""
  return json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n"


def decode(text: str) -> list[dict[str, Any]]:
  """Returns the lines of the file up to the first that is damaged."""
  found = []
  for line in text.splitlines():
    try:
      data = json.loads(line)
    except ValueError:
      break  # Half written.
    if not isinstance(data, dict) or not isinstance(data.get("round"), int):
      break
    found.append(data)
  return found


def first_rounds(text: str, num_rounds: int) -> str:
  """Returns the lines of the file that are of the first rounds."""
  return "".join(encode(line) for line in decode(text)
                 if line["round"] <= num_rounds)


def _number(value):
  return None if math.isnan(value) else float(f"{value:.6g}")

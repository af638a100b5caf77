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

"""Metrics: the columns of `metrics.csv` and `levels.csv`, as text and numbers.

All of them are numbers. Files of earlier versions are read, too: they had the
levels in a column of `metrics.csv`, and policies as text.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import csv
import io
import math

METRICS = {
    "round": "number of the round, from 1",
    "wall_seconds": "since the process started",
    "iterations": "policies frozen for every player, the initial one aside",
    "training_episodes": "episodes trained so far, by all policies; 0 where "
                         "batches are expectations",
    "evaluation_episodes": "episodes played so far to measure payoffs; 0 where "
                           "evaluation is exact",
    "episodes": "the sum of these two",
    "environment_steps": "decisions of all players in these episodes; an "
                         "expectation counts as one episode of random play",
    "nash_conv_frozen": "exact NashConv of the meta-strategy over frozen "
                        "policies; nan of a sampled game",
    "exploitability_frozen": "the same divided by the number of players",
    "nash_conv_all": "exact NashConv of the meta-strategy over all policies, "
                     "those in training included",
    "exploitability_all": "the same divided by the number of players",
    "exploitability_least": "exact exploitability (NashConv divided by the "
                            "number of players) of the mixture of frozen "
                            "policies that loses least; nan where there is "
                            "none: a sampled game, more than two players, "
                            "general-sum",
    "exploitability_least_bound": "no mixture of these policies has less",
    "exploitability_low": "of a sampled two-player game: the exploitability of "
                          "the meta-strategy over frozen policies is certainly "
                          "no less; nan in rounds that brought no measurement",
    "exploitability_high": "it is certainly no more",
    "exploitability_round": "the round whose meta-strategy was measured; it is "
                            "measured beside the run, so it is an earlier one",
    "answer_low": "of a sampled two-player zero-sum game: the exploitability "
                  "of the least exploitable mixture that has been measured is "
                  "certainly no less; nan in rounds that brought no "
                  "measurement",
    "answer_high": "it is certainly no more; it never rises",
    "cce_gap_frozen": "of --meta_strategy=cce, exact: the sum over players of "
                      "what the best deviation gains from the joint "
                      "distribution over frozen policies; nan of all others",
    "cce_gap_all": "the same over all policies",
    "regret_frozen": "what a policy of the meta-game gains over the "
                     "meta-strategy over frozen policies, the most of all "
                     "players: the error of its solver",
    "regret_all": "the same over all policies",
    "policies": "frozen policies of all players, initial ones included; all "
                "policies where none ever freezes",
    "training_seconds": "of this round, spent waiting for training",
    "evaluation_seconds": "of this round, spent on measuring payoffs",
    "round_seconds": "of this round, in all; most of the rest solves "
                     "meta-games",
    "staleness": "the most rounds ago that the opponents of a policy that "
                 "trained were drawn; 0 in lockstep",
}

# A row for every policy that trained in a round.
LEVELS = {
    "round": "number of the round, from 1",
    "player": "whose policy it is; 0 where one population plays all seats",
    "policy": "its number among the player's policies, in opening order",
    "steps": "decisions that it has trained so far",
    "mean_return": "of its training in this round, exploration and random "
                   "opponents included",
    "payoff": "of its new snapshot against its opponents of this round",
    "gain": "what that is more than its own side's meta-strategy earns against "
            "them",
    "settled": "1 if its opponents stood still in this round, or 0",
    "frozen": "1 if it froze in this round, or 0",
}


def write(columns: Iterable[str], rows: Iterable[dict]) -> str:
  """Returns rows as lines of text; what a row has not is nan."""
  text = io.StringIO()
  csv.DictWriter(text, list(columns), restval=math.nan,
                 lineterminator="\n").writerows(rows)
  return text.getvalue()


def header(columns: Iterable[str]) -> str:
  """Returns the first line of a file with these columns."""
  return ",".join(columns) + "\n"


def read(path, columns: Iterable[str], lines: Sequence[str]
         ) -> dict[str, list[float]]:
  """Returns `{column: list}` of the lines of a file.

  Columns that the file lacks, as one of an earlier version may, are nan.

  Args:
    path: of the file, for messages.
    columns: those of this version.
    lines: of the file, its header first.

  Raises:
    ValueError: if it has other columns, or is damaged.
  """
  first, *rows = csv.reader(lines) if lines else [[]]
  if not first or not set(columns) | {"levels"} >= set(first):
    raise ValueError(f"{path} has other columns than this version of "
                     "open_spiel_ppsro writes")
  found: dict[str, list[float]] = {name: [] for name in columns}
  for number, row in enumerate(rows, 2):
    try:
      for name, value in zip(first, row, strict=True):
        if name in found:
          found[name].append(_number(name, value))
    except ValueError as error:
      raise ValueError(f"line {number} of {path} is damaged: {error}"
                       ) from error
  for name in found.keys() - set(first):
    found[name] = [math.nan] * len(rows)
  return found


def of_this_version(lines: Sequence[str]) -> str:
  """Returns the lines of a `metrics.csv`, of an earlier version too, as text.

  Columns that it lacks are nan.
  """
  text = io.StringIO()
  writer = csv.DictWriter(text, list(METRICS), restval=math.nan,
                          extrasaction="ignore", lineterminator="\n")
  writer.writeheader()
  for row in csv.DictReader(lines):
    writer.writerow(row | {"policies": int(_number("policies",
                                                   row["policies"]))})
  return text.getvalue()


def levels_of_0_1(lines: Sequence[str]) -> list[dict]:
  """Returns the rows of `levels.csv` that an old `metrics.csv` has.

  Each policy was player/index/steps/mean return/settled or moving there.
  """
  rows = []
  for row in csv.DictReader(lines):
    for level in (row.get("levels") or "").split():
      player, policy, steps, mean_return, state = level.split("/")
      rows.append({
          "round": row["round"], "player": player, "policy": policy,
          "steps": steps, "mean_return": mean_return,
          "settled": int(state == "settled")})
  return rows


def _number(column, text):
  if column == "policies":  # A number per player in earlier versions.
    return float(sum(map(int, text.split("/"))))
  return float(text)

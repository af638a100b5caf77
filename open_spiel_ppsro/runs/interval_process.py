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

"""Interval process: bounds exploitability beside a run, a policy at a time.

A run starts it as `python -m open_spiel_ppsro.runs.interval_process`. It reads
requests from standard input, a line of JSON each, and answers each with a line
on standard output, until its input ends, as it does when the run ends or dies.

    {"imports": ["my_games"]}                       first of all, no answer
    {"prepare": "phantom_ttt"}                      no answer: it compiles
    {"policy": "/path/of/policy.npz", "seconds": 2} then
    {"low": 0.01, "high": 0.03, "seconds": 1.9,
     "best_responses": [[0.2, 0.22], [-0.18, -0.16]]}     is the answer
    {"error": "one line"}                           or this
    {"search": "/path/of/policy.npz", "seconds": 2} looks for better weights of
    {"found": [{"weights": [0.9, 0.1],              the members of each player,
                "bounds": [0.2, 0.21]}, null]}      or null
"""

import importlib
import json
import os
import sys

import numpy as np

from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import least_mixture
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import storage

# It gives way to what trains.
_NICENESS = 10


def main() -> None:
  os.nice(_NICENESS)
  answers = sys.stdout
  sys.stdout = sys.stderr  # For whatever an imported module prints.
  for line in sys.stdin:
    try:
      answer = _answer(json.loads(line))
    except Exception as error:  # The run goes on without intervals.
      answer = {"error": " ".join(
          f"{type(error).__name__}: {error}".split())}
    if answer is not None:
      print(json.dumps(answer), file=answers, flush=True)


def _answer(request):
  """Returns the answer to a request, or None if it takes none."""
  if "imports" in request:
    for name in request["imports"]:
      importlib.import_module(name)
    return None
  if "prepare" in request:
    game = loading.load_game(request["prepare"])
    if interval.has_fast_walk(game):
      interval.make_walk(game, seat_policy.seat_policies(
          game, [sampled.UniformPolicy()] * 2))
    return None
  if "search" in request:
    policy = storage.read_policy(request["search"])
    return {"found": [_search(policy, player, request["seconds"] / 2)
                      for player in range(2)]}
  policy = storage.read_policy(request["policy"])
  found = interval.exploitability_interval(
      policy.state_game, policy, seconds=request["seconds"])
  return {"low": found.low, "high": found.high, "seconds": found.seconds,
          "best_responses": found.best_responses}


def _search(policy, player, seconds):
  """Returns the weights of a player's members that lose least, or None."""
  try:
    found = least_mixture.least_mixture(
        policy.state_game, policy.policies, player, seconds,
        np.array(policy.probabilities[player]))
  except ValueError:  # There is no walk for this game.
    found = None
  return None if found is None else {"weights": found.weights.tolist(),
                                     "bounds": found.bounds}


if __name__ == "__main__":
  main()

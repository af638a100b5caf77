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

"""Policies on disk: the result of a run, in one file without pickles."""

from collections.abc import Mapping
from collections.abc import Sequence
import os
import pathlib
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel

from open_spiel_ppsro import plain_data
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import agent  # noqa: F401  Defines AgentPolicy.
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

# The name of the file in a run directory.
POLICY_FILE = "final_policy.npz"


def write_policy(path: str | os.PathLike,
                 policy: (openspiel_policy.Policy
                          | Mapping[str, openspiel_policy.Policy]),
                 answer: str | None = None) -> None:
  """Writes a policy that plays every seat, whole or not at all.

  Args:
    path: a run directory, which gets a `final_policy.npz`, or the file itself.
    policy: a `BestResponsePolicy` of all seats or a `MixturePolicy`, such as
      `solver.final_policy()`; or several of them by name, the answers of a run.
    answer: the name of the one to read by default.

  Raises:
    OSError: if the file cannot be written.
    ValueError: if the policy is neither of these, or has no such name.
  """
  if not isinstance(policy, Mapping):
    plain_data.write(_file(path), _to_data(policy))
    return
  if answer not in policy:
    raise ValueError(f"answer is {answer!r}; it takes one of "
                     f"{', '.join(policy)}")
  plain_data.write(_file(path), {
      "answer": answer,
      "answers": {name: _to_data(one) for name, one in policy.items()}})


def _to_data(policy) -> dict[str, Any]:
  if isinstance(policy, sampled.MixturePolicy):
    return {
        "game": str(policy.game),
        "plays_all_seats": policy.state_game.plays_all_seats,
        "probabilities": [np.asarray(weights, float)
                          for weights in policy.probabilities],
        "policies": [[policy_lib.to_data(member) for member in chosen]
                     for chosen in policy.policies]}
  if isinstance(policy, tabular.BestResponsePolicy) and (
      len(policy.player_ids) == policy.game.num_players()):
    return {
        "game": str(policy.game),
        "infostates": [list(policy.infostates(player).names)
                       for player in policy.player_ids],
        "tables": [policy.table(player) for player in policy.player_ids]}
  raise ValueError(
      f"write_policy got a {type(policy).__name__}; it takes a policy of all "
      "seats, such as solver.final_policy()")


def read_policy(path: str | os.PathLike,
                answer: str | None = None) -> openspiel_policy.Policy:
  """Returns the policy that `write_policy` wrote, as an OpenSpiel policy.

  The policy plays every seat. The policy of a simultaneous game is for its
  turn-based form, in which the game was solved.

  Args:
    path: a run directory, or the file itself.
    answer: `meta_nash` or `least_exploitable`, of a run that has both; by
      default the one that the run was told to answer with.

  Returns:
    An OpenSpiel `TabularPolicy` of an enumerated game, or a
    `BestResponsePolicy` where OpenSpiel's table has other keys than information
    states; a `MixturePolicy` of a sampled game.

  Raises:
    ValueError: if there is no policy or no such answer, or if it cannot be
      read; the message says why.
  """
  file = _file(path)
  if not file.exists():
    raise ValueError(f"there is no policy in {file.parent}: {file.name} is "
                     "missing; the run has not ended, or this is no run "
                     "directory")
  data = _read_0_1(file) or plain_data.read(file)
  answers = data.get("answers", {})
  if answer is not None and answer not in answers:
    raise ValueError(f"{file} has no answer {answer!r}; it has "
                     f"{', '.join(answers) or 'a single policy'}")
  if answers:
    data = answers[answer or data["answer"]]
  try:
    if "tables" in data:
      return _tabular_policy(data)
    return _mixture_policy(data)
  except KeyError as error:
    raise ValueError(f"{file} holds no policy: {error} is missing") from error


def write_networks(path: str | os.PathLike, game: state_game.StateGame,
                   mixtures: Sequence[Any]) -> None:
  """Writes a `Mixture` per player of a `StateGame` as a `MixturePolicy`."""
  write_policy(path, sampled.MixturePolicy(
      game,
      [[snapshot.policy for snapshot in mixture.snapshots]
       for mixture in mixtures],
      [mixture.probabilities for mixture in mixtures]))


# Version 0.1 had this name for sampled games.
read_networks = read_policy


def _file(path):
  path = pathlib.Path(path)
  return path / POLICY_FILE if path.is_dir() else path


def _tabular_policy(data):
  game = pyspiel.load_game(data["game"])
  result = openspiel_policy.TabularPolicy(game)
  if not all(name in result.state_lookup for names in data["infostates"]
             for name in names):
    # OpenSpiel's table of some games, such as repeated ones, has other keys.
    tree = game_tree.enumerate_game(game)
    return tabular.BestResponsePolicy(game, {
        player: (infostates, table[[names.index(n) for n in infostates.names]])
        for player, (infostates, names, table) in enumerate(zip(
            tree.infostates, data["infostates"], data["tables"]))}, frozen=True)
  for names, table in zip(data["infostates"], data["tables"]):
    for name, probabilities in zip(names, table):
      result.policy_for_key(name)[:] = probabilities
  return result


def _mixture_policy(data):
  game = state_game.state_game(pyspiel.load_game(data["game"]))
  if data["plays_all_seats"]:
    game = seat_symmetry.symmetrise(game)
  return sampled.MixturePolicy(
      game, [[policy_lib.from_data(member) for member in chosen]
             for chosen in data["policies"]], data["probabilities"])


def _read_0_1(path):
  """Returns the data of a file that version 0.1 wrote; None for any other."""
  try:
    with np.load(path, allow_pickle=False) as file:
      if "game" not in file:
        return None
      arrays = {name: file[name] for name in file.files}
  except Exception:  # `plain_data.read` then says why the file is unreadable.
    return None
  players = [name for name in sorted(arrays)
             if name.startswith("probabilities_")]
  data = {"game": str(arrays["game"])}
  if "plays_all_seats" not in arrays:
    return {**data,
            "infostates": [[str(name) for name in arrays[f"infostates_{p}"]]
                           for p in range(len(players))],
            "tables": [arrays[f"probabilities_{p}"]
                       for p in range(len(players))]}
  num_actions = pyspiel.load_game(data["game"]).num_distinct_actions()
  policies = []
  for p in range(len(players)):
    policies.append([])
    for k in range(len(arrays[f"probabilities_{p}"])):
      member = sampled.UniformPolicy()
      if f"parameters_{p}_{k}" in arrays:
        member = networks.NetworkPolicy(
            tuple(arrays[f"sizes_{p}_{k}"].tolist()),
            arrays[f"parameters_{p}_{k}"], num_actions,
            float(arrays[f"temperature_{p}_{k}"]),
            arrays.get(f"context_{p}_{k}"))
      policies[-1].append(policy_lib.to_data(member))
  return {**data, "plays_all_seats": bool(arrays["plays_all_seats"]),
          "probabilities": [arrays[f"probabilities_{p}"]
                            for p in range(len(players))],
          "policies": policies}

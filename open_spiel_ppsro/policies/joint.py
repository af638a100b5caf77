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

"""JointPolicy: what a correlated run has found, and how it goes to disk."""

import dataclasses
import os
import pathlib
import sys
from typing import Any
from typing import Sequence

import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel

from open_spiel_ppsro import plain_data
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

JOINT_FILE = "final_joint.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class JointPolicy:
  """A distribution over profiles of policies; one is drawn per episode.

  Who follows it is told its policy of the profile, as if by a mediator.

  Attributes:
    game: what the policies were trained on, a `GameTree` or a `StateGame`.
    policies: per player, K_p OpenSpiel policies that play its seat.
    probabilities: float `[K_0, ..., K_{n-1}]`, those of the profiles.
  """
  game: game_lib.Game
  policies: Sequence[Sequence[openspiel_policy.Policy]]
  probabilities: np.ndarray

  def __post_init__(self) -> None:
    sizes = tuple(map(len, self.policies))
    if np.shape(self.probabilities) != sizes:
      raise ValueError(
          f"probabilities has the shape {np.shape(self.probabilities)}; with "
          f"so many policies per player it takes {sizes}")

  def sample(self, rng: np.random.Generator) -> list[openspiel_policy.Policy]:
    """Returns a profile, a policy per player, drawn by its probability."""
    profile = np.unravel_index(
        rng.choice(self.probabilities.size, p=self.probabilities.ravel()),
        self.probabilities.shape)
    return [policies[int(index)]
            for policies, index in zip(self.policies, profile)]

  def support(self) -> "JointPolicy":
    """Returns the same without the policies that are never played."""
    players = range(len(self.policies))
    kept = [np.flatnonzero(self.probabilities.sum(
        axis=tuple(p for p in players if p != player))) for player in players]
    return JointPolicy(
        self.game,
        [[policies[index] for index in chosen.tolist()]
         for policies, chosen in zip(self.policies, kept)],
        self.probabilities[np.ix_(*kept)])


def write_joint(path: str | os.PathLike, joint: JointPolicy) -> None:
  """Writes the support of a joint policy, whole or not at all.

  Args:
    path: a run directory, which gets a `final_joint.npz`, or the file itself.
    joint: its policies are those of `solver.get_policies()`.

  Raises:
    OSError: if it cannot be written.
  """
  joint = joint.support()
  game, original = joint.game, joint.game.original
  data: dict[str, Any] = {"game": str(original.game),
                          "probabilities": joint.probabilities}
  if isinstance(original, game_tree.GameTree):
    data["infostates"] = [list(infostates.names)
                          for infostates in original.infostates]
    data["tables"] = [
        np.stack([policy.table(player) for policy in policies])
        for player, policies in enumerate(joint.policies)]
  else:
    data["has_drawn_seats"] = game.has_drawn_seats
    data["policies"] = [
        [policy_lib.to_data(policy.function) for policy in policies]
        for policies in joint.policies]
  plain_data.write(_file(path), data)


def read_joint(path: str | os.PathLike) -> JointPolicy:
  """Returns what `write_joint` wrote.

  Args:
    path: a run directory, or the file itself.

  Raises:
    ValueError: if there is none, or it cannot be read; says why.
  """
  file = _file(path)
  if not file.exists():
    raise ValueError(
        f"there is no joint policy in {file.parent}: {file.name} is missing; "
        "the run has not ended, or its players draw independently")
  data = plain_data.read(file)
  try:
    read = _read_tables if "tables" in data else _read_functions
    game, policies = read(pyspiel.load_game(data["game"]), data)
    return JointPolicy(game, policies, data["probabilities"])
  except KeyError as error:
    raise ValueError(f"{file} holds no joint policy: {error} is missing"
                     ) from error


def _file(path):
  path = pathlib.Path(path)
  return path / JOINT_FILE if path.is_dir() else path


def _read_tables(game, data):
  game = game_tree.enumerate_game(game, max_histories=sys.maxsize)
  policies = []
  for player, (names, tables) in enumerate(zip(data["infostates"],
                                               data["tables"])):
    infostates = game.infostates[player]
    rows = [infostates.rows[name] for name in names]
    policies.append([])
    for found in tables:
      table = np.empty_like(found)
      table[rows] = found
      policies[-1].append(tabular.BestResponsePolicy(
          game.game, {player: (infostates, table)}, frozen=True))
  return game, policies


def _read_functions(game, data):
  game = state_game.state_game(game)
  if data["has_drawn_seats"]:
    game = seat_symmetry.symmetrise(game)
  return game, [
      [sampled.SampledPolicy(game, [player], policy_lib.from_data(function))
       for function in functions]
      for player, functions in enumerate(data["policies"])]

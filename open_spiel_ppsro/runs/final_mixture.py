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

"""FinalMixture: the members of what a run has found, and how they go to disk.

A run may find several mixtures over its policies; each has a name.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import os
import pathlib
import sys
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import schemes
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import agent  # noqa: F401  Defines AgentPolicy.
from open_spiel_ppsro.policies import member_mixture
from open_spiel_ppsro.policies import networks  # noqa: F401  As well.
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

# The mixture that every run finds: the solution of the meta-game.
META_NASH = "meta_nash"
# The one that is hardest to exploit, of runs that look for it.
LEAST_EXPLOITABLE = "least_exploitable"


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
  """A mixture, without the policies that it never plays.

  Attributes:
    indices: per player, the numbers of M_p policies in their population.
    probabilities: per player, float `[M_p]`.
    joint: `[M_0, ..., M_{n-1}]`, the distribution over profiles, if the
      players do not draw independently.
    parts: per player `[M_p]`, which member of a `MixedPolicy` is meant, if not
      policies but their members have probabilities.
  """
  indices: Sequence[Sequence[int]]
  probabilities: Sequence[np.ndarray]
  joint: np.ndarray | None = None
  parts: Sequence[Sequence[int]] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class FinalMixture:
  """What a run has found: policies, mixtures over them, and their payoffs.

  Attributes:
    game: the turn-based game, as its string.
    is_enumerated: whether the policies are tables.
    has_drawn_seats: whether the seats were drawn at random.
    meta_game_indices: per player, the numbers of the K_p policies that the
      meta-game ranges over, in the order in which they froze.
    payoffs: `[n, K_0, ..., K_{n-1}]`, in game utility.
    weights: the mixtures by name.
    answer: the name of the one that the run answers with.
    members: per player, or once for all, the policies that some mixture plays,
      by their number.
    infostates: of an enumerated game, per player, the names of the rows of its
      tables.
  """
  game: str
  is_enumerated: bool
  has_drawn_seats: bool
  meta_game_indices: Sequence[Sequence[int]]
  payoffs: np.ndarray
  weights: Mapping[str, Weights]
  answer: str
  members: Sequence[Mapping[int, policy_lib.Policy]]
  infostates: Sequence[Sequence[str]] | None = None

  def open_game(self, game: pyspiel.Game | game_lib.Game | None = None
                ) -> game_lib.Game:
    """Returns the game: enumerated, or as it was sampled.

    Args:
      game: the game, of one that no string tells, such as a matrix.
    """
    if isinstance(game, game_lib.Game) and (
        game.is_enumerated == self.is_enumerated):
      return game.original if self.is_enumerated else game
    if isinstance(game, game_lib.Game):
      game = game.original.game
    if game is None:
      game = loading.load_game(self.game)
    if self.is_enumerated:
      return game_tree.enumerate_game(game, max_histories=sys.maxsize)
    opened = state_game.state_game(game)
    return seat_symmetry.symmetrise(opened) if self.has_drawn_seats else opened

  def mixture(self, name: str, game: game_lib.Game
              ) -> member_mixture.MemberMixture:
    """Returns one of the mixtures.

    Args:
      name: of the mixture.
      game: from `open_game`.

    Raises:
      ValueError: if there is none of that name; says which there are.
    """
    if name not in self.weights:
      raise ValueError(f"there is no mixture {name!r} here; there is "
                       f"{', '.join(self.weights)}")
    weights = self.weights[name]
    members = []
    for player, indices in enumerate(weights.indices):
      found = self.members[player if len(self.members) > 1 else 0]
      members.append([found[index] for index in indices])
      if weights.parts is not None:
        members[-1] = [sampled.members(member)[0][part] for member, part
                       in zip(members[-1], weights.parts[player])]
      if self.infostates is not None:
        assert isinstance(game, game_tree.GameTree)
        rows = [game.infostates[player].rows[name]
                for name in self.infostates[player]]
        members[-1] = [_with_rows(member, rows) for member in members[-1]]
    return member_mixture.MemberMixture(
        game, weights.indices, members, weights.probabilities, weights.joint)

  def meta_strategies(self, name: str) -> list[np.ndarray]:
    """Returns per player `[K_p]`, a mixture over the meta-game's policies.

    With `parts` a policy has what its members have together.
    """
    found = []
    weights = self.weights[name]
    for player, indices in enumerate(self.meta_game_indices):
      numbers = np.array(weights.indices[player])
      found.append(np.array([
          weights.probabilities[player][numbers == index].sum()
          for index in indices]))
    return found


def _with_rows(member, rows):
  """Returns a table whose row k has gone to `rows[k]`."""
  table = np.empty_like(member.table)
  table[rows] = member.table
  return tabular.TablePolicy(table)


def of_solver(solver: Any) -> FinalMixture:
  """Returns what a `PipelinePSROSolver` has found."""
  game = solver.played_game
  found = {answer: solver.final_strategy(answer) for answer in solver.answers}

  def policy_of(role, index):
    return solver.population[
        population_lib.PolicyId(role, index)].snapshot.policy

  weights = {
      name: _weights(game.roles, strategy.indices, strategy.probabilities,
                     strategy.joint) for name, strategy in found.items()}
  if solver.certified is not None:
    weights[LEAST_EXPLOITABLE] = _weights_of_parts(
        game.roles, found[LEAST_EXPLOITABLE].indices, solver.certified,
        policy_of)
  snapshots: list[dict[int, policy_lib.Policy]] = [
      {index: policy_of(role, index)
       for index in sorted(set().union(*(
           mixture.indices[player] for mixture in weights.values())))}
      for player, role in enumerate(game.roles)]
  # A round that was broken off may have frozen some more.
  indices = [
      list(solver.population.frozen_indices()[role][:solver.num_policies[role]]
           if solver.scheme.freezes else range(solver.num_policies[role]))
      for role in game.roles]
  return _final_mixture(str(solver.original_game.game), game, indices,
                        np.stack(solver.get_meta_game()), weights,
                        solver.answer, snapshots)


def _final_mixture(name, game, indices, payoffs, weights, answer, snapshots):
  """Returns a `FinalMixture` of policies of the game as it was played."""
  if not game.is_enumerated:
    if game.num_populations == 1:
      snapshots = [{index: policy for found in snapshots
                    for index, policy in found.items()}]
    return FinalMixture(name, False, game.has_drawn_seats, indices, payoffs,
                        weights, answer, snapshots)
  if game.has_drawn_seats:
    snapshots = [
        {index: tabular.TablePolicy(policy.table[rows])
         for index, policy in found.items()}
        for found, rows in zip(snapshots, game.seat_rows)]
  return FinalMixture(
      name, True, game.has_drawn_seats, indices, payoffs, weights, answer,
      snapshots, [infostates.names for infostates in game.original.infostates])


def of_checkpoint(checkpoint: dict[str, Any], answer: str | None = None,
                  game: pyspiel.Game | game_lib.Game | None = None
                  ) -> FinalMixture:
  """Returns what a run had found at a checkpoint, of version 0.1 too.

  Args:
    checkpoint: from `run_directory.read_checkpoint`.
    answer: the name of the mixture that the run answers with; the least
      exploitable one by default, if there is one.
    game: the game, of one that no string tells.

  Raises:
    ValueError: if it is not known there.
  """
  try:
    state = checkpoint["solver"]
    settings, population = state["settings"], state["population"]
    is_enumerated = settings["evaluation"] == "exact"
    drawn = settings["seat_symmetric"]
    if not isinstance(game, game_lib.Game):
      game = loading.load_game(settings["game"]) if game is None else game
      game = (game_tree.enumerate_game(game, max_histories=sys.maxsize)
              if is_enumerated else state_game.state_game(game))
    if drawn:
      game = seat_symmetry.symmetrise(game)
    indices = population["frozen"]
    if not _freezes(settings["scheme"]):
      indices = [list(range(len(members)))
                 for members in population["members"]]

    def policy_of(role, index):
      return _policy(population["members"][role][index]["snapshot"][1])

    found = [solution for chosen, _, solution
             in state["meta_strategies"]["solved"]
             if [list(c) for c in chosen] == [list(i) for i in indices]]
    if not found:
      raise ValueError("the checkpoint does not know what the run had found")
    solution, least = found[-1], state.get("least_exploitable")
    weights = {META_NASH: _weights(
        game.roles, indices, solution["probabilities"], solution["joint"])}
    if least is not None:
      weights[LEAST_EXPLOITABLE] = _weights(
          game.roles, indices, least["weights"])
    elif state.get("certified_parts") is not None:
      weights[LEAST_EXPLOITABLE] = _weights_of_parts(
          game.roles, indices, state["certified_parts"], policy_of)
    answer = state.get("answer", answer)
    if answer not in weights:
      answer = list(weights)[-1]
    snapshots = [
        {index: policy_of(role, index)
         for index in sorted(set().union(*(
             mixture.indices[player] for mixture in weights.values())))}
        for player, role in enumerate(game.roles)]
    chosen = [indices[role] for role in game.roles]
    cells: Any = (slice(None), *np.ix_(*chosen))
    return _final_mixture(settings["game"], game, chosen,
                          state["payoffs"][cells], weights, answer,
                          snapshots)
  except (KeyError, TypeError) as error:
    raise ValueError(f"the checkpoint is not one of a run: {error} is missing"
                     ) from error


def _weights(roles, indices, probabilities, joint=None):
  """Returns the `Weights` of a mixture over policies of each population.

  Args:
    roles: for each player, the population of its policies.
    indices: per population, the numbers of its policies.
    probabilities: per population, theirs.
    joint: the distribution over profiles, if there is one.
  """
  support = [np.flatnonzero(marginal) for marginal in probabilities]
  return Weights(
      [[indices[role][k] for k in support[role]] for role in roles],
      [np.asarray(probabilities[role], float)[support[role]]
       for role in roles],
      None if joint is None else joint[np.ix_(*support)])


def _weights_of_parts(roles, indices, probabilities, policy_of):
  """Returns the `Weights` of a mixture over the members of policies.

  Args:
    roles: as of `_weights`.
    indices: as there.
    probabilities: per population, of the members of all its policies, of which
      the last may be missing.
    policy_of: from a population and a number to a policy.
  """
  numbers, parts, chosen = [], [], []
  for role, weights in enumerate(probabilities):
    _, owners, _ = sampled.parts(
        [policy_of(role, index) for index in indices[role]])
    support = np.flatnonzero(weights)
    first = np.searchsorted(owners, owners)  # Of the same policy.
    numbers.append([indices[role][owners[k]] for k in support])
    parts.append([int(k - first[k]) for k in support])
    chosen.append(np.asarray(weights, float)[support])
  return Weights([numbers[role] for role in roles],
                 [chosen[role] for role in roles],
                 parts=[parts[role] for role in roles])


def _freezes(name):
  """Returns whether policies of a scheme, by the name of its class, freeze."""
  return all(scheme.freezes for scheme in schemes.SCHEMES.values()
             if scheme.__name__ == name)


def _policy(data):
  """Returns a policy of its data in a checkpoint."""
  if data is None:  # Version 0.1 did not save the initial policy.
    return sampled.UniformPolicy()
  if isinstance(data, np.ndarray):
    return tabular.TablePolicy(data)
  return policy_lib.from_data({"class": "NetworkPolicy", **data})


def write(path: str | os.PathLike, found: FinalMixture) -> None:
  """Writes a final mixture, whole or not at all.

  Raises:
    OSError: if it cannot be written.
  """
  plain_data.write(path, {
      "game": found.game,
      "is_enumerated": found.is_enumerated,
      "has_drawn_seats": found.has_drawn_seats,
      "meta_game_indices": found.meta_game_indices,
      "payoffs": found.payoffs,
      "mixtures": {name: {
          "indices": weights.indices, "probabilities": weights.probabilities,
          "joint": weights.joint, "parts": weights.parts}
                   for name, weights in found.weights.items()},
      "answer": found.answer,
      "members": [{str(index): policy_lib.to_data(policy)
                   for index, policy in members.items()}
                  for members in found.members],
      "infostates": found.infostates})


def read(path: str | os.PathLike) -> FinalMixture:
  """Returns what `write` wrote.

  Raises:
    ValueError: if it cannot be read; says why.
    OSError: if there is no such file.
  """
  path = pathlib.Path(path)
  data = plain_data.read(path)
  try:
    return FinalMixture(
        data["game"], data["is_enumerated"], data["has_drawn_seats"],
        data["meta_game_indices"], data["payoffs"],
        {name: Weights(**weights)
         for name, weights in data["mixtures"].items()},
        data["answer"],
        [{int(index): policy_lib.from_data(policy)
          for index, policy in members.items()}
         for members in data["members"]],
        data["infostates"])
  except (KeyError, TypeError) as error:
    raise ValueError(f"{path} holds no mixture: {error} is missing"
                     ) from error

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

"""Requests of plain psro_v2, read as opponents to train against."""

from collections.abc import Callable
from typing import Any

import numpy as np

from open_spiel_ppsro import population
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.policies import tabular


def check_request(played_game: game_lib.Game, game: Any,
                  training_parameters: list[list[dict[str, Any]]]) -> None:
  """Raises ValueError unless an oracle can serve a psro_v2 solver.

  Args:
    played_game: the `Game` of the oracle.
    game: the pyspiel game of the solver.
    training_parameters: the solver's requests, see `read_requests`.
  """
  if len(training_parameters) != played_game.num_players or (
      played_game.num_populations == 1):
    raise ValueError("psro_v2's symmetric_game=True trains one seat alone, "
                     "which is wrong for games whose seats differ: use "
                     "symmetric_game=False, or PipelinePSROSolver with a "
                     "seat-symmetric oracle")
  if game.num_players() != played_game.num_players or str(game) != str(
      played_game.game):
    raise ValueError(
        f"the oracle is for {played_game.game}, the solver asks for {game}; "
        "give both the same turn-based game")


def read_requests(
    training_parameters: list[list[dict[str, Any]]],
    as_population_policy: Callable[[Any, int], Any],
) -> list[tuple[int, Any]]:
  """Returns the best responses that psro_v2 asks for.

  Args:
    training_parameters: per player, a list of dicts with `total_policies` and
      `probabilities_of_playing_policies`, marginal or joint.
    as_population_policy: a function from an OpenSpiel policy and its player to
      the policy in the form that populations keep.

  Returns:
    For each dict the player that is to respond, and its opponents: a `Mixture`
    per player, or a `JointMixture` where their probabilities are joint.
  """
  snapshots: dict[tuple[int, int], population.Snapshot] = {}

  def mixture(player, policies, probabilities):
    support = np.flatnonzero(probabilities)
    for index in support:
      key = player, id(policies[index])
      if key not in snapshots:
        snapshots[key] = population.Snapshot(
            population.PolicyId(player, int(index)), 0, tabular.as_policy(
                as_population_policy(policies[index], player)))
    return population.Mixture(
        tuple(snapshots[player, id(policies[index])] for index in support),
        probabilities[support])

  found = []
  for player, parameters in enumerate(training_parameters):
    for parameter in parameters:
      total_policies = parameter["total_policies"]
      marginals, joint = _marginals_and_joint(
          parameter["probabilities_of_playing_policies"],
          [len(policies) for policies in total_policies])
      opponents: Any = tuple(
          mixture(opponent, policies, marginals[opponent])
          for opponent, policies in enumerate(total_policies))
      if joint is not None:
        # A mixture has only the policies of its support, so their positions in
        # it count.
        positions = [np.cumsum(marginal != 0) - 1 for marginal in marginals]
        profiles = np.argwhere(joint)
        opponents = population.JointMixture(
            opponents,
            np.stack([own[profiles[:, p]] for p, own in enumerate(positions)],
                     axis=1),
            joint[joint != 0])
      found.append((player, opponents))
  return found


def _marginals_and_joint(probabilities, sizes):
  """Returns psro_v2's probabilities, marginal or joint, in both forms.

  Returns:
    One array per player, and the joint distribution `[K_0, ..., K_{n-1}]`. The
    latter is None if psro_v2 gave marginals, or if there are two players: a
    single opponent is described by its marginal.
  """
  if isinstance(probabilities, (list, tuple)) and len(probabilities) == len(
      sizes) and all(np.shape(p) == (k,) for p, k in zip(probabilities, sizes)):
    return [np.asarray(p, float) for p in probabilities], None
  joint = np.asarray(probabilities, float).reshape(sizes)
  marginals = [
      joint.sum(axis=tuple(a for a in range(len(sizes)) if a != p))
      for p in range(len(sizes))]
  return marginals, joint if len(sizes) > 2 else None

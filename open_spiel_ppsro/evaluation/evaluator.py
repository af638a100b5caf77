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

"""Evaluator: what measures the payoffs of policy profiles, and NashConv."""

import dataclasses

import numpy as np

from open_spiel_ppsro import population as population_lib


@dataclasses.dataclass(frozen=True)
class Exploitability:
  """How far a policy profile is from equilibrium, in game utility.

  Attributes:
    nash_conv: the sum over players of their best-response gains; exact, and
      NaN where it is not known.
    exploitability: NashConv divided by the number of players.
    cce_gap: of a joint distribution over profiles, the sum over players of
      what the best deviation gains, by a player that leaves before it is told
      its policy; None where all play independently, or where it is not known.
      NashConv is then that of the marginals, each played independently.
  """
  nash_conv: float
  exploitability: float
  cce_gap: float | None = None


def joint_mixture(indices, joint, population):
  """Returns a `JointMixture` of snapshots.

  Args:
    indices: per player, each with a population of its own, policy indices.
    joint: `[K_0, ..., K_{n-1}]`, how likely each profile of them is.
    population: the `Population`.
  """
  profiles = np.argwhere(joint > 0)
  probabilities = joint[joint > 0] / joint.sum()
  marginals = []
  for player, chosen in enumerate(indices):
    used, profiles[:, player] = np.unique(profiles[:, player],
                                          return_inverse=True)
    marginals.append(population_lib.Mixture(
        tuple(population[population_lib.PolicyId(player, chosen[k])].snapshot
              for k in used),
        np.bincount(profiles[:, player], probabilities)))
  return population_lib.JointMixture(tuple(marginals), profiles, probabilities)


def mixtures(roles, indices, probabilities, population):
  """Returns a `Mixture` of snapshots per player; no zero probabilities."""
  per_population = [
      population_lib.Mixture(
          tuple(population[population_lib.PolicyId(p, chosen[k])].snapshot
                for k in np.flatnonzero(weights)),
          weights[np.flatnonzero(weights)])
      for p, (chosen, weights) in enumerate(zip(indices, probabilities))]
  return tuple(per_population[role] for role in roles)

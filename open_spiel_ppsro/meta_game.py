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

"""MetaGame: the payoffs of all policy profiles measured so far.

The empirical game of PSRO (Lanctot et al. 2017): player `p` chooses one of its
`K_p` policies; cell `[k_0, ..., k_{n-1}]` holds the expected return of each
player, in game utility.
"""

import numpy as np


class MetaGame:
  """A payoff tensor per player that grows with the population."""

  def __init__(self, num_players):
    self._payoffs = np.zeros((num_players,) + (0,) * num_players)

  @property
  def payoffs(self):
    """The tensor `[n, K_0, ..., K_{n-1}]`, NaN where a cell is missing."""
    return self._payoffs

  def grow(self, sizes):
    """Makes room for `sizes[p]` policies of each player, missing at first."""
    grown = np.full((len(sizes),) + tuple(sizes), np.nan)
    grown[tuple(slice(k) for k in self._payoffs.shape)] = self._payoffs
    self._payoffs = grown

  def fill(self, indices, payoffs):
    """Sets the cells of the product of `indices`, one sequence per player.

    Args:
      indices: per player, policy indices.
      payoffs: `[n, len(indices[0]), ...]`.
    """
    for player, tensor in enumerate(payoffs):
      self._payoffs[player][np.ix_(*indices)] = tensor

  def expected_return(self, policy_id, indices, probabilities):
    """Returns what a policy expects against mixtures of the other players.

    Args:
      policy_id: `(player, index)`.
      indices: per player, the policies that the mixture ranges over.
      probabilities: per player, a probability for each; those of the own
        player are not read.
    """
    player, index = policy_id
    chosen = list(indices)
    chosen[player] = [index]
    values = self._payoffs[player][np.ix_(*chosen)]
    for other in reversed(range(len(chosen))):
      weights = np.ones(1) if other == player else probabilities[other]
      values = values @ weights
    return float(values)

  def sub_game(self, indices, options=None):
    """Returns the `SubGame` of the given policies per player."""
    return SubGame([tensor[np.ix_(*indices)] for tensor in self._payoffs],
                   options)


class SubGame:
  """Some policies of each player; what psro_v2 meta-strategies ask a solver.

  Any psro_v2 meta-strategy callable `(solver, return_joint=False)` accepts it
  as the solver.
  """

  symmetric_game = False

  def __init__(self, payoffs, options=None):
    """Makes a sub-game.

    Args:
      payoffs: per player, a tensor `[k_0, ..., k_{n-1}]`.
      options: keyword arguments for the meta-strategy.
    """
    self._payoffs = [np.asarray(tensor, float) for tensor in payoffs]
    self._options = dict(options or {})
    if any(np.isnan(tensor).any() for tensor in self._payoffs):
      raise ValueError("the sub-game has unmeasured payoffs")

  def get_meta_game(self):
    return self._payoffs

  def get_policies(self):
    return [list(range(count)) for count in self._payoffs[0].shape]

  def get_kwargs(self):
    return self._options

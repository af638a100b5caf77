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

"""SmallGame: mixtures that lose least, where a game can be enumerated.

A game of few histories may be sampled because somebody says so. It is
enumerated once here, and then the exact core weighs policies in milliseconds,
where every walk on states would make each of them anew.
"""

from collections.abc import Sequence
import functools
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import sequence_form

# Games of more histories are walked. To enumerate liar's dice, which has
# 295,000, takes 1.3 s on a fast machine, and to weigh 32 policies of a player
# there 1 s.
_MOST_HISTORIES = 400_000
# The search stops so near to the best weights, as a share of exploitability.
_RELATIVE_GAP = 1e-6


def has_few_histories(game: pyspiel.Game) -> bool:
  """Returns whether a game is small enough to be enumerated, by an estimate."""
  return game_tree.estimated_histories(
      game, _MOST_HISTORIES) <= _MOST_HISTORIES


@functools.lru_cache(maxsize=1)
def small_tree(name: str) -> game_tree.GameTree | None:
  """Returns the `GameTree` of a small game, or None of any other.

  Args:
    name: the game string.
  """
  game = loading.load_game(name)
  if not (game.get_type().provides_information_state_tensor
          and has_few_histories(game)):
    return None
  try:
    tree = game_tree.enumerate_game(game, _MOST_HISTORIES)
  except ValueError:
    return None
  # A tree tells information states by their strings, and a walk by tensors.
  if any(len(np.unique(seen.observations, axis=0)) < len(seen)
         for seen in tree.infostates):
    return None
  return tree


def least_weights(tree: game_tree.GameTree, game: Any, members: Sequence[Any],
                  shares: np.ndarray, player: int, start: np.ndarray
                  ) -> tuple[np.ndarray, float, float]:
  """Returns the weights of a player's policies that lose least.

  Args:
    tree: of a two-player zero-sum game.
    game: what it was made of, or a `StateGame`, which says what functions see.
    members: M functions of observations.
    shares: `[K, M]`, each of K policies as a distribution over the members.
    player: who plays them.
    start: `[K]`, weights to begin with.

  Returns:
    The weights `[K]`, and what a best response to them and to `start` gets.
  """
  seat = seat_policy.seat_policies(
      game, [(members, np.ones(len(members)))] * 2)[player]
  seen = tree.infostates[player]
  plans = shares @ sequence_form.realization_plan(tree, np.stack([
      seat.member_probabilities(member, seen.observations,
                                seen.legal_actions_mask)
      for member in range(len(members))]), player)

  least = least_exploitable.LeastExploitableMixture(tree)
  least.update(player, range(len(plans)), plans)
  # The other player's policies do not matter; it has one, any.
  other = 1 - player
  mask = tree.infostates[other].legal_actions_mask
  least.update(other, [0], sequence_form.realization_plan(
      tree, (mask / mask.sum(axis=1, keepdims=True))[None], other))
  candidate = [np.ones(1)] * 2
  candidate[player] = start
  weights = least.solve(_RELATIVE_GAP, candidate=candidate).weights[player]

  def value(mixture):
    response_to: list[Any] = [None, None]
    response_to[player] = mixture @ plans
    return sequence_form.best_response_value(tree, response_to, other)

  return weights, value(weights), value(start)

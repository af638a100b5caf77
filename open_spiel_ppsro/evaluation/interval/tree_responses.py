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

"""TreeResponses: exact best responses to mixtures, where a game is small.

A game of few histories may be sampled because somebody says so. It is
enumerated once here, and a response then takes milliseconds, where a walk on
states would make each of them anew.
"""

from collections.abc import Sequence
import functools
from typing import Any

import numpy as np

from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import sequence_form

# Games of more histories are walked; to enumerate so many takes a few seconds.
_MOST_HISTORIES = 50_000


@functools.lru_cache(maxsize=1)
def small_tree(name: str) -> game_tree.GameTree | None:
  """Returns the `GameTree` of a small game, or None of any other.

  Args:
    name: the game string.
  """
  game = loading.load_game(name)
  if not game.get_type().provides_information_state_tensor or (
      game_tree.estimated_histories(game, _MOST_HISTORIES) > _MOST_HISTORIES):
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


class TreeResponses:
  """Best responses to mixtures of a player's policies."""

  def __init__(self, tree: game_tree.GameTree, game: Any,
               policies: Sequence[Any], player: int):
    """Tabulates policies.

    Args:
      tree: of a two-player zero-sum game.
      game: what it was made of, or a `StateGame`, which says what functions
        see.
      policies: M functions of observations.
      player: who plays them.
    """
    self._tree, self._player = tree, player
    seat = seat_policy.seat_policies(
        game, [(policies, np.ones(len(policies)))] * 2)[player]
    seen = tree.infostates[player]
    self._plans = sequence_form.realization_plan(tree, np.stack([
        seat.member_probabilities(member, seen.observations,
                                  seen.legal_actions_mask)
        for member in range(len(policies))]), player)

  def respond(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the value of a best response, and what it gets from each policy.

    Args:
      weights: `[M]`, of the policies.

    Returns:
      The value, and float `[M]`.
    """
    responder = 1 - self._player
    plans: list[Any] = [None, None]
    plans[self._player] = weights @ self._plans
    plans[responder], value = sequence_form.best_pure_plan(
        self._tree, sequence_form.sequence_values(
            self._tree, plans, responder), responder)
    return value, -self._plans @ sequence_form.sequence_values(
        self._tree, plans, self._player)

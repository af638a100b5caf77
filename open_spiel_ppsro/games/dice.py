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

"""Dice: the rules of liar's dice, on arrays.

What is public is which bids were made, a set, since bids only rise; who is to
move follows from how many there are. What is private is a hand of dice, whose
order does not matter.
"""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pyspiel

_NAME = "liars_dice"
# The payoffs of a call by bid and both hands are one table of so many numbers.
_MOST_PAYOFFS = 2 ** 22


@dataclasses.dataclass(frozen=True, eq=False)
class Dice:
  """The rules of a game of liar's dice.

  Attributes:
    num_dice: of each player.
    num_sides: of a die.
    num_bids: B; bid `b` is action `b`, and action B is to call.
    hands: the H different hands, each as ascending sides, counted from 0.
    chances: float `[H]`, how likely a hand is.
    features: float32 `[2, H, D]`, what a player with a hand sees before there
      is a bid: OpenSpiel's information state tensor.
    first_bid_feature: bid `b` is feature `first_bid_feature + b`.
    payoffs: float `[B, H, H]`, the bidder's return when its bid is called. The
      second index is the bidder's hand, the third the caller's.
  """
  num_dice: int
  num_sides: int
  num_bids: int
  hands: tuple[tuple[int, ...], ...]
  chances: np.ndarray
  features: np.ndarray
  first_bid_feature: int
  payoffs: np.ndarray

  def legal_actions_mask(self, highest: np.ndarray) -> np.ndarray:
    """Returns bool `[U, B + 1]`, what is legal after highest bids `[U]`.

    Nobody can call before there is a bid, where the highest one is -1.
    """
    actions = np.arange(self.num_bids + 1)
    mask = actions > highest[:, None]
    mask[:, -1] = highest >= 0
    return mask


def of_string(game: str) -> Dice | None:
  """Returns the rules of a game string, or None; it is quick to say so."""
  return _of_string(game) if game.startswith(_NAME) else None


@functools.lru_cache(maxsize=4)
def _of_string(game):
  return dice(pyspiel.load_game(game))


def dice(game: pyspiel.Game) -> Dice | None:
  """Returns the rules of a game, or None if it is another one or too large."""
  if game.get_type().short_name != _NAME:
    return None
  parameters = game.get_parameters()
  num_dice, num_sides = parameters["numdice"], parameters["dice_sides"]
  num_bids = game.num_distinct_actions() - 1
  num_hands = math.comb(num_dice + num_sides - 1, num_dice)
  if num_bids * num_hands ** 2 > _MOST_PAYOFFS:
    return None
  hands = tuple(itertools.combinations_with_replacement(
      range(num_sides), num_dice))
  counts = np.array([[hand.count(side) for side in range(num_sides)]
                     for hand in hands])
  chances = np.array([math.factorial(num_dice) / math.prod(
      math.factorial(count) for count in hand) for hand in counts.tolist()])

  def dealt(hand, player):
    """Returns the state in which a player has a hand, the other any."""
    state = game.new_initial_state()
    for seat in range(2):
      for side in hand if seat == player else hands[0]:
        state.apply_action(side)
    return state

  def seen(state, player):
    return np.array(state.information_state_tensor(player), np.float32)

  state = dealt(hands[0], 0)
  before = seen(state, 0)
  names = [state.action_to_string(0, bid) for bid in range(num_bids)]
  state.apply_action(0)
  payoffs = []
  for name in names:  # How many, and of which side, counted from 1.
    number, side = map(int, name.split("-"))
    # The last side counts as any.
    matching = counts[:, side - 1] + (
        counts[:, -1] if side < num_sides else 0)
    payoffs.append(np.where(
        matching[:, None] + matching >= number, 1.0, -1.0))
  return Dice(
      num_dice, num_sides, num_bids, hands, chances / num_sides ** num_dice,
      np.stack([[seen(dealt(hand, player), player) for hand in hands]
                for player in range(2)]),
      int(np.flatnonzero(seen(state, 0) != before)[0]), np.stack(payoffs))

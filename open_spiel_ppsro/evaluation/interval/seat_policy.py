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

"""SeatPolicy: the mixture that one player plays, asked many states at a time.

A mixture draws one of its members per episode. What an opponent meets is its
*plan*: for every sequence of own actions the sum over the members of the
member's probability times the probabilities that it gave to these actions. The
walks carry the summands, `reach` `[K]`, down the tree, so that a mixture is
weighted exactly as perfect recall demands.
"""

from collections.abc import Callable
from collections.abc import Sequence
import copy
import dataclasses
from typing import Any

import numpy as np

from open_spiel_ppsro.games import state_game

# So far from 1 may the probabilities of a state sum. Float32 networks stay far
# below, a policy of another game or seat is far beyond.
_SUM_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True, eq=False)
class _SeatedFunction:
  """A function whose observations end with a one-hot seat.

  Attributes:
    function: from observations and a mask to action probabilities.
    player: the seat, 0 or 1.
  """
  function: Callable[..., Any]
  player: int

  def __call__(self, observations, legal_actions_mask):
    seats = np.zeros((len(observations), 2), np.float32)
    seats[:, self.player] = 1
    return self.function(np.concatenate([observations, seats], axis=1),
                         legal_actions_mask)


class SeatPolicy:
  """The mixture of one player.

  Attributes:
    player: who plays it.
    members: K policies, each an OpenSpiel policy or a function from
      `(observations [U, D], legal_actions_mask [U, A])` to action
      probabilities `[U, A]`.
    probabilities: float `[K]`, they sum to 1.
    needs_states: whether a member is an OpenSpiel policy, which has to be
      shown a state.
  """

  def __init__(self, player: int, members: Sequence[Any],
               probabilities: Sequence[float] | np.ndarray):
    """Makes a mixture; members of no probability are left out.

    Args:
      player: who plays it.
      members: see above.
      probabilities: one per member; they are scaled to sum to 1.

    Raises:
      ValueError: if the probabilities are not a distribution over the members.
    """
    weights = np.asarray(probabilities, float)
    if weights.shape != (len(members),):
      raise ValueError(
          f"player {player} has {len(members)} policies and probabilities of "
          f"shape {weights.shape}; give one probability per policy")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
      raise ValueError(
          f"the probabilities of player {player}'s policies are "
          f"{weights.tolist()}; they have to be at least 0 and sum to 1")
    self.player = player
    self.members = [
        member for member, weight in zip(members, weights) if weight]
    self.probabilities = weights[weights > 0] / weights.sum()
    self.needs_states = any(
        hasattr(member, "action_probabilities") for member in self.members)

  def mixed(self, probabilities: np.ndarray) -> "SeatPolicy":
    """Returns the same members in other proportions.

    Args:
      probabilities: float `[K]`, at least 0, of sum 1.
    """
    other = copy.copy(self)
    other.probabilities = probabilities
    return other

  def per_unit(self, totals: np.ndarray) -> np.ndarray:
    """Returns `[K]`, totals of members by their probability; 0 if it is 0."""
    return np.divide(totals, self.probabilities, out=np.zeros(len(totals)),
                     where=self.probabilities > 0)

  def ask(self, reach: np.ndarray, observations: np.ndarray | None,
          legal_actions_mask: np.ndarray,
          states: Sequence[Any] = ()) -> np.ndarray:
    """Returns `[K, U, A]`: the reach of every sequence one action further.

    Args:
      reach: float `[K, U]`, of the members at U information states.
      observations: float32 `[U, D]`, what a network sees there; None of a game
        without tensors.
      legal_actions_mask: bool `[U, A]`.
      states: U pyspiel states, one of each information state; they are looked
        at only if a member `needs_states`.
    """
    further = np.zeros((*reach.shape, legal_actions_mask.shape[1]))
    for member, own in enumerate(reach):
      rows = np.flatnonzero(own)
      if len(rows):
        further[member, rows] = own[rows][:, None] * self.member_probabilities(
            member, None if observations is None else observations[rows],
            legal_actions_mask[rows],
            [states[row] for row in rows.tolist()] if self.needs_states else ())
    return further

  def member_probabilities(self, member: int,
                           observations: np.ndarray | None,
                           legal_actions_mask: np.ndarray,
                           states: Sequence[Any] = ()) -> np.ndarray:
    """Returns `[U, A]`, what one member plays; the arguments are as above.

    Raises:
      ValueError: if it is not a distribution over the legal actions.
    """
    policy = self.members[member]
    if hasattr(policy, "action_probabilities"):
      answer = np.zeros(legal_actions_mask.shape)
      for row, state in enumerate(states):
        for action, probability in policy.action_probabilities(
            state, self.player).items():
          answer[row, action] = probability
    elif observations is None:
      raise ValueError(
          f"player {self.player} plays a function of observations, and the "
          "game has no information state tensor to show it: use OpenSpiel "
          "policies")
    else:
      answer = np.asarray(policy(observations, legal_actions_mask), float)
    legal = np.where(legal_actions_mask, answer, 0)
    sums = legal.sum(axis=1)
    wrong = ~((np.abs(sums - 1) <= _SUM_TOLERANCE) & (legal >= 0).all(axis=1))
    if wrong.any():
      row = int(np.argmax(wrong))
      raise ValueError(
          f"policy {member} of player {self.player} answers "
          f"{answer[row].tolist()}, not a distribution over the legal actions "
          f"{np.flatnonzero(legal_actions_mask[row]).tolist()}")
    return legal / sums[:, None]


def seat_policies(game: Any, policies: Any) -> list[SeatPolicy]:
  """Returns what both players play; see `interval.exploitability_interval`.

  Args:
    game: the game as the caller gave it. A `StateGame` says whether functions
      see their seat.
    policies: what the caller gave.

  Raises:
    ValueError: if it is none of the forms that are known.
  """
  if hasattr(policies, "policies") and hasattr(policies, "probabilities"):
    game = getattr(policies, "state_game", game)
    seats: Any = list(zip(policies.policies, policies.probabilities))
  elif hasattr(policies, "action_probabilities"):
    seats = [policies] * 2
  else:
    seats = policies
  if not isinstance(seats, (list, tuple)) or len(seats) != 2:
    raise ValueError(
        f"policies is a {type(policies).__name__}; give an OpenSpiel policy "
        "for both players, or a list with one entry per player: a policy, or "
        "a pair of policies and their probabilities")
  found = []
  for player, seat in enumerate(seats):
    if hasattr(seat, "snapshots"):  # A `population.Mixture`.
      members = [snapshot.policy for snapshot in seat.snapshots]
      probabilities = seat.probabilities
    elif isinstance(seat, (list, tuple)) and len(seat) == 2:
      members, probabilities = seat
    else:
      members, probabilities = [seat], [1.0]
    found.append(SeatPolicy(
        player, [_member(game, player, member) for member in members],
        probabilities))
  return found


def _member(game, player, member):
  """Returns a member as `SeatPolicy` asks it.

  An OpenSpiel policy that wraps a function of observations is unwrapped, if it
  is known what the function sees: it answers many information states at once.
  """
  game = getattr(member, "state_game", game)
  function = getattr(member, "function", None)
  if callable(function) and isinstance(game, state_game.StateGame):
    member = function
  if hasattr(member, "action_probabilities"):
    return member
  if not callable(member):
    raise ValueError(
        f"player {player} plays a {type(member).__name__}; a policy is an "
        "OpenSpiel policy or a function of observations and legal actions")
  if isinstance(game, state_game.StateGame) and game.plays_all_seats:
    return _SeatedFunction(member, player)
  return member

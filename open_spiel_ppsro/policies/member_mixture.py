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

"""MemberMixture: policies with probabilities, one of them drawn per episode.

It is what a run has found before it is folded into one behaviour policy: the
members of each player, and how often each is drawn.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular


class DrawnPolicy(openspiel_policy.Policy):
  """One member per player, drawn for an episode, as a policy of all seats.

  Attributes:
    positions: per player, the position of its member in the mixture.
    indices: per player, the number of that policy in its population, in
      opening order.
    policies: per player, the member as an OpenSpiel policy.
  """

  def __init__(self, game: pyspiel.Game, positions: Sequence[int],
               indices: Sequence[int],
               policies: Sequence[policy_lib.OpenSpielPolicy]):
    """Makes a policy; see the attributes."""
    super().__init__(game, list(range(game.num_players())))
    self.positions = tuple(positions)
    self.indices = tuple(indices)
    self.policies = tuple(policies)

  def action_probabilities(self, state: pyspiel.State,
                           player_id: int | None = None) -> dict[int, float]:
    """Returns `{action: probability}` for the legal actions of a state."""
    player = state.current_player() if player_id is None else player_id
    return self.policies[player].action_probabilities(state, player)


@dataclasses.dataclass(frozen=True, eq=False)
class MemberMixture:
  """The members of every player, and their probabilities.

  Attributes:
    game: an enumerated game before its seats were drawn, or a `StateGame` as
      it was played.
    indices: per player, the numbers of its K_p members in their population, in
      opening order.
    members: per player, K_p policies: a `TablePolicy` `[I_p, A]` each of an
      enumerated game, a `FunctionPolicy` each of a sampled one.
    probabilities: per player, float `[K_p]`.
    joint: `[K_0, ..., K_{n-1}]`, the distribution over profiles of a correlated
      run, whose marginals are `probabilities`; None where players draw
      independently.
  """
  game: game_lib.Game
  indices: Sequence[Sequence[int]]
  members: Sequence[Sequence[policy_lib.Policy]]
  probabilities: Sequence[np.ndarray]
  joint: np.ndarray | None = None

  def __post_init__(self) -> None:
    for player, (indices, members, weights) in enumerate(zip(
        self.indices, self.members, self.probabilities, strict=True)):
      if not len(indices) == len(members) == len(weights) > 0:
        raise ValueError(
            f"player {player} has {len(members)} members, {len(indices)} "
            f"numbers and {len(weights)} probabilities; all take to be as many")

  @property
  def num_players(self) -> int:
    return len(self.members)

  def member_policy(self, player: int, position: int
                       ) -> policy_lib.OpenSpielPolicy:
    """Returns a member of a player as an OpenSpiel policy of its seat."""
    member = self.members[player][position]
    if isinstance(self.game, game_tree.GameTree):
      return tabular.BestResponsePolicy(
          self.game.game,
          {player: (self.game.infostates[player], _table(member))},
          frozen=True)
    assert isinstance(self.game, state_game.StateGame)
    return sampled.SampledPolicy(self.game, [player], _function(member))

  def member_policies(self, player: int
                         ) -> list[policy_lib.OpenSpielPolicy]:
    """Returns the members of a player as OpenSpiel policies of its seat."""
    return [self.member_policy(player, position)
            for position in range(len(self.members[player]))]

  def policy(self) -> openspiel_policy.Policy:
    """Returns the behaviour policy of all seats, weighted by reach.

    Of a joint distribution it plays the marginals.
    """
    game = self.game
    if isinstance(game, game_tree.GameTree):
      return tabular.BestResponsePolicy(
          game.game, dict(enumerate(zip(game.infostates, self.tables(game)))),
          frozen=True)
    assert isinstance(game, state_game.StateGame)
    flat = self.flat()
    return sampled.MixturePolicy(
        game, [[_function(member) for member in members]
               for members in flat.members], flat.probabilities)

  def flat(self) -> "MemberMixture":
    """Returns the same mixture of members that draw nothing themselves.

    The members of a `MixedPolicy` take its place, each with its number.
    """
    if isinstance(self.game, game_tree.GameTree):
      return self
    indices, members, shares = [], [], []
    for numbers, policies in zip(self.indices, self.members):
      own, owners, share = sampled.parts(policies)
      indices.append([numbers[owner] for owner in owners])
      members.append(own)
      shares.append(share)
    joint = self.joint
    if joint is not None:
      for share in shares:  # The axis of each player comes first in turn.
        joint = np.tensordot(joint, share, axes=(0, 0))
    return dataclasses.replace(
        self, indices=indices, members=members, joint=joint,
        probabilities=[weights @ share for weights, share
                       in zip(self.probabilities, shares)])

  def member_tables(self, tree: game_tree.GameTree,
                    player: int) -> np.ndarray:
    """Returns the tables `[K_p, I_p, A]` of a player's members.

    Args:
      tree: the game, enumerated, before its seats were drawn.
      player: the player.
    """
    if self.game.is_enumerated:
      return np.stack([_table(member) for member in self.members[player]])
    assert isinstance(self.game, state_game.StateGame)
    infostates = tree.infostates[player]
    observations = self.game.with_seats(
        infostates.observations, np.full(len(infostates), player))
    tables = []
    for member in self.members[player]:
      parts, probabilities = sampled.members(_function(member))
      own = np.stack([part(observations, infostates.legal_actions_mask)
                      for part in parts])
      tables.append(own[0] if len(own) == 1 else sequence_form.behaviour(
          tree, sequence_form.mixture_table_plan(
              tree, own, probabilities, player), player))
    return np.stack(tables)

  def plans(self, tree: game_tree.GameTree) -> list[np.ndarray]:
    """Returns per player the realization plans `[K_p, S_p]` of its members."""
    return [sequence_form.realization_plan(
        tree, self.member_tables(tree, player), player)
            for player in range(self.num_players)]

  def tables(self, tree: game_tree.GameTree) -> list[np.ndarray]:
    """Returns per player the behaviour policy `[I_p, A]`, weighted by reach.

    Args:
      tree: the game, enumerated, before its seats were drawn.
    """
    return [sequence_form.behaviour(
        tree, sequence_form.mixture_plan(plans, weights), player)
            for player, (plans, weights) in enumerate(zip(
                self.plans(tree), self.probabilities))]

  def draw(self, rng: np.random.Generator) -> list[int]:
    """Returns per player the position of a member, drawn for an episode."""
    if self.joint is not None:
      drawn = rng.choice(self.joint.size,
                         p=self.joint.ravel() / self.joint.sum())
      return [int(index) for index in np.unravel_index(
          drawn, self.joint.shape)]
    return [int(rng.choice(len(weights), p=weights))
            for weights in self.probabilities]

  def sample(self, rng: np.random.Generator) -> DrawnPolicy:
    """Returns one member per player, drawn for an episode."""
    positions = self.draw(rng)
    players = range(self.num_players)
    return DrawnPolicy(
        self.game.original.game, positions,
        [self.indices[player][positions[player]] for player in players],
        [self.member_policy(player, positions[player])
         for player in players])

  def reached_by(self, state: pyspiel.State, player: int,
                 policies: Sequence[policy_lib.OpenSpielPolicy]
                 ) -> np.ndarray:
    """Returns `[K_p]`, how likely each member is after an episode so far.

    It is the probability of the member times those that it gave to the
    player's own actions, normalised; the probabilities of the mixture where no
    member would have come here.

    Args:
      state: of the game; nothing but the player's own decisions counts.
      player: the player.
      policies: its members, from `member_policies`.
    """
    weights = np.array(self.probabilities[player], float)
    before = state.get_game().new_initial_state()
    for action in state.history():
      if before.current_player() == player:
        weights *= [member.probabilities(before, player)[action]
                    for member in policies]
      before.apply_action(action)
    if not weights.sum() > 0:
      weights = np.array(self.probabilities[player], float)
    return weights / weights.sum()


class MixtureBot(pyspiel.Bot):
  """A bot that draws one member of a mixture per episode, and plays it.

  Of a correlated run it draws from the player's marginal: bots have no
  mediator.

  Attributes:
    position: the position of the member that was drawn.
    index: the number of this policy in its population, in opening order.
    member: the member, an OpenSpiel policy.
  """

  def __init__(self, mixture: MemberMixture, player: int,
               rng: np.random.Generator):
    """Makes a bot.

    Args:
      mixture: the members and their probabilities.
      player: the seat that the bot takes.
      rng: draws members and actions.

    Raises:
      ValueError: if the game has no such player.
    """
    pyspiel.Bot.__init__(self)
    if player not in range(mixture.num_players):
      raise ValueError(f"player is {player}; the game has players from 0 to "
                       f"{mixture.num_players - 1}")
    self._mixture = mixture
    self._player = player
    self._rng = rng
    self._policies = mixture.member_policies(player)
    self.position = 0
    self.restart()

  @property
  def index(self) -> int:
    return self._mixture.indices[self._player][self.position]

  @property
  def member(self) -> policy_lib.OpenSpielPolicy:
    return self._policies[self.position]

  def player_id(self) -> int:
    return self._player

  def restart(self) -> None:
    """Draws a member for a new episode."""
    self._draw(np.asarray(self._mixture.probabilities[self._player]))

  def restart_at(self, state: pyspiel.State) -> None:
    """Draws a member that may have played the episode up to a state.

    Args:
      state: where the bot takes over. After decisions of its own player, each
        member counts as much as it is likely to have taken them.

    Raises:
      ValueError: if the state is of another game.
    """
    self._check(state)
    self._draw(self._mixture.reached_by(state, self._player, self._policies))

  def _draw(self, weights):
    self.position = int(self._rng.choice(len(weights), p=weights))

  def _check(self, state):
    ours = str(self._mixture.game.original.game)
    if str(state.get_game()) != ours:
      raise ValueError(
          f"the bot plays {ours}, and was asked to play {state.get_game()}; "
          "games with simultaneous moves are played in their turn-based form, "
          "pyspiel.convert_to_turn_based(game)")

  def provides_policy(self) -> bool:
    return True

  def get_policy(self, state: pyspiel.State) -> list[tuple[int, float]]:
    """Returns the action probabilities of the member that was drawn."""
    return list(self.member.action_probabilities(state, self._player).items())

  def step_with_policy(self, state: pyspiel.State
                       ) -> tuple[list[tuple[int, float]], int]:
    policy = self.get_policy(state)
    actions, probabilities = zip(*policy)
    weights = np.asarray(probabilities, float)
    return policy, int(self._rng.choice(actions, p=weights / weights.sum()))

  def step(self, state: pyspiel.State) -> int:
    return self.step_with_policy(state)[1]

  def inform_action(self, state: pyspiel.State, player_id: int,
                    action: int) -> None:
    """Does nothing: all that counts is in the states that it is shown."""


def _table(member: Any) -> np.ndarray:
  assert isinstance(member, tabular.TablePolicy)
  return member.table


def _function(member: Any) -> sampled.FunctionPolicy:
  assert isinstance(member, sampled.FunctionPolicy)
  return member

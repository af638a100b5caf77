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

"""Head to head: one side takes a seat, the other side takes all others."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
from open_spiel.python.algorithms import evaluate_bots
import pyspiel

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import member_mixture
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.simulators import play as play_lib

# So many games are under way at a time; more take more memory.
_GAMES_AT_ONCE = 2_000


@dataclasses.dataclass(frozen=True, eq=False)
class Returns:
  """What a side earns in each seat, in game utility.

  Attributes:
    means: `[n]`, by seat.
    standard_errors: `[n]`; zeros where the means are exact.
    games: how many were played in each seat; 0 where the means are exact.
  """
  means: np.ndarray
  standard_errors: np.ndarray
  games: int = 0

  @property
  def mean(self) -> float:
    """The mean over all seats."""
    return float(self.means.mean())

  @property
  def standard_error(self) -> float:
    """The standard error of `mean`."""
    return float(np.sqrt((self.standard_errors ** 2).sum())
                 / len(self.standard_errors))


# Per player, functions of `(observations, legal actions)`, and probabilities.
Side = Sequence[tuple[Sequence[Callable[..., Any]], np.ndarray]]


def exact_returns(tree: game_tree.GameTree, ours: Sequence[np.ndarray],
                  others: Sequence[np.ndarray]) -> Returns:
  """Returns what we earn, exactly.

  Args:
    tree: the game.
    ours: per player, our table `[I_p, A]`.
    others: per player, that of the other side.
  """
  ours, others = (sequence_form.as_plans(tree, side)
                  for side in (ours, others))
  means = []
  for seat in range(tree.num_players):
    plans = [*others[:seat], ours[seat], *others[seat + 1:]]
    means.append(sequence_form.expected_returns(tree, plans)[seat])
  return Returns(np.array(means), np.zeros(tree.num_players))


def side_of(mixture: member_mixture.MemberMixture) -> Side:
  """Returns a mixture of a sampled game as a side."""
  mixture = mixture.flat()
  game = mixture.game
  assert isinstance(game, state_game.StateGame)
  return [([_Seated(game, player, member) for member in members], weights)
          for player, (members, weights) in enumerate(zip(
              mixture.members, mixture.probabilities))]


def uniform_side(num_players: int) -> Side:
  """Returns the side that plays all legal actions with equal probability."""
  return [([sampled.UniformPolicy()], np.ones(1))] * num_players


class _Seated:
  """A policy as a function of observations without seats."""

  def __init__(self, game, player, function):
    self._game, self._player, self._function = game, player, function

  def __call__(self, observations, legal_actions_mask):
    return self._function(
        self._game.with_seats(observations,
                              np.full(len(observations), self._player)),
        legal_actions_mask)


def sampled_returns(game: state_game.StateGame, ours: Side, others: Side,
                    num_games: int, rng: np.random.Generator) -> Returns:
  """Returns what we earn, by playing; policies are drawn per game.

  Args:
    game: the game, before its seats were drawn.
    ours: our side.
    others: the other side.
    num_games: in each seat.
    rng: a NumPy generator.
  """
  samples = []
  for seat in range(game.num_players):
    policies: list[Any] = []
    offsets, weights = [], []
    for player in range(game.num_players):
      chosen, probabilities = (ours if player == seat else others)[player]
      offsets.append(len(policies))
      policies += chosen
      weights.append(np.asarray(probabilities))
    earned = []
    for start in range(0, num_games, _GAMES_AT_ONCE):
      count = min(num_games - start, _GAMES_AT_ONCE)
      assignment = np.stack([
          offset + rng.choice(len(p), size=count, p=p)
          for offset, p in zip(offsets, weights)])
      earned.append(play_lib.play(game, policies, assignment, rng)[0][seat])
    samples.append(np.concatenate(earned))
  return _of_samples(samples)


def bot_returns(game: pyspiel.Game,
                ours: Callable[[int], pyspiel.Bot],
                others: Callable[[int], pyspiel.Bot],
                num_games: int, rng: np.random.Generator) -> Returns:
  """Returns what we earn, by `evaluate_bots`.

  Args:
    game: a turn-based pyspiel game.
    ours: makes our bot of a seat.
    others: makes the other side's.
    num_games: in each seat.
    rng: draws chance events.
  """
  our_bots = [ours(player) for player in range(game.num_players())]
  other_bots = [others(player) for player in range(game.num_players())]
  samples = []
  for seat in range(game.num_players()):
    bots = [*other_bots[:seat], our_bots[seat], *other_bots[seat + 1:]]
    samples.append(np.array([
        evaluate_bots.evaluate_bots(game.new_initial_state(), bots, rng)[seat]
        for _ in range(num_games)]))
  return _of_samples(samples)


def _of_samples(samples):
  """Returns the `Returns` of samples `[n, games]`."""
  games = len(samples[0])
  return Returns(
      np.array([values.mean() for values in samples]),
      np.array([values.std(ddof=1 if games > 1 else 0) / games ** .5
                for values in samples]), games)

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

"""Answers: what a run has found, as mixtures, tables and policies.

A population has more than one answer: the meta-strategy over its policies, and
the mixture of them that loses least.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy

from open_spiel_ppsro import lower_bound as lower_bound_lib
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.evaluation import sampled_evaluator
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

# What a run may answer with.
ANSWERS = ("meta_nash", "least_exploitable")


class Answers:
  """What a run has found; the half of a solver that trains nothing.

  Attributes:
    answer: which of `ANSWERS` the result of the run is, unless asked otherwise.
    played_game: the `Game` that is played, seats drawn or not.
    is_exact: whether the game is enumerated, so that payoffs are exact.
  """

  answer: str
  played_game: game_lib.Game
  is_exact: bool
  _oracle: pipelined.PipelinedOracle
  _population: population_lib.Population
  _evaluator: evaluator_lib.Evaluator
  _empirical_game: meta_game_lib.MetaGame
  # The meta-strategy of the result, and the mixture that loses least.
  _of_frozen: meta_game_lib.MetaStrategy
  _least: least_exploitable.LeastExploitable | None = None
  # What `certify` was told last, and whether it becomes the answer.
  _certified: tuple[np.ndarray, ...] | None = None
  _takes_certified: bool = False

  @property
  def original_game(self) -> game_lib.Game:
    """The `Game` before its seats were drawn; `played_game` if they are not."""
    return self.played_game.original

  @property
  def answers(self) -> tuple[str, ...]:
    """Those of `ANSWERS` that this run has."""
    has_both = self._least is not None or self._certified is not None
    return ANSWERS if has_both else ANSWERS[:1]

  def exploitability(self, answer: str | None = None
                     ) -> evaluator_lib.Exploitability:
    """Returns the `Exploitability` of the run's result.

    It is NaN for a sampled game; see `lower_bound`.

    Args:
      answer: which of `ANSWERS`; by default that of the run.
    """
    return self._evaluator.exploitability(self.final_strategy(answer))

  def least_exploitable(self) -> least_exploitable.LeastExploitable | None:
    """Returns the least exploitable mixture of the frozen policies.

    It ranges over all policies where none ever freezes. Its weights are in the
    order of `get_policies()`.

    Returns:
      A `LeastExploitable`, with its exploitability and a lower bound of what
      any mixture of these policies has; None outside enumerated two-player
      zero-sum games.
    """
    return self._least

  def parts(self) -> list[tuple[list[Any], np.ndarray, np.ndarray]]:
    """Returns per population the `sampled.parts` of the result's policies.

    They are in the order of `final_strategy().indices`.
    """
    return [sampled.parts([
        self._population[population_lib.PolicyId(number, index)].snapshot.policy
        for index in indices])
            for number, indices in enumerate(self._of_frozen.indices)]

  @property
  def certified(self) -> tuple[np.ndarray, ...] | None:
    """What `certify` was told last, or None; `[P]` of all in `parts`."""
    if self._certified is None:
      return None
    return tuple(np.pad(weights, (0, len(members) - len(weights)))
                 for weights, (members, _, _) in zip(
                     self._certified, self.parts()))

  def certify(self, weights: Sequence[np.ndarray]) -> None:
    """Takes the mixture of frozen policies that is known to lose least.

    On a sampled game it is the answer `least_exploitable`, and the answer of
    the run if that was left open. Whoever calls has the proof.

    Args:
      weights: per population, of all in `parts`: it may draw others of a
        `MixedPolicy` than that does itself. Those that have frozen since have
        none.
    """
    self._certified = tuple(weights)
    if self._takes_certified:
      self.answer = "least_exploitable"

  def final_strategy(self, answer: str | None = None
                     ) -> meta_game_lib.MetaStrategy:
    """Returns the run's result as a `MetaStrategy`, by number of policy.

    Of what `certify` was told a policy has what its members have together.

    Args:
      answer: which of `ANSWERS`; by default that of the run.

    Raises:
      ValueError: if there is no such answer.
    """
    answer = self.answer if answer is None else answer
    if answer == "meta_nash":
      return self._of_frozen
    certified = self.certified
    if answer == "least_exploitable" and certified is not None:
      return dataclasses.replace(
          self._of_frozen, joint=None, method=answer, probabilities=tuple(
              np.bincount(owners, weights, len(shares))
              for weights, (_, owners, shares) in zip(
                  certified, self.parts())))
    if answer != "least_exploitable" or self._least is None:
      raise ValueError(f"answer is {answer!r}; of this run it takes "
                       f"{' or '.join(self.answers)}")
    return dataclasses.replace(
        self._of_frozen, probabilities=self._least.weights, joint=None,
        method=answer)

  def final_joint(self) -> np.ndarray | None:
    """Returns the joint distribution of the run's result.

    Returns:
      `[K_0, ..., K_{n-1}]`, over the profiles of `get_policies()`; None where
      players draw independently, see `get_meta_strategies()`.
    """
    return self._of_frozen.joint

  def final_mixtures(self, answer: str | None = None
                     ) -> tuple[population_lib.Mixture, ...]:
    """Returns the run's result as a `Mixture` per player.

    The mixtures of a joint distribution are its marginals. After an interrupt
    in the middle of a round, the result is that of the round before.

    Args:
      answer: which of `ANSWERS`; by default that of the run.
    """
    strategy = self.final_strategy(answer)
    is_certified = (strategy.method == "least_exploitable"
                    and self._certified is not None)
    return evaluator_lib.mixtures(
        self.played_game.roles, strategy, self._population,
        self.certified if is_certified else None)

  def lower_bound(self, exploiter_steps: int, num_episodes: int | None = None,
                  **options: Any) -> lower_bound_lib.LowerBound:
    """Trains an exploiter of the run's result for each population.

    Args:
      exploiter_steps: environment steps that each exploiter trains.
      num_episodes: the episodes per estimate, see `lower_bound.lower_bound`.
      **options: `go_on` and `until`, see `lower_bound.lower_bound`.

    Returns:
      A `LowerBound` of the NashConv of `final_mixtures`.

    Raises:
      ValueError: if the game is enumerated: its NashConv is known exactly.
    """
    if self.is_exact:
      raise ValueError(f"{self.original_game.game} is enumerated, and its "
                       "NashConv is exact: see exploitability()")
    assert isinstance(self._evaluator, sampled_evaluator.SampledEvaluator)
    return lower_bound_lib.lower_bound(
        self._oracle, self._evaluator, self.final_mixtures(), exploiter_steps,
        num_episodes, **options)

  def final_tables(self, answer: str | None = None) -> list[np.ndarray]:
    """Returns the result of an exact run as a table `[I, A]` per player.

    The tables are the behaviour policies of `final_mixtures`, weighted by
    reach, in the original game.

    Args:
      answer: which of `ANSWERS`; by default that of the run.

    Raises:
      ValueError: if the game is sampled, and too large for tables.
    """
    if not self.is_exact:
      raise ValueError(f"{self.original_game.game} is sampled and has no "
                       "tables: final_policy() and final_mixtures() work")
    assert isinstance(self._evaluator, exact_evaluator.ExactEvaluator)
    return self._evaluator.game.seat_tables(
        self._evaluator.mixture_tables(self.final_strategy(answer)))

  def final_policy(self, answer: str | None = None
                   ) -> openspiel_policy.Policy:
    """Returns the run's result as one OpenSpiel policy of all seats.

    Args:
      answer: which of `ANSWERS`; by default that of the run.

    Returns:
      The behaviour policy of `final_mixtures`, weighted by reach: a
      `BestResponsePolicy` of an enumerated game, a `MixturePolicy` of a
      sampled one. If the result is a joint distribution, it plays the
      marginals.
    """
    game = self.original_game
    if isinstance(game, game_tree.GameTree):
      return tabular.BestResponsePolicy(
          game.game, dict(enumerate(zip(game.infostates,
                                        self.final_tables(answer)))),
          frozen=True)
    assert isinstance(self.played_game, state_game.StateGame)
    mixtures = self.final_mixtures(answer)
    functions: list[list[Any]] = [
        [snapshot.policy for snapshot in mixture.snapshots]
        for mixture in mixtures]
    return sampled.MixturePolicy(
        self.played_game, functions,
        [mixture.probabilities for mixture in mixtures])

  def _update_least(self):
    self._least = self._evaluator.least_exploitable(self._of_frozen)


def has_least_exploitable(game: game_lib.Game) -> bool:
  """Returns whether exact best responses can choose a mixture in a game."""
  return game.is_enumerated and game.is_zero_sum and game.num_players == 2


def chosen(answer: str | None, game: game_lib.Game) -> str:
  """Returns which of `ANSWERS` a run gives.

  Args:
    answer: one of them, or None for the least exploitable mixture where there
      is one.
    game: the `Game` that is played.

  Raises:
    ValueError: if there is no such answer in that game.
  """
  has_least = has_least_exploitable(game)
  if answer is None:
    return "least_exploitable" if has_least else "meta_nash"
  if answer not in ANSWERS:
    raise ValueError(f"answer is {answer!r}; it takes one of "
                     f"{', '.join(ANSWERS)}")
  if answer == "least_exploitable" and not has_least:
    raise ValueError(
        "answer is 'least_exploitable', which takes exact best responses in "
        f"a two-player zero-sum game, and {game.original.game} is "
        "sampled or none; use 'meta_nash'")
  return answer

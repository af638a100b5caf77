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

"""LoadedRun: a run directory of any kind, ready to be used.

    run = load("runs/leduc-poker-pipeline-ppo-seed1")
    run.policy, run.sample(), run.bot(0), run.exploitability()

It trains nothing and writes nothing.
"""

import functools
import os
import pathlib
import sys
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy
import pyspiel

from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import member_mixture
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.runs import final_mixture
from open_spiel_ppsro.runs import run_directory


class LoadedRun:
  """What a run has found, or had found by its newest checkpoint.

  Attributes:
    path: the run directory.
    name: of the mixture, `meta_nash` or `least_exploitable`.
    config: the settings, `config.json`.
    source: the file that the mixture is from.
    has_not: what this run cannot tell, a line each; nothing of most runs.
  """

  def __init__(self, path: str | os.PathLike,
               mixture: str | None = None,
               game: pyspiel.Game | game_lib.Game | None = None) -> None:
    """Reads a run directory, see `load`."""
    self.path = pathlib.Path(path)
    self.config: dict[str, Any] = run_directory.read_config(path)
    self.source = pathlib.Path()
    self.has_not: tuple[str, ...] = ()
    self._given_game = game
    self._rng = np.random.default_rng()
    self._found: final_mixture.FinalMixture | None = None
    self._find()
    answer = (self.config.get("answer", final_mixture.META_NASH)
              if self._found is None else self._found.answer)
    self.name: str = mixture or answer
    if self._found is not None and self.name not in self._found.weights:
      raise ValueError(f"there is no mixture {mixture!r} in {self.source}; "
                       f"there is {', '.join(self._found.weights)}")
    if self._found is None:
      # Version 0.1 kept one policy, without a name.
      self._of_file = storage.read_policy(
          self.source, mixture if "answer" in self.config else None)
      if "answer" not in self.config and self.name != answer:
        raise ValueError(f"there is no mixture {mixture!r} in {self.source}; "
                         f"there is {answer}")

  def _find(self):
    """Finds the file that says most of what the run has found last."""
    members = self.path / run_directory.FINAL_MIXTURE
    policy = self.path / run_directory.FINAL_POLICY
    ended = self.has_ended
    checkpoints = run_directory.checkpoint_paths(self.path)
    if members.exists() and (ended or not checkpoints):
      self.source = members
      self._found = final_mixture.read(members)
      return
    problem = "there is no checkpoint"
    if checkpoints:
      try:
        checkpoint = run_directory.read_checkpoint(self.path)
        if not (ended and policy.exists() and not self._is_last(checkpoint)):
          self._found = final_mixture.of_checkpoint(
              checkpoint, self.config.get("answer"), self._given_game)
          self.source = checkpoints[0]
          return
        problem = "its checkpoint is of an earlier round"
      except ValueError as error:
        problem = str(error)
    if not policy.exists():
      raise ValueError(f"there is no policy in {self.path}: it has neither "
                       f"{members.name} nor {policy.name}, and {problem}")
    self.source = policy
    self.has_not = (
        f"{self.path} does not tell the members of its mixture, nor its "
        f"meta-game: {members.name} is missing, which version 0.1 did not "
        f"write, and {problem}",)

  def _is_last(self, checkpoint):
    rounds = checkpoint["solver"]["rounds"]
    return rounds == self.result.get("rounds", rounds)

  @property
  def has_ended(self) -> bool:
    """Whether the run has ended."""
    return run_directory.has_ended(self.path)

  @property
  def mixtures(self) -> tuple[str, ...]:
    """The names of the mixtures that the run has found."""
    return (self.name,) if self._found is None else tuple(
        self._found.weights)

  @property
  def metrics(self) -> dict[str, list]:
    """The columns of `metrics.csv`, see `read_metrics`."""
    return run_directory.read_metrics(self.path)

  @property
  def result(self) -> dict[str, Any]:
    """What the run has found, in numbers, see `read_result`."""
    return run_directory.read_result(self.path)

  @functools.cached_property
  def game(self) -> game_lib.Game:
    """The game, enumerated and before its seats were drawn, or as sampled."""
    if self._found is not None:
      return self._found.open_game(self._given_game)
    if isinstance(self.policy, sampled.MixturePolicy):
      return self.policy.state_game
    return game_tree.enumerate_game(self.policy.game,
                                    max_histories=sys.maxsize)

  @functools.cached_property
  def mixture(self) -> member_mixture.MemberMixture:
    """The members of the mixture and their probabilities.

    Raises:
      ValueError: if the run does not tell them.
    """
    if self._found is not None:
      return self._found.mixture(self.name, self.game)
    if isinstance(self.policy, sampled.MixturePolicy):
      # Without the meta-game, but with its members.
      policy = self.policy
      return member_mixture.MemberMixture(
          policy.state_game, [range(len(p)) for p in policy.policies],
          policy.policies, policy.probabilities)
    raise ValueError(self.has_not[0])

  @functools.cached_property
  def policy(self) -> openspiel_policy.Policy:
    """The mixture as one OpenSpiel policy of all seats, weighted by reach."""
    if self._found is not None:
      return self.mixture.policy()
    return self._of_file

  def sample(self, rng: np.random.Generator | None = None
             ) -> member_mixture.DrawnPolicy:
    """Returns one member per player, drawn for an episode.

    Args:
      rng: draws them; a generator of this object by default.

    Returns:
      An OpenSpiel policy of all seats. Of a correlated run its members are
      drawn together, as a mediator would.
    """
    return self.mixture.sample(self._rng if rng is None else rng)

  def bot(self, player: int, rng: np.random.Generator | None = None
          ) -> member_mixture.MixtureBot:
    """Returns a `pyspiel.Bot` that draws one member per episode.

    Args:
      player: the seat that it takes.
      rng: draws members and actions; a generator of this object by default.
    """
    return member_mixture.MixtureBot(
        self.mixture, player, self._rng if rng is None else rng)

  @property
  def meta_game(self) -> list[np.ndarray]:
    """Per player, payoffs `[K_0, ..., K_{n-1}]`, as psro_v2 has them."""
    return list(self._meta().payoffs)

  @property
  def meta_strategies(self) -> list[np.ndarray]:
    """Per player, the mixture `[K_p]` over the policies of the meta-game.

    Of a policy that draws one of several, `mixture` says which are drawn.
    """
    return self._meta().meta_strategies(self.name)

  @property
  def meta_game_indices(self) -> list[list[int]]:
    """Per player, the numbers of these policies, in opening order."""
    return [list(indices) for indices in self._meta().meta_game_indices]

  def _meta(self):
    if self._found is None:
      raise ValueError(self.has_not[0])
    return self._found

  def tree(self, max_histories: int = game_tree.DEFAULT_MAX_HISTORIES
           ) -> game_tree.GameTree:
    """Returns the game, enumerated, before its seats were drawn.

    Raises:
      NotEnumerableError: if the run is sampled and the game is too large.
    """
    if isinstance(self.game, game_tree.GameTree):
      return self.game
    return game_tree.enumerate_game(self.game.original.game, max_histories)

  def tables(self, tree: game_tree.GameTree) -> list[np.ndarray]:
    """Returns per player `[I_p, A]`, the policy of the mixture.

    Args:
      tree: from `tree`.
    """
    if self._found is None and not isinstance(
        self.policy, sampled.MixturePolicy):
      return [tree.tabulate(self.policy, player)
              for player in range(tree.num_players)]
    return self.mixture.tables(tree)

  def exploitability(
      self, max_histories: int = game_tree.DEFAULT_MAX_HISTORIES
      ) -> evaluator_lib.Exploitability:
    """Returns the `Exploitability` of the mixture, exactly.

    Args:
      max_histories: of a sampled run, the largest game to enumerate for it. It
        is NaN of a larger one, whose `result` has a lower bound.
    """
    try:
      tree = self.tree(max_histories)
    except game_tree.NotEnumerableError:
      return evaluator_lib.Exploitability(float("nan"), float("nan"))
    value = sequence_form.nash_conv(tree, self.tables(tree))
    joint = None if self._found is None else self.mixture.joint
    return evaluator_lib.Exploitability(
        value, value / tree.num_players,
        None if joint is None else exact_evaluator.cce_gap(
            tree, self.mixture.plans(tree), joint))

  def __repr__(self) -> str:
    return f"<{self.name} of {self.path}, from {self.source.name}>"


def load(path: str | os.PathLike, mixture: str | None = None,
         game: pyspiel.Game | game_lib.Game | None = None) -> LoadedRun:
  """Returns a run of any kind, finished or not, ready to be used.

  Args:
    path: the run directory.
    mixture: which mixture over its policies: `meta_nash`, the solution of its
      meta-game, or `least_exploitable`, the one that loses least, of enumerated
      two-player zero-sum games; by default the one that the run answers with.
    game: the game, of a run whose game no string tells, such as a matrix of
      one's own.

  Raises:
    ValueError: if there is no run, nothing that it has found, or no such
      mixture; says why.
  """
  return LoadedRun(path, mixture, game)

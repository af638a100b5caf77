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

"""PipelinePSROSolver: the round loop around a scheme, an oracle, a meta-game.

In a round the scheme opens new policies; the solver mixes the opponents of
every active policy, trains all of them at once, publishes their snapshots,
measures the payoffs that changed, and decides which policies freeze. The solver
is the only writer of the population and the meta-game.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import io
import time
from typing import Any

import numpy as np
from open_spiel.python import policy as openspiel_policy
from open_spiel.python.algorithms.psro_v2 import psro_v2
import pyspiel

from open_spiel_ppsro import answers
from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import psro_v2_arguments
from open_spiel_ppsro import round_result
from open_spiel_ppsro import schemes
from open_spiel_ppsro.evaluation import anytime
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.evaluation import sampled_evaluator
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.meta_games import sub_game_solver
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import of_game

# The names of a solver's arguments, and of arguments of its scheme, for the
# hint where one is misspelt.
_ARGUMENTS = (
    "game", "oracle", "scheme", "meta_strategy_method", "initial_policies",
    "opponent_update_freq", "plateau", "sweep", "payoff_episodes",
    "max_staleness", "answer")
_OF_SCHEMES = ("num_levels", "warmup_steps", "rectify")


class PipelinePSROSolver(answers.Answers, psro_v2.PSROSolver):
  """PSRO by any scheme of `schemes.py`, outwardly a psro_v2 solver.

  `get_policies()`, `get_meta_game()` and `get_meta_strategies()` range over the
  frozen policies, in opening order, with psro_v2's shapes.

  Attributes:
    scheme: the `Scheme`, which decides which policies train against which.
    opponent_update_freq: environment steps that each policy trains in a round.
    plateau_rule: the `PlateauRule` of all policies.
    played_game: the `Game` that is played, seats drawn or not.
    is_exact: whether the game is enumerated, so that payoffs are exact.
    max_staleness: the bound of `staleness`; 0 in lockstep.
    answer: which of `ANSWERS` the result of the run is, unless asked otherwise.
    staleness: the age of the oldest opponents that a policy has trained against
      since this solver was made, in rounds since they were drawn.
  """

  def __init__(
      self, game: pyspiel.Game | str | game_lib.Game,
      oracle: pipelined.PipelinedOracle,
      scheme: schemes.Scheme | None = None,
      meta_strategy_method: str | Callable = "nash",
      initial_policies: Sequence[openspiel_policy.Policy] | None = None,
      opponent_update_freq: int | None = None,
      plateau: plateau_lib.PlateauRule | None = None, sweep: bool = False,
      payoff_episodes: int | None = None, max_staleness: int = 0,
      answer: str | None = "meta_nash",
      **meta_strategy_options: Any):
    """Makes a solver; nothing trains before the first round.

    Args:
      game: the pyspiel game that the oracle was made for, or its string.
      oracle: a `PipelinedOracle`.
      scheme: a `Scheme`; `Pipeline()` by default.
      meta_strategy_method: a name in `meta_strategies.METHODS` or a psro_v2
        callable `(solver, return_joint=False)`.
      initial_policies: one policy per player; uniformly random by default.
      opponent_update_freq: environment steps, decisions of all players, that
        each policy trains in a round, between two looks at its opponents;
        about two batches of its learner by default, one of NeuPL's.
      plateau: the `PlateauRule` of all policies; `default_plateau(oracle)` if
        not given.
      sweep: whether the levels of a round train one after another, from the
        lowest up, each against the new snapshots of those below, instead of all
        at once against the snapshots of the round before.
      payoff_episodes: on a sampled game, the episodes per round that measure
        payoffs, in all; by default about a sixth of the episodes trained, and
        0.3 of all episodes of NeuPL.
      max_staleness: with 0, in lockstep, a round ends when all policies have
        trained. With n, it takes the results that are there, one at least, and
        waits only for policies whose opponents were drawn n rounds ago. No
        policy then waits for a slow worker, and no two runs are the same.
      answer: the result of the run: `meta_nash`, the meta-strategy over the
        frozen policies, whatever its method; or `least_exploitable`, the
        mixture of these policies that loses least to exact best responses,
        which there is in enumerated two-player zero-sum games; None for that
        one where it is, and for what `certify` is told on a sampled game.
        Training does not depend on it.
      **meta_strategy_options: options that the meta-strategy reads by
        `get_kwargs()`. psro_v2's own arguments are accepted, too, with a
        warning.

    Raises:
      ValueError: if the game is not the oracle's, if the meta-strategy cannot
        solve it, or if a value is out of range.
      TypeError: if there is no such option; the message names the nearest one.
    """
    meta_strategy_options = psro_v2_arguments.drop_from_solver(
        meta_strategy_options, callable(meta_strategy_method),
        {**{name: name for name in _ARGUMENTS},
         **{name: f"{name} of the scheme" for name in _OF_SCHEMES}})
    if not hasattr(oracle, "played_game"):
      raise ValueError(f"oracle is {oracle!r}; it takes a PipelinedOracle")
    oracle.check_open()
    played_game = oracle.played_game
    _check_game(game, oracle.original_game)
    scheme = schemes.Pipeline() if scheme is None else scheme
    schemes.check_scheme(scheme)
    if not isinstance(plateau, (plateau_lib.PlateauRule, type(None))):
      raise ValueError(f"plateau is {plateau!r}; it takes a ppsro.PlateauRule")
    if opponent_update_freq is None:
      opponent_update_freq = int(np.ceil(
          oracle.steps_per_batch * scheme.batches_per_round))
    if not isinstance(opponent_update_freq, int) or opponent_update_freq < 1:
      raise ValueError(f"opponent_update_freq is {opponent_update_freq!r}; it "
                       "takes 1 or more environment steps")
    if initial_policies is not None and (
        not isinstance(initial_policies, (list, tuple))
        or len(initial_policies) != played_game.num_populations):
      raise ValueError(
          f"initial_policies is {initial_policies!r}; it takes a list with an "
          "OpenSpiel policy for each population, "
          f"{played_game.num_populations}")
    if scheme.one_population and played_game.num_populations > 1:
      raise ValueError(
          f"{type(scheme).__name__} needs one population for all players: a "
          "symmetric game, or an oracle made with seat_symmetric=True, which "
          "works for two-player zero-sum games")
    meta_strategies.check_applicable(
        meta_strategy_method, played_game.num_players, played_game.is_zero_sum)
    if scheme.shares_learner and not oracle.can_share:
      raise ValueError(
          f"{type(scheme).__name__} trains all policies in one conditional "
          "network: give it a NeuPLOracle (PPO), or the exact oracle")
    if oracle.needs_separate_opponents and not scheme.shares_learner:
      raise ValueError("a NeuPLOracle serves the NeuPL scheme alone; use a "
                       f"PipelinedOracle for {type(scheme).__name__}")
    if scheme.plays_itself != oracle.config.plays_itself:
      raise ValueError(
          f"{type(scheme).__name__} and {type(oracle.config).__name__} do not "
          "go together: SelfPlay takes a SelfPlayConfig or a "
          "TabularSelfPlayConfig, and it alone takes them")
    if max_staleness < 0:
      raise ValueError(f"max_staleness is {max_staleness}; it takes 0 or more")
    if max_staleness and (sweep or scheme.shares_learner):
      raise ValueError(
          f"max_staleness is {max_staleness}; policies that train in turn, or "
          "share a network, wait for each other: use 0")
    has_least = answers.has_least_exploitable(played_game)
    self.answer = answers.chosen(answer, played_game)
    self._takes_certified = answer is None and not has_least
    if scheme.anytime and not has_least:
      raise ValueError(
          "anytime takes exact payoffs in a two-player zero-sum game, and "
          f"{oracle.original_game.game} is sampled or none; use anytime=False")
    self.scheme = scheme
    self._meta_strategy_name = meta_strategies.resolve(
        meta_strategy_method)[0]
    self._sweep = sweep
    self.max_staleness = max_staleness
    self.staleness = 0
    self._has_begun = False  # Whether the next round has begun to train.
    # For each policy in training, the round it began in and its row.
    self._in_training: dict[
        population_lib.PolicyId, tuple[int, schemes.Row]] = {}
    self.opponent_update_freq = opponent_update_freq
    self.plateau_rule = (plateau_lib.default_plateau(oracle) if plateau is None
                         else plateau)
    self._plateaus: dict[population_lib.PolicyId, plateau_lib.Plateau] = {}
    self.played_game = played_game
    # Workers do not measure exact payoffs, and may train meanwhile. Late
    # results, and levels that train one after another, begin when their turn
    # comes; with exact responses the measure says whether to go on.
    self._may_begin_early = (
        played_game.is_enumerated and oracle.executor.runs_beside
        and not (max_staleness or sweep or oracle.config.responds_exactly))
    self._population = population_lib.Population(played_game.num_populations)
    self._empirical_game = meta_game_lib.MetaGame(played_game.roles)
    self.is_exact = played_game.is_enumerated
    if payoff_episodes is None:
      payoff_episodes = int(np.ceil(
          scheme.payoff_share * scheme.num_levels
          * played_game.num_populations
          * opponent_update_freq / of_game.steps_per_batch(played_game, 1)))
    if payoff_episodes < 1:
      raise ValueError(f"payoff_episodes is {payoff_episodes}; it takes 1 or "
                       "more")
    self._payoff_episodes = payoff_episodes
    self._evaluator: evaluator_lib.Evaluator
    if isinstance(played_game, game_tree.GameTree):
      self._evaluator = exact_evaluator.ExactEvaluator(played_game)
    else:
      assert isinstance(played_game, state_game.StateGame)
      self._evaluator = sampled_evaluator.SampledEvaluator(
          played_game, oracle.executor, oracle.seed, payoff_episodes,
          wait=not max_staleness)
    self._anytime = (
        anytime.AnytimeResponses(self._evaluator) if scheme.anytime
        and isinstance(self._evaluator, exact_evaluator.ExactEvaluator)
        else None)
    self._importance = None
    self._rounds = 0
    self._training_episodes = 0
    self._environment_steps = 0
    self._training_seconds = 0.0
    self._evaluation_seconds = 0.0
    self._solve = sub_game_solver.SubGameSolver(
        self._empirical_game, meta_strategy_method, meta_strategy_options)
    self._solve_row: Any = self.scheme.row_solver(
        self._empirical_game, self._solve)
    # The constructors of psro_v2 print, which this library does not.
    with contextlib.redirect_stdout(io.StringIO()):
      super().__init__(
          oracle.original_game.game, oracle, sims_per_entry=0,
          symmetric_game=played_game.plays_all_seats,
          initial_policies=initial_policies,
          training_strategy_selector="probabilistic",
          meta_strategy_method=meta_strategies.resolve(
              meta_strategy_method)[1],
          sample_from_marginals=True, **meta_strategy_options)
    self._update_least()

  def __repr__(self) -> str:
    return (f"<{type(self).__name__} of {self.original_game.game}: "
            f"{type(self.scheme).__name__}, {self._rounds} rounds>")

  @property
  def population(self) -> population_lib.Population:
    """The `Population`, active policies included. Read it, do not change it."""
    return self._population

  @property
  def num_policies(self) -> tuple[int, ...]:
    """The number of policies per population that the result ranges over."""
    return tuple(map(len, self._of_frozen.indices))

  @property
  def iterations(self) -> int:
    """The number of policies that have frozen for every player.

    Initial policies do not count. If a scheme never freezes, this is the number
    of rounds that have been played.
    """
    if not self.scheme.freezes:
      return self._rounds
    return min(map(len, self._population.frozen_indices())) - 1

  @property
  def rounds(self) -> int:
    """The number of rounds that have been played."""
    return self._rounds

  @property
  def in_training(self) -> int:
    """The number of policies in training between rounds."""
    return len(self._in_training)

  @property
  def training_episodes(self) -> int:
    """All episodes trained so far, by all policies."""
    return self._training_episodes

  @property
  def environment_steps(self) -> int:
    """All environment steps trained so far, by all policies."""
    return self._environment_steps

  @property
  def episodes(self) -> int:
    """All episodes so far, of training and of measuring payoffs."""
    return self._training_episodes + self._evaluator.episodes

  # The constructor and `iteration` of psro_v2 call the following methods.

  def _initialize_policy(self, initial_policies):
    self._policies = [[] for _ in range(self.played_game.num_populations)]
    for index in range(self.played_game.num_populations):
      policy_id = self._population.open(index).policy_id
      self._population.publish(
          policy_id,
          self._oracle.uniform_policy(index) if initial_policies is None
          else self._oracle.tabulate(initial_policies[index], index))
      self._population.freeze(policy_id)

  def begin_with(self, initial_policies: Sequence[openspiel_policy.Policy],
                 episodes: int = 0, steps: int = 0) -> None:
    """Replaces the initial policies before the first round.

    Args:
      initial_policies: one policy per population.
      episodes: how many episodes have trained them; they count.
      steps: how many environment steps.

    Raises:
      ValueError: if a round has been played.
    """
    if self._rounds:
      raise ValueError("begin_with needs a solver that has played no rounds; "
                       f"this one has played {self._rounds}")
    for index, policy in enumerate(initial_policies):
      self._population.replace(
          population_lib.PolicyId(index, 0), tabular.as_policy(
              self._oracle.tabulate(policy, index)))
    self._training_episodes += episodes
    self._environment_steps += steps
    self._evaluator.forget()
    self._initialize_game_state()
    self._policies = [[] for _ in self._policies]
    self.update_meta_strategies()
    self._update_least()

  def _initialize_game_state(self):
    self._measure([m.policy_id for m in self._population.members()])

  def _measure(self, changed, share=1.0):
    """Brings the payoffs up to date after some policies changed.

    Args:
      changed: the ids of these policies.
      share: the share of a round's measuring episodes to play now.
    """
    start = time.perf_counter()
    self._evaluator.measure(self._population, self._empirical_game, changed,
                            share)
    self._evaluation_seconds += time.perf_counter() - start

  def update_agents(self) -> None:
    """Plays rounds until every player has a newly frozen policy."""
    before = self.iterations
    while self.iterations == before:
      self.round()

  def update_empirical_gamestate(self, seed: int | None = None) -> None:
    """Does nothing, because every round measures the payoffs it changed."""

  def update_meta_strategies(self) -> None:
    """Solves the meta-game of the result.

    It ranges over the frozen policies, or over all where none ever freezes.
    """
    indices = self.scheme.answer(self._population)
    solution = self._solve(indices)
    self._meta_games = self._empirical_game.sub_game(indices).get_meta_game()
    self._meta_strategy_probabilities = list(solution.probabilities)
    if not self.scheme.freezes:  # All policies have new snapshots.
      self._policies = [[] for _ in indices]
    for population_index, chosen in enumerate(indices):
      policies = self._policies[population_index]
      policies += [
          self._oracle.policy(population_index, self._population[
              population_lib.PolicyId(population_index, i)].snapshot.policy)
          for i in chosen[len(policies):]]
    self._of_frozen = solution

  def _everyone(self):
    return tuple(tuple(range(size)) for size in self._population.sizes())

  # The following methods are the rounds.

  def run(self) -> Iterator[round_result.RoundResult]:
    """Plays rounds for ever and yields a `RoundResult` after each."""
    while True:
      yield self.round()

  def round(self, goes_on: Callable[[], bool] = lambda: False
            ) -> round_result.RoundResult:
    """Plays one round and returns its `RoundResult`.

    Args:
      goes_on: whether there will be another round, asked once it is known what
        has frozen. If so, the training of that round begins before this one is
        measured, so that workers need not wait. `state` takes a `catch_up`
        then. The bits are the same.
    """
    return self._round(begins=True, goes_on=goes_on)

  def catch_up(self) -> round_result.RoundResult:
    """Plays a round that begins no training and ends all that is under way.

    Returns:
      Its `RoundResult`. No policy is in training then, so that `state` works.
    """
    return self._round(begins=False)

  def _round(self, begins, goes_on=lambda: False):
    self._oracle.check_open()
    start = time.perf_counter()
    self._training_seconds = 0.0
    self._evaluation_seconds = 0.0
    levels, frozen = [], []
    if self._has_begun:  # At the end of the last round.
      begins = self._has_begun = False
    if begins:
      self._open(self.scheme.openings(self._population, self._solve))
    for wave in self._waves() if begins else [[]]:
      self._begin([policy_id for policy_id in wave
                   if policy_id not in self._in_training])
      for level in self._finish(self.max_staleness if begins else 0):
        levels.append(level)
        if self.scheme.freezes and self._has_plateaued(level):
          frozen.append(level.policy_id)
    for policy_id in frozen:
      self._population.freeze(policy_id)
      self._oracle.retire(policy_id)
      self._plateaus.pop(policy_id, None)
      if self._anytime is not None:
        self._anytime.forget(policy_id)
    self.update_meta_strategies()
    of_all = self._solve(self._everyone())
    # The importance of a policy is its probability in the meta-strategy over
    # frozen policies plus that in the meta-strategy over all.
    self._importance = [weights.copy() for weights in of_all.probabilities]
    for weights, chosen, probabilities in zip(
        self._importance, self._of_frozen.indices,
        self._of_frozen.probabilities):
      weights[list(chosen)] += probabilities
    self._evaluator.set_importance(self._importance)
    self._rounds += 1
    if self._may_begin_early and goes_on():
      self._open(self.scheme.openings(self._population, self._solve))
      self._begin([member.policy_id for member in self._population.active()])
      self._has_begun = True
    if frozen or not self.scheme.freezes:
      self._update_least()
    return round_result.RoundResult(
        round=self._rounds,
        iterations=self.iterations,
        frozen=tuple(frozen),
        num_policies=self.num_policies,
        levels=tuple(levels),
        training_episodes=self._training_episodes,
        evaluation_episodes=self._evaluator.episodes,
        environment_steps=self._environment_steps,
        of_frozen=self.exploitability("meta_nash"),
        of_all=self._evaluator.exploitability(of_all),
        least_exploitable=self._least,
        regret_frozen=float(self._of_frozen.regret.max()),
        regret_all=float(of_all.regret.max()),
        training_seconds=self._training_seconds,
        evaluation_seconds=self._evaluation_seconds,
        round_seconds=time.perf_counter() - start)

  def _waves(self):
    """Returns the active policies in groups that train one after another."""
    active = [member.policy_id for member in self._population.active()]
    if not self._sweep:
      return [active]
    return [[policy_id for policy_id in active if policy_id.index == level]
            for level in sorted({policy_id.index for policy_id in active})]

  def _begin(self, policy_ids):
    """Draws the opponents of some policies and begins to train them."""
    if not policy_ids:
      return
    graph = schemes.interaction_graph(
        self.scheme, self._population, self._empirical_game, self._solve_row,
        policy_ids)
    if self._anytime is not None:
      graph = {policy_id: dataclasses.replace(
          row, meta_strategy=self._anytime.opponents(
              policy_id, row.meta_strategy))
               for policy_id, row in graph.items()}
    opponents = {}
    for row in graph.values():  # Players and levels may share opponents.
      if row.meta_strategy not in opponents:
        opponents[row.meta_strategy] = self._as_opponents(row.meta_strategy)
    start = time.perf_counter()
    self._oracle.begin(
        [learner_lib.Assignment(
            policy_id, opponents[row.meta_strategy], self.opponent_update_freq,
            row.stationary, row.meta_strategy.probabilities)
         for policy_id, row in graph.items()])
    self._training_seconds += time.perf_counter() - start
    for policy_id, row in graph.items():
      self._in_training[policy_id] = self._rounds, row

  def _as_opponents(self, meta_strategy):
    """Returns the opponents that a meta-strategy is for learners."""
    if self.played_game.num_players == 2:
      # For a learner, a single opponent is described by its marginal.
      meta_strategy = dataclasses.replace(meta_strategy, joint=None)
    if self.is_exact and meta_strategy.joint is None and (
        not self._oracle.needs_separate_opponents):
      return self._evaluator.behaviour_opponents(meta_strategy)
    return self._evaluator.opponents(meta_strategy, self._population)

  def _finish(self, max_staleness):
    """Publishes and measures the policies that have ended their training.

    Args:
      max_staleness: the age, in rounds since a policy began, from which on the
        call waits for the policy.

    Returns:
      The `LevelStatus` of each policy that has ended its training.
    """
    if not self._in_training:
      return []
    start = time.perf_counter()
    reports = self._oracle.finished(
        [policy_id for policy_id, (begun, _) in self._in_training.items()
         if self._rounds - begun >= max_staleness])
    self._training_seconds += time.perf_counter() - start
    for policy_id, report in reports.items():
      if report.payoffs is not None:
        self._evaluator.add_training_payoffs(policy_id, report.payoffs)
      if self._anytime is not None:
        report = dataclasses.replace(report, policy=self._anytime.add(
            policy_id, report.policy, self._in_training[policy_id][1]
            .meta_strategy))
      self._publish(policy_id, report)
    self._measure(list(reports), len(reports) / len(self._population.active()))
    found = []
    for policy_id, report in reports.items():
      begun, row = self._in_training.pop(policy_id)
      self.staleness = max(self.staleness, self._rounds - begun)
      payoff = self._payoff(policy_id, row, report)
      found.append(round_result.LevelStatus(
          policy_id, self._population[policy_id].steps, report.mean_return,
          payoff, row.stationary, self._rounds - begun, report.is_exact,
          max(0.0, payoff - self._empirical_game.value(
              policy_id.player, row.meta_strategy)), row.meta_strategy))
    return found

  def _payoff(self, policy_id, row, report):
    """Returns the payoff of a new snapshot against its opponents."""
    if self._anytime is not None:  # Against the one that is worst for it.
      return float(self._empirical_game.payoffs_against(
          policy_id, row.meta_strategy.indices).min())
    if self.is_exact:
      return self._empirical_game.expected_return(policy_id, row.meta_strategy)
    # The returns of training are more precise than the measured payoffs.
    return report.mean_return

  def best_response_gap(self, level: round_result.LevelStatus) -> float:
    """Returns what a best response would gain over a policy, in game utility.

    Both face the opponents that the policy trained against in its last round,
    as these are now.

    Args:
      level: of the latest `RoundResult`.

    Returns:
      The gain, exact; NaN for a sampled game.
    """
    if not self.is_exact or level.opponents is None:
      return float("nan")
    assert isinstance(self._evaluator, exact_evaluator.ExactEvaluator)
    best = self._evaluator.best_response_value(
        level.policy_id.player, level.opponents)
    return best - self._empirical_game.expected_return(
        level.policy_id, level.opponents)

  def payoff_standard_errors(self) -> np.ndarray:
    """Returns the standard errors of the payoffs among all policies.

    Returns:
      `[n, K_0, ...]`, in game utility; zeros where payoffs are exact.
    """
    if self.is_exact:
      return np.zeros_like(self._empirical_game.payoffs)
    assert isinstance(self._evaluator, sampled_evaluator.SampledEvaluator)
    return self._evaluator.standard_errors()

  # The following methods save a run and resume it.

  def settings(self) -> dict[str, Any]:
    """Returns the settings of the run, as names and plain data.

    Two runs with equal settings have the same bits, in lockstep and with the
    same versions of all packages.
    """
    oracle, scheme = self._oracle, self.scheme
    return {
        "game": str(self.original_game.game),
        "evaluation": "exact" if self.is_exact else "sampled",
        "scheme": type(scheme).__name__,
        **{f"scheme {name}": value
           for name, value in scheme.settings().items()},
        "oracle": type(oracle.config).__name__,
        **{f"oracle {name}": value
           for name, value in oracle.config.settings().items()},
        "seat_symmetric": self.played_game.has_drawn_seats,
        "seed": oracle.seed,
        "workers_per_level": oracle.workers_per_level,
        "meta_strategy": self._meta_strategy_name,
        "opponent_update_freq": self.opponent_update_freq,
        "payoff_episodes": None if self.is_exact else self._payoff_episodes,
        "sweep": self._sweep,
        "max_staleness": self.max_staleness,
        **{f"plateau {name}": value for name, value in
           dataclasses.asdict(self.plateau_rule).items()}}

  def check_settings(self, settings: dict[str, Any]) -> None:
    """Raises ValueError, with the differences, if settings are not ours.

    Args:
      settings: of a checkpoint, of version 0.1 too.
    """
    ours, theirs = self.settings(), _settings_of_0_1(settings)
    differences = [
        f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here"
        for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    if differences:
      raise ValueError("the checkpoint is of another run: "
                       + ", ".join(differences))

  def state(self) -> dict[str, Any]:
    """Returns the whole state of the run between two rounds, for `restore`.

    Returns:
      Plain data and arrays that do not change later, as `plain_data.write`
      takes them: population, meta-game, plateaus, learners with their
      optimisers, replay buffers and random states, and counters.

    Raises:
      ValueError: if policies are in training; see `catch_up`.
    """
    self._oracle.check_open()
    if self._in_training:
      raise ValueError(f"{len(self._in_training)} policies are in training; "
                       "catch_up() waits for them")
    active = [member.policy_id for member in self._population.active()]
    return {
        "settings": self.settings(),
        "rounds": self._rounds,
        "training_episodes": self._training_episodes,
        "environment_steps": self._environment_steps,
        "population": self._population.state(),
        "payoffs": self._empirical_game.payoffs.copy(),
        "importance": self._importance,
        "plateaus": [[policy_id, plateau.state()]
                     for policy_id, plateau in self._plateaus.items()],
        "evaluator": self._evaluator.state(),
        "anytime": None if self._anytime is None else self._anytime.state(),
        "least_exploitable": (None if self._least is None
                              else dataclasses.asdict(self._least)),
        "certified_parts": self.certified,
        "answer": self.answer,
        "meta_strategies": self._solve.state(),
        "row_solver": (None if self._solve_row is self._solve
                       else self._solve_row.state()),
        "oracle": self._oracle.state(active)}

  def restore(self, state: dict[str, Any]) -> None:
    """Makes this solver continue the run of another.

    All later rounds have the same bits as those of the other solver, in
    lockstep and with the same versions of all packages.

    Args:
      state: the other's `state`, or the data of its checkpoint.

    Raises:
      ValueError: if this solver has played rounds, or if its settings differ
        from those of the state; the message names the differences.
    """
    if self._rounds:
      raise ValueError("restore needs a solver that has played no rounds; this "
                       f"one has played {self._rounds}")
    self.check_settings(state["settings"])
    self._population.restore(state["population"], self._read_policy)
    self._empirical_game.restore(state["payoffs"])
    self._evaluator.restore(state["evaluator"], self._population)
    if self._anytime is not None:
      self._anytime.restore(state["anytime"])
    self._solve.restore(state["meta_strategies"])
    if self._solve_row is not self._solve:
      self._solve_row.restore(state["row_solver"])
    for policy_id, seen in state["plateaus"]:
      self._plateau(population_lib.PolicyId(*policy_id)).restore(seen)
    self._importance = state["importance"]
    if self._importance is not None:
      self._evaluator.set_importance(self._importance)
    self._rounds = state["rounds"]
    self._training_episodes = state["training_episodes"]
    self._environment_steps = state["environment_steps"]
    self._oracle.restore(
        [member.policy_id for member in self._population.active()],
        state["oracle"])
    self._policies = [[] for _ in self._policies]
    self.update_meta_strategies()
    if state.get("certified_parts") is not None:
      self.certify(state["certified_parts"])
    if state.get("least_exploitable") is None:  # As in version 0.1.
      self._update_least()
    else:
      self._least = least_exploitable.LeastExploitable(**{
          **state["least_exploitable"],
          "weights": tuple(state["least_exploitable"]["weights"])})

  def _read_policy(self, policy_id, data):
    """Returns a policy from its data in a checkpoint, of version 0.1 too."""
    if data is None:  # Version 0.1 did not save the initial policy.
      return self._population[policy_id].snapshot.policy
    if isinstance(data, np.ndarray):
      return tabular.TablePolicy(data)
    return policy_lib.from_data({"class": "NetworkPolicy", **data})

  def _open(self, openings):
    """Opens policies and publishes their snapshots before any training."""
    openings = list(openings)
    schemes.check_openings(self.scheme, openings,
                           self.played_game.num_populations)
    policy_ids = [
        self._population.open(opening.player, opening.parent).policy_id
        for opening in openings]
    for policy_id, policy in zip(policy_ids, self._oracle.open(
        policy_ids, wait=not self.max_staleness)):
      self._population.publish(policy_id, policy)
    if policy_ids:  # Matches of these policies begin once they have trained.
      self._measure(policy_ids, share=0.0)

  def _publish(self, policy_id, report):
    self._population.publish(policy_id, report.policy)
    member = self._population[policy_id]
    member.rounds += 1
    member.steps += report.steps
    member.latest_steps = report.steps
    member.episodes += report.episodes
    self._training_episodes += report.episodes
    self._environment_steps += report.steps

  def _has_plateaued(self, level):
    if level.is_exact:
      return level.stationary and (
          self._anytime is None or self._anytime.has_settled(level.policy_id))
    member = self._population[level.policy_id]
    return self._plateau(level.policy_id).update(
        level.steps, member.latest_steps, level.payoff, level.stationary,
        level.gain)

  def _plateau(self, policy_id):
    return self._plateaus.setdefault(
        policy_id, plateau_lib.Plateau(self.plateau_rule))


def _check_game(game, original_game):
  """Raises ValueError unless a solver and its oracle have the same game.

  Args:
    game: a pyspiel game, a game string, a `GameTree` or a `StateGame`.
    original_game: the oracle's `Game`, before its seats were drawn.
  """
  if isinstance(game, str):
    game = loading.load_game(game)
  if isinstance(game, game_lib.Game):
    game = game.original.game
  if not isinstance(game, pyspiel.Game):
    raise ValueError(f"game is {game!r}; it takes a pyspiel game, a game "
                     "string, a GameTree or a StateGame")
  if str(loading.turn_based(game)) != str(original_game.game):
    raise ValueError(f"the oracle is for {original_game.game}, the solver for "
                     f"{game}; give both the same game")


def _settings_of_0_1(settings):
  """Returns the settings of a checkpoint by the names that they have now."""
  settings = dict(settings)
  if settings["oracle"] in ("PPOConfig", "DQNConfig", "NeuPLConfig",
                            "SelfPlayConfig"):
    settings.setdefault("oracle network", "mlp")  # There was no other.
  if settings["oracle"] == "PPOConfig":
    settings.setdefault("oracle warm_start", False)  # There was none.
  if "plateau relative" in settings:  # It is of a later version.
    return settings
  settings = game_defaults.settings_of_0_1(settings)
  # Version 0.1 had no such field, and its runs had this value.
  settings["plateau relative"] = 0.0
  if "scheme rule" in settings:
    settings["scheme rectify"] = settings.pop("scheme rule")
  if settings["scheme"] in ("Pipeline", "Sequential", "DCH", "NeuPL"):
    settings.setdefault("scheme anytime", False)
  # Version 0.1 had these settings, which always had these values.
  for name, value in (("plateau count_moving", True),
                      ("oracle row_tolerance", 1e-3)):
    if settings.get(name) == value:
      del settings[name]
  return settings

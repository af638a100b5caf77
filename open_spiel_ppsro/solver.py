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

One round: mix the opponents of every active policy, train all of them at
once, publish their snapshots, measure the payoffs that changed, judge who
freezes, and let the scheme open new policies. The solver is the only writer
of the population and the meta-game.
"""

import contextlib
import dataclasses
import io
import time

import numpy as np
from open_spiel.python.algorithms.psro_v2 import psro_v2

from open_spiel_ppsro import lower_bound as lower_bound_lib
from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import population as population_lib
from open_spiel_ppsro import round_result
from open_spiel_ppsro import schemes
from open_spiel_ppsro.evaluation import evaluator as evaluator_lib
from open_spiel_ppsro.evaluation import exact_evaluator
from open_spiel_ppsro.evaluation import sampled_evaluator
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.meta_games import meta_game as meta_game_lib
from open_spiel_ppsro.meta_games import meta_strategies
from open_spiel_ppsro.meta_games import sub_game_solver
from open_spiel_ppsro.oracles import learner as learner_lib

# Batches, counted in the steps of uniformly random play; near an equilibrium
# episodes are shorter, and a learner finishes the batch it is in, so this many
# make two batches a round; of NeuPL, whose rows move every round, one.
_BATCHES_PER_ROUND = 1.4
_NEUPL_BATCHES_PER_ROUND = 0.7
_MIN_BATCHES = 12.0
# Of a sampled game: episodes of measuring payoffs per episode of training,
# counted as the rounds are, above. They take about a tenth of the time. With a
# fifth as many, and payoffs drawn more towards what is expected of them, Leduc
# poker's policy after two minutes was 0.61 exploitable instead of 0.36.
_PAYOFF_SHARE = 0.25
# To estimate what an exploiter gains, at least and at most.
_BOUND_EPISODES = 1_000, 20_000
# NeuPL's evaluation split (Liu et al. 2022): 0.3 of all episodes.
_NEUPL_SHARE = 0.3 / 0.7


def default_plateau(oracle, **changes):
  """Returns the `PlateauRule` that suits an oracle's batches.

  Args:
    oracle: a `PipelinedOracle`.
    **changes: fields of the rule to set otherwise; None changes nothing.
  """
  given = {name: value for name, value in changes.items()
           if value is not None}
  return plateau_lib.PlateauRule(**{
      "min_steps": int(_MIN_BATCHES * oracle.steps_per_batch), **given})


class PipelinePSROSolver(psro_v2.PSROSolver):
  """PSRO by any scheme of `schemes.py`, outwardly a psro_v2 solver.

  `get_policies()`, `get_meta_game()` and `get_meta_strategies()` speak of the
  frozen policies, in opening order, with psro_v2's shapes.

  Attributes:
    scheme: who trains against whom, a `Scheme`.
    opponent_update_freq: environment steps that each policy trains in a round.
    plateau_rule: the `PlateauRule` of all policies.
    is_exact: whether payoffs are exact, of an enumerated game.
    max_staleness: the bound of `staleness`; 0 in lockstep.
    staleness: the most rounds ago that the opponents of a policy were drawn
      when it reported, since this solver was made.
  """

  def __init__(self, game, oracle, scheme=None, meta_strategy_method="nash",
               initial_policies=None, opponent_update_freq=None,
               plateau=None, sweep=False, payoff_episodes=None,
               max_staleness=0,
               **meta_strategy_options):
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
        lowest up, each against what those below have just become, instead of
        all at once against what they were a round ago.
      payoff_episodes: of a sampled game, episodes to play per round to measure
        payoffs, in all; by default about a sixth of those trained, and 0.3 of
        all of NeuPL's.
      max_staleness: 0 is lockstep: a round waits for all who train. With n,
        it takes the results that are there, one at least, and waits only for
        those whose opponents were drawn n rounds ago: nobody waits for a slow
        worker, and no two runs are the same.
      **meta_strategy_options: reach the meta-strategy through `get_kwargs()`.

    Raises:
      ValueError: if the game is not the oracle's, if the meta-strategy cannot
        solve it, or if a number is out of range.
    """
    tree = oracle.tree
    if isinstance(game, str):
      game = loading.load_game(game)
    if str(loading.turn_based(game)) != str((tree.original or tree).game):
      raise ValueError(f"the oracle is for {tree.game}, the solver for {game}; "
                       "give both the same game")
    scheme = schemes.Pipeline() if scheme is None else scheme
    if opponent_update_freq is None:
      opponent_update_freq = int(np.ceil(oracle.steps_per_batch * (
          _NEUPL_BATCHES_PER_ROUND if scheme.shares_learner
          else _BATCHES_PER_ROUND)))
    if opponent_update_freq < 1:
      raise ValueError(f"opponent_update_freq is {opponent_update_freq}; it "
                       "takes 1 or more environment steps")
    if initial_policies is not None and (
        len(initial_policies) != tree.num_populations):
      raise ValueError(f"initial_policies has {len(initial_policies)} entries; "
                       f"give one per population, {tree.num_populations}")
    if scheme.one_population and tree.num_populations > 1:
      raise ValueError(
          f"{type(scheme).__name__} needs one population for all players: a "
          "symmetric game, or an oracle made with seat_symmetric=True, which "
          "works for two-player zero-sum games")
    meta_strategies.check_applicable(
        meta_strategy_method, tree.num_players, tree.is_zero_sum)
    if scheme.shares_learner and not oracle.can_share:
      raise ValueError(
          f"{type(scheme).__name__} trains all policies in one conditional "
          "network: give it a NeuPLOracle (PPO), or the exact oracle")
    if oracle.needs_separate_opponents and not scheme.shares_learner:
      raise ValueError("a NeuPLOracle serves the NeuPL scheme alone; use a "
                       f"PipelinedOracle for {type(scheme).__name__}")
    if max_staleness < 0:
      raise ValueError(f"max_staleness is {max_staleness}; it takes 0 or more")
    if max_staleness and (sweep or scheme.shares_learner):
      raise ValueError(
          f"max_staleness is {max_staleness}; policies that train in turn, or "
          "share a network, wait for each other: use 0")
    self.scheme = scheme
    self._meta_strategy_name = meta_strategies.resolve(
        meta_strategy_method)[0]
    self._sweep = sweep
    self.max_staleness = max_staleness
    self.staleness = 0
    # Of each policy in training, the round it began in and its row.
    self._in_training = {}
    self.opponent_update_freq = opponent_update_freq
    self.plateau_rule = (default_plateau(oracle) if plateau is None
                         else plateau)
    self._plateaus = {}
    self._tree = tree
    self._population = population_lib.Population(
        tree.num_populations)
    self._empirical_game = meta_game_lib.MetaGame(tree.roles)
    self.is_exact = not isinstance(tree, state_game.StateGame)
    if payoff_episodes is None:
      payoff_episodes = int(np.ceil(
          (_NEUPL_SHARE if scheme.shares_learner else _PAYOFF_SHARE)
          * scheme.num_levels * tree.num_populations
          * opponent_update_freq / learner_lib.steps_per_batch(tree, 1)))
    if payoff_episodes < 1:
      raise ValueError(f"payoff_episodes is {payoff_episodes}; it takes 1 or "
                       "more")
    self._payoff_episodes = payoff_episodes
    self._evaluator = (
        exact_evaluator.ExactEvaluator(tree) if self.is_exact else
        sampled_evaluator.SampledEvaluator(
            tree, oracle.executor, oracle.seed, payoff_episodes,
            waits=not max_staleness))
    self._importance = None
    self._rounds = 0
    self._training_episodes = 0
    self._environment_steps = 0
    self._training_seconds = 0.0
    self._evaluation_seconds = 0.0
    self._solve = sub_game_solver.SubGameSolver(
        self._empirical_game, meta_strategy_method, meta_strategy_options)
    self._solve_row = self.scheme.row_solver(
        self._empirical_game, self._solve)
    # psro_v2's constructors print, and this library does not.
    with contextlib.redirect_stdout(io.StringIO()):
      super().__init__(
          (tree.original or tree).game, oracle, sims_per_entry=0,
          symmetric_game=tree.num_populations < tree.num_players,
          initial_policies=initial_policies,
          training_strategy_selector="probabilistic",
          meta_strategy_method=meta_strategies.resolve(
              meta_strategy_method)[1],
          sample_from_marginals=True, **meta_strategy_options)

  @property
  def tree(self):
    """The `GameTree` or `StateGame`, before any seat symmetry."""
    return self._tree.original or self._tree

  @property
  def game(self):
    """The `GameTree` or `StateGame` that is played, seats symmetric or not."""
    return self._tree

  @property
  def population(self):
    """The `Population`, active policies included. Read it, do not change it."""
    return self._population

  @property
  def num_policies(self):
    """Per population, over how many policies the result ranges."""
    return tuple(map(len, self._answer[0]))

  @property
  def iterations(self):
    """How many policies have frozen for every player, initial ones aside.

    Of a scheme that never freezes, how many rounds have been played.
    """
    if not self.scheme.freezes:
      return self._rounds
    return min(map(len, self._population.frozen_indices())) - 1

  @property
  def rounds(self):
    """How many rounds have been played."""
    return self._rounds

  @property
  def in_training(self):
    """How many policies are in training between rounds; 0 in lockstep."""
    return len(self._in_training)

  @property
  def training_episodes(self):
    """All episodes trained so far, by all policies."""
    return self._training_episodes

  @property
  def episodes(self):
    """All episodes so far, of training and of measuring payoffs."""
    return self._training_episodes + self._evaluator.episodes

  # What psro_v2's constructor and `iteration` call.

  def _initialize_policy(self, initial_policies):
    self._policies = [[] for _ in range(self._tree.num_populations)]
    for index in range(self._tree.num_populations):
      policy_id = self._population.open(index).policy_id
      self._population.publish(
          policy_id,
          self._oracle.uniform_policy(index) if initial_policies is None
          else self._oracle.tabulate(initial_policies[index], index))
      self._population.freeze(policy_id)

  def _initialize_game_state(self):
    self._measure([m.policy_id for m in self._population.members()])

  def _measure(self, changed, share=1.0):
    """Brings the payoffs up to date after some policies changed.

    Args:
      changed: their ids.
      share: of a round's episodes, how many to spend, if any are played.
    """
    start = time.perf_counter()
    importance = self._importance
    if importance is not None:  # Who opened since then has no weight yet.
      importance = [
          np.pad(weights, (0, size - len(weights))) for weights, size
          in zip(importance, self._population.sizes())]
    self._evaluator.measure(self._population, self._empirical_game, changed,
                            importance, share)
    self._evaluation_seconds += time.perf_counter() - start

  def update_agents(self):
    """Plays rounds until every player has a newly frozen policy."""
    before = self.iterations
    while self.iterations == before:
      self.round()

  def update_empirical_gamestate(self, seed=None):
    """Does nothing: every round measures what it changed."""

  def update_meta_strategies(self):
    """Solves the meta-game of the result: of the frozen policies, or of all
    where none ever freezes."""
    indices = (self._population.frozen_indices() if self.scheme.freezes
               else self._everyone())
    solution = self._solve(indices)
    self._meta_games = self._empirical_game.sub_game(indices).get_meta_game()
    self._meta_strategy_probabilities = list(solution.probabilities)
    if not self.scheme.freezes:  # Yesterday's snapshots are gone.
      self._policies = [[] for _ in indices]
    for population_index, chosen in enumerate(indices):
      policies = self._policies[population_index]
      policies += [
          self._oracle.policy(population_index, self._population[
              population_lib.PolicyId(population_index, i)].snapshot.policy)
          for i in chosen[len(policies):]]
    self._answer = indices, solution.probabilities
    self._answer_joint = solution.joint

  def _everyone(self):
    return tuple(tuple(range(size)) for size in self._population.sizes())

  # The rounds.

  def run(self):
    """Plays rounds for ever and yields a `RoundResult` after each."""
    while True:
      yield self.round()

  def round(self):
    """Plays one round and returns its `RoundResult`."""
    return self._round(begins=True)

  def catch_up(self):
    """Plays a round that begins nothing and waits for all who train.

    Returns:
      Its `RoundResult`. Nobody is in training then, so that `state` works.
    """
    return self._round(begins=False)

  def _round(self, begins):
    start = time.perf_counter()
    self._training_seconds = 0.0
    self._evaluation_seconds = 0.0
    levels, frozen = [], []
    if begins:
      self._open(self.scheme.openings(self._population, self._solve))
    for wave in self._waves() if begins else [[]]:
      self._begin([policy_id for policy_id in wave
                   if policy_id not in self._in_training])
      for level, is_exact in self._finish(
          self.max_staleness if begins else 0):
        levels.append(level)
        if self.scheme.freezes and self._has_plateaued(level, is_exact):
          frozen.append(level.policy_id)
    for policy_id in frozen:
      self._population.freeze(policy_id)
      self._oracle.retire(policy_id)
      self._plateaus.pop(policy_id, None)
    self.update_meta_strategies()
    everyone = self._everyone()
    solution = self._solve(everyone)
    of_everyone = solution.probabilities
    # What is in use, or would be if all were frozen.
    self._importance = [weights.copy() for weights in of_everyone]
    for weights, chosen, probabilities in zip(self._importance, *self._answer):
      weights[list(chosen)] += probabilities
    self._rounds += 1
    return round_result.RoundResult(
        round=self._rounds,
        iterations=self.iterations,
        frozen=tuple(frozen),
        num_policies=self.num_policies,
        levels=tuple(levels),
        training_episodes=self._training_episodes,
        evaluation_episodes=self._evaluator.episodes,
        environment_steps=self._environment_steps,
        of_frozen=self.exploitability(),
        of_all=self._evaluator.exploitability(everyone, of_everyone,
                                              solution.joint),
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
    opponents = {}
    for row in graph.values():
      # A single opponent is faced as its marginal says.
      joint = row.joint if self._tree.num_players > 2 else None
      if id(row.probabilities) not in opponents:  # Often shared by players.
        opponents[id(row.probabilities)] = self._evaluator.opponents(
            row.indices, row.probabilities,
            None if self.is_exact and not (
                self._oracle.needs_separate_opponents) and joint is None
            else self._population, joint)
    start = time.perf_counter()
    self._oracle.begin(
        [learner_lib.Assignment(policy_id, opponents[id(row.probabilities)],
                         self.opponent_update_freq, row.settled,
                         row.probabilities)
         for policy_id, row in graph.items()])
    self._training_seconds += time.perf_counter() - start
    for policy_id, row in graph.items():
      self._in_training[policy_id] = self._rounds, row

  def _finish(self, max_staleness):
    """Publishes and measures the policies that have ended their training.

    Args:
      max_staleness: policies that began so many rounds ago are waited for.

    Returns:
      For each a pair of its `LevelStatus` and whether it is now an exact best
      response.
    """
    if not self._in_training:
      return []
    start = time.perf_counter()
    reports = self._oracle.finished(
        [policy_id for policy_id, (begun, _) in self._in_training.items()
         if self._rounds - begun >= max_staleness])
    self._training_seconds += time.perf_counter() - start
    for policy_id, report in reports.items():
      if report.meetings is not None:
        self._evaluator.add_meetings(policy_id, report.meetings)
      self._publish(policy_id, report)
    self._measure(list(reports), len(reports) / len(self._population.active()))
    found = []
    for policy_id, report in reports.items():
      begun, row = self._in_training.pop(policy_id)
      self.staleness = max(self.staleness, self._rounds - begun)
      found.append((round_result.LevelStatus(
          policy_id, self._population[policy_id].steps, report.mean_return,
          # Of sampled payoffs those met in training are the most precise.
          self._empirical_game.expected_return(
              policy_id, row.indices, row.probabilities, row.joint)
          if self.is_exact else report.mean_return,
          row.settled, self._rounds - begun), report.is_exact))
    return found

  def exploitability(self):
    """Returns the `Exploitability` of what the run has found.

    It is NaN for a sampled game; see `lower_bound`.
    """
    return self._evaluator.exploitability(*self._answer, self._answer_joint)

  def final_joint(self):
    """Returns the joint distribution that the run has found.

    Returns:
      `[K_0, ..., K_{n-1}]`, over the profiles of `get_policies()`; None where
      players draw independently, see `get_meta_strategies()`.
    """
    return self._answer_joint

  def final_mixtures(self):
    """Returns what the run has found as a `Mixture` per player.

    Of a joint distribution they are the marginals.

    An interrupt in the middle of a round leaves it at what the round before
    had found.
    """
    return evaluator_lib.mixtures(self._tree.roles, *self._answer,
                               self._population)

  def lower_bound(self, exploiter_steps, num_episodes=None):
    """Trains an exploiter of what the run has found, for each population.

    Args:
      exploiter_steps: environment steps that each one trains.
      num_episodes: to play for the estimate of each one's gain; by default
        20,000, or fewer if these would be more steps than an exploiter
        trains, but 1,000 at least.

    Returns:
      A `LowerBound` of the NashConv of `final_mixtures`.
    """
    tree, mixtures = self._tree, self.final_mixtures()
    if num_episodes is None:
      fewest, most = _BOUND_EPISODES
      num_episodes = int(np.clip(
          exploiter_steps / learner_lib.steps_per_batch(tree, 1), fewest, most))
    exploiters = self._oracle.train_exploiters(mixtures, exploiter_steps)
    gain, variance, episodes = 0.0, 0.0, self._evaluator.episodes
    value = np.zeros(tree.num_players)
    if not tree.is_zero_sum:  # Otherwise the values sum to zero.
      value, error = self._evaluator.mean_returns(
          sampled_evaluator.profiles_of(mixtures), num_episodes, key=0)
      variance += float(error @ error)
    for player, role in enumerate(tree.roles):
      against = sampled_evaluator.profiles_of(
          [mixture for p, mixture in enumerate(mixtures) if p != player])
      profiles = [
          (others[:player] + [exploiters[role]] + others[player:], weight)
          for others, weight in against]
      mean, error = self._evaluator.mean_returns(
          profiles, num_episodes, key=1 + player)
      gain += float(mean[player] - value[player])
      variance += float(error[player]) ** 2
    return lower_bound_lib.LowerBound(gain, variance ** 0.5, exploiter_steps,
                                 self._evaluator.episodes - episodes)

  def final_tables(self):
    """Returns `final_mixtures` of an exact run as one table `[I, A]` each.

    They are the behaviour policies, weighted by reach, in the original game.
    """
    return self._tree.seat_tables(
        self._evaluator.mixture_tables(*self._answer))

  # What it takes to go on later.

  def settings(self):
    """Returns what a run depends on: two equal ones give the same bits.

    Names and plain data; versions of packages are not among them.
    """
    oracle, scheme = self._oracle, self.scheme
    return {
        "game": str(self.tree.game),
        "evaluation": "exact" if self.is_exact else "sampled",
        "scheme": type(scheme).__name__,
        **{f"scheme {name.strip('_')}": value
           for name, value in vars(scheme).items()},
        "oracle": type(oracle.config).__name__,
        **{f"oracle {name}": list(value) if isinstance(value, tuple) else value
           for name, value in dataclasses.asdict(oracle.config).items()},
        "seat_symmetric": self._tree.original is not None,
        "seed": oracle.seed,
        "workers_per_level": oracle.workers_per_level,
        "meta_strategy": self._meta_strategy_name,
        "opponent_update_freq": self.opponent_update_freq,
        "payoff_episodes": None if self.is_exact else self._payoff_episodes,
        "sweep": self._sweep,
        "max_staleness": self.max_staleness,
        **{f"plateau {name}": value for name, value in
           dataclasses.asdict(self.plateau_rule).items()}}

  def state(self):
    """Returns all that the run is between two rounds, for `restore`.

    Returns:
      Plain data and arrays that do not change later, as `checkpoint.write`
      takes them: population, meta-game, plateaus, learners with their
      optimisers, replay buffers and random states, and counters.

    Raises:
      ValueError: if policies are in training; see `catch_up`.
    """
    if self._in_training:
      raise ValueError(f"{len(self._in_training)} policies are in training; "
                       "catch_up() waits for them")
    active = [member.policy_id for member in self._population.active()]
    return {
        "settings": self.settings(),
        "rounds": self._rounds,
        "training_episodes": self._training_episodes,
        "environment_steps": self._environment_steps,
        "population": self._population.state(learner_lib.pack_policy),
        "payoffs": self._empirical_game.payoffs.copy(),
        "importance": self._importance,
        "plateaus": [[policy_id, plateau.state()]
                     for policy_id, plateau in self._plateaus.items()],
        "evaluator": self._evaluator.state(),
        "meta_strategies": self._solve.state(),
        "row_solver": (None if self._solve_row is self._solve
                       else self._solve_row.state()),
        "oracle": self._oracle.state(active)}

  def restore(self, state):
    """Makes this solver go on where another was.

    What it does from here on has the same bits as what the other did, in
    lockstep and with the same versions of its packages.

    Args:
      state: what the other's `state` returned, or what was read from a
        checkpoint of it.

    Raises:
      ValueError: if this solver has played rounds, or the state is of one
        with other settings; names those that differ.
    """
    if self._rounds:
      raise ValueError("restore needs a solver that has played no rounds; this "
                       f"one has played {self._rounds}")
    ours, theirs = self.settings(), state["settings"]
    differences = [
        f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here"
        for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    if differences:
      raise ValueError("the checkpoint is of another run: "
                       + ", ".join(differences))
    initial = {member.policy_id: member.snapshot.policy
               for member in self._population.members()}
    self._population.restore(
        state["population"], lambda policy_id, data: (
            initial[policy_id] if data is None else learner_lib.unpack_policy(data)))
    self._empirical_game.restore(state["payoffs"])
    self._evaluator.restore(state["evaluator"], self._population)
    self._solve.restore(state["meta_strategies"])
    if self._solve_row is not self._solve:
      self._solve_row.restore(state["row_solver"])
    for policy_id, seen in state["plateaus"]:
      self._plateau(population_lib.PolicyId(*policy_id)).restore(seen)
    self._importance = state["importance"]
    self._rounds = state["rounds"]
    self._training_episodes = state["training_episodes"]
    self._environment_steps = state["environment_steps"]
    self._oracle.restore(
        [member.policy_id for member in self._population.active()],
        state["oracle"])
    self._policies = [[] for _ in self._policies]
    self.update_meta_strategies()

  def _open(self, openings):
    """Opens policies and publishes what they are before any training."""
    policy_ids = [
        self._population.open(opening.player, opening.parent).policy_id
        for opening in openings]
    for policy_id, policy in zip(policy_ids, self._oracle.open(
        policy_ids, waits=not self.max_staleness)):
      self._population.publish(policy_id, policy)
    if policy_ids:  # They will be played when they have trained.
      self._measure(policy_ids, share=0.0)

  def _publish(self, policy_id, report):
    self._population.publish(policy_id, report.policy)
    member = self._population[policy_id]
    member.rounds += 1
    member.steps += report.steps
    member.latest_steps = report.steps
    member.episodes += report.episodes
    member.mean_return = report.mean_return
    self._training_episodes += report.episodes
    self._environment_steps += report.steps

  def _has_plateaued(self, level, is_exact):
    if is_exact:
      return level.settled
    member = self._population[level.policy_id]
    return self._plateau(level.policy_id).update(
        level.steps, member.latest_steps, level.payoff, level.settled)

  def _plateau(self, policy_id):
    return self._plateaus.setdefault(
        policy_id, plateau_lib.Plateau(self.plateau_rule))

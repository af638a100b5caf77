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

"""PipelinedOracle: many best responders train at once, on an executor.

It has two users. `PipelinePSROSolver` opens policies on it, trains all of them
for a round at a time and retires them when they freeze. Plain
`psro_v2.PSROSolver` calls it like any oracle and gets the best responses of all
players, trained at once.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import itertools
from typing import Any
from typing import NamedTuple

import numpy as np
from open_spiel.python import policy as openspiel_policy
from open_spiel.python.algorithms.psro_v2 import rl_oracle
from open_spiel.python.algorithms.psro_v2 import utils
import pyspiel

from open_spiel_ppsro import population
from open_spiel_ppsro import psro_v2_arguments
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import open_game as open_game_lib
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import data_parallel
from open_spiel_ppsro.oracles import exploiter as exploiter_lib
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import psro_v2_requests
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import of_game

# The default training of a best response for psro_v2, in batches of its
# learner. More make better responses and slower iterations.
_DEFAULT_BATCHES = 40

# The names of an oracle's arguments, for the hint where one is misspelt.
_ARGUMENTS = (
    "game", "config", "executor", "seed", "number_training_steps",
    "max_histories", "seat_symmetric", "evaluation", "workers_per_level")


class _Worker(NamedTuple):
  """The name of a further worker of a policy.

  The first worker is named by the policy's id.

  Attributes:
    policy_id: the policy's id.
    rank: the number of the worker, from 1.
  """
  policy_id: population.PolicyId
  rank: int

  def __str__(self):
    return f"{self.policy_id}, worker {self.rank}"


class PipelinedOracle(rl_oracle.RLOracle):
  """An oracle that trains best responders in the workers of an executor.

  Close it, or use it as a context manager, to end the workers.

  Attributes:
    played_game: the `Game` that is played, seats drawn or not.
    config: the `LearnerConfig`.
    executor: the executor.
    seed: the seed of all random numbers in training.
    workers_per_level: how many workers train each policy, each on batches of
      its own.
    needs_separate_opponents: whether opponents come as mixtures of all their
      policies instead of as one behaviour policy each.
  """

  needs_separate_opponents = False

  def __init__(self, game: pyspiel.Game | str | game_lib.Game,
               config: learner_lib.LearnerConfig | None = None,
               executor: executor_lib.Executor | None = None, seed: int = 0,
               number_training_steps: int | None = None,
               max_histories: int = game_tree.DEFAULT_MAX_HISTORIES,
               seat_symmetric: bool = False, evaluation: str = "auto",
               workers_per_level: int = 1, **kwargs: Any):
    """Makes an oracle and starts its executor.

    Args:
      game: a pyspiel game, a game string, a `GameTree` or a `StateGame`.
      config: the `LearnerConfig`: `PPOConfig()` by default, a `DQNConfig`, an
        `ExactConfig`, or one of your own.
      executor: the executor that runs the learners; a `SerialExecutor` by
        default.
      seed: the seed of all random numbers in training.
      number_training_steps: environment steps, decisions of all players, that
        each best response trains when psro_v2 calls the oracle; 40 batches
        of its learner by default.
      max_histories: the histories up to which a game is enumerated.
      seat_symmetric: whether one population plays both seats, drawn at random
        per episode; for two-player zero-sum games.
      evaluation: `exact`, on the enumerated game; `sampled`, by playing; or
        `auto`, exact up to `max_histories`.
      workers_per_level: how many workers train each policy, usually 1 to 5.
        Each plays batches of its own, and their gradients are averaged.
        Several workers pay off where play is the main cost, on sampled games
        with cores to spare, but not on enumerated ones. The result depends on
        this number, not on that of all workers.
      **kwargs: arguments of psro_v2's RLOracle, which are accepted with a
        warning.

    Raises:
      ValueError: if the game cannot be opened, if the configuration needs an
        enumerated one, or if a value is out of range.
      TypeError: if there is no such argument.
    """
    psro_v2_arguments.drop_from_oracle(
        kwargs, {name: name for name in _ARGUMENTS})
    super().__init__(env=None, best_response_class=tabular.BestResponsePolicy,
                     best_response_kwargs={})
    config = ppo.PPOConfig() if config is None else config
    learner_lib.check_config(config)
    game = open_game_lib.open_game(game, max_histories, evaluation)
    if seat_symmetric:
      game = seat_symmetry.symmetrise(game)
    if config.trains_rows and not self.needs_separate_opponents:
      raise ValueError(f"{type(config).__name__} trains the rows of NeuPL; "
                       "give it to a NeuPLOracle")
    config.check_game(game)
    config = config.for_game(game)
    if not isinstance(seed, int) or seed < 0:
      raise ValueError(f"seed is {seed!r}; it takes a whole number, 0 or more")
    if not isinstance(executor, (executor_lib.Executor, type(None))):
      raise ValueError(f"executor is {executor!r}; it takes an Executor, such "
                       "as ppsro.ProcessExecutor(4)")
    self.played_game = game
    self.seed = seed
    self.config = config
    self.executor = executor_lib.SerialExecutor() if executor is None else (
        executor)
    if not isinstance(workers_per_level, int) or workers_per_level < 1:
      raise ValueError(f"workers_per_level is {workers_per_level!r}; it takes "
                       "a whole number, 1 or more")
    if workers_per_level > 1:
      if not config.takes_team:
        raise ValueError(
            f"workers_per_level is {workers_per_level}; more than 1 is for "
            f"PPO and DQN, {type(config).__name__} takes 1; workers of "
            "self-play on a sampled game share batches, see its streams")
      if self.executor.num_workers < workers_per_level:
        raise ValueError(
            f"{workers_per_level} workers per level need as many worker "
            f"processes, the executor has {self.executor.num_workers}: use "
            f"processes, {workers_per_level} or more")
    self.workers_per_level = workers_per_level
    # Workers that share batches make no difference to the bits.
    self._team_size = (
        workers_per_level if workers_per_level > 1
        else config.sharing_workers(self.executor.num_workers))
    if number_training_steps is None:
      number_training_steps = int(_DEFAULT_BATCHES * self.steps_per_batch)
    if number_training_steps < 1:
      raise ValueError(f"number_training_steps is {number_training_steps}; it "
                       "takes 1 or more")
    self._number_training_steps = number_training_steps
    # What a learner takes to import, workers may have in common.
    self.executor.prepare([__name__])
    self.executor.start(game)
    self._rendezvous = None if self._team_size == 1 else (
        data_parallel.RendezvousStore(self.executor.host))
    # For each policy in training, the tickets of its workers.
    self._tickets: dict[population.PolicyId, list[Any]] = {}
    self._num_opened = 0  # How many policies psro_v2's calls have opened.
    self._is_closed = False
    self._has_checked = False

  @property
  def original_game(self) -> game_lib.Game:
    """The `Game` before its seats were drawn; `played_game` if they are not."""
    return self.played_game.original

  @property
  def can_share(self) -> bool:
    """Whether the oracle can train the rows of NeuPL, see `schemes.NeuPL`."""
    return self.config.responds_exactly

  @property
  def steps_per_batch(self) -> float:
    """Environment steps in a batch of a policy, in uniformly random play.

    The batches of all workers of the policy count together.
    """
    return self.workers_per_level * self.config.steps_per_batch(
        self.played_game)

  @property
  def trains_on_expectations(self) -> bool:
    """Whether batches have no noise, see `EpisodeBatch.is_expectation`."""
    return of_game.gives_expectation(
        self.played_game, getattr(self.config, "episodes_per_batch", 0))

  def open(self, policy_ids: Sequence[population.PolicyId],
           wait: bool = True) -> list[policy_lib.Policy]:
    """Makes the learners of new policies.

    Args:
      policy_ids: the ids of the policies.
      wait: whether to wait until the learners are made, which may take until
        others have ended their training.

    Returns:
      For each id, the policy before any training, in the form that populations
      keep; without `wait`, the uniformly random policy.
    """
    self.check_open()
    for policy_id in policy_ids:
      self._create_all(policy_id)
    if not wait:
      return [self.uniform_policy(policy_id.player)
              for policy_id in policy_ids]
    # All workers of a team answer, because they have to meet first, and who is
    # not waited for is not missed.
    policies = self.executor.call([
        executor_lib.Task(worker, "initial_policy", ())
        for policy_id in policy_ids for worker in self._workers(policy_id)
    ])[::self._team_size]
    if policies and not self._has_checked:  # All learners are of one class.
      learner_lib.check_policy(policies[0], policy_ids[0], self.played_game)
      state, = self.executor.states([policy_ids[0]])
      learner_lib.check_state(state, self.config)
      self._has_checked = True
    return policies

  def try_out(self) -> None:
    """Makes a learner and ends it.

    Raises:
      ValueError: if what it gives cannot be kept or saved, see `open`.
    """
    trial = population.PolicyId(0, 1)
    self.open([trial])
    self.retire(trial)

  def check_open(self) -> None:
    """Raises ValueError if the oracle was closed."""
    if self._is_closed:
      raise ValueError("the oracle is closed, and its learners are gone: make "
                       "a new one")

  def train(self, assignments: Sequence[learner_lib.Assignment]
            ) -> list[learner_lib.TrainingReport]:
    """Trains many policies at once.

    Args:
      assignments: a list of `learner.Assignment`.

    Returns:
      A `TrainingReport` for each, in the same order.

    Raises:
      executor_lib.WorkerError: if the training of a policy failed.
    """
    self.begin(assignments)
    reports = self.finished([a.policy_id for a in assignments])
    return [reports[a.policy_id] for a in assignments]

  def begin(self, assignments: Sequence[learner_lib.Assignment]) -> None:
    """Begins to train policies that are not in training; see `finished`.

    Args:
      assignments: a list of `learner.Assignment`.
    """
    self.check_open()
    self.executor.save_if_due()
    tickets = iter(self.executor.submit(
        [executor_lib.Task(
            name, "train", (a.opponents, a.num_steps, a.stationary))
         for a in assignments for name in self._workers(a.policy_id)]))
    for a in assignments:
      self._tickets[a.policy_id] = list(itertools.islice(
          tickets, self._team_size))

  def finished(self, policy_ids: Collection[population.PolicyId] = ()
               ) -> dict[population.PolicyId, learner_lib.TrainingReport]:
    """Waits for some policies in training, or for any if none is named.

    Args:
      policy_ids: the ids of the policies to wait for.

    Returns:
      By policy id, the `TrainingReport` of all policies that have ended their
      training by then, in the order in which they began it.

    Raises:
      executor_lib.WorkerError: if the training of a policy failed.
    """
    owner = {ticket: policy_id for policy_id, tickets in self._tickets.items()
             for ticket in tickets}
    collect = self.executor.collect
    answers = collect([ticket for ticket, policy_id in owner.items()
                       if policy_id in policy_ids])
    answers.update(collect([t for t in owner if t not in answers],
                           at_least=0 if answers else 1))
    done = {owner[ticket] for ticket in answers}
    # The workers of a policy end together, so the wait for the rest is short.
    answers.update(collect([t for t in owner if t not in answers
                            and owner[t] in done]))
    reports = {policy_id: answers[self._tickets.pop(policy_id)[0]]
               for policy_id in list(self._tickets) if policy_id in done}
    for policy_id, report in reports.items():
      if not isinstance(report, learner_lib.TrainingReport):
        raise ValueError(
            f"the learner of {policy_id}, of {type(self.config).__name__}, "
            f"returned a {type(report).__name__} from train; it takes to "
            "return a ppsro.TrainingReport")
    return reports

  def state(self, policy_ids: Sequence[population.PolicyId]) -> dict[str, Any]:
    """Returns the state of the learners, in plain data and arrays.

    Args:
      policy_ids: the ids of the policies that were opened and not retired.
    """
    self.check_open()
    workers = [name for policy_id in policy_ids
               for name in self._workers(policy_id)]
    states = self.executor.states(workers)
    learners = [states[start:start + self._team_size]
                for start in range(0, len(states), self._team_size)]
    if self.workers_per_level == 1:
      learners = [[self.config.state_of_team(team)] for team in learners]
    return {"learners": learners}

  def restore(self, policy_ids: Sequence[population.PolicyId],
              state: dict[str, Any]) -> None:
    """Makes the learners of policies, equal to those of another oracle.

    Args:
      policy_ids: the ids that were given to `state`.
      state: the `state` of the other oracle; this one has opened no policies.
    """
    for policy_id, states in zip(policy_ids, state["learners"]):
      self._create_all(policy_id, states)

  def train_exploiters(
      self, mixtures: Sequence[population.Mixture], num_steps: int,
      go_on: Callable[[float], bool] | None = None
  ) -> tuple[list[policy_lib.Policy], int]:
    """Trains an exploiter for each population, which does not join it.

    Args:
      mixtures: per player, the `Mixture` to exploit.
      num_steps: environment steps that each one trains.
      go_on: called about once a second with the share of the training that is
        done; when it returns False, training ends.

    Returns:
      Per population, the policy of the exploiter that earned most in the last
      quarter of its training, in the form that populations keep. And how many
      environment steps each exploiter trained: `num_steps`, or fewer if
      training ended early.
    """
    self.check_open()
    contenders: list[list[exploiter_lib.Exploiter]] = []
    for p in range(self.played_game.num_populations):
      contenders.append([])
      for index, config in enumerate(self.config.exploiters(),
                                     population.FIRST_EXPLOITER_INDEX):
        policy_id = population.PolicyId(p, index)
        self._create(policy_id, policy_id, config)
        contenders[-1].append(exploiter_lib.Exploiter(policy_id))
    exploiters = [one for rivals in contenders for one in rivals]
    is_done = exploiter_lib.train(
        self.executor, exploiters, mixtures, num_steps, go_on)
    for exploiter in exploiters:
      self.executor.discard(exploiter.policy_id)
    return ([exploiter_lib.best(rivals, is_done) for rivals in contenders],
            num_steps if is_done else min(one.steps for one in exploiters))

  def _workers(self, policy_id):
    """Returns the names of the actors that train a policy."""
    return [policy_id, *(_Worker(policy_id, rank)
                         for rank in range(1, self._team_size))]

  def _create_all(self, policy_id, states=None):
    """Makes the learners of all workers of a policy."""
    workers = self._workers(policy_id)
    places = [None] if self._rendezvous is None else (
        self._rendezvous.of(str(policy_id), len(workers)))
    for rank, (worker, rendezvous) in enumerate(zip(workers, places)):
      self._create(worker, policy_id, self.config, rendezvous, workers[:rank],
                   states and states[rank % len(states)])

  def _create(self, name, policy_id, config, rendezvous=None, apart_from=(),
              state=None):
    self.executor.create(
        name, learner_lib.make_learner, config,
        self.played_game.player_of(policy_id.player),
        np.random.SeedSequence(self.seed, spawn_key=policy_id), rendezvous,
        apart_from=apart_from, state=state)

  def retire(self, policy_id: population.PolicyId) -> None:
    """Ends the learner of a policy."""
    for worker in self._workers(policy_id):
      self.executor.discard(worker)

  def close(self) -> None:
    """Ends the workers."""
    self._is_closed = True
    self.executor.close()

  def __enter__(self):
    return self

  def __exit__(self, *exc_info):
    self.close()

  def policy(self, population_index: int,
             policy: policy_lib.Policy | np.ndarray
             ) -> policy_lib.OpenSpielPolicy:
    """Returns a policy of a population as an OpenSpiel policy.

    Args:
      population_index: the population.
      policy: a `Policy`, or a table `[I, A]`.

    Returns:
      A frozen `BestResponsePolicy` of an enumerated game, a `SampledPolicy` of
      a sampled one.
    """
    game, held = self.played_game, tabular.as_policy(policy)
    if isinstance(game, state_game.StateGame):
      function: Any = held
      return sampled.SampledPolicy(
          game, game.players_of(population_index), function)
    assert isinstance(game, game_tree.GameTree)
    assert isinstance(held, tabular.TablePolicy)
    tables = {population_index: held.table}
    if game.plays_all_seats:
      tables = dict(enumerate(game.seat_tables([held.table])))
    original = game.original
    return tabular.BestResponsePolicy(
        original.game,
        {player: (original.infostates[player], table)
         for player, table in tables.items()}, frozen=True)

  def uniform_policy(self, population_index: int) -> policy_lib.Policy:
    """Returns the uniformly random policy of a population."""
    game = self.played_game
    if not isinstance(game, game_tree.GameTree):
      return sampled.UniformPolicy()
    return tabular.TablePolicy(
        game.uniform_table(game.player_of(population_index)))

  def tabulate(self, pi: openspiel_policy.Policy,
               population_index: int) -> policy_lib.Policy:
    """Returns an OpenSpiel policy in the form that populations keep.

    Raises:
      ValueError: if the game is sampled and the policy no `SampledPolicy`.
    """
    game = self.played_game
    if not isinstance(game, game_tree.GameTree):
      if not isinstance(pi, sampled.SampledPolicy):
        raise ValueError(
            f"{game.game} is sampled, and its policies are networks; "
            f"{type(pi).__name__} cannot be one of them")
      return pi.function
    return tabular.TablePolicy(
        game.tabulate(pi, game.player_of(population_index)))

  def __call__(
      self, game: pyspiel.Game,
      training_parameters: list[list[dict[str, Any]]],
      strategy_sampler: Callable = utils.sample_strategy,
      **execution_kwargs: Any) -> list[list[policy_lib.OpenSpielPolicy]]:
    """Returns the best responses that psro_v2 asks for.

    Args:
      game: the game of the solver, which has to be the oracle's.
      training_parameters: per player, a list of dicts; see
        `psro_v2_requests.read_requests`. New policies start from scratch;
        `policy`, the parent, is not read.
      strategy_sampler: a function that is not used; opponents are drawn once
        per episode from the probabilities themselves.
      **execution_kwargs: arguments that are not used.

    Returns:
      Per player, a list with a frozen policy for each dict.

    Raises:
      ValueError: if the solver is for another game.
    """
    psro_v2_requests.check_request(self.played_game, game, training_parameters)
    requests = psro_v2_requests.read_requests(
        training_parameters, self.tabulate)
    assignments = []
    for player, opponents in requests:
      self._num_opened += 1
      assignments.append(learner_lib.Assignment(
          population.PolicyId(player, self._num_opened), opponents,
          self._number_training_steps, stationary=True))
    self.open([assignment.policy_id for assignment in assignments])
    reports = self.train(assignments)
    new_policies: list[list[policy_lib.OpenSpielPolicy]] = [
        [] for _ in training_parameters]
    for (policy_id, *_), report in zip(assignments, reports):
      self.retire(policy_id)
      new_policies[policy_id.player].append(
          self.policy(policy_id.player, report.policy))
    return new_policies

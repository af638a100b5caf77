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

"""Testing: whether a learner of one's own keeps what a run relies on.

`check_learner` is for the tests of whoever writes a `LearnerConfig`: it trains
a little, saves, restores and sends, and compares bits.
"""

from collections.abc import Iterator
import contextlib
import copy
import dataclasses
import math
import pathlib
import pickle
import tempfile
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro import plain_data
from open_spiel_ppsro import population
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.policies import agent
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.simulators import simulator
from open_spiel_ppsro.simulators import state_simulator

# Episodes of random play at whose decisions policies of a sampled game are
# asked, to see whether two are equal.
_PROBE_EPISODES = 8
# Probabilities may be off by this: rounding.
_PROBABILITY_ERROR = 1e-6


def check_learner(config: learner_lib.LearnerConfig,
                  game: str | pyspiel.Game | game_lib.Game = "kuhn_poker",
                  evaluation: str = "auto",
                  num_steps: int | None = None,
                  seed: int = 0,
                  executor: executor_lib.Executor | None = None) -> None:
  """Checks that the learners of a configuration do what a run asks of them.

  For each player one trains twice, saved in between, and others repeat it:
  from the same seed, from what was saved, and, if one is given, in the workers
  of an executor. All have to come to the same bits, whatever else draws from
  the global random generators. What they publish has to be a policy that can
  be played, pickled and saved, and that does not change later.

  Args:
    config: the configuration.
    game: to play, as `open_game` takes it.
    evaluation: `exact`, `sampled` or `auto`, see `open_game`.
    num_steps: environment steps of each training; a batch by default.
    seed: of everything random.
    executor: one that was not started, such as `ProcessExecutor(1)`, which
      takes some seconds to start; it is closed at the end.

  Raises:
    AssertionError: in one line: whose fault it is, and what differs.
  """
  name = type(config).__name__
  with _doing(name, "the configuration"):
    learner_lib.check_config(config)
    _same(name, "pickled and unpickled, its settings() differ",
          _sent(config).settings(), config.settings())
    for exploiter in config.exploiters():
      learner_lib.check_config(exploiter)
  if config.trains_rows:
    raise AssertionError(f"{name}: it trains the rows of NeuPL, and "
                         "check_learner is for one learner a policy")
  opened = open_game.open_game(game, evaluation=evaluation)
  with _doing(name, "check_game"):
    config.check_game(opened)
  with _doing(name, "steps_per_batch"):
    steps = config.steps_per_batch(opened)
    if not 0 < steps < math.inf:
      raise ValueError(f"it is {steps!r}; it takes a number above 0")
  with contextlib.ExitStack() as stack:
    if executor is not None:
      stack.enter_context(executor).start(opened)
    learners = [_Learners(config, opened, player, seed)
                for player in range(opened.num_populations)]
    firsts = [one.first_policy() for one in learners]
    for one in learners:
      one.check(_opponents(opened, firsts), num_steps or math.ceil(steps),
                executor)


@contextlib.contextmanager
def _doing(name: str, what: str) -> Iterator[None]:
  """Turns whatever is raised inside into an AssertionError of one line."""
  try:
    yield
  except AssertionError:
    raise
  except Exception as error:  # Whatever a learner of somebody's may raise.
    reason = (str(error).strip().splitlines() or [""])[-1]
    raise AssertionError(
        f"{name}: {what} raised {type(error).__name__}: {reason}") from error


def _same(name: str, what: str, one: Any, other: Any) -> None:
  """Raises AssertionError if two pieces of plain data differ."""
  difference = plain_data.first_difference(one, other)
  if difference:
    raise AssertionError(f"{name}: {what}: {difference}")


def _sent(value: Any) -> Any:
  """Returns a value as a worker gets it."""
  return pickle.loads(pickle.dumps(value))


def _written(data: Any) -> Any:
  """Returns plain data as they come back from disk."""
  with tempfile.TemporaryDirectory() as directory:
    path = pathlib.Path(directory, "data.npz")
    plain_data.write(path, data)
    return plain_data.read(path)


def _uniform(game: game_lib.Game, player: int) -> policy_lib.Policy:
  if isinstance(game, game_tree.GameTree):
    return tabular.TablePolicy(game.uniform_table(player))
  return sampled.UniformPolicy()


def _opponents(game: game_lib.Game, firsts: list[policy_lib.Policy]
               ) -> tuple[population.Mixture, ...]:
  """Returns a `Mixture` per player: uniform, and what learners begin with."""
  return tuple(
      population.Mixture(
          tuple(population.Snapshot(population.PolicyId(role, index), 0, policy)
                for index, policy in enumerate(
                    [_uniform(game, player), firsts[role]])),
          np.array([0.75, 0.25]))
      for player, role in enumerate(game.roles))


class _Learners:
  """Learners of one population that have to be equal."""

  def __init__(self, config, game, index, seed):
    self._config = config
    self._game = game
    self._player = game.player_of(index)
    self._policy_id = population.PolicyId(index, 1)
    self._seed = seed
    self._name = f"{type(config).__name__}, player {self._player}"
    self._observations, self._mask = _observations(game, self._player)

  def first_policy(self) -> policy_lib.Policy:
    """Returns the policy of a learner before any training, checked."""
    with self._doing("making a learner and its initial_policy"):
      policy = tabular.as_policy(self._made().initial_policy())
    self._play(policy, "initial_policy")
    return policy

  def check(self, opponents, num_steps, executor):
    """Raises AssertionError unless learners train alike, however they came."""
    learner = self._made()
    # A learner that draws from the global generators finds others each time.
    with agent.GlobalGenerators(1):
      first = self._trained(learner, opponents, num_steps, False)
      state = self._state(learner)
      with self._doing("writing state()"):
        saved = _written(state)
      reported = copy.deepcopy(_report_data(first))
      second = self._trained(learner, opponents, num_steps, True)
      final = self._state(learner)
    self._same("what state() returned changes when the learner trains on; copy "
               "what it shares", state, saved)
    self._same("what it reported changes when the learner trains on; copy what "
               "it shares", _report_data(first), reported)

    with agent.GlobalGenerators(2):
      report = self._trained(self._made(), opponents, num_steps, False)
    self._same("two learners of equal seeds differ, so something random is not "
               "drawn from seed_sequence", _report_data(report), reported)

    restored = self._made()
    with self._doing("restore"):
      restored.restore(copy.deepcopy(saved))
    self._same("state() is another after restore", self._state(restored), saved)
    with agent.GlobalGenerators(3):
      report = self._trained(restored, opponents, num_steps, True)
    after = ("a restored learner trains on differently, so state() lacks "
             "something")
    self._same(after, _report_data(report), _report_data(second))
    self._same(after, self._state(restored), final)
    if executor is not None:
      self._check_in(executor, opponents, num_steps, saved, reported, second)

  def _check_in(self, executor, opponents, num_steps, saved, reported, second):
    """Does the same in the workers of an executor."""
    for state, stationary, expected in (
        (None, False, reported), (saved, True, _report_data(second))):
      executor.create(
          self._policy_id, learner_lib.make_learner, self._config, self._player,
          self._seed_sequence(), None, state=state)
      with self._doing("a worker"):
        report, = executor.call(
            [(self._policy_id, "train", (opponents, num_steps, stationary))])
      executor.discard(self._policy_id)
      self._same("a learner in a worker differs from one in this process",
                 _report_data(report), expected)

  def _doing(self, what):
    return _doing(self._name, what)

  def _same(self, what, one, other):
    _same(self._name, what, one, other)

  def _seed_sequence(self):
    return np.random.SeedSequence(self._seed, spawn_key=self._policy_id)

  def _made(self):
    learner = learner_lib.make_learner(
        self._game, _sent(self._config), self._player, self._seed_sequence())
    if not isinstance(learner, learner_lib.Learner):
      raise AssertionError(
          f"{self._name}: make_learner gave a {type(learner).__name__}; it "
          "takes to give a ppsro.Learner")
    return learner

  def _state(self, learner):
    with self._doing("state()"):
      state = learner.state()
      plain_data.check(state)
    return state

  def _trained(self, learner, opponents, num_steps, stationary):
    """Returns the report of a training, checked."""
    with self._doing("train"):
      report = learner.train(opponents, num_steps, stationary)
    if not isinstance(report, learner_lib.TrainingReport):
      raise AssertionError(f"{self._name}: train gave a "
                           f"{type(report).__name__}; it takes to give a "
                           "ppsro.TrainingReport")
    if not math.isfinite(report.mean_return):
      raise AssertionError(f"{self._name}: mean_return of the report is "
                           f"{report.mean_return}; it takes a finite number")
    for field in ("steps", "episodes"):
      value = getattr(report, field)
      if not isinstance(value, (int, np.integer)) or value < 0:
        raise AssertionError(f"{self._name}: {field} of the report is "
                             f"{value!r}; it takes a whole number, 0 or more")
    if not isinstance(report.payoffs,
                      (simulator.TrainingPayoffs, type(None))):
      raise AssertionError(f"{self._name}: payoffs of the report is a "
                           f"{type(report.payoffs).__name__}; it takes a "
                           "TrainingPayoffs or None")
    self._play(report.policy, "the policy of the report")
    with self._doing("pickling the report"):
      received = _sent(report)
    self._same("the report differs after it was pickled",
               _report_data(received), _report_data(report))
    return report

  def _play(self, policy, what):
    """Raises AssertionError unless a policy can be played, sent and saved."""
    with self._doing(what):
      learner_lib.check_policy(policy, self._policy_id, self._game)
      played = self._played(policy)
      from_disk = policy_lib.from_data(_written(policy_lib.to_data(policy)))
      received = _sent(policy)
    if played.shape != self._mask.shape or not (
        np.isfinite(played).all()) or (played < 0).any() or (
            played[~self._mask] != 0).any() or (
                abs(played.sum(axis=1) - 1) > _PROBABILITY_ERROR).any():
      raise AssertionError(
          f"{self._name}: {what} plays an array of shape {played.shape}; it "
          f"takes to play probabilities {self._mask.shape}, zero where illegal,"
          " rows of which sum to 1")
    for how, other in (("asked again", policy), ("saved and read", from_disk),
                       ("pickled and unpickled", received)):
      self._same(f"{what} plays otherwise when {how}",
                 self._played(other), played)

  def _played(self, policy):
    """Returns `[U, A]`, what a policy plays where it is asked."""
    if isinstance(policy, tabular.TablePolicy):
      return policy.table
    return np.asarray(policy(self._observations, self._mask))


def _observations(game, player):
  """Returns where policies are asked: observations `[U, D]`, actions `[U, A]`.
  """
  if isinstance(game, game_tree.GameTree):
    infostates = game.infostates[player]
    return infostates.observations, infostates.legal_actions_mask
  assert isinstance(game, state_game.StateGame)
  episodes = state_simulator.StateSimulator(game, player)
  uniform = sampled.UniformPolicy()
  episodes.face(_opponents(game, [uniform] * game.num_populations))
  batch = episodes.draw(uniform, _PROBE_EPISODES, np.random.default_rng(0))
  return batch.observations, batch.legal_actions_mask


def _report_data(report):
  """Returns a report as plain data."""
  data = {field.name: getattr(report, field.name)
          for field in dataclasses.fields(report)}
  payoffs = report.payoffs
  return {**data, "policy": policy_lib.to_data(report.policy),
          "payoffs": None if payoffs is None else {
              "policy_ids": [list(policy_id)
                             for policy_id in payoffs.policy_ids],
              "episodes": payoffs.episodes, "sums": payoffs.sums}}

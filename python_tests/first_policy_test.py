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

"""Tests for the policy that a population begins with."""

import dataclasses
import math
import os
import signal
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import schemes
from open_spiel_ppsro.evaluation.interval import least_mixture
from open_spiel_ppsro.executors import process_executor
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.runs import first_policy
from open_spiel_ppsro.runs import interval_watch
import testing

SMALL = ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(8,))


def exploitability(policy):
  return ppsro.exploitability_interval(
      "kuhn_poker", policy, seconds=None).low


class FirstPolicyTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  def by_self_play(self, game, executor, batches, state=None, stop=None):
    """Returns what self-play finds in so many batches, or its state."""
    playing = first_policy.SelfPlay(game, executor, 1, batches, state)
    while playing.train():
      if stop is not None and playing.batches >= stop:
        return playing.state()
    return playing.end()

  @parameterized.product(evaluation=("exact", "sampled"),
                         symmetric=(False, True))
  @pytest.mark.slow
  def test_level_0_is_what_self_play_found(self, evaluation, symmetric):
    game = open_game.open_game("kuhn_poker", evaluation=evaluation)
    oracle, solver = testing.make_solver(
        game, SMALL, schemes.Sequential(), evaluation=evaluation,
        seat_symmetric=symmetric)
    with oracle:
      found = self.by_self_play(oracle.original_game, oracle.executor, 8)
      solver.begin_with(
          first_policy.per_population(found, oracle.played_game), 7, 9)
      self.assertAlmostEqual(exploitability(solver.final_policy("meta_nash")),
                             exploitability(found))
      self.assertNotAlmostEqual(exploitability(found), 0.4583, places=2)
      self.assertEqual((solver.training_episodes, solver.environment_steps),
                       (7, 9))
      # It is as if the solver had been made with it.
      _, other = testing.make_solver(
          game, SMALL, schemes.Sequential(), evaluation=evaluation,
          seat_symmetric=symmetric,
          initial_policies=first_policy.per_population(
              found, oracle.played_game))
      for one in (solver, other):
        one.round()  # It can be trained against.
      for payoffs in zip(solver.get_meta_game(), other.get_meta_game()):
        np.testing.assert_array_equal(*payoffs)
      with self.assertRaisesRegex(ValueError, "no rounds"):
        solver.begin_with([])

  @pytest.mark.slow
  def test_the_same_bits_with_any_executor_and_after_a_restart(self):
    game = open_game.open_game("kuhn_poker", evaluation="sampled")
    found = []
    for workers, stop in ((1, None), (2, None), (1, 4), (3, 4)):
      executor = (ppsro.SerialExecutor() if workers == 1
                  else process_executor.ProcessExecutor(workers))
      with executor:
        executor.start(game)
        state = stop and self.by_self_play(game, executor, 8, stop=stop)
      with executor:
        executor.start(game)
        found.append(self.by_self_play(game, executor, 8, state))
    self.assertLen(found[0].policies[0], 8)  # One per batch.
    for other in found[1:]:
      for ours, theirs in zip(found[0].policies[0], other.policies[0]):
        np.testing.assert_array_equal(ours.parameters, theirs.parameters)

  def test_no_time_is_left_to_weigh(self):
    # Kuhn poker would be enumerated, whatever the deadline.
    self.enter_context(mock.patch.object(
        least_mixture.small_game, "small_tree", lambda name: None))
    game = open_game.open_game("kuhn_poker", evaluation="sampled")
    for missing, seconds, was_late in (
        (0, -1.0, True), (0, math.inf, False),
        # The clock has ended it before all batches were played.
        (1, -1.0, True), (1, 1e6, False)):
      with ppsro.SerialExecutor() as executor:
        executor.start(game)
        playing = first_policy.SelfPlay(game, executor, 1, 40)
        while playing.train():
          pass
        playing.num_batches += missing
        policy = playing.end(True, seconds)
        self.assertEqual(playing.was_late, was_late)
        for weights in policy.probabilities:
          self.assertEqual(len(set(weights)) == 1, was_late)

  @parameterized.parameters(
      (ppsro.Limits(60.0), 0.5, 810),
      (ppsro.Limits(60.0), 0.25, 405),
      (ppsro.Limits(math.inf), 0.5, 810),  # As with the default limit.
      (ppsro.Limits(math.inf, max_rounds=10), 0.5, 4 * 10 * 1.4),
      (ppsro.Limits(60.0, max_rounds=10), 0.75, 3 * 4 * 10 * 1.4),
      (ppsro.Limits(math.inf, max_rounds=10 ** 6), 0.5, 10 ** 6 * 4 * 1.4),
      (ppsro.Limits(60.0, max_rounds=10 ** 6), 0.5, 810),
      (ppsro.Limits(math.inf, max_iterations=2), 0.5, 20 * 4 * 1.4),
      (ppsro.Limits(math.inf, max_episodes=10 ** 5), 0.5, 13),
      (ppsro.Limits(math.inf, max_episodes=1), 0.5, 1))
  def test_limits_say_how_many_batches(self, limits, share, batches):
    oracle, solver = testing.make_solver(
        "kuhn_poker", SMALL, schemes.Pipeline(4), evaluation="sampled")
    with oracle:
      self.assertEqual(first_policy.budget(
          limits, share, solver.scheme, oracle), int(batches))
    self.assertBetween(first_policy.latest_end(limits, share),
                       share * limits.time_limit_seconds,
                       0.8 * limits.time_limit_seconds)
    self.assertBetween(first_policy.weighing_end(limits),
                       first_policy.latest_end(limits, share),
                       0.95 * limits.time_limit_seconds)

  def test_on_arrays_there_are_twice_as_many(self):
    oracle, solver = testing.make_solver(
        "phantom_ttt", SMALL, schemes.Pipeline(), evaluation="sampled")
    with oracle:
      self.assertEqual(first_policy.budget(
          ppsro.Limits(60.0), 0.5, solver.scheme, oracle), 1650)

  @parameterized.parameters("pipeline", "rectified", "neupl", "self_play")
  @pytest.mark.sweep(2)
  @pytest.mark.slow
  def test_what_a_run_begins_with_by_default(self, scheme):
    found = []

    def look(solver, result):
      del result
      found.append(type(solver.population.members(0)[0].snapshot.policy))

    config = None
    if scheme in ("pipeline", "rectified"):
      config = SMALL
    ppsro.run("kuhn_poker", scheme, config, evaluation="sampled",
              exploiter_steps=0, evaluation_share=0,
              output_dir=self.path / scheme,
              limits=ppsro.Limits(max_rounds=1), callbacks=[look])
    settings = ppsro.read_config(self.path / scheme)
    if scheme == "self_play":
      self.assertNotIn("initial_policy", settings)
    else:
      self.assertEqual(settings["initial_policy"], "self_play")
      self.assertGreater(settings["self_play_batches"], 0)
      self.assertNotIn(sampled.UniformPolicy, found)

  @parameterized.parameters(
      ("kuhn_poker", "exact", "uniform"),
      ("kuhn_poker", "sampled", "self_play"),
      ("phantom_ttt", "auto", "self_play"),
      ("dark_hex(board_size=3)", "auto", "uniform"),
      ("dark_hex(board_size=3,gameversion=adh)", "auto", "self_play"),
      ("kuhn_poker(players=3)", "sampled", "uniform"),
      ("first_sealed_auction", "sampled", "uniform"))
  def test_the_default_depends_on_the_game(self, game, evaluation, name):
    self.assertEqual(first_policy.default(
        open_game.open_game(game, evaluation=evaluation), False), name)

  @pytest.mark.slow
  def test_a_run_resumes_in_the_middle_of_self_play(self):
    options = {
        "evaluation": "sampled", "exploiter_steps": 0, "evaluation_share": 0,
        "limits": ppsro.Limits(max_rounds=2), "config": SMALL,
        "scheme": ppsro.Pipeline(4), "self_play_share": 0.6}
    whole = ppsro.run("kuhn_poker", output_dir=self.path / "whole", **options)
    train, calls = first_policy.SelfPlay.train, []

    def train_and_die(self):
      calls.append(self.batches)
      if len(calls) == 2:
        raise RuntimeError("dead")
      return train(self)

    options.update(output_dir=self.path / "dead", checkpoint_seconds=0)
    with mock.patch.object(first_policy.SelfPlay, "train", train_and_die):
      with self.assertRaisesRegex(RuntimeError, "dead"):
        ppsro.run("kuhn_poker", **options)
    with self.assertRaisesRegex(ValueError, "oracle clip is 0.2 there"):
      ppsro.run("kuhn_poker", resume=True, **{
          **options, "config": dataclasses.replace(SMALL, clip=0.3)})
    resumed = ppsro.run("kuhn_poker", resume=True, **options)
    self.assertEqual(resumed.rounds, 2)
    self.assertEqual(resumed.episodes, whole.episodes)
    self.assertEqual(
        (whole.path / "final_policy.npz").read_bytes(),
        (resumed.path / "final_policy.npz").read_bytes())

  @parameterized.parameters("exact", "sampled")
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_a_run_begins_with_another_and_resumes(self, evaluation):
    options = {"evaluation": evaluation}
    if evaluation == "sampled":
      options.update(exploiter_steps=0, evaluation_share=0)
    found = ppsro.run(
        "kuhn_poker", "self_play", output_dir=self.path / "first",
        limits=ppsro.Limits(math.inf, max_rounds=1), **options)
    options.update(initial_policy=found.path, output_dir=self.path / "second")
    first = []
    for rounds in (1, 2):
      ppsro.run("kuhn_poker", config=SMALL, resume=rounds == 2,
                limits=ppsro.Limits(math.inf, max_rounds=rounds),
                callbacks=[lambda solver, _: first.append(
                    solver.population.members(0)[0].snapshot.policy)],
                **options)
    self.assertLen(first, 2)
    self.assertEmpty(testing.differences(*(
        policy.to_data() for policy in first)))
    settings = ppsro.read_config(self.path / "second")
    self.assertEqual(settings["initial_policy"], str(found.path))
    self.assertEqual(settings["learner"]["warm_start"], evaluation == "sampled")
    policy = ppsro.read_policy(found.path)
    state = policy.game.new_initial_state()
    state.apply_action(0)
    state.apply_action(1)
    seen = testing.make_solver(
        "kuhn_poker", SMALL, schemes.Sequential(), evaluation=evaluation,
        initial_policies=first_policy.per_population(
            policy, open_game.open_game("kuhn_poker", evaluation=evaluation))
    )[1].get_policies()[0][0]
    np.testing.assert_allclose(
        list(seen.action_probabilities(state).values()),
        list(policy.action_probabilities(state).values()), atol=1e-6)

  @pytest.mark.slow
  def test_what_a_run_begins_with_is_its_first_answer(self):
    found = ppsro.run(
        "kuhn_poker", "self_play", evaluation="sampled", exploiter_steps=0,
        evaluation_share=0, output_dir=self.path / "first",
        limits=ppsro.Limits(math.inf, max_rounds=4))
    begins_with = exploitability(ppsro.read_policy(found.path))
    # It ends after some round or other, or after the last one.
    with mock.patch.object(interval_watch, "_LAST_SECONDS", 300.0):
      run = ppsro.run(
          "kuhn_poker", config=SMALL, evaluation="sampled", exploiter_steps=0,
          initial_policy=found.path, output_dir=self.path / "second",
          limits=ppsro.Limits(math.inf, max_rounds=2))
    self.assertLessEqual(run.answer_high, begins_with + 1e-5)
    self.assertAlmostEqual(
        exploitability(ppsro.read_policy(run.path)), run.answer_high, places=5)

  def test_what_self_play_found_is_not_lost_when_it_is_too_late(self):
    clock, end, found = testing.Clock(), first_policy.SelfPlay.end, []

    def late_end(*args, **options):
      found.append(end(*args, **options))
      clock.seconds += 1000
      if signal.getitimer(signal.ITIMER_REAL)[0] <= 600:  # The time limit's.
        os.kill(os.getpid(), signal.SIGALRM)
      return found[0]

    options = {"config": SMALL, "evaluation": "sampled", "exploiter_steps": 0,
               "initial_policy": "self_play", "output_dir": self.path / "run"}
    with clock.is_everybodys(), mock.patch.object(
        first_policy.SelfPlay, "end", late_end):
      late = ppsro.run("kuhn_poker", limits=ppsro.Limits(600), **options)
    self.assertEqual((late.rounds, late.stopped_by),
                     (0, "time_limit_seconds"))
    self.assertGreater(late.episodes, 0)
    self.assertAlmostEqual(
        exploitability(ppsro.read_policy(late.path)), exploitability(found[0]),
        places=5)
    resumed = ppsro.run("kuhn_poker", resume=True, limits=ppsro.Limits(
        math.inf, max_rounds=1), **options)
    self.assertEqual(resumed.rounds, 1)
    self.assertGreater(resumed.episodes, late.episodes)

  @parameterized.parameters(
      ({"self_play_share": 1.0}, "self_play_share is 1"),
      ({"initial_policy": "self_play", "initial_policies": [None, None]},
       "give one of them"),
      ({"initial_policy": "nowhere"}, "initial_policy is 'nowhere'"))
  def test_refusals(self, options, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      ppsro.run("kuhn_poker", config=SMALL, output_dir=self.path / "none",
                **options)
    self.assertNotIn("\n", str(caught.exception))
    self.assertFalse((self.path / "none").exists())

  def test_refuses_another_game(self):
    found = ppsro.run("kuhn_poker", "self_play", output_dir=self.path / "run",
                      limits=ppsro.Limits(max_rounds=1))
    with self.assertRaisesRegex(ValueError, "a run of kuhn_poker"):
      ppsro.run("leduc_poker", initial_policy=found.path,
                output_dir=self.path / "none")


if __name__ == "__main__":
  absltest.main()

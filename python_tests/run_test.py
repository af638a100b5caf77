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

"""Tests of run: what it returns, what it leaves, what it refuses."""

import contextlib
import csv
import dataclasses
import io
import json
import math
import os
import pathlib
import resource
import shutil
import signal
import time
from unittest import mock

from absl import logging
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import exploitability
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.games import open_game
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.runs import interval_watch
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import plots
from open_spiel_ppsro.runs import run as run_lib
from open_spiel_ppsro.runs import run_directory
from open_spiel_ppsro.runs import signals
import testing

EXACT = ppsro.ExactConfig()
PPO = ppsro.PPOConfig(episodes_per_batch=256, hidden_sizes=(16,))
NO_LIMIT = math.inf


def limits(**given):
  return ppsro.Limits(NO_LIMIT, **given)


def metrics_of(path):
  return testing.metrics_without_clocks(ppsro.read_metrics(path))


def policies_of(path):
  """Returns the arrays of the policies in a run directory."""
  found = {}
  for name in (run_directory.FINAL_POLICY, run_directory.BEST_POLICY):
    with np.load(path / name) as arrays:
      found[name] = {key: arrays[key].tolist() for key in arrays.files}
  return found


class RunTestCase(parameterized.TestCase):

  draws = False
  measures = False

  def setUp(self):
    super().setUp()
    if not self.measures:  # So does a process of its own.
      self.enter_context(mock.patch.object(
          interval_watch, "applies", return_value=False))
    if not self.draws:  # Pictures take most of the time of a short run.
      self.enter_context(mock.patch.object(plots, "plot_run"))
    self.path = testing.make_directory(self)
    self.run_path = self.path / "run"
    before = os.getcwd()
    os.chdir(self.path)
    self.addCleanup(os.chdir, before)


class WholeRunTest(RunTestCase):

  draws = True

  @pytest.mark.slow
  def test_returns_what_it_leaves(self):
    tree = ppsro.enumerate_game("kuhn_poker")
    seen = []
    summary = ppsro.run(
        tree, "naive", PPO, seed=3, output_dir=self.run_path,
        limits=limits(max_rounds=9), plateau={"min_steps": 1000},
        callbacks=[lambda solver, result: seen.append((solver, result))])
    self.assertEqual(summary.exit_code, 0)
    self.assertEqual(
        (summary.game, summary.scheme, summary.oracle, summary.seed,
         summary.stopped_by, summary.rounds, summary.missing),
        ("kuhn_poker", "naive", "ppo", 3, "max_rounds", 9, ()))
    # The callback was given every round, in order.
    results = [result for _, result in seen]
    self.assertEqual([result.round for result in results],
                     list(range(1, 10)))
    solver = seen[0][0]
    self.assertEqual(summary.iterations, solver.iterations)
    self.assertEqual(summary.policies, sum(results[-1].num_policies))
    self.assertEqual(summary.nash_conv, results[-1].of_frozen.nash_conv)
    # The string of a game may have several lines; the result has one.
    drawn = dataclasses.replace(summary, game="pathfinding(grid=a\nb)")
    self.assertStartsWith(drawn.line(), "result: game=pathfinding(grid=a\\nb) ")
    self.assertLen(drawn.line().splitlines(), 1)
    self.assertEqual(summary.exploitability, summary.nash_conv / 2)
    # OpenSpiel says the same of all policies on disk.
    best = min(results, key=lambda result: result.of_frozen.nash_conv)
    self.assertEqual((summary.best_round, summary.best_nash_conv),
                     (best.round, best.of_frozen.nash_conv))
    self.assertLess(summary.best_nash_conv, results[0].of_frozen.nash_conv)
    self.assertEqual(summary.answer, "least_exploitable")
    for name, answer, nash_conv in (
        ("final_policy.npz", "meta_nash", summary.nash_conv),
        ("final_policy.npz", "least_exploitable",
         2 * summary.exploitability_least),
        ("final_policy.npz", None, 2 * summary.exploitability_least),
        ("best_policy.npz", None, summary.best_nash_conv)):
      pi = ppsro.read_policy(self.run_path / name, answer)
      self.assertAlmostEqual(exploitability.nash_conv(pi.game, pi), nash_conv,
                             places=9)
    self.assertCountEqual(os.listdir(self.run_path), [
        "config.json", "metrics.csv", "levels.csv", "history.jsonl",
        "final_policy.npz",
        "best_policy.npz", "final_mixture.npz", "nash_conv.png", "result.json",
        "checkpoint_00000000.npz", "checkpoint_00000009.npz"])


class CertifiedMixtureTest(parameterized.TestCase):

  @parameterized.parameters(
      # Of each population the lower upper bound counts.
      (([1.0], [1.0]), (.1, .2), (.3, .4),
       ([.5, .5], [0, 1]), (.0, .1), (.2, .5),
       ([.5, .5], [1]), (.0, .2), (.2, .4)),
      # Of the same mixture all that was measured.
      (([1.0], [1.0]), (.1, .2), (.3, .4),
       ([1.0, 0.0], [1.0]), (.2, .1), (.5, .3),
       ([1.0, 0.0], [1.0]), (.2, .2), (.3, .3)))
  def test_better(self, *numbers):
    ours, theirs, expected = (interval_watch.CertifiedMixture(
        tuple(np.array(own, float) for own in weights), lows, highs)
                              for weights, lows, highs in (
                                  numbers[:3], numbers[3:6], numbers[6:]))
    found = ours.better(theirs)
    for own, wanted in zip(found.weights, expected.weights):
      np.testing.assert_array_equal(own, wanted)
    self.assertEqual((found.lows, found.highs), (expected.lows, expected.highs))
    self.assertAlmostEqual(found.high, sum(expected.highs) / 2)
    self.assertLessEqual(found.high, min(ours.high, theirs.high))


class ReserveTest(parameterized.TestCase):

  @parameterized.parameters(
      # Exact: twice one second and a half, and what a measurement has beside.
      (120, 12, 0.25, 5), (600, 40, 0.25, 5), (30, 3, 0.25, 3),
      (120, 12, 0.5, 12), (240, 20, 0.5, 20), (600, 40, 0.5, 40))
  def test_the_end_is_kept_no_longer_than_it_takes(
      self, limit, at_first, high, later):
    # pylint: disable=protected-access
    watch = interval_watch.IntervalWatch(
        0.1, ppsro.Limits(limit), (), mock.Mock())
    self.assertAlmostEqual(watch.reserve(), at_first)
    solver = mock.Mock(**{"scheme.freezes": False})
    for answer, seconds in (
        ({"low": 0.25, "high": high, "seconds": 1.0}, 1.0),
        ({"found": [None, None]}, 0.5)):
      with mock.patch.object(interval_watch.time, "perf_counter",
                             return_value=100.0), mock.patch.object(
                                 watch, "_take_found"):
        watch._asked = 1, None, 100.0 - seconds
        watch._take(json.dumps(answer), solver)
    self.assertAlmostEqual(watch.reserve(), later)


class MeasuredRunTest(RunTestCase):

  draws = measures = True

  def run_sampled(self, rounds=3, config=PPO, scheme="pipeline", **options):
    options.setdefault("initial_policy", "uniform")
    with mock.patch.object(interval_watch, "_LAST_SECONDS", 300.0):
      return ppsro.run(
          "kuhn_poker", scheme, config, evaluation="sampled",
          limits=limits(max_rounds=rounds), output_dir=self.run_path,
          **{"exploiter_steps": 0, **options})

  @pytest.mark.thorough
  def test_the_final_policy_is_measured_as_openspiel_does(self):
    summary = self.run_sampled()
    pi = ppsro.read_policy(self.run_path)
    expected = exploitability.exploitability(pi.game, pi)
    self.assertAlmostEqual(summary.exploitability_low, expected)
    self.assertAlmostEqual(summary.exploitability_high, expected)
    self.assertEqual(summary.exploitability_round, 3)
    self.assertIn(f"exploitability_low={expected:.6g} ", summary.line())
    self.assertTrue((self.run_path / "nash_conv.png").exists())

  @pytest.mark.thorough
  def test_exploiters_only_train_where_they_tell_something(self):
    for share, has_trained in ((0.1, False), (0.0, True)):
      with mock.patch.object(run_lib, "_EXPLOITER_STEPS", 500):
        summary = self.run_sampled(exploiter_steps=None, rounds=1,
                                   evaluation_share=share, overwrite=True)
      self.assertEqual(summary.nash_conv_lower_bound is not None, has_trained)
      self.assertEqual(summary.exploitability_low is None, has_trained)
    # Who asks for them has them.
    summary = self.run_sampled(exploiter_steps=500, rounds=1, overwrite=True)
    self.assertIsNotNone(summary.nash_conv_lower_bound)
    self.assertIsNotNone(summary.exploitability_low)

  @pytest.mark.thorough
  def test_what_arrives_while_the_run_goes_on_is_in_the_metrics(self):
    def wait(solver, result):
      del solver
      if result.round == 1:
        testing.wait_until(lambda: not watches[0]._answers.empty(), "an answer")

    watches, enter = [], interval_watch.IntervalWatch.__enter__

    def entered(watch):
      watches.append(watch)
      watch._share = 1e9  # It is always time.
      return enter(watch)

    with mock.patch.object(interval_watch.IntervalWatch, "__enter__", entered):
      summary = self.run_sampled(callbacks=[wait])
    metrics = ppsro.read_metrics(self.run_path)
    self.assertEqual(str(metrics["exploitability_round"][:2]), "[nan, 1.0]")
    # In its first round the population is uniform play.
    self.assertAlmostEqual(metrics["exploitability_low"][1], 0.4583333333)
    self.assertAlmostEqual(metrics["exploitability_high"][1], 0.4583333333)
    self.assertEqual(summary.exploitability_round, 3)

  @pytest.mark.slow
  def test_what_self_play_found_is_bounded_before_the_first_round(self):
    summary = self.run_sampled(initial_policy="self_play",
                               self_play_share=0.75, rounds=1)
    metrics = ppsro.read_metrics(self.run_path)
    self.assertEqual(metrics["exploitability_round"][0], 0)
    # So small a game is enumerated, so that both bounds are exact.
    (low,), (high,) = metrics["answer_low"], metrics["answer_high"]
    self.assertEqual((metrics["exploitability_low"][0],
                      metrics["exploitability_high"][0]), (low, high))
    self.assertEqual(low, high)
    self.assertBetween(high, 1e-3, 0.4)  # Uniform play is at 0.46.
    # No policy has frozen since.
    pi = ppsro.read_policy(self.run_path)
    self.assertAlmostEqual(exploitability.exploitability(pi.game, pi), high,
                           places=6)
    self.assertAlmostEqual(summary.answer_high, high, places=6)

  @parameterized.parameters("pipeline", "rectified")
  @pytest.mark.slow
  def test_the_answer_never_gets_worse(self, scheme):
    # A population that begins with an equilibrium stays there. That of
    # rectified PSRO is one for both seats, which nothing weighs.
    answers = []

    def wait(solver, result):
      del result
      testing.wait_until(lambda: not watches[0]._answers.empty(), "an answer")
      answers.append(solver.answer)

    watches, enter = [], interval_watch.IntervalWatch.__enter__

    def entered(watch):
      watches.append(watch)
      watch._share = 1e9
      return enter(watch)

    with mock.patch.object(interval_watch.IntervalWatch, "__enter__", entered):
      summary = self.run_sampled(
          scheme=scheme, initial_policy="self_play", callbacks=[wait],
          plateau={"min_steps": 1, "max_steps": 1})
    metrics = ppsro.read_metrics(self.run_path)
    highs = [high for high in metrics["answer_high"] if high == high]
    self.assertNotEmpty(highs)
    self.assertEqual(highs, sorted(highs, reverse=True))
    self.assertLessEqual(summary.answer_high, highs[-1])
    self.assertLessEqual(summary.answer_high, summary.exploitability_high)
    self.assertLessEqual(summary.answer_low, summary.answer_high)
    self.assertEqual(answers[-1], "least_exploitable")
    self.assertEqual(summary.answer, "least_exploitable")
    for answer, expected in ((None, summary.answer_high),
                             ("meta_nash", summary.exploitability_high)):
      pi = ppsro.read_policy(self.run_path, answer)
      self.assertAlmostEqual(exploitability.exploitability(pi.game, pi),
                             expected)
      found = ppsro.load(self.run_path, answer)
      self.assertAlmostEqual(
          exploitability.exploitability(pi.game, found.policy), expected)
    with mock.patch.multiple(interval_watch.IntervalWatch,
                             look=lambda *_: None, last=lambda *_: None):
      later = self.run_sampled(  # It knows what was certain before.
          4, scheme=scheme, initial_policy="self_play", resume=True,
          plateau={"min_steps": 1, "max_steps": 1})
    self.assertEqual(later.answer_high, summary.answer_high)

  @parameterized.parameters(
      ({}, 1), ({"initial_policy": "self_play", "self_play_share": 0.9}, 3))
  @pytest.mark.thorough
  def test_the_answer_is_the_least_exploitable_mixture(self, start, members):
    # Of the members of level 0, too, however these were weighed at the start.
    solvers = []
    summary = self.run_sampled(
        rounds=8, config=dataclasses.replace(PPO, warm_start=True),
        evaluation_share=1e-9, plateau={"min_steps": 1, "max_steps": 1},
        **start, callbacks=[lambda solver, _: solvers.append(solver)])
    tree = ppsro.enumerate_game("kuhn_poker")
    least = least_exploitable.LeastExploitableMixture(tree)
    for player, own in enumerate(solvers[-1].get_policies()):
      seen = tree.infostates[player]
      found, owners, _ = solvers[-1].parts()[player]
      tables = [one(seen.observations, seen.legal_actions_mask)
                for one in found]
      self.assertGreater(len(own), 3)
      self.assertGreaterEqual(list(owners).count(0), members)
      least.update(player, range(len(tables)), sequence_form.realization_plan(
          tree, np.stack(tables), player))
    best = least.solve(1e-9).upper
    if start:  # Its members are drawn otherwise than at the start.
      self.assertGreater(max(
          np.abs(weights[owners == 0] / weights[owners == 0].sum()
                 - shares[0, owners == 0]).max()
          for weights, (_, owners, shares)
          in zip(solvers[-1].certified, solvers[-1].parts())), 0.01)
    else:
      self.assertGreater(summary.exploitability_high, best + 0.05)
    self.assertAlmostEqual(summary.answer_high, best, places=5)
    self.assertAlmostEqual(summary.answer_low, best, places=5)

  @parameterized.parameters(
      # What only this process knows cannot be read in another.
      ("policy", "there is no policy class 'OnlyHere' here"),
      ("process", "its process ended"))
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_a_failure_costs_the_measurement_alone(self, what, message):
    class OnlyHere(ppsro.FunctionPolicy):

      def __call__(self, observations, legal_actions_mask):
        return legal_actions_mask / legal_actions_mask.sum(
            axis=1, keepdims=True)

      def to_data(self):
        return {}

      @classmethod
      def from_data(cls, data):
        return cls()

    said = []
    if what == "policy":
      self.enter_context(mock.patch.object(
          sampled, "UniformPolicy", OnlyHere))
    else:
      self.enter_context(mock.patch.object(
          interval_watch.sys, "executable", "/bin/false"))
    self.enter_context(mock.patch.object(
        interval_watch.progress_lib.Progress, "say",
        lambda _, text: said.append(text)))
    summary = self.run_sampled()
    self.assertEqual((summary.exit_code, summary.rounds), (0, 3))
    self.assertIsNone(summary.exploitability_low)
    self.assertLen([text for text in said if message in text], 1)


class RunTest(RunTestCase):

  def test_result_json_is_the_summary_and_where_it_comes_from(self):
    summary = ppsro.run("kuhn_poker", "sequential", EXACT,
                        output_dir=self.run_path, limits=limits(max_rounds=2))
    result = ppsro.read_result(self.run_path)
    for name, value in dataclasses.asdict(summary).items():
      self.assertEqual(
          result[name], str(value) if name == "path" else
          list(value) if isinstance(value, tuple) else value)
    self.assertContainsSubset(
        ["command", "versions", "git_commit", "cores", "host"], result)
    self.assertContainsSubset(
        ["python", "open_spiel", "torch", "numpy", "open_spiel_ppsro"],
        result["versions"])
    self.assertEqual(result["versions"]["numpy"], np.__version__)

  @parameterized.parameters(
      (ppsro.Pipeline(3), PPO, {"evaluation": "exact"}),
      (ppsro.Pipeline(2), PPO,
       {"evaluation": "sampled", "exploiter_steps": 0}),
      (ppsro.DCH(2), EXACT, {}),
      (ppsro.NeuPL(2), None, {"evaluation": "exact"}))
  def test_config_json_has_every_setting_once(self, scheme, config, options):
    solvers = []
    ppsro.run("kuhn_poker", scheme, config, output_dir=self.run_path,
              limits=limits(max_rounds=1), settings={"mine": 7},
              callbacks=[lambda solver, _: solvers.append(solver)], **options)
    settings = ppsro.read_config(self.run_path)
    self.assertNotIn("null", (self.run_path / "config.json").read_text())
    nested = [name for part in settings.values() if isinstance(part, dict)
              for name in part]
    self.assertEmpty(set(nested) & set(settings))
    self.assertEqual(settings["limits"], {"max_rounds": 1})
    self.assertEqual(settings["mine"], 7)
    self.assertEqual(settings["game_name"], "kuhn_poker")
    # What the solver itself says it depends on is there.
    for name, value in solvers[0].settings().items():
      group, _, field = name.partition(" ")
      if field and value is not None:
        part = {"scheme": "scheme_settings", "oracle": "learner"}.get(
            group, group)
        if part in settings:
          self.assertEqual(settings[part][field], value, name)
      elif group in ("evaluation", "seed", "opponent_update_freq",
                     "payoff_episodes", "max_staleness") and (
                         value is not None):
        self.assertEqual(settings[group], value, name)
    # Of a scheme that never freezes there is no freeze rule.
    self.assertEqual("plateau" in settings, scheme.freezes)
    # What batches are expectations of has no episodes.
    if config not in (EXACT, None):
      self.assertGreater(settings["learner"]["episodes_per_batch"], 0)

  @pytest.mark.slow
  def test_resumed_is_as_if_nothing_had_happened(self):
    def play(path, rounds, **options):
      return ppsro.run(
          "kuhn_poker", ppsro.Pipeline(2), PPO, output_dir=path,
          limits=limits(max_rounds=rounds), plateau={"min_steps": 1000},
          **options)

    whole = play(self.path / "whole", 8)
    play(self.run_path, 5)
    before = sorted(self.run_path.iterdir())
    # What is over is over, and stays as it is.
    with self.assertRaisesRegex(
        ValueError, r"has ended after 5 rounds and \d+ s, and max_rounds is 5"):
      play(self.run_path, 5, resume=True)
    self.assertEqual(sorted(self.run_path.iterdir()), before)
    resumed = play(self.run_path, 8, resume=True)
    for name in ("nash_conv", "best_nash_conv", "best_round", "policies",
                 "episodes", "rounds"):
      self.assertEqual(getattr(resumed, name), getattr(whole, name), name)
    self.assertEqual(metrics_of(self.run_path), metrics_of(whole.path))
    self.assertEqual(policies_of(self.run_path), policies_of(whole.path))
    self.assertEqual(ppsro.read_result(self.run_path)["rounds"], 8)

  def test_a_run_that_was_killed_after_its_last_round_is_finished(self):
    arguments = ("kuhn_poker", "sequential", EXACT)
    options = {"output_dir": self.run_path, "limits": limits(max_rounds=3)}
    ppsro.run(*arguments, **options)
    kept = policies_of(self.run_path)
    for name in ("result.json", "final_policy.npz", "best_policy.npz"):
      (self.run_path / name).unlink()
    self.assertEqual(ppsro.run(*arguments, resume=True, **options).rounds, 3)
    self.assertEqual(policies_of(self.run_path), kept)

  @parameterized.parameters(
      ({"scheme": "pipelin"}, "unknown scheme 'pipelin'; use a Scheme or one "
       "of sequential, naive, rectified, dch, pipeline, neupl, self_play"),
      ({"game": "kuhn_pokr"}, "OpenSpiel has no game 'kuhn_pokr'"),
      ({"meta_strategy": "nsh"}, "nsh"),
      ({"evaluation": "sampled"}, "enumerated"),
      ({"exploiter_steps": 10}, "exploiter_steps does nothing here"),
      ({"payoff_episodes": 10}, "payoff_episodes does nothing here"),
      ({"evaluation": "sampled", "config": PPO,
        "limits": limits(target_exploitability=1)}, "needs an exact"),
      ({"keep_checkpoints": 0}, "keep_checkpoints is 0"),
      ({"scheme": ppsro.Pipeline}, "scheme is the class Pipeline"),
      ({"config": "ppo"}, "config is 'ppo'; it takes a LearnerConfig"),
      ({"limits": 60}, "limits is 60; it takes a ppsro.Limits"),
      ({"callbacks": print}, "callbacks is <.*>; it takes a list of functions"),
      ({"callbacks": [1]}, r"callbacks is \[1\]; it takes a list"),
      ({"plateau": 0.02}, "plateau is 0.02"),
      ({"workers_per_level": 2}, "workers_per_level is 2"),
      ({"plateau": {"delta": -1}}, "delta is -1"),
      ({"resume": True}, "there is no run in runs/kuhn-poker-sequential-exact"),
      ({"resume": True, "output_dir": "none"}, "there is no run in none"))
  def test_what_is_refused_leaves_no_directory(self, changes, message):
    options = {"game": "kuhn_poker", "scheme": "sequential", "config": EXACT,
               "limits": limits(max_rounds=1), **changes}
    with self.assertRaisesRegex(ValueError, message):
      ppsro.run(**options)
    self.assertEmpty(os.listdir(self.path))

  def test_the_executor_is_closed_even_if_all_is_refused(self):
    executor = ppsro.SerialExecutor()
    with mock.patch.object(executor, "close") as close:
      with self.assertRaises(ValueError):
        ppsro.run("kuhn_poker", "pipelin", EXACT, executor)
    close.assert_called()

  def test_an_error_on_the_way_lets_go_of_the_directory(self):
    def fail(solver, result):
      raise RuntimeError("enough")

    with self.assertRaisesRegex(RuntimeError, "enough"):
      ppsro.run("kuhn_poker", "sequential", EXACT, output_dir=self.run_path,
                callbacks=[fail])
    output_directory.check_free(self.run_path, overwrite=True)

  @pytest.mark.slow
  def test_the_lower_bound_of_a_sampled_game(self):
    summary = ppsro.run(
        "kuhn_poker", "sequential", PPO, output_dir=self.run_path,
        evaluation="sampled", exploiter_steps=500,
        limits=limits(max_rounds=2))
    self.assertTrue(math.isnan(summary.nash_conv))
    self.assertIsNone(summary.best_nash_conv)
    self.assertEqual(summary.exploiter_steps, 500)
    result = ppsro.read_result(self.run_path)
    self.assertIsNone(result["nash_conv"])
    for name in ("nash_conv_lower_bound", "lower_bound_standard_error"):
      self.assertEqual(result[name], getattr(summary, name))
    self.assertGreater(summary.lower_bound_standard_error, 0)


class DirectoryTest(RunTestCase):

  def play(self, game="kuhn_poker", **options):
    return ppsro.run(game, "sequential", EXACT, limits=limits(max_rounds=1),
                     **options)

  def test_a_second_run_gets_a_number(self):
    for number in ("", "-2", "-3"):
      path = pathlib.Path("runs") / f"kuhn-poker-sequential-exact-seed1{number}"
      self.assertEqual(self.play().path, path)
      self.assertTrue((path / "result.json").exists())

  def test_names_are_slugs(self):
    path = self.play("kuhn_poker(players=3)", meta_strategy="cce").path
    self.assertEqual(str(path),
                     "runs/kuhn-poker-players-3-sequential-exact-seed1")

  def test_a_directory_that_holds_something_is_refused(self):
    mine = self.run_path / "mine.txt"
    mine.parent.mkdir()
    self.play(output_dir=self.run_path)  # It was empty.
    mine.write_text("of mine")
    with self.assertRaisesRegex(
        ppsro.OccupiedError,
        "holds a run of kuhn_poker by sequential, 1 round: resume it with "
        "resume=True, choose another output_dir, or overwrite it with "
        "overwrite=True"):
      self.play(output_dir=self.run_path)
    (self.run_path / "config.json").write_text("[]")
    with self.assertRaisesRegex(
        ppsro.OccupiedError, "holds best_policy.npz, checkpoint_00000000.npz, "
        "checkpoint_00000001.npz and 8 more"):
      self.play(output_dir=self.run_path)
    # What is not the run's own stays.
    self.play(output_dir=self.run_path, overwrite=True)
    self.assertEqual(mine.read_text(), "of mine")
    self.assertEqual(ppsro.read_config(self.run_path)["seed"], 1)

  def test_resume_without_a_name_takes_the_latest(self):
    self.play()
    second = self.play().path
    resumed = ppsro.run("kuhn_poker", "sequential", EXACT, resume=True,
                        limits=limits(max_rounds=2))
    self.assertEqual((resumed.path, resumed.rounds), (second, 2))
    # Whatever else is there.
    shutil.rmtree("runs/kuhn-poker-sequential-exact-seed1")
    os.mkdir("runs/kuhn-poker-sequential-exact-seed1-mine")
    self.assertEqual(output_directory.latest(
        "kuhn_poker-sequential-exact-seed1"), second)


class TimeTest(RunTestCase):

  def test_a_game_that_takes_too_long_to_open_is_one_line(self):
    with mock.patch.object(open_game, "open_game",
                           lambda *_: time.sleep(testing.PATIENCE_SECONDS)):
      with self.assertRaisesRegex(
          ValueError, "the time limit of 0.2 s was over before the first"):
        ppsro.run("kuhn_poker", "sequential", EXACT,
                  limits=ppsro.Limits(0.2))
    self.assertEmpty(os.listdir(self.path))

  @parameterized.parameters((signal.SIGINT, KeyboardInterrupt, ""),
                            (signal.SIGTERM, SystemExit, "143"))
  def test_a_signal_before_the_first_round(self, number, error, message):
    def open_for_long(*_):
      os.kill(os.getpid(), number)
      time.sleep(testing.PATIENCE_SECONDS)

    with mock.patch.object(open_game, "open_game", open_for_long):
      with mock.patch.dict(signals._PATIENCE_SECONDS, {number: 0.05}):
        with self.assertRaisesRegex(error, message):
          ppsro.run("kuhn_poker", "sequential", EXACT)
    self.assertEmpty(os.listdir(self.path))

  @parameterized.parameters((0, 1), (3, 0))
  def test_a_round_that_takes_too_long_is_broken_off(self, good, exit_code):
    play_round = solver_lib.PipelinePSROSolver.round

    def play(solver, goes_on):
      if solver.rounds == good:
        raise signals.Interrupted
      return play_round(solver, goes_on)

    with mock.patch.object(solver_lib.PipelinePSROSolver, "round", play):
      summary = ppsro.run("kuhn_poker", "sequential", EXACT,
                          output_dir=self.run_path, limits=limits())
    self.assertEqual(
        (summary.rounds, summary.stopped_by, summary.exit_code),
        (good, "time_limit_seconds", exit_code))
    self.assertTrue((self.run_path / "final_policy.npz").exists())
    self.assertLen(ppsro.read_metrics(self.run_path)["round"], good)

  @parameterized.parameters(
      ("max_rounds", 0, (), 1), ("max_rounds", 3, (), 0),
      ("target_exploitability", 0, (), 0),
      ("time_limit_seconds", 3, ("metrics.csv",), 1),
      ("interrupt", 3, (), 130), ("interrupt", 0, (), 130),
      ("terminate", 3, ("metrics.csv",), 143))
  def test_exit_codes(self, stopped_by, rounds, missing, code):
    self.assertEqual(ppsro.RunSummary(
        self.path, "g", "s", "o", 1, stopped_by, 0.0, 0.0, 0, 0, rounds, 0,
        0.0, missing=missing).exit_code, code)

  @parameterized.parameters(
      "time_limit_seconds", "max_iterations", "max_rounds", "max_episodes",
      "target_exploitability")
  def test_limits_are_above_zero(self, name):
    for value in (0, -1, math.nan):
      with self.assertRaisesRegex(ValueError, f"{name} is {value}; it takes"):
        ppsro.Limits(**{name: value})


class FullDiskTest(RunTestCase):
  """What cannot be written is missing, and nothing else is.

  No file may be longer than some bytes: for the process that is a full disk.
  """

  draws = True

  def setUp(self):
    super().setUp()
    _, self.hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    self.addCleanup(self.set_longest_file, self.hard)
    # What is shown of a slow run is longer than that, and pytest keeps it in a
    # file.
    self.enter_context(contextlib.redirect_stderr(io.StringIO()))

  def set_longest_file(self, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, self.hard))

  def play(self, **options):
    return ppsro.run("kuhn_poker", "sequential", EXACT,
                     output_dir=self.run_path, limits=limits(max_rounds=6),
                     checkpoint_seconds=1e-9, **options)

  @pytest.mark.slow
  def test_one_warning_each_and_the_run_goes_on(self):
    whole = ppsro.run("kuhn_poker", "sequential", EXACT,
                      limits=limits(max_rounds=6))

    def fill_up(solver, result):
      del solver
      if result.round == 2:
        self.set_longest_file(
            (self.run_path / "metrics.csv").stat().st_size + 10)

    with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
      summary = self.play(callbacks=[fill_up])
    self.set_longest_file(self.hard)
    self.assertEqual((summary.nash_conv, summary.rounds),
                     (whole.nash_conv, whole.rounds))
    self.assertEqual(summary.exit_code, 1)
    # The last checkpoint is the one that is missed.
    self.assertContainsSubset(
        ["metrics.csv", "checkpoint_00000006.npz", "nash_conv.png"],
        summary.missing)
    told = [line for line in logs.output if "Cannot write" in line]
    self.assertLen(told, len(summary.missing), told)
    self.assertLen(ppsro.read_metrics(self.run_path)["round"], 2)
    self.assertEmpty(list(self.run_path.glob(".*")))
    # With the disk emptied it goes on from where it was saved last.
    resumed = ppsro.run("kuhn_poker", "sequential", EXACT, resume=True,
                        output_dir=self.run_path, limits=limits(max_rounds=6))
    self.assertEqual((resumed.exit_code, resumed.missing), (0, ()))
    self.assertEqual(metrics_of(self.run_path), metrics_of(whole.path))
    self.assertEqual(policies_of(self.run_path), policies_of(whole.path))

  def test_what_could_not_be_written_is_tried_again(self):
    def fill_up_for_a_while(solver, result):
      del solver
      self.set_longest_file(
          (self.run_path / "metrics.csv").stat().st_size + 10
          if result.round in (2, 3) else self.hard)

    with self.assertLogs(logging.get_absl_logger(), "WARNING"):
      summary = self.play(callbacks=[fill_up_for_a_while])
    self.assertEqual((summary.exit_code, summary.missing), (0, ()))
    with open(self.run_path / "metrics.csv", newline="") as file:
      self.assertEqual([row["round"] for row in csv.DictReader(file)],
                       list("123456"))

  def test_what_cannot_be_made_is_missing(self):
    with mock.patch.object(plots, "plot_run",
                           side_effect=ValueError("nothing to draw")):
      with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
        summary = self.play()
    self.assertIn("nash_conv.png: nothing to draw. The run", logs.output[0])
    self.assertEqual((summary.missing, summary.exit_code),
                     (("nash_conv.png",), 1))
    self.assertTrue((self.run_path / "result.json").exists())

  def test_a_disk_that_is_full_from_the_start_is_one_line(self):
    self.set_longest_file(0)
    with self.assertRaisesRegex(
        ValueError, "cannot write to the output directory .*: File too large"):
      self.play()
    self.assertEmpty(os.listdir(self.run_path))


if __name__ == "__main__":
  absltest.main()

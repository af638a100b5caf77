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

"""Tests of extensions: docs/extend.md, its example, own learners."""

import dataclasses
import importlib
import os
import re
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import plain_data
from open_spiel_ppsro import testing as checks
import testing

PAGE = (testing.ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
# The modules of the page by name, and the blocks that use them.
MODULES = {code.split()[1].removesuffix(".py"): code for code in BLOCKS
           if code.startswith("# my_")}
USES = [code for code in BLOCKS if not code.startswith("# my_")]
(COMMAND,) = re.findall(r"```sh\n(.*?)```", PAGE, re.S)


class ExtensionTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    before = os.getcwd()
    os.chdir(self.path)
    self.addCleanup(os.chdir, before)
    # What modules register is gone after the test.
    for table in (ppsro.SCHEMES, ppsro.ORACLES, ppsro.META_STRATEGIES):
      self.enter_context(mock.patch.dict(table))

  def call(self, example, *arguments):
    """Calls an example that has to end well; returns its result."""
    code, lines, errors = testing.call_example(
        example, *arguments, f"--output_dir={self.path / 'run'}", "--overwrite")
    self.assertEqual(code, 0, errors)
    return testing.result_of(lines)


class PageTest(ExtensionTestCase):

  def setUp(self):
    super().setUp()
    for name, code in MODULES.items():
      (self.path / f"{name}.py").write_text(code, encoding="utf-8")
    self.enter_context(mock.patch.object(
        sys, "path", [str(self.path), *sys.path]))
    for name in MODULES:
      self.addCleanup(sys.modules.pop, name, None)

  def test_has_all_things(self):
    self.assertSameElements(MODULES, [
        "my_scheme", "my_agent", "my_learner", "my_network",
        "my_meta_strategy", "my_game", "my_executor"])
    self.assertLen(USES, 3)

  @parameterized.parameters(*USES)
  @pytest.mark.sweep(1)
  @pytest.mark.slow
  def test_what_uses_the_modules_runs(self, code):
    exec(compile(code, "extend.md", "exec"), {})  # pylint: disable=exec-used

  @pytest.mark.thorough
  def test_the_command_runs(self):
    self._check_command("--executor=serial")

  @pytest.mark.thorough
  def test_the_command_runs_in_processes(self):
    self._check_command("--executor=processes", "--num_workers=2")

  def _check_command(self, *flags):
    _, example, *arguments = COMMAND.split()
    self.assertEqual(os.path.basename(example), "pipeline_psro_example.py")
    code, lines, errors = testing.run_example(
        "pipeline_psro_example", *arguments, *flags, "--max_rounds=2",
        "--time_limit_seconds=600", f"--output_dir={self.path / 'run'}")
    self.assertEqual(code, 0, errors)
    result = testing.result_of(lines)
    self.assertEqual(
        [result["game"], result["scheme"], result["oracle"]],
        ["python_pennies", "window", "hill_climbing"])
    config = ppsro.read_config(self.path / "run")
    self.assertEqual(config["meta_strategy"], "cautious")
    self.assertEqual(config["scheme_settings"], {"size": 3})

  def test_the_executor_has_the_bits_of_the_serial_one(self):
    executor = importlib.import_module("my_executor").ThreadExecutor()
    config = ppsro.PPOConfig(hidden_sizes=(4,), episodes_per_batch=64)
    runs = [testing.play(3, "kuhn_poker", config, ppsro.Pipeline(2), place,
                         min_steps=100)
            for place in (None, executor)]
    self.assertEqual(runs[0][0], runs[1][0])
    self.assertEqual(plain_data.first_difference(runs[0][1], runs[1][1]), "")
    checks.check_learner(config, executor=executor, num_steps=100)

  def test_the_executor_tells_what_went_wrong(self):
    executor = importlib.import_module("my_executor").ThreadExecutor()
    with executor:
      executor.start(None)
      executor.create("list", lambda shared: [])
      self.assertEqual(executor.call([("list", "count", (1,))]), [0])
      with self.assertRaisesRegex(ppsro.WorkerError, "list.*pop from empty"):
        executor.call([("list", "pop", ())])

  def test_the_meta_strategy_is_that_of_openspiel_psro_v2(self):
    cautious = importlib.import_module("my_meta_strategy").cautious
    weights, joint = cautious(ppsro.SubGame(
        [np.array([[0.0, 0.0], [np.log(4), 0.0]]), np.zeros((2, 2))]), True)
    np.testing.assert_allclose(weights, [[1 / 3, 2 / 3], [1 / 2, 1 / 2]])
    np.testing.assert_allclose(joint, np.outer(*weights).ravel())

  @pytest.mark.slow
  def test_an_agent_is_resumed(self):
    config = importlib.import_module("my_agent").QLearningConfig(
        episodes_per_batch=16)
    options = {"seed": 3, "opponent_update_freq": 50,
               "output_dir": self.path / "run"}
    ppsro.run("kuhn_poker", "sequential", config, **options,
              limits=ppsro.Limits(max_rounds=1))
    resumed = ppsro.run("kuhn_poker", "sequential", config, **options,
                        resume=True, limits=ppsro.Limits(max_rounds=2))
    whole = ppsro.run("kuhn_poker", "sequential", config,
                      **{**options, "output_dir": self.path / "whole"},
                      limits=ppsro.Limits(max_rounds=2))
    self.assertEqual(resumed.nash_conv, whole.nash_conv)
    self.assertEqual(plain_data.first_difference(
        ppsro.read_checkpoint(self.path / "run")["solver"],
        ppsro.read_checkpoint(self.path / "whole")["solver"]), "")


class ExampleTest(ExtensionTestCase):

  @pytest.mark.slow
  def test_enumerated_and_sampled(self):
    result = self.call("extending_example", "--max_rounds=20",
                       "--time_limit_seconds=1e6")
    self.assertEqual(result["game"], "python_bluff")
    self.assertEqual(result["scheme"], "prioritised")
    self.assertEqual(result["oracle"], "linear")
    # A uniformly random first policy has 0.5, and others have frozen.
    self.assertLess(float(result["nash_conv"]), 0.5)
    self.assertGreater(int(result["iterations"]), 0)
    policy = ppsro.read_policy(self.path / "run")
    self.assertAlmostEqual(sum(policy.action_probability_array[0]), 1)
    result = self.call("extending_example", "--max_rounds=2",
                       "--evaluation=sampled", "--exploiter_steps=500",
                       "--evaluation_share=0")
    self.assertEqual(result["nash_conv"], "nan")
    self.assertIn("nash_conv_lower_bound", result)

  @pytest.mark.thorough
  def test_workers_and_other_examples_know_it(self):
    arguments = ("--import_module=extending_example", "--oracle=linear",
                 "--scheme=prioritised", "--meta_strategy=quantal_response",
                 "--game_name=python_bluff", "--max_rounds=4", "--seed=5")
    here = self.call("extending_example", "--max_rounds=4", "--seed=5",
                     "--time_limit_seconds=1e6")
    code, lines, errors = testing.run_example(
        "pipeline_psro_example", *arguments, "--num_workers=2",
        "--time_limit_seconds=600", f"--output_dir={self.path / 'other'}")
    self.assertEqual(code, 0, errors)
    self.assertEqual(testing.result_of(lines)["nash_conv"], here["nash_conv"])

  @pytest.mark.slow
  def test_its_parts_do_what_they_say(self):
    example = testing.import_example("extending_example")
    tree = ppsro.enumerate_game("kuhn_poker")
    for evaluation in ("exact", "sampled"):
      checks.check_learner(example.LinearConfig(), evaluation=evaluation)
    # At (p, q) each answers the other by a softmax: both sides of it.
    game = ppsro.SubGame([np.array([[2.0, 0.0], [0.0, 1.0]]),
                          -np.array([[2.0, 0.0], [0.0, 1.0]])],
                         {"rationality": 3.0})
    play, joint = example.quantal_response(game, return_joint=True)
    for one, values in zip(play, (game.get_meta_game()[0] @ play[1],
                                  play[0] @ game.get_meta_game()[1])):
      answer = np.exp(3 * values)
      np.testing.assert_allclose(one, answer / answer.sum(), atol=5e-3)
    np.testing.assert_allclose(joint.reshape(2, 2).sum(axis=1), play[0])
    # The scheme faces most whom it loses to.
    with ppsro.PipelinedOracle(tree, ppsro.ExactConfig()) as oracle:
      solver = ppsro.PipelinePSROSolver(
          tree.game, oracle, example.PrioritisedSelfPlay(power=1.0))
      results = [solver.round() for _ in range(6)]
    self.assertLess(results[-1].of_frozen.nash_conv,
                    results[0].of_frozen.nash_conv)


class TiltPolicy(ppsro.FunctionPolicy):
  """Plays each action by a weight."""

  def __init__(self, weights):
    self._weights = weights

  def __call__(self, observations, legal_actions_mask):
    played = legal_actions_mask * self._weights
    return played / played.sum(axis=1, keepdims=True)

  def to_data(self):
    return {"weights": self._weights}

  @classmethod
  def from_data(cls, data):
    return cls(data["weights"])


class UnsavablePolicy(TiltPolicy):

  def to_data(self):
    return {"function": np.tanh}


class TiltLearner(ppsro.Learner):
  """Changes its weights at random."""

  policy_class = TiltPolicy

  def __init__(self, simulator, rng):
    self._simulator, self._rng = simulator, rng
    self._weights = np.ones(simulator.num_actions)

  def initial_policy(self):
    policy = self.policy_class(self._weights)
    return self._simulator.publish(policy, copy=lambda: policy)

  def train(self, opponents, num_steps, stationary):
    self._simulator.face(opponents)
    self._weights = self._rng.random(len(self._weights)) + 0.1
    batch = self._simulator.draw(self.policy_class(self._weights), 32,
                                 self._rng)
    return ppsro.TrainingReport(self.initial_policy(), batch.episode_return,
                                batch.num_steps, batch.num_episodes)

  def state(self):
    return {"weights": self._weights, "rng": self._rng.bit_generator.state}

  def restore(self, state):
    self._weights = state["weights"]
    self._rng.bit_generator.state = state["rng"]


class UnsavableLearner(TiltLearner):
  policy_class = UnsavablePolicy


class UnsavableStateLearner(TiltLearner):

  def state(self):
    return {"simulator": self._simulator}


class UndecoratedScheme(ppsro.Scheme):

  def openings(self, population, solve):
    return []

  def opponents(self, population, policy_id):
    return population.frozen_indices()


@dataclasses.dataclass(frozen=True)
class TiltConfig(ppsro.LearnerConfig):
  kind: str = "TiltLearner"

  def steps_per_batch(self, game):
    return ppsro.steps_per_batch(game, 32)

  def make_learner(self, game, player, seed_sequence):
    return globals()[self.kind](
        ppsro.make_simulator(game, player),
        np.random.default_rng(seed_sequence))


class OwnLearnerTest(ExtensionTestCase):

  @parameterized.parameters("exact", "sampled")
  @pytest.mark.slow
  def test_a_run_is_resumed_and_its_policy_read(self, evaluation):

    def run(name, rounds, **options):
      if evaluation == "sampled":
        # How long self-play goes on depends on the limit.
        options.update(payoff_episodes=16, exploiter_steps=0,
                       evaluation_share=0, initial_policy="uniform")
      return ppsro.run("kuhn_poker", ppsro.Pipeline(2), TiltConfig(),
                       output_dir=self.path / name, evaluation=evaluation,
                       plateau={"min_steps": 30, "delta": 9.0},
                       meta_strategy="uniform",
                       limits=ppsro.Limits(max_rounds=rounds), **options)

    run("parts", 2)
    run("parts", 4, resume=True)
    run("whole", 4)
    states = [ppsro.read_checkpoint(self.path / name)["solver"]
              for name in ("parts", "whole")]
    self.assertEqual(plain_data.first_difference(*states), "")
    policies = [ppsro.read_policy(self.path / name)
                for name in ("parts", "whole")]
    state = policies[0].game.new_initial_state().child(1).child(0)
    self.assertEqual(*(policy.action_probabilities(state)
                       for policy in policies))
    if evaluation == "sampled":
      self.assertIsInstance(policies[0], ppsro.MixturePolicy)
      self.assertTrue(any(isinstance(member, TiltPolicy)
                          for member in policies[0].policies[0]))

  def test_a_policy_that_cannot_be_saved_is_refused_at_the_start(self):
    rounds = []
    with self.assertRaisesRegex(
        ValueError, "UnsavablePolicy, cannot be saved, so a run could not be "
        "resumed") as caught:
      ppsro.run("kuhn_poker", ppsro.Pipeline(2), TiltConfig("UnsavableLearner"),
                evaluation="sampled", output_dir=self.path / "run",
                callbacks=[lambda *_: rounds.append(1)], exploiter_steps=0)
    self.assertNotIn("\n", str(caught.exception))
    self.assertEmpty(rounds)
    # On an enumerated game it is a table, which can be saved.
    ppsro.run("kuhn_poker", ppsro.Pipeline(2), TiltConfig("UnsavableLearner"),
              output_dir=self.path / "exact", limits=ppsro.Limits(max_rounds=1))

  @parameterized.parameters("exact", "sampled")
  def test_a_state_that_cannot_be_saved_is_refused_at_the_start(
      self, evaluation):
    with testing.make_solver(
        "kuhn_poker", TiltConfig("UnsavableStateLearner"), ppsro.Sequential(),
        evaluation=evaluation)[0] as oracle:
      with self.assertRaisesRegex(
          ValueError, r"the state\(\) of a learner of TiltConfig cannot be "
          "saved, .*Simulator"):
        oracle.open([ppsro.PolicyId(0, 1)])

  def test_a_scheme_that_is_no_dataclass_is_told_so(self):
    with ppsro.PipelinedOracle("kuhn_poker", TiltConfig()) as oracle:
      with self.assertRaisesRegex(
          ValueError, "UndecoratedScheme takes to be a frozen dataclass of "
          "plain data, .* it is no dataclass"):
        ppsro.PipelinePSROSolver("kuhn_poker", oracle, UndecoratedScheme())

  def test_a_configuration_that_needs_arguments_is_told_so(self):
    with mock.patch.dict(ppsro.ORACLES, agent=ppsro.RLAgentConfig):
      code, _, errors = testing.call_example(
          "pipeline_psro_example", "--oracle=agent")
    self.assertEqual(code, 2)
    self.assertIn("error: --oracle=agent: RLAgentConfig cannot be made of "
                  "flags alone", errors)

  @pytest.mark.slow
  def test_a_policy_class_that_is_not_here_is_told_by_name(self):
    ppsro.run("kuhn_poker", ppsro.Pipeline(2), TiltConfig(),
              evaluation="sampled", output_dir=self.path / "run",
              plateau={"min_steps": 30, "delta": 9.0},
              meta_strategy="uniform",
              limits=ppsro.Limits(max_rounds=4), exploiter_steps=0)
    classes = dict(ppsro.Policy.classes)
    del classes["TiltPolicy"]
    with mock.patch.object(ppsro.Policy, "classes", classes):
      with self.assertRaisesRegex(ValueError, "no policy class 'TiltPolicy'"):
        ppsro.read_policy(self.path / "run", "meta_nash")


if __name__ == "__main__":
  absltest.main()

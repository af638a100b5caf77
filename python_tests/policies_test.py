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
"""Tests for policies: played, copied, stepped, and on disk."""

import pathlib
import pickle
import re
import shutil

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy as openspiel_policy
from open_spiel.python import rl_environment
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.policies import policy as policy_lib
import testing

VERSION_0_1 = pathlib.Path(__file__).parent / "version_0_1"
EXACT = ppsro.ExactConfig()
PPO = ppsro.PPOConfig(hidden_sizes=(4,), episodes_per_batch=32)


def trained(config=EXACT, evaluation="auto", scheme=None, rounds=4):
  """Returns a solver after some rounds, and its closed oracle's game."""
  scheme = ppsro.Sequential() if scheme is None else scheme
  with ppsro.PipelinedOracle(
      "kuhn_poker", config, evaluation=evaluation,
      seat_symmetric=scheme.one_population) as oracle:
    solver = ppsro.PipelinePSROSolver("kuhn_poker", oracle, scheme,
                                      **({} if evaluation == "auto" else
                                         {"payoff_episodes": 32}))
    for _ in range(rounds):
      solver.round()
    return solver


def all_states(game):
  """Yields every decision of a game."""
  stack = [game.new_initial_state()]
  while stack:
    state = stack.pop()
    if state.is_terminal():
      continue
    if not state.is_chance_node():
      yield state
    stack += [state.child(action) for action in state.legal_actions()]


class PolicyDataTest(parameterized.TestCase):

  @parameterized.parameters(
      (ppsro.TablePolicy(np.array([[.25, .75], [1., 0.]])),),
      (ppsro.UniformPolicy(),),
      (ppsro.NetworkPolicy((3, 2), np.arange(8, dtype=np.float32), 2),),
      (ppsro.NetworkPolicy((4, 2), np.ones(10, np.float32), 2, 0.5,
                           np.ones(1, np.float32)),))
  def test_comes_back(self, policy):
    data = policy_lib.to_data(policy)
    back = policy_lib.from_data(data)
    self.assertIs(type(back), type(policy))
    self.assertEqual(str(policy_lib.to_data(back)), str(data))
    unpickled = pickle.loads(pickle.dumps(policy))
    self.assertEqual(str(policy_lib.to_data(unpickled)), str(data))
    if isinstance(policy, ppsro.FunctionPolicy):
      seen, mask = np.ones((1, 3), np.float32), np.ones((1, 2), bool)
      np.testing.assert_array_equal(policy(seen, mask), back(seen, mask))

  def test_an_unknown_class_is_named(self):
    with self.assertRaisesRegex(ValueError, "no policy class 'Lost' here: "
                                "import the module"):
      policy_lib.from_data({"class": "Lost"})

  def test_what_cannot_be_saved_is_refused_when_the_run_starts(self):

    class Unsavable(ppsro.FunctionPolicy):

      def __call__(self, observations, legal_actions_mask):
        return legal_actions_mask / legal_actions_mask.sum(1, keepdims=True)

      def to_data(self):
        return {"function": print}

      @classmethod
      def from_data(cls, data):
        return cls()

    cases = (
        # What a learner gives, evaluation, message.
        (Unsavable(), "sampled", "Unsavable, cannot be saved.*cannot hold a "),
        (lambda seen, mask: mask, "sampled", "is a function; a population"),
        (ppsro.TablePolicy(np.ones((6, 2)) / 2), "sampled",
         "on the sampled game a learner gives a ppsro.FunctionPolicy"),
        (ppsro.UniformPolicy(), "exact", "gives a table"),
        (np.ones((5, 2)) / 2, "exact", r"has shape \(6, 2\), got \(5, 2\)"),
        (np.ones((6, 2)), "exact", "not a distribution"))
    for given, evaluation, message in cases:
      solver = None
      with self.subTest(message), ppsro.PipelinedOracle(
          "kuhn_poker", GivenConfig(), evaluation=evaluation) as oracle:
        GivenConfig.given = given
        solver = ppsro.PipelinePSROSolver("kuhn_poker", oracle)
        with self.assertRaisesRegex(ValueError, message) as context:
          solver.round()
        self.assertLen(str(context.exception).splitlines(), 1)

  def test_what_is_no_report_is_named(self):
    GivenConfig.given = np.ones((6, 2)) / 2
    with ppsro.PipelinedOracle("kuhn_poker", GivenConfig()) as oracle:
      solver = ppsro.PipelinePSROSolver("kuhn_poker", oracle)
      with self.assertRaisesRegex(
          ValueError, "GivenConfig, returned a str from train"):
        solver.round()


class Given(ppsro.Learner):
  """Gives what the test gave it."""

  def initial_policy(self):
    return GivenConfig.given

  def train(self, opponents, num_steps, stationary):
    return "trained"

  def state(self):
    return {}

  def restore(self, state):
    pass


class GivenConfig(ppsro.LearnerConfig):
  given = None

  def make_learner(self, game, player, seed_sequence):
    return Given()

  def steps_per_batch(self, game):
    return 1.0

  def settings(self):
    return {}


class OpenSpielPolicyTest(parameterized.TestCase):

  @parameterized.parameters(
      ("exact", False), ("sampled", False), ("sampled", True),
      ("exact", True))
  def test_has_all_that_psro_v2_asks_for(self, evaluation, symmetric):
    scheme = ppsro.Rectified() if symmetric else ppsro.Sequential()
    solver = trained(PPO, evaluation, scheme)
    rng = np.random.default_rng(0)
    env = rl_environment.Environment("kuhn_poker")
    for player in range(1 if symmetric else 2):
      policy = solver.get_policies()[player][-1]
      if evaluation == "sampled" and len(solver.get_policies()[player]) == 1:
        policy = solver._oracle.policy(  # pylint: disable=protected-access
            player, solver.population.members(player)[-1].snapshot.policy)
      self.assertTrue(policy.is_frozen())
      policy.unfreeze()
      self.assertFalse(policy.is_frozen())
      policy.freeze()
      copy = policy.copy_with_noise()
      self.assertFalse(copy.is_frozen())
      noisy = policy.copy_with_noise(0.1)
      unpickled = pickle.loads(pickle.dumps(policy))
      differs = False
      for state in all_states(env.game):
        if state.current_player() not in policy.player_ids:
          with self.assertRaisesRegex(ValueError, "it was asked to play"):
            policy.action_probabilities(state)
          continue
        expected = policy.action_probabilities(state)
        self.assertAlmostEqual(sum(expected.values()), 1)
        for other in (copy, unpickled):
          self.assertEqual(other.action_probabilities(state), expected)
        found = noisy.action_probabilities(state)
        self.assertAlmostEqual(sum(found.values()), 1)
        differs |= found != expected
      self.assertEqual(differs, bool(policy.get_weights()))
      # It is stepped as an agent is, and plays what it says.
      for _ in range(20):
        time_step = env.reset()
        while not time_step.last():
          mover = time_step.observations["current_player"]
          if mover in policy.player_ids:
            output = policy.step(time_step)
            expected = policy.action_probabilities(env.get_state)
            self.assertGreater(expected[output.action], 0)
            np.testing.assert_allclose(
                [output.probs[action] for action in expected],
                list(expected.values()))
            time_step = env.step([output.action])
          else:
            time_step = env.step([rng.integers(2)])
        self.assertIsNone(policy.step(time_step))


class StorageTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  @parameterized.parameters(
      (EXACT, "auto", ppsro.Sequential()), (EXACT, "auto", ppsro.Rectified()),
      (PPO, "sampled", ppsro.Sequential()),
      (PPO, "sampled", ppsro.NaiveParallel(2)))
  def test_either_kind_of_run_comes_back(self, config, evaluation, scheme):
    solver = trained(config, evaluation, scheme)
    ours = solver.final_policy()
    ppsro.write_policy(self.path, ours)
    theirs = ppsro.read_policy(self.path)
    self.assertIsInstance(
        theirs, openspiel_policy.TabularPolicy if solver.is_exact
        else ppsro.MixturePolicy)
    for state in all_states(ours.game):
      expected = ours.action_probabilities(state)
      found = theirs.action_probabilities(state)
      self.assertEqual(found.keys(), expected.keys())
      for action, probability in expected.items():
        self.assertAlmostEqual(found[action], probability)
    if solver.is_exact:
      self.assertAlmostEqual(exploitability.nash_conv(ours.game, theirs),
                             solver.exploitability().nash_conv)
    else:
      self.assertTrue(np.isfinite(expected_game_score.policy_value(
          ours.game.new_initial_state(), [theirs] * 2)).all())

  def test_games_whose_tables_have_other_keys(self):
    game = "repeated_game(stage_game=matrix_mp(),num_repetitions=2)"
    with ppsro.PipelinedOracle(game, EXACT) as oracle:
      solver = ppsro.PipelinePSROSolver(game, oracle, ppsro.Sequential())
      for _ in range(3):
        solver.round()
    ppsro.write_policy(self.path, solver.final_policy())
    theirs = ppsro.read_policy(self.path)
    for state in all_states(theirs.game):
      self.assertEqual(theirs.action_probabilities(state),
                       solver.final_policy().action_probabilities(state))

  def test_refusals_are_one_line(self):
    for path, message in ((self.path, "there is no policy in"),
                          (self.path / "none.npz", "there is no policy in")):
      with self.assertRaisesRegex(ValueError, message):
        ppsro.read_policy(path)
    (self.path / "final_policy.npz").write_bytes(b"PK\x03\x04 half a file")
    with self.assertRaisesRegex(ValueError, "final_policy.npz is not a "):
      ppsro.read_policy(self.path)
    with self.assertRaisesRegex(ValueError, "takes a policy of all seats"):
      ppsro.write_policy(self.path, trained().get_policies()[0][0])

  def test_a_file_of_0_1_is_read(self):
    pi = ppsro.read_policy(VERSION_0_1 / "enumerated")
    metrics = ppsro.read_metrics(VERSION_0_1 / "enumerated")
    self.assertAlmostEqual(exploitability.nash_conv(pi.game, pi),
                           metrics["nash_conv_frozen"][-1])
    pi = ppsro.read_networks(VERSION_0_1 / "sampled")
    self.assertIsInstance(pi, ppsro.MixturePolicy)
    for state in all_states(pi.game):
      self.assertAlmostEqual(
          sum(pi.action_probabilities(state).values()), 1)

  @parameterized.parameters("enumerated", "sampled")
  def test_a_run_of_0_1_goes_on_to_about_the_same_numbers(self, kind):
    path = VERSION_0_1 / kind
    learner = ppsro.read_config(path)["learner"]
    config = ppsro.PPOConfig(**{
        **learner, "hidden_sizes": tuple(learner["hidden_sizes"]),
        "warm_start": False})
    scheme = (ppsro.Rectified("relu") if kind == "enumerated"
              else ppsro.Pipeline(2))
    with ppsro.PipelinedOracle(
        "kuhn_poker", config, seed=3,
        evaluation="exact" if kind == "enumerated" else "sampled",
        seat_symmetric=scheme.one_population) as oracle:
      solver = ppsro.PipelinePSROSolver(
          "kuhn_poker", oracle, scheme,
          **({} if kind == "enumerated" else {"payoff_episodes": 64}))
      solver.restore(ppsro.read_checkpoint(path)["solver"])
      rows = (path / "metrics_of_14_rounds.csv").read_text().splitlines()
      for row in rows[9:]:
        expected = dict(zip(rows[0].split(","), row.split(",")))
        result = solver.round()
        found = result.metrics(0.0)
        # These two were texts, of all players and of all levels.
        found["policies"] = "/".join(map(str, result.num_policies))
        found["levels"] = " ".join(
            f"{level['player']}/{level['policy']}/{level['steps']}/"
            f"{level['mean_return']}/"
            f"{'settled' if level['settled'] else 'moving'}"
            for level in result.level_rows())
        for column, value in expected.items():
          if "seconds" not in column:
            # Adam rounds in another way than that of 0.1.
            ours, theirs = (re.split(r"([-\d.e]*\d)", text)
                            for text in (str(found[column]), value))
            self.assertEqual(ours[::2], theirs[::2], column)
            np.testing.assert_allclose(
                np.array(ours[1::2], float), np.array(theirs[1::2], float),
                rtol=1e-4, atol=1e-6, err_msg=column)

  def test_metrics_of_0_1_have_the_columns_of_today(self):
    path = VERSION_0_1 / "enumerated"
    text = (path / "metrics.csv").read_text().splitlines()
    last = dict(zip(text[0].split(","), text[-1].split(",")))
    self.assertEqual(ppsro.read_metrics(path)["policies"][-1],
                     sum(map(int, last["policies"].split("/"))))
    levels = ppsro.read_levels(path)
    of_last = [level.split("/") for level in last["levels"].split()]
    self.assertEqual(
        list(zip(*(levels[name][-len(of_last):] for name in (
            "round", "player", "policy", "steps")))),
        [(float(last["round"]), *map(float, level[:3])) for level in of_last])
    self.assertTrue(np.isnan(levels["gain"]).all())
    # A run that goes on writes both files as if it had always done so.
    copy = testing.make_directory(self) / "run"
    shutil.copytree(path, copy)
    directory = ppsro.RunDirectory(copy)
    directory.resume({}, len(text) - 1)
    self.addCleanup(directory.close)
    self.assertEqual(ppsro.read_levels(copy)["steps"], levels["steps"])
    self.assertEqual(
        testing.metrics_without_clocks(ppsro.read_metrics(copy)),
        testing.metrics_without_clocks(ppsro.read_metrics(path)))
    self.assertNotIn("levels", (copy / "metrics.csv").read_text())


  @parameterized.parameters("exact", "sampled")
  def test_default_settings_of_0_1_are_those_of_drawn_batches(self, evaluation):
    config = ppsro.PPOConfig(
        episodes_per_batch=2 ** 20 if evaluation == "exact" else None)
    with ppsro.PipelinedOracle("kuhn_poker", config,
                               evaluation=evaluation) as oracle:
      solver = ppsro.PipelinePSROSolver("kuhn_poker", oracle)
      ours = solver.settings()
      # As version 0.1 wrote them.
      theirs = {**ours, "oracle episodes_per_batch": None,
                "oracle entropy_coefficient": None,
                "plateau count_moving": True}
      for name in ("oracle policy_loss", "oracle temperature",
                   "oracle advantage_clip", "oracle visit_exponent",
                   "plateau relative"):
        del theirs[name]
      self.assertEqual(solver_lib._settings_of_0_1(theirs), ours)
      self.assertEqual(solver_lib._settings_of_0_1(ours), ours)
      now = {**ours, "oracle episodes_per_batch": None}
      self.assertEqual(solver_lib._settings_of_0_1(now), now)


if __name__ == "__main__":
  absltest.main()

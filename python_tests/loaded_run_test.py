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

"""Tests of load: any kind of run, finished or not, and of its bots."""

import pathlib
import shutil

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python.algorithms import evaluate_bots
from open_spiel.python.algorithms import exploitability
import pyspiel
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.runs import final_mixture
from open_spiel_ppsro.runs import run_directory
import testing

PPO = ppsro.PPOConfig(episodes_per_batch=128, hidden_sizes=(8,))
EXACT = ppsro.ExactConfig()
SAMPLED = {"evaluation": "sampled", "exploiter_steps": 0,
           "evaluation_share": 0}
FREEZE = {"plateau": {"min_steps": 300}}
SIMULTANEOUS = "goofspiel(imp_info=True,num_cards=3,points_order=descending)"
# Game, scheme, learner, further arguments.
RUNS = {
    "tables": ("kuhn_poker", "pipeline", PPO, FREEZE),
    "exact": ("leduc_poker", "sequential", EXACT, {}),
    "drawn_seats": ("kuhn_poker", "rectified", PPO, FREEZE),
    "neupl": ("kuhn_poker", ppsro.NeuPL(2), None, {}),
    "never_freezes": ("kuhn_poker", ppsro.DCH(2), EXACT, {}),
    "correlated": ("kuhn_poker(players=3)", "sequential", EXACT,
                   {"meta_strategy": "cce"}),
    "simultaneous": (SIMULTANEOUS, "sequential", EXACT, {}),
    "networks": ("kuhn_poker", "pipeline", PPO, {**FREEZE, **SAMPLED}),
    "networks_drawn_seats": ("kuhn_poker", "rectified", PPO,
                             {**FREEZE, **SAMPLED}),
    "networks_correlated": ("kuhn_poker(players=3)", "sequential", PPO,
                            {**FREEZE, **SAMPLED, "meta_strategy": "cce"}),
}
FINAL = ("result.json", "final_policy.npz", "final_mixture.npz",
         "final_joint.npz", "best_policy.npz")
VERSION_0_1 = pathlib.Path(__file__).parent / "version_0_1"


def play(name, path, rounds=6, then=(), **more):
  """Plays one of RUNS; returns its summary and its solver."""
  game, scheme, config, options = RUNS[name]
  solvers = []
  summary = ppsro.run(
      game, scheme, config, output_dir=path,
      limits=ppsro.Limits(1e6, max_rounds=rounds),
      callbacks=[lambda solver, _: solvers.append(solver), *then], **options,
      **more)
  return summary, solvers[-1]


def unfinished(path):
  """Returns a copy of a run directory as it is before the run has ended."""
  copy = path.with_name(f"{path.name}-unfinished")
  shutil.copytree(path, copy)
  for name in FINAL:
    (copy / name).unlink(missing_ok=True)
  return copy


class LoadedRunTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "run"

  @parameterized.parameters(*RUNS)
  @pytest.mark.slow
  @pytest.mark.sweep(4)
  def test_every_kind_of_run(self, name):
    summary, solver = play(name, self.path)
    run = ppsro.load(self.path, "meta_nash")
    # What it says of itself is what the solver and OpenSpiel say.
    for ours, theirs in zip(run.meta_game, solver.get_meta_game(),
                            strict=True):
      np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(run.meta_strategies, solver.get_meta_strategies(),
                            strict=True):
      np.testing.assert_array_equal(ours, theirs)
    found = run.exploitability()
    if solver.is_exact:
      self.assertAlmostEqual(found.nash_conv, summary.nash_conv, places=12)
      self.assertEqual(found.cce_gap is None, summary.cce_gap is None)
      if summary.cce_gap is not None:
        self.assertAlmostEqual(found.cce_gap, summary.cce_gap, places=12)
    if run.policy.game.num_players() == 2:  # All that OpenSpiel is quick at.
      self.assertAlmostEqual(
          exploitability.nash_conv(run.policy.game, run.policy),
          found.nash_conv, places=9 if solver.is_exact else 6)
    # The policy on disk plays the same.
    tree = run.tree()
    stored = ppsro.read_policy(
        self.path, "meta_nash" if len(solver.answers) > 1 else None)
    for player, table in enumerate(run.tables(tree)):
      plans = [sequence_form.realization_plan(tree, t, player)
               for t in (table, tree.tabulate(stored, player))]
      # Networks answer in single precision, many rows at once or one.
      np.testing.assert_allclose(*plans, atol=1e-9 if solver.is_exact
                                 else 1e-6)
    self.assertEqual(run.result["rounds"], summary.rounds)
    self.assertLen(run.metrics["round"], summary.rounds)
    self.assertEqual(run.config["seed"], 1)
    self.assertEmpty(run.has_not)
    # Before it had ended it knew the same.
    before = ppsro.load(unfinished(self.path), "meta_nash")
    self.assertStartsWith(before.source.name, "checkpoint_")
    self.assertAlmostEqual(before.exploitability().nash_conv, found.nash_conv,
                           places=12)
    for ours, theirs in zip(before.meta_game, run.meta_game, strict=True):
      np.testing.assert_array_equal(ours, theirs)
    self.assertEqual(before.meta_game_indices, run.meta_game_indices)
    self.assertEqual(before.mixture.joint is None, run.mixture.joint is None)
    # Both answer with what the run was told to, or has by default.
    self.assertEqual(run.mixtures, solver.answers)
    # A sampled run may find its second answer as late as at its end.
    self.assertEqual(before.mixtures, solver.answers[:len(before.mixtures)])
    for path in (self.path, before.path):
      answer = ppsro.load(path)
      if before.mixtures == run.mixtures or path == self.path:
        self.assertEqual(answer.name, solver.answer)
      if solver.is_exact:
        self.assertAlmostEqual(
            answer.exploitability().nash_conv,
            solver.exploitability().nash_conv, places=12)

  @parameterized.parameters("exact", "correlated", "networks")
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_members_are_drawn_by_their_probabilities(self, name):
    play(name, self.path)
    run = ppsro.load(self.path)
    mixture = run.mixture
    rng = np.random.default_rng(3)
    draws = [tuple(mixture.draw(rng)) for _ in range(2000)]
    for player, weights in enumerate(mixture.probabilities):
      counts = np.bincount([drawn[player] for drawn in draws],
                           minlength=len(weights))
      np.testing.assert_allclose(counts / len(draws), weights, atol=0.05)
    if mixture.joint is not None:  # Profiles that are not played never come.
      self.assertTrue(all(mixture.joint[drawn] > 0 for drawn in draws))
    drawn = run.sample(rng)
    state = run.policy.game.new_initial_state()
    while state.is_chance_node():
      state.apply_action(state.legal_actions()[0])
    player = state.current_player()
    self.assertEqual(drawn.action_probabilities(state),
                     drawn.policies[player].action_probabilities(state))
    self.assertEqual(drawn.indices[player],
                     mixture.indices[player][drawn.positions[player]])

  @parameterized.parameters("exact", "networks_drawn_seats", "correlated",
                            "simultaneous")
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_bots_earn_what_the_mixture_does(self, name):
    play(name, self.path)
    run = ppsro.load(self.path)
    rng = np.random.default_rng(5)
    game = run.policy.game
    bots = [run.bot(player, rng) for player in range(game.num_players())]
    returns = np.array([evaluate_bots.evaluate_bots(
        game.new_initial_state(), bots, rng) for _ in range(2000)])
    tree = run.tree()
    expected = sequence_form.expected_returns(
        tree, sequence_form.as_plans(tree, run.tables(tree)))
    error = returns.std(axis=0) / len(returns) ** 0.5 + 1e-9
    np.testing.assert_array_less(np.abs(returns.mean(axis=0) - expected),
                                 5 * error)

  def test_a_bot_draws_in_every_episode_and_in_the_middle_of_one(self):
    play("exact", self.path, rounds=12)
    run = ppsro.load(self.path)
    bot = run.bot(0, np.random.default_rng(0))
    self.assertTrue(bot.provides_policy())
    self.assertEqual(bot.player_id(), 0)
    seen = set()
    for _ in range(200):
      bot.restart()
      seen.add(bot.index)
    self.assertContainsSubset(seen, run.mixture.indices[0])
    self.assertGreater(len(seen), 1)
    # In the middle of a game only those come that may have played so far.
    state = run.policy.game.new_initial_state()
    for action in (0, 1, 2):  # Two cards, and a raise.
      state.apply_action(action)
    state.apply_action(state.legal_actions()[-1])
    weights = run.mixture.reached_by(state, 0, bot._policies)
    tree = run.tree()
    plans = run.mixture.plans(tree)[0]
    row = tree.infostates[0].rows[state.information_state_string(0)] if (
        state.current_player() == 0) else None
    self.assertIsNotNone(row)
    reach = run.mixture.probabilities[0] * plans[
        :, tree.infostates[0].parent_sequences[row]]
    if reach.sum() > 0:
      np.testing.assert_allclose(weights, reach / reach.sum(), atol=1e-12)
    for _ in range(50):
      bot.restart_at(state)
      self.assertGreater(weights[bot.position], 0)
    policy, action = bot.step_with_policy(state)
    self.assertGreater(dict(policy)[action], 0)
    with self.assertRaisesRegex(ValueError, "the bot plays leduc_poker"):
      bot.restart_at(pyspiel.load_game("kuhn_poker").new_initial_state())
    with self.assertRaisesRegex(ValueError, "player is 2; the game has"):
      run.bot(2)

  @parameterized.parameters("enumerated", "sampled")
  def test_a_run_of_version_0_1(self, name):
    shutil.copytree(VERSION_0_1 / name, self.path)
    run = ppsro.load(self.path)
    stored = ppsro.read_policy(self.path)
    # Networks answer in float32, together there and one by one here.
    places = 9 if name == "enumerated" else 6
    self.assertAlmostEqual(
        run.exploitability().nash_conv,
        exploitability.nash_conv(stored.game, stored), places=places)
    self.assertLen(run.meta_game, 2)
    self.assertLen(run.sample().policies, 2)
    self.assertLen(run.metrics["round"], 8)
    # Without its checkpoint there is less, and it says so in one line.
    next(self.path.glob("checkpoint_*")).unlink()
    run = ppsro.load(self.path)
    self.assertLen(run.has_not, 1)
    self.assertNotIn("\n", run.has_not[0])
    self.assertAlmostEqual(
        run.exploitability().nash_conv,
        exploitability.nash_conv(stored.game, stored), places=places)
    with self.assertRaisesRegex(ValueError, "final_mixture.npz is missing"):
      run.meta_game  # pylint: disable=pointless-statement
    if name == "enumerated":
      with self.assertRaisesRegex(ValueError, "does not tell the members"):
        run.sample()
    else:
      self.assertLen(run.sample().policies, 2)

  def test_what_is_not_there_is_one_line(self):
    with self.assertRaisesRegex(ValueError, "there is no run in"):
      ppsro.load(self.path)
    play("never_freezes", self.path, rounds=2)
    with self.assertRaisesRegex(
        ValueError, "there is no mixture 'best' in .*; there is meta_nash, "):
      ppsro.load(self.path, "best")
    copy = unfinished(self.path)
    for checkpoint in copy.glob("checkpoint_*"):
      checkpoint.unlink()
    with self.assertRaisesRegex(ValueError, "there is no policy in"):
      ppsro.load(copy)
    (self.path / "final_mixture.npz").write_bytes(b"torn")
    with self.assertRaisesRegex(ValueError, "is not a checkpoint"):
      ppsro.load(self.path)

  @pytest.mark.slow
  def test_two_answers_have_members_of_their_own(self):
    summary, solver = play("tables", self.path, rounds=8)
    self.assertEqual(summary.answer, "least_exploitable")
    runs = {name: ppsro.load(self.path, name) for name in solver.answers}
    for name, run in runs.items():
      for player, mixture in enumerate(solver.final_mixtures(name)):
        self.assertEqual(
            list(run.mixture.indices[player]),
            [snapshot.policy_id.index for snapshot in mixture.snapshots])
        np.testing.assert_array_equal(run.mixture.probabilities[player],
                                      mixture.probabilities)
      for ours, theirs in zip(run.tables(run.tree()),
                              solver.final_tables(name)):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    self.assertLessEqual(
        runs["least_exploitable"].exploitability().nash_conv,
        runs["meta_nash"].exploitability().nash_conv + 1e-12)
    # Without the file of members both policies are still there.
    (self.path / "final_mixture.npz").unlink()
    for checkpoint in self.path.glob("checkpoint_*"):
      checkpoint.unlink()
    for name, run in runs.items():
      policy_alone = ppsro.load(self.path, name)
      self.assertEqual(policy_alone.source.name, "final_policy.npz")
      self.assertAlmostEqual(policy_alone.exploitability().nash_conv,
                             run.exploitability().nash_conv, places=12)

  @parameterized.parameters("networks", "networks_drawn_seats")
  @pytest.mark.slow
  def test_the_certain_mixture_draws_as_it_likes(self, name):
    # Level 0 is a policy that draws one of the snapshots of self-play.
    seats, of_policies = [], []

    def certify(solver, result):
      if result.round < 6:
        return
      rng = np.random.default_rng(1)
      told = []
      for members, owners, shares in solver.parts():
        self.assertGreater(list(owners).count(0), 2)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        weights = rng.dirichlet(np.ones(len(members)))
        weights[[1, -1]] = 0.0
        weights /= weights.sum()
        seats.append((members, weights))
        of_policies.append([weights[owners == k].sum()
                            for k in range(len(shares))])
        told.append(weights[:-1])  # As if the newest had frozen since.
      solver.certify(told)

    _, solver = play(name, self.path, self_play_share=0.95, then=[certify])
    game = solver.played_game
    np.testing.assert_allclose(np.concatenate(
        solver.final_strategy("least_exploitable").probabilities),
                               np.concatenate(of_policies))
    expected = ppsro.exploitability_interval(
        game, [seats[role] for role in game.roles], seconds=None)
    path = self.path / "found.npz"
    final_mixture.write(path, final_mixture.of_solver(solver))
    checkpoint = run_directory.read_checkpoint(
        sorted(self.path.glob("checkpoint_*"))[-1])
    for found in (final_mixture.read(path),
                  final_mixture.of_checkpoint(checkpoint)):
      mixture = found.mixture("least_exploitable", found.open_game())
      for policy in (mixture.policy(), solver.final_policy()):
        measured = ppsro.exploitability_interval(game, policy, seconds=None)
        self.assertAlmostEqual(measured.high, expected.high, places=6)
      for ours, role in zip(
          found.meta_strategies("least_exploitable"), game.roles):
        np.testing.assert_allclose(ours, of_policies[role])
    # A run that goes on knows it, too.
    _, later = play(name, self.path, 7, resume=True, self_play_share=0.95)
    for ours, (_, weights) in zip(later.certified, seats):
      np.testing.assert_array_equal(ours[:len(weights)], weights)
      self.assertEqual(ours[len(weights):].sum(), 0)

  def test_a_game_that_no_string_tells(self):
    matrix = ppsro.from_payoffs(ppsro.random_symmetric(5, 1))
    ppsro.run(matrix, "sequential", EXACT, output_dir=self.path,
              limits=ppsro.Limits(1e6, max_rounds=4))
    run = ppsro.load(self.path, game=matrix)
    self.assertAlmostEqual(run.exploitability().exploitability,
                           run.result["exploitability_least"], places=12)


if __name__ == "__main__":
  absltest.main()

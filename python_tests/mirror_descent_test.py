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

"""Tests of the mirror-descent step, and of the defaults that choose it."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import population
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import mirror_descent

UNIFORM = np.log([[0.5, 0.5, 1e-30]])
ILLEGAL = np.array([[False, False, True]])


def tensor(array):
  return torch.tensor(np.asarray(array), dtype=torch.float32)


def targets(advantage, log_probs=UNIFORM, share=None, clip=3.0):
  return mirror_descent.targets(
      tensor(log_probs), torch.tensor(ILLEGAL), tensor([advantage]),
      None if share is None else tensor([share]), clip).numpy()[0]


class TargetsTest(parameterized.TestCase):

  @parameterized.parameters(
      # advantages, probabilities before, share of samples, odds after
      ([0, 0, 0], [.5, .5], None, 1),
      ([1, 0, 0], [.5, .5], None, np.e),
      ([1, -1, 0], [.5, .5], None, np.e ** 2),
      ([9, 0, 0], [.5, .5], None, np.e ** 3),  # Steps are cut at 3.
      ([1, 0, 0], [.2, .8], None, np.e / 4),
      # An action that was taken half as often as expected moves half as far.
      ([1, 0, 0], [.5, .5], [.25, .75, 0], np.e ** .5),
      ([9, 0, 5], [.5, .5], [1, 0, 0], np.e ** 3),
  )
  def test_odds(self, advantage, before, share, odds):
    after = targets(advantage, np.log([[*before, 1e-30]]), share)
    self.assertAlmostEqual(after[0] / after[1], odds, places=4)
    self.assertEqual(after[2], 0)
    self.assertAlmostEqual(after.sum(), 1, places=6)

  def test_the_gradient_is_that_of_the_cross_entropy(self):
    rng = np.random.default_rng(0)
    illegal = torch.tensor(rng.random((5, 4)) < 0.3)
    illegal[:, 0] = False
    target = tensor(rng.random((5, 4))) * ~illegal
    target /= target.sum(dim=1, keepdim=True)
    logits = tensor(rng.normal(size=(5, 4))).requires_grad_()
    samples = mirror_descent.MirrorSamples(
        observations=torch.zeros(5, 1), illegal=illegal, target=target,
        weight=tensor(mirror_descent.observation_weights(
            rng.random(5), 0.3)), visit_weight=torch.ones(5) / 5,
        value_target=torch.zeros(5))
    log_probs = logits.masked_fill(illegal, -1e4).log_softmax(dim=1)
    (-(target * log_probs).sum(dim=1) * samples.weight).sum().backward()
    np.testing.assert_allclose(
        mirror_descent.logit_gradient(logits.detach(), samples), logits.grad,
        atol=1e-6)
    # The same with a value, by autograd.
    samples = samples._replace(value_target=tensor(rng.normal(size=5)))
    value = tensor(rng.normal(size=(5, 1))).requires_grad_()
    (0.5 * samples.visit_weight
     * (value[:, 0] - samples.value_target) ** 2).sum().backward()
    np.testing.assert_allclose(
        mirror_descent.output_gradient(
            torch.cat([logits, value], dim=1).detach(),
            mirror_descent.with_value(samples, 0.5)),
        torch.cat([logits.grad, value.grad], dim=1), atol=1e-6)

  @parameterized.parameters(0.0, 0.3, 1.0)
  def test_weights_of_observations(self, exponent):
    visits = np.array([1e-12, 3.0, 60.0])
    weights = mirror_descent.observation_weights(visits, exponent)
    self.assertAlmostEqual(weights.sum(), 1)
    np.testing.assert_allclose(weights[1:] / weights[:-1],
                               (visits[1:] / visits[:-1]) ** exponent)


class NearEquilibriumTest(absltest.TestCase):

  @pytest.mark.slow
  def test_it_finds_the_gain_that_is_left(self):
    # Double oracle on Leduc poker after 60 exact responses of each player.
    game = ppsro.open_game("leduc_poker")
    with ppsro.PipelinedOracle(game, ppsro.ExactConfig()) as oracle:
      solver = ppsro.PipelinePSROSolver(game, oracle, ppsro.Sequential())
      for _ in range(60):
        solver.round()
      tables = solver.final_tables()
    opponents = [population.Mixture((population.Snapshot(
        population.PolicyId(player, 0), 0, table),), np.ones(1))
                 for player, table in enumerate(tables)]
    plans = sequence_form.as_plans(game, tables)
    best = sequence_form.best_response_value(game, plans, 0)
    start = sequence_form.expected_returns(game, plans)[0]
    shares = {}
    for loss in ("mirror", "clipped"):
      config = ppsro.PPOConfig(policy_loss=loss)
      learner = config.make_learner(game, 0, np.random.SeedSequence(0))
      report = learner.train(opponents, 16 * config.steps_per_batch(game), True)
      played = [sequence_form.realization_plan(game, report.policy.table, 0),
                plans[1]]
      shares[loss] = (sequence_form.expected_returns(game, played)[0]
                      - start) / (best - start)
    self.assertLess(0.01, best - start)
    self.assertBetween(shares["mirror"], 0.9, 1 + 1e-9)
    self.assertLess(shares["clipped"], shares["mirror"])


class DefaultsTest(parameterized.TestCase):

  @parameterized.parameters(
      (ppsro.PPOConfig(), "sampled", True),
      (ppsro.PPOConfig(), "exact", None),
      (ppsro.PPOConfig(policy_loss="mirror"), "sampled", None),
      (ppsro.PPOConfig(warm_start=False), "sampled", False))
  def test_copies_after_a_strong_start(self, config, evaluation, expected):
    game = ppsro.open_game("kuhn_poker", evaluation=evaluation)
    found = game_defaults.of_strong_start(config, game)
    self.assertEqual(found, dataclasses.replace(config, warm_start=expected))
    other = ppsro.DQNConfig()
    self.assertIs(game_defaults.of_strong_start(other, game), other)

  @parameterized.parameters(
      # configuration, evaluation, fields that it comes to
      (ppsro.PPOConfig(), "exact", dict(
          policy_loss="mirror", imitation_steps=0, entropy_coefficient=0.0,
          warm_start=False, epochs=16)),
      (ppsro.PPOConfig(episodes_per_batch=64), "exact", dict(
          policy_loss="clipped", imitation_steps=25, temperature=1.0,
          entropy_coefficient=0.0)),
      (ppsro.PPOConfig(minibatch_rows=2), "exact", dict(epochs=6)),
      (ppsro.PPOConfig(), "sampled", dict(
          hidden_sizes=(64, 64), minibatch_rows=4096,
          policy_loss="clipped", epochs=8, learning_rate=2e-2,
          learning_rate_decay=0.9, random_opponent_share=0.02,
          imitation_steps=25, value_coefficient=0.5, temperature=1.0,
          warm_start=False, entropy_coefficient=0.02)),
      (ppsro.PPOConfig(policy_loss="mirror"), "sampled", dict(
          policy_loss="mirror", entropy_coefficient=0.0)),
      (ppsro.PPOConfig(policy_loss="clipped", epochs=3), "exact", dict(
          policy_loss="clipped", epochs=3, temperature=1.0)),
      (ppsro.DQNConfig(), "sampled", dict(
          replay_batches=8, updates_per_batch=8, minibatch_rows=2 ** 40,
          learning_rate=1e-2,
          learning_rate_decay=0.95, target_rate=0.05, final_epsilon=0.05,
          epsilon_decay=0.95, visit_exponent=1.0, random_opponent_share=0.05)),
      (ppsro.DQNConfig(learning_rate=0.5), "exact", dict(
          replay_batches=1, minibatch_rows=1536, learning_rate=0.5)),
      (ppsro.NeuPLConfig(), "sampled", dict(
          policy_loss="clipped", epochs=4, anchor_coefficient=3.0,
          random_opponent_share=0.02)),
      (ppsro.NeuPLConfig(), "exact", dict(policy_loss="mirror")),
      (ppsro.ExactConfig(), "exact", dict(tie_break="perturbed")),
  )
  def test_of_game(self, config, evaluation, expected):
    game = ppsro.open_game("kuhn_poker", evaluation=evaluation)
    found = config.for_game(game)
    for name, value in expected.items():
      self.assertEqual(getattr(found, name), value, name)
    self.assertEqual(found.for_game(game), found)
    self.assertNotIn(None, {
        name: value for name, value in found.settings().items()
        if name != "episodes_per_batch"}.values())


if __name__ == "__main__":
  absltest.main()

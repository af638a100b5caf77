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

"""Tests for networks of every architecture, and for one's own."""

import copy
import dataclasses
import pickle

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import torch

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.oracles import dqn
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.policies import networks


def small(num_features, num_outputs):
  """Makes a network of one's own."""
  return torch.nn.Sequential(
      torch.nn.Linear(num_features, 7), torch.nn.LayerNorm(7), torch.nn.Tanh(),
      torch.nn.Dropout(0.5), torch.nn.Linear(7, num_outputs))


def with_buffers(num_features, num_outputs):
  return torch.nn.Sequential(torch.nn.BatchNorm1d(num_features),
                             torch.nn.Linear(num_features, num_outputs))


def no_module(num_features, num_outputs):
  return num_features, num_outputs


def of_other_width(num_features, num_outputs):
  return torch.nn.Linear(num_features, num_outputs + 1)


def of_other_input(num_features, num_outputs):
  return torch.nn.Linear(num_features + 1, num_outputs)


def of_doubles(num_features, num_outputs):
  return torch.nn.Linear(num_features, num_outputs).double()


ARCHITECTURES = ("mlp", "resnet", "conv(2,3)", "conv(1,2,2)",
                 f"{__name__}:small")


class NetworkTest(parameterized.TestCase):

  @parameterized.parameters(*ARCHITECTURES)
  @pytest.mark.slow
  def test_gradient_and_adam_are_torchs(self, name):
    sizes = (6, 16, 8, 4)
    network = networks.Network(sizes, torch.Generator().manual_seed(0), "cpu",
                               name=name)
    reference = copy.deepcopy(network.module)
    ours = optimiser.Adam(network.parameters)
    theirs = torch.optim.Adam(reference.parameters(), lr=0.01)
    inputs = torch.rand(7, sizes[0], generator=torch.Generator().manual_seed(1))
    for _ in range(20):
      output, expected = network.module(inputs), reference(inputs)
      torch.testing.assert_close(output, expected)
      torch.testing.assert_close(network(inputs), output.detach(),
                                 rtol=0, atol=0)
      theirs.zero_grad()
      (expected ** 3).sum().backward()
      gradient = network.backward(output, 3 * output.detach() ** 2)
      torch.testing.assert_close(gradient, torch.cat(
          [p.grad.flatten() for p in reference.parameters()]),
                                 rtol=1e-4, atol=1e-4)
      ours.step(gradient, 0.01)
      theirs.step()
    torch.testing.assert_close(network.parameters, torch.cat(
        [p.detach().flatten() for p in reference.parameters()]),
                               rtol=1e-3, atol=1e-4)

  @parameterized.parameters(*ARCHITECTURES)
  def test_a_policy_is_rebuilt_by_its_name(self, name):
    network = networks.Network(
        (8, 16, 8, 4), networks.generator(np.random.SeedSequence(0)), "cpu",
        name=name)
    policy = networks.NetworkPolicy(
        network.sizes, networks.as_array(network.parameters), 3, 0.5,
        np.ones(2, np.float32), name)
    inputs = np.random.default_rng(0).random((5, 6), np.float32)
    mask = np.ones((5, 3), bool)
    expected = torch.softmax(2 * network(torch.cat(
        [torch.tensor(inputs), torch.ones(5, 2)], dim=1))[:, :3].double(), 1)
    for other in (policy, pickle.loads(pickle.dumps(policy)),
                  networks.NetworkPolicy.from_data(policy.to_data())):
      np.testing.assert_allclose(other(inputs, mask), expected, atol=1e-6)

  def test_the_mlp_is_as_it_was(self):
    # What files hold: weight and bias of each layer; drawn as ever.
    network = networks.Network((3, 4, 2), torch.Generator().manual_seed(5),
                               "cpu", last_gain=0.1)
    generator = torch.Generator().manual_seed(5)
    parts = []
    for wide, narrow, gain in ((3, 4, 2 ** 0.5), (4, 2, 0.1)):
      weight = torch.empty(narrow, wide)
      torch.nn.init.orthogonal_(weight, gain, generator)
      parts += [weight.flatten(), torch.zeros(narrow)]
    torch.testing.assert_close(network.parameters, torch.cat(parts),
                               rtol=0, atol=0)
    self.assertEqual(networks.NetworkPolicy.from_data({
        "sizes": [3, 4, 2], "parameters": np.zeros(26, np.float32),
        "num_actions": 2, "temperature": 1.0, "context": None}).network, "mlp")

  @parameterized.parameters(
      (small, f"{__name__}:small"), ("mlp", "mlp"), ("conv", "conv"),
      (torch.nn.Linear, "torch.nn.modules.linear:Linear"))
  def test_names(self, network, name):
    for config in (ppo.PPOConfig, dqn.DQNConfig, neupl.NeuPLConfig,
                   self_play.SelfPlayConfig):
      self.assertEqual(config(network=network).network, name)

  @parameterized.parameters(
      (lambda: ppo.PPOConfig(network="mpl"), "unknown network 'mpl'; use mlp"),
      (lambda: ppo.PPOConfig(network=lambda f, o: torch.nn.Linear(f, o)),
       "cannot be found by a name"),
      (lambda: ppo.PPOConfig(network=5), "cannot be found by a name"),
      (lambda: dqn.DQNConfig(network="nowhere:net"),
       "'nowhere:net': cannot import 'nowhere': .*No module"),
      (lambda: dqn.DQNConfig(network=f"{__name__}:net"), "no such function"),
      (lambda: check(with_buffers), "has a buffer, 0.running_mean"),
      (lambda: check(no_module), "makes a tuple; it takes to make a torch"),
      (lambda: check(of_other_width),
       r"takes \[2, 11\] to \[2, 4\]; it takes to return \[2, 3\]"),
      (lambda: check(of_other_input), r"fails on an input of \[2, 11\]"),
      (lambda: check(of_doubles), "all of float32"),
      (lambda: check(torch.nn.ReLU), "cannot be made for 11 features"),
      (lambda: check("conv"), r"tensor of kuhn_poker\(\) has the shape \[11\]"),
      (lambda: check("conv(3,6,7)"), "has 126 features, the observation has "
       "only 11"))
  def test_refusals(self, make, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      make()
    self.assertNotIn("\n", str(caught.exception))

  def test_seed_decides_the_weights(self):
    def make(seed):
      return networks.Network(
          (4, 6, 2), networks.generator(np.random.SeedSequence(seed)),
          "cpu").parameters

    torch.testing.assert_close(make(1), make(1), rtol=0, atol=0)
    self.assertFalse(torch.equal(make(1), make(2)))


def check(network):
  """Checks a network as a run does before it begins."""
  ppo.PPOConfig(network=network).check_game(TREE)


TREE = game_tree.enumerate_game("kuhn_poker")


class NetworkStackTest(parameterized.TestCase):

  @parameterized.product(
      counts=((3, 1, 0, 5), (0, 0, 2, 0), (1, 1, 1, 1)),
      context_size=(0, 3), temperature=(1.0, 0.3),
      name=("mlp", "conv(2,2)", f"{__name__}:small"))
  def test_answers_as_the_networks_do(self, counts, context_size, temperature,
                                      name):
    rng = np.random.default_rng(0)
    policies = []
    for seed in range(len(counts)):
      network = networks.Network(
          (6 + context_size, 16, 8, 5),
          networks.generator(np.random.SeedSequence(seed)), "cpu", name=name)
      policies.append(networks.NetworkPolicy(
          network.sizes, network.parameters.numpy(), 4, temperature,
          rng.random(3, np.float32) if context_size else None, name))
    self.assertLen({policy.stack_key for policy in policies}, 1)
    counts = np.array(counts)
    chosen, counts = np.flatnonzero(counts), counts[counts > 0]
    observations = rng.random((counts.sum(), 6), np.float32)
    mask = rng.random((counts.sum(), 4)) < 0.7
    mask[:, 2] = True
    expected = np.concatenate([
        policies[index](*rows) for index, *rows in zip(
            chosen, np.split(observations, counts.cumsum()[:-1]),
            np.split(mask, counts.cumsum()[:-1]))])
    found = policies[0].stack(policies)(chosen, counts, observations, mask)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(found[~mask], 0)

  def test_kinds(self):
    policy = networks.NetworkPolicy((2, 3), np.zeros(9, np.float32), 3)
    self.assertIsNotNone(policy.stack_key)
    for other in (dataclasses.replace(policy, temperature=0.5),
                  dataclasses.replace(policy, temperature=0),
                  dataclasses.replace(policy, num_actions=2),
                  dataclasses.replace(policy, network="resnet"),
                  dataclasses.replace(policy, context=np.zeros(1))):
      self.assertNotEqual(policy.stack_key, other.stack_key)
    self.assertIsNone(dataclasses.replace(policy, temperature=0).stack_key)


class PPOLossTest(parameterized.TestCase):

  @parameterized.product(entropy=(0.0, 0.1), seed=(0, 1))
  def test_gradient_is_autograds(self, entropy, seed):
    config = ppo.PPOConfig(entropy_coefficient=entropy, value_coefficient=0.5)
    g = torch.Generator().manual_seed(seed)
    rows, actions = 6, 3
    illegal = torch.zeros(rows, actions, dtype=torch.bool)
    illegal[0, 2] = illegal[3, 0] = True
    count = torch.randint(0, 5, (rows, actions), generator=g).float()
    count[illegal] = 0
    count[5] = 0  # An observation that was never made.
    old = networks.masked_log_softmax(
        torch.randn(rows, actions, generator=g), illegal)
    samples = ppo.Samples(
        observations=None, illegal=illegal, taken=(count > 0).float(),
        weight=count / count.sum(),
        advantage=torch.randn(rows, actions, generator=g) * (count > 0),
        old_log_probs=old, visit_weight=count.sum(1) / count.sum(),
        value_target=torch.randn(rows, generator=g))
    output = (0.5 * torch.randn(rows, actions + 1, generator=g)
             ).requires_grad_()
    # The loss, written out.
    log_probs = torch.log_softmax(
        output[:, :-1].masked_fill(illegal, -1e4), dim=1)
    ratio = torch.where(count > 0, (log_probs - old), 0.0).exp()
    surrogate = torch.minimum(
        ratio * samples.advantage,
        ratio.clamp(1 - config.clip, 1 + config.clip) * samples.advantage)
    loss = (-(samples.weight * surrogate).sum()
            + config.value_coefficient * (
                samples.visit_weight
                * (output[:, -1] - samples.value_target) ** 2).sum()
            + entropy * (samples.visit_weight[:, None] * log_probs.exp()
                         * log_probs).sum())
    loss.backward()
    torch.testing.assert_close(
        ppo.loss_gradient(output.detach(), samples, config), output.grad,
        rtol=1e-4, atol=1e-6)

  def test_no_probability_for_illegal_actions(self):
    illegal = torch.tensor([[False, True, False]])
    probabilities = networks.masked_log_softmax(
        torch.tensor([[0.0, 50.0, 0.0]]), illegal).exp()
    torch.testing.assert_close(probabilities,
                               torch.tensor([[0.5, 0.0, 0.5]]))


if __name__ == "__main__":
  absltest.main()

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

"""Tests for networks, against torch's autograd and optimisers."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import torch

from open_spiel_ppsro.oracles import optimiser
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.policies import networks


def twin(network, sizes):
  """Returns an `nn.Sequential` with the weights of an `MLP`."""
  layers, vector, start = [], network.parameters, 0
  for wide, narrow in zip(sizes[:-1], sizes[1:]):
    linear = torch.nn.Linear(wide, narrow)
    with torch.no_grad():
      linear.weight.copy_(vector[start:start + wide * narrow].view(
          narrow, wide))
      start += wide * narrow
      linear.bias.copy_(vector[start:start + narrow])
      start += narrow
    layers += [linear, torch.nn.ReLU()]
  return torch.nn.Sequential(*layers[:-1])


def flat_gradient(module):
  return torch.cat([p.grad.flatten() for p in module.parameters()])


class MLPTest(parameterized.TestCase):

  @parameterized.parameters(((5, 3),), ((5, 8, 3),), ((5, 16, 8, 4),))
  def test_output_gradient_and_adam(self, sizes):
    network = networks.Network(sizes, torch.Generator().manual_seed(0), "cpu")
    reference = twin(network, sizes)
    ours = optimiser.Adam(network.parameters)
    theirs = torch.optim.Adam(reference.parameters(), lr=0.01)
    inputs = torch.rand(7, sizes[0], generator=torch.Generator().manual_seed(1))
    for _ in range(20):
      activations = network.activations(inputs)
      output = reference(inputs)
      torch.testing.assert_close(activations[-1], output)
      theirs.zero_grad()
      (output ** 3).sum().backward()
      gradient = network.gradient(activations, 3 * activations[-1] ** 2)
      torch.testing.assert_close(gradient, flat_gradient(reference),
                                 rtol=1e-4, atol=1e-4)
      ours.step(gradient, 0.01)
      theirs.step()

  def test_seed_decides_the_weights(self):
    make = lambda seed: networks.Network(
        (4, 6, 2), networks.generator(np.random.SeedSequence(seed)),
        "cpu").parameters
    torch.testing.assert_close(make(1), make(1), rtol=0, atol=0)
    self.assertFalse(torch.equal(make(1), make(2)))


class NetworkStackTest(parameterized.TestCase):

  @parameterized.product(
      counts=((3, 1, 0, 5), (0, 0, 2, 0), (1, 1, 1, 1)),
      context_size=(0, 3), temperature=(1.0, 0.3))
  def test_answers_as_the_networks_do(self, counts, context_size, temperature):
    rng = np.random.default_rng(0)
    policies = []
    for seed in range(len(counts)):
      network = networks.Network(
          (6 + context_size, 16, 8, 5),
          networks.generator(np.random.SeedSequence(seed)), "cpu")
      policies.append(networks.NetworkPolicy(
          network.sizes, network.parameters.numpy(), 4, temperature,
          rng.random(3, np.float32) if context_size else None))
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

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

"""The mirror-descent policy step: a better policy, and the way to fit it.

A batch gives each observation a target, the old policy times the exponential of
the advantages, and the network is fitted to the targets by cross-entropy. The
logit of an action thus moves by its advantage. The gradient of PPO's surrogate
is that times the probability of the action and the reach of the observation: it
gives up rare actions before it has learned what they are worth, and close to an
equilibrium, where gains are small and rare, it finds little of them. What the
targets need in return is advantages with little noise.

Sources: Tomar et al. 2020, "Mirror Descent Policy Optimization"; the clipped
advantages are those of CMPO, Hessel et al. 2021, "Muesli: Combining
Improvements in Policy Optimization", section 4; moving logits by advantages is
Neural Replicator Dynamics, Hennes et al. 2020.
"""

from typing import NamedTuple

import numpy as np
import torch

from open_spiel_ppsro.policies import networks

# The least probability of the old policy by which the share of an action is
# divided. A larger one shortens the steps of actions that are hardly played.
_LEAST_PROBABILITY = 1e-6


class MirrorSamples(NamedTuple):
  """The inputs of a gradient step, per distinct observation, as tensors.

  Attributes:
    observations: `[U, D]`, the observations.
    illegal: bool `[U, A]`, true where an action is not legal.
    target: `[U, A]`, the action probabilities to fit.
    weight: `[U]`, the weight of each observation; sums to 1.
    visit_weight: `[U]`, the share of each observation among all visits.
    value_target: `[U]`, the mean returns in units of the return scale.
  """
  observations: torch.Tensor
  illegal: torch.Tensor
  target: torch.Tensor
  weight: torch.Tensor
  visit_weight: torch.Tensor
  value_target: torch.Tensor


def targets(log_probs: torch.Tensor, illegal: torch.Tensor,
            advantage: torch.Tensor, taken_share: torch.Tensor | None,
            advantage_clip: float) -> torch.Tensor:
  """Returns `[U, A]`, the old policy after a mirror-descent step.

  Args:
    log_probs: `[U, A]`, the log probabilities of the policy that played.
    illegal: bool `[U, A]`, true where an action is not legal.
    advantage: `[U, A]`, the normalised advantage of each action, 0 where it was
      not taken.
    taken_share: `[U, A]`, the share of each action among the samples of its
      observation. Divided by the probability of the action it makes the step
      of a few samples right in the mean. None where shares are probabilities.
    advantage_clip: the bound of a step, in normalised advantages.
  """
  step = advantage
  if taken_share is not None:
    step = advantage * taken_share / networks.exponential(
        log_probs, illegal).clamp(min=_LEAST_PROBABILITY)
  return networks.masked_softmax(
      log_probs + step.clamp(-advantage_clip, advantage_clip), illegal)


def observation_weights(visits: np.ndarray, exponent: float) -> np.ndarray:
  """Returns `[U]`, visits to the power of an exponent, of sum 1.

  Args:
    visits: `[U]`, the visits of each observation, all above 0.
    exponent: 1 weighs observations by visits, 0 weighs all the same.
  """
  weights = (visits / visits.sum()) ** exponent
  return weights / weights.sum()


class ValueSamples(NamedTuple):
  """`MirrorSamples` of a network whose last output is the value.

  The gradient by the output is then a softmax and three products, see
  `output_gradient`; every operation counts where networks are small.

  Attributes:
    observations: `[U, D]`, the observations.
    penalty: `[U, A + 1]`, very low where the output is no legal action.
    weight: `[U, 1]`, the weight of each observation in the policy's loss.
    slope: `[U, A + 1]`, the second derivative of the value's loss; 0 of logits.
    pull: `[U, A + 1]`, the targets by their weights.
  """
  observations: torch.Tensor
  penalty: torch.Tensor
  weight: torch.Tensor
  slope: torch.Tensor
  pull: torch.Tensor


def with_value(samples: MirrorSamples,
               value_coefficient: float) -> ValueSamples:
  """Returns the `ValueSamples` of a policy and of a value.

  Args:
    samples: of the policy, and the targets of the value.
    value_coefficient: the weight of the squared error of the value.
  """
  num_actions = samples.target.shape[1]
  weight = samples.weight[:, None]
  slope = samples.target.new_zeros(len(weight), num_actions + 1)
  slope[:, -1] = 2 * value_coefficient * samples.visit_weight
  penalty = torch.full_like(slope, networks.ILLEGAL_LOGIT)
  penalty[:, :-1] *= samples.illegal
  return ValueSamples(
      observations=samples.observations, penalty=penalty, weight=weight,
      slope=slope, pull=torch.cat(
          [weight * samples.target,
           (slope[:, -1] * samples.value_target)[:, None]], dim=1))


def output_gradient(output: torch.Tensor,
                    samples: ValueSamples) -> torch.Tensor:
  """Returns `[U, A + 1]`, the gradient by logits and value.

  The loss is the cross-entropy to the targets, plus `value_coefficient` times
  the squared error of the value.

  Args:
    output: `[U, A + 1]`, the logits of the policy, and the value.
    samples: the `ValueSamples` of these observations.
  """
  probabilities = torch.softmax(output + samples.penalty, dim=1)
  return probabilities.mul_(samples.weight).addcmul_(
      output, samples.slope).sub_(samples.pull)


def logit_gradient(logits: torch.Tensor,
                   samples: MirrorSamples) -> torch.Tensor:
  """Returns `[U, A]`, the gradient of the cross-entropy to the targets.

  Args:
    logits: `[U, A]`, the logits of the policy.
    samples: the `MirrorSamples` of these observations.
  """
  probabilities = networks.masked_softmax(logits, samples.illegal)
  return samples.weight[:, None] * (probabilities - samples.target)

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

"""Networks: a masked multi-layer perceptron and how the learners train it."""

import numpy as np
import torch
from torch import nn

# Instead of -inf: keeps 0 * log(0) finite at illegal actions.
_ILLEGAL_LOGIT = -1e4


def generator(seed_sequence):
  """Returns a torch generator seeded from a NumPy `SeedSequence`."""
  return torch.Generator().manual_seed(
      int(seed_sequence.generate_state(1, np.uint64)[0] >> 1))


def pin_threads():
  """One torch thread: results may change with the count, workers are many."""
  if torch.get_num_threads() != 1:
    torch.set_num_threads(1)


def mlp(sizes, torch_generator, device, last_gain=1.0):
  """Returns a ReLU perceptron with orthogonal weights and zero biases.

  Args:
    sizes: of input, hidden layers and output.
    torch_generator: draws the weights.
    device: where it lives.
    last_gain: scales the weights of the last layer.
  """
  layers = []
  for index, (wide, narrow) in enumerate(zip(sizes[:-1], sizes[1:])):
    linear = nn.Linear(wide, narrow)
    is_last = index == len(sizes) - 2
    nn.init.orthogonal_(linear.weight, last_gain if is_last else 2 ** 0.5,
                        generator=torch_generator)
    nn.init.zeros_(linear.bias)
    layers += [linear] if is_last else [linear, nn.ReLU()]
  return nn.Sequential(*layers).to(device)


def masked_log_softmax(logits, mask):
  """Returns log probabilities `[U, A]`, practically -inf where illegal."""
  return torch.log_softmax(logits.masked_fill(~mask, _ILLEGAL_LOGIT), dim=-1)


class DeviceCopy:
  """Keeps the tensors of arrays that a simulator hands out again and again."""

  def __init__(self, device):
    self._device = device
    self._array = None
    self._tensor = None

  def __call__(self, array):
    if array is not self._array:
      self._array = array
      self._tensor = torch.as_tensor(array, device=self._device)
    return self._tensor

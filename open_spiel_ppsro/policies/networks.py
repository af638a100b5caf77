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

"""Networks: a small perceptron, its gradient, and policies that play by it.

The networks of this package are small and are trained hundreds of steps a
second. At that size autograd and `torch.optim` spend more time on bookkeeping
than on arithmetic. So all parameters of an `MLP` are one vector, and the class
computes its gradient, another vector, itself; `oracles/optimiser.py` is Adam on
these vectors.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any
from typing import Self

import numpy as np
import torch

from open_spiel_ppsro.policies import sampled

# The logit of illegal actions. Unlike -inf it keeps 0 * log(0) finite; it is so
# low that the probability of these actions is exactly 0.
_ILLEGAL_LOGIT = -1e4


def generator(seed_sequence: np.random.SeedSequence) -> torch.Generator:
  """Returns a torch generator seeded from a NumPy `SeedSequence`."""
  return torch.Generator().manual_seed(
      int(seed_sequence.generate_state(1, np.uint64)[0] >> 1))


def pin_threads() -> None:
  """Makes torch use one thread.

  Results may change with the number of threads, and other workers use the other
  cores.
  """
  if torch.get_num_threads() != 1:
    torch.set_num_threads(1)


class MLP:
  """A ReLU perceptron with orthogonal initial weights and zero biases.

  Attributes:
    parameters: float32 `[P]`, all weights and biases.
  """

  def __init__(self, sizes: Sequence[int],
               torch_generator: torch.Generator | None, device: str,
               last_gain: float = 1.0):
    """Makes a network.

    Args:
      sizes: the widths of the input, the hidden layers and the output.
      torch_generator: the generator that draws the weights, on the CPU whatever
        the device; None leaves all of them zero, to be set later.
      device: the device of the parameters.
      last_gain: the factor that scales the weights of the last layer.
    """
    self.sizes = tuple(sizes)
    self._sizes = tuple(zip(sizes[:-1], sizes[1:]))
    self.parameters = torch.zeros(
        sum((wide + 1) * narrow for wide, narrow in self._sizes))
    layers = self._layers(self.parameters) if torch_generator else ()
    for index, (weight, _) in enumerate(layers):
      torch.nn.init.orthogonal_(
          weight, last_gain if index == len(self._sizes) - 1 else 2 ** 0.5,
          generator=torch_generator)
    self.parameters = self.parameters.to(device)
    self._gradient = torch.zeros_like(self.parameters)
    self._weights = self._layers(self.parameters)
    self._weight_gradients = self._layers(self._gradient)

  def _layers(self, vector):
    """Returns the views `(weight [narrow, wide], bias [narrow])`."""
    layers, start = [], 0
    for wide, narrow in self._sizes:
      weight = vector[start:start + wide * narrow].view(narrow, wide)
      start += wide * narrow
      layers.append((weight, vector[start:start + narrow]))
      start += narrow
    return layers

  def activations(self, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Returns the inputs of every layer and, last, the output `[U, out]`."""
    values = [inputs]
    for index, (weight, bias) in enumerate(self._weights):
      value = torch.addmm(bias, values[-1], weight.t())
      if index < len(self._weights) - 1:
        value.relu_()
      values.append(value)
    return values

  def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
    """Returns the output `[U, out]` for inputs `[U, in]`."""
    return self.activations(inputs)[-1]

  def gradient(self, activations: list[torch.Tensor],
               output_gradient: torch.Tensor) -> torch.Tensor:
    """Returns `[P]`, the gradient of a loss; the next call overwrites it.

    Args:
      activations: the tensors that `activations` returned.
      output_gradient: `[U, out]`, the gradient of the loss by the output.
    """
    gradient = output_gradient
    for index in reversed(range(len(self._weights))):
      weight_gradient, bias_gradient = self._weight_gradients[index]
      torch.mm(gradient.t(), activations[index], out=weight_gradient)
      torch.sum(gradient, dim=0, out=bias_gradient)
      if index:
        # This is a product with `activations > 0`, in one pass.
        gradient = torch.ops.aten.threshold_backward(
            torch.mm(gradient, self._weights[index][0]), activations[index], 0)
    return self._gradient


class NetworkStack:
  """Networks of equal shapes that answer together, each at rows of its own.

  If many networks with a few rows each are asked one after another, nearly all
  the time goes into the calls. Here one product computes a layer of all.
  """

  def __init__(self, policies: Sequence["NetworkPolicy"]):
    """Makes a stack of `NetworkPolicy` with an equal `stack_key`."""
    pin_threads()
    first = policies[0]
    self._num_actions = first.num_actions
    self._temperature = first.temperature
    contexts = [policy.context for policy in policies
                if policy.context is not None]
    self._contexts = np.stack(contexts) if contexts else None
    vectors = torch.from_numpy(
        np.stack([policy.parameters for policy in policies]))
    self._layers, start = [], 0
    for wide, narrow in zip(first.sizes[:-1], first.sizes[1:]):
      weight = vectors[:, start:start + wide * narrow]
      start += wide * narrow
      # Copies are aligned as torch aligns; results may change with alignment.
      self._layers.append((
          weight.view(-1, narrow, wide).clone(
              memory_format=torch.contiguous_format),
          vectors[:, None, start:start + narrow].clone(
              memory_format=torch.contiguous_format)))
      start += narrow

  def __call__(self, chosen: np.ndarray, counts: np.ndarray,
               observations: np.ndarray,
               legal_actions_mask: np.ndarray) -> np.ndarray:
    """Returns action probabilities `[U, A]`, zero where illegal.

    Args:
      chosen: int `[G]`, the positions of networks in the stack, ascending.
      counts: int `[G]`, the number of rows that each of them answers; the rows
        of a network follow those of the one before, and all sum to U.
      observations: float32 `[U, D]`, the players' observations.
      legal_actions_mask: bool `[U, A]`, the legal actions.
    """
    layers, size = self._layers, len(self._layers[0][0])
    # Copying weights costs about as much as using them. So where most networks
    # are asked, all of them compute.
    if 2 * len(chosen) < size:
      places = torch.from_numpy(chosen)
      layers = [(weight[places], bias[places]) for weight, bias in layers]
      slots, size = np.arange(len(chosen)), len(chosen)
    else:
      slots = chosen
    room = int(counts.max())
    rows = np.arange(len(observations)) + np.repeat(
        slots * room - (counts.cumsum() - counts), counts)
    values = torch.zeros(size * room, layers[0][0].shape[2])
    inputs = values.numpy()
    inputs[rows, :observations.shape[1]] = observations
    if self._contexts is not None:
      inputs[rows, observations.shape[1]:] = np.repeat(
          self._contexts[chosen], counts, axis=0)
    values = values.view(size, room, -1)
    for index, (weight, bias) in enumerate(layers):
      values = torch.baddbmm(bias, values, weight.transpose(1, 2))
      if index < len(layers) - 1:
        values.relu_()
    logits = values.reshape(size * room, -1)[
        torch.from_numpy(rows), :self._num_actions]
    return masked_log_softmax(
        logits.double() / self._temperature,
        torch.from_numpy(~legal_actions_mask)).exp().numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkPolicy(sampled.FunctionPolicy):
  """A network as a policy that travels, plays, and no longer learns.

  Attributes:
    sizes: the widths of its layers.
    parameters: float32 `[P]`, the parameters of the `MLP`.
    num_actions: A; the first A outputs are logits of the actions.
    temperature: the temperature of the softmax over the logits; 0 plays the
      best action.
    context: float32 `[C]`, the further inputs after every observation; None for
      none.
  """
  sizes: tuple[int, ...]
  parameters: np.ndarray
  num_actions: int
  temperature: float = 1.0
  context: np.ndarray | None = None

  # The class that answers for many policies at once.
  stack = NetworkStack

  @property
  def stack_key(self) -> Hashable:  # type: ignore[override]
    """The key of networks that can be stacked together; None for no stack."""
    if not self.temperature:
      return None
    return (self.sizes, self.num_actions, self.temperature,
            self.context is None)

  @functools.cached_property
  def _network(self):
    pin_threads()
    network = MLP(self.sizes, None, "cpu")
    network.parameters.copy_(torch.as_tensor(self.parameters))
    return network

  def __getstate__(self):
    """Returns its fields alone: plain data and arrays."""
    return {name: value for name, value in self.__dict__.items()
            if name != "_network"}

  def to_data(self) -> dict[str, Any]:
    return dataclasses.asdict(self)

  @classmethod
  def from_data(cls, data: dict[str, Any]) -> "NetworkPolicy":
    return cls(**{**data, "sizes": tuple(data["sizes"])})

  def weights(self) -> list[np.ndarray]:
    return [self.parameters.copy()]

  def with_noise(self, sigma: float, rng: np.random.Generator) -> Self:
    """Returns a copy with normal noise of deviation sigma on its parameters."""
    noise = rng.normal(0, sigma, self.parameters.shape).astype(np.float32)
    return dataclasses.replace(self, parameters=self.parameters + noise)

  def __call__(self, observations: np.ndarray,
               legal_actions_mask: np.ndarray) -> np.ndarray:
    """Returns action probabilities `[U, A]`, zero where illegal."""
    inputs = torch.tensor(observations)
    if self.context is not None:
      inputs = torch.cat([inputs, torch.tensor(self.context).expand(
          len(inputs), -1)], dim=1)
    logits = self._network(inputs)[:, :self.num_actions]
    if not self.temperature:
      best = logits.masked_fill(torch.tensor(~legal_actions_mask), -torch.inf
                               ).argmax(dim=1).numpy()
      return np.eye(self.num_actions)[best]
    return masked_log_softmax(
        logits.double() / self.temperature, torch.tensor(~legal_actions_mask)
    ).exp().numpy()


def as_array(tensor: torch.Tensor) -> np.ndarray:
  """Returns a NumPy copy of a tensor on any device."""
  return tensor.detach().cpu().numpy().copy()


def masked_log_softmax(logits: torch.Tensor,
                       illegal: torch.Tensor) -> torch.Tensor:
  """Returns log probabilities `[U, A]`, practically -inf where `illegal`."""
  return torch.log_softmax(logits.masked_fill(illegal, _ILLEGAL_LOGIT), dim=-1)


def through_log_softmax(gradient: torch.Tensor,
                        probabilities: torch.Tensor) -> torch.Tensor:
  """Returns the gradient by logits from the gradient by log probabilities."""
  return gradient - probabilities * gradient.sum(dim=-1, keepdim=True)


class DeviceCopy:
  """Keeps the tensor of an array that a simulator gives in every batch."""

  def __init__(self, device: str,
               transform: Callable[[np.ndarray], np.ndarray] = np.asarray):
    self._device = device
    self._transform = transform
    self._array: np.ndarray | None = None
    self._tensor: Any = None

  def __call__(self, array: np.ndarray) -> torch.Tensor:
    if array is not self._array:
      self._array = array
      self._tensor = torch.as_tensor(self._transform(array),
                                     device=self._device)
    return self._tensor

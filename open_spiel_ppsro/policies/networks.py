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

"""Networks: torch modules on one parameter vector, and policies that play them.

Storage, averages, checkpoints and teams of workers deal in vectors. So all
parameters of a `Network` are views into one vector, and their gradients into
another; the module itself may be any, see `architectures`.
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

from open_spiel_ppsro.policies import architectures
from open_spiel_ppsro.policies import sampled

# The logit of illegal actions. Unlike -inf it keeps 0 * log(0) finite; it is so
# low that the probability of these actions is exactly 0.
ILLEGAL_LOGIT = -1e4
# Below these `exp` underflows.
_LEAST_EXPONENT = {torch.float32: -87.0, torch.float64: -708.0}

# What `torch.autograd.backward` calls once it has checked its arguments, which
# takes it a tenth of the gradient step of a small network.
_run_backward = torch.autograd.Variable._execution_engine.run_backward


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


class Network:
  """A torch module whose parameters are one vector.

  Attributes:
    name: of its architecture, see `architectures`.
    sizes: the widths of the input, of hidden layers, and of the output.
    module: the `torch.nn.Module`, always in evaluation mode.
    parameters: float32 `[P]`, all parameters, in the order of the module.
    gradient: float32 `[P]`, what `backward` gave last.
  """

  def __init__(self, sizes: Sequence[int],
               torch_generator: torch.Generator | None, device: str,
               last_gain: float = 1.0, name: str = "mlp"):
    """Makes a network.

    Args:
      sizes: the widths of the input, of hidden layers, and of the output.
      torch_generator: the generator that draws the weights, on the CPU whatever
        the device; None leaves all of them zero, to be set later.
      device: the device of the parameters.
      last_gain: the factor that scales the weights of the last layer, of an
        architecture of this package.
      name: of its architecture; one of this package begins with orthogonal
        weights and zero biases, any other as its factory made it.

    Raises:
      ValueError: if there is no usable network of that name.
    """
    self.name = name
    self.sizes = tuple(sizes)
    self.module = _module(name, self.sizes, torch_generator, last_gain
                         ).to(device)
    weights = list(self.module.parameters())
    self.parameters = torch.cat([weight.detach().reshape(-1)
                                 for weight in weights])
    if torch_generator is None:
      self.parameters.zero_()
    self.gradient = torch.zeros_like(self.parameters)
    for weight, values, slots in zip(
        weights, views(self.parameters, weights),
        views(self.gradient, weights)):
      weight.data, weight.grad = values, slots

  def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
    """Returns the output `[U, out]` for inputs `[U, in]`, without a graph."""
    with torch.inference_mode():
      return self.module(inputs)

  def backward(self, output: torch.Tensor,
               output_gradient: torch.Tensor) -> torch.Tensor:
    """Returns `[P]`, the gradient of a loss; the next call overwrites it.

    Args:
      output: `[U, out]`, what `module` returned.
      output_gradient: `[U, out]`, the gradient of the loss by the output.
    """
    self.gradient.zero_()  # Autograd adds to it in place.
    _run_backward((output,), (output_gradient,), False, False, (),
                  allow_unreachable=True, accumulate_grad=True)
    return self.gradient


def _module(name, sizes, torch_generator, last_gain):
  """Returns a new module; its weights are arbitrary without a generator."""
  if torch_generator is None:
    return architectures.build(name, sizes)
  if architectures.is_ours(name):
    module = architectures.build(name, sizes)
    architectures.orthogonal(module, torch_generator, last_gain)
    return module
  return architectures.build(name, sizes, int(torch.randint(
      2 ** 62, (), generator=torch_generator)))


def views(vectors: torch.Tensor, weights: Sequence[torch.Tensor]
          ) -> list[torch.Tensor]:
  """Returns parts of `vectors` `[..., P]` in the shapes of `weights`."""
  parts = vectors.split([weight.numel() for weight in weights], dim=-1)
  return [part.view(*vectors.shape[:-1], *weight.shape)
          for part, weight in zip(parts, weights)]


class NetworkStack:
  """Networks of equal shapes that answer together, each at rows of its own.

  If many networks with a few rows each are asked one after another, nearly all
  the time goes into the calls. Here one call computes an operation of all.
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
    self._module = first.module
    self._names, weights = zip(*self._module.named_parameters())
    # Copies are aligned as torch aligns; results may change with alignment.
    self._weights = [part.clone(memory_format=torch.contiguous_format)
                     for part in views(vectors, weights)]
    self._answer = (_answer_of_mlps if first.network == "mlp" else
                    self._answer_of_modules)

  def _answer_of_modules(self, weights, inputs):
    """Returns `[K, R, out]` for the weights of K networks and `[K, R, in]`."""

    def answer(weights, inputs):
      return torch.func.functional_call(
          self._module, dict(zip(self._names, weights)), (inputs,))

    return torch.vmap(answer)(weights, inputs)

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
    weights, size = self._weights, len(self._weights[0])
    # Copying weights costs about as much as using them. So where most networks
    # are asked, all of them compute.
    if 2 * len(chosen) < size:
      places = torch.from_numpy(chosen)
      weights = [weight[places] for weight in weights]
      slots, size = np.arange(len(chosen)), len(chosen)
    else:
      slots = chosen
    room = int(counts.max())
    rows = np.arange(len(observations)) + np.repeat(
        slots * room - (counts.cumsum() - counts), counts)
    width = observations.shape[1] + (
        0 if self._contexts is None else self._contexts.shape[1])
    values = torch.zeros(size * room, width)
    inputs = values.numpy()
    inputs[rows, :observations.shape[1]] = observations
    if self._contexts is not None:
      inputs[rows, observations.shape[1]:] = np.repeat(
          self._contexts[chosen], counts, axis=0)
    with torch.inference_mode():
      values = self._answer(weights, values.view(size, room, width))
    logits = values.reshape(size * room, -1).index_select(
        0, torch.from_numpy(rows))[:, :self._num_actions]
    return masked_softmax(logits.double() / self._temperature,
                          torch.from_numpy(~legal_actions_mask)).numpy()


def _answer_of_mlps(weights, values):
  """Returns `[K, R, out]`; in place of `vmap`, a batched product per layer.

  It takes a third of the time of `vmap` for 20 networks of 32 units at 8 rows
  each, and 0.8 of it for 20 of 2 x 128 units at 64 rows.
  """
  for index in range(0, len(weights), 2):
    weight, bias = weights[index:index + 2]
    values = torch.baddbmm(bias[:, None], values, weight.transpose(1, 2))
    if index < len(weights) - 2:
      values.relu_()
  return values


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkPolicy(sampled.FunctionPolicy):
  """A network as a policy that travels, plays, and no longer learns.

  Attributes:
    sizes: the widths of the input, of hidden layers, and of the output.
    parameters: float32 `[P]`, the parameters of the `Network`.
    num_actions: A; the first A outputs are logits of the actions.
    temperature: the temperature of the softmax over the logits; 0 plays the
      best action.
    context: float32 `[C]`, the further inputs after every observation; None for
      none.
    network: the name of its architecture, by which it is rebuilt; what files
      leave open is an `mlp`.
  """
  sizes: tuple[int, ...]
  parameters: np.ndarray
  num_actions: int
  temperature: float = 1.0
  context: np.ndarray | None = None
  network: str = "mlp"

  # The class that answers for many policies at once.
  stack = NetworkStack

  @property
  def stack_key(self) -> Hashable:  # type: ignore[override]
    """The key of networks that can be stacked together; None for no stack."""
    if not self.temperature:
      return None
    return (self.network, self.sizes, self.num_actions, self.temperature,
            self.context is None)

  @functools.cached_property
  def _network(self):
    pin_threads()
    network = Network(self.sizes, None, "cpu", name=self.network)
    network.parameters.copy_(torch.as_tensor(self.parameters))
    return network

  @property
  def module(self) -> torch.nn.Module:
    """Returns the network as a torch module, on the CPU; not to be changed."""
    return self._network.module

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
    return masked_softmax(logits.double() / self.temperature,
                          torch.tensor(~legal_actions_mask)).numpy()


def as_array(tensor: torch.Tensor) -> np.ndarray:
  """Returns a NumPy copy of a tensor on any device."""
  return tensor.detach().cpu().numpy().copy()


def masked_log_softmax(logits: torch.Tensor,
                       illegal: torch.Tensor) -> torch.Tensor:
  """Returns log probabilities `[U, A]`, practically -inf where `illegal`."""
  return torch.log_softmax(logits.masked_fill(illegal, ILLEGAL_LOGIT), dim=-1)


def masked_softmax(logits: torch.Tensor,
                   illegal: torch.Tensor) -> torch.Tensor:
  """Returns probabilities `[U, A]`, 0 where `illegal`."""
  return exponential(masked_log_softmax(logits, illegal), illegal)


def exponential(log_probs: torch.Tensor,
                illegal: torch.Tensor) -> torch.Tensor:
  """Returns the probabilities `[U, A]` of log probabilities.

  `exp` takes up to ten times as long where it underflows, as it would for every
  illegal action; so here it never does.

  Args:
    log_probs: `[U, A]`, what `masked_log_softmax` returns.
    illegal: bool `[U, A]`, where probabilities are 0.
  """
  return log_probs.clamp(min=_LEAST_EXPONENT[log_probs.dtype]).exp_(
      ).masked_fill_(illegal, 0.0)


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

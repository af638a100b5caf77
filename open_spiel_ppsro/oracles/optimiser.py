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

"""Minibatches, and Adam: torch's, fused, with a state for checkpoints."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from open_spiel_ppsro.policies import networks

# The decay rates of the first and the second moment, from the paper. Larger
# ones average over more steps.
_BETAS = (0.9, 0.999)


class Adam:
  """Adam (Kingma & Ba 2015) on the parameter vector of a network.

  It is the operation of `torch.optim.Adam(fused=True)`. The class around that
  takes ten times as long as the operation does on a small network, and a fifth
  of its gradient step.
  """

  def __init__(self, parameters: torch.Tensor, epsilon: float = 1e-8):
    """Makes an optimiser.

    Args:
      parameters: float32 `[P]`, which `step` changes in place.
      epsilon: the number that is added to the square root of the second moment;
        a large one shortens steps where gradients are tiny.
    """
    self._parameters = parameters
    self._epsilon = epsilon
    self._mean = torch.zeros_like(parameters)
    self._square = torch.zeros_like(parameters)
    self._steps = torch.zeros((), device=parameters.device)

  def vectors(self) -> torch.Tensor:
    """Returns `[3, P]`, parameters and both moments, as `set_vectors` takes."""
    return torch.stack((self._parameters, self._mean, self._square))

  def set_vectors(self, vectors: torch.Tensor, num_steps: int) -> None:
    """Sets parameters, moments, and how many steps have led to them."""
    for own, other in zip(
        (self._parameters, self._mean, self._square), vectors):
      own.copy_(other)
    self._steps.fill_(num_steps)

  @property
  def num_steps(self) -> int:
    """How many steps it has taken."""
    return int(self._steps)

  def state(self) -> dict[str, Any]:
    """Returns the moments and the count of steps, not the parameters."""
    return {"mean": networks.as_array(self._mean),
            "square": networks.as_array(self._square),
            "steps": self.num_steps}

  def restore(self, state: dict[str, Any]) -> None:
    """Sets the moments and the count of steps to those of another."""
    self._mean.copy_(torch.from_numpy(state["mean"]))
    self._square.copy_(torch.from_numpy(state["square"]))
    self._steps.fill_(state["steps"])

  def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
    """Moves the parameters against `gradient` `[P]`."""
    self._steps += 1
    torch._fused_adam_(
        [self._parameters], [gradient], [self._mean], [self._square], [],
        [self._steps], lr=learning_rate, beta1=_BETAS[0], beta2=_BETAS[1],
        weight_decay=0.0, eps=self._epsilon, amsgrad=False, maximize=False)


def minibatches(samples: Any, count: int,
                rng: np.random.Generator) -> Iterator[Any]:
  """Yields samples in parts of random rows, which cover them once.

  Args:
    samples: a named tuple of tensors of as many rows.
    count: how many parts; a single one is `samples` as they are.
    rng: draws which rows come together.
  """
  if count == 1:
    yield samples
    return
  for rows in np.array_split(rng.permutation(len(samples[0])), count):
    chosen = torch.from_numpy(rows).to(samples[0].device)
    # Of random rows it takes a quarter of the time of `tensor[chosen]`.
    yield type(samples)(*(
        tensor.index_select(0, chosen) for tensor in samples))

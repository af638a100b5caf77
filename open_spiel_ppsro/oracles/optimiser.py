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

"""Adam: an optimiser of a parameter vector, in five operations."""

import math
from typing import Any

import numpy as np
import torch

from open_spiel_ppsro.policies import networks

# The decay rates of the first and the second moment, from the paper. Larger
# ones average over more steps.
_BETAS = (0.9, 0.999)


class ParameterVector:
  """The parameters of networks that are in other processes.

  Attributes:
    parameters: float32 `[P]`, a tensor.
  """

  def __init__(self, parameters: np.ndarray):
    self.parameters = torch.tensor(parameters)


class Adam:
  """Adam (Kingma & Ba 2015) on the parameter vector of an `MLP`."""

  def __init__(self, network: networks.MLP | ParameterVector,
               epsilon: float = 1e-8):
    """Makes an optimiser of an `MLP` or a `ParameterVector`.

    Args:
      network: an object with `parameters`, float32 `[P]`.
      epsilon: the number that is added to the square root of the second moment;
        a large one shortens steps where gradients are tiny.
    """
    self._parameters = network.parameters
    self._epsilon = epsilon
    self._mean = torch.zeros_like(self._parameters)
    self._square = torch.zeros_like(self._parameters)
    self._steps = 0

  def state(self) -> dict[str, Any]:
    """Returns the moments and the count of steps, not the parameters."""
    return {"mean": networks.as_array(self._mean),
            "square": networks.as_array(self._square),
            "steps": self._steps}

  def restore(self, state: dict[str, Any]) -> None:
    """Sets the moments and the count of steps to those of another."""
    self._mean.copy_(torch.from_numpy(state["mean"]))
    self._square.copy_(torch.from_numpy(state["square"]))
    self._steps = state["steps"]

  def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
    """Moves the parameters against `gradient` `[P]`."""
    self._steps += 1
    first, second = _BETAS
    self._mean.lerp_(gradient, 1 - first)
    self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
    deviation = self._square.sqrt().div_(
        math.sqrt(1 - second ** self._steps)).add_(self._epsilon)
    self._parameters.addcdiv_(
        self._mean, deviation,
        value=-learning_rate / (1 - first ** self._steps))

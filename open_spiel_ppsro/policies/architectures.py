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

"""Architectures: the networks that have names, and those of one's own.

A factory makes a network: a function, or a class, from `(num_features,
num_outputs)` to a `torch.nn.Module` that takes float32 `[U, num_features]` to
`[U, num_outputs]`. If it has a parameter `hidden_sizes`, it is given that, too.
`mlp`, `resnet` and `conv` are names of factories here; `module:function` names
any other one. Files and configurations hold names.
"""

from collections.abc import Callable
from collections.abc import Sequence
import importlib
import inspect
import math
import re
import threading
from typing import Any

import pyspiel
import torch
from torch import nn
from torch.nn import functional

from open_spiel_ppsro.policies import agent_state

# Factories draw from torch's global generator, which threads share.
_BUILDING = threading.Lock()


class MLP(nn.Module):
  """A perceptron with ReLU between its layers."""

  def __init__(self, num_features: int, num_outputs: int,
               hidden_sizes: Sequence[int]):
    """Makes a network; `hidden_sizes` are the widths of its hidden layers."""
    super().__init__()
    sizes = (num_features, *hidden_sizes, num_outputs)
    self.layers = nn.ModuleList(
        nn.Linear(wide, narrow) for wide, narrow in zip(sizes, sizes[1:]))

  def forward(self, inputs: torch.Tensor) -> torch.Tensor:
    # At this size a call of a module takes as long as what it computes.
    layers: Any = self.layers
    *hidden, last = layers
    for layer in hidden:
      inputs = functional.linear(inputs, layer.weight, layer.bias).relu_()
    return functional.linear(inputs, last.weight, last.bias)


class ResNet(nn.Module):
  """A perceptron of residual blocks (He et al. 2016, with dense layers)."""

  def __init__(self, num_features: int, num_outputs: int,
               hidden_sizes: Sequence[int]):
    """Makes a network.

    Args:
      num_features: the width of the input.
      num_outputs: the width of the output.
      hidden_sizes: the width of all that blocks add to, and then for each block
        the units inside.
    """
    super().__init__()
    width, *inside = hidden_sizes
    self.first = nn.Linear(num_features, width)
    self.blocks = nn.ModuleList(
        MLP(width, width, (units,)) for units in inside)
    self.last = nn.Linear(width, num_outputs)

  def forward(self, inputs: torch.Tensor) -> torch.Tensor:
    values = self.first(inputs)
    for block in self.blocks:
      values = values + block(functional.relu(values))
    return self.last(functional.relu(values))


class Conv(nn.Module):
  """Convolutions of 3 x 3 over a board, and dense layers on what they find."""

  def __init__(self, num_features: int, num_outputs: int,
               hidden_sizes: Sequence[int], shape: Sequence[int]):
    """Makes a network.

    Args:
      num_features: the width of the input.
      num_outputs: the width of the output.
      hidden_sizes: the channels of each convolution, and last the units of a
        dense layer.
      shape: of the first features: planes, rows and columns, or rows and
        columns. Features after them, such as a seat, go to the dense layer.
    """
    super().__init__()
    *channels, units = hidden_sizes
    if not channels:
      raise ValueError("hidden_sizes has one number; conv takes two or more, "
                       "channels of convolutions and units of a dense layer")
    self._shape = (1, *shape)[-3:]
    self._on_board = math.prod(shape)
    if self._on_board > num_features:
      raise ValueError(f"a board of {'x'.join(map(str, shape))} has "
                       f"{self._on_board} features, the observation has only "
                       f"{num_features}")
    planes, rows, columns = self._shape
    self.convolutions = nn.ModuleList(
        nn.Conv2d(wide, narrow, 3, padding=1)
        for wide, narrow in zip((planes, *channels), channels))
    self.dense = MLP(
        channels[-1] * rows * columns + num_features - self._on_board,
        num_outputs, (units,))

  def forward(self, inputs: torch.Tensor) -> torch.Tensor:
    board = inputs[:, :self._on_board].reshape(-1, *self._shape)
    for convolution in self.convolutions:
      board = functional.relu(convolution(board))
    return self.dense(torch.cat(
        [board.flatten(1), inputs[:, self._on_board:]], dim=1))


_BY_NAME: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP, "resnet": ResNet, "conv": Conv}
_WITH_SHAPE = re.compile(r"conv\((\d+(?:,\d+){1,2})\)")


def name_of(network: Any) -> str:
  """Returns the name of a network that a configuration is given.

  Args:
    network: a name, or a factory that a module has under a name.

  Raises:
    ValueError: in one line, if there is no such name, or if a factory has none.
  """
  if isinstance(network, str):
    if network != "conv":  # Which still has to get a shape.
      _factory(network)
    return network
  name = ""
  if callable(network) and hasattr(network, "__qualname__"):
    name = agent_state.name_of(network)
  if not name or agent_state.find(name) is not network:
    raise ValueError(
        f"network is {network!r}, which cannot be found by a name, so a run "
        "could not be resumed: it takes mlp, resnet, conv, or a function of a "
        "module (no lambda, no function within another)")
  return name


def of_game(name: str, game: pyspiel.Game) -> str:
  """Returns a name that says all; `conv` gets the shape of the game's tensor.

  Raises:
    ValueError: if that tensor has no such shape.
  """
  if name != "conv":
    return name
  kind = game.get_type()
  if kind.provides_information_state_tensor:
    shape = game.information_state_tensor_shape()
  elif kind.provides_observation_tensor:
    shape = game.observation_tensor_shape()
  else:
    shape = []
  if len(shape) not in (2, 3):
    raise ValueError(
        f"network is conv, and the tensor of {game} has the shape {shape}: it "
        "takes planes, rows and columns; give them, as in conv(3,6,7), or use "
        "mlp or resnet")
  return f"conv({','.join(map(str, shape))})"


def is_ours(name: str) -> bool:
  """Returns whether a name is of this package, not `module:function`."""
  return ":" not in name


def _factory(name):
  """Returns the factory of a name; raises ValueError if there is none."""
  if name in _BY_NAME:
    return _BY_NAME[name]
  shape = _WITH_SHAPE.fullmatch(name)
  if shape:
    sizes = tuple(map(int, shape[1].split(",")))
    return lambda num_features, num_outputs, hidden_sizes: Conv(
        num_features, num_outputs, hidden_sizes, sizes)
  module = name.partition(":")[0]
  if is_ours(name):
    raise ValueError(f"unknown network {name!r}; use mlp, resnet, conv, or "
                     "module:function")
  try:
    importlib.import_module(module)
  except Exception as error:  # Whatever a module of somebody's may raise.
    raise ValueError(f"network is {name!r}: cannot import {module!r}: "
                     f"{_line(error)}") from error
  found = agent_state.find(name)
  if not callable(found):
    raise ValueError(f"network is {name!r}: {module} has no such function")
  return found


def build(name: str, sizes: Sequence[int], seed: int = 0) -> nn.Module:
  """Returns a new network, with weights as its factory draws them.

  Args:
    name: of the network, with a shape if it is `conv`.
    sizes: the widths of the input, of hidden layers, and of the output.
    seed: of torch's generator while the factory runs.

  Raises:
    ValueError: in one line, if the factory fails, or makes no usable module.
  """
  factory = _factory(name)
  num_features, *hidden_sizes, num_outputs = sizes
  options = {}
  try:
    if "hidden_sizes" in inspect.signature(factory).parameters:
      options["hidden_sizes"] = tuple(hidden_sizes)
    with _BUILDING, torch.random.fork_rng(devices=[]):
      torch.default_generator.manual_seed(seed)
      module = factory(num_features, num_outputs, **options)
  except Exception as error:  # Whatever a function of somebody's may raise.
    raise ValueError(f"network {name!r} cannot be made for {num_features} "
                     f"features and {num_outputs} outputs: {_line(error)}"
                    ) from error
  if not isinstance(module, nn.Module):
    raise ValueError(f"network {name!r} makes a {type(module).__name__}; it "
                     "takes to make a torch.nn.Module")
  for buffer, _ in module.named_buffers():
    raise ValueError(
        f"network {name!r} has a buffer, {buffer}, and only parameters are "
        "averaged and saved: do without (LayerNorm in place of BatchNorm)")
  if not any(True for _ in module.parameters()) or any(
      parameter.dtype != torch.float32 for parameter in module.parameters()):
    raise ValueError(f"network {name!r} takes to have parameters, all of "
                     "float32")
  # Dropout and the like would draw from a generator that processes share.
  return module.eval()


def check(name: str, sizes: Sequence[int]) -> None:
  """Raises ValueError, in one line, unless a network of that name works.

  Args:
    name: of the network, with a shape if it is `conv`.
    sizes: the widths of the input, of hidden layers, and of the output.
  """
  module = build(name, sizes)
  try:
    outputs = module(torch.zeros(2, sizes[0]))
  except Exception as error:  # Whatever a module of somebody's may raise.
    raise ValueError(f"network {name!r} fails on an input of [2, {sizes[0]}]: "
                     f"{_line(error)}") from error
  shape = list(getattr(outputs, "shape", []))
  if shape != [2, sizes[-1]] or not outputs.requires_grad:
    raise ValueError(
        f"network {name!r} takes [2, {sizes[0]}] to {shape or outputs!r}; it "
        f"takes to return [2, {sizes[-1]}], which depends on its parameters")


def orthogonal(module: nn.Module, generator: torch.Generator,
               last_gain: float) -> None:
  """Makes weights orthogonal and biases zero, in the order of parameters.

  Args:
    module: with layers that have a `weight` and a `bias`.
    generator: that draws them.
    last_gain: the factor that scales the weights of the last layer; of all
      others it is the root of 2.
  """
  layers = [layer for layer in module.modules()
            if isinstance(layer, (nn.Linear, nn.Conv2d))]
  for layer in layers:
    nn.init.orthogonal_(layer.weight, last_gain if layer is layers[-1]
                        else 2 ** 0.5, generator=generator)
    if layer.bias is not None:
      nn.init.zeros_(layer.bias)


def _line(error):
  """Returns an error in one line."""
  text = " ".join(str(error).split())
  return f"{type(error).__name__}: {text}" if not isinstance(
      error, ValueError) else text

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

"""ONNX export: a member of a mixture as a model for other runtimes.

Every model has two inputs, `observation`, float32 `[N, D]`, and
`legal_actions`, bool `[N, A]`, and one output, `probabilities`, float32
`[N, A]`. It needs the extra `onnx`.
"""

import contextlib
import importlib.util
import io
import logging
import os
from typing import Any
import warnings

import numpy as np
import torch

from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

# What torch's exporter imports; the extra of the package has them.
_NEEDED = ("onnx", "onnxscript")
_ILLEGAL_LOGIT = -1e4


def check_available() -> None:
  """Raises ValueError unless torch can export; names the extra."""
  missing = [name for name in _NEEDED
             if importlib.util.find_spec(name) is None]
  if missing:
    raise ValueError(f"ONNX needs {' and '.join(missing)}, which "
                     f"{'are' if len(missing) > 1 else 'is'} not installed: "
                     "pip install 'open_spiel_ppsro[onnx]'")


class _Network(torch.nn.Module):
  """A `NetworkPolicy`."""

  def __init__(self, policy: networks.NetworkPolicy):
    super().__init__()
    self._num_actions = policy.num_actions
    self._temperature = policy.temperature
    self._context = (None if policy.context is None
                     else torch.tensor(policy.context)[None])
    self._network = policy.module

  def forward(self, observation, legal_actions):
    """Returns the probabilities; see the module."""
    values = observation
    if self._context is not None:
      values = torch.cat(
          [values, self._context.expand(values.shape[0], -1)], dim=1)
    logits = self._network(values)[:, :self._num_actions]
    if not self._temperature:
      best = torch.where(legal_actions, logits, -torch.inf).argmax(dim=1)
      return torch.nn.functional.one_hot(best, self._num_actions).float()
    return torch.softmax(torch.where(
        legal_actions, logits / self._temperature, _ILLEGAL_LOGIT), dim=1)


class _Table(torch.nn.Module):
  """A `TablePolicy`: it finds the row whose observation it is shown."""

  def __init__(self, table: np.ndarray, observations: np.ndarray):
    super().__init__()
    self._table = torch.tensor(table, dtype=torch.float32)
    self._keys = torch.tensor(observations, dtype=torch.float32).T.contiguous()
    # The nearest row has the largest 2 x.y - y.y.
    self._squares = (self._keys ** 2).sum(dim=0)

  def forward(self, observation, legal_actions):
    """Returns the probabilities; see the module."""
    row = (2 * observation @ self._keys - self._squares).argmax(dim=1)
    return torch.where(legal_actions, self._table[row], 0)


class _Uniform(torch.nn.Module):
  """A `UniformPolicy`."""

  def forward(self, observation, legal_actions):
    """Returns the probabilities; see the module."""
    # The observation has to count for something, or it would be no input.
    legal = legal_actions.float() + 0 * observation[:, :1]
    return legal / legal.sum(dim=1, keepdim=True)


def write_onnx(path: str | os.PathLike, policy: policy_lib.Policy,
               num_features: int, num_actions: int,
               observations: np.ndarray | None = None) -> None:
  """Writes a policy as an ONNX model; see the module for its inputs.

  Args:
    path: of the file.
    policy: a `NetworkPolicy`, a `UniformPolicy` or a `TablePolicy`.
    num_features: D, the length of an observation.
    num_actions: A.
    observations: of a `TablePolicy`, float32 `[I, D]`, what its player sees at
      each row.

  Raises:
    ValueError: if the policy is none of these, if two rows of its table look
      the same, or if the extra `onnx` is missing.
  """
  check_available()
  module: torch.nn.Module
  if isinstance(policy, networks.NetworkPolicy):
    module = _Network(policy)
  elif isinstance(policy, sampled.UniformPolicy):
    module = _Uniform()
  elif isinstance(policy, tabular.TablePolicy):
    assert observations is not None
    if len(np.unique(observations, axis=0)) < len(observations):
      raise ValueError("two information states have the same observation, so "
                       "no function of observations plays this table")
    module = _Table(policy.table, observations)
  else:
    raise ValueError(f"a {type(policy).__name__} cannot be exported to ONNX; "
                     "networks and tables can")
  batch = {0: torch.export.Dim("batch")}
  example = (torch.zeros(2, num_features),
             torch.ones(2, num_actions, dtype=torch.bool))
  with _quiet():
    program: Any = torch.onnx.export(
        module.eval(), example, input_names=["observation", "legal_actions"],
        output_names=["probabilities"], dynamo=True, verbose=False,
        dynamic_shapes={"observation": batch, "legal_actions": batch})
    program.save(str(path), external_data=False)


@contextlib.contextmanager
def _quiet():
  """Silences the exporter, which says a lot about itself."""
  disabled = logging.root.manager.disable
  logging.disable(logging.WARNING)
  try:
    with (warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()),
          contextlib.redirect_stderr(io.StringIO())):
      warnings.simplefilter("ignore")
      yield
  finally:
    logging.disable(disabled)

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


"""Callbacks: where the metrics of a run go, beside its directory.

`ppsro.run(..., callbacks=[...])` takes functions of `(solver, result)`, and
objects of the class `Callback`, which also learn when the run begins and ends,
and get each row of `metrics.csv` as it is written there. One of one's own:

    class Printer(ppsro.callbacks.Callback):
      def round(self, solver, result, row):
        print(row["round"], row["nash_conv_frozen"])
"""

from collections.abc import Callable
from collections.abc import Mapping
import csv
import math
import os
import pathlib
from typing import Any

import numpy as np

# Heat maps are written when a meta-game has grown by this factor: in all as
# many as fit into a logarithm, however long a run is.
_GROWTH = 1.25
# The sides of a heat map, in pixels, are at least this.
_PIXELS = 256
# Colours from the lowest payoff to the highest, whose lightness is monotone:
# seven of cividis (Nunez, Anderton, Renslow 2018).
_SCALE = np.array([
    (0, 34, 78), (37, 66, 109), (84, 92, 108), (124, 123, 120), (165, 156, 116),
    (210, 193, 93), (254, 232, 56)], float)


class Callback:
  """What follows a run; every method may be left as it is."""

  def begin(self, directory: pathlib.Path, settings: Mapping[str, Any]
            ) -> None:
    """Is called before the first round.

    Args:
      directory: the run directory.
      settings: as `config.json` has them.
    """

  def round(self, solver, result, row: Mapping[str, Any]) -> None:
    """Is called after every round.

    Args:
      solver: the `PipelinePSROSolver`.
      result: the `RoundResult`.
      row: that of `metrics.csv`, by column.
    """

  def end(self, summary) -> None:
    """Is called when the run has ended, with its `RunSummary`."""

  def close(self) -> None:
    """Is called at the very end, even after an error."""


class CSV(Callback):
  """Writes a table of one's own: columns of `metrics.csv`, and others."""

  def __init__(self, path: str | os.PathLike, columns: tuple[str, ...] = (),
               values: Callable[[Any, Any], Mapping[str, Any]] | None = None
               ) -> None:
    """Makes a callback that starts a file.

    Args:
      path: of the file, which is replaced.
      columns: of `metrics.csv`; `round` is always there.
      values: a function of `(solver, result)` that returns further columns.
    """
    self._path = pathlib.Path(path)
    self._columns = ("round", *columns)
    self._values = values
    self._file: Any = None
    self._writer: Any = None

  def round(self, solver, result, row: Mapping[str, Any]) -> None:
    missing = [name for name in self._columns if name not in row]
    if missing:
      raise ValueError(f"there is no column {missing[0]!r} in metrics; columns "
                       f"takes some of {', '.join(row)}")
    values = {name: row[name] for name in self._columns}
    values.update(self._values(solver, result) if self._values else {})
    if self._writer is None:
      self._file = open(self._path, "w", newline="", encoding="utf-8")
      self._writer = csv.DictWriter(self._file, list(values),
                                    lineterminator="\n")
      self._writer.writeheader()
    self._writer.writerow(values)
    self._file.flush()

  def close(self) -> None:
    if self._file is not None:
      self._file.close()
      self._file = self._writer = None


class TensorBoard(Callback):
  """Writes scalars and the payoff matrix for TensorBoard; steps are rounds."""

  def __init__(self, path: str | os.PathLike | None = None) -> None:
    """Makes a callback.

    Args:
      path: of the directory of its files; `tensorboard` in the run directory
        by default.

    Raises:
      ValueError: if TensorBoard is not installed.
    """
    try:
      # It takes a second to import, which only those spend who want it.
      from torch.utils import tensorboard  # pylint: disable=g-import-not-at-top
    except ImportError as error:
      raise ValueError("TensorBoard is not installed: pip install "
                       "'open_spiel_ppsro[tensorboard]'") from error
    self._make_writer = tensorboard.SummaryWriter
    self._path = path
    self._writer: Any = None
    self._size = 0

  def begin(self, directory: pathlib.Path, settings: Mapping[str, Any]
            ) -> None:
    if self._path is None:
      self._path = directory / "tensorboard"

  def round(self, solver, result, row: Mapping[str, Any]) -> None:
    if self._writer is None:
      # Of a run that is resumed, later rounds come again.
      self._writer = self._make_writer(str(self._path),
                                       purge_step=result.round)
    for name, value in scalars(row).items():
      self._writer.add_scalar(name, value, result.round)
    payoffs = solver.get_meta_game()[0]
    if max(payoffs.shape) >= _GROWTH * self._size and payoffs.ndim == 2:
      self._size = max(payoffs.shape)
      self._writer.add_image("payoffs", heat_map(payoffs), result.round,
                             dataformats="HWC")

  def close(self) -> None:
    if self._writer is not None:
      self._writer.close()
      self._writer = None


class WeightsAndBiases(Callback):
  """Logs scalars to Weights & Biases; steps are rounds."""

  def __init__(self, project: str = "open_spiel_ppsro", **options: Any) -> None:
    """Makes a callback.

    Args:
      project: of Weights & Biases.
      **options: of `wandb.init`, as in `mode="offline"`.

    Raises:
      ValueError: if Weights & Biases is not installed.
    """
    try:
      import wandb  # pylint: disable=g-import-not-at-top
    except ImportError as error:
      raise ValueError("Weights & Biases is not installed: pip install "
                       "'open_spiel_ppsro[wandb]'") from error
    self._wandb = wandb
    self._options = {"project": project, **options}
    self._run: Any = None

  def begin(self, directory: pathlib.Path, settings: Mapping[str, Any]
            ) -> None:
    self._run = self._wandb.init(**{
        "dir": str(directory), "name": directory.name,
        "config": dict(settings), **self._options})

  def round(self, solver, result, row: Mapping[str, Any]) -> None:
    self._run.log(scalars(row), step=result.round)

  def end(self, summary) -> None:
    self._run.summary.update({
        name: value for name, value in summary.as_dict().items()
        if isinstance(value, (int, float, str))})

  def close(self) -> None:
    if self._run is not None:
      self._run.finish()
      self._run = None


def scalars(row: Mapping[str, Any]) -> dict[str, float]:
  """Returns the columns of a row of metrics that are numbers, and known."""
  found = {}
  for name, value in row.items():
    if name != "round" and not math.isnan(float(value)):
      found[name] = float(value)
  return found


def heat_map(payoffs: np.ndarray) -> np.ndarray:
  """Returns a picture `[H, W, 3]`, bytes, of a matrix of payoffs.

  Dark is the lowest payoff, bright the highest.
  """
  spread = np.ptp(payoffs) or 1.0
  shades = (payoffs - payoffs.min()) / spread * (len(_SCALE) - 1)
  image = np.stack([
      np.interp(shades, np.arange(len(_SCALE)), channel)
      for channel in _SCALE.T], axis=-1)
  side = max(1, math.ceil(_PIXELS / max(payoffs.shape)))
  return np.kron(image, np.ones((side, side, 1))).round().astype(np.uint8)


def as_functions(callbacks, row: Callable[[], Mapping[str, Any]]
                 ) -> list[Callable[[Any, Any], None]]:
  """Returns callbacks as functions of `(solver, result)`.

  Args:
    callbacks: functions and `Callback` objects.
    row: returns the row of metrics of the last round.
  """
  def of(callback):
    if not isinstance(callback, Callback):
      return callback
    return lambda solver, result: callback.round(solver, result, row())

  return [of(callback) for callback in callbacks]

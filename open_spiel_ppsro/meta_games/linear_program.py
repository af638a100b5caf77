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

"""Small dense linear programs on HiGHS, silently and on one thread."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import highspy
import numpy as np
import scipy.sparse

# By how much a growing program may miss a limit of a row or of a reduced cost.
# HiGHS takes 1e-10 at least. Its default of 1e-7 is more than the gaps between
# bounds that growing programs serve to close.
_TOLERANCE = 1e-9


class _Highs(highspy.Highs):
  """HiGHS for many small programs, silent."""

  def __init__(self, **options):
    # Past the constructor of highspy.Highs, which prints a banner and sets up
    # callbacks before it can be told not to.
    super(highspy.Highs, self).__init__()
    for name, value in {"output_flag": False, "presolve": "off", "threads": 1,
                        **options}.items():
      self.setOptionValue(name, value)


@dataclasses.dataclass(frozen=True, eq=False)
class Basis:
  """Which columns and slacks of a linear program are basic.

  It stays a basis when nonbasic columns and rows with a basic slack leave the
  program.

  Attributes:
    columns: bool `[N]`.
    slacks: bool `[M]`, one per row.
  """
  columns: np.ndarray
  slacks: np.ndarray

  def grown(self, num_columns: int, num_rows: int) -> "Basis":
    """Returns it with new columns, nonbasic, and new rows, slacks basic."""
    return Basis(
        np.pad(self.columns, (0, num_columns - len(self.columns))),
        np.pad(self.slacks, (0, num_rows - len(self.slacks)),
               constant_values=True))

  def of_highs(self) -> highspy.HighsBasis:
    """Returns it in the form that HiGHS takes."""
    basis = highspy.HighsBasis()
    basis.col_status, basis.row_status = (
        [highspy.HighsBasisStatus.kBasic if is_basic else
         highspy.HighsBasisStatus.kNonbasic for is_basic in part]
        for part in (self.columns, self.slacks))
    basis.valid = True
    return basis


def minimise(
    cost: np.ndarray, matrix: np.ndarray, row_lower: np.ndarray,
    row_upper: np.ndarray,
    start: Basis | None = None,
    options: Mapping[str, Any] | None = None, must_be_optimal: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns `(x, duals)`: the `x >= 0` of least `cost @ x`, and its duals.

  Args:
    cost: `[N]`.
    matrix: `[M, N]`.
    row_lower: `[M]`, the least that `matrix @ x` may be; -inf for no limit.
    row_upper: `[M]`, the most that it may be; inf for no limit.
    start: what the simplex method starts from. It is passed over if it is no
      basis, which is M columns and slacks.
    options: of HiGHS.
    must_be_optimal: if False, what HiGHS ends with is returned even where HiGHS
      does not call it optimal; it is often close, and the caller has to check.

  Returns:
    `[N]` and `[M]`. The reduced cost of a column is its cost less
    `duals @ column`.

  Raises:
    ValueError: if an optimum is asked for and HiGHS does not find it.
  """
  num_rows, num_columns = matrix.shape
  highs = _Highs(**(options or {}))
  highs.passModel(
      num_columns, num_rows, matrix.size, int(highspy.MatrixFormat.kRowwise),
      int(highspy.ObjSense.kMinimize), 0.0, cost, np.zeros(num_columns),
      np.full(num_columns, highspy.kHighsInf), row_lower, row_upper,
      np.arange(num_rows + 1) * num_columns,
      np.tile(np.arange(num_columns), num_rows), np.ravel(matrix),
      np.zeros(num_columns, int))
  if start is not None and (
      start.columns.sum() + start.slacks.sum() == num_rows):
    highs.setBasis(start.of_highs())
  highs.run()
  status = highs.getModelStatus()
  if must_be_optimal and status != highspy.HighsModelStatus.kOptimal:
    raise ValueError(
        f"HiGHS could not solve a linear program of {num_rows} rows and "
        f"{num_columns} columns: {highs.modelStatusToString(status)}")
  solution = highs.getSolution()
  return np.asarray(solution.col_value), np.asarray(solution.row_dual)


class GrowingProgram:
  """A linear program that gains rows and columns between its solutions.

  It seeks the `x` of least `cost @ x` for which the first row of `matrix @ x`
  is 1 and no other is negative. Each solution starts from the basis of the one
  before, grown.
  """

  def __init__(self, num_free: int, basis: Basis):
    """Makes a program without rows and columns.

    Args:
      num_free: how many columns, the first ones, may be negative.
      basis: where the first solution starts; it grows to what the program
        then is.
    """
    self._num_free = num_free
    self._start = basis
    self._num_rows = self._num_columns = 0
    self._highs = _Highs()
    for kind in ("primal", "dual"):
      self._highs.setOptionValue(f"{kind}_feasibility_tolerance", _TOLERANCE)
    # Rows and columns are payoffs of one unit; scaling them takes a tenth of
    # the time and gives nothing back.
    self._highs.setOptionValue("simplex_scale_strategy", 0)

  def solve(self, cost: np.ndarray,
            matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns `(x, duals)`, or None where HiGHS does not find the optimum.

    Args:
      cost: `[N]`; its first entries are those of the last call.
      matrix: `[M, N]`; its first rows and columns are those of the last call.

    Returns:
      `[N]` and `[M]`. The reduced cost of a column is its cost less
      `duals @ column`.
    """
    is_first = not self._num_rows
    self._add_columns(cost[self._num_columns:],
                      matrix[:self._num_rows, self._num_columns:])
    self._add_rows(matrix[self._num_rows:])
    if is_first:
      self._highs.changeRowBounds(0, 1.0, 1.0)
      self._highs.setBasis(self._start.grown(
          self._num_columns, self._num_rows).of_highs())
    self._highs.run()
    if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
      return None
    solution = self._highs.getSolution()
    return np.asarray(solution.col_value), np.asarray(solution.row_dual)

  def _add_columns(self, cost, matrix):
    count = len(cost)
    lower = np.zeros(count)
    lower[:max(0, self._num_free - self._num_columns)] = -highspy.kHighsInf
    columns = scipy.sparse.csc_array(matrix)
    self._highs.addCols(
        count, cost, lower, np.full(count, highspy.kHighsInf), columns.nnz,
        columns.indptr[:-1], columns.indices, columns.data)
    self._num_columns += count

  def _add_rows(self, matrix):
    count = len(matrix)
    rows = scipy.sparse.csr_array(matrix)
    self._highs.addRows(
        count, np.zeros(count), np.full(count, highspy.kHighsInf), rows.nnz,
        rows.indptr[:-1], rows.indices, rows.data)
    self._num_rows += count

  def basis(self) -> Basis:
    """Returns the basis of the last solution."""
    found = self._highs.getBasis()
    basic = highspy.HighsBasisStatus.kBasic
    return Basis(np.array([s == basic for s in found.col_status], bool),
                 np.array([s == basic for s in found.row_status], bool))

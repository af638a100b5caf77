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
from typing import Any

import highspy
import numpy as np


class _Highs(highspy.Highs):
  """HiGHS for many small programs, silent."""

  def __init__(self, **options):
    # Past the constructor of highspy.Highs, which prints a banner and sets up
    # callbacks before it can be told not to.
    super(highspy.Highs, self).__init__()
    for name, value in {"output_flag": False, "presolve": "off", "threads": 1,
                        **options}.items():
      self.setOptionValue(name, value)


def minimise(
    cost: np.ndarray, matrix: np.ndarray, row_lower: np.ndarray,
    row_upper: np.ndarray,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    options: Mapping[str, Any] | None = None, must_be_optimal: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns `(x, duals)`: the `x >= 0` of least `cost @ x`, and its duals.

  Args:
    cost: `[N]`.
    matrix: `[M, N]`.
    row_lower: `[M]`, the least that `matrix @ x` may be; -inf for no limit.
    row_upper: `[M]`, the most that it may be; inf for no limit.
    start: two boolean arrays, `[M]` and `[N]`: which rows are expected at their
      upper limits, and which columns above zero. If they are equally many, they
      are the basis that the simplex method starts from.
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
  if start is not None and start[0].sum() == start[1].sum() > 0:
    highs.setBasis(_basis(*start))
  highs.run()
  status = highs.getModelStatus()
  if must_be_optimal and status != highspy.HighsModelStatus.kOptimal:
    raise ValueError(
        f"HiGHS could not solve a linear program of {num_rows} rows and "
        f"{num_columns} columns: {highs.modelStatusToString(status)}")
  solution = highs.getSolution()
  return np.asarray(solution.col_value), np.asarray(solution.row_dual)


def _basis(is_tight_row, is_positive_column):
  status = highspy.HighsBasisStatus
  basis = highspy.HighsBasis()
  basis.row_status = [status.kUpper if is_tight else status.kBasic
                      for is_tight in is_tight_row]
  basis.col_status = [status.kBasic if is_positive else status.kLower
                      for is_positive in is_positive_column]
  basis.valid = True
  return basis

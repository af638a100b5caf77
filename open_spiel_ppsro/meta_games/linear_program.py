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

import highspy
import numpy as np


class _Highs(highspy.Highs):
  """HiGHS for many small programs, silent."""

  def __init__(self):
    # Past the constructor of highspy.Highs, which prints a banner and sets up
    # callbacks before it can be told not to.
    super(highspy.Highs, self).__init__()
    self.setOptionValue("output_flag", False)
    self.setOptionValue("presolve", "off")
    self.setOptionValue("threads", 1)


def minimise(cost, matrix, row_lower, row_upper):
  """Returns `(x, duals)`: the `x >= 0` of least `cost @ x`, and its duals.

  Args:
    cost: `[N]`.
    matrix: `[M, N]`.
    row_lower: `[M]`, the least that `matrix @ x` may be; -inf for no limit.
    row_upper: `[M]`, the most that it may be; inf for no limit.

  Returns:
    `[N]` and `[M]`. The reduced cost of a column is its cost less
    `duals @ column`.

  Raises:
    ValueError: if there is no such x, or if HiGHS does not find it.
  """
  num_rows, num_columns = matrix.shape
  program = highspy.HighsLp()
  program.num_row_, program.num_col_ = num_rows, num_columns
  program.col_cost_ = np.asarray(cost, float)
  program.col_lower_ = np.zeros(num_columns)
  program.col_upper_ = np.full(num_columns, highspy.kHighsInf)
  program.row_lower_ = np.asarray(row_lower, float)
  program.row_upper_ = np.asarray(row_upper, float)
  rows = program.a_matrix_
  rows.format_ = highspy.MatrixFormat.kRowwise
  rows.num_row_, rows.num_col_ = num_rows, num_columns
  rows.start_ = np.arange(num_rows + 1) * num_columns
  rows.index_ = np.tile(np.arange(num_columns), num_rows)
  rows.value_ = np.ravel(matrix)
  highs = _Highs()
  highs.passModel(program)
  highs.run()
  if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
    raise ValueError(
        f"HiGHS could not solve a linear program of {num_rows} rows and "
        f"{num_columns} columns: "
        f"{highs.modelStatusToString(highs.getModelStatus())}")
  solution = highs.getSolution()
  return np.asarray(solution.col_value), np.asarray(solution.row_dual)

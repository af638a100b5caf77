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

"""Rows that grow: what was written stays, and ranges are not copied."""

from absl.testing import absltest
import numpy as np

from open_spiel_ppsro.evaluation import growing_rows


class GrowingRowsTest(absltest.TestCase):

  def test_rows_stay_as_they_were_written(self):
    growing = growing_rows.GrowingRows(3)
    expected = np.zeros((0, 3))
    rng = np.random.default_rng(0)
    for size in (1, 1, 2, 5, 6, 40):
      growing.grow(size)
      new = rng.normal(size=(size - len(expected), 3))
      np.testing.assert_array_equal(growing.rows[len(expected):], 0 * new)
      growing.rows[len(expected):] = new
      expected = np.concatenate([expected, new])
      np.testing.assert_array_equal(growing.rows, expected)

  def test_chosen_rows(self):
    growing = growing_rows.GrowingRows(2)
    growing.grow(5)
    growing.rows[:] = np.arange(10).reshape(5, 2)
    for indices, is_view in (([], False), ([3], True), ([0, 1, 2, 3, 4], True),
                             ([1, 2], True), ([2, 1], False), ([0, 2], False),
                             ([1, 1], False)):
      chosen = growing.chosen(indices)
      np.testing.assert_array_equal(
          chosen, growing.rows[np.array(indices, int)])
      self.assertEqual(np.shares_memory(chosen, growing.rows), is_view, indices)


if __name__ == "__main__":
  absltest.main()

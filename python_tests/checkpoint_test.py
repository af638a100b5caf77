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

"""Tests of checkpoint files: what comes back, and what is refused."""

import json

from absl.testing import absltest
from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from open_spiel_ppsro import plain_data
import testing

DATA = {"numbers": [1, -2.5, 2 ** 100, float("inf"), True, None, "text"],
        "matrix": np.arange(6.0).reshape(2, 3), "empty": np.zeros((0, 3)),
        "single": np.float32(2.5) * np.ones((2, 1), np.float32),
        "nested": [{"mask": np.array([True, False]), "scalar": np.array(3)}]}


arrays = st.builds(
    lambda values, dtype: np.array(values).astype(dtype),
    st.lists(st.integers(0, 100), max_size=5),
    st.sampled_from(["f8", "f4", "i8", "u1", "?"]))
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | arrays,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(max_size=5), inner, max_size=4), max_leaves=12)


class CheckpointTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "checkpoint.npz"

  @hypothesis.given(trees)
  @hypothesis.settings(max_examples=100)
  @pytest.mark.slow
  def test_comes_back(self, data):
    plain_data.write(self.path, data)
    self.assertEmpty(testing.differences(plain_data.read(self.path), data))

  @hypothesis.given(st.data())
  @hypothesis.settings(max_examples=200)
  @pytest.mark.slow
  def test_damage_is_found_or_does_no_harm(self, choice):
    plain_data.write(self.path, DATA)
    content = bytearray(self.path.read_bytes())
    if choice.draw(st.booleans()):
      for _ in range(choice.draw(st.integers(1, 4))):
        place = choice.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << choice.draw(st.integers(0, 7))
    else:
      content = content[:choice.draw(st.integers(0, len(content) - 1))]
    self.path.write_bytes(content)
    try:
      found = plain_data.read(self.path)
    except ValueError as error:
      self.assertIn(str(self.path), str(error))
      self.assertLen(str(error).splitlines(), 1)
    else:
      self.assertEmpty(testing.differences(found, DATA))

  def test_foreign_and_future_files(self):
    np.savez(self.path, weights=np.ones(3))
    with self.assertRaisesRegex(ValueError, "not a checkpoint of open_spiel"):
      plain_data.read(self.path)
    np.savez(self.path, structure=np.frombuffer(json.dumps({
        "format": "open_spiel_ppsro checkpoint", "version": 7,
        "data": 1}).encode(), np.uint8))
    with self.assertRaisesRegex(ValueError, "of version 7; .* reads version 1"):
      plain_data.read(self.path)
    np.savez(self.path, structure=np.array([print], dtype=object))
    with self.assertRaisesRegex(ValueError, "damaged: Object arrays"):
      plain_data.read(self.path)

  @parameterized.parameters(({"a": {1, 2}},), ({1: 2},), ([object()],),
                            (np.array(["text"]),))
  def test_refuses_what_it_cannot_hold(self, data):
    with self.assertRaises(TypeError):
      plain_data.write(self.path, data)
    self.assertEmpty(list(self.path.parent.iterdir()))


if __name__ == "__main__":
  absltest.main()

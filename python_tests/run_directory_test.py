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

"""Tests of run_directory: what is written is read back; bad places refused."""

import os

from absl.testing import absltest
from open_spiel.python.algorithms import exploitability

from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.runs import metrics as metrics_lib
from open_spiel_ppsro.runs import run_directory
import testing

ROW = {name: index for index, name in enumerate(metrics_lib.METRICS)}
LEVEL = {name: index for index, name in enumerate(metrics_lib.LEVELS)}


class RunDirectoryTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "a" / "run"

  def test_settings_and_metrics_come_back(self):
    directory = run_directory.RunDirectory(self.path)
    directory.start({"seed": 3, "sizes": (1, 2)})
    directory.append_metrics(ROW, [LEVEL])
    directory.append_metrics(ROW | {"round": 7},
                             [LEVEL, LEVEL | {"mean_return": "-0.5"}])
    self.assertEqual(run_directory.read_config(self.path),
                     {"seed": 3, "sizes": [1, 2]})
    metrics = run_directory.read_metrics(self.path)
    self.assertEqual(list(metrics), list(metrics_lib.METRICS))
    self.assertEqual(metrics["round"], [0, 7])
    levels = run_directory.read_levels(self.path)
    self.assertEqual(list(levels), list(metrics_lib.LEVELS))
    self.assertEqual(levels["mean_return"], [4, 4, -.5])

  def test_a_row_with_other_columns_is_refused(self):
    directory = run_directory.RunDirectory(self.path)
    directory.start({})
    with self.assertRaisesRegex(ValueError, "has the keys round"):
      directory.append_metrics(ROW | {"more": 1})
    with self.assertRaisesRegex(ValueError, "has the keys round"):
      directory.append_metrics({"round": 1})
    with self.assertRaisesRegex(ValueError, "has the keys round"):
      directory.append_metrics(ROW, [ROW])

  def test_policy_comes_back_as_openspiels(self):
    tree = game_tree.enumerate_game("kuhn_poker(players=3)")
    tables = [testing.random_table(tree, player, player)
              for player in range(3)]
    directory = run_directory.RunDirectory(self.path)
    storage.write_policy(directory.path, tabular.BestResponsePolicy(
        tree.game, dict(enumerate(zip(tree.infostates, tables)))))
    pi = storage.read_policy(self.path)
    plans = [sequence_form.realization_plan(tree, table, player)
             for player, table in enumerate(tables)]
    self.assertAlmostEqual(exploitability.nash_conv(tree.game, pi),
                           sequence_form.nash_conv(tree, plans), places=9)
    # Nothing but the policy is left behind.
    self.assertEqual(os.listdir(self.path), [run_directory.FINAL_POLICY])

  def test_what_is_damaged_is_named(self):
    with self.assertRaisesRegex(ValueError, "there is no run in .*: metrics"):
      run_directory.read_metrics(self.path)
    with self.assertRaisesRegex(ValueError, "there is no run that has ended"):
      run_directory.read_result(self.path)
    directory = run_directory.RunDirectory(self.path)
    directory.start({})
    directory.append_metrics(ROW)
    metrics = self.path / "metrics.csv"
    kept = metrics.read_text()
    for text, message in (
        (kept + "garbage\n", "line 3 of .*metrics.csv is damaged"),
        (kept.replace("1,2,", "1,two,"), "could not convert .*: 'two'"),
        ("a,b\n1,2\n", "has other columns")):
      metrics.write_text(text)
      with self.assertRaisesRegex(ValueError, message):
        run_directory.read_metrics(self.path)
      with self.assertRaisesRegex(ValueError, message):
        directory.resume({}, 2)
      self.assertEqual(metrics.read_text(), text)
    # What comes after the checkpoint is dropped, whatever it is.
    metrics.write_text(kept + "garbage\n")
    directory.resume({}, 1)
    self.assertEqual(metrics.read_text(), kept)

  def test_refuses_places_that_cannot_be_written_to(self):
    self.path.parent.mkdir()
    self.path.write_text("a file")
    for path in (self.path, self.path / "below", "/proc/none"):
      with self.assertRaisesRegex(ValueError, "cannot write to the output"):
        run_directory.RunDirectory(path)


if __name__ == "__main__":
  absltest.main()

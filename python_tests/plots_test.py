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

"""Tests of report: curves, their mean and range, tables and pictures."""

import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from open_spiel_ppsro.runs import metrics
from open_spiel_ppsro.runs import plots
from open_spiel_ppsro.runs import run_directory
import testing

STEPS = (np.array([10., 20., 40.]), np.array([1., .5, .25]))
LATER = (np.array([15., 30.]), np.array([2., 1.]))


def write_run(path, exploitabilities, episodes, cce_gap=float("nan"),
              least=float("nan")):
  directory = run_directory.RunDirectory(path)
  directory.start({"game_name": "kuhn_poker", "scheme": "pipeline",
                          "oracle": "ppo", "seed": 1})
  for index, value in enumerate(exploitabilities):
    row = dict.fromkeys(metrics.METRICS, 0)
    directory.append_metrics(row | {
        "round": index + 1, "wall_seconds": index + .5,
        "episodes": episodes * (index + 1), "policies": 5,
        "nash_conv_frozen": 2 * value, "exploitability_frozen": value,
        "nash_conv_all": 2 * value,
        "cce_gap_frozen": cce_gap, "cce_gap_all": cce_gap,
        "exploitability_least": least})


class CurvesTest(parameterized.TestCase):

  @parameterized.parameters(
      (5, np.nan), (10, 1), (19, 1), (20, .5), (39.9, .5), (40, .25), (99, .25))
  def test_value_at(self, x, value):
    np.testing.assert_array_equal(plots.value_at(STEPS, x), value)

  def test_mean_and_range_where_all_have_values(self):
    x, mean, lowest, highest = plots.mean_and_range([STEPS, LATER])
    np.testing.assert_array_equal(x, [15, 20, 30])
    np.testing.assert_array_equal(lowest, [1, .5, .5])
    np.testing.assert_array_equal(highest, [2, 2, 1])
    np.testing.assert_array_equal(mean, [1.5, 1.25, .75])

  def test_a_seed_may_end_before_another_begins(self):
    curves = [([1, 2], [.5, .4]), ([3, 4], [.2, .1])]
    self.assertEqual([values.tolist() for values in
                      plots.mean_and_range(curves)],
                     [[3], [(.4 + .2) / 2], [.2], [.4]])
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / "curves.png"
      plots.plot_curves(path, "", [("seconds", True, {"a": curves}, {})])
      self.assertGreater(path.stat().st_size, 0)

  @parameterized.parameters(([2.], "2"), ([1., 3.], "2 (1 - 3)"))
  def test_spread(self, values, text):
    self.assertEqual(plots.spread(values), text)

  def test_table_of_curves(self):
    lines = plots.curves_table({"a": [STEPS], "long name": [STEPS, LATER]}
                                ).splitlines()
    self.assertLen(lines, 3)
    self.assertTrue(lines[2].startswith("long name"))
    self.assertEqual(lines[0].split()[-1], "30")
    self.assertEqual(lines[1].split()[-1], "0.5")
    self.assertTrue(lines[2].endswith("0.75 (0.5 - 1)"))


class RunsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  def assertIsPicture(self, path):
    self.assertEqual(pathlib.Path(path).read_bytes()[:4], b"\x89PNG")

  def test_runs_of_different_length_are_compared_at_equal_episodes(self):
    write_run(self.path / "a", [.9, .6, .3], 100)
    write_run(self.path / "b", [.8, .4], 100)
    table = plots.comparison_table({"one": [self.path / "a"],
                                     "two": [self.path / "b"]})
    header, one, two = table.splitlines()
    self.assertIn("at 200 episodes", header)
    self.assertEqual(one.split()[:3], ["one", "0.3", "0.6"])
    self.assertEqual(two.split()[:3], ["two", "0.4", "0.4"])
    self.assertEqual(one.split()[3:5], ["3", "5"])

  def test_without_episodes_there_is_no_such_column(self):
    write_run(self.path / "a", [.9], 0)
    table = plots.comparison_table({"one": [self.path / "a"]})
    self.assertNotRegex(table.splitlines()[0], r"at [0-9,]+ episodes")

  @pytest.mark.slow
  def test_pictures(self):
    for name, episodes in (("a", 100), ("b", 0)):
      write_run(self.path / name, [.9, .6, 0], episodes)
      self.assertIsPicture(plots.plot_run(self.path / name))
    curves = {"one": [plots.read_curve(self.path / "a")]}
    self.assertIsPicture(plots.plot_curves(
        self.path / "c.png", "title", [("episodes", True, curves, curves),
                                       ("rounds", False, curves, {})]))

  def test_what_cannot_be_shown_is_told(self):
    write_run(self.path / "a", [np.nan], 100)
    for show, message in (
        (lambda: plots.plot_run(self.path / "a"), "there is nothing to draw"),
        (lambda: plots.plot_run(self.path / "none"), "there is no run in"),
        (lambda: plots.read_curve(self.path / "a", "time"),
         "no column 'time' in metrics; x takes one of round"),
        (lambda: plots.comparison_table({"a": "runs/x"}),
         "the runs of 'a' are 'runs/x'; they take a list")):
      with self.assertRaisesRegex(ValueError, message):
        show()

  def test_what_is_drawn_over_what(self):
    for episodes, x_label, xs in ((100, "episodes", [100, 200]),
                                  (0, "rounds", [1, 2])):
      path = self.path / x_label
      write_run(path, [.9, .6], episodes)
      with mock.patch.object(plots, "save_figure") as save:
        plots.plot_run(path)
      (figure, _), _ = save.call_args
      left, right = figure.axes
      self.assertEqual((left.get_xlabel(), right.get_xlabel()),
                       ("wall seconds", x_label))
      self.assertEqual((left.get_yscale(), right.get_yscale()), ("log", "log"))
      np.testing.assert_array_equal(right.lines[1].get_xdata(), xs)
      np.testing.assert_array_equal(right.lines[1].get_ydata(), [1.8, 1.2])

  def test_a_correlated_run_shows_its_cce_gap(self):
    for gap, label, num_lines in ((float("nan"), "NashConv", 2),
                                  (0.25, "CCE gap", 4)):
      write_run(self.path / label, [.9, .6], 100, gap, least=gap)
      with mock.patch.object(plots, "save_figure") as save:
        plots.plot_run(self.path / label)
      (figure, _), _ = save.call_args
      axis = figure.axes[0]
      self.assertEqual(axis.get_ylabel(), label)
      self.assertLen(axis.lines, num_lines)
      solid = [line for line in axis.lines if line.get_linestyle() == "-"]
      self.assertLen(solid, 2)
      np.testing.assert_array_equal(
          solid[1].get_ydata(), [1.8, 1.2] if np.isnan(gap) else [gap, gap])

  def test_published_figures(self):
    path = self.path / "published.csv"
    path.write_text("# source\nscheme,seed,policies,episodes,exploitability\n"
                    "naive,1,1,10,3\nnaive,1,2,20,2.5\nnaive,2,1,15,2\n")
    published = plots.read_published(path)
    self.assertEqual(list(published), ["naive"])
    self.assertLen(published["naive"], 2)
    np.testing.assert_array_equal(published["naive"][0], [[10, 20], [3, 2.5]])


if __name__ == "__main__":
  absltest.main()

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


"""Tests of reports: what is read, what is drawn, and the page in a browser."""

import json
import pathlib
import re
import shutil
import tempfile
from unittest import mock
from xml.etree import ElementTree

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import browser
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.reports import curves
from open_spiel_ppsro.reports import picture as picture_lib
from open_spiel_ppsro.reports import run_figures
from open_spiel_ppsro.reports import run_record
from open_spiel_ppsro.runs import run_directory
import testing

PPO = ppsro.PPOConfig(episodes_per_batch=512, hidden_sizes=(16,))
FIGURES = ("pipeline", "payoffs", "meta_strategy", "population", "gaps", "time")
CURVES = tuple(f"exploitability_{x}" for x in ("seconds", "rounds", "episodes"))


def play(path, scheme="pipeline", seed=1, game="kuhn_poker", rounds=24,
         config=PPO, **options):
  ppsro.run(game, scheme, config, seed=seed, output_dir=path,
            plateau={"min_steps": 3000},
            limits=ppsro.Limits(1e9, max_rounds=rounds), **options)
  return path


def strip(path, history=True, checkpoints=True, columns=()):
  """Makes a run one of an older version, which recorded less."""
  if history:
    (path / "history.jsonl").unlink()
  if checkpoints:
    for checkpoint in path.glob("checkpoint_*"):
      checkpoint.unlink()
  metrics = path / "metrics.csv"
  rows = [line.split(",") for line in metrics.read_text().splitlines()]
  kept = [i for i, name in enumerate(rows[0]) if name not in columns]
  metrics.write_text("".join(
      ",".join(row[i] for i in kept) + "\n" for row in rows))


def make_class_directory(cls):
  """Returns a new directory that is gone after the tests of a class."""
  temporary = tempfile.TemporaryDirectory()
  cls.addClassCleanup(temporary.cleanup)
  return pathlib.Path(temporary.name)


def copy_of(test, run):
  """Returns the path of a copy of a run directory."""
  path = testing.make_directory(test) / run.name
  shutil.copytree(run, path)
  return path


@pytest.mark.slow
@pytest.mark.slow
class RecordTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = make_class_directory(cls)
    cls.results = []
    cls.path = play(cls.folder / "run", callbacks=[
        lambda solver, result: cls.results.append((
            result, solver.population.sizes(),
            [weights.copy() for weights in solver.get_meta_strategies()],
            solver.population.frozen_indices()))])
    cls.record = run_record.read(cls.path)

  def test_lives_are_those_of_the_rounds(self):
    frozen = {}
    for result, *_ in self.results:
      frozen.update({policy_id: result.round for policy_id in result.frozen})
    self.assertNotEmpty(frozen)
    for population, lives in enumerate(self.record.lives):
      self.assertLen(lives, self.results[-1][1][population])
      for life in lives[1:]:
        trained = [
            (result.round, level.stationary) for result, *_ in self.results
            for level in result.levels
            if level.policy_id == (population, life.index)]
        self.assertEqual(list(zip(life.rounds, life.settled)), trained)
        self.assertEqual(life.frozen_in,
                         frozen.get((population, life.index)))
        self.assertEqual(sum(last - first + 1 for first, last, _
                             in life.segments()), len(trained))

  def test_meta_strategies_are_those_of_the_rounds(self):
    rounds = np.array([result.round for result, *_ in self.results])
    for population in range(2):
      table = self.record.meta_strategy_at(rounds, population)
      first = self.record.meta_strategies[0][0]
      for number, (_, _, weights, indices), row in zip(
          rounds, self.results, table):
        if number < first:  # The initial policy, of which nothing is said.
          self.assertTrue(np.isnan(row).all())
          continue
        expected = np.zeros(len(row))
        expected[list(indices[population])] = weights[population]
        np.testing.assert_allclose(row, expected, atol=1e-4)

  def test_gaps_are_those_of_the_best_response(self):
    found = [life for lives in self.record.lives for life in lives
             if life.gap is not None]
    self.assertLen(found, sum(len(result.frozen) for result, *_
                              in self.results))
    for life in found:
      self.assertGreaterEqual(life.gap, -1e-9)
      self.assertLess(life.gap, 4)  # No more than the game has to give.

  def test_payoffs_are_those_of_the_checkpoint(self):
    rows, columns, matrix = self.record.payoff_matrix()
    state = run_directory.read_checkpoint(self.path)["solver"]
    self.assertEqual(rows, sorted(state["population"]["frozen"][0]))
    np.testing.assert_array_equal(
        matrix, state["payoffs"][0][np.ix_(rows, columns)])

  def test_duplicates(self):
    for population in range(2):
      payoffs = self.record.own_payoffs(population)
      indices = self.record.answer(population)
      found = self.record.duplicates(population)
      tolerance = run_record.DUPLICATE_SHARE * np.ptp(payoffs)
      for row, index in enumerate(indices):
        alike = [
            other for k, other in enumerate(indices[:row])
            if other not in found
            and np.abs(payoffs[k] - payoffs[row]).max() <= tolerance]
        self.assertEqual(index in found, bool(alike))
        if alike:
          self.assertIn(found[index], alike)

  def test_segments(self):
    life = run_record.Life(0, 1, rounds=[2, 3, 4, 7, 8],
                           settled=[False, False, True, True, False])
    self.assertEqual(life.segments(), [
        (2, 3, "training"), (4, 4, "settled"), (5, 6, "waiting"),
        (7, 7, "settled"), (8, 8, "training")])

  @parameterized.parameters(
      (True, False, (), {"meta_strategy", "gaps"}),
      (False, True, (), {"payoffs"}),
      (True, True, ("training_seconds", "evaluation_seconds",
                    "round_seconds"),
       {"meta_strategy", "gaps", "payoffs", "time"}))
  @pytest.mark.sweep(1)
  def test_what_an_older_run_did_not_record_is_said(
      self, history, checkpoints, columns, absent):
    path = copy_of(self, self.path)
    strip(path, history, checkpoints, columns)
    record = run_record.read(path)
    for name in FIGURES:
      picture = run_figures.FIGURES[name](record, name, 3.4)
      self.assertEqual(picture.figure is None, name in absent, name)
      self.assertEqual(bool(picture.missing), name in absent, name)
    page = ppsro.report(path, path / "page.html").read_text()
    self.assertEqual(page.count("Not shown."), len(absent))
    # Whatever was there before is still known.
    self.assertEqual([life.rounds for life in record.lives[0]],
                     [life.rounds for life in self.record.lives[0]])

  @pytest.mark.thorough
  def test_a_run_that_goes_on_is_read(self):
    path = copy_of(self, self.path)
    (path / "result.json").unlink()
    for name in ("metrics.csv", "levels.csv", "history.jsonl"):
      text = (path / name).read_text()
      (path / name).write_text(text[:-7])  # Its last line is half written.
    record = run_record.read(path)
    self.assertEqual(record.num_rounds, self.record.num_rounds - 1)
    self.assertIn("not ended",
                  ppsro.report(path, path / "page.html").read_text())

  @parameterized.parameters(
      (lambda run, out: ppsro.report([], out), "name a run directory"),
      (lambda run, out: ppsro.report(run.parent, out), "there is no run in"),
      (lambda run, out: ppsro.report(run, out, 0), "width_inches is 0"),
      (lambda run, out: ppsro.report(run, run), "is a directory"),
      (lambda run, out: ppsro.report(run, run / "config.json"),
       "is there and is no report"))
  def test_wrong_input(self, call, message):
    before = (self.path / "config.json").read_bytes()
    with self.assertRaisesRegex(ValueError, message):
      call(self.path, self.folder / "page.html")
    self.assertEqual((self.path / "config.json").read_bytes(), before)
    self.assertFalse((self.folder / "page.html").exists())


class GapTest(parameterized.TestCase):

  @parameterized.parameters(
      ("kuhn_poker", ppsro.Pipeline(2), "nash"),
      ("kuhn_poker", ppsro.Rectified(), "nash"),
      ("kuhn_poker(players=3)", ppsro.NaiveParallel(2), "cce"))
  @pytest.mark.slow
  def test_the_gap_is_what_an_exact_response_gains(self, game, scheme, method):
    oracle, solver = testing.make_solver(game, PPO, scheme, seed=1,
                                         meta_strategy_method=method)
    tree = solver.played_game
    with oracle:
      for _ in range(4):
        result = solver.round()
        for level in result.levels:
          player = tree.player_of(level.policy_id.player)
          # The reference plays each profile of opponents by itself.
          mixtures = solver._evaluator.opponents(
              level.opponents, solver.population)
          if level.opponents.joint is None:
            response = ppsro.best_response(tree, [
                np.einsum("k,ks->s", mixture.probabilities,
                          ppsro.realization_plan(tree, mixture.tables(), seat))
                for seat, mixture in enumerate(mixtures)], player)
            best = response.value
          else:
            reach = sum(
                probability * _reach(tree, mixtures, profile, player)
                for profile, probability in zip(mixtures.profiles,
                                                mixtures.probabilities))
            best = sequence_form.best_value_of_reach(
                tree, reach, player)
          self.assertAlmostEqual(
              solver.best_response_gap(level), best - level.payoff, places=9)


def _reach(tree, mixtures, profile, player):
  """Returns the reach of all but a player where each has one policy."""
  reach = tree.terminal_chance.copy()
  for seat, position in enumerate(profile):
    if seat != player:
      plan = ppsro.realization_plan(
          tree, mixtures[seat].snapshots[position].table, seat)
      reach *= plan[tree.terminal_sequences[seat]]
  return reach


class PicturesTest(parameterized.TestCase):

  def test_groups_are_told_apart_by_what_differs(self):
    def run(scheme, oracle, seed):
      return mock.Mock(config={"scheme": scheme, "oracle": oracle,
                               "seed": seed, "meta_strategy": "nash"})

    runs = [run("pipeline", "ppo", 2), run("pipeline", "ppo", 1),
            run("naive", "ppo", 1)]
    groups = curves.grouped(runs)
    self.assertEqual(list(groups), ["pipeline", "naive"])
    self.assertEqual(groups["pipeline"], [runs[1], runs[0]])
    self.assertIn("naive, dqn",
                  curves.grouped(runs + [run("naive", "dqn", 1)]))

  @parameterized.parameters(1, 3)
  @pytest.mark.slow
  def test_points_lie_where_they_are_drawn(self, seeds):
    records = [mock.Mock(
        config={"scheme": "pipeline", "seed": seed},
        metrics={"round": np.array([1., 2., 4.]),
                 "exploitability_frozen": seed * np.array([1., .5, .1])},
        column=lambda name, seed=seed: (
            seed * np.array([1., .5, .1])
            if name == "exploitability_frozen" else None))
        for seed in range(1, 1 + seeds)]
    picture = curves.draw({"pipeline": records}, "round", "rounds", "a", "b",
                          3.4)
    points = picture.marks()["points"]
    self.assertLen(points, 3)
    self.assertIn(f"{(1 + seeds) / 2:.4g}", points[0][2])
    self.assertEqual("(1 to 3)" in points[0][2], seeds == 3)
    svg = ElementTree.fromstring(picture.svg())
    _, _, width, height = map(float, svg.get("viewBox").split())
    self.assertAlmostEqual(width, 3.4 * 72, places=1)
    (line,) = [  # The curve: the only path of its colour that is not filled.
        path for path in svg.iter("{http://www.w3.org/2000/svg}path")
        if "clip-path" in path.attrib
        and picture_lib.COLOURS[0].lower() in path.get("style", "")]
    drawn = [tuple(map(float, numbers)) for numbers in re.findall(
        r"[ML] ([\d.]+) ([\d.]+)", line.get("d"))]
    for x, y, _ in points:
      self.assertTrue(0 < x < width and 0 < y < height)
      self.assertLess(min(np.hypot(x - a, y - b) for a, b in drawn), 0.5)

  def test_bounds_of_a_sampled_run_are_a_band(self):
    nan = np.full(3, np.nan)
    metrics = {"round": np.array([1., 2., 3.]), "exploitability_frozen": nan,
               "cce_gap_frozen": nan,
               "exploitability_low": np.array([.5, .4, .3]),
               "exploitability_high": np.array([2., 1., .9])}
    record = run_record.RunRecord(
        pathlib.Path("x"), {"scheme": "pipeline"}, {}, metrics, (), [], None,
        ())
    picture = curves.draw({"pipeline": [record]}, "round", "rounds", "a", "b",
                          3.4)
    self.assertIn("between 0.4 and 1", picture.points[1][3])
    del metrics["exploitability_high"]
    self.assertIn("sampled", curves.draw(
        {"pipeline": [record]}, "round", "rounds", "a", "b", 3.4).missing)

  def test_colours_differ_in_greyscale(self):
    def lightness(colour):
      red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
      return 0.299 * red + 0.587 * green + 0.114 * blue

    for one, other in ((0, 1), (1, 3), (0, 3)):
      self.assertGreater(abs(lightness(picture_lib.COLOURS[one])
                             - lightness(picture_lib.COLOURS[other])), 25)


@pytest.mark.slow
@pytest.mark.slow
class PageTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = make_class_directory(cls)
    runs = [play(cls.folder / "one", rounds=12),
            play(cls.folder / "two", rounds=12, seed=2),
            play(cls.folder / "rectified", "rectified", rounds=12)]
    cls.page = ppsro.report(runs, cls.folder / "page.html")
    cls.pictures = [*CURVES, *(f"{name}-{scheme}" for name in FIGURES
                               for scheme in ("pipeline", "rectified"))]

  def test_the_pictures_are_files_too(self):
    text = self.page.read_text()
    names = {path.name for path in (self.folder / "page_pictures").iterdir()}
    expected = set(self.pictures)
    for name in list(expected):
      if f'id="{name}" class="missing"' in text:
        expected.remove(name)
    self.assertEqual(names, {f"{name}.{kind}" for name in expected
                             for kind in ("png", "svg")})
    for name in expected:
      svg = (self.folder / "page_pictures" / f"{name}.svg").read_text()
      ElementTree.fromstring(svg)
      self.assertIn(svg.split(">", 1)[1][:200], text)

  @pytest.mark.thorough
  def test_the_same_runs_make_the_same_report(self):
    again = ppsro.report(
        [self.folder / name for name in ("one", "two", "rectified")],
        self.folder / "again" / "page.html")
    self.assertEqual(again.read_bytes(), self.page.read_bytes())

  def test_runs_of_two_games_are_refused(self):
    other = play(self.folder / "other", game="matrix_mp", rounds=2)
    with self.assertRaisesRegex(ValueError, "kuhn_poker and matrix_mp"):
      ppsro.report([self.folder / "one", other], self.folder / "x.html")

  @pytest.mark.slow
  @absltest.skipUnless(browser.find(), "there is no Chromium on this machine; "
                       "Debian's package is called chromium")
  def test_the_page_in_a_browser(self):
    with browser.Browser(testing.make_directory(self)) as chrome:
      chrome.open(self.page)
      self.assertEqual(chrome.requests, [self.page.resolve().as_uri()])
      figures = json.loads(chrome.evaluate("""JSON.stringify(
          [...document.querySelectorAll("figure")].map(figure => {
            const box = figure.querySelector("svg")?.getBoundingClientRect();
            return [figure.id, figure.className, box?.width, box?.height];
          }))"""))
      self.assertCountEqual([name for name, *_ in figures], self.pictures)
      drawn = [name for name, kind, *_ in figures if kind == "drawn"]
      for name, kind, width, height in figures:
        if kind == "drawn":
          self.assertGreater(min(width, height), 150, name)
      for name in drawn:
        self.assertEqual(self.tip_of(chrome, name), "", name)
      # The tip is gone when the pointer has left.
      chrome.point(1, 1)
      self.assertEqual(chrome.evaluate(
          """[...document.querySelectorAll(".tip")].filter(
             tip => getComputedStyle(tip).display != "none").length"""), 0)
      self.assertEqual(chrome.errors, [])

  def tip_of(self, chrome, name):
    """Points at a mark of a figure; returns what is wrong with its tip."""
    found = chrome.evaluate(f"""(() => {{
        const figure = document.getElementById("{name}");
        figure.scrollIntoView({{block: "center"}});
        const svg = figure.querySelector("svg");
        const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
        const marks = JSON.parse(figure.querySelector("script").textContent);
        let x, y, text;
        if (marks.grids.length) {{
          const [x0, y0, x1, y1, xs, ys, values, t] = marks.grids[0];
          const i = xs.length >> 1, j = ys.length >> 1;
          x = x0 + (i + .5) * (x1 - x0) / xs.length;
          y = y0 + (j + .5) * (y1 - y0) / ys.length;
          text = t.replace("$x", xs[i]).replace("$y", ys[j])
              .replace("$v", values[j][i] ?? "not known");
        }} else if (marks.boxes.length) {{
          const [x0, y0, x1, y1, t] = marks.boxes[0];
          [x, y, text] = [(x0 + x1) / 2, (y0 + y1) / 2, t];
        }} else {{
          [x, y, text] = marks.points[0];
        }}
        return [box.left + x * box.width / view.width,
                box.top + y * box.height / view.height, text];
      }})()""")
    x, y, text = found
    chrome.point(x, y)
    shown = chrome.evaluate(f"""(() => {{
        const tip = document.querySelector("#{name} .tip");
        return getComputedStyle(tip).display == "none" ? "" : tip.textContent;
      }})()""")
    return "" if shown == text else f"{shown!r} instead of {text!r}"


if __name__ == "__main__":
  absltest.main()

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


"""Tests of the study: what it declares, its runs, its table and its page."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
import shlex
import signal
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.runs import run_directory
import testing

cells_lib = testing.import_example("cells")
figures = testing.import_example("figures")
page_lib = testing.import_example("study_page")
play_cell = testing.import_example("play_cell")
table = testing.import_example("table")

STUDY = cells_lib.read()
CELLS = cells_lib.cells_of(STUDY)
FOLDER = cells_lib.FOLDER
PAGE = testing.ROOT / "docs" / "study.md"
# What a committed table and all committed figures take at most, in bytes.
MOST_OF_TABLE, MOST_OF_FIGURES = 2_000_000, 1_000_000


def leave(directory, cell, rounds=40):
  """Leaves what a cell would have, with exploitability 1 / seconds.

  Args:
    directory: of the study.
    cell: which is done; refused, if it is self-play by DQN.
    rounds: how many.
  """
  path = directory / cell.name
  (path / play_cell.RUN).mkdir(parents=True)
  refused = cell.scheme == "self_play" and cell.oracle == "dqn"
  (path / play_cell.OUTCOME).write_text(json.dumps({
      "state": "refused" if refused else "done",
      "why": "no | such run" if refused else "", "commit": "abc"}))
  if refused:
    return
  seconds = np.linspace(0.1, cell.core_seconds, rounds)
  columns = {"round": range(1, rounds + 1), "wall_seconds": 2 * seconds,
             "iterations": range(rounds), "episodes": np.arange(rounds) * 100,
             "environment_steps": np.arange(rounds) * 300,
             "policies": [5] * rounds}
  if not cell.is_sampled:
    columns["exploitability_frozen"] = cell.seed / seconds
    columns["exploitability_all"] = cell.seed / seconds
    columns["exploitability_least"] = cell.seed / seconds / 2
  files = {f"{play_cell.RUN}/metrics.csv": columns, play_cell.CORE_SECONDS: {
      "round": columns["round"], "core_seconds": seconds}}
  if cell.is_sampled:
    files[play_cell.INTERVALS] = {
        "round": [20, rounds], "exploitability_low": [0.1, 0.05],
        "exploitability_high": [0.3, 0.1 * cell.seed]}
  for name, found in files.items():
    with open(path / name, "w", newline="") as file:
      csv.writer(file).writerows([list(found), *zip(*found.values())])
  (path / play_cell.RUN / "config.json").write_text(json.dumps(
      {"scheme_settings": {"num_levels": cell.num_levels or 1}}))


class CellsTest(parameterized.TestCase):

  def test_order_is_broad_before_it_is_deep(self):
    self.assertLen({cell.name for cell in CELLS}, len(CELLS))
    self.assertEqual([cell.seed for cell in CELLS],
                     sorted(cell.seed for cell in CELLS))
    order = [block["name"] for block in STUDY["blocks"]]
    of_first = [order.index(cell.block) for cell in CELLS if cell.seed == 1]
    self.assertEqual(of_first, sorted(of_first))

  def test_a_game_or_a_block_may_have_fewer_seeds(self):
    for block, game, seeds in (
        ("seconds", "leduc_poker", 5), ("seconds", "phantom_ttt", 3),
        ("episodes", "kuhn_poker", 5), ("peers", "kuhn_poker", 5),
        ("depth", "leduc_poker", 3), ("responders", "liars_dice", 3)):
      self.assertEqual({cell.seed for cell in CELLS
                        if (cell.block, cell.game) == (block, game)},
                       set(range(1, seeds + 1)), (block, game))

  def test_every_method_and_game_has_both_budgets(self):
    for budget in ("seconds", "episodes"):
      found = {(cell.game, cell.scheme) for cell in CELLS
               if cell.budget == budget and cell.oracle == "ppo"}
      for game in STUDY["games"]:
        for scheme in ppsro.SCHEMES:
          self.assertIn((game, scheme), found)

  def test_smoke_has_each_value_of_each_block(self):
    chosen = cells_lib.smoke(CELLS)
    self.assertLess(len(chosen), 45)
    for name in ("game", "scheme", "oracle", "meta_strategy", "num_levels"):
      self.assertEqual({(c.block, getattr(c, name)) for c in chosen},
                       {(c.block, getattr(c, name)) for c in CELLS})
    for cell in chosen:
      self.assertLessEqual(cell.max_rounds, 2)

  @parameterized.parameters(
      ({"budget": "hours"}, "has the budget 'hours'; use one of seconds"),
      ({"games": ["poker"]}, r"'poker', and there is no \[games.poker\]"))
  def test_refusal(self, change, message):
    path = testing.make_directory(self) / "study.toml"
    block = {"name": "b", "budget": "seconds", "games": ["kuhn"]} | change
    path.write_text("[games.kuhn]\n[[blocks]]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in block.items()))
    with self.assertRaisesRegex(ValueError, message):
      cells_lib.read(path)

  def test_the_random_game(self):
    generator = testing.import_example("random_efg")
    path = FOLDER / "random_game.efg"
    self.assertEqual(generator.random_efg(1), path.read_text())
    self.assertNotEqual(generator.random_efg(2), path.read_text())
    game = ppsro.open_game(f"efg_game(filename={path})")
    self.assertTrue(game.is_enumerated and game.is_zero_sum)
    sizes = [len(infostates) for infostates in game.infostates]
    self.assertNotEqual(*sizes)

  @pytest.mark.slow
  def test_a_cell_has_the_bits_of_its_command(self):
    directory = testing.make_directory(self)
    cell = next(cell for cell in CELLS if cell.block == "episodes"
                and cell.game == "kuhn_poker" and cell.scheme == "pipeline")
    cell = dataclasses.replace(cell, amount=5000)
    code, _, errors = testing.call_example(
        "pipeline_psro_example", *shlex.split(cell.command())[2:],
        # On a busy machine the clock is not to end it.
        f"--output_dir={directory / 'command'}", "--time_limit_seconds=1e6")
    self.assertEqual(code, 0, errors)
    with testing._what_examples_define():  # pylint: disable=protected-access
      path = directory / cell.name
      path.mkdir()
      play_cell.run(dataclasses.replace(cell, core_seconds=1e6), path,
                    os.getppid())
    ours, theirs = (testing.metrics_without_clocks(
        run_directory.read_metrics(found)) for found in (
            path / play_cell.RUN, directory / "command"))
    self.assertEqual(ours, theirs)
    with open(path / play_cell.CORE_SECONDS) as file:
      seconds = [float(row["core_seconds"]) for row in csv.DictReader(file)]
    self.assertLen(seconds, len(run_directory.read_metrics(
        path / play_cell.RUN)["round"]))
    self.assertEqual(seconds, sorted(seconds))


class TableTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  def test_what_is_kept_of_a_run(self):
    seconds = np.arange(1, 2001) / 10
    nothing = np.full(2000, np.nan)
    points = {"core_seconds": seconds, "exploitability_frozen": 1 / seconds,
              "exploitability_all": nothing, "exploitability_high": nothing,
              "exploitability_least": 0.5 / seconds}
    kept = table.thinned(points, 10, [0.5, 0.01])
    self.assertLessEqual(len(kept), 15)
    self.assertEqual((kept[0], kept[-1]), (0, 1999))
    for column in ("exploitability_frozen", "exploitability_least"):
      for level in (0.5, 0.01):
        self.assertEqual(points[column][kept][points[column][kept] <= level][0],
                         points[column][points[column] <= level][0])
    self.assertEqual(table.thinned(points, 5, [], by_rounds=True),
                     [0, 499, 999, 1499, 1999])
    self.assertEmpty(table.thinned(
        {name: values[:0] for name, values in points.items()}, 10, [0.5]))

  def test_there_and_back(self):
    cells = [cell for cell in CELLS if cell.block == "seconds"]
    exact, sampled = (next(cell for cell in cells if cell.game == game)
                      for game in ("kuhn_poker", "phantom_ttt"))
    for cell in (exact, sampled):
      leave(self.path, cell)
    table.write(STUDY, cells, self.path, self.path)
    one, two = table.read(self.path)
    self.assertEqual((one.game, one.scheme, one.seed, one.commit),
                     ("kuhn_poker", "pipeline", "1", "abc"))
    self.assertAlmostEqual(one.last(), 1 / 20, places=6)
    self.assertAlmostEqual(one.last("exploitability_least"), 1 / 40, places=6)
    seconds = np.linspace(0.1, 20, 40)
    for level in (0.5, 0.1):
      self.assertAlmostEqual(one.seconds_to(level),
                             seconds[1 / seconds <= level][0], places=3)
    self.assertEqual(one.seconds_to(0.01), np.inf)
    self.assertEqual(one.points["policies"][-1], 5)
    # Of a sampled game the bound counts, where it was measured.
    np.testing.assert_allclose(two.curve("rounds")[0], [20, 40])
    np.testing.assert_allclose(two.curve("rounds")[1], [0.3, 0.1])
    self.assertAlmostEqual(two.last("exploitability_low"), 0.05)

  def test_a_peers_iteration_beyond_the_budget_does_not_count(self):
    settings = dict.fromkeys(table.SETTINGS, "") | {
        "budget": "seconds", "amount": "10"}
    points = {name: np.full(3, np.nan) for name in table.NUMBERS} | {
        "core_seconds": np.array([1., 9, 14]),
        "exploitability_frozen": np.array([3., 2, 1])}
    self.assertEqual(table.Run(settings, points).last(), 2)

  @pytest.mark.slow
  def test_the_page_of_a_whole_study(self):
    for cell in CELLS:
      leave(self.path, cell, rounds=12)
    table.write(STUDY, CELLS, self.path, self.path)
    drawn = list(page_lib.CAPTIONS)
    contents = page_lib.contents_of(self.path, drawn, "figures")
    text = page_lib.fill(PAGE.read_text(), contents)
    self.assertNotIn("No run of this has been made yet", text)
    self.assertEqual(page_lib.fill(text, contents), text)
    # Mean and range over five seeds of seed / seconds.
    self.assertIn("| `pipeline` | 0.15 (0.05 to 0.25) | ", contents["finals"])
    self.assertIn("no / such run", contents["refusals"])
    self.assertIn("| kuhn_poker | `psro_v2, its DQN` | ",
                  contents["seconds_to"])

  @pytest.mark.thorough
  def test_a_whole_study_is_small(self):
    for cell in CELLS:
      leave(self.path, cell, rounds=1000)
    table.write(STUDY, CELLS, self.path, self.path)
    self.assertLess((self.path / table.RESULTS).stat().st_size, MOST_OF_TABLE)
    drawn = figures.all_figures(table.read(self.path), self.path / "figures")
    self.assertEqual(drawn, list(page_lib.CAPTIONS))
    self.assertLess(sum(path.stat().st_size for path in (
        self.path / "figures").iterdir()), MOST_OF_FIGURES)


class PageTest(parameterized.TestCase):

  def test_every_number_is_that_of_the_table(self):
    text = PAGE.read_text(encoding="utf-8")
    runs = table.read(FOLDER)
    drawn = [path.stem for path in (PAGE.parent / "study").glob("*.png")]
    self.assertEqual(page_lib.fill(text, page_lib.contents_of(
        FOLDER, drawn, "study")), text)
    self.assertEmpty(page_lib.mistakes(text, runs))
    self.assertLess((FOLDER / table.RESULTS).stat().st_size, MOST_OF_TABLE)
    self.assertLess(sum(path.stat().st_size for path in (
        PAGE.parent / "study").glob("*")), MOST_OF_FIGURES)

  @parameterized.parameters(
      ("0.2 (0.1 to 0.3)<!-- rows: last game=g scheme=s -->", None),
      ("0.4<!-- rows: least game=g scheme=s -->", None),
      ("2<!-- rows: seconds_to_1.5 game=g scheme=s -->", None),
      ("1<!-- rows: rounds_to_1.5 game=g scheme=s -->", None),
      ("2<!-- rows: rounds_to_1.5 game=g scheme=s -->", "the rows 1"),
      ("–<!-- rows: seconds_to_0.01 game=g scheme=s -->", None),
      ("0.3<!-- rows: last game=g scheme=s -->",
       "the page says 0.3, the rows 0.2 (0.1 to 0.3)"),
      ("0.2<!-- rows: last game=h scheme=s -->", "the rows –"),
      ("0.2<!-- rows: last game=g depth=s -->", "the rows –"))
  def test_what_is_said_is_checked(self, text, message):
    runs = []
    for seed, end in (("1", 0.1), ("2", 0.3)):
      points = {name: np.full(3, np.nan) for name in table.NUMBERS} | {
          "core_seconds": np.array([1., 2, 3]),
          "rounds": np.array([0., 1, 2]),
          "exploitability_frozen": np.array([3., 1, end]),
          "exploitability_least": np.array([1., 0.5, 0.4])}
      runs.append(table.Run(dict.fromkeys(table.SETTINGS, "") | {
          "budget": "seconds", "amount": "10", "game": "g", "scheme": "s",
          "oracle": "ppo", "meta_strategy": "nash", "seed": seed}, points))
    text = f"It ends at {text}, then."
    found = page_lib.mistakes(text, runs)
    corrected = page_lib.corrected(text, runs)
    if message is None:
      self.assertEmpty(found)
      self.assertEqual(corrected, text)
    else:
      self.assertIn(message, found[0])
      right = message.split("the rows ")[1]
      self.assertStartsWith(corrected, f"It ends at {right}<!-- rows: ")
      self.assertEmpty(page_lib.mistakes(corrected, runs))

  def test_runs_are_added_to_a_table(self):
    path = testing.make_directory(self)

    def make(name, ends, commit):
      (path / name).mkdir()
      settings = dict.fromkeys(table.SETTINGS, "") | {table.COMMIT: commit}
      with open(path / name / table.RESULTS, "w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table.COLUMNS)
        writer.writeheader()
        for game, end in ends.items():
          for value in (1.0, end):
            writer.writerow({**settings, "game": game,
                             "exploitability_frozen": value})
      (path / name / table.REFUSALS).write_text(
          ",".join((*table.SETTINGS, "state", "why")) + "\n")
      (path / name / table.ENVIRONMENT).write_text(json.dumps(
          {"processor": name}))
      return path / name

    ours = make("ours", {"b": 0.2, "a": 0.1}, "one")
    theirs = make("theirs", {"c": 0.4, "b": 0.3}, "two")
    for _ in range(2):  # What is there already stays as it is.
      table.take_over(theirs, ours, True)
      self.assertEqual(
          [(run.game, run.points[table.FOUND].tolist())
           for run in table.read(ours)],
          [("b", [1.0, 0.3]), ("a", [1.0, 0.1]), ("c", [1.0, 0.4])])
    self.assertEqual(
        json.loads((ours / table.ENVIRONMENT).read_text()),
        {"commits": ["one", "two"], "processor": "ours, theirs", "runs": 3})
    table.take_over(theirs, ours, False)
    self.assertEqual([run.game for run in table.read(ours)], ["c", "b"])
    self.assertEqual(json.loads((ours / table.ENVIRONMENT).read_text()),
                     {"commits": ["two"], "processor": "theirs", "runs": 2})

  def test_a_page_without_a_place_is_refused(self):
    with self.assertRaisesRegex(ValueError, "0 places for 'ranks'"):
      page_lib.fill("# Nothing", {"ranks": "x"})


class RunTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    self.flags = ("--smoke", f"--directory={self.path}")

  def play_all(self, cells, play, cores=2, seconds=1e6):
    """Returns whether there was time for all, and what was said."""
    errors = io.StringIO()
    with (testing.imported_example("run_study") as run_study,
          mock.patch.object(run_study.play_cell, "play", play),
          mock.patch.object(run_study, "_PATIENCE_SECONDS", 0),
          mock.patch.object(run_study, "_PATIENCE_FACTOR", 3),
          contextlib.redirect_stderr(errors)):
      whole = run_study.play_all(cells, self.path, cores, seconds)
    return whole, errors.getvalue()

  @pytest.mark.slow
  def test_how_cells_end(self):
    one, other, dies, hangs = (
        dataclasses.replace(CELLS[0], seed=seed, core_seconds=-2.9)
        for seed in range(4))
    large = dataclasses.replace(one, seed=5, core_seconds=1e7)

    def play(cell, path):
      leave(path.parent, cell) if cell in (one, other) else None
      if cell == hangs:
        time.sleep(testing.PATIENCE_SECONDS)
      os._exit(cell == dies)  # pylint: disable=protected-access

    # What is left of a run that was killed is in nobody's way.
    (self.path / one.name / "run").mkdir(parents=True)
    whole, said = self.play_all([large, one, dies, hangs, other], play)
    self.assertFalse(whole)  # There is no time for the large one.
    self.assertLen(said.splitlines(), 4)
    for cell, state in ((one, "done"), (other, "done"), (dies, "failed"),
                        (hangs, "failed")):
      self.assertRegex(said, f"{cell.name}  {state}")
      self.assertEqual(table.has_ended(self.path, cell), state == "done")
    self.assertEqual(self.play_all([], play), (True, ""))

  def test_at_the_end_of_the_time_runs_are_ended(self):
    def play(cell, path):
      path.mkdir()
      time.sleep(testing.PATIENCE_SECONDS)

    cell = dataclasses.replace(CELLS[0], core_seconds=-2.9)
    whole, said = self.play_all([cell], play, seconds=0.2)
    self.assertEqual((whole, said), (False, ""))
    self.assertTrue((self.path / cell.name).exists())
    self.assertFalse(table.has_ended(self.path, cell))

  @pytest.mark.thorough
  def test_what_was_killed_is_played_and_what_has_ended_is_not(self):
    flags = (*self.flags, "--blocks=responders", "--only=kuhn_poker-pipeline,"
             "kuhn_poker-self_play", "--cores=2")
    process = testing.start_example("run_study", *flags)
    try:
      testing.wait_until(lambda: list(self.path.glob("*/run")),
                         "the beginning of a run", process)
    finally:
      process.send_signal(signal.SIGKILL)
      process.communicate()
    testing.wait_until(lambda: not self._is_played(), "the end of its runs")
    code, lines, errors = testing.run_example("run_study", *flags)
    self.assertEqual(code, 0, errors)
    result = testing.result_of(lines)
    self.assertEqual((result["runs"], result["ended"], result["whole"]),
                     ("2", "2", "yes"))
    self.assertEqual(
        {(run.scheme, run.oracle) for run in table.read(self.path)},
        {("pipeline", "exact"), ("self_play", "exact")})
    times = {path: path.stat().st_mtime_ns for path in self.path.glob("*/*")}
    code, lines, _ = testing.run_example("run_study", *flags)
    self.assertEqual((code, testing.result_of(lines)["ended"]), (0, "2"))
    self.assertEqual({path: path.stat().st_mtime_ns
                      for path in self.path.glob("*/*")}, times)

  @pytest.mark.thorough
  def test_what_cannot_run_is_refused(self):
    code, _, errors = testing.run_example(
        "run_study", f"--directory={self.path}",
        "--only=kuhn_poker-self_play-dqn-nash-20seconds-seed1")
    self.assertEqual(code, 0, errors)
    (refusal,) = table.read_refusals(self.path)
    self.assertEqual(refusal["state"], "refused")
    self.assertIn("a learner of its own", refusal["why"])

  def _is_played(self):
    """Returns whether a process of a killed study goes on."""
    before = {path: path.stat().st_mtime_ns for path in self.path.rglob("*")}
    time.sleep(0.5)
    return before != {path: path.stat().st_mtime_ns
                      for path in self.path.rglob("*")}

  @pytest.mark.thorough
  def test_smoke(self):
    code, lines, errors = testing.run_example(
        "run_study", *self.flags, f"--cores={os.cpu_count()}")
    self.assertEqual(code, 0, errors)
    result = testing.result_of(lines)
    self.assertEqual(result["runs"], result["ended"], errors)
    runs = table.read(self.path)
    self.assertEqual({run.game for run in runs}, set(STUDY["games"]))
    self.assertContainsSubset(ppsro.SCHEMES, {run.scheme for run in runs})
    for run in runs:
      self.assertTrue(np.isfinite(run.column(table.FOUND)[-1]), run.settings)
    page = self.path / "study.md"
    # Its findings are of other runs.
    page.write_text(re.sub("<!-- rows: .*? -->", "", PAGE.read_text()))
    code, lines, errors = testing.run_example(
        "study_page", f"--runs={self.path}", f"--table={self.path / 'table'}",
        f"--page={page}", f"--figures={self.path / 'figures'}")
    self.assertEqual(code, 0, errors)
    self.assertEqual(testing.result_of(lines)["figures"], "6")


if __name__ == "__main__":
  absltest.main()

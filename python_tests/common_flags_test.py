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

"""Tests of the flags that examples share: who reads them, what they bring."""

import itertools
import json
import math
import os
import pathlib
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import adoption
import testing

SCHEMES = ("sequential", "naive", "rectified", "dch", "pipeline", "neupl",
           "self_play")
FREEZING = ("sequential", "naive", "rectified", "pipeline")
APART = tuple(name for name in SCHEMES if name != "neupl")
# A flag, and who reads it: schemes, oracles, or whoever it is.
READERS = (
    ("--num_levels=2", ("naive", "dch", "pipeline", "neupl"), None),
    ("--warmup_steps=10", ("dch", "pipeline"), None),
    ("--rectify=relu", ("rectified",), None),
    ("--anytime", ("sequential", "pipeline"), None),
    ("--dch_meta_solver=online", ("dch",), None),
    ("--magnet=0.2", ("self_play",), None),
    ("--magnet_updates=10", ("self_play",), None),
    ("--self_play_answer=weights", ("self_play",), None),
    ("--min_steps=10", FREEZING, None),
    ("--max_steps=1000000000", FREEZING, None),
    ("--plateau_delta=0.1", FREEZING, None),
    ("--plateau_window=10", FREEZING, None),
    ("--free_running", APART, None),
    ("--workers_per_level=2", APART, ("ppo", "dqn")),
    ("--tie_break=first", None, ("exact",)),
    ("--episodes_per_batch=64", None, ("ppo", "dqn")),
    ("--policy_loss=clipped", None, ("ppo",)),
    ("--warm_start", None, ("ppo",)),
    ("--learning_rate=0.01", None, ("ppo", "dqn")),
    ("--hidden_sizes=8", None, ("ppo", "dqn")),
    ("--device=cpu", None, ("ppo", "dqn")),
    ("--opponent_update_freq=9", None, None))
# What the learner of self-play does not read, though its scheme or others do.
NOT_OF_SELF_PLAY = {"ppo": ("--policy_loss", "--warm_start"),
                    "exact": ("--self_play_answer", "--tie_break")}
NO_LIMIT = "--time_limit_seconds=1e6"
# What somebody may add without touching the package or the examples.
MODULE = '''
import dataclasses

import open_spiel_ppsro as ppsro


@dataclasses.dataclass(frozen=True)
class Deep(ppsro.Pipeline):
  num_levels: int = 3


ppsro.SCHEMES["deep"] = Deep
ppsro.METHODS["evenly"] = ppsro.METHODS["uniform"]
'''


class FlagsTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    self.run_path = self.path / "run"
    before = os.getcwd()
    os.chdir(self.path)
    self.addCleanup(os.chdir, before)

  def call(self, *arguments, example="pipeline_psro_example", code=0):
    """Calls an example that has to end so; returns its lines and errors."""
    found, lines, errors = testing.call_example(example, *arguments)
    self.assertEqual(found, code, errors)
    return lines, errors

  def play(self, *arguments, **kwargs):
    """Plays a short run; returns its result."""
    return testing.result_of(self.call(
        "--game_name=kuhn_poker", "--executor=serial", "--max_rounds=2",
        NO_LIMIT, *arguments, **kwargs)[0])


class ReadersTest(FlagsTestCase):

  @parameterized.parameters(*READERS)
  @pytest.mark.sweep(8)
  @pytest.mark.slow
  def test_who_reads_a_flag(self, flag, schemes, oracles):
    played = []
    with mock.patch.object(
        ppsro, "run", lambda *args, **kwargs: played.append(args) or (
            ppsro.RunSummary(pathlib.Path("x"), "g", "s", "o", 1, "max_rounds",
                             0, 0, 0, 0, 1, 0, 0))):
      for scheme, oracle in itertools.product(SCHEMES, ("ppo", "exact")):
        name = flag.split("=")[0]
        reads = scheme in (schemes or SCHEMES) and (
            oracle in (oracles or ("ppo", "exact"))) and not (
                scheme == "self_play" and name in NOT_OF_SELF_PLAY[oracle])
        before = len(played)
        _, errors = self.call(
            f"--scheme={scheme}", f"--oracle={oracle}", "--executor=processes",
            flag, code=0 if reads else 2)
        self.assertEqual(len(played) - before, reads)
        self.assertEqual(f"{name} does nothing with" in errors, not reads)

  @pytest.mark.slow
  def test_another_scheme_is_one_class(self):
    (self.path / "mine_flags_test.py").write_text(MODULE)
    self.addCleanup(ppsro.SCHEMES.pop, "deep", None)
    self.addCleanup(ppsro.METHODS.pop, "evenly", None)
    self.addCleanup(sys.modules.pop, "mine_flags_test", None)
    result = self.play(
        "--import_module=mine_flags_test", "--scheme=deep",
        "--meta_strategy=evenly", "--oracle=exact", "--num_levels=2",
        "--min_steps=0")
    self.assertEqual(result["output_dir"],
                     "runs/kuhn-poker-deep-exact-seed1")
    config = ppsro.read_config(result["output_dir"])
    self.assertEqual((config["scheme_settings"]["num_levels"],
                      config["meta_strategy"]), (2, "evenly"))
    _, errors = self.call("--scheme=deep", "--rectify=relu", code=2)
    self.assertIn("it is for rectified", errors)
    # It is compared like all others.
    lines, _ = self.call(
        "--game_name=kuhn_poker", "--executor=serial", "--oracle=exact",
        "--max_rounds=1", "--seeds=1", "--schemes=deep,dch",
        example="compare_schemes_example")
    self.assertEqual([line.split()[0] for line in lines],
                     ["scheme", "deep", "dch", "result:"])

  @parameterized.parameters(
      ("--import_module=no_such_module", "cannot import 'no_such_module'"),
      ("--scheme=deep", "use one of sequential"),
      ("--scheme=sequental", "did you mean sequential?"))
  def test_bad_names(self, argument, message):
    _, errors = self.call(argument, code=2)
    self.assertIn(message, errors)

  @parameterized.parameters(
      ("exact", ()), ("sampled", ("--exploiter_steps=100",)))
  @pytest.mark.thorough
  def test_a_game_in_python_with_processes(self, evaluation, more):
    code, lines, errors = testing.run_example(
        "pipeline_psro_example", "--max_rounds=2", "--num_workers=2", NO_LIMIT,
        "--import_module=open_spiel.python.games.kuhn_poker",
        "--game_name=python_kuhn_poker", f"--evaluation={evaluation}",
        "--episodes_per_batch=64", "--hidden_sizes=8", *more,
        f"--output_dir={self.run_path}")
    self.assertEqual(code, 0, errors)
    self.assertEqual(testing.result_of(lines)["rounds"], "2")
    _, errors = self.call("--game_name=python_no_such_game", code=2)
    self.assertIn("OpenSpiel has no game", errors)


class ResumeTest(FlagsTestCase):

  ARGUMENTS = ("--oracle=dqn", "--episodes_per_batch=64", "--hidden_sizes=8,8",
               "--scheme=naive", "--num_levels=2", "--plateau_delta=0.1",
               "--meta_strategy=uniform", "--seed=5", "--min_steps=100")

  @pytest.mark.slow
  def test_flags_are_those_of_the_run(self):
    whole = self.play(*self.ARGUMENTS, "--max_rounds=3")
    _, errors = self.call(
        "--game_name=kuhn_poker", "--executor=serial", "--max_rounds=2",
        *self.ARGUMENTS, f"--output_dir={self.run_path}")
    # It says how to go on.
    command = errors.splitlines()[-2].split()
    self.assertEqual(command[:4], ["to", "go", "on:", "python"])
    self.assertEqual(command[5:], [
        "--resume", f"--output_dir={self.run_path}", "--max_rounds=MORE"])
    lines, _ = self.call(*command[5:-1], "--max_rounds=3")
    result = testing.result_of(lines)
    self.assertEqual(*(
        testing.metrics_without_clocks(ppsro.read_metrics(r["output_dir"]))
        for r in (whole, result)))
    # Of a run that was resumed they are known as well.
    lines, _ = self.call("--resume", f"--output_dir={self.run_path}",
                         "--max_rounds=4")
    self.assertEqual(testing.result_of(lines)["rounds"], "4")
    _, errors = self.call("--resume", f"--output_dir={self.run_path}", code=2)
    self.assertRegex(errors, "^error: .* has ended after 4 rounds and .* s, "
                     "and max_rounds is 4, of the whole run: give a larger")

  @pytest.mark.slow
  def test_a_run_of_version_0_1_goes_on(self):
    result = self.play(*self.ARGUMENTS, f"--output_dir={self.run_path}")
    flags = {"game_name": "kuhn_poker", "oracle": "dqn", "scheme": "naive",
             "episodes_per_batch": 64, "hidden_sizes": ["8", "8"],
             "num_levels": 2, "plateau_delta": 0.1, "seed": 5,
             "meta_strategy": "uniform", "min_steps": 100, "max_rounds": 2,
             "executor": "serial", "num_workers": None, "rectify": None,
             "output_dir": "elsewhere", "resume": False}
    (self.run_path / "config.json").write_text(json.dumps(
        {**flags, "flags": flags, "learner": {}}))
    (self.run_path / "result.json").unlink()
    (self.run_path / "best_policy.npz").unlink()
    lines, _ = self.call("--resume", f"--output_dir={self.run_path}",
                         "--max_rounds=3")
    self.assertEqual(testing.result_of(lines)["rounds"], "3")
    self.assertEqual(result["rounds"], "2")

  @parameterized.parameters(
      # evaluation, oracle, and the flag as a resumed run of 0.1 has it
      ("exact", "ppo", 2 ** 20), ("exact", "dqn", 2 ** 20),
      ("exact", "exact", None), ("sampled", "ppo", None))
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_a_default_batch_of_version_0_1_is_drawn(self, evaluation, oracle,
                                                   expected):
    self.play(f"--evaluation={evaluation}", f"--oracle={oracle}",
              *(["--exploiter_steps=0", "--evaluation_share=0"] * (
                  evaluation == "sampled")), f"--output_dir={self.run_path}")
    for value, adopted in ((None, expected), (5, 5)):
      given = adoption._flags_of_0_1(
          {"oracle": oracle, "episodes_per_batch": value}, self.run_path)
      self.assertEqual(given["episodes_per_batch"], adopted)

  @parameterized.parameters(
      # oracle, scheme, levels that were given; those adopted, warm start
      ("ppo", "pipeline", None, 4, False), ("ppo", "pipeline", 3, 3, False),
      ("dqn", "pipeline", None, 4, None), ("ppo", "dch", None, None, False))
  def test_defaults_of_version_0_1(self, oracle, scheme, levels, adopted,
                                   warm_start):
    with mock.patch.object(ppsro, "read_metrics", return_value={
        "nash_conv_frozen": [math.nan]}):
      given = adoption._flags_of_0_1(
          {"oracle": oracle, "scheme": scheme, "num_levels": levels},
          self.run_path)
    self.assertEqual(given["num_levels"], adopted)
    self.assertEqual(given.get("warm_start"), warm_start)

  def test_a_run_from_python_is_resumed_from_python(self):
    ppsro.run("kuhn_poker", "sequential", ppsro.ExactConfig(),
              output_dir=self.run_path, limits=ppsro.Limits(max_rounds=1))
    _, errors = self.call("--resume", f"--output_dir={self.run_path}", code=2)
    self.assertIn("ppsro.run(..., resume=True)", errors)

  @pytest.mark.slow
  def test_what_is_there_is_kept(self):
    arguments = ("--oracle=exact", f"--output_dir={self.run_path}")
    self.play(*arguments)
    _, errors = self.call(*arguments, "--game_name=kuhn_poker", code=2)
    self.assertEqual(
        errors, f"error: {self.run_path} holds a run of kuhn_poker by "
        "pipeline, 2 rounds: go on with --resume, choose another "
        "--output_dir, or replace it with --overwrite\n")
    self.play(*arguments, "--overwrite", "--seed=2")
    self.assertEqual(ppsro.read_config(self.run_path)["seed"], 2)
    _, errors = self.call(
        "--sizes=3", f"--output_dir={self.run_path}",
        example="random_normal_form_example", code=2)
    self.assertIn("choose another --output_dir, or replace it", errors)

  def test_no_round_is_told(self):
    _, errors = self.call(
        "--game_name=kuhn_poker", "--evaluation=sampled", "--executor=serial",
        "--max_episodes=1", f"--output_dir={self.run_path}", code=1)
    self.assertRegex(errors, "no round was finished: the first one had taken "
                     r"\d+\.\d s when max_episodes ended the run")


class CompareTest(FlagsTestCase):

  ARGUMENTS = ("--game_name=kuhn_poker", "--oracle=exact", "--executor=serial",
               "--max_rounds=3", "--schemes=dch,sequential", NO_LIMIT)

  def compare(self, *arguments, code=0):
    return self.call(*arguments, example="compare_schemes_example", code=code)

  @pytest.mark.slow
  def test_methods_that_have_no_such_responder_are_left_out(self):
    with mock.patch.object(ppsro, "plot_curves",
                           wraps=ppsro.plot_curves) as plot:
      lines, errors = self.compare(
          "--game_name=kuhn_poker", "--oracle=dqn", "--executor=serial",
          "--max_rounds=1", "--schemes=neupl,sequential,self_play",
          "--seeds=1", NO_LIMIT)
    # Expectations are no episodes, so there is no curve over them.
    self.assertEqual([panel[0] for panel in plot.call_args.args[2]],
                     ["rounds", "seconds"])
    self.assertEqual([line.split()[0] for line in lines[:-1]],
                     ["scheme", "sequential"])
    for method in ("neupl", "self_play"):
      self.assertIn(f"{method} is left out: ", errors)

  @pytest.mark.slow
  def test_goes_on_where_it_was(self):
    lines, _ = self.compare(*self.ARGUMENTS, "--seeds=1,1")
    self.assertEqual(testing.result_of(lines)["plot"],
                     "runs/compare-kuhn-poker-exact/comparison.png")
    path = pathlib.Path("runs/compare-kuhn-poker-exact")
    runs = {folder.name for folder in path.iterdir() if folder.is_dir()}
    self.assertEqual(runs, {"dch-seed1", "sequential-seed1"})
    whole = testing.metrics_without_clocks(
        ppsro.read_metrics(path / "dch-seed1"))
    # One is cut off, one is gone, one has not begun.
    config = ppsro.read_config(path / "dch-seed1")
    (path / "dch-seed1" / "result.json").unlink()
    (path / "dch-seed1" / "checkpoint_00000003.npz").unlink()
    lines, errors = self.compare("--resume", "--oracle=exact",
                                 "--game_name=kuhn_poker", "--seeds=1,2")
    self.assertEqual([line.split()[0] for line in lines[:-1]],
                     ["scheme", "dch", "sequential"])
    self.assertIn("sequential seed 1 has ended before", errors)
    self.assertIn("resumed runs/compare-kuhn-poker-exact/dch-seed1 after "
                  "round 0", errors)
    self.assertIn("run directory: runs/compare-kuhn-poker-exact/dch-seed2",
                  errors)
    self.assertEqual(whole, testing.metrics_without_clocks(
        ppsro.read_metrics(path / "dch-seed1")))
    self.assertEqual(config["limits"],
                     ppsro.read_config(path / "dch-seed1")["limits"])

  @pytest.mark.slow
  def test_what_is_there_is_kept(self):
    self.run_path.mkdir()
    (self.run_path / "mine.txt").write_text("mine")
    _, errors = self.compare(*self.ARGUMENTS, "--seeds=1",
                             f"--output_dir={self.run_path}", code=2)
    self.assertIn("holds mine.txt: go on with --resume", errors)
    _, errors = self.compare("--resume", f"--output_dir={self.run_path}",
                             code=2)
    self.assertIn("there is no run in", errors)
    self.compare(*self.ARGUMENTS, "--seeds=1", "--overwrite",
                 f"--output_dir={self.run_path}")
    self.assertTrue((self.run_path / "mine.txt").exists())


class MatchTest(FlagsTestCase):

  def test_a_signal_during_our_side_ends_the_match(self):
    def interrupted(*args, **kwargs):
      del args, kwargs
      return ppsro.RunSummary(self.path, "g", "s", "o", 1, "interrupt", 0, 0,
                              0, 0, 3, 0, 0)

    peer = testing.import_example("psro_v2_peer")
    with (mock.patch.object(ppsro, "run", interrupted),
          mock.patch.object(peer, "make_solver") as start_peer,
          mock.patch.dict(sys.modules, psro_v2_peer=peer)):
      lines, _ = self.call("--game_name=kuhn_poker", "--executor=serial",
                           example="psro_v2_match", code=130)
    start_peer.assert_not_called()
    self.assertEqual(lines, [])


if __name__ == "__main__":
  absltest.main()

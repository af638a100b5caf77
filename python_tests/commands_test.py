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

"""Tests of the commands: what they print, what they leave, what they refuse."""

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pyspiel
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import command_line
from open_spiel_ppsro.commands import play as play_command
from open_spiel_ppsro.policies import policy_export
from open_spiel_ppsro.runs import interval_watch
import testing

EXACT = ppsro.ExactConfig()
NO_LIMIT = "--time_limit_seconds=1e6"
QUICK = ("--executor=serial", "--oracle=exact", "--scheme=sequential", NO_LIMIT)


class CommandsTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    before = os.getcwd()
    os.chdir(self.path)
    self.addCleanup(os.chdir, before)

  def call(self, example, *arguments, code=0):
    """Calls an example that has to end so; returns its lines and errors."""
    found, lines, errors = testing.call_example(example, *arguments)
    self.assertEqual(found, code, errors)
    return lines, errors

  def run_of(self, name="run", game="kuhn_poker", rounds=3, **options):
    ppsro.run(game, "sequential", EXACT, output_dir=name,
              limits=ppsro.Limits(1e6, max_rounds=rounds), **options)
    return name


class CommandLineTest(CommandsTestCase):

  @parameterized.parameters(*command_line.COMMANDS)
  def test_every_command_has_help_with_all_defaults(self, command):
    example = command_line.COMMANDS[command][1]
    if example is None:
      return
    lines, _ = self.call(example, "--help")
    text = "\n".join(lines)
    self.assertIn("usage: python ", text)
    flags = [number for number, line in enumerate(lines)
             if line.startswith("  --")]
    self.assertNotEmpty(flags)
    for start, end in zip(flags, flags[1:] + [len(lines)]):
      # A default, or words that say what there is without one.
      self.assertRegex(" ".join(" ".join(lines[start:end]).split()),
                       "default|if not given")
    if command != "report":  # It reads files that need no module.
      self.assertIn("\nOf your own:\n", text)

  @parameterized.parameters(
      ((), 2, "usage: ppsro COMMAND"), (("--help",), 0, "evaluate"),
      (("tran",), 2, "did you mean train?"), (("xyz",), 2, "there is train, "),
      (("--version",), 0, "open_spiel_ppsro 0"),
      (("train", "--help"), 0, "usage: ppsro train [--flag"),
      (("play",), 2, "an argument is missing; usage: ppsro play RUN_DIR"),
      (("export", "a", "b", "c"), 2, "unexpected argument 'c'"),
      (("play", "none"), 2, "there is no run in none"))
  def test_the_command(self, arguments, code, message):
    found, lines, errors = testing.call_command(*arguments)
    self.assertEqual(found, code, errors)
    self.assertIn(message, "\n".join(lines) + errors)
    self.assertNotIn("Traceback", errors)

  def test_a_reader_that_wants_no_more_is_no_error(self):
    # As in ppsro ... | head -1.
    reader, writer = os.pipe()
    os.close(reader)
    self.addCleanup(os.close, writer)
    done = subprocess.run(
        [sys.executable, "-c",
         "from open_spiel_ppsro.commands import launch\n"
         "launch.start(lambda: print('lines'), ['x'], 'x', 'x')"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    self.assertEqual((done.returncode, done.stderr), (1, ""))

  @pytest.mark.slow
  def test_train_and_resume(self):
    def call(*arguments):
      code, lines, errors = testing.call_command(*arguments)
      self.assertEqual(code, 0, errors)
      return testing.result_of(lines), errors.splitlines()

    result, errors = call("train", "--game_name=kuhn_poker", *QUICK,
                          "--max_rounds=1")
    self.assertEqual(result["rounds"], "1")
    self.assertEqual(errors[-2], "to go on: ppsro train --resume --output_dir="
                     f"{result['output_dir']} --max_rounds=MORE")
    result, _ = call("resume", result["output_dir"], "--max_rounds=2")
    self.assertEqual(result["rounds"], "2")
    path = result["output_dir"]
    code, lines, errors = testing.call_command("match", path, path)
    self.assertEqual(code, 0, errors)
    self.assertEqual(testing.result_of(lines)["best_mean"], "0")

  def test_it_is_installed_as_a_command(self):
    setup = (testing.ROOT / "setup.py").read_text(encoding="utf-8")
    module, function = re.search(r'"ppsro = ([\w.]+):(\w+)"', setup).groups()
    self.assertIs(getattr(importlib.import_module(module), function),
                  command_line.main)
    code, lines, _ = testing.call_command("--help")
    self.assertEqual(code, 0)
    for command in command_line.COMMANDS:
      self.assertIn(f"\n  {command} ", "\n".join(lines))


class TrainTest(CommandsTestCase):

  def train(self, *arguments, **kwargs):
    return self.call("pipeline_psro_example", *arguments, **kwargs)

  @pytest.mark.slow
  def test_six_lines_say_what_there_is(self):
    lines, errors = self.train("--game_name=kuhn_poker", *QUICK,
                               "--max_rounds=2", "--output_dir=my run")
    words = errors.splitlines()[-6:]
    self.assertEqual([line.split(":")[0] for line in words], [
        "what ran", "how strong", "best and last", "saved", "to go on",
        "to use it"])
    self.assertIn("sequential with exact on kuhn_poker, seed 1, 2 rounds",
                  words[0])
    found = ppsro.read_result("my run")
    self.assertIn(f"exploitability {found['exploitability']:.4g}", words[1])
    self.assertIn(f"{found['best_nash_conv']:.4g} after round "
                  f"{found['best_round']}", words[2])
    self.assertIn("'my run'", words[3])
    self.assertIn("--output_dir='my run' --max_rounds=MORE", words[4])
    for name in ("play", "evaluate"):
      self.assertIn(f"{name}_example.py 'my run'", words[5])
    self.assertLen(lines, 1)

  @pytest.mark.thorough
  def test_no_more_is_claimed_than_is_known(self):
    # However busy the machine, there is time to measure.
    self.enter_context(mock.patch.object(
        interval_watch, "_LAST_SECONDS", testing.PATIENCE_SECONDS))
    for more, strength in (
        (("--exploiter_steps=200", "--evaluation_share=0"),
         r"NashConv at least .* \(standard error .*, by exploiters that "
         "trained 200 steps"),
        (("--exploiter_steps=0",), "exploitability certainly from .* to .*, of "
         "the meta-strategy after round 1; from .* to .*, of the least "
         "exploitable mixture that was measured; the answer is "
         "least_exploitable$"),
        (("--exploiter_steps=0", "--evaluation_share=0"),
         "not known, as nothing measured it$")):
      _, errors = self.train(
          "--game_name=kuhn_poker", "--executor=serial", NO_LIMIT,
          "--max_rounds=1", "--evaluation=sampled", "--episodes_per_batch=32",
          "--hidden_sizes=4", *more)
      self.assertRegex(errors.splitlines()[-5], f"^how strong: {strength}")

  @pytest.mark.slow
  def test_several_seeds(self):
    arguments = ("--game_name=kuhn_poker", *QUICK, "--max_rounds=2")
    lines, _ = self.train(*arguments, "--seeds=1,2,2", "--tie_break=random")
    results = [dict(pair.split("=", 1) for pair in line.split()[1:])
               for line in lines]
    self.assertEqual([line.split()[0] for line in lines], ["result:"] * 3)
    path = "runs/kuhn-poker-sequential-exact-seeds"
    self.assertEqual([result["output_dir"] for result in results],
                     [f"{path}/seed1", f"{path}/seed2", path])
    values = [float(result["nash_conv"]) for result in results]
    self.assertAlmostEqual(values[2], (values[0] + values[1]) / 2, places=5)
    lowest, highest = map(float, results[2]["nash_conv_range"].split(".."))
    self.assertAlmostEqual(lowest, min(values[:2]), places=5)
    self.assertAlmostEqual(highest, max(values[:2]), places=5)
    # Each is the run of its seed alone.
    alone = testing.result_of(self.train(
        *arguments, "--seed=2", "--tie_break=random")[0])
    self.assertEqual(*(testing.metrics_without_clocks(ppsro.read_metrics(p))
                       for p in (alone["output_dir"], f"{path}/seed2")))
    # They go on together, with one more; and one goes on alone.
    lines, errors = self.train("--resume", f"--output_dir={path}",
                               "--seeds=1,2,3")
    self.assertIn("seed 2 has ended before", errors)
    self.assertIn("seeds=1,2,3", lines[-1])
    result = testing.result_of(self.train(
        "--resume", f"--output_dir={path}/seed2", "--max_rounds=3")[0])
    self.assertEqual((result["seed"], result["rounds"]), ("2", "3"))
    _, errors = self.train(*arguments, "--seeds=1", "--seed=1", code=2)
    self.assertIn("--seed and --seeds are both given", errors)

  @parameterized.parameters(
      ("--scheme=pipeline", "--num_levels=2", "--min_steps=300"),
      ("--scheme=neupl", "--num_levels=2"),
      ("--scheme=rectified", "--plateau_delta=0.5"),
      ("--scheme=pipeline", "--evaluation=sampled", "--exploiter_steps=0",
       "--num_levels=2"),
      ("--scheme=self_play", "--evaluation=sampled", "--exploiter_steps=0",
       "--magnet=0.2", "--workers_per_level=3"))
  @pytest.mark.thorough
  def test_config_repeats_a_run(self, *more):
    self.train("--game_name=kuhn_poker", "--executor=serial", NO_LIMIT,
               "--max_rounds=3", "--episodes_per_batch=64", "--hidden_sizes=4",
               "--seed=7", "--output_dir=first", *more)
    lines, _ = self.train("--config=first/config.json", "--output_dir=second")
    self.assertEqual(testing.result_of(lines)["seed"], "7")
    self.assertEqual(*(testing.metrics_without_clocks(ppsro.read_metrics(p))
                       for p in ("first", "second")))
    # Flags that are given win, and the run can be resumed.
    lines, _ = self.train("--config=first", "--output_dir=third",
                          "--max_rounds=1", "--seed=8")
    result = testing.result_of(lines)
    self.assertEqual((result["seed"], result["rounds"]), ("8", "1"))
    lines, _ = self.train("--resume", "--output_dir=third", "--max_rounds=2")
    self.assertEqual(testing.result_of(lines)["seed"], "8")

  @pytest.mark.slow
  def test_config_of_a_run_from_python(self):
    self.run_of("first", seed=4)
    lines, _ = self.train("--config=first", "--output_dir=second")
    self.assertEqual(*(testing.metrics_without_clocks(ppsro.read_metrics(p))
                       for p in ("first", "second")))
    self.assertEqual(testing.result_of(lines)["seed"], "4")
    # What no flag has is told.
    ppsro.run("kuhn_poker", "sequential",
              ppsro.PPOConfig(episodes_per_batch=32, hidden_sizes=(4,),
                              epochs=2),
              output_dir="third", limits=ppsro.Limits(1e6, max_rounds=1))
    _, errors = self.train("--config=third", "--output_dir=no", code=2)
    self.assertIn("has settings that no flag has: epochs", errors)
    _, errors = self.train("--config=none", code=2)
    self.assertIn("there is no run in none", errors)


class PlayTest(CommandsTestCase):

  def test_a_game_with_wrong_input_and_an_early_end(self):
    path = self.run_of()
    answers = iter(["banana", "7", "", "pass", "1", "0", "1", "1"])

    def ask(prompt):
      self.assertEqual(prompt, "your move: ")
      try:
        return next(answers)
      except StopIteration:
        raise EOFError from None

    said = []
    run = ppsro.load(path)
    table = play_command.Table(run, np.random.default_rng(1), True, ask,
                               said.append)
    with contextlib.suppress(EOFError):
      while True:
        table.play(table.games % 2)
    text = "\n".join(said)
    self.assertGreaterEqual(table.games, 2)
    self.assertEqual(text.count("is no legal move"), 3)
    totals = [float(line.split()[4]) for line in said
              if line.startswith("the game is over")]
    self.assertAlmostEqual(sum(totals), table.score)
    self.assertEqual(text.count("drawn with probability"), table.games)
    self.assertRegex(text, "you played Pass; the run plays Pass [01].")

  @pytest.mark.slow
  def test_the_command(self):
    path = self.run_of()
    process = testing.start_example(
        "play_example", path, "--seed=3", "--seat=1", "--games=2", stdin=-1)
    output, errors = process.communicate(
        "x\n" + "0\n" * 6, timeout=testing.PATIENCE_SECONDS)
    self.assertEqual(process.returncode, 0, errors)
    self.assertEqual(testing.result_of(output.splitlines())["games"], "2")
    self.assertNotIn("was policy", output)
    with mock.patch.object(sys, "stdin", io.StringIO("")):  # Ctrl-D at once.
      lines, _ = self.call("play_example", path)
    self.assertEqual(lines[-1], "result: games=0 score=0")
    _, errors = self.call("play_example", path, "--seat=2", code=2)
    self.assertIn("--seat is 2; the game has players from 0 to 1", errors)

  @parameterized.parameters(
      "kuhn_poker", "leduc_poker", "phantom_ttt", "liars_dice",
      "turn_based_simultaneous_game(game=goofspiel(imp_info=true,num_cards=3))",
      "turn_based_simultaneous_game(game=goofspiel(num_cards=3))")
  def test_hidden_information_stays_hidden(self, name):
    """States that look the same to a player are shown to it as the same."""
    game = pyspiel.load_game(name)
    kind = game.get_type()
    rng = np.random.default_rng(0)
    seen = {}
    for _ in range(300):
      state = game.new_initial_state()
      while not state.is_terminal():
        if not state.is_chance_node():
          player = state.current_player()
          key = (state.information_state_string(player)
                 if kind.provides_information_state_string else
                 tuple(state.observation_tensor(player)))
          text = play_command.view(state, player)
          self.assertEqual(seen.setdefault((player, key), text), text)
        actions = state.legal_actions()
        state.apply_action(actions[rng.integers(len(actions))])

  def test_an_open_game_shows_the_board(self):
    state = pyspiel.load_game("tic_tac_toe").new_initial_state()
    self.assertEqual(play_command.view(state, 0), "...\n...\n...")


class EvaluateTest(CommandsTestCase):

  def evaluate(self, *arguments, **kwargs):
    return self.call("evaluate_example", *arguments, **kwargs)

  @pytest.mark.slow
  def test_one_run(self):
    path = self.run_of(game="leduc_poker", rounds=8)
    other = self.run_of("other", game="leduc_poker", rounds=2)
    lines, _ = self.evaluate(
        path, f"--against=uniform,cfr,random_bot,{other}", "--games=200",
        "--cfr_iterations=200", "--weak_points=4")
    result = testing.result_of(lines)
    found = ppsro.load(path)
    self.assertAlmostEqual(float(result["nash_conv"]),
                           found.exploitability().nash_conv, places=4)
    rows = {line.split()[0]: line for line in lines if line}
    for name in ("uniform", "cfr", other):
      self.assertEndsWith(rows[name], "exact")
    self.assertEndsWith(rows["random_bot"], "200")
    self.assertIn(" +- ", rows["random_bot"])
    # An equilibrium loses to nobody by more than it is exploitable.
    self.assertLess(float(result["against_cfr"]), 0.05)
    self.assertGreater(float(result["against_uniform"]), 0)
    (start,) = [number for number, line in enumerate(lines)
                if line.startswith("where it loses (4 of ")]
    table = lines[start + 2:start + 6]
    parts = [float(line.split()[0]) for line in table]
    self.assertEqual(parts, sorted(parts, reverse=True))
    self.assertLen(lines, start + 7)
    self.assertRegex(table[0], "(Fold|Call|Raise)$")

  @pytest.mark.slow
  def test_sampled_agrees_with_exact(self):
    path = self.run_of(rounds=4)
    exact, sampled = (testing.result_of(self.evaluate(
        path, f"--evaluation={evaluation}", "--games=2000")[0])
                      for evaluation in ("exact", "sampled"))
    # Returns of Kuhn poker have a deviation of at most two.
    self.assertAlmostEqual(float(exact["against_uniform"]),
                           float(sampled["against_uniform"]),
                           delta=5 * 2 / 4000 ** 0.5)

  @pytest.mark.slow
  def test_all_against_all(self):
    paths = [self.run_of(f"run{rounds}", rounds=rounds)
             for rounds in (1, 3, 6)]
    lines, _ = self.evaluate(*paths)
    result = testing.result_of(lines)
    self.assertEqual(result["runs"], "3")
    self.assertIn(result["best"], paths)
    rows = [line.split() for line in lines if line.startswith("[")]
    values = np.array([row[2:4] for row in rows], float)
    # What one earns the other loses.
    self.assertAlmostEqual(values.sum(), 0, places=3)

  @pytest.mark.thorough
  def test_a_sampled_run(self):
    ppsro.run("kuhn_poker", "sequential",
              ppsro.PPOConfig(episodes_per_batch=32, hidden_sizes=(4,)),
              output_dir="run", evaluation="sampled", exploiter_steps=0,
              limits=ppsro.Limits(1e6, max_rounds=2))
    lines, _ = self.evaluate("run", "--max_histories=5", "--games=300",
                             "--against=uniform,random_bot,run")
    self.assertStartsWith(lines[0], "NashConv not known exactly")
    self.assertNotIn("where it loses", "\n".join(lines))
    _, errors = self.evaluate("run", "--max_histories=5", "--against=cfr",
                              code=2)
    self.assertIn("cfr needs a game that can be enumerated", errors)

  @parameterized.parameters(
      (("--against=nobody",), "--against has 'nobody'; it takes run"),
      (("leduc",), "leduc is of leduc_poker()"),
      (("--mixture=least",), "there is no mixture 'least'"))
  @pytest.mark.slow
  def test_what_is_refused(self, arguments, message):
    self.run_of(rounds=1)
    self.run_of("leduc", game="leduc_poker", rounds=1)
    _, errors = self.evaluate("run", *arguments, code=2)
    self.assertIn(message, errors)


class ExportTest(CommandsTestCase):

  @pytest.mark.thorough
  def test_a_run_is_exported(self):
    path = self.run_of(rounds=4)
    lines, _ = self.call(
        "export_policy_example", path, "out", "--onnx", "--distil",
        "--updates=30", "--hidden_sizes=16")
    result = testing.result_of(lines)
    run = ppsro.load(path)
    expected = run.exploitability().nash_conv
    self.assertAlmostEqual(float(result["nash_conv"]), expected, places=5)
    self.assertIn("distilled_nash_conv", result)
    tree = run.tree()
    for found in (
        policy_export.read_table("out/policy.npz"),
        policy_export.read_table("out/policy.csv", tree)):
      self.assertAlmostEqual(ppsro.nash_conv(
          tree, [found.table(player) for player in range(2)]), expected,
                             places=9)
    self.assertAlmostEqual(ppsro.nash_conv(tree, policy_export.read_members(
        "out/members.npz").tables(tree)), expected, places=9)
    exported = json.loads((self.path / "out/export.json").read_text())
    self.assertCountEqual(os.listdir("out"),
                          [*exported["files"], "export.json"])
    for members in exported["members"]:
      self.assertAlmostEqual(sum(m["probability"] for m in members), 1)
      for member in members:
        self.assertIn(member["onnx"], exported["files"])
    _, errors = self.call("export_policy_example", path, "out", code=2)
    self.assertIn("choose another directory, or replace it with --overwrite",
                  errors)
    self.call("export_policy_example", path, "out", "--overwrite")

  @pytest.mark.slow
  def test_a_game_too_large_has_no_table(self):
    ppsro.run("kuhn_poker", "sequential",
              ppsro.PPOConfig(episodes_per_batch=32, hidden_sizes=(4,)),
              output_dir="run", evaluation="sampled", exploiter_steps=0,
              limits=ppsro.Limits(1e6, max_rounds=1))
    _, errors = self.call("export_policy_example", "run", "out",
                          "--max_histories=5")
    self.assertIn("policy.npz and policy.csv are left out", errors)
    self.assertCountEqual(os.listdir("out"), ["members.npz", "export.json"])


if __name__ == "__main__":
  absltest.main()

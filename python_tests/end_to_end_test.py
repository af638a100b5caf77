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

"""Tests of the examples, from flags to files.

Most are called in this process, see `testing.call_example`; what belongs to a
process, its signals and its workers, is tested on processes.
"""

import json
import math
import os
import pathlib
import signal
import time

from absl.testing import absltest
from absl.testing import parameterized
from open_spiel.python.algorithms import exploitability
import pytest

from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.runs import run_directory
import testing

# A run of a second or two.
QUICK = ("--game_name=kuhn_poker", "--episodes_per_batch=256",
         "--hidden_sizes=16")
NO_LIMIT = "--time_limit_seconds=1e6"


class ExampleTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    self.run_path = self.path / "run"
    self.output_dir = f"--output_dir={self.run_path}"

  def call(self, example, *arguments):
    """Calls an example that has to succeed; returns its lines and errors."""
    code, lines, errors = testing.call_example(example, *arguments)
    self.assertEqual(code, 0, errors)
    return lines, errors

  def start(self, *arguments, **kwargs):
    """Starts a run in a process group of its own, that surely ends."""
    process = testing.start_example(
        "pipeline_psro_example", *arguments, self.output_dir,
        start_new_session=True, **kwargs)
    for stream in filter(None, (process.stdout, process.stderr)):
      self.addCleanup(stream.close)
    self.addCleanup(process.wait)
    self.addCleanup(process.kill)
    return process

  def wait_for_rounds(self, process, number):
    """Waits until the run of a process has recorded so many rounds."""
    metrics = self.run_path / "metrics.csv"
    testing.wait_until(
        lambda: metrics.exists() and metrics.read_text().count("\n") > number,
        f"round {number}", process)

  def assert_all_end(self, pids):
    testing.wait_until(lambda: not any(map(testing.is_alive, pids)),
                       "the end of all workers")

  def assert_policy_is_as_told(self, path, result):
    """Checks that OpenSpiel finds of the policy what the result line says."""
    pi = storage.read_policy(path, "meta_nash" if (
        "exploitability_least" in result) else None)
    self.assertAlmostEqual(exploitability.nash_conv(pi.game, pi),
                           float(result["nash_conv"]), places=5)
    if "exploitability_least" in result:
      pi = storage.read_policy(path)
      self.assertAlmostEqual(exploitability.exploitability(pi.game, pi),
                             float(result["exploitability_least"]), places=5)
      self.assertLessEqual(float(result["exploitability_least"]),
                           float(result["exploitability"]) + 1e-6)


class PipelineExampleTest(ExampleTestCase):

  @pytest.mark.slow
  def test_says_and_leaves_what_it_promises(self):
    arguments = [*QUICK, NO_LIMIT, "--max_iterations=4"]
    found = []
    for executor, run in (("serial", testing.call_example),
                          ("processes", testing.run_example)):
      path = self.path / executor
      code, lines, errors = run(
          "pipeline_psro_example", *arguments, f"--executor={executor}",
          f"--output_dir={path}")
      self.assertEqual(code, 0, errors)
      result = testing.result_of(lines)
      self.assertContainsSubset(
          "game scheme oracle nash_conv exploitability iterations policies "
          "episodes wall_seconds".split(), result)
      self.assertEqual(result["stopped_by"], "max_iterations")
      self.assertGreaterEqual(int(result["iterations"]), 4)
      self.assertGreaterEqual(int(result["policies"]), 10)
      self.assertAlmostEqual(float(result["nash_conv"]),
                             2 * float(result["exploitability"]), places=5)
      self.assertRegex(errors, r"round 1 .* NashConv .* episodes/s .* s left")

      self.assertCountEqual(os.listdir(path), [
          "config.json", "metrics.csv", "levels.csv", "history.jsonl",
          "final_policy.npz", "final_mixture.npz", "best_policy.npz",
          "nash_conv.png", "result.json",
          *(p.name for p in run_directory.checkpoint_paths(path))])
      self.assertEqual(
          run_directory.read_checkpoint(path)["solver"]["rounds"],
          int(result["rounds"]))
      config = run_directory.read_config(path)
      self.assertEqual(config["game_name"], "kuhn_poker")
      self.assertEqual(config["learner"]["episodes_per_batch"], 256)
      self.assertGreater(config["opponent_update_freq"], 0)
      metrics = run_directory.read_metrics(path)
      self.assertEqual(metrics["round"],
                       list(range(1, int(result["rounds"]) + 1)))
      self.assertAlmostEqual(metrics["nash_conv_frozen"][-1],
                             float(result["nash_conv"]), places=5)
      self.assertEqual(metrics["episodes"][-1], int(result["episodes"]))
      self.assertLessEqual(metrics["wall_seconds"][-1],
                           float(result["wall_seconds"]) + 0.01)
      self.assert_policy_is_as_told(path, result)
      found.append(({name: result[name] for name in (
          "nash_conv", "policies", "rounds", "episodes")},
                    testing.metrics_without_clocks(metrics)))
    self.assertEqual(*found)

  @parameterized.parameters(
      # The bound of NashConv is below that of uniform play, which is 0.917 in
      # Kuhn poker and 2.2 with three players.
      (1e-9, "--scheme=sequential", "--oracle=exact", "--max_iterations=8"),
      (0.7, "--scheme=naive", "--oracle=dqn", "--num_levels=2",
       "--max_iterations=4", "--episodes_per_batch=256"),
      (0.2, "--scheme=rectified", "--oracle=exact", "--rectify=relu",
       "--max_iterations=4"),
      (0.4, "--scheme=dch", "--oracle=exact", "--dch_meta_solver=online",
       "--max_iterations=20"),
      (0.5, "--scheme=neupl", "--num_levels=3", "--max_iterations=12",
       "--episodes_per_batch=256"),
      (0.5, "--scheme=self_play", "--max_rounds=4",
       "--episodes_per_batch=1024", "--magnet=0.2", "--magnet_updates=40"),
      (0.8, "--scheme=pipeline", "--oracle=exact", "--max_iterations=3",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=uniform"),
      # Uniform play is its equilibrium; the first response is as far as can
      # be from it, 2.
      (1e-9, "--scheme=pipeline", "--oracle=exact", "--max_iterations=3",
       "--game_name=matrix_rps"),
      (0.2, "--scheme=pipeline", "--oracle=exact", "--max_iterations=6",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=cce"),
      (0.2, "--scheme=sequential", "--oracle=exact", "--max_iterations=6",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=prd"),
      # It stops where it is told to.
      (0.8, "--scheme=pipeline", "--target_exploitability=0.4",
       "--meta_strategy=fictitious_play", "--plateau_delta=0.1",
       "--warmup_steps=2000", "--hidden_sizes=16,16"))
  @pytest.mark.sweep(7)
  @pytest.mark.slow
  def test_every_scheme_runs(self, bound, *arguments):
    lines, errors = self.call(
        "pipeline_psro_example", "--game_name=kuhn_poker",
        "--executor=serial", NO_LIMIT, self.output_dir, *arguments)
    result = testing.result_of(lines)
    self.assertLessEqual(float(result["nash_conv"]), bound)
    self.assert_policy_is_as_told(self.run_path, result)
    self.assertEqual("cce_gap" in result, "--meta_strategy=cce" in arguments)
    self.assertEqual("one population" in errors,
                     arguments[0].split("=")[1] in (
                         "rectified", "neupl", "self_play"))

  @parameterized.parameters(
      ("--game_name=phantom_ttt", "--episodes_per_batch=64",
       "--initial_policy=uniform"),
      ("--game_name=phantom_ttt", "--episodes_per_batch=32",
       "--scheme=neupl", "--num_levels=2"),
      ("--game_name=phantom_ttt", "--episodes_per_batch=32",
       "--scheme=self_play", "--self_play_answer=mixture"),
      ("--game_name=kuhn_poker", "--evaluation=sampled", "--oracle=dqn",
       "--scheme=rectified", "--episodes_per_batch=256"),
      ("--game_name=kuhn_poker(players=3)", "--evaluation=sampled",
       "--meta_strategy=cce", "--episodes_per_batch=256"))
  @pytest.mark.slow
  @pytest.mark.sweep(2)
  def test_sampled_games(self, *arguments):
    lines, errors = self.call(
        "pipeline_psro_example", *arguments, "--executor=serial", NO_LIMIT,
        "--hidden_sizes=16", "--max_rounds=4", "--exploiter_steps=1000",
        "--evaluation_share=0",
        self.output_dir)
    self.assert_sampled_run(lines, errors)

  @pytest.mark.thorough
  def test_sampled_games_in_processes(self):
    found = []
    for executor in ("serial", "processes"):
      lines, errors = self.call(
          "pipeline_psro_example", "--game_name=phantom_ttt",
          "--episodes_per_batch=64", "--hidden_sizes=16", "--max_rounds=4",
          "--exploiter_steps=1000", "--evaluation_share=0", NO_LIMIT,
          f"--executor={executor}", self.output_dir, "--overwrite")
      found.append(self.assert_sampled_run(lines, errors))
    self.assertEqual(*found)

  def assert_sampled_run(self, lines, errors):
    """Checks a run on a sampled game; returns all but its clocks."""
    result = testing.result_of(lines)
    self.assertEqual(result["nash_conv"], "nan")
    self.assertGreater(float(result["lower_bound_standard_error"]), 0)
    self.assertTrue(math.isfinite(float(result["nash_conv_lower_bound"])))
    for line in errors.splitlines():  # It is not known while a run goes on.
      if line.startswith("round "):
        self.assertNotIn("NashConv", line)
    metrics = run_directory.read_metrics(self.run_path)
    self.assertGreater(metrics["evaluation_episodes"][-1], 0)
    pi = storage.read_policy(self.run_path)
    state = pi.game.new_initial_state()
    while state.is_chance_node():
      state.apply_action(state.legal_actions()[0])
    probabilities = pi.action_probabilities(state)
    self.assertAlmostEqual(sum(probabilities.values()), 1)
    self.assertCountEqual(probabilities, state.legal_actions())
    del result["wall_seconds"]
    return result, probabilities, testing.metrics_without_clocks(metrics)

  def test_the_time_limit_counts_from_the_start_of_the_process(self):
    # The first to read the clock is the example, as its first act; its imports
    # then seem to take a hundred seconds.
    with testing.Clock(step=100).is_everybodys():
      code, lines, errors = testing.call_example(
          "pipeline_psro_example", *QUICK, "--executor=serial",
          "--time_limit_seconds=60", self.output_dir)
    self.assertEqual((code, lines), (2, []))
    self.assertIn("the time limit of 60 s was over before the first round",
                  errors)
    self.assertFalse(self.run_path.exists())

  @pytest.mark.slow
  def test_no_round_begins_that_does_not_fit_into_the_time_limit(self):
    limit, wrap_up = 400, 1.5
    with testing.Clock(step=1).is_everybodys():
      lines, _ = self.call(
          "pipeline_psro_example", *QUICK, "--executor=serial",
          f"--time_limit_seconds={limit}", self.output_dir)
    self.assertEqual(testing.result_of(lines)["stopped_by"],
                     "time_limit_seconds")
    metrics = run_directory.read_metrics(self.run_path)
    fits = [wall + last + wrap_up < limit for wall, last in zip(
        metrics["wall_seconds"], metrics["round_seconds"])]
    self.assertEqual(fits, [True] * (len(fits) - 1) + [False])

  @parameterized.parameters(
      ("--game_name=kuhn_pokr", "kuhn_pokr"),
      ("--num_levels=two", "num_levels"),
      ("kuhn_poker", "unexpected argument 'kuhn_poker'"))
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_bad_input_ends_a_process_with_one_line(self, argument, names):
    code, lines, errors = testing.run_example(
        "pipeline_psro_example", argument, self.output_dir)
    self.assertEqual((code, lines), (2, []))
    told = [line for line in errors.splitlines()
            if not line.startswith("importing: ")]  # If it takes long.
    self.assertLen(told, 1, errors)
    self.assertIn(names, told[0])

  @pytest.mark.thorough
  def test_a_second_signal_ends_at_once(self):
    told = self.path / "errors"
    with told.open("w", encoding="utf-8") as file:
      process = self.start(
          "--game_name=kuhn_poker", "--opponent_update_freq=4000000000",
          "--num_workers=2", NO_LIMIT, stderr=file)
    testing.wait_until(lambda: "round 1: " in told.read_text(),
                       "the first round, a long one,", process)
    workers = testing.children_of(process.pid)
    self.assertNotEmpty(workers)
    # The first signal waits for the round, ten seconds. Whichever signal is
    # the second one that is seen ends the process, without a result.
    while process.poll() is None:
      process.terminate()
      time.sleep(0.5)
    self.assertEqual(process.returncode, 143)
    self.assertEqual(process.stdout.read(), "")
    self.assert_all_end(workers)  # Promised: within 5 seconds, unloaded.

  @parameterized.parameters("serial", "processes", "ray")
  @pytest.mark.thorough
  def test_ctrl_c_leaves_a_run_directory_and_no_process(self, executor):
    process = self.start(
        *QUICK, NO_LIMIT, f"--executor={executor}",
        "--oracle=dqn" if executor == "serial" else "--num_workers=2")
    self.wait_for_rounds(process, 2)
    workers = testing.children_of(process.pid)
    self.assertEqual(bool(workers), executor != "serial")
    # As a terminal does it: the whole process group gets the signal.
    os.killpg(process.pid, signal.SIGINT)
    # Promised: within 2 seconds, unloaded.
    output, errors = process.communicate(timeout=testing.PATIENCE_SECONDS)
    self.assertEqual(process.returncode, 130, errors)
    self.assertNotIn("Traceback", errors)
    self.assert_all_end(workers)
    result = testing.result_of(output.splitlines())
    self.assertEqual(result["stopped_by"], "interrupt")
    metrics = run_directory.read_metrics(self.run_path)
    self.assertLen(metrics["round"], int(result["rounds"]))
    self.assert_policy_is_as_told(self.run_path, result)

  @pytest.mark.slow
  def test_free_running(self):
    lines, _ = self.call(
        "pipeline_psro_example", *QUICK, self.output_dir, "--num_workers=2",
        "--free_running", "--max_staleness=5", "--max_rounds=12", NO_LIMIT,
        "--checkpoint_seconds=0.2")
    before = testing.result_of(lines)
    self.assertLessEqual(int(before["staleness"]), 5)
    lines, _ = self.call(
        "pipeline_psro_example", "--resume", self.output_dir,
        "--max_rounds=30", NO_LIMIT)
    result = testing.result_of(lines)
    # Whoever was in training at the end has been waited for, in a round more.
    self.assertGreater(int(result["rounds"]), int(before["rounds"]))
    metrics = run_directory.read_metrics(self.run_path)
    self.assertEqual(metrics["round"],
                     list(range(1, 1 + int(result["rounds"]))))
    self.assertLessEqual(max(metrics["staleness"]), 5)
    self.assert_policy_is_as_told(self.run_path, result)

  @parameterized.parameters("ppo", "dqn")
  def test_a_learner_that_diverges_stops_the_run(self, learner):
    code, lines, errors = testing.call_example(
        "pipeline_psro_example", *QUICK, self.output_dir, NO_LIMIT,
        "--executor=serial", f"--oracle={learner}", "--learning_rate=1e30")
    self.assertEqual((code, lines), (1, []))
    self.assertRegex(errors, "the worker of player . policy 1 failed")
    self.assertIn("weights of its network are no longer finite", errors)

  @parameterized.parameters(
      (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143),
      (signal.SIGINT, 130))
  @pytest.mark.thorough
  def test_resume_is_as_if_nothing_had_happened(self, number, exit_code):
    arguments = [*QUICK, NO_LIMIT]
    process = self.start(
        *arguments, "--num_workers=2", "--checkpoint_seconds=0.05")
    self.wait_for_rounds(process, 5)
    workers = testing.children_of(process.pid)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=testing.PATIENCE_SECONDS)
    self.assertEqual(process.returncode, exit_code, errors)
    self.assert_all_end(workers)  # Promised: within 5 seconds, unloaded.

    # What was given then need not be given again, and what differs is refused.
    code, lines, errors = testing.call_example(
        "pipeline_psro_example", "--resume", "--num_levels=3",
        "--executor=serial", self.output_dir)
    self.assertEqual((code, lines), (2, []))
    self.assertIn("num_levels is 2 there and 3 here", errors)
    rounds = run_directory.read_checkpoint(self.run_path)["solver"]["rounds"]
    runs = []
    for path, given in (("run", ["--resume"]), ("whole", arguments)):
      lines, _ = self.call(
          "pipeline_psro_example", *given, "--executor=serial",
          f"--max_rounds={rounds + 4}", f"--output_dir={self.path / path}")
      result = testing.result_of(lines)
      runs.append([{name: result[name] for name in (
          "game", "nash_conv", "rounds", "policies", "episodes")},
                   testing.metrics_without_clocks(
                       run_directory.read_metrics(self.path / path))])
    self.assertEqual(*runs)
    self.assertEmpty(testing.differences(*(
        run_directory.read_checkpoint(self.path / path)["solver"]
        for path in ("run", "whole"))))

  def test_one_run_at_a_time_and_nothing_to_resume(self):
    directory = run_directory.RunDirectory(self.run_path)
    directory.start({"flags_given": []})
    for arguments, message in (
        ((), "is in use by a run that is still alive"),
        (("--resume",), "there is no checkpoint in")):
      code, lines, errors = testing.call_example(
          "pipeline_psro_example", *QUICK, *arguments, "--executor=serial",
          self.output_dir)
      self.assertEqual((code, lines), (2, []))
      self.assertIn(message, errors)
      self.assertLen(errors.splitlines(), 1)
    directory.close()
    code, _, errors = testing.call_example(
        "pipeline_psro_example", "--resume",
        f"--output_dir={self.path / 'none'}")
    self.assertEqual(code, 2)
    self.assertIn("there is no run in", errors)


class OtherExamplesTest(ExampleTestCase):

  @pytest.mark.thorough
  def test_compare_schemes(self):
    lines, _ = self.call(
        "compare_schemes_example", "--game_name=kuhn_poker", "--oracle=exact",
        "--executor=serial", "--max_iterations=8", "--seeds=1,2", NO_LIMIT,
        self.output_dir)
    result = testing.result_of(lines)
    self.assertEqual([line.split()[0] for line in lines[:-1]],
                     ["scheme", "sequential", "naive", "rectified", "dch",
                      "pipeline", "neupl", "self_play"])
    # Kuhn poker needs more than DCH's four levels, and eight are enough.
    self.assertLess(float(result["sequential"]), 1e-9)
    self.assertGreater(float(result["dch"]), 0.01)
    self.assertLess(float(result["self_play"]), 0.1)
    self.assertTrue(pathlib.Path(result["plot"]).exists())
    self.assertLen(run_directory.read_metrics(
        self.run_path / "dch-seed2")["round"], 8)
    config = json.loads(
        (self.run_path / "dch-seed2" / "config.json").read_text())
    self.assertEqual((config["scheme"], config["seed"]), ("dch", 2))

  def test_random_normal_form(self):
    payoffs = self.path / "rps_x.csv"
    payoffs.write_text("0 -1 1 -0.4\n1 0 -1 -0.4\n-1 1 0 -0.4\n0.4 0.4 0.4 0")
    lines, _ = self.call(
        "random_normal_form_example", f"--payoffs_file={payoffs}",
        "--start_action=0", "--learning_rates=1", "--rounds=10",
        "--methods=rectified,sequential,pipeline-2", "--seeds=1",
        self.output_dir)
    last = {line.split()[0]: float(line.split()[-1]) for line in lines[2:5]}
    self.assertAlmostEqual(last["rectified"], 0.4)
    self.assertLess(max(last["sequential"], last["pipeline-2"]), 1e-9)
    self.assertTrue((self.run_path / "exploitability.png").exists())
    # The last row beats all others.
    self.assertEqual(lines[-3:-1], ["player 0: action 3 1",
                                    "player 1: action 3 1"])

  def test_random_normal_form_whose_seats_are_drawn(self):
    payoffs = self.path / "chicken.csv"
    payoffs.write_text("3,0\n5,1")
    lines, errors = self.call(
        "random_normal_form_example", f"--payoffs_file={payoffs}",
        "--start_action=0", "--learning_rates=1", "--rounds=10",
        "--methods=rectified,sequential", "--seeds=1,1", self.output_dir)
    last = {line.split()[0]: float(line.split()[-1]) for line in lines[2:4]}
    # The second row and the second column dominate.
    self.assertLess(last["sequential"], 1e-9)
    self.assertLess(last["rectified"], 1e-9)
    self.assertEqual(errors.count("rectified done"), 1)


if __name__ == "__main__":
  absltest.main()

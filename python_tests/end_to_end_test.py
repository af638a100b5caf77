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

"""Tests of the examples, run as a user runs them: as processes, by flags."""

import json
import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time

from absl.testing import absltest
from absl.testing import parameterized
from open_spiel.python.algorithms import exploitability

from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.runs import run_directory

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
QUICK = ("--game_name=kuhn_poker", "--episodes_per_batch=1024",
         "--time_limit_seconds=60")


def start(example, *arguments, **kwargs):
  return subprocess.Popen(
      [sys.executable, str(EXAMPLES / f"{example}.py"), *arguments],
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def run(example, *arguments):
  """Returns exit code, lines of standard output, standard error."""
  process = start(example, *arguments)
  output, errors = process.communicate(timeout=120)
  return process.returncode, output.splitlines(), errors


def _play_example(example, arguments, output, errors):
  """Becomes an example; what it says goes to two files."""
  for path, descriptor in ((output, 1), (errors, 2)):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
  sys.argv = [str(EXAMPLES / f"{example}.py"), *arguments]
  sys.path.insert(0, str(EXAMPLES))
  runpy.run_path(sys.argv[0], run_name="__main__")


def run_imported(example, *arguments):
  """Like `run`, of a process that need not import first: for many short runs.
  """
  context = multiprocessing.get_context("forkserver")
  context.set_forkserver_preload([
      "torch", "end_to_end_test", "open_spiel_ppsro.solver",
      "open_spiel_ppsro.report", "open_spiel_ppsro.oracles.neupl"])
  with tempfile.TemporaryDirectory() as directory:
    paths = [pathlib.Path(directory) / name for name in ("output", "errors")]
    process = context.Process(target=_play_example,
                              args=(example, arguments, *paths))
    process.start()
    process.join(120)
    output, errors = (path.read_text() for path in paths)
  return process.exitcode, output.splitlines(), errors


def result_of(lines):
  """Returns the last line as a dict; every line but it is no result."""
  assert lines[-1].startswith("result: "), lines
  assert not any(line.startswith("result:") for line in lines[:-1])
  return dict(pair.split("=", 1) for pair in lines[-1].split()[1:])


def is_alive(pid):
  """Returns whether a process runs; one that has ended is a zombie at most."""
  try:
    status = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except FileNotFoundError:
    return False
  return status.rpartition(")")[2].split()[0] != "Z"


def children_of(pid):
  """Returns the ids of the living processes below a process."""
  answer = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], text=True,
                          capture_output=True, check=True)
  parents = {}
  for line in answer.stdout.splitlines():
    child, parent, state = line.split()
    if not state.startswith("Z"):
      parents[int(child)] = int(parent)
  found, level = [], [pid]
  while level:
    level = [child for child, parent in parents.items() if parent in level]
    found += level
  return found


class ExampleTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    temporary = tempfile.TemporaryDirectory()
    self.addCleanup(temporary.cleanup)
    self.path = pathlib.Path(temporary.name)
    self.output_dir = f"--output_dir={self.path / 'run'}"


class PipelineExampleTest(ExampleTestCase):

  def test_says_and_leaves_what_it_promises(self):
    results = []
    for executor in ("serial", "processes"):
      directory = self.path / executor
      code, lines, errors = run(
          "pipeline_psro_example", *QUICK, "--max_iterations=6",
          f"--executor={executor}", f"--output_dir={directory}")
      self.assertEqual(code, 0, errors)
      result = result_of(lines)
      self.assertContainsSubset(
          "game scheme oracle nash_conv exploitability iterations policies "
          "episodes wall_seconds".split(), result)
      self.assertEqual(result["stopped_by"], "max_iterations")
      self.assertGreaterEqual(int(result["iterations"]), 6)
      self.assertGreater(int(result["policies"]), 12)
      self.assertEqual(float(result["nash_conv"]),
                       2 * float(result["exploitability"]))
      self.assertRegex(errors, r"round 1 .* NashConv .* episodes/s .* s left")

      self.assertCountEqual(os.listdir(directory), [
          "config.json", "metrics.csv", "final_policy.npz", "nash_conv.png",
          *(path.name for path in run_directory.checkpoint_paths(directory))])
      self.assertEqual(
          run_directory.read_checkpoint(directory)["solver"]["rounds"],
          int(result["rounds"]))
      config = run_directory.read_config(directory)
      self.assertEqual(config["game_name"], "kuhn_poker")
      self.assertEqual(config["learner"]["episodes_per_batch"], 1024)
      self.assertGreater(config["opponent_update_freq"], 0)
      metrics = run_directory.read_metrics(directory)
      self.assertEqual(metrics["round"],
                       list(range(1, int(result["rounds"]) + 1)))
      self.assertAlmostEqual(metrics["nash_conv_frozen"][-1],
                             float(result["nash_conv"]), places=5)
      self.assertEqual(metrics["episodes"][-1], int(result["episodes"]))
      self.assertLess(metrics["wall_seconds"][-1],
                      float(result["wall_seconds"]))
      # What OpenSpiel says of the policy that was left.
      pi = storage.read_policy(directory)
      self.assertAlmostEqual(exploitability.nash_conv(pi.game, pi),
                             float(result["nash_conv"]), places=5)
      results.append(({name: result[name] for name in (
          "nash_conv", "policies", "rounds", "episodes")},
                      {name: str(metrics[name]) for name in metrics
                       if "seconds" not in name}))  # As text nan is nan.
    self.assertEqual(results[0], results[1])

  @parameterized.parameters(
      ("--scheme=sequential", "--oracle=exact", "--max_iterations=8"),
      ("--scheme=naive", "--oracle=dqn", "--num_levels=2",
       "--max_iterations=2", "--episodes_per_batch=256"),
      ("--scheme=rectified", "--oracle=exact", "--rectify=relu",
       "--max_iterations=4"),
      ("--scheme=dch", "--oracle=exact", "--dch_meta_solver=online",
       "--max_iterations=20"),
      ("--scheme=neupl", "--num_levels=3", "--max_iterations=3",
       "--episodes_per_batch=256"),
      ("--scheme=pipeline", "--oracle=exact", "--max_iterations=3",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=uniform"),
      ("--scheme=pipeline", "--oracle=exact", "--max_iterations=3",
       "--game_name=matrix_rps"),
      ("--scheme=pipeline", "--oracle=exact", "--max_iterations=6",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=cce"),
      ("--scheme=sequential", "--oracle=exact", "--max_iterations=6",
       "--game_name=kuhn_poker(players=3)", "--meta_strategy=prd"),
      ("--scheme=pipeline", "--target_exploitability=0.4",
       "--meta_strategy=fictitious_play", "--plateau_delta=0.1",
       "--warmup_steps=2000", "--hidden_sizes=16,16"))
  def test_every_scheme_runs(self, *arguments):
    code, lines, errors = run(
        "pipeline_psro_example", "--game_name=kuhn_poker",
        "--executor=serial", self.output_dir, *arguments)
    self.assertEqual(code, 0, errors)
    result = result_of(lines)
    self.assertLess(float(result["nash_conv"]), 0.95)
    self.assertEqual("cce_gap" in result, "--meta_strategy=cce" in arguments)
    self.assertEqual("one population" in errors,
                     "rectified" in arguments[0] or "neupl" in arguments[0])

  @parameterized.parameters(
      ("--game_name=phantom_ttt", "--max_episodes=20000"),
      ("--game_name=phantom_ttt", "--scheme=neupl", "--max_iterations=2",
       "--num_levels=2"),
      ("--game_name=kuhn_poker", "--evaluation=sampled", "--oracle=dqn",
       "--scheme=rectified", "--max_episodes=20000"),
      ("--game_name=kuhn_poker(players=3)", "--evaluation=sampled",
       "--meta_strategy=cce", "--max_episodes=20000"))
  def test_sampled_games(self, *arguments):
    results = []
    for executor in ("serial", "processes"):
      directory = self.path / executor
      code, lines, errors = run(
          "pipeline_psro_example", *arguments, f"--executor={executor}",
          "--exploiter_steps=20000", f"--output_dir={directory}")
      self.assertEqual(code, 0, errors)
      result = result_of(lines)
      self.assertEqual(result["nash_conv"], "nan")
      self.assertGreater(float(result["nash_conv_lower_bound"]), -0.5)
      self.assertGreater(float(result["lower_bound_standard_error"]), 0)
      self.assertNotIn("NashConv", errors.replace("; NashConv is that", ""))
      metrics = run_directory.read_metrics(directory)
      self.assertGreater(metrics["evaluation_episodes"][-1], 0)
      pi = storage.read_policy(directory)
      state = pi.game.new_initial_state()
      while state.is_chance_node():
        state.apply_action(state.legal_actions()[0])
      probabilities = pi.action_probabilities(state)
      self.assertAlmostEqual(sum(probabilities.values()), 1)
      self.assertCountEqual(probabilities, state.legal_actions())
      results.append([result["nash_conv_lower_bound"], result["episodes"],
                      probabilities, metrics["levels"]])
    self.assertEqual(results[0], results[1])

  def test_time_limit_counts_from_the_start_of_the_process(self):
    began = time.perf_counter()
    code, lines, _ = run("pipeline_psro_example", *QUICK, self.output_dir,
                         "--executor=serial", "--time_limit_seconds=12")
    self.assertEqual(code, 0)
    self.assertEqual(result_of(lines)["stopped_by"], "time_limit_seconds")
    self.assertLess(time.perf_counter() - began, 16)

  @parameterized.parameters(
      ("--game_name=kuhn_pokr", "kuhn_pokr"),
      ("--game_name=kuhn_poker(players=3)", "use one of alpharank, cce, prd"),
      ("--game_name=kuhn_poker(playrs=3)", "playrs"),
      ("--game_name=kuhn_poker(players=3", "kuhn_poker"),
      ("--game_name=", "game"),
      ("--game_name=2048", "player"),
      ("--game_name=chess --evaluation=exact", "chess"),
      ("--game_name=phantom_ttt --oracle=exact", "PPO or DQN"),
      ("--game_name=phantom_ttt --target_exploitability=1", "sampled"),
      ("--game_name=phantom_ttt --payoff_episodes=0", "payoff_episodes"),
      ("--payoff_episodes=100", "exact"),
      ("--exploiter_steps=100", "exact"),
      ("--evaluation=guessed", "sampled"),
      ("--game_name=kuhn_poker(players=3)", "prd"),
      ("--game_name=kuhn_poker(players=3) --scheme=neupl", "two-player"),
      ("--game_name=mfg_crowd_modelling", "mean-field game; PSRO needs"),
      ("--game_name=mfg_crowd_modelling --evaluation=sampled",
       "mean-field game; PSRO needs"),
      ("--game_name=phantom_ttt_ir", "choose a game with tensors"),
      ("--meta_strategy=alpharank --oracle=exact --scheme=naive "
       "--num_levels=60", "use prd, rm or uniform"),
      ("--scheme=pipelin", "pipeline"),
      ("--oracle=sac", "ppo"),
      ("--oracle=exact --tie_break=best", "perturbed"),
      ("--meta_strategy=nsh", "nash"),
      ("--num_levels=0", "num_levels"),
      ("--num_levels=two", "num_levels"),
      ("--num_levels=2 --scheme=sequential", "num_levels"),
      ("--warmup_steps=-1", "warmup_steps"),
      ("--opponent_update_freq=0", "opponent_update_freq"),
      ("--min_steps=-1", "min_steps"),
      ("--max_steps=0", "max_steps"),
      ("--plateau_delta=-1", "delta"),
      ("--plateau_window=-1", "window"),
      ("--tie_break=first", "exact"),
      ("--rectify=relu", "rectified"),
      ("--scheme=neupl --oracle=dqn", "NeuPL"),
      ("--scheme=dch --min_steps=5", "min_steps"),
      ("--episodes_per_batch=0", "episodes_per_batch"),
      ("--learning_rate=0", "learning_rate"),
      ("--hidden_sizes=4,x", "hidden_sizes"),
      ("--hidden_sizes=0", "hidden_sizes"),
      ("--device=abacus", "abacus"),
      ("--num_workers=0", "num_workers"),
      ("--num_workers=2 --executor=serial", "num_workers"),
      ("--executor=threads", "serial"),
      ("--workers_per_level=0", "workers_per_level"),
      ("--workers_per_level=9 --num_workers=2", "workers per level"),
      ("--workers_per_level=2 --oracle=exact", "ppo, dqn"),
      ("--free_running --executor=serial", "processes and ray"),
      ("--free_running --scheme=neupl", "sequential, naive"),
      ("--max_staleness=3", "without --free_running"),
      ("--free_running --max_staleness=0", "max_staleness"),
      ("--ray_address=auto", "for ray"),
      ("--executor=ray --ray_address=127.0.0.1:1", "no Ray cluster"),
      ("--executor=ray --ray_address=here", "host:port"),
      ("--worker_timeout_seconds=0", "worker_timeout_seconds"),
      ("--checkpoint_seconds=-1", "checkpoint_seconds"),
      ("--keep_checkpoints=0", "keep_checkpoints"),
      ("--seed=-1", "seed"),
      ("--time_limit_seconds=0", "time_limit_seconds"),
      ("--time_limit_seconds=nan", "time_limit_seconds"),
      ("--max_iterations=0", "max_iterations"),
      ("--max_rounds=0", "max_rounds"),
      ("--max_episodes=-3", "max_episodes"),
      ("--target_exploitability=0", "target_exploitability"),
      ("--output_dir=/proc/none", "/proc/none"),
      ("--no_such_flag=1", "no_such_flag"),
      ("leduc_poker", "leduc_poker"))
  def test_bad_input_gets_one_line(self, arguments, names):
    arguments = arguments.split(" --")
    arguments = [arguments[0]] + ["--" + a for a in arguments[1:]]
    if not arguments[0].startswith(("--game_name", "leduc")):
      arguments.append("--game_name=kuhn_poker")
    if "output_dir" not in arguments[0]:
      arguments.append(self.output_dir)
    code, lines, errors = run_imported("pipeline_psro_example", *arguments)
    self.assertIn(code, (1, 2))
    self.assertEqual(lines, [])
    self.assertLen(errors.splitlines(), 1, errors)
    self.assertTrue(errors.startswith("error: "), errors)
    self.assertIn(names, errors)

  def test_a_second_signal_ends_at_once(self):
    process = start("pipeline_psro_example", "--game_name=kuhn_poker",
                    "--opponent_update_freq=4000000000", "--num_workers=2",
                    self.output_dir)
    checkpoint = self.path / "run" / "checkpoint_00000000.npz"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not checkpoint.exists():
      time.sleep(0.05)
    time.sleep(0.5)  # The first round is long, and under way.
    workers = children_of(process.pid)
    process.terminate()
    time.sleep(0.5)
    self.assertIsNone(process.poll())  # It waits for the round, ten seconds.
    process.terminate()
    self.assertEqual(process.wait(5), 143)
    deadline = time.monotonic() + 15
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
      time.sleep(0.05)
    self.assertFalse(any(map(is_alive, workers)))  # Promised: 5, unloaded.

  @parameterized.parameters("serial", "processes", "ray")
  def test_ctrl_c_leaves_a_run_directory_and_no_process(self, executor):
    process = start("pipeline_psro_example", "--game_name=leduc_poker",
                    self.output_dir, f"--executor={executor}",
                    "--num_workers=2" if executor != "serial" else
                    "--oracle=dqn", start_new_session=True)
    metrics = self.path / "run" / "metrics.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        metrics.exists() and metrics.read_text().count("\n") > 2):
      time.sleep(0.05)
    workers = children_of(process.pid)
    self.assertEqual(bool(workers), executor != "serial")
    # As a terminal does it: the whole process group gets the signal.
    os.killpg(process.pid, signal.SIGINT)
    pressed = time.monotonic()
    output, errors = process.communicate(timeout=30)
    self.assertLess(time.monotonic() - pressed, 8)  # Promised: 2, unloaded.
    self.assertEqual(process.returncode, 130, errors)
    self.assertNotIn("Traceback", errors)
    while any(map(is_alive, workers)) and time.monotonic() < pressed + 8:
      time.sleep(0.05)
    self.assertFalse(any(map(is_alive, workers)))
    result = result_of(output.splitlines())
    self.assertEqual(result["stopped_by"], "interrupt")
    found = run_directory.read_metrics(self.path / "run")
    self.assertLen(found["round"], int(result["rounds"]))
    pi = storage.read_policy(self.path / "run")
    self.assertAlmostEqual(exploitability.nash_conv(pi.game, pi),
                           float(result["nash_conv"]), places=5)


  def test_free_running(self):
    code, lines, errors = run(
        "pipeline_psro_example", *QUICK, self.output_dir, "--num_workers=2",
        "--free_running", "--max_staleness=5", "--max_iterations=4",
        "--checkpoint_seconds=0.2")
    self.assertEqual(code, 0, errors)
    self.assertLessEqual(int(result_of(lines)["staleness"]), 5)
    code, lines, errors = run(
        "pipeline_psro_example", "--resume", self.output_dir,
        "--max_iterations=12")
    self.assertEqual(code, 0, errors)
    result = result_of(lines)
    metrics = run_directory.read_metrics(self.path / "run")
    self.assertEqual(list(metrics["round"]),
                     list(range(1, 1 + int(result["rounds"]))))
    self.assertBetween(max(metrics["staleness"]), 1, 5)
    self.assertLess(float(result["nash_conv"]), 0.6)

  @parameterized.parameters("ppo", "dqn")
  def test_a_learner_that_diverges_stops_the_run(self, learner):
    code, lines, errors = run("pipeline_psro_example", *QUICK, self.output_dir,
                              f"--oracle={learner}", "--learning_rate=1e30")
    self.assertEqual((code, lines), (1, []))
    self.assertRegex(errors, "the worker of player . policy 1 failed")
    self.assertIn("weights of its network are no longer finite", errors)

  @parameterized.parameters(
      (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143),
      (signal.SIGINT, 130))
  def test_resume_is_as_if_nothing_had_happened(self, number, exit_code):
    arguments = [*QUICK, "--max_iterations=8", "--num_workers=2",
                 "--checkpoint_seconds=0.2"]
    code, lines, errors = run("pipeline_psro_example", *arguments,
                              f"--output_dir={self.path / 'whole'}")
    self.assertEqual(code, 0, errors)
    whole = result_of(lines)

    process = start("pipeline_psro_example", *arguments, self.output_dir,
                    start_new_session=True)
    metrics = self.path / "run" / "metrics.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        metrics.exists() and metrics.read_text().count("\n") > 5):
      time.sleep(0.01)
    workers = children_of(process.pid)
    os.kill(process.pid, number)
    killed = time.monotonic()
    _, errors = process.communicate(timeout=30)
    self.assertEqual(process.returncode, exit_code, errors)
    while any(map(is_alive, workers)) and time.monotonic() < killed + 15:
      time.sleep(0.05)
    self.assertFalse(any(map(is_alive, workers)))  # Promised: 5, unloaded.

    # What was given then need not be given again, and what differs is refused.
    code, lines, errors = run("pipeline_psro_example", "--resume",
                              "--num_levels=3", self.output_dir)
    self.assertEqual((code, lines), (2, []))
    self.assertIn("num_levels is 4 there and 3 here", errors)
    code, lines, errors = run("pipeline_psro_example", "--resume",
                              "--executor=serial", self.output_dir)
    self.assertEqual(code, 0, errors)
    found = result_of(lines)
    for name in ("game", "nash_conv", "rounds", "policies", "episodes"):
      self.assertEqual(found[name], whole[name])
    rows = [{name: str(values) for name, values in run_directory.read_metrics(
        self.path / directory).items() if "seconds" not in name}
            for directory in ("run", "whole")]
    self.assertEqual(rows[0], rows[1])

  def test_one_run_at_a_time_and_nothing_to_resume(self):
    directory = run_directory.RunDirectory(self.path / "run")
    directory.start({})
    for arguments, message in (
        ((), "is in use by a run that is still alive"),
        (("--resume",), "there is no checkpoint in")):
      code, lines, errors = run("pipeline_psro_example", *QUICK, *arguments,
                                "--executor=serial", self.output_dir)
      self.assertEqual((code, lines), (2, []))
      self.assertIn(message, errors)
      self.assertLen(errors.splitlines(), 1)
    directory.close()
    code, _, errors = run("pipeline_psro_example", "--resume",
                          f"--output_dir={self.path / 'none'}")
    self.assertEqual(code, 2)
    self.assertIn("there is no run in", errors)


class OtherExamplesTest(ExampleTestCase):

  def test_compare_schemes(self):
    code, lines, errors = run(
        "compare_schemes_example", "--game_name=kuhn_poker", "--oracle=exact",
        "--executor=serial", "--max_iterations=8", "--seeds=1,2",
        self.output_dir)
    self.assertEqual(code, 0, errors)
    result = result_of(lines)
    self.assertEqual([line.split()[0] for line in lines[:-1]],
                     ["scheme", "sequential", "naive", "rectified", "dch",
                      "pipeline", "neupl"])
    # Kuhn poker needs more than DCH's four levels, and eight are enough.
    self.assertLess(float(result["sequential"]), 1e-9)
    self.assertGreater(float(result["dch"]), 0.01)
    self.assertTrue(pathlib.Path(result["plot"]).exists())
    self.assertLen(run_directory.read_metrics(
        self.path / "run" / "dch-seed2")["round"], 8)
    config = json.loads(
        (self.path / "run" / "dch-seed2" / "config.json").read_text())
    self.assertEqual((config["scheme"], config["seed"]), ("dch", 2))

  def test_random_normal_form(self):
    payoffs = self.path / "rps_x.csv"
    payoffs.write_text("0 -1 1 -0.4\n1 0 -1 -0.4\n-1 1 0 -0.4\n0.4 0.4 0.4 0")
    code, lines, errors = run(
        "random_normal_form_example", f"--payoffs_file={payoffs}",
        "--start_action=0", "--learning_rates=1", "--rounds=10",
        "--methods=rectified,sequential,pipeline-2", "--seeds=1",
        self.output_dir)
    self.assertEqual(code, 0, errors)
    last = {line.split()[0]: float(line.split()[-1]) for line in lines[2:5]}
    self.assertAlmostEqual(last["rectified"], 0.4)
    self.assertLess(max(last["sequential"], last["pipeline-2"]), 1e-9)
    self.assertTrue((self.path / "run" / "exploitability.png").exists())

  @parameterized.parameters(
      ("compare_schemes_example", "--schemes=pipeline,psro", "neupl"),
      ("compare_schemes_example", "--schemes=", "neupl"),
      ("compare_schemes_example", "--seeds=one", "seeds"),
      ("compare_schemes_example", "--seeds=-1", "seed"),
      ("compare_schemes_example", "--game_name=kuhn", "kuhn"),
      ("compare_schemes_example", "--output_dir=/proc/none", "/proc/none"),
      ("psro_v2_match_example", "--game_name=kuhn_poker(players=3)",
       "two-player"),
      ("soak_example", "--executor=serial", "--executor=processes"),
      ("soak_example", "--kill_every_seconds=0", "kill_every_seconds"),
      ("random_normal_form_example", "--sizes=1", "sizes"),
      ("random_normal_form_example", "--learning_rates=2", "learning_rates"),
      ("random_normal_form_example", "--methods=pipeline-x", "pipeline-N"),
      ("random_normal_form_example", "--methods=pipeline-0", "num_levels"),
      ("random_normal_form_example", "--rounds=0", "rounds"),
      ("random_normal_form_example", "--start_action=60", "start_action"),
      ("random_normal_form_example", "--payoffs_file=none.csv", "none.csv"))
  def test_bad_input_gets_one_line(self, example, argument, names):
    code, lines, errors = run_imported(
        example, argument, *([] if "output_dir" in argument else
                             [self.output_dir]))
    self.assertIn(code, (1, 2))
    self.assertEqual(lines, [])
    self.assertLen(errors.splitlines(), 1, errors)
    self.assertIn(names, errors)

  def test_exact_core_benchmark(self):
    code, lines, errors = run(
        "exact_core_benchmark", "--game_name=kuhn_poker", "--num_policies=3",
        "--repeats=1")
    self.assertEqual(code, 0, errors)
    for line in lines[2:]:  # How far the two answers are apart.
      self.assertLess(float(line.split()[-1]), 1e-9)

  def test_simulator_benchmark(self):
    code, lines, errors = run(
        "simulator_benchmark", "--games=kuhn_poker liars_dice(numdice=2)",
        "--seconds=0.1", "--repeats=1", "--num_opponents=2")
    self.assertEqual(code, 0, errors)
    self.assertEqual([line.split()[0] for line in lines],
                     ["game", "kuhn_poker", "liars_dice(numdice=2)"])
    for line in lines[1:]:
      decisions, episodes, peers, ratio, gain = line.rsplit(maxsplit=5)[1:]
      self.assertGreater(float(gain.rstrip("x")), 0)
      self.assertGreater(float(decisions.replace(",", "")), 0)
      # psro_v2's can be a difference of two short times here, and so wrong.
      self.assertAlmostEqual(
          float(episodes.replace(",", "")) / float(peers.replace(",", "")),
          float(ratio.rstrip("x")), delta=1 + abs(float(ratio[:-1])) / 100)

  def test_free_running_benchmark(self):
    if len(os.sched_getaffinity(0)) < 2:
      self.skipTest("it needs two cores")
    code, lines, errors = run(
        "free_running_benchmark", "--games=kuhn_poker", "--seconds=1",
        "--repeats=1", "--max_staleness=3")
    self.assertEqual(code, 0, errors)
    lockstep, free = (line.split() for line in lines[1:])
    self.assertEqual(lockstep[:2] + lockstep[4:],
                     ["kuhn_poker", "lockstep", "0"])
    self.assertEqual(free[:2], ["kuhn_poker", "free-running"])
    self.assertLessEqual(int(free[4]), 3)

  def test_soak(self):
    code, lines, errors = run(
        "soak_example", *QUICK, "--time_limit_seconds=20",
        "--kill_every_seconds=6", "--num_workers=2", self.output_dir)
    self.assertEqual(code, 0, errors)
    result = result_of(lines)
    self.assertEqual(result["identical"], "yes")
    self.assertGreater(int(result["kills"]), 0)
    rows = [(self.path / "run" / name / "metrics.csv").read_text()
            for name in ("disturbed", "undisturbed")]
    for row, other in zip(*map(str.splitlines, rows), strict=True):
      self.assertEqual(row.split(",")[-1], other.split(",")[-1])

  def test_match_against_psro_v2(self):
    code, lines, errors = run(
        "psro_v2_match_example", "--game_name=kuhn_poker", "--games=400",
        "--time_limit_seconds=5", "--executor=serial",
        "--peer_training_episodes=50", "--peer_sims_per_entry=20",
        self.output_dir)
    self.assertEqual(code, 0, errors)
    result = result_of(lines)
    self.assertEqual(result["games"], "400")
    self.assertBetween(float(result["mean_return"]), -0.5, 2)
    self.assertGreater(float(result["standard_error"]), 0.01)
    self.assertGreaterEqual(int(result["psro_v2_iterations"]), 1)


if __name__ == "__main__":
  absltest.main()

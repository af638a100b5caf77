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

"""Tests of the benchmarks: what they count, and that they run."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import sequence_form
import testing

QUICK = ("--game_name=kuhn_poker", "--episodes_per_batch=64",
         "--hidden_sizes=16", "--time_limit_seconds=1e6")


class BenchmarkTestCase(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)
    self.output_dir = f"--output_dir={self.path / 'run'}"

  def call(self, example, *arguments):
    """Calls a benchmark that has to succeed; returns its lines."""
    code, lines, errors = testing.call_example(example, *arguments)
    self.assertEqual(code, 0, errors)
    return lines


class ExactCoreTest(BenchmarkTestCase):

  def test_both_answers_are_the_same(self):
    lines = self.call(
        "exact_core_benchmark", "--game_name=kuhn_poker", "--num_policies=3",
        "--repeats=1")
    self.assertGreater(len(lines), 2)
    for line in lines[2:]:  # How far the two answers are apart.
      self.assertLess(float(line.split()[-1]), 1e-9)


class CoverageTest(BenchmarkTestCase):

  @pytest.mark.thorough
  def test_runs(self):
    lines = self.call(
        "coverage_benchmark", "--games=kuhn_poker", "--max_rounds=2",
        "--seeds=1,2", "--heavy=1e9")
    self.assertEqual([line.split()[:4] for line in lines[2:]], [
        ["kuhn_poker", "pipeline", seed, cells]
        for seed, cells in (("1", "1"), ("2", "1"), ("all", "2"))])

  def test_what_is_covered(self):
    with testing.imported_example("coverage_benchmark") as benchmark:
      self.assertEqual(benchmark.covered([[0, 2.5], [-1.5], []]).split(),
                       ["3", "66.7", "%", "1.68"])
      self.assertEqual(benchmark.covered([]).split(), ["0"])


class LargeGamesTest(BenchmarkTestCase):

  @pytest.mark.thorough
  def test_runs_and_goes_on(self):
    arguments = (
        "--game=kuhn_poker", "--methods=sequential,self_play", "--seeds=1",
        "--time_limit_seconds=300", "--argument=--max_rounds=2",
        "--argument=--executor=serial", self.output_dir)
    with mock.patch.dict(os.environ, {"PYTHONPATH": str(testing.ROOT)}):
      lines = self.call("large_games", *arguments)
      self.assertEqual([line.split()[:3] for line in lines[1:3]], [
          ["kuhn_poker", "sequential", "1"], ["kuhn_poker", "self_play", "1"]])
      for line in lines[1:3]:
        low, _, high = line.split()[-3:]
        self.assertLessEqual(float(low), float(high))
      self.assertTrue((self.path / "run" / "kuhn_poker.png").exists())
      # What has ended is read, and what has not is played.
      (self.path / "run/kuhn_poker-sequential-seed1/result.json").unlink()
      self.assertEqual(self.call("large_games", *arguments)[2], lines[2])


class EveryGameTest(BenchmarkTestCase):

  @parameterized.parameters(
      (0, "result: game=x nash_conv=0.5 rounds=3", "", 7, "exact", ""),
      (0, "result: game=x nash_conv=nan rounds=3", "", 7, "sampled", ""),
      (0, "result: game=x nash_conv=0.5 rounds=0", "", 7, "exact",
       "the first round was not finished"),
      (2, "", "error: it has 1 player", 3, "refused", "it has 1 player"),
      (2, "", "error: one\nerror: two", 3, "broken", "error: two"),
      (2, "", "usage", 3, "broken", "usage"),
      (0, "", "", 3, "broken", "exit code 0"),
      (1, "", "Traceback\nIndexError: map::at", 3, "broken",
       "IndexError: map::at"),
      (-11, "", "", 3, "broken", "exit code -11"),
      (0, "result: game=x nash_conv=0.5 rounds=3", "", 17, "broken",
       "took 17 s"),
      (None, "", "", 60, "broken", "took 60 s"))
  def test_outcomes(self, code, printed, said, seconds, kind, remark):
    with testing.imported_example("every_game") as benchmark:
      self.assertEqual(benchmark.outcome(code, printed, said, seconds, 6),
                       (kind, remark))

  def test_small_games_load(self):
    with testing.imported_example("every_game") as benchmark:
      for name, small in benchmark.SMALL.items():
        self.assertStartsWith(small, name)
        if ".efg" not in small and ".nfg" not in small:
          loading.playable(loading.load_game(small))
      self.assertEqual(benchmark.games(["kuhn_poker", "pig"]), [
          ("kuhn_poker", "kuhn_poker"), ("pig", "pig"),
          ("pig", benchmark.SMALL["pig"])])

  @pytest.mark.thorough
  def test_runs(self):
    with mock.patch.dict(os.environ, {"PYTHONPATH": str(testing.ROOT)}):
      lines = self.call("every_game", "--games=matrix_pd,2048",
                        "--time_limit_seconds=20")
    self.assertEqual(lines[2], "| `matrix_pd` | exact | with `cce` |")
    self.assertStartsWith(lines[3], "| `2048` | refused | 2048() has 1 player")


class SimulatorTest(BenchmarkTestCase):

  def test_rate(self):
    with testing.imported_example("simulator_benchmark") as benchmark:
      with testing.Clock(step=1).is_everybodys():
        # It is asked nine times before ten seconds are over, and the clock is
        # read once more at the end.
        self.assertAlmostEqual(benchmark.rate(lambda: 3, 10), 27 / 11)

  def test_psro_v2s_rate_leaves_out_what_comes_before_learning(self):
    clock = testing.Clock()

    class Peer:
      """Takes 5 seconds, and one and a half an episode, for both players."""

      def __init__(self, game, episodes, sims_per_entry):
        del game, sims_per_entry
        self._episodes = 2 * (episodes + 1)

      def update_agents(self):
        clock.seconds += 5 + 0.25 * self._episodes

    with testing.imported_example("simulator_benchmark") as benchmark:
      game = ppsro.open_game("kuhn_poker").game
      with clock.is_everybodys(), mock.patch.object(
          benchmark.psro_v2_peer, "make_solver", Peer):
        self.assertAlmostEqual(benchmark.psro_v2_episodes(game, 3)(), 4)

  @pytest.mark.thorough
  def test_runs(self):
    lines = self.call(
        "simulator_benchmark", "--games=kuhn_poker",
        "--seconds=0.1", "--repeats=1", "--num_opponents=2")
    self.assertEqual([line.split()[0] for line in lines],
                     ["game", "kuhn_poker"])
    for line in lines[1:]:
      decisions, episodes, _, ratio, gain = line.rsplit(maxsplit=5)[1:]
      self.assertGreater(float(decisions.replace(",", "")), 0)
      self.assertGreater(float(episodes.replace(",", "")), 0)
      self.assertEndsWith(ratio, "x")
      self.assertGreater(float(gain.rstrip("x")), 0)


class ResponderTest(BenchmarkTestCase):

  @pytest.mark.slow
  def test_runs(self):
    lines = self.call(
        "responder_benchmark", "--games=kuhn_poker", "--exploitabilities=0.1",
        "--moving=2", "--settled=2", "--seeds=1", "--leave_one_out")
    self.assertContainsSubset(
        {"mirror", "clipped", "dqn", "neupl", "mirror, epochs 8"},
        {line[:line.index("  ")] for line in lines[2:]})
    for line in lines[2:]:
      share, seconds = map(float, line.split()[-2:])
      self.assertLessEqual(share, 1 + 1e-3)
      self.assertGreater(seconds, 0)

  def test_share_of_an_exact_response_is_all_of_it(self):
    with testing.imported_example("responder_benchmark") as benchmark:
      game = ppsro.open_game("kuhn_poker")
      for exploitability, opponents in (
          *benchmark.of_double_oracle(game, [0.2, 0.1]).items(),
          *benchmark.of_self_play(game, [0.1, 0.05]).items()):
        plans = [game_plan.tables()[0] for game_plan in opponents]
        self.assertLessEqual(
            sequence_form.nash_conv(game, plans), 2 * exploitability)
        self.assertAlmostEqual(benchmark.answer(
            game, ppsro.ExactConfig(), opponents, 0, 1, 1).share, 1)

  def test_refusal(self):
    code, _, errors = testing.call_example(
        "responder_benchmark", "--oracles=sac")
    self.assertEqual(code, 2)
    self.assertIn("unknown oracle 'sac'; use mirror, clipped, dqn", errors)


class AnytimeTest(BenchmarkTestCase):

  @pytest.mark.slow
  def test_runs(self):
    lines = self.call(
        "anytime_benchmark", "--game=kuhn_poker", "--oracles=exact",
        "--exploitabilities=0.1,0.01", "--seconds=1e6")
    labels = [line.split("  ")[0] for line in lines[4:]]
    self.assertEqual(labels, [
        "sequential, exact", "sequential, exact, anytime",
        "pipeline, exact", "pipeline, exact, anytime"])
    for line in lines[4:]:
      iterations, seconds, *_ = re.findall(r"(\S+) / (\S+)", line)
      self.assertLess(*map(float, iterations))
      self.assertLessEqual(*map(float, seconds))

  def test_refusals(self):
    for flag, message in (("--oracles=sac", "unknown oracle 'sac'"),
                          ("--schemes=dch", "'dch' has no anytime")):
      code, _, errors = testing.call_example("anytime_benchmark", flag)
      self.assertEqual(code, 2)
      self.assertIn(message, errors)


class FreeRunningTest(BenchmarkTestCase):

  @pytest.mark.slow
  def test_runs(self):
    if len(os.sched_getaffinity(0)) < 2:
      self.skipTest("it needs two cores")
    lines = self.call(
        "free_running_benchmark", "--games=kuhn_poker", "--seconds=0.3",
        "--repeats=1", "--max_staleness=3")
    lockstep, free = (line.split() for line in lines[1:])
    self.assertEqual(lockstep[:2] + lockstep[4:],
                     ["kuhn_poker", "lockstep", "0"])
    self.assertEqual(free[:2], ["kuhn_poker", "free-running"])
    self.assertLessEqual(int(free[4]), 3)
    for line in (lockstep, free):
      self.assertGreater(float(line[3].replace(",", "")), 0)


class MatchTest(BenchmarkTestCase):

  @pytest.mark.thorough
  def test_runs(self):
    real, hours = time.perf_counter, 0

    def over_after_an_iteration(*args):
      """Makes psro_v2's solver, whose first iteration ends late."""
      solver = make_solver(*args)
      iteration = solver.iteration

      def long_iteration():
        nonlocal hours
        iteration()
        hours += 1

      solver.iteration = long_iteration
      return solver

    with testing.imported_example("psro_v2_peer") as peer:
      make_solver = peer.make_solver
      with mock.patch.object(peer, "make_solver", over_after_an_iteration):
        with mock.patch.object(time, "perf_counter",
                               lambda: real() + 3600 * hours):
          lines = self.call(
              "psro_v2_match", "--game_name=kuhn_poker", "--games=400",
              "--time_limit_seconds=3000", "--max_rounds=5",
              "--episodes_per_batch=256", "--executor=serial",
              "--peer_training_episodes=20", "--peer_sims_per_entry=5",
              self.output_dir)
    result = testing.result_of(lines)
    self.assertEqual(result["games"], "400")
    self.assertBetween(float(result["mean_return"]), -2, 2)
    self.assertGreater(float(result["standard_error"]), 0.01)
    self.assertEqual(result["psro_v2_iterations"], "1")
    self.assertEqual(result["psro_v2_training_episodes"], str(2 * (20 + 1)))


class SoakTest(BenchmarkTestCase):

  def test_the_killer_kills_until_it_is_told_to_end(self):
    with testing.imported_example("soak") as soak:
      workers = [multiprocessing.get_context("spawn").Process(
          target=time.sleep, args=(testing.PATIENCE_SECONDS,))
                 for _ in range(2)]
      for worker in workers:
        worker.start()
        self.addCleanup(worker.kill)
      killer = soak.Killer(0.01, seed=0)
      killer.start()
      testing.wait_until(
          lambda: not any(worker.is_alive() for worker in workers),
          "the death of two workers")
      killer.end()
      self.assertGreaterEqual(killer.kills, 2)
      self.assertFalse(killer.is_alive())
    for worker in workers:
      self.assertEqual(worker.exitcode, -signal.SIGKILL)

  @pytest.mark.slow
  def test_differences_are_found(self):
    one, other = self.path / "one", self.path / "other"
    self.call("pipeline_psro_example", *QUICK, "--executor=serial",
              "--max_rounds=3", f"--output_dir={one}")

    def change_policy():
      with np.load(other / "final_policy.npz") as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
      name = next(n for n, array in changed.items() if array.dtype == float)
      changed[name].flat[0] = np.nextafter(changed[name].flat[0], 2)
      np.savez(other / "final_policy.npz", **changed)

    def change_metrics():
      text = (other / "metrics.csv").read_text()
      header, first, rest = text.split("\n", 2)
      cells = first.split(",")
      cells[header.split(",").index("environment_steps")] = "1"
      (other / "metrics.csv").write_text(
          "\n".join((header, ",".join(cells), rest)))

    def drop_checkpoint():
      max(other.glob("checkpoint_*")).unlink()

    with testing.imported_example("soak") as soak:
      for change, expected in (
          (lambda: None, []), (change_policy, ["final_policy.npz"]),
          (change_metrics, ["environment_steps of metrics.csv"]),
          (drop_checkpoint, ["checkpoint"])):
        shutil.copytree(one, other)
        change()
        self.assertEqual(soak.differences(one, other), expected)
        shutil.rmtree(other)

  @pytest.mark.slow
  def test_a_run_and_its_twin(self):
    result = testing.result_of(self.call(
        "soak", *QUICK, "--max_rounds=6", "--kill_every_seconds=1e6",
        "--num_workers=2", self.output_dir))
    self.assertEqual((result["kills"], result["rounds"], result["identical"]),
                     ("0", "6", "yes"))
    for name in ("disturbed", "undisturbed"):
      config = json.loads(
          (self.path / "run" / name / "config.json").read_text())
      self.assertEqual(config["num_workers"], 2)

  @pytest.mark.thorough
  def test_a_run_whose_workers_are_killed(self):
    # Workers die by the clock here; in kill_points_test they do by rounds.
    result = testing.result_of(self.call(
        "soak", *QUICK[:-1], "--time_limit_seconds=40",
        "--kill_every_seconds=8", "--num_workers=2", self.output_dir))
    self.assertGreater(int(result["kills"]), 0)
    self.assertEqual(result["identical"], "yes")


if __name__ == "__main__":
  absltest.main()

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

"""Tests of exploitability intervals on phantom boards, by their own walk."""

import importlib.util
import subprocess
import sys
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pyspiel
import pytest
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.evaluation.interval import budget
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.evaluation.interval import seat_policy
from open_spiel_ppsro.evaluation.interval import state_walk
from open_spiel_ppsro.evaluation.interval import walk
from open_spiel_ppsro.games import phantom_board
from open_spiel_ppsro.policies import networks
import testing

HAS_NUMBA = importlib.util.find_spec("numba") is not None

BOARDS = ("phantom_ttt", "phantom_ttt(gameversion=abrupt)",
          "dark_hex(board_size=3)", "dark_hex(board_size=3,gameversion=adh)")
SMALL_BOARDS = (
    "dark_hex(board_size=2)", "dark_hex(board_size=2,gameversion=adh)",
    "dark_hex(num_rows=2,num_cols=3)")
TALL_BOARD = "dark_hex(num_rows=3,num_cols=2,gameversion=adh)"


def network(game, seed, temperature):
  """Returns a random network; at temperature 0 it plays one action."""
  mlp = networks.Network(
      (game.information_state_tensor_size(), 16, game.num_distinct_actions()),
      torch.Generator().manual_seed(seed), "cpu")
  return ppsro.NetworkPolicy(
      mlp.sizes, mlp.parameters.numpy().copy(), game.num_distinct_actions(),
      temperature)


def alone(member):
  """Returns a policy that is asked row by row.

  On some processors the last bits of a network's answer depend on how many rows
  are asked at once.

  Args:
    member: a function of observations and a mask.
  """
  return lambda observations, mask: np.concatenate([
      member(observations[row:row + 1], mask[row:row + 1])
      for row in range(len(mask))])


def mixtures(game, temperature, count=3):
  weights = np.arange(1, count + 1) / sum(range(1, count + 1))
  return [([network(game, 10 * player + index, temperature)
            for index in range(count)], weights) for player in range(2)]


def by_states(game, policies, threshold):
  """Returns the bounds of both best responses, by the walk over states."""
  states = state_walk.StateWalk(
      game, seat_policy.seat_policies(game, policies))
  return [walk.combine([states.respond(player, part, threshold, budget.Budget())
                        for part in range(states.num_parts)])
          for player in range(2)]


@unittest.skipUnless(HAS_NUMBA, "it takes Numba")
class RulesTest(parameterized.TestCase):

  @parameterized.parameters(
      *((name, 1_000) for name in BOARDS),
      *((name, 200) for name in (*SMALL_BOARDS, TALL_BOARD)),
      ("dark_hex(num_rows=3,num_cols=4)", 50),
      ("dark_hex(board_size=4,gameversion=adh)", 50))
  @pytest.mark.slow
  def test_pyspiel_agrees(self, name, num_games):
    game = pyspiel.load_game(name)
    board = phantom_board.phantom_board(game)
    rng = np.random.default_rng(0)
    seen = {}  # By player and number of tries.
    for _ in range(num_games):
      state = game.new_initial_state()
      stones = [0, 0]
      tries = [], []
      while not state.is_terminal():
        player = state.current_player()
        seen.setdefault((player, len(tries[player])), []).append(
            (tries[player].copy(), state.information_state_tensor(player)))
        self.assertEqual(state.legal_actions(), sorted(
            set(range(board.num_cells)) - {cell for cell, _ in tries[player]}))
        cell = int(rng.choice(state.legal_actions()))
        is_placed = not (stones[0] | stones[1]) >> cell & 1
        tries[player].append((cell, is_placed))
        stones[player] |= is_placed << cell
        state.apply_action(cell)
        won = [bool(board.wins[seat][stones[seat]]) for seat in range(2)]
        is_drawn = stones[0] | stones[1] == board.drawn
        self.assertEqual(state.is_terminal(), any(won) or is_drawn)
        if not state.is_terminal():
          self.assertEqual(
              state.current_player(),
              1 - player if is_placed or board.abrupt else player)
      self.assertEqual(state.returns()[0], won[0] - won[1])
    for (player, num_tries), rows in seen.items():
      done = np.array([row for row, _ in rows], int).reshape(
          len(rows), num_tries, 2)
      np.testing.assert_array_equal(
          board.observations(player, done[..., 0], done[..., 1].astype(bool)),
          np.array([tensor for _, tensor in rows], np.float32))

  @parameterized.parameters(
      "phantom_ttt(obstype=reveal-numturns)", "dark_hex(board_size=5)",
      "dark_hex(board_size=3,obstype=reveal-numturns)", "tic_tac_toe")
  def test_other_games(self, name):
    self.assertIsNone(phantom_board.phantom_board(pyspiel.load_game(name)))


@unittest.skipUnless(HAS_NUMBA, "it takes Numba")
class BoardWalkTest(parameterized.TestCase):

  @parameterized.parameters(*SMALL_BOARDS)
  @pytest.mark.slow
  def test_threshold_zero_is_exact(self, name):
    game = pyspiel.load_game(name)
    policies = mixtures(game, .5)
    found = ppsro.exploitability_interval(game, policies, seconds=None)
    self.assertEqual(found.width, 0)
    np.testing.assert_allclose(
        found.best_responses, by_states(game, policies, 0), atol=1e-6)

  def test_uniform_play(self):
    game = pyspiel.load_game("dark_hex(board_size=2)")
    found = ppsro.exploitability_interval(
        game, [ppsro.UniformPolicy()] * 2, seconds=None)
    np.testing.assert_allclose(
        [found.low, found.high],
        pyspiel.nash_conv(game, pyspiel.UniformRandomPolicy(game)) / 2)

  @pytest.mark.thorough
  def test_uniform_play_on_dark_hex_is_as_published(self):
    # exp-a-spiel, the code of Rudolph et al. 2025 (arXiv:2502.08938), says in
    # its README: value 0.333684, gains 1.166488 and 0.666318.
    found = ppsro.exploitability_interval(
        "dark_hex(board_size=3)", [ppsro.UniformPolicy()] * 2, seconds=None,
        threshold=2e-6)
    self.assertEqual(found.width, 0)
    np.testing.assert_allclose(
        [bounds.low for bounds in found.best_responses],
        [0.333684 + 0.666318, 1.166488 - 0.333684], atol=3e-6)

  @parameterized.parameters(*BOARDS)
  @pytest.mark.slow
  def test_a_mixture_that_goes_few_ways_is_exact(self, name):
    # Nodes at which the opponent has nothing left to decide belong to the
    # trie: without them some weight is pruned at any threshold.
    game = pyspiel.load_game(name)
    found = ppsro.exploitability_interval(
        game, mixtures(game, 0), seconds=None)
    self.assertEqual(found.width, 0)
    for low, high in found.best_responses:
      self.assertBetween(low, -1, high)
      self.assertAlmostEqual(6 * low, round(6 * low), delta=1e-9)

  @parameterized.parameters((SMALL_BOARDS[1], .1), (SMALL_BOARDS[2], .03))
  def test_states_agree(self, name, threshold):
    self._check_states_agree(name, threshold)

  @parameterized.parameters(
      ("phantom_ttt", .1), ("dark_hex(board_size=3,gameversion=adh)", .1),
      (TALL_BOARD, .01), (TALL_BOARD, 0))
  @pytest.mark.thorough
  def test_states_of_larger_boards_agree(self, name, threshold):
    self._check_states_agree(name, threshold)

  def _check_states_agree(self, name, threshold):
    game = pyspiel.load_game(name)
    policies = mixtures(game, .05, count=1)
    found = ppsro.exploitability_interval(
        game, policies, seconds=None, threshold=threshold)
    self.assertEqual(found.width > 0, threshold > 0)
    np.testing.assert_allclose(
        found.best_responses, by_states(game, policies, threshold), atol=1e-6)

  @parameterized.parameters(*BOARDS)
  @pytest.mark.sweep(1)
  @pytest.mark.slow
  def test_bounds_narrow(self, name):
    game = pyspiel.load_game(name)
    policies = mixtures(game, .1)
    before = first = ppsro.exploitability_interval(
        game, policies, seconds=None, threshold=.1)
    for threshold in (.03, .01, 3e-3, 1e-3):
      found = ppsro.exploitability_interval(
          game, policies, seconds=None, threshold=threshold)
      for bounds, wider in zip(found.best_responses, before.best_responses):
        self.assertBetween(bounds.low, wider.low - 1e-9, bounds.high)
        self.assertLessEqual(bounds.high, wider.high + 1e-9)
      before = found
    self.assertLess(found.width, .2 * first.width)

  @parameterized.parameters(
      "phantom_ttt", "phantom_ttt(gameversion=abrupt)",
      "dark_hex(board_size=3)", "dark_hex(board_size=3,gameversion=adh)")
  def test_what_was_found_before_changes_no_bound(self, name):
    game = pyspiel.load_game(name)
    seats = seat_policy.seat_policies(game, [
        ([alone(member) for member in members], weights)
        for members, weights in mixtures(game, 0.5)])
    walks = interval.make_walk(game, seats)
    for threshold in (1e-1, 1e-2, 3e-3, 3e-2):
      fresh = interval.make_walk(game, seats)
      nodes = {}
      for player in range(2):
        floor = -np.inf
        for part in range(fresh.num_parts):
          spent = budget.Budget(), budget.Budget()
          expected = fresh.respond(player, part, threshold, spent[0])
          found = walks.respond(player, part, threshold, spent[1], floor)
          nodes[player, part] = spent[0].nodes, spent[1].nodes
          self.assertEqual(found.settled, expected.settled)
          self.assertEqual(found.roots[0].low,
                           max(floor, expected.roots[0].low))
          if expected.roots[0].high > floor:
            self.assertAlmostEqual(found.roots[0].high,
                                   expected.roots[0].high, places=12)
          else:
            self.assertLessEqual(found.roots[0].high, floor + 1e-12)
          floor = found.roots[0].low
      if threshold == 3e-3:
        without, with_them = np.sum(list(nodes.values()), axis=0)
        self.assertLess(with_them, without)

  @pytest.mark.thorough
  def test_workers_share_the_walk(self):
    game = pyspiel.load_game("phantom_ttt")
    policies = mixtures(game, .1)
    results = []
    for executor in (None, ppsro.SerialExecutor(), ppsro.ProcessExecutor(2)):
      if executor is not None:
        executor.start(None)
      found = ppsro.exploitability_interval(
          game, policies, seconds=None, max_nodes=3_000_000,
          executor=executor)
      results.append((found.best_responses, found.thresholds, found.nodes))
      if executor is not None:
        executor.close()
    self.assertLessEqual(found.nodes, 3_000_000)
    self.assertEqual(results[1:], results[:1] * 2)


@unittest.skipUnless(HAS_NUMBA, "it takes Numba")
class BenchmarkTest(absltest.TestCase):

  @pytest.mark.slow
  def test_runs(self):
    # After one round the initial policy alone is frozen.
    code, lines, errors = testing.call_example(
        "interval_benchmark", "--game_name=dark_hex(board_size=2)",
        "--training_seconds=0", "--thresholds=0.1,0", "--seconds=30",
        "--repeats=1")
    self.assertEqual(code, 0, errors)
    self.assertEndsWith(lines[0], "1/1 policies")
    wide, exact, of_seconds = (line.split() for line in lines[2:])
    self.assertEqual(exact[1:4], ["[0.62500,", "0.62500]", "0.00000"])
    self.assertGreater(float(wide[3]), 0)
    self.assertEqual(of_seconds[:5], ["30", "s", *exact[1:4]])


class WithoutNumbaTest(absltest.TestCase):

  def test_states_are_walked_instead(self):
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import open_spiel_ppsro as ppsro\n"
        "print(ppsro.exploitability_interval('dark_hex(board_size=2)', "
        "[ppsro.UniformPolicy()] * 2, seconds=None).low)")
    done = subprocess.run([sys.executable, "-c", code], check=True,
                          capture_output=True, text=True)
    self.assertAlmostEqual(float(done.stdout), .625)
    self.assertIn("Numba is not installed", done.stderr)
    self.assertLen(done.stderr.splitlines(), 1)


if __name__ == "__main__":
  absltest.main()

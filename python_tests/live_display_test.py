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


"""Tests of the live display: what a terminal shows, and that it stays whole."""

import fcntl
import io
import logging as std_logging
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import types
from unittest import mock

from absl import logging
from absl.testing import absltest
from absl.testing import parameterized
import pyte
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.runs import level_table
from open_spiel_ppsro.runs import live_display
import testing

PPO = ppsro.PPOConfig(episodes_per_batch=512, hidden_sizes=(16,))
ROWS = [
    level_table.LevelRow(0, 3, "frozen", 60_000_000, 51_100_000, 0.5191, 0.33,
                         33),
    level_table.LevelRow(0, 4, "settled", 42_400_000, 51_100_000, -1.25, None),
    level_table.LevelRow(0, 5, "warming up", 900, None, None, 2.5e-6),
    level_table.LevelRow(1, None, "waiting")]


class Stream(io.StringIO):

  def isatty(self):
    return True


class LiveDisplayTest(parameterized.TestCase):

  def make(self, columns=80, lines=24):
    stream = Stream()
    display = live_display.LiveDisplay(stream)
    display._terminal_size = lambda: (columns, lines)
    self.addCleanup(display.end)
    return display, stream

  @parameterized.parameters(60, 80, 120)
  def test_every_row_is_shown_whole(self, columns):
    display, stream = self.make(columns)
    display.headline, display.rows = "round 7  frozen 3/4", ROWS
    display.phase = "round 8: 3 s"
    display.draw()
    shown = testing.on_screen(stream.getvalue(), columns)
    self.assertLen(shown, 7)
    self.assertEqual((shown[0], shown[-1]),
                     ("round 7  frozen 3/4", "round 8: 3 s"))
    self.assertNotIn("…", "".join(shown))
    wide = columns >= 72
    self.assertEqual("may freeze at" in shown[1], wide)
    budget = ["51.1M"] if wide else []
    self.assertEqual(shown[2].split(), [
        "0", "3", "frozen,", "round", "33", "60M", *budget, "0.519", "0.33"])
    self.assertEqual(shown[3].split(), [
        "0", "4", "settled", "42.4M", *budget, "-1.250", "-"])
    self.assertEqual(shown[4].split(), [
        "0", "5", "warming", "up", "900", *(["-"] if wide else []), "-",
        "2.5e-06"])
    self.assertEqual(shown[5].split(), [
        "1", "-", "waiting", "-", *(["-"] if wide else []), "-", "-"])

  def test_what_changes_takes_its_own_place(self):
    display, stream = self.make()
    for number in range(1, 4):
      display.headline, display.rows = f"round {number}", ROWS[:number]
      display.draw()
    display.rows = ROWS[:1]
    display.draw()
    self.assertEqual([line.split()[0] for line in
                      testing.on_screen(stream.getvalue())],
                     ["round", "player", "0"])

  def test_a_display_that_is_too_high_is_cut(self):
    display, stream = self.make(lines=5)
    display.headline, display.rows = "round 1", ROWS
    for _ in range(3):
      display.draw()
    shown = testing.on_screen(stream.getvalue(), lines=5)
    self.assertLen(shown, 4)
    self.assertEqual(shown[0], "round 1")

  def test_what_others_write_goes_above(self):
    display, stream = self.make()
    with mock.patch.object(sys, "stderr", stream), (
        mock.patch.object(sys, "stdout", stream)):
      handler = logging.get_absl_handler().python_handler
      with mock.patch.object(handler, "stream", stream):
        display.headline = "round 1"
        display.draw()
        print("by print")
        print("half", end="")
        print(" a line", file=sys.stdout)
        handler.handle(std_logging.makeLogRecord({
            "msg": "by absl", "levelno": std_logging.WARNING,
            "levelname": "WARNING"}))
        display.say("by the run")
        print("a prompt: ", end="", flush=True)
        display.draw()
        display.end()
        self.assertIs(sys.stderr, stream)
        self.assertIs(sys.stdout, stream)
        self.assertIs(handler.stream, stream)
    shown = [line for line in testing.on_screen(stream.getvalue())
             if "before flag parsing" not in line]
    self.assertEqual(shown[:2], ["by print", "half a line"])
    self.assertRegex(shown[2], "by absl$")
    self.assertEqual(shown[3:], ["by the run", "a prompt:", "round 1"])

  def test_the_cursor_is_never_hidden_and_ends_below(self):
    display, stream = self.make()
    display.headline = "round 1"
    display.draw()
    self.assertNotIn("\x1b[?25l", stream.getvalue())
    self.assertTrue(stream.getvalue().endswith("\n"))


class LevelTableTest(parameterized.TestCase):

  @parameterized.parameters(
      (ppsro.Pipeline(3, warmup_steps=2500), None),
      (ppsro.Sequential(), 9000), (ppsro.Rectified(), None), (ppsro.DCH(2), 0))
  @pytest.mark.slow
  def test_rows_are_the_levels_of_the_solver(self, scheme, max_steps):
    if max_steps == 0:
      oracle, solver = testing.make_solver("kuhn_poker", PPO, scheme)
    else:
      oracle, solver = testing.make_solver(
          "kuhn_poker", PPO, scheme, plateau=ppsro.PlateauRule(
              min_steps=3000, max_steps=max_steps))
    table, statuses, frozen = level_table.LevelTable(), set(), {}
    table._start = -1e9  # There is time for all best responses.
    with oracle:
      for _ in range(12):
        result = solver.round()
        table.take(result)
        frozen.update({policy_id.player: (policy_id.index, result.round)
                       for policy_id in result.frozen})
        rows = table.rows(solver, result)
        statuses |= {row.status for row in rows}
        population = solver.population
        for player in range(population.num_populations):
          mine = [row for row in rows if row.player in (player, None)]
          active = population.active(player)
          self.assertEqual(
              [row.policy for row in mine if row.status not in (
                  "frozen", "waiting")],
              [member.policy_id.index for member in active])
          self.assertEqual(
              [(row.policy, row.frozen_in) for row in mine
               if row.status == "frozen"],
              [frozen[player]] if player in frozen else [])
          self.assertLen([row for row in mine if row.status == "waiting"],
                         max(0, scheme.num_levels - len(active)))
          by_index = {level.policy_id.index: level for level in result.levels
                      if level.policy_id.player == player}
          for row in mine:
            if row.policy in by_index:
              level = by_index[row.policy]
              self.assertEqual((row.steps, row.payoff),
                               (level.steps, level.payoff))
              self.assertEqual(row.gain, solver.best_response_gap(level))
              self.assertEqual(
                  row.budget, None if not scheme.freezes
                  else max_steps or 3000)
              if row.status == "warming up":
                self.assertLess(level.steps, 2500)
    self.assertIn("training" if scheme.num_levels > 1 else "settled", statuses)
    self.assertEqual("warming up" in statuses,
                     getattr(scheme, "warmup_steps", 0) > 0)

  def test_best_responses_take_a_small_share_of_the_time(self):
    clock = testing.Clock()
    asked = []

    def gap(level):
      asked.append(level)
      clock.seconds += 3
      return 1.0

    levels = [types.SimpleNamespace(policy_id=ppsro.PolicyId(0, k),
                                    is_exact=False) for k in range(4)]
    solver = types.SimpleNamespace(best_response_gap=gap)
    with clock.is_everybodys():
      table = level_table.LevelTable()
      for _ in range(1000):
        clock.seconds += 1
        table._update_gains(solver, levels)
    self.assertNotEmpty(asked)
    self.assertLessEqual(3 * len(asked), 0.02 * clock.seconds + 3)


class Terminal:
  """A process in a terminal of its own, which a test looks at."""

  def __init__(self, arguments, columns, lines):
    self.raw = b""
    self._screen = pyte.Screen(columns, lines)
    self._stream = pyte.ByteStream(self._screen)
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": os.pathsep.join(
        [str(testing.ROOT), os.environ.get("PYTHONPATH", "")])}
    self.pid, self._file = pty.fork()
    if not self.pid:
      os.execve(sys.executable, [sys.executable, *arguments], environment)
    self.resize(columns, lines)

  def resize(self, columns, lines):
    fcntl.ioctl(self._file, termios.TIOCSWINSZ,
                struct.pack("HHHH", lines, columns, 0, 0))
    self._screen.resize(lines, columns)

  def press(self, key):
    os.write(self._file, key)

  def shown(self):
    """Returns the lines on the screen, without empty ones."""
    return [line.rstrip() for line in self._screen.display if line.strip()]

  def is_echoing(self):
    return bool(termios.tcgetattr(self._file)[3] & termios.ECHO)

  def read(self, seconds):
    """Takes what is written for so long; returns whether there may be more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
      if select.select([self._file], [], [], 0.05)[0]:
        try:
          more = os.read(self._file, 1 << 16)
        except OSError:
          return False
        self.raw += more
        self._stream.feed(more)
    return True

  def wait_for(self, pattern):
    """Reads until a line on the screen matches."""
    until = time.monotonic() + testing.PATIENCE_SECONDS
    while not any(re.search(pattern, line) for line in self.shown()):
      if time.monotonic() > until or not self.read(0.2):
        raise AssertionError(f"{pattern} is not on the screen:\n"
                             + "\n".join(self.shown()))

  def wait(self):
    """Reads to the end; returns the exit code."""
    until = time.monotonic() + testing.PATIENCE_SECONDS
    while self.read(0.2):
      if time.monotonic() > until:
        os.kill(self.pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.slow
class TerminalTest(parameterized.TestCase):

  def start(self, columns, *flags, lines=60):
    self.path = testing.make_directory(self) / "run"
    return Terminal([
        str(testing.example_path("pipeline_psro_example")),
        "--game_name=kuhn_poker", "--executor=serial", "--num_levels=2",
        "--episodes_per_batch=512", "--min_steps=3000",
        "--time_limit_seconds=1000", f"--output_dir={self.path}", *flags],
        columns, lines)

  def assert_whole(self, terminal):
    """Checks that the terminal is as a shell expects it."""
    self.assertNotIn(b"\x1b[?25l", terminal.raw)  # The cursor is there.
    self.assertNotIn(b"\x1b[?1049h", terminal.raw)  # It is the main screen.
    self.assertTrue(terminal.raw.endswith(b"\n"))
    self.assertLen([line for line in terminal.shown()
                    if re.match(r"round \d+  frozen", line)], 1)
    self.assertLen([line for line in terminal.shown()
                    if line.startswith("player")], 1)

  @parameterized.parameters(60, 100)
  @pytest.mark.thorough
  def test_ctrl_c(self, columns):
    terminal = self.start(columns)
    terminal.wait_for(r"round \d+  frozen [23]")
    terminal.wait_for(r"settled")
    self.assertTrue(terminal.is_echoing())
    terminal.press(b"\x03")
    self.assertEqual(terminal.wait(), 130)
    self.assert_whole(terminal)
    text = "".join(terminal.shown())
    self.assertIn("result: game=kuhn_poker", text)
    self.assertIn("stopped_by=interrupt", text)

  @parameterized.parameters((100, 60), (60, 100))
  @pytest.mark.thorough
  def test_a_window_that_is_resized(self, before, after):
    terminal = self.start(before)
    terminal.wait_for(r"round \d+  frozen [23]")
    terminal.resize(after, 60)
    terminal.read(2)
    self.assertLen([line for line in terminal.shown()
                    if line.startswith("player")], 1)
    terminal.press(b"\x03")
    self.assertEqual(terminal.wait(), 130)
    self.assert_whole(terminal)

  def test_a_run_that_is_killed(self):
    terminal = self.start(80)
    terminal.wait_for(r"round \d+  frozen [23]")
    os.kill(terminal.pid, signal.SIGKILL)
    self.assertEqual(terminal.wait(), -signal.SIGKILL)
    self.assertNotIn(b"\x1b[?25l", terminal.raw)
    self.assertTrue(terminal.raw.endswith(b"\n"))


if __name__ == "__main__":
  absltest.main()

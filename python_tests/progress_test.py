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

"""Tests of progress: what takes long says so, in a log and on a terminal."""

import contextlib
import io
import types
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from open_spiel_ppsro.evaluation import evaluator
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.runs import progress as progress_lib
import testing


class Stream(io.StringIO):
  """A standard error that is a terminal, or is not."""

  def __init__(self, is_terminal):
    super().__init__()
    self.is_terminal = is_terminal

  def isatty(self):
    return self.is_terminal


def a_round(number, nash_conv=0.5, cce_gap=None, least=None):
  return types.SimpleNamespace(
      round=number, num_policies=(3, 4), of_frozen=evaluator.Exploitability(
          nash_conv, nash_conv / 2, cce_gap),
      least_exploitable=least and least_exploitable.LeastExploitable(
          (), least, least, 0, 0))


class ProgressTest(parameterized.TestCase):

  @contextlib.contextmanager
  def show(self, is_terminal=False, label="", silent_seconds=0.0):
    """Gives a progress and what it writes."""
    stream = Stream(is_terminal)
    clock = testing.Clock()
    clock.seconds = 1000.0
    with (clock.is_everybodys(),
          mock.patch.object(progress_lib.sys, "stderr", stream),
          mock.patch.object(progress_lib, "_SILENT_SECONDS", silent_seconds),
          mock.patch.object(progress_lib, "_LOOK_SECONDS", 0.001),
          progress_lib.Progress(label) as progress):
      yield progress, stream

  @parameterized.parameters(False, True)
  def test_a_phase_says_what_it_does(self, is_terminal):
    with self.show(is_terminal, "mine  ") as (progress, stream):
      with progress.phase("enumerating"):
        testing.wait_until(lambda: "enumerating: 0 s" in stream.getvalue(),
                           "a word")
      with progress.phase("training"):
        progress.done(0.5)
        progress._shown_at = 0  # In a log it would be some seconds.
        testing.wait_until(
            lambda: "training: 0 s, 50 %, about 0 s to go" in (
                stream.getvalue()), "a word")
    self.assertIn("mine  ", stream.getvalue())
    self.assertTrue(stream.getvalue().endswith("\n"))

  def test_what_is_short_goes_on_without_a_word(self):
    with self.show(silent_seconds=1e9) as (progress, stream):
      with progress.phase("enumerating"):
        pass
    self.assertEqual(stream.getvalue(), "")

  @parameterized.parameters(
      (0.5, None, None, 60, "round 1  frozen 3/4  NashConv 0.5  "
       "8 episodes/s  5 s, 60 s left\n"),
      # Exploitability is half of it.
      (0.5, None, 0.125, 60, "round 1  frozen 3/4  NashConv 0.5  "
       "least exploitable 0.25  8 episodes/s  5 s, 60 s left\n"),
      (0.5, 0.25, None, float("inf"), "round 1  frozen 3/4  NashConv 0.5  "
       "CCE gap 0.25  8 episodes/s  5 s\n"),
      (float("nan"), None, None, -3,
       "round 1  frozen 3/4  8 episodes/s  5 s, 0 s left\n"))
  def test_rounds(self, nash_conv, cce_gap, least, left, line):
    with self.show() as (progress, stream):
      progress.show_round(a_round(1, nash_conv, cce_gap, least), 8, 5, left)
      # In a log there is not a line for every round.
      progress.show_round(a_round(2), 8, 6, 60)
    self.assertEqual(stream.getvalue(), line)

  def test_a_terminal_has_one_live_display(self):
    with self.show(is_terminal=True) as (progress, stream):
      progress.show_round(a_round(1), 8, 5, 60)
      testing.wait_until(lambda: "round 1" in stream.getvalue(), "a round")
      progress.say("what stays")
      progress.show_round(a_round(2), 8, 6, 60)
      testing.wait_until(lambda: "round 2" in stream.getvalue(), "a round")
    stays, last = testing.on_screen(stream.getvalue())
    self.assertEqual(stays, "what stays")
    # The clock goes on until the display ends.
    self.assertRegex(last, r"^round 2  frozen 3/4  NashConv 0.5  "
                     r"8 episodes/s  \d+ s, \d+ s left$")

  def test_the_best_round_is_named_if_it_was_an_earlier_one(self):
    best = types.SimpleNamespace(round=1, nash_conv=0.25)
    for number, text in ((1, "NashConv 0.5  8"),
                         (2, "NashConv 0.5  best 0.25  8")):
      with self.show() as (progress, stream):
        progress.show_round(a_round(number), 8, 5, 60, best)
      self.assertIn(text, stream.getvalue())

  def test_a_terminal_without_a_cursor_gets_plain_lines(self):
    with mock.patch.dict("os.environ", {"TERM": "dumb"}):
      with self.show(is_terminal=True) as (progress, stream):
        progress.show_round(a_round(1), 8, 5, 60)
    self.assertNotIn("\x1b", stream.getvalue())


if __name__ == "__main__":
  absltest.main()

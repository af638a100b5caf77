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

"""Tests of signals: what is under way ends by itself, or is broken off."""

import math
import os
import signal
import threading
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from open_spiel_ppsro.runs import signals
import testing


class SignalsTest(parameterized.TestCase):

  @parameterized.parameters((signal.SIGINT, "interrupt"),
                            (signal.SIGTERM, "terminate"))
  def test_a_signal_breaks_off_what_takes_too_long(self, number, name):
    with mock.patch.dict(signals._PATIENCE_SECONDS, {number: 0.05}):
      with signals.Signals() as received:
        with self.assertRaises(signals.Interrupted):
          with received.breakable():
            os.kill(os.getpid(), number)
            time.sleep(testing.PATIENCE_SECONDS)
        self.assertEqual(received.received, name)
        # Whoever goes on after that is broken off as well, and at once.
        with self.assertRaises(signals.Interrupted):
          with received.breakable():
            time.sleep(testing.PATIENCE_SECONDS)

  def test_what_ends_soon_ends_by_itself(self):
    with signals.Signals() as received:
      self.assertIsNone(received.received)
      with received.breakable():
        os.kill(os.getpid(), signal.SIGTERM)
      self.assertEqual(received.received, "terminate")
      self.assertEqual(signal.getitimer(signal.ITIMER_REAL)[0], 0)

  def test_outside_nothing_is_broken_off(self):
    with mock.patch.dict(signals._PATIENCE_SECONDS, {signal.SIGINT: 0.01}):
      with signals.Signals() as received:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        self.assertEqual(received.received, "interrupt")

  def test_the_end_of_the_time_breaks_off(self):
    with signals.Signals() as received:
      for seconds in (0.05, -1):
        with self.assertRaises(signals.Interrupted):
          with received.breakable(time.perf_counter() + seconds):
            time.sleep(testing.PATIENCE_SECONDS)
      with received.breakable(math.inf):
        pass
      self.assertIsNone(received.received)

  def test_nothing_takes_it_for_an_error(self):
    with signals.Signals() as received:
      with self.assertRaises(signals.Interrupted):
        with received.breakable(time.perf_counter() + 0.05):
          try:
            time.sleep(testing.PATIENCE_SECONDS)
          except Exception:  # As around the calls of a learner.
            self.fail("it was caught")

  def test_a_second_signal_ends_the_process(self):
    with mock.patch.object(os, "_exit", side_effect=SystemExit) as end:
      with signals.Signals():
        os.kill(os.getpid(), signal.SIGINT)
        with self.assertRaises(SystemExit):
          os.kill(os.getpid(), signal.SIGTERM)
    end.assert_called_once_with(143)

  def test_handlers_are_as_before(self):
    handlers = [signal.getsignal(number) for number in (
        signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with signals.Signals() as received:
      with received.breakable(time.perf_counter() + 1000):
        pass
    self.assertEqual(handlers, [signal.getsignal(number) for number in (
        signal.SIGINT, signal.SIGTERM, signal.SIGALRM)])

  def test_another_thread_handles_none(self):
    handler = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
      with signals.Signals() as received:
        with received.breakable(time.perf_counter() - 1):
          seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    self.assertEqual(seen, [handler])


if __name__ == "__main__":
  absltest.main()

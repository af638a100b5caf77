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

"""How pytest runs the tests."""

import collections
import contextlib
import inspect
import multiprocessing
from multiprocessing import forkserver
import os
from unittest import mock

# One thread a process: as many processes as cores run the tests.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
  os.environ.setdefault(variable, "1")

# pylint: disable=wrong-import-position
import hypothesis  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run: what fails, fails again.
hypothesis.settings.register_profile(
    "stable", derandomize=True, database=None, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile("stable")


_PRELOADED = ("pytest", "testing", "open_spiel_ppsro.oracles.neupl",
              "open_spiel_ppsro.oracles.exact", "open_spiel_ppsro.solver")


@pytest.fixture(autouse=True, scope="session")
def workers_that_have_imported():
  """Lets the fork server of workers import all that tests need, too.

  A worker takes two seconds of a core to import torch and OpenSpiel. Processes
  that a test forks use this server, and do not spawn their workers.
  """
  get_context = multiprocessing.get_context
  context = get_context("forkserver")
  context.set_forkserver_preload(list(_PRELOADED))

  def preloaded(method=None):
    return context if method == "spawn" else get_context(method)

  ensure_running = forkserver.ForkServer.ensure_running

  def ensure_running_or_inherited(server):
    # A process that was forked from this one uses the same server, and is told
    # that it is no child of its own.
    with contextlib.suppress(ChildProcessError):
      ensure_running(server)

  with (mock.patch.object(multiprocessing, "get_context", preloaded),
        mock.patch.object(forkserver, "set_forkserver_preload"),
        mock.patch.object(forkserver.ForkServer, "ensure_running",
                          ensure_running_or_inherited)):
    yield


@pytest.fixture(autouse=True, scope="session")
def short_starts():
  """Lets self-play before the rounds of a run be a few batches long.

  A run without a limit of its own would play itself for half a minute first.
  """
  from open_spiel_ppsro.runs import first_policy
  make = first_policy.SelfPlay.__init__

  def make_short(self, game, executor, seed, num_batches, state=None):
    make(self, game, executor, seed, min(num_batches, 8), state)

  with mock.patch.object(first_policy.SelfPlay, "__init__", make_short):
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
  """Makes most cases of a sweep thorough, and every thorough test a slow one.

  So `not slow` leaves out what is thorough.
  """
  cases = collections.Counter()
  for item in items:
    sweep = item.get_closest_marker("sweep")
    if sweep:
      test = item.cls, inspect.unwrap(item.function)
      cases[test] += 1
      if cases[test] > sweep.args[0]:
        item.add_marker("thorough")
    if item.get_closest_marker("thorough"):
      item.add_marker("slow")

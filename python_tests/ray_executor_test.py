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

"""Tests for the Ray executor, on clusters of this machine."""

import os
import pathlib
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest
import ray
from ray import cluster_utils

from open_spiel_ppsro import schemes
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import ray_executor
from open_spiel_ppsro.executors import worker_executor
from open_spiel_ppsro.oracles import ppo
import testing


class LocalTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.once = str(testing.make_directory(self) / "once")
    # Ray gives each worker one thread unless it is told otherwise.
    threads = os.environ.pop("OMP_NUM_THREADS", None)
    if threads is not None:
      self.addCleanup(os.environ.__setitem__, "OMP_NUM_THREADS", threads)

  @pytest.mark.thorough
  def test_as_the_other_executors_do(self):
    # One start of Ray for all of it: a start takes seconds.
    with ray_executor.RayExecutor(3, imports=["colorsys"]) as executor:
      executor.start("shared")
      for name in range(5):
        executor.create(name, testing.Counter, 10 * name)
      tasks = [(name, "add", (1,)) for name in (4, 2, 0, 1, 3, 2)]
      self.assertEqual(executor.call(tasks), [
          ("shared", n) for n in (41, 21, 1, 11, 31, 22)])
      executor.discard(2)
      executor.create(2, testing.Counter, 100)
      self.assertEqual(executor.call([(2, "add", (1,)), (0, "add", (5,))]),
                       [("shared", 101), ("shared", 6)])
      self.assertEqual(executor.call([]), [])
      self.assertEqual(executor.call([(0, "threads", ()),
                                      (1, "has_imported", ("colorsys",))]),
                       ["1", True])
      executor.create("bad", testing.Counter, -1)
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "(?s)bad.*cannot start at -1"):
        executor.call([("bad", "add", (1,))])
      with self.assertRaisesRegex(
          executor_lib.WorkerError, "(?s)of 3.*ArithmeticError: the counter"):
        executor.call([(0, "add", (1,)), (3, "fail", ())])
      before = executor.call([(1, "add", (0,))])
      self.assertEqual(
          executor.call([(1, "add_and_die_once", (5, self.once))]),
          [before[0][1] + 5])
      with self.assertRaisesRegex(executor_lib.WorkerError,
                                  "of 1 died 3 times in a row"):
        executor.call([(0, "add", (1,)), (1, "die", ())])
    self.assertFalse(ray.is_initialized())

  @parameterized.parameters(
      ("127.0.0.1:1", False, "no Ray cluster at '127.0.0.1:1'"),
      ("nowhere", False, "not of the form host:port"),
      ("auto", True, "no Ray cluster at 'auto' .Could not find any running"))
  def test_no_cluster(self, address, asks_ray, message):
    # What is wrong is seen before Ray tries for minutes. Whether there is a
    # cluster on this machine, be it of another test, makes no difference.
    with mock.patch.object(ray, "init", side_effect=ConnectionError(
        "Could not find any running Ray instance")) as init:
      with self.assertRaisesRegex(ValueError, message):
        ray_executor.RayExecutor(address=address)
    self.assertEqual(init.called, asks_ray)

  def test_refuses_wrong_numbers(self):
    with self.assertRaisesRegex(ValueError, "num_workers is 0"):
      ray_executor.RayExecutor(0)
    with self.assertRaisesRegex(ValueError, "worker_timeout_seconds is 0"):
      ray_executor.RayExecutor(1, worker_timeout_seconds=0)
    self.assertFalse(ray.is_initialized())


def play(executor, in_the_middle):
  """Returns the results of some rounds."""
  oracle, solver = testing.make_solver(
      "kuhn_poker", ppo.PPOConfig(episodes_per_batch=64, hidden_sizes=(16,)),
      schemes.Pipeline(2), executor, min_steps=300)
  with oracle:
    results = [solver.round() for _ in range(4)]
    in_the_middle()
    return testing.without_clocks(
        results + [solver.round() for _ in range(6)])


class ClusterTest(absltest.TestCase):

  @pytest.mark.thorough
  def test_a_node_is_lost_and_the_other_goes_on(self):
    here = str(pathlib.Path(__file__).parent)
    before = os.environ.get("PYTHONPATH")
    node = {"num_cpus": 1, "object_store_memory": 100 * 2 ** 20,
            "include_dashboard": False}
    with worker_executor.environment({"PYTHONPATH": os.pathsep.join(
        filter(None, [here, *sys.path]))}):
      cluster = cluster_utils.Cluster(initialize_head=True,
                                      head_node_args=node)
      second = cluster.add_node(num_cpus=1,
                                object_store_memory=node["object_store_memory"])
    self.assertEqual(os.environ.get("PYTHONPATH"), before)
    try:
      with self.assertRaisesRegex(ValueError, "has 2 CPUs"):
        ray_executor.RayExecutor(3, cluster.address)
      with ray_executor.RayExecutor(address=cluster.address) as executor:
        self.assertEqual(executor.num_workers, 2)
        self.assertEqual(
            play(executor, lambda: cluster.remove_node(
                second, allow_graceful=False)),
            play(executor_lib.SerialExecutor(), lambda: None))
      # The cluster was joined, so it is still there, and one node works.
      with ray_executor.RayExecutor(1, cluster.address) as executor:
        executor.start("shared")
        executor.create("counter", testing.Counter, 1)
        self.assertEqual(executor.call([("counter", "add", (1,))]),
                         [("shared", 2)])
      with ray_executor.RayExecutor(
          1, cluster.address, imports=["module_of_nobody"]) as executor:
        executor.start("shared")
        executor.create("counter", testing.Counter, 1)
        with self.assertRaisesRegex(
            executor_lib.WorkerError,
            "^the worker of counter failed: it cannot import "
            "'module_of_nobody'.*No module named 'module_of_nobody'.*$"):
          executor.call([("counter", "add", (1,))])
    finally:
      cluster.shutdown()


if __name__ == "__main__":
  absltest.main()

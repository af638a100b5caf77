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

"""RayExecutor: workers on a Ray cluster, or on a local one of their own.

Each worker is a Ray actor of one CPU, and of a share of a GPU if asked, that
holds learners as a worker process does. What travels is pickled as it is for
processes, so that the answers are the same bits; Ray moves it.
"""

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import traceback

from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.executors import worker_executor

# As long as a cluster may take: to be connected to, to say that it is well, and
# to find room for the workers.
_CONNECT_SECONDS = 2
_HEALTH_SECONDS = 7
_ROOM_SECONDS = 60
_REPLACEMENT_SECONDS = 10
_OBJECT_STORE_BYTES = 200 * 2 ** 20


def _ray():
  """Returns the module `ray`, told to be quiet.

  Raises:
    ValueError: if it is not installed.
  """
  os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
  os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
  os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
  try:
    import ray  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise ValueError("the Ray executor needs Ray: pip install "
                     "'open_spiel_ppsro[ray]'") from error
  return ray


class _Worker:
  """What runs in a Ray actor."""

  def __init__(self):
    self._home = executor_lib.Home()
    self._trouble = None

  def tell(self, message):
    """Does what a pickled `(command, ...)` says; the next call says if not."""
    try:
      command, *details = pickle.loads(message)
      getattr(self._home, command)(*details)
    except Exception:  # pylint: disable=broad-except
      self._trouble = self._trouble or traceback.format_exc()

  def call(self, message):
    """Returns the pickled answers to a pickled `("call", tasks)`."""
    _, tasks = pickle.loads(message)
    answers = [(False, self._trouble)] if self._trouble else (
        list(self._home.run_all(tasks)))
    return pickle.dumps(answers, pickle.HIGHEST_PROTOCOL)


class RayExecutor(worker_executor.WorkerExecutor):
  """Spreads actors over the CPUs of a Ray cluster.

  The workers of a cluster have to have this package installed. `close` leaves a
  cluster that was joined as it was, and ends one that was started.
  """

  def __init__(self, num_workers=None, address=None, gpus_per_worker=0,
               worker_timeout_seconds=None):
    """Joins or starts a cluster.

    Args:
      num_workers: how many workers; by default one per CPU of the cluster.
      address: of a running cluster, as `host:port` or `auto`; by default one
        is started on this machine.
      gpus_per_worker: the share of a GPU that each worker asks for.
      worker_timeout_seconds: see `WorkerExecutor`.

    Raises:
      ValueError: if Ray is not installed, the cluster cannot be reached, or
        has too few CPUs.
    """
    if num_workers is not None and num_workers < 1:
      raise ValueError(f"num_workers is {num_workers}; it takes 1 or more")
    if gpus_per_worker < 0:
      raise ValueError(
          f"gpus_per_worker is {gpus_per_worker}; it takes 0 or more")
    self._ray = _ray()
    self._gpus_per_worker = gpus_per_worker
    self._workers = {}
    self._calls = {}  # Per worker, the references of its calls, oldest first.
    self._shared = None
    self._owns = not self._ray.is_initialized()
    if self._owns:
      self._connect(address, num_workers)
    cpus = int(self._ray.cluster_resources().get("CPU", 0))
    if not cpus or (num_workers or 1) > cpus:
      self._leave()
      raise ValueError(
          f"num_workers is {num_workers}; the Ray cluster has {cpus} CPUs, and "
          "a worker needs one")
    super().__init__(cpus if num_workers is None else num_workers,
                     worker_timeout_seconds)
    self.host = self._ray.util.get_node_ip_address()

  def _connect(self, address, num_workers):
    ray = self._ray
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address is None:
      # The workers find the modules that this process finds.
      path = os.pathsep.join(filter(None, sys.path))
      with worker_executor.environment({"PYTHONPATH": path}):
        ray.init(address="local", num_cpus=num_workers,
                 include_dashboard=False,
                 object_store_memory=_OBJECT_STORE_BYTES, **quiet)
      return
    advice = ("give the host:port that 'ray start' has printed, or no address "
              "to start a local cluster")
    try:
      if address != "auto":
        self._probe(address)
      ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
      raise ValueError(f"there is no Ray cluster at {address!r} "
                       f"({str(error).splitlines()[0]}): {advice}") from error

  def _probe(self, address):
    """Raises OSError or ValueError unless a Ray cluster answers soon.

    Left alone with a wrong address, Ray tries for a minute and more.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
      raise ValueError("not of the form host:port")
    with socket.create_connection((host, int(port)), _CONNECT_SECONDS):
      pass
    if "://" not in address:
      try:
        subprocess.run([sys.executable, "-m", "ray.scripts.scripts",
                        "health-check", "--address", address],
                       check=True, capture_output=True, timeout=_HEALTH_SECONDS)
      except subprocess.SubprocessError as error:
        raise ValueError("what answers there is not Ray") from error

  def start(self, shared):
    ray = self._ray
    self._forget()
    self._shared = ray.put(
        pickle.dumps(("share", shared), pickle.HIGHEST_PROTOCOL))
    ready = [self._start_actor(worker) for worker in range(self.num_workers)]
    try:
      ray.get(ready, timeout=_ROOM_SECONDS)
    except ray.exceptions.GetTimeoutError as error:
      self.close()
      raise ValueError(
          f"the Ray cluster has had no room for {self.num_workers} workers for "
          f"{_ROOM_SECONDS} s: use fewer, or wait until it is free") from error

  def _start_actor(self, worker, num_cpus=1):
    """Starts a worker and returns the reference that is there when it is."""
    actor = self._ray.remote(_Worker).options(
        num_cpus=num_cpus, num_gpus=self._gpus_per_worker, max_restarts=0,
        scheduling_strategy="SPREAD").remote()
    self._workers[worker] = actor
    self._calls[worker] = []
    return actor.tell.remote(self._shared)

  def _launch(self, worker):
    ready = self._start_actor(worker)
    if not self._ray.wait([ready], timeout=_REPLACEMENT_SECONDS)[0]:
      # The node of the last one is gone: share a CPU with another worker.
      self._kill(worker)
      self._start_actor(worker, num_cpus=0)

  def _kill(self, worker):
    with contextlib.suppress(Exception):  # It may be gone, or the cluster.
      self._ray.kill(self._workers[worker])

  def _post(self, worker, command, *details):
    # Ray keeps the order of the messages to an actor; of one that has died,
    # the next call will say so.
    message = pickle.dumps((command, *details), pickle.HIGHEST_PROTOCOL)
    actor = self._workers[worker]
    if command == "call":
      self._calls[worker].append(actor.call.remote(message))
    else:
      actor.tell.remote(message)

  def _receive(self, workers, timeout):
    ray = self._ray
    oldest = {self._calls[worker][0]: worker for worker in workers}
    ready, _ = ray.wait(list(oldest), timeout=timeout)
    found = {}
    for reference in ready:
      worker = oldest[reference]
      try:
        found[worker] = pickle.loads(ray.get(reference)), None
        self._calls[worker].pop(0)
      except ray.exceptions.RayError as error:
        found[worker] = [], f"died ({type(error).__name__})"
    return found

  def close(self):
    for worker in self._workers:
      self._kill(worker)
    self._workers.clear()
    self._forget()
    self._leave()

  def _leave(self):
    if self._owns and self._ray.is_initialized():
      self._ray.shutdown()

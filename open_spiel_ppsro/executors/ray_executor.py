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

"""RayExecutor: it runs the workers on a Ray cluster, or on a local one.

Each worker is a Ray actor of one CPU that holds learners as a worker process
does. Messages and answers are pickled as they are for processes, so that the
answers are the same bits; Ray only moves them.
"""

from collections.abc import Sequence
import contextlib
import os
import pickle
import socket
import subprocess
import sys
from typing import Any

from open_spiel_ppsro.executors import actor_host
from open_spiel_ppsro.executors import worker_executor

# Seconds that a cluster may take to accept a connection; a local network needs
# milliseconds.
_CONNECT_SECONDS = 2
# Seconds that `ray health-check` may take; most of it is its own start.
_HEALTH_SECONDS = 7
# Seconds that a cluster may take to find room for all workers.
_ROOM_SECONDS = 60
# Seconds that a cluster may take to find room for a worker in place of a dead
# one, before the new one shares a CPU with another.
_REPLACEMENT_SECONDS = 10
# Bytes of shared memory of a local cluster: messages are small, and Ray would
# take a third of the machine's memory.
_OBJECT_STORE_BYTES = 200 * 2 ** 20


def _ray() -> Any:
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
  """A worker, as it runs in a Ray actor."""

  def __init__(self, imports: Sequence[str]) -> None:
    self._host = actor_host.ActorHost(imports)

  def obey(self, message: bytes) -> list[bytes]:
    """Carries out a message and returns the answers, see `ActorHost.obey`."""
    return list(self._host.obey(message))


class RayExecutor(worker_executor.WorkerExecutor):
  """An executor whose workers run on the CPUs of a Ray cluster.

  The machines of a cluster have to have this package installed. `close` leaves
  a cluster that was joined as it was, and ends one that was started.
  """

  def __init__(self, num_workers: int | None = None,
               address: str | None = None,
               worker_timeout_seconds: float | None = None,
               imports: Sequence[str] = ()) -> None:
    """Joins or starts a cluster.

    Args:
      num_workers: how many workers; None for one per CPU of the cluster.
      address: of a running cluster, as `host:port` or `auto`; None to start one
        on this machine.
      worker_timeout_seconds: see `WorkerExecutor`.
      imports: see `WorkerExecutor`.

    Raises:
      ValueError: if an argument is out of range, Ray is not installed, or the
        cluster cannot be reached or has too few CPUs.
    """
    super().__init__(1 if num_workers is None else num_workers,
                     worker_timeout_seconds, imports)
    self._ray = _ray()
    self._workers: dict[int, Any] = {}  # Ray's actor of each worker.
    # Per worker, the references of its calls, oldest first.
    self._calls: dict[int, list[Any]] = {}
    self._shared: Any = None
    self._owns = not self._ray.is_initialized()
    if self._owns:
      self._connect(address, num_workers)
    cpus = int(self._ray.cluster_resources().get("CPU", 0))
    if not cpus or self.num_workers > cpus:
      self._leave()
      raise ValueError(
          f"num_workers is {num_workers}; the Ray cluster has {cpus} CPUs, and "
          "a worker needs one")
    if num_workers is None:
      self.num_workers = cpus
    self.host = self._ray.util.get_node_ip_address()

  def _connect(self, address: str | None, num_workers: int | None) -> None:
    """Joins the cluster at an address, or starts one if it is None."""
    ray = self._ray
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address is None:
      # The workers find the modules that this process finds.
      path = os.pathsep.join(place or os.getcwd() for place in sys.path)
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

  def _probe(self, address: str) -> None:
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

  def _start_workers(self, shared: bytes) -> None:
    ray = self._ray
    self._shared = ray.put(shared)
    ready = [self._start_actor(worker) for worker in range(self.num_workers)]
    try:
      ray.get(ready, timeout=_ROOM_SECONDS)
    except ray.exceptions.GetTimeoutError as error:
      raise ValueError(
          f"the Ray cluster has had no room for {self.num_workers} workers for "
          f"{_ROOM_SECONDS} s: use fewer, or wait until it is free") from error

  def _end_workers(self) -> None:
    for worker in self._workers:
      self._kill(worker)
    self._workers.clear()
    self._leave()

  def _start_actor(self, worker: int, num_cpus: int = 1) -> Any:
    """Starts a worker and returns the reference that is there when it is."""
    actor = self._ray.remote(_Worker).options(
        num_cpus=num_cpus, max_restarts=0,
        scheduling_strategy="SPREAD").remote(self.imports)
    self._workers[worker] = actor
    self._calls[worker] = []
    return actor.obey.remote(self._shared)

  def _launch(self, worker: int) -> None:
    ready = self._start_actor(worker)
    if not self._ray.wait([ready], timeout=_REPLACEMENT_SECONDS)[0]:
      # The node of the last one is gone: share a CPU with another worker.
      self._kill(worker)
      self._start_actor(worker, num_cpus=0)

  def _kill(self, worker: int) -> None:
    with contextlib.suppress(Exception):  # It may be gone, or the cluster.
      self._ray.kill(self._workers[worker])

  def _post(self, worker: int, message: bytes, is_call: bool) -> None:
    # Ray keeps the order of the messages to an actor. If the actor has died,
    # the next call will say so.
    reference = self._workers[worker].obey.remote(message)
    if is_call:
      self._calls[worker].append(reference)

  def _receive(self, workers: Sequence[int],
               timeout: float | None) -> worker_executor.Heard:
    ray = self._ray
    oldest = {self._calls[worker][0]: worker for worker in workers}
    ready, _ = ray.wait(list(oldest), timeout=timeout)
    found: worker_executor.Heard = {}
    for reference in ready:
      worker = oldest[reference]
      try:
        answers = ray.get(reference)
      except ray.exceptions.RayError as error:
        found[worker] = [], f"died ({type(error).__name__})"
        continue
      found[worker] = [pickle.loads(answer) for answer in answers], None
      self._calls[worker].pop(0)
    return found

  def _leave(self) -> None:
    """Ends the cluster if this executor has started it."""
    if self._owns and self._ray.is_initialized():
      self._ray.shutdown()

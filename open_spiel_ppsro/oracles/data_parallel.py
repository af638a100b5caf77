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

"""Several workers train one policy: each plays its own batch, all agree.

The workers of a level hold the same network. Each plays episodes of its own
and computes its gradient; the gradients are averaged by `torch.distributed`
(gloo) and every worker takes the same step. What is summed does not depend on
who is first, so that the result depends on their number alone.
"""

import datetime
import os
from typing import Any
from typing import NamedTuple

import numpy as np
import torch
from torch import distributed

# How long a worker waits for the others of its level: until all have met, and
# then in every collective. The first is a start-up, the second a batch.
_RENDEZVOUS_TIMEOUT = datetime.timedelta(minutes=1)
_COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=30)


class Rendezvous(NamedTuple):
  """Where the workers of a level meet.

  Attributes:
    host: the machine of the store that they meet at, see `RendezvousStore`.
    port: the port of that store.
    name: the policy that they train.
    rank: which of the workers this is, from 0.
    size: how many they are.
  """
  host: str
  port: int
  name: str
  rank: int
  size: int


class RendezvousStore:
  """Lets the workers of each level find each other; lives beside the oracle."""

  def __init__(self, host: str):
    """Opens a store at a `host` that the workers can reach."""
    self._host = host
    self._store = distributed.TCPStore(host, 0, is_master=True,
                                       wait_for_workers=False)

  def of(self, name: str, size: int) -> list[Rendezvous]:
    """Returns a `Rendezvous` for each of the `size` workers of a policy."""
    return [Rendezvous(self._host, self._store.port, name, rank, size)
            for rank in range(size)]


class SingleWorker:
  """A learner that is its level's only worker; nothing to agree on."""

  rank = 0
  size = 1

  def mean(self, tensor: torch.Tensor) -> torch.Tensor:
    """Returns the mean of a tensor over the workers; may overwrite it."""
    return tensor

  def gather(self, *numbers: float) -> np.ndarray:
    """Returns the numbers of every worker as `[workers, numbers]`."""
    return np.array([numbers], float)


class Team(SingleWorker):
  """The workers of a level, as one of them sees it.

  Every worker has to call the same methods in the same order.
  """

  def __init__(self, rendezvous: Rendezvous):
    """Waits for all workers of a `Rendezvous`."""
    self.rank, self.size = rendezvous.rank, rendezvous.size
    if hasattr(os, "SCHED_BATCH"):
      # gloo's threads spin on a lock while the one that has it waits for the
      # core: tenfold slower, with as many workers as cores. Threads of this
      # class, which inherit it, do not interrupt each other.
      os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    store = distributed.TCPStore(rendezvous.host, rendezvous.port,
                                 is_master=False,
                                 timeout=_RENDEZVOUS_TIMEOUT)
    # All meet again when one of them had to be replaced; what they left at the
    # place where they met before is of no use.
    time = store.add(f"{rendezvous.name}/{self.rank}", 1)
    self._group: Any = distributed.ProcessGroupGloo(
        distributed.PrefixStore(f"{rendezvous.name}/{time}", store), self.rank,
        self.size, _COLLECTIVE_TIMEOUT)

  def mean(self, tensor: torch.Tensor) -> torch.Tensor:
    total = tensor.cpu()
    self._group.allreduce([total], distributed.AllreduceOptions()).wait()
    return tensor.copy_(total.div_(self.size))

  def gather(self, *numbers: float) -> np.ndarray:
    ours = torch.tensor(numbers, dtype=torch.float64)
    everyone = [torch.empty_like(ours) for _ in range(self.size)]
    self._group.allgather([everyone], [ours]).wait()
    return torch.stack(everyone).numpy()


def join(rendezvous: Rendezvous | None) -> SingleWorker:
  """Returns the team of a `Rendezvous`; without one, a `SingleWorker`."""
  return SingleWorker() if rendezvous is None else Team(rendezvous)

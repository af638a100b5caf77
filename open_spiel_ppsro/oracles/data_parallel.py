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

"""Teams: several workers train one policy, each on episodes of its own.

The workers of a team have equal networks. Each plays episodes of its own and
computes a gradient; `torch.distributed` (gloo) averages the gradients, and
every worker takes the same step. The sum does not depend on the order in which
workers arrive, so the result depends on their number alone. Workers of
self-play take steps of their own, exchange where these have led them, and all
go on from the mean, which does not even depend on their number.
"""

import datetime
import os
from typing import Any
from typing import NamedTuple

import numpy as np
import torch
from torch import distributed

# The time in which all workers of a team have to meet. With less, a worker that
# starts slowly fails the team; with more, a dead one is noticed later.
_RENDEZVOUS_TIMEOUT = datetime.timedelta(minutes=1)
# The time in which all workers have to answer in a collective, which comes once
# a batch or more often. With less, a slow batch fails the team.
_COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=30)


class Rendezvous(NamedTuple):
  """The place where the workers of a team meet.

  Attributes:
    host: the machine of the store at which they meet, see `RendezvousStore`.
    port: the port of that store.
    name: the name of the policy that they train.
    rank: the number of this worker, from 0.
    size: how many workers the team has.
  """
  host: str
  port: int
  name: str
  rank: int
  size: int


class RendezvousStore:
  """The store in which the workers of each policy find each other."""

  def __init__(self, host: str):
    """Opens a store.

    Args:
      host: the name of this machine, under which the workers can reach it.
    """
    self._host = host
    self._store = distributed.TCPStore(host, 0, is_master=True,
                                       wait_for_workers=False)

  def of(self, name: str, size: int) -> list[Rendezvous]:
    """Returns a `Rendezvous` for each of the `size` workers of a policy."""
    return [Rendezvous(self._host, self._store.port, name, rank, size)
            for rank in range(size)]


class SingleWorker:
  """A team of one: its only worker has nothing to agree on.

  Attributes:
    rank: the number of this worker, from 0.
    size: how many workers the team has.
  """

  rank = 0
  size = 1

  def mean(self, tensor: torch.Tensor) -> torch.Tensor:
    """Returns the mean of a tensor over the workers; it may overwrite it."""
    return tensor

  def gather(self, *numbers: float) -> np.ndarray:
    """Returns the numbers of every worker as `[workers, numbers]`."""
    return self.concatenated(
        torch.tensor([numbers], dtype=torch.float64)).numpy()

  def concatenated(self, tensor: torch.Tensor) -> torch.Tensor:
    """Returns the rows of every worker, by rank, who all have as many."""
    return tensor


class Team(SingleWorker):
  """The workers of a policy, as one of them sees them.

  Every worker has to call the same methods in the same order.
  """

  def __init__(self, rendezvous: Rendezvous):
    """Waits for all workers of a `Rendezvous`."""
    self.rank, self.size = rendezvous.rank, rendezvous.size
    if hasattr(os, "SCHED_BATCH"):
      # The threads of gloo spin on a lock while the thread that has it waits
      # for a core. With as many workers as cores, training is then ten times
      # slower. Threads of this scheduling class, which gloo's threads inherit,
      # do not interrupt each other.
      os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    store = distributed.TCPStore(rendezvous.host, rendezvous.port,
                                 is_master=False,
                                 timeout=_RENDEZVOUS_TIMEOUT)
    # All workers meet again when one of them was replaced. Every meeting has a
    # prefix of its own, so that entries of earlier ones are not read.
    time = store.add(f"{rendezvous.name}/{self.rank}", 1)
    self._group: Any = distributed.ProcessGroupGloo(
        distributed.PrefixStore(f"{rendezvous.name}/{time}", store), self.rank,
        self.size, _COLLECTIVE_TIMEOUT)

  def mean(self, tensor: torch.Tensor) -> torch.Tensor:
    total = tensor.cpu()
    self._group.allreduce([total], distributed.AllreduceOptions()).wait()
    return tensor.copy_(total.div_(self.size))

  def concatenated(self, tensor: torch.Tensor) -> torch.Tensor:
    ours = tensor.cpu()
    everyone = [torch.empty_like(ours) for _ in range(self.size)]
    self._group.allgather([everyone], [ours]).wait()
    return torch.cat(everyone).to(tensor.device)


def join(rendezvous: Rendezvous | None) -> SingleWorker:
  """Returns the team of a `Rendezvous`; without one, a `SingleWorker`."""
  return SingleWorker() if rendezvous is None else Team(rendezvous)

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


"""RunRecord: what a run has left on disk, as the figures of a report need it.

Runs of all versions can be read: columns are found by their names, and what a
run did not record is absent.
"""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from open_spiel_ppsro.runs import run_directory

# Two policies are duplicates if none of their payoffs against frozen opponents
# differ by more than this share of the spread of all payoffs.
DUPLICATE_SHARE = 0.01


@dataclasses.dataclass
class Life:
  """The life of one policy.

  Attributes:
    player: the number of its population.
    index: in opening order.
    parent: the index of the policy that it sprang from, if any.
    rounds: the rounds in which it trained.
    settled: for each of them, whether its opponents stood still.
    frozen_in: the round in which it froze; None if it trains still.
    steps: environment steps that it has trained.
    gap: what a best response would have gained over it when it froze, in game
      utility; None if that is not recorded.
  """
  player: int
  index: int
  parent: int | None = None
  rounds: list[int] = dataclasses.field(default_factory=list)
  settled: list[bool] = dataclasses.field(default_factory=list)
  frozen_in: int | None = None
  steps: int = 0
  gap: float | None = None

  def segments(self) -> list[tuple[int, int, str]]:
    """Returns what the policy did: first round, last round, and its state.

    The states are `training`, `settled` (its opponents stand still) and
    `waiting` (for a worker).
    """
    found: list[tuple[int, int, str]] = []
    for number, is_settled in zip(self.rounds, self.settled):
      state = "settled" if is_settled else "training"
      if found and number > found[-1][1] + 1:
        found.append((found[-1][1] + 1, number - 1, "waiting"))
      if found and found[-1][2] == state:
        found[-1] = found[-1][0], number, state
      else:
        found.append((number, number, state))
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class RunRecord:
  """What a run has left.

  Attributes:
    path: of the run directory.
    config: what is in `config.json`.
    result: what is in `result.json`; empty if the run has not ended.
    metrics: `{column: [R]}`, as `run_directory.read_metrics` returns them;
      columns without a value are absent.
    lives: per population, the `Life` of each policy, by index.
    meta_strategies: `(round, [{index: probability} per population])` of the
      rounds in which it changed; empty if they are not recorded.
    payoffs: `[n, K_0, ..., K_{n-1}]` of the newest checkpoint, NaN where not
      measured; None without a checkpoint.
    roles: for each player, its population; empty without a checkpoint.
  """
  path: pathlib.Path
  config: dict[str, Any]
  result: dict[str, Any]
  metrics: dict[str, np.ndarray]
  lives: tuple[list[Life], ...]
  meta_strategies: list[tuple[int, list[dict[int, float]]]]
  payoffs: np.ndarray | None
  roles: tuple[int, ...]

  @property
  def name(self) -> str:
    """What the run is called, the name of its directory."""
    return self.path.resolve().name

  @property
  def num_rounds(self) -> int:
    """How many rounds it has recorded."""
    return len(self.metrics["round"])

  @property
  def freezes(self) -> bool:
    """Whether policies of its scheme ever freeze."""
    if "scheme_settings" not in self.config:  # Of version 0.1.
      return self.config["scheme"] not in ("dch", "neupl")
    return "plateau" in self.config

  def column(self, name: str) -> np.ndarray | None:
    """Returns a column of its metrics; None if it has no value."""
    values = self.metrics.get(name)
    if values is None or np.isnan(values).all():
      return None
    return values

  def answer(self, population: int) -> list[int]:
    """Returns the policies that its result may play, in opening order."""
    return [life.index for life in self.lives[population]
            if life.frozen_in is not None or not self.freezes]

  def own_payoffs(self, population: int) -> np.ndarray | None:
    """Returns the payoffs of a player's policies, the others' in a row.

    Returns:
      `[K, M]`: the payoff of each policy of `answer` against each profile of
      the others' policies; None without a checkpoint.
    """
    if self.payoffs is None:
      return None
    player = self.roles.index(population)
    chosen = [self._measured(role) for role in self.roles]
    tensor = self.payoffs[player][np.ix_(*chosen)]
    return np.moveaxis(tensor, player, 0).reshape(len(chosen[player]), -1)

  def _measured(self, population):
    """Returns the policies of `answer` that the newest checkpoint knows."""
    assert self.payoffs is not None
    known = self.payoffs.shape[1 + self.roles.index(population)]
    return [index for index in self.answer(population) if index < known]

  def payoff_matrix(self) -> tuple[list[int], list[int], np.ndarray] | None:
    """Returns the first player's payoffs against those of the second player.

    Returns:
      The policies of the first player, those of the second, and the payoffs
      `[K, L]`; further players play their meta-strategies. None if that is
      not known.
    """
    if self.payoffs is None:
      return None
    chosen = [self._measured(role) for role in self.roles]
    matrix = self.payoffs[0][np.ix_(*chosen)]
    for player in reversed(range(2, len(chosen))):
      if not self.meta_strategies:
        return None
      found = self.meta_strategies[-1][1][self.roles[player]]
      weights = np.array([found.get(index, 0.0) for index in chosen[player]])
      if not weights.sum() > 0:
        return None
      matrix = matrix @ (weights / weights.sum())
    return chosen[0], chosen[1], matrix

  def duplicates(self, population: int) -> dict[int, int] | None:
    """Returns for each duplicate the earlier policy that it is like.

    See `DUPLICATE_SHARE`. None without a checkpoint.
    """
    payoffs = self.own_payoffs(population)
    if payoffs is None or not payoffs.size:
      return None
    tolerance = DUPLICATE_SHARE * np.ptp(payoffs)
    found: dict[int, int] = {}
    distinct: list[int] = []
    indices = self._measured(population)
    for row, index in enumerate(indices):
      gaps = np.abs(payoffs[distinct] - payoffs[row]).max(axis=1)
      if distinct and gaps.min() <= tolerance:
        found[index] = indices[distinct[int(gaps.argmin())]]
      else:
        distinct.append(row)
    return found

  def meta_strategy_at(self, rounds: np.ndarray,
                       population: int) -> np.ndarray:
    """Returns the meta-strategy after some rounds.

    Args:
      rounds: int `[R]`, ascending.
      population: whose.

    Returns:
      `[R, K]`, the probability of each policy by index; NaN before the first
      one that is recorded.
    """
    table = np.full((len(rounds), len(self.lives[population])), np.nan)
    for number, weights in self.meta_strategies:
      later = np.searchsorted(rounds, number)
      table[later:] = 0
      for index, probability in weights[population].items():
        if index < table.shape[1]:
          table[later:, index] = probability
    return table


def read(path: str | os.PathLike) -> RunRecord:
  """Returns what a run has left in its directory.

  Raises:
    ValueError: if there is no run, or one without a round.
  """
  path = pathlib.Path(path)
  config = run_directory.read_config(path)
  metrics = {name: np.array(values) for name, values
             in run_directory.read_metrics(path).items()
             if not np.isnan(values).all()}
  if "round" not in metrics:
    raise ValueError(f"there is nothing to report of {path}: it has recorded "
                     "no round")
  result = (run_directory.read_result(path)
            if run_directory.has_ended(path) else {})
  try:
    solver = run_directory.read_checkpoint(path)["solver"]
  except (ValueError, KeyError, TypeError):
    solver = None
  history = run_directory.read_history(path)
  payoffs: np.ndarray | None = None
  roles: tuple[int, ...] = ()
  if solver is not None:
    payoffs = np.asarray(solver["payoffs"])
    num_players = len(payoffs)
    roles = (tuple(range(num_players))
             if len(solver["population"]["members"]) == num_players
             else (0,) * num_players)
  return RunRecord(
      path=path, config=config, result=result, metrics=metrics,
      lives=_lives(run_directory.read_levels(path), history, solver),
      meta_strategies=[
          (line["round"], [{int(index): probability for index, probability
                            in weights.items()}
                           for weights in line["meta_strategy"]])
          for line in history if "meta_strategy" in line],
      payoffs=payoffs, roles=roles)


def _lives(levels, history, solver):
  """Returns per population the `Life` of each policy."""
  lives: dict[tuple[int, int], Life] = {}

  def life(player, index):
    return lives.setdefault((player, index), Life(player, index))

  num_populations = 1 + int(max(levels["player"], default=0))
  for player in range(num_populations):
    life(player, 0).frozen_in = 0  # The initial policy.
  for number, player, index, steps, settled in zip(
      *(levels[name] for name in ("round", "player", "policy", "steps",
                                  "settled"))):
    found = life(int(player), int(index))
    found.rounds.append(int(number))
    found.settled.append(bool(settled))
    found.steps = int(steps)
  if solver is not None:
    population = solver["population"]
    for player, members in enumerate(population["members"]):
      for index, member in enumerate(members):
        life(player, index).parent = member["parent"]
    for player, indices in enumerate(population["frozen"]):
      for index in indices:
        found = life(player, index)
        if found.frozen_in is None and found.rounds:
          found.frozen_in = found.rounds[-1]
  for line in history:
    for player, index, parent in line.get("opened", ()):
      life(player, index).parent = parent
    for player, index, _, gap in line.get("frozen", ()):
      found = life(player, index)
      found.frozen_in, found.gap = line["round"], gap
  return tuple(
      [life(player, index) for index in range(
          1 + max(index for owner, index in list(lives) if owner == player))]
      for player in range(num_populations))

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


"""Cells: the runs that a study declares, in the order in which they are played.

A study is a TOML file, see `study.toml`. A cell is one run of it, which its
name tells from all others: the same cell in two blocks is one run.
"""

from collections.abc import Sequence
import dataclasses
import itertools
import pathlib
import shlex
import tomllib
from typing import Any

FOLDER = pathlib.Path(__file__).resolve().parent
# Commands and the paths in game strings are meant from here.
ROOT = FOLDER.parents[2]
BUDGETS = ("seconds", "episodes", "rounds")
# What OpenSpiel's psro_v2 is called among schemes.
PEER = "psro_v2"
# A smoke run: so many rounds at most, and no more core seconds than these.
_SMOKE_ROUNDS = 2
_SMOKE_SECONDS = 1.0
_SMOKE_BATCH = 64
# Of a cell, beside its core seconds, to open a game and to write policies.
_BESIDE_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Cell:
  """One run.

  Attributes:
    block: the first block of the study that has it.
    game: what the study calls the game.
    game_name: its string.
    is_sampled: whether the game is too large for an exact yardstick.
    scheme: in `ppsro.SCHEMES`, or `PEER`.
    oracle: what trains best responses; of the peer `torch_dqn` or `ppo`.
    meta_strategy: how meta-games are solved.
    num_levels: policies in training at once; None for the scheme's default.
    budget: one of `BUDGETS`, what the run is given as much of as others.
    amount: so much of it.
    core_seconds: it takes no more, whatever the budget.
    episodes_per_batch: None for the learner's default.
    seed: of everything random.
    max_rounds: it plays no more; None for no limit.
    intervals: of a sampled game, how many policies are measured.
    interval_seconds: of a core, how long each may take.
  """
  block: str
  game: str
  game_name: str
  is_sampled: bool
  scheme: str
  oracle: str
  meta_strategy: str
  num_levels: int | None
  budget: str
  amount: float
  core_seconds: float
  episodes_per_batch: int | None
  seed: int
  max_rounds: int | None
  intervals: int
  interval_seconds: float

  @property
  def name(self) -> str:
    """What tells it from all other cells, and names its directory."""
    levels = f"-{self.num_levels}levels" if self.num_levels else ""
    return (f"{self.game}-{self.scheme}-{self.oracle}-{self.meta_strategy}"
            f"{levels}-{self.amount:.0f}{self.budget}-seed{self.seed}")

  @property
  def is_peer(self) -> bool:
    """Whether OpenSpiel's psro_v2 plays it."""
    return self.scheme == PEER

  @property
  def max_core_seconds(self) -> float:
    """The most that it is expected to take, measurements included."""
    measured = self.intervals * self.interval_seconds
    return self.core_seconds + measured + _BESIDE_SECONDS

  def flags(self) -> list[str]:
    """Returns the flags of the run, but for limits and directory."""
    flags = [f"--game_name={self.game_name}", f"--scheme={self.scheme}"]
    if self.oracle != "ppo":
      flags.append(f"--oracle={self.oracle}")
    if self.meta_strategy != "nash":
      flags.append(f"--meta_strategy={self.meta_strategy}")
    if self.num_levels:
      flags.append(f"--num_levels={self.num_levels}")
    if self.episodes_per_batch:
      flags.append(f"--episodes_per_batch={self.episodes_per_batch}")
    if self.is_sampled:
      # It is measured afterwards, at the same times for all methods.
      # All begin with random play: what self-play finds is one of the methods.
      flags += ["--evaluation=sampled", "--evaluation_share=0",
                "--exploiter_steps=0", "--initial_policy=uniform"]
    return [*flags, f"--seed={self.seed}", "--executor=serial"]

  def command(self) -> str:
    """Returns the command that repeats the run; '' of the peer."""
    if self.is_peer:
      return ""
    limits = [f"--time_limit_seconds={self.core_seconds:g}"]
    if self.budget != "seconds":
      limits.append(f"--max_{self.budget}={self.amount:.0f}")
    return "python examples/pipeline_psro_example.py " + shlex.join(
        [*self.flags(), *limits])


def read(path: Any = FOLDER / "study.toml") -> dict[str, Any]:
  """Returns a study as its file declares it.

  Raises:
    ValueError: if it declares what there is not.
  """
  with open(path, "rb") as file:
    study = tomllib.load(file)
  for block in study["blocks"]:
    if block["budget"] not in BUDGETS:
      raise ValueError(f"block {block['name']!r} has the budget "
                       f"{block['budget']!r}; use one of {', '.join(BUDGETS)}")
    unknown = set(block["games"]) - set(study["games"])
    if unknown:
      game = min(unknown)
      raise ValueError(f"block {block['name']!r} names the game {game!r}, and "
                       f"there is no [games.{game}]")
  return study


def cells_of(study: dict[str, Any]) -> list[Cell]:
  """Returns the cells of a study, each once, in the order of play."""
  found: dict[str, Cell] = {}
  seeds = range(1, study["seeds"] + 1)
  for seed, block in itertools.product(seeds, study["blocks"]):
    games = [game for game in block["games"] if all(
        seed <= one.get("seeds", seed)
        for one in (block, study["games"][game]))]
    for combination in itertools.product(
        games, block["schemes"], block.get("oracles", ["ppo"]),
        block.get("meta_strategies", ["nash"]),
        block.get("num_levels", [None])):
      cell = _cell(study, block, seed, *combination)
      found.setdefault(cell.name, cell)
  return list(found.values())


def _cell(study, block, seed, game, scheme, oracle, meta_strategy, num_levels):
  of_game, budget = study["games"][game], block["budget"]
  is_of_seconds = budget == "seconds"
  return Cell(
      block=block["name"], game=game, game_name=of_game["game_name"],
      is_sampled=of_game.get("sampled", False), scheme=scheme, oracle=oracle,
      meta_strategy=meta_strategy, num_levels=num_levels, budget=budget,
      amount=block["rounds"] if budget == "rounds" else of_game[budget],
      core_seconds=of_game["seconds"] * (
          1 if is_of_seconds else block["at_most"]),
      episodes_per_batch=(
          of_game["episodes_per_batch"] if budget == "episodes" else None),
      seed=seed, max_rounds=block.get("rounds"),
      intervals=study["intervals"],
      interval_seconds=of_game.get("interval_seconds", 0))


def smoke(cells: Sequence[Cell]) -> list[Cell]:
  """Returns a few tiny cells: each value of each dimension of each block.

  Args:
    cells: of a study.
  """
  def values(cell):
    return {(cell.block, name, getattr(cell, name)) for name in (
        "game", "scheme", "oracle", "meta_strategy", "num_levels")}

  first = cells[0].seed
  left = [cell for cell in cells if cell.seed == first]
  missing = set().union(*map(values, left))
  chosen = []
  while missing:
    cell = max(left, key=lambda cell: len(values(cell) & missing))
    missing -= values(cell)
    chosen.append(dataclasses.replace(
        cell, max_rounds=_SMOKE_ROUNDS, core_seconds=_SMOKE_SECONDS,
        episodes_per_batch=cell.episodes_per_batch and _SMOKE_BATCH,
        intervals=1, interval_seconds=0.1 * cell.is_sampled))
  return sorted(chosen, key=lambda cell: [c.name for c in cells].index(
      cell.name))

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


"""OpenSpiel's psro_v2 as a cell of a study, by the same yardstick.

It has two best responders: OpenSpiel's torch DQN, set as its example sets it,
and this package's PPO. What measures it is kept out of its core seconds; what
it measures itself, by sampled payoffs, is not.
"""

from collections.abc import Callable
import contextlib
import csv
import io
import json
import pathlib
import random
import sys
import time

import numpy as np
from open_spiel.python.algorithms.psro_v2 import psro_v2
import torch

import cells
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.evaluation import least_exploitable
from open_spiel_ppsro.games import sequence_form
import play_cell

# As OpenSpiel's psro_v2_example has them.
_TRAINING_EPISODES = 10_000
_SIMS_PER_ENTRY = 1000
_COLUMNS = ("round", "wall_seconds", "iterations", "episodes",
            "environment_steps", "policies", "exploitability_frozen",
            "exploitability_least")


class Yardstick:
  """Measures populations of OpenSpiel policies on an enumerated game."""

  def __init__(self, game: ppsro.GameTree):
    self._game = game
    self._least = least_exploitable.LeastExploitableMixture(game)
    self._plans: list[list[np.ndarray]] = [[] for _ in range(game.num_players)]

  def measure(self, policies, probabilities) -> tuple[float, float]:
    """Returns the exploitability of mixtures, and the least of any.

    Args:
      policies: per player, all its policies; those of the last call first.
      probabilities: per player, of these.
    """
    for player, (known, found) in enumerate(zip(self._plans, policies)):
      first = len(known)
      known += [sequence_form.realization_plan(
          self._game, self._table(policy, player), player)
                for policy in found[first:]]
      self._least.update(player, range(first, len(known)),
                         np.array(known[first:]))
    mixtures = [sequence_form.mixture_plan(np.array(plans), np.asarray(weights))
                for plans, weights in zip(self._plans, probabilities)]
    return (sequence_form.nash_conv(self._game, mixtures) / len(mixtures),
            self._least.solve().upper)

  def _table(self, policy, player):
    if hasattr(policy, "probabilities") and not hasattr(policy, "table"):
      infostates = self._game.infostates[player]
      return policy.probabilities(infostates.observations,
                                  infostates.legal_actions_mask)
    return self._game.tabulate(policy, player)


def make_solver(cell: cells.Cell, game, smoke: bool):
  """Returns a `psro_v2.PSROSolver`, and the episodes of an iteration.

  Args:
    cell: of the peer.
    game: a turn-based pyspiel game.
    smoke: whether it trains and plays next to nothing.
  """
  episodes, sims = (20, 5) if smoke else (_TRAINING_EPISODES, _SIMS_PER_ENTRY)
  if cell.oracle == "torch_dqn":
    sys.path.append(str(cells.FOLDER.parent))
    import psro_v2_peer  # pylint: disable=g-import-not-at-top
    psro_v2_peer.dqn()  # Fails here if it cannot be had.
    # pylint: disable-next=protected-access
    psro_v2_peer.DQNPolicy._seeds = random.Random(cell.seed)
    # It trains one more than asked, for each player.
    return (psro_v2_peer.make_solver(game, episodes, sims), sims,
            game.num_players() * (episodes + 1))
  if cell.oracle not in ppsro.ORACLES:
    raise ValueError(f"psro_v2 with {cell.oracle!r} is not known; use "
                     f"torch_dqn or one of {', '.join(ppsro.ORACLES)}")
  oracle = ppsro.PipelinedOracle(game, ppsro.ORACLES[cell.oracle](),
                                 seed=cell.seed)
  return psro_v2.PSROSolver(
      game, oracle, sims_per_entry=sims, sample_from_marginals=True,
      training_strategy_selector="probabilistic",
      meta_strategy_method=ppsro.nash_strategy), sims, 0


def run(cell: cells.Cell, directory: pathlib.Path,
        look: Callable[[], None]) -> None:
  """Plays a cell of the peer, and leaves the columns of a run that it has.

  Args:
    cell: of the peer.
    directory: for what it leaves; it is there.
    look: called after every iteration.

  Raises:
    ValueError: if the peer cannot play it.
  """
  game = ppsro.open_game(cell.game_name)
  if not isinstance(game, ppsro.GameTree):
    raise ValueError(f"psro_v2 is measured exactly, and {cell.game} is sampled")
  random.seed(cell.seed), np.random.seed(cell.seed)
  torch.manual_seed(cell.seed)
  measured = [0.0, 0.0]  # Wall and core seconds.
  start = time.perf_counter()
  with contextlib.redirect_stdout(io.StringIO()):  # It prints.
    solver, sims, training_episodes = make_solver(
        cell, game.game, smoke=cell.max_rounds is not None)
  yardstick = Yardstick(game)
  rows, seconds = [], []
  while True:
    wall, core = time.perf_counter() - start, time.process_time()
    policies = solver.get_policies()
    sizes = [len(found) for found in policies]
    found, least = yardstick.measure(policies, solver.get_meta_strategies())
    number = len(rows)
    rows.append((number, f"{wall - measured[0]:.3f}", number,
                 number * training_episodes + sims * int(np.prod(sizes)), "",
                 sum(sizes), found, least))
    seconds.append((number, f"{core - measured[1]:.3f}"))
    measured[0] += time.perf_counter() - start - wall
    measured[1] += time.process_time() - core
    look()
    if number == cell.max_rounds or (
        time.process_time() - measured[1] >= cell.core_seconds):
      break
    with contextlib.redirect_stdout(io.StringIO()):
      solver.iteration()
  (directory / play_cell.RUN).mkdir()
  for path, header, lines in (
      (directory / play_cell.RUN / "metrics.csv", _COLUMNS, rows),
      (directory / play_cell.CORE_SECONDS, ("round", "core_seconds"), seconds)):
    with open(path, "w", newline="", encoding="utf-8") as file:
      writer = csv.writer(file, lineterminator="\n")
      writer.writerow(header)
      writer.writerows(lines)
  (directory / play_cell.RUN / "config.json").write_text(
      json.dumps({"scheme_settings": {}}), encoding="utf-8")

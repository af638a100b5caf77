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

"""Recorder: writes what a run brings, while it goes on and when it has ended.
"""

import dataclasses
import time
from typing import Any

import numpy as np

from open_spiel_ppsro.policies import joint
from open_spiel_ppsro.policies import storage
from open_spiel_ppsro.policies import tabular
from open_spiel_ppsro.runs import final_mixture
from open_spiel_ppsro.runs import history
from open_spiel_ppsro.runs import interval_watch
from open_spiel_ppsro.runs import run_directory


@dataclasses.dataclass(frozen=True, eq=False)
class BestPolicy:
  """The meta-strategy of the round with the lowest NashConv, where exact.

  Attributes:
    round: the number of that round.
    nash_conv: exact.
    tables: per player, action probabilities `[I, A]`.
  """
  round: int
  nash_conv: float
  tables: tuple[np.ndarray, ...]


class Recorder:
  """Writes metrics, checkpoints and policies of one run.

  Attributes:
    directory: the `RunDirectory`, started or resumed.
    best: the `BestPolicy` so far; None before the first round, and of sampled
      games.
    seconds_before: how long the run had taken before it was resumed.
    row: the row of `metrics.csv` of the last round.
    has_whole_rounds: whether no round was broken off; what is left of one
      cannot be saved.
  """

  def __init__(self, solver, directory: run_directory.RunDirectory,
               start: float, checkpoint_seconds: float | None = None,
               keep_checkpoints: int = 2,
               watch: interval_watch.IntervalWatch | None = None) -> None:
    """Makes a recorder.

    Args:
      solver: the `PipelinePSROSolver` of the run.
      directory: its directory.
      start: `time.perf_counter()` at the start of the run.
      checkpoint_seconds: between two checkpoints; None for no checkpoints.
      keep_checkpoints: how many of them stay.
      watch: what measures a sampled game beside the run.
    """
    self.directory = directory
    self.best: BestPolicy | None = None
    self.seconds_before = 0.0
    self.row: dict[str, Any] = {}
    self.has_whole_rounds = True
    self._solver = solver
    self._start = start
    self._checkpoint_seconds = checkpoint_seconds
    self._keep_checkpoints = keep_checkpoints
    self._watch = watch
    self._saved_at = time.perf_counter()

  @property
  def seconds(self) -> float:
    """How long the run has taken so far, before it was resumed included."""
    return self.seconds_before + time.perf_counter() - self._start

  def restore(self, checkpoint: dict[str, Any]) -> None:
    """Makes the run go on where another was, see `solver.restore`.

    Args:
      checkpoint: of the other, as `read_checkpoint` returns it.

    Raises:
      ValueError: if it is not one of this run.
    """
    try:
      seconds = checkpoint["wall_seconds"]
      if "self_play" in checkpoint:
        self._solver.check_settings(checkpoint["settings"])
        self.seconds_before = seconds
        return
      state = checkpoint["solver"]
    except (KeyError, TypeError) as error:
      raise ValueError(f"the checkpoint in {self.directory.path} is not one of "
                       f"a run: {error} is missing") from error
    self._solver.restore(state)
    if self._watch is not None and (
        checkpoint.get("certified_parts") is not None):
      self._watch.certified = interval_watch.CertifiedMixture(
          **checkpoint["certified_parts"])
    self.seconds_before = seconds
    best = checkpoint.get("best")  # Version 0.1 kept none.
    if best is not None:
      self.best = BestPolicy(best["round"], best["nash_conv"],
                             tuple(best["tables"]))

  def record(self, result) -> float:
    """Takes the `RoundResult` of a round: its metrics, and if it is the best.

    Returns:
      How many seconds the run had taken when the round ended.
    """
    seconds = self.seconds
    self.row = result.metrics(seconds)
    measured = (None if self._watch is None
                else self._watch.look(self._solver))
    if measured:
      self.row |= {"exploitability_low": measured.low,
                   "exploitability_high": measured.high,
                   "exploitability_round": measured.round}
      if self.certified is not None:
        self.row |= {"answer_low": self.certified.low,
                     "answer_high": self.certified.high}
    self.directory.append_metrics(self.row, result.level_rows())
    line = history.line_of(self._solver, result)
    if line is not None:
      self.directory.append_history(line)
    if self._solver.is_exact and (
        self.best is None
        or result.of_frozen.nash_conv < self.best.nash_conv):
      self.best = BestPolicy(result.round, result.of_frozen.nash_conv,
                             tuple(self._solver.final_tables("meta_nash")))
    return seconds

  @property
  def interval(self) -> interval_watch.MeasuredInterval | None:
    """The newest interval of exploitability, of a sampled game."""
    return None if self._watch is None else self._watch.latest

  @property
  def certified(self) -> interval_watch.CertifiedMixture | None:
    """The least exploitable mixture that was measured, of a sampled game."""
    return None if self._watch is None else self._watch.certified

  @property
  def is_save_due(self) -> bool:
    """Whether it is time for a checkpoint."""
    return self._checkpoint_seconds is not None and (
        time.perf_counter() - self._saved_at >= self._checkpoint_seconds)

  def save(self) -> None:
    """Writes a checkpoint, in the background, if the run writes any."""
    if self._checkpoint_seconds is None:
      return
    self._saved_at = time.perf_counter()
    self.directory.write_checkpoint(
        self._solver.rounds,
        {"solver": self._solver.state(),
         "wall_seconds": self.seconds,
         "certified_parts": (
             self.certified and dataclasses.asdict(self.certified)),
         "best": None if self.best is None else dataclasses.asdict(self.best)},
        self._keep_checkpoints)

  def save_self_play(self, state: dict[str, Any]) -> None:
    """Writes a checkpoint of a run whose first round is still to come.

    Args:
      state: of its `first_policy.SelfPlay`.
    """
    if self._checkpoint_seconds is None:
      return
    self._saved_at = time.perf_counter()
    self.directory.write_checkpoint(0, {
        "self_play": state, "settings": self._solver.settings(),
        "wall_seconds": self.seconds}, self._keep_checkpoints)

  def write_policies(self) -> None:
    """Writes the policies that the run has found."""
    self.directory.flush()
    answers = {answer: self._solver.final_policy(answer)
               for answer in self._solver.answers}
    self._write_policy(run_directory.FINAL_POLICY, answers,
                       self._solver.answer)
    self._write_joint()
    with self.directory.tolerate(run_directory.FINAL_MIXTURE):
      final_mixture.write(self.directory.path / run_directory.FINAL_MIXTURE,
                          final_mixture.of_solver(self._solver))
    if self.best is not None:
      game = self._solver.original_game
      self._write_policy(run_directory.BEST_POLICY, tabular.BestResponsePolicy(
          game.game, dict(enumerate(zip(game.infostates, self.best.tables))),
          frozen=True))

  def plot(self) -> None:
    """Draws how strong the policies of the run were, where that is known."""
    if not self._solver.rounds or not (self._solver.is_exact or self.interval):
      return
    # Importing matplotlib takes a second, which a run has at its end only.
    from open_spiel_ppsro.runs import plots  # pylint: disable=g-import-not-at-top
    with self.directory.tolerate(run_directory.PLOT):
      plots.plot_run(self.directory.path, self.interval)

  def _write_joint(self):
    """Writes the joint distribution, if the run plays one."""
    probabilities = self._solver.final_joint()
    if probabilities is None:
      return
    # A round that was broken off may have made some more.
    policies = [found[:count] for found, count in zip(
        self._solver.get_policies(), probabilities.shape)]
    with self.directory.tolerate(run_directory.FINAL_JOINT):
      joint.write_joint(
          self.directory.path / run_directory.FINAL_JOINT,
          joint.JointPolicy(self._solver.played_game, policies,
                            probabilities))

  def _write_policy(self, name, policy, answer=None):
    with self.directory.tolerate(name):
      storage.write_policy(self.directory.path / name, policy, answer)

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

"""Member answers: what the members of a mixture play, each asked once.

Walks of falling thresholds, and walks of the same members in other proportions,
meet the same sequences again, and most of a walk's time goes to the networks.
"""

from collections.abc import Callable

import numpy as np

from open_spiel_ppsro.evaluation.interval import seat_policy

# So many probabilities are remembered, 4 bytes each.
_MOST_REMEMBERED = 2 ** 25


class MemberAnswers:
  """What the members play after own sequences, by level and key.

  Answers are rounded to float32, whether they are asked for or remembered, so
  that what is remembered changes no bit, as long as a member answers a row as
  it does beside others. On some processors networks do so but for rounding.
  """

  def __init__(self, seat: seat_policy.SeatPolicy, num_actions: int):
    """Remembers nothing yet.

    Args:
      seat: who has the members; its probabilities do not matter.
      num_actions: the size of an answer.
    """
    self._seat = seat
    self._shape = len(seat.members), num_actions
    # By level: sorted keys `[N]`, and answers `[N, K, A]`, nan if not asked.
    self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    self._room = _MOST_REMEMBERED

  def ask(self, level: int, keys: np.ndarray | None, reach: np.ndarray,
          legal_actions_mask: np.ndarray,
          observe: Callable[[np.ndarray], np.ndarray]
          ) -> tuple[np.ndarray, int]:
    """Returns the reach of every sequence one action further; see `SeatPolicy`.

    Args:
      level: how long the sequences are.
      keys: int64 `[U]`, different, one for each sequence; None if they are too
        long for one, and are not remembered.
      reach: float `[K, U]`, of the members; where it is 0 none is asked.
      legal_actions_mask: bool `[U, A]`.
      observe: a function from rows to their observations, float32.

    Returns:
      Float `[K, U, A]`, and how many answers had to be asked for.
    """
    known_keys, known = self._known.get(level) or (
        np.zeros(0, np.int64), np.zeros((0, *self._shape), np.float32))
    answers = np.full((reach.shape[1], *self._shape), np.nan, np.float32)
    at = np.zeros(reach.shape[1], int)
    is_known = np.zeros(reach.shape[1], bool)
    if keys is not None and len(known_keys):
      at = np.minimum(np.searchsorted(known_keys, keys), len(known_keys) - 1)
      is_known = known_keys[at] == keys
      answers[is_known] = known[at[is_known]]
    wanted = (reach > 0) & np.isnan(answers[:, :, 0].T)
    asked_at = np.flatnonzero(wanted.any(axis=0))
    if len(asked_at):
      observations, mask = observe(asked_at), legal_actions_mask[asked_at]
    for member, chosen in enumerate(wanted[:, asked_at]):
      if chosen.any():
        answers[asked_at[chosen], member] = self._seat.member_probabilities(
            member, observations[chosen], mask[chosen])
    if keys is not None and len(asked_at):
      known[at[is_known]] = answers[is_known]
      self._remember(level, keys[~is_known], answers[~is_known])
    sums = np.nansum(answers, axis=2, dtype=float)
    scale = np.divide(reach.T, sums, out=np.zeros_like(sums), where=reach.T > 0)
    further = np.where(scale[:, :, None] > 0, answers, 0) * scale[:, :, None]
    return further.transpose(1, 0, 2), int(np.count_nonzero(wanted))

  def _remember(self, level, keys, answers):
    """Adds answers at keys that were not known, if there is room for them."""
    self._room -= answers.size
    if self._room < 0:
      return
    known = self._known.get(level)
    if known is not None:
      keys = np.concatenate([known[0], keys])
      answers = np.concatenate([known[1], answers])
    order = np.argsort(keys)
    self._known[level] = keys[order], answers[order]

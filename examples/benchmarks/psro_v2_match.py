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

"""A match on a game too large to solve: this package against psro_v2.

    python examples/benchmarks/psro_v2_match.py --game_name=phantom_ttt \
        --time_limit_seconds=600

Both train for the same wall-clock time on the same machine, one after the
other: Pipeline PSRO as the flags set it, and psro_v2 with its RLOracle and
OpenSpiel's torch DQN, as its example sets it. Then the two final mixtures play
each other, both seatings as often, one policy drawn per episode and player.
The last line of standard output begins with `result:`.
"""

import sys
import time

from absl import flags
import numpy as np

from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.simulators import play as play_lib
import psro_v2_peer

FLAGS = flags.FLAGS
common_flags.define()
common_flags.define_one_run(
    "The run directory of our side; runs/psro-v2-match by default, with a "
    "number where that is taken.")
flags.adopt_module_key_flags(common_flags)

_GAMES = flags.DEFINE_integer(
    "games", 20_000, "Games of the match, half of them with each seating.",
    lower_bound=2)
_PEER_TRAINING_EPISODES = flags.DEFINE_integer(
    "peer_training_episodes", 10_000,
    "Episodes that psro_v2 trains each best response.", lower_bound=1)
_PEER_SIMS_PER_ENTRY = flags.DEFINE_integer(
    "peer_sims_per_entry", 1000,
    "Games that psro_v2 plays per cell of its payoff table.", lower_bound=1)

_GAMES_AT_ONCE = 2_000


class KeepMixtures:
  """Keeps what our side has found, from round to round.

  Attributes:
    sides: per player `(policies, probabilities)`, after the last round.
    training_episodes: of all rounds.
  """

  def __init__(self):
    self.sides = None
    self.training_episodes = 0

  def __call__(self, solver, result):
    self.training_episodes = result.training_episodes
    self.sides = [
        ([snapshot.policy for snapshot in mixture.snapshots],
         mixture.probabilities) for mixture in solver.final_mixtures()]


def train_peer(game):
  """Returns per player `(policies, probabilities)`, and its iterations.

  Whatever iteration is on when the time is over is finished, beyond it.
  """
  np.random.seed(FLAGS.seed)
  start = time.perf_counter()
  solver = psro_v2_peer.make_solver(
      game, _PEER_TRAINING_EPISODES.value, _PEER_SIMS_PER_ENTRY.value)
  iterations = 0
  while time.perf_counter() - start < FLAGS.time_limit_seconds:
    solver.iteration()
    iterations += 1
    print(f"psro_v2  iteration {iterations}  "
          f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
  return [([policy.probabilities for policy in policies], probabilities)
          for policies, probabilities in zip(
              solver.get_policies(), solver.get_meta_strategies())], iterations


def play_match(game, ours, peers, num_games, rng):
  """Returns our returns in every game, float `[num_games]`.

  Args:
    game: a two-player `StateGame`.
    ours: per player, policies and their probabilities.
    peers: likewise.
    num_games: half of them with us as player 0.
    rng: a NumPy generator.
  """
  returns = []
  for seat in range(2):
    sides = [ours, peers] if seat == 0 else [peers, ours]
    policies, offsets = [], []
    for player, side in enumerate(sides):
      offsets.append(len(policies))
      policies += side[player][0]
    left = num_games // 2
    while left:
      count = min(left, _GAMES_AT_ONCE)
      assignment = [
          offset + rng.choice(len(side[player][0]), size=count,
                              p=side[player][1])
          for player, (side, offset) in enumerate(zip(sides, offsets))]
      returns.append(
          play_lib.play(game, policies, assignment, rng)[0][seat])
      left -= count
  return np.concatenate(returns)


def main():
  common_flags.check([FLAGS.scheme])
  psro_v2_peer.dqn()  # Fails here if it cannot be had.
  game = common_flags.open_game("sampled")
  if game.num_players != 2 or not game.is_zero_sum:
    raise ValueError(f"{game.game} is not a two-player zero-sum game; a match "
                     "needs one")
  ours = KeepMixtures()
  summary = common_flags.run(
      game, FLAGS.scheme, FLAGS.seed, exploiter_steps=0, callbacks=[ours],
      label="ours  ", output_dir=common_flags.make_output_dir("psro-v2-match"),
      overwrite=FLAGS.overwrite)
  if summary.exit_code:  # Interrupted, for one: there will be no match.
    return summary.exit_code
  peers, iterations = train_peer(game.game)
  returns = play_match(game, ours.sides, peers, _GAMES.value,
                       np.random.default_rng(FLAGS.seed))
  mean = returns.mean()
  error = returns.std() / len(returns) ** .5
  pairs = {
      "game": FLAGS.game_name,
      "mean_return": f"{mean:.4f}",
      "standard_error": f"{error:.4f}",
      "games": len(returns),
      "scheme": FLAGS.scheme,
      "iterations": summary.iterations,
      "training_episodes": ours.training_episodes,
      "psro_v2_iterations": iterations,
      "psro_v2_training_episodes":
          2 * iterations * (_PEER_TRAINING_EPISODES.value + 1),
      "seed": FLAGS.seed,
  }
  print("result: " + " ".join(f"{k}={v}" for k, v in pairs.items()))
  return 0


if __name__ == "__main__":
  launch.start(main)

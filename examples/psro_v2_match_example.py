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

    python examples/psro_v2_match_example.py --game_name=phantom_ttt \
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

import command_line
import entry_point
import open_spiel_ppsro as ppsro
from open_spiel_ppsro.simulators import play as play_lib
import psro_v2_peer
import recorded_run

flags.adopt_module_key_flags(command_line)

_SCHEME = flags.DEFINE_enum(
    "scheme", "pipeline", command_line.SCHEMES, "The scheme of our side.")
_SEED = flags.DEFINE_integer(
    "seed", 1, "Of everything random.", lower_bound=0)
_GAMES = flags.DEFINE_integer(
    "games", 20_000, "Games of the match, half of them with each seating.",
    lower_bound=2)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "runs/psro_v2_match", "The run directory of our side.")
_PEER_TRAINING_EPISODES = flags.DEFINE_integer(
    "peer_training_episodes", 10_000,
    "Episodes that psro_v2 trains each best response.", lower_bound=1)
_PEER_SIMS_PER_ENTRY = flags.DEFINE_integer(
    "peer_sims_per_entry", 1000,
    "Games that psro_v2 plays per cell of its payoff table.", lower_bound=1)

_GAMES_AT_ONCE = 2_000


def train_ours(game):
  """Returns per player `(policies, probabilities)`, and the solver."""
  scheme = command_line.make_scheme(_SCHEME.value)
  config = command_line.make_config(scheme)
  executor = command_line.make_executor()
  start = time.perf_counter()
  with command_line.make_oracle(
      game, scheme, config, executor, _SEED.value) as oracle:
    solver = command_line.make_solver(oracle, scheme)
    directory = ppsro.RunDirectory(_OUTPUT_DIR.value)
    directory.start(command_line.run_settings(
        sys.argv[0], solver, config, executor, output_dir=_OUTPUT_DIR.value))
    recorded_run.play(
        solver, directory, command_line.limits(), start, "ours  ")
    mixtures = solver.final_mixtures()
  return [([snapshot.policy for snapshot in mixture.snapshots],
           mixture.probabilities) for mixture in mixtures], solver


def train_peer(game):
  """Returns per player `(policies, probabilities)`, and its iterations.

  Whatever iteration is on when the time is over is finished, beyond it.
  """
  np.random.seed(_SEED.value)
  start = time.perf_counter()
  solver = psro_v2_peer.make_solver(
      game, _PEER_TRAINING_EPISODES.value, _PEER_SIMS_PER_ENTRY.value)
  iterations = 0
  while time.perf_counter() - start < command_line.TIME_LIMIT_SECONDS.value:
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
  command_line.check([_SCHEME.value])
  psro_v2_peer.dqn()  # Fails here if it cannot be had.
  game = ppsro.open_game(command_line.GAME_NAME.value, evaluation="sampled")
  if game.num_players != 2 or not game.is_zero_sum:
    raise ValueError(f"{game.game} is not a two-player zero-sum game; a match "
                     "needs one")
  ours, solver = train_ours(game)
  peers, iterations = train_peer(game.game)
  returns = play_match(game, ours, peers, _GAMES.value,
                       np.random.default_rng(_SEED.value))
  mean = returns.mean()
  error = returns.std() / len(returns) ** .5
  summary = {
      "game": command_line.GAME_NAME.value,
      "mean_return": f"{mean:.4f}",
      "standard_error": f"{error:.4f}",
      "games": len(returns),
      "scheme": _SCHEME.value,
      "iterations": solver.iterations,
      "training_episodes": solver.training_episodes,
      "psro_v2_iterations": iterations,
      "psro_v2_training_episodes":
          2 * iterations * (_PEER_TRAINING_EPISODES.value + 1),
      "seed": _SEED.value,
  }
  print("result: " + " ".join(f"{k}={v}" for k, v in summary.items()))


if __name__ == "__main__":
  entry_point.run(main)

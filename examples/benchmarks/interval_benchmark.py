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

"""Times the exact interval of exploitability, by thresholds and by seconds.

    python examples/benchmarks/interval_benchmark.py

Pipeline PSRO trains for some seconds, or a run of yours is read. For a single
pass at each threshold, and for passes of falling thresholds while there is
time, which is what runs do: the interval, its width, the nodes that were
visited, and the seconds that they took on one core, of wall clock and of the
processor: the median, and the least and the most.
"""

import statistics
import time

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch

_GAME_NAME = flags.DEFINE_string(
    "game_name", "phantom_ttt", "The OpenSpiel game that is trained on.")
_TRAINING_SECONDS = flags.DEFINE_float(
    "training_seconds", 60, "How long Pipeline PSRO trains.", lower_bound=0)
_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "A run directory of a sampled game, whose final policy is "
    "measured; nothing is trained then.")
_THRESHOLDS = flags.DEFINE_list(
    "thresholds", ["1e-2", "1e-3", "1e-4", "1e-5", "1e-6"],
    "What the opponent reaches with no greater probability is pruned.")
_SECONDS = flags.DEFINE_list(
    "seconds", ["2", "5", "10", "20"], "The time of falling thresholds.")
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each threshold is timed.", lower_bound=1)


def trained_policy(game_name, seconds):
  """Returns the final policy of Pipeline PSRO after some seconds."""
  game = ppsro.open_game(game_name, evaluation="sampled")
  with ppsro.PipelinedOracle(game, ppsro.PPOConfig(), seed=1) as oracle:
    solver = ppsro.PipelinePSROSolver(game, oracle,
                                      ppsro.Pipeline(num_levels=4))
    start = time.perf_counter()
    for _ in solver.run():
      if time.perf_counter() - start >= seconds:
        break
    return solver.final_policy()


def spread(numbers):
  """Returns the median, the least and the most of some numbers, as text."""
  return (f"{statistics.median(numbers):.2f} "
          f"({min(numbers):.2f}-{max(numbers):.2f})")


def main():
  policy = (ppsro.read_policy(_RUN_DIR.value) if _RUN_DIR.value else
            trained_policy(_GAME_NAME.value, _TRAINING_SECONDS.value))
  game = policy.state_game
  members = "/".join(str(len(own)) for own in policy.policies)
  print(f"{game.game}, {members} policies")
  ppsro.exploitability_interval(game, policy, max_nodes=1)  # Compiles.
  limits = [(f"{float(threshold):.0e}",
             {"seconds": None, "threshold": float(threshold)})
            for threshold in _THRESHOLDS.value]
  limits += [(f"{seconds} s", {"seconds": float(seconds)})
             for seconds in _SECONDS.value]
  print(f"{'until':>9}{'interval':>22}{'width':>10}{'nodes':>16}"
        f"{'wall seconds':>22}{'processor seconds':>22}")
  for name, limit in limits:
    walls, processors = [], []
    for _ in range(_REPEATS.value):
      wall, processor = time.perf_counter(), time.process_time()
      found = ppsro.exploitability_interval(game, policy, **limit)
      walls.append(time.perf_counter() - wall)
      processors.append(time.process_time() - processor)
    print(f"{name:>9}{f'[{found.low:.5f}, {found.high:.5f}]':>22}"
          f"{found.width:>10.5f}{found.nodes:>16,}{spread(walls):>22}"
          f"{spread(processors):>22}", flush=True)


if __name__ == "__main__":
  launch.start(main)

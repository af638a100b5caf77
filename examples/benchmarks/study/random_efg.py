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


"""A random game in which the seats differ, as a text in Gambit's EFG format.

    python examples/benchmarks/study/random_efg.py > random_game.efg

Chance deals the first player one of three types. Then the players take turns,
two to four actions at a time, whose numbers differ from turn to turn. Of each
action the other player sees a signal, which may be the same for several. So
recall is perfect, and information is not. The payoffs are drawn evenly.
"""

import sys

import numpy as np

# Who moves, turn by turn, and among how many actions: 3 * 864 terminal
# histories.
_TURNS = ((0, 3), (1, 2), (0, 4), (1, 3), (0, 2), (1, 3), (0, 2))
_TYPES = ("1/2", "1/4", "1/4")
_LARGEST_PAYOFF = 10


def random_efg(seed: int) -> str:
  """Returns a two-player zero-sum game as a text.

  Args:
    seed: of signals and payoffs.
  """
  rng = np.random.default_rng(seed)
  # What the other player sees of each action; two actions show at least once.
  signals = [rng.permutation(
      np.arange(count) % (1 + int(rng.integers(1, count))))
             for _, count in _TURNS]
  lines = [f'EFG 2 R "a random game, seed {seed}" {{ "1" "2" }}', ""]
  numbers: list[dict[tuple, int]] = [{}, {}]
  outcomes = 0

  def add(turn, known):
    nonlocal outcomes
    if turn == len(_TURNS):
      outcomes += 1
      payoff = int(rng.integers(-_LARGEST_PAYOFF, _LARGEST_PAYOFF + 1))
      lines.append(f't "" {outcomes} "" {{ {payoff} {-payoff} }}')
      return
    player, count = _TURNS[turn]
    key = turn, known[player]
    number = numbers[player].setdefault(key, 1 + len(numbers[player]))
    actions = " ".join(f'"{action}"' for action in range(count))
    lines.append(f'p "" {player + 1} {number} "" {{ {actions} }} 0')
    for action in range(count):
      further = [known[0], known[1]]
      further[player] += (action,)
      further[1 - player] += (int(signals[turn][action]),)
      add(turn + 1, further)

  types = " ".join(f'"type {number}" {probability}'
                   for number, probability in enumerate(_TYPES))
  lines.append(f'c "" 1 "" {{ {types} }} 0')
  for number in range(len(_TYPES)):
    add(0, [(number,), ()])
  return "\n".join(lines) + "\n"


if __name__ == "__main__":
  sys.stdout.write(random_efg(1))

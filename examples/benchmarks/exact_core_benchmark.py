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

"""Times the exact core beside what OpenSpiel offers for the same numbers.

    python examples/benchmarks/exact_core_benchmark.py --game_name=leduc_poker

Each row is one question answered both ways, alternating; it shows the median
of each, the ratio, and how far the two answers are apart.
"""

import statistics
import time

from absl import flags
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import policy_aggregator

from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form

_GAME_NAME = flags.DEFINE_string(
    "game_name", "leduc_poker", "The OpenSpiel game.")
_NUM_POLICIES = flags.DEFINE_integer(
    "num_policies", 40, "Policies of each player in the mixture.",
    lower_bound=1)
_REPEATS = flags.DEFINE_integer(
    "repeats", 5, "How often each question is asked both ways.", lower_bound=1)


def median_seconds(first, second, repeats):
  """Returns the median seconds and last answers of two functions, in turn."""
  seconds, answers = ([], []), [None, None]
  for _ in range(repeats):
    for side, function in enumerate((first, second)):
      start = time.perf_counter()
      answers[side] = function()
      seconds[side].append(time.perf_counter() - start)
  return [statistics.median(s) for s in seconds], answers


def main():
  rng = np.random.default_rng(0)
  start = time.perf_counter()
  tree = game_tree.enumerate_game(_GAME_NAME.value)
  enumeration_seconds = time.perf_counter() - start
  players = range(tree.num_players)
  count = _NUM_POLICIES.value
  tables = []
  for infostates in tree.infostates:
    table = rng.exponential(size=(count, *infostates.legal_actions_mask.shape))
    table *= infostates.legal_actions_mask
    tables.append(table / table.sum(axis=-1, keepdims=True))
  weights = [rng.dirichlet(np.ones(count)) for _ in players]
  policies = [[tree.tabular_policy([tables[q][k] for q in players])
               for k in range(count)] for _ in players]
  first = [[policy_lib.tabular_policy_from_callable(
      tree.game, policies[p][0].action_probabilities) for p in players]]

  def ours_mixture():
    return sequence_form.nash_conv(
        tree, [sequence_form.mixture_table_plan(tree, tables[p], weights[p], p)
               for p in players])

  def peer_mixture():
    aggregate = policy_aggregator.PolicyAggregator(tree.game).aggregate(
        list(players), policies, weights)
    return exploitability.nash_conv(tree.game, aggregate)

  plans = [sequence_form.realization_plan(tree, tables[p], p) for p in players]

  def ours_single():
    return sequence_form.nash_conv(
        tree, [sequence_form.realization_plan(tree, tables[p][0], p)
               for p in players])

  def ours_payoffs():
    return sequence_form.payoff_tensors(tree, plans)[(0,) * (len(plans) + 1)]

  def peer_payoff():
    return expected_game_score.policy_value(
        tree.game.new_initial_state(), first[0])[0]

  print(f"{_GAME_NAME.value}: {tree.num_histories} histories, "
        f"{[len(i) for i in tree.infostates]} information states, enumerated "
        f"in {enumeration_seconds * 1e3:.0f} ms")
  print(f"{'question':<48}{'ours':>10}{'OpenSpiel':>12}{'ratio':>9}"
        f"{'apart':>10}")
  cells = count ** tree.num_players
  for name, ours, peer, scale in (
      (f"NashConv of a mixture of {count} policies", ours_mixture,
       peer_mixture, 1),
      ("NashConv of one policy", ours_single,
       lambda: exploitability.nash_conv(tree.game, policies[0][0]), 1),
      (f"payoffs of {cells} profiles (OpenSpiel: one, scaled)", ours_payoffs,
       peer_payoff, cells)):
    (our_seconds, peer_seconds), answers = median_seconds(
        ours, peer, _REPEATS.value)
    peer_seconds *= scale
    print(f"{name:<48}{our_seconds * 1e3:>7.2f} ms{peer_seconds * 1e3:>9.0f} ms"
          f"{peer_seconds / our_seconds:>8.0f}x"
          f"{abs(answers[0] - answers[1]):>10.1e}")


if __name__ == "__main__":
  launch.start(main)

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

"""Counts how many intervals of sampled payoffs hold the exact payoffs.

    python examples/benchmarks/coverage_benchmark.py

It plays games that could be enumerated as if they were too large, and then
computes the payoffs among the policies that have frozen on the enumerated game.
A payoff is covered if it lies within 1.96 standard errors of its estimate: 95 %
should be. A cell is a pair of policies, and it is heavy where many episodes
count for it: there drift matters most.
"""


from absl import flags
import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.simulators import tree_simulator

_GAMES = flags.DEFINE_list(
    "games", "kuhn_poker,leduc_poker", "Two-player zero-sum games.")
_SCHEMES = flags.DEFINE_list("schemes", "pipeline", "Names of schemes.")
_SEEDS = flags.DEFINE_list("seeds", "1,2,3", "Seeds of the runs.")
_MAX_ROUNDS = flags.DEFINE_integer(
    "max_rounds", 50, "Rounds of a run.", lower_bound=1)
_HEAVY = flags.DEFINE_float(
    "heavy", 1000, "Cells for which more episodes count than this are heavy.")

_DEVIATIONS = 1.96  # Of 95 % of a normal distribution.


def play(game, scheme, seed):
  """Plays a run as if the game were too large to enumerate.

  Returns:
    The exact payoffs of the first player among frozen policies, their
    estimates, the standard errors, and the weights of the cells, each
    `[K_0, K_1]`.
  """
  tree = ppsro.open_game(game, evaluation="exact")
  if tree.num_players != 2 or not tree.is_zero_sum:
    raise ValueError(f"{game} is no two-player zero-sum game")
  with ppsro.PipelinedOracle(game, ppsro.PPOConfig(), seed=seed,
                             evaluation="sampled") as oracle:
    solver = ppsro.PipelinePSROSolver(game, oracle, scheme)
    for _ in range(_MAX_ROUNDS.value):
      solver.round()
    frozen = solver.population.frozen_indices()
    errors = solver.payoff_standard_errors()[0]
    weights = solver.state()["evaluator"]["weight"]
  return (exact_payoffs(tree, solver.population), solver.get_meta_game()[0],
          errors[np.ix_(*frozen)], weights[np.ix_(*frozen)])


def exact_payoffs(tree, population):
  """Returns `[K_0, K_1]`, the first player's payoffs among frozen policies.

  Args:
    tree: the enumerated game.
    population: of policies that see observations.
  """
  plans = []
  for player, frozen in enumerate(population.frozen_indices()):
    simulator = tree_simulator.TreeSimulator(tree, player)
    members = population.members(player)
    plans.append(np.stack([
        sequence_form.realization_plan(
            tree, simulator.tabulate(members[index].snapshot.policy), player)
        for index in frozen]))
  return sequence_form.payoff_tensors(tree, plans)[0]


def covered(scores):
  """Returns as text how many cells there are and which share is covered."""
  scores = np.concatenate([[], *map(np.ravel, scores)])
  if not len(scores):
    return f"{0:>7}{'':>9}{'':>7}"
  share = np.mean(np.abs(scores) < _DEVIATIONS)
  return (f"{len(scores):>7}{100 * share:>7.1f} %"
          f"{np.sqrt(np.mean(scores ** 2)):>7.2f}")


def main():
  for scheme in _SCHEMES.value:
    if scheme not in ("pipeline", "sequential", "naive"):
      raise ValueError(f"--schemes: {scheme!r} is none of pipeline, "
                       "sequential, naive, which know a population per player")
  seeds = [int(seed) for seed in _SEEDS.value]
  print("rms: root mean square of errors in standard errors; 1 is right\n"
        f"{'game':<28}{'scheme':<12}{'seed':<5}{'cells':>7}{'covered':>9}"
        f"{'rms':>7}{'heavy':>8}{'covered':>9}{'rms':>7}")
  for game in _GAMES.value:
    for scheme in _SCHEMES.value:
      of_all, of_heavy = [], []
      for seed in [*seeds, "all"]:
        if seed == "all":
          some, heavy = of_all, of_heavy
        else:
          exact, estimates, errors, weights = play(
              game, ppsro.SCHEMES[scheme](), seed)
          scores = (estimates - exact) / errors
          some, heavy = [scores], [scores[weights > _HEAVY.value]]
          of_all += some
          of_heavy += heavy
        print(f"{game:<28}{scheme:<12}{seed!s:<5}{covered(some)} "
              f"{covered(heavy)}", flush=True)


if __name__ == "__main__":
  launch.start(main)

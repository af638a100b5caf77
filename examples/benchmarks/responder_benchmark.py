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

"""How much of what can be gained against near-equilibrium play is learned.

    python examples/benchmarks/responder_benchmark.py --leave_one_out

Double oracle with exact responses stops at some exploitability, or self-play
with exact updates does, and best responders of each kind train against what it
has found, a mixture of few pure policies or one that plays everything: some
batches as if the opponents still moved, some as if they stood still, which is
what a level of the pipeline sees. The share of the gain is exact: the payoff of
what was learned less that of the mixture, divided by what an exact response
gains, both summed over the players. Negative: it would have been better to
learn nothing. Seconds are those of one core per best response.
"""

import dataclasses
import statistics
import time

from absl import flags
import numpy as np

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import population
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import learner

_GAMES = flags.DEFINE_list(
    "games", ["leduc_poker"],
    "The OpenSpiel games. On liars_dice double oracle takes minutes to 0.1.")
_MIXTURES = flags.DEFINE_enum(
    "mixtures", "double_oracle", ("double_oracle", "self_play"),
    "What finds the mixtures. self_play is for two-player zero-sum games.")
_EXPLOITABILITIES = flags.DEFINE_list(
    "exploitabilities", ["0.1", "0.04", "0.01", "0.003"],
    "Where it stops.")
_ORACLES = flags.DEFINE_list(
    "oracles", ["mirror", "clipped", "dqn", "neupl"],
    "What trains: ppo with either loss, dqn, a row of neupl.")
_MOVING = flags.DEFINE_integer(
    "moving", 12, "Batches against opponents that move.", lower_bound=0)
_SETTLED = flags.DEFINE_integer(
    "settled", 4, "Batches against opponents that stand still.", lower_bound=1)
_SEEDS = flags.DEFINE_integer("seeds", 2, "Seeds.", lower_bound=1)
_LEAVE_ONE_OUT = flags.DEFINE_boolean(
    "leave_one_out", False,
    "Whether to change one constant of the mirror-descent loss at a time.")

# Each constant of the mirror-descent loss, and what it would be without it.
_CHANGES = {
    "visit_exponent": 1.0,
    "epochs": 8,
    "advantage_clip": 1.0,
    "imitation_steps": 25,
    "random_opponent_share": 0.02,
    "value_coefficient": 0.5,
    "learning_rate_decay": 1.0,
    "temperature": 1.0,
    "episodes_per_batch": 2 ** 20,
}


@dataclasses.dataclass(frozen=True)
class Answer:
  """What best responders made of a mixture.

  Attributes:
    share: of the exact gain, the median over seeds.
    seconds: of one core, the mean of a best response.
  """
  share: float
  seconds: float


def of_double_oracle(game, exploitabilities):
  """Returns, per exploitability, the `Mixture` of each player.

  Args:
    game: a `GameTree`.
    exploitabilities: where double oracle stops.
  """
  found = {}
  with ppsro.PipelinedOracle(game, ppsro.ExactConfig()) as oracle:
    solver = ppsro.PipelinePSROSolver(game, oracle, ppsro.Sequential())
    for exploitability in sorted(exploitabilities, reverse=True):
      while solver.exploitability().exploitability > exploitability:
        solver.round()
      found[exploitability] = as_mixtures(solver.final_tables())
  return found


def of_self_play(game, exploitabilities):
  """Returns the same of what self-play with exact updates hands out."""
  drawn_seats = seat_symmetry.symmetrise(game)
  trained = ppsro.TabularSelfPlayConfig().make_learner(
      drawn_seats, 0, np.random.SeedSequence(0))
  found = {}
  for exploitability in sorted(exploitabilities, reverse=True):
    while True:
      trained.train((), 1, False)
      tables = drawn_seats.seat_tables([trained.answer().table])
      if sequence_form.nash_conv(game, tables) <= 2 * exploitability:
        break
    found[exploitability] = as_mixtures(tables)
  return found


def as_mixtures(tables):
  """Returns tables `[I, A]` as a `Mixture` of one policy for each player."""
  return [population.Mixture((population.Snapshot(
      population.PolicyId(player, 0), 0, table),), np.ones(1))
          for player, table in enumerate(tables)]


def answer(game, config, opponents, moving, settled, seeds):
  """Returns the `Answer` of a configuration to a mixture.

  Args:
    game: a `GameTree`.
    config: a `LearnerConfig`.
    opponents: a `Mixture` per player.
    moving: batches against opponents that move.
    settled: batches against opponents that stand still.
    seeds: how many best responses each player trains.
  """
  plans = [sequence_form.realization_plan(game, mixture.tables()[0], player)
           for player, mixture in enumerate(opponents)]
  returns = sequence_form.expected_returns(game, plans)
  best = sum(sequence_form.best_response_value(game, plans, player)
             - returns[player] for player in range(game.num_players))
  train = tables_of_row if isinstance(config, ppsro.NeuPLConfig) else (
      tables_of_learners)
  is_settled = [False] * moving + [True] * settled
  shares, start = [], time.process_time()
  for seed in range(seeds):
    gain = 0.0
    for player, table in enumerate(
        train(game, config, opponents, is_settled, seed)):
      own = list(plans)
      own[player] = sequence_form.realization_plan(game, table, player)
      gain += (sequence_form.expected_returns(game, own)[player]
               - returns[player])
    shares.append(gain / best)
  return Answer(statistics.median(shares),
                (time.process_time() - start) / seeds / game.num_players)


def tables_of_learners(game, config, opponents, is_settled, seed):
  """Returns the table of each player's best response, `[I, A]`.

  Args:
    game: a `GameTree`.
    config: a `LearnerConfig`.
    opponents: a `Mixture` per player.
    is_settled: for each batch, whether the opponents stand still.
    seed: of everything random.
  """
  found = []
  for player in range(game.num_players):
    trained = config.make_learner(
        game, player, np.random.SeedSequence(seed, spawn_key=(player,)))
    for stationary in is_settled:
      report = trained.train(opponents, config.steps_per_batch(game),
                             stationary)
    found.append(report.policy.table)
  return found


def tables_of_row(game, config, opponents, is_settled, seed):
  """Returns the same of a row of NeuPL, which plays both seats."""
  drawn_seats = seat_symmetry.symmetrise(game)
  table = np.empty(drawn_seats.infostates[0].legal_actions_mask.shape)
  for rows, mixture in zip(drawn_seats.seat_rows, opponents):
    table[rows] = mixture.tables()[0]
  sink = population.Mixture((population.Snapshot(
      population.PolicyId(0, 0), 0, table),), np.ones(1))
  row = population.PolicyId(0, 1)
  with ppsro.NeuPLOracle(game, config, seed=seed) as oracle:
    oracle.open([row])
    for stationary in is_settled:
      (report,) = oracle.train([learner.Assignment(
          row, (sink, sink), config.steps_per_batch(drawn_seats), stationary,
          (np.ones(1),))])
  return drawn_seats.seat_tables([report.policy.table])


def configurations(oracles, leave_one_out):
  """Returns `{name: LearnerConfig}` of what is compared."""
  known = {"mirror": ppsro.PPOConfig(policy_loss="mirror"),
           "clipped": ppsro.PPOConfig(policy_loss="clipped"),
           "dqn": ppsro.DQNConfig(),
           "neupl": ppsro.NeuPLConfig()}
  unknown = [name for name in oracles if name not in known]
  if unknown:
    raise ValueError(f"unknown oracle {unknown[0]!r}; use {', '.join(known)}")
  chosen = {name: known[name] for name in oracles}
  if leave_one_out:
    chosen |= {f"mirror, {field} {value:g}": dataclasses.replace(
        known["mirror"], **{field: value})
               for field, value in _CHANGES.items()}
  return chosen


def main():
  stops = [float(text) for text in _EXPLOITABILITIES.value]
  compared = configurations(_ORACLES.value, _LEAVE_ONE_OUT.value)
  width = max(map(len, compared))
  for name in _GAMES.value:
    game = ppsro.open_game(name, evaluation="exact")
    start = time.process_time()
    find = (of_double_oracle if _MIXTURES.value == "double_oracle"
            else of_self_play)
    found = find(game, stops)
    seconds = time.process_time() - start
    print(f"{name}: {_MIXTURES.value} took {seconds:.0f} s; "
          "the share of the gain that is learned, by exploitability")
    print(f"{'':<{width}}" + "".join(f"{stop:>9g}" for stop in found)
          + f"{'seconds':>9}")
    for label, config in compared.items():
      answers = [answer(game, config, opponents, _MOVING.value,
                        _SETTLED.value, _SEEDS.value)
                 for opponents in found.values()]
      print(f"{label:<{width}}"
            + "".join(f"{one.share:>9.3f}" for one in answers)
            + f"{statistics.mean(a.seconds for a in answers):>9.3f}",
            flush=True)
  return 0


if __name__ == "__main__":
  launch.start(main)

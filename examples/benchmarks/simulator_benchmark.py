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

"""Times training on sampled games beside psro_v2's loop, on one core.

    python examples/benchmarks/simulator_benchmark.py

For each game: decisions per second of the simulator, the learner's network
against a mixture of ten networks; episodes per second that PPO trains, playing
and learning; the same for one policy that several workers train, on as many
cores, as a multiple of one worker; and episodes per second that psro_v2's
RLOracle trains with OpenSpiel's torch DQN, as its example sets it. They take
turns; medians.
"""

import contextlib
import statistics
import time

from absl import flags
import numpy as np
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import population
from open_spiel_ppsro.commands import launch
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.simulators import of_game
import psro_v2_peer

_GAMES = flags.DEFINE_string(
    "games", "phantom_ttt dark_hex(board_size=3) liars_dice(numdice=2) "
    "goofspiel(num_cards=8,imp_info=true,points_order=descending) "
    "connect_four battleship backgammon",
    "OpenSpiel games, separated by spaces.")
_SECONDS = flags.DEFINE_float(
    "seconds", 3, "How long each side of a game is timed, each time.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "How often.", lower_bound=1)
_WORKERS_PER_LEVEL = flags.DEFINE_integer(
    "workers_per_level", 2, "Workers that train one policy together.",
    lower_bound=2)
_NUM_OPPONENTS = flags.DEFINE_integer(
    "num_opponents", 10, "Networks in the mixture of the opponent.",
    lower_bound=1)

_PEER_WARM_UP = 300


def mixture_of_networks(game, player):
  """Returns a `Mixture` of random networks of the learner's size."""
  snapshots = []
  for index in range(_NUM_OPPONENTS.value):
    learner = ppsro.PPOConfig().make_learner(
        game, player, np.random.SeedSequence((player, index)))
    snapshots.append(population.Snapshot(
        population.PolicyId(player, index), 0, learner.initial_policy()))
  return population.Mixture(
      tuple(snapshots), np.full(len(snapshots), 1 / len(snapshots)))


def rate(function, seconds):
  """Returns what a function counts, per second, over at least so long."""
  count, start = 0, time.perf_counter()
  while time.perf_counter() - start < seconds:
    count += function()
  return count / (time.perf_counter() - start)


@contextlib.contextmanager
def team(game, mixtures, workers):
  """Gives a function that trains one policy a little; returns the episodes."""
  with ppsro.PipelinedOracle(
      game, ppsro.PPOConfig(), ppsro.ProcessExecutor(workers),
      workers_per_level=workers) as oracle:
    policy_id = population.PolicyId(0, 1)
    oracle.open([policy_id])
    assignment = learner_lib.Assignment(
        policy_id, tuple(mixtures), int(4 * oracle.steps_per_batch), False)
    yield lambda: oracle.train([assignment])[0].episodes


def psro_v2_episodes(game, seconds):
  """Returns a function that returns the episodes per second of psro_v2."""
  def train(episodes):
    solver = psro_v2_peer.make_solver(game, episodes, sims_per_entry=1)
    start = time.perf_counter()
    solver.update_agents()  # One more than asked, for each player.
    return time.perf_counter() - start, game.num_players() * (episodes + 1)

  def episodes_per_second():
    # It learns from its thousandth transition on; what comes before is free.
    before, first = train(_PEER_WARM_UP)
    after, episodes = train(_PEER_WARM_UP + max(100, int(
        seconds * first / before / game.num_players() / 2)))
    return (episodes - first) / (after - before)

  return episodes_per_second


def main():
  torch.set_num_threads(1)
  psro_v2_peer.dqn()  # Fails here if it cannot be had.
  print(f"{'game':<58}{'decisions/s':>12}{'episodes/s':>12}{'psro_v2':>10}"
        f"{'ratio':>8}{f'{_WORKERS_PER_LEVEL.value} workers':>11}")
  for name in _GAMES.value.split():
    game = ppsro.open_game(name, evaluation="sampled")
    mixtures = [mixture_of_networks(game, player)
                for player in range(game.num_players)]
    simulator = of_game.make_simulator(game, 0)
    simulator.face(mixtures)
    policy = mixture_of_networks(game, 0).snapshots[0].policy
    rng = np.random.default_rng(0)
    learner = ppsro.PPOConfig().make_learner(
        game, 0, np.random.SeedSequence(0))

    def train():
      return learner.train(mixtures, 1, False).episodes

    def draw():
      return simulator.draw(
          policy, simulator.episodes_per_batch, rng).num_steps

    peer = psro_v2_episodes(game.game, _SECONDS.value)
    draw(), train()  # The first calls warm up.
    decisions, episodes, peers, gains = [], [], [], []
    with (team(game, mixtures, 1) as one,
          team(game, mixtures, _WORKERS_PER_LEVEL.value) as several):
      one(), several()
      for _ in range(_REPEATS.value):
        decisions.append(rate(draw, _SECONDS.value))
        episodes.append(rate(train, _SECONDS.value))
        peers.append(peer())
        gains.append(rate(several, _SECONDS.value)
                     / rate(one, _SECONDS.value))
    print(f"{name:<58}{statistics.median(decisions):>12,.0f}"
          f"{statistics.median(episodes):>12,.0f}"
          f"{statistics.median(peers):>10,.1f}"
          f"{statistics.median(a / b for a, b in zip(episodes, peers)):>7.0f}x"
          f"{statistics.median(gains):>10.2f}x",
          flush=True)


if __name__ == "__main__":
  launch.start(main)

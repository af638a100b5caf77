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

"""Plays a game in the terminal against what a run has found.

In every game one policy of the run is drawn for each of the other players, by
its probability, as the run means it. You see what your seat sees. A move is its
number or its name; Ctrl-D ends, with the score.
"""

from collections.abc import Callable
import dataclasses

from absl import flags
import numpy as np
import pyspiel

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags

FLAGS = flags.FLAGS
USAGE = " RUN_DIR"
ARGUMENTS = (1, 1)


def define() -> None:
  """Defines the flags."""
  with common_flags.group("Games"):
    flags.DEFINE_integer(
        "seat", None,
        "Which player you are, from 0; another one in every game if not given.",
        lower_bound=0)
    flags.DEFINE_integer(
        "games", None, "How many games; until Ctrl-D if not given.",
        lower_bound=1)
    flags.DEFINE_boolean(
        "show", False,
        "After a game, tell which policy you played against, with which "
        "probabilities it played its moves, and what the run would have played "
        "at yours.")
    flags.DEFINE_integer("seed", None,
                         "Of cards and draws; by chance if not given.",
                         lower_bound=0)
  common_flags.define_mixture()
  common_flags.define_imports()


def main(arguments: list[str]) -> int:
  """Plays until Ctrl-D, or as many games as the flags say."""
  common_flags.import_modules()
  run = ppsro.load(arguments[0], FLAGS.mixture)
  num_players = run.mixture.num_players
  if FLAGS.seat is not None and FLAGS.seat >= num_players:
    raise ValueError(f"--seat is {FLAGS.seat}; the game has players from 0 to "
                     f"{num_players - 1}")
  table = Table(run, np.random.default_rng(FLAGS.seed), FLAGS.show)
  number = 0
  try:
    while FLAGS.games is None or number < FLAGS.games:
      seat = number % num_players if FLAGS.seat is None else FLAGS.seat
      table.play(seat)
      number += 1
  except (EOFError, KeyboardInterrupt):
    print()
  print(f"result: games={table.games} score={table.score:g}")
  return 0


@dataclasses.dataclass(frozen=True)
class Move:
  """A decision of a game, as it is shown afterwards.

  Attributes:
    player: who decided.
    name: what was played.
    probabilities: by the names of actions, of the policy that was drawn, or of
      the whole mixture where a human decided.
  """
  player: int
  name: str
  probabilities: dict[str, float]


class Table:
  """A table at which a human plays against members of a mixture.

  Attributes:
    games: how many have ended.
    score: what the human has earned in them, in game utility.
  """

  def __init__(self, run: ppsro.LoadedRun, rng: np.random.Generator,
               show: bool = False, ask: Callable[[str], str] = input,
               say: Callable[[str], None] = print):
    """Makes a table.

    Args:
      run: what the human plays against.
      rng: draws chance events, members and their actions.
      show: whether to tell afterwards who it was.
      ask: shows a prompt and returns a line; raises EOFError at the end.
      say: shows a text.
    """
    self.games = 0
    self.score = 0.0
    self._run = run
    self._rng = rng
    self._show = show
    self._ask = ask
    self._say = say
    self._game = run.game.original.game
    self._bots = [run.bot(player, rng)
                  for player in range(run.mixture.num_players)]

  def play(self, seat: int) -> None:
    """Plays a game, with the human as player `seat`."""
    self._say(f"\ngame {self.games + 1}: you are player {seat}")
    state = self._game.new_initial_state()
    moves: list[Move] = []
    for bot in self._bots:
      bot.restart()
    while not state.is_terminal():
      if state.is_chance_node():
        actions, weights = zip(*state.chance_outcomes())
        state.apply_action(int(self._rng.choice(actions, p=weights)))
        continue
      player = state.current_player()
      if player == seat:
        action = self._human(state, seat)
        probabilities = (self._run.policy.action_probabilities(state)
                         if self._show else {})
      else:
        policy, action = self._bots[player].step_with_policy(state)
        probabilities = dict(policy)
        if is_open(self._game):
          self._say(f"player {player} plays "
                    f"{state.action_to_string(player, action)}")
      moves.append(Move(player, state.action_to_string(player, action), {
          state.action_to_string(player, other): probability
          for other, probability in probabilities.items()}))
      state.apply_action(action)
    earned = state.returns()[seat]
    self.games += 1
    self.score += earned
    self._say(f"the game is over: {earned:+g} for you, {self.score:+g} in "
              f"{self.games} game{'' if self.games == 1 else 's'}")
    if self._show:
      self._tell(seat, moves)

  def _human(self, state, seat):
    """Returns the action that the human chooses."""
    names = {action: state.action_to_string(seat, action)
             for action in state.legal_actions()}
    self._say("\n" + view(state, seat))
    self._say("\n".join(f"  {action}  {name}"
                        for action, name in names.items()))
    while True:
      answer = self._ask("your move: ").strip()
      for action, name in names.items():
        if answer == str(action):
          return action
      chosen = [action for action, name in names.items()
                if answer.lower() == name.lower()]
      if len(chosen) == 1:
        return chosen[0]
      self._say(f"{answer!r} is no legal move; it takes a number or a name of "
                "the list")

  def _tell(self, seat, moves):
    """Says who it was, and what was played with which probabilities."""
    mixture = self._run.mixture
    for player, bot in enumerate(self._bots):
      if player != seat:
        weight = mixture.probabilities[player][bot.position]
        own, name = list(mixture.indices[player]), f"policy {bot.index}"
        if own.count(bot.index) > 1:  # One of a policy that draws.
          name += f", its member {bot.position - own.index(bot.index)}"
        self._say(f"player {player} was {name}, one of "
                  f"{len(mixture.members[player])}, drawn with probability "
                  f"{weight:.3f}")
    for move in moves:
      if move.player == seat:
        who, whose = "you played", "the run plays"
      else:
        who, whose = f"player {move.player} played", "it plays"
      self._say(f"  {who} {move.name}; {whose} " + ", ".join(
          f"{name} {probability:.3f}"
          for name, probability in move.probabilities.items()))


def is_open(game: pyspiel.Game) -> bool:
  """Returns whether all players see everything, moves under way included."""
  kind = game.get_type()
  return (kind.information == pyspiel.GameType.Information.PERFECT_INFORMATION
          and not kind.short_name.startswith("turn_based_simultaneous"))


def view(state: pyspiel.State, player: int) -> str:
  """Returns what a player sees of a state, and nothing that is hidden.

  Raises:
    ValueError: if the game cannot say it in words.
  """
  game = state.get_game()
  kind = game.get_type()
  if is_open(game):
    return str(state)
  if kind.provides_information_state_string:
    return state.information_state_string(player)
  if kind.provides_observation_string:
    return state.observation_string(player)
  raise ValueError(f"{game} cannot say in words what a player sees, so nobody "
                   "can play it here")

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

"""Defaults of learners that depend on the kind of game, and the reasons.

A field of a configuration that is None takes its value from here once the game
is known. On an enumerated game the default batch is the expectation itself,
without any noise. On a sampled game, or where `episodes_per_batch` says so, it
is a number of episodes, and what is learned from them has to be protected from
their noise.
"""

import dataclasses
import math
from typing import Any

from open_spiel_ppsro.games import dice
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import phantom_board
from open_spiel_ppsro.simulators import of_game

# The fields of PPO by the loss of the policy. The mirror-descent step follows
# advantages wherever they are, and so needs them without noise: it is for
# expectations. The clipped surrogate moves little where there are few samples.
_PPO_OF_LOSS: dict[str, dict[str, Any]] = {
    "mirror": {
        # A small network learns in half the time and answers a mixture nearly
        # as well, and the population gains more by more policies.
        "hidden_sizes": (32, 32),
        # Where there are many observations, steps on a part of them cost less
        # and teach as much.
        "minibatch_rows": 1536,
        # High while opponents move; then it falls fast, because a target
        # without noise is reached in a few steps.
        "learning_rate": 3e-2,
        "learning_rate_decay": 0.8,
        # A share s of random opponents hides the gains that are smaller than
        # about s; none at all leaves play arbitrary where the mixture never
        # goes, and later policies go there.
        "random_opponent_share": 5e-4,
        # A policy that imitates has to unlearn what it imitated, which takes
        # longer than to learn from nothing.
        "warm_start": False,
        "imitation_steps": 0,
        # The value is only a baseline, and shares the layers of the policy.
        "value_coefficient": 0.05,
        # The response to a mixture is pure, and the policy on its way there;
        # what is published is nearly the best action.
        "temperature": 0.05,
    },
    "clipped": {
        "minibatch_rows": 4096,
        "epochs": 8,
        "learning_rate": 2e-2,
        "learning_rate_decay": 0.9,
        "random_opponent_share": 0.02,
        # The surrogate hardly moves what is rare, so the start matters.
        "warm_start": False,
        "imitation_steps": 25,
        "value_coefficient": 0.5,
        # What is published is what was trained, so that the returns of
        # training also measure its payoffs.
        "temperature": 1.0,
    },
}
# The gradient steps of the mirror-descent loss on a batch, in whole passes. A
# target is fitted, not a direction followed for a bit, so a batch bears many.
_STEPS_PER_BATCH = 16
# The least passes that make them.
_LEAST_EPOCHS = 2
# The weight of the entropy bonus of the clipped loss on a sampled game, where
# an action is easily given up too early. A larger one keeps policies more
# random. The mirror step has none: it gives nothing up early.
_SAMPLED_ENTROPY = 0.02

# More observations than any batch has.
_ALL_ROWS = 2 ** 40
# The fields of DQN where batches are expectations.
_DQN_OF_EXPECTATIONS: dict[str, Any] = {
    # The newest batch holds everything that older ones held.
    "replay_batches": 1,
    # Without noise it bears more steps, longer ones, and a target that follows
    # faster.
    "updates_per_batch": 32,
    "minibatch_rows": 1536,  # As of PPO.
    "learning_rate": 2e-2,
    "learning_rate_decay": 0.8,
    "target_rate": 0.1,
    "final_epsilon": 0.05,
    "epsilon_decay": 0.95,
    # Without noise the values of rare play can be learned, too.
    "visit_exponent": 0.5,
    "random_opponent_share": 5e-4,  # As of PPO.
}
# The fields of DQN where batches are episodes.
_DQN_OF_EPISODES: dict[str, Any] = {
    # Several batches together have less noise.
    "replay_batches": 8,
    "updates_per_batch": 8,
    # All at once: they are few steps, and each has less noise.
    "minibatch_rows": _ALL_ROWS,
    "learning_rate": 1e-2,
    "learning_rate_decay": 0.95,
    "target_rate": 0.05,
    "final_epsilon": 0.05,
    "epsilon_decay": 0.95,
    "visit_exponent": 1.0,
    "random_opponent_share": 0.05,
}

# The fields of NeuPL by the loss of the policy.
_NEUPL_OF_LOSS: dict[str, dict[str, Any]] = {
    "mirror": {
        "epochs": 4,
        # The gradient of a target is shorter than that of the surrogate, and
        # needs less to hold it back. With 0.3 Leduc poker falls slower.
        "anchor_coefficient": 1.0,
        "random_opponent_share": 5e-4,  # As of PPO.
    },
    "clipped": {
        "epochs": 4,
        "anchor_coefficient": 3.0,
        "random_opponent_share": 0.02,
    },
}

# The fields of self-play where batches are expectations. A strong magnet that
# falls fast, and short steps that fall with it, do not circle. With steps of 3
# and 1 for 3 updates, the policy of the study's random game circles as far out
# as random play, and its average is at about 1 after 12 s where it is at 0.3
# with these; one of two runs of goofspiel with five cards stays at 0.4, where
# three with these are below 0.07 after 15 s; Kuhn poker is at 0.003 after 10 s,
# with these at 0.005, and Leduc poker and liar's dice are level. Shorter steps
# are lost in those of Adam: with 0.5 and 2 updates goofspiel becomes a pure
# strategy.
_SELF_PLAY_OF_EXPECTATIONS: dict[str, Any] = {
    # Leduc poker is at 0.054 after 20 s, with 1e-2 at 0.087, 4e-2 0.115.
    "learning_rate": 2e-2,
    "magnet": 1.0,
    "magnet_decay_updates": 3,
    "proximal": 0.0,  # The step in closed form has none.
}
# The fields of self-play where batches are episodes. Where the magnet is 0.1
# and falls slowly, as below, goofspiel with five cards becomes a pure strategy
# within 20 updates of 1024 episodes, and stays at 1. With these liar's dice is
# at 0.056 and 0.071 (seeds 1 and 2) after 1200 batches, with those below at
# 0.115 and 0.086, with a magnet that falls twice as fast at 0.099 and 0.107.
# Sampled Leduc poker loses early: after 400 batches it is at 0.32 and 0.31,
# with those below at 0.24 and 0.26; after 2000 at 0.20, 0.19, 0.17 (seeds 1 to
# 3), and 0.15, 0.14, 0.22.
# With a proximal term of 0.05 liar's dice lost half as much again, with two
# dice of five sides and one of 0.5 a quarter, with half the learning rate more.
_SELF_PLAY_OF_EPISODES: dict[str, Any] = {
    "learning_rate": 3e-3,
    "magnet": 0.3,
    "magnet_decay_updates": 67,
    "decay_updates": 600,
    "proximal": 0.2,
}
# The same on large games, phantom boards and dice with many bids, of a dozen
# settings: after 1200 batches phantom_ttt is at 0.05 to 0.07, with those above
# at 0.08 to 0.09; two dice of five sides are at 0.07 to 0.08, and 0.07 to 0.09.
_SELF_PLAY_OF_LARGE = {**_SELF_PLAY_OF_EPISODES, "magnet": 0.1,
                       "magnet_decay_updates": 600}
# The same in their abrupt versions, where an attempt that fails ends the turn.
# There policies begin to circle as soon as the magnet is below about 0.03: with
# the fields above, phantom_ttt was at 0.20 after 10 million decisions and at
# 0.51 after 25 million; with these it is below 0.15 after 10 million, and the
# magnet stays above 0.03 for 50,000 updates of one stream.
_SELF_PLAY_OF_ABRUPT = {**_SELF_PLAY_OF_EPISODES, "magnet": 0.2,
                        "magnet_decay_updates": 1200, "decay_updates": 1200}
# Most games are learned faster with a narrow network: after 120 s of a core
# self-play is at 0.11 on sampled liar's dice, with a wide one at 0.13. Where
# there are more bids, as with two dice of five sides, there is more to know.
_NARROW, _WIDE = (64, 64), (128, 128)
_MOST_BIDS = 16
# How many workers can share a batch of self-play on a sampled game. Where
# episodes cost nothing, even two do not pay.
_STREAMS = 2

# The episodes of a default batch of version 0.1 on an enumerated game.
EPISODES_OF_0_1 = 2 ** 20
# The fields of PPO that version 0.1 did not have, as it trained.
_PPO_OF_0_1 = {"policy_loss": "clipped", "temperature": 1.0,
               "advantage_clip": 3.0, "visit_exponent": 0.3}


def of_ppo(config: Any, game: game_lib.Game) -> dict[str, Any]:
  """Returns the defaults of `PPOConfig`, by the game and by what is set.

  Args:
    config: a `PPOConfig`, whose `policy_loss` counts if it is set.
    game: a `GameTree` or a `StateGame`.
  """
  loss = _policy_loss(config, game)
  defaults = {**_PPO_OF_LOSS[loss]}
  if loss == "mirror":
    defaults["epochs"] = _STEPS_PER_BATCH
    if isinstance(game, game_tree.GameTree):
      rows = max(map(len, game.infostates))
      parts = math.ceil(
          rows / (config.minibatch_rows or defaults["minibatch_rows"]))
      defaults["epochs"] = max(
          _LEAST_EPOCHS, math.ceil(_STEPS_PER_BATCH / max(1, parts)))
  else:
    defaults["hidden_sizes"] = _hidden_sizes(game)
  return {
      "policy_loss": loss,
      "entropy_coefficient": (
          _SAMPLED_ENTROPY if loss == "clipped" and not game.is_enumerated
          else 0.0),
      **defaults}


def of_strong_start(config: Any, game: game_lib.Game) -> Any:
  """Returns a configuration for populations that begin with what plays well.

  There a copy learns the small gain that is left, where a network that imitates
  is first worse. From random play the gains are large, and the small steps of a
  copy find them too late: after 120 s of a core a pipeline on phantom_ttt is at
  0.85, where policies that imitate are at 0.38. Where there is a sure win,
  small gains are soon all that is left: there dark hex on 3 x 3 is at 0.0007,
  0.0013 and 0.0007 after 60 s of a core, seeds 1 to 3, and with policies that
  imitate at 0.0009 and 0.0052. Tables, on enumerated games, can only be
  imitated.

  Args:
    config: any `LearnerConfig`; `PPOConfig(warm_start=None)` takes its value.
    game: a `GameTree` or a `StateGame`.
  """
  if (getattr(config, "warm_start", False) is None and not game.is_enumerated
      and _policy_loss(config, game) == "clipped"):
    return dataclasses.replace(config, warm_start=True)
  return config


def of_neupl(config: Any, game: game_lib.Game) -> dict[str, Any]:
  """Returns the defaults of `NeuPLConfig`, by the game and by what is set.

  Args:
    config: a `NeuPLConfig`, whose `policy_loss` counts if it is set.
    game: a `GameTree` or a `StateGame`.
  """
  loss = _policy_loss(config, game)
  return {"policy_loss": loss, **_NEUPL_OF_LOSS[loss]}


def _policy_loss(config, game):
  return config.policy_loss or (
      "mirror" if of_game.gives_expectation(game, config.episodes_per_batch)
      else "clipped")


def of_dqn(config: Any, game: game_lib.Game) -> dict[str, Any]:
  """Returns the defaults of `DQNConfig`, by the kind of its batches.

  Args:
    config: a `DQNConfig`.
    game: a `GameTree` or a `StateGame`.
  """
  return (_DQN_OF_EXPECTATIONS
          if of_game.gives_expectation(game, config.episodes_per_batch)
          else _DQN_OF_EPISODES)


def of_self_play(config: Any, game: game_lib.Game) -> dict[str, Any]:
  """Returns the defaults of `SelfPlayConfig`, by the kind of its batches.

  Args:
    config: a `SelfPlayConfig`.
    game: a `GameTree` or a `StateGame`.
  """
  defaults = (_SELF_PLAY_OF_EXPECTATIONS
              if of_game.gives_expectation(game, config.episodes_per_batch)
              else _self_play_of_episodes(game))
  return {"streams": 1 if game.is_enumerated else _STREAMS,
          "hidden_sizes": _hidden_sizes(game), **defaults}


def _self_play_of_episodes(game):
  """Returns the defaults of `SelfPlayConfig` for drawn episodes.

  An enumerated game has no pyspiel game in a worker that would tell its kind.
  """
  if game.is_enumerated:
    return _SELF_PLAY_OF_EPISODES
  if _is_abrupt(game):
    return _SELF_PLAY_OF_ABRUPT
  name = str(game.original.game)
  is_large = phantom_board.of_string(name) or _has_many_bids(name)
  return _SELF_PLAY_OF_LARGE if is_large else _SELF_PLAY_OF_EPISODES


def _hidden_sizes(game):
  """Returns the widths of the hidden layers, for drawn episodes."""
  return (_WIDE if not game.is_enumerated and _has_many_bids(
      str(game.original.game)) else _NARROW)


def _has_many_bids(name):
  rules = dice.of_string(name)
  return rules is not None and rules.num_bids > _MOST_BIDS


def _is_abrupt(game):
  """Returns whether an attempt that fails ends the turn, on a phantom board.

  Of those that are sampled: an enumerated game has no pyspiel game in a worker.
  """
  if game.is_enumerated:
    return False
  parameters = game.original.game.get_parameters()
  return parameters.get("gameversion") in ("abrupt", "adh")


def begins_with_self_play(game: game_lib.Game) -> bool:
  """Returns whether a population begins with what self-play has found.

  On phantom tic-tac-toe, and on sampled Leduc poker and liar's dice, self-play
  finds in half the time what is less exploitable than all that a run finds that
  begins with random play; so it is on other sampled two-player zero-sum games
  until they are measured. On an enumerated game the rounds do it in less time.
  In dark hex a pure strategy of
  the first player nearly always wins: on the board of 3 x 3 rounds from random
  play are at 0.0007 after 60 s of a core, those that begin with self-play at
  0.08. Not so in its abrupt version: there self-play is at 0.18 after 110 s of
  a core, and rounds from random play are at 0.24 after 145 s of one.

  Args:
    game: a `GameTree` or a `StateGame`.
  """
  return (not game.is_enumerated and game.num_players == 2
          and game.is_zero_sum and not has_sure_win(game))


def has_sure_win(game: game_lib.Game) -> bool:
  """Returns whether a pure strategy nearly always wins: in dark hex.

  Not so in its abrupt version.

  Args:
    game: a `GameTree` or a `StateGame`.
  """
  return (not game.is_enumerated and not _is_abrupt(game)
          and game.original.game.get_type().short_name == "dark_hex")


def settings_of_0_1(settings: dict[str, Any]) -> dict[str, Any]:
  """Returns the settings of a solver of version 0.1 with all of today's fields.

  Args:
    settings: `{name: value}`, as its checkpoint has them.
  """
  settings = dict(settings)
  if settings["evaluation"] == "exact" and settings.get(
      "oracle episodes_per_batch", 0) is None:
    settings["oracle episodes_per_batch"] = EPISODES_OF_0_1
  if settings["oracle"] == "DQNConfig":
    settings.setdefault("oracle visit_exponent", 1.0)
    settings.setdefault("oracle minibatch_rows", _ALL_ROWS)
  if settings["oracle"] == "NeuPLConfig":
    for name in ("policy_loss", "advantage_clip", "visit_exponent"):
      settings.setdefault(f"oracle {name}", _PPO_OF_0_1[name])
  if settings["oracle"] == "PPOConfig":
    for name, value in _PPO_OF_0_1.items():
      settings.setdefault(f"oracle {name}", value)
    if settings["oracle entropy_coefficient"] is None:
      settings["oracle entropy_coefficient"] = (
          0.0 if settings["evaluation"] == "exact" else _SAMPLED_ENTROPY)
  return settings


def complete(config: Any, defaults: dict[str, Any]) -> Any:
  """Returns a configuration whose open fields have their defaults.

  Args:
    config: a dataclass.
    defaults: `{field: value}`; only fields that are None take theirs.
  """
  return dataclasses.replace(config, **{
      name: value for name, value in defaults.items()
      if getattr(config, name) is None})

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

"""Settings: all that a run depends on, resolved, as `config.json` has it."""

import dataclasses
from typing import Any

from open_spiel_ppsro import schemes
from open_spiel_ppsro.oracles import configurations
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.runs import limits as limits_lib
from open_spiel_ppsro.simulators import of_game


def scheme_name(scheme: schemes.Scheme) -> str:
  """Returns the name of a scheme: that in `SCHEMES`, or that of its class."""
  for name, known in schemes.SCHEMES.items():
    if type(scheme) is known:
      return name
  return type(scheme).__name__.lower()


def oracle_name(config: learner_lib.LearnerConfig) -> str:
  """Returns the name of a configuration: in `ORACLES`, or of its class."""
  if config.trains_rows:
    return "ppo"  # It trains the one network of all rows by PPO.
  if config.plays_itself:
    # Magnetic mirror descent, or the same with exact updates.
    return "exact" if config.needs_enumerated_game else "mmd"
  for name, known in configurations.ORACLES.items():
    if type(config) is known:
      return name
  return type(config).__name__.removesuffix("Config").lower()


def game_name(game) -> str:
  """Returns the name of a game: a game string, without empty parentheses."""
  return (game if isinstance(game, str) else str(game)).removesuffix("()")


def resolved(solver, oracle, limits: limits_lib.Limits,
             **others) -> dict[str, Any]:
  """Returns the settings of a run, each once, with what defaults came to.

  Args:
    solver: of the run.
    oracle: of the solver.
    limits: of the run.
    **others: further settings. None is for what does not apply, and is left
      out, like a limit that there is not.

  Returns:
    A dict that JSON can hold. The settings of scheme, learner, freeze rule
    and limits are dicts in it.
  """
  scheme, config, game = solver.scheme, oracle.config, oracle.played_game
  learner = config.settings()
  if learner.get("episodes_per_batch", 0) is None and not game.is_enumerated:
    learner["episodes_per_batch"] = round(
        config.steps_per_batch(game) / of_game.steps_per_batch(game, 1))
  options = solver.settings()
  settings = {
      "game_name": game_name(solver.original_game.game),
      "evaluation": options["evaluation"],
      "scheme": scheme_name(scheme),
      "scheme_settings": scheme.settings(),
      "oracle": oracle_name(config),
      "learner": learner,
      "seed": oracle.seed,
      "executor": type(oracle.executor).__name__,
      "num_workers": oracle.executor.num_workers,
      "limits": limits.given(),
      **{name: options[name] for name in (
          "seat_symmetric", "workers_per_level", "meta_strategy",
          "opponent_update_freq", "payoff_episodes", "sweep",
          "max_staleness")},
      "plateau": (dataclasses.asdict(solver.plateau_rule)
                  if scheme.freezes else None),
      "answer": solver.answer,
      **others}
  return _without_none(settings)


def _without_none(data):
  if isinstance(data, dict):
    return {name: _without_none(value) for name, value in data.items()
            if value is not None}
  return data

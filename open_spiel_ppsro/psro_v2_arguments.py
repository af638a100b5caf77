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

"""psro_v2's own arguments: which mean something here, and what replaces others.

A psro_v2 script runs after changing a class name: what its solver and oracle
take is accepted, with a warning where it has no meaning.
"""

from collections.abc import Mapping
import difflib
from typing import Any

from absl import logging

# What psro_v2's solver takes, and what takes its place in ours.
_OF_SOLVER = {
    "sims_per_entry": "payoffs are exact on enumerated games, and "
                      "payoff_episodes sets them on sampled ones",
    "rectifier": "scheme=ppsro.Rectified() is rectified PSRO",
    "training_strategy_selector": "the scheme decides who trains against whom",
    "sample_from_marginals": "a meta-strategy is played as its marginals, "
                             "unless it plays its joint distribution, as cce "
                             "does",
    "number_policies_selected": "num_levels of the scheme sets how many "
                                "policies train at once",
    "n_noisy_copies": "schemes open one policy at a time",
    "alpha_noise": "schemes open no noisy copies",
    "beta_noise": "schemes open no noisy copies",
    "symmetric_game": "PipelinedOracle(seat_symmetric=True) trains one "
                      "population for both seats",
}
# The same of its RLOracle.
_OF_ORACLE = {
    "number_training_episodes": "number_training_steps sets how long each best "
                                "response trains",
    "self_play_proportion": "best responders train against mixtures alone",
    "number_policies_sampled": "opponents are drawn once per episode",
    "env": "the oracle plays the game itself",
    "best_response_class": "config sets what trains, such as ppsro.PPOConfig()",
    "best_response_kwargs": "config sets how it trains",
}
# Options that named meta-strategies read by `solver.get_kwargs()`.
META_STRATEGY_OPTIONS = (
    "average_over_last_n_strategies", "fictitious_play_iterations", "gamma",
    "initial_strategies", "iterations", "prd_dt", "prd_gamma",
    "prd_initial_strategies", "prd_iterations",
)


def drop_from_solver(options: dict[str, Any], accepts_any: bool,
                     known: Mapping[str, str]) -> dict[str, Any]:
  """Returns the options of a solver that are for its meta-strategy.

  psro_v2's arguments are dropped, with a warning each.

  Args:
    options: keyword arguments that the solver does not know.
    accepts_any: whether the meta-strategy is a callable of the user's, which
      may read any option.
    known: the names of arguments that work, and what the hint calls each.

  Raises:
    TypeError: if there is an option that nobody reads.
  """
  left = _dropped(options, _OF_SOLVER)
  if not accepts_any:
    _refuse(left, META_STRATEGY_OPTIONS,
            {**known, **{name: name for name in META_STRATEGY_OPTIONS}},
            "PipelinePSROSolver")
  return left


def drop_from_oracle(options: dict[str, Any],
                     known: Mapping[str, str]) -> None:
  """Warns of psro_v2's arguments of an oracle, which mean nothing here.

  Args:
    options: keyword arguments that the oracle does not know.
    known: the names of arguments that work, and what the hint calls each.

  Raises:
    TypeError: if there is an option that psro_v2 does not know, either.
  """
  _refuse(_dropped(options, _OF_ORACLE), (), known, "PipelinedOracle")


def _dropped(options, replaced):
  """Returns the options that are not psro_v2's; warns of those that are."""
  for name in options:
    if name in replaced:
      logging.warning("%s of psro_v2 means nothing here: %s.", name,
                      replaced[name])
  return {name: value for name, value in options.items()
          if name not in replaced}


def _refuse(options, accepted, known, owner):
  """Raises TypeError if an option is not accepted, with the nearest name."""
  for name in options:
    if name not in accepted:
      close = difflib.get_close_matches(name, known, 1)
      hint = f"; did you mean {known[close[0]]}?" if close else ""
      raise TypeError(f"{owner} takes no argument {name!r}{hint}")

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

"""Pipeline PSRO and its relatives, as an OpenSpiel extension.

The public names; each is imported when it is first used, so that a worker
process that needs none of psro_v2 does not pay for importing it.
"""

import importlib

_HOMES = {
    "enumerate_game": "games.game_tree",
    "open_game": "games.open_game",
    "StateGame": "games.state_game",
    "write_networks": "policies.storage",
    "read_networks": "policies.storage",
    "GameTree": "games.game_tree",
    "nash_conv": "games.sequence_form",
    "exploitability_interval": "evaluation.interval.interval",
    "ExploitabilityInterval": "evaluation.interval.interval",
    "payoff_tensors": "games.sequence_form",
    "best_response": "games.sequence_form",
    "METHODS": "meta_games.meta_strategies",
    "nash_strategy": "meta_games.meta_strategies",
    "fictitious_play_strategy": "meta_games.meta_strategies",
    "prd_strategy": "meta_games.meta_strategies",
    "rm_strategy": "meta_games.meta_strategies",
    "alpharank_strategy": "meta_games.meta_strategies",
    "cce_strategy": "meta_games.meta_strategies",
    "Scheme": "schemes",
    "Sequential": "schemes",
    "NaiveParallel": "schemes",
    "Rectified": "schemes",
    "DCH": "schemes",
    "NeuPL": "schemes",
    "SCHEMES": "schemes",
    "Pipeline": "schemes",
    "PlateauRule": "plateau",
    "SerialExecutor": "executors.executor",
    "ProcessExecutor": "executors.process_executor",
    "RayExecutor": "executors.ray_executor",
    "WorkerError": "executors.executor",
    "PPOConfig": "oracles.ppo",
    "DQNConfig": "oracles.dqn",
    "ExactConfig": "oracles.exact",
    "NeuPLConfig": "oracles.neupl",
    "NeuPLOracle": "oracles.neupl",
    "GradualConfig": "oracles.gradual",
    "symmetrise": "games.seat_symmetry",
    "from_payoffs": "games.normal_form",
    "from_file": "games.normal_form",
    "random_symmetric": "games.normal_form",
    "BestResponsePolicy": "policies.open_spiel_policies",
    "PipelinedOracle": "oracles.pipelined",
    "PipelinePSROSolver": "solver",
    "RoundResult": "round_result",
    "default_plateau": "solver",
    "RunDirectory": "runs.run_directory",
    "read_policy": "runs.run_directory",
    "read_config": "runs.run_directory",
    "read_checkpoint": "runs.run_directory",
    "read_metrics": "runs.run_directory",
    "plot_run": "runs.report",
    "plot_curves": "runs.report",
    "plot_scaling": "runs.report",
    "comparison_table": "runs.report",
    "curves_table": "runs.report",
    "read_curve": "runs.report",
    "read_published": "runs.report",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
  if name not in _HOMES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  value = getattr(
      importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
  globals()[name] = value
  return value


def __dir__():
  return sorted([*globals(), *__all__])

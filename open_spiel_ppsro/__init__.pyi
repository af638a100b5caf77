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

# The public names: what editors complete, and what `__init__.py` imports lazily.

# Games.
from .games.game import Game as Game
from .games.game_tree import GameTree as GameTree
from .games.game_tree import enumerate_game as enumerate_game
from .games.state_game import StateGame as StateGame
from .games.open_game import open_game as open_game
from .games.seat_symmetry import symmetrise as symmetrise
from .games.normal_form import from_file as from_file
from .games.normal_form import from_payoffs as from_payoffs
from .games.normal_form import matrix_game as matrix_game
from .games.normal_form import matrix_game_from_file as matrix_game_from_file
from .games.normal_form import random_symmetric as random_symmetric
from .games.sequence_form import best_response as best_response
from .games.sequence_form import nash_conv as nash_conv
from .games.sequence_form import payoff_tensors as payoff_tensors
from .games.sequence_form import realization_plan as realization_plan

# Policies.
from .policies.policy import OpenSpielPolicy as OpenSpielPolicy
from .policies.policy import Policy as Policy
from .policies.tabular import BestResponsePolicy as BestResponsePolicy
from .policies.tabular import TablePolicy as TablePolicy
from .policies.sampled import FunctionPolicy as FunctionPolicy
from .policies.sampled import MixedPolicy as MixedPolicy
from .policies.sampled import MixturePolicy as MixturePolicy
from .policies.sampled import SampledPolicy as SampledPolicy
from .policies.sampled import UniformPolicy as UniformPolicy
from .policies.networks import NetworkPolicy as NetworkPolicy
from .policies.joint import JointPolicy as JointPolicy
from .policies.member_mixture import DrawnPolicy as DrawnPolicy
from .policies.member_mixture import MemberMixture as MemberMixture
from .policies.member_mixture import MixtureBot as MixtureBot
from .policies.joint import read_joint as read_joint
from .policies.joint import write_joint as write_joint
from .policies.storage import read_networks as read_networks
from .policies.storage import read_policy as read_policy
from .policies.storage import write_networks as write_networks
from .policies.storage import write_policy as write_policy

# Populations and meta-games.
from .population import JointMixture as JointMixture
from .population import Mixture as Mixture
from .population import PolicyId as PolicyId
from .population import Population as Population
from .population import Snapshot as Snapshot
from .meta_games.meta_game import MetaGame as MetaGame
from .meta_games.meta_game import MetaStrategy as MetaStrategy
from .meta_games.meta_game import SubGame as SubGame
from .meta_games.meta_strategies import META_STRATEGIES as META_STRATEGIES
from .meta_games.meta_strategies import METHODS as METHODS
from .meta_games.meta_strategies import alpharank_strategy as alpharank_strategy
from .meta_games.meta_strategies import cce_strategy as cce_strategy
from .meta_games.meta_strategies import fictitious_play_strategy as fictitious_play_strategy
from .meta_games.meta_strategies import nash_strategy as nash_strategy
from .meta_games.meta_strategies import prd_strategy as prd_strategy
from .meta_games.meta_strategies import rm_strategy as rm_strategy

# Schemes.
from .schemes import DCH as DCH
from .schemes import NaiveParallel as NaiveParallel
from .schemes import NeuPL as NeuPL
from .schemes import Opening as Opening
from .schemes import Pipeline as Pipeline
from .schemes import Rectified as Rectified
from .schemes import SCHEMES as SCHEMES
from .schemes import Scheme as Scheme
from .schemes import SelfPlay as SelfPlay
from .schemes import Sequential as Sequential
from .plateau import PlateauRule as PlateauRule
from .plateau import default_plateau as default_plateau

# Best responders.
from .oracles.learner import Learner as Learner
from .oracles.learner import LearnerConfig as LearnerConfig
from .oracles.learner import TrainingReport as TrainingReport
from .oracles.ppo import PPOConfig as PPOConfig
from .oracles.dqn import DQNConfig as DQNConfig
from .oracles.exact import ExactConfig as ExactConfig
from .oracles.gradual import GradualConfig as GradualConfig
from .oracles.rl_agent import RLAgentConfig as RLAgentConfig
from .oracles.configurations import ORACLES as ORACLES
from .oracles.neupl import NeuPLConfig as NeuPLConfig
from .oracles.neupl import NeuPLOracle as NeuPLOracle
from .oracles.self_play import SelfPlayConfig as SelfPlayConfig
from .oracles.tabular_self_play import (
    TabularSelfPlayConfig as TabularSelfPlayConfig)
from .oracles.pipelined import PipelinedOracle as PipelinedOracle
from .simulators.simulator import EpisodeBatch as EpisodeBatch
from .simulators.simulator import Simulator as Simulator
from .simulators.of_game import make_simulator as make_simulator
from .simulators.of_game import steps_per_batch as steps_per_batch

# Where they run.
from .executors.executor import Executor as Executor
from .executors.executor import SerialExecutor as SerialExecutor
from .executors.executor import WorkerError as WorkerError
from .executors.process_executor import ProcessExecutor as ProcessExecutor
from .executors.ray_executor import RayExecutor as RayExecutor

# Solver and results.
from .solver import PipelinePSROSolver as PipelinePSROSolver
from .round_result import LevelStatus as LevelStatus
from .round_result import RoundResult as RoundResult
from .evaluation.evaluator import Evaluator as Evaluator
from .evaluation.evaluator import Exploitability as Exploitability
from .evaluation.interval.interval import ExploitabilityInterval as ExploitabilityInterval
from .evaluation.interval.interval import exploitability_interval as exploitability_interval
from .lower_bound import LowerBound as LowerBound

# Runs on disk.
from .runs.run import run as run
from .runs.limits import Limits as Limits
from .runs.loaded_run import LoadedRun as LoadedRun
from .runs.loaded_run import load as load
from .runs.run_summary import RunSummary as RunSummary
from .runs.output_directory import OccupiedError as OccupiedError
from .runs.run_directory import RunDirectory as RunDirectory
from .runs.run_directory import read_checkpoint as read_checkpoint
from .runs.run_directory import read_config as read_config
from .runs.run_directory import read_history as read_history
from .runs.run_directory import read_levels as read_levels
from .runs.run_directory import read_metrics as read_metrics
from .runs.run_directory import read_result as read_result
from .runs.plots import comparison_table as comparison_table
from .runs.plots import curves_table as curves_table
from .runs.plots import plot_curves as plot_curves
from .runs.plots import plot_run as plot_run
from .runs.plots import read_curve as read_curve
from .runs.plots import read_published as read_published
from .reports.report import report as report

# What follows a run.
from . import callbacks as callbacks

# For the tests of those who extend the package.
from . import testing as testing

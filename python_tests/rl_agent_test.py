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

"""Tests of RLAgentConfig: OpenSpiel's agents as best responders."""

import collections
import enum
import pathlib
import pickle
import random
import threading

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from open_spiel.python import policy as openspiel_policy
from open_spiel.python import rl_agent
from open_spiel.python import rl_environment
from open_spiel.python import rl_tools
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import random_agent
from open_spiel.python.algorithms import tabular_qlearner
from open_spiel.python.algorithms import wolf_phc
from open_spiel.python.pytorch import dqn
from open_spiel.python.pytorch import nfsp
from open_spiel.python.pytorch import policy_gradient
import pyspiel
import pytest
import torch

import open_spiel_ppsro as ppsro
from open_spiel_ppsro import plain_data
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.policies import agent as agent_lib
from open_spiel_ppsro.policies import agent_state
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.simulators import agent_environment
import testing

DQN = {"hidden_layers_sizes": [8], "batch_size": 8,
       "min_buffer_size_to_learn": 8, "replay_buffer_capacity": 64,
       "optimizer_str": "adam", "epsilon_decay_duration": 100}
Q_LEARNER = ppsro.RLAgentConfig(
    tabular_qlearner.QLearner,
    {"epsilon_schedule": rl_tools.LinearSchedule(1.0, 0.1, 500)},
    episodes_per_batch=32)
# The agents that are promised to work, small.
AGENTS = (
    Q_LEARNER,
    ppsro.RLAgentConfig(dqn.DQN, DQN, episodes_per_batch=32),
    ppsro.RLAgentConfig(policy_gradient.PolicyGradient, {
        "hidden_layers_sizes": (8,), "optimizer_str": "adam",
        "batch_size": 4, "num_critic_before_pi": 1}, episodes_per_batch=32),
    ppsro.RLAgentConfig(wolf_phc.WoLFPHC, episodes_per_batch=32),
    ppsro.RLAgentConfig(nfsp.NFSP, {
        "hidden_layers_sizes": [8], "reservoir_buffer_capacity": 32,
        "anticipatory_param": 0.5, "batch_size": 8, "learn_every": 8,
        "min_buffer_size_to_learn": 8}, episodes_per_batch=32))


def opened(name, evaluation):
  return ppsro.open_game(name, evaluation=evaluation)


def tables_of(game, rng):
  """Returns two random policies of each player, as tables and functions."""
  tree = ppsro.enumerate_game(game.game)
  tables = [[testing.random_table(tree, player, rng) for _ in range(2)]
            for player in range(tree.num_players)]
  if game.is_enumerated:
    return tree, tables, tables
  return tree, tables, [
      [TableFunction(tree.infostates[player], table) for table in chosen]
      for player, chosen in enumerate(tables)]


class TableFunction(ppsro.FunctionPolicy):
  """A table, as a sampled game asks for it."""

  def __init__(self, infostates, table):
    self.rows = {observation.tobytes(): row for observation, row in zip(
        infostates.observations, table)}

  def __call__(self, observations, legal_actions_mask):
    return np.stack([self.rows[seen.tobytes()] for seen in observations])

  def to_data(self):
    raise NotImplementedError

  @classmethod
  def from_data(cls, data):
    raise NotImplementedError


def mixtures(policies, probabilities):
  return tuple(
      ppsro.Mixture(tuple(ppsro.Snapshot(ppsro.PolicyId(player, index), 0, one)
                          for index, one in enumerate(chosen)),
                    np.array(probabilities))
      for player, chosen in enumerate(policies))


def expected_visits(tree, tables, profiles, player):
  """Walks a whole game and returns what its player meets.

  Args:
    tree: its `GameTree`.
    tables: per player two policies.
    profiles: `{profile: probability}`, one is drawn per episode; the player
      plays uniformly at random whatever its own entry.
    player: the player.

  Returns:
    `{observation: visits per episode}`, and its mean return.
  """
  visits, mean_return = collections.Counter(), 0.0
  for profile, weight in profiles.items():
    stack = [(tree.game.new_initial_state(), weight)]
    while stack:
      state, reach = stack.pop()
      if state.is_terminal():
        mean_return += reach * state.returns()[player]
        continue
      acting = state.current_player()
      if state.is_chance_node():
        outcomes = state.chance_outcomes()
      elif acting == player:
        visits[tuple(state.information_state_tensor(player))] += reach
        actions = state.legal_actions()
        outcomes = [(action, 1 / len(actions)) for action in actions]
      else:
        row = tree.infostates[acting].rows[state.information_state_string()]
        outcomes = [(action, tables[acting][profile[acting]][row, action])
                    for action in state.legal_actions()]
      stack += [(state.child(action), reach * probability)
                for action, probability in outcomes]
  return visits, mean_return


class EnvironmentTest(parameterized.TestCase):

  @parameterized.product(
      game=(("kuhn_poker", 0), ("kuhn_poker", 1), ("kuhn_poker(players=3)", 1),
            ("tiny_hanabi", 1)),
      evaluation=("exact", "sampled"), is_joint=(False, True))
  @pytest.mark.sweep(4)
  @pytest.mark.slow
  def test_episodes_have_their_distribution(self, game, evaluation, is_joint):
    name, player = game
    game = opened(name, evaluation)
    tree, tables, policies = tables_of(game, np.random.default_rng(1))
    profiles = {profile: np.prod([(0.3, 0.7)[index] for index in profile])
                for profile in np.ndindex((2,) * game.num_players)}
    faced = mixtures(policies, [0.3, 0.7])
    if is_joint:  # All play their first policy, or all their second.
      profiles = {(0,) * game.num_players: 0.3, (1,) * game.num_players: 0.7}
      faced = ppsro.JointMixture(faced, np.array(list(profiles)),
                                 np.array([0.3, 0.7]))
    environment = agent_environment.make_environment(game, player)
    environment.face(faced)
    rng, count = np.random.default_rng(2), 3000
    visits, total = collections.Counter(), 0.0
    for _ in range(count):
      time_step = environment.reset(rng)
      while not time_step.last():
        seen = time_step.observations["info_state"][player]
        visits[tuple(np.float64(np.float32(seen)))] += 1
        time_step = environment.step(rng.choice(
            time_step.observations["legal_actions"][player]))
      total += environment.episode_return
    expected, mean_return = expected_visits(tree, tables, profiles, player)
    self.assertContainsSubset(visits, expected)
    for seen, probability in expected.items():
      self.assertAlmostEqual(visits[seen] / count, probability, delta=0.05)
    spread = np.ptp(tree.terminal_returns[player])
    self.assertAlmostEqual(total / count, mean_return, delta=0.05 * spread)

  @parameterized.parameters("exact", "sampled")
  def test_time_steps_are_those_of_openspiel(self, evaluation):
    name = "leduc_poker"
    game = opened(name, evaluation)
    environment = agent_environment.make_environment(game, 0)
    environment.face(mixtures(tables_of(game, np.random.default_rng(0))[2],
                              [0.5, 0.5]))
    reference = rl_environment.Environment(name)
    rng = np.random.default_rng(0)
    for _ in range(20):
      ours, theirs = environment.reset(rng), reference.reset()
      while theirs.current_player() != 0:
        theirs = reference.step([theirs.observations["legal_actions"][1][0]])
      self.assertEqual(ours.observations.keys(), theirs.observations.keys())
      self.assertIsNone(ours.rewards)
      steps = 0
      while not ours.last():
        self.assertEqual(ours.first(), steps == 0)
        self.assertEqual(ours.current_player(), 0)
        self.assertLen(ours.observations["info_state"][0],
                       len(theirs.observations["info_state"][0]))
        ours = environment.step(ours.observations["legal_actions"][0][-1])
        steps += 1
      self.assertEqual(ours.discounts, [0.0, 0.0])
      self.assertEqual(ours.observations["legal_actions"], [[], []])
      self.assertEqual(ours.current_player(), pyspiel.PlayerId.TERMINAL)
      self.assertEqual(ours.rewards[0], environment.episode_return)
      self.assertAlmostEqual(sum(ours.rewards), 0)
      self.assertGreater(environment.num_steps, steps - 1)

  def test_rewards_on_the_way_add_up(self):
    game = opened("oshi_zumo(coins=4,size=2)", "sampled")
    uniform = ppsro.UniformPolicy()
    environment = agent_environment.make_environment(game, 1)
    environment.face(mixtures([[uniform], [uniform]], [1.0]))
    rng = np.random.default_rng(0)
    for _ in range(10):
      time_step, total = environment.reset(rng), 0.0
      while not time_step.last():
        time_step = environment.step(rng.choice(
            time_step.observations["legal_actions"][1]))
        total += time_step.rewards[1]
      self.assertEqual(total, environment.episode_return)

  def test_both_seats_are_played(self):
    game = ppsro.symmetrise(opened("kuhn_poker", "sampled"))
    uniform = ppsro.UniformPolicy()
    environment = agent_environment.make_environment(game, 0)
    environment.face(mixtures([[uniform], [uniform]], [1.0]))
    rng = np.random.default_rng(0)
    seats = collections.Counter()
    for _ in range(200):
      time_step = environment.reset(rng)
      if not time_step.last():
        seats[tuple(time_step.observations["info_state"][0][-2:])] += 1
    self.assertSameElements(seats, [(1.0, 0.0), (0.0, 1.0)])
    self.assertGreater(min(seats.values()), 60)


class AgentsTest(parameterized.TestCase):

  @parameterized.product(evaluation=("exact", "sampled"), player=(0, 1))
  @pytest.mark.sweep(1)
  def test_q_learning_comes_to_the_best_response(self, evaluation, player):
    config = ppsro.RLAgentConfig(
        tabular_qlearner.QLearner,
        {"step_size": 0.02, "epsilon_schedule": rl_tools.ConstantSchedule(0.5)})
    game = opened("kuhn_poker", evaluation)
    tree = ppsro.enumerate_game("kuhn_poker")
    learner = config.make_learner(game, player, np.random.SeedSequence(1))
    uniform = [[table] for table in (
        [tree.uniform_table(p) for p in range(2)] if game.is_enumerated
        else [ppsro.UniformPolicy()] * 2)]
    report = learner.train(mixtures(uniform, [1.0]), 12000, True)
    # OpenSpiel measures what was learned.
    policies = [openspiel_policy.UniformRandomPolicy(tree.game)] * 2
    with ppsro.PipelinedOracle(game, config) as oracle:
      policies[player] = oracle.policy(player, report.policy)
    value = expected_game_score.policy_value(
        tree.game.new_initial_state(), policies)[player]
    best = ppsro.best_response(
        tree, [tree.uniform_table(p) for p in range(2)], player).value
    start = (0.125, -0.125)[player]
    self.assertLessEqual(value, best + 1e-9)
    self.assertGreater((value - start) / (best - start), 0.9)
    self.assertGreaterEqual(report.steps, 12000)

  @parameterized.parameters(*AGENTS)
  @pytest.mark.sweep(1)
  def test_comes_back_from_disk(self, config):
    game = opened("kuhn_poker", "exact")
    config.check_game(game)
    learner = config.make_learner(game, 1, np.random.SeedSequence(0))
    uniform = [[game.uniform_table(p)] for p in range(2)]
    learner.train(mixtures(uniform, [1.0]), 200, False)
    path = testing.make_directory(self) / "state.npz"
    plain_data.write(path, learner.state())
    other = config.make_learner(game, 1, np.random.SeedSequence(0))
    other.restore(plain_data.read(path))
    for one in (learner, other):
      one.train(mixtures(uniform, [1.0]), 200, False)
    self.assertEqual(
        plain_data.first_difference(learner.state(), other.state()), "")

  @parameterized.parameters(*AGENTS[:3])
  def test_nothing_leaks_from_or_to_the_global_generators(self, config):
    game = opened("kuhn_poker", "sampled")
    uniform = mixtures([[ppsro.UniformPolicy()]] * 2, [1.0])
    states = []
    for seed in (1, 2):
      random.seed(seed)
      np.random.seed(seed)
      torch.manual_seed(seed)
      before = (random.getstate(), str(np.random.get_state(legacy=False)),
                torch.get_rng_state().tolist())
      learner = config.make_learner(game, 0, np.random.SeedSequence(0))
      report = learner.train(uniform, 100, False)
      report.policy(np.zeros((1, game.num_features), np.float32),
                    np.ones((1, 2), bool))
      self.assertEqual(before, (
          random.getstate(), str(np.random.get_state(legacy=False)),
          torch.get_rng_state().tolist()))
      states.append(learner.state())
    self.assertEqual(plain_data.first_difference(*states), "")

  def test_agents_do_not_share_the_objects_of_their_defaults(self):
    game = opened("kuhn_poker", "exact")
    uniform = mixtures([[game.uniform_table(p)] for p in range(2)], [1.0])
    reports = []
    for _ in range(2):  # WoLF-PHC's schedules are defaults that count.
      learner = AGENTS[3].make_learner(game, 0, np.random.SeedSequence(0))
      learner.train(uniform, 100, False)
      reports.append(learner.state())
    self.assertEqual(plain_data.first_difference(*reports), "")

  @parameterized.parameters(("exact", AGENTS[:1]), ("sampled", AGENTS[:3]))
  @pytest.mark.slow
  def test_the_same_bits_in_a_worker_process(self, evaluation, configs):
    game = opened("kuhn_poker", evaluation)
    uniform = mixtures([
        [game.uniform_table(p) if game.is_enumerated else
         ppsro.UniformPolicy()] for p in range(2)], [1.0])
    states = []
    for executor in (ppsro.SerialExecutor(), ppsro.ProcessExecutor(1)):
      with executor:
        executor.start(game)
        for number, config in enumerate(configs):
          executor.create(number, learner_lib.make_learner, config, 1,
                          np.random.SeedSequence(3), None)
        executor.call([(number, "train", (uniform, 150, False))
                       for number in range(len(configs))])
        states.append(executor.states(range(len(configs))))
    self.assertEqual(plain_data.first_difference(*states), "")

  @pytest.mark.slow
  def test_both_seats_of_a_game_made_symmetric(self):
    for evaluation in ("exact", "sampled"):
      _, state = testing.play(
          2, "kuhn_poker", Q_LEARNER, ppsro.Rectified(), evaluation=evaluation,
          min_steps=50, opponent_update_freq=50)
      plain_data.check(state)


class Mode(enum.Enum):
  CALM = 1
  WILD = 2


Pair = collections.namedtuple("Pair", "left right")


class Box:
  """An object of an agent's own package."""

  def __init__(self, value):
    self.value = value


class CollectorOfAll(rl_agent.AbstractAgent):
  """An agent that holds one of everything that can be collected."""

  def __init__(self, player_id, num_actions):
    self._arguments = locals()  # This agent is in it.
    self.player_id = player_id
    self.mode = Mode.CALM
    self.numbers = [1, 2.5, True, None, "three", float("inf"), 2 ** 100]
    self.kept = self.numbers  # One list, two names.
    self.single = np.float32(0.1)
    self.array = np.arange(6).reshape(2, 3)[:, ::-1]
    self.pair = Pair(Box([1]), (2, np.bool_(True)))
    self.last = collections.deque([1, 2], maxlen=2)
    self.tables = collections.defaultdict(list, {("a", 1): [1.0]})
    self.counter = collections.Counter("abca")
    self.random_state = np.random.RandomState(0)
    self.generator = np.random.default_rng(0)
    self.python = random.Random(0)
    self.of_torch = torch.Generator().manual_seed(0)
    self.layer = torch.nn.Linear(2, num_actions)
    self.network = torch.nn.Sequential(self.layer, torch.nn.ReLU())
    self.free = torch.zeros(3, requires_grad=True)
    self.optimiser = torch.optim.Adam(
        [*self.network.parameters(), self.free], lr=0.1)
    self.schedule = rl_tools.LinearSchedule(1.0, 0.0, 10)
    self.function, self.kind = np.tanh, dict
    self.created = None

  def step(self, time_step, is_evaluation=False):
    """Changes all of it, by what its generators draw."""
    if time_step.last():
      return None
    legal = time_step.observations["legal_actions"][self.player_id]
    probabilities = np.zeros(2)
    probabilities[legal] = 1 / len(legal)
    if not is_evaluation:
      self.mode = Mode.WILD
      self.numbers.append(self.generator.random() + np.random.random())
      self.array = self.array + self.random_state.randint(9)
      self.pair.left.value.append(self.python.random())
      self.last.append(float(torch.rand(1, generator=self.of_torch)))
      self.tables[("b", len(self.tables) % 3)].append(self.schedule.step())
      self.counter["d"] += 1
      loss = (self.network(torch.ones(2)).sum() - self.free.sum()) ** 2
      self.optimiser.zero_grad()
      loss.backward()
      self.optimiser.step()
      self.created = self.created or Box(collections.OrderedDict(x=self))
    return rl_agent.StepOutput(action=legal[0], probs=probabilities)


class Holder(random_agent.RandomAgent):
  """An agent that holds what a test gives it."""

  held = None

  def __init__(self, player_id, num_actions):
    super().__init__(player_id, num_actions)
    self.thing = self.held


class HiddenCounter(random_agent.RandomAgent):
  """An agent whose attributes do not show what changes."""

  def __init__(self, player_id, num_actions):
    super().__init__(player_id, num_actions)
    count = 0

    def counted():
      nonlocal count
      count += 1
      return count

    self._count = counted

  def step(self, time_step, is_evaluation=False):
    self.seen = self._count()
    return super().step(time_step, is_evaluation)


class Quiet(random_agent.RandomAgent):
  """An agent that chooses nothing, or something illegal."""

  action = None

  def step(self, time_step, is_evaluation=False):
    output = super().step(time_step, is_evaluation)
    if output is None:
      return None
    return rl_agent.StepOutput(action=self.action, probs=output.probs)


class Remembering(random_agent.RandomAgent):
  """An agent that acts by what it keeps to learn from."""

  def __init__(self, player_id, num_actions):
    super().__init__(player_id, num_actions)
    self._buffer = BoxOfMemory()

  def step(self, time_step, is_evaluation=False):
    output = super().step(time_step, is_evaluation)
    if not is_evaluation:
      self._buffer.append(1.0)
    return output and rl_agent.StepOutput(
        output.action, output.probs ** (1 + len(self._buffer.kept))
        + (np.arange(2) == 1) * bool(self._buffer.kept))


class BoxOfMemory:

  def __init__(self):
    self.kept = []

  def append(self, value):
    self.kept.append(value)

  def sample(self):
    return self.kept[-1]


class Sampler(torch.nn.Linear):
  """A network that draws, and is no replay buffer."""

  def sample(self):
    return self.weight.detach().sum()

  def append(self, value):
    raise NotImplementedError


class Drawing(random_agent.RandomAgent):
  """An agent with such a network, which it changes."""

  def __init__(self, player_id, num_actions):
    super().__init__(player_id, num_actions)
    self.network = Sampler(1, num_actions)

  def step(self, time_step, is_evaluation=False):
    output = super().step(time_step, is_evaluation)
    if not is_evaluation:
      self.network.weight.data += 0.1
    return output and rl_agent.StepOutput(output.action, torch.softmax(
        self.network(torch.ones(1)), 0).detach().numpy().astype(float))


class WithoutProbabilities(random_agent.RandomAgent):
  probs = [1.0]

  def step(self, time_step, is_evaluation=False):
    output = super().step(time_step, is_evaluation)
    return output and rl_agent.StepOutput(output.action, self.probs)


class AgentStateTest(parameterized.TestCase):

  def test_everything_comes_back_and_goes_on(self):
    game = opened("kuhn_poker", "exact")
    config = ppsro.RLAgentConfig(CollectorOfAll, episodes_per_batch=8)
    config.check_game(game)
    uniform = mixtures([[game.uniform_table(p)] for p in range(2)], [1.0])
    learner, other = (
        config.make_learner(game, 0, np.random.SeedSequence(0))
        for _ in range(2))
    learner.train(uniform, 20, False)
    path = testing.make_directory(self) / "state.npz"
    plain_data.write(path, learner.state())
    other.restore(plain_data.read(path))
    agent = other._agent
    self.assertIs(agent.kept, agent.numbers)
    self.assertIs(agent.created.value["x"], agent)
    self.assertIs(agent._arguments["self"], agent)
    self.assertIs(agent.mode, Mode.WILD)
    self.assertIs(type(agent.pair), Pair)
    self.assertIs(type(agent.single), np.float32)
    self.assertIs(agent.tables.default_factory, list)
    self.assertIs(agent.network[0], agent.layer)
    for name in ("numbers", "last", "counter", "tables"):
      self.assertEqual(getattr(agent, name), getattr(learner._agent, name))
    for one in (learner, other):
      one.train(uniform, 20, False)
    self.assertEqual(
        plain_data.first_difference(learner.state(), other.state()), "")

  def test_what_only_learning_needs_is_left_out_of_policies(self):
    game = opened("kuhn_poker", "sampled")
    learner = AGENTS[1].make_learner(game, 0, np.random.SeedSequence(0))
    uniform = mixtures([[ppsro.UniformPolicy()]] * 2, [1.0])
    policy = learner.train(uniform, 200, False).policy
    learned = policy.learned["attributes"]
    whole = learner.state()["agent"]["attributes"]
    self.assertEqual(whole["_replay_buffer"]["kind"], "object")
    for name in ("_replay_buffer", "_optimizer"):
      self.assertEqual(learned[name], {"kind": "left_out"})
    self.assertIn("_q_network", learned)

  def test_only_the_filled_rows_of_a_replay_buffer_are_kept(self):
    buffer = dqn.ReplayBuffer.init(64, dqn.Transition(
        *(np.zeros(3, np.float32),) * 6))
    for value in range(5):
      buffer.append(dqn.Transition(*(np.full(3, value, np.float32),) * 6))
    agent = Q_LEARNER.make_learner(
        opened("kuhn_poker", "exact"), 0, np.random.SeedSequence(0))._agent
    agent.buffer = buffer
    data = agent_state.collect(agent)
    packed = data["attributes"]["buffer"]["attributes"]["experience"]
    self.assertEqual(packed["items"][0]["array"].shape, (5, 3))
    agent.buffer = None
    agent_state.restore(agent, data)
    self.assertLen(agent.buffer, 5)
    self.assertEqual(agent.buffer.experience.action.shape, (64, 3))
    np.testing.assert_array_equal(agent.buffer.experience.action[:5],
                                  buffer.experience.action[:5])

  @parameterized.parameters(
      (lambda: {1, 2}, r"Holder\.thing is a builtins\.set"),
      (lambda: [threading.Lock()], r"Holder\.thing\[0\] is a _thread\.lock"),
      (lambda: {"game": pyspiel.load_game("kuhn_poker")},
       r"Holder\.thing\['game'\] is a .*Game"),
      (lambda: pathlib.Path("."), r"Holder\.thing is a pathlib"),
      (lambda: np.array(["text"]), r"Holder\.thing is an array of <U4"),
      (lambda: torch.zeros(1, dtype=torch.bfloat16),
       r"Holder\.thing is a tensor"))
  def test_refuses_by_name_what_cannot_be_collected(self, make, message):
    Holder.held = make()
    self.addCleanup(setattr, Holder, "held", None)
    config = ppsro.RLAgentConfig(Holder)
    with self.assertRaisesRegex(ValueError, message) as caught:
      ppsro.PipelinedOracle("kuhn_poker", config)
    self.assertNotIn("\n", str(caught.exception))
    self.assertIn("rl_agent_test.Holder does not work here",
                  str(caught.exception))

  @parameterized.parameters(
      (HiddenCounter, {}, "HiddenCounter is not the same after it was saved"),
      (Quiet, {}, "Quiet chose no action"),
      (Quiet, {"action": 7}, r"chose the action 7; legal are \[0, 1\]"),
      (WithoutProbabilities, {}, r"gives probs \[1.0\]"),
      (WithoutProbabilities, {"probs": [-1.0, 2.0]}, "negative"),
      (WithoutProbabilities, {"probs": [0.0, np.nan]}, "not finite"),
      (WithoutProbabilities, {"probs": None}, "gives probs None"))
  def test_refuses_agents_that_misbehave(self, agent_class, attributes,
                                         message):
    for name, value in attributes.items():
      before = getattr(agent_class, name)
      setattr(agent_class, name, value)
      self.addCleanup(setattr, agent_class, name, before)
    with self.assertRaisesRegex(ValueError, message):
      ppsro.PipelinedOracle("kuhn_poker", ppsro.RLAgentConfig(agent_class))


  def test_refuses_agents_that_act_by_their_replay_buffer(self):
    config = ppsro.RLAgentConfig(Remembering)
    config.check_game(opened("kuhn_poker", "exact"))
    with self.assertRaisesRegex(ValueError, "plays otherwise without its"):
      config.check_game(opened("kuhn_poker", "sampled"))
    # A network is kept, whatever methods it has.
    ppsro.RLAgentConfig(Drawing).check_game(opened("kuhn_poker", "sampled"))


class ConfigTest(parameterized.TestCase):

  @parameterized.parameters(
      (lambda: ppsro.RLAgentConfig(dict), "agent_class is <class 'dict'>"),
      (lambda: ppsro.RLAgentConfig(
          type("Local", (random_agent.RandomAgent,), {})), "top of a module"),
      (lambda: ppsro.RLAgentConfig(dqn.DQN, {"rate": 1}),
       "kwargs has 'rate', which DQN does not take; it takes batch_size, "),
      (lambda: ppsro.RLAgentConfig(dqn.DQN, {"player_id": 1}),
       "'player_id', which the game decides"),
      (lambda: ppsro.RLAgentConfig(dqn.DQN, [1]), "kwargs is"),
      (lambda: ppsro.RLAgentConfig(nfsp.NFSP),
       "kwargs lacks hidden_layers_sizes, reservoir_buffer_capacity, "
       "anticipatory_param"),
      (lambda: ppsro.RLAgentConfig(
          tabular_qlearner.QLearner, {"step_size": {1}}), "set"),
      (lambda: ppsro.RLAgentConfig(
          tabular_qlearner.QLearner, {"epsilon_schedule": threading.Thread()}),
       "kwargs"),
      (lambda: ppsro.RLAgentConfig(dqn.DQN, episodes_per_batch=0),
       "episodes_per_batch is 0"),
      (lambda: ppsro.RLAgentConfig(dqn.DQN, random_opponent_share=2),
       "random_opponent_share is 2"))
  def test_refusals(self, make, message):
    with self.assertRaisesRegex(ValueError, message) as caught:
      make()
    self.assertNotIn("\n", str(caught.exception))

  def test_settings_are_plain_and_tell_arguments_apart(self):
    settings = Q_LEARNER.settings()
    plain_data.check(settings)
    self.assertEqual(settings["agent_class"],
                     "open_spiel.python.algorithms.tabular_qlearner.QLearner")
    self.assertEqual(settings["kwargs"]["epsilon_schedule"]["_num_steps"], 500)
    other = ppsro.RLAgentConfig(
        tabular_qlearner.QLearner,
        {"epsilon_schedule": rl_tools.LinearSchedule(1.0, 0.1, 501)},
        episodes_per_batch=32)
    self.assertNotEqual(settings, other.settings())
    self.assertEqual(settings, pickle.loads(pickle.dumps(Q_LEARNER)).settings())
    sizes = {"hidden_layers_sizes": (8, 8), "loss_class": None}
    config = ppsro.RLAgentConfig(policy_gradient.PolicyGradient, sizes)
    sizes["hidden_layers_sizes"] = (1,)
    self.assertEqual(config.settings()["kwargs"]["hidden_layers_sizes"], [8, 8])


SCRIPT = '''
import sys

import numpy as np
from open_spiel.python.algorithms import random_agent
import open_spiel_ppsro as ppsro


class Box:
  content = 3


class Mine(random_agent.RandomAgent):

  def __init__(self, player_id, num_actions):
    super().__init__(player_id, num_actions)
    self.box = Box()
    self.box.content = np.random.random()


if __name__ == "__main__":
  path, kind = sys.argv[1:]
  executor = ppsro.SerialExecutor() if kind == "here" else (
      ppsro.ProcessExecutor(1))
  ppsro.run("kuhn_poker", "sequential", ppsro.RLAgentConfig(
      Mine, episodes_per_batch=16), executor,
      evaluation="sampled", exploiter_steps=0, meta_strategy="uniform",
      plateau={"min_steps": 20, "delta": 9.0}, output_dir=path,
      limits=ppsro.Limits(max_rounds=3))
  ppsro.read_policy(path).action_probabilities(
      ppsro.open_game("kuhn_poker").game.new_initial_state().child(0).child(1))
'''


class PolicyTest(parameterized.TestCase):

  @pytest.mark.thorough
  def test_agents_of_the_main_script(self):
    directory = testing.make_directory(self)
    (directory / "script.py").write_text(SCRIPT, encoding="utf-8")
    states = []
    for kind in ("here", "worker"):
      process = testing.start_python(
          str(directory / "script.py"), str(directory / kind), kind)
      _, errors = process.communicate(timeout=testing.PATIENCE_SECONDS)
      self.assertEqual(process.returncode, 0, errors)
      states.append(ppsro.read_checkpoint(directory / kind)["solver"])
    self.assertEqual(plain_data.first_difference(*states), "")

  @parameterized.parameters(*AGENTS[:3])
  @pytest.mark.slow
  def test_a_sampled_run_is_saved_resumed_and_read(self, config):
    directory = testing.make_directory(self)

    def solver():
      return testing.make_solver(
          "kuhn_poker", config, ppsro.Pipeline(num_levels=2),
          evaluation="sampled", min_steps=50, opponent_update_freq=50,
          payoff_episodes=16)

    oracle, one = solver()
    with oracle:
      one.round()
      plain_data.write(directory / "state.npz", one.state())
      expected = testing.without_clocks([one.round()]), one.state()
      ppsro.write_policy(directory, one.final_policy())
      policy = ppsro.read_policy(directory)
      state = one.original_game.game.new_initial_state().child(0).child(1)
      self.assertEqual(policy.action_probabilities(state),
                       one.final_policy().action_probabilities(state))
    oracle, other = solver()
    with oracle:
      other.restore(plain_data.read(directory / "state.npz"))
      found = testing.without_clocks([other.round()]), other.state()
    self.assertEqual(found[0], expected[0])
    self.assertEqual(plain_data.first_difference(found[1], expected[1]), "")

  def policy_data(self):
    game = opened("kuhn_poker", "sampled")
    return policy_lib.to_data(Q_LEARNER.make_learner(
        game, 0, np.random.SeedSequence(0)).initial_policy())

  @parameterized.parameters(
      ("nowhere.agents:Clever", "no agent class nowhere.agents.Clever here: "
       "import nowhere.agents first"),
      ("__main__:Clever", "defined in the main script"),
      ("subprocess:Popen", "subprocess.Popen is no rl_agent.AbstractAgent"))
  def test_reads_only_agents_that_were_imported(self, name, message):
    data = self.policy_data()
    data["spec"]["agent_class"] = name
    with self.assertRaisesRegex(ValueError, message):
      policy_lib.from_data(data)

  def test_reads_only_objects_of_the_agents_packages(self):
    data = self.policy_data()
    schedule = data["learned"]["attributes"]["_epsilon_schedule"]
    schedule["class"] = "pathlib:Path"
    policy = policy_lib.from_data(data)
    with self.assertRaisesRegex(ValueError, "pathlib:Path"):
      policy(np.zeros((1, 11), np.float32), np.ones((1, 2), bool))

  def test_a_policy_is_a_function(self):
    game = opened("kuhn_poker", "sampled")
    for config in AGENTS[:3]:
      policy = config.make_learner(
          game, 0, np.random.SeedSequence(0)).initial_policy()
      tree = ppsro.enumerate_game("kuhn_poker").infostates[0]
      asked = tree.observations, tree.legal_actions_mask
      first = policy(*asked)
      np.testing.assert_array_equal(policy(*asked), first)
      for other in (pickle.loads(pickle.dumps(policy)),
                    policy_lib.from_data(policy_lib.to_data(policy))):
        self.assertIsInstance(other, agent_lib.AgentPolicy)
        np.testing.assert_array_equal(other(*asked), first)


if __name__ == "__main__":
  absltest.main()

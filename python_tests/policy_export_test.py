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

"""Tests of exports: loaded back, or in another runtime, they play the same."""

import csv
import importlib.util
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import distillation
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import onnx_export
from open_spiel_ppsro.policies import policy_export
import testing


def network(game, seed, **options):
  """Returns a random network of a `StateGame`."""
  sizes = (game.num_features + len(options.get("context", ())), 8,
           game.num_actions)
  size = sum((wide + 1) * narrow for wide, narrow in zip(sizes, sizes[1:]))
  return ppsro.NetworkPolicy(
      sizes, np.random.default_rng(seed).normal(size=size).astype(np.float32),
      game.num_actions, **options)


def mixture_of(kind, name="kuhn_poker"):
  """Returns a mixture with three members for each player."""
  if kind == "tables":
    game = ppsro.enumerate_game(name)
    members = [[ppsro.TablePolicy(testing.random_table(game, player, seed))
                for seed in range(3)] for player in range(game.num_players)]
  else:
    game = ppsro.open_game(name, evaluation="sampled")
    if kind == "drawn_seats":
      game = seat_symmetry.symmetrise(game)
    context = np.array([0.5, -1], np.float32)
    members = [[ppsro.UniformPolicy(), network(game, 1, temperature=0.5),
                network(game, 2, context=context)]] * game.num_players
  players = range(game.num_players)
  joint = np.random.default_rng(0).dirichlet(np.ones(3 ** len(players))
                                            ).reshape((3,) * len(players))
  return ppsro.MemberMixture(
      game, [[0, 4, 7]] * len(players), members,
      [joint.sum(axis=tuple(p for p in players if p != player))
       for player in players], joint if len(players) > 2 else None)


def nash_conv(tree, mixture):
  return sequence_form.nash_conv(tree, mixture.tables(tree))


class PolicyExportTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self)

  @parameterized.parameters("kuhn_poker", "kuhn_poker(players=3)",
                            "goofspiel(imp_info=True,num_cards=3)",
                            "liars_dice(dice_sides=2)")
  def test_a_table_comes_back(self, name):
    tree = ppsro.enumerate_game(name)
    tables = [testing.random_table(tree, player, 3)
              for player in range(tree.num_players)]
    expected = sequence_form.nash_conv(tree, tables)
    policy_export.write_table(self.path / "policy.npz", tree, tables)
    policy_export.write_csv(self.path / "policy.csv", tree, tables)
    for found in (policy_export.read_table(self.path / "policy.npz"),
                  policy_export.read_table(self.path / "policy.csv", tree)):
      back = [found.table(player) for player in range(tree.num_players)]
      self.assertAlmostEqual(sequence_form.nash_conv(tree, back), expected,
                             places=12)
      for ours, theirs in zip(back, tables):
        np.testing.assert_array_equal(ours, theirs)
    with open(self.path / "policy.csv", encoding="utf-8") as file:
      rows = list(csv.DictReader(file))
    self.assertLen(rows, sum(i.legal_actions_mask.sum()
                             for i in tree.infostates))
    self.assertAlmostEqual(sum(float(row["probability"]) for row in rows),
                           sum(map(len, tree.infostates)), places=9)

  @parameterized.product(
      kind=("tables", "networks", "drawn_seats"),
      name=("kuhn_poker", "kuhn_poker(players=3)"))
  def test_members_come_back(self, kind, name):
    if kind == "drawn_seats" and "players=3" in name:
      return  # Seats are drawn in two-player games.
    tree, mixture = ppsro.enumerate_game(name), mixture_of(kind, name)
    policy_export.write_members(self.path / "members.npz", mixture)
    with np.load(self.path / "members.npz", allow_pickle=False) as arrays:
      self.assertEqual(str(arrays["format"]), policy_export.MEMBERS_FORMAT)
      for array in arrays.values():
        self.assertNotEqual(array.dtype.kind, "O")
    back = policy_export.read_members(self.path / "members.npz")
    self.assertAlmostEqual(nash_conv(tree, back), nash_conv(tree, mixture),
                           places=9)
    self.assertEqual([list(i) for i in back.indices],
                     [list(i) for i in mixture.indices])
    self.assertEqual(back.joint is None, mixture.joint is None)
    if mixture.joint is not None:
      np.testing.assert_array_equal(back.joint, mixture.joint)

  def test_what_cannot_be_read_is_one_line(self):
    tree = ppsro.enumerate_game("kuhn_poker")
    path = self.path / "policy.npz"
    policy_export.write_table(
        path, tree, [tree.uniform_table(player) for player in range(2)])
    for call, message in (
        (lambda: policy_export.read_members(path), "is no 'open_spiel_ppsro m"),
        (lambda: policy_export.read_table(self.path / "none"),
         "cannot be read"),
        (lambda: policy_export.read_table(self.path / "a.csv"),
         "does not tell its game"),
        (lambda: policy_export.read_table(
            path, ppsro.enumerate_game("leduc_poker")), "of another game")):
      with self.assertRaisesRegex(ValueError, message):
        call()

    class Mine(ppsro.UniformPolicy):
      pass

    class Other(ppsro.FunctionPolicy):

      def __call__(self, observations, legal_actions_mask):
        return ppsro.UniformPolicy()(observations, legal_actions_mask)

      def to_data(self):
        return {}

      @classmethod
      def from_data(cls, data):
        return cls()

    self.addCleanup(ppsro.Policy.classes.pop, "Mine")
    self.addCleanup(ppsro.Policy.classes.pop, "Other")
    game = ppsro.open_game("kuhn_poker", evaluation="sampled")
    mixture = ppsro.MemberMixture(
        game, [[0], [3]], [[Mine()], [Other()]], [np.ones(1)] * 2)
    with self.assertRaisesRegex(ValueError, "player 1 policy 3 is a Other"):
      policy_export.write_members(path, mixture)
    with self.assertRaisesRegex(ValueError, "a Other cannot be exported"):
      onnx_export.write_onnx(path, Other(), 3, 2)


class OnnxTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "model.onnx"

  def answers(self, observations, mask):
    """Returns what the model says in onnxruntime."""
    import onnxruntime  # pylint: disable=g-import-not-at-top
    session = onnxruntime.InferenceSession(str(self.path))
    return session.run(None, {"observation": observations,
                              "legal_actions": mask})[0]

  @parameterized.parameters(0, 1, 2, "greedy", "table", "resnet", "conv(5,6)")
  @pytest.mark.slow
  @pytest.mark.sweep(1)
  def test_it_answers_as_the_member(self, which):
    tree = ppsro.enumerate_game("leduc_poker")
    infostates = tree.infostates[1]
    observations, mask = infostates.observations, infostates.legal_actions_mask
    if which == "table":
      member = ppsro.TablePolicy(testing.random_table(tree, 1, 5))
      expected = member.table
    elif isinstance(which, str) and which != "greedy":
      net = networks.Network(
          (observations.shape[1], 8, 8, tree.num_actions),
          networks.generator(np.random.SeedSequence(2)), "cpu", name=which)
      member = ppsro.NetworkPolicy(
          net.sizes, networks.as_array(net.parameters), tree.num_actions,
          network=which)
      expected = member(observations, mask)
      path = testing.make_directory(self) / "network.npz"
      policy_export.write_network(path, member, "leduc_poker()", 30, 2)
      np.testing.assert_array_equal(
          policy_export.read_network(path)(observations, mask), expected)
    else:
      game = ppsro.open_game("leduc_poker", evaluation="sampled")
      member = (network(game, 3, temperature=0.0) if which == "greedy" else
                mixture_of("networks", "leduc_poker").members[0][which])
      expected = member(observations, mask)
    onnx_export.write_onnx(self.path, member, observations.shape[1],
                           tree.num_actions, observations)
    np.testing.assert_allclose(self.answers(observations, mask), expected,
                               atol=1e-5)
    # Any number of rows, in any order.
    np.testing.assert_allclose(
        self.answers(observations[[7, 3]], mask[[7, 3]]), expected[[7, 3]],
        atol=1e-5)
    self.assertLen(list(self.path.parent.iterdir()), 1)

  def test_a_missing_extra_is_one_line(self):
    find_spec = importlib.util.find_spec
    with mock.patch.object(
        importlib.util, "find_spec",
        lambda name: None if name == "onnxscript" else find_spec(name)):
      with self.assertRaisesRegex(
          ValueError, r"^ONNX needs onnxscript, which is not installed: pip "
          r"install 'open_spiel_ppsro\[onnx\]'$"):
        onnx_export.write_onnx(self.path, ppsro.UniformPolicy(), 3, 2)


class DistillationTest(parameterized.TestCase):

  @parameterized.parameters("tables", "drawn_seats")
  @pytest.mark.slow
  def test_a_network_imitates_the_mixture(self, kind):
    tree, mixture = ppsro.enumerate_game("kuhn_poker"), mixture_of(kind)
    with mock.patch.object(distillation, "_EPISODES", 4096):
      found = distillation.distil(mixture, (32,), updates=800, seed=1)
      again = distillation.distil(mixture, (32,), updates=2, seed=1)
      same = distillation.distil(mixture, (32,), updates=2, seed=1)
    np.testing.assert_array_equal(again.network.parameters,
                                  same.network.parameters)
    # Sampled episodes leave an error of a few hundredths.
    self.assertAlmostEqual(
        sequence_form.nash_conv(tree, found.tables(tree)),
        nash_conv(tree, mixture), delta=0.01 if kind == "tables" else 0.1)
    path = testing.make_directory(self) / "distilled.npz"
    policy_export.write_network(path, found.network, "kuhn_poker()",
                                found.num_features, found.num_players)
    np.testing.assert_array_equal(
        policy_export.read_network(path).parameters, found.network.parameters)


if __name__ == "__main__":
  absltest.main()

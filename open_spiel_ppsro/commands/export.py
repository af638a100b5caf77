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

"""Exports what a run has found, for programs that know nothing of it.

OUT gets policy.npz and policy.csv, one policy of all seats, weighted by reach,
of games that can be enumerated; members.npz, the members of the mixture and
their probabilities; and export.json, which says what is what. With --onnx each
member is a model, too. With --distil one network imitates the mixture:
distilled.npz and distilled.onnx. No file holds pickles; docs/formats.md lists
the arrays.
"""

import json
import pathlib
import sys
from typing import Any

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import sequence_form
from open_spiel_ppsro.oracles import distillation
from open_spiel_ppsro.policies import onnx_export
from open_spiel_ppsro.policies import policy_export
from open_spiel_ppsro.runs import output_directory

FLAGS = flags.FLAGS
USAGE = " RUN_DIR OUT"
ARGUMENTS = (2, 2)


def define() -> None:
  """Defines the flags."""
  with common_flags.group("What is exported"):
    flags.DEFINE_boolean(
        "onnx", False, "An ONNX model of each member; needs the extra onnx.")
    flags.DEFINE_boolean(
        "distil", False,
        "Train one network that imitates the mixture; needs the extra onnx.")
    flags.DEFINE_list(
        "hidden_sizes", "128,128",
        "Units in the hidden layers of that network.")
    flags.DEFINE_integer(
        "updates", 3000, "Of that network.", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "Of its weights and episodes.",
                         lower_bound=0)
    flags.DEFINE_integer(
        "max_histories", game_tree.DEFAULT_MAX_HISTORIES,
        "The largest game of a sampled run to enumerate.", lower_bound=1)
    flags.DEFINE_boolean(
        "overwrite", False, "Whether OUT may hold something that is replaced.")
  common_flags.define_mixture()
  common_flags.define_imports()


def main(arguments: list[str]) -> int:
  """Exports a run."""
  common_flags.import_modules()
  if FLAGS.onnx or FLAGS.distil:
    onnx_export.check_available()
  try:
    hidden_sizes = tuple(map(int, FLAGS.hidden_sizes))
  except ValueError as error:
    raise ValueError(f"--hidden_sizes is {','.join(FLAGS.hidden_sizes)!r}; it "
                     "takes whole numbers, as in 64,64") from error
  run = ppsro.load(arguments[0], FLAGS.mixture)
  try:
    tree = run.tree(FLAGS.max_histories)
  except game_tree.NotEnumerableError:
    tree = None
  path = output_directory.make(arguments[1], "export", FLAGS.overwrite)
  exported: dict[str, Any] = {
      "game": str(run.game.original.game), "mixture": run.name, "files": {}}
  pairs = {"run": run.path, "mixture": run.name}
  if tree is None:
    print("policy.npz and policy.csv are left out: the game is too large for a "
          "table", file=sys.stderr)
  else:
    tables = run.tables(tree)
    policy_export.write_table(path / "policy.npz", tree, tables)
    policy_export.write_csv(path / "policy.csv", tree, tables)
    exported["files"].update({
        "policy.npz": "one policy of all seats", "policy.csv": "the same"})
    pairs["nash_conv"] = f"{sequence_form.nash_conv(tree, tables):.6g}"
  if run.has_not:
    print(f"members.npz is left out: {run.has_not[0]}", file=sys.stderr)
  else:
    mixture = run.mixture.flat()
    policy_export.write_members(path / "members.npz", mixture)
    exported["files"]["members.npz"] = "the members of the mixture"
    exported["members"] = [
        [{"policy": index, "probability": float(weight)}
         for index, weight in zip(mixture.indices[player],
                                  mixture.probabilities[player])]
        for player in range(mixture.num_players)]
    if FLAGS.onnx:
      _write_members(path, mixture, exported)
    if FLAGS.distil:
      _distil(path, mixture, tree, hidden_sizes, exported, pairs)
  (path / "export.json").write_text(
      json.dumps(exported, indent=2) + "\n", encoding="utf-8")
  print("result: " + " ".join(f"{k}={v}" for k, v in pairs.items())
        + f" output_dir={path}")
  return 0


def _write_members(path, mixture, exported):
  """Writes a model of each member."""
  game = mixture.game
  for player, members in enumerate(mixture.members):
    observations = (game.infostates[player].observations
                    if isinstance(game, ppsro.GameTree) else None)
    width = game.num_features if observations is None else (
        observations.shape[1])
    indices = list(mixture.indices[player])
    for number, member in enumerate(members):
      name = f"player{player}_policy{indices[number]}"
      if indices.count(indices[number]) > 1:  # One of a policy that draws.
        name += f"_{number - indices.index(indices[number])}"
      name += ".onnx"
      onnx_export.write_onnx(path / name, member, width, game.num_actions,
                             observations)
      exported["members"][player][number]["onnx"] = name
      exported["files"][name] = "a member of the mixture"


def _distil(path: pathlib.Path, mixture, tree, hidden_sizes, exported, pairs):
  """Trains and writes one network for the whole mixture."""
  found = distillation.distil(mixture, hidden_sizes, FLAGS.updates,
                              seed=FLAGS.seed)
  policy_export.write_network(
      path / "distilled.npz", found.network, str(mixture.game.original.game),
      found.num_features, found.num_players)
  onnx_export.write_onnx(path / "distilled.onnx", found.network,
                         found.num_features + found.num_players,
                         found.network.num_actions)
  exported["files"].update({
      "distilled.npz": "one network that imitates the mixture",
      "distilled.onnx": "the same"})
  if tree is None:
    print("the exploitability of the distilled network is not known: the game "
          "is too large", file=sys.stderr)
    return
  ours = sequence_form.nash_conv(tree, found.tables(tree))
  pairs["distilled_nash_conv"] = f"{ours:.6g}"
  print(f"NashConv {pairs['nash_conv']} of the mixture, {ours:.6g} of the "
        "network that imitates it", file=sys.stderr)

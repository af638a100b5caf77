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

"""Policy export: tables and members in files that other programs can read.

Every array of these npz files stands under its own name, as `np.load` shows it
with `allow_pickle=False`; docs/formats.md lists the names.
"""

from collections.abc import Sequence
import csv
import io
import os
import pathlib
import sys
from typing import Any

import numpy as np
import pyspiel

from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import loading
from open_spiel_ppsro.games import seat_symmetry
from open_spiel_ppsro.games import state_game
from open_spiel_ppsro.policies import member_mixture
from open_spiel_ppsro.policies import networks
from open_spiel_ppsro.policies import policy as policy_lib
from open_spiel_ppsro.policies import sampled
from open_spiel_ppsro.policies import tabular

TABLE_FORMAT = "open_spiel_ppsro table 1"
NETWORK_FORMAT = "open_spiel_ppsro network 1"
MEMBERS_FORMAT = "open_spiel_ppsro members 1"
CSV_COLUMNS = ("player", "information_state", "action", "action_name",
               "probability")


def write_table(path: str | os.PathLike, tree: game_tree.GameTree,
                tables: Sequence[np.ndarray]) -> None:
  """Writes one policy of all seats as npz.

  Args:
    path: of the file.
    tree: the game, enumerated.
    tables: per player, action probabilities `[I_p, A]`.
  """
  arrays: dict[str, Any] = {"format": TABLE_FORMAT, "game": str(tree.game)}
  for player, (infostates, table) in enumerate(zip(tree.infostates, tables)):
    arrays[f"information_states_{player}"] = np.array(infostates.names)
    arrays[f"legal_actions_{player}"] = infostates.legal_actions_mask
    arrays[f"probabilities_{player}"] = table
  _write(path, arrays)


def write_csv(path: str | os.PathLike, tree: game_tree.GameTree,
              tables: Sequence[np.ndarray]) -> None:
  """Writes one policy of all seats as CSV, a row per legal action.

  Probabilities have all their digits.

  Args:
    path: of the file.
    tree: the game, enumerated.
    tables: per player, action probabilities `[I_p, A]`.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(CSV_COLUMNS)
  for player, (infostates, table) in enumerate(zip(tree.infostates, tables)):
    names = tree.action_names(player)
    for row, name in enumerate(infostates.names):
      for action in np.flatnonzero(infostates.legal_actions_mask[row]).tolist():
        writer.writerow([player, name, action, names[row][action],
                         repr(float(table[row, action]))])
  pathlib.Path(path).write_text(text.getvalue(), encoding="utf-8")


def read_table(path: str | os.PathLike,
               game: pyspiel.Game | game_tree.GameTree | None = None
               ) -> tabular.BestResponsePolicy:
  """Returns the policy that `write_table` or `write_csv` wrote.

  Args:
    path: of the file; one that ends in `.csv` is read as CSV.
    game: the game, which a CSV file does not tell.

  Raises:
    ValueError: if the file is no such table, or of another game; says why.
  """
  path = pathlib.Path(path)
  if path.suffix == ".csv":
    if game is None:
      raise ValueError(f"{path} does not tell its game: give the game as well")
    tree = _tree(game)
    found = _csv_rows(path, tree.num_players, tree.num_actions)
  else:
    arrays = _read(path, TABLE_FORMAT)
    tree = _tree(str(arrays["game"]) if game is None else game)
    found = [dict(zip(arrays[f"information_states_{player}"].tolist(),
                      arrays[f"probabilities_{player}"]))
             for player in range(tree.num_players)]
  tables = []
  for player, infostates in enumerate(tree.infostates):
    missing = [name for name in infostates.names if name not in found[player]]
    if missing:
      raise ValueError(f"{path} is of another game: it has no information "
                       f"state {missing[0]!r} of player {player}")
    tables.append(np.stack([found[player][name] for name in infostates.names]))
  return tabular.BestResponsePolicy(
      tree.game, dict(enumerate(zip(tree.infostates, tables))), frozen=True)


def _csv_rows(path, num_players, num_actions):
  """Returns per player `{information state: probabilities [A]}`."""
  found: list[dict[str, np.ndarray]] = [{} for _ in range(num_players)]
  with open(path, newline="", encoding="utf-8") as file:
    reader = csv.DictReader(file)
    if tuple(reader.fieldnames or ()) != CSV_COLUMNS:
      raise ValueError(f"{path} is no table: its columns are not "
                       f"{','.join(CSV_COLUMNS)}")
    for row in reader:
      found[int(row["player"])].setdefault(
          row["information_state"], np.zeros(num_actions))[
              int(row["action"])] = float(row["probability"])
  return found


def write_members(path: str | os.PathLike,
                  mixture: member_mixture.MemberMixture) -> None:
  """Writes the members of a mixture and their probabilities as npz.

  Raises:
    ValueError: if a member is neither a table nor a network of this package,
      such as an agent of OpenSpiel.
  """
  game = mixture.game
  arrays: dict[str, Any] = {
      "format": MEMBERS_FORMAT, "game": str(game.original.game),
      "is_enumerated": game.is_enumerated,
      "has_drawn_seats": game.has_drawn_seats}
  if mixture.joint is not None:
    arrays["joint"] = mixture.joint
  for player, members in enumerate(mixture.members):
    arrays[f"indices_{player}"] = np.array(mixture.indices[player])
    arrays[f"probabilities_{player}"] = mixture.probabilities[player]
    if isinstance(game, game_tree.GameTree):
      arrays[f"information_states_{player}"] = np.array(
          game.infostates[player].names)
      arrays[f"tables_{player}"] = mixture.member_tables(game, player)
      continue
    for number, member in enumerate(members):
      if isinstance(member, networks.NetworkPolicy):
        arrays.update(_network_arrays(member, f"{player}_{number}"))
      elif not isinstance(member, sampled.UniformPolicy):
        raise ValueError(
            f"player {player} policy {mixture.indices[player][number]} is a "
            f"{type(member).__name__}; members are exported as tables and "
            "networks, and final_mixture.npz has all others")
  _write(path, arrays)


def write_network(path: str | os.PathLike, network: networks.NetworkPolicy,
                  game: str, num_features: int, num_players: int) -> None:
  """Writes one network of all seats as npz.

  Args:
    path: of the file.
    network: shown an observation and a one-hot seat.
    game: its string.
    num_features: the length of an observation.
    num_players: that of the one-hot seat.
  """
  _write(path, {"format": NETWORK_FORMAT, "game": game,
                "num_features": num_features, "num_players": num_players,
                **_network_arrays(network, "0")})


def read_network(path: str | os.PathLike) -> networks.NetworkPolicy:
  """Returns the network that `write_network` wrote."""
  return _network(_read(path, NETWORK_FORMAT), "0")


def _network_arrays(member, suffix):
  """Returns the arrays of a network by their names."""
  arrays: dict[str, Any] = {f"temperature_{suffix}": member.temperature,
                            f"num_actions_{suffix}": member.num_actions}
  if member.context is not None:
    arrays[f"context_{suffix}"] = member.context
  if member.network != "mlp":
    arrays[f"network_{suffix}"] = member.network
    arrays[f"sizes_{suffix}"] = np.array(member.sizes)
    arrays.update({
        f"parameter_{suffix}_{name}": parameter.detach().numpy()
        for name, parameter in member.module.named_parameters()})
    return arrays
  start = 0
  for layer, (wide, narrow) in enumerate(zip(member.sizes, member.sizes[1:])):
    arrays[f"weight_{suffix}_{layer}"] = member.parameters[
        start:start + wide * narrow].reshape(narrow, wide)
    start += wide * narrow
    arrays[f"bias_{suffix}_{layer}"] = member.parameters[start:start + narrow]
    start += narrow
  return arrays


def read_members(path: str | os.PathLike,
                 game: pyspiel.Game | game_lib.Game | None = None
                 ) -> member_mixture.MemberMixture:
  """Returns the mixture that `write_members` wrote.

  Args:
    path: of the file.
    game: the game, of one that no string tells.

  Raises:
    ValueError: if the file holds no members, or is of another game; says why.
  """
  arrays = _read(path, MEMBERS_FORMAT)
  members: list[list[policy_lib.Policy]] = []
  opened: game_lib.Game
  if arrays["is_enumerated"]:
    opened = tree = _tree(str(arrays["game"]) if game is None else game)
    for player, infostates in enumerate(tree.infostates):
      rows = {name: row for row, name in enumerate(
          arrays[f"information_states_{player}"].tolist())}
      if rows.keys() != infostates.rows.keys():
        raise ValueError(f"{path} is of another game: player {player} has "
                         "other information states")
      order = [rows[name] for name in infostates.names]
      members.append([tabular.TablePolicy(table[order])
                      for table in arrays[f"tables_{player}"]])
  else:
    opened = state_game.state_game(
        game.original.game if isinstance(game, game_lib.Game) else
        str(arrays["game"]) if game is None else game)
    if arrays["has_drawn_seats"]:
      opened = seat_symmetry.symmetrise(opened)
    for player in range(opened.num_players):
      members.append([
          _network(arrays, f"{player}_{number}")
          for number in range(len(arrays[f"indices_{player}"]))])
  players = range(opened.num_players)
  return member_mixture.MemberMixture(
      opened, [arrays[f"indices_{player}"].tolist() for player in players],
      members, [arrays[f"probabilities_{player}"] for player in players],
      arrays.get("joint"))


def _network(arrays, suffix):
  """Returns a network by its arrays; the uniform policy if there are none."""
  if f"temperature_{suffix}" not in arrays:
    return sampled.UniformPolicy()
  name = str(arrays.get(f"network_{suffix}", "mlp"))
  parts, sizes, layer = [], [], 0
  if name != "mlp":
    sizes = arrays[f"sizes_{suffix}"].tolist()
    parts = [array.ravel() for key, array in arrays.items()
             if key.startswith(f"parameter_{suffix}_")]
  while f"weight_{suffix}_{layer}" in arrays:
    weight = arrays[f"weight_{suffix}_{layer}"]
    sizes = (sizes or [weight.shape[1]]) + [weight.shape[0]]
    parts += [weight.ravel(), arrays[f"bias_{suffix}_{layer}"]]
    layer += 1
  return networks.NetworkPolicy(
      tuple(sizes), np.concatenate(parts),
      int(arrays[f"num_actions_{suffix}"]),
      float(arrays[f"temperature_{suffix}"]), arrays.get(f"context_{suffix}"),
      name)


def _tree(game):
  if isinstance(game, game_tree.GameTree):
    return game.original
  if isinstance(game, str):
    game = loading.load_game(game)
  return game_tree.enumerate_game(game, max_histories=sys.maxsize)


def _write(path, arrays):
  with open(path, "wb") as file:
    np.savez_compressed(file, **arrays)


def _read(path, form):
  """Returns the arrays of a file that has to be of a format."""
  try:
    with np.load(path, allow_pickle=False) as file:
      arrays = {name: file[name] for name in file.files}
  except Exception as error:  # zipfile and NumPy raise many classes of errors.
    raise ValueError(f"{path} cannot be read: "
                     f"{' '.join(str(error).split())}") from error
  if str(arrays.get("format")) != form:
    raise ValueError(f"{path} is no {form!r}")
  return arrays

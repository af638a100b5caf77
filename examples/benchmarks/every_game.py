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

"""Runs every game that OpenSpiel registers, and says what became of it.

    python examples/benchmarks/every_game.py

Each game runs for some seconds by `ppsro.run` as it is, in a process of its own
that is forked once everything is imported; games whose default is huge, or that
cannot do without parameters, run with small ones as well. Where `nash` is
refused, `cce` takes its place. It prints a table, a row when its game has
ended, and ends with exit code 1 if a game ended in a traceback or took much
longer than the time limit.
"""

import contextlib
import importlib
import multiprocessing
import os
import pathlib
import re
import signal
import sys
import tempfile
import time

from absl import flags
import pyspiel

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch

_GAMES = flags.DEFINE_list(
    "games", None,
    "Names of registered games; all if not given.")
_SECONDS = flags.DEFINE_float(
    "time_limit_seconds", 6, "Of each run.", lower_bound=1)

# A run may take so much longer than its limit: seconds, or a share.
_LATE_SECONDS, _LATE_SHARE = 10.0, 0.2
# After so many times its limit a run is ended.
_PATIENCE = 10

# Where standard output and standard error of a run go.
_STREAMS = ("printed", "said")

# What is written to a file that a game reads.
_NFG = """NFG 1 R "penalties" { "a" "b" } { 2 2 }
-1 1 1 -1 1 -1 -1 1
"""
_EFG = """EFG 2 R "penalties" { "a" "b" } ""
p "" 1 1 "" { "l" "r" } 0
p "" 2 1 "" { "l" "r" } 0
t "" 1 "" { -1 1 }
t "" 2 "" { 1 -1 }
p "" 2 1 "" { "l" "r" } 0
t "" 3 "" { 1 -1 }
t "" 4 "" { -1 1 }
"""
_FILES = {"game.nfg": _NFG, "game.efg": _EFG}
# Small parameters of games whose defaults are huge, and parameters of games
# that need some; both by name.
SMALL = {
    "add_noise": "add_noise(epsilon=0.1,seed=1,game=kuhn_poker())",
    "blotto": "blotto(coins=4,fields=3)",
    "breakthrough": "breakthrough(rows=3,columns=2)",
    "cached_tree": "cached_tree(game=kuhn_poker())",
    "checkers": "checkers(rows=4,columns=4)",
    "clobber": "clobber(rows=2,columns=3)",
    "connect_four": "connect_four(rows=3,columns=3,x_in_row=3)",
    "coop_box_pushing": "coop_box_pushing(horizon=2)",
    "dark_hex": "dark_hex(board_size=2)",
    "dark_hex_ir": "dark_hex_ir(board_size=2)",
    "dots_and_boxes": "dots_and_boxes(num_rows=1,num_cols=2)",
    "efg_game": "efg_game(filename=game.efg)",
    "first_sealed_auction": "first_sealed_auction(max_value=3)",
    "go": "go(board_size=2,max_game_length=5)",
    "go_fish": "go_fish(players=2)",
    "goofspiel": "goofspiel(num_cards=4,imp_info=true,points_order=descending)",
    "hanabi": "hanabi(players=2,colors=1,ranks=2,hand_size=2)",
    "hex": "hex(board_size=2)",
    "laser_tag": "laser_tag(horizon=2)",
    "leduc_poker": "leduc_poker(players=3)",
    "liars_dice": "liars_dice(dice_sides=3)",
    "liars_dice_ir": "liars_dice_ir(dice_sides=3)",
    "markov_soccer": "markov_soccer(horizon=2)",
    "misere": "misere(game=kuhn_poker())",
    "mnk": "mnk(m=2,n=3,k=2)",
    "negotiation": "negotiation(num_items=1,num_symbols=2,utterance_dim=1)",
    "nfg_game": "nfg_game(filename=game.nfg)",
    "nim": "nim(pile_sizes=1;2;3)",
    "normal_form_extensive_game":
        "normal_form_extensive_game(game=kuhn_poker())",
    "oshi_zumo": "oshi_zumo(coins=4,size=1)",
    "oware": "oware(num_houses_per_player=2,num_seeds_per_house=1)",
    "pathfinding": "pathfinding(players=2,grid=A.b\n.B.\na..,horizon=3)",
    "phantom_go": "phantom_go(board_size=2,max_game_length=5)",
    "pig": "pig(winscore=4,horizon=6)",
    "python_iterated_prisoners_dilemma":
        "python_iterated_prisoners_dilemma(max_game_length=3)",
    "python_liars_poker":
        "python_liars_poker(players=2,hand_length=1,num_digits=2)",
    "quoridor": "quoridor(board_size=3,wall_count=1)",
    "repeated_game":
        "repeated_game(stage_game=matrix_mp(),num_repetitions=2)",
    "repeated_leduc_poker": "repeated_leduc_poker(num_hands=1)",
    "restricted_nash_response":
        "restricted_nash_response(fixed_player=0,p=0.5,game=kuhn_poker())",
    "sheriff": "sheriff(item_penalty=1.0,item_value=5.0,max_bribe=2,"
               "max_items=2,num_rounds=1,sheriff_penalty=1.0)",
    "start_at": "start_at(history=0;1,game=kuhn_poker())",
    "turn_based_simultaneous_game":
        "turn_based_simultaneous_game(game=matrix_rps())",
    "universal_poker":
        "universal_poker(betting=nolimit,numPlayers=2,numRounds=1,blind=1 1,"
        "stack=2 2,numSuits=1,numRanks=3,numHoleCards=1)",
    "yacht": "yacht(players=2)",
    "zerosum": "zerosum(game=matrix_pd())",
}


def games(names):
  """Returns the games to run, `(name, game string)`, small ones last.

  Args:
    names: of registered games; None for all.
  """
  importlib.import_module("open_spiel.python.games")  # It registers them.
  registered = sorted(pyspiel.registered_names())
  unknown = sorted(set(names or ()) - set(registered))
  if unknown:
    raise ValueError(f"--games: OpenSpiel has no game {', '.join(unknown)}")
  found = []
  for name in names or registered:
    found.append((name, name))
    if name in SMALL:
      found.append((name, SMALL[name]))
  return found


def run(game, seconds, meta_strategy):
  """Runs a game in a process of its own.

  Args:
    game: its string.
    seconds: the time limit.
    meta_strategy: its name.

  Returns:
    The exit code, None if it had to be ended; what it printed; what it said on
    standard error; and the seconds that it took.
  """
  with tempfile.TemporaryDirectory() as directory:
    path = pathlib.Path(directory)
    for name, content in _FILES.items():
      (path / name).write_text(content)
    start = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(
        target=_run_here, args=(path, game, seconds, meta_strategy))
    process.start()
    process.join(_PATIENCE * seconds)
    code, took = process.exitcode, time.perf_counter() - start
    with contextlib.suppress(ProcessLookupError):  # And what it has started.
      os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return code, *((path / name).read_text() for name in _STREAMS), took


def _run_here(path, game, seconds, meta_strategy):
  """Runs a game in this process, which `run` has made."""
  os.setsid()
  os.chdir(path)
  for descriptor, name in enumerate(_STREAMS, start=1):
    with open(name, "wb") as stream:
      os.dup2(stream.fileno(), descriptor)
  sys.stdout, sys.stderr = (
      open(descriptor, "w", encoding="utf-8", closefd=False)
      for descriptor in (1, 2))
  try:
    print(ppsro.run(game, output_dir="run", meta_strategy=meta_strategy,
                    limits=ppsro.Limits(time_limit_seconds=seconds)).line(),
          flush=True)
  except ValueError as error:
    text = "\\n".join(str(error).splitlines())
    print(f"error: {text}", file=sys.stderr, flush=True)
    sys.exit(2)


def outcome(code, printed, said, seconds, limit):
  """Returns what became of a run, and what there is to say about it.

  Args:
    code: the exit code, None if it had to be ended.
    printed: on standard output.
    said: on standard error.
    seconds: how long it took.
    limit: its time limit, in seconds.

  Returns:
    `exact`, `sampled`, `refused` or `broken`, and a remark.
  """
  late = seconds - limit
  if code is None or late > max(_LATE_SECONDS, _LATE_SHARE * limit):
    return "broken", f"took {seconds:.0f} s"
  errors = [line for line in said.splitlines() if line.startswith("error: ")]
  result = re.search(r"^result: .* nash_conv=(\S+).* rounds=(\d+)", printed,
                     re.M)
  if "Traceback" in said or code not in (0, 1, 2) or (
      len(errors) != (0 if code == 0 else 1)) or (code == 0) != bool(result):
    lines = said.strip().splitlines() or [f"exit code {code}"]
    return "broken", lines[-1]
  if not result:
    return "refused", errors[0].removeprefix("error: ")
  remark = "" if int(result[2]) else "the first round was not finished"
  return "sampled" if result[1] == "nan" else "exact", remark


def play(game, limit):
  """Runs a game, with `cce` where `nash` is refused.

  Returns:
    As `outcome`, and the seconds of the longest run.
  """
  found = run(game, limit, "nash")
  kind, remark = outcome(*found, limit)
  seconds = found[-1]
  if kind == "refused" and "use 'cce'" in remark:
    found = run(game, limit, "cce")
    kind, remark = outcome(*found, limit)
    remark = "; ".join(filter(None, ["with `cce`", remark]))
    seconds = max(seconds, found[-1])
  return kind, remark, seconds


def main():
  ppsro.run  # All imports, once for all games.
  counts = dict.fromkeys(("exact", "sampled", "refused", "broken"), 0)
  print("| game | outcome | remark |\n|---|---|---|", flush=True)
  for _, game in games(_GAMES.value):
    kind, remark, seconds = play(game, _SECONDS.value)
    counts[kind] += 1
    shown = game.replace("\n", "\\n")
    print(f"| `{shown}` | {kind} | {remark.replace('|', '/')} |", flush=True)
    print(f"{shown}: {kind}, {seconds:.1f} s", file=sys.stderr, flush=True)
  print("\n" + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
  return 1 if counts["broken"] else 0


if __name__ == "__main__":
  launch.start(main)

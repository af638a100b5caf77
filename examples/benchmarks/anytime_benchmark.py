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

"""What it is worth that opponents adapt to a policy while it trains.

    python examples/benchmarks/anytime_benchmark.py --cores=2

Sequential PSRO and the pipeline, with and without `anytime`, learned and exact
responses: iterations and core seconds until the exploitability of the meta-Nash
is at most so much, and until that of the least exploitable mixture is. Numbers
are medians over seeds; a run that does not get there in its core seconds counts
as infinite, and `-` says that half of the runs or more did not.
"""

from concurrent import futures
import dataclasses
import itertools
import math
import multiprocessing
import statistics
import time

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import launch

_GAMES = flags.DEFINE_multi_string(
    "game", ["kuhn_poker", "leduc_poker", "liars_dice",
             "goofspiel(num_cards=5,imp_info=True,points_order=descending)"],
    "An enumerated two-player zero-sum game; give the flag several times.")
_ORACLES = flags.DEFINE_list(
    "oracles", ["ppo", "exact"], "The best responders, as --oracle takes them.")
_SCHEMES = flags.DEFINE_list(
    "schemes", ["sequential", "pipeline"], "The schemes that have `anytime`.")
_LEVELS = flags.DEFINE_list(
    "exploitabilities", ["0.1", "0.05", "0.01"], "Until it is at most these.")
_SECONDS = flags.DEFINE_float(
    "seconds", 60, "The core seconds of a run, at most.", lower_bound=1)
_SEEDS = flags.DEFINE_integer(
    "seeds", 5, "Seeds; exact responses draw nothing and have one.",
    lower_bound=1)
_CORES = flags.DEFINE_integer(
    "cores", 1, "How many runs are played at once.", lower_bound=1)

ANSWERS = ("meta-Nash", "least exploitable")


@dataclasses.dataclass(frozen=True)
class Setting:
  """What is compared.

  Attributes:
    game: the game string.
    oracle: a name in `ppsro.ORACLES`.
    scheme: a name in `ppsro.SCHEMES`.
    anytime: whether opponents adapt.
  """
  game: str
  oracle: str
  scheme: str
  anytime: bool


def play(setting, seed, exploitabilities, seconds):
  """Plays a run until it has reached all exploitabilities, or its time is over.

  Args:
    setting: a `Setting`.
    seed: of everything random.
    exploitabilities: the levels.
    seconds: of this process, at most.

  Returns:
    `{(answer, level): (iterations, core seconds)}`, infinite where it was not
    reached.
  """
  reached = {(answer, level): (math.inf, math.inf)
             for answer in ANSWERS for level in exploitabilities}
  game = ppsro.open_game(setting.game, evaluation="exact")
  scheme = ppsro.SCHEMES[setting.scheme](anytime=setting.anytime)
  start = time.process_time()
  with ppsro.PipelinedOracle(
      game, ppsro.ORACLES[setting.oracle](), seed=seed) as oracle:
    solver = ppsro.PipelinePSROSolver(game, oracle, scheme)
    while time.process_time() - start < seconds and any(
        math.isinf(spent) for spent, _ in reached.values()):
      result = solver.round()
      now = result.iterations, time.process_time() - start
      for answer, found in zip(ANSWERS, (
          result.of_frozen.exploitability, result.least_exploitable.upper)):
        for level in exploitabilities:
          if found <= level and now[1] <= seconds and math.isinf(
              reached[answer, level][0]):
            reached[answer, level] = now
  return reached


def line(label, runs, exploitabilities):
  """Returns the line of the table of some runs of one setting.

  Args:
    label: of the line.
    runs: what `play` returned for each seed.
    exploitabilities: the levels.
  """
  cells = []
  for answer in ANSWERS:
    for number, form in ((0, "{:.0f}"), (1, "{:.3g}")):
      medians = [statistics.median(run[answer, level][number] for run in runs)
                 for level in exploitabilities]
      cells.append(" / ".join("-" if math.isinf(median) else form.format(median)
                              for median in medians))
  return f"{label:<30}" + "".join(f"{cell:>27}" for cell in cells)


def warm_up():
  """Imports what a run needs, which is left out of its seconds."""
  setting = Setting("kuhn_poker", "ppo", "pipeline", True)
  play(setting, 0, [0.1], math.inf)


def main():
  exploitabilities = [float(text) for text in _LEVELS.value]
  settings = [Setting(*values) for values in itertools.product(
      _GAMES.value, _ORACLES.value, _SCHEMES.value, (False, True))]
  for setting in settings:
    if setting.oracle not in ppsro.ORACLES:
      raise ValueError(f"unknown oracle {setting.oracle!r}; use some of "
                       f"{', '.join(ppsro.ORACLES)}")
    if setting.scheme not in ("sequential", "pipeline"):
      raise ValueError(f"{setting.scheme!r} has no anytime; use sequential, "
                       "pipeline")
  for game in _GAMES.value:  # What cannot be played is said at once.
    opened = ppsro.open_game(game, evaluation="exact")
    if opened.num_players != 2 or not opened.is_zero_sum:
      raise ValueError(f"{game} is not a two-player zero-sum game, which "
                       "anytime needs")
  print(f"iterations and core seconds until exploitability is at most "
        f"{' / '.join(map(str, exploitabilities))}")
  with futures.ProcessPoolExecutor(
      _CORES.value, multiprocessing.get_context("spawn"), warm_up) as pool:
    runs = {setting: [
        pool.submit(play, setting, seed, exploitabilities, _SECONDS.value)
        for seed in range(
            1, 2 if setting.oracle == "exact" else 1 + _SEEDS.value)]
            for setting in settings}
    try:
      show(runs, exploitabilities)
    except BaseException:  # Ctrl-C too: what waits is not played.
      pool.shutdown(cancel_futures=True)
      raise
  return 0


def show(runs, exploitabilities):
  """Prints the table, each line when its runs have ended.

  Args:
    runs: per `Setting`, futures of what `play` returns, one for each seed.
    exploitabilities: the levels.
  """
  game = None
  for setting, found in runs.items():
    if setting.game != game:
      game = setting.game
      print(f"\n{game}\n{'':<30}"
            + "".join(f"{text:>27}" for answer in ANSWERS
                      for text in (answer, "core seconds")), flush=True)
    print(line(
        f"{setting.scheme}, {setting.oracle}"
        f"{', anytime' if setting.anytime else ''}",
        [run.result() for run in found], exploitabilities), flush=True)


if __name__ == "__main__":
  launch.start(main)

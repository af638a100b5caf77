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

"""What the tests share: solvers, comparisons of bits, examples, processes.

Tests import this module and never each other.
"""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl import flags
from absl import logging
import numpy as np
import pyte

from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import pipelined

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"

# How long a test waits for what will happen, in seconds, before it fails. No
# test takes nearly so long; a machine that is busy with other work may.
PATIENCE_SECONDS = 240


# Policies and solvers.


def random_table(tree, player, rng):
  """Returns a random policy of an enumerated game as a table `[I, A]`.

  Args:
    tree: a `GameTree`.
    player: whose policy it is.
    rng: a NumPy generator, or the seed of one.
  """
  mask = tree.infostates[player].legal_actions_mask
  table = np.random.default_rng(rng).exponential(size=mask.shape) * mask
  return table / table.sum(axis=1, keepdims=True)


def make_solver(game, config, scheme, executor=None, seed=0,
                evaluation="exact", seat_symmetric=None, workers_per_level=1,
                min_steps=None, **options):
  """Returns an oracle, to be closed, and a solver that trains on it.

  Args:
    game: what the oracle takes as a game.
    config: of the learners; with a `NeuPLConfig` the oracle is NeuPL's.
    scheme: a `Scheme`.
    executor: where learners train; serially if not given.
    seed: of everything random.
    evaluation: `exact`, `sampled` or `auto`.
    seat_symmetric: whether one population plays both seats; if not given, as
      the scheme needs it.
    workers_per_level: how many workers train each policy.
    min_steps: environment steps before a policy may freeze; few let a short
      run freeze. The default of the learner if not given.
    **options: of the solver.
  """
  if isinstance(config, neupl.NeuPLConfig):
    oracle = neupl.NeuPLOracle(game, config, executor, seed,
                               evaluation=evaluation)
  else:
    if seat_symmetric is None:
      seat_symmetric = scheme.one_population
    oracle = pipelined.PipelinedOracle(
        game, config, executor, seed, evaluation=evaluation,
        seat_symmetric=seat_symmetric, workers_per_level=workers_per_level)
  if min_steps is not None:
    options["plateau"] = plateau_lib.default_plateau(
        oracle, min_steps=min_steps)
  return oracle, solver_lib.PipelinePSROSolver(
      oracle.original_game.game, oracle, scheme, **options)


def play(rounds, *args, **kwargs):
  """Plays rounds with `make_solver` and closes the oracle.

  Args:
    rounds: how many.
    *args: of `make_solver`.
    **kwargs: of `make_solver`.

  Returns:
    The results without clocks, and the state of the solver: all its policies,
    payoffs, learners and random generators.
  """
  oracle, solver = make_solver(*args, **kwargs)
  with oracle:
    results = [solver.round() for _ in range(rounds)]
    return without_clocks(results), solver.state()


# Comparisons.


def without_clocks(results):
  """Returns the results of rounds, seconds aside, as texts.

  Texts are equal where numbers are, to the last bit, and where both are NaN.
  """
  return [str(dataclasses.asdict(dataclasses.replace(
      result, training_seconds=0, evaluation_seconds=0, round_seconds=0)))
          for result in results]


def metrics_without_clocks(metrics):
  """Returns the columns of `metrics.csv` that no clock decides, as texts."""
  of_clocks = ("seconds", "exploitability_low", "exploitability_high",
               "exploitability_round", "answer_low", "answer_high")
  return {name: str(values) for name, values in metrics.items()
          if not any(text in name for text in of_clocks)}


def differences(one, other, name="data"):
  """Returns where two pieces of plain data differ, in type or in bits.

  Args:
    one: dicts, sequences, arrays, numbers and texts, one inside another.
    other: what it is compared with.
    name: what to call it.

  Returns:
    The names of the parts that differ; none if all are the same.
  """
  if isinstance(one, dict) and isinstance(other, dict):
    if one.keys() != other.keys():
      return [f"the keys of {name}"]
    return [found for key in one for found in differences(
        one[key], other[key], f"{name}[{key!r}]")]
  if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
    if len(one) != len(other):
      return [f"the length of {name}"]
    return [found for index, pair in enumerate(zip(one, other))
            for found in differences(*pair, f"{name}[{index}]")]
  if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
    same = (one.dtype == other.dtype and one.shape == other.shape
            and one.tobytes() == other.tobytes())
  else:  # What is unequal to itself is NaN.
    same = type(one) is type(other) and (
        bool(one == other) or bool(one != one and other != other))
  return [] if same else [name]


# Actors.


class Counter:
  """An actor: remembers what it was made with and how often it was called."""

  def __init__(self, shared, start):
    if start < 0:
      raise ValueError(f"cannot start at {start}")
    self._shared = shared
    self._count = start

  def add(self, amount):
    self._count += amount
    return self._shared, self._count

  def state(self):
    return self._count

  def restore(self, state):
    self._count = state

  def add_and_die_once(self, amount, path):
    """Dies in the middle, unless it has before."""
    self._count += amount
    if not os.path.exists(path):
      pathlib.Path(path).touch()
      os.kill(os.getpid(), signal.SIGKILL)
    return self._count

  def hang_once(self, path):
    if not os.path.exists(path):
      pathlib.Path(path).touch()
      self.hang()
    return self._count

  def hang(self):
    time.sleep(2 * PATIENCE_SECONDS)

  def fail(self):
    raise ArithmeticError("the counter is broken")

  def diverge(self):
    raise FloatingPointError("it diverged")

  def die(self):
    os._exit(7)  # pylint: disable=protected-access

  def threads(self):
    return os.environ.get("OMP_NUM_THREADS")

  def process_id(self):
    return os.getpid()

  def has_imported(self, name):
    return name in sys.modules

  def something_that_cannot_be_pickled(self):
    return sys.stdout


# Processes.


def is_alive(pid):
  """Returns whether a process runs; one that has ended is a zombie at most."""
  try:
    status = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except (FileNotFoundError, ProcessLookupError):
    return False
  return status.rpartition(")")[2].split()[0] != "Z"


def children_of(pid):
  """Returns the ids of the living processes below a process."""
  answer = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], text=True,
                          capture_output=True, check=True)
  parents = {}
  for line in answer.stdout.splitlines():
    child, parent, state = line.split()
    if not state.startswith("Z"):
      parents[int(child)] = int(parent)
  found, level = [], [pid]
  while level:
    level = [child for child, parent in parents.items() if parent in level]
    found += level
  return found


def wait_until(condition, what, process=None):
  """Waits for something that will happen.

  Args:
    condition: a function that returns whether it has happened.
    what: the beginning of the sentence "... has not happened".
    process: a process without which it cannot happen, if there is one.

  Raises:
    AssertionError: if it does not happen; says what.
  """
  deadline = time.monotonic() + PATIENCE_SECONDS
  while not condition():
    if process is not None and process.poll() is not None:
      raise AssertionError(f"{what} has not happened, as the process ended: "
                           f"{process.communicate()}")
    if time.monotonic() > deadline:
      raise AssertionError(f"{what} has not happened")
    time.sleep(0.02)


class Clock:
  """Takes the place of `time.perf_counter`; nothing depends on the machine.

  Attributes:
    seconds: what it shows.
  """

  def __init__(self, step=0.0):
    """Makes a clock that advances by `step` seconds when it is read."""
    self.seconds = 0.0
    self._step = step

  def __call__(self):
    self.seconds += self._step
    return self.seconds

  def is_everybodys(self):
    """Returns a context in which everybody reads this clock."""
    return mock.patch.object(time, "perf_counter", self)


def on_screen(written, columns=80, lines=24):
  """Returns the lines that are on a terminal, without empty ones.

  Args:
    written: what was written to it.
    columns: of the terminal.
    lines: of the terminal.
  """
  screen = pyte.Screen(columns, lines)
  # The driver of a terminal returns the carriage.
  pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
  return [line.rstrip() for line in screen.display if line.strip()]


def make_directory(test):
  """Returns the path of a new directory that is gone after a test."""
  temporary = tempfile.TemporaryDirectory()
  test.addCleanup(temporary.cleanup)
  return pathlib.Path(temporary.name)


# Examples.


def example_path(example):
  """Returns the path of an example by its name, in whichever folder it is."""
  (path,) = EXAMPLES.rglob(f"{example}.py")
  return path


def import_example(name):
  """Returns a module of the examples that defines no flags."""
  with _path_of(example_path(name)):
    return importlib.import_module(name)


@contextlib.contextmanager
def imported_example(name):
  """Gives a module of the examples; its flags are gone afterwards."""
  with _path_of(example_path(name)), _what_examples_define():
    yield importlib.import_module(name)


def start_example(example, *arguments, **kwargs):
  """Starts an example as a user does, and returns its process."""
  return start_python(str(example_path(example)), *arguments, **kwargs)


def start_python(*arguments, **kwargs):
  """Starts a Python process that imports what this one does."""
  path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
  return subprocess.Popen([sys.executable, *arguments], **{
      "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
      "env": {**os.environ, "PYTHONPATH": path}, **kwargs})


def run_example(example, *arguments):
  """Runs an example in a process of its own.

  Returns:
    Exit code, lines of standard output, standard error.
  """
  process = start_example(example, *arguments)
  output, errors = process.communicate(timeout=PATIENCE_SECONDS)
  return process.returncode, output.splitlines(), errors


def call_example(example, *arguments):
  """Like `run_example`, in this process: nothing has to be imported again.

  What the example defines, its flags and its own modules, is gone afterwards.
  """
  path = example_path(example)
  with _path_of(path):
    return _call(lambda: runpy.run_path(str(path), run_name="__main__"),
                 str(path), *arguments)


def call_command(*arguments):
  """Calls the installed command in this process, like `call_example`."""
  from open_spiel_ppsro.commands import command_line
  return _call(command_line.main, "ppsro", *arguments)


def _call(function, *argv):
  """Calls what ends by `SystemExit`; see `call_example`."""
  with tempfile.TemporaryDirectory() as directory:
    streams = [pathlib.Path(directory) / name for name in ("output", "errors")]
    with (_what_examples_define(),
          _descriptor(1, "stdout", streams[0]),
          _descriptor(2, "stderr", streams[1]),
          mock.patch.object(sys, "argv", list(argv))):
      try:
        function()
        code = 0
      except SystemExit as end:
        code = end.code or 0
    output, errors = (stream.read_text() for stream in streams)
  return code, output.splitlines(), errors


def result_of(lines):
  """Returns the last line as a dict; every line but it is no result."""
  assert lines and lines[-1].startswith("result: "), lines
  assert not any(line.startswith("result:") for line in lines[:-1]), lines
  return dict(pair.split("=", 1) for pair in lines[-1].split()[1:])


@contextlib.contextmanager
def _what_examples_define():
  """Forgets the modules, the flags and the verbosity that examples set."""
  modules, verbosity = set(sys.modules), logging.get_verbosity()
  before = {name: len(defined) for name, defined in
            flags.FLAGS.flags_by_module_dict().items()}
  try:
    yield
  finally:
    logging.set_verbosity(verbosity)
    for name in set(sys.modules) - modules:
      if EXAMPLES in pathlib.Path(
          getattr(sys.modules[name], "__file__", None) or "/").parents:
        del sys.modules[name]
    for name, defined in list(flags.FLAGS.flags_by_module_dict().items()):
      if not name.startswith("absl."):
        for flag in list(defined)[before.get(name, 0):]:
          delattr(flags.FLAGS, flag.name)


@contextlib.contextmanager
def _path_of(script):
  """Imports from the folder of a script first, as Python does."""
  with mock.patch.object(sys, "path", [str(script.parent), *sys.path]):
    yield


@contextlib.contextmanager
def _descriptor(number, name, path):
  """Sends a standard stream, by descriptor and by name, to a file.

  What C++ writes goes by the descriptor.
  """
  getattr(sys, name).flush()
  before = os.dup(number)
  try:
    with open(path, "w", encoding="utf-8", buffering=1) as file:
      os.dup2(file.fileno(), number)
      with mock.patch.object(sys, name, file):
        yield
  finally:
    os.dup2(before, number)
    os.close(before)

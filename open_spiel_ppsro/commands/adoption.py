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

"""Adoption: flags that were not given get the values of an earlier run.

`adopt` is for a run that goes on, `adopt_config` for one that is repeated.
"""

import math
import pathlib

from absl import flags

import open_spiel_ppsro as ppsro
from open_spiel_ppsro.commands import common_flags

FLAGS = flags.FLAGS

# The episodes of a default batch of version 0.1 on an enumerated game.
_EPISODES_OF_0_1 = 2 ** 20
# The levels of a pipeline of version 0.1.
_LEVELS_OF_0_1 = 4
# Where `config.json` has the value of a flag, if it is not by its own name.
_PLACES = {**{flag: ("scheme_settings", field)
              for flag, field in common_flags.SCHEME_FIELDS.items()},
           **{flag: ("learner", field)
              for flag, field in {**common_flags.LEARNER_FIELDS,
                                  **common_flags.SELF_PLAY_FIELDS}.items()},
           **{flag: ("plateau", field)
              for flag, field in common_flags.PLATEAU_FIELDS.items()},
           **{flag: ("limits", flag) for flag in common_flags.LIMITS}}
_OF_THE_EXECUTOR = ("executor", "num_workers", "ray_address")
# The flag of an executor, by its class.
_EXECUTORS = {"SerialExecutor": "serial", "ProcessExecutor": "processes",
              "RayExecutor": "ray"}
# A setting that counts for one scheme or learner alone is not repeated where
# another one was asked for, nor the seed where there are several.
_NOT_WITH = {
    **{flag: ("scheme",) for flag in (*common_flags.SCHEME_FIELDS,
                                      *common_flags.PLATEAU_FIELDS)},
    **{flag: ("oracle", "scheme") for flag in common_flags.LEARNER_FIELDS},
    **{flag: ("game_name", "scheme", "oracle") for flag in (
        "opponent_update_freq", "payoff_episodes", "evaluation",
        "exploiter_steps", "min_steps", "episodes_per_batch")},
    "answer": ("game_name",),
    "workers_per_level": ("scheme", "oracle"),
    "num_workers": ("executor",), "ray_address": ("executor",),
    "seed": ("seeds",)}


def adopt(path):
  """Sets the flags that were not given as the run of a directory had them.

  Args:
    path: the run directory.

  Raises:
    ValueError: if there is no run in it, or one of which flags know nothing.
  """
  config = ppsro.read_config(path)
  if "flags" in config:  # Of version 0.1.
    given = _flags_of_0_1(config["flags"], path)
  elif "flags_given" in config:
    given = {flag: _look_up(config, flag) for flag in config["flags_given"]}
  else:
    raise ValueError(f"the run in {path} was not started by flags: resume it "
                     "from Python, with ppsro.run(..., resume=True)")
  others = common_flags.OF_THIS_PROCESS + (
      _OF_THE_EXECUTOR if FLAGS["executor"].present else ())
  for name, value in given.items():
    if name in FLAGS and value is not None and name not in others and (
        not FLAGS[name].present):
      setattr(FLAGS, name, value)


def _flags_of_0_1(given, path):
  """Returns the flags of a run of version 0.1, with defaults that were others.

  Its default batches of enumerated games were drawn, a pipeline had four
  levels, and policies imitated; all other defaults that have changed since are
  those of drawn batches.

  Args:
    given: the flags in its `config.json`.
    path: the run directory.
  """
  given = {**given}
  if given.get("scheme") == "pipeline" and given.get("num_levels") is None:
    given["num_levels"] = _LEVELS_OF_0_1
  if given.get("oracle") == "ppo":
    given["warm_start"] = False
  is_exact = any(value == value for value in  # Of a sampled game all are nan.
                 ppsro.read_metrics(path)["nash_conv_frozen"])
  if given.get("episodes_per_batch") is None and is_exact and (
      given.get("oracle") in ("ppo", "dqn")):
    given["episodes_per_batch"] = _EPISODES_OF_0_1
  return given


def adopt_seed(path):
  """Sets the seed as the run of a directory had it, unless it is given.

  It may have been one of several.
  """
  config = ppsro.read_config(path)
  if "seed" in config and not FLAGS["seed"].present:
    FLAGS.seed = config["seed"]


def adopt_config(path):
  """Makes all settings of a run the values of flags that were not given.

  Args:
    path: its `config.json`, or the run directory.

  Returns:
    The game, opened, if it had to be opened to compare settings; else None.

  Raises:
    ValueError: if there is none, or it has settings that no flag has.
  """
  path = pathlib.Path(path)
  config = ppsro.read_config(path.parent if path.name == "config.json"
                             else path)
  if "flags" in config:  # Of version 0.1.
    found = config["flags"]
  else:
    if config.get("sweep"):
      raise ValueError(f"the run of {path} trained its levels in turn (sweep), "
                       "for which there is no flag: repeat it from Python")
    found = {name: _look_up(config, name)
             for names in common_flags.GROUPS.values() for name in names
             if name in FLAGS}
    found["executor"] = _EXECUTORS.get(config.get("executor"),
                                       config.get("executor"))
    # What was not set is left out there, and had no limit.
    found.setdefault("time_limit_seconds", None)
    if found["time_limit_seconds"] is None:
      found["time_limit_seconds"] = math.inf
    if not found.get("free_running"):
      found["free_running"] = bool(config.get("max_staleness")) or None
    if not found["free_running"]:
      found["max_staleness"] = None
    if found.get("workers_per_level") == 1 and config["scheme"] != "self_play":
      found["workers_per_level"] = None
  if found.get("executor") == "serial":
    found["num_workers"] = None
  # These say what reads all others.
  first = ("import_module", "scheme", "oracle")
  for name in (*first, *(name for name in found if name not in first)):
    value = found.get(name)
    if name == first[1]:
      common_flags.import_modules()
    if name not in FLAGS or value is None or FLAGS[name].present or (
        name in common_flags.OF_THIS_PROCESS):
      continue
    if name not in first and not (
        _reads(common_flags.schemes_that_read(name), FLAGS.scheme)
        and _reads(common_flags.oracles_that_read(name), FLAGS.oracle)):
      continue
    if any(FLAGS[other].present for other in _NOT_WITH.get(name, ())
           if other in FLAGS):
      continue
    setattr(FLAGS, name, list(map(str, value)) if isinstance(value, list)
            else value)
  if "flags" in config or FLAGS["scheme"].present or FLAGS["oracle"].present:
    return None
  scheme = common_flags.make_scheme(FLAGS.scheme)
  # Defaults of learners depend on the game.
  game = common_flags.open_game()
  played = ppsro.symmetrise(game) if scheme.one_population else game
  ours = {**common_flags.make_config(scheme).for_game(played).settings(),
          **scheme.settings()}
  theirs = {**config["learner"], **config["scheme_settings"]}
  given = {field for fields in (common_flags.SCHEME_FIELDS,
                                common_flags.LEARNER_FIELDS,
                                common_flags.SELF_PLAY_FIELDS)
           for flag, field in fields.items() if FLAGS[flag].present}
  if FLAGS["workers_per_level"].present:
    given.add("streams")  # Of self-play; see `_look_up`.
  differing = [name for name, value in ours.items() if value is not None
               and name not in given and name in theirs
               and _plain(value) != _plain(theirs[name])]
  if differing:
    raise ValueError(f"the run of {path} has settings that no flag has: "
                     f"{', '.join(differing)}; repeat it from Python")
  return game


def _reads(readers, name):
  return readers is None or name in readers


def _plain(value):
  return list(value) if isinstance(value, tuple) else value


def _look_up(config, flag):
  if flag == "oracle" and config.get("oracle") == "mmd":
    return None  # Self-play has a learner of its own, which no flag names.
  places = _PLACES.get(flag, (flag,))
  if flag == "workers_per_level" and config.get("scheme") == "self_play":
    places = ("learner", "streams")  # It has them in place of workers.
  for key in places:
    config = config.get(key, {})
  return None if config == {} else config

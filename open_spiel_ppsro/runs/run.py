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

"""Run: plays one game from the first round to what stays on disk."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import math
import os
import time
from typing import Any

import pyspiel

from open_spiel_ppsro import callbacks as callbacks_lib
from open_spiel_ppsro import plateau as plateau_lib
from open_spiel_ppsro import schemes
from open_spiel_ppsro import solver as solver_lib
from open_spiel_ppsro.evaluation.interval import interval
from open_spiel_ppsro.executors import executor as executor_lib
from open_spiel_ppsro.games import game as game_lib
from open_spiel_ppsro.games import game_tree
from open_spiel_ppsro.games import open_game as open_game_lib
from open_spiel_ppsro.oracles import game_defaults
from open_spiel_ppsro.oracles import learner as learner_lib
from open_spiel_ppsro.oracles import neupl
from open_spiel_ppsro.oracles import pipelined
from open_spiel_ppsro.oracles import ppo
from open_spiel_ppsro.oracles import self_play
from open_spiel_ppsro.runs import exploiter_budget
from open_spiel_ppsro.runs import first_policy
from open_spiel_ppsro.runs import interval_watch
from open_spiel_ppsro.runs import limits as limits_lib
from open_spiel_ppsro.runs import output_directory
from open_spiel_ppsro.runs import progress as progress_lib
from open_spiel_ppsro.runs import provenance
from open_spiel_ppsro.runs import recorder as recorder_lib
from open_spiel_ppsro.runs import rounds
from open_spiel_ppsro.runs import run_directory
from open_spiel_ppsro.runs import run_summary
from open_spiel_ppsro.runs import settings as settings_lib
from open_spiel_ppsro.runs import signals as signals_lib

# Environment steps that each exploiter of a sampled game trains by default.
_EXPLOITER_STEPS = 1_000_000
# The share of the time of one core that measures sampled games. A tenth is two
# or three measurements in a minute.
_EVALUATION_SHARE = 0.1


def run(game: str | pyspiel.Game | game_lib.Game,
        scheme: str | schemes.Scheme = "pipeline",
        config: learner_lib.LearnerConfig | None = None,
        executor: executor_lib.Executor | None = None,
        *,
        seed: int = 1,
        limits: limits_lib.Limits = limits_lib.Limits(),
        output_dir: str | os.PathLike | None = None,
        resume: bool = False,
        overwrite: bool = False,
        checkpoint_seconds: float | None = 20.0,
        keep_checkpoints: int = 2,
        evaluation: str = "auto",
        max_histories: int = game_tree.DEFAULT_MAX_HISTORIES,
        workers_per_level: int = 1,
        meta_strategy="nash",
        initial_policy: str | os.PathLike | None = None,
        self_play_share: float | None = None,
        plateau: plateau_lib.PlateauRule | Mapping[str, Any] | None = None,
        evaluation_share: float | None = None,
        exploiter_steps: int | None = None,
        answer: str | None = None,
        callbacks: Sequence[Callable[[Any, Any], None]
                            | callbacks_lib.Callback] = (),
        label: str = "",
        start: float | None = None,
        settings: Mapping[str, Any] | None = None,
        **solver_options) -> run_summary.RunSummary:
  """Trains, until a limit is reached, and leaves all of it in a directory.

  How it goes is shown on standard error. Ctrl-C and SIGTERM end the run as a
  limit does, with all that it has found so far.

  Args:
    game: what to play: a game string, a pyspiel game, or one that was opened
      by `open_game`.
    scheme: who trains against whom: a `Scheme` or a name in `SCHEMES`.
    config: what trains best responses; PPO by default.
    executor: where they train, which the run closes; by default this process.
    seed: of everything random.
    limits: when the run ends; by default after a minute.
    output_dir: the run directory. By default it is named after the run, below
      `runs`, with a number where that name is taken.
    resume: whether to go on with the run of `output_dir`, by default the
      latest of its name, from its newest checkpoint, to the same bits. All
      settings are given again; limits, executor and what is written may be
      others.
    overwrite: whether `output_dir` may hold something.
    checkpoint_seconds: between two checkpoints; there is one more at the end.
      None for no checkpoints.
    keep_checkpoints: how many of them stay.
    evaluation: `exact`, `sampled` or `auto`, see `open_game`.
    max_histories: the largest game to enumerate.
    workers_per_level: how many workers train each policy together.
    meta_strategy: how a meta-game is solved: a name in `METHODS` or a psro_v2
      callable.
    initial_policy: what the population begins with: `uniform`, random play;
      `self_play`, what self-play finds in a share of the run; or the directory
      of another run, what that run has found. By default self-play on sampled
      two-player zero-sum games, but for dark hex that is not abrupt, and else
      random play.
    self_play_share: that share, by default 0.6 of a run on a sampled game and
      0.5 on an enumerated one. The number of batches follows from it and the
      limits; only where a machine is too slow, or one worker plays all, does
      the clock end them.
    plateau: when a policy freezes: a `PlateauRule`, or those of its fields
      that are not to be as in `default_plateau`.
    evaluation_share: of a sampled two-player game, the share of the time of one
      core that goes into certain bounds of exploitability, computed beside the
      run; a tenth by default, 0 for none.
    exploiter_steps: of a sampled game, environment steps that each exploiter
      trains after the last round for a lower bound of NashConv, 0 for no bound.
      By default none where these bounds have a fast walk or are narrow, a
      million elsewhere.
    answer: which policy `read_policy` returns: `meta_nash`, that of the
      meta-strategy over frozen policies, or `least_exploitable`, that of their
      least exploitable mixture, the default where there is one. Both are kept.
    callbacks: functions of `(solver, result)`, called after every round with
      the solver and its `RoundResult`; and objects of `ppsro.callbacks`.
    label: goes before every line that is shown.
    start: the `time.perf_counter()` from which the time counts; now by
      default.
    settings: further settings to keep in `config.json`.
    **solver_options: reach `PipelinePSROSolver`: `opponent_update_freq`,
      `payoff_episodes`, `max_staleness`, `initial_policies`, `sweep`, and
      options of the meta-strategy.

  Returns:
    A `RunSummary`.

  Raises:
    OccupiedError: if `output_dir` holds something and neither `resume` nor
      `overwrite` is said.
    ValueError: if settings are wrong or do not fit each other, if there is
      nothing to resume, or if the time was over before the first round.
    WorkerError: if a learner failed.
  """
  start = time.perf_counter() if start is None else start
  with contextlib.ExitStack() as stack:
    executor = stack.enter_context(executor or executor_lib.SerialExecutor())
    scheme = _scheme(scheme)
    config = _config(config, scheme)
    _check_arguments(limits, keep_checkpoints, callbacks)
    first_policy.check(initial_policy, self_play_share,
                       solver_options.get("initial_policies"))
    has_share = self_play_share is not None
    name = output_directory.run_name(
        _game_name(game), settings_lib.scheme_name(scheme),
        settings_lib.oracle_name(config), seed)
    if resume and output_dir is None:
      output_dir = output_directory.latest(name)
    checkpoint = None
    if resume and output_dir is not None:
      checkpoint = run_directory.read_checkpoint(output_dir)
    elif output_dir is not None:
      output_directory.check_free(output_dir, overwrite)
    progress = stack.enter_context(progress_lib.Progress(label))
    signals = stack.enter_context(signals_lib.Signals())

    with _before_the_first_round(signals, start, limits.time_limit_seconds):
      with progress.phase(f"opening {_game_name(game)}"):
        opened = open_game_lib.open_game(game, max_histories, evaluation,
                                         progress.done)
        _check_evaluation(opened, limits, exploiter_steps, evaluation_share,
                          solver_options)
      if initial_policy is None:
        initial_policy = (
            first_policy.UNIFORM if "initial_policies" in solver_options
            else first_policy.default(opened, scheme.plays_itself))
      if (initial_policy != first_policy.UNIFORM
          or game_defaults.has_sure_win(opened)):
        config = game_defaults.of_strong_start(config, opened)
      if has_share and initial_policy != first_policy.SELF_PLAY:
        raise ValueError(
            f"self_play_share={self_play_share:g} does nothing with "
            f"initial_policy={initial_policy}; it is for self_play")
      if self_play_share is None:
        self_play_share = first_policy.default_share(opened)
      begins_with = (first_policy.of_run(initial_policy, opened)
                     if checkpoint is None and initial_policy not in (
                         first_policy.UNIFORM, first_policy.SELF_PLAY)
                     else None)
      with progress.phase("starting workers"):
        oracle = stack.enter_context(_make_oracle(
            opened, scheme, config, executor, seed, workers_per_level))
        _check_limits(limits, oracle)
        if begins_with is not None:
          solver_options["initial_policies"] = first_policy.per_population(
              begins_with, oracle.played_game)
        solver = solver_lib.PipelinePSROSolver(
            opened.game, oracle, scheme, meta_strategy,
            plateau=_plateau(plateau, oracle), answer=answer, **solver_options)
      watch, has_exploiter_steps = None, exploiter_steps is not None
      if not solver.is_exact:
        real_game = solver.original_game.game
        if evaluation_share is None:
          evaluation_share = (
              _EVALUATION_SHARE if interval_watch.applies(real_game) else 0.0)
        if evaluation_share:
          watch = stack.enter_context(interval_watch.IntervalWatch(
              evaluation_share, limits, executor.imports, progress))
        if exploiter_steps is None:
          exploiter_steps = (
              0 if watch and interval.has_fast_walk(real_game)
              else _EXPLOITER_STEPS)
      settings = settings_lib.resolved(
          solver, oracle, limits, checkpoint_seconds=checkpoint_seconds,
          keep_checkpoints=keep_checkpoints, max_histories=max_histories,
          exploiter_steps=exploiter_steps, evaluation_share=evaluation_share,
          **_initial_settings(initial_policy, self_play_share, limits, solver,
                              oracle),
          **{"game_name": _game_name(game), **(settings or {})})
      # Only now, so that what is refused leaves no directory behind.
      if checkpoint is None or output_dir is None:
        output_dir = output_directory.make(output_dir, name, overwrite)
      directory = run_directory.RunDirectory(output_dir)
      stack.callback(directory.close)
      recorder = recorder_lib.Recorder(
          solver, directory, start, checkpoint_seconds, keep_checkpoints,
          watch)
      with progress.phase("reading the checkpoint"):
        _begin(solver, recorder, settings, checkpoint, limits)
      progress.say(_beginning(solver, recorder, checkpoint))
      if watch:
        watch.prepare(oracle.original_game.game)
      playing = None
      if "self_play" in checkpoint if checkpoint else (
          initial_policy == first_policy.SELF_PLAY):
        playing = _play_itself(recorder, oracle, scheme, limits,
                               self_play_share, checkpoint, signals, progress)
    # What self-play has found is not lost, however late it is.
    with _before_the_first_round(signals, start, math.inf):
      bounds = playing and _begin_with(playing, solver, recorder, oracle,
                                       limits, progress)
      if watch and bounds and scheme.freezes:
        watch.take_first(solver, bounds)
      elif watch and not solver.rounds and (
          initial_policy != first_policy.UNIFORM):
        watch.measure_first(solver)
      if scheme.one_population:
        progress.say(
            f"{settings['scheme']} trains one population for both seats of "
            f"{settings['game_name']}, drawn at random per episode; NashConv "
            "is that of the original game")

    objects = [callback for callback in callbacks
               if isinstance(callback, callbacks_lib.Callback)]
    for callback in objects:
      stack.callback(callback.close)
      callback.begin(directory.path, settings)
    budget = None
    if exploiter_steps:
      budget = exploiter_budget.ExploiterBudget(
          oracle, exploiter_steps, limits,
          None if has_exploiter_steps else watch, evaluation == "sampled")
    rounds_begin = recorder.seconds
    stopped_by = rounds.play(
        solver, recorder, limits, signals, progress,
        (*([budget.observe] if budget else []),
         *callbacks_lib.as_functions(callbacks, lambda: recorder.row)),
        lambda: sum(kept.reserve() for kept in (budget, watch) if kept))
    if not solver.rounds:
      progress.say(
          "no round was finished: the first one had taken "
          f"{recorder.seconds - rounds_begin:.1f} s when {stopped_by} ended "
          "the run; its policy is "
          + ("what self-play found" if playing else "the initial one"))
    with progress.phase("writing the policy"):
      recorder.write_policies()
    if watch and solver.rounds:
      before = recorder.certified
      left = limits.time_limit_seconds - recorder.seconds
      # Certain bounds come before those of exploiters.
      watch.last(solver, max(left - (budget.reserve() if budget else 0.0),
                             min(left, watch.reserve())), signals)
      if recorder.certified is not before:
        if recorder.has_whole_rounds:
          recorder.save()
        recorder.write_policies()
    with progress.phase("drawing"):
      recorder.plot()
    bound = None
    if budget and solver.rounds and not signals.received:
      bound = budget.lower_bound(
          solver, limits.time_limit_seconds - recorder.seconds, signals,
          progress)
    summary = _summary(solver, recorder, settings,
                       signals.received or stopped_by, bound)
    directory.write_result({**summary.as_dict(), **provenance.provenance()})
    for callback in objects:
      callback.end(summary)
    return dataclasses.replace(summary, missing=directory.missing)


@contextlib.contextmanager
def _before_the_first_round(signals, start, time_limit_seconds):
  """Breaks off what it holds at the time limit, and soon after a signal.

  Raises:
    ValueError: at the time limit.
    KeyboardInterrupt: after Ctrl-C.
    SystemExit: after SIGTERM.
  """
  try:
    with signals.breakable(start + time_limit_seconds):
      yield
  except signals_lib.Interrupted as error:
    if signals.received == "interrupt":
      raise KeyboardInterrupt from error
    if signals.received:
      raise SystemExit(signals_lib.EXIT_CODES[signals.received]) from error
    raise ValueError(
        f"the time limit of {time_limit_seconds:g} s was over before "
        "the first round could begin: give a larger one, or evaluation "
        "'sampled' if the game took so long to enumerate") from error


def _check_arguments(limits, keep_checkpoints, callbacks):
  if not isinstance(limits, limits_lib.Limits):
    raise ValueError(f"limits is {limits!r}; it takes a ppsro.Limits")
  if keep_checkpoints < 1:
    raise ValueError(f"keep_checkpoints is {keep_checkpoints}; it takes 1 or "
                     "more")
  if not isinstance(callbacks, Sequence) or not all(
      callable(callback) or isinstance(callback, callbacks_lib.Callback)
      for callback in callbacks):
    raise ValueError(f"callbacks is {callbacks!r}; it takes a list of "
                     "functions of (solver, result) and of ppsro.callbacks")


def _play_itself(recorder, oracle, scheme, limits, share, checkpoint, signals,
                 progress):
  """Lets self-play train the initial policy of a run.

  Args:
    recorder: of the run; keeps how far self-play is.
    oracle: of the run, whose workers train.
    scheme: of the run.
    limits: of the run.
    share: of it that is self-play.
    checkpoint: to go on from, or None.
    signals: of the run, entered; one ends it, and resuming goes on with it.
    progress: shows how far it is.

  Returns:
    The `SelfPlay`, before its end.
  """
  oracle.try_out()  # What is refused is so at once, not when this is over.
  playing = first_policy.SelfPlay(
      oracle.original_game, oracle.executor, oracle.seed,
      first_policy.budget(limits, share, scheme, oracle),
      checkpoint and checkpoint["self_play"])
  end = first_policy.latest_end(limits, share)
  with progress.phase("self-play for the initial policy"):
    while playing.train():
      progress.done(playing.batches / playing.num_batches)
      if recorder.seconds >= end:
        progress.say(
            f"self-play ended after {playing.batches} of {playing.num_batches} "
            f"batches, because {end:.0f} s were over; on a faster machine, or "
            "with a smaller self_play_share, the run would be another")
        break
      if signals.received or recorder.is_save_due:
        recorder.save_self_play(playing.state())
      if signals.received:
        raise signals_lib.Interrupted
  return playing


def _begin_with(playing, solver, recorder, oracle, limits, progress):
  """Lets a run begin with what self-play has found.

  Args:
    playing: the `SelfPlay`, which ends.
    solver: of the run; takes what is found.
    recorder: of the run.
    oracle: of the run.
    limits: of the run.
    progress: shows what is under way.

  Returns:
    Per player, the bounds of a best response to what is found; None if they
    are not known.
  """
  with progress.phase("weighing what self-play has found"):
    solver.begin_with(
        first_policy.per_population(
            playing.end(
                per_player=not oracle.played_game.plays_all_seats,
                seconds_left=(first_policy.weighing_end(limits)
                              - recorder.seconds)),
            oracle.played_game), playing.episodes, playing.steps)
  if playing.was_late:
    progress.say(
        "the search for the best weights of what self-play found was ended "
        "by the clock; on a faster machine the run would be another")
  return playing.bounds


def _initial_settings(initial_policy, share, limits, solver, oracle):
  """Returns the settings that say how a run begins, if not with random play."""
  if initial_policy == first_policy.UNIFORM:
    return {}
  settings = {"initial_policy": str(initial_policy)}
  if initial_policy == first_policy.SELF_PLAY:
    settings |= {"self_play_share": share,
                 "self_play_batches": first_policy.budget(
                     limits, share, solver.scheme, oracle)}
  return settings


def _scheme(scheme: str | schemes.Scheme) -> schemes.Scheme:
  if not isinstance(scheme, str):
    schemes.check_scheme(scheme)
    return scheme
  if scheme not in schemes.SCHEMES:
    raise ValueError(f"unknown scheme {scheme!r}; use a Scheme or one of "
                     f"{', '.join(schemes.SCHEMES)}")
  return schemes.SCHEMES[scheme]()


def _config(config: learner_lib.LearnerConfig | None,
            scheme: schemes.Scheme) -> learner_lib.LearnerConfig:
  if config is not None:
    learner_lib.check_config(config)
    return config
  if scheme.shares_learner:
    return neupl.NeuPLConfig(max_policies=scheme.num_levels + 1)
  if scheme.plays_itself:
    return self_play.SelfPlayConfig()
  return ppo.PPOConfig()


def _game_name(game):
  if isinstance(game, game_lib.Game):
    game = game.original.game
  return settings_lib.game_name(game)


def _check_evaluation(opened, limits, exploiter_steps, evaluation_share,
                      solver_options):
  """Raises ValueError where a setting does nothing on this kind of game."""
  if not opened.is_enumerated:
    if limits.target_exploitability is not None:
      raise ValueError("target_exploitability needs an exact evaluation, and "
                       f"{opened.game} is sampled")
    return
  for name, value in (
      ("payoff_episodes", solver_options.get("payoff_episodes")),
      ("evaluation_share", evaluation_share),
      ("exploiter_steps", exploiter_steps)):
    if value is not None:
      raise ValueError(f"{name} does nothing here: the evaluation of "
                       f"{opened.game} is exact")


def _check_limits(limits, oracle):
  """Raises ValueError where a limit would never be reached."""
  if limits.max_episodes is not None and oracle.trains_on_expectations:
    raise ValueError(
        f"max_episodes is {limits.max_episodes}, and no episode is played: "
        "batches of an enumerated game are expectations; give "
        "episodes_per_batch, or max_rounds instead")


def _make_oracle(opened, scheme, config, executor, seed, workers_per_level):
  if config.trains_rows:
    return neupl.NeuPLOracle(opened, config, executor, seed,
                             workers_per_level=workers_per_level)
  return pipelined.PipelinedOracle(
      opened, config, executor, seed, seat_symmetric=scheme.one_population,
      workers_per_level=workers_per_level)


def _plateau(plateau, oracle):
  if isinstance(plateau, Mapping):
    return plateau_lib.default_plateau(oracle, **plateau)
  return plateau


def _begin(solver, recorder, settings, checkpoint, limits):
  """Starts a run in its directory, or makes it go on from a checkpoint.

  Raises:
    ValueError: if it cannot go on, or had ended and would end again at once.
  """
  directory = recorder.directory
  if checkpoint is None:
    directory.start(settings)
    return
  recorder.restore(checkpoint)
  if "self_play" in checkpoint:
    directory.resume(settings, 0)
    return
  reached = limits.reached(solver, recorder.seconds)
  if reached and run_directory.has_ended(directory.path):
    raise ValueError(
        f"{directory.path} has ended after {solver.rounds} rounds and "
        f"{recorder.seconds_before:.0f} s, and {reached} is "
        f"{getattr(limits, reached):g}, of the whole run: give a larger limit "
        "to go on")
  directory.resume(settings, solver.rounds)


def _beginning(solver, recorder, checkpoint):
  """Returns in words how a run begins."""
  if checkpoint is None:
    return f"run directory: {recorder.directory.path}"
  return (f"resumed {recorder.directory.path} after round {solver.rounds}, "
          f"{recorder.seconds_before:.0f} s")


def _summary(solver, recorder, settings, stopped_by, bound):
  """Returns the `RunSummary` of a run that has ended."""
  found, best = solver.exploitability("meta_nash"), recorder.best
  least = solver.least_exploitable()
  return run_summary.RunSummary(
      path=recorder.directory.path,
      game=settings["game_name"],
      scheme=settings["scheme"],
      oracle=settings["oracle"],
      seed=settings["seed"],
      stopped_by=stopped_by,
      nash_conv=found.nash_conv,
      exploitability=found.exploitability,
      iterations=solver.iterations,
      policies=sum(solver.num_policies),
      rounds=solver.rounds,
      episodes=solver.episodes,
      wall_seconds=recorder.seconds,
      exploitability_least=least and least.upper,
      exploitability_least_bound=least and least.lower,
      exploitability_low=recorder.interval and recorder.interval.low,
      exploitability_high=recorder.interval and recorder.interval.high,
      exploitability_round=recorder.interval and recorder.interval.round,
      answer_low=recorder.certified and recorder.certified.low,
      answer_high=recorder.certified and recorder.certified.high,
      answer=solver.answer,
      cce_gap=found.cce_gap,
      best_nash_conv=None if best is None else best.nash_conv,
      best_round=None if best is None else best.round,
      nash_conv_lower_bound=None if bound is None else bound.nash_conv,
      lower_bound_standard_error=(
          None if bound is None else bound.standard_error),
      exploiter_steps=None if bound is None else bound.steps,
      staleness=solver.staleness if solver.max_staleness else None,
      missing=recorder.directory.missing)

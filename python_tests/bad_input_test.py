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

"""What a user can get wrong is told in one line, by every example."""

import math
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from open_spiel_ppsro.runs import progress
import testing


class BadInputTest(parameterized.TestCase):

  def check(self, example, arguments, names):
    """Checks that an example is refused in one line that has a name in it."""
    if "output_dir" not in " ".join(arguments):
      arguments = [
          *arguments, f"--output_dir={testing.make_directory(self) / 'run'}"]
    # On a busy machine it takes long to see what is wrong, and that is said.
    with mock.patch.object(progress, "_SILENT_SECONDS", math.inf):
      code, lines, errors = testing.call_example(example, *arguments)
    self.assertIn(code, (1, 2))
    self.assertEqual(lines, [])
    told = [line for line in errors.splitlines()
            if not line.startswith("run directory: ")]  # Said before a round.
    self.assertLen(told, 1, errors)
    self.assertStartsWith(told[0], "error: ")
    self.assertIn(names, errors)

  @parameterized.parameters(
      ("--game_name=kuhn_pokr", "kuhn_pokr"),
      ("--game_name=kuhn_poker(players=3)", "use 'cce', which converges"),
      ("--game_name=kuhn_poker(playrs=3)", "playrs"),
      ("--game_name=kuhn_poker(players=3", "kuhn_poker"),
      ("--game_name=", "game"),
      ("--game_name=2048", "player"),
      ("--game_name=pathfinding", "1 player"),  # It prints as two lines.
      ("--game_name=chess --evaluation=exact", "chess"),
      ("--game_name=phantom_ttt --oracle=exact", "PPO or DQN"),
      ("--game_name=phantom_ttt --target_exploitability=1", "sampled"),
      ("--game_name=phantom_ttt --payoff_episodes=0", "payoff_episodes"),
      ("--payoff_episodes=100", "exact"),
      ("--exploiter_steps=100", "exact"),
      ("--evaluation=guessed", "sampled"),
      ("--game_name=matrix_pd", "use 'cce', which converges"),
      ("--game_name=kuhn_poker(players=3) --scheme=neupl", "two-player"),
      ("--game_name=mfg_crowd_modelling", "mean-field game; PSRO needs"),
      ("--game_name=mfg_crowd_modelling --evaluation=sampled",
       "mean-field game; PSRO needs"),
      ("--game_name=phantom_ttt_ir", "choose a game with tensors"),
      ("--meta_strategy=alpharank --oracle=exact --scheme=naive "
       "--num_levels=32 --executor=serial", "use prd, rm or uniform"),
      ("--scheme=pipelin", "pipeline"),
      ("--oracle=sac", "ppo"),
      ("--oracle=exact --tie_break=best", "perturbed"),
      ("--meta_strategy=nsh", "nash"),
      ("--num_levels=0", "num_levels"),
      ("--num_levels=two", "num_levels"),
      ("--num_levels=2 --scheme=sequential", "num_levels"),
      ("--warmup_steps=-1", "warmup_steps"),
      ("--opponent_update_freq=0", "opponent_update_freq"),
      ("--min_steps=-1", "min_steps"),
      ("--max_steps=0", "max_steps"),
      ("--plateau_delta=-1", "delta"),
      ("--plateau_window=-1", "window"),
      ("--tie_break=first", "exact"),
      ("--rectify=relu", "rectified"),
      ("--scheme=neupl --oracle=dqn", "NeuPL"),
      ("--scheme=self_play --oracle=dqn", "a learner of its own"),
      ("--scheme=self_play --num_levels=2", "naive, dch, pipeline"),
      ("--scheme=self_play --magnet=-1", "magnet"),
      ("--magnet=0.1", "it is for self_play"),
      ("--self_play_share=0.2", "initial_policy=uniform; it is for self_play"),
      ("--initial_policy=nowhere", "there is none"),
      ("--scheme=dch --min_steps=5", "min_steps"),
      ("--episodes_per_batch=0", "episodes_per_batch"),
      ("--learning_rate=0", "learning_rate"),
      ("--hidden_sizes=4,x", "hidden_sizes"),
      ("--hidden_sizes=0", "hidden_sizes"),
      ("--device=abacus", "abacus"),
      ("--network=mpl", "use mlp, resnet, conv"),
      ("--network=nowhere:net", "cannot import 'nowhere'"),
      ("--network=operator:add --game_name=kuhn_poker", "torch.nn.Module"),
      ("--network=conv --game_name=kuhn_poker", "planes, rows and columns"),
      ("--network=mlp --oracle=exact", "it is for ppo, dqn"),
      ("--num_workers=0", "num_workers"),
      ("--num_workers=2 --executor=serial", "num_workers"),
      ("--executor=threads", "serial"),
      ("--workers_per_level=0", "workers_per_level"),
      ("--workers_per_level=9 --num_workers=2", "workers per level"),
      ("--workers_per_level=2 --oracle=exact", "ppo, dqn"),
      ("--free_running --executor=serial", "processes and ray"),
      ("--free_running --scheme=neupl", "sequential, naive"),
      ("--max_staleness=3", "without --free_running"),
      ("--free_running --max_staleness=0", "max_staleness"),
      ("--ray_address=auto", "for ray"),
      ("--executor=ray --ray_address=127.0.0.1:1", "no Ray cluster"),
      ("--executor=ray --ray_address=here", "host:port"),
      ("--worker_timeout_seconds=0", "worker_timeout_seconds"),
      ("--checkpoint_seconds=-1", "checkpoint_seconds"),
      ("--keep_checkpoints=0", "keep_checkpoints"),
      ("--seed=-1", "seed"),
      ("--time_limit_seconds=0", "time_limit_seconds"),
      ("--time_limit_seconds=nan", "time_limit_seconds"),
      ("--max_iterations=0", "max_iterations"),
      ("--max_rounds=0", "max_rounds"),
      ("--max_episodes=-3", "max_episodes"),
      ("--max_episodes=3", "give episodes_per_batch"),
      ("--policy_loss=best", "policy_loss"),
      ("--policy_loss=mirror --oracle=dqn", "policy_loss"),
      ("--plateau_relative=-1", "relative"),
      ("--target_exploitability=0", "target_exploitability"),
      ("--output_dir=/proc/none", "/proc/none"),
      ("--no_such_flag=1", "no_such_flag"),
      ("leduc_poker", "leduc_poker"))
  @pytest.mark.slow
  def test_pipeline_psro_example(self, arguments, names):
    arguments = arguments.split()
    if not arguments[0].startswith(("--game_name", "leduc")):
      arguments.append("--game_name=kuhn_poker")
    self.check("pipeline_psro_example", arguments, names)

  @parameterized.parameters(
      ("compare_schemes_example", "--schemes=pipeline,psro", "neupl"),
      ("compare_schemes_example", "--schemes=", "neupl"),
      ("compare_schemes_example", "--seeds=one", "seeds"),
      ("compare_schemes_example", "--seeds=-1", "seed"),
      ("compare_schemes_example", "--game_name=kuhn", "kuhn"),
      ("compare_schemes_example", "--output_dir=/proc/none", "/proc/none"),
      ("psro_v2_match", "--game_name=kuhn_poker(players=3)",
       "two-player"),
      ("soak", "--executor=serial", "--executor=processes"),
      ("soak", "--kill_every_seconds=0", "kill_every_seconds"),
      ("random_normal_form_example", "--sizes=1", "sizes"),
      ("random_normal_form_example", "--learning_rates=2", "learning_rates"),
      ("random_normal_form_example", "--methods=pipeline-x", "pipeline-N"),
      ("random_normal_form_example", "--methods=pipeline-0", "num_levels"),
      ("random_normal_form_example", "--rounds=0", "rounds"),
      ("random_normal_form_example", "--start_action=60", "start_action"),
      ("random_normal_form_example", "--payoffs_file=none.csv", "none.csv"),
      ("scaling_benchmark", "--game_name=chess_but_not", "chess_but_not"),
      ("scaling_benchmark", "--game_name=kuhn_poker(players=3)",
       "two-player zero-sum"),
      ("scaling_benchmark", "--max_workers=0", "max_workers"))
  def test_other_examples(self, example, argument, names):
    self.check(example, [argument], names)


if __name__ == "__main__":
  absltest.main()

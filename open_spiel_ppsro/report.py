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

"""Report: reads run directories and draws them; trains nothing."""

import pathlib

from matplotlib.backends import backend_agg
from matplotlib import figure as figure_lib

from open_spiel_ppsro import run_directory

# Below this an exploitability is zero up to rounding; a log axis needs a floor.
_FLOOR = 1e-9


def plot_run(path):
  """Draws `nash_conv.png` of a run and returns its path.

  NashConv, exact, over frozen policies and over all policies, against wall
  seconds and against episodes.
  """
  config = run_directory.read_config(path)
  metrics = run_directory.read_metrics(path)
  # Not through pyplot: it keeps global state and looks for a display.
  figure = figure_lib.Figure(figsize=(10, 4), layout="constrained")
  backend_agg.FigureCanvasAgg(figure)
  axes = figure.subplots(1, 2, sharey=True)
  for axis, column, label in zip(
      axes, ("wall_seconds", "episodes"), ("wall seconds", "episodes")):
    for of, style in (("all", "C1-"), ("frozen", "C0-")):
      axis.plot(metrics[column],
                [max(value, _FLOOR) for value in metrics[f"nash_conv_{of}"]],
                style, linewidth=1.2, label=f"{of} policies",
                drawstyle="steps-post")
    axis.set_yscale("log")
    axis.set_xlabel(label)
    axis.grid(True, which="both", alpha=0.25)
  axes[0].set_ylabel("NashConv")
  axes[1].legend(frameon=False)
  if not any(metrics["episodes"]):
    axes[1].clear()
    axes[1].set_axis_off()
    axes[0].legend(frameon=False)
  figure.suptitle(f"{config['game_name']}: {config['scheme']}, "
                  f"{config['oracle']}, seed {config['seed']}")
  result = pathlib.Path(path) / run_directory.PLOT
  figure.savefig(result, dpi=120)
  return result

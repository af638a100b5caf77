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


"""Tests of callbacks: they get what metrics.csv gets, and are closed."""

import csv
import importlib.util
import io
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from PIL import Image
import pytest

import open_spiel_ppsro as ppsro
import testing

EXACT = ppsro.ExactConfig()


def missing(package):
  return importlib.util.find_spec(package) is None


class Spy(ppsro.callbacks.Callback):
  """Writes down what it is told."""

  def __init__(self, fails_in=None):
    self.calls, self.rows = [], []
    self.fails_in = fails_in

  def begin(self, directory, settings):
    self.calls.append(("begin", directory, settings["game_name"]))

  def round(self, solver, result, row):
    self.calls.append(("round", solver.rounds, result.round))
    self.rows.append(row)
    if result.round == self.fails_in:
      raise ZeroDivisionError

  def end(self, summary):
    self.calls.append(("end", summary.rounds))

  def close(self):
    self.calls.append(("close",))


class CallbacksTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = testing.make_directory(self) / "run"

  def play(self, *callbacks, rounds=5, **options):
    return ppsro.run(
        "kuhn_poker", "sequential", EXACT, output_dir=self.path,
        limits=ppsro.Limits(1e9, max_rounds=rounds), callbacks=callbacks,
        **options)

  def metrics(self):
    with open(self.path / "metrics.csv", newline="") as file:
      return list(csv.DictReader(file))

  @pytest.mark.slow
  def test_a_callback_is_told_everything(self):
    spy, rounds = Spy(), []
    self.play(spy, lambda solver, result: rounds.append(result.round))
    self.assertEqual(spy.calls, [
        ("begin", self.path, "kuhn_poker"),
        *(("round", number, number) for number in range(1, 6)),
        ("end", 5), ("close",)])
    self.assertEqual(rounds, [1, 2, 3, 4, 5])
    self.assertEqual([{name: str(value) for name, value in row.items()}
                      for row in spy.rows], self.metrics())

  def test_a_callback_is_closed_after_an_error(self):
    spy = Spy(fails_in=2)
    with self.assertRaises(ZeroDivisionError):
      self.play(spy)
    self.assertEqual(spy.calls[-2:], [("round", 2, 2), ("close",)])

  def test_one_of_ones_own_as_the_pages_have_it(self):
    class Printer(ppsro.callbacks.Callback):
      def round(self, solver, result, row):
        print(row["round"], row["nash_conv_frozen"])

    with mock.patch.object(sys, "stdout", io.StringIO()) as output:
      self.play(Printer(), rounds=2)
    self.assertEqual(output.getvalue().splitlines(), [
        f"{row['round']} {row['nash_conv_frozen']}" for row in self.metrics()])

  @parameterized.parameters((3,), ([3],), ("abc",), ([object()],))
  def test_what_is_no_callback_is_refused(self, callbacks):
    with self.assertRaisesRegex(ValueError, "of ppsro.callbacks"):
      ppsro.run("kuhn_poker", callbacks=callbacks, output_dir=self.path)

  @pytest.mark.slow
  def test_csv(self):
    table = self.path.parent / "mine.csv"
    self.play(ppsro.callbacks.CSV(
        table, ("nash_conv_frozen",),
        lambda solver, result: {"sizes": solver.population.sizes()[0]}))
    with open(table, newline="") as file:
      rows = list(csv.DictReader(file))
    self.assertEqual(rows, [
        {"round": row["round"], "nash_conv_frozen": row["nash_conv_frozen"],
         "sizes": str(1 + int(row["round"]))} for row in self.metrics()])

  def test_csv_of_a_column_that_is_not_there(self):
    with self.assertRaisesRegex(ValueError, "no column 'loss' in metrics; col"):
      self.play(ppsro.callbacks.CSV(self.path.parent / "x.csv", ("loss",)))

  @parameterized.parameters(
      (np.array([[0., 1.], [2., 3.]]), 128), (np.zeros((3, 2)), 86),
      (np.arange(400.).reshape(20, 20), 13))
  def test_heat_map(self, payoffs, side):
    image = ppsro.callbacks.heat_map(payoffs)
    self.assertEqual(image.shape, (side * payoffs.shape[0],
                                   side * payoffs.shape[1], 3))
    self.assertEqual(image.dtype, np.uint8)
    cells = image[::side, ::side].astype(float) @ [0.299, 0.587, 0.114]
    order = np.argsort(payoffs, axis=None)
    # Colours are rounded to bytes.
    self.assertTrue((np.diff(cells.ravel()[order]) > -1).all())
    np.testing.assert_array_equal(image[0, 0], image[side - 1, side - 1])

  @parameterized.parameters(
      ("TensorBoard", "torch.utils.tensorboard", "tensorboard"),
      ("WeightsAndBiases", "wandb", "wandb"))
  def test_a_missing_package_is_one_line(self, name, module, extra):
    with mock.patch.dict(sys.modules, {module: None}):
      with self.assertRaisesRegex(ValueError, rf"\[{extra}\]") as raised:
        getattr(ppsro.callbacks, name)()
    self.assertNotIn("\n", str(raised.exception))

  @pytest.mark.slow
  @absltest.skipIf(missing("tensorboard"), "tensorboard is not installed")
  def test_tensorboard(self):
    from tensorboard.backend.event_processing import event_accumulator
    self.play(ppsro.callbacks.TensorBoard(), rounds=3)
    # A resumed run writes on.
    self.play(ppsro.callbacks.TensorBoard(), rounds=6, resume=True)
    found = event_accumulator.EventAccumulator(str(self.path / "tensorboard"))
    found.Reload()
    metrics = self.metrics()
    scalars = [name for name in metrics[0]
               if name != "round"
               and metrics[0][name] != "nan"]
    self.assertCountEqual(found.Tags()["scalars"], scalars)
    for name in scalars:
      events = found.Scalars(name)
      self.assertEqual([event.step for event in events],
                       [int(row["round"]) for row in metrics])
      np.testing.assert_array_equal(
          np.array([event.value for event in events], np.float32),
          np.array([row[name] for row in metrics], np.float32))
    images = found.Images("payoffs")
    payoffs = ppsro.read_checkpoint(self.path)["solver"]["payoffs"][0]
    self.assertEqual(images[-1].step, 6)
    np.testing.assert_array_equal(
        np.array(Image.open(io.BytesIO(images[-1].encoded_image_string))),
        ppsro.callbacks.heat_map(payoffs))

  @pytest.mark.slow
  @absltest.skipIf(missing("wandb"), "wandb is not installed")
  def test_weights_and_biases_offline(self):
    import wandb
    logged = []
    with mock.patch.dict("os.environ", {"WANDB_SILENT": "true"}):
      callback = ppsro.callbacks.WeightsAndBiases(mode="offline")
      begin = callback.begin

      def spy(*args):
        begin(*args)
        log = callback._run.log
        callback._run.log = lambda values, step: (
            logged.append((step, values)), log(values, step=step))

      callback.begin = spy
      summary = self.play(callback, rounds=3)
    self.assertIsNone(wandb.run)
    self.assertEqual([step for step, _ in logged], [1, 2, 3])
    self.assertEqual(logged[-1][1]["nash_conv_frozen"], summary.nash_conv)
    (file,) = (self.path / "wandb").glob("offline-run-*/run-*.wandb")
    # A process of its own writes it, which may be late.
    testing.wait_until(lambda: b"nash_conv_frozen" in file.read_bytes(),
                       "what was logged is on disk")


if __name__ == "__main__":
  absltest.main()

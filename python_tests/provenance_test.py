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

"""Tests of provenance: commits are git's, of what is under version control."""

import subprocess

from absl.testing import absltest

from open_spiel_ppsro.runs import provenance
import testing


class ProvenanceTest(absltest.TestCase):

  def test_git_commit(self):
    path = testing.make_directory(self)
    git = ["git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=b"]
    self.assertIsNone(provenance.git_commit(path))
    subprocess.run([*git, "init", "-q"], check=True)
    inside, installed = path / "package", path / "installed"
    for folder in (inside, installed):
      folder.mkdir()
      (folder / "module.py").write_text("1")
    subprocess.run([*git, "add", "package"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, text=True,
                            capture_output=True).stdout.strip()
    self.assertEqual(provenance.git_commit(inside), commit)
    # Packages that are installed in somebody's checkout are not of it.
    self.assertIsNone(provenance.git_commit(installed))
    (inside / "module.py").write_text("2")
    self.assertEqual(provenance.git_commit(inside), f"{commit}-dirty")
    self.assertIsNone(provenance.git_commit(path / "none"))

  def test_what_it_says(self):
    found = provenance.provenance()
    self.assertGreater(found["cores"], 0)
    self.assertIsNone(provenance._version("no_such_package"))
    self.assertIn("py", found["command"])


if __name__ == "__main__":
  absltest.main()

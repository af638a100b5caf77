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

"""Browser: a headless Chromium that tests look at pages with.

It speaks the DevTools protocol by two pipes, so that no driver is needed.
"""

import json
import os
import pathlib
import select
import shutil
import subprocess
import time

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE_SECONDS = 60.0


def find():
  """Returns the path of a Chromium, or None."""
  return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
  """A page in a headless Chromium; a context manager.

  Attributes:
    errors: what the page has complained of: exceptions, errors and warnings.
    requests: the addresses that it has asked for.
  """

  def __init__(self, profile, width=1280, height=900):
    """Starts a browser.

    Args:
      profile: an empty directory for its files.
      width: of the window, in pixels.
      height: of the window, in pixels.
    """
    self.errors, self.requests = [], []
    self._width, self._height = width, height
    self._number = 0
    self._buffer = b""
    theirs_in, self._out = os.pipe()
    self._in, theirs_out = os.pipe()

    def use_pipes():
      # The protocol is on descriptors 3 and 4, which may be in use above.
      a, b = os.dup(theirs_in), os.dup(theirs_out)
      os.dup2(a, 3)
      os.dup2(b, 4)

    self._process = subprocess.Popen(
        [find(), "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
         f"--user-data-dir={profile}", f"--window-size={width},{height}",
         "--remote-debugging-pipe", "about:blank"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=use_pipes)
    os.close(theirs_in)
    os.close(theirs_out)
    self._session = None
    (target,) = [t["targetId"] for t in self.call("Target.getTargets")[
        "targetInfos"] if t["type"] == "page"]
    self._session = self.call("Target.attachToTarget", targetId=target,
                              flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
      self.call(f"{domain}.enable")

  def __enter__(self):
    return self

  def __exit__(self, *exc_info):
    self._session = None
    self.call("Browser.close")
    self._process.wait(_PATIENCE_SECONDS)
    os.close(self._in)
    os.close(self._out)

  def call(self, method, **params):
    """Calls a method of the protocol and returns its result."""
    self._number += 1
    message = {"id": self._number, "method": method, "params": params}
    if self._session:
      message["sessionId"] = self._session
    os.write(self._out, json.dumps(message).encode() + b"\0")
    return self._wait(lambda found: found.get("id") == self._number)["result"]

  def open(self, path):
    """Opens a file and waits until it is there."""
    self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
    self._wait(lambda found: found.get("method") == "Page.loadEventFired")

  def evaluate(self, expression):
    """Returns the value of an expression of JavaScript."""
    found = self.call("Runtime.evaluate", expression=expression,
                      returnByValue=True)
    if "exceptionDetails" in found:
      raise AssertionError(found["exceptionDetails"])
    return found["result"].get("value")

  def point(self, x, y):
    """Moves the pointer there, in pixels of the window."""
    self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

  def _wait(self, is_it):
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
      while b"\0" in self._buffer:
        text, self._buffer = self._buffer.split(b"\0", 1)
        found = json.loads(text)
        self._take(found)
        if is_it(found):
          return found
      if not select.select([self._in], [], [], until - time.monotonic())[0]:
        raise TimeoutError("the browser does not answer")
      more = os.read(self._in, 1 << 20)
      if not more:
        raise ConnectionError("the browser has ended")
      self._buffer += more

  def _take(self, found):
    method, params = found.get("method"), found.get("params", {})
    if method == "Runtime.exceptionThrown":
      self.errors.append(params["exceptionDetails"].get("exception", {}).get(
          "description", "exception"))
    elif method == "Runtime.consoleAPICalled" and (
        params["type"] in ("error", "warning", "assert")):
      self.errors.append(str(params["args"]))
    elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
      self.errors.append(params["entry"]["text"])
    elif method == "Network.requestWillBeSent":
      if not params["request"]["url"].startswith("data:"):
        self.requests.append(params["request"]["url"])

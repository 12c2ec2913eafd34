"""Headless Chromium, told what to do over the DevTools protocol."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import lab

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
         "--window-size=1280,1500", "--remote-debugging-pipe"]

# Until the page's elements and scripts are there.
PARSED = """new Promise((resolve) => {
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => resolve());
  else resolve();
})"""


class Chromium:
    """A browser that is told what to do over a pair of pipes (the DevTools protocol), which are its 3 and 4."""

    def __init__(self, *flags):
        self.profile = lab.scratch("profile")
        os.mkdir(self.profile)
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        started = ["sh", "-c", 'exec "$@" 3<&%d 4>&%d' % (commands, answers), "sh", "chromium", *FLAGS, *flags,
                   "--user-data-dir=" + self.profile, "about:blank"]
        with open(lab.output("chromium.log"), "wb") as log:
            self.process = subprocess.Popen(started, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=(commands, answers))
        os.close(commands)
        os.close(answers)
        self.buffer = b""
        self.calls = 0
        self.session = None  # The page that is told what to do: one that open() has returned.
        self.said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.commands)  # It ends itself then.
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 100
        while True:
            answer = self._next(end)
            if answer.get("id") != self.calls:
                self.said.append(answer)
                continue
            if "error" in answer:
                raise AssertionError("%s: %s" % (method, answer["error"]))
            return answer["result"]

    def _next(self, end):
        while b"\0" not in self.buffer:
            readable, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            part = os.read(self.answers, 1 << 16) if readable else b""
            if not part:
                raise AssertionError("the browser does not answer")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def events(self, method):
        """The parameters of all events of a kind that have come with the answers so far; their domain must be enabled."""
        return [event["params"] for event in self.said if event.get("method") == method]

    def open(self, url):
        """A new page; returns its session."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.navigate", url=url)  # Returns when the new document has begun.
        self.evaluate(PARSED)
        return self.session

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def save_picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

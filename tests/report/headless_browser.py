"""Chromium over its debugging pipe: load a page, let real time pass, look at it."""

import base64
import io
import json
import os
import select
import shutil
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

FLAGS = "--headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --use-gl=angle"
FLAGS += " --use-angle=swiftshader --hide-scrollbars --remote-debugging-pipe"


def chromium() -> str:
    """Path of the browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    return found or pytest.skip("no Chromium on this machine: the viewer was not seen drawing")


class Browser:
    """One page; `errors` collects what it and its frames complain about, `requests` their URLs."""

    def __init__(self, folder, size=(900, 700)):
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        command = f"exec {chromium()} {FLAGS} --window-size={size[0]},{size[1]} --user-data-dir="
        command += f"{folder} 3<&{to_browser} 4>&{from_browser}"
        self._process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        os.close(to_browser), os.close(from_browser)
        self._left, self._number, self.errors, self.requests = b"", 0, [], []
        attached = self.call("Target.attachToTarget", targetId=self._page(), flatten=True)
        self.session = attached["sessionId"]
        self._listen(self.session)

    def _page(self):
        """Its first page, which a starting browser may not have yet."""
        for _ in range(100):
            try:
                targets = self.call("Target.getTargets")["targetInfos"]
            except (EOFError, BrokenPipeError) as error:
                pytest.skip(f"Chromium does not start on this machine ({error})")
            if pages := [one["targetId"] for one in targets if one["type"] == "page"]:
                return pages[0]
            time.sleep(0.1)
        raise TimeoutError("Chromium opened no page")

    def _listen(self, session):
        follow = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
        self._send("Target.setAutoAttach", session, **follow)
        for domain in ("Runtime", "Log", "Page", "Network"):
            self._send(f"{domain}.enable", session)

    def _send(self, method, session=None, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _receive(self, until):
        while b"\0" not in self._left:
            if not select.select([self._in], [], [], max(until - time.monotonic(), 0))[0]:
                return None
            if not (read := os.read(self._in, 1 << 20)):
                raise EOFError(f"Chromium ended with status {self._process.wait(15)}")
            self._left += read
        line, self._left = self._left.split(b"\0", 1)
        message = json.loads(line)
        params, method = message.get("params", {}), message.get("method")
        if method == "Target.attachedToTarget":
            self._listen(params["sessionId"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message

    def call(self, method, session=None, **params):
        number, until = self._send(method, session, **params), time.monotonic() + 60
        while (message := self._receive(until)) is not None:
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
        raise TimeoutError(method)

    def open(self, path):
        self.call("Page.navigate", self.session, url=path.as_uri())

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while self._receive(until) is not None:
            pass

    def picture(self):
        """What the window shows, (height, width, 3) uint8."""
        found = self.call("Page.captureScreenshot", self.session, format="png")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(found["data"]))).convert("RGB"))

    def run(self, script):
        found = self.call("Runtime.evaluate", self.session, expression=script, returnByValue=True)
        return found["result"].get("value")

    def close(self):
        self._send("Browser.close")
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._in), os.close(self._out)

"""Debian's Firefox, driven by WebDriver BiDi, the W3C's protocol that Firefox itself speaks.

Playwright drives only a Firefox of its own make, and what Selenium needs beside Firefox
(geckodriver) is in no package of Debian. One connection, one command at a time.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.sync.client import connect
from websockets.sync.connection import Connection

START_S: Final = 60
ANSWER_S: Final = 30
POLL_S: Final = 0.05
EVENTS: Final = (
    "log.entryAdded",
    "network.beforeRequestSent",
    "network.responseStarted",
    "network.fetchError",
)
PREFERENCES: Final[dict[str, object]] = {
    # the browser's own programs reach nobody: a proxy that does not exist, but for the loopback
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "intl.accept_languages": "zh-CN,zh",
    "ui.prefersReducedMotion": 1,
}
TELL_POLICY = """() => document.addEventListener("securitypolicyviolation", (event) =>
    console.error("content policy", event.violatedDirective, event.blockedURI))"""
ENTER: Final = "\ue007"


class BidiError(Exception):
    """The browser refused a command."""


@dataclass
class Window:
    """A window with cookies of its own, and all that went wrong in it."""

    firefox: Firefox
    context: str
    url: str
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    documents: dict[str, int] = field(default_factory=dict)
    """Navigation → status of its last answer."""

    def open(self, path: str) -> int:
        """Go to a page of the dashboard and wait until all of it is loaded; gives its status."""
        told = self.firefox.send(
            "browsingContext.navigate", context=self.context, url=self.url + path, wait="complete"
        )
        return self.documents[told["navigation"]]

    def resize(self, width: int, height: int) -> None:
        """Make the page as large as that, without the browser's frame."""
        self.firefox.send(
            "browsingContext.setViewport",
            context=self.context,
            viewport={"width": width, "height": height},
        )

    def evaluate(self, expression: str) -> Any:
        """The value of an expression that can be told as JSON."""
        told = self.firefox.send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self.context},
            awaitPromise=False,
        )
        if told["type"] == "exception":
            raise BidiError(f"{expression}: {told['exceptionDetails']['text']}")
        return json.loads(told["result"].get("value", "null"))

    def wait_until(self, expression: str, *, within_s: float = 30.0) -> None:
        """Look again and again until an expression is true; pages may change meanwhile."""
        end = time.monotonic() + within_s
        while True:
            try:
                if self.evaluate(expression):
                    return
            except BidiError as error:  # the page went while we asked
                if time.monotonic() > end:
                    raise AssertionError(f"{self.context}: {expression}: {error}") from error
            assert time.monotonic() < end, f"not true within {within_s} s: {expression}"
            time.sleep(POLL_S)

    def hear_until(self, is_true: Callable[[], bool], *, within_s: float = 10.0) -> None:
        """Listen until something is true of what was heard."""
        end = time.monotonic() + within_s
        while not is_true():
            assert time.monotonic() < end, f"not heard within {within_s} s: {self.problems}"
            time.sleep(POLL_S)
            self.firefox.send("session.status")

    def type(self, selector: str, text: str) -> None:
        """Type into a field, as a keyboard does."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        strokes = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.firefox.send(
            "input.performActions",
            context=self.context,
            actions=[{"type": "key", "id": "keyboard", "actions": strokes}],
        )

    def screenshot(self, file: Path) -> None:
        """Take a picture of what is to be seen."""
        told = self.firefox.send("browsingContext.captureScreenshot", context=self.context)
        file.write_bytes(base64.b64decode(told["data"]))

    def close(self) -> None:
        """Close it, and hear what it still has to tell."""
        self.firefox.send("browsingContext.close", context=self.context)

    def hear(self, method: str, told: dict[str, Any]) -> None:
        """Keep what the browser tells of this window."""
        if method == "log.entryAdded":
            if told["level"] in ("error", "warn"):
                self.problems.append(f"{told['level']}: {told['text']}")
            return
        address = told["request"]["url"]
        if method == "network.beforeRequestSent":
            self.hosts.add(urlsplit(address).netloc)
        elif method == "network.fetchError":
            # a page that is left takes its stream and its questions with it
            if told["errorText"] != "NS_BINDING_ABORTED":
                self.problems.append(f"{told['errorText']}: {address}")
        elif told["navigation"] is not None:
            self.documents[told["navigation"]] = told["response"]["status"]
        elif told["response"]["status"] >= 400:
            self.problems.append(f"{told['response']['status']}: {address}")


class Firefox:
    """A running Firefox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._commands = 0
        self._windows: dict[str, Window] = {}
        self.version: str = self.send("session.new", capabilities={})["capabilities"][
            "browserVersion"
        ]
        self.send("session.subscribe", events=list(EVENTS))
        self.send("script.addPreloadScript", functionDeclaration=TELL_POLICY)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer; what the browser tells meanwhile is kept.

        Raises:
            BidiError: the browser refused it.
        """
        self._commands += 1
        command = {"id": self._commands, "method": method, "params": parameters}
        self._connection.send(json.dumps(command))
        while True:
            told = json.loads(self._connection.recv(timeout=ANSWER_S))
            if told["type"] == "event":
                self._hear(told["method"], told["params"])
            elif told["id"] == self._commands:
                if told["type"] == "error":
                    raise BidiError(f"{method}: {told['error']}: {told['message']}")
                result: dict[str, Any] = told["result"]
                return result

    def _hear(self, method: str, told: dict[str, Any]) -> None:
        context = (told["source"] if method == "log.entryAdded" else told).get("context")
        if context in self._windows:
            self._windows[context].hear(method, told)

    def window(self, url: str) -> Window:
        """Open a window on a dashboard, with cookies of its own."""
        user = self.send("browser.createUserContext")["userContext"]
        context = self.send("browsingContext.create", type="window", userContext=user)["context"]
        self._windows[context] = Window(self, context, url)
        return self._windows[context]


@contextmanager
def running_firefox(folder: Path) -> Iterator[Firefox]:
    """Start Firefox with an empty profile in a folder; at the end it is gone."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    assert program, "the browser tests need firefox-esr; tests/install_servers.sh installs it"
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items())
    )
    with (folder / "firefox.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(program, "--headless", "--no-remote", "--profile", profile),
                *("--remote-debugging-port", "0"),
            ],
            env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            port = _port_of(profile / "WebDriverBiDiServer.json", process, folder / "firefox.log")
            address = f"ws://127.0.0.1:{port}/session"
            with connect(address, max_size=None, proxy=None) as connection:
                firefox = Firefox(connection)
                yield firefox
                firefox.send("browser.close")
            process.wait(timeout=20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _port_of(told: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    """The port it chose, from the file where it says so."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            return int(json.loads(told.read_text())["ws_port"])
        except (OSError, ValueError):  # not yet, or half written
            time.sleep(POLL_S)
    raise AssertionError(f"Firefox did not start: {log.read_text()}")

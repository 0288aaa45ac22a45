"""The yardstick of `bench viewers`: the least that Flask and waitress can do for the same load.

One page of fixed text, one stream that tells fixed text once a second, no database, no session, no
template. `python -m bench.bare_page` serves it with the options of `collector web`.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from flask import Flask, Response

from collector.settings import WebSettings
from collector.web.serving import serve

PAGE: Final = "<!doctype html><title>bare</title>" + "<p>nothing is computed here</p>" * 1000
"""About 30 kB, as a page of the dashboard."""
OVERVIEW: Final = PAGE[:12_000]
_FIGURES: Final = "0123456789" * 150
_HOURS_EVERY: Final = 3


class _NoTrail:
    """The audit trail that `serve` starts and stops: there is none here."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""


class _Parts:
    """What `serve` starts and stops: here the clock of the streams."""

    def __init__(self) -> None:
        self.watcher = self
        self.audit = _NoTrail()
        self.number = 0
        self.condition = threading.Condition()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """End all streams."""
        self._is_over.set()
        with self.condition:
            self.condition.notify_all()

    def _tick(self) -> None:
        while not self._is_over.wait(1.0):
            with self.condition:
                self.number += 1
                self.condition.notify_all()

    def events(self) -> Iterator[str]:
        """One event a second; every third carries what the dashboard's overview does."""
        told = self.number
        yield f"id: {told}\ndata: {{}}\n\n"
        while not self._is_over.is_set():
            with self.condition:
                while self.number == told and not self._is_over.is_set():
                    self.condition.wait()
                told = self.number
            part = "hours" if told % _HOURS_EVERY == 0 else "figures"
            yield f'id: {told}\ndata: {{"{part}":"{_FIGURES}","at":{time.time()}}}\n\n'


def bare_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    parts = _Parts()
    app.extensions["yiping"] = parts
    app.add_url_rule("/", "page", lambda: PAGE)
    app.add_url_rule("/overview", "overview", lambda: OVERVIEW)
    app.add_url_rule(
        "/stream", "stream", lambda: Response(parts.events(), mimetype="text/event-stream")
    )
    return app


def main() -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    serve(bare_app(), host="127.0.0.1", port=0, threads=WebSettings().threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Open live pages: `python -m bench.live_viewers`, a process of its own, as browsers are.

Each viewer holds a stream on a socket of its own and reads it at once. As the hall page does, it
fetches the overview when an event carries the hours. When its input is closed it prints JSON: who
saw which row when (CLOCK_MONOTONIC, nanoseconds), how long overviews took, and what failed.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import re
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from bench.web_process import Visitor

_ID: Final = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_OVERVIEW: Final = b'"hours":'
CONNECT_S: Final = 60.0
SPREAD_S: Final = 1.0
"""Over how long the page spreads its fetch of the overview; see `live.js`."""
SILENCE_S: Final = 30.0
"""A stream that says nothing for so long is broken: its heartbeat comes twice as often."""


@dataclass
class Viewer:
    """One open page.

    Attributes:
        port: of the server on the loopback.
        cookie: the header's value.
        stream: address of the stream; `overview` of what is fetched with it.
        seen: newest row told, and when, for every event.
        overview_ms: how long each fetch took.
        failures: what went wrong.
    """

    port: int
    cookie: str
    stream: str
    overview: str
    seen: list[tuple[int, int]] = field(default_factory=list)
    overview_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _due: queue.SimpleQueue[bool] = field(default_factory=queue.SimpleQueue)
    _socket: socket.socket | None = None
    _is_closing: bool = False

    def open(self, is_open: threading.Barrier) -> None:
        """Connect and read to the end; returns when the connection is closed."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), CONNECT_S) as connection:
                self._socket = connection
                request = f"GET {self.stream} HTTP/1.1\r\nHost: bench\r\nCookie: {self.cookie}\r\n"
                connection.sendall(f"{request}\r\n".encode())
                waiting = connection.recv(65_536)
                if not waiting.startswith(b"HTTP/1.1 200"):
                    self.failures.append(waiting.partition(b"\r\n")[0].decode())
                connection.settimeout(SILENCE_S)
                is_open.wait(CONNECT_S)
                self._read(connection, waiting)
        except (OSError, threading.BrokenBarrierError) as error:
            if not self._is_closing:
                self.failures.append(repr(error))

    def _read(self, connection: socket.socket, waiting: bytes) -> None:
        while chunk := connection.recv(65_536):
            waiting += chunk
            *events, waiting = waiting.split(b"\n\n")
            for event in events:
                if found := _ID.search(event):
                    self.seen.append((int(found[1]), time.monotonic_ns()))
                    if _OVERVIEW in event:
                        self._due.put(True)
        if not self._is_closing:
            self.failures.append("the stream has ended")

    def fetch_overviews(self) -> None:
        """Fetch each overview that is due; returns when the page is closed."""
        visitor = Visitor(self.port, {})
        visitor.cookies = dict(part.split("=", 1) for part in self.cookie.split("; ") if part)
        while self._due.get():
            time.sleep(random.random() * SPREAD_S)
            before_s = time.perf_counter()
            status, _ = visitor.get(self.overview)
            self.overview_ms.append((time.perf_counter() - before_s) * 1000)
            if status != 200:
                self.failures.append(f"{self.overview}: {status}")
        visitor.close()

    def close(self) -> None:
        """Leave the page."""
        self._is_closing = True
        self._due.put(False)
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def main() -> int:
    """Command line: prints `ready` when all streams are open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--viewers", type=int, required=True)
    parser.add_argument("--stream", required=True, help="address of the stream")
    parser.add_argument("--overview", required=True, help="address fetched with it")
    given = parser.parse_args()
    cookies = json.loads(sys.stdin.readline())
    viewers = [
        Viewer(given.port, cookies[number % len(cookies)], given.stream, given.overview)
        for number in range(given.viewers)
    ]
    is_open = threading.Barrier(given.viewers + 1)
    threads = [threading.Thread(target=viewer.open, args=(is_open,)) for viewer in viewers]
    threads += [threading.Thread(target=viewer.fetch_overviews) for viewer in viewers]
    for thread in threads:
        thread.start()
    is_open.wait(CONNECT_S)
    print("ready", flush=True)
    sys.stdin.read()
    for viewer in viewers:
        viewer.close()
    for thread in threads:
        thread.join(SILENCE_S)
    found = {
        "seen": [viewer.seen for viewer in viewers],
        "overview_ms": [ms for viewer in viewers for ms in viewer.overview_ms],
        "failures": [failure for viewer in viewers for failure in viewer.failures],
    }
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

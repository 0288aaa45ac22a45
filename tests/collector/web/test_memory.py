"""A server whose pages stay open for weeks keeps neither what it has sent nor what it has freed."""

from __future__ import annotations

import http.client
import re
from pathlib import Path

import pytest

from bench.web_process import ServerProcess

pytestmark = pytest.mark.system

PROGRAM = """
import logging, re, sys
from flask import Flask, Response
from collector.web.serving import serve

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
app = Flask(__name__)


class Parts:
    def start(self): pass
    def stop(self): pass


Parts.watcher = Parts.audit = Parts()
app.extensions["yiping"] = Parts()


def rss_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024


@app.get("/stream")
def stream():
    def pieces():
        for _ in range(1900):
            yield b"x" * 8192
        yield f"\\nresident {rss_mb()}\\n".encode()
    return Response(pieces())


@app.get("/hash")
def large_blocks():
    taken = [bytearray(19 << 20) for _ in range(3)]
    del taken
    return "done"


@app.get("/resident")
def resident():
    return str(rss_mb())


serve(app, host="127.0.0.1", port=0, threads=24)
"""
SENT_MB = 1900 * 8192 / 2**20
"""Less than the 16 MiB after which waitress forgets by itself."""


def asked(port: int, address: str) -> str:
    """The body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address)
    answer = connection.getresponse()
    assert answer.status == 200
    text = answer.read().decode()
    connection.close()
    return text


def test_what_a_stream_has_sent_is_forgotten(tmp_path: Path) -> None:
    with ServerProcess(["-c", PROGRAM], tmp_path) as server:
        before_mb = float(asked(server.port, "/resident"))
        told = re.search(r"resident ([\d.]+)", asked(server.port, "/stream"))
        assert told is not None
        assert float(told[1]) - before_mb < SENT_MB / 3


def test_large_blocks_are_given_back_on_every_thread(tmp_path: Path) -> None:
    with ServerProcess(["-c", PROGRAM], tmp_path) as server:
        before_mb = float(asked(server.port, "/resident"))
        for _ in range(30):
            asked(server.port, "/hash")
        assert float(asked(server.port, "/resident")) - before_mb < 19

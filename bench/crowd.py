"""Who is in the hall while pages are measured: its devices, people before live pages, a visitor."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from bench.page_table import Page
from bench.pages import Ask
from bench.web_process import ROOT

VIEWERS: Final = 40
THINK_S: Final = 0.1
"""What the visitor waits between two pages: his requests must not be the load."""


@contextmanager
def hall_at_work(ledger: Path) -> Iterator[list[tuple[int, int]]]:
    """A hall that writes the ledger; gives what it pressed so far: newest row, nanoseconds."""
    presses: list[tuple[int, int]] = []
    writer = subprocess.Popen(
        [sys.executable, "-m", "bench.hall_writer", "--ledger", str(ledger)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    lines = writer.stdout

    def listen() -> None:
        for line in lines:
            position, pressed_ns = line.split()
            presses.append((int(position), int(pressed_ns)))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield presses
    finally:
        writer.communicate(timeout=30)
        listener.join(10)
    if writer.returncode:
        raise RuntimeError(f"the hall's writer ended with {writer.returncode}")


@contextmanager
def watched(
    port: int, cookies: Sequence[str], addresses: tuple[str, str], viewers: int = VIEWERS
) -> Iterator[dict[str, Any]]:
    """Open live pages, by turns as the people signed in with some cookies; what they found is in
    the dictionary afterwards.

    Raises:
        RuntimeError: a stream was refused or ended, or an overview failed.
    """
    stream, overview = addresses
    found: dict[str, Any] = {}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.live_viewers", "--port", str(port)),
            *("--viewers", str(viewers), "--stream", stream, "--overview", overview),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(cookies) + "\n")
    process.stdin.flush()
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the viewers could not open their pages")
        yield found
    finally:
        said, _ = process.communicate(timeout=90)
    found.update(json.loads(said))
    if found["failures"]:
        raise RuntimeError(f"the viewers: {found['failures'][:5]}")


def walk(ask: Ask, pages: list[Page], seconds: float) -> dict[str, list[float]]:
    """One visitor's way through the pages again and again; each is asked for at least once.

    Returns:
        Page → how long it took, milliseconds.

    Raises:
        AssertionError: a page did not answer with 200.
    """
    times: dict[str, list[float]] = {page.name: [] for page in pages}
    until_s = time.monotonic() + seconds
    for number, page in enumerate(itertools.cycle(pages)):
        if number >= len(pages) and time.monotonic() >= until_s:
            return times
        before_s = time.perf_counter()
        status, body = ask(page)
        times[page.name].append((time.perf_counter() - before_s) * 1000)
        if status != HTTPStatus.OK:
            raise AssertionError(f"{page.address}: {status} {body[:300]!r}")
        time.sleep(THINK_S)
    return times

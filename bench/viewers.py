"""Forty people watch the hall page while it is written, and one visitor walks the other pages.

A real `collector web` as configured by default over a made ledger, which another process writes at
a busy hall's rate; the viewers are a third process with a socket for each stream. In turns with
it, the same viewers and the same visitor load a bare Flask page that waitress serves.

A press is seen when a viewer has read the event whose newest row is the press's or a later one. Its
moment is before it was handed to the writer, so judging, COMMIT and the watcher's wait are in it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure, at_most
from bench.ledgers import UNTIL, kept_ledger
from bench.page_table import Page, page_table
from bench.pages import signed_in
from bench.web_process import (
    ROOT,
    ServerProcess,
    Visitor,
    add_account,
    cookie_header,
    web_process,
    write_settings,
)
from collector.ledger.readers import LedgerReader

OPTIONS: Final = ("ledgers", "records", "minutes")
RECORDS: Final = 1_000_000
VIEWERS: Final = 40
ROUNDS: Final = 3
ROUND_S: Final = 60.0
THINK_S: Final = 0.1
"""What the visitor waits between two pages: his requests must not be the load."""
MOST_MS: Final = 100.0
MOST_MB: Final = 150.0
LIVE: Final = ("/api/v1/live/stream?after=0", "/hall/overview")
BARE: Final = ("/stream", "/overview")


@dataclass
class Round:
    """What one stretch of watching and walking found; times in milliseconds."""

    pages: dict[str, list[float]] = field(default_factory=dict)
    seen: list[list[list[int]]] = field(default_factory=list)
    overviews: list[float] = field(default_factory=list)

    @property
    def all_pages(self) -> list[float]:
        """Times of every page asked for."""
        return [ms for times in self.pages.values() for ms in times]


@dataclass
class Memory:
    """Resident and proportional megabytes of the web process, in the order they were read."""

    process: ServerProcess
    readings: dict[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, moment: str) -> None:
        """Look once more."""
        self.readings[moment] = self.process.memory_mb()


def run(
    *,
    quick: bool,
    ledgers: Path | None = None,
    records: int | None = None,
    minutes: float = 0,
) -> list[Figure]:
    """Pages beside live pages, memory, and how soon a press is seen.

    Args:
        quick: a short round over a small ledger.
        ledgers: folder in which made ledgers are kept; None: they are made for this run.
        records: of the ledger; None: a million.
        minutes: how much longer the viewers stay at the end.
    """
    size = records or (100_000 if quick else RECORDS)
    with tempfile.TemporaryDirectory(prefix="bench-viewers-") as name:
        folder = Path(name)
        ledger = folder / "ledger.db"
        shutil.copyfile(kept_ledger(ledgers or folder, size), ledger)
        config = write_settings(folder, ledger)
        add_account(config)
        walked = _walk_of(config, ledger)
        (folder / "bare").mkdir()
        with (
            hall_at_work(ledger) as presses,
            web_process(folder, config) as web,
            ServerProcess(["-m", "bench.bare_page"], folder / "bare") as bare,
        ):
            visitor = Visitor(web.port)
            visitor.sign_in()
            memory = Memory(web)
            memory.read("start")
            ours, bares = [], []
            round_s = 10.0 if quick else ROUND_S
            for number in range(1 if quick else ROUNDS):
                note = memory.read if number == 0 else lambda _moment: None
                ours.append(_round(visitor, web.port, LIVE, walked, round_s, note))
                plain = [Page(name="bare", address="/", first_on=UNTIL.date())]
                bares.append(
                    _round(Visitor(bare.port), bare.port, BARE, plain, round_s, lambda _: None)
                )
                memory.read(f"round {number + 1}")
            if minutes:
                _round(visitor, web.port, LIVE, walked, minutes * 60, lambda _moment: None)
                memory.read(f"{minutes:g} more minutes")
            told = dict(presses)
    return _figures(ours, bares, memory, told, f"{size:,} records, {VIEWERS} viewers")


def _walk_of(config: Path, ledger: Path) -> list[Page]:
    """The pages to walk: all that there are but the live page's own questions."""
    app, client = signed_in(config)
    with LedgerReader(ledger) as reader:
        pages = page_table(app, client, reader, UNTIL.date()).pages
    return [page for page in pages if page.address not in ("/hall/overview", "/api/v1/live")]


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
    port: int, cookie: str, addresses: tuple[str, str], viewers: int = VIEWERS
) -> Iterator[dict[str, Any]]:
    """Open live pages; what they found is in the dictionary afterwards.

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
    process.stdin.write(cookie + "\n")
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


def _round(
    visitor: Visitor,
    port: int,
    addresses: tuple[str, str],
    pages: list[Page],
    seconds: float,
    note: Callable[[str], None],
) -> Round:
    """Watch and walk for so long; every page is asked for at least once."""
    result = Round({page.name: [] for page in pages})
    with watched(port, cookie_header(visitor.cookies), addresses) as found:
        note(f"{VIEWERS} viewers")
        until_s = time.monotonic() + seconds
        is_first = True
        while is_first or time.monotonic() < until_s:
            for page in pages:
                before_s = time.perf_counter()
                status, body = visitor.get(page.address)
                result.pages[page.name].append((time.perf_counter() - before_s) * 1000)
                if status != 200:
                    raise AssertionError(f"{page.address}: {status} {body[:300]!r}")
                time.sleep(THINK_S)
                if not is_first and time.monotonic() >= until_s:
                    break
            is_first = False
    result.seen, result.overviews = found["seen"], found["overview_ms"]
    return result


def seen_after_ms(seen: list[list[int]], pressed: dict[int, int]) -> list[float]:
    """From each press to the first event of one viewer that includes it, milliseconds.

    Presses from before the viewer's first event, or after its last, are not counted.

    Args:
        seen: newest row told and when (nanoseconds), in order.
        pressed: newest row of a press → when, nanoseconds.
    """
    if not seen:
        return []
    times: list[float] = []
    at = 0
    for position, pressed_ns in sorted(pressed.items()):
        if pressed_ns < seen[0][1]:
            continue
        while at < len(seen) and seen[at][0] < position:
            at += 1
        if at == len(seen):
            break
        times.append((seen[at][1] - pressed_ns) / 1e6)
    return times


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def _figures(
    ours: list[Round], bares: list[Round], memory: Memory, pressed: dict[int, int], about: str
) -> list[Figure]:
    note = f"{about}, median of {len(ours)} rounds"
    asked = sum(len(round_.all_pages) for round_ in ours)
    p95s = [_p95(round_.all_pages) for round_ in ours]
    p50s = [statistics.median(round_.all_pages) for round_ in ours]
    bare_p95s = [_p95(round_.all_pages) for round_ in bares]
    bare_p50s = [statistics.median(round_.all_pages) for round_ in bares]
    delays = [
        [ms for seen in round_.seen for ms in seen_after_ms(seen, pressed)] for round_ in ours
    ]
    each = ", ".join(f"{p95:.0f}" for p95 in p95s)
    median = statistics.median
    figures = [
        at_most(
            "all other pages, p95", median(p95s), MOST_MS, f"{note}: {each}; {asked} asked", "ms"
        ),
        Figure(name="all other pages, p50", value=median(p50s), unit="ms", note=note),
        Figure(name="bare Flask page, same load, p95", value=median(bare_p95s), unit="ms"),
        Figure(name="bare Flask page, same load, p50", value=median(bare_p50s), unit="ms"),
        Figure(
            name="pages ÷ bare page, p95",
            value=median(a / b for a, b in zip(p95s, bare_p95s, strict=True)),
            unit="ratio",
        ),
        Figure(
            name="pages ÷ bare page, p50",
            value=median(a / b for a, b in zip(p50s, bare_p50s, strict=True)),
            unit="ratio",
        ),
        at_most(
            "press → seen by a viewer, p95",
            median(_p95(times) for times in delays),
            1000,
            f"{note}; {sum(map(len, delays))} sights",
            "ms",
        ),
        Figure(
            name="press → seen by a viewer, p50",
            value=median(median(times) for times in delays),
            unit="ms",
            note=f"longest {max(map(max, delays)):.0f} ms",
        ),
        Figure(
            name="the live pages' own overviews, p95",
            value=median(_p95(round_.overviews) for round_ in ours),
            unit="ms",
            note=f"p50 {median(median(round_.overviews) for round_ in ours):.1f} ms",
        ),
    ]
    for moment, (resident, shared) in memory.readings.items():
        figures.append(
            at_most(f"memory, {moment}", resident, MOST_MB, f"resident; PSS {shared:.1f}", "MB")
        )
    return figures + [_page_figure(name, ours) for name in ours[0].pages]


def _page_figure(name: str, rounds: list[Round]) -> Figure:
    times = [ms for round_ in rounds for ms in round_.pages[name]]
    note = f"p50 {statistics.median(times):.1f} ms, longest {max(times):.0f} ms of {len(times)}"
    return at_most(f"`{name}`, p95", _p95(times), MOST_MS, note, "ms")

"""Forty people watch the hall page while it is written, and one visitor walks the other pages.

A real `collector web` as configured by default over a made ledger, which another process writes at
a busy hall's rate; the viewers are a third process with a socket for each stream. In turns with
it, the same viewers and the same visitor load a bare Flask page that waitress serves.

A press is seen when a viewer has read the event whose newest row is the press's or a later one. Its
moment is before it was handed to the writer, so judging, COMMIT and the watcher's wait are in it.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.crowd import VIEWERS, hall_at_work, walk, watched
from bench.figures import Figure, at_most
from bench.ledgers import UNTIL, kept_ledger
from bench.page_table import Page, page_table
from bench.pages import Ask, signed_in, through_server
from bench.web_process import (
    ServerProcess,
    Visitor,
    cookie_header,
    prepare,
    web_process,
)
from collector.ledger.readers import LedgerReader
from collector.office.roles import Role

OPTIONS: Final = ("ledgers", "records", "minutes")
RECORDS: Final = 1_000_000
WATCHING: Final = (Role.DIRECTOR, Role.SUPERVISOR)
"""Who has live pages open: one person gets half of all streams at most."""
ROUNDS: Final = 3
ROUND_S: Final = 60.0
BARE_S: Final = 20.0
QUICK_S: Final = 10.0
MOST_MS: Final = 100.0
MOST_MB: Final = 150.0
LIVE: Final = ("/api/v1/live/stream?after=0", "/hall/overview")
BARE: Final = ("/stream", "/overview")
BARE_PAGE: Final = Page(name="bare", address="/", role="", first_on=UNTIL.date())


@dataclass
class Round:
    """What one stretch of watching and walking found; times in milliseconds.

    `ran`: share of one core that the server used; `waited`: how many of its threads, on average,
    were ready to run and had no core, because other programs (or its own threads) had it.
    """

    pages: dict[str, list[float]] = field(default_factory=dict)
    seen: list[list[list[int]]] = field(default_factory=list)
    overviews: list[float] = field(default_factory=list)
    ran: float = 0.0
    waited: float = 0.0

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
        config = prepare(folder, ledger)
        walked = _walk_of(config, ledger)
        (folder / "bare").mkdir()
        with (
            hall_at_work(ledger) as presses,
            web_process(folder, config) as web,
            through_server(web.port) as ask,
            ServerProcess(["-m", "bench.bare_page"], folder / "bare") as bare,
        ):
            cookies = []
            for role in WATCHING:
                viewer = Visitor(web.port).sign_in(role.value)
                cookies.append(cookie_header(viewer.cookies))
                viewer.close()
            memory = Memory(web)
            memory.read("start")
            bare_visitor = Visitor(bare.port)

            def plain(page: Page) -> tuple[int, bytes]:
                return bare_visitor.get(page.address)

            ours, bares = [], []
            round_s, bare_s = (QUICK_S, QUICK_S) if quick else (ROUND_S, BARE_S)
            rounds = 1 if quick else ROUNDS
            for number in range(rounds):
                moment = f"after {number + 1} of {rounds} rounds"
                ours.append(_round(memory, ask, cookies, walked, round_s, moment))
                with watched(bare.port, [""], BARE):
                    bares.append(Round(walk(plain, [BARE_PAGE], bare_s)))
            if minutes:
                moment = f"after {minutes:g} more minutes"
                _round(memory, ask, cookies, walked, minutes * 60, moment)
            bare_visitor.close()
            told = dict(presses)
    return _figures(ours, bares, memory, told, f"{size:,} records, {VIEWERS} viewers")


def _round(
    memory: Memory, ask: Ask, cookies: list[str], pages: list[Page], seconds: float, moment: str
) -> Round:
    """Watch and walk for so long; the memory is read while the viewers are there."""
    web = memory.process
    with watched(web.port, cookies, LIVE) as found:
        if f"{VIEWERS} viewers" not in memory.readings:
            memory.read(f"{VIEWERS} viewers")
        began_s, (ran_s, waited_s) = time.monotonic(), web.processor_s()
        times = walk(ask, pages, seconds)
        wall_s, (ran, waited) = time.monotonic() - began_s, web.processor_s()
        memory.read(moment)
    return Round(
        times,
        found["seen"],
        found["overview_ms"],
        (ran - ran_s) / wall_s,
        (waited - waited_s) / wall_s,
    )


def _walk_of(config: Path, ledger: Path) -> list[Page]:
    """The pages to walk: all that there are but the live page's own questions."""
    app, clients = signed_in(config)
    with LedgerReader(ledger) as reader:
        pages = page_table(app, clients, reader, UNTIL.date()).pages
    return [page for page in pages if page.address not in ("/hall/overview", "/api/v1/live")]


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
    figures += [
        Figure(
            name="the web process, of one core",
            value=median(round_.ran for round_ in ours) * 100,
            unit="%",
            note=note,
        ),
        Figure(
            name="its threads that waited for a core, on average",
            value=median(round_.waited for round_ in ours),
            unit="threads",
            note="near 0 on a machine that has nothing else to do; what is more, pages wait too",
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

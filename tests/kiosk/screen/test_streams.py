"""Streams end: by themselves, when there are too many, and when the page has gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.screen import streams as module
from kiosk.screen.streams import Streams

ROOT = Path(__file__).resolve().parents[3]


def never() -> bool:
    return False


@pytest.fixture
def streams() -> Iterator[Streams]:
    made = Streams(maximum=2)
    yield made
    made.close()


def test_a_stream_ends_when_its_time_is_over(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIFE_S", 0.0)
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)

    told = list(streams.events(streams.open(), lambda: b"{}", never))

    assert told == [b"retry: 1000\n\n", b"data: {}\n\n"]


def test_a_stream_ends_when_it_has_told_enough(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_MAXIMUM", 5)

    def told() -> bytes:
        streams.changed()  # as if keys were hammered
        return b"{}"

    assert len(list(streams.events(streams.open(), told, never))) == 6


def test_a_stream_ends_when_the_page_has_gone(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)

    assert len(list(streams.events(streams.open(), lambda: b"{}", lambda: True))) == 2


def test_the_oldest_makes_room(streams: Streams) -> None:
    first = streams.events(streams.open(), lambda: b"{}", never)
    next(first)
    next(first)

    for _ in range(2):
        streams.open()

    assert list(first) == []
    assert streams.count == 2


def test_a_change_while_the_view_is_made_is_told_too(streams: Streams) -> None:
    views = iter([b"old", b"new"])

    def told() -> bytes:
        view = next(views)
        if view == b"old":
            streams.changed()
        return view

    events = streams.events(streams.open(), told, never)
    next(events)
    started_s = time.monotonic()

    assert [next(events), next(events)] == [b"data: old\n\n", b"data: new\n\n"]
    assert time.monotonic() - started_s < module.HEARTBEAT_S


def test_closing_wakes_and_ends_all(streams: Streams) -> None:
    events = streams.events(streams.open(), lambda: b"{}", never)
    next(events)
    next(events)
    threading.Timer(0.01, streams.close).start()

    assert list(events) == []
    assert streams.count == 0


def test_a_ticket_may_be_given_back_twice(streams: Streams) -> None:
    ticket = streams.open()

    streams.leave(ticket)
    streams.leave(ticket)

    assert streams.count == 0


def test_a_device_without_a_screen_does_not_load_the_web_libraries() -> None:
    program = (
        "import sys, kiosk.cli, kiosk.service\n"
        "sys.exit(any(n in sys.modules for n in ('flask', 'waitress', 'kiosk.screen')))"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0

"""Live figures: told once for all pages, soon, and without stopping anybody."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bench.add_session import add_session
from collector.corrections.file import CorrectionsFile
from collector.ledger.readers import LedgerReader, outcomes
from collector.office.roles import Role
from collector.web.alarms import AlarmWatch
from collector.web.dashboard import Dashboard
from collector.web.hall.events import LiveEvents
from collector.web.live import MAX_STREAMS, MAX_WAITING, LedgerWatcher, Subscription, stream
from collector.web.view import WHOLE_HALL, Scope

NONE = AlarmWatch(CorrectionsFile(Path("no-corrections.db")))
"""A file that is not there: nothing is excluded."""


def events(text: str) -> list[dict[str, Any]]:
    """The events of a piece of stream."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.fixture
def watcher(dashboard: Dashboard) -> LedgerWatcher:
    dashboard.watcher.start()
    return dashboard.watcher


def next_event(subscription: Subscription, *, within_s: float = 30.0) -> dict[str, Any]:
    """The next event; fails when none comes."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        text = subscription.take(0.1)
        if text is not None:
            return events(text)[0]
    raise AssertionError(f"no event within {within_s} s")


def subscribe(watcher: LedgerWatcher) -> Subscription:
    """A subscription that has had its first event."""
    subscription = watcher.subscribe()
    assert subscription is not None
    next_event(subscription)
    return subscription


@pytest.mark.alone
def test_a_rating_reaches_every_open_page_within_a_second(
    watcher: LedgerWatcher, ledger: Path, clock: Any
) -> None:
    pages = [subscribe(watcher)]
    for _ in range(2):
        more = watcher.subscribe()
        assert more is not None
        pages.append(more)
    taken_s = []
    for _ in range(5):
        before_s = time.monotonic()
        position = add_session(ledger, window="a01", level=2, at_ms=clock())
        for page in pages:
            event = next_event(page)
            while event["position"] < position:  # the rest of an event that was partial
                event = next_event(page)
            assert event["position"] == position
            assert [(r["level"], r["window"]["code"]) for r in event["latest"]] == [(2, "a01")]
        taken_s.append(time.monotonic() - before_s)
    assert statistics.median(taken_s) < 1.0


def test_the_event_carries_the_figures_of_the_pages(
    watcher: LedgerWatcher, ledger: Path, clock: Any, client: FlaskClient
) -> None:
    page = subscribe(watcher)
    add_session(ledger, window="a01", level=1, at_ms=clock())
    event = next_event(page)
    told = client.get("/api/v1/hall").json
    for part in ("figures", "devices", "ledger", "on"):
        assert event[part] == told[part]


def test_a_rating_between_a_pages_connecting_and_the_first_look_is_not_lost(
    ledger: Path, clock: Any
) -> None:
    events_of_hall = LiveEvents(clock, NONE, minimum_base=10)
    with LedgerReader(ledger) as reader:
        shown = events_of_hall.event(reader, after=0)["position"]
    position = add_session(ledger, window="a01", level=2, at_ms=clock())
    with LedgerReader(ledger) as reader:
        first_look = events_of_hall(reader, None)
    assert first_look is not None
    assert [r["position"] for r in first_look["latest"] if r["position"] > shown] == [position]


def test_a_rating_stored_while_an_event_is_built_is_told_once(
    ledger: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher's reader stays open; without one moment for all its questions the list would be
    ahead of the position, and the same rating would come again with the next event."""
    events_of_hall = LiveEvents(clock, NONE, minimum_base=10)
    last_position = outcomes.last_position
    stored: list[int] = []

    def then_somebody_rates(reader: LedgerReader) -> int:
        position = last_position(reader)
        if not stored:
            stored.append(add_session(ledger, window="a01", level=2, at_ms=clock()))
        return position

    monkeypatch.setattr(outcomes, "last_position", then_somebody_rates)
    with LedgerReader(ledger, is_snapshot=False) as reader:
        first = events_of_hall(reader, None)
        assert first is not None
        second = events_of_hall(reader, first)
        assert second is not None
    told = [rating["position"] for event in (first, second) for rating in event["latest"]]
    assert told.count(stored[0]) == 1


def test_hours_and_departments_follow_even_when_nothing_else_happens(
    watcher: LedgerWatcher, ledger: Path, clock: Any
) -> None:
    page = subscribe(watcher)
    add_session(ledger, window="a01", level=1, at_ms=clock())
    first = next_event(page)
    assert first["is_partial"]
    assert "hours" not in first
    clock.advance_s(4)
    second = next_event(page)
    assert not second["is_partial"]
    assert sum(hour["rated"] for hour in second["hours"]) == second["figures"]["rated"]


def test_unrated_sessions_change_figures_but_are_not_in_the_list(
    watcher: LedgerWatcher, ledger: Path, clock: Any
) -> None:
    page = subscribe(watcher)
    add_session(ledger, window="a01", level=None, at_ms=clock())
    assert next_event(page)["latest"] == []


def test_a_stream_begins_with_what_the_page_does_not_have_yet(
    watcher: LedgerWatcher, client: FlaskClient, ledger: Path, clock: Any
) -> None:
    page = client.get("/api/v1/hall").json
    position = add_session(ledger, window="b01", level=4, at_ms=clock())
    answer = client.get(f"/api/v1/live/stream?after={page['position']}", buffered=False)
    assert answer.mimetype == "text/event-stream"
    first = next(iter(answer.response))
    text = first.decode() if isinstance(first, bytes) else first
    assert f"id: {position}\n" in text
    assert [r["position"] for r in events(text)[0]["latest"]] == [position]
    answer.close()
    assert watcher.streams == 0


def test_a_page_that_connects_again_says_what_it_saw_last(
    watcher: LedgerWatcher, client: FlaskClient, ledger: Path, clock: Any
) -> None:
    position = add_session(ledger, window="b01", level=4, at_ms=clock())
    answer = client.get(
        "/api/v1/live/stream?after=0", headers={"Last-Event-ID": str(position)}, buffered=False
    )
    first = next(iter(answer.response))
    text = first.decode() if isinstance(first, bytes) else first
    assert events(text)[0]["latest"] == []
    answer.close()


def test_one_stream_too_many_is_refused_and_polling_still_answers(
    watcher: LedgerWatcher, client: FlaskClient
) -> None:
    held = [watcher.subscribe() for _ in range(MAX_STREAMS)]
    assert None not in held
    assert client.get("/api/v1/live/stream").status_code == 503
    polled = client.get("/api/v1/live?after=0")
    assert polled.status_code == 200
    assert len(polled.json["latest"]) == 12
    for subscription in held:
        assert subscription is not None
        watcher.unsubscribe(subscription)
    assert watcher.streams == 0


def test_one_person_cannot_take_all_streams_from_the_others(
    watcher: LedgerWatcher, client: FlaskClient, visit: Callable[..., FlaskClient]
) -> None:
    mine = [client.get("/api/v1/live/stream") for _ in range(MAX_STREAMS // 2 + 1)]
    assert [one.status_code for one in mine] == [200] * (MAX_STREAMS // 2) + [503]
    other = visit(Role.SUPERVISOR).get("/api/v1/live/stream")
    assert other.status_code == 200
    mine[0].close()
    again = client.get("/api/v1/live/stream")
    assert again.status_code == 200
    for one in (*mine, other, again):
        one.close()
    assert watcher.streams == 0


def test_without_a_running_watcher_there_are_no_streams(client: FlaskClient) -> None:
    assert client.get("/api/v1/live/stream").status_code == 503


def test_a_refused_stream_holds_no_place(watcher: LedgerWatcher, client: FlaskClient) -> None:
    assert client.get("/api/v1/live/stream?after=x").status_code == 400
    assert watcher.streams == 0


def test_a_slow_page_is_let_go_and_not_waited_for() -> None:
    subscription = Subscription(threading.Condition(), WHOLE_HALL)
    for number in range(MAX_WAITING + 1):
        subscription.put(str(number))
    assert subscription.is_ended


def test_a_stream_ends_when_its_browser_is_gone() -> None:
    subscription = Subscription(threading.Condition(), WHOLE_HALL)
    pieces = stream(subscription, {"position": 1}, is_gone=lambda: True, is_allowed=lambda: True)
    assert len(list(pieces)) == 1


def test_stopping_ends_all_streams(watcher: LedgerWatcher) -> None:
    subscription = watcher.subscribe()
    assert subscription is not None
    running = stream(subscription, {"position": 1}, is_gone=lambda: False, is_allowed=lambda: True)
    next(running)
    threading.Timer(0.05, watcher.stop).start()
    assert [piece for piece in running if piece.startswith("retry")] == []
    assert not watcher.is_running
    watcher.stop()


def test_a_bug_in_one_event_does_not_end_live_figures(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collector.web.live.RETRY_S", 0.01)
    calls = []

    def build(
        _reader: LedgerReader, _previous: dict[str, Any] | None, _scope: Scope
    ) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        return {"position": 7}

    watcher = LedgerWatcher(ledger, build, poll_s=0.01)
    watcher.start()
    subscription = watcher.subscribe()
    assert subscription is not None
    assert next_event(subscription) == {"position": 7}
    watcher.stop()
    assert "live figures failed" in caplog.text


def test_nobody_looking_means_no_questions(ledger: Path) -> None:
    asked = threading.Event()

    def build(_reader: LedgerReader, _previous: dict[str, Any] | None, _scope: Scope) -> None:
        asked.set()

    watcher = LedgerWatcher(ledger, build, poll_s=0.01)
    watcher.start()
    assert not asked.wait(0.3)
    assert watcher.subscribe() is not None
    assert asked.wait(60)
    watcher.stop()


def test_a_ledger_restored_from_a_backup_is_noticed(
    watcher: LedgerWatcher, ledger: Path, made_ledger: Path, clock: Any
) -> None:
    page = subscribe(watcher)
    copy = ledger.with_suffix(".restored")
    shutil.copyfile(made_ledger, copy)
    position = add_session(copy, window="a01", level=3, at_ms=clock())
    for suffix in ("-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
    os.replace(copy, ledger)
    assert next_event(page)["position"] == position


def test_the_watcher_waits_for_a_ledger_that_is_not_there_yet(
    tmp_path: Path, made_ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.web.live.RETRY_S", 0.02)
    path = tmp_path / "later.db"
    watcher = LedgerWatcher(
        path, LiveEvents(lambda: 1_778_650_000_000, NONE, minimum_base=10), poll_s=0.02
    )
    watcher.start()
    subscription = watcher.subscribe()
    assert subscription is not None
    shutil.copyfile(made_ledger, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
    assert next_event(subscription)["position"] > 0
    watcher.stop()


@pytest.fixture
def many_reads(ledger: Path) -> Iterator[Callable[[], int]]:
    """Counts the statements the live event of a whole hall takes."""
    with LedgerReader(ledger) as reader:

        def count() -> int:
            statements: list[str] = []
            assert reader._connection is not None
            reader._connection.set_trace_callback(statements.append)
            LiveEvents(lambda: 1_778_650_000_000, NONE, minimum_base=10).event(reader, after=0)
            return len(statements)

        yield count


def test_an_event_takes_a_fixed_number_of_questions(
    many_reads: Callable[[], int], ledger: Path, clock: Any
) -> None:
    before = many_reads()
    for _ in range(3):
        add_session(ledger, window="a01", level=5, at_ms=clock())
    assert many_reads() == before <= 20

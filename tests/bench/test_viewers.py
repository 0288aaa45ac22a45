"""What `bench viewers` is made of: the hall that writes, the people who watch, the arithmetic."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from bench.crowd import hall_at_work, walk, watched
from bench.hall_writer import Hall
from bench.ledgers import UNTIL, kept_ledger
from bench.page_table import Page
from bench.pages import through_server
from bench.viewers import BARE, BARE_PAGE, LIVE, seen_after_ms
from bench.web_process import ROLES, ServerProcess, Visitor, cookie_header, prepare, web_process
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader, counts
from collector.periods import single_day

S = 1_000_000_000
"""A second in nanoseconds."""


@pytest.fixture
def ledger(kept: Path, tmp_path: Path) -> Path:
    """A made ledger of one's own."""
    path = tmp_path / "ledger.db"
    shutil.copyfile(kept, path)
    return path


def test_a_press_is_seen_at_the_first_event_that_includes_it() -> None:
    seen = [[10, 1 * S], [12, 2 * S], [20, 4 * S]]
    pressed = {12: int(1.9 * S), 14: int(3.0 * S), 20: int(3.5 * S)}
    assert seen_after_ms(seen, pressed) == pytest.approx([100, 1000, 500])


def test_presses_outside_the_watch_are_not_counted() -> None:
    seen = [[10, 5 * S], [12, 6 * S]]
    assert seen_after_ms(seen, {10: 4 * S, 12: int(5.5 * S), 14: 7 * S}) == pytest.approx([500])
    assert seen_after_ms([], {10: 4 * S}) == []


def test_the_hall_stores_signed_records_through_the_collectors_own_writer(ledger: Path) -> None:
    today = single_day(UNTIL.date())
    with LedgerReader(ledger) as reader:
        before = sum(c.rated for c in counts.by_window_and_department(reader, today).values())
    hall = Hall(ledger)
    position, pressed_ns = hall.press(10)
    hall.press(1)
    hall.say_health(3)
    hall.close()
    assert pressed_ns <= time.monotonic_ns()
    with LedgerReader(ledger) as reader:
        after = sum(c.rated for c in counts.by_window_and_department(reader, today).values())
        assert reader.row("SELECT max(position) FROM records") == (position + 2,)
        assert reader.row("SELECT count(DISTINCT signature) FROM records WHERE signature > x'01'")
    assert after - before == 11


def test_a_kept_ledger_is_made_once_and_has_a_checkpoint(
    kept: Path, folder_of_ledgers: Path
) -> None:
    made_ns = kept.stat().st_ino
    again = kept_ledger(folder_of_ledgers, int(kept.stem.removeprefix("ledger-")))
    assert (again, again.stat().st_ino) == (kept, made_ns)
    db = open_ledger(kept)
    assert db.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    db.close()


@pytest.mark.system
def test_viewers_see_what_the_hall_writes_while_a_visitor_walks(
    ledger: Path, tmp_path: Path
) -> None:
    config = prepare(tmp_path / "web", ledger)
    pages = [
        Page(name=address, address=address, role=ROLES[0], first_on=UNTIL.date())
        for address in ("/", "/windows", "/departments")
    ]
    with (
        hall_at_work(ledger) as presses,
        web_process(tmp_path / "web", config) as web,
        through_server(web.port) as ask,
    ):
        visitor = Visitor(web.port).sign_in(ROLES[0])
        with watched(web.port, [cookie_header(visitor.cookies)], LIVE, viewers=3) as found:
            times = walk(ask, pages, 6)
        visitor.close()
        resident_mb, proportional_mb = web.memory_mb()
        pressed = dict(presses)
    assert min(len(of_page) for of_page in times.values()) > 1
    assert 20 < proportional_mb <= resident_mb
    assert len(found["seen"]) == 3
    for seen in found["seen"]:
        delays = seen_after_ms(seen, pressed)
        assert len(delays) >= 3
        assert all(0 < delay < 5000 for delay in delays)
    assert len(found["overview_ms"]) >= 3


@pytest.mark.system
def test_viewers_that_are_refused_fail_the_run(ledger: Path, tmp_path: Path) -> None:
    config = prepare(tmp_path / "web", ledger)
    with (
        web_process(tmp_path / "web", config) as web,
        pytest.raises(RuntimeError, match="401"),
        watched(web.port, ["yiping_session=nobody"], LIVE, viewers=2),
    ):
        time.sleep(0.1)


@pytest.mark.system
def test_the_yardstick_bears_the_same_load(tmp_path: Path) -> None:
    with ServerProcess(["-m", "bench.bare_page"], tmp_path) as bare:
        visitor = Visitor(bare.port)
        with watched(bare.port, [""], BARE, viewers=3) as found:
            times = walk(lambda page: visitor.get(page.address), [BARE_PAGE], 4)
        visitor.close()
    assert len(times["bare"]) > 5
    assert all(len(seen) >= 3 for seen in found["seen"])
    assert found["overview_ms"]

"""Panel, machine and journal together on mock pins and a clock moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from firmware_config.chain import split_token
from firmware_config.kiosk_settings import SessionSettings, StorageSettings
from firmware_config.pins import load_pin_profile
from kiosk import storage
from kiosk.clock import ManualClock
from kiosk.edges import CLERK, LONG_PRESS_MS
from kiosk.errors import JournalError
from kiosk.events import Press
from kiosk.housekeeping import DAY_GRACE_MS
from kiosk.journal import Journal
from kiosk.panel import Panel
from kiosk.patterns import BUZZER, ERROR, STATUS
from kiosk.situation import State

PROFILE = load_pin_profile("five-key")
KEY_NAMES = {button.name for button in PROFILE.buttons}


Kinds = Callable[[Journal], list[str]]


def test_clerk_invites_citizen_presses_light_thanks(
    bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    bench = bench_of()
    bench.tap(CLERK)
    assert bench.lit == {*KEY_NAMES, STATUS}
    bench.tap("satisfied")
    assert "satisfied" in bench.lit
    assert not bench.lit & (KEY_NAMES - {"satisfied"})
    assert kinds(bench.journal) == ["BOOT", "INVITED", "RATED 4"]
    bench.wait(120)
    assert BUZZER not in bench.lit
    bench.wait(2000)
    assert bench.lit == {STATUS}


def test_at_the_moment_of_thanks_the_record_is_in_the_file(
    bench_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of()
    bench.tap(CLERK)
    heads: list[tuple[set[str], int]] = []
    show = Panel.show

    def watched(panel: Panel, lit: frozenset[str]) -> None:
        ((head,),) = bench.journal.query("SELECT count(*) FROM records WHERE kind = 'RATED'")
        heads.append((set(lit), head))
        show(panel, lit)

    monkeypatch.setattr(Panel, "show", watched)
    bench.tap("very-satisfied")
    thanked = [(lit, head) for lit, head in heads if lit & KEY_NAMES == {"very-satisfied"}]
    assert thanked
    assert all(head == 1 for _, head in thanked)


def test_a_press_just_before_the_time_out_counts_although_it_settles_after(
    bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    bench = bench_of()
    bench.case("C-1")
    bench.clock.advance(19_995)
    bench.pins.pin(PROFILE.buttons[1].gpio).drive_low()
    bench.turn()
    bench.wait(10)  # past the time-out, the key not yet quiet
    assert bench.device.situation.state is State.INVITED
    assert bench.device.wait_s() is not None
    bench.wait(10)
    assert kinds(bench.journal)[1:] == ["INVITED", "RATED 4"]


def test_nobody_presses(bench_of: Callable[..., Any], kinds: Kinds) -> None:
    bench = bench_of()
    bench.case("C-1")
    assert bench.device.wait_s() is not None
    bench.wait(20_000)
    assert bench.lit == {STATUS}
    assert kinds(bench.journal)[1:] == ["INVITED", "UNRATED timeout"]


def test_a_long_press_of_the_clerk_pauses_and_is_seen(
    bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    bench = bench_of()
    bench.tap(CLERK, hold_ms=LONG_PRESS_MS + 50)
    assert bench.lit == set()
    bench.tap("satisfied")
    bench.tap(CLERK, hold_ms=LONG_PRESS_MS + 50)
    assert bench.lit == {STATUS}
    assert kinds(bench.journal)[1:] == ["PAUSED", "IGNORED paused", "RESUMED"]


def test_walk_up_mode_needs_no_invitation(bench_of: Callable[..., Any], kinds: Kinds) -> None:
    bench = bench_of(session=SessionSettings(mode="walkup"))
    bench.tap("satisfied")
    bench.tap("dissatisfied")
    bench.wait(5000)
    bench.tap("dissatisfied")
    assert kinds(bench.journal)[1:] == [
        "INVITED",
        "RATED 4",
        "IGNORED too-soon",
        "INVITED",
        "RATED 2",
    ]


def test_a_key_held_at_the_start_and_a_stuck_one(
    bench_of: Callable[..., Any], kinds: Kinds, held_pin: type[MockPin]
) -> None:
    pins = MockFactory()
    pins.pin(PROFILE.buttons[4].gpio, pin_class=held_pin)
    bench = bench_of(pins)
    bench.turn()
    bench.wait(30_000)
    assert kinds(bench.journal) == ["BOOT", "IGNORED held", "FAULT stuck-button"]


def test_a_press_on_a_full_disk_gets_the_error_light_and_service_comes_back(
    bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    bench = bench_of()
    bench.case("C-1")
    ((pages,),) = bench.journal.query("PRAGMA page_count")
    bench.journal.query(f"PRAGMA max_page_count={pages}")
    presses = 0
    while ERROR not in bench.lit:  # until the last page is full
        bench.case(f"C-{presses}")
        presses += 1
        assert presses < 100
    session = bench.device.situation.session
    bench.tap("satisfied")
    assert ERROR in bench.lit
    assert bench.lit & KEY_NAMES == KEY_NAMES  # still asking
    assert bench.device.situation.state is State.INVITED
    assert bench.device.situation.session == session

    bench.journal.query("PRAGMA max_page_count=1000000")
    bench.wait(1000)  # the retry, by itself
    assert ERROR not in bench.lit
    bench.tap("satisfied")
    assert bench.lit >= {"satisfied"}
    assert kinds(bench.journal)[-2:] == ["FAULT storage", "RATED 4"]


def test_a_restart_in_an_open_session_closes_it(
    bench_of: Callable[..., Any], kinds: Kinds, clock: ManualClock
) -> None:
    bench = bench_of()
    bench.case("C-1")
    bench.device.close()
    clock.advance(60_000)
    again = bench_of()
    again.case("C-2")
    assert kinds(again.journal) == [
        "BOOT",
        "INVITED",
        "BOOT",
        "UNRATED interrupted",
        "INVITED",
    ]
    assert again.device.situation.last_session == 2


def test_a_damaged_journal_is_a_fault_in_the_new_one(
    bench_of: Callable[..., Any], kinds: Kinds, tmp_path: Path
) -> None:
    bench_of().device.close()
    (tmp_path / "journal.db").write_bytes(b"x" * 9000)
    assert kinds(bench_of().journal) == ["BOOT", "FAULT journal-damaged"]


def test_clock_steps_and_the_first_synchronisation_are_records(
    bench_of: Callable[..., Any], kinds: Kinds, clock: ManualClock
) -> None:
    clock.step(0, is_synced=False)
    bench = bench_of()
    bench.wait(1000)
    clock.step(900)
    bench.wait(1000)
    clock.step(5_000, is_synced=True)
    bench.wait(1000)
    clock.step(-3_000)
    bench.wait(1000)
    assert kinds(bench.journal) == ["BOOT", "CLOCK", "CLOCK"]


def test_midnight_closes_the_day(bench_of: Callable[..., Any], kinds: Kinds) -> None:
    bench = bench_of()
    bench.wait(1000)
    assert kinds(bench.journal) == ["BOOT"]
    bench.wait(15 * 3_600_000)  # 09:00 + 15 h; the last moment's presses have their time
    assert kinds(bench.journal) == ["BOOT"]
    bench.wait(DAY_GRACE_MS)
    assert kinds(bench.journal) == ["BOOT", "DAYCLOSE 2026-03-02"]
    bench.wait(1000)
    bench.wait(24 * 3_600_000)
    assert kinds(bench.journal)[-1] == "DAYCLOSE 2026-03-03"
    assert len(kinds(bench.journal)) == 3


def test_a_journal_that_does_not_survive_power_off_is_not_thanked_from(
    bench_of: Callable[..., Any], kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "is_volatile", lambda path: True)
    bench = bench_of(storage=StorageSettings(allow_volatile=False, min_free_bytes=1_048_576))
    bench.wait(1000)
    assert ERROR in bench.lit
    bench.tap(CLERK)
    bench.tap("satisfied")
    assert bench.lit & KEY_NAMES == set()
    assert kinds(bench.journal) == ["BOOT", "FAULT volatile-storage", "INVITED", "RATED 4"]


def test_short_of_disk_the_device_stops_thanking_and_says_so(
    bench_of: Callable[..., Any], kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10**9
    monkeypatch.setattr(storage, "free_bytes", lambda path: room)
    bench = bench_of()
    bench.wait(1000)
    assert ERROR not in bench.lit
    room = 1000
    for _ in range(10):
        bench.wait(1000)
    assert ERROR in bench.lit
    room = 10**9
    for _ in range(10):
        bench.wait(1000)
    assert ERROR not in bench.lit
    assert kinds(bench.journal) == ["BOOT", "FAULT disk-short"]


def test_while_a_commit_hangs_another_thread_can_show_the_error_light(
    bench_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, kinds: Kinds
) -> None:
    bench = bench_of()
    bench.case("C-1")
    append = Journal.append
    seen: list[set[str]] = []

    def slow(journal: Journal, *arguments: Any, **named: Any) -> int:
        bench.device.show_hanging_commit()
        seen.append(bench.lit)
        bench.clock.advance(1500)
        bench.device.show_hanging_commit()
        seen.append(bench.lit)
        return append(journal, *arguments, **named)

    monkeypatch.setattr(Journal, "append", slow)
    bench.tap("satisfied")
    assert [ERROR in lit for lit in seen] == [False, True]
    assert ERROR in bench.lit  # stored, but too late to be thanked for
    assert bench.lit & KEY_NAMES == set()
    assert kinds(bench.journal)[-1] == "RATED 4"


def test_damage_found_at_work_ends_the_program(
    bench_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.errors import JournalDamagedError

    bench = bench_of()

    def damaged(*_: Any, **__: Any) -> int:
        raise JournalDamagedError("malformed")

    monkeypatch.setattr(Journal, "append", damaged)
    with pytest.raises(JournalError, match="malformed"):
        bench.case("C-1")


def test_a_press_over_midnight_is_in_the_days_count(
    bench_of: Callable[..., Any], clock: ManualClock
) -> None:
    bench = bench_of()
    bench.wait(15 * 3_600_000 - 1_005)
    bench.device.poll()
    bench.case("C-1")
    bench.clock.advance(1_000)
    bench.pins.pin(PROFILE.buttons[0].gpio).drive_low()  # 23:59:59.995
    bench.turn()
    bench.wait(10)  # midnight, and the second's round, before the key has settled
    bench.wait(100)
    bench.pins.pin(PROFILE.buttons[0].gpio).drive_high()
    bench.turn()
    bench.wait(DAY_GRACE_MS)
    ((token,),) = bench.journal.query("SELECT token FROM records WHERE kind = 'DAYCLOSE'")
    assert json.loads(split_token(token).payload)["counts"]["RATED.5"] == 1


def test_a_press_during_the_start_is_not_thanked_where_nothing_may_be_promised(
    bench_of: Callable[..., Any], kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "is_volatile", lambda path: True)
    bench = bench_of(
        session=SessionSettings(mode="walkup"),
        storage=StorageSettings(allow_volatile=False, min_free_bytes=1_048_576),
    )
    bench.tap("satisfied")  # before any poll
    assert kinds(bench.journal)[-1] == "RATED 4"
    assert bench.lit & KEY_NAMES == set()


def test_touches_are_counted_beside_the_keys(bench_of: Callable[..., Any]) -> None:
    bench = bench_of()
    for _ in range(2):
        bench.device.edges.push(Press(at_ms=bench.clock.mono_ms(), button="screen-5", level=5))
        bench.turn()
    assert bench.device.touches == {"screen-5": 2}


def test_a_disk_around_its_limit_does_not_flap(
    bench_of: Callable[..., Any], kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10**9
    monkeypatch.setattr(storage, "free_bytes", lambda path: room)
    bench = bench_of(
        storage=StorageSettings(
            allow_volatile=True, min_free_bytes=2 * 10**6, warn_free_bytes=10**8
        )
    )
    for number in range(20):
        room = 10**8 + (-1) ** number * 10**6
        for _ in range(10):
            bench.wait(1000)
    assert kinds(bench.journal) == ["BOOT", "FAULT disk-low"]

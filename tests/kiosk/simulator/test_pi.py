"""Troubles on the real service, without a broker: each acts where it would on a Pi."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware_config.chain import split_token
from firmware_config.contract import decode_record
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.events import SelfTestAsked
from kiosk.selftest import LIGHT_MS
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.power_cut import picture, put_back
from kiosk.simulator.rehearsal import journal_entries
from kiosk.simulator.scenario import Fault

START_MS = 1_772_413_200_000
"""2026-03-02, 09:00 in Shanghai."""


class Window:
    """One window whose time stands, and what happens there."""

    def __init__(self, folder: Path) -> None:
        collector = load_or_create_signing_key(folder / "collector.jwk")
        save_verify_key(folder / "collector-public.jwk", collector.public)
        self.settings = KioskSettings(
            hall="h",
            device="w-a01",
            journal=folder / "journal.db",
            key=folder / "device.jwk",
            collector_key=folder / "collector-public.jwk",
            broker=BrokerSettings(host="127.0.0.1", port=9),
            storage=StorageSettings(allow_volatile=True),
        )
        self.kiosk = VirtualKiosk(
            self.settings, password="", wall_ms=START_MS, system=Clock(), is_standing=True
        )
        self.kiosk.start()
        self._now_s = 0.0

    def do(self, doing: Doing, after_s: float = 1.0, **fields: Any) -> None:
        self._now_s += after_s
        step = Step(at_s=self._now_s, doing=doing, **fields)
        self.kiosk.perform(step, START_MS + round(self._now_s * 1000))

    def press(self, level: int, after_s: float = 1.0) -> None:
        self.do(Doing.PRESS, after_s, level=level)

    def begin(self, what: str, **fields: Any) -> Fault:
        fault = Fault(what=what, at="09:00", **fields)
        self.do(Doing.BREAK, fault=fault)
        return fault

    def end(self, fault: Fault, after_s: float = 1.0) -> None:
        self.do(Doing.REPAIR, after_s, fault=fault)

    def found(self) -> list[str]:
        """What is in the journal after the first BOOT."""
        self.kiosk.wait_settled(10)
        return [entry.count_key for entry in journal_entries(self.settings.journal)][1:]

    def records(self) -> list[Any]:
        with closing(sqlite3.connect(self.settings.journal)) as db:
            rows = db.execute("SELECT token FROM records ORDER BY seq").fetchall()
        return [decode_record(split_token(token).payload) for (token,) in rows]


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    made = Window(tmp_path)
    yield made
    made.kiosk.stop()


def test_a_dead_key_gives_no_edge_until_it_is_repaired(window: Window) -> None:
    dead = window.begin("dead-key", key="2")
    window.press(2)
    assert window.found() == []
    pins = window.kiosk.service.panel.pressed()
    window.kiosk.turn_key(window.kiosk.key_of_level(2), is_down=True, hall_ms=START_MS)
    assert window.kiosk.service.panel.pressed() == pins == frozenset()

    window.press(3)
    window.end(dead)
    window.press(2)

    assert window.found() == ["IGNORED.no-session"] * 2


def test_a_stuck_key_is_one_press_and_one_fault_and_the_others_work(window: Window) -> None:
    window.do(Doing.CASE_INVITES, case_no="c1")
    stuck = window.begin("stuck-key", key="5")
    assert window.kiosk.service.panel.pressed() == {window.kiosk.key_of_level(5)}
    window.press(4)
    window.press(5)
    window.press(3, after_s=40)
    window.end(stuck)
    window.press(5)

    assert window.found() == [
        "INVITED",
        "RATED.5",
        "IGNORED.already-rated",
        "FAULT.stuck-button",
        "IGNORED.no-session",
        "IGNORED.no-session",
    ]


def test_a_bouncing_key_is_a_burst_of_edges_and_one_press(window: Window) -> None:
    edges = []
    seen = window.kiosk.service.panel._on_edge

    def note(name: str, is_pressed: bool) -> None:
        edges.append(is_pressed)
        seen(name, is_pressed)

    window.kiosk.service.panel._on_edge = note
    window.begin("bouncing-key", bounces=4)
    window.press(5)

    assert edges == [True, False] * 4 + [True] + [False, True] * 4 + [False]
    assert window.found() == ["IGNORED.no-session"]


def test_the_power_fails_in_a_session_and_what_was_stored_is_there_at_the_next_boot(
    window: Window,
) -> None:
    window.do(Doing.SIGN_IN, staff_no="1001")
    window.do(Doing.CASE_INVITES, case_no="c1")
    boot_id = window.kiosk.clock.boot_id
    cut = window.begin("unplugged")
    assert window.kiosk.state() == "off"
    view = window.kiosk.view("")
    assert (view.connected, view.failure, any(view.lights.values())) == (False, "", False)
    assert not any(window.kiosk.view("").lights.values())
    window.press(5)
    window.do(Doing.CASE_INVITES, case_no="c2")
    window.kiosk.turn_key("clerk", is_down=True, hall_ms=START_MS)
    window.kiosk.turn_key("clerk", is_down=False, hall_ms=START_MS)
    window.end(cut, after_s=5400)
    window.do(Doing.CLERK_INVITES)

    assert window.found() == ["SIGNIN", "INVITED", "BOOT", "UNRATED.interrupted", "INVITED"]
    records = window.records()
    assert records[-1].staff_no == "1001"
    assert records[-1].boot == window.kiosk.clock.boot_id != boot_id
    assert records[3].mono_ms == 30_000  # time since boot began anew


def test_what_the_program_tidied_at_its_end_has_not_happened_at_a_power_cut(
    window: Window,
) -> None:
    window.press(5)
    window.found()
    journal = window.settings.journal
    log = journal.with_name("journal.db-wal")
    before = picture(journal)
    assert before[log]

    window.kiosk.stop()
    assert not log.exists()  # SQLite moves it into the file at an orderly end
    put_back(journal, before)

    assert log.stat().st_size == len(before[log])
    assert [entry.kind for entry in journal_entries(journal)] == ["BOOT", "IGNORED"]


def test_a_wrong_clock_is_told_by_a_clock_record_and_no_press_is_refused(window: Window) -> None:
    wrong = window.begin("wrong-clock")
    window.do(Doing.CASE_INVITES, case_no="c1")
    window.press(4, after_s=5)
    window.end(wrong, after_s=60)
    window.press(5)

    assert window.found() == ["BOOT", "INVITED", "RATED.4", "CLOCK", "IGNORED.no-session"]
    records = [record for record in window.records() if type(record).__name__ != "DayClose"]
    boot, _, rated, clock, late = records[1:]
    assert boot.wall == "1970-01-01T00:00:00.000Z"
    assert not boot.synced
    assert rated.wall == "1970-01-01T00:00:06.000Z"
    assert not rated.synced
    assert clock.step_ms == START_MS + 1_000  # right again: what 1970 was behind
    assert late.synced
    assert late.wall == "2026-03-02T01:01:08.000Z"
    assert late.mono_ms - rated.mono_ms == 61_000


def test_a_clock_that_is_set_wrong_by_hand_steps_there_and_back(window: Window) -> None:
    wrong = window.begin("clock-step", step_s=-3600)
    window.press(5)
    window.end(wrong)

    assert window.found() == ["CLOCK", "IGNORED.no-session", "CLOCK"]
    steps = [record.step_ms for record in window.records() if hasattr(record, "step_ms")]
    assert steps == [-3_600_000, 3_600_000]


def test_a_short_disk_stores_but_does_not_thank(window: Window) -> None:
    short = window.begin("disk-short")
    window.do(Doing.CASE_INVITES, case_no="c1")
    window.press(5)
    window.kiosk.wait_settled(10)
    assert window.kiosk.view("").lights["error"]
    window.end(short, after_s=30)
    window.do(Doing.CASE_INVITES, case_no="c2")
    window.press(5)
    window.kiosk.wait_settled(10)
    assert window.kiosk.state() == "thanks"

    assert window.found() == [
        *("BOOT", "FAULT.disk-short", "INVITED", "RATED.5", "BOOT", "INVITED", "RATED.5")
    ]


def test_the_clerk_s_long_press_pauses_and_resumes(window: Window) -> None:
    window.do(Doing.PAUSE_KEY)
    window.press(5, after_s=5)
    window.do(Doing.PAUSE_KEY)

    assert window.found() == ["PAUSED", "IGNORED.paused", "RESUMED"]


def test_times_in_the_journal_are_those_of_the_plan_to_the_millisecond(window: Window) -> None:
    window.do(Doing.CASE_INVITES, after_s=60, case_no="c1")
    window.press(5, after_s=6.543)
    window.found()

    invited, rated = window.records()[1:]
    assert (invited.wall, rated.wall) == ("2026-03-02T01:01:00.000Z", "2026-03-02T01:01:06.543Z")


def test_a_damaged_picture_is_not_put_back_by_halves(tmp_path: Path, window: Window) -> None:
    window.found()
    files = picture(window.settings.journal)

    assert [path.name for path in files] == ["journal.db", "journal.db-wal"]
    with pytest.raises(sqlite3.Error):
        picture(tmp_path / "none.db")


def test_settings_of_the_next_boot_are_its_own(window: Window) -> None:
    assert window.kiosk.service.settings == replace(window.settings)
    window.begin("disk-short")

    assert window.kiosk.service.settings.storage.min_free_bytes > 2**60


def newest(window: Window) -> list[tuple[str, str, bool]]:
    """What the press page is told of the records since the last boot."""
    window.kiosk.wait_settled(10)
    return [
        (record.kind, record.reason, record.is_thanked)
        for record in window.kiosk.view("").newest
        if record.kind not in ("BOOT", "FAULT", "DAYCLOSE")
    ]


def test_the_page_is_told_what_was_written_and_no_level(window: Window) -> None:
    window.press(2)
    window.do(Doing.CLERK_INVITES)
    window.press(5)
    window.press(1)

    assert newest(window) == [
        ("IGNORED", "no-session", False),
        ("INVITED", "", False),
        ("RATED", "", True),
        ("IGNORED", "already-rated", False),
    ]
    (*_, last) = window.kiosk.view("").newest
    assert last.seq == window.kiosk.view("").head
    assert set(type(last).__slots__) == {"seq", "kind", "reason", "is_thanked"}


def test_the_page_is_told_that_a_rating_was_stored_and_not_thanked(window: Window) -> None:
    window.begin("disk-short")
    window.do(Doing.CLERK_INVITES)
    window.press(5)

    assert newest(window) == [("INVITED", "", False), ("RATED", "", False)]


def test_the_lamp_test_is_no_fault(window: Window) -> None:
    window.kiosk.service.post(SelfTestAsked(at_ms=window.kiosk.clock.mono_ms()))
    seen = set()
    for _ in range(8):
        window.kiosk.wait_settled(10)
        view = window.kiosk.view("")
        seen.add((view.state, view.lights["error"]))
        window.do(Doing.LEAVE, LIGHT_MS / 1000)

    assert seen == {("testing", False), ("testing", True)}

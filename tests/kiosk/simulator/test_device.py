import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from firmware_config.chain import split_token
from firmware_config.contract import Boot, DayClose, Invited, Rated, Unrated, decode_record
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.people import Doing, Step

START_MS = 1_772_413_200_000
"""2026-03-02, 09:00 in Shanghai."""


@pytest.fixture
def kiosk(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[VirtualKiosk]:
    """A virtual kiosk without a broker: it stores and thanks all the same."""
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", collector.public)
    settings = KioskSettings(
        hall="h",
        device="w-a01",
        journal=tmp_path / "journal.db",
        key=tmp_path / "device.jwk",
        collector_key=tmp_path / "collector-public.jwk",
        broker=BrokerSettings(host="127.0.0.1", port=free_port()),
        storage=StorageSettings(allow_volatile=True),
    )
    made = VirtualKiosk(settings, password="", wall_ms=START_MS, system=Clock())
    made.service.start()
    yield made
    made.service.stop()


@pytest.fixture
def records(kiosk: VirtualKiosk, tmp_path: Path) -> Callable[[], list[Any]]:
    """What is in its journal, once everything is stored, without BOOT."""

    def read() -> list[Any]:
        assert kiosk.wait_settled(10)
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            rows = db.execute("SELECT token FROM records ORDER BY seq").fetchall()
        found = [decode_record(split_token(token).payload) for (token,) in rows]
        return [record for record in found if not isinstance(record, Boot | DayClose)]

    return read


def case(at_s: float = 0.0) -> Step:
    return Step(
        at_s=at_s,
        doing=Doing.CASE_INVITES,
        case_no="20260302-A01-0001",
        item="结婚登记",
        staff_no="1001",
    )


def press(level: int) -> Step:
    return Step(at_s=0.0, doing=Doing.PRESS, level=level)


def test_a_simulated_session_is_stored_with_the_hall_s_times(
    kiosk: VirtualKiosk, records: Callable[[], list[Any]]
) -> None:
    kiosk.perform(case(), START_MS + 60_000)
    kiosk.wait_settled(10)
    kiosk.perform(press(4), START_MS + 66_500)

    invited, rated = records()

    assert isinstance(invited, Invited)
    assert invited.case_no == "20260302-A01-0001"
    assert invited.item == "结婚登记"
    assert isinstance(rated, Rated)
    assert rated.level == 4
    assert rated.wall.startswith("2026-03-02T01:01:06.5")
    assert 6_490 <= rated.mono_ms - rated.invited_mono_ms <= 6_600


def test_a_press_at_any_speed_is_thanked_by_the_light_of_its_key(kiosk: VirtualKiosk) -> None:
    kiosk.perform(Step(at_s=0, doing=Doing.CLERK_INVITES), START_MS + 60_000)
    kiosk.wait_settled(10)
    assert kiosk.view("").state == "open"
    kiosk.perform(press(5), START_MS + 63_000)
    kiosk.wait_settled(10)

    view = kiosk.view("")

    assert view.state == "thanks"
    lit = {name for name, is_on in view.lights.items() if is_on}
    assert lit - {"status"} == {kiosk.key_of_level(5)}  # status blinks: there is no broker
    assert view.last_level == 5
    assert kiosk.brief()[1] == 5


def test_who_leaves_without_pressing_leaves_an_unrated_session(
    kiosk: VirtualKiosk, records: Callable[[], list[Any]]
) -> None:
    kiosk.perform(case(), START_MS + 60_000)
    kiosk.wait_settled(10)
    kiosk.perform(Step(at_s=0, doing=Doing.LEAVE), START_MS + 81_000)

    _, unrated = records()

    assert isinstance(unrated, Unrated)
    assert unrated.mono_ms - unrated.invited_mono_ms == 20_000


def test_staff_sign_in_and_out(kiosk: VirtualKiosk, records: Callable[[], list[Any]]) -> None:
    kiosk.perform(Step(at_s=0, doing=Doing.SIGN_IN, staff_no="1001"), START_MS + 1_000)
    kiosk.perform(Step(at_s=0, doing=Doing.SIGN_OUT, staff_no="1001"), START_MS + 9_000)

    assert [type(record).__name__ for record in records()] == ["SignIn", "SignOut"]


def test_a_visitor_s_press_moves_an_idle_device_to_the_hall_s_time_and_then_time_is_real(
    kiosk: VirtualKiosk, records: Callable[[], list[Any]]
) -> None:
    assert not kiosk.is_touched
    hall_ms = START_MS + 3_600_000
    for key in ("clerk", kiosk.key_of_level(1)):
        kiosk.turn_key(key, is_down=True, hall_ms=hall_ms)
        time.sleep(0.05)  # a person's finger: longer than the debounce time
        kiosk.turn_key(key, is_down=False, hall_ms=hall_ms)
        kiosk.wait_settled(10)
        hall_ms += 600_000

    invited, rated = records()

    assert kiosk.is_touched
    assert invited.wall.startswith("2026-03-02T02:00:00")
    assert rated.level == 1
    assert rated.mono_ms - invited.mono_ms < 5_000


def test_an_unknown_key_is_refused(kiosk: VirtualKiosk) -> None:
    with pytest.raises(KeyError):
        kiosk.turn_key("level9", is_down=True, hall_ms=START_MS)


def test_a_device_that_is_looked_at_knows_it(kiosk: VirtualKiosk) -> None:
    assert not kiosk.is_watched

    kiosk.view("")

    assert kiosk.is_watched

"""The screen of a real service: it follows, and a touch has the rights of a key, no more."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from firmware_config.chain import split_token
from firmware_config.counter_settings import ScreenSettings
from kiosk.clock import ManualClock
from kiosk.events import CaseOpened, ClerkLongPress, SignedIn
from kiosk.journal.reading import open_card
from kiosk.screen.server import attach_screen
from kiosk.screen.shown import Scene, StaffCard
from kiosk.screen.source import ServiceScreenSource
from kiosk.screen.staff import StaffDirectory
from kiosk.service import KioskService

STAFF = StaffDirectory(cards={"1042": StaffCard(staff_no="1042", name="李雯")})


@pytest.fixture
def service(service_of: Callable[..., KioskService]) -> KioskService:
    made = service_of()
    made.start()
    assert made.settle(10)
    return made


@pytest.fixture
def source(service: KioskService) -> ServiceScreenSource:
    return ServiceScreenSource(service, staff=STAFF)


Rated = Callable[[], list[tuple[str, int]]]


def invite(service: KioskService, clock: ManualClock) -> None:
    service.post(
        CaseOpened(at_ms=clock.mono_ms(), case_no="20260302-A01-1", item="登记", staff_no="1042")
    )
    assert service.settle(10)


@pytest.fixture
def rated(tmp_path: Path) -> Callable[[], list[tuple[str, int]]]:
    """Reads button and level of every RATED in the journal file."""

    def read() -> list[tuple[str, int]]:
        found = []
        with open_card(tmp_path / "journal.db") as card:
            for row in card.rows():
                record = json.loads(split_token(row.token).payload)
                if record["kind"] == "RATED":
                    found.append((record["button"], record["level"]))
        return found

    return read


def test_before_the_start_the_screen_says_so(service_of: Callable[..., KioskService]) -> None:
    source = ServiceScreenSource(service_of(), staff=STAFF)

    assert source.view().scene is Scene.STARTING


def test_the_screen_follows_the_service(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock
) -> None:
    assert source.view().scene is Scene.IDLE
    invite(service, clock)
    view = source.view()
    assert (view.scene, view.window, view.time) == (Scene.INVITATION, "A01 综合窗口", "09:00")
    assert view.staff is not None
    assert view.staff.name == "李雯"
    service.post(ClerkLongPress(at_ms=clock.mono_ms()))
    assert service.settle(10)
    assert source.view().scene is Scene.PAUSED


def test_a_touch_is_rated_thanked_and_stored_with_its_own_button(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock, rated: Rated
) -> None:
    invite(service, clock)

    assert source.press(2)

    assert service.settle(10)
    assert source.view().scene is Scene.THANKS
    assert rated() == [("screen-2", 2)]


def test_a_second_touch_is_no_key(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock, rated: Rated
) -> None:
    invite(service, clock)
    assert source.press(5)
    assert service.settle(10)

    assert not source.press(1)

    assert rated() == [("screen-5", 5)]


def test_a_touch_without_an_invitation_or_of_no_level_is_no_key(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock
) -> None:
    head = service.snapshot().head

    assert not source.press(5)
    invite(service, clock)
    assert not source.press(6)

    assert service.settle(10)
    assert service.snapshot().head == head + 1  # the invitation


def test_a_screen_without_touch_takes_none(
    service_of: Callable[..., KioskService], clock: ManualClock
) -> None:
    service = service_of(touch=False)
    service.start()
    source = ServiceScreenSource(service, staff=STAFF)
    invite(service, clock)

    assert not source.press(5)
    assert source.view().subtitle == "请按下对应的按键"


def test_in_walk_up_mode_a_touch_opens_its_own_session(
    service_of: Callable[..., KioskService], rated: Rated
) -> None:
    service = service_of(mode="walkup")
    service.start()
    assert service.settle(10)
    source = ServiceScreenSource(service, staff=STAFF)
    assert source.view().scene is Scene.WALKUP

    assert source.press(4)

    assert service.settle(10)
    assert rated() == [("screen-4", 4)]


def test_the_work_thread_tells_when_the_situation_changes(
    service_of: Callable[..., KioskService], clock: ManualClock
) -> None:
    service = service_of()
    told = threading.Event()
    service.on_change = told.set
    service.start()
    assert service.settle(10)
    told.clear()

    invite(service, clock)

    assert told.is_set()


def test_a_service_that_has_ended_is_out_of_service(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock
) -> None:
    invite(service, clock)

    service.stop()

    assert source.view().scene is Scene.OUT_OF_SERVICE


def test_a_long_silence_of_the_collector_is_mentioned(
    source: ServiceScreenSource, clock: ManualClock
) -> None:
    assert source.view().notice == ""

    clock.advance(601_000)

    assert source.view().notice == "网络中断，评价照常保存"


def test_a_name_from_a_sign_in_is_shown_where_the_directory_has_none(
    service: KioskService, source: ServiceScreenSource, clock: ManualClock
) -> None:
    names = []
    for staff_no, name in (("7", "欧阳明"), ("8", ""), ("1042", "别的名字")):
        service.post(SignedIn(at_ms=clock.mono_ms(), staff_no=staff_no, name=name))
        assert service.settle(10)
        shown = source.view().staff
        names.append(shown.name if shown else "")

    assert names == ["欧阳明", "工作人员", "李雯"]


def test_the_demo_may_give_other_names_and_another_time(service: KioskService) -> None:
    other = ScreenSettings(language="en", window="B02")
    source = ServiceScreenSource(
        service, staff=STAFF, screen=other, wall_ms=lambda: 1_772_413_200_000 + 3_600_000
    )

    view = source.view()

    assert (view.title, view.window, view.time) == ("Welcome", "B02", "10:00")


def test_attached_to_a_service_the_screen_is_told_of_every_change(
    service_of: Callable[..., KioskService], clock: ManualClock
) -> None:
    service = service_of()
    screen = attach_screen(service)
    service.start()
    screen.start()
    stream = http.client.HTTPConnection(urlsplit(screen.url).netloc, timeout=10)
    stream.request("GET", "/stream")
    answer = stream.getresponse()

    invite(service, clock)

    lines = (answer.readline().decode() for _ in range(40))
    assert any('"scene":"invitation"' in line for line in lines)
    answer.close()
    stream.close()
    screen.stop()

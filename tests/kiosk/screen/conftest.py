"""A real service on mock pins, with a real journal file and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_config.counter_settings import ScreenSettings
from firmware_config.kiosk_settings import KioskSettings, SessionSettings
from kiosk.clock import ManualClock
from kiosk.service import KioskService


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def service_of(
    make_settings: Callable[..., KioskSettings], pins: MockFactory, clock: ManualClock
) -> Iterator[Callable[..., KioskService]]:
    made: list[KioskService] = []

    def make(*, mode: str = "clerk", touch: bool = True) -> KioskService:
        settings = make_settings(
            session=SessionSettings(mode=mode),
            screen=ScreenSettings(port=0, touch=touch, window="A01 综合窗口"),
        )
        service = KioskService(settings, pin_factory=pins, clock=clock, password="x")
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()

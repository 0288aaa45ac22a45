"""The screens of the simulated windows: the same page as on a device, for any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from firmware_config.counter_settings import LANGUAGES, ScreenSettings
from kiosk.screen.shown import ScreenView, StaffCard
from kiosk.screen.source import ScreenSource, ServiceScreenSource
from kiosk.screen.staff import Photo, StaffDirectory
from kiosk.screen.words import ENGLISH
from kiosk.service import KioskService
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.page import WindowRow

_SURNAMES: Final = (
    *(("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang")),
    *(("赵", "Zhao"), ("黄", "Huang"), ("周", "Zhou"), ("吴", "Wu"), ("徐", "Xu"), ("孙", "Sun")),
)
_GIVEN: Final = (
    *(("晓雯", "Xiaowen"), ("建国", "Jianguo"), ("丽", "Li"), ("志强", "Zhiqiang"), ("敏", "Min")),
    *(("静", "Jing"), ("海燕", "Haiyan"), ("伟", "Wei"), ("秀英", "Xiuying"), ("磊", "Lei")),
    *(("芳", "Fang"), ("明", "Ming"), ("雪梅", "Xuemei")),
)


class MadeUpStaff(StaffDirectory):
    """A made-up name for every number, always the same."""

    def find(self, staff_no: str) -> StaffCard | None:
        """See `StaffDirectory.find`."""
        if not staff_no.isdecimal():
            return None
        number = int(staff_no)
        surname, surname_en = _SURNAMES[number * 7 % len(_SURNAMES)]
        given, given_en = _GIVEN[number * 5 % len(_GIVEN)]
        return StaffCard(
            staff_no=staff_no, name=surname + given, name_en=f"{given_en} {surname_en}"
        )


class VisitorScreen:
    """The screen of a virtual kiosk; who touches it operates the window, in real time.

    Args:
        source: makes the screen of a service; every restart of the device makes a new service.
    """

    def __init__(
        self, kiosk: VirtualKiosk, source: Callable[[KioskService], ServiceScreenSource]
    ) -> None:
        self._kiosk = kiosk
        self._make = source
        self._made = (kiosk.service, source(kiosk.service))

    def view(self) -> ScreenView:
        """See `ScreenSource.view`."""
        return self._present().view()

    def press(self, level: int) -> bool:
        """See `ScreenSource.press`."""
        return self._kiosk.touch(lambda: self._present().press(level))

    def _present(self) -> ServiceScreenSource:
        service, source = self._made
        if service is not self._kiosk.service:
            service = self._kiosk.service
            source = self._make(service)
            self._made = (service, source)
        return source

    def photo(self, staff_no: str) -> Photo | None:
        """None: these people are made up."""
        return None


class HallScreens:
    """All screens of a hall, each in both languages.

    Args:
        wall_ms: what time it is in the hall, UTC milliseconds since 1970.
    """

    def __init__(
        self,
        rows: Iterable[WindowRow],
        kiosks: dict[str, VirtualKiosk],
        wall_ms: Callable[[], int],
    ) -> None:
        self._wall_ms = wall_ms
        self._screens = {
            (row.device, language): self._screen(row, kiosks[row.device], language)
            for row in rows
            for language in LANGUAGES
        }

    def find(self, device: str, language: str) -> ScreenSource:
        """The screen of a window. Raises KeyError."""
        return self._screens[device, language]

    def _screen(self, row: WindowRow, kiosk: VirtualKiosk, language: str) -> VisitorScreen:
        def name(chinese: str, english: str) -> str:
            return english or chinese if language == ENGLISH else chinese

        label = "Window {}" if language == ENGLISH else "{} 号窗口"
        settings = ScreenSettings(
            language=language,
            touch=True,
            window=label.format(name(row.window.name, row.window.name_en)),
            department=name(row.department.name, row.department.name_en),
        )

        def wall_ms() -> int:
            return kiosk.clock.wall_ms() if kiosk.is_touched else self._wall_ms()

        def source(service: KioskService) -> ServiceScreenSource:
            return ServiceScreenSource(
                service, staff=MadeUpStaff(), screen=settings, wall_ms=wall_ms
            )

        return VisitorScreen(kiosk, source)

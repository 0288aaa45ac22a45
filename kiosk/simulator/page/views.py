"""What the press page shows and what it asks of the hall it shows. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from firmware_config.fleet import Department, Hall, Window
from kiosk.screen.source import ScreenSource
from kiosk.written import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A rating key of a panel, as drawn. `name` is the key's name in the pin profile."""

    name: str
    level: int
    zh: str
    en: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """A window that has a device. `panel`: which keys, a key of `PressableHall.panels`."""

    department: Department
    window: Window
    device: str
    panel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device now.

    Attributes:
        state: starting, idle, open, thanks, paused, testing, broken, or off (no power).
        lights: key name, `status` or `error` → whether its light is on.
        head: highest seq in the journal.
        stored: every seq up to here is in the ledger, says the collector's receipt.
        last_level: of the latest rating in this run; 0: none yet.
        time: the device's local time, `HH:MM:SS`.
        failure: what ended its service; empty while it runs.
        is_touched: a visitor operates it, so its clock runs in real time.
        newest: the last few records it wrote since it was switched on, in order of seq: kind and
            reason, never a level.
    """

    state: str
    lights: Mapping[str, bool]
    head: int
    stored: int
    connected: bool
    last_level: int
    time: str
    failure: str = ""
    is_touched: bool = False
    newest: tuple[Written, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HallView:
    """The whole hall now.

    Attributes:
        on: local date, `YYYY-MM-DD`.
        time: local time, `HH:MM`.
        pace: simulated seconds in a second; 0: as fast as the computer can.
        devices: device → state, level of the latest rating (0: none), its session.
    """

    on: str
    time: str
    pace: float
    devices: Mapping[str, tuple[str, int, int]]


class PressableHall(Protocol):
    """What the page needs of the simulated hall; every method may be called from any thread."""

    @property
    def hall(self) -> Hall:
        """The hall of the fleet file."""

    @property
    def rows(self) -> tuple[WindowRow, ...]:
        """Its windows in the order of the fleet file."""

    @property
    def panels(self) -> Mapping[str, tuple[KeyView, ...]]:
        """Panel name → its keys from left to right."""

    def hall_view(self) -> HallView:
        """What all devices show now."""

    def device_view(self, device: str) -> DeviceView:
        """What one device shows now. Raises KeyError."""

    def screen(self, device: str, language: str) -> ScreenSource:
        """The screen of one device, in `zh-CN` or `en`. Raises KeyError."""

    def turn_key(self, device: str, key: str, *, is_down: bool) -> None:
        """Press (the pin goes low) or let go of a key, or of `clerk`. Raises KeyError."""

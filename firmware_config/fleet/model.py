"""What a fleet is. Pure data: no I/O, no clock.

An assignment holds from local midnight of `from_on` until the next one of the same device, window
or member of staff. Assignments are only ever added, so that an old figure keeps the department it
belonged to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from firmware_config.hours import Week


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """The service hall.

    Attributes:
        id: part of every topic.
        timezone: IANA name; periods and assignments are local to it.
        opens: seven entries, Monday first; each the day's stretches in order, none when closed.
    """

    id: str
    name: str
    name_en: str
    timezone: str
    opens: Week


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A department (部门) whose satisfaction rate is published."""

    id: str
    name: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A service window (窗口). `row`, `column`: on the hall's plan, from 1; None: not drawn."""

    id: str
    name: str
    name_en: str
    row: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An evaluator (评价器). `profile`: built-in pin profile or path of a TOML file."""

    id: str
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff (工作人员).

    Attributes:
        staff_no: 工号, as the reader or the counter system gives it.
        name: empty where the hall keeps names out of the file.
        name_en: like `name` where there is no other.
    """

    staff_no: str
    name: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAssignment:
    """From a day on, a device stands at a window; None: at none (in the store)."""

    device: str
    window: str | None
    from_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAssignment:
    """From a day on, a window belongs to a department; None: to none."""

    window: str
    department: str | None
    from_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAssignment:
    """From a day on, a member of staff works at a window; None: at none. Others may work there."""

    staff_no: str
    window: str | None
    from_on: date


_Dated = TypeVar("_Dated", DeviceAssignment, WindowAssignment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A whole fleet file, checked, in file order."""

    hall: Hall
    departments: tuple[Department, ...]
    windows: tuple[Window, ...]
    devices: tuple[Device, ...]
    device_assignments: tuple[DeviceAssignment, ...]
    window_assignments: tuple[WindowAssignment, ...]
    staff: tuple[Staff, ...] = ()
    staff_assignments: tuple[StaffAssignment, ...] = ()

    def window_of(self, device: str, on: date) -> str | None:
        """Id of the window a device stands at on a local day, or None."""
        rows = (row for row in self.device_assignments if row.device == device)
        valid = _valid_on(rows, on)
        return valid.window if valid else None

    def department_of(self, window: str, on: date) -> str | None:
        """Id of the department a window belongs to on a local day, or None."""
        rows = (row for row in self.window_assignments if row.window == window)
        valid = _valid_on(rows, on)
        return valid.department if valid else None


def _valid_on(rows: Iterable[_Dated], on: date) -> _Dated | None:
    past = [row for row in rows if row.from_on <= on]
    return max(past, key=lambda row: row.from_on, default=None)

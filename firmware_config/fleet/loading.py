"""Judging a fleet: every id, reference, duplicate, date and overlap, every problem at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from firmware_config.errors import InvalidSettings
from firmware_config.fleet.model import (
    Department,
    Device,
    DeviceAssignment,
    Fleet,
    Hall,
    Staff,
    StaffAssignment,
    Window,
    WindowAssignment,
)
from firmware_config.fleet.plan import place_on_plan
from firmware_config.fleet.rows import COLUMNS, Row, read_fleet
from firmware_config.hours import DAYS, OpenSpan, days_of, span_of
from firmware_config.kiosk_settings import ID_PATTERN, expected_timezone
from firmware_config.pins import BUILT_IN_PROFILES

RESERVED_DEVICES: Final = frozenset({"collector", "dispatcher"})
"""Ids that are broker users of their own and cannot name a device."""
NONE_MARK: Final = "-"
"""In an assignment: at no window, of no department."""
_HALL_KEYS: Final = ("id", "name", "name_en", "timezone", "opens")


def load_fleet(path: Path) -> Fleet:
    """Load and check a fleet: a TOML file, or a folder with hall.toml and CSV files.

    Raises:
        InvalidSettings: every problem with its place, e.g.
            `fleet.toml: windows[3].department: expected a department id, got 'x'`.
    """
    raw = read_fleet(path)
    checks = _Checks(raw.problems)
    hall = checks.hall(raw.hall)
    for name, rows in raw.tables.items():
        for row in rows:
            checks.known_keys(row, COLUMNS[name])
    departments = tuple(
        Department(**checks.named(row, "department")) for row in raw.tables["departments"]
    )
    windows = tuple(checks.window(row) for row in raw.tables["windows"])
    devices = tuple(checks.device(row) for row in raw.tables["devices"])
    staff = tuple(checks.staff(row) for row in raw.tables["staff"])
    for row in raw.tables["windows"]:
        checks.assign(row, window=row.values.get("id"))
    for row in raw.tables["staff"]:
        checks.first_window(row)
    for row in raw.tables["assignments"]:
        checks.assign(row, window=row.values.get("window"))
    checks.overlaps()
    if checks.problems:
        raise InvalidSettings(checks.problems)
    return Fleet(
        hall=hall,
        departments=departments,
        windows=windows,
        devices=devices,
        device_assignments=tuple(assignment for assignment, _ in checks.device_assignments),
        window_assignments=tuple(checks.window_assignments),
        staff=staff,
        staff_assignments=tuple(checks.staff_assignments),
    )


class _Checks:
    """Collects problems; remembers where each id, name and date was first used."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.device_assignments: list[tuple[DeviceAssignment, str]] = []
        self.window_assignments: list[WindowAssignment] = []
        self.staff_assignments: list[StaffAssignment] = []
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._taken: dict[tuple[str, str], str] = {}

    def refuse(self, place: str, expected: str, got: object) -> None:
        shown = "nothing" if got is None else repr(got)
        self.problems.append(f"{place}: expected {expected}, got {shown}")

    def known_keys(self, row: Row, known: tuple[str, ...]) -> None:
        for key in row.values:
            if key not in known:
                self.problems.append(f"{row.at(key)}: unknown key; expected {', '.join(known)}")

    def once(self, place: str, what: str, value: str) -> None:
        first = self._taken.setdefault((what, value), place)
        if first != place:
            self.problems.append(f"{place}: {what} {value!r} is already used by {first}")

    def id(self, row: Row, what: str) -> str:
        value = row.values.get("id")
        if not isinstance(value, str) or re.fullmatch(ID_PATTERN, value) is None:
            expected = "an id of small letters, digits and dashes (at most 40)"
            self.refuse(row.at("id"), expected, value)
            return ""
        self.once(row.at("id"), f"{what} id", value)
        self._ids[what].add(value)
        return value

    def text(self, row: Row, key: str, default: str | None = None) -> str:
        value = row.values.get(key, default)
        if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():
            self.refuse(row.at(key), "1 to 64 characters of text", value)
            return ""
        return value

    def named(self, row: Row, what: str) -> dict[str, str]:
        name = self.text(row, "name")
        if name:
            self.once(row.at("name"), f"{what} name", name)
        name_en = self.text(row, "name_en", name) if name else ""
        return {"id": self.id(row, what), "name": name, "name_en": name_en}

    def window(self, row: Row) -> Window:
        place = place_on_plan(row, self.refuse, self.once)
        return Window(**self.named(row, "window"), row=place.get("row"), column=place.get("column"))

    def device(self, row: Row) -> Device:
        id_ = self.id(row, "device")
        if id_ in RESERVED_DEVICES:
            self.refuse(row.at("id"), "a device id that is not a broker user of its own", id_)
        profile = self.text(row, "profile", BUILT_IN_PROFILES[0])
        if profile and profile not in BUILT_IN_PROFILES and not profile.endswith(".toml"):
            expected = f"{', '.join(BUILT_IN_PROFILES)} or a path ending in .toml"
            self.refuse(row.at("profile"), expected, profile)
        return Device(id=id_, profile=profile)

    def staff(self, row: Row) -> Staff:
        staff_no = row.values.get("staff_no")
        if isinstance(staff_no, int) and not isinstance(staff_no, bool):
            self.refuse(row.at("staff_no"), "a text in quotes: 0017 is not 17", staff_no)
            return Staff(staff_no="")
        staff_no = self.text(row, "staff_no")
        if staff_no != staff_no.strip():
            self.refuse(row.at("staff_no"), "no blanks before or after it", staff_no)
        if staff_no:
            self.once(row.at("staff_no"), "staff number", staff_no)
            self._ids["staff"].add(staff_no)
        has_name = "name" in row.values
        name = self.text(row, "name") if has_name else ""
        if not has_name and "name_en" in row.values:
            self.refuse(row.at("name"), "a name beside name_en", None)
        return Staff(
            staff_no=staff_no, name=name, name_en=self.text(row, "name_en", name) if name else ""
        )

    def first_window(self, row: Row) -> None:
        """Take the assignment of a row of staff."""
        if "window" in row.values:
            self._assign_staff(row, row.values.get("staff_no"), self.from_on(row))
        elif "from" in row.values:
            self.refuse(row.place, "a window beside from", None)

    def _assign_staff(self, row: Row, staff_no: Any, from_on: date | None) -> None:
        window = row.values.get("window")
        is_known = window == NONE_MARK or self.reference(row, "window", window, "window")
        if from_on and is_known and isinstance(staff_no, str) and staff_no in self._ids["staff"]:
            self.once(row.at("from"), "assignment of", f"staff {staff_no} from {from_on}")
            place = None if window == NONE_MARK else window
            self.staff_assignments.append(
                StaffAssignment(staff_no=staff_no, window=place, from_on=from_on)
            )

    def reference(self, row: Row, key: str, value: Any, what: str) -> bool:
        if not isinstance(value, str) or value not in self._ids[what]:
            expected = "a staff number of the file" if what == "staff" else f"a {what} id"
            self.refuse(row.at(key), expected, value)
            return False
        return True

    def from_on(self, row: Row) -> date | None:
        value = row.values.get("from")
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str):
            # A spreadsheet turns 2026-01-05 into 2026/1/5 when it saves.
            match = re.fullmatch(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", value)
            try:
                if match:
                    return date(int(match[1]), int(match[2]), int(match[3]))
            except ValueError:
                pass
        self.refuse(row.at("from"), "a date such as 2026-01-05", value)
        return None

    def assign(self, row: Row, *, window: Any) -> None:
        """Take the assignments of a row of windows or of assignments."""
        device, department = row.values.get("device"), row.values.get("department")
        staff_no = row.values.get("staff")
        is_window_row = "id" in row.values
        if device is None and department is None and staff_no is None:
            if not is_window_row:
                self.refuse(row.place, "a device, a department or staff to assign", None)
            elif "from" in row.values:
                self.refuse(row.place, "a device or a department beside from", None)
            return
        from_on = self.from_on(row)
        if is_window_row:
            is_known = isinstance(window, str) and window in self._ids["window"]
        elif window == NONE_MARK and department is None:
            is_known = True
        else:
            is_known = self.reference(row, "window", window, "window")
        if staff_no is not None and self.reference(row, "staff", staff_no, "staff") and is_known:
            self._assign_staff(row, staff_no, from_on)
        if device is not None and self.reference(row, "device", device, "device"):
            place = None if window == NONE_MARK else window
            if from_on and is_known:
                self.once(row.at("from"), "assignment of", f"device {device} from {from_on}")
                self.device_assignments.append(
                    (DeviceAssignment(device=device, window=place, from_on=from_on), row.place)
                )
        is_free = department == NONE_MARK
        if department is not None and (
            is_free or self.reference(row, "department", department, "department")
        ):
            owner = None if is_free else department
            if from_on and is_known:
                self.once(row.at("from"), "assignment of", f"window {window} from {from_on}")
                self.window_assignments.append(
                    WindowAssignment(window=window, department=owner, from_on=from_on)
                )

    def overlaps(self) -> None:
        """A window has one device at a time, or a press could not be told from another's."""
        by_device = defaultdict(list)
        for assignment, place in self.device_assignments:
            by_device[assignment.device].append((assignment.from_on, assignment.window, place))
        by_window: dict[str, list[tuple[date, date, str, str]]] = defaultdict(list)
        for device, stays in by_device.items():
            stays.sort(key=lambda stay: stay[0])
            ends = [stay[0] for stay in stays[1:]] + [date.max]
            for (start, window, place), end in zip(stays, ends, strict=True):
                if window is not None:
                    by_window[window].append((start, end, device, place))
        for window, spans in by_window.items():
            spans.sort()
            for (_, end, device, first), (start, _, other, place) in pairwise(spans):
                if start < end and device != other:
                    self.problems.append(
                        f"{place}: device {other!r} comes to window {window!r} on {start}, where "
                        f"{device!r} ({first}) still is; assign {device!r} elsewhere "
                        f'or to "{NONE_MARK}"'
                    )

    def hall(self, row: Row) -> Hall:
        if row.values:
            self.known_keys(row, _HALL_KEYS)
        else:
            return Hall(id="", name="", name_en="", timezone="", opens=((),) * 7)
        names = self.named(row, "hall")
        timezone = self.text(row, "timezone", "Asia/Shanghai")
        if timezone and (expected := expected_timezone(timezone)):
            self.refuse(row.at("timezone"), expected, timezone)
        return Hall(**names, timezone=timezone, opens=self.opens(row))

    def opens(self, row: Row) -> tuple[tuple[OpenSpan, ...], ...]:
        value = row.values.get("opens")
        if not isinstance(value, Mapping) or not value:
            self.refuse(row.at("opens"), 'days such as mon-fri = ["09:00-12:00"]', value)
            return ((),) * 7
        days: dict[str, tuple[OpenSpan, ...]] = {}
        for key, texts in value.items():
            place = row.at(f"opens.{key}")
            names = days_of(key)
            if not names:
                self.refuse(place, f"a day or range of {', '.join(DAYS)}", key)
            spans = tuple(self._spans(place, texts))
            for name in names:
                self.once(place, "opening hours of", name)
                days[name] = spans
        return tuple(days.get(name, ()) for name in DAYS)

    def _spans(self, place: str, texts: Any) -> Iterator[OpenSpan]:
        closed_at = time.min
        for text in texts if isinstance(texts, list) else [texts]:
            try:
                opens_at, closes_at = span_of(text)
            except (ValueError, TypeError):
                self.refuse(place, 'a list of stretches such as "09:00-12:00"', text)
                continue
            if not closed_at <= opens_at < closes_at:
                self.refuse(place, f"a stretch after {closed_at:%H:%M} that ends later", text)
            closed_at = closes_at
            yield opens_at, closes_at

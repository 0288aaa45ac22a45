"""The devices a visitor may see: filtered, counted, in order, and those that need a hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from collector.devices.keys import KEY_DAYS
from collector.devices.needs import Need, Reason
from collector.devices.state import DeviceState
from collector.devices.survey import Surveyed, survey
from collector.ledger.readers import fleet
from collector.ledger.readers.device_facts import departments_of
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.web.asked import BadParameter, Column
from collector.web.calendar_days import special_days
from collector.web.dashboard import now_ms, reader, real_ms, scope, zone
from collector.web.view import WHOLE_HALL

LONGEST_SEARCH: Final = 40
HAND: Final = "hand"
"""Value of the filter `need`: those that somebody should go to now."""
SOON: Final = "soon"
"""The same: those that only have what can wait."""
LISTED_IN_GROUP: Final = 6
"""Devices that are named for one reason; more are a matter of the hall, not of one device."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A device with the department of its window; None for none.

    `foreign_until_ms`: until when it worked for a department that the visitor may not see, UTC
    milliseconds; 0: never.
    """

    device: Surveyed
    department: DepartmentRow | None
    foreign_until_ms: int = 0

    @property
    def has_foreign_presses(self) -> bool:
        """Whether its numbers of presses are in part another department's."""
        return self.foreign_until_ms > self.device.now_ms - _counted_ms(self.device)

    @property
    def window(self) -> WindowRow | None:
        """Its window."""
        return self.device.window

    @property
    def state(self) -> DeviceState:
        """Its state."""
        return self.device.shown.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What the list is narrowed to; empty for all.

    Attributes:
        state: a `DeviceState`.
        need: `hand`, `soon`, or a `Reason`.
        q: part of a device's, window's or department's name, or of a version.
    """

    state: str = ""
    need: str = ""
    q: str = ""

    def takes(self, one: Listed) -> bool:
        """Whether a device passes."""
        if self.state and one.state != self.state:
            return False
        if self.need and not self._needs(one.device):
            return False
        return self.q.casefold() in _words(one).casefold()

    def _needs(self, device: Surveyed) -> bool:
        if self.need == HAND:
            return device.is_urgent
        if self.need == SOON:
            return bool(device.needs) and not device.is_urgent
        return any(need.reason == self.need for need in device.needs)

    @property
    def is_any(self) -> bool:
        """Whether it narrows at all."""
        return bool(self.state or self.need or self.q)


@dataclass(frozen=True, slots=True)
class NeedGroup:
    """One reason with the devices it holds for; `more` of them are not named."""

    reason: Reason
    items: Sequence[tuple[Listed, Need]]
    more: int

    @property
    def number(self) -> int:
        """All of them."""
        return len(self.items) + self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Devices in all, by state, and by what they need."""

    total: int
    states: Mapping[DeviceState, int]
    hand: int
    soon: int


def asked_filter(args: Mapping[str, str]) -> Filter:
    """The filter of `state`, `need` and `q`.

    Raises:
        BadParameter: an unknown state or need, or a text that is too long.
    """
    known = {
        "state": [state.value for state in DeviceState],
        "need": [HAND, SOON, *(reason.value for reason in Reason)],
    }
    for name, values in known.items():
        text = args.get(name, "")
        if text and text not in values:
            raise BadParameter(
                _("“%(name)s”: expected one of %(names)s, got “%(text)s”.")
                % {"name": name, "names": ", ".join(values), "text": text[:40]}
            )
    q = args.get("q", "").strip()
    if len(q) > LONGEST_SEARCH:
        raise BadParameter(
            _("“q”: expected at most %(most)s characters.") % {"most": LONGEST_SEARCH}
        )
    return Filter(state=args.get("state", ""), need=args.get("need", ""), q=q)


def seen_devices() -> list[Listed]:
    """The devices that this request's visitor may see, in order of their ids.

    Who sees one department's figures sees the devices at its windows, and no spare ones.
    """
    departments = {row.id: row for row in fleet.departments(reader())}
    found = []
    foreign_until: dict[int, int] = {}
    if scope() != WHOLE_HALL:
        for one in departments_of(reader(), now_ms()):
            if one.department not in scope():
                foreign_until[one.device] = max(one.end_ms, foreign_until.get(one.device, 0))
    surveyed = survey(
        reader(), now_ms=now_ms(), real_ms=real_ms(), zone=zone(), special=special_days()
    )
    for device in surveyed:
        department = device.window.department if device.window else None
        if scope() == WHOLE_HALL or (department is not None and department in scope()):
            found.append(
                Listed(
                    device=device,
                    department=departments.get(department or 0),
                    foreign_until_ms=foreign_until.get(device.shown.row.id, 0),
                )
            )
    return found


def _counted_ms(device: Surveyed) -> int:
    """How far back its numbers of presses go: whole days, or since its program started."""
    health = device.shown.health
    return max((KEY_DAYS + 1) * 86_400, health.uptime_s if health else 0) * 1000


def tally_of(devices: Iterable[Listed]) -> Tally:
    """Count devices."""
    known = list(devices)
    states = [one.state for one in known]
    return Tally(
        total=len(known),
        states={state: states.count(state) for state in DeviceState},
        hand=sum(one.device.is_urgent for one in known),
        soon=sum(bool(one.device.needs) and not one.device.is_urgent for one in known),
    )


def groups_of(devices: Iterable[Listed], *, urgent: bool) -> list[NeedGroup]:
    """The reasons that hold for any of them, the gravest first."""
    found: dict[Reason, list[tuple[Listed, Need]]] = {}
    for one in devices:
        for need in one.device.needs:
            if need.is_urgent is urgent:
                found.setdefault(need.reason, []).append((one, need))
    return [
        NeedGroup(
            reason, found[reason][:LISTED_IN_GROUP], max(0, len(found[reason]) - LISTED_IN_GROUP)
        )
        for reason in Reason
        if reason in found
    ]


def columns() -> tuple[Column[Listed], ...]:
    """The columns of the table; `place` is the order of the fleet file."""
    return (
        Column("place", lazy_gettext("Device"), _place, is_number=False),
        Column("state", lazy_gettext("State"), _state, is_number=False),
        Column("need", lazy_gettext("Needs"), _rank, is_number=False),
        Column("keys", lazy_gettext("Keys"), _unproven, is_number=False),
        Column("session", lazy_gettext("Last press"), lambda o: _or_last(o.device.press_ms)),
        Column(
            "backlog", lazy_gettext("Still to come"), lambda o: _or_last(o.device.shown.backlog)
        ),
        Column("receipt", lazy_gettext("Receipt"), lambda o: _or_last(o.device.receipt_age_s)),
        Column("stored", lazy_gettext("Last record"), lambda o: _or_last(o.device.stored_ms)),
        Column("clock", lazy_gettext("Clock"), _clock, is_number=False),
        Column("version", lazy_gettext("Program"), _version, is_number=False),
    )


def _place(one: Listed) -> tuple[int, Any]:
    return (0, one.window.ordinal) if one.window else (1, one.device.shown.row.id)


def _state(one: Listed) -> tuple[int, Any]:
    return (0, -list(DeviceState).index(one.state))


def _rank(one: Listed) -> tuple[int, Any]:
    return (0, one.device.needs[0].rank) if one.device.needs else (1, 0)


def _unproven(one: Listed) -> tuple[int, Any]:
    """Those with the most keys that nothing shows to work first."""
    return (0, -sum(not key.is_proven(now_ms()) for key in one.device.keys))


def _or_last(value: float | None) -> tuple[int, Any]:
    return (1, 0) if value is None else (0, value)


def _clock(one: Listed) -> tuple[int, Any]:
    health = one.device.shown.health
    return (1, 0) if health is None else (0, health.synced)


def _version(one: Listed) -> tuple[int, Any]:
    health = one.device.shown.health
    return (1, "") if health is None else (0, health.version)


def _words(one: Listed) -> str:
    names = [one.device.code]
    for place in (one.window, one.department):
        if place is not None:
            names += [place.code, place.name, place.name_en]
    if one.device.shown.health is not None:
        names.append(one.device.shown.health.version)
    return "\n".join(names)

"""What the API answers about devices. Times are UTC milliseconds; ages are seconds."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from collector.devices.needs import Reason
from collector.devices.state import DeviceState
from collector.web.described import ORDER, Parameter
from collector.web.devices.listing import HAND, SOON, Listed, Tally, columns
from collector.web.devices.one import DevicePage
from firmware_config.contract import Health

FILTERS: Final = (
    Parameter(
        name="state",
        type=Literal[tuple(state.value for state in DeviceState)],
        help="Only devices in this state.",
    ),
    Parameter(
        name="need",
        type=Literal[(HAND, SOON, *(reason.value for reason in Reason))],
        help="Only devices that need a hand now, soon, or for this reason.",
    ),
    Parameter(name="q", type=str, help="Part of a device's, window's or department's name."),
    Parameter(
        name="sort",
        type=Literal[tuple(column.key for column in columns())],
        help="Column to sort by; left out: `place`, the order of the fleet file.",
    ),
    ORDER,
)


class TallyAnswer(Struct, kw_only=True):
    """Numbers of devices: in all, by state, and by whether somebody should go there."""

    total: int
    online: int
    late: int
    offline: int
    never: int
    hand: int
    soon: int


class KeyAnswer(Struct, kw_only=True):
    """Signs of life of one key.

    `presses` in the last 30 days; None for who may not see ratings, which they add up to, or not
    those of all departments it worked for.
    """

    level: int
    presses: int | None
    pressed_on: str | None
    tested_ms: int | None
    is_proven: bool


class NeedAnswer(Struct, kw_only=True):
    """Why it needs a hand; `facts` by reason."""

    reason: str
    is_urgent: bool
    facts: dict[str, Any]


class ReadingAnswer(Struct, kw_only=True):
    """One health value; `limit`: from where on it is not good."""

    value: str
    grade: str
    number: float | None
    words: list[str]
    limit: float | None


class DeviceBrief(Struct, kw_only=True):
    """A device as in the list."""

    code: str
    window: str | None
    department: str | None
    state: str
    heard_ms: int | None
    backlog: int | None
    receipt_age_s: float | None
    stored_ms: int | None
    session_ms: int | None
    press_ms: int | None
    is_synced: bool | None
    version: str
    settings_version: int
    keys: list[KeyAnswer]
    readings: list[ReadingAnswer]
    needs: list[NeedAnswer]


class DevicesAnswer(Struct, kw_only=True):
    """The devices asked for, and the numbers of all that may be seen."""

    tally: TallyAnswer
    devices: list[DeviceBrief]


class JournalAnswer(Struct, kw_only=True):
    """One journal; see docs/ledger.md."""

    epoch: str
    stored: int
    head: int
    archived: int
    missing: int


class PlaceAnswer(Struct, kw_only=True):
    """A dated assignment."""

    from_ms: int
    window: str | None


class EventAnswer(Struct, kw_only=True):
    """A FAULT, BOOT or CLOCK record."""

    kind: str
    epoch: str
    seq: int
    received_ms: int
    wall_ms: int | None
    is_synced: bool
    reason: str
    detail: str
    step_ms: int | None


class DeviceConflictAnswer(Struct, kw_only=True):
    """A second record for a place in a journal that was taken."""

    epoch: str
    seq: int
    first_ms: int
    last_ms: int
    times: int


class RegisteredKey(Struct, kw_only=True):
    """A public key by its thumbprint (RFC 7638)."""

    kid: str
    registered_ms: int


class CommandAnswer(Struct, kw_only=True):
    """A command that was sent, and what became of it."""

    id: str
    do: str
    by: str
    asked_by: str
    at: str
    outcome: str
    reason: str


class DeviceAnswer(Struct, kw_only=True):
    """One device with its history.

    `settings` None: not known which are in force; `commands` None: the log is not readable here.
    """

    device: DeviceBrief
    health: dict[str, Any] | None
    health_ms: int | None
    journals: list[JournalAnswer]
    keys: list[RegisteredKey]
    places: list[PlaceAnswer]
    events: list[EventAnswer]
    conflicts: list[DeviceConflictAnswer]
    settings: dict[str, str] | None
    commands: list[CommandAnswer] | None


def devices_answer(tally: Tally, rows: list[Listed], *, sees_ratings: bool) -> Any:
    """The list for machines."""
    return msgspec.to_builtins(
        DevicesAnswer(
            tally=TallyAnswer(
                total=tally.total,
                hand=tally.hand,
                soon=tally.soon,
                **{state.value: number for state, number in tally.states.items()},
            ),
            devices=[_brief(one, sees_ratings) for one in rows],
        )
    )


def device_answer(page: DevicePage, *, sees_ratings: bool) -> Any:
    """One device for machines."""
    device = page.listed.device
    health = device.shown.health
    sees_presses = sees_ratings and not page.listed.has_foreign_presses
    return msgspec.to_builtins(
        DeviceAnswer(
            device=_brief(page.listed, sees_ratings),
            health=None if health is None else _health(health, sees_presses),
            health_ms=device.health_ms,
            journals=[
                JournalAnswer(
                    epoch=one.epoch,
                    stored=one.stored,
                    head=one.head,
                    archived=one.archived,
                    missing=one.head - one.stored,
                )
                for one in page.journals
            ],
            keys=[RegisteredKey(kid=one.kid, registered_ms=one.registered_ms) for one in page.keys],
            places=[
                PlaceAnswer(from_ms=place.from_ms, window=window.code if window else None)
                for place, window in page.places
            ],
            events=[_same(one, EventAnswer) for one in page.events],
            conflicts=[_same(one, DeviceConflictAnswer) for one in page.conflicts],
            settings=page.settings,
            commands=None
            if page.commands is None
            else [_same(one, CommandAnswer) for one in page.commands],
        )
    )


def _same(row: Any, kind: type[Struct]) -> Any:
    """A row as an answer with fields of the same names."""
    return kind(**{name: getattr(row, name) for name in kind.__struct_fields__})


def _health(health: Health, sees_presses: bool) -> dict[str, Any]:
    """The message; presses and edges by key are left out for who may not see ratings."""
    told: dict[str, Any] = msgspec.to_builtins(health)
    return told if sees_presses else {**told, "presses": {}, "edges": {}}


def _brief(one: Listed, sees_ratings: bool) -> DeviceBrief:
    device, health = one.device, one.device.shown.health
    sees_presses = sees_ratings and not one.has_foreign_presses
    return DeviceBrief(
        code=device.code,
        window=one.window.code if one.window else None,
        department=one.department.code if one.department else None,
        state=one.state.value,
        heard_ms=device.shown.row.heard_ms,
        backlog=device.shown.backlog,
        receipt_age_s=device.receipt_age_s,
        stored_ms=device.stored_ms,
        session_ms=device.session_ms,
        press_ms=device.press_ms,
        is_synced=None if health is None else health.synced,
        version="" if health is None else health.version,
        settings_version=device.settings.version if device.settings else 0,
        keys=[
            KeyAnswer(
                level=key.level,
                presses=key.presses if sees_presses else None,
                pressed_on=key.pressed_on,
                tested_ms=key.tested_ms,
                is_proven=key.is_proven(device.now_ms),
            )
            for key in device.keys
        ],
        readings=[
            ReadingAnswer(
                value=reading.value.value,
                grade=reading.grade.value,
                number=reading.number,
                words=list(reading.words),
                limit=reading.limit,
            )
            for reading in device.readings
        ],
        needs=[
            NeedAnswer(
                reason=need.reason.value,
                is_urgent=need.is_urgent,
                facts=dict(need.facts),
            )
            for need in device.needs
        ],
    )

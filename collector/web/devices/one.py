"""One device: everything its page and its API address show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import abort

from collector.ledger.readers import fleet, one_device
from collector.ledger.readers.fleet import WindowRow
from collector.ledger.readers.one_device import (
    ConflictOf,
    EventRow,
    JournalRow,
    KeyRow,
    PlaceRow,
)
from collector.remote_settings import remote_settings
from collector.web.dashboard import dashboard, now_ms, reader, scope
from collector.web.devices.commands import Sent, commands_sent
from collector.web.devices.listing import Listed, seen_devices
from collector.web.view import WHOLE_HALL


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePage:
    """One device with its history; for who sees some departments only since it has been theirs.

    Attributes:
        listed: as in the list.
        journals: the newest first.
        places: the latest first, each with its window; None: at none, or one we do not know.
        settings: remote settings in force, name → value; None: not known which.
        commands: the newest first; None: the log is not for the dashboard.
    """

    listed: Listed
    journals: list[JournalRow]
    keys: list[KeyRow]
    places: list[tuple[PlaceRow, WindowRow | None]]
    events: list[EventRow]
    conflicts: list[ConflictOf]
    settings: dict[str, str] | None
    commands: list[Sent] | None


def device_page(code: str) -> DevicePage:
    """The device with that id; 404 for one that the visitor may not see."""
    listed = find_device(code)
    device = listed.device
    row = device.shown.row.id
    windows = {window.id: window for window in fleet.windows(reader(), now_ms())}
    settings = device.settings
    here_ms = 0 if scope() == WHOLE_HALL else device.from_ms or 0
    since_ms = max(here_ms, listed.foreign_until_ms)
    sent = commands_sent(dashboard().options.command_log, device.code)
    return DevicePage(
        listed=listed,
        journals=one_device.journals(reader(), row),
        keys=one_device.keys(reader(), row),
        places=[
            (place, windows.get(place.window or 0))
            for place in one_device.places(reader(), row)
            if place.from_ms >= here_ms
        ],
        events=[one for one in one_device.events(reader(), row) if one.received_ms >= since_ms],
        conflicts=[one for one in one_device.conflicts(reader(), row) if one.last_ms >= since_ms],
        settings={} if settings is None else settings.values,
        commands=sent and [one for one in sent if _sent_ms(one) >= since_ms],
    )


def _sent_ms(sent: Sent) -> int:
    """When a command was sent, UTC milliseconds; 0: its line of the log has no time."""
    try:
        return int(datetime.fromisoformat(sent.at).timestamp() * 1000)
    except ValueError:
        return 0


def find_device(code: str) -> Listed:
    """The device with that id; 404 for one that the visitor may not see."""
    found = next((one for one in seen_devices() if one.device.code == code), None)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    return found


def known_settings() -> list[str]:
    """The settings that the collector may change, in the order of their table."""
    return [row.key for row in remote_settings()]

"""Times on pages that must work before there is a ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from collector.ledger.readers import LedgerUnavailable
from collector.ledger.readers.fleet import DEFAULT_TIMEZONE
from collector.web.dashboard import zone


def office_zone() -> ZoneInfo:
    """The hall's time zone; the default while no ledger names one."""
    try:
        return zone()
    except LedgerUnavailable:
        return ZoneInfo(DEFAULT_TIMEZONE)


def moment(ms: int) -> str:
    """UTC milliseconds as local date and time."""
    at = datetime.fromtimestamp(ms / 1000, UTC).astimezone(office_zone())
    return at.strftime("%Y-%m-%d %H:%M:%S")

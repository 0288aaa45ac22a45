"""A rehearsal: one day of a scenario on the real service, and every journal against the plan.

No broker, no collector, no waiting: time stands between two steps, so the journals do not depend on
the computer's speed, and what must be in them is known beforehand (`expectation`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from firmware_config.chain import split_token
from firmware_config.contract import Fault, decode_record
from firmware_config.fleet import Fleet
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, PanelSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.simulator.cable import LOOPBACK, Cables
from kiosk.simulator.clock import HallTime
from kiosk.simulator.day import Due, local_ms
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.director import SETTLE_S, Director
from kiosk.simulator.expectation import (
    PLANNED_FAULTS,
    Entry,
    expected_counts,
    expected_entries,
)
from kiosk.simulator.playbook import Playbook

NOBODYS_PORT: Final = 9
"""The discard service: nobody listens there, so there is no broker."""
_BEFORE_OPENING_S: Final = 5 * 3600
_UNPLANNED: Final = frozenset({"DAYCLOSE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one window's device was to write, and what it wrote.

    Attributes:
        expected: in order of seq; so is `found`, the journal without what no plan can know.
    """

    window: str
    device: str
    expected: tuple[Entry, ...]
    found: tuple[Entry, ...]

    @property
    def is_as_planned(self) -> bool:
        """Whether the journal holds exactly what the plan says."""
        return self.expected == self.found

    @property
    def first_difference(self) -> str:
        """The first entry that differs, in words; empty when none does."""
        for number, expected in enumerate(self.expected):
            found = self.found[number] if number < len(self.found) else None
            if found != expected:
                return f"entry {number + 1}: expected {expected}, got {found or 'nothing'}"
        if len(self.found) > len(self.expected):
            surplus = self.found[len(self.expected)]
            return f"entry {len(self.expected) + 1}: expected nothing, got {surplus}"
        return ""

    def counts(self) -> dict[str, tuple[int, int]]:
        """Count key → how many were expected and found."""
        expected, found = expected_counts(self.expected), expected_counts(self.found)
        keys = sorted(expected.keys() | found.keys())
        return {key: (expected.get(key, 0), found.get(key, 0)) for key in keys}


def rehearse(fleet: Fleet, playbook: Playbook, on: date, folder: Path) -> list[Outcome]:
    """Play a day as fast as the devices can and compare; one outcome for each window.

    Args:
        on: the day; before today, because a hall never passes the real time.
        folder: takes keys and journals; should be empty.

    Raises:
        KioskError, ConfigError, OSError: a kiosk cannot start.
        Exception: whatever ended the people's thread or a kiosk.
    """
    zone = ZoneInfo(fleet.hall.timezone)
    system = Clock()
    cables = Cables()
    begin_ms = local_ms(on, _BEFORE_OPENING_S, zone)
    settings = _settings(fleet, folder)
    kiosks = {
        device: VirtualKiosk(
            settings[device],
            password="",
            wall_ms=begin_ms,
            system=system,
            cables=cables if window in playbook.cabled else None,
            is_standing=True,
        )
        for device, window in playbook.standing.items()
    }
    plans = playbook.plan(on)
    director = Director(
        tuple(kiosks.values()),
        lambda _: plans,
        HallTime(begin_ms, 1.0, system),
        zone,
        system,
        rush_until_ms=local_ms(on + timedelta(days=1), 0, zone),
        days=1,
    )
    try:
        for kiosk in kiosks.values():
            kiosk.start()
        director.start()
        director.wait()
        for kiosk in kiosks.values():
            kiosk.wait_settled(SETTLE_S)
            if kiosk.service.failure is not None:
                raise kiosk.service.failure
    finally:
        director.stop()
        for kiosk in kiosks.values():
            kiosk.stop()
        cables.stop()
    if director.failure is not None:
        raise director.failure
    return [
        Outcome(
            window=playbook.standing[device],
            device=device,
            expected=expected(plan, settings[device], kiosks[device].levels),
            found=tuple(journal_entries(settings[device].journal)),
        )
        for (device, plan) in zip(kiosks, plans, strict=True)
    ]


def expected(
    plan: Sequence[Due], settings: KioskSettings, levels: frozenset[int]
) -> tuple[Entry, ...]:
    """What a device with these settings must write on a planned day."""
    timeout_ms = round(settings.session.timeout_s * 1000)
    return tuple(expected_entries(plan, timeout_ms=timeout_ms, levels=levels))


def journal_entries(path: Path) -> list[Entry]:
    """What a journal holds, in order of seq, without what no plan can know."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT kind, token FROM records ORDER BY seq").fetchall()
    entries = []
    for kind, token in rows:
        record: Any = decode_record(split_token(token).payload)
        if isinstance(record, Fault) and record.reason not in PLANNED_FAULTS:
            continue  # of this computer, such as a disk that is really short
        entry = Entry(
            kind=kind,
            level=getattr(record, "level", 0),
            session=getattr(record, "session", 0),
            case_no=getattr(record, "case_no", ""),
            staff_no=getattr(record, "staff_no", ""),
            reason=str(getattr(record, "reason", "")),
        )
        if entry.kind not in _UNPLANNED:
            entries.append(entry)
    return entries


def _settings(fleet: Fleet, folder: Path) -> dict[str, KioskSettings]:
    collector = load_or_create_signing_key(folder / "collector.jwk")
    save_verify_key(folder / "collector-public.jwk", collector.public)
    return {
        device.id: KioskSettings(
            hall=fleet.hall.id,
            device=device.id,
            timezone=fleet.hall.timezone,
            journal=folder / device.id / "journal.db",
            key=folder / device.id / "device.jwk",
            collector_key=folder / "collector-public.jwk",
            panel=PanelSettings(profile=device.profile),
            broker=BrokerSettings(host=LOOPBACK, port=NOBODYS_PORT),
            storage=StorageSettings(allow_volatile=True),
        )
        for device in fleet.devices
    }

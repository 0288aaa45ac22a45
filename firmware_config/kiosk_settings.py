"""The settings of the device program: the table from which `kiosk.toml` is read and documented."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from firmware_config.counter_settings import (
    OpeningSettings,
    ReaderSettings,
    ScreenSettings,
    VoiceSettings,
)
from firmware_config.settings import Setting
from firmware_config.settings_broker import BrokerSettings

ID_PATTERN: Final = r"[a-z0-9][a-z0-9-]{0,39}"
"""Ids of halls, departments, windows and devices: safe in topics, file names and certificates."""


def expected_timezone(name: str) -> str:
    """What was expected when `name` is not a zone of the IANA database; empty when it is one."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "a time zone of the IANA database such as Asia/Shanghai"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """Section `[panel]`: the buttons and lights."""

    profile: Annotated[
        str,
        Setting(
            help="Pin profile: `five-key`, `four-key`, or the path of a TOML file of your own.",
            pattern=r".+",
            path_suffix=".toml",
        ),
    ] = "five-key"
    debounce_ms: Annotated[
        int,
        Setting(
            help="How long an edge must be quiet to count as a press; delays the light by as much.",
            unit="ms",
            minimum=1,
            maximum=200,
        ),
    ] = 15
    thanks_s: Annotated[
        float,
        Setting(
            help="How long the light beside the pressed key says thanks.",
            unit="s",
            minimum=0.2,
            maximum=30,
            remote=True,
        ),
    ] = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """Section `[session]`: when a press counts."""

    mode: Annotated[
        str,
        Setting(
            help="`clerk`: the clerk's key or a case opens a session and its first press counts; "
            "`walkup`: every press opens and closes a session of its own.",
            choices=("clerk", "walkup"),
            remote=True,
        ),
    ] = "clerk"
    timeout_s: Annotated[
        float,
        Setting(
            help="How long a session waits for a press; then it is stored as unrated.",
            unit="s",
            minimum=8,
            maximum=120,
            remote=True,
        ),
    ] = 20.0
    walkup_interval_s: Annotated[
        float,
        Setting(
            help="In walk-up mode, how long after a rating further presses are ignored.",
            unit="s",
            minimum=0,
            maximum=600,
            remote=True,
        ),
    ] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Section `[storage]`: where presses are kept."""

    allow_volatile: Annotated[
        bool,
        Setting(
            help="Thank although the journal lies on a file system that is lost at power-off "
            "(overlay, tmpfs). For trials only."
        ),
    ] = False
    min_free_bytes: Annotated[
        int,
        Setting(
            help="Free space below which the device stops thanking and shows the error light.",
            unit="bytes",
            minimum=1048576,
        ),
    ] = 16777216
    warn_free_bytes: Annotated[
        int,
        Setting(
            help="Free space below which the device reports `disk-low`, long before it must stop.",
            unit="bytes",
            minimum=1048576,
        ),
    ] = 134217728

    def problems(self) -> Iterator[str]:
        """What is wrong between the settings of this section."""
        if self.warn_free_bytes < self.min_free_bytes:
            yield (
                f"warn_free_bytes: expected at least min_free_bytes ({self.min_free_bytes}), "
                f"got {self.warn_free_bytes}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """Section `[uplink]`: how records travel to the collector."""

    resend_s: Annotated[
        float,
        Setting(
            help="Wait for a receipt before records are sent again; doubles up to resend_max_s.",
            unit="s",
            minimum=0.5,
            maximum=600,
        ),
    ] = 10.0
    resend_max_s: Annotated[
        float,
        Setting(
            help="Longest wait between two sendings of the same records.",
            unit="s",
            minimum=0.5,
            maximum=3600,
        ),
    ] = 60.0
    health_s: Annotated[
        float,
        Setting(help="Time between health messages.", unit="s", minimum=1, maximum=3600),
    ] = 30.0

    def problems(self) -> Iterator[str]:
        """What is wrong between the settings of this section."""
        if self.resend_max_s < self.resend_s:
            yield (
                f"resend_max_s: expected at least resend_s ({self.resend_s}), "
                f"got {self.resend_max_s}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskSettings:
    """All settings of one device."""

    hall: Annotated[str, Setting(help="Id of the hall, as in the fleet file.", pattern=ID_PATTERN)]
    device: Annotated[
        str,
        Setting(
            help="Id of this device, as in the fleet file; also its MQTT user name and client id.",
            pattern=ID_PATTERN,
        ),
    ]
    journal: Annotated[
        Path,
        Setting(help="The journal (SQLite): every press is stored here before it is thanked."),
    ]
    key: Annotated[
        Path,
        Setting(help="Private key of this device (JWK); made at the first start, never leaves it."),
    ]
    collector_key: Annotated[
        Path, Setting(help="Public key of the collector (JWK); its receipts must be signed by it.")
    ]
    broker: BrokerSettings
    timezone: Annotated[
        str,
        Setting(help="Zone in which the device closes its day.", check=expected_timezone),
    ] = "Asia/Shanghai"
    panel: PanelSettings = field(default_factory=PanelSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    uplink: UplinkSettings = field(default_factory=UplinkSettings)
    opening: OpeningSettings = field(default_factory=OpeningSettings)
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    reader: ReaderSettings = field(default_factory=ReaderSettings)

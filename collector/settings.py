"""The collector's settings: one table from which file, environment, `--help` and docs derive.

The three commands share one file, so that ingest, web and export cannot disagree about a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from collector.settings_care import (
    BackupSettings,
    CorrectionSettings,
    ReconcileSettings,
    RetentionSettings,
)
from firmware_config.settings import Setting
from firmware_config.settings_broker import BrokerSettings
from firmware_config.settings_place import load_program_settings

PROGRAM: Final = "collector"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Section `[web]`: the dashboard."""

    host: Annotated[str, Setting(help="Address the dashboard listens on.", pattern=r"\S+")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        Setting(
            help="TCP port of the dashboard; 0 lets the system choose.", minimum=0, maximum=65535
        ),
    ] = 8080
    office: Annotated[
        Path,
        Setting(help="The dashboard's own database: accounts, sessions, follow-ups."),
    ] = Path("office.db")
    secret: Annotated[
        Path | None,
        Setting(
            help="File with the secret that signs the preferences cookie; not set: kept in "
            "`web.office`."
        ),
    ] = None
    https: Annotated[
        bool,
        Setting(
            help="Browsers reach the dashboard by HTTPS (a proxy in front of it): cookies are "
            "marked Secure and browsers told to stay with HTTPS."
        ),
    ] = False
    minimum_base: Annotated[
        int,
        Setting(
            help="Rates over fewer ratings are shown but not ranked. Only for the first version of "
            "the rule book, made at the dashboard's first start; later it is changed on the page "
            "Rules.",
            unit="ratings",
            minimum=0,
            maximum=100000,
        ),
    ] = 10
    staff: Annotated[
        bool,
        Setting(
            help="Pages about single members of staff: off unless the hall has agreed on them with "
            "its staff."
        ),
    ] = False
    threads: Annotated[
        int,
        Setting(
            help="Worker threads; every page that stays live holds one.", minimum=10, maximum=512
        ),
    ] = 64
    today: Annotated[
        str,
        Setting(
            help="What pages take for now: `clock`, or `newest-record` for a ledger that is not "
            "written in real time (a restored backup, the demo).",
            choices=("clock", "newest-record"),
        ),
    ] = "clock"
    metrics_open: Annotated[
        bool,
        Setting(
            help="Whether `/metrics` answers programs on this machine without a token. Leave it "
            "off behind a proxy that hides for whom it asks."
        ),
    ] = False
    reports: Annotated[
        Path | None,
        Setting(
            help="Folder with the monthly summaries that `collector report` makes; not set: none "
            "are made or listed."
        ),
    ] = None
    session_hours: Annotated[
        int,
        Setting(help="How long a login lasts without use.", unit="hours", minimum=1, maximum=720),
    ] = 12
    follow_up_days: Annotated[
        int,
        Setting(
            help="By when a bad rating must be answered, counted from the day after it.",
            unit="days",
            minimum=1,
            maximum=366,
        ),
    ] = 5
    follow_up_count: Annotated[
        str,
        Setting(
            help="Which days `web.follow_up_days` counts.",
            choices=("working-days", "days"),
        ),
    ] = "working-days"
    session_days: Annotated[
        int,
        Setting(
            help="How long a login lasts at most, however busy.", unit="days", minimum=1, maximum=90
        ),
    ] = 7
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(
            help="Names and addresses by which browsers may call the dashboard, without port; "
            "others are refused. Empty: any."
        ),
    ] = ()
    trusted_proxy: Annotated[
        str,
        Setting(
            help="Address of the proxy in front of the dashboard; its `X-Forwarded-For` then says "
            "who the visitor is. Empty: that header is ignored.",
            pattern=r"\S*",
        ),
    ] = ""
    syslog: Annotated[
        str,
        Setting(
            help="Where the audit trail is sent as well: `udp://HOST:PORT`, `tcp://HOST:PORT` or "
            "the path of a local socket. Empty: nowhere.",
            pattern=r"((udp|tcp)://[^\s/:]+(:[0-9]{1,5})?|/\S+)?",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """Section `[export]`: the nightly files for the supervision system."""

    folder: Annotated[Path, Setting(help="Folder the nightly export is written to.")] = Path(
        "export"
    )
    run_at: Annotated[
        str,
        Setting(
            help="Local time of the nightly run, `HH:MM`.",
            pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]",
        ),
    ] = "01:30"
    recheck_days: Annotated[
        int,
        Setting(
            help="How many days back a nightly run looks for changes in days already exported.",
            unit="days",
            minimum=0,
            maximum=3660,
        ),
    ] = 31
    csv_bom: Annotated[
        bool,
        Setting(help="Whether CSV files begin with a byte order mark, by which Excel knows UTF-8."),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """Section `[command]`: commands to devices. The broker's address is that of `[broker]`."""

    username: Annotated[
        str,
        Setting(
            help="MQTT user that sends commands; never ingest's own, which would be thrown out.",
            pattern=r"\S+",
        ),
    ] = "dispatcher"
    password_file: Annotated[
        Path | None,
        Setting(help="File with the password of that user; not set means no password."),
    ] = None
    log: Annotated[
        Path | None,
        Setting(
            help="Log of who commanded what, and what became of it: one JSON object a line, only "
            "ever added to. Without it nothing is sent."
        ),
    ] = None
    wishes: Annotated[
        Path | None,
        Setting(
            help="Folder by which the dashboard asks `collector command serve` to make a device "
            "blink; not set: nobody is offered that."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """All settings of `collector`. Relative paths in a file start at that file's folder."""

    hall: Annotated[
        str,
        Setting(
            help="Id of the hall; second part of every topic.", pattern=r"[a-z0-9][a-z0-9-]{0,39}"
        ),
    ]
    fleet: Annotated[Path, Setting(help="The fleet: one TOML file or a folder of CSV files.")]
    device_keys: Annotated[
        Path, Setting(help="Folder with the devices' public keys, `<device>.jwk`.")
    ]
    key: Annotated[
        Path, Setting(help="The collector's private key (JWK); made on first start if missing.")
    ]
    ledger: Annotated[Path, Setting(help="The ledger (SQLite); made on first start if missing.")]
    broker: BrokerSettings
    ledger_cache_mib: Annotated[
        int,
        Setting(
            help="Memory in which the writer keeps pages of the ledger.",
            unit="MiB",
            minimum=1,
            maximum=4096,
        ),
    ] = 64
    web: WebSettings = WebSettings()
    export: ExportSettings = ExportSettings()
    command: CommandSettings = CommandSettings()
    backup: BackupSettings = field(default_factory=BackupSettings)
    reconcile: ReconcileSettings = field(default_factory=ReconcileSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    corrections: CorrectionSettings = field(default_factory=CorrectionSettings)

    @property
    def corrections_file(self) -> Path:
        """The file of the corrections, the same for every program whatever its working folder."""
        return self.corrections.file or self.ledger.with_name("corrections.db")

    @property
    def rules_file(self) -> Path:
        """The file of the hall's rules: beside the corrections, read and written by the same."""
        return self.corrections_file.with_name("rules.db")


def load_collector_settings(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, str]
) -> CollectorSettings:
    """Read the collector's settings; see `firmware_config.settings_place.load_program_settings`.

    Raises:
        InvalidSettings: with every problem found.
    """
    return load_program_settings(
        CollectorSettings, program=PROGRAM, path=path, environ=environ, overrides=overrides
    )

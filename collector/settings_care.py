"""Settings of what takes care of the ledger: backups, reconciliation, retention, corrections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from firmware_config.settings import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """Section `[backup]`: verified copies of the ledger and of the dashboard's database."""

    folder: Annotated[
        Path | None,
        Setting(
            help="Folder for backups on a second disk; must exist. Give a folder on that disk, not "
            "its mount point, so that a disk that is not mounted shows."
        ),
    ] = None
    allow_same_disk: Annotated[
        bool,
        Setting(help="Whether `backup.folder` may lie on the file system of the ledger."),
    ] = False
    sftp: Annotated[
        str | None,
        Setting(
            help="Folder for backups on another machine; it must exist. A path that begins with "
            "`/./` begins at the user's home.",
            pattern=r"sftp://[^@/:\s]+@[^@/:\s]+(:[0-9]{1,5})?/\S*",
        ),
    ] = None
    sftp_key: Annotated[
        Path | None, Setting(help="File with the private SSH key that logs in there.")
    ] = None
    sftp_known_hosts: Annotated[
        Path | None,
        Setting(
            help="File with that machine's host key, as `ssh-keyscan` writes it; another or an "
            "unknown key is an error."
        ),
    ] = None
    sftp_timeout_s: Annotated[
        float,
        Setting(
            help="Longest silence of that machine before it is given up.",
            unit="s",
            minimum=1,
            maximum=3600,
        ),
    ] = 60.0
    required: Annotated[
        str,
        Setting(
            help="Of two places, how many must hold a verified copy before devices are told that "
            "their records are archived.",
            choices=("any", "all"),
        ),
    ] = "any"
    keep_daily: Annotated[
        int,
        Setting(
            help="Of so many last days with a backup the newest is kept; the newest of all always.",
            unit="days",
            minimum=0,
            maximum=3660,
        ),
    ] = 14
    keep_weekly: Annotated[
        int,
        Setting(
            help="Of so many last weeks with a backup the newest is kept.",
            unit="weeks",
            minimum=0,
            maximum=520,
        ),
    ] = 8
    keep_monthly: Annotated[
        int,
        Setting(
            help="Of so many last months with a backup the newest is kept.",
            unit="months",
            minimum=0,
            maximum=1200,
        ),
    ] = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """Section `[reconcile]`: the nightly comparison with the devices' day-closes."""

    folder: Annotated[
        Path | None,
        Setting(help="Folder for the reports, two files a night; not set: they are only printed."),
    ] = None
    days: Annotated[
        int,
        Setting(help="How many closed days are looked at.", unit="days", minimum=1, maximum=400),
    ] = 7
    wait_s: Annotated[
        float,
        Setting(
            help="How long records that were asked for again are waited for.",
            unit="s",
            minimum=0,
            maximum=3600,
        ),
    ] = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """Section `[retention]`: what `collector retention purge` may remove; 0: kept for ever."""

    records_years: Annotated[
        int,
        Setting(
            help="How long the signed records are kept; of older ones digests and figures stay.",
            unit="years",
            minimum=0,
            maximum=100,
        ),
    ] = 0
    quarantine_days: Annotated[
        int,
        Setting(
            help="How long what could not become a record is kept since it came last.",
            unit="days",
            minimum=0,
            maximum=36600,
        ),
    ] = 1096


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionSettings:
    """Section `[corrections]`: ratings that do not count (误评)."""

    file: Annotated[
        Path | None,
        Setting(
            help="The corrections (SQLite): the dashboard's user writes them, every report reads "
            "them. Not set: `corrections.db` in the ledger's folder."
        ),
    ] = None
    alarm_percent: Annotated[
        float,
        Setting(
            help="An alarm when more than this share of a calendar month's ratings is excluded, of "
            "the hall, a department, a window, or by one pair of author and approver.",
            unit="%",
            minimum=0,
            maximum=100,
        ),
    ] = 1.0
    alarm_at_least: Annotated[
        int,
        Setting(
            help="No alarm for fewer excluded ratings than this.",
            unit="ratings",
            minimum=1,
            maximum=100000,
        ),
    ] = 5

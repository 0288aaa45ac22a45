"""The backups that can be seen from here: on a second disk; of another machine only that it is one.

Whether a backup was verified is the ledger's `archived`, which moves after that only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.backup.folder_target import examine_folder
from collector.backup.naming import moment_of
from collector.ledger.readers import LedgerReader
from collector.web.care.options import CareOptions

OLD_AFTER_S: Final = 36 * 3600
"""A newest backup older than this is told. Our choice: one night was left out."""
_KIND: Final = "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlace:
    """A place of backups.

    Attributes:
        kind: `folder` or `sftp`.
        place: the folder, or the other machine.
        is_readable: whether we can look into it; never over SFTP, whose key is not ours.
        backups: how many are there; None: not seen.
        name, made_ms, size: of the newest good one; None: none is seen.
    """

    kind: str
    place: str
    is_readable: bool = False
    backups: int | None = None
    name: str | None = None
    made_ms: int | None = None
    size: int | None = None

    def is_old(self, now_ms: int) -> bool:
        """Whether it should have had another one since; only of a place that can be seen."""
        if not self.is_readable:
            return False
        return self.made_ms is None or now_ms - self.made_ms > OLD_AFTER_S * 1000


@dataclass(frozen=True, slots=True)
class Archived:
    """Records that are in a verified backup, of those that are stored without a gap."""

    archived: int
    stored: int

    @property
    def share(self) -> str:
        """In percent, rounded down: less than all is never shown as all."""
        return f"{self.archived * 1000 // self.stored / 10 if self.stored else 100:g}"


def archived(reader: LedgerReader) -> Archived:
    """What the devices are told, in one sum."""
    row = reader.row("SELECT coalesce(sum(archived), 0), coalesce(sum(stored), 0) FROM epochs")
    return Archived(*row) if row else Archived(0, 0)


def backup_places(options: CareOptions) -> list[BackupPlace]:
    """The places that are set, the folder first."""
    places = []
    if options.backup is not None:
        places.append(_folder(options.backup))
    if options.sftp is not None:
        places.append(BackupPlace(kind="sftp", place=urlsplit(options.sftp).hostname or ""))
    return places


def _folder(folder: Path) -> BackupPlace:
    root = folder / _KIND
    try:
        names = sorted(
            (name for name in os.listdir(root) if moment_of(name) is not None), reverse=True
        )
        for name in names:
            found = examine_folder(root / name, str(folder), None)
            if found is not None and found.is_good and found.manifest is not None:
                mark = found.manifest.ledger
                return BackupPlace(
                    kind="folder",
                    place=str(folder),
                    is_readable=True,
                    backups=len(names),
                    name=name,
                    made_ms=int(found.at.timestamp() * 1000),
                    size=mark.size if mark is not None else None,
                )
    except FileNotFoundError:  # no backup was ever made there, or the disk is not mounted
        return BackupPlace(
            kind="folder",
            place=str(folder),
            is_readable=folder.is_dir(),
            backups=0 if folder.is_dir() else None,
        )
    except OSError:
        return BackupPlace(kind="folder", place=str(folder))
    return BackupPlace(kind="folder", place=str(folder), is_readable=True, backups=len(names))

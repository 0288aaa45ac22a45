"""Making one backup in a local folder: copy, open again, verify, manifest, and only then a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from collector.backup.folder_target import FolderTarget
from collector.backup.found import Found
from collector.backup.manifest import (
    MANIFEST_NAME,
    TOKEN_NAME,
    VERSION,
    WHAT,
    FileMark,
    LedgerMark,
    Manifest,
    encode_manifest,
)
from collector.backup.naming import backup_name
from collector.backup.snapshot import Tell, sha256_of, take_snapshot
from collector.backup.verifying import KnownPart, verify_database, verify_ledger
from firmware_config import __version__
from firmware_config.files import write_atomically
from firmware_config.keys import SigningKey

LEDGER: Final = "ledger"
LEDGER_FILE: Final = "ledger.db"
OFFICE: Final = "office"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be copied.

    Attributes:
        kind: LEDGER or OFFICE.
        hall: its id.
        sources: name of the copy → the live database.
        at: when it began, UTC.
        name: of the backup.
        key: the collector's, to sign the manifest; None: it stays unsigned.
        known: what need not be checked again.
    """

    kind: str
    hall: str
    sources: Mapping[str, Path]
    at: datetime
    name: str
    key: SigningKey | None
    known: KnownPart | None

    @property
    def first_source(self) -> Path:
        """The database that names the file system to keep away from."""
        return next(iter(self.sources.values()))


def free_name(at: datetime, taken: Sequence[str]) -> str:
    """A name for a backup begun at a moment; a second later where it is taken."""
    while (name := backup_name(at)) in taken:
        at += timedelta(seconds=1)
    return name


def known_part(found: Sequence[Found], gen: str) -> KnownPart | None:
    """What the newest backup of this life of the ledger held, where we signed that it did."""
    for one in reversed(found):
        mark = one.manifest.ledger if one.manifest is not None and one.is_good else None
        if mark is not None and one.is_ours and mark.gen == gen:
            return KnownPart(mark.size, mark.root)
    return None


def make_backup(order: Order, target: FolderTarget, tell: Tell) -> Manifest:
    """Copy what is ordered into a folder; returns the manifest once it has its name there.

    Raises:
        BackupDamaged: a copy does not agree with itself: it is left as `.part` to look at.
        TargetFailed: it cannot be written.
        LedgerError: the live database cannot be read.
        OSError: a file cannot be written.
    """
    part = target.begin(order.name, sum(_live_bytes(path) for path in order.sources.values()))
    marks: dict[str, FileMark] = {}
    ledger: LedgerMark | None = None
    for name, source in order.sources.items():
        copy = part / name
        take_snapshot(source, copy, tell)
        if order.kind == LEDGER:
            ledger = verify_ledger(copy, tell, hall=order.hall, known=order.known)
        else:
            verify_database(copy, tell)
        marks[name] = FileMark(bytes=copy.stat().st_size, sha256=sha256_of(copy, tell))
    manifest = Manifest(
        what=WHAT,
        v=VERSION,
        hall=order.hall,
        made_at=order.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        program=__version__,
        files=marks,
        ledger=ledger,
    )
    content = encode_manifest(manifest)
    write_atomically(part / MANIFEST_NAME, content, mode=0o640)
    if order.key is not None:
        write_atomically(part / TOKEN_NAME, order.key.token(content) + b"\n", mode=0o640)
    target.finish(order.name)
    return manifest


def _live_bytes(path: Path) -> int:
    """How large a copy can become: the file and its log."""
    log = path.with_name(path.name + "-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)

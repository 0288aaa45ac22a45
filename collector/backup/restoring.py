"""One run of `collector restore`: a verified copy becomes the ledger, with a life of its own.

Everything that can fail is done to a copy beside the ledger, also the new `gen`: no moment exists
at which ingest could open a ledger that went back without one. The old ledger is kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collector.backup.choosing import is_future, newest
from collector.backup.errors import BackupDamaged, TargetFailed
from collector.backup.folder_target import ROOM_BYTES, examine_folder
from collector.backup.found import Found
from collector.backup.holding import lacking
from collector.backup.making import LEDGER, LEDGER_FILE, free_name
from collector.backup.manifest import LedgerMark, Manifest
from collector.backup.run import STAGING, Places, own_key
from collector.backup.snapshot import Tell, copy_durably, sha256_of, sync_and_forget
from collector.backup.verifying import KnownPart, verify_ledger
from collector.errors import UsageError
from collector.ledger.archive import archive_everything
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.replacing import (
    finish_replacing,
    kept_path,
    kept_stamps,
    ready_path,
    replace_ledger,
)
from collector.ledger.sole_writer import SoleBackup, SoleWriter
from collector.settings import CollectorSettings

LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A ledger's copy that lies here.

    Attributes:
        file: the database.
        manifest: None: it has none, as a file that was copied by hand.
        is_ours: whether the manifest bears the collector's signature.
    """

    file: Path
    manifest: Manifest | None
    is_ours: bool

    @property
    def known(self) -> KnownPart | None:
        """Of a manifest that we signed: its signatures were checked when it was made."""
        ledger = self.manifest.ledger if self.manifest is not None and self.is_ours else None
        return None if ledger is None else KnownPart(ledger.size, ledger.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of a restore.

    Attributes:
        file: the copy that was used.
        mark: what is in it.
        gen: the new life.
        kept: the old ledger; None: there was none.
        is_archived: whether all of it is archived now; else what the copy itself called archived.
        warnings: what a person should know, in words.
    """

    file: str
    mark: LedgerMark
    gen: str
    kept: Path | None
    is_archived: bool
    warnings: tuple[str, ...]


def open_copy(settings: CollectorSettings, path: Path) -> Copy:
    """A copy by its file, or by the folder of a backup.

    Raises:
        UsageError: there is no such file.
        BackupDamaged: its manifest is of something else.
        OSError: it cannot be read.
    """
    file = path / LEDGER_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{path}: expected a backup's folder or the file of a ledger")
    key = own_key(settings)
    found = examine_folder(file.resolve().parent, str(file), None if key is None else key.public)
    if found is None or found.manifest is None or file.name not in found.manifest.files:
        return Copy(file=file, manifest=None, is_ours=False)
    if found.problem:
        raise BackupDamaged([f"{file.parent}: {found.problem}"])
    return Copy(file=file, manifest=found.manifest, is_ours=found.is_ours is True)


def check_copy(
    copy: Copy, file: Path, hall: str | None, tell: Tell, *, is_full: bool
) -> LedgerMark:
    """Verify a copy, by its manifest and by itself.

    Args:
        copy: what is known of it.
        file: the file to read: the copy itself, or one made from it.
        hall: id of the hall it must be of; None: any.
        tell: the progress.
        is_full: check every signature, whatever the manifest says.

    Raises:
        BackupDamaged: it is not what it should be.
    """
    if copy.manifest is not None:
        expected = copy.manifest.files[copy.file.name].sha256
        got = sha256_of(file, tell)
        if got != expected:
            raise BackupDamaged([f"{file}: expected SHA-256 {expected}, got {got}"])
    return verify_ledger(file, tell, hall=hall, known=None if is_full else copy.known)


def restore(
    settings: CollectorSettings,
    what: str,
    *,
    is_from_sftp: bool,
    is_unsigned_taken: bool = False,
    now: Callable[[], datetime],
    tell: Tell,
) -> Restored:
    """Put a copy in the ledger's place.

    Args:
        settings: the collector's.
        what: `latest`, the folder or file of a copy; with `is_from_sftp` a backup's name.
        is_from_sftp: take it from the other machine.
        is_unsigned_taken: take also a copy without a manifest that our key signed.
        now: the wall clock, aware.
        tell: the progress.

    Raises:
        LedgerInUse: ingest, a backup or another restore runs.
        BackupDamaged: the copy is not whole; the ledger is as it was.
        TargetFailed: the copy cannot be had; the ledger is as it was.
        UsageError: there is no such copy, or it is not signed by our key; the ledger is as it was.
        OSError: a file cannot be written or moved.
    """
    ledger = settings.ledger
    with ExitStack() as stack:
        stack.enter_context(SoleBackup(ledger))
        stack.enter_context(SoleWriter(ledger))
        finish_replacing(ledger)
        at = now().astimezone(UTC)
        warnings: list[str] = []
        taking = _Taking(settings, at, is_unsigned_taken, warnings)
        copy = taking.from_sftp(what, stack, tell) if is_from_sftp else taking.from_here(what)
        ready = ready_path(ledger)
        ready.unlink(missing_ok=True)
        _expect_room(ledger.parent, copy.file.stat().st_size)
        copy_durably(copy.file, ready, tell)
        sync_and_forget(ready)
        try:
            mark = check_copy(copy, ready, settings.hall, tell, is_full=False)
        except BackupDamaged:
            ready.unlink()
            raise
        is_archived = _is_held(settings, copy, warnings)
        gen = _begin(ready, at, is_archived=is_archived)
        has_old = ledger.exists()
        stamp = free_name(at, kept_stamps(ledger))
        replace_ledger(ledger, stamp)
        return Restored(
            file=str(copy.file),
            mark=mark,
            gen=gen,
            kept=kept_path(ledger, stamp) if has_old else None,
            is_archived=is_archived,
            warnings=tuple(warnings),
        )


def _is_held(settings: CollectorSettings, copy: Copy, warnings: list[str]) -> bool:
    """Whether as many places as are required hold this copy: then it is archived to its end."""
    backup, reasons = settings.backup, [f"{copy.file}: has no manifest that our key signed"]
    if copy.manifest is not None and copy.is_ours:
        reasons = ["the settings name no place for backups"]
        if backup.folder is not None or backup.sftp is not None:
            places = Places(backup, LEDGER, own_key(settings))
            reasons = lacking(places, copy.manifest, is_in_all=backup.required == "all")
    if reasons:
        told = "; ".join(reasons)
        warnings.append(f"archived: left as the copy says until the next backup: {told}")
    return not reasons


def _begin(ready: Path, at: datetime, *, is_archived: bool) -> str:
    """Give the copy its new life; afterwards it is one file again."""
    with closing(open_ledger(ready)) as db:
        if is_archived:
            archive_everything(db)
        gen = begin_gen(db, "restored", int(at.timestamp() * 1000))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA journal_mode = DELETE").fetchall()
    sync_and_forget(ready)
    return gen


def _expect_room(folder: Path, expected_bytes: int) -> None:
    free, expected = shutil.disk_usage(folder).free, expected_bytes + ROOM_BYTES
    if free < expected:
        raise TargetFailed(f"{folder}: expected {expected} bytes of free space, got {free}")


class _Taking:
    """How a copy is chosen and taken."""

    def __init__(
        self,
        settings: CollectorSettings,
        at: datetime,
        is_unsigned_taken: bool,
        warnings: list[str],
    ) -> None:
        self._settings = settings
        self._at = at
        self._is_unsigned_taken = is_unsigned_taken
        self._warnings = warnings
        self._key = own_key(settings)

    def from_here(self, what: str) -> Copy:
        """The copy named, or the latest of the folder."""
        path = Path(what)
        if what == LATEST:
            folder = Places(self._settings.backup, LEDGER, self._key).folder
            if folder is None:
                raise UsageError("latest: expected backup.folder in the settings, or --from-sftp")
            path = folder.path(self._choose(folder.found(), what, folder.place).name)
        copy = open_copy(self._settings, path)
        self._expect_ours(copy.is_ours, str(copy.file))
        return copy

    def from_sftp(self, what: str, stack: ExitStack, tell: Tell) -> Copy:
        """The copy of that name on the other machine, or the latest; brought here."""
        sftp = Places(self._settings.backup, LEDGER, self._key).sftp
        if sftp is None:
            raise UsageError("--from-sftp: expected backup.sftp in the settings, got nothing")
        with sftp:
            chosen = self._choose(sftp.found(), what, sftp.place)
            assert chosen.manifest is not None
            self._expect_ours(chosen.is_ours is True, f"{sftp.place} {chosen.name}")
            folder = self._settings.ledger.parent / STAGING
            shutil.rmtree(folder, ignore_errors=True)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            _expect_room(folder, 2 * sum(mark.bytes for mark in chosen.manifest.files.values()))
            sftp.fetch(chosen.name, folder, chosen.manifest, tell)
        return Copy(
            file=folder / LEDGER_FILE,
            manifest=chosen.manifest,
            is_ours=chosen.is_ours is True,
        )

    def _choose(self, found: list[Found], name: str, place: str) -> Found:
        """The newest good backup, or the one of that name."""
        named = [one for one in found if name in (LATEST, one.name)]
        chosen = newest(named, self._at)
        if chosen is None:
            raise UsageError(f"{place}: expected a good backup ({name}), found none")
        self._warnings += [
            f"{place}: {one.name}: is of a time that has not come, a clock was wrong"
            for one in named
            if is_future(one, self._at)
        ]
        return chosen

    def _expect_ours(self, is_ours: bool, where: str) -> None:
        if is_ours:
            return
        if self._key is None:
            self._warnings.append(
                f"{where}: whether we signed it is not known: {self._settings.key} cannot be read"
            )
        elif not self._is_unsigned_taken:
            raise UsageError(
                f"{where}: expected a copy with a manifest signed by {self._settings.key}, got none"
                " (--unsigned takes it: each record's own signature is checked, but nothing says"
                " that this is all that was in the ledger, and nothing becomes archived by it)"
            )

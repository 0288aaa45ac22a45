"""One run of `collector backup`, from the lock to the rotation.

1. Take the lock; look at every place; remove what a killed run left.
2. Make and verify the copy in the folder, or beside the ledger when there is no folder (or it
   fails) and the copy is to go elsewhere.
3. Send it over SFTP, read back, compare.
4. Only now, and only if enough places have it (`backup.required`), move `archived`.
5. Rotate in each place that has the new one.

One place that fails does not stop the other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from collector.backup.choosing import AHEAD, newest
from collector.backup.errors import BackupDamaged, TargetFailed
from collector.backup.folder_target import FolderTarget
from collector.backup.found import Found, just_made
from collector.backup.making import LEDGER, Order, free_name, known_part, make_backup
from collector.backup.manifest import Manifest
from collector.backup.naming import outdated
from collector.backup.snapshot import Tell
from collector.ledger.archive import move_archived
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader
from collector.ledger.sole_writer import SoleBackup
from collector.settings import CollectorSettings
from collector.settings_care import BackupSettings
from firmware_config.errors import ConfigError, InvalidSettings
from firmware_config.keys import SigningKey, load_signing_key

if TYPE_CHECKING:  # a quarter of a second that other commands, and a folder, need not wait for
    from collector.backup.sftp_target import SftpTarget

STAGING: Final = "backup-staging"
"""Folder beside a database for a copy on its way from or to another machine."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of a run.

    Attributes:
        name: of the backup; empty when none was made.
        manifest: of it.
        stored: places that have it, verified.
        failed: place → why not.
        moved: journals whose `archived` moved; None: not enough places have it, or no ledger.
        removed: place → backups that the rotation removed.
    """

    name: str = ""
    manifest: Manifest | None = None
    stored: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    moved: int | None = None
    removed: dict[str, list[str]] = field(default_factory=dict)


class Places:
    """The places of the settings, for the backups of one kind.

    Attributes:
        folder: None: not set.
        sftp: a target that is not connected yet; None: not set.
    """

    def __init__(self, settings: BackupSettings, kind: str, key: SigningKey | None) -> None:
        """Read the settings. Raises InvalidSettings."""
        public = None if key is None else key.public
        problems = []
        if settings.folder is None and settings.sftp is None:
            problems.append("backup.folder: expected a folder, or backup.sftp, got neither")
        self.folder = (
            None if settings.folder is None else FolderTarget(settings.folder, kind, public)
        )
        self.sftp: SftpTarget | None = None
        if settings.sftp is not None:
            if settings.sftp_key is None:
                problems.append("backup.sftp_key: expected a file with backup.sftp, got nothing")
            if settings.sftp_known_hosts is None:
                problems.append(
                    "backup.sftp_known_hosts: expected a file with backup.sftp, got nothing"
                )
            if settings.sftp_key is not None and settings.sftp_known_hosts is not None:
                from collector.backup.sftp_target import SftpTarget

                self.sftp = SftpTarget(
                    settings.sftp,
                    kind,
                    public,
                    private_key=settings.sftp_key,
                    known_hosts=settings.sftp_known_hosts,
                    timeout_s=settings.sftp_timeout_s,
                )
        if problems:
            raise InvalidSettings(problems)


def own_key(settings: CollectorSettings) -> SigningKey | None:
    """The collector's key, where this user may read it."""
    try:
        return load_signing_key(settings.key)
    except (OSError, ConfigError):
        return None


def run_backup(
    settings: CollectorSettings,
    kind: str,
    sources: Mapping[str, Path],
    *,
    now: Callable[[], datetime],
    tell: Tell,
    is_full: bool = False,
) -> Report:
    """Make a backup in every place of the settings.

    Args:
        settings: the collector's.
        kind: `ledger` or `office`.
        sources: name of the copy → the live database, at least one.
        now: the wall clock, aware.
        tell: the progress.
        is_full: check every signature, also of records that the backup before held.

    Returns:
        What was done; `failed` tells the places that have no backup of this run.

    Raises:
        InvalidSettings: there is no place.
        LedgerInUse: another backup or restore runs.
        LedgerError: a live database cannot be read or written.
        BackupDamaged: the copy does not agree with itself, wherever it was made.
    """
    key = own_key(settings)
    places = Places(settings.backup, kind, key)
    first = next(iter(sources.values()))
    with ExitStack() as stack:
        stack.enter_context(SoleBackup(first))
        return _Run(settings, kind, sources, key, places, stack, tell).run(
            now().astimezone(UTC), is_full=is_full
        )


class _Run:
    """One run. The stack ends what it opened: connection, staging folder, lock."""

    def __init__(
        self,
        settings: CollectorSettings,
        kind: str,
        sources: Mapping[str, Path],
        key: SigningKey | None,
        places: Places,
        stack: ExitStack,
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._kind = kind
        self._sources = sources
        self._key = key
        self._places = places
        self._stack = stack
        self._tell = tell
        self._first = next(iter(sources.values()))
        self._report = Report()
        self._found: dict[str, list[Found]] = {}
        self._damage: BackupDamaged | None = None
        self._at = datetime.min.replace(tzinfo=UTC)

    def run(self, at: datetime, *, is_full: bool) -> Report:
        report, found, self._at = self._report, self._found, at
        shutil.rmtree(self._first.parent / STAGING, ignore_errors=True)  # of a killed run
        folder, sftp = self._places.folder, self._places.sftp
        if folder is not None:
            with self._noted(folder.place):
                folder.prepare(
                    source=self._first, allow_same_disk=self._settings.backup.allow_same_disk
                )
                found[folder.place] = folder.found()
        if sftp is not None:
            with self._noted(sftp.place):
                self._stack.enter_context(sftp)
                sftp.prepare()
                found[sftp.place] = sftp.found()
        order = self._order(at, is_full)
        made: Path | None = None
        if folder is not None and folder.place in found:
            with self._noted(folder.place):
                report.manifest = make_backup(order, folder, self._tell)
                report.stored.append(folder.place)
                made = folder.path(order.name)
        if sftp is not None and sftp.place in found:
            if made is None:
                made = self._stage(order)
            if made is not None and report.manifest is not None:
                with self._noted(sftp.place):
                    sftp.store(made, order.name, report.manifest, self._tell)
                    report.stored.append(sftp.place)
        if report.stored:
            report.name = order.name
            self._archive()
            for target in (folder, sftp):
                if target is not None and target.place in report.stored:
                    with self._noted(target.place):
                        self._rotate(target)
        elif self._damage is not None:
            raise self._damage
        return report

    def _order(self, at: datetime, is_full: bool) -> Order:
        taken = [one.name for found in self._found.values() for one in found]
        known = None
        if self._kind == LEDGER and not is_full:
            with LedgerReader(self._first) as reader:
                [(gen,)] = reader.rows("SELECT value FROM meta WHERE key = 'gen'")
            parts = (known_part(found, gen) for found in self._found.values())
            known = max(filter(None, parts), key=lambda part: part.size, default=None)
        return Order(
            kind=self._kind,
            hall=self._settings.hall,
            sources=self._sources,
            at=at,
            name=free_name(at, taken),
            key=self._key,
            known=known,
        )

    def _stage(self, order: Order) -> Path | None:
        """Make the copy beside the database, as the folder has none; removed with the run."""
        root = self._first.parent / STAGING
        self._stack.callback(shutil.rmtree, root, ignore_errors=True)
        with self._noted(str(root)):
            root.mkdir(mode=0o700, exist_ok=True)
            staging = FolderTarget(root, self._kind, None)
            staging.prepare(source=self._first, allow_same_disk=True)
            self._report.manifest = make_backup(order, staging, self._tell)
            return staging.path(order.name)
        return None

    def _archive(self) -> None:
        report, manifest = self._report, self._report.manifest
        if manifest is None or manifest.ledger is None:
            return
        if self._settings.backup.required == "all" and report.failed:
            return
        marks = [(one.dev, one.epoch, one.stored) for one in manifest.ledger.journals]
        with closing(open_ledger(self._first)) as db:
            report.moved = move_archived(db, manifest.ledger.gen, marks)

    def _rotate(self, target: FolderTarget | SftpTarget) -> None:
        """Remove what is outdated, of what is by its manifest a whole backup of this hall."""
        keep, manifest, name = self._settings.backup, self._report.manifest, self._report.name
        assert manifest is not None
        zone = ZoneInfo(manifest.ledger.timezone) if manifest.ledger is not None else UTC
        made = just_made(name, target.place, manifest, is_signed=self._key is not None)
        here = [made] + [
            one
            for one in self._found[target.place]
            if one.is_good and one.manifest is not None and one.manifest.hall == self._settings.hall
        ]
        # what we did not sign may claim anything
        best = newest([one for one in here if one.is_ours] or here, self._at)
        kept = {name} if best is None else {name, best.name}  # of a wrong clock they look old
        for name in outdated(
            [one.name for one in here],
            zone,
            until=self._at + AHEAD,
            daily=keep.keep_daily,
            weekly=keep.keep_weekly,
            monthly=keep.keep_monthly,
        ):
            if name in kept:
                continue
            target.remove(name)
            self._report.removed.setdefault(target.place, []).append(name)

    @contextmanager
    def _noted(self, place: str) -> Iterator[None]:
        """What goes wrong with a place is noted, and the run goes on with the other."""
        try:
            yield
        except BackupDamaged as error:
            self._damage = error
            self._report.failed[place] = str(error)
        except OSError as error:
            told = error if isinstance(error, TargetFailed) else f"{place}: {error}"
            self._report.failed[place] = str(told)

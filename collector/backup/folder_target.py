"""Backups in a folder: on a second disk, or beside the ledger while one is on its way elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.backup.errors import TargetFailed
from collector.backup.found import Found, examine
from collector.backup.naming import PART, is_partial
from firmware_config.files import sync_folder
from firmware_config.keys import VerifyKey

ROOM_BYTES: Final = 16 << 20
"""What must be left on a disk beside the copy. Our choice."""


class FolderTarget:
    """The backups of one kind in a folder.

    Args:
        folder: must exist: an empty mount point must not pass for the disk.
        kind: `ledger` or `office`; its backups have a folder of their own in it.
        key: the collector's, to know our own manifests; None when it cannot be read.
    """

    def __init__(self, folder: Path, kind: str, key: VerifyKey | None) -> None:
        self.place = str(folder)
        self._folder = folder
        self._root = folder / kind
        self._key = key

    def prepare(self, *, source: Path, allow_same_disk: bool) -> None:
        """Make sure that it can take a backup, and remove what a killed program left.

        Args:
            source: the database to copy; may not lie on the same file system.
            allow_same_disk: … unless this says so.

        Raises:
            TargetFailed: it is not there, not elsewhere, or not writable.
        """
        with self._told():
            if not self._folder.is_dir():
                raise TargetFailed(
                    f"{self._folder}: expected an existing folder, got none (is the disk mounted?)"
                )
            here, there = source.parent.stat().st_dev, self._folder.stat().st_dev
            if here == there and not allow_same_disk:
                raise TargetFailed(
                    f"{self._folder}: expected another file system than that of {source}, got the"
                    " same one: its disk would take both (backup.allow_same_disk)"
                )
            self._root.mkdir(mode=0o750, exist_ok=True)
            for entry in self._root.iterdir():
                if is_partial(entry.name):
                    shutil.rmtree(entry)

    def begin(self, name: str, expected_bytes: int) -> Path:
        """Make the folder that a backup is written to, under its name with `.part`.

        Raises:
            TargetFailed: there is no room for `expected_bytes`, or it cannot be made.
        """
        with self._told():
            free, expected = shutil.disk_usage(self._root).free, expected_bytes + ROOM_BYTES
            if free < expected:
                raise TargetFailed(
                    f"{self._root}: expected {expected} bytes of free space, got {free}"
                )
            part = self._root / (name + PART)
            part.mkdir(mode=0o750)
            return part

    def finish(self, name: str) -> Path:
        """Give a backup that is whole and verified its name, durably.

        Raises:
            TargetFailed: it cannot be renamed.
        """
        with self._told():
            part = self._root / (name + PART)
            sync_folder(part)
            part.rename(self._root / name)
            sync_folder(self._root)
            return self._root / name

    def found(self) -> list[Found]:
        """All backups, oldest first; none when there is no folder.

        Raises:
            TargetFailed: it cannot be read.
        """
        with self._told():
            if not self._root.is_dir():
                return []
            found = (self._examine(entry) for entry in sorted(self._root.iterdir()))
            return [one for one in found if one is not None]

    def path(self, name: str) -> Path:
        """The folder of a backup."""
        return self._root / name

    def remove(self, name: str) -> None:
        """Remove a backup; killed half-way, what is left is a `.part`. Raises TargetFailed."""
        with self._told():
            part = self._root / (name + PART)
            (self._root / name).rename(part)
            shutil.rmtree(part)

    def _examine(self, folder: Path) -> Found | None:
        return examine_folder(folder, self.place, self._key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TargetFailed:
            raise
        except OSError as error:
            raise TargetFailed(f"{error.filename or self._root}: {error.strerror}") from error


def examine_folder(folder: Path, place: str, key: VerifyKey | None) -> Found | None:
    """A backup's folder by what it says of itself; None when its name is not a backup's.

    Raises:
        OSError: it cannot be read.
    """

    def read(name: str) -> bytes | None:
        path = folder / name
        return path.read_bytes() if path.is_file() else None

    def sizes() -> dict[str, int]:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    return examine(folder.name, place, read, sizes, key)

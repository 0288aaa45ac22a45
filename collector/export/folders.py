"""The folder the exports are in: found, locked, and added to. Nothing in it is ever overwritten.

A day is written under a hidden name on the same file system, every file synced, and renamed in one
step: what is seen under its own name is whole. `.state.json` remembers the last export made, so
that its number is not given again when its folder is gone.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from collector.errors import CollectorError
from collector.export.manifest import (
    MANIFEST_NAME,
    InvalidManifest,
    Link,
    Manifest,
    decode_manifest,
    sha256,
)
from firmware_config.errors import ExitCode
from firmware_config.files import sync_folder, write_atomically

_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.r([1-9][0-9]*))?")
_PARTIAL: Final = ".partial"
_LOCK: Final = ".lock"
_STATE: Final = ".state.json"


class ExportBusy(CollectorError, BlockingIOError):
    """Another export is writing to this folder."""


class ExportUnwritable(CollectorError, OSError):
    """The export's folder cannot be read or written."""

    exit_code = ExitCode.IO


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExport:
    """One export in the folder.

    Attributes:
        name: of its folder.
        day: local date.
        revision: 1, 2 … by the name.
        manifest: None when it cannot be read; `problem` says why.
        sha256: of the manifest file, hex; empty when there is none.
    """

    name: str
    day: date
    revision: int
    manifest: Manifest | None
    sha256: str
    problem: str

    @property
    def link(self) -> Link:
        """How another manifest names this one."""
        return Link(folder=self.name, sha256=self.sha256)


class ExportState(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder remembers beside the exports.

    Attributes:
        number: of the last export made; `head` names it.
        gen: ledger that every exported day agreed with; empty for none.
        checked: rows it had then.
        assignments: its dated assignments then, see `LedgerSource.assignments`.
    """

    number: int = 0
    head: Link | None = None
    gen: str = ""
    checked: int = 0
    assignments: list[str] = []


def folder_name(on: date, revision: int) -> str:
    """Name of an export's folder: the day, and from the second revision on `.r2` …"""
    return on.isoformat() if revision == 1 else f"{on.isoformat()}.r{revision}"


def parse_folder_name(name: str) -> tuple[date, int] | None:
    """Day and revision of a folder's name; None when it is not an export's."""
    match = _NAME.fullmatch(name)
    if match is None or match[2] == "1":
        return None
    try:
        return date.fromisoformat(match[1]), int(match[2] or 1)
    except ValueError:
        return None


def read_export(folder: Path) -> FoundExport | None:
    """What an export's folder says of itself; None when its name is not an export's."""
    parsed = parse_folder_name(folder.name)
    if parsed is None:
        return None
    manifest, digest, problem = None, "", ""
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
        digest = sha256(content)
        manifest = decode_manifest(content)
    except OSError as error:
        problem = f"{MANIFEST_NAME}: {error.strerror}"
    except InvalidManifest as error:
        problem = str(error)
    return FoundExport(
        name=folder.name,
        day=parsed[0],
        revision=parsed[1],
        manifest=manifest,
        sha256=digest,
        problem=problem,
    )


class ExportFolder:
    """The folder that holds the exports of one hall."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exports(self) -> list[FoundExport]:
        """All exports, ordered by day and revision; empty when there is no folder yet."""
        try:
            folders = [entry for entry in self.root.iterdir() if entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ExportUnwritable(f"{self.root}: {error.strerror}") from error
        found = [export for folder in folders if (export := read_export(folder)) is not None]
        return sorted(found, key=lambda export: (export.day, export.revision))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other exports; what a killed one left half done is removed.

        The kernel lets the lock go when the process ends, however it ends.

        Raises:
            ExportBusy: another process holds it.
            ExportUnwritable: the folder cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o750)
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise ExportUnwritable(f"{self.root}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportBusy(f"{self.root}: another export is running") from None
            self._remove_partial()
            yield
        finally:
            os.close(descriptor)

    def _remove_partial(self) -> None:
        for entry in self.root.iterdir():
            if entry.name.startswith(".") and entry.name.endswith(_PARTIAL):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            elif entry.name.startswith(f".{_STATE}.") and entry.name.endswith(".tmp"):
                entry.unlink()  # of a killed write_atomically

    def publish(self, name: str, files: Mapping[str, bytes]) -> Path:
        """Add one export, whole or not at all. Call it while `locked`.

        Args:
            name: of its folder, from `folder_name`.
            files: file name → content.

        Raises:
            ExportUnwritable: the name is taken, or the disk is full or not writable.
        """
        folder = self.root / name
        partial = self.root / f".{name}.{os.getpid()}{_PARTIAL}"
        try:
            if folder.exists() or folder.is_symlink():
                raise FileExistsError(17, "exists already, nothing is overwritten")
            partial.mkdir(mode=0o750)
            try:
                for file_name, content in files.items():
                    _write_durably(partial / file_name, content)
                sync_folder(partial)
                partial.rename(folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            sync_folder(self.root)
        except OSError as error:
            raise ExportUnwritable(f"{folder}: {error.strerror}") from error
        return folder

    def state(self) -> ExportState:
        """What is remembered; the empty state when there is nothing, or nothing readable."""
        try:
            return msgspec.json.decode((self.root / _STATE).read_bytes(), type=ExportState)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return ExportState()

    def remember(self, state: ExportState) -> None:
        """Replace what is remembered. Raises ExportUnwritable."""
        content = msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"
        try:
            write_atomically(self.root / _STATE, content, mode=0o640)
        except OSError as error:
            raise ExportUnwritable(f"{self.root / _STATE}: {error.strerror}") from error


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

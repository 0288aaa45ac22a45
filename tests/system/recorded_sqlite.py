"""Writes down what SQLite does to the disk: the very library that the product's `sqlite3` uses.

An SQLite VFS shim made with ctypes: the system's own VFS, with the calls that change a file or make
a change durable replaced by ones that note it and then call the original. It becomes the default
while it records, so the product's opening code runs as it is. apsw could do the same, but brings an
SQLite of its own; what is to be proven is about this one. The index of the write-ahead log
(`-shm`) is memory shared between processes and is made anew after a crash: it is not recorded.

Source: sqlite3.h (`sqlite3_vfs`, `sqlite3_io_methods`); os_unix.c 3.40, `unixSync`: the first sync
of a new journal or log also syncs its folder.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

OPEN_MAIN_JOURNAL, OPEN_WAL = 0x800, 0x80000


@dataclass(frozen=True, slots=True)
class Create:
    """A name appeared in the folder, for file number `file`."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Write:
    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything done to the file before is durable from now on."""

    file: int


@dataclass(frozen=True, slots=True)
class Unlink:
    name: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """Every name is durable from now on."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The program told somebody that something is stored: how much, in its own words."""

    what: Any


Event = Create | Write | Truncate | Sync | Unlink | SyncFolder | Promise

_P, _I, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
# a name is a pointer, not a string: SQLite keeps the one it opened with, and looks behind its end
_OPEN = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, ctypes.POINTER(_I))
_DELETE = ctypes.CFUNCTYPE(_I, _P, _P, _I)
_WRITE = ctypes.CFUNCTYPE(_I, _P, _P, _I, _L)
_TRUNCATE = ctypes.CFUNCTYPE(_I, _P, _L)
_SYNC = ctypes.CFUNCTYPE(_I, _P, _I)


class _Vfs(ctypes.Structure):
    _fields_ = [
        *((name, _I) for name in ("iVersion", "szOsFile", "mxPathname")),
        ("pNext", _P),
        ("zName", ctypes.c_char_p),
        ("pAppData", _P),
        ("xOpen", _OPEN),
        ("xDelete", _DELETE),
        ("others", _P * 14),
    ]


class _Methods(ctypes.Structure):
    _fields_ = [
        ("iVersion", _I),
        ("xClose", _P),
        ("xRead", _P),
        ("xWrite", _WRITE),
        ("xTruncate", _TRUNCATE),
        ("xSync", _SYNC),
        ("others", _P * 13),
    ]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class Recorder:
    """The log of one folder.

    Attributes:
        events: in the order in which they were finished.
    """

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self._folder = str(folder)
        self._numbers: dict[str, int] = {}  # name -> file
        self._open: dict[int, int] = {}  # address of the sqlite3_file -> file
        self._fresh: set[int] = set()  # made, their folder not yet synced by SQLite
        self._made = 0
        self._kept: list[Any] = []  # what SQLite points to must outlive its use
        self._shims: dict[int, Any] = {}
        self._library = ctypes.CDLL(_sqlite3.__file__)
        try:
            find = self._library.sqlite3_vfs_find
        except AttributeError:
            pytest.skip("this Python hides its SQLite: its VFS cannot be replaced")
        find.restype = ctypes.POINTER(_Vfs)
        find.argtypes = [ctypes.c_char_p]
        self._library.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), _I]
        self._library.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(_Vfs)]
        self._system = find(None)

    def promise(self, what: Any) -> None:
        """Note that the program has acknowledged something."""
        self.events.append(Promise(what))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Everything opened in here is recorded, until it is closed."""
        shim = _Vfs.from_buffer_copy(self._system.contents)
        shim.zName = b"recorded"
        shim.xOpen, shim.xDelete = _OPEN(self._on_open), _DELETE(self._on_delete)
        self._kept.append(shim)
        self._library.sqlite3_vfs_register(ctypes.byref(shim), 1)
        fsync = os.fsync

        def noting(descriptor: int) -> None:
            fsync(descriptor)
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self.events.append(SyncFolder())

        try:
            with patch("os.fsync", noting):
                yield
        finally:
            self._library.sqlite3_vfs_unregister(ctypes.byref(shim))
            self._library.sqlite3_vfs_register(self._system, 1)

    def _on_open(self, vfs: int, address: int | None, file: int, flags: int, out: Any) -> int:
        path = os.fsdecode(ctypes.string_at(address)) if address else ""
        is_ours = path.startswith(self._folder)
        is_new = is_ours and not os.path.exists(path)
        result: int = self._system.contents.xOpen(vfs, address, file, flags, out)
        if result or not is_ours:
            return result
        name = os.path.basename(path)
        if is_new:
            self._made += 1
            self._numbers[name] = self._made
            self.events.append(Create(name, self._made))
            if flags & (OPEN_WAL | OPEN_MAIN_JOURNAL):
                self._fresh.add(self._made)
        elif name not in self._numbers:  # made before SQLite opened it: empty, and not synced
            self._made += 1
            self._numbers[name] = self._made
            self.events.append(Create(name, self._made))
        self._open[file] = self._numbers[name]
        opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
        opened.methods = ctypes.pointer(self._shim_of(opened.methods))
        return result

    def _shim_of(self, methods: Any) -> Any:
        address = ctypes.addressof(methods.contents)
        if address not in self._shims:
            original = methods.contents
            shim = _Methods.from_buffer_copy(original)

            def write(file: int, content: int, size: int, offset: int) -> int:
                result: int = original.xWrite(file, content, size, offset)
                if not result:
                    raw = ctypes.string_at(content, size)
                    self.events.append(Write(self._open[file], offset, raw))
                return result

            def truncate(file: int, size: int) -> int:
                result: int = original.xTruncate(file, size)
                if not result:
                    self.events.append(Truncate(self._open[file], size))
                return result

            def sync(file: int, flags: int) -> int:
                result: int = original.xSync(file, flags)
                if not result:
                    number = self._open[file]
                    self.events.append(Sync(number))
                    if number in self._fresh:
                        self._fresh.discard(number)
                        self.events.append(SyncFolder())
                return result

            shim.xWrite, shim.xTruncate, shim.xSync = (
                _WRITE(write),
                _TRUNCATE(truncate),
                _SYNC(sync),
            )
            self._kept.append(original)
            self._shims[address] = shim
        return self._shims[address]

    def _on_delete(self, vfs: int, address: int, is_folder_synced: int) -> int:
        path = os.fsdecode(ctypes.string_at(address))
        result: int = self._system.contents.xDelete(vfs, address, is_folder_synced)
        if not result and path.startswith(self._folder):
            self.events.append(Unlink(os.path.basename(path)))
            if is_folder_synced:
                self.events.append(SyncFolder())
        return result

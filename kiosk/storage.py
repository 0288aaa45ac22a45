"""Where the journal lies: whether that survives a power cut, and how much room is left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
VOLATILE_TYPES: Final = frozenset({"overlay", "aufs", "tmpfs", "ramfs", "rootfs", "devtmpfs"})
"""File systems that are lost at power-off. An overlay's upper half is RAM on a Pi's read-only
root; one on a disk cannot be told from it and is refused too."""


def file_system_type(path: Path, mounts: Path = MOUNTS) -> str:
    """Type of the file system that holds `path` (or will), e.g. `ext4`; empty when unknown.

    Source: mountinfo format, proc(5); the last mount with the longest matching mount point counts.
    """
    wanted = path.resolve()
    best, found = -1, ""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].encode("latin-1", "replace").decode("unicode_escape"))
        if wanted.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split(" ", 1)[0]
    return found


def is_volatile(path: Path, mounts: Path = MOUNTS) -> bool:
    """Whether what is written to `path` is lost at power-off."""
    return file_system_type(path, mounts) in VOLATILE_TYPES


def free_bytes(path: Path) -> int | None:
    """Room for an unprivileged user on the file system of `path`; None when it cannot be read."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize

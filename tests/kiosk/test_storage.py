"""Whether a file system survives a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.storage import file_system_type, free_bytes, is_volatile

MOUNTS = """\
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/lower
30 22 179:3 / /data rw,noatime shared:1 - ext4 /dev/mmcblk0p3 rw
31 30 0:40 / /data/tmp rw - tmpfs tmpfs rw,size=64m
32 22 179:4 / /with\\040space rw - ext4 /dev/mmcblk0p4 rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind", "volatile"),
    [
        ("/var/lib/yiping/journal.db", "overlay", True),
        ("/data/journal.db", "ext4", False),
        ("/data/tmp/journal.db", "tmpfs", True),
        ("/database/journal.db", "overlay", True),
        ("/with space/journal.db", "ext4", False),
    ],
)
def test_the_mount_that_holds_the_path_decides(
    tmp_path: Path, path: str, kind: str, volatile: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert file_system_type(Path(path), mounts) == kind
    assert is_volatile(Path(path), mounts) is volatile


def test_a_mount_table_that_cannot_be_read_accuses_nobody(tmp_path: Path) -> None:
    assert file_system_type(Path("/x"), tmp_path / "none") == ""
    assert not is_volatile(Path("/x"), tmp_path / "none")


def test_the_real_table_knows_proc_and_shared_memory() -> None:
    assert file_system_type(Path("/proc/self")) == "proc"
    assert is_volatile(Path("/dev/shm/journal.db"))


def test_free_space_is_read_or_unknown(tmp_path: Path) -> None:
    free = free_bytes(tmp_path / "journal.db")
    assert free is not None
    assert free > 0
    assert free_bytes(tmp_path / "missing" / "journal.db") is None

"""kill -9 of `collector backup` at any moment leaves whole backups and `.part`, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.backup.folder_target import FolderTarget
from collector.backup.naming import is_partial
from collector.backup.run import own_key

BACKUP = """
import os, sys
calls = 0
def stop_before(name):
    before = getattr(os, name)
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return before(*arguments, **named)
    setattr(os, name, call)
for name in ("mkdir", "rename", "replace", "fsync", "posix_fadvise"):
    stop_before(name)
from collector.cli import main
sys.exit(main(["backup", "-q", "--config", sys.argv[1]], {}))
"""


def test_killed_at_any_moment_it_leaves_whole_backups_and_partial_ones_only(
    hall: Any, tmp_path: Path
) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "hall-1"\nfleet = "f"\ndevice_keys = "k"\nkey = "collector.jwk"\n'
        f'ledger = "{hall.settings.ledger}"\n[broker]\nhost = "127.0.0.1"\n'
        f'[backup]\nfolder = "{hall.disk}"\nallow_same_disk = true\n'
    )
    root = hall.disk / "ledger"
    places = FolderTarget(hall.disk, "ledger", own_key(hall.settings).public)  # type: ignore[union-attr]
    seen = set()
    for number in range(1, 40):
        done = subprocess.run(
            [sys.executable, "-c", BACKUP, str(config), str(number)], capture_output=True
        )
        names = os.listdir(root) if root.exists() else []
        good = [one for one in places.found() if one.is_good and one.is_ours]
        assert {one.name for one in good} == {name for name in names if not is_partial(name)}
        archived = set(hall.archived().values())
        assert archived == {0} or (archived == {30} and good)
        seen.add((bool(good), any(map(is_partial, names)), archived == {30}))
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
    else:
        pytest.fail("never came to its end")

    assert number > 8
    assert {(False, True, False), (True, False, False), (True, False, True)} <= seen

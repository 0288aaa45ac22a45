"""Whether this user may write the ledger: told before SQLite says "readonly" and no more.

The ledger's folder belongs to the user of `collector ingest`; its group may read.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from collector.errors import LedgerNotWritable

_BESIDE = ("", "-wal", "-shm")


def require_writable(ledger: Path) -> None:
    """Raise LedgerNotWritable, which names user and file, where this user may not write.

    A ledger that is not there yet needs its folder only.
    """
    files = [ledger.with_name(ledger.name + suffix) for suffix in _BESIDE]
    for path in (*(path for path in files if path.exists()), ledger.parent):
        if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
            owner = _name(path.stat().st_uid)
            raise LedgerNotWritable(
                f"{path}: user {_name(os.geteuid())} may not write it, only read; it belongs to "
                f"{owner}: run this as {owner}"
            )


def make_for_the_folders_owner(ledger: Path) -> None:
    """Make an empty ledger file that belongs to the owner of its folder, when root is asked to.

    Otherwise ingest could not write what root made before its first start.
    """
    if os.geteuid() != 0 or ledger.exists():
        return
    owner = ledger.parent.stat()
    os.close(os.open(ledger, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    os.chown(ledger, owner.st_uid, owner.st_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"

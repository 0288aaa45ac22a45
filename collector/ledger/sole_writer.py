"""At most one ingest for each ledger, and one backup: two would each believe to be alone."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from collector.errors import LedgerInUse
from collector.ledger.permission import require_writable


class _Lock:
    """A lock file beside a database, held until `release`, or until the process ends."""

    def __init__(self, database: Path, suffix: str, holder: str) -> None:
        path = database.with_name(database.name + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        require_writable(database)
        # whoever can read a file can lock it: readers of the ledger must not keep ingest out
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._descriptor, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise LedgerInUse(f"{database}: {holder}") from error

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """It is held already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self.release()


class SoleWriter(_Lock):
    """The lock of whoever writes the ledger, or puts another one in its place."""

    def __init__(self, ledger: Path) -> None:
        """Take the lock.

        Raises:
            LedgerInUse: another process holds it.
            LedgerNotWritable: this user may not write there.
            OSError: the file cannot be made.
        """
        super().__init__(ledger, ".lock", "another `collector ingest` writes it")


class SoleBackup(_Lock):
    """The lock of whoever copies a database, or restores it."""

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises:
            LedgerInUse: another process holds it.
            LedgerNotWritable: this user may not write there.
            OSError: the file cannot be made.
        """
        super().__init__(database, ".backup-lock", "another backup or restore of it is running")

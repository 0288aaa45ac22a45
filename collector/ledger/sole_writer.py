"""At most one ingest for each ledger: two would each believe to know what is stored."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from collector.errors import LedgerInUse
from collector.ledger.permission import require_writable


class SoleWriter:
    """A lock file beside the ledger, held until `release`, or until the process ends."""

    def __init__(self, ledger: Path) -> None:
        """Take the lock.

        Raises:
            LedgerInUse: another process holds it.
            LedgerNotWritable: this user may not write there.
            OSError: the file cannot be made.
        """
        path = ledger.with_name(ledger.name + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        require_writable(ledger)
        # whoever can read a file can lock it: readers of the ledger must not keep ingest out
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._descriptor, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise LedgerInUse(f"{ledger}: another `collector ingest` writes it") from error

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

"""Where the nightly jobs leave what they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CareOptions:
    """None: there is no such place, or it is not known here.

    Attributes:
        exports: folder of the nightly exports.
        run_at: local time of the nightly export.
        reconcile: folder of the reconciliation's reports.
        backup: folder of the backups on a second disk.
        sftp: address of the backups on another machine.
        metrics_open: `/metrics` is given to programs on this machine without a token.
    """

    exports: Path | None = None
    run_at: time = time(1, 30)
    reconcile: Path | None = None
    backup: Path | None = None
    sftp: str | None = None
    metrics_open: bool = False

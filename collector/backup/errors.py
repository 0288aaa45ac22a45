"""What can go wrong with a backup, beside what `collector.errors` names."""

from __future__ import annotations

from collector.errors import CollectorError
from firmware_config.errors import ExitCode


class BackupDamaged(CollectorError, ValueError):
    """A copy is not a whole and consistent ledger, or not what its manifest says.

    Attributes:
        problems: one line for each: what, where, expected, got.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TargetFailed(CollectorError, OSError):
    """A place for backups cannot be reached, read or written; names the place."""

    exit_code = ExitCode.IO

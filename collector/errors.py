"""The root of this package's errors. A leaf also inherits the built-in error it resembles."""

from __future__ import annotations

from firmware_config.errors import ExitCode


class CollectorError(Exception):
    """Root of the errors raised by `collector`."""

    exit_code: ExitCode = ExitCode.FAILURE


class LedgerError(CollectorError, RuntimeError):
    """The ledger's database failed: nothing since the last commit was stored or acknowledged."""

    exit_code = ExitCode.DATABASE


class LedgerMismatch(LedgerError):
    """The database is not what this program expects: another hall, a newer schema, a torn state."""


class ImmutableFleet(CollectorError, ValueError):
    """The fleet file would change the past, or a key that is taken.

    Attributes:
        problems: one line for each: what, where, expected, got.
    """

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UsageError(CollectorError, ValueError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE


class LedgerInUse(CollectorError, RuntimeError):
    """Another process writes this ledger."""

    exit_code = ExitCode.DATABASE


class NetworkEnded(CollectorError, RuntimeError):
    """The network thread ended by itself: a bug; the process must be started again."""

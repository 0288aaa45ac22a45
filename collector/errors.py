"""The root of this package's errors. A leaf also inherits the built-in error it resembles."""

from __future__ import annotations

from firmware_config.errors import ExitCode


class CollectorError(Exception):
    """Root of the errors raised by `collector`."""

    exit_code: ExitCode = ExitCode.FAILURE


class LedgerError(CollectorError, RuntimeError):
    """The ledger's database failed: nothing since the last commit was stored or acknowledged."""

    exit_code = ExitCode.DATABASE


class LedgerNotWritable(LedgerError):
    """This user may read the ledger, but not write it."""


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


class FleetMoved(CollectorError, RuntimeError):
    """Loading the fleet would do something else than was shown and agreed to."""


class UsageError(CollectorError, ValueError):
    """The command line asks for something that makes no sense."""

    exit_code = ExitCode.USAGE


class BadCommand(UsageError):
    """A command that no device could read: told before anything is sent.

    Attributes:
        field: the field of the contract that is wrong, e.g. `case_no`.
        problem: what was expected and what came.
    """

    def __init__(self, field: str, expected: str, got: object) -> None:
        self.field = field
        self.problem = f"expected {expected}, got {got!r}"
        super().__init__(f"{field}: {self.problem}")


class BadRemoteSettings(UsageError):
    """Settings for a device that are unknown, not the collector's to change, or out of range.

    Attributes:
        problems: one line for each: what, where, expected, got.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NoVersionLeft(CollectorError, OverflowError):
    """A device says that it has settings of the highest version there is."""


class LedgerInUse(CollectorError, RuntimeError):
    """Another process writes this ledger."""

    exit_code = ExitCode.DATABASE


class BrokerUnusable(CollectorError, ConnectionError):
    """The broker cannot be reached, or refuses us."""

    exit_code = ExitCode.IO


class NetworkEnded(CollectorError, RuntimeError):
    """The network thread ended by itself: a bug; the process must be started again."""

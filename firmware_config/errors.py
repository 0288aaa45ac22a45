"""The root of this package's errors, and the exit codes every Yiping command uses.

A leaf also inherits the built-in error it resembles, so that a caller may catch either.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; the same for `kiosk`, `collector`, `firmware-config`."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CONFIGURATION = 3
    IO = 4
    DATABASE = 5


class ConfigError(Exception):
    """Root of the errors raised by `firmware_config`."""

    exit_code: ExitCode = ExitCode.FAILURE


class ContractError(ConfigError, ValueError):
    """A token, record, receipt or topic is not what the wire contract says.

    Attributes:
        reason: a short, stable word for counting (`malformed`, `schema`, …); see `Reason`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class InvalidSettings(ConfigError, ValueError):
    """One or more settings or fleet entries are wrong; carries every problem, not the first.

    Attributes:
        problems: one line for each problem: `file: key: expected …, got …`.
    """

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

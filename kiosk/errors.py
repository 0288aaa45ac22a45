"""The root of the device program's errors."""

from __future__ import annotations

from firmware_config.errors import ExitCode


class KioskError(Exception):
    """Root of the errors raised by `kiosk`."""

    exit_code: ExitCode = ExitCode.FAILURE


class JournalError(KioskError, OSError):
    """The journal could not be read or written: disk full, I/O error, locked. May pass."""

    exit_code = ExitCode.DATABASE


class JournalDamagedError(JournalError):
    """The journal's file is not what was written to it. Does not pass; the file is set aside."""


class JournalForkedError(KioskError, RuntimeError):
    """The collector holds another history under our name; the next start begins a new epoch."""

    exit_code = ExitCode.DATABASE


class ForeignJournalError(KioskError, ValueError):
    """The journal was written by another device: a card or a setting was mixed up."""

    exit_code = ExitCode.CONFIGURATION


class PanelError(KioskError, OSError):
    """The buttons or lights could not be opened, or a GPIO call failed."""

    exit_code = ExitCode.IO


class KeyMissingError(KioskError, FileNotFoundError):
    """A key file that provisioning should have brought is not there."""

    exit_code = ExitCode.CONFIGURATION


class DeadThreadError(KioskError, RuntimeError):
    """A thread the kiosk cannot do without has ended."""


class ScreenError(KioskError, OSError):
    """The screen's page cannot be served."""

    exit_code = ExitCode.IO

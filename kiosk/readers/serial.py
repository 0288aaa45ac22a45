"""A reader on a serial line, through pyserial; its only importer."""

from __future__ import annotations

import errno
import os
import termios
from typing import Final

from serial import Serial, SerialException  # type: ignore[import-untyped]

_BYTES_AT_ONCE: Final = 4096


class SerialSource:
    """See `kiosk.readers.reader.Source`.

    Args:
        path: e.g. `/dev/ttyUSB0`, or better `/dev/serial/by-id/…`.
        baud: speed of the line; 8 data bits, no parity, 1 stop bit.
    """

    def __init__(self, path: str, *, baud: int) -> None:
        self._path = path
        self._baud = baud
        self._port: Serial | None = None

    def open(self) -> int:
        """See `Source.open`; no second program of the kind may open the line."""
        try:
            self._port = Serial(self._path, self._baud, timeout=0, exclusive=True)
        except ValueError as error:  # a speed this line does not know
            raise OSError(errno.EINVAL, str(error)) from error
        except (SerialException, termios.error) as error:
            raise _as_os_error(error) from error
        return int(self._port.fileno())

    def read(self) -> str:
        """See `Source.read`. Bytes beyond ASCII become one sign that no staff number has."""
        assert self._port is not None
        try:
            read: bytes = self._port.read(_BYTES_AT_ONCE)
        except SerialException as error:
            raise _as_os_error(error) from error
        return read.decode("ascii", "replace")

    def close(self) -> None:
        """See `Source.close`."""
        if self._port is not None:
            self._port.close()
            self._port = None


def _as_os_error(error: Exception) -> OSError:
    """What went wrong in one word of the system: pyserial's texts repeat path and errno."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else errno.ENODEV
    return OSError(number, os.strerror(number))

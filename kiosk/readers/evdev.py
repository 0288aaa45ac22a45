"""A USB device that types, read from `/dev/input/event*` and kept from everybody else.

The events are read as bytes, without the evdev library: it has no wheels for a Pi's usual Python,
so each device would need a compiler and kernel headers, for one struct and one ioctl.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from typing import Final

from kiosk.readers.keys import KeyDecoder

INPUT_EVENT: Final = struct.Struct("@LLHHi")
"""Seconds, microseconds, type, code, value; 24 bytes, or 16 where a C `long` has 4.

Source: linux/input.h, struct input_event. Its two time fields are C longs of the *reading program*
on every Linux, also on 32-bit ones whose time_t has 64 bits, so native sizes are right."""
EVIOCGRAB: Final = 0x40044590
"""_IOW('E', 0x90, int): from now on the events come to us alone. Source: linux/input.h."""
_EVENTS_AT_ONCE: Final = 64


def grab(descriptor: int) -> None:
    """Keep what is typed from the console and every other program, until it is closed.

    Raises:
        OSError: another program has grabbed it.
    """
    fcntl.ioctl(descriptor, EVIOCGRAB, 1)


class EvdevSource:
    """See `kiosk.readers.reader.Source`.

    Args:
        path: e.g. `/dev/input/by-id/usb-…-event-kbd`, which stays the same at every plugging.
        grab: how to get the events alone; tests without an input device put something else.
    """

    def __init__(self, path: str, *, grab: Callable[[int], None] = grab) -> None:
        self._path = path
        self._grab = grab
        self._descriptor: int | None = None
        self._keys = KeyDecoder()
        self._rest = b""

    def open(self) -> int:
        """See `Source.open`."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._grab(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._keys = KeyDecoder()
        self._rest = b""
        return descriptor

    def read(self) -> str:
        """See `Source.read`."""
        assert self._descriptor is not None
        try:
            read = os.read(self._descriptor, INPUT_EVENT.size * _EVENTS_AT_ONCE)
        except BlockingIOError:
            return ""
        if not read:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        # the kernel gives whole events only; a pipe in a test may not
        content = self._rest + read
        end = len(content) - len(content) % INPUT_EVENT.size
        self._rest = content[end:]
        return "".join(
            self._keys.feed(kind, code, value)
            for _, _, kind, code, value in INPUT_EVENT.iter_unpack(content[:end])
        )

    def close(self) -> None:
        """See `Source.close`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

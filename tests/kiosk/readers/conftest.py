"""Devices that type, for the readers' tests: a pseudo-terminal, a pipe, a uinput keyboard."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.readers.evdev import INPUT_EVENT, EvdevSource
from kiosk.readers.keys import _CHARACTERS, EV_KEY, EV_SYN, SYN_DROPPED
from kiosk.readers.reader import Source
from kiosk.readers.serial import SerialSource

UINPUT = Path("/dev/uinput")
CODES = {plain: code for code, (plain, _) in reversed(_CHARACTERS.items())}
UPPER = {shifted: code for code, (plain, shifted) in _CHARACTERS.items() if shifted != plain}
SHIFT = 42


def key_events(text: str) -> bytes:
    """What a keyboard sends for a text, as the kernel lays it out."""
    content = b""
    for character in text:
        is_shifted = character not in CODES
        code = UPPER[character] if is_shifted else CODES[character]
        keys = [(code, 1), (code, 0)]
        if is_shifted:
            keys = [(SHIFT, 1), *keys, (SHIFT, 0)]
        for pressed, value in keys:
            content += INPUT_EVENT.pack(12, 34, EV_KEY, pressed, value)
            content += INPUT_EVENT.pack(12, 34, EV_SYN, 0, 0)
    return content


class Typist(ABC):
    """A device that can be plugged in, typed on, and pulled out."""

    path: Path

    @abstractmethod
    def plug(self) -> None: ...

    @abstractmethod
    def type(self, text: str) -> None: ...

    @abstractmethod
    def unplug(self) -> None: ...

    @abstractmethod
    def source(self) -> Source: ...


class Terminal(Typist):
    """A serial line: a real pair of pseudo-terminals, its file a link as udev makes one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ttyUSB0"
        self._ends: list[int] = []

    def plug(self) -> None:
        self._ends = list(os.openpty())
        tty.setraw(self._ends[1])
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def type(self, text: str) -> None:
        os.write(self._ends[0], text.replace("\n", "\r\n").encode())

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = []

    def source(self) -> Source:
        return SerialSource(str(self.path), baud=9600)


class Pipe(Typist):
    """An input device where the machine has none: the kernel's bytes through a named pipe."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "event0"
        self._end = -1

    def plug(self) -> None:
        os.mkfifo(self.path)
        self._end = os.open(self.path, os.O_RDWR)

    def type(self, text: str) -> None:
        content = key_events(text)
        os.write(self._end, content[:7])  # in pieces that are no whole events
        os.write(self._end, content[7:])

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._end >= 0:
            os.close(self._end)
            self._end = -1

    def source(self) -> Source:
        return EvdevSource(str(self.path), grab=lambda _: None)


class Keyboard(Typist):
    """A real input device, made through uinput. Source: linux/uinput.h."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "event-kbd"
        self._descriptor = -1

    def plug(self) -> None:
        self._descriptor = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
        fcntl.ioctl(self._descriptor, 0x40045564, EV_KEY)  # UI_SET_EVBIT
        for code in (*_CHARACTERS, SHIFT):
            fcntl.ioctl(self._descriptor, 0x40045565, code)  # UI_SET_KEYBIT
        setup = struct.pack("4H80sI", 3, 0x1234, 0x5678, 1, b"yiping test keyboard", 0)
        fcntl.ioctl(self._descriptor, 0x405C5503, setup)  # UI_DEV_SETUP
        fcntl.ioctl(self._descriptor, 0x5501)  # UI_DEV_CREATE
        name = fcntl.ioctl(self._descriptor, 0x8040552C, bytes(64)).rstrip(b"\0").decode()
        node = self._node(Path("/sys/devices/virtual/input") / name)
        self.path.symlink_to(node)

    def _node(self, device: Path) -> Path:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for folder in device.glob("event*"):
                node = Path("/dev/input") / folder.name
                if os.access(node, os.R_OK):
                    return node
        raise TimeoutError(f"no device file for {device}")

    def type(self, text: str) -> None:
        for character in text:
            os.write(self._descriptor, key_events(character))
            threading.Event().wait(0.001)  # as fast as a scanner: the kernel keeps 16 keys

    def burst(self, text: str) -> None:
        """Type faster than anybody can read, so that the kernel drops keys."""
        os.write(self._descriptor, key_events(text))

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)  # destroys the device
            self._descriptor = -1

    def source(self) -> Source:
        return EvdevSource(str(self.path))


class Full(Pipe):
    """The same, for what the kernel gives when it had to drop events: a mark, then the rest."""

    def burst(self, text: str) -> None:
        """Of what was typed only the end comes through."""
        mark = INPUT_EVENT.pack(12, 34, EV_SYN, SYN_DROPPED, 0)
        mark += INPUT_EVENT.pack(12, 34, EV_SYN, 0, 0)
        os.write(self._end, mark + key_events(text[-5:]))


HAS_UINPUT = os.access(UINPUT, os.W_OK)
"""A container has none: there the kernel's own input devices are no cases of these tests."""
KINDS: dict[str, Callable[[Path], Typist]] = {"serial": Terminal, "evdev-bytes": Pipe}
if HAS_UINPUT:
    KINDS["evdev-uinput"] = Keyboard
HASTY = [kind for kind in ("evdev-bytes", "evdev-uinput") if kind in KINDS]


@pytest.fixture(params=KINDS)
def typist(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Typist]:
    """Each kind of device, not plugged in yet."""
    typist = KINDS[request.param](tmp_path)
    yield typist
    typist.unplug()


@pytest.fixture(params=HASTY)
def hasty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Full | Keyboard]:
    """A device that can type too fast, plugged in."""
    hasty = Full(tmp_path) if request.param == "evdev-bytes" else Keyboard(tmp_path)
    hasty.plug()
    yield hasty
    hasty.unplug()

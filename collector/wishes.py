"""What the dashboard wishes of devices, and what became of it: two folders of small files.

The dashboard has neither the collector's key nor a user at the broker, and must get neither. It
writes wishes into one folder; `collector command serve`, which runs as the user for commands, reads
them there and writes what became of them into the other. Neither may write where the other does.
The only wish there is is to be found: `identify`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from firmware_config.files import write_atomically

ASKED: Final = "asked"
TOLD: Final = "told"
SERVING: Final = "serving"
"""In the folder `told`: written anew every second or so while somebody serves."""
SERVING_S: Final = 5.0
"""A service that has not said so for longer does not run. Source: our choice."""
WISH_LIFE_S: Final = 30.0
"""From then on a wish is void: nobody waits at the window any more. Source: our choice."""
SENDING_S: Final = 30.0
"""Three times as long as an answer is waited for."""
KEPT_S: Final = 3600.0
"""How long files are kept, so that a page can still say what became of a wish."""
MOST_BYTES: Final = 2048
MOST_FILES: Final = 1000
"""Files of a folder that are looked at in one go; more are somebody's mischief."""
WISH_ID: Final = r"^[A-Za-z0-9_-]{22}\Z"

WishId = Annotated[str, Meta(pattern=WISH_ID)]


class Wish(Struct, frozen=True, kw_only=True):
    """A person wants to find a device.

    Attributes:
        id: 128 random bits, base64url.
        do: what; nothing else can be wished.
        device: its id.
        asked_by: account of the dashboard.
        asked_ms: UTC milliseconds since 1970.
    """

    id: WishId
    do: Literal["identify"]
    device: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
    asked_by: Annotated[str, Meta(min_length=1, max_length=64)]
    asked_ms: Annotated[int, Meta(ge=0)]


class Fate(StrEnum):
    """What became of a wish. SENDING is not the end; WAITING and NOBODY are a page's own words."""

    WAITING = "waiting"
    NOBODY = "nobody"
    """No service takes wishes."""
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    TOO_MANY = "too-many"
    UNKNOWN_DEVICE = "unknown-device"
    TOO_LATE = "too-late"
    FAILED = "failed"
    """The command could not be sent: log, key or broker; the service's log says more."""


ENDED: Final = frozenset(Fate) - {Fate.WAITING, Fate.SENDING}


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a wish; `reason`: of the device, or why there was no answer."""

    id: WishId
    device: str
    fate: Fate
    told_ms: int
    reason: str = ""


_wish = msgspec.json.Decoder(Wish)
_told = msgspec.json.Decoder(Told)


class Spool:
    """Both folders.

    Args:
        folder: holds `asked` and `told`; each is made by whoever writes there, where it may.
    """

    def __init__(self, folder: Path) -> None:
        self.asked = folder / ASKED
        self.told = folder / TOLD

    # --- the dashboard's side ---

    def ask(self, wish: Wish) -> None:
        """Write a wish down, and take away old ones.

        Raises:
            OSError: it cannot be written, or there are too many for the service to look at.
        """
        self.asked.mkdir(parents=True, exist_ok=True)
        _forget(self.asked, wish.asked_ms)
        if len(_files(self.asked)) >= MOST_FILES:
            raise OSError(errno.EDQUOT, f"{self.asked}: expected fewer than {MOST_FILES} wishes")
        _write(self.asked / f"{wish.id}.json", msgspec.json.encode(wish))

    def fate(self, id: str, *, now_ms: int) -> Told | None:
        """What became of a wish; None where nobody knows it. `id` must match `WISH_ID`."""
        told = _read(self.told / f"{id}.json")
        if told is not None:
            with suppress(msgspec.DecodeError):
                return _ended_by_now(_told.decode(told), now_ms)
        asked = _read(self.asked / f"{id}.json")
        if asked is None:
            return None
        try:
            wish = _wish.decode(asked)
        except msgspec.DecodeError:
            return None
        if now_ms - wish.asked_ms > WISH_LIFE_S * 1000:
            fate = Fate.TOO_LATE
        else:
            fate = Fate.WAITING if self.is_served(now_ms=now_ms) else Fate.NOBODY
        return Told(id=id, device=wish.device, fate=fate, told_ms=now_ms)

    def is_served(self, *, now_ms: int) -> bool:
        """Whether a service has said of late that it takes wishes."""
        try:
            said_ms = (self.told / SERVING).stat().st_mtime_ns // 1_000_000
        except OSError:
            return False
        return abs(now_ms - said_ms) <= SERVING_S * 1000

    # --- the service's side ---

    def wishes(self) -> Iterator[Wish]:
        """The wishes that nothing has become of yet; what is no wish is left out."""
        for path in _files(self.asked):
            if (self.told / path.name).exists():
                continue
            raw = _read(path)
            if raw is None:
                continue
            try:
                wish = _wish.decode(raw)
            except msgspec.DecodeError:
                continue
            if path.stem == wish.id and wish.asked_by.isprintable():
                yield wish

    def tell(self, told: Told) -> None:
        """Write down what became of a wish. Raises OSError."""
        _write(self.told / f"{told.id}.json", msgspec.json.encode(told))

    def serve(self, *, now_ms: int) -> None:
        """Say that wishes are taken, and take away what is old. Raises OSError."""
        self.told.mkdir(parents=True, exist_ok=True)
        path = self.told / SERVING
        path.touch(mode=0o640)
        os.utime(path, ns=(now_ms * 1_000_000,) * 2)
        _forget(self.told, now_ms)

    def stop_serving(self) -> None:
        """Say that wishes are taken no more. Raises OSError."""
        (self.told / SERVING).unlink(missing_ok=True)


def _ended_by_now(told: Told, now_ms: int) -> Told:
    """A service that was killed while it sent leaves its last word for ever."""
    if told.fate is not Fate.SENDING or now_ms - told.told_ms <= SENDING_S * 1000:
        return told
    return msgspec.structs.replace(told, fate=Fate.NO_ANSWER)


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_FILES)]
    except OSError:
        return []
    return sorted(folder / name for name in names if name.endswith(".json"))


def _read(path: Path) -> bytes | None:
    """A small file of the other side; a link, a pipe or a large one is none of ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return None
        return os.read(descriptor, MOST_BYTES)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, content, mode=0o640)
    path.chmod(0o640)  # the dashboard's umask would keep the other side out


def _forget(folder: Path, now_ms: int) -> None:
    for path in _files(folder):
        with suppress(OSError):
            if now_ms - path.stat().st_mtime_ns // 1_000_000 > KEPT_S * 1000:
                path.unlink()

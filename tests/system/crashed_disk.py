"""What a disk may hold after a power cut at any moment of a recorded log.

What was synced is there. Of what was not, each sector independently holds any of its versions since
the last sync: so writes are dropped, torn and reordered, but never over a sync. A file's length may
be any it has had since then, what was not written in it reads as zeros or as rubbish, and a name
that was made or taken away since the folder was synced may be there or not.

Not modelled: a sector that is destroyed while it is written (SQLite relies on the drive here, see
its documentation of "powersafe overwrite"), and a disk that lies about a sync.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from collector.errors import CollectorError
from kiosk.errors import KioskError
from tests.system.recorded_sqlite import (
    Create,
    Event,
    Promise,
    Sync,
    SyncFolder,
    Truncate,
    Unlink,
    Write,
)

SECTOR = 512
PAGE = 4096
State = dict[str, bytes]


@dataclass(slots=True)
class _File:
    durable: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)

    def whole(self, count: int | None = None) -> bytes:
        """With the first `count` pending operations done; None: all."""
        content = bytearray(self.durable)
        for done in self.pending[:count]:
            _do(content, done)
        return bytes(content)

    def torn(self, size: int) -> bytes:
        """All is done, but the last write only to the multiple of `size` in its middle."""
        last = self.pending[-1] if self.pending else None
        if not isinstance(last, Write):
            return self.whole(-1) if last else self.durable
        middle = (last.offset + len(last.content) // 2) // size * size
        content = bytearray(self.whole(-1))
        _do(content, Write(0, last.offset, last.content[: max(0, middle - last.offset)]))
        return bytes(content)

    def shuffled(self, draw: random.Random, size: int) -> bytes:
        """Every sector at a version of its own."""
        if not self.pending:
            return self.durable
        touched: dict[int, list[Write]] = {}
        lengths, length = [len(self.durable)], len(self.durable)
        for done in self.pending:
            if isinstance(done, Truncate):
                length = done.size
            else:
                end = done.offset + len(done.content)
                length = max(length, end)
                for sector in range(done.offset // size, -(-end // size)):
                    touched.setdefault(sector, []).append(done)
            lengths.append(length)
        longest = max(lengths)
        content = bytearray(self.durable)
        rest = longest - len(content)
        content += bytes(rest) if draw.random() < 0.5 else draw.randbytes(rest)
        kept_share = draw.choice((0.1, 0.5, 0.9))
        for sector, writes in touched.items():
            count = len(writes) if draw.random() < kept_share else draw.randrange(len(writes) + 1)
            begin, end = sector * size, (sector + 1) * size
            for done in writes[:count]:
                first, last = max(begin, done.offset), min(end, done.offset + len(done.content))
                content[first:last] = done.content[first - done.offset : last - done.offset]
        return bytes(content[: draw.choice((longest, draw.choice(lengths)))])


def _do(content: bytearray, done: Write | Truncate) -> None:
    if isinstance(done, Truncate):
        del content[done.size :]
        content.extend(bytes(done.size - len(content)))
    elif done.content:
        content.extend(bytes(max(0, done.offset - len(content))))
        content[done.offset : done.offset + len(done.content)] = done.content


class Disk:
    """A folder of files, as far as the log has been played."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._durable: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._last: _File | None = None

    def play(self, event: Event) -> None:
        """One more thing was done."""
        match event:
            case Create(name, number):
                self._names[name] = number
                self._files[number] = _File()
            case Write(number) | Truncate(number):
                self._last = self._files[number]
                self._last.pending.append(event)
            case Sync(number):
                file = self._files[number]
                file.durable = file.whole()
                file.pending.clear()
            case Unlink(name):
                del self._names[name]
            case SyncFolder():
                self._durable = dict(self._names)
            case Promise():
                pass

    def states(self, draw: random.Random, shuffles: int) -> Iterator[tuple[str, State]]:
        """What may be found if the power fails now: how it came about, and the files."""
        yield (
            "unsynced dropped",
            {name: self._files[n].durable for name, n in self._durable.items()},
        )
        yield "killed", self._all()
        for size in (SECTOR, PAGE):
            yield f"last write torn at {size}", self._all() | self._torn(size)
        for number in range(shuffles):
            size = SECTOR if number % 2 else PAGE
            names = self._some_names(draw)
            found = {name: self._files[n].shuffled(draw, size) for name, n in names.items()}
            yield f"shuffled in sectors of {size}", found

    def _all(self) -> State:
        return {name: self._files[number].whole() for name, number in self._names.items()}

    def _torn(self, size: int) -> State:
        return {
            name: self._files[number].torn(size)
            for name, number in self._names.items()
            if self._files[number] is self._last
        }

    def _some_names(self, draw: random.Random) -> dict[str, int]:
        """Each name as it was at the last sync of the folder, or as it is."""
        chosen = {}
        for name in sorted(self._durable.keys() | self._names.keys()):
            number = draw.choice((self._durable, self._names)).get(name)
            if number is not None:
                chosen[name] = number
        return chosen


class Found(NamedTuple):
    """What a sweep came to: points of the log, different disks found there, what was wrong."""

    points: int
    states: int
    faults: list[str]


def sweep(
    events: Sequence[Event],
    folder: Path,
    check: Callable[[Any], None],
    *,
    shuffles: int,
    points: Set[int] | None = None,
) -> Found:
    """Check every disk that may be found at every point of a log.

    Args:
        folder: is made to hold each of them in turn.
        check: is told what was promised last (None: nothing yet); complains by AssertionError or
            an error of ours.
        shuffles: disks with every sector at a version of its own, for each point.
        points: numbers of events, from 1; None: all.
    """
    folder.mkdir()
    draw, disk, promise = random.Random(4), Disk(), None
    seen: set[int] = set()
    faults = []
    for number, event in enumerate(events, start=1):
        disk.play(event)
        if isinstance(event, Promise):
            promise = event.what
        if points is not None and number not in points:
            continue
        for how, state in disk.states(draw, shuffles):
            found = hash((id(promise), *sorted(state.items())))
            if found in seen:  # with the same promise
                continue
            seen.add(found)
            _put(folder, state)
            try:
                check(promise)
            except (AssertionError, CollectorError, KioskError) as error:
                faults.append(f"point {number}, {how}, promised {promise}: {error!r}")
    return Found(len(events if points is None else points), len(seen), faults)


def _put(folder: Path, state: State) -> None:
    for old in folder.iterdir():
        old.unlink()
    for name, content in state.items():
        (folder / name).write_bytes(content)


def from_the_first_promise(events: Sequence[Event], *, before: int) -> set[int]:
    """All points from the first promise on, and each `before`-th one before it."""
    first = next(at for at, event in enumerate(events, start=1) if isinstance(event, Promise))
    return set(range(1, first, before)) | set(range(first, len(events) + 1))


def near_moves_of_the_log(events: Sequence[Event], every: int) -> set[int]:
    """Each `every`-th of the points where something else than the log is written, or next to one.

    And every seventh as dense between them.
    """
    logs = {e.file for e in events if isinstance(e, Create) and e.name.endswith("-wal")}
    others = {
        number
        for number, event in enumerate(events, start=1)
        if isinstance(event, Write | Sync) and event.file not in logs
    }
    near = sorted({number + step for number in others for step in (-1, 0, 1)})
    return set(near[::every]) | set(range(1, len(events) + 1, every * 7))

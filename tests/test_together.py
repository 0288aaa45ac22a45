"""How the tests share a machine: one that must be alone is, and nobody overtakes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.together import Room


class Visitor:
    """One who enters the room of a folder, in a thread, and says when inside."""

    def __init__(self, folder: Path, *, alone: bool = False) -> None:
        self.room = Room(folder)
        self.is_inside = threading.Event()
        self._thread = threading.Thread(target=self._enter, args=(alone,))
        self._thread.start()

    def _enter(self, alone: bool) -> None:
        self.room.enter(alone=alone)
        self.is_inside.set()

    def leave(self) -> None:
        """Once inside, go."""
        assert self.is_inside.wait(60)
        self._thread.join()
        self.room.close()


@pytest.fixture
def come(tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """Lets visitors come to one room; at the end all go, in the order they came."""
    visitors: list[Visitor] = []

    def one(*, alone: bool = False) -> Visitor:
        visitors.append(Visitor(tmp_path, alone=alone))
        return visitors[-1]

    yield one
    for visitor in visitors:
        visitor.leave()


def test_all_are_in_the_room_together(come: Callable[..., Visitor]) -> None:
    assert all(come().is_inside.wait(60) for _ in range(3))


def test_one_who_must_be_alone_waits_for_the_others_and_is_not_overtaken(
    come: Callable[..., Visitor], is_waiting: Callable[[Path], int], tmp_path: Path
) -> None:
    first = come()
    assert first.is_inside.wait(60)
    hermit = come(alone=True)
    is_waiting(tmp_path / "room")
    late = come()
    is_waiting(tmp_path / "door")

    assert not hermit.is_inside.is_set()
    first.room.leave()
    assert hermit.is_inside.wait(60)
    assert not late.is_inside.wait(0.1)
    hermit.room.leave()
    assert late.is_inside.wait(60)


@pytest.fixture
def is_waiting(wait_until: Callable[..., None]) -> Callable[[Path], None]:
    """Returns once somebody waits for the lock of a file, as the kernel lists it."""

    def look(path: Path) -> None:
        inode = f":{path.stat().st_ino} "
        wait_until(
            lambda: any(
                "->" in line and inode in line
                for line in Path("/proc/locks").read_text().splitlines()
            )
        )

    return look

"""The order of the tests and who may run beside whom, when several processes share them out.

Each process (a worker of pytest-xdist) takes the next test of one list. The tests that must be
alone come first, the long ones after them, and the many short ones fill the end, so that no
process is left with a long test when the others have nothing to do. Within these three the order
stays random.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

LONG: Final = ("system", "browser")
"""Marks of tests that mostly take seconds."""
KEY: Final = "room"
"""Under which a worker is told the folder of the room."""
MOST_WORKERS: Final = 8


class Room:
    """Tests enter it together, but for one that must be alone; whoever waits first enters first.

    Made of two locked files: the kernel opens a lock when the process that holds it dies.
    """

    def __init__(self, folder: Path) -> None:
        self._door = (folder / "door").open("w")
        self._room = (folder / "room").open("w")
        self.is_kept = False

    def enter(self, *, alone: bool) -> None:
        """Wait at the door; it stays shut behind one who waits inside it to be alone."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)

    def leave(self) -> None:
        """Make room for others."""
        fcntl.flock(self._room, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave for good."""
        self._door.close()
        self._room.close()


ROOM = pytest.StashKey[Room]()
FOLDER = pytest.StashKey[Path]()


def is_alone(item: pytest.Item | None) -> bool:
    """Whether no other test may run meanwhile."""
    return item is not None and item.get_closest_marker("alone") is not None


def rank(item: pytest.Item) -> int:
    """Its place among the three."""
    if is_alone(item):
        return 0
    return 1 if any(item.get_closest_marker(mark) for mark in LONG) else 2


def pytest_configure(config: pytest.Config) -> None:
    """In a worker, find the room."""
    folder = getattr(config, "workerinput", {}).get(KEY)
    if folder is not None:
        config.stash[ROOM] = room = Room(Path(folder))
        config.add_cleanup(room.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that shares the tests out, build the room for its workers."""
    config: pytest.Config = node.config
    if FOLDER not in config.stash:
        made = tempfile.TemporaryDirectory(prefix="yiping-tests-")
        config.add_cleanup(made.cleanup)
        config.stash[FOLDER] = Path(made.name)
    node.workerinput[KEY] = str(config.stash[FOLDER])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process for each core: with more, tests that wait for a second or two met a busy machine.

    And not more than gain anything: the longest test takes a minute and a half.
    """
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by rank what pytest-randomly has shuffled."""
    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Be in the room during a test; from one that is alone to the next, stay in it."""
    room = item.config.stash.get(ROOM, None)
    if room is None:
        return (yield)
    if not room.is_kept:
        room.enter(alone=is_alone(item))
    try:
        return (yield)
    finally:
        room.is_kept = is_alone(item) and is_alone(nextitem)
        if not room.is_kept:
            room.leave()

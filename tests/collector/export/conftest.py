"""A small hall with a real ledger, and its exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.collector.export.ledger_hall import ZONE, LedgerHall


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[LedgerHall]:
    """A hall with an empty ledger."""
    hall = LedgerHall(tmp_path)
    yield hall
    hall.db.close()


@pytest.fixture
def at() -> Callable[..., datetime]:
    """`at(day, hour, minute)`: an instant of November 2026, local time."""
    return lambda day, hour=9, minute=0: datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """`tree(folder)`: every visible file below it → its bytes."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }

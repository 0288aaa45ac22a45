"""One working hall for all tests of verification, and copies of its ledger to spoil."""

from __future__ import annotations

from typing import Any

import pytest

from tests.collector.verify.hall import WorkingHall


@pytest.fixture(scope="session")
def hall(tmp_path_factory: pytest.TempPathFactory, journal_of: Any) -> WorkingHall:
    """The hall whose ledger is right; not to be written to."""
    return WorkingHall(tmp_path_factory.mktemp("hall"), journal_of)

"""A small kept ledger, and a dashboard over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ledgers import kept_ledger
from bench.web_process import prepare

RECORDS = 20_000


@pytest.fixture(scope="session")
def folder_of_ledgers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where made ledgers are kept."""
    return tmp_path_factory.mktemp("ledgers")


@pytest.fixture(scope="session")
def kept(folder_of_ledgers: Path) -> Path:
    """A small ledger, never changed."""
    return kept_ledger(folder_of_ledgers, RECORDS)


@pytest.fixture(scope="session")
def config(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a dashboard over it, with its accounts and corrections."""
    return prepare(tmp_path_factory.mktemp("dashboard"), kept)

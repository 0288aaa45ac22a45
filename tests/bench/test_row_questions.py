"""Rollups, SQLite and DuckDB count the same, and a difference is found."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from bench.ledgers import UNTIL
from bench.pages import _compared
from bench.row_questions import by_duckdb, by_rollups, by_sqlite, export_parquet
from collector.ledger.readers import LedgerReader
from collector.periods import Period, between

TODAY = UNTIL.date()


@pytest.fixture
def parquet(kept: Path, tmp_path: Path) -> Path:
    """The ledger's outcomes."""
    path = tmp_path / "outcomes.parquet"
    export_parquet(kept, path)
    return path


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("days", [1, 2, 30, 400])
def test_all_three_agree(
    kept: Path, parquet: Path, database: duckdb.DuckDBPyConnection, days: int
) -> None:
    period: Period = between(TODAY - timedelta(days=days - 1), TODAY)
    with LedgerReader(kept) as reader:
        answer = by_rollups(reader, period)
        assert answer == by_sqlite(reader, period) == by_duckdb(database, parquet, period)
    assert len(answer) == 135
    assert sum(sum(row[:5]) for row in answer.values()) > 1500


def test_a_repeat_counts_as_a_repeat_and_not_as_a_level(kept: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ledger.db"
    shutil.copyfile(kept, copy)
    whole = between(TODAY - timedelta(days=30), TODAY)
    with LedgerReader(copy) as reader:
        before = by_sqlite(reader, whole)
    with closing(sqlite3.connect(copy)) as connection, connection:
        position, window, department, level = connection.execute(
            "SELECT position, window, department, level FROM outcomes WHERE level = 5 LIMIT 1"
        ).fetchone()
        connection.execute("UPDATE outcomes SET is_repeat = 1 WHERE position = ?", [position])
    with LedgerReader(copy) as reader:
        after = by_sqlite(reader, whole)
    old, new = before[(window, department)], after[(window, department)]
    assert level == 5
    assert new == (old[0] - 1, *old[1:6], old[6] + 1)


def test_ways_that_differ_fail_the_run() -> None:
    ways = {"rollups": lambda: {(1, 1): (1,) * 7}, "SQLite": lambda: {(1, 1): (2,) * 7}}
    with pytest.raises(AssertionError, match="SQLite counts otherwise"):
        _compared("a day", ways, 1)

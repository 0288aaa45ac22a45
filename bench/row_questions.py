"""The pages' main question, asked of the sums they read and of the rows those are made from.

How was every window rated in a period? The dashboard reads its rollups; SQLite scans `outcomes`
by its index of days; DuckDB scans the same rows in a Parquet file. All three must agree.
"""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb

from collector.ledger.readers import LedgerReader, counts
from collector.periods import Period

Answer = dict[tuple[int, int], tuple[int, ...]]
"""Window and department (0: none) → ratings of level 5 … 1, unrated, repeats."""

COLUMNS: Final = ("window", "department", "level", "is_repeat", "on_date")
_CHUNK: Final = 100_000
_SUMS: Final = (
    *(f"count(*) FILTER (WHERE level = {n} AND is_repeat = 0)" for n in (5, 4, 3, 2, 1)),
    "count(*) FILTER (WHERE level IS NULL)",
    "count(*) FILTER (WHERE is_repeat = 1)",
)


def _question(table: str) -> str:
    return (
        f'SELECT coalesce("window", 0), coalesce(department, 0), {", ".join(_SUMS)} FROM {table} '
        "WHERE on_date >= ? AND on_date < ? GROUP BY 1, 2"
    )


def by_rollups(reader: LedgerReader, period: Period) -> Answer:
    """As the pages ask it."""
    return {
        pair: (*found.levels.values(), found.unrated, found.repeats)
        for pair, found in counts.by_window_and_department(reader, period).items()
    }


def by_sqlite(reader: LedgerReader, period: Period) -> Answer:
    """From the rows, by SQLite."""
    return _answer(reader.rows(_question("outcomes"), *_bounds(period)))


def by_duckdb(connection: duckdb.DuckDBPyConnection, parquet: Path, period: Period) -> Answer:
    """From the rows in a Parquet file, by DuckDB."""
    sql = _question(f"'{parquet}'")
    return _answer(connection.execute(sql, _bounds(period)).fetchall())


def _bounds(period: Period) -> tuple[str, str]:
    return period.start_on.isoformat(), period.end_on.isoformat()


def _answer(rows: list[tuple[int, ...]]) -> Answer:
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def export_parquet(ledger: Path, parquet: Path) -> None:
    """Write what the question needs of `outcomes` to a Parquet file, in order of the ledger.

    By way of CSV: DuckDB's extension that reads SQLite would have to be downloaded.
    """
    text = parquet.with_suffix(".csv")
    names = ", ".join(COLUMNS)
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        rows = connection.execute(f"SELECT {names} FROM outcomes ORDER BY position")
        with text.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            while chunk := rows.fetchmany(_CHUNK):
                writer.writerows(chunk)
    types = "{'window': 'INTEGER', 'department': 'INTEGER', 'level': 'TINYINT', "
    types += "'is_repeat': 'TINYINT', 'on_date': 'VARCHAR'}"
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT * FROM read_csv('{text}', header = true, columns = {types})) "
            f"TO '{parquet}' (FORMAT parquet)"
        )
    text.unlink()

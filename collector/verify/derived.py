"""Everything derived from the records, made anew and compared row for row.

`collector.ledger` knows how; here each difference gets its name: the record, or the day and window.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from collector.errors import CollectorError
from collector.ledger.readers import LedgerReader
from collector.ledger.rebuilt import ATTACHED, RowDifference, rebuilt_beside, row_differences
from collector.verify.facts import LedgerFacts
from collector.verify.findings import Check, Finding, Findings, Level
from collector.verify.reception import day_text
from firmware_config.errors import ContractError, ExitCode

ROOM_SHARE: Final = 0.6
"""Room that making everything derived anew takes, as a share of the ledger's file. Source: measured
on a ledger of bench.make_ledger, where derived tables and their indexes are 36 %; and some more."""
_CHECKS: Final[Mapping[str, Check]] = {
    "outcomes": Check.OUTCOMES,
    "boots": Check.CLOCKS,
    "offset_times": Check.CLOCKS,
}
"""Table → what a difference in it is called; any other is a rollup."""
_NAMES: Final = {"window": "windows", "department": "departments"}
_PLACES: Final = ("window", "department", "staff_no", "item", "weekday", "hour")
_UNREADABLE: Final = (ContractError, KeyError, ValueError, OverflowError, sqlite3.IntegrityError)


class NoRoom(CollectorError, OSError):
    """The temporary folder is too small for what is made anew."""

    exit_code = ExitCode.IO


def check_derived(facts: LedgerFacts, folder: Path) -> list[Finding]:
    """Make the derived tables anew in a folder, and tell every row that differs.

    Raises:
        NoRoom: there is not enough room in the folder.
        sqlite3.Error: the ledger cannot be read.
    """
    needed = int(facts.path.stat().st_size * ROOM_SHARE)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoRoom(
            f"{folder}: expected {needed / 2**20:,.0f} MiB of room to make the rollups anew, got "
            f"{free / 2**20:,.0f} (TMPDIR names another folder)"
        )
    findings = Findings()
    with LedgerReader(facts.path, is_snapshot=False) as reader:
        uri = reader.uri
    try:
        with rebuilt_beside(uri, folder / "derived.db") as connection:
            namer = _Namer(connection, facts)
            for difference in row_differences(connection):
                is_of_purged = difference.table == "boots" and difference.made is None
                if not (is_of_purged and facts.purged_to):  # may be a boot whose records are gone
                    findings.add(namer.finding(difference))
    except _UNREADABLE as error:
        findings.add(
            Finding(
                level=Level.FAIL,
                check=Check.OUTCOMES,
                what="nothing can be derived from the records as they are",
                got=f"{type(error).__name__}: {error}",
            )
        )
    return findings.all()


class _Namer:
    """Gives differences their names."""

    def __init__(self, connection: sqlite3.Connection, facts: LedgerFacts) -> None:
        self._connection = connection
        self._facts = facts
        self._codes = {
            column: dict(connection.execute(f"SELECT id, code FROM {ATTACHED}.{table}").fetchall())
            for column, table in _NAMES.items()
        }

    def finding(self, difference: RowDifference) -> Finding:
        """One row's difference."""
        table, made, kept = difference
        row = made or kept or {}
        fields = [name for name in row if made and kept and made[name] != kept[name]]
        check = _CHECKS.get(table, Check.ROLLUPS)
        if "is_repeat" in fields:
            check = Check.REPEATS
        if kept is None:
            what = f"{table}: a row is missing"
        elif made is None:
            what = f"{table}: a row that no record gives"
        else:
            what = f"{table}: {', '.join(fields)} not as the records say"
        days = sorted(_days(made, kept))
        device, epoch, seq = self._record(row)
        if not days and seq:
            days = [self._received_on(row["position"])]
        return Finding(
            level=Level.FAIL,
            check=check,
            what=what,
            device=device,
            epoch=epoch,
            first_on=days[0] if days else "",
            last_on=days[-1] if days else "",
            first_seq=seq,
            last_seq=seq,
            first_position=row.get("position", 0),
            last_position=row.get("position", 0),
            where=self._where(table, row),
            expected=self._told(made, fields),
            got=self._told(kept, fields),
        )

    def _record(self, row: Mapping[str, Any]) -> tuple[str, str, int]:
        """Device, journal and seq that a row is about; empty and 0 for none."""
        epoch, seq = row.get("epoch", 0), 0
        if "position" in row:
            found = self._connection.execute(
                f"SELECT epoch, seq FROM {ATTACHED}.records WHERE position = ?", [row["position"]]
            ).fetchone()
            epoch, seq = found or (epoch, 0)
        journal = self._facts.journals.get(epoch)
        return (journal.code, journal.epoch, seq) if journal else ("", "", seq)

    def _received_on(self, position: int) -> str:
        found = self._connection.execute(
            f"SELECT received_ms FROM {ATTACHED}.records WHERE position = ?", [position]
        ).fetchone()
        return day_text(found[0], self._facts.zone) if found else ""

    def _where(self, table: str, row: Mapping[str, Any]) -> str:
        if table == "outcomes":
            return ""  # the record says it all
        if "boot" in row:
            return f"boot {row['boot']}"
        parts = [
            f"{name.removesuffix('_no')} {self._text(name, row[name])}"
            for name in _PLACES
            if name in row and row[name] != ""
        ]
        return ", ".join(parts)

    def _told(self, row: Mapping[str, Any] | None, fields: list[str]) -> str:
        if row is None:
            return "no row"
        names = fields or [name for name in row if row[name] not in (0, "", None)]
        return ", ".join(f"{name} {self._text(name, row[name])}" for name in names)

    def _text(self, name: str, value: Any) -> str:
        if name in self._codes:
            return str(self._codes[name].get(value, "-" if not value else f"row {value}"))
        return "-" if value is None else str(value)


def _days(*rows: Mapping[str, Any] | None) -> Iterator[str]:
    for row in rows:
        for name in ("on_date", "on_month"):
            if row is not None and name in row:
                yield str(row[name])

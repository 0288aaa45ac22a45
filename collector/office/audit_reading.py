"""Reading the audit trail: by time, account and action; and whether its chain holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from collector.office.audit import FIRST, Entry, digest_of
from collector.office.database import Office

PRUNED: Final = "audit.prune"
_COLUMNS: Final = "id, made_ms, account, role, address, action, subject, facts, digest"
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """An entry as it is kept."""

    id: int
    entry: Entry
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries; empty or None: any. `[from_ms, to_ms)`, UTC milliseconds.

    Attributes:
        action: the whole action (`account.add`), or the part before its dot (`account`).
    """

    from_ms: int | None = None
    to_ms: int | None = None
    account: str = ""
    action: str = ""

    def where(self) -> tuple[str, list[Any]]:
        """As a condition, with its values."""
        parts: list[tuple[str, list[Any]]] = [
            ("made_ms >= ?", [self.from_ms] if self.from_ms is not None else []),
            ("made_ms < ?", [self.to_ms] if self.to_ms is not None else []),
            ("account = ?", [self.account] if self.account else []),
            (
                "(action = ? OR substr(action, 1, ?) = ?)",
                [self.action, len(self.action) + 1, f"{self.action}."] if self.action else [],
            ),
        ]
        used = [(text, values) for text, values in parts if values]
        condition = " AND ".join(text for text, _values in used) or "1"
        return condition, [value for _text, values in used for value in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a check of the chain found.

    Attributes:
        entries: that were checked.
        first_ms: time of the first entry, None for none; UTC milliseconds.
        last_ms: of the last.
        head: digest of the last entry, hexadecimal.
        pruned: entries that were pruned before the first, by rule.
        broken_at: id of the first entry that does not fit; None: every one fits.
    """

    entries: int
    first_ms: int | None
    last_ms: int | None
    head: str
    pruned: int
    broken_at: int | None


class AuditReader:
    """Reads the audit trail of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def newest(self, asked: Asked, *, limit: int, skip: int = 0) -> list[KeptEntry]:
        """Entries asked for, newest first."""
        condition, values = asked.where()
        rows = self._office.database.execute(
            f"SELECT {_COLUMNS} FROM audit WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
            [*values, limit, skip],
        ).fetchall()
        return [_kept(row) for row in rows]

    def count(self, asked: Asked) -> int:
        """How many entries there are of those asked for."""
        condition, values = asked.where()
        row = self._office.database.execute(
            f"SELECT count(*) FROM audit WHERE {condition}", values
        ).fetchone()
        return int(row[0])

    def after(self, number: int, asked: Asked | None = None) -> Iterator[KeptEntry]:
        """Entries with a higher id, oldest first; read in pieces, no transaction stays open."""
        condition, values = (asked or Asked()).where()
        while True:
            rows = self._office.database.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE id > ? AND {condition} ORDER BY id LIMIT ?",
                [number, *values, _AT_ONCE],
            ).fetchall()
            yield from map(_kept, rows)
            if len(rows) < _AT_ONCE:
                return
            number = rows[-1][0]

    def actions(self) -> list[str]:
        """Actions there are entries of."""
        rows = self._office.database.execute("SELECT DISTINCT action FROM audit").fetchall()
        return sorted(row[0] for row in rows)

    def verify(self) -> Verified:
        """Compute the chain again, from the first entry or the last prune on.

        A prune counts only when the chain itself tells of it: its entry names the digest that the
        chain goes on from.
        """
        prune = self._office.database.execute(
            "SELECT last_id, digest, (SELECT sum(entries) FROM audit_prunes) "
            "FROM audit_prunes ORDER BY last_id DESC LIMIT 1"
        ).fetchone()
        last_id, digest, pruned = (prune[0], bytes(prune[1]), prune[2]) if prune else (0, FIRST, 0)
        is_told = prune is None
        entries, first_ms, last_ms = 0, None, None
        for kept in self.after(0):
            facts = kept.entry.facts
            expected = digest_of(digest, kept.entry)
            if kept.digest != expected or kept.id != last_id + 1:
                return _verified(entries, first_ms, last_ms, digest, pruned, kept.id)
            if kept.entry.action == PRUNED and prune is not None:
                is_told = is_told or facts.get("digest") == bytes(prune[1]).hex()
            digest, last_id = expected, kept.id
            entries, last_ms = entries + 1, kept.entry.made_ms
            first_ms = kept.entry.made_ms if first_ms is None else first_ms
        return _verified(
            entries, first_ms, last_ms, digest, pruned, None if is_told else last_id + 1
        )


def _verified(
    entries: int,
    first_ms: int | None,
    last_ms: int | None,
    head: bytes,
    pruned: int,
    broken_at: int | None,
) -> Verified:
    return Verified(
        entries=entries,
        first_ms=first_ms,
        last_ms=last_ms,
        head=head.hex(),
        pruned=pruned,
        broken_at=broken_at,
    )


def _kept(row: tuple[Any, ...]) -> KeptEntry:
    number, *told, facts, digest = row
    names = Entry.__slots__[:-1]
    entry = Entry(**dict(zip(names, told, strict=True)), facts=json.loads(facts))
    return KeptEntry(id=number, entry=entry, digest=bytes(digest))

"""Pruning the audit trail: only what is older than six months, and never without a mark."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from collector.errors import UsageError
from collector.office.audit import AuditTrail, Entry
from collector.office.audit_reading import PRUNED, AuditReader
from collector.office.database import Office

KEPT_DAYS: Final = 184
"""Days every entry is kept. Source: the field's rule of six months for logs; the longest six."""
DAY_MS: Final = 86_400_000


class TooYoung(UsageError):
    """Entries of the last six months are not pruned."""


class ChainBroken(UsageError):
    """The chain does not hold: nothing is removed that could be evidence."""


def prune(office: Office, by: Entry, *, older_than_days: int) -> int:
    """Remove entries older than a number of days, and leave a mark the chain goes on from.

    The schema refuses the same: a mark younger than six months, and any other removal.

    Args:
        office: the database.
        by: who does it, and when; action and facts are filled in here.
        older_than_days: `KEPT_DAYS` or more.

    Returns:
        How many were removed.

    Raises:
        TooYoung: it is less.
        ChainBroken: see there.
    """
    if older_than_days < KEPT_DAYS:
        raise TooYoung(
            f"audit prune: expected {KEPT_DAYS} days or more, got {older_than_days}; entries of "
            "the last six months are kept"
        )
    before_ms = by.made_ms - older_than_days * DAY_MS
    with office.transaction() as database:
        verified = AuditReader(office).verify()
        if verified.broken_at is not None:
            raise ChainBroken(f"audit prune: the chain is broken at entry {verified.broken_at}")
        # up to the first younger one: a clock that once went back leaves no hole
        row = database.execute(
            "SELECT max(id) FROM audit WHERE id < coalesce("
            "(SELECT min(id) FROM audit WHERE made_ms >= ?), 9223372036854775807)",
            [before_ms],
        ).fetchone()
        if row[0] is None:
            return 0
        last_id = int(row[0])
        digest, first_ms, last_ms, entries = database.execute(
            "SELECT (SELECT digest FROM audit WHERE id = ?), min(made_ms), max(made_ms), count(*) "
            "FROM audit WHERE id <= ?",
            [last_id, last_id],
        ).fetchone()
        facts = {
            "entries": entries,
            "last_id": last_id,
            "first_ms": first_ms,
            "last_ms": last_ms,
            "digest": bytes(digest).hex(),
        }
        AuditTrail(office).add(replace(by, action=PRUNED, subject="", facts=facts))
        database.execute(
            "INSERT INTO audit_prunes VALUES (?, ?, ?, ?, ?, ?)",
            [last_id, entries, first_ms, last_ms, by.made_ms, digest],
        )
        database.execute("DELETE FROM audit WHERE id <= ?", [last_id])
    return int(entries)

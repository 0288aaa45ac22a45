"""The audit trail: who saw or changed what; append-only, each entry chained to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from collector.office.database import Office

FIRST: Final = bytes(32)
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry; `account` empty: nobody was signed in. `facts` holds no secret."""

    made_ms: int
    account: str
    role: str
    address: str
    action: str
    subject: str
    facts: Mapping[str, Any]


def digest_of(previous: bytes, entry: Entry) -> bytes:
    """SHA-256 over the previous digest and the entry's fields as canonical JSON."""
    fields = [getattr(entry, name) for name in Entry.__slots__]
    body = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + body.encode()).digest()


class AuditTrail:
    """The audit trail of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def add(self, entry: Entry) -> None:
        """Append an entry; it is on disk when this returns."""
        with self._office.transaction() as database:
            row = database.execute("SELECT digest FROM audit ORDER BY id DESC LIMIT 1").fetchone()
            database.execute(
                "INSERT INTO audit (made_ms, account, role, address, action, subject, facts,"
                " digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    entry.made_ms,
                    entry.account,
                    entry.role,
                    entry.address,
                    entry.action,
                    entry.subject,
                    json.dumps(entry.facts, ensure_ascii=False, sort_keys=True),
                    digest_of(row[0] if row else FIRST, entry),
                ],
            )

"""The audit trail: who saw or changed what; append-only, each entry chained to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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


def writable(entry: Entry) -> Entry:
    """The entry as it reads after being kept: JSON values, and texts that UTF-8 can hold."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    body = json.dumps(fields, ensure_ascii=False, default=str)
    return Entry(**json.loads(body.encode("utf-8", "replace")))


class AuditTrail:
    """The audit trail of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def add(self, entry: Entry) -> None:
        """Append an entry; it is on disk when this returns, or with the transaction around it."""
        self.add_all([entry])

    def add_all(self, entries: Iterable[Entry]) -> None:
        """Append entries, in order, in one transaction."""
        with self._office.transaction() as database:
            row = database.execute("SELECT digest FROM audit ORDER BY id DESC LIMIT 1").fetchone()
            digest = bytes(row[0]) if row else FIRST
            for given in entries:
                entry = writable(given)
                digest = digest_of(digest, entry)
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
                        digest,
                    ],
                )

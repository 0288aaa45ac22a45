"""A small ledger with ratings, and a file of corrections beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.corrections.entries import RatingRecord, Verdict
from collector.corrections.file import CorrectionsFile
from collector.corrections.writing import decide, propose_exclusion
from collector.ledger.readers.ratings import rating_at


class Corrected:
    """A ledger of the small hall with its corrections.

    `rate` stores a rating and gives its position; `exclude` takes one out with two people.
    """

    def __init__(self, ledger: Any, journal_of: Any, path: Path) -> None:
        self.ledger = ledger
        self.file = CorrectionsFile(path)
        self.file.prepare()
        self.now_ms: int = ledger.now_ms
        self._journals = {code: journal_of(code) for code in ("dev-1", "dev-2", "dev-3")}

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Asks the ledger."""
        return self.ledger.query(sql, *parameters)  # type: ignore[no-any-return]

    def journal(self, device: str = "dev-1") -> Any:
        """The journal of a device."""
        return self._journals[device]

    def rate(self, level: int = 5, device: str = "dev-1", **fields: Any) -> int:
        """Store a rating; gives its position."""
        journal = self._journals[device]
        token = journal.rate(level, **fields)
        stored = self.ledger.writer.store([journal.message(token)])
        assert stored.accepted == 1
        return int(self.query("SELECT max(position) FROM records")[0][0])

    def rating(self, position: int) -> RatingRecord:
        """The rating at a position."""
        return rating_at(self.query, position)

    def propose(self, position: int, author: str = "wang", **given: str) -> int:
        """Propose to exclude the rating at a position; gives the correction's number."""
        texts = {"reason": "child", "note": "", "evidence": "camera 3, 10:02", **given}
        return propose_exclusion(
            self.file, self.rating(position), author=author, now_ms=self.now_ms, **texts
        )

    def exclude(self, position: int, author: str = "wang", approver: str = "li") -> int:
        """Exclude the rating at a position."""
        number = self.propose(position, author)
        decide(self.file, number, Verdict.APPROVED, decider=approver, note="", now_ms=self.now_ms)
        return number

    def fingerprint(self) -> str:
        """SHA-256 of the ledger's file after its log was taken in."""
        self.ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return hashlib.sha256(self.ledger.path.read_bytes()).hexdigest()


@pytest.fixture
def corrected(ledger: Any, journal_of: Callable[..., Any], tmp_path: Path) -> Corrected:
    """The small hall's ledger and an empty file of corrections."""
    return Corrected(ledger, journal_of, tmp_path / "corrections.db")

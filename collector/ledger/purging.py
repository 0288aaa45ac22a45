"""Purging by rule: plans, signatures, progress."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlite_utils import Database

from collector.errors import LedgerMismatch
from collector.ledger.frozen import tables_digest
from collector.ledger.purge import Purged, PurgePlan, plan_purge, purge_records
from collector.ledger.quarantine_purge import count_quarantine, purge_quarantine
from collector.press_time import wall_text
from collector.retention.rules import quarantine_before_ms, records_before_ms
from collector.settings_care import RetentionSettings
from firmware_config.chain import b64url, split_token
from firmware_config.contract import CONTRACT_VERSION
from firmware_config.errors import ContractError
from firmware_config.keys import SigningKey


class PurgeStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What the collector signs of a purge of records.

    Attributes:
        what: tells it from every other message that the same key signs.
        gen: the ledger's life.
        up_to: the highest position that is purged.
        root: RFC 9162 Merkle root of the first `up_to` records, base64url.
        number: records that this purge removed.
        before: what was received before this was past the rule, UTC.
        by: who ran it; `time`: when, UTC.
        outcomes: SHA-256 of what it froze and no later purge changes, base64url.
        tables: SHA-256 of what it and all purges before it froze together, base64url. Of both see
            `collector.ledger.frozen`.
    """

    what: str
    hall: str
    gen: str
    up_to: int
    root: str
    number: int
    before: str
    by: str
    time: str
    outcomes: str
    tables: str
    v: int


_decode: Final = msgspec.json.Decoder(PurgeStatement).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is past its rule. A plan or number is None where the rule says "for ever"."""

    records: PurgePlan | None
    quarantine: int | None
    quarantine_ms: int | None

    @property
    def needs_key(self) -> bool:
        """Whether records would go: a purge of them is signed, or it is not done."""
        return self.records is not None and bool(self.records.cuts)


def what_is_due(connection: sqlite3.Connection, settings: RetentionSettings, now_ms: int) -> Due:
    """What a purge would remove now. Raises sqlite3.Error."""
    records_ms = records_before_ms(settings.records_years, now_ms)
    quarantine_ms = quarantine_before_ms(settings.quarantine_days, now_ms)
    return Due(
        records=None if records_ms is None else plan_purge(connection, records_ms),
        quarantine=None if quarantine_ms is None else count_quarantine(connection, quarantine_ms),
        quarantine_ms=quarantine_ms,
    )


def purge_due(
    db: Database,
    due: Due,
    *,
    hall: str,
    by: str,
    key: SigningKey | None,
    clock_ms: Callable[[], int],
) -> Iterator[int]:
    """Remove what is due; yields how many rows each transaction removed.

    Args:
        db: the ledger, open for writing.
        due: from `what_is_due` of it.
        hall: its hall.
        by: who runs it.
        key: the collector's; None where it cannot be read.
        clock_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        ValueError: there is no key and it is needed; nothing has changed.
        LedgerMismatch: what the purge before left is not what was signed; or see
            `collector.ledger.purge.purge_records`.
        sqlite3.Error: the database failed; what was yielded is done.
    """
    if due.needs_key:
        if key is None:
            raise ValueError("a purge of records must be signed")
        _expect_as_signed(db.conn, key)
    if due.quarantine and due.quarantine_ms is not None:
        yield purge_quarantine(db, due.quarantine_ms, by=by, now_ms=clock_ms())
    if due.records is not None and key is not None:
        for purged in purge_records(
            db,
            due.records,
            by=by,
            sign=lambda purged: key.token(statement_of(purged, hall)),
            clock_ms=clock_ms,
        ):
            yield purged.number


def _expect_as_signed(connection: sqlite3.Connection, key: SigningKey) -> None:
    """The next purge signs these tables anew: they must be as the newest one left them."""
    newest = connection.execute(
        "SELECT id, token FROM purges WHERE rule = 'records' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if newest is None:
        return
    number, raw = newest
    try:
        token = split_token(raw or b"")
        is_signed = key.public.has_signed(token)
        said = read_statement(token.payload).tables
    except ContractError as error:
        raise LedgerMismatch(f"ledger: purge {number}: {error}; run `collector verify`") from error
    found = b64url(tables_digest(connection)).decode("ascii")
    if not is_signed or said != found:
        raise LedgerMismatch(
            f"ledger: purge {number}: expected rollups {said} signed by {key.kid}, "
            f"got {found} signed by {token.kid}; run `collector verify`"
        )


def statement_of(purged: Purged, hall: str) -> bytes:
    """What the collector signs of a purge."""
    return msgspec.json.encode(
        PurgeStatement(
            what="purge",
            hall=hall,
            gen=purged.gen,
            up_to=purged.up_to,
            root=b64url(purged.root).decode("ascii"),
            number=purged.number,
            before=wall_text(purged.before_ms),
            by=purged.by,
            time=wall_text(purged.made_ms),
            outcomes=b64url(purged.outcomes).decode("ascii"),
            tables=b64url(purged.tables).decode("ascii"),
            v=CONTRACT_VERSION,
        )
    )


def read_statement(payload: bytes) -> PurgeStatement:
    """The statement of a token's payload.

    Raises:
        ContractError: it is none.
    """
    try:
        said = _decode(payload)
    except msgspec.MsgspecError as error:
        raise ContractError("schema", str(error)) from None
    if said.what != "purge":
        raise ContractError("schema", f"what: expected purge, got {said.what}")
    return said

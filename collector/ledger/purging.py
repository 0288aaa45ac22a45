"""Purging by rule: plans, signatures, progress."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
from sqlite_utils import Database

from collector.ledger.purge import Purged, PurgePlan, plan_purge, purge_records
from collector.ledger.quarantine_purge import count_quarantine, purge_quarantine
from collector.press_time import wall_text
from collector.retention.rules import quarantine_before_ms, records_before_ms
from collector.settings_care import RetentionSettings
from firmware_config.chain import b64url
from firmware_config.contract import CONTRACT_VERSION
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
    """

    what: str
    hall: str
    gen: str
    up_to: int
    root: str
    number: int
    before: str
    v: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is past its rule. A plan or number is None where the rule says "for ever"."""

    records: PurgePlan | None
    quarantine: int | None
    quarantine_ms: int | None


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
        key: the collector's; None: it cannot be read, and purges stay unsigned.
        clock_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        LedgerMismatch: see `collector.ledger.purge.purge_records`.
        sqlite3.Error: the database failed; what was yielded is done.
    """
    if due.quarantine and due.quarantine_ms is not None:
        yield purge_quarantine(db, due.quarantine_ms, by=by, now_ms=clock_ms())
    if due.records is not None:
        sign = None if key is None else (lambda purged: key.token(_statement(purged, hall)))
        for purged in purge_records(db, due.records, by=by, sign=sign, clock_ms=clock_ms):
            yield purged.number


def _statement(purged: Purged, hall: str) -> bytes:
    return msgspec.json.encode(
        PurgeStatement(
            what="purge",
            hall=hall,
            gen=purged.gen,
            up_to=purged.up_to,
            root=b64url(purged.root).decode("ascii"),
            number=purged.number,
            before=wall_text(purged.before_ms),
            v=CONTRACT_VERSION,
        )
    )

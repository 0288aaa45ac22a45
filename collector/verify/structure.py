"""The database itself: whether SQLite can read all of it, and whether it is built as ours is."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from collector.ledger.readers import LedgerReader
from collector.ledger.rebuild import DERIVED_TABLES
from collector.ledger.rebuilt import expected_schema, schema_of
from collector.ledger.refusals import MAX_KEPT_BYTES
from collector.verify.facts import LedgerFacts
from collector.verify.findings import Check, Finding, Level
from collector.verify.reception import day_text
from firmware_config.chain import digest, split_token
from firmware_config.contract import decode_record
from firmware_config.errors import ContractError

_MAX_LINES: Final = 20


def check_integrity(reader: LedgerReader) -> Iterable[Finding]:
    """SQLite's own checks: pages, indexes against tables, types, and references between rows."""
    for (line,) in reader.rows(f"PRAGMA integrity_check({_MAX_LINES})"):
        if line != "ok":
            yield _fail(Check.INTEGRITY, "SQLite finds the file damaged", got=line)
    lost = [row for row in reader.rows("PRAGMA foreign_key_check") if row[0] not in DERIVED_TABLES]
    for table, row, parent, _ in lost[:_MAX_LINES]:  # derived rows outlive purged records
        what = "names a row that is not there"
        yield _fail(
            Check.INTEGRITY, what, where=f"{table} row {row}", expected=f"a row of {parent}"
        )


def check_schema(reader: LedgerReader) -> Iterable[Finding]:
    """Tables, indexes and guards as this program makes them: nothing less, nothing else."""
    expected, found = expected_schema(), schema_of(reader.rows)
    for kind, name in sorted(expected.keys() | found.keys()):
        wanted, got = expected.get((kind, name)), found.get((kind, name))
        if got is None:
            yield _fail(Check.SCHEMA, "is missing", where=f"{kind} {name}")
        elif wanted is None:
            yield _fail(Check.SCHEMA, "is not the ledger's", where=f"{kind} {name}", got=got)
        elif wanted != got:
            what = "is not as this program makes it"
            yield _fail(Check.SCHEMA, what, where=f"{kind} {name}", expected=wanted, got=got)


def check_state(facts: LedgerFacts) -> Iterable[Finding]:
    """Size and places that need no look at the records."""
    if facts.last_position != facts.size:
        what = "the last place is not the size the ledger says it has"
        low, high = sorted((facts.last_position, facts.size))
        yield Finding(
            level=Level.FAIL,
            check=Check.POSITIONS,
            what=what,
            first_position=low + 1,
            last_position=high,
            expected=str(facts.size),
            got=str(facts.last_position),
        )
    if facts.last_position and facts.first_position <= facts.purged_to:
        yield _fail(
            Check.POSITIONS,
            "a record before the first place, or of a place that was purged",
            expected=f"from {facts.purged_to + 1} on",
            got=str(facts.first_position),
        )


def check_refused(reader: LedgerReader, facts: LedgerFacts) -> Iterable[Finding]:
    """Quarantine and conflicts: told by number, and whether the evidence is what it says."""
    for reason, number, times in reader.rows(
        "SELECT reason, count(*), sum(times) FROM quarantine GROUP BY reason ORDER BY reason"
    ):
        what = f"refused as {reason}, kept aside"
        got = f"{number} different, {times} times"
        yield Finding(level=Level.NOTE, check=Check.QUARANTINE, what=what, got=got, count=number)
    for row, kept, topic, raw, raw_bytes, reason in reader.rows(
        "SELECT id, digest, topic, raw, raw_bytes, reason FROM quarantine"
        f" WHERE raw_bytes <= {MAX_KEPT_BYTES}"
    ):
        if len(raw) != raw_bytes or kept not in (
            sha256(raw).digest(),
            sha256(f"{topic} {reason}".encode()).digest(),
        ):
            what = "the bytes kept are not those that were refused"
            yield _fail(Check.QUARANTINE, what, where=f"quarantine {row}")
    yield from _conflicts(reader, facts)


def _conflicts(reader: LedgerReader, facts: LedgerFacts) -> Iterable[Finding]:
    keys = {facts.key_rows[row].kid: key for row, key in facts.keys().items()}
    rows = reader.rows(
        "SELECT c.id, c.epoch, c.seq, c.stored_digest, c.other_digest, c.token, c.first_ms,"
        " c.times, r.digest FROM conflicts c"
        " LEFT JOIN records r ON r.epoch = c.epoch AND r.seq = c.seq ORDER BY c.id"
    )
    for at, (row, epoch, seq, stored, other, token, first_ms, times, held) in enumerate(rows):
        journal = facts.journals.get(epoch)
        before = rows[at - 1][0] if at else 0
        if row != before + 1:
            yield _fail(
                Check.CONFLICT,
                "evidence is missing before this one",
                where=f"conflict {row}",
                expected=str(before + 1),
                got=str(row),
            )
        is_purged = seq <= facts.purge_heads.get(epoch, (0, b""))[0]
        is_right = (is_purged or stored == held) and digest(token) == other != stored
        try:
            said = split_token(token)
            record = decode_record(said.payload)
            key = keys.get(said.kid)
            is_right = (
                is_right
                and journal is not None
                and key is not None
                and key.device == journal.device
                and (record.dev, record.epoch, record.seq) == (journal.code, journal.epoch, seq)
                and key.is_signed(said.signing_input, said.signature)
            )
        except ContractError:
            is_right = False
        level = Level.NOTE if is_right else Level.FAIL
        what = (
            "two records signed for one place: a fork, or a cloned card"
            if is_right
            else "the evidence of a fork is not what it says"
        )
        yield Finding(
            level=level,
            check=Check.CONFLICT,
            what=what,
            where=f"conflict {row}",
            first_seq=seq,
            last_seq=seq,
            got=f"{times} times",
            device=journal.code if journal else "",
            epoch=journal.epoch if journal else "",
            first_on=day_text(first_ms, facts.zone),
            last_on=day_text(first_ms, facts.zone),
        )


def _fail(
    check: Check, what: str, *, where: str = "", expected: str = "", got: str = ""
) -> Finding:
    return Finding(
        level=Level.FAIL, check=check, what=what, where=where, expected=expected, got=got
    )

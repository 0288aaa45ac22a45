"""Purges of records: that the collector signed them, and that what they left is what it signed.

Nothing else can tell: the records by which outcomes and rollups could be made anew are gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.ledger.frozen import outcomes_digest, tables_digest
from collector.ledger.purging import PurgeStatement, read_statement
from collector.ledger.readers import LedgerReader
from collector.verify.facts import LedgerFacts, PurgeRow
from collector.verify.findings import Check, Finding, Level
from collector.verify.reception import time_text
from firmware_config.chain import b64url, split_token
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey


def check_purges(facts: LedgerFacts, key: VerifyKey | None) -> Iterator[Finding]:
    """Signatures, statements and watermarks; `key`: the collector's, None: not known."""
    before = 0
    for row in facts.purges:
        if row.number != row.up_to - before:
            what, expected = "does not follow the purge before it", f"{row.up_to - before} records"
            yield _fail(row, what, expected, str(row.number))
        before = row.up_to
        yield from _statement(facts, row, key)
    for epoch, (seq, _) in sorted(facts.purge_heads.items()):
        journal, said = facts.journals.get(epoch), facts.epochs.get(epoch)
        if journal is not None and said is not None and seq > said.archived:
            yield Finding(
                level=Level.FAIL,
                check=Check.PURGE,
                what="purged, but not in a verified backup by what `archived` says",
                device=journal.code,
                epoch=journal.epoch,
                first_seq=said.archived + 1,
                last_seq=seq,
                expected=f"archived {seq} or more",
                got=str(said.archived),
            )
    if facts.purges:
        yield Finding(
            level=Level.NOTE,
            check=Check.PURGE,
            what="purged by rule: their digests are checked, their signatures cannot be",
            first_position=1,
            last_position=facts.purged_to,
            count=facts.purged_to,
        )


def check_frozen(facts: LedgerFacts) -> list[Finding]:
    """What purges left in outcomes, heads and `purged_*` tables, beside what was signed."""
    findings: list[Finding] = []
    if not facts.purges:
        return findings
    after = 0
    with LedgerReader(facts.path) as reader:
        for row in facts.purges:
            said = _said(row)
            found = _text(outcomes_digest(reader.connection, row.id, after, row.up_to))
            if said is not None and said.outcomes != found:
                what = "outcomes, heads or salt are not as the purge left them"
                findings.append(_fail(row, what, said.outcomes, found, after + 1))
            after = row.up_to
        # each purge adds to these: only the newest tells what they are now
        if said is not None and said.tables != (found := _text(tables_digest(reader.connection))):
            what = "rollups or boots of purged records are not as the newest purge left them"
            findings.append(_fail(row, what, said.tables, found))
    return findings


def _statement(facts: LedgerFacts, row: PurgeRow, key: VerifyKey | None) -> Iterator[Finding]:
    if row.token is None:
        yield _fail(row, "the collector did not sign it", first=row.up_to - row.number + 1)
        return
    try:
        token = split_token(row.token)
        said = read_statement(token.payload)
    except ContractError as error:
        yield _fail(row, "the token is not a purge's", got=str(error))
        return
    if key is not None and not key.has_signed(token):
        yield _fail(row, "not signed by the collector's key", key.kid, token.kid)
    columns = {
        "hall": (said.hall, facts.hall),
        "number": (str(said.number), str(row.number)),
        "up_to": (str(said.up_to), str(row.up_to)),
        "root": (said.root, _text(row.root)),
        "before_ms": (said.before, time_text(row.before_ms)),
        "made_ms": (said.time, time_text(row.made_ms)),
        "by": (said.by, row.by),
    }
    for name, (signed, kept) in columns.items():
        if signed != kept:
            yield _fail(row, f"{name} of the row is not that of the signed token", signed, kept)
    if said.gen not in {life.gen for life in facts.gens}:
        yield _fail(row, "of a life this ledger does not know", got=said.gen)


def _said(row: PurgeRow) -> PurgeStatement | None:
    """What its token says; None: nothing, which `check_purges` tells."""
    try:
        return None if row.token is None else read_statement(split_token(row.token).payload)
    except ContractError:
        return None


def _text(raw: bytes) -> str:
    return b64url(raw).decode("ascii")


def _fail(row: PurgeRow, what: str, expected: str = "", got: str = "", first: int = 0) -> Finding:
    return Finding(
        level=Level.FAIL,
        check=Check.PURGE,
        what=what,
        where=f"purge {row.id}",
        first_position=first,
        last_position=row.up_to if first else 0,
        expected=expected,
        got=got,
    )

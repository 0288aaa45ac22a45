"""Purging old records: which may go, and letting them go in one transaction.

1. Only what was received before the cut, is in a verified backup, and is the beginning of its
   journal may go; whole blocks of 256 positions from the ledger's beginning, never its last record.
2. What later records are verified against stays: every digest, and the head of each chain.
3. What is derived from the purged records is frozen: outcomes stay with their case number made
   unreadable, what the records had added to the rollups is kept apart, and rebuilding begins there.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

from collector.boot_times import BootFacts
from collector.errors import LedgerMismatch
from collector.ledger.boots import Boots, stored_in_chunks
from collector.ledger.derive import Batch
from collector.ledger.frozen import outcomes_digest, tables_digest
from collector.ledger.purged import (
    BLOCK,
    checked_frontier,
    digest_blocks,
    purged_up_to,
    read_purged_boots,
    save_purged_boots,
    split_digests,
)
from collector.ledger.registry import calendar_of, read_meta, read_placements
from collector.ledger.repeats import hidden_case

STEP: Final = 20_480
"""Most records purged in one transaction, about a second's work, so that ingest need not wait
long. Source: our choice, below `migrations.BUSY_TIMEOUT_S`; a multiple of BLOCK."""
_UNARCHIVED: Final = (
    "SELECT min(r.position) FROM records r JOIN epochs e ON e.id = r.epoch"
    " WHERE r.position > ? AND r.position <= ? AND r.seq > e.archived"
)
_OVERTAKEN: Final = (
    "SELECT min(r.position) FROM records r JOIN records p ON p.epoch = r.epoch"
    " AND p.seq = r.seq - 1 WHERE r.position > ? AND r.position <= ? AND p.position > ?"
)
"""A record whose predecessor came later, beyond the cut."""
_HEADS: Final = (
    "SELECT r.epoch, max(r.seq), r.digest FROM records r WHERE r.position <= ? GROUP BY r.epoch"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgePlan:
    """What a purge of records would do.

    Attributes:
        gen: the ledger's life it was made in.
        before_ms: only what was received before this, UTC milliseconds.
        after: highest position that is purged already; 0: none.
        cuts: positions up to which one transaction after the other would purge, ascending.
        held_back: why records older than the limit stay, for people; empty: none does.
    """

    gen: str
    before_ms: int
    after: int
    cuts: tuple[int, ...]
    held_back: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Records that would go."""
        return self.cuts[-1] - self.after if self.cuts else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """One purge. `number` records up to position `up_to`; `root`: of the first `up_to` records.

    `outcomes` and `tables`: of what it froze; see `collector.ledger.frozen`.
    """

    gen: str
    made_ms: int
    before_ms: int
    number: int
    up_to: int
    root: bytes
    by: str
    outcomes: bytes
    tables: bytes


def plan_purge(connection: sqlite3.Connection, before_ms: int) -> PurgePlan:
    """Which records received before `before_ms` (UTC milliseconds since 1970) may go.

    Raises:
        sqlite3.Error: the ledger cannot be read.
    """
    gen = connection.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0]
    size = connection.execute("SELECT size FROM ledger_state").fetchone()[0]
    after = done = purged_up_to(connection)
    old = _last_received_before(connection, after, size, before_ms)
    last = min(old, size - 1)  # the last record stays: the next position follows it
    held_back: list[str] = []
    cuts: list[int] = []
    unarchived = _first(connection, _UNARCHIVED, after, last)
    if unarchived is not None:
        held_back.append(f"position {unarchived} is not in a verified backup yet")
        last = unarchived - 1
    while done + BLOCK <= last:
        cut = _cut(connection, done, min(done + STEP, last))
        if cut == done:
            held_back.append(
                f"positions from {done + 1} on came before older ones of their journal"
            )
            break
        cuts.append(cut)
        done = cut
    return PurgePlan(
        gen=gen, before_ms=before_ms, after=after, cuts=tuple(cuts), held_back=tuple(held_back)
    )


def purge_records(
    db: Database,
    plan: PurgePlan,
    *,
    by: str,
    sign: Callable[[Purged], bytes],
    clock_ms: Callable[[], int],
) -> Iterator[Purged]:
    """Do what the plan says, cut by cut, each durably; the connection must be in no transaction.

    Ingest goes on between the cuts.

    Args:
        plan: from `plan_purge` of this ledger.
        by: who runs it.
        sign: signs what was done; what it raises leaves this purge undone.
        clock_ms: wall clock, UTC milliseconds since 1970.

    Yields:
        Each purge when it is done.

    Raises:
        LedgerMismatch: the ledger is not the one the plan was made of, or its root is not the one
            its digests give: it must be verified before anything is purged.
        sqlite3.Error: nothing has changed since what was yielded last.
    """
    connection = db.conn
    if not plan.cuts:
        return
    frontier = checked_frontier(connection, plan.after)
    # outcomes outlive their records here, and only here
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        after = plan.after
        for cut in plan.cuts:
            for _block, digests in digest_blocks(connection, after, cut):
                frontier.extend(split_digests(digests))
            connection.execute("BEGIN IMMEDIATE")
            try:
                purged = _purge(db, plan, after, cut, frontier.root(), by, sign, clock_ms())
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            after = cut
            yield purged
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _purge(
    db: Database,
    plan: PurgePlan,
    after: int,
    up_to: int,
    root: bytes,
    by: str,
    sign: Callable[[Purged], bytes],
    now_ms: int,
) -> Purged:
    connection = db.conn
    meta = read_meta(db)
    if meta["gen"] != plan.gen or purged_up_to(connection) != after:
        raise LedgerMismatch("purge: the ledger is not the one the plan was made of")
    blocks = list(digest_blocks(connection, after, up_to))  # before the purge says they are gone
    number = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM purges").fetchone()[0]
    connection.executemany(
        f"INSERT INTO purge_heads VALUES ({number}, ?, ?, ?)",
        connection.execute(_HEADS, (up_to,)).fetchall(),
    )
    connection.executemany("INSERT INTO purged_digests VALUES (?, ?)", blocks)
    _freeze_rollups(db, after, up_to)
    _hide_cases(connection, after, up_to, meta["purge_salt"])
    connection.execute("DELETE FROM offset_times WHERE position <= ?", (up_to,))
    purged = Purged(
        gen=plan.gen,
        made_ms=now_ms,
        before_ms=plan.before_ms,
        number=up_to - after,
        up_to=up_to,
        root=root,
        by=by,
        outcomes=outcomes_digest(connection, number, after, up_to),
        tables=tables_digest(connection),
    )
    connection.execute(
        "INSERT INTO purges VALUES (?, 'records', ?, ?, ?, ?, ?, ?, ?)",
        (number, now_ms, plan.before_ms, purged.number, up_to, root, by, sign(purged)),
    )
    connection.execute("DELETE FROM records WHERE position <= ?", (up_to,))
    return purged


def _freeze_rollups(db: Database, after: int, up_to: int) -> None:
    """Keep what the purged records had added to the rollups, and said of their boots."""
    connection = db.conn
    boots, said = Boots(connection), read_purged_boots(connection)
    calendar, placements = calendar_of(read_meta(db)), read_placements(db)
    for records in stored_in_chunks(connection, after, up_to):
        repeats = connection.execute(
            "SELECT position FROM outcomes WHERE position BETWEEN ? AND ? AND is_repeat",
            (records[0].position, records[-1].position),
        )
        batch = Batch(calendar, placements)
        boots.load(records)
        batch.add(records, boots.times, {position for (position,) in repeats})
        batch.write_purged(connection)
        for placed in records:
            facts = said.setdefault((placed.epoch, placed.record.boot), BootFacts())
            facts.take(placed.record, placed.believed_ms, placed.received_ms)
    save_purged_boots(connection, said)


def _hide_cases(connection: sqlite3.Connection, after: int, up_to: int, salt: str) -> None:
    connection.create_function(
        "hidden_case", 1, lambda case_no: hidden_case(case_no, salt), deterministic=True
    )
    # the seq is what names a rating to others; its record told it until now
    connection.execute(
        "UPDATE outcomes SET seq = (SELECT r.seq FROM records r WHERE r.position ="
        " outcomes.position), case_no = CASE case_no WHEN '' THEN '' ELSE hidden_case(case_no) END"
        " WHERE position > ? AND position <= ?",
        (after, up_to),
    )


def _cut(connection: sqlite3.Connection, after: int, last: int) -> int:
    """The highest multiple of BLOCK up to `last` at which every journal is cut between two seqs."""
    cut = last - last % BLOCK
    while cut > after:
        overtaken = connection.execute(_OVERTAKEN, (after, cut, cut)).fetchone()[0]
        if overtaken is None:
            break
        cut = max(after, (overtaken - 1) - (overtaken - 1) % BLOCK)
    return cut


def _last_received_before(
    connection: sqlite3.Connection, after: int, size: int, before_ms: int
) -> int:
    """Highest position before the first record that was received at `before_ms` or later."""

    def received_ms(position: int) -> int:
        row = connection.execute(
            "SELECT received_ms FROM records WHERE position = ?", (position,)
        ).fetchone()
        return int(row[0])

    found = after + bisect_left(range(after + 1, size + 1), before_ms, key=received_ms)
    # the collector's clock may have been set back: none of them may be younger
    younger = _first(
        connection,
        "SELECT min(position) FROM records WHERE position > ? AND position <= ?"
        f" AND received_ms >= {before_ms}",
        after,
        found,
    )
    return found if younger is None else younger - 1


def _first(connection: sqlite3.Connection, sql: str, after: int, up_to: int) -> int | None:
    position: int | None = connection.execute(sql, (after, up_to)).fetchone()[0]
    return position

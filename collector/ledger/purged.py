"""What a purge leaves of records: digests, and what they said of the clocks of their boots."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from collector.boot_times import BootFacts
from collector.errors import LedgerMismatch
from collector.merkle import Frontier
from firmware_config.chain import DIGEST_BYTES

BLOCK: Final = 256
"""Digests in one row of `purged_digests`; purges cut at multiples of it."""


def purged_up_to(connection: sqlite3.Connection) -> int:
    """The highest position whose record was purged; 0: none."""
    row = connection.execute(
        "SELECT coalesce(max(up_to), 0) FROM purges WHERE rule = 'records'"
    ).fetchone()
    return int(row[0])


def read_purged_boots(connection: sqlite3.Connection) -> dict[tuple[int, str], BootFacts]:
    """What purged records said of their boots, by journal row and boot id."""
    rows = connection.execute(
        "SELECT epoch, boot, first_seq, last_mono_ms, not_after_ms, met_ms FROM purged_boots"
    )
    return {(row[0], row[1]): BootFacts(*row[2:]) for row in rows}


def save_purged_boots(
    connection: sqlite3.Connection, facts: Mapping[tuple[int, str], BootFacts]
) -> None:
    """Keep what purged records said of their boots, in the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO purged_boots VALUES (?, ?, ?, ?, ?, ?)",
        [
            (*key, one.first_seq, one.last_mono_ms, one.not_after_ms, one.met_ms)
            for key, one in facts.items()
        ],
    )


def digest_blocks(
    connection: sqlite3.Connection, after: int, up_to: int
) -> Iterator[tuple[int, bytes]]:
    """Digests of the records from position `after + 1` to `up_to`, purged ones too.

    Args:
        after: a multiple of `BLOCK`.
        up_to: last position; the last block is short when it is no multiple of `BLOCK`.

    Yields:
        Number of the block (of positions 256 b + 1 to 256 b + 256), its digests joined.
    """
    purged = purged_up_to(connection)
    for block in range(after // BLOCK, -(-up_to // BLOCK)):
        first, last = block * BLOCK + 1, min((block + 1) * BLOCK, up_to)
        if last <= purged:
            row = connection.execute(
                "SELECT digests FROM purged_digests WHERE block = ?", (block,)
            ).fetchone()
            yield block, bytes(row[0])[: (last - first + 1) * DIGEST_BYTES] if row else b""
        else:
            rows = connection.execute(
                "SELECT digest FROM records WHERE position BETWEEN ? AND ? ORDER BY position",
                (first, last),
            )
            yield block, b"".join(digest for (digest,) in rows)


def split_digests(joined: bytes) -> list[bytes]:
    """Digests of 32 bytes each from those of a block."""
    return [joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES)]


def checked_frontier(connection: sqlite3.Connection, after: int) -> Frontier:
    """The tree at `after`, when all digests together give the ledger's root.

    Raises:
        LedgerMismatch: they do not.
    """
    size, root = connection.execute("SELECT size, root FROM ledger_state").fetchone()
    frontier, packed = Frontier(), b""
    for _block, digests in digest_blocks(connection, 0, size):
        if frontier.size == after:
            packed = frontier.packed()
        frontier.extend(split_digests(digests))
    if (frontier.size, frontier.root()) != (size, root):
        raise LedgerMismatch(
            f"ledger: expected root {root.hex()} over {size} records, "
            f"got {frontier.root().hex()} over {frontier.size}; run `collector verify`"
        )
    return Frontier(after, packed)

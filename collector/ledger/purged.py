"""What a purge leaves of records: their digests. Everything that needs digests asks here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from firmware_config.chain import DIGEST_BYTES

BLOCK: Final = 256
"""Digests in one row of `purged_digests`; purges cut at multiples of it."""


def purged_up_to(connection: sqlite3.Connection) -> int:
    """The highest position whose record was purged; 0: none."""
    row = connection.execute(
        "SELECT coalesce(max(up_to), 0) FROM purges WHERE rule = 'records'"
    ).fetchone()
    return int(row[0])


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

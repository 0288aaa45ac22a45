"""The ledger's Merkle tree on disk: the kept subtrees, and the roots and proofs made from them.

A root or proof costs O(log n): kept hashes for what is 2**8 rows and more, and below that at most a
few runs of digests of `records`. What is made here says what the ledger was; that the records still
are what the kept hashes say is for `collector verify`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from collector.errors import LedgerMismatch
from collector.ledger.purged import BLOCK, split_digests
from collector.merkle import (
    KEPT_LEVEL,
    Frontier,
    Node,
    Span,
    consistency_path,
    inclusion_path,
    span_hash,
    subtree_hash,
)

_CHUNK: Final = 4096

Ask = Callable[..., list[tuple[Any, ...]]]
"""All rows of a SELECT: `ask(sql, *values)`."""


def ask_of(connection: sqlite3.Connection) -> Ask:
    """How to read with a plain connection."""
    return lambda sql, *values: connection.execute(sql, values).fetchall()


def save_nodes(connection: sqlite3.Connection, nodes: Iterable[Node]) -> None:
    """Keep completed subtrees, in the caller's transaction."""
    connection.executemany(
        "INSERT INTO merkle_nodes (level, ordinal, hash) VALUES (?, ?, ?)", nodes
    )


def fill_nodes(connection: sqlite3.Connection) -> None:
    """Keep the subtrees of a ledger of an older program; reads every record's digest once.

    Raises:
        LedgerMismatch: the records do not make the root that the ledger says.
    """
    frontier, position = Frontier(), 0
    while rows := connection.execute(
        "SELECT digest FROM records WHERE position > ? ORDER BY position LIMIT ?",
        (position, _CHUNK),
    ).fetchall():
        save_nodes(connection, frontier.extend([digest for (digest,) in rows]))
        position += len(rows)
    state = connection.execute("SELECT size, root FROM ledger_state").fetchone()
    if state != (frontier.size, frontier.root()):
        raise LedgerMismatch(
            f"ledger: expected the root {state[1].hex()} of {state[0]} records, "
            f"got {frontier.root().hex()} of {frontier.size}"
        )


class LedgerTree:
    """Roots and proofs of a ledger as it is read through `ask`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def size(self) -> int:
        """Rows in the ledger."""
        return int(self._ask("SELECT size FROM ledger_state")[0][0])

    def root(self, size: int) -> bytes:
        """Root of the first `size` rows.

        Raises:
            ValueError: the ledger has not so many.
        """
        self._expect(size)
        return self._hash((0, size))

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Proof that the tree of `second` rows begins with the one of `first`.

        Raises:
            ValueError: the ledger has no `second` rows, or `first` is greater.
        """
        self._expect(second)
        return [self._hash(span) for span in consistency_path(first, second)]

    def inclusion(self, position: int, size: int) -> list[bytes]:
        """Proof that the record at `position` (from 1) is among the first `size`.

        Raises:
            ValueError: the ledger has no `size` rows, or the record comes later.
        """
        self._expect(size)
        return [self._hash(span) for span in inclusion_path(position - 1, size)]

    def _expect(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"expected a size from 0 to {self.size}, got {size}")

    def _hash(self, span: Span) -> bytes:
        return span_hash(span, self._subtree)

    def _subtree(self, level: int, ordinal: int) -> bytes:
        if level >= KEPT_LEVEL:
            sql = "SELECT hash FROM merkle_nodes WHERE level = ? AND ordinal = ?"
            rows: Sequence[tuple[Any, ...]] = self._ask(sql, level, ordinal)
            if not rows:
                raise LedgerMismatch(f"ledger: merkle_nodes: no row {level}, {ordinal}")
            return bytes(rows[0][0])
        first = (ordinal << level) + 1
        last = first + (1 << level) - 1
        sql = "SELECT digest FROM records WHERE position BETWEEN ? AND ? ORDER BY position"
        digests = [digest for (digest,) in self._ask(sql, first, last)] or self._purged(first, last)
        if len(digests) != 1 << level:
            raise LedgerMismatch(f"ledger: records {first} to {last}: {len(digests)} are there")
        return subtree_hash(digests)

    def _purged(self, first: int, last: int) -> list[bytes]:
        """Digests of purged records, of one block."""
        block, at = divmod(first - 1, BLOCK)
        rows = self._ask("SELECT digests FROM purged_digests WHERE block = ?", block)
        return split_digests(rows[0][0])[at : at + last - first + 1] if rows else []

"""The Merkle tree over the ledger's rows, by RFC 9162, section 2.1.1, with SHA-256. Pure.

A leaf's input is the 32-byte digest of a record's token, in order of `position`. Only the
*frontier* is kept: the roots of the perfect subtrees that the rows so far fill, one for each bit
set in the size, largest first. Anyone with the digests of the first n rows can compute the root of
size n again, so a root that was once published pins every row before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of no rows. Source: RFC 9162, section 2.1.1: MTH({}) = HASH()."""


class Frontier:
    """An append-only Merkle tree that remembers only what later roots need."""

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, packed: bytes = b"") -> None:
        """Restore a frontier from its size and `packed()` bytes.

        Raises:
            ValueError: the bytes do not fit the size.
        """
        levels = [level for level in range(size.bit_length()) if size >> level & 1]
        if len(packed) != HASH_BYTES * len(levels):
            raise ValueError(
                f"frontier of {size} rows: expected {HASH_BYTES * len(levels)} bytes, "
                f"got {len(packed)}"
            )
        self.size = size
        # level -> root of the perfect subtree of 2**level rows
        self._nodes = {
            level: packed[at * HASH_BYTES : (at + 1) * HASH_BYTES]
            for at, level in enumerate(reversed(levels))
        }

    def packed(self) -> bytes:
        """The subtree roots one after the other, largest subtree first."""
        return b"".join(self._nodes[level] for level in sorted(self._nodes, reverse=True))

    def extend(self, digests: Sequence[bytes]) -> None:
        """Append rows by their token digests.

        Level by level rather than row by row: two hashes a row either way, but half the Python.
        """
        row = [sha256(b"\x00" + digest).digest() for digest in digests]
        self.size += len(row)
        nodes, level = self._nodes, 0
        while row:
            before = nodes.pop(level, None)
            if before is not None:
                row.insert(0, before)
            if len(row) & 1:
                nodes[level] = row.pop()
            row = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(row[::2], row[1::2], strict=True)
            ]
            level += 1

    def root(self) -> bytes:
        """Root over all rows so far."""
        if not self.size:
            return EMPTY_ROOT
        ascending = sorted(self._nodes)
        root = self._nodes[ascending[0]]
        for level in ascending[1:]:
            root = sha256(b"\x01" + self._nodes[level] + root).digest()
        return root

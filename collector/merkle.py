"""The Merkle tree over the ledger's rows, by RFC 9162, section 2.1, with SHA-256. Pure.

A leaf's input is the 32-byte digest of a record's token, in order of `position`. A running ledger
needs only the *frontier*: the roots of the perfect subtrees that the rows so far fill, one for each
bit set in the size, largest first. Anyone with the digests of the first n rows can compute the root
of size n again, so a root that was once published pins every row before it.

Roots and proofs of the past are put together from perfect subtrees too. Those of 2**KEPT_LEVEL rows
and more are kept when they are completed; smaller ones are made from digests when asked for. So a
proof reads a few dozen kept hashes and at most a few runs of 2**KEPT_LEVEL digests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from firmware_config.merkle_proof import leaf_hash, node_hash

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of no rows. Source: RFC 9162, section 2.1.1: MTH({}) = HASH()."""
KEPT_LEVEL: Final = 8
"""Subtrees of 2**8 rows and more are kept. Our choice: two hashes for every 256 records in the
ledger, and at most a few times 256 digests to read for a proof."""


class Node(NamedTuple):
    """A perfect subtree: the rows `ordinal * 2**level` (from 0) to those of the next one."""

    level: int
    ordinal: int
    hash: bytes


Span = tuple[int, int]
"""Rows from (included) … to (excluded), counted from 0, of one node of some tree."""


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

    def extend(self, digests: Sequence[bytes]) -> list[Node]:
        """Append rows by their token digests; returns the subtrees to be kept that they completed.

        Level by level rather than row by row: two hashes a row either way, but half the Python.
        """
        row = [sha256(b"\x00" + digest).digest() for digest in digests]
        start = self.size  # of the first node in `row`, in nodes of its level
        self.size += len(row)
        nodes, level = self._nodes, 0
        completed: list[Node] = []
        while row:
            if level >= KEPT_LEVEL:
                completed += [Node(level, start + at, made) for at, made in enumerate(row)]
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
            start >>= 1
        return completed

    def root(self) -> bytes:
        """Root over all rows so far."""
        if not self.size:
            return EMPTY_ROOT
        ascending = sorted(self._nodes)
        root = self._nodes[ascending[0]]
        for level in ascending[1:]:
            root = sha256(b"\x01" + self._nodes[level] + root).digest()
        return root


def inclusion_path(index: int, size: int) -> list[Span]:
    """The nodes whose hashes prove that row `index` (from 0) is in the tree of `size` rows.

    Source: RFC 9162, section 2.1.3.1.

    Raises:
        ValueError: there is no such row in it.
    """
    if not 0 <= index < size:
        raise ValueError(f"expected a row from 0 to {size - 1}, got {index}")
    start, end = 0, size
    path: list[Span] = []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append((split, end))
            end = split
        else:
            path.append((start, split))
            start = split
    return path[::-1]


def consistency_path(first: int, second: int) -> list[Span]:
    """The nodes whose hashes prove that `second` rows begin with the `first` ones.

    Source: RFC 9162, section 2.1.4.1.

    Raises:
        ValueError: `first` is not from 0 to `second`.
    """
    if not 0 <= first <= second:
        raise ValueError(f"expected a size from 0 to {second}, got {first}")
    if first in (0, second):
        return []
    start, end, is_known = 0, second, True  # known: the whole span was the first tree
    path: list[Span] = []
    while first != end:
        split = start + _split(end - start)
        if first <= split:
            path.append((split, end))
            end = split
        else:
            path.append((start, split))
            start, is_known = split, False
    if not is_known:
        path.append((start, end))
    return path[::-1]


def perfect_subtrees(span: Span) -> list[tuple[int, int]]:
    """Level and ordinal of the perfect subtrees that make up a node, left to right."""
    start, end = span
    found: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def span_hash(span: Span, hash_of: Callable[[int, int], bytes]) -> bytes:
    """Hash of a node of a tree; of the span of a whole tree: its root.

    Args:
        hash_of: hash of the perfect subtree of a level and ordinal.
    """
    hashes = [hash_of(level, ordinal) for level, ordinal in perfect_subtrees(span)]
    if not hashes:
        return EMPTY_ROOT
    made = hashes.pop()
    while hashes:
        made = node_hash(hashes.pop(), made)
    return made


def subtree_hash(digests: Sequence[bytes]) -> bytes:
    """Hash of the perfect subtree over these token digests; as many as a power of two."""
    row = [leaf_hash(digest) for digest in digests]
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1

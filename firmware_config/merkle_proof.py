"""Checking proofs about the ledger's Merkle tree, by RFC 9162, section 2.1, with SHA-256. Pure.

Whoever holds a root need not hold the rows: a short list of hashes shows that a record is among
them (inclusion), or that a later tree begins with exactly the rows of an earlier one (consistency).
Both sides of the wire check with this module, so it must not know how proofs are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

MAX_PROOF: Final = 54
"""Most hashes in a proof about a tree whose size fits the wire (`contract.MAX_INTEGER`, 53 bits):
one a level, and for consistency the subtree both trees share."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf; of the ledger's, `leaf` is the 32-byte digest of a record's token."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of the node over two nodes."""
    return sha256(b"\x01" + left + right).digest()


def is_included(
    hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether a leaf stands at a place of the tree with this root.

    Args:
        hashed_leaf: its `leaf_hash`.
        index: its place, from 0; a record's is `position - 1`.
        size: leaves of the tree.
        proof: from the leaf's neighbour up.
        root: of the tree of `size` leaves.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    at, last, reached = index, size - 1, hashed_leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached = node_hash(other, reached)
            while not at & 1 and at:  # the right edge: no neighbour on these levels
                at, last = at >> 1, last >> 1
        else:
            reached = node_hash(reached, other)
        at, last = at >> 1, last >> 1
    return last == 0 and reached == root


def is_consistent(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of `second` leaves begins with exactly the leaves of the first one.

    Every tree begins with the empty one, and with itself; the proof is empty then.

    Args:
        first: leaves of the earlier tree, 0 or more.
        second: leaves of the later tree; fewer than `first` is never consistent.
        proof: as RFC 9162, section 2.1.4.1, makes it.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == sha256(b"").digest()
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    earlier = later = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            earlier, later = node_hash(other, earlier), node_hash(other, later)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            later = node_hash(later, other)
        at, last = at >> 1, last >> 1
    return last == 0 and earlier == first_root and later == second_root

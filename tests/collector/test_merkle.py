"""The Merkle tree and its proofs against a tree computed as RFC 9162 writes it (I7)."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.merkle import (
    EMPTY_ROOT,
    KEPT_LEVEL,
    Frontier,
    Span,
    consistency_path,
    inclusion_path,
    span_hash,
    subtree_hash,
)
from firmware_config.merkle_proof import is_consistent, is_included, leaf_hash


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def leaves(number: int) -> list[bytes]:
    return [sha256(b"%d" % at).digest() for at in range(number)]


def test_no_rows_have_the_root_of_the_rfc() -> None:
    assert Frontier().root() == EMPTY_ROOT == naive_root([])


@given(st.lists(st.integers(0, 40), max_size=8))
def test_rows_added_in_groups_of_any_size_have_the_naive_root(groups: list[int]) -> None:
    rows, frontier = leaves(sum(groups)), Frontier()
    at = 0
    for group in groups:
        frontier.extend(rows[at : at + group])
        at += group
        assert frontier.size == at
        assert frontier.root() == naive_root(rows[:at])


@given(st.integers(0, 300), st.integers(0, 70))
def test_a_frontier_restored_from_its_bytes_goes_on_alike(before: int, after: int) -> None:
    rows, frontier = leaves(before + after), Frontier()
    frontier.extend(rows[:before])
    restored = Frontier(frontier.size, frontier.packed())
    restored.extend(rows[before:])
    assert restored.root() == naive_root(rows)


def test_every_root_differs_from_the_root_of_another_size() -> None:
    frontier, roots = Frontier(), set()
    for row in leaves(130):
        frontier.extend([row])
        roots.add(frontier.root())
    assert len(roots) == 130


def test_bytes_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="frontier of 3 rows: expected 64 bytes, got 32"):
        Frontier(3, b"\x00" * 32)


def naive_hash(rows: list[bytes], span: Span) -> bytes:
    return naive_root(rows[span[0] : span[1]])


@given(st.integers(1, 300), st.data())
def test_every_row_is_proven_to_be_in_every_tree_that_has_it(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    rows = leaves(size)
    proof = [naive_hash(rows, span) for span in inclusion_path(index, size)]
    leaf, root = leaf_hash(rows[index]), naive_root(rows)
    assert is_included(leaf, index, size, proof, root)
    for at in range(len(proof)):
        forged = [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]
        assert not is_included(leaf, index, size, forged, root)
    other = data.draw(st.integers(0, size - 1))
    assert is_included(leaf, other, size, proof, root) == (other == index)


@given(st.integers(0, 300), st.data())
def test_any_two_trees_of_one_ledger_are_proven_consistent_and_no_others(
    second: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, second))
    rows = leaves(second)
    proof = [naive_hash(rows, span) for span in consistency_path(first, second)]
    roots = naive_root(rows[:first]), naive_root(rows)
    assert is_consistent(first, second, *roots, proof)
    if first:
        changed = rows.copy()
        changed[data.draw(st.integers(0, first - 1))] = b"another record"
        # whatever the proof: the honest one of either tree must not vouch for the other
        other = [naive_hash(changed, span) for span in consistency_path(first, second)]
        for attempt in (proof, other):
            assert not is_consistent(first, second, roots[0], naive_root(changed), attempt)


@pytest.mark.parametrize(
    ("first", "spans"),
    [(3, [(2, 3), (3, 4), (0, 2), (4, 7)]), (4, [(4, 7)]), (6, [(4, 6), (6, 7), (0, 4)])],
)
def test_proofs_are_those_of_the_rfcs_example(first: int, spans: list[Span]) -> None:
    # RFC 9162, section 2.1.5: [c, d, g, l], [l] and [i, j, k]
    assert consistency_path(first, 7) == spans


@given(st.lists(st.integers(0, 700), max_size=5))
def test_completed_subtrees_are_told_once_each_and_make_every_root(groups: list[int]) -> None:
    rows, frontier = leaves(sum(groups)), Frontier()
    kept: dict[tuple[int, int], bytes] = {}
    at = 0
    for group in groups:
        for node in frontier.extend(rows[at : at + group]):
            assert node.level >= KEPT_LEVEL
            assert kept.setdefault(node[:2], node.hash) is node.hash
        at += group
    expected = {
        (level, ordinal)
        for level in range(KEPT_LEVEL, len(rows).bit_length())
        for ordinal in range(len(rows) >> level)
    }
    assert kept.keys() == expected

    def hash_of(level: int, ordinal: int) -> bytes:
        if level >= KEPT_LEVEL:
            return kept[level, ordinal]
        return subtree_hash(rows[ordinal << level : (ordinal + 1) << level])

    for size in {0, len(rows) // 3, len(rows)}:
        assert span_hash((0, size), hash_of) == naive_root(rows[:size])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_row_that_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="expected a row"):
        inclusion_path(index, size)
    with pytest.raises(ValueError, match="expected a size"):
        consistency_path(size + 1, size)

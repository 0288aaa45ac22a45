"""The Merkle frontier against a tree computed as RFC 9162 writes it (I7)."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.merkle import EMPTY_ROOT, Frontier


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

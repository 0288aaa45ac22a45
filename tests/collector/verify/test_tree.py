"""The tree put together from stretches has the ledger's own roots, and says where it differs."""

from __future__ import annotations

from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.merkle import Frontier
from collector.verify.findings import Check, Level
from collector.verify.records import BLOCK, BLOCK_LEVEL, Checked, RowChecker
from collector.verify.tree import MAX_TOLD, Mark, Tree, node_findings, root_findings

ROOT = b"r" * 32


def digests(number: int) -> list[bytes]:
    return [sha256(at.to_bytes(8, "big")).digest() for at in range(number)]


def root_of(number: int) -> bytes:
    frontier = Frontier()
    frontier.extend(digests(number))
    return frontier.root()


def grown(size: int, blocks_each: int, sizes: set[int], kept: object = None) -> Tree:
    """A tree over `size` rows in stretches of so many blocks."""
    tree = Tree(kept)  # type: ignore[arg-type]
    tree.finish_empty()
    checker = RowChecker({}, {}, ZoneInfo("UTC"), sizes={*sizes, size}, brackets=[], tolerance_ms=0)
    leaves = digests(size)
    for first in range(1, size + 1, blocks_each * BLOCK):
        checked = Checked()
        checker._tree(checked, leaves[first - 1 : first - 1 + blocks_each * BLOCK], first)
        tree.take(checked)
    return tree


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(0, 5 * BLOCK + 3),
    blocks_each=st.integers(1, 4),
    wanted=st.sets(st.integers(1, 5 * BLOCK + 3), max_size=6),
)
def test_every_root_is_that_of_the_ledgers_own_tree(
    size: int, blocks_each: int, wanted: set[int]
) -> None:
    tree = grown(size, blocks_each, {one for one in wanted if one <= size})

    for at in {0, size} | {one for one in wanted if one <= size}:
        assert tree.roots[at] == root_of(at)
    if size:
        frontier = Frontier()
        frontier.extend(digests(size))
        assert tree.packed == frontier.packed()


def kept_nodes(size: int) -> dict[tuple[int, int], bytes]:
    """Every full subtree from `BLOCK_LEVEL` up."""
    row = [sha256(b"\x00" + digest).digest() for digest in digests(size)]
    nodes, level = {}, 0
    while row:
        if level >= BLOCK_LEVEL:
            nodes |= {(level, at): node for at, node in enumerate(row)}
        pairs = zip(row[::2], row[1::2], strict=False)
        row, level = [sha256(b"\x01" + a + b).digest() for a, b in pairs], level + 1
    return nodes


def test_kept_subtrees_that_are_right_raise_nothing() -> None:
    nodes = kept_nodes(5 * BLOCK)

    assert len(nodes) == 5 + 2 + 1
    assert list(node_findings(grown(5 * BLOCK, 2, set(), nodes))) == []


@pytest.mark.parametrize(
    ("changed", "span"),
    [((BLOCK_LEVEL, 3), (3 * BLOCK + 1, 4 * BLOCK)), ((BLOCK_LEVEL + 1, 1), (513, 1024))],
)
def test_a_kept_subtree_that_is_wrong_is_named_by_its_places(
    changed: tuple[int, int], span: tuple[int, int]
) -> None:
    nodes = kept_nodes(5 * BLOCK) | {changed: ROOT}

    [found] = node_findings(grown(5 * BLOCK, 3, set(), nodes))

    assert (found.level, found.check) == (Level.FAIL, Check.NODES)
    assert (found.first_position, found.last_position) == span


def test_subtrees_too_few_or_too_many_show() -> None:
    nodes = kept_nodes(4 * BLOCK)

    assert list(node_findings(grown(5 * BLOCK, 1, set(), nodes)))
    [more] = node_findings(grown(4 * BLOCK, 1, set(), {**nodes, (BLOCK_LEVEL, 9): ROOT}))
    assert more.what == "subtrees are kept that the records do not fill"


def mark(size: int, *, is_right: bool, is_witness: bool = True) -> Mark:
    return Mark(size, root_of(size) if is_right else ROOT, Check.KEPT, f"{size}", is_witness)


def test_a_change_lies_between_the_last_right_root_and_the_first_wrong_one() -> None:
    roots = {size: root_of(size) for size in (10, 20, 30, 40)}
    marks = [mark(10, is_right=True), mark(20, is_right=True), mark(30, is_right=False)]

    [found] = root_findings(
        [*marks, mark(25, is_right=True, is_witness=False)], roots | {25: root_of(25)}, 40
    )

    assert (found.first_position, found.last_position) == (21, 30)


def test_a_wrong_root_that_a_right_one_of_the_same_size_contradicts_is_wrong_itself() -> None:
    roots = {10: root_of(10)}

    [found] = root_findings([mark(10, is_right=True), mark(10, is_right=False)], roots, 40)

    assert "another signed root confirms" in found.what


def test_many_wrong_roots_are_told_by_their_number() -> None:
    roots = {size: root_of(size) for size in range(1, 11)}

    found = list(root_findings([mark(size, is_right=False) for size in roots], roots, 10))

    assert len(found) == MAX_TOLD + 1
    assert (found[-1].count, found[-1].last_position) == (10 - MAX_TOLD, 10)


@pytest.mark.parametrize("size", [41, 10**15, -1])
def test_a_size_the_ledger_does_not_have_is_its_missing_end(size: int) -> None:
    [found] = root_findings([Mark(size, ROOT, Check.KEPT, "kept")], {}, 40)

    assert "its end is missing" in found.what

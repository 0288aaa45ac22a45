"""Putting the Merkle tree together from its blocks, and comparing its roots with statements. Pure.

A statement is a size and a root that somebody signed, kept or published. Where a root is not that
of the records, the records changed lie between the largest signed size whose root is still right
and this one: that stretch is named.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from collector.merkle import Frontier
from collector.verify.findings import Check, Finding, Level
from collector.verify.records import BLOCK, BLOCK_LEVEL, Checked
from firmware_config.chain import b64url

MAX_TOLD: Final = 3
"""Wrong roots told one by one of each kind: all that follow a changed record are wrong."""


class Mark(NamedTuple):
    """A statement of the ledger's root.

    Attributes:
        size: rows. root: over them.
        check: what kind of statement it is.
        source: which one, for people.
        is_witness: signed by the collector or kept elsewhere, so not made up with the rows.
        gen: life of the ledger that it speaks of; empty: of whatever is there now.
        on: local day it is of (ISO); empty for none.
    """

    size: int
    root: bytes
    check: Check
    source: str
    is_witness: bool = False
    gen: str = ""
    on: str = ""


@dataclass(slots=True)
class Tree:
    """The tree over all rows, taken in stretch by stretch.

    Args:
        kept: (level, ordinal) → hash: subtrees the ledger keeps, to be compared.

    Attributes:
        roots: size → root, for every size that was wanted.
        packed: frontier of the size asked for last; see `Frontier.packed`.
        wrong_nodes: subtrees that differ from the kept ones or are not kept, lowest first.
        made: number of subtrees made of a level that is kept.
    """

    kept: Mapping[tuple[int, int], bytes] | None = None
    roots: dict[int, bytes] = field(default_factory=dict)
    packed: bytes = b""
    wrong_nodes: list[tuple[int, int]] = field(default_factory=list)
    made: int = 0
    _pending: dict[int, bytes] = field(default_factory=dict)
    _blocks: int = 0

    def take(self, checked: Checked) -> None:
        """Take in the next stretch of rows."""
        blocks = iter(checked.blocks)
        for size in sorted(checked.frontiers):
            while self._blocks < size // BLOCK:
                self._append(next(blocks))
            self._finish(size, checked.frontiers[size])
        for block in blocks:
            self._append(block)

    def finish_empty(self) -> None:
        """The root of no rows."""
        self._finish(0, b"")

    def _finish(self, size: int, partial: bytes) -> None:
        levels = sorted(self._pending, reverse=True)
        self.packed = b"".join(self._pending[level] for level in levels) + partial
        self.roots[size] = Frontier(size, self.packed).root()

    def _append(self, node: bytes) -> None:
        level, ordinal = BLOCK_LEVEL, self._blocks
        self._blocks += 1
        self._compare(level, ordinal, node)
        while (before := self._pending.pop(level, None)) is not None:
            node = sha256(b"\x01" + before + node).digest()
            level, ordinal = level + 1, ordinal >> 1
            self._compare(level, ordinal, node)
        self._pending[level] = node

    def _compare(self, level: int, ordinal: int, node: bytes) -> None:
        if self.kept is None:
            return
        self.made += 1
        if self.kept.get((level, ordinal)) != node:
            self.wrong_nodes.append((level, ordinal))


def node_findings(tree: Tree) -> Iterable[Finding]:
    """Where the kept subtrees are not those of the records; nothing when none are kept."""
    for level, ordinal in tree.wrong_nodes:
        if level == BLOCK_LEVEL:  # the larger ones are wrong because of these
            first = ordinal * BLOCK + 1
            yield Finding(
                level=Level.FAIL,
                check=Check.NODES,
                what="the kept subtree is not that of the records",
                first_position=first,
                last_position=first + BLOCK - 1,
            )
    if tree.wrong_nodes and all(level > BLOCK_LEVEL for level, _ in tree.wrong_nodes):
        level, ordinal = tree.wrong_nodes[0]
        yield Finding(
            level=Level.FAIL,
            check=Check.NODES,
            what="the kept subtree is not that of the smaller ones under it",
            first_position=(ordinal << level) + 1,
            last_position=(ordinal + 1) << level,
        )
    if tree.kept is not None and len(tree.kept) > tree.made:
        yield Finding(
            level=Level.FAIL,
            check=Check.NODES,
            what="subtrees are kept that the records do not fill",
            expected=str(tree.made),
            got=str(len(tree.kept)),
        )


def root_findings(
    marks: Iterable[Mark], roots: Mapping[int, bytes], size: int
) -> Iterable[Finding]:
    """Every statement whose root is not that of the records, or that has more of them.

    Args:
        marks: statements that can be compared.
        roots: size → root over the records, for every size of theirs up to `size`.
        size: of the ledger.
    """
    ordered = sorted(marks, key=lambda mark: mark.size)
    right = [mark.size for mark in ordered if mark.is_witness and roots.get(mark.size) == mark.root]
    told: dict[Check, list[Mark]] = {}
    for mark in ordered:
        if not 0 <= mark.size <= size:
            yield Finding(
                level=Level.FAIL,
                check=mark.check,
                what="the ledger had more records when this was said: its end is missing, or some "
                "since the newest root that is right",
                where=mark.source,
                first_on=mark.on,
                last_on=mark.on,
                first_position=min(right[-1] if right else 0, size) + 1,
                last_position=mark.size,
                expected=f"{mark.size} records",
                got=f"{size}",
            )
            continue
        if roots[mark.size] == mark.root:
            continue
        wrong = told.setdefault(mark.check, [])
        wrong.append(mark)
        if len(wrong) > MAX_TOLD:
            continue
        before = right[bisect_right(right, mark.size) - 1] if right and right[0] <= mark.size else 0
        yield Finding(
            level=Level.FAIL,
            check=mark.check,
            what=_what(mark, before),
            where=mark.source,
            first_on=mark.on,
            last_on=mark.on,
            first_position=before + 1 if before < mark.size else mark.size,
            last_position=mark.size,
            expected=b64url(mark.root).decode("ascii"),
            got=b64url(roots[mark.size]).decode("ascii"),
        )
    for check, wrong in told.items():
        if len(wrong) > MAX_TOLD:
            rest = wrong[MAX_TOLD:]
            yield Finding(
                level=Level.FAIL,
                check=check,
                what="later roots are wrong too",
                where=f"up to {rest[-1].source}",
                first_on=rest[0].on,
                last_on=rest[-1].on,
                first_position=rest[0].size,
                last_position=rest[-1].size,
                count=len(rest),
            )


def _what(mark: Mark, before: int) -> str:
    if before == mark.size:
        return "the root is not that of the records, which another signed root confirms"
    return "the root is not that of the records up to there"

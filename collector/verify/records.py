"""Checking a run of ledger rows: each by itself, and each against the one before it. Pure.

Every signature is checked here, one by one. Ingest lets one signature vouch for the records chained
before it; a verification that did the same would prove less than it says.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from collector.decoding import KIND_OF, RecordDecoder
from collector.linking import link_text
from collector.merkle import HASH_BYTES, Frontier
from collector.press_time import believed_wall_ms
from collector.verify.findings import Check, Finding, Findings, Level
from collector.verify.reception import (
    Bracket,
    Brackets,
    Row,
    contradictions,
    day_text,
    time_text,
    turns_back,
)
from firmware_config.chain import join_token, signing_input
from firmware_config.contract import AnyRecord
from firmware_config.errors import ContractError

BLOCK_LEVEL: Final = 8
"""Subtrees of 2**8 rows are what a run of rows is told by; all larger ones are made of them."""
BLOCK: Final = 1 << BLOCK_LEVEL
NO_DIGEST: Final = bytes(HASH_BYTES)
"""Stands for a row that is missing: no token has this digest."""


class Journal(NamedTuple):
    """A row of `epochs`: row of its device, the device's id, the journal's id."""

    device: int
    code: str
    epoch: str


class Key(NamedTuple):
    """A registered key: row of its device, header of its tokens, and the check of a signature."""

    device: int
    header: bytes
    is_signed: Callable[[bytes, bytes], bool]


class Run(NamedTuple):
    """Records of one journal whose seq numbers follow each other.

    Attributes:
        first_prev: the first one's `prev`; None when its payload cannot be read.
        last_link: digest of the last one's token, as text.
        first_ms: when the first one was received; `last_ms` the last one.
        first_position: place of the first one.
    """

    first_seq: int
    last_seq: int
    first_prev: str | None
    last_link: str
    first_ms: int
    last_ms: int
    first_position: int


@dataclass(slots=True)
class Checked:
    """What a run of rows is told by.

    Attributes:
        rows: how many there were.
        blocks: root of every full subtree of `BLOCK` rows, in order.
        frontiers: size → what of the frontier of that size is smaller than a block.
        runs: (journal row, run), in order of position.
        first_ms: when the first row was received; None without rows.
        first_position: its place.
        latest_ms: the latest time of reception.
    """

    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    frontiers: dict[int, bytes] = field(default_factory=dict)
    runs: list[tuple[int, Run]] = field(default_factory=list)
    first_ms: int | None = None
    first_position: int = 0
    latest_ms: int | None = None


class RowChecker:
    """Checks runs of rows of one ledger.

    Args:
        journals: row of `epochs` → journal.
        keys: row of `device_keys` → key.
        zone: of the hall, to name days.
        sizes: sizes of the ledger whose roots are wanted.
        brackets: signed statements of when the ledger had a size.
        tolerance_ms: how far a time of reception may contradict one of them.
    """

    def __init__(
        self,
        journals: Mapping[int, Journal],
        keys: Mapping[int, Key],
        zone: ZoneInfo,
        *,
        sizes: Iterable[int],
        brackets: Iterable[Bracket],
        tolerance_ms: int,
    ) -> None:
        self._journals = journals
        self._keys = keys
        self._zone = zone
        self._sizes = sorted(set(sizes))
        self._brackets = Brackets(brackets)
        self._tolerance_ms = tolerance_ms
        self._decode = RecordDecoder().decode

    def check(
        self, rows: Sequence[Row], first: int, end: int, purged: Sequence[bytes] = ()
    ) -> Checked:
        """Check the rows with positions `[first, end)`.

        Args:
            rows: by rising position, those of `purged` left out.
            first: one more than a multiple of `BLOCK`.
            purged: digests of the first of these places, whose records are gone by rule.
        """
        checked, findings = Checked(rows=len(rows)), Findings()
        digests = list(purged)
        runs: dict[int, Run] = {}
        links: dict[int, str] = {}
        journals, keys, decode = self._journals, self._keys, self._decode
        expected = first + len(digests)
        for row in rows:
            position, epoch, seq, digest, kind, key_id, received_ms, payload, signature = row
            if position != expected:
                self._missing(findings, digests, expected, position)
            expected = position + 1
            journal, key = journals.get(epoch), keys.get(key_id)
            if key is None or journal is None:
                self._tell(findings, row, Check.RECORD, "names a journal or key that is not there")
                digests.append(digest)
                continue
            signed = signing_input(key.header, payload)
            made = sha256(join_token(signed, signature)).digest()
            digests.append(made)
            if made != digest:
                what = "the digest is not that of the token"
                self._tell(findings, row, Check.DIGEST, what, made.hex(), digest.hex())
            if not key.is_signed(signed, signature):
                self._tell(findings, row, Check.SIGNATURE, "the signature is not the key's")
            if key.device != journal.device:
                self._tell(findings, row, Check.KEY, "signed by the key of another device")
            link = link_text(made)
            try:
                record = decode(payload, links.get(epoch, ""))
            except ContractError as error:
                what = "the payload is not a record"
                self._tell(findings, row, Check.RECORD, what, got=str(error))
                prev = None
            else:
                prev = record.prev
                if (record.dev, record.epoch, record.seq, KIND_OF[type(record)]) != (
                    journal.code,
                    journal.epoch,
                    seq,
                    kind,
                ):
                    self._columns(findings, row, journal, record)
            links[epoch] = link
            run = runs.get(epoch)
            if run is not None and seq == run.last_seq + 1:
                if prev is not None and prev != run.last_link:
                    what = "prev is not the digest of the record before it"
                    self._tell(findings, row, Check.CHAIN, what, run.last_link, prev)
                runs[epoch] = run._replace(last_seq=seq, last_link=link, last_ms=received_ms)
                continue
            if run is not None:
                checked.runs.append((epoch, run))
            runs[epoch] = Run(seq, seq, prev, link, received_ms, received_ms, position)
        if expected != end:
            self._missing(findings, digests, expected, end)
        checked.runs += runs.items()
        for row, what, bracket in contradictions(rows, self._brackets, self._tolerance_ms):
            told = (time_text(bracket.at_ms), time_text(row[6]))
            self._tell(findings, row, Check.RECEIVED, what, *told, where=bracket.source)
        if rows:
            checked.first_position, checked.first_ms = rows[0][0], rows[0][6]
            checked.latest_ms = max(row[6] for row in rows)
            findings.extend(turns_back(rows, self._zone))
        self._tree(checked, digests, first)
        checked.findings = findings.all()
        return checked

    def _missing(self, findings: Findings, digests: list[bytes], start: int, end: int) -> None:
        digests += [NO_DIGEST] * (end - start)
        findings.add(
            Finding(
                level=Level.FAIL,
                check=Check.POSITIONS,
                what="no record has this place in the ledger",
                first_position=start,
                last_position=end - 1,
                count=end - start,
            )
        )

    def _columns(self, findings: Findings, row: Row, journal: Journal, record: AnyRecord) -> None:
        told = {
            "dev": (record.dev, journal.code),
            "epoch": (record.epoch, journal.epoch),
            "seq": (record.seq, row[2]),
            "kind": (KIND_OF[type(record)], row[4]),
        }
        for name, (signed, kept) in told.items():
            if signed != kept:
                what = f"{name} of the row is not that of the signed payload"
                self._tell(findings, row, Check.RECORD, what, str(signed), str(kept))

    def _tell(
        self,
        findings: Findings,
        row: Row,
        check: Check,
        what: str,
        expected: str = "",
        got: str = "",
        where: str = "",
    ) -> None:
        journal = self._journals.get(row[1])
        day = self._day(row)
        findings.add(
            Finding(
                level=Level.FAIL,
                check=check,
                what=what,
                device=journal.code if journal else "",
                epoch=journal.epoch if journal else "",
                first_on=day,
                last_on=day,
                first_seq=row[2],
                last_seq=row[2],
                first_position=row[0],
                last_position=row[0],
                where=where,
                expected=expected,
                got=got,
            )
        )

    def _day(self, row: Row) -> str:
        """The local day a person would look for: that of the wall clock where it is believed."""
        received_ms = at_ms = row[6]
        try:
            record = self._decode(row[7], "")
            believed_ms = believed_wall_ms(record.wall, record.synced, received_ms)
            at_ms = received_ms if believed_ms is None else believed_ms
        except ContractError:
            pass
        return day_text(at_ms, self._zone)

    def _tree(self, checked: Checked, digests: list[bytes], first: int) -> None:
        """Roots of full blocks, and the beginnings of those in which a wanted size lies."""
        for at in range(0, len(digests), BLOCK):
            block, frontier, done = digests[at : at + BLOCK], Frontier(), 0
            start = first - 1 + at
            for number in range(
                bisect_right(self._sizes, start), bisect_right(self._sizes, start + len(block))
            ):
                size = self._sizes[number]
                frontier.extend(block[done : size - start])
                done = size - start
                checked.frontiers[size] = frontier.packed() if done < BLOCK else b""
            frontier.extend(block[done:])
            if len(block) == BLOCK:
                checked.blocks.append(frontier.root())

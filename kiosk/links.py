"""Checking the links of a journal: what is broken, and where. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from firmware_config.chain import Token, b64url, digest, split_token
from firmware_config.contract import decode_record
from firmware_config.errors import ContractError


@dataclass(frozen=True, slots=True)
class Row:
    """One stored record: its place, the digest stored beside it, and its token."""

    seq: int
    digest: bytes
    token: bytes


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Something that is not as it was written."""

    seq: int
    problem: str


def broken_links(
    rows: Iterable[Row],
    *,
    dev: str,
    epoch: str,
    is_signed: Callable[[Token], bool],
    previous: bytes | None = None,
) -> Iterator[BrokenLink]:
    """Check rows in order of seq.

    Args:
        is_signed: whether a token's signature is good.
        previous: digest before the first row; None: unknown, unless the first row is seq 1.
    """
    expected_seq: int | None = None
    for row in rows:
        if expected_seq is not None and row.seq != expected_seq:
            yield BrokenLink(row.seq, f"expected seq {expected_seq}: records are missing")
            previous = None
        if row.seq == 1:
            previous = b""
        expected_seq = row.seq + 1
        yield from _problems(row, dev, epoch, is_signed, previous)
        previous = digest(row.token)


def _problems(
    row: Row,
    dev: str,
    epoch: str,
    is_signed: Callable[[Token], bool],
    previous: bytes | None,
) -> Iterator[BrokenLink]:
    try:
        token = split_token(row.token)
        record = decode_record(token.payload)
    except ContractError as error:
        yield BrokenLink(row.seq, str(error))
        return
    if token.digest != row.digest:
        yield BrokenLink(row.seq, "the token is not the one whose digest was stored")
    if (record.dev, record.epoch, record.seq) != (dev, epoch, row.seq):
        yield BrokenLink(
            row.seq,
            f"expected record {dev}/{epoch}/{row.seq}, "
            f"got {record.dev}/{record.epoch}/{record.seq}",
        )
    if previous is not None and record.prev.encode("ascii") != (
        b64url(previous) if previous else b""
    ):
        yield BrokenLink(row.seq, "prev is not the digest of the record before")
    if not is_signed(token):
        yield BrokenLink(row.seq, "the signature is not that of the device's key")

"""The fast decoder decides exactly as the contract does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoding import KIND_OF, RecordDecoder
from firmware_config import contract
from firmware_config.chain import split_token
from firmware_config.contract import decode_record
from firmware_config.errors import ContractError


def verdict(decode: Any, *arguments: Any) -> Any:
    """The record's fields and kind, or the reason and detail of its refusal."""
    try:
        record = decode(*arguments)
    except ContractError as error:
        return error.reason, error.detail
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return KIND_OF[type(record)], fields, contract.encode(record)


@pytest.fixture(name="payloads", scope="module")
def payloads_fixture(request: pytest.FixtureRequest) -> list[bytes]:
    """One record of each sort a window writes, of one journal."""
    journal = request.getfixturevalue("journal_of")("dev-1")
    for _ in range(2):
        journal.boot_up(pins="five-key")
        journal.invite(case_no="办件-1")
        journal.rate(session=journal.session, case_no="办件-1")
        journal.unrate()
        journal.ignore()
        journal.add(contract.Kind.DAYCLOSE, on="2026-07-01", counts={"RATED.5": 1})
    return [split_token(token).payload for token in journal.tokens]


def prev_of(payload: bytes) -> str:
    found = re.search(rb'"prev":"([^"]*)"', payload)
    return found[1].decode("utf-8", "replace") if found else ""


def test_records_of_a_known_journal_decode_to_the_same_fields(payloads: list[bytes]) -> None:
    decoder = RecordDecoder()
    for _ in range(2):  # unknown, then known
        for payload in payloads:
            fast = decoder.decode(payload, prev_of(payload))
            assert verdict(lambda fast=fast: fast) == verdict(decode_record, payload)
            assert isinstance(fast, contract.RECORD_TYPES[contract.Kind(KIND_OF[type(fast)])])


@given(
    st.integers(0, 11),
    st.sampled_from([b"dev", b"epoch", b"prev", b"boot", b"wall", b"on", b"v", b"seq", b"kind"]),
    st.sampled_from(
        [
            *(b'"dev-1"', b'""', b'"DEV"', b"2", b"null", b"[]", b'"\\u0660"'),
            *(b'"2026-02-31T00:00:00.000Z"', b'"2026-07-01T25:00:00.000Z"'),
            b'"2026-07-01T10:00:00.000Z\\n"',
        ]
    ),
    st.booleans(),
)
def test_no_text_the_contract_refuses_gets_through(
    payloads: list[bytes], at: int, name: bytes, value: bytes, guesses_right: bool
) -> None:
    decoder = RecordDecoder()
    for payload in payloads:
        decoder.decode(payload, prev_of(payload))
    changed = re.sub(rb'"%s":("[^"]*"|[0-9]+)' % name, b'"%s":%s' % (name, b"@"), payloads[at])
    changed = changed.replace(b"@", value)
    prev = prev_of(changed) if guesses_right and name != b"prev" else ""
    assert verdict(decoder.decode, changed, prev) == verdict(decode_record, changed)


@given(st.integers(0, 11), st.integers(0, 600), st.integers(0, 255))
def test_any_changed_byte_is_judged_as_the_contract_judges_it(
    payloads: list[bytes], at: int, where: int, byte: int
) -> None:
    decoder = RecordDecoder()
    for payload in payloads:
        decoder.decode(payload, prev_of(payload))
    changed = bytearray(payloads[at])
    changed[where % len(changed)] = byte
    prev = prev_of(payloads[at])
    assert verdict(decoder.decode, bytes(changed), prev) == verdict(decode_record, bytes(changed))

"""Receipts, status and health: what is sent is read back the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import contract
from firmware_config.errors import ContractError

texts = st.text(st.characters(codec="utf-8"), max_size=64)
seqs = st.integers(1, 2**53 - 1)


def receipt(**changes: Any) -> contract.Receipt:
    fields: dict[str, Any] = {
        "dev": "w-a01",
        "gen": "g1",
        "epoch": "A" * 22,
        "stored": 40,
        "stored_hash": "B" * 43,
        "archived": 10,
        "server_time": "2026-07-27T01:02:03.004Z",
        "ledger_size": 900,
        "ledger_root": "C" * 43,
        "v": 1,
        "extra": [(42, 45)],
    }
    return msgspec.convert(fields | changes, contract.Receipt)


@given(
    st.integers(0, 2**53 - 1), st.lists(st.tuples(seqs, seqs), max_size=64), st.integers(0, 2**53)
)
def test_any_receipt_survives_the_wire(
    stored: int, extra: list[tuple[int, int]], size: int
) -> None:
    sent = receipt(stored=stored, extra=extra, ledger_size=size)

    assert contract.decode_receipt(contract.encode(sent)) == sent


def test_a_receipt_with_more_ranges_than_agreed_is_refused() -> None:
    raw = msgspec.json.encode(msgspec.to_builtins(receipt()) | {"extra": [(1, 1)] * 65})

    with pytest.raises(ContractError, match="schema"):
        contract.decode_receipt(raw)


@given(st.sampled_from(["online", "offline"]), st.integers(0, 2**53), texts, st.text(max_size=43))
def test_any_status_survives_the_wire(state: Any, head: int, version: str, kid: str) -> None:
    sent = contract.Status(dev="w-a01", state=state, v=1, head=head, version=version, kid=kid)

    assert contract.decode_status(contract.encode(sent)) == sent


@given(
    st.none() | st.floats(0, 1e9),
    st.none() | st.integers(0, 2**60),
    st.dictionaries(texts, st.integers(0, 2**53), max_size=5),
)
def test_any_health_survives_the_wire(
    age: float | None, free: int | None, presses: dict[str, int]
) -> None:
    sent = contract.Health(
        dev="w-a01",
        v=1,
        uptime_s=1,
        head=2,
        stored=1,
        archived=0,
        receipt_age_s=age,
        disk_free_bytes=free,
        presses=presses,
    )

    assert contract.decode_health(contract.encode(sent)) == sent

"""Receipts, status and health: what is sent is read back the same."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import contract
from firmware_config.errors import ContractError

texts = st.text(st.characters(codec="utf-8"), max_size=64)
seqs = st.integers(1, contract.MAX_INTEGER)
counts = st.integers(0, contract.MAX_INTEGER)


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


@given(counts, st.lists(st.tuples(seqs, seqs), max_size=64), counts)
def test_any_receipt_survives_the_wire(
    stored: int, extra: list[tuple[int, int]], size: int
) -> None:
    sent = receipt(stored=stored, extra=extra, ledger_size=size)

    assert contract.decode_receipt(contract.encode(sent)) == sent


def test_a_receipt_with_more_ranges_than_agreed_is_refused() -> None:
    raw = msgspec.json.encode(msgspec.to_builtins(receipt()) | {"extra": [(1, 1)] * 65})

    with pytest.raises(ContractError, match="schema"):
        contract.decode_receipt(raw)


@given(st.sampled_from(["online", "offline"]), counts, texts, st.text(max_size=43))
def test_any_status_survives_the_wire(state: Any, head: int, version: str, kid: str) -> None:
    sent = contract.Status(dev="w-a01", state=state, v=1, head=head, version=version, kid=kid)

    assert contract.decode_status(contract.encode(sent)) == sent


@given(
    st.none() | st.floats(0, 1e9),
    st.none() | counts,
    st.dictionaries(texts, counts, max_size=5),
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


HEALTH = {"dev": "w-a01", "v": 1, "uptime_s": 1, "head": 2, "stored": 1, "archived": 0}
STATUS = {"dev": "w-a01", "v": 1, "state": "online"}
NUMBERS = [
    "uptime_s", "head", "stored", "archived", "receipt_age_s", "clock_steps", "disk_free_bytes",
    "presses", "edges", "spikes", "settings_version", "cpu_temp_c", "memory_bytes",
    "broker_reasons", "checkpoint_size",
]  # fmt: skip


def test_no_number_of_health_or_status_is_without_a_limit() -> None:
    schemas = msgspec.json.schema_components([contract.Health, contract.Status])[1]
    fields = {**schemas["Health"]["properties"], **schemas["Status"]["properties"]}
    forms = {
        name: [form.get("additionalProperties", form), *form.get("anyOf", [])]
        for name, form in fields.items()
    }
    limits = {
        name: [one["maximum"] for one in of if "maximum" in one]
        for name, of in forms.items()
        if any(one.get("type") in {"integer", "number"} for one in of) and name != "v"
    }

    assert set(limits) == set(NUMBERS)
    assert all(limits.values())


@pytest.mark.parametrize("value", [2**53, 2**63, 2**64 - 1, 10**400, -1])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_no_device_has_is_refused(name: str, value: int) -> None:
    told = {"x": value} if name in {"presses", "edges", "broker_reasons"} else value
    told = -101 if (name, value) == ("cpu_temp_c", -1) else told

    for good, decode in ((HEALTH, contract.decode_health), (STATUS, contract.decode_status)):
        is_of_status = name in {"head", "checkpoint_size"}
        if is_of_status if good is STATUS else name != "checkpoint_size":
            with pytest.raises(ContractError, match="schema"):
                decode(json.dumps({**good, name: told}).encode())


COMMANDS: list[contract.AnyCommand] = [
    contract.OpenCase(**(_BASE := {
        "dev": "w-a01", "id": "I" * 22, "v": 1,
        "issued_at": "2026-07-27T01:02:03.004Z", "expires_at": "2026-07-27T01:03:03.004Z",
    }), case_no="2026-1", service_no=2, item="新生儿落户", staff_no="1001"),
    contract.SignInStaff(**_BASE, staff_no="1001", name="𠮷田"),
    contract.SignOutStaff(**_BASE),
    contract.Pause(**_BASE),
    contract.Resume(**_BASE),
    contract.SelfTest(**_BASE),
    contract.Identify(**_BASE, duration_s=5),
    contract.Resend(**_BASE, from_seq=7),
    contract.Configure(**_BASE, version=3, values={"session.timeout_s": "30"}),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_each_command_is_read_back_the_same(command: contract.AnyCommand) -> None:
    assert contract.decode_command(contract.encode(command)) == command


@pytest.mark.parametrize(
    ("index", "changes"),
    [(0, {"case_no": ""}), (0, {"service_no": 0}), (6, {"duration_s": 0}), (7, {"from_seq": 0}),
     (8, {"version": 0}), (3, {"do": "reboot"}), (3, {"id": "short"}), (3, {"issued_at": "now"})],
)  # fmt: skip
def test_a_command_out_of_bounds_is_refused(index: int, changes: dict[str, Any]) -> None:
    good = msgspec.json.decode(contract.encode(COMMANDS[index]))

    with pytest.raises(ContractError, match="schema"):
        contract.decode_command(msgspec.json.encode(good | changes))


def test_an_answer_is_read_back_the_same() -> None:
    sent = contract.Answer(
        dev="w-a01", id="I" * 22, outcome="refused", v=1, reason="expired", detail="过期"
    )

    assert contract.decode_answer(contract.encode(sent)) == sent

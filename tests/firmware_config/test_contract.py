"""The wire contract: what is sent is read back the same; all else is named by its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import contract
from firmware_config.contract import Kind
from firmware_config.errors import ContractError

COMMON: dict[str, Any] = {
    "dev": "w-a01",
    "epoch": "A" * 22,
    "seq": 7,
    "prev": "B" * 43,
    "boot": "0" * 32,
    "mono_ms": 1234,
    "wall": "2026-07-27T01:02:03.004Z",
    "synced": True,
    "v": 1,
}
SESSION = {"session": 3, "trigger": "case", "invited_mono_ms": 1000, "case_no": "办2026-1"}
BY_KIND: dict[Kind, dict[str, Any]] = {
    Kind.BOOT: {"version": "0.1.0", "pins": "five-key"},
    Kind.INVITED: SESSION,
    Kind.RATED: SESSION | {"level": 5, "button": "very-satisfied"},
    Kind.UNRATED: SESSION | {"reason": "timeout"},
    Kind.IGNORED: {"level": 1, "button": "x", "reason": "no-session"},
    Kind.PAUSED: {"staff_no": "1"},
    Kind.RESUMED: {},
    Kind.SIGNIN: {"staff_no": "0042"},
    Kind.SIGNOUT: {"staff_no": "0042"},
    Kind.TEST: {"level": 2, "button": "x"},
    Kind.CLOCK: {"step_ms": -5, "server_time": "2026-07-27T01:02:03.004Z"},
    Kind.FAULT: {"reason": "journal-damaged", "detail": "页"},
    Kind.SETTINGS: {"version": 3, "values": {"session.timeout_s": "30"}},
    Kind.DAYCLOSE: {"on": "2026-07-27", "counts": {"RATED.5": 0}},
}

ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=64)
seqs = st.integers(1, 2**53 - 1)
millis = st.integers(0, 2**53 - 1)
common = st.fixed_dictionaries(
    {
        "dev": ids,
        "epoch": st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True),
        "seq": seqs,
        "prev": st.from_regex(r"([A-Za-z0-9_-]{43})?", fullmatch=True),
        "boot": st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
        "mono_ms": millis,
        "wall": st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z"),
        "synced": st.booleans(),
        "v": st.just(1),
    }
)
session = st.fixed_dictionaries(
    {
        "session": seqs,
        "trigger": st.sampled_from(contract.Trigger),
        "invited_mono_ms": millis,
        "case_no": texts,
        "service_no": st.integers(1, 999),
        "item": texts,
        "staff_no": texts,
    }
)


def attempt(function: Callable[[Any], Any], given: Any) -> tuple[Any, str]:
    """What a function returns, or the reason for which it refuses."""
    try:
        return function(given), ""
    except ContractError as error:
        return None, error.reason


def payload(kind: Kind, /, **changes: Any) -> bytes:
    fields = {"kind": kind} | COMMON | BY_KIND[kind] | changes
    given = {key: value for key, value in fields.items() if value is not ...}
    return json.dumps(given).encode()


def reason_of(raw: bytes) -> str:
    with pytest.raises(ContractError) as caught:
        contract.decode_record(raw)
    return caught.value.reason


def test_every_kind_has_its_type_and_an_example_here() -> None:
    assert set(contract.RECORD_TYPES) == set(Kind) == set(BY_KIND)


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_read_and_written_back_the_same(kind: Kind) -> None:
    record = contract.decode_record(payload(kind))

    assert type(record) is contract.RECORD_TYPES[kind]
    assert contract.decode_record(contract.encode(record)) == record
    assert json.loads(contract.encode(record))["kind"] == kind


@given(common, session, st.integers(1, 5), texts)
def test_any_rating_survives_the_wire(
    shared: dict[str, Any], case: dict[str, Any], level: int, button: str
) -> None:
    record = contract.Rated(**shared, **case, level=level, button=button)

    assert contract.decode_record(contract.encode(record)) == record


@given(
    common,
    st.dictionaries(texts, st.integers(0, contract.MAX_INTEGER), max_size=64),
    st.dates().map(lambda on: on.isoformat()),
)
def test_any_day_close_survives_the_wire(
    shared: dict[str, Any], counts: dict[str, int], on: str
) -> None:
    record = contract.DayClose(**shared, on=on, counts=counts)

    assert contract.decode_record(contract.encode(record)) == record


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_reason(raw: bytes) -> None:
    for decode in (
        contract.decode_record,
        contract.decode_receipt,
        contract.decode_status,
        contract.decode_health,
    ):
        with pytest.raises(ContractError) as caught:
            decode(raw)
        assert caught.value.reason in {"malformed", "schema", "version"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(Kind), st.sampled_from(sorted(COMMON)), json_values)
def test_any_value_in_a_known_field_is_read_or_refused_with_a_reason(
    kind: Kind, field: str, value: Any
) -> None:
    record, reason = attempt(contract.decode_record, payload(kind, **{field: value}))

    assert reason in {"schema", "version"} or getattr(record, field) == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"level": 0}, "schema"),
        ({"level": 6}, "schema"),
        ({"level": "5"}, "schema"),
        ({"level": None}, "schema"),
        ({"level": ...}, "schema"),
        ({"level": 4.5}, "schema"),
        ({"seq": 0}, "schema"),
        ({"seq": -1}, "schema"),
        ({"seq": 2**53}, "schema"),
        ({"dev": "W-A01"}, "schema"),
        ({"dev": "a/b"}, "schema"),
        ({"dev": "w-a01\n"}, "schema"),
        ({"prev": "B" * 42}, "schema"),
        ({"epoch": "A" * 23}, "schema"),
        ({"wall": "2026-07-27 01:02:03"}, "schema"),
        ({"wall": "2026-13-27T01:02:03.004Z"}, "schema"),
        ({"wall": "2026-07-27T24:02:03.004Z"}, "schema"),
        ({"wall": "2026-07-27T01:02:03.004+08:00"}, "schema"),
        ({"synced": 1}, "schema"),
        ({"trigger": "self"}, "schema"),
        ({"case_no": "x" * 65}, "schema"),
        ({"service_no": 0}, "schema"),
        ({"kind": "STARS"}, "schema"),
        ({"kind": ...}, "schema"),
        ({"v": 2}, "version"),
        ({"v": 2, "level": "later meaning"}, "version"),
        ({"v": 2, "kind": "STARS"}, "version"),
        ({"v": ...}, "schema"),
    ],
)
def test_a_rating_that_is_not_as_agreed_is_named_by_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    assert reason_of(payload(Kind.RATED, **changes)) == reason


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b"nul", payload(Kind.RATED) + b" {}", b'{"x":' + b"[" * 100_000],
    ids=["empty", "cut off", "no UTF-8", "no word", "two", "nested without end"],
)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    assert reason_of(raw) == "malformed"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.DAYCLOSE, {"counts": {"RATED.5": 2**53}}),
        (Kind.DAYCLOSE, {"counts": {"RATED.5": 2**64}}),
        (Kind.IGNORED, {"session": 2**63}),
        (Kind.SETTINGS, {"version": 2**53}),
        (Kind.CLOCK, {"step_ms": 2**53}),
        (Kind.CLOCK, {"step_ms": -(2**64)}),
    ],
)
def test_a_number_that_not_every_reader_keeps_exactly_is_refused(
    kind: Kind, changes: dict[str, Any]
) -> None:
    assert reason_of(payload(kind, **changes)) == "schema"


def test_unknown_fields_are_ignored_so_that_newer_devices_can_say_more() -> None:
    assert contract.decode_record(payload(Kind.RATED, humidity=40)) == contract.decode_record(
        payload(Kind.RATED)
    )


def test_fields_at_their_defaults_are_not_sent() -> None:
    sent = json.loads(contract.encode(contract.decode_record(payload(Kind.INVITED, case_no=""))))

    assert not {"case_no", "service_no", "item", "staff_no"} & set(sent)

"""Building commands: refused here, not by the device. Judging answers: only the device's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.commanding import (
    REFUSAL_WORDS,
    RejectedAnswer,
    build_command,
    command_name,
    explained,
    judge_answer,
    new_command_id,
    printable,
)
from collector.errors import BadCommand
from firmware_config.chain import split_token
from firmware_config.contract import (
    MAX_COMMAND_BYTES,
    MAX_COMMAND_LIFE_S,
    Answer,
    Channel,
    Command,
    Configure,
    Identify,
    OpenCase,
    Pause,
    Resend,
    SignInStaff,
    decode_command,
    encode,
    topic,
)
from firmware_config.keys import SigningKey

HALL = "hall-1"
KEY = SigningKey.from_seed(b"D" * 32)
OTHER = SigningKey.from_seed(b"O" * 32)
NOW_MS = 1_782_900_000_125
ID = new_command_id(bytes(range(16)))


def build(kind: type[Command], **fields: Any) -> Any:
    given = {"dev": "dev-1", "id": ID, "issued_ms": NOW_MS, "life_s": 30, **fields}
    return build_command(kind, **given)


def answer(**fields: Any) -> bytes:
    return encode(Answer(**{"dev": "dev-1", "id": ID, "outcome": "done", "v": 1, **fields}))


def judged(token: bytes, *, name: str = topic(HALL, "dev-1", Channel.ANSWER)) -> Any:
    return judge_answer(name, token, HALL, {"dev-1": KEY.public, "dev-2": OTHER.public})


def test_a_command_says_when_it_was_issued_and_when_it_is_void() -> None:
    command = build(OpenCase, case_no="2026-0001", life_s=1.5)

    assert command.issued_at == "2026-07-01T10:00:00.125Z"
    assert command.expires_at == "2026-07-01T10:00:01.625Z"
    assert decode_command(encode(command)) == command
    assert command_name(command) == "open-case"


@pytest.mark.parametrize(
    ("kind", "fields", "field", "problem"),
    [
        (
            OpenCase,
            {"case_no": ""},
            "case_no",
            "expected a text whose length is at least 1, got ''",
        ),
        (
            OpenCase,
            {"case_no": "x" * 65},
            "case_no",
            "expected a text whose length is at most 64, got 'xxx",
        ),
        (
            OpenCase,
            {"case_no": "1", "service_no": 0},
            "service_no",
            "expected a whole number at least 1, got 0",
        ),
        (
            OpenCase,
            {"case_no": "1", "service_no": 1000},
            "service_no",
            "expected a whole number at most 999",
        ),
        (
            SignInStaff,
            {"staff_no": ""},
            "staff_no",
            "expected a text whose length is at least 1, got ''",
        ),
        (SignInStaff, {"staff_no": "\udc80"}, "text", "expected UTF-8, got "),
        (
            Identify,
            {"duration_s": 121},
            "duration_s",
            "expected a whole number at most 120, got 121",
        ),
        (Resend, {"from_seq": 0}, "from_seq", "expected a whole number at least 1, got 0"),
        (
            Resend,
            {"from_seq": 2**53},
            "from_seq",
            "expected a whole number at most 9007199254740991, got",
        ),
        (
            Resend,
            {"from_seq": 2**70},
            "from_seq",
            "expected a whole number at most 9007199254740991",
        ),
        (Pause, {"life_s": 0.5}, "expires_in", f"expected 1 to {MAX_COMMAND_LIFE_S} s, got 0.5"),
        (Pause, {"life_s": MAX_COMMAND_LIFE_S + 1}, "expires_in", "expected 1 to"),
        (Pause, {"dev": "Dev 1"}, "dev", "expected a text matching"),
    ],
)
def test_what_no_device_could_read_is_refused_before_it_is_sent(
    kind: type[Command], fields: dict[str, Any], field: str, problem: str
) -> None:
    with pytest.raises(BadCommand) as caught:
        build(kind, **fields)

    assert caught.value.field == field
    assert caught.value.problem.startswith(problem)


def test_a_command_that_would_be_too_long_as_a_token_is_refused() -> None:
    values = {f"key-{number}": "喵" * 120 for number in range(32)}

    with pytest.raises(BadCommand, match=rf"at most {MAX_COMMAND_BYTES} bytes in .*, got \d+"):
        build(Configure, version=1, values=values)


@given(st.text(max_size=500), st.integers(0, 32))
def test_whatever_is_built_fits_into_the_largest_command(text: str, number: int) -> None:
    values = {f"key-{n}": text for n in range(number)}
    try:
        command = build(Configure, version=1, values=values)
    except BadCommand:
        return

    assert len(KEY.token(encode(command))) <= MAX_COMMAND_BYTES


def test_an_id_is_made_of_sixteen_random_bytes() -> None:
    with pytest.raises(ValueError, match="expected 16 bytes, got 15"):
        new_command_id(bytes(15))


def test_the_devices_own_answer_is_believed() -> None:
    good = judged(KEY.token(answer(outcome="refused", reason="session-open")))

    assert (good.dev, good.id, good.outcome, good.reason) == (
        "dev-1",
        ID,
        "refused",
        "session-open",
    )


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (OTHER.token(answer()), "wrong-key"),
        (SigningKey.from_seed(bytes(32)).token(answer()), "wrong-key"),
        (KEY.token(answer(dev="dev-2")), "wrong-device"),
        (KEY.token(answer())[:-8] + b"AAAAAAAA", "bad-signature"),
        (KEY.token(b'{"dev":"dev-1"}'), "schema"),
        (KEY.token(b"no JSON"), "malformed"),
        (KEY.token(answer(v=2)), "version"),
        (KEY.token(answer(id="short")), "schema"),
        (b"no token", "malformed"),
        (b"x" * (MAX_COMMAND_BYTES + 1), "oversized"),
    ],
)
def test_anything_else_is_rejected_with_its_reason(token: bytes, reason: str) -> None:
    bad = judged(token)

    assert isinstance(bad, RejectedAnswer)
    assert (bad.dev, bad.reason) == ("dev-1", reason)
    assert bad.detail


@pytest.mark.parametrize(
    "name",
    ["yiping/hall-2/dev-1/answer", "yiping/hall-1/dev-1/status", "yiping/hall-1/dev-1", "x"],
)
def test_only_the_halls_answers_are_looked_at(name: str) -> None:
    assert judged(KEY.token(answer()), name=name).reason == "topic"


def test_a_device_that_is_not_registered_says_nothing() -> None:
    name = topic(HALL, "dev-3", Channel.ANSWER)

    assert judged(KEY.token(answer(dev="dev-3")), name=name).reason == "wrong-key"


@given(st.binary(max_size=300))
def test_no_bytes_make_judging_raise(payload: bytes) -> None:
    assert isinstance(judged(payload), RejectedAnswer)


def test_the_devices_own_words_go_before_ours() -> None:
    refused = split_token(KEY.token(answer(outcome="refused", reason="storage")))
    plain = judged(refused.raw)
    told = judged(KEY.token(answer(outcome="refused", reason="storage", detail="disk I/O error")))

    assert explained(plain) == REFUSAL_WORDS["storage"]
    assert explained(told) == "disk I/O error"
    assert explained(judged(KEY.token(answer(reason="a-new-word")))) == ""


def test_what_a_device_says_cannot_forge_a_line_on_the_screen() -> None:
    assert printable("storage\x1b[2K\r\nw-a02 done") == "storage\ufffd[2K\ufffd\ufffdw-a02 done"
    assert printable("磁盘已满 · full") == "磁盘已满 · full"

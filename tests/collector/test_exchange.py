"""Waiting for answers: the same token again until answered, void, or nobody waits any more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.commanding import RejectedAnswer, Silence, build_command
from collector.exchange import GRACE_MS, RESEND_FIRST_MS, RESEND_MAX_MS, Exchange
from firmware_config.contract import Answer, Command, Pause


def pause(number: int = 1, device: str = "dev-1") -> Command:
    return build_command(
        Pause, dev=device, id=f"{number:022d}", issued_ms=1_782_900_000_000, life_s=30
    )


def answer(command: Command, **fields: Any) -> Answer:
    return Answer(**{"dev": command.dev, "id": command.id, "outcome": "done", "v": 1, **fields})


def waiting(patience_ms: int = 10_000, life_ms: int = 30_000) -> Exchange:
    exchange = Exchange()
    exchange.add(pause(), b"token", now_ms=0, life_ms=life_ms, patience_ms=patience_ms)
    return exchange


def send_all(exchange: Exchange, now_ms: int) -> list[bytes]:
    due = exchange.due(now_ms)
    for one in due:
        exchange.sent(one, now_ms)
    return [one.token for one in due]


def test_it_is_sent_at_once_and_again_with_growing_pauses() -> None:
    exchange, at_ms = waiting(patience_ms=60_000), []

    for now_ms in range(0, 20_000, 100):
        at_ms += [now_ms for _ in send_all(exchange, now_ms)]

    assert at_ms == [0, 1000, 3000, 7000, 12_000, 17_000]
    assert at_ms[1] == RESEND_FIRST_MS
    assert at_ms[-1] - at_ms[-2] == RESEND_MAX_MS


def test_an_answer_ends_it_and_a_second_one_is_nobodys() -> None:
    exchange = waiting()
    send_all(exchange, 0)

    assert exchange.answered(answer(pause())) is not None
    assert exchange.answered(answer(pause())) is None
    assert len(exchange) == 0
    assert exchange.wait_ms(0, is_connected=True) is None


def test_only_the_device_that_was_commanded_can_answer() -> None:
    exchange = waiting()

    assert exchange.answered(answer(pause(), dev="dev-2")) is None
    assert exchange.answered(answer(pause(2))) is None
    assert len(exchange) == 1


def test_a_new_connection_sends_everything_again_at_once() -> None:
    exchange = waiting()
    send_all(exchange, 0)
    assert send_all(exchange, 10) == []

    exchange.connected(10)

    assert send_all(exchange, 10) == [b"token"]


def test_a_void_command_is_not_sent_again_and_waited_for_a_moment_longer() -> None:
    exchange = waiting(patience_ms=60_000, life_ms=5000)
    send_all(exchange, 0)

    assert send_all(exchange, 5000) == []
    assert exchange.given_up(5000) == []
    assert exchange.wait_ms(5000, is_connected=True) == GRACE_MS
    assert [one.reason for one in exchange.given_up(5000 + GRACE_MS)] == [Silence.SILENT]


@pytest.mark.parametrize(
    ("codes", "is_sent", "rejections", "reason", "words"),
    [
        ([], False, 0, Silence.NO_BROKER, "nothing was sent: no connection"),
        ([0], True, 0, Silence.SILENT, "sent once, no answer; it may still be carried out until"),
        ([0x10], True, 0, Silence.OFFLINE, "the device is not connected"),
        ([0x10, 0], True, 0, Silence.SILENT, "sent once"),
        (
            [0],
            True,
            1,
            Silence.SILENT,
            "sent once, 1 answer refused: wrong-key: signed by somebody; ",
        ),
        ([0], True, 2, Silence.SILENT, "sent once, 2 answers refused: wrong-key: "),
    ],
)
def test_silence_says_what_is_known(
    codes: list[int], is_sent: bool, rejections: int, reason: Silence, words: str
) -> None:
    exchange = waiting()
    if is_sent:
        send_all(exchange, 0)
    for code in codes:
        assert exchange.published(pause().id, code) is None
    for number in range(rejections):
        is_news = exchange.rejected(RejectedAnswer("dev-1", "wrong-key", "signed by somebody"))
        assert is_news is (number == 0)

    [result] = exchange.given_up(10_000)

    assert result.reason is reason
    assert result.detail.startswith(words)


def test_a_refusal_by_the_broker_ends_it_at_once() -> None:
    exchange = waiting()
    send_all(exchange, 0)

    result = exchange.published(pause().id, 0x87)

    assert result is not None
    assert result.reason is Silence.BROKER_REFUSED
    assert "0x87" in result.detail
    assert exchange.published(pause().id, 0x87) is None


def test_a_rejected_answer_of_a_device_nobody_asked_is_nobodys() -> None:
    assert not waiting().rejected(RejectedAnswer("dev-2", "wrong-key", ""))


def test_all_can_be_given_up_for_one_reason() -> None:
    exchange = waiting()
    exchange.add(pause(2, "dev-2"), b"two", now_ms=0, life_ms=1, patience_ms=1)

    ended = exchange.end_all(Silence.STOPPED, "stopped")

    assert [(one.dev, one.reason) for one in ended] == [
        ("dev-1", Silence.STOPPED),
        ("dev-2", Silence.STOPPED),
    ]
    assert len(exchange) == 0


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)), max_size=5),
    st.lists(st.integers(0, 3000), max_size=60),
    st.booleans(),
)
def test_it_never_spins_and_every_command_ends_in_time(
    commands: list[tuple[int, int]], steps: list[int], is_connected: bool
) -> None:
    exchange = Exchange()
    for number, (life_ms, patience_ms) in enumerate(commands):
        exchange.add(pause(number), b"token", now_ms=0, life_ms=life_ms, patience_ms=patience_ms)
    now_ms, turns = 0, 0

    while len(exchange):
        turns += 1
        assert turns < 200
        if is_connected:
            send_all(exchange, now_ms)
        exchange.given_up(now_ms)
        wait_ms = exchange.wait_ms(now_ms, is_connected=is_connected)
        if wait_ms is not None:
            assert wait_ms > 0
            now_ms += min(wait_ms, steps.pop() + 1) if steps else wait_ms

    assert now_ms <= max((patience_ms for _, patience_ms in commands), default=0) + 3000

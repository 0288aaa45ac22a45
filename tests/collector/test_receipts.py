"""When receipts go out: at once when idle, at most one a second and device, at once on HELLO."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.receipts import INTERVAL_MS, ReceiptsDue

ONE, OTHER = ("dev-1", "A" * 22), ("dev-2", "B" * 22)


def test_the_first_receipt_goes_at_once() -> None:
    due = ReceiptsDue()
    assert due.wait_ms(0) is None
    due.ask(ONE)
    assert due.wait_ms(0) == 0
    assert due.take(0) == [ONE]
    assert due.take(0) == []
    assert due.wait_ms(0) is None


def test_receipts_of_one_device_are_coalesced_to_one_a_second() -> None:
    due = ReceiptsDue()
    sent = []
    for now_ms in range(0, 5000, 10):
        due.ask(ONE)
        sent += [now_ms for _ in due.take(now_ms)]
    assert sent == [0, 1000, 2000, 3000, 4000]


def test_one_device_does_not_hold_up_another() -> None:
    due = ReceiptsDue()
    due.ask(ONE)
    due.take(0)
    due.ask(ONE)
    due.ask(OTHER)
    assert due.take(10) == [OTHER]
    assert due.wait_ms(10) == 990
    assert due.take(1000) == [ONE]


def test_a_hello_is_answered_at_once_within_the_second() -> None:
    due = ReceiptsDue()
    due.ask(ONE)
    due.take(0)
    due.ask(ONE, is_urgent=True)
    assert due.wait_ms(1) == 0
    assert due.take(1) == [ONE]


def test_two_journals_of_one_device_both_get_theirs() -> None:
    due = ReceiptsDue()
    older = ("dev-1", "C" * 22)
    due.ask(older)
    due.ask(ONE)
    assert due.take(0) == [older, ONE]


def test_a_receipt_that_could_not_be_sent_is_owed_again() -> None:
    due = ReceiptsDue()
    due.ask(ONE)
    for journal in due.take(0):
        due.put_back(journal)
    assert due.take(1) == [ONE]


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.booleans()), max_size=60))
def test_every_receipt_asked_for_goes_out_and_never_too_often(
    steps: list[tuple[int, bool, bool]],
) -> None:
    due, now_ms, last_ms, owed = ReceiptsDue(), 0, -INTERVAL_MS, False
    for wait_ms, is_urgent, is_asked in steps:
        now_ms += wait_ms
        if is_asked:
            due.ask(ONE, is_urgent=is_urgent)
            owed = True
        taken = due.take(now_ms)
        if taken:
            assert owed
            if not (is_asked and is_urgent):
                assert now_ms - last_ms >= INTERVAL_MS
            last_ms, owed = now_ms, False
        elif owed:
            assert now_ms - last_ms < INTERVAL_MS
    if owed:
        assert due.take(now_ms + INTERVAL_MS) == [ONE]

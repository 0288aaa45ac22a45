"""A connection that only looks alive is made anew; a thread that does not obey is dead."""

from __future__ import annotations

from kiosk.silence import FIRST_MS, HANGING_MS, MAX_MS, Silence


def test_a_long_silence_asks_once_for_a_new_connection_and_then_waits_longer() -> None:
    silence = Silence()
    silence.link_changed(0)
    assert not silence.is_too_long(FIRST_MS - 1, is_waiting=True)
    assert silence.is_too_long(FIRST_MS, is_waiting=True)
    assert not silence.is_too_long(FIRST_MS + 1, is_waiting=True)
    silence.link_changed(FIRST_MS + 500)
    now_ms = FIRST_MS + 500 + FIRST_MS
    assert not silence.is_too_long(now_ms, is_waiting=True)
    assert silence.is_too_long(now_ms + FIRST_MS, is_waiting=True)


def test_nothing_sent_is_no_silence() -> None:
    silence = Silence()
    silence.link_changed(0)
    assert not silence.is_too_long(10 * FIRST_MS, is_waiting=False)
    assert not silence.is_too_long(11 * FIRST_MS - 1, is_waiting=True)
    assert silence.is_too_long(11 * FIRST_MS, is_waiting=True)


def test_a_receipt_ends_the_silence_and_shortens_the_wait_again() -> None:
    silence = Silence()
    silence.link_changed(0)
    assert silence.is_too_long(FIRST_MS, is_waiting=True)
    silence.link_changed(FIRST_MS)
    silence.receipt_taken(FIRST_MS + 10)
    assert not silence.is_too_long(2 * FIRST_MS + 9, is_waiting=True)
    assert silence.is_too_long(2 * FIRST_MS + 10, is_waiting=True)


def test_the_wait_has_a_limit() -> None:
    silence = Silence()
    now_ms = 0
    for _ in range(12):
        silence.link_changed(now_ms)
        now_ms += MAX_MS
        assert silence.is_too_long(now_ms, is_waiting=True)


def test_a_thread_that_does_not_connect_anew_hangs() -> None:
    silence = Silence()
    silence.link_changed(0)
    assert not silence.is_hanging(10**9)
    assert silence.is_too_long(FIRST_MS, is_waiting=True)
    assert not silence.is_hanging(FIRST_MS + HANGING_MS)
    assert silence.is_hanging(FIRST_MS + HANGING_MS + 1)
    silence.link_changed(FIRST_MS + HANGING_MS + 2)
    assert not silence.is_hanging(10**9)

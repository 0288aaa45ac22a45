"""When the collector's time is worth a record."""

from __future__ import annotations

import pytest

from kiosk.meeting import AGAIN_AFTER_MS, MOVED_MS, Meetings

SERVER_MS = 1_782_900_000_000


def test_the_first_receipt_is_written_down() -> None:
    assert Meetings().note(mono_ms=5, server_ms=SERVER_MS)


@pytest.mark.parametrize(
    ("later_ms", "moved_ms", "is_written"),
    [
        (AGAIN_AFTER_MS, MOVED_MS + 1, True),
        (AGAIN_AFTER_MS, -MOVED_MS - 1, True),
        (AGAIN_AFTER_MS, MOVED_MS, False),
        (AGAIN_AFTER_MS - 1, 3_600_000, False),
        (10 * AGAIN_AFTER_MS, 0, False),
    ],
)
def test_a_later_one_only_when_the_clocks_moved_apart_and_not_within_the_hour(
    later_ms: int, moved_ms: int, is_written: bool
) -> None:
    meetings = Meetings()
    meetings.note(mono_ms=5, server_ms=SERVER_MS)

    again = meetings.note(mono_ms=5 + later_ms, server_ms=SERVER_MS + later_ms + moved_ms)

    assert again == is_written


def test_a_slow_drift_adds_up_against_what_was_written() -> None:
    meetings = Meetings()
    meetings.note(mono_ms=0, server_ms=SERVER_MS)
    written = []
    for hour in range(1, 8):  # 0.4 s an hour
        mono_ms = hour * AGAIN_AFTER_MS
        server_ms = SERVER_MS + mono_ms + 400 * hour
        if meetings.note(mono_ms=mono_ms, server_ms=server_ms):
            written.append(hour)
    assert written == [3, 6]

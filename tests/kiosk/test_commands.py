"""What makes a command void, what the device knows of the time, and what commands become."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_config.contract import (
    Configure,
    Identify,
    OpenCase,
    Pause,
    Resend,
    Resume,
    SelfTest,
    SignInStaff,
    SignOutStaff,
)
from kiosk.commands import AHEAD_MS, collector_now_ms, event_of, refusal_of
from kiosk.events import (
    CaseOpened,
    IdentifyAsked,
    PauseAsked,
    ResumeAsked,
    SelfTestAsked,
    SignedIn,
    SignedOut,
)
from kiosk.window import time_ms

BASE: dict[str, Any] = {
    "dev": "w-a01",
    "id": "I" * 22,
    "issued_at": "2026-03-02T01:00:00.000Z",
    "expires_at": "2026-03-02T01:01:00.000Z",
    "v": 1,
}
ISSUED_MS = time_ms(BASE["issued_at"])


@pytest.mark.parametrize(
    ("changes", "now_ms", "reason"),
    [
        ({}, ISSUED_MS, ""),
        ({}, ISSUED_MS + 59_999, ""),
        ({}, ISSUED_MS + 60_000, "expired"),
        ({}, ISSUED_MS - AHEAD_MS, ""),
        ({}, ISSUED_MS - AHEAD_MS - 1, "not-yet"),
        ({}, None, "clock-unknown"),
        ({"dev": "w-a02"}, ISSUED_MS, "wrong-device"),
        ({"expires_at": "2026-03-02T01:05:00.000Z"}, ISSUED_MS, ""),
        ({"expires_at": "2026-03-02T01:05:00.001Z"}, ISSUED_MS, "too-long-lived"),
        ({"issued_at": "2026-03-02T01:02:00.000Z"}, ISSUED_MS, "not-yet"),
        (
            {"issued_at": "2026-03-02T01:00:20.000Z", "expires_at": "2026-03-02T01:00:10.000Z"},
            ISSUED_MS,
            "too-long-lived",
        ),
    ],
)
def test_a_command_is_void_for_a_reason(
    changes: dict[str, Any], now_ms: int | None, reason: str
) -> None:
    assert refusal_of(Pause(**BASE | changes), device="w-a01", now_ms=now_ms) == reason


@pytest.mark.parametrize(
    ("live_ms", "wall_ms", "expected"),
    [(None, None, None), (900, None, 900), (None, 800, 800), (700, 800, 800), (900, 800, 900)],
)
def test_the_collectors_time_is_the_latest_that_is_known(
    live_ms: int | None, wall_ms: int | None, expected: int | None
) -> None:
    assert collector_now_ms(live_ms=live_ms, wall_ms=wall_ms) == expected


def test_commands_become_events_that_carry_their_id() -> None:
    common: dict[str, Any] = {"at_ms": 5, "command_id": "I" * 22}
    case: dict[str, Any] = {"case_no": "C", "service_no": 2, "item": "x", "staff_no": "7"}
    assert event_of(OpenCase(**BASE, **case), 5) == CaseOpened(**common, **case)
    assert event_of(SignInStaff(**BASE, staff_no="7", name="李四"), 5) == SignedIn(
        **common, staff_no="7", name="李四", via="command"
    )
    assert event_of(SignOutStaff(**BASE), 5) == SignedOut(**common, via="command")
    assert event_of(Pause(**BASE), 5) == PauseAsked(**common)
    assert event_of(Resume(**BASE), 5) == ResumeAsked(**common)
    assert event_of(SelfTest(**BASE), 5) == SelfTestAsked(**common)
    assert event_of(Identify(**BASE, duration_s=3), 5) == IdentifyAsked(**common, duration_ms=3000)
    assert event_of(Resend(**BASE, from_seq=1), 5) is None
    assert event_of(Configure(**BASE, version=1, values={}), 5) is None

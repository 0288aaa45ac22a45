"""A device's state follows from when it was last heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.devices.state import (
    LATE_AFTER_S,
    OFFLINE_AFTER_S,
    DeviceState,
    state_of,
    tally_of,
)

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("said", "age_s", "state"),
    [
        ("online", 0, DeviceState.ONLINE),
        ("online", LATE_AFTER_S, DeviceState.ONLINE),
        ("online", LATE_AFTER_S + 1, DeviceState.LATE),
        ("online", OFFLINE_AFTER_S, DeviceState.LATE),
        ("online", OFFLINE_AFTER_S + 1, DeviceState.OFFLINE),
        ("offline", 0, DeviceState.OFFLINE),
        ("", 10, DeviceState.OFFLINE),
        ("online", -60, DeviceState.ONLINE),
    ],
)
def test_age_and_last_word_give_the_state(said: str, age_s: float, state: DeviceState) -> None:
    assert state_of(said, NOW - int(age_s * 1000), NOW) is state


def test_what_was_never_heard_is_never_whatever_else_is_known() -> None:
    assert state_of("online", None, NOW) is DeviceState.NEVER


@given(st.sampled_from(["online", "offline"]), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_device_never_gets_better_by_waiting(said: str, age_ms: int, more_ms: int) -> None:
    order = [DeviceState.ONLINE, DeviceState.LATE, DeviceState.OFFLINE]
    before = state_of(said, NOW - age_ms, NOW)
    after = state_of(said, NOW - age_ms, NOW + more_ms)
    assert order.index(after) >= order.index(before)


@given(st.lists(st.sampled_from(DeviceState)))
def test_every_device_is_counted_once(states: list[DeviceState]) -> None:
    tally = tally_of(states)
    assert tally.total == len(states)
    assert tally.away == len(states) - states.count(DeviceState.ONLINE)

"""From raw edges to presses: bounce, spikes, order, lost edges, stuck keys, the clerk's key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.edges import CLERK, LONG_PRESS_MS, STUCK_MS, TEST_PRESS_MS, EdgeFilter
from kiosk.events import (
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    ClerkTestPress,
    Edge,
    Event,
    HeldAtStart,
    Noted,
    Press,
)

LEVELS = {"good": 5, "bad": 1}
DEBOUNCE_MS = 15


@pytest.fixture
def keys() -> EdgeFilter:
    return EdgeFilter(LEVELS, DEBOUNCE_MS)


def down(button: str, at_ms: int) -> Edge:
    return Edge(at_ms=at_ms, button=button, is_pressed=True)


def up(button: str, at_ms: int) -> Edge:
    return Edge(at_ms=at_ms, button=button, is_pressed=False)


def feed(keys: EdgeFilter, *events: Event, until_ms: int) -> list[Event]:
    for event in events:
        keys.push(event)
    return keys.pop(until_ms)


def brief(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(type(event).__name__, event.at_ms) for event in events]


def test_a_press_is_reported_once_quiet_and_dated_to_its_first_edge(keys: EdgeFilter) -> None:
    keys.push(down("good", 100))
    assert keys.pop(114) == []
    assert keys.due_ms() == 115
    assert keys.pop(115) == [Press(at_ms=100, button="good", level=5)]
    assert keys.pop(2000) == []


def test_a_bouncing_contact_is_one_press(keys: EdgeFilter) -> None:
    burst = [(down if number % 2 == 0 else up)("good", 100 + number * 2) for number in range(11)]
    assert brief(feed(keys, *burst, until_ms=500)) == [("Press", 100)]
    bounce_up = [(up if number % 2 == 0 else down)("good", 600 + number) for number in range(5)]
    assert feed(keys, *bounce_up, until_ms=900) == []
    assert keys.presses["good"] == 1


def test_a_spike_shorter_than_the_debounce_time_is_no_press_but_is_counted(
    keys: EdgeFilter,
) -> None:
    assert feed(keys, down("good", 100), up("good", 101), until_ms=500) == []
    assert keys.spikes == 1
    assert keys.presses["good"] == 0


def test_a_tap_just_longer_than_the_debounce_time_is_a_press(keys: EdgeFilter) -> None:
    assert brief(feed(keys, down("good", 100), up("good", 116), until_ms=500)) == [("Press", 100)]


def test_of_two_keys_the_first_edge_comes_first_even_when_it_settles_later(
    keys: EdgeFilter,
) -> None:
    keys.push(down("bad", 100))
    keys.push(down("good", 105))
    keys.push(up("bad", 108))
    keys.push(down("bad", 112))
    assert keys.pop(121) == []  # good has settled, but bad's first edge is older and undecided
    assert brief(keys.pop(127)) == [("Press", 100), ("Press", 105)]


def test_other_events_keep_their_place_among_the_presses(keys: EdgeFilter) -> None:
    case = CaseOpened(at_ms=110, case_no="C")
    assert feed(keys, down("good", 100), case, until_ms=112) == []
    assert brief(keys.pop(120)) == [("Press", 100), ("CaseOpened", 110)]


def test_time_does_not_pass_an_undecided_edge(keys: EdgeFilter) -> None:
    keys.push(down("good", 100))
    assert keys.horizon_ms(110) == 99
    keys.pop(115)
    assert keys.horizon_ms(116) == 116


def test_the_clerks_key_invites_when_released(keys: EdgeFilter) -> None:
    assert feed(keys, down(CLERK, 100), until_ms=400) == []
    assert feed(keys, up(CLERK, 500), until_ms=600) == [ClerkKey(at_ms=500)]


def test_the_clerks_long_press_pauses_at_its_time_and_the_release_means_nothing(
    keys: EdgeFilter,
) -> None:
    keys.push(down(CLERK, 100))
    keys.pop(200)
    assert keys.due_ms() == 100 + LONG_PRESS_MS
    assert keys.pop(100 + LONG_PRESS_MS) == [ClerkLongPress(at_ms=100 + LONG_PRESS_MS)]
    assert feed(keys, up(CLERK, 3000), until_ms=4000) == []


def test_a_contact_that_never_gets_quiet_holds_up_nobody_and_is_a_fault_once(
    keys: EdgeFilter,
) -> None:
    out = []
    for number in range(400):
        keys.push((down if number % 2 == 0 else up)("bad", 1000 + number * 5))
        if number == 200:
            keys.push(down("good", 2001))
        out += keys.pop(1000 + number * 5)
    assert brief(out) == [("Noted", 1500), ("Press", 2001)]
    assert out[0].fields == {"reason": "chattering-button", "detail": "bad"}  # type: ignore[attr-defined]
    assert brief(feed(keys, down("bad", 9000), until_ms=9100)) == [("Press", 9000)]


def test_a_lost_release_is_found_by_the_poll(keys: EdgeFilter) -> None:
    feed(keys, down("good", 100), until_ms=200)
    keys.poll(frozenset(), 1000)
    keys.pop(1100)
    assert brief(feed(keys, down("good", 1200), until_ms=1300)) == [("Press", 1200)]


def test_a_lost_press_edge_is_found_by_the_poll(keys: EdgeFilter) -> None:
    keys.poll(frozenset({"bad"}), 1000)
    assert brief(keys.pop(1015)) == [("Press", 1000)]


def test_a_key_that_stays_down_is_a_fault_once(keys: EdgeFilter) -> None:
    feed(keys, down("good", 100), until_ms=200)
    (fault,) = keys.pop(100 + STUCK_MS)
    assert isinstance(fault, Noted)
    assert fault.fields == {"reason": "stuck-button", "detail": "good"}
    assert keys.stuck == ("good",)
    assert keys.pop(100 + 3 * STUCK_MS) == []
    feed(keys, up("good", 200_000), until_ms=200_100)
    assert keys.stuck == ()


def test_keys_held_at_the_start_are_reported_and_are_no_presses(keys: EdgeFilter) -> None:
    keys.begin(frozenset({"bad", CLERK}), 50)
    events = keys.pop(60)
    assert HeldAtStart(at_ms=50, button="bad", level=1) in events
    assert sorted(type(event).__name__ for event in events) == ["HeldAtStart", "Noted"]
    assert feed(keys, up("bad", 300), up(CLERK, 300), until_ms=400) == []
    assert brief(feed(keys, down("bad", 500), until_ms=600)) == [("Press", 500)]


def test_the_press_that_is_coming_is_known_before_it_is_decided(keys: EdgeFilter) -> None:
    assert keys.coming() is None
    keys.push(down("good", 100))
    assert keys.coming() == Press(at_ms=100, button="good", level=5)
    keys.pop(115)
    assert keys.coming() is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["good", "bad", CLERK]), st.integers(0, 40)),
        max_size=60,
    )
)
def test_whatever_the_contacts_do_events_come_out_in_order_and_once(
    steps: list[tuple[int, str, int]],
) -> None:
    keys = EdgeFilter(LEVELS, DEBOUNCE_MS)
    is_down = {"good": False, "bad": False, CLERK: False}
    now_ms, out = 1000, []
    downs = 0
    for gap_ms, name, later_ms in steps:
        now_ms += gap_ms
        is_down[name] = not is_down[name]
        downs += is_down[name]
        keys.push(Edge(at_ms=now_ms, button=name, is_pressed=is_down[name]))
        now_ms += later_ms
        out += keys.pop(now_ms)
    out += keys.pop(now_ms + LONG_PRESS_MS + 1000)
    times = [event.at_ms for event in out]
    assert times == sorted(times)
    assert sum(keys.presses.values()) + keys.spikes <= downs
    assert sum(isinstance(event, Press) for event in out) == sum(
        count for name, count in keys.presses.items() if name != CLERK
    )
    assert keys.is_quiet


def test_the_clerks_key_held_for_ten_seconds_asks_for_the_self_test_once(keys: EdgeFilter) -> None:
    keys.push(Edge(at_ms=100, button=CLERK, is_pressed=True))
    keys.pop(100 + LONG_PRESS_MS)
    assert keys.due_ms() == 100 + TEST_PRESS_MS
    assert keys.pop(100 + TEST_PRESS_MS) == [ClerkTestPress(at_ms=100 + TEST_PRESS_MS)]
    keys.push(Edge(at_ms=15_000, button=CLERK, is_pressed=False))
    assert keys.pop(16_000) == []


def test_every_change_of_a_pin_is_counted_noise_among_them(keys: EdgeFilter) -> None:
    for at_ms, is_pressed in ((1, True), (2, False), (3, True), (3, True)):
        keys.push(Edge(at_ms=at_ms, button="good", is_pressed=is_pressed))
    assert keys.edges["good"] == 3
    assert keys.edges[CLERK] == 0


def test_a_spike_whose_release_is_delivered_late_is_no_press() -> None:
    """On a busy processor: the pin is up again, but its edge has not come yet."""
    is_down = True
    keys = EdgeFilter(LEVELS, DEBOUNCE_MS, lambda name: is_down)
    keys.push(down("bad", 100))
    is_down = False
    assert keys.pop(100 + DEBOUNCE_MS + 20) == []
    assert feed(keys, up("bad", 103), until_ms=200) == []
    assert keys.spikes == 1


def test_a_tap_whose_release_is_delivered_late_is_a_press() -> None:
    is_down = True
    keys = EdgeFilter(LEVELS, DEBOUNCE_MS, lambda name: is_down)
    keys.push(down("bad", 100))
    is_down = False
    assert keys.pop(140) == []
    assert feed(keys, up("bad", 130), until_ms=200) == [Press(at_ms=100, button="bad", level=1)]


def test_a_press_whose_release_never_comes_is_decided_by_the_poll() -> None:
    keys = EdgeFilter(LEVELS, DEBOUNCE_MS, lambda name: False)
    keys.push(down("bad", 100))
    assert keys.pop(900) == []
    keys.poll(frozenset(), 1000)
    assert brief(keys.pop(1100)) == [("Press", 100)]

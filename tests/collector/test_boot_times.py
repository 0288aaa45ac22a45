"""When boots began: by receipts and clocks where they met, else between their neighbours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.boot_times import (
    CLOSE_MS,
    HEARD_WITHIN_MS,
    BootFacts,
    BootTime,
    boot_times,
    own_time,
)
from collector.press_time import FUTURE_TOLERANCE_MS, TimeQuality, wall_text
from firmware_config.contract import Boot, Clock, Kind

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_782_691_200_000  # 2026-06-29T00:00:00Z
OFFSET, BOUNDED = TimeQuality.OFFSET, TimeQuality.BOUNDED


def record(kind: Kind = Kind.BOOT, **fields: Any) -> Any:
    base = {
        "dev": "dev-1",
        "epoch": "A" * 22,
        "seq": 1,
        "prev": "",
        "boot": "0" * 32,
        "mono_ms": 0,
        "wall": "1970-01-01T00:00:00.000Z",
        "synced": False,
        "v": 1,
    }
    if kind is Kind.CLOCK:
        return Clock(**{**base, "step_ms": 0, **fields})
    return Boot(**{**base, "version": "1", **fields})


def facts_of(*given: tuple[Any, int | None, int]) -> BootFacts:
    facts = BootFacts()
    for each, believed_ms, received_ms in given:
        facts.take(each, believed_ms, received_ms)
    return facts


def unmet(first_seq: int, length_ms: int, not_after_ms: int) -> BootFacts:
    return BootFacts(first_seq, length_ms, not_after_ms)


def met(first_seq: int, length_ms: int, begun_ms: int) -> BootFacts:
    return BootFacts(first_seq, length_ms, begun_ms + 40, begun_ms - 3)


def utc(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%a %H:%M}"


def test_a_reception_is_the_latest_a_record_can_be() -> None:
    facts = facts_of(
        (record(seq=4, mono_ms=5_000), None, MONDAY_MS),
        (record(seq=3, mono_ms=2_000), None, MONDAY_MS),
    )
    assert facts == BootFacts(3, 5_000, MONDAY_MS - 5_000, None)
    assert own_time(facts) == BootTime(MONDAY_MS - 5_000, None, MONDAY_MS - 5_000, BOUNDED)


def test_a_synchronised_clock_tells_when_its_boot_began() -> None:
    facts = facts_of(
        (record(seq=1, mono_ms=1_000), None, MONDAY_MS),
        (record(seq=2, mono_ms=9_000, synced=True), MONDAY_MS - DAY_MS, MONDAY_MS),
    )
    begun_ms = MONDAY_MS - DAY_MS - 9_000
    assert own_time(facts) == BootTime(begun_ms, begun_ms, begun_ms, OFFSET)


@pytest.mark.parametrize("behind_ms", [0, 1, CLOSE_MS])
def test_a_record_received_soon_after_a_receipt_tells_when_its_boot_began(behind_ms: int) -> None:
    heard = record(Kind.CLOCK, mono_ms=500, server_time=wall_text(MONDAY_MS))
    facts = facts_of((heard, None, MONDAY_MS + behind_ms))
    begun_ms = MONDAY_MS - 500
    assert own_time(facts) == BootTime(begun_ms + behind_ms, begun_ms, begun_ms + behind_ms, OFFSET)


def test_a_meeting_whose_record_came_days_later_is_told_by_the_receipt() -> None:
    heard = record(Kind.CLOCK, mono_ms=500, server_time=wall_text(MONDAY_MS))
    begun_ms = MONDAY_MS - 500
    assert own_time(facts_of((heard, None, MONDAY_MS + 3 * DAY_MS))) == BootTime(
        begun_ms, begun_ms, begun_ms + HEARD_WITHIN_MS, OFFSET
    )
    soon_ms = MONDAY_MS + CLOSE_MS + 1
    assert own_time(facts_of((heard, None, soon_ms))).latest_ms == soon_ms - 500


@pytest.mark.parametrize(
    ("server_time", "received_ms"),
    [
        ("", MONDAY_MS),
        (wall_text(MONDAY_MS), MONDAY_MS - FUTURE_TOLERANCE_MS - 1),
        ("2019-12-31T23:59:59.999Z", MONDAY_MS),
        ("2026-02-30T00:00:00.000Z", MONDAY_MS),
    ],
)
def test_a_receipt_that_cannot_be_is_no_meeting(server_time: str, received_ms: int) -> None:
    heard = record(Kind.CLOCK, mono_ms=500, server_time=server_time)
    assert facts_of((heard, None, received_ms)).met_ms is None


def test_clocks_that_contradict_each_other_give_both_claims_and_no_time_after_reception() -> None:
    """A crystal that runs slow by 4 s, or a collector whose clock was set back."""
    facts = BootFacts(1, DAY_MS, MONDAY_MS, MONDAY_MS + 4_000)
    assert own_time(facts) == BootTime(MONDAY_MS, MONDAY_MS, MONDAY_MS + 4_000, OFFSET)


def test_a_day_without_the_network_is_put_between_its_neighbours() -> None:
    """On at 08:00, off at 17:30; the network was down on Tuesday."""
    length_ms = 9 * HOUR_MS + HOUR_MS // 2
    monday = met(1, length_ms, MONDAY_MS + 8 * HOUR_MS)
    tuesday = unmet(50, length_ms, MONDAY_MS + 2 * DAY_MS + 8 * HOUR_MS - length_ms)
    wednesday = met(90, 60_000, MONDAY_MS + 2 * DAY_MS + 8 * HOUR_MS)

    _, time, _ = boot_times([monday, tuesday, wednesday])

    assert (utc(time.offset_ms), time.quality) == ("Tue 08:00", BOUNDED)
    assert time.earliest_ms is not None
    assert (utc(time.earliest_ms), utc(time.latest_ms)) == ("Mon 17:29", "Tue 22:30")


@pytest.mark.parametrize("days", [1, 2, 3, 4])
def test_several_days_without_the_network_each_get_their_own_day(days: int) -> None:
    length_ms = 9 * HOUR_MS + HOUR_MS // 2
    back_ms = MONDAY_MS + (days + 1) * DAY_MS + 8 * HOUR_MS
    boots = [
        met(1, length_ms, MONDAY_MS + 8 * HOUR_MS),
        *(unmet(100 * n, length_ms, back_ms + n - length_ms) for n in range(1, days + 1)),
        met(9000, 60_000, back_ms),
    ]

    times = boot_times(boots)

    for day in range(1, days + 1):
        right_ms = MONDAY_MS + day * DAY_MS + 8 * HOUR_MS
        assert abs(times[day].offset_ms - right_ms) < 1_000
        assert times[day].quality is BOUNDED


def test_days_before_anything_was_known_are_put_as_late_as_they_can_be() -> None:
    back_ms = MONDAY_MS + 8 * HOUR_MS
    boots = [unmet(1, HOUR_MS, back_ms), unmet(9, HOUR_MS, back_ms), met(20, 5, back_ms)]

    first, second, _ = boot_times(boots)

    assert second == BootTime(back_ms + 40 - HOUR_MS, None, back_ms + 40 - HOUR_MS, BOUNDED)
    assert first.offset_ms == second.offset_ms - HOUR_MS


def test_the_newest_boot_brought_its_own_records_and_is_told_by_them() -> None:
    """So presses of a morning stand right also in the moment before the first receipt is told."""
    boots = [
        met(1, HOUR_MS, MONDAY_MS),
        unmet(9, HOUR_MS, MONDAY_MS + 3 * DAY_MS),
        unmet(20, HOUR_MS, MONDAY_MS + 3 * DAY_MS),
    ]

    _, between, newest = boot_times(boots)

    assert newest.offset_ms == newest.latest_ms == MONDAY_MS + 3 * DAY_MS
    assert (newest.earliest_ms, newest.quality) == (MONDAY_MS - 3 + 2 * HOUR_MS, BOUNDED)
    assert utc(between.offset_ms) == "Tue 12:00"


def test_a_boot_that_was_heard_of_early_is_not_put_after_that() -> None:
    boots = [
        met(1, HOUR_MS, MONDAY_MS),
        unmet(9, HOUR_MS, MONDAY_MS + 2 * HOUR_MS),
        unmet(12, HOUR_MS, MONDAY_MS + 9 * DAY_MS),
        met(20, HOUR_MS, MONDAY_MS + 9 * DAY_MS),
    ]

    times = boot_times(boots)

    assert times[1].offset_ms == MONDAY_MS + 2 * HOUR_MS
    assert times[2].offset_ms > MONDAY_MS + 4 * DAY_MS


facts = st.builds(
    BootFacts,
    first_seq=st.integers(1, 2**53),
    last_mono_ms=st.integers(0, 2**53) | st.integers(0, DAY_MS),
    not_after_ms=st.integers(-(2**53), MONDAY_MS + DAY_MS) | st.integers(MONDAY_MS, MONDAY_MS * 2),
    met_ms=st.none() | st.integers(-(2**53), MONDAY_MS + DAY_MS),
)
journals = st.lists(facts, max_size=9, unique_by=lambda boot: boot.first_seq).map(
    lambda boots: sorted(boots, key=lambda boot: boot.first_seq)
)


@given(journals)
def test_whatever_clocks_claim_no_press_is_later_than_it_came_and_all_fits_the_database(
    boots: list[BootFacts],
) -> None:
    for boot, time in zip(boots, boot_times(boots), strict=True):
        assert time.offset_ms <= boot.not_after_ms
        assert (time.quality is OFFSET) == (boot.met_ms is not None)
        for ms in (time.offset_ms, time.earliest_ms or 0, time.latest_ms):
            assert abs(ms) < 2**62
        assert time.earliest_ms is None or time.earliest_ms <= time.latest_ms


@given(journals)
def test_what_lies_before_a_boot_that_met_does_not_matter_after_it(boots: list[BootFacts]) -> None:
    times = boot_times(boots)
    for at, boot in enumerate(boots):
        if boot.met_ms is not None:
            assert boot_times(boots[at:]) == times[at:]


@st.composite
def true_histories(draw: Any) -> tuple[list[int], list[BootFacts]]:
    """Boots that really were, with honest clocks: when each began, and what is known."""
    begun: list[int] = []
    boots: list[BootFacts] = []
    at_ms = MONDAY_MS
    lengths = [draw(st.integers(0, DAY_MS)) for _ in range(draw(st.integers(1, 7)))]
    ends = []
    for length_ms in lengths:
        at_ms += draw(st.integers(0, 2 * DAY_MS))
        begun.append(at_ms)
        at_ms += length_ms
        ends.append(at_ms)
    received_ms = at_ms + draw(st.integers(0, DAY_MS))
    for number, (begun_ms, length_ms) in enumerate(zip(begun, lengths, strict=True)):
        facts = BootFacts()
        last = record(seq=10 * number + 2, mono_ms=length_ms)
        facts.take(last, None, draw(st.integers(ends[number], received_ms)))
        if draw(st.booleans()):
            mono_ms = draw(st.integers(0, length_ms))
            heard_ms = begun_ms + mono_ms
            said = wall_text(heard_ms - draw(st.integers(0, 2_000)))
            clock = record(Kind.CLOCK, seq=10 * number + 1, mono_ms=mono_ms, server_time=said)
            facts.take(clock, None, draw(st.integers(heard_ms, received_ms)))
        boots.append(facts)
    return begun, boots


@given(true_histories())
def test_the_bounds_hold_the_truth_where_clocks_are_honest(
    history: tuple[list[int], list[BootFacts]],
) -> None:
    begun, boots = history
    times = boot_times(boots)
    for true_ms, time in zip(begun, times, strict=True):
        assert time.earliest_ms is None or time.earliest_ms <= true_ms
        assert true_ms <= time.latest_ms
        assert time.earliest_ms is None or time.earliest_ms <= time.offset_ms
        assert time.offset_ms <= time.latest_ms
    # presses of one boot come before those of the next, by our times as in truth
    for at in range(len(boots) - 1):
        ends_ms = times[at].offset_ms + boots[at].last_mono_ms
        assert ends_ms <= times[at + 1].offset_ms + CLOSE_MS + HEARD_WITHIN_MS

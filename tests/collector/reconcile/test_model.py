"""How a day and a journal are judged."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.reconcile.model import (
    CLOSING_GRACE_MS,
    CountDifference,
    DayVerdict,
    DeviceState,
    JournalState,
    gaps_between,
    judge_day,
)

ON = date(2026, 7, 1)
END_MS = 1_000_000_000


@pytest.mark.parametrize(
    ("heard_ms", "verdict"),
    [
        (None, DayVerdict.WAITING),
        (END_MS - 1, DayVerdict.WAITING),
        (END_MS + CLOSING_GRACE_MS, DayVerdict.WAITING),
        (END_MS + CLOSING_GRACE_MS + 1, DayVerdict.OPEN),
    ],
)
def test_a_day_that_is_not_closed_waits_until_the_device_is_heard_of_again(
    heard_ms: int | None, verdict: DayVerdict
) -> None:
    assert judge_day(ON, END_MS, heard_ms, []).verdict is verdict


def test_counts_that_differ_are_named_whichever_journal_told_them() -> None:
    told = {"INVITED": 3, "RATED": 2}
    state = judge_day(ON, END_MS, None, [(told, dict(told)), (told, {"INVITED": 3})])

    assert state.verdict is DayVerdict.DIFFERS
    assert state.differences == (CountDifference("RATED", 2, 0),)


def test_the_same_counts_balance() -> None:
    assert judge_day(ON, END_MS, None, [({"RATED": 0}, {})]).verdict is DayVerdict.BALANCED


@given(st.sets(st.integers(1, 40)), st.integers(0, 40))
def test_gaps_are_exactly_what_is_not_there_between_watermark_and_head(
    seqs: set[int], stored: int
) -> None:
    above = sorted(seq for seq in seqs if seq > stored)
    islands: list[tuple[int, int]] = []
    for seq in above:
        if islands and islands[-1][1] == seq - 1:
            islands[-1] = (islands[-1][0], seq)
        else:
            islands.append((seq, seq))

    gaps = gaps_between(islands, stored)

    missing = {seq for first, last in gaps for seq in range(first, last + 1)}
    assert missing == set(range(stored + 1, max(above, default=stored) + 1)) - set(above)


def test_what_a_device_has_spoken_of_and_what_lies_in_gaps_is_missing() -> None:
    journal = JournalState(
        epoch="e", is_current=True, stored=3, head=9, told_head=12, missing=((4, 5), (7, 7))
    )

    assert (journal.missing_records, journal.ask_from) == (6, 4)


def test_a_device_is_good_only_when_nothing_is_missing_open_or_forked() -> None:
    good = DeviceState(
        device="d", window="w", heard_ms=1, days=(judge_day(ON, END_MS, None, [({}, {})]),)
    )
    journal = JournalState(epoch="e", is_current=True, stored=0, head=0, told_head=1)

    assert good.is_good
    assert not DeviceState(device="d", window="", heard_ms=1, days=(), conflicts=1).is_good
    assert not DeviceState(device="d", window="", heard_ms=1, days=(), journals=(journal,)).is_good
    still_open = judge_day(ON, END_MS, END_MS * 2, [])
    assert not DeviceState(device="d", window="", heard_ms=1, days=(still_open,)).is_good

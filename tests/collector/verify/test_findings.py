"""Findings at records that follow each other become one; failures come first."""

from __future__ import annotations

import random

from collector.verify.findings import MAX_RANGES, Check, Finding, Findings, Level


def finding(seq: int, *, device: str = "a", level: Level = Level.FAIL) -> Finding:
    on = f"2026-06-{1 + seq // 10:02}"
    return Finding(
        level=level,
        check=Check.SIGNATURE,
        what="bad",
        device=device,
        first_on=on,
        last_on=on,
        first_seq=seq,
        last_seq=seq,
        first_position=seq * 3,
        last_position=seq * 3,
    )


def test_neighbours_join_in_whatever_order_they_come() -> None:
    seqs = [*range(5, 25), *range(40, 44)]
    random.Random(1).shuffle(seqs)

    first, second = Findings(map(finding, seqs)).all()

    assert (first.first_seq, first.last_seq, first.count) == (5, 24, 20)
    assert (first.first_on, first.last_on) == ("2026-06-01", "2026-06-03")
    assert (first.first_position, first.last_position) == (15, 72)
    assert (second.first_seq, second.last_seq, second.count) == (40, 43, 4)
    assert first.covers("a", "", 24)
    assert not first.covers("a", "", 25)
    assert not first.covers("b", "", 24)


def test_other_devices_and_levels_stay_apart_and_failures_come_first() -> None:
    told = Findings(
        [finding(1, level=Level.NOTE), finding(2, device="b"), finding(3), finding(1)]
    ).all()

    assert [(one.level, one.device, one.first_seq) for one in told] == [
        (Level.FAIL, "a", 1),
        (Level.FAIL, "a", 3),
        (Level.FAIL, "b", 2),
        (Level.NOTE, "a", 1),
    ]


def test_very_many_places_are_told_as_one_stretch_with_their_number() -> None:
    told = Findings(finding(seq) for seq in range(1, 201, 2)).all()

    assert len(told) == MAX_RANGES
    assert sum(one.count for one in told) == 100
    assert told[-1].last_seq == 199

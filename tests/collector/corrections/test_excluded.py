"""Sums of excluded ratings, and when their share of a month is an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.corrections.excluded import (
    ExcludedRating,
    Limits,
    Scope,
    excluded_by,
    exclusion_alarms,
)
from collector.rates import Counts, net_of


def excluded(
    number: int = 1,
    *,
    window: int = 1,
    department: int = 1,
    level: int = 1,
    on: str = "2026-11-02",
    people: tuple[str, str] = ("wang", "li"),
) -> list[ExcludedRating]:
    return [
        ExcludedRating(
            correction=at,
            position=at,
            device="w-1",
            epoch="e",
            seq=at,
            digest=b"",
            window=window,
            department=department,
            level=level,
            on_date=on,
            hour=9,
            pressed_ms=0,
            reason="child",
            author=people[0],
            proposed_ms=0,
            approver=people[1],
            approved_ms=0,
        )
        for at in range(number)
    ]


def scopes(these: Iterable[ExcludedRating], rated: dict[tuple[int, int], int]) -> set[Scope]:
    return {alarm.scope for alarm in exclusion_alarms(these, {"2026-11": rated}, Limits())}


@pytest.mark.parametrize(
    ("number", "rated", "is_alarm"),
    [(5, 499, True), (5, 500, False), (4, 10, False), (6, 599, True), (5, 501, False)],
)
def test_the_alarm_is_above_one_percent_and_from_five_on(
    number: int, rated: int, is_alarm: bool
) -> None:
    found = scopes(excluded(number), {(1, 1): rated})
    assert found == (set(Scope) if is_alarm else set())


def test_a_window_alone_is_an_alarm_of_the_window_and_of_nobody_else() -> None:
    rated = {(1, 1): 100, (2, 1): 5000, (3, 2): 9000}
    assert scopes(excluded(5), rated) == {Scope.WINDOW}


def test_a_pair_is_measured_by_the_departments_it_touched() -> None:
    """Two people who exclude a little everywhere in one department; others exclude elsewhere."""
    these = excluded(3, window=1) + excluded(3, window=2, people=("unix:Wang", "Li"))
    rated = {(1, 1): 290, (2, 1): 300, (3, 2): 50_000}
    alarms = exclusion_alarms(these, {"2026-11": rated}, Limits())
    pair = next(alarm for alarm in alarms if alarm.scope is Scope.PAIR)
    assert pair.people == ("wang", "li")
    assert (pair.share.numerator, pair.share.base) == (6, 590)


def test_months_are_judged_each_by_itself() -> None:
    these = excluded(3, on="2026-10-31") + excluded(3, on="2026-11-01")
    rated = {"2026-10": {(1, 1): 10}, "2026-11": {(1, 1): 10}}
    assert exclusion_alarms(these, rated, Limits()) == []
    alarms = exclusion_alarms(these + these, rated, Limits())
    assert {alarm.on_month for alarm in alarms} == {"2026-10", "2026-11"}
    assert all(alarm.share.value == Fraction(6, 10) for alarm in alarms)


def test_no_counted_rating_at_all_is_an_alarm_and_not_a_crash() -> None:
    assert Scope.HALL in scopes(excluded(5), {})


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), max_size=40))
def test_the_sums_of_all_places_are_the_sum_of_all(given_levels: list[tuple[int, int]]) -> None:
    these = [one for level, window in given_levels for one in excluded(level=level, window=window)]
    by_window = excluded_by(these, lambda one: one.window)
    assert sum(by_window.values(), Counts()).rated == len(these)
    raw = Counts(invited=99, level5=40, level4=40, level3=40, level2=40, level1=40, unrated=3)
    net = net_of(raw, sum(by_window.values(), Counts()))
    assert net.rated == raw.rated - len(these)
    assert (net.invited, net.unrated) == (raw.invited, raw.unrated)

"""Figures of places are what plain SQL counts from the outcomes; lists show exactly those rows."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.add_session import add_session
from bench.make_ledger import make_ledger
from collector.corrections.excluded import ExcludedRating
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.buckets import by_bucket
from collector.ledger.readers.counts import by_day_of_hall, by_month_of_hall, number_of_days
from collector.ledger.readers.listing import (
    Mark,
    Outcome,
    Wanted,
    number_of,
    outcomes_before,
)
from collector.ledger.readers.staff import (
    by_day_of_staff,
    by_month_of_staff,
    by_staff,
    by_week_hour_of_staff,
)
from collector.ledger.readers.week_hours import by_week_hour, by_week_hour_of_window
from collector.periods import Period
from collector.rates import COUNT_FIELDS, Counts
from collector.web.heat import heat_map
from collector.web.sparklines import MOST_STEPS, bucket_of, sparklines, trend_period
from collector.web.view import Scope, View

UNTIL = datetime.fromisoformat("2026-05-05T15:30:00+08:00")
FIRST, LAST = date(2026, 4, 24), date(2026, 5, 8)
WEEKDAY = "(strftime('%w', on_date) + 6) % 7 + 1"
EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine days of the sample hall over the end of a month, with repeats among them."""
    path = tmp_path_factory.mktemp("months") / "ledger.db"
    make_ledger(path, 70_000, until=UNTIL)
    repeat(path)
    return path


def repeat(path: Path) -> None:
    """Make some ratings repeats, as if their cases had been rated before."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT position, level, on_date, window, department, hour, staff_no FROM outcomes"
        " WHERE level IS NOT NULL AND position % 97 = 0"
    ).fetchall()
    for position, level, on_date, window, department, hour, staff_no in rows:
        connection.execute("UPDATE outcomes SET is_repeat = 1 WHERE position = ?", [position])
        day, month = {"on_date": on_date}, {"on_month": on_date[:7]}
        place = {"window": window, "department": department}
        weekday = date.fromisoformat(on_date).isoweekday()
        for table, key in (
            ("day_rollups", {**day, **place, "staff_no": staff_no}),
            ("hour_rollups", {**day, **place, "hour": hour}),
            ("month_rollups", {**month, **place}),
            (
                "month_hour_rollups",
                {**month, "department": department, "weekday": weekday, "hour": hour},
            ),
            ("month_staff_rollups", {**month, **place, "staff_no": staff_no}),
        ):
            condition = " AND ".join(f"{name} = ?" for name in key)
            changed = connection.execute(
                f"UPDATE {table} SET level{level} = level{level} - 1, repeats = repeats + 1"
                f" WHERE {condition}",
                list(key.values()),
            )
            assert changed.rowcount == 1
    assert len(rows) > 100
    connection.commit()
    connection.close()


@pytest.fixture(scope="module")
def opened(two_months: Path) -> Iterator[LedgerReader]:
    with LedgerReader(two_months) as reader:
        yield reader


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(st.dates(FIRST, LAST))
    return Period(start, start + timedelta(days=draw(st.integers(0, 20))))


departments = st.none() | st.lists(st.integers(1, 74), max_size=30, unique=True)
windows = st.none() | st.integers(1, 135)
staff_numbers = st.none() | st.sampled_from(["a01-1", "a01-2", "c05-1", "nobody"])


def where(
    period: Period,
    of: list[int] | None = None,
    window: int | None = None,
    staff_no: str | None = None,
) -> str:
    """The same as SQL over `outcomes`, written out."""
    parts = [f"on_date >= '{period.start_on}' AND on_date < '{period.end_on}'"]
    if of is not None:
        parts.append(f"department IN ({', '.join(map(str, of)) or 'NULL'})")
    if window is not None:
        parts.append(f"window = {window}")
    if staff_no is not None:
        parts.append(f"staff_no = '{staff_no}'")
    return " AND ".join(parts)


def counted(reader: LedgerReader, key: str, condition: str) -> dict[Any, Counts]:
    """Key → levels, unrated and repeats, by plain SQL."""
    levels = ", ".join(
        f"sum(coalesce(level = {level} AND is_repeat = 0, 0))" for level in (5, 4, 3, 2, 1)
    )
    rows = reader.rows(
        f"SELECT {key}, {levels}, sum(level IS NULL), sum(is_repeat) FROM outcomes"
        f" WHERE {condition} GROUP BY 1"
    )
    names = ("level5", "level4", "level3", "level2", "level1", "unrated", "repeats")
    return {row[0]: Counts(**dict(zip(names, row[1:], strict=True))) for row in rows}


def without(counts: Counts, *names: str) -> Counts:
    return Counts(**{name: 0 if name in names else getattr(counts, name) for name in COUNT_FIELDS})


def closed(found: dict[Any, Counts]) -> dict[Any, Counts]:
    """Without invitations, which leave no outcome."""
    return {key: without(counts, "invited") for key, counts in found.items()}


@EXAMPLES
@given(period=periods(), of=departments)
def test_the_hours_of_the_week_are_those_of_the_rows(
    opened: LedgerReader, period: Period, of: list[int] | None
) -> None:
    key = f"({WEEKDAY}) * 100 + hour"
    expected = counted(opened, key, where(period, of))
    found = {k[0] * 100 + k[1]: c for k, c in by_week_hour(opened, period, departments=of).items()}
    assert closed(found) == expected


@EXAMPLES
@given(period=periods(), of=departments, window=st.integers(1, 135))
def test_the_hours_of_a_window_are_those_of_the_rows(
    opened: LedgerReader, period: Period, of: list[int] | None, window: int
) -> None:
    key = f"({WEEKDAY}) * 100 + hour"
    expected = counted(opened, key, where(period, of, window))
    found = by_week_hour_of_window(opened, period, window=window, departments=of)
    assert closed({k[0] * 100 + k[1]: c for k, c in found.items()}) == expected


@EXAMPLES
@given(period=periods(), of=departments, staff_no=staff_numbers)
def test_staff_have_the_figures_of_their_rows(
    opened: LedgerReader, period: Period, of: list[int] | None, staff_no: str | None
) -> None:
    sums: dict[str, Counts] = {}
    found = by_staff(opened, period, staff_no=staff_no, departments=of)
    for key, counts in found.items():
        sums[key.staff_no] = sums.get(key.staff_no, Counts()) + counts
    expected = counted(opened, "staff_no", where(period, of, staff_no=staff_no))
    expected.pop("", None)
    assert closed(sums) == expected
    if staff_no is None:
        return
    condition = where(period, of, staff_no=staff_no)
    days = by_day_of_staff(opened, period, staff_no=staff_no, departments=of)
    assert closed(days) == counted(opened, "on_date", condition)
    months = by_month_of_staff(opened, period, staff_no=staff_no, departments=of)
    assert closed(months) == counted(opened, "substr(on_date, 1, 7)", condition)
    hours = by_week_hour_of_staff(opened, period, staff_no=staff_no, departments=of)
    of_rows = counted(opened, f"({WEEKDAY}) * 100 + hour", condition + " AND is_repeat = 0")
    assert closed({k[0] * 100 + k[1]: c for k, c in hours.items()}) == of_rows


@EXAMPLES
@given(period=periods(), of=departments)
def test_the_trend_of_a_hall_is_that_of_the_rows(
    opened: LedgerReader, period: Period, of: list[int] | None
) -> None:
    condition = where(period, of)
    days = by_day_of_hall(opened, period, departments=of)
    assert closed(days) == counted(opened, "on_date", condition)
    months = by_month_of_hall(opened, period, departments=of)
    assert closed(months) == counted(opened, "substr(on_date, 1, 7)", condition)
    everybody = counted(opened, "on_date", where(period))
    assert number_of_days(opened, period) == len(everybody)


@EXAMPLES
@given(
    period=periods(),
    of=departments,
    what=st.sampled_from(["window", "department", "staff_no"]),
    step=st.integers(1, 7),
    by_month=st.booleans(),
)
def test_small_trends_are_made_of_the_rows(
    opened: LedgerReader, period: Period, of: list[int] | None, what: str, step: int, by_month: bool
) -> None:
    expected: dict[tuple[Any, int], Counts] = {}
    condition = where(period, of)
    for key, counts in counted(opened, f"{what} || ' ' || on_date", condition).items():
        row, _, on = key.rpartition(" ")
        bucket = bucket_of(period, date.fromisoformat(on), step, by_month)
        place = (row if what == "staff_no" else int(row), bucket)
        expected[place] = expected.get(place, Counts()) + without(counts, "unrated", "repeats")
    found = by_bucket(opened, period, of=what, step=step, by_month=by_month, departments=of)
    assert closed(found) == {key: counts for key, counts in expected.items() if key[0] != ""}


def test_a_trend_is_drawn_to_one_scale_and_has_gaps(opened: LedgerReader) -> None:
    view = View(period=Period(FIRST, LAST))
    lines = sparklines(opened, view, of="window", key_of=lambda one: one.window)
    assert len(lines.of) == 135
    assert 0 <= lines.floor <= 95
    for line in lines.of.values():
        points = [point for polyline in line.lines for point in polyline.split()]
        assert len({point.split(",")[0] for point in points}) <= MOST_STEPS
        assert all(0 < float(point.split(",")[1]) < 22 for point in points)
        assert line.last is not None
        assert len(line.lines) >= 2  # Sunday and 1 May … are gaps, not points at zero
    assert (
        sparklines(
            opened, View(period=Period(FIRST, FIRST)), of="window", key_of=lambda one: one.window
        ).of
        == {}
    )


def test_an_excluded_rating_is_left_out_of_the_trend(opened: LedgerReader) -> None:
    period = Period(date(2026, 4, 27), date(2026, 4, 28))
    window = opened.row("SELECT window FROM outcomes WHERE level = 1 AND on_date = '2026-04-27'")
    assert window is not None
    row = opened.row(
        "SELECT position, hour FROM outcomes WHERE level = 1 AND window = ? AND"
        " on_date = '2026-04-27'",
        window[0],
    )
    assert row is not None
    one = ExcludedRating(
        correction=1,
        position=row[0],
        device="d",
        epoch="e",
        seq=1,
        digest=b"",
        window=window[0],
        department=1,
        level=1,
        on_date="2026-04-27",
        hour=row[1],
        pressed_ms=0,
        reason="child",
        author="wang",
        proposed_ms=0,
        approver="li",
        approved_ms=0,
    )
    raw, net = (
        sparklines(
            opened,
            View(period=period, excluded=excluded),
            of="window",
            key_of=lambda one: one.window,
        ).of[window[0]]
        for excluded in ((), (one,))
    )
    assert raw.latest is not None
    assert net.latest is not None
    assert net.latest.value > raw.latest.value
    heat = heat_map(
        View(period=period, excluded=(one,)),
        by_week_hour_of_window(opened, period, window=window[0]),
        [one],
        1,
    )
    cells = [cell for _, row in heat.rows for cell in row]
    assert sum(cell.figures.excluded.rated for cell in cells) == 1
    assert (
        sum(cell.figures.net.rated for cell in cells)
        == sum(c.rated for c in counted(opened, "hour", where(period, window=window[0])).values())
        - 1
    )


def test_what_a_short_period_shows_as_its_trend() -> None:
    today = date(2026, 5, 13)
    assert trend_period(Period(today, date(2026, 5, 14)), today).days == 30
    assert trend_period(Period(date(2026, 5, 1), date(2026, 6, 1)), today).last_on == today
    assert trend_period(Period(date(2027, 1, 1), date(2027, 2, 1)), today).days == 0
    assert trend_period(Period(date(1970, 1, 1), date(1970, 1, 2)), today).days == 1


def test_the_map_shades_by_number_and_only_sure_rates(opened: LedgerReader) -> None:
    view = View(period=Period(FIRST, LAST))
    heat = heat_map(view, by_week_hour(opened, view.period), (), 10)
    cells = [cell for _, row in heat.rows for cell in row]
    assert heat.most == max(cell.figures.net.rated for cell in cells)
    for cell in cells:
        rated = cell.figures.net.rated
        assert (cell.number_step == 0) == (rated == 0)
        if rated:
            assert rated >= heat.numbers_from(cell.number_step)
        assert (cell.rate_step > 0) == (rated >= 10)
    assert {cell.number_step for cell in cells if cell.figures.net.rated == heat.most} == {5}
    assert [weekday for weekday, _ in heat.rows] == [1, 2, 3, 4, 5, 6]
    assert (heat.hours[0], heat.hours[-1]) == (8, 17)
    assert heat_map(view, {}, (), 10).is_empty


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    outcome = draw(st.none() | st.sampled_from(list(Outcome)))
    is_rated = outcome in (None, Outcome.RATED)
    levels = draw(st.sets(st.integers(1, 5), max_size=3)) if is_rated else set()
    return Wanted(
        period=draw(periods()),
        departments=draw(departments),
        window=draw(windows),
        staff_no=draw(staff_numbers),
        outcome=outcome,
        levels=frozenset(levels),
        hour=draw(st.none() | st.integers(8, 17)),
        weekday=draw(st.none() | st.integers(1, 7)),
        trigger=draw(st.none() | st.sampled_from(["clerk", "case"])),
    )


def positions(reader: LedgerReader, asked: Wanted) -> list[int]:
    """The same by plain SQL, newest press first."""
    of = None if asked.departments is None else list(asked.departments)
    parts = [where(asked.period, of, asked.window, asked.staff_no)]
    for column, value in (("hour", asked.hour), (WEEKDAY, asked.weekday)):
        if value is not None:
            parts.append(f"{column} = {value}")
    if asked.trigger is not None:
        parts.append(f"trigger = '{asked.trigger}'")
    if asked.levels:
        parts.append(f"level IN ({', '.join(map(str, asked.levels))}) AND is_repeat = 0")
    elif asked.outcome is not None:
        parts.append(
            {
                Outcome.RATED: "level IS NOT NULL AND is_repeat = 0",
                Outcome.UNRATED: "level IS NULL",
                Outcome.REPEAT: "is_repeat = 1",
            }[asked.outcome]
        )
    rows = reader.rows(
        f"SELECT position FROM outcomes WHERE {' AND '.join(parts)}"
        " ORDER BY pressed_ms DESC, position DESC"
    )
    return [row[0] for row in rows]


@settings(max_examples=150, deadline=None)
@given(asked=wanted(), size=st.integers(5, 400))
def test_a_list_has_every_row_once_in_order_and_counts_them(
    opened: LedgerReader, asked: Wanted, size: int
) -> None:
    expected = positions(opened, asked)
    assert number_of(opened, asked) == len(expected)
    found: list[int] = []
    mark: Mark | None = None
    for _page in range(20):  # a hall of two months has more pages than a test has time for
        rows = outcomes_before(opened, asked, before=mark, limit=size)
        found += [row.position for row in rows]
        if len(rows) < size:
            assert found == expected
            return
        mark = Mark(rows[-1].pressed_ms, rows[-1].position)
    assert found == expected[: len(found)]


@pytest.fixture
def own(two_months: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    shutil.copyfile(two_months, path)
    return path


def test_paging_loses_nothing_while_ratings_come(own: Path) -> None:
    asked = Wanted(period=Period(FIRST, LAST), window=1)
    ms = int(UNTIL.timestamp() * 1000)
    with LedgerReader(own) as reader:
        before = positions(reader, asked)
    seen: list[int] = []
    mark: Mark | None = None
    number = 0
    while True:
        with LedgerReader(own) as reader:
            rows = outcomes_before(reader, asked, before=mark, limit=37)
        seen += [row.position for row in rows]
        if len(rows) < 37:
            break
        mark = Mark(rows[-1].pressed_ms, rows[-1].position)
        number += 1
        # one that is new, one of the very time at which the page ended, one that came late
        for at_ms in (ms + number, mark.pressed_ms, mark.pressed_ms - 40_000_000):
            add_session(own, window="a01", level=5, at_ms=at_ms)
    assert number > 3
    assert not [position for position, times in Counter(seen).items() if times > 1]
    assert [position for position in seen if position in set(before)] == before


def test_a_scope_sees_its_own_rows_only(opened: LedgerReader) -> None:
    scope = Scope(frozenset({3, 9}))
    asked = Wanted(period=Period(FIRST, LAST), departments=scope.ids)
    rows = outcomes_before(opened, asked, before=None, limit=500)
    assert {row.department for row in rows} == {3, 9}
    assert number_of(opened, Wanted(period=Period(FIRST, LAST), departments=())) == 0
    nothing = Wanted(period=Period(FIRST, LAST), departments=())
    assert outcomes_before(opened, nothing, before=None, limit=5) == []

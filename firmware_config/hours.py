"""Opening hours and quiet hours: days of the week and stretches of a day, in local time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME: Final = r"((?:[01][0-9]|2[0-3]):[0-5][0-9])"
_SPAN: Final = re.compile(rf"\s*{_TIME}\s*[-–—]\s*{_TIME}\s*")

OpenSpan = tuple[time, time]
"""Opening and closing time of one stretch of a day, local, closing not included."""
Week = tuple[tuple[OpenSpan, ...], ...]
"""Seven entries, Monday first; each the day's stretches in order, none when closed."""


def days_of(key: str) -> tuple[str, ...]:
    """The days that `wed` or `mon-fri` names; empty when it names none."""
    first, _, last = key.partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        return ()
    return DAYS[DAYS.index(first) : DAYS.index(last or first) + 1]


def span_of(text: str) -> OpenSpan:
    """A stretch such as `09:00-12:00`; its ends may be in any order.

    Hours and minutes only: a time with an offset is no time of this hall's day, and cannot even be
    compared with one.

    Raises:
        ValueError: it is not two times of a day.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a stretch such as '09:00-12:00', got {text!r}")
    begins_at, ends_at = map(time.fromisoformat, found.groups())
    return begins_at, ends_at


def week_of(lines: Iterable[str]) -> Week:
    """The week that lines such as `mon-fri 09:00-12:00` describe, in any order.

    Raises:
        ValueError: a line names no day or no stretch, or overlaps another; the message says what
            was expected and what came.
    """
    week: list[list[OpenSpan]] = [[] for _ in DAYS]
    for line in lines:
        key, _, text = line.strip().partition(" ")
        expected = f"a line such as 'mon-fri 09:00-12:00', got {line!r}"
        try:
            span = span_of(text.strip())
        except ValueError:
            raise ValueError(expected) from None
        names = days_of(key)
        if not names or span[0] >= span[1]:
            raise ValueError(expected)
        for name in names:
            day = week[DAYS.index(name)]
            if any(span[0] < ends_at and begins_at < span[1] for begins_at, ends_at in day):
                raise ValueError(f"stretches that do not overlap, got {line!r} twice on {name}")
            day.append(span)
    return tuple(tuple(sorted(day)) for day in week)


def lines_of(week: Week) -> tuple[str, ...]:
    """The lines from which `week_of` makes the same week, one for each day and stretch."""
    return tuple(
        f"{name} {begins_at:%H:%M}-{ends_at:%H:%M}"
        for name, day in zip(DAYS, week, strict=True)
        for begins_at, ends_at in day
    )


def is_open(week: Week, local: datetime) -> bool:
    """Whether a local time lies in one of the week's stretches `[begin, end)`."""
    return is_in(week[local.weekday()], local.timetz().replace(tzinfo=None))


def is_in(spans: Iterable[OpenSpan], at: time) -> bool:
    """Whether a time of day lies in a stretch; one that ends before it begins crosses midnight."""
    return any(
        begins_at <= at < ends_at if begins_at <= ends_at else at >= begins_at or at < ends_at
        for begins_at, ends_at in spans
    )


def expected_week(lines: tuple[str, ...]) -> str:
    """What was expected when `lines` are no week; empty when they are one."""
    try:
        week_of(lines)
    except ValueError as error:
        return str(error).partition(", got")[0]
    return ""


def expected_spans(texts: tuple[str, ...]) -> str:
    """What was expected when `texts` are not all stretches of a day; empty when they are."""
    try:
        for text in texts:
            span_of(text)
    except ValueError:
        return "stretches such as '12:00-13:30'"
    return ""

"""Holidays and make-up days of the rules: due dates, and days that count for a window."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from collector.rules.entries import DayKind, SpecialDay, first_version
from collector.web.dashboard import Dashboard

TODAY = date(2026, 5, 13)
DAY = timedelta(days=1)


def add_days(dashboard: Dashboard, *days: SpecialDay) -> None:
    draft = first_version(10)
    rules = msgspec.structs.replace(draft.rules, days=days)
    told = msgspec.structs.replace(
        draft, from_on=TODAY, rules=rules, author="wu", reason="holidays", made_ms=1
    )
    dashboard.rules.add(told, today=TODAY, after=len(dashboard.rules.versions()))


def due_dates(client: FlaskClient) -> set[Any]:
    found = client.get("/api/v1/bad-ratings?period=today").get_json()["ratings"]
    assert found
    return {one["due_on"] for one in found}


def test_a_new_rule_moves_the_due_dates_at_once(client: FlaskClient, dashboard: Dashboard) -> None:
    assert due_dates(client) == {"2026-05-20"}  # Wednesday, five working days later
    thursday = TODAY + DAY
    add_days(dashboard, SpecialDay(on=thursday, kind=DayKind.HOLIDAY, name="端午节"))
    assert due_dates(client) == {"2026-05-21"}
    saturday = TODAY + 3 * DAY
    add_days(
        dashboard,
        SpecialDay(on=thursday, kind=DayKind.HOLIDAY, name="端午节"),
        SpecialDay(on=saturday, kind=DayKind.WORKDAY, name="补班"),
    )
    assert due_dates(client) == {"2026-05-20"}
    assert client.get("/bad-ratings").status_code == 200


@pytest.mark.parametrize("holidays", [1, 2])
def test_a_holiday_is_no_day_of_the_hall_or_of_a_window(
    client: FlaskClient, dashboard: Dashboard, holidays: int
) -> None:
    def told() -> tuple[int, int]:
        found = client.get("/api/v1/windows/a01?period=7-days").get_json()["coverage"]
        return found["days_with_sessions"], found["days_of_the_hall"]

    mine, hall = told()
    assert mine > holidays
    days = [
        SpecialDay(on=TODAY - number * DAY, kind=DayKind.HOLIDAY, name="节")
        for number in range(holidays)
    ]
    add_days(dashboard, *days)
    assert told() == (mine - holidays, hall - holidays)

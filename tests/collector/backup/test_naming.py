"""Names of backups and the rotation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.backup.naming import backup_name, is_partial, moment_of, outdated

SHANGHAI = ZoneInfo("Asia/Shanghai")
LAST = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)


def nightly(nights: int) -> list[str]:
    return [backup_name(LAST - timedelta(days=number)) for number in range(nights)][::-1]


def test_a_name_tells_its_moment_in_utc() -> None:
    name = backup_name(datetime(2026, 7, 1, 2, 3, 4, tzinfo=SHANGHAI))

    assert name == "20260630T180304Z"
    assert moment_of(name) == datetime(2026, 6, 30, 18, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["lost+found", "20260701T180000Z.part", "20260732T180000Z", "x20260701T180000Z", ""]
)
def test_other_names_are_not_backups(name: str) -> None:
    assert moment_of(name) is None


def test_only_a_backups_name_with_part_is_partial() -> None:
    assert is_partial("20260701T180000Z.part")
    assert not is_partial("20260701T180000Z")
    assert not is_partial("somebody-elses.part")


def test_the_rotation_keeps_days_weeks_and_months_as_told() -> None:
    names = nightly(800)

    removed = set(outdated(names, SHANGHAI, until=LAST, daily=14, weekly=8, monthly=24))
    kept = [name for name in names if name not in removed]

    assert kept[-14:] == names[-14:]
    # 1 July 2026 at 18:00 UTC is Thursday in Shanghai; the weeks before end on a Sunday there
    sundays = [name for name in kept[:-14] if moment_of(name).astimezone(SHANGHAI).weekday() == 6]  # type: ignore[union-attr]
    assert {f"{moment_of(name).astimezone(SHANGHAI):%d.%m.}" for name in sundays} >= {  # type: ignore[union-attr]
        "14.06.", "07.06.", "31.05.", "24.05.", "17.05."
    }  # fmt: skip
    months = {f"{moment_of(name).astimezone(SHANGHAI):%Y-%m}" for name in kept}  # type: ignore[union-attr]
    assert len(months) == 24
    assert len(kept) < 14 + 8 + 24


def test_days_are_those_of_the_halls_zone() -> None:
    # one local day in Shanghai, two in UTC
    names = ["20260630T160500Z", "20260701T155500Z"]

    assert outdated(names, SHANGHAI, until=LAST, daily=2, weekly=0, monthly=0) == names[:1]
    assert outdated(names, UTC, until=LAST, daily=2, weekly=0, monthly=0) == []


@given(
    st.lists(st.integers(0, 2000).map(lambda days: LAST - timedelta(days=days, hours=days % 24))),
    *(st.integers(0, 5) for _ in range(3)),
)
def test_the_newest_is_never_removed_and_nothing_unknown(
    moments: list[datetime], daily: int, weekly: int, monthly: int
) -> None:
    names = sorted({backup_name(moment) for moment in moments})

    removed = outdated(
        [*names, "lost+found"],
        SHANGHAI,
        until=LAST,
        daily=daily,
        weekly=weekly,
        monthly=monthly,
    )

    assert set(removed) <= set(names[:-1])
    assert len(names) - len(removed) <= daily + weekly + monthly + 1
    # what one run has left, the next one leaves too
    left = [name for name in names if name not in removed]
    again = outdated(left, SHANGHAI, until=LAST, daily=daily, weekly=weekly, monthly=monthly)
    assert again == []


def test_a_name_in_the_future_takes_nobodys_day_and_is_not_removed() -> None:
    names = nightly(3)
    ahead = [backup_name(LAST + timedelta(days=number)) for number in (60, 61)]

    removed = outdated([*names, *ahead], SHANGHAI, until=LAST, daily=2, weekly=0, monthly=0)

    assert removed == names[:1]

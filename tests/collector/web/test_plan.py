"""The plan of the hall: by coordinates, else by zone; every window once."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from collector.web.devices.plan import ROW_LENGTH, plan_of


@dataclass(frozen=True)
class Window:
    id: int
    code: str


def windows(*codes: str) -> list[Window]:
    return [Window(number, code) for number, code in enumerate(codes, start=1)]


def test_windows_stand_where_the_fleet_file_says_with_aisles_between() -> None:
    rows = plan_of(windows("a01", "a02", "b01"), {1: (2, 3), 2: (2, 5), 3: (4, 3)})
    assert [row.cells for row in rows] == [(1, None, 2), (None, None, None), (3, None, None)]
    assert [row.is_aisle for row in rows] == [False, True, False]


def test_without_coordinates_they_stand_by_zone_in_the_order_of_the_file() -> None:
    rows = plan_of(windows("b02", "b01", "a01", "7"), {})
    assert [(row.zone, row.cells) for row in rows] == [("#", (4,)), ("A", (3,)), ("B", (1, 2))]


def test_a_long_zone_is_broken_and_named_once() -> None:
    rows = plan_of(windows(*(f"a{n}" for n in range(ROW_LENGTH + 1))), {})
    assert [(row.zone, len(row.cells)) for row in rows] == [("A", ROW_LENGTH), ("", 1)]


def test_those_without_a_place_stand_below_the_plan() -> None:
    rows = plan_of(windows("a01", "a02"), {1: (1, 1)})
    assert [(row.zone, row.cells) for row in rows] == [("", (1,)), ("A", (2,))]


def test_a_hall_without_windows_has_no_rows() -> None:
    assert plan_of([], {1: (1, 1)}) == []


_CODES = st.lists(st.from_regex(r"\A[a-f]?[0-9]{1,2}\Z"), unique=True, max_size=60)


@given(_CODES, st.data())
def test_every_window_is_drawn_exactly_once(codes: list[str], data: st.DataObject) -> None:
    known = windows(*codes)
    spots = st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9)), unique=True, max_size=len(known)
    )
    places = dict(enumerate(data.draw(spots), start=1))
    rows = plan_of(known, places)
    drawn = [cell for row in rows for cell in row.cells if cell is not None]
    assert sorted(drawn) == [window.id for window in known]

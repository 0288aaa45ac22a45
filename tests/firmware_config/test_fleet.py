"""The fleet file: the sample hall, the two forms, dates, and every problem with its place."""

from __future__ import annotations

from collections import Counter
from datetime import date, time
from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path
from firmware_config.pins import load_pin_profile

MORNING, AFTERNOON = (time(9), time(12)), (time(13, 30), time(17))
TODAY = date(2026, 7, 27)


def problems_of(path: Path, text: str | None = None) -> list[str]:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSettings) as caught:
        load_fleet(path)
    return caught.value.problems


def test_the_sample_hall_has_74_departments_135_windows_and_135_devices() -> None:
    fleet = load_fleet(sample_fleet_path())

    assert (len(fleet.departments), len(fleet.windows), len(fleet.devices)) == (74, 135, 135)
    owners = Counter(fleet.department_of(window.id, TODAY) for window in fleet.windows)
    assert set(owners) == {department.id for department in fleet.departments}
    assert (min(owners.values()), max(owners.values())) == (1, 6)
    places = {fleet.window_of(device.id, TODAY) for device in fleet.devices}
    assert places == {window.id for window in fleet.windows}
    assert fleet.hall.timezone == "Asia/Shanghai"


def test_the_sample_hall_is_named_in_chinese_and_english() -> None:
    fleet = load_fleet(sample_fleet_path())

    for department in (*fleet.departments, fleet.hall):
        assert any("\u4e00" <= char <= "\u9fff" for char in department.name)
        assert department.name_en.isascii()
    for device in fleet.devices:
        load_pin_profile(device.profile)


def test_a_file_becomes_a_fleet_in_file_order(small_fleet: Fleet) -> None:
    assert [department.name for department in small_fleet.departments] == ["税务局", "燃气"]
    assert [window.name_en for window in small_fleet.windows] == ["A01", "A02"]
    assert [device.profile for device in small_fleet.devices] == [
        "five-key",
        "four-key",
        "five-key",
    ]
    assert small_fleet.hall.timezone == "Asia/Shanghai"
    assert small_fleet.hall.opens == ((MORNING, AFTERNOON),) * 5 + ((),) * 2


def test_an_assignment_holds_from_its_day_until_the_next(
    small_fleet_file: Path, small_fleet_text: str
) -> None:
    small_fleet_file.write_text(
        small_fleet_text
        + """
assignments = [
  { from = 2026-03-02, window = "a01", department = "gas" },
  { from = 2026-04-01, device = "w-a01", window = "-" },
  { from = 2026-04-01, device = "w-spare", window = "a01" },
  { from = 2026-05-01, window = "a01", department = "-" },
]
""",
        encoding="utf-8",
    )

    fleet = load_fleet(small_fleet_file)

    days = [date(2026, 1, 4), date(2026, 1, 5), date(2026, 3, 1), date(2026, 3, 2)]
    assert [fleet.department_of("a01", on) for on in days] == [None, "tax", "tax", "gas"]
    assert fleet.department_of("a01", date(2026, 5, 1)) is None
    assert fleet.window_of("w-a01", date(2026, 3, 31)) == "a01"
    assert fleet.window_of("w-a01", date(2026, 4, 1)) is None
    assert fleet.window_of("w-spare", date(2026, 3, 31)) is None
    assert fleet.window_of("w-spare", date(2026, 4, 1)) == "a01"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'department = "gas"',
            'department = "gaz"',
            "fleet.toml: windows[1].department: expected a department id, got 'gaz'",
        ),
        (
            'device = "w-a02"',
            'device = "w-a09"',
            "fleet.toml: windows[1].device: expected a device id, got 'w-a09'",
        ),
        (
            'id = "gas"',
            'id = "tax"',
            "departments[1].id: department id 'tax' is already used by "
            "fleet.toml: departments[0].id",
        ),
        (
            '"燃气"',
            '"税务局"',
            "departments[1].name: department name '税务局' is already used by "
            "fleet.toml: departments[0].name",
        ),
        ('id = "a02"', 'id = "a01"', "windows[1].id: window id 'a01' is already used by"),
        ('id = "w-spare"', 'id = "w-a01"', "devices[2].id: device id 'w-a01' is already used"),
        ('id = "w-spare"', 'id = "collector"', "devices[2].id: expected a device id that is not"),
        ('id = "w-spare"', 'id = "dispatcher"', "devices[2].id: expected a device id that is not"),
        ('id = "w-spare"', 'id = "W/1"', "devices[2].id: expected an id of small letters"),
        ('id = "w-spare"', "", "fleet.toml: devices[2].id: expected an id of small letters"),
        ('"four-key"', '"6-key"', "devices[1].profile: expected five-key, four-key or a path"),
        (", from = 2026-01-05 },\n]", " },\n]", "windows[1].from: expected a date such as"),
        ("from = 2026-01-05 },\n]", 'from = "soon" },\n]', "windows[1].from: expected a date"),
        ("from = 2026-01-05 },\n]", 'from = "2026-02-30" },\n]', "windows[1].from: expected a"),
        ("from = 2026-01-05 },\n]", "from = 2026-01-05T00:00:00 },\n]", "windows[1].from: expec"),
        ('name_en = "Gas"', 'name_zh = "Gas"', "departments[1].name_zh: unknown key; expected id"),
        ('name = "燃气"', 'name = ""', "departments[1].name: expected 1 to 64 characters of text"),
        ('name = "燃气"', 'name = "燃\\n气"', "departments[1].name: expected 1 to 64 characters"),
        ('"小厅"', '"小厅"\nhall.zone = "UTC"', "fleet.toml: hall.zone: unknown key"),
        ('"小厅"', '"小厅"\nhall.timezone = "X"', "fleet.toml: hall.timezone: expected a time"),
        ('"09:00-12:00", ', '"9 to 12", ', "hall.opens.mon-fri: expected a list of stretches"),
        ('"09:00-12:00", ', '"09:00-14:00", ', "hall.opens.mon-fri: expected a stretch after 14"),
        ('"09:00-12:00", ', '"12:00-09:00", ', "hall.opens.mon-fri: expected a stretch after 00"),
        ("opens.mon-fri", "opens.fri-mon", "hall.opens.fri-mon: expected a day or range of mon"),
        ("opens.mon-fri", "opens.day", "hall.opens.day: expected a day or range of mon, tue"),
        ("departments = [", "departmants = [", "fleet.toml: departmants: unknown table; expected"),
        ("devices = [ {", "devices = [ 5, {", "devices[0]: expected a table { id = … }, got 5"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    small_fleet_file: Path, small_fleet_text: str, old: str, new: str, problem: str
) -> None:
    assert old in small_fleet_text

    problems = problems_of(small_fleet_file, small_fleet_text.replace(old, new))

    assert any(problem in line for line in problems), problems


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            '{ from = 2026-03-02, device = "w-spare", window = "a01" }',
            "fleet.toml: assignments[0]: device 'w-spare' comes to window 'a01' on 2026-03-02, "
            "where 'w-a01' (fleet.toml: windows[0]) still is",
        ),
        (
            '{ from = 2026-01-05, window = "a01", department = "gas" }',
            "assignments[0].from: assignment of 'window a01 from 2026-01-05' is already used by "
            "fleet.toml: windows[0].from",
        ),
        (
            '{ from = 2026-01-05, device = "w-a01", window = "-" }',
            "assignments[0].from: assignment of 'device w-a01 from 2026-01-05' is already used by",
        ),
        (
            "{ from = 2026-01-05 }",
            "assignments[0]: expected a device, a department or staff to assign",
        ),
        (
            '{ from = 2026-03-02, device = "w-spare", window = "z" }',
            "assignments[0].window: expected a window id, got 'z'",
        ),
        (
            '{ from = 2026-03-02, window = "-", department = "gas" }',
            "assignments[0].window: expected a window id, got '-'",
        ),
        (
            '{ from = 2026-03-02, device = "w-spare" }',
            "assignments[0].window: expected a window id, got nothing",
        ),
    ],
)
def test_a_wrong_assignment_is_told_with_both_places(
    small_fleet_file: Path, small_fleet_text: str, rows: str, problem: str
) -> None:
    text = f"{small_fleet_text}\nassignments = [ {rows} ]\n"

    problems = problems_of(small_fleet_file, text)

    assert any(problem in line for line in problems), problems


def test_two_devices_may_change_places_on_one_day(
    small_fleet_file: Path, small_fleet_text: str
) -> None:
    small_fleet_file.write_text(
        small_fleet_text
        + """
assignments = [
  { from = 2026-03-02, device = "w-a01", window = "a02" },
  { from = 2026-03-02, device = "w-a02", window = "a01" },
]
""",
        encoding="utf-8",
    )

    assert load_fleet(small_fleet_file).window_of("w-a01", date(2026, 3, 2)) == "a02"


def test_every_problem_is_told_at_once(small_fleet_file: Path, small_fleet_text: str) -> None:
    text = (
        small_fleet_text.replace('department = "gas"', 'department = "x"')
        .replace('id = "w-spare"', 'id = "w-a01"')
        .replace("hall.opens", "hall.closes")
    )

    problems = problems_of(small_fleet_file, text)

    assert len(problems) == 4  # unknown hall.closes, missing hall.opens, reference, duplicate


def test_an_empty_file_asks_for_the_hall(small_fleet_file: Path) -> None:
    assert problems_of(small_fleet_file, "") == [
        "fleet.toml: hall: expected a table [hall], got {}"
    ]


STAFF = """
staff = [
  { staff_no = "0017", name = "李静", name_en = "Li Jing", window = "a01", from = 2026-01-05 },
  { staff_no = "0018", window = "a01", from = 2026-01-05 },
  { staff_no = "0019", name = "王强" },
]
assignments = [
  { from = 2026-03-02, staff = "0018", window = "a02" },
  { from = 2026-03-02, staff = "0019", window = "a01", device = "w-a01" },
  { from = 2026-04-01, staff = "0018", window = "-" },
]
"""


def test_staff_is_optional_and_its_names_are_too(tmp_path: Path, small_fleet_text: str) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(small_fleet_text, encoding="utf-8")
    assert load_fleet(path).staff == ()
    path.write_text(small_fleet_text + STAFF, encoding="utf-8")
    fleet = load_fleet(path)
    assert [(one.staff_no, one.name, one.name_en) for one in fleet.staff] == [
        ("0017", "李静", "Li Jing"),
        ("0018", "", ""),
        ("0019", "王强", "王强"),
    ]
    assert [
        (one.staff_no, one.window, one.from_on.isoformat()) for one in fleet.staff_assignments
    ] == [
        ("0017", "a01", "2026-01-05"),
        ("0018", "a01", "2026-01-05"),
        ("0018", "a02", "2026-03-02"),
        ("0019", "a01", "2026-03-02"),
        ("0018", None, "2026-04-01"),
    ]


@pytest.mark.parametrize(
    ("staff", "assignments", "problem"),
    [
        ("{ staff_no = 17 }", "", "staff[0].staff_no: expected a text in quotes: 0017 is not 17"),
        ('{ name = "王" }', "", "staff[0].staff_no: expected 1 to 64 characters of text, got not"),
        ('{ staff_no = " 1" }', "", "staff[0].staff_no: expected no blanks before or after it"),
        ('{ staff_no = "1", name_en = "Li" }', "", "staff[0].name: expected a name beside name_en"),
        ('{ staff_no = "1", from = 2026-01-05 }', "", "staff[0]: expected a window beside from"),
        ('{ staff_no = "1", window = "a01" }', "", "staff[0].from: expected a date such as"),
        (
            '{ staff_no = "1", window = "z", from = 2026-01-05 }',
            "",
            "staff[0].window: expected a window id, got 'z'",
        ),
        (
            '{ staff_no = ["1"], window = "a01", from = 2026-01-05 }',
            "",
            "staff[0].staff_no: expected 1 to 64 characters of text, got ['1']",
        ),
        (
            '{ staff_no = "1" }, { staff_no = "1" }',
            "",
            "staff[1].staff_no: staff number '1' is already used by fleet.toml: staff[0].staff_no",
        ),
        (
            '{ staff_no = "1" }',
            '{ from = 2026-01-05, staff = "2", window = "a01" }',
            "assignments[0].staff: expected a staff number of the file, got '2'",
        ),
        (
            '{ staff_no = "1", window = "a01", from = 2026-01-05 }',
            '{ from = 2026-01-05, staff = "1", window = "a02" }',
            "assignments[0].from: assignment of 'staff 1 from 2026-01-05' is already used by",
        ),
    ],
)
def test_a_mistake_about_staff_is_told_with_its_place(
    tmp_path: Path, small_fleet_text: str, staff: str, assignments: str, problem: str
) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(
        f"{small_fleet_text}\nstaff = [ {staff} ]\nassignments = [ {assignments} ]\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidSettings) as caught:
        load_fleet(path)
    assert [line for line in caught.value.problems if problem in line], caught.value.problems

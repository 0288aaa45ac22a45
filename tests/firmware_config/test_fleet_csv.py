"""The fleet as spreadsheets save it: the same fleet, and mistakes told with their line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet, load_fleet

TODAY = date(2026, 7, 27)


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load_fleet(path)
    return caught.value.problems


@pytest.fixture
def csv_folder(tmp_path: Path, small_fleet_text: str) -> Path:
    """The small fleet as a spreadsheet would save it."""
    folder = tmp_path / "csv"
    folder.mkdir()
    head = small_fleet_text.partition("departments")[0]
    (folder / "hall.toml").write_text(head, encoding="utf-8")
    tables = {
        "departments": [
            ["id", "name", "name_en"],
            ["tax", "税务局", "Tax"],
            ["gas", "燃气", "Gas"],
        ],
        "windows": [
            ["id", "name", "department", "device", "from"],
            ["a01", "A01", "tax", "w-a01", "2026/1/5"],
            ["a02", "A02", "gas", "w-a02", "2026-01-05"],
        ],
        "devices": [["id", "profile"], ["w-a01", ""], ["w-a02", "four-key"], ["w-spare", ""]],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def test_a_folder_of_csv_files_is_the_same_fleet(csv_folder: Path, small_fleet: Fleet) -> None:
    assert load_fleet(csv_folder) == small_fleet


Save = Callable[[str], bytes]


@pytest.mark.parametrize(
    "save",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.replace("\r\n", "\n").encode("utf-8-sig"),
        lambda text: text.replace(",", ";").encode("utf-8-sig"),
        lambda text: text.replace(",", "\t").encode("utf-8"),
        lambda text: (text + ",,,,\r\n,,,,\r\n\r\n").encode("utf-8"),
    ],
    ids=["no-bom", "unix-lines", "semicolons", "tabs", "empty-lines-at-the-end"],
)
def test_csv_is_read_however_the_spreadsheet_saved_it(
    csv_folder: Path, small_fleet: Fleet, save: Save
) -> None:
    path = csv_folder / "windows.csv"
    path.write_bytes(save(path.read_bytes().decode("utf-8-sig")))

    assert load_fleet(csv_folder) == small_fleet


def test_csv_assignments_are_read_too(csv_folder: Path) -> None:
    (csv_folder / "assignments.csv").write_text(
        "from,device,window,department\n2026/3/2,w-a01,-,\n2026/3/2,w-spare,a01,gas\n",
        encoding="utf-8",
    )

    fleet = load_fleet(csv_folder)

    assert fleet.window_of("w-a01", TODAY) is None
    assert fleet.window_of("w-spare", TODAY) == "a01"
    assert fleet.department_of("a01", TODAY) == "gas"


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        (
            "windows.csv",
            b"id,name,department\na01,A01,x\n",
            "windows.csv: line 2: department: expected a department id, got 'x'",
        ),
        ("windows.csv", b"id,names\n", "windows.csv: line 1: expected the columns id, na"),
        ("windows.csv", b"id,name\na01,A,B\n", "line 2: expected 2 cells, got 3"),
        ("windows.csv", "id,name\na01,窗".encode("gbk"), "windows.csv: byte 12: expected UTF-8"),
        ("windows.csv", b'id,name\na01,"A', "windows.csv: line 2: expected CSV"),
        ("devices.csv", None, "devices.csv: cannot be read"),
        ("hall.toml", None, "hall.toml: cannot be read"),
    ],
)
def test_a_mistake_in_a_csv_file_is_told_with_its_line(
    csv_folder: Path, file: str, content: bytes | None, problem: str
) -> None:
    if content is None:
        (csv_folder / file).unlink()
    else:
        (csv_folder / file).write_bytes(content)

    problems = problems_of(csv_folder)

    assert any(problem in line for line in problems), problems


def test_staff_is_read_from_a_table_of_its_own(csv_folder: Path) -> None:
    (csv_folder / "staff.csv").write_text(
        "staff_no,name,name_en,window,from\n0017,李静,Li Jing,a01,2026/1/5\n0018,,,,\n",
        encoding="utf-8-sig",
    )
    (csv_folder / "assignments.csv").write_text(
        "from,staff,window\n2026/3/2,0017,-\n2026-03-02,0018,a01\n", encoding="utf-8"
    )

    fleet = load_fleet(csv_folder)

    assert [(one.staff_no, one.name) for one in fleet.staff] == [("0017", "李静"), ("0018", "")]
    assert [(one.staff_no, one.window, one.from_on) for one in fleet.staff_assignments] == [
        ("0017", "a01", date(2026, 1, 5)),
        ("0017", None, date(2026, 3, 2)),
        ("0018", "a01", date(2026, 3, 2)),
    ]

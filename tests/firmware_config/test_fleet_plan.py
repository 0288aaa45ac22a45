"""Places on the plan of the hall: both numbers or none, and no two windows at one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.cli import main
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import load_fleet, sample_fleet_path

HALL = """
hall.id = "h"
hall.name = "厅"
hall.opens.mon = ["09:00-12:00"]
departments = [{ id = "tax", name = "税务局" }]
devices = []
windows = [
  { id = "a01", name = "A01", %s },
  { id = "a02", name = "A02", %s },
]
"""
EXPECTED = "a whole number from 1 to 60 (row and column go together)"


def fleet_file(folder: Path, first: str, second: str = "row = 1, column = 2") -> Path:
    path = folder / "fleet.toml"
    text = HALL % (first, second)
    path.write_text(text.replace(",  }", " }"), encoding="utf-8")
    return path


def test_every_window_of_the_sample_hall_has_a_place_of_its_own() -> None:
    windows = load_fleet(sample_fleet_path()).windows
    places = {(window.row, window.column) for window in windows}
    assert len(places) == 135
    assert (None, None) not in places


def test_windows_may_stand_on_the_plan_or_not(tmp_path: Path) -> None:
    fleet = load_fleet(fleet_file(tmp_path, "row = 3, column = 7", ""))
    assert [(window.row, window.column) for window in fleet.windows] == [(3, 7), (None, None)]


@pytest.mark.parametrize(
    ("first", "problems"),
    [
        ("row = 1", [f"windows[0].column: expected {EXPECTED}, got nothing"]),
        ("column = 1", [f"windows[0].row: expected {EXPECTED}, got nothing"]),
        ("row = 0, column = 1", [f"windows[0].row: expected {EXPECTED}, got 0"]),
        ("row = 1, column = 61", [f"windows[0].column: expected {EXPECTED}, got 61"]),
        ("row = true, column = 1", [f"windows[0].row: expected {EXPECTED}, got True"]),
        ("row = 1.5, column = 1", [f"windows[0].row: expected {EXPECTED}, got 1.5"]),
        (
            "row = 1, column = 2",
            [
                "windows[1].row: place on the plan 'row 1, column 2' is already used by "
                "fleet.toml: windows[0].row"
            ],
        ),
    ],
)
def test_a_place_that_is_none_is_refused_with_the_place_in_the_file(
    tmp_path: Path, first: str, problems: list[str]
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_fleet(fleet_file(tmp_path, first))
    assert caught.value.problems == [f"fleet.toml: {problem}" for problem in problems]


def test_a_spreadsheet_has_the_places_in_columns(tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text(
        'hall.id = "h"\nhall.name = "厅"\nhall.opens.mon = ["09:00-12:00"]\n', encoding="utf-8"
    )
    (tmp_path / "departments.csv").write_text("id,name\ntax,税务局\n", encoding="utf-8")
    (tmp_path / "devices.csv").write_text("id\nw-a01\n", encoding="utf-8")
    windows = tmp_path / "windows.csv"
    windows.write_text("id,name,row,column\na01,A01,2,11\na02,A02,,\n", encoding="utf-8")
    fleet = load_fleet(tmp_path)
    assert [(window.row, window.column) for window in fleet.windows] == [(2, 11), (None, None)]
    windows.write_text("id,name,row,column\na01,A01,two,11\n", encoding="utf-8")
    with pytest.raises(InvalidSettings) as caught:
        load_fleet(tmp_path)
    assert caught.value.problems == [f"windows.csv: line 2: row: expected {EXPECTED}, got 'two'"]


def test_check_tells_windows_that_were_forgotten_on_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(fleet_file(tmp_path, "row = 3, column = 7", ""))])
    assert "windows without a place on the plan" in capsys.readouterr().out
    main(["check", str(fleet_file(tmp_path, "", ""))])
    assert "plan" not in capsys.readouterr().out

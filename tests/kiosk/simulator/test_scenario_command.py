import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from firmware_config.fleet import sample_fleet_path
from kiosk.cli import main
from kiosk.simulator.scenario_file import shipped_scenarios

ROOT = Path(__file__).resolve().parents[3]
DAY = ("--on", "2026-03-02")
SMALL_HALL = """
hall.id = "small"
hall.name = "小厅"
hall.name_en = "Small hall"
hall.timezone = "Asia/Shanghai"
hall.opens.mon-fri = ["09:00-10:00"]
departments = [{ id = "tax", name = "税务局", name_en = "Tax" }]
windows = [
  { id = "a01", name = "A01", department = "tax", device = "w-a01", from = 2024-01-02 },
  { id = "a02", name = "A02", department = "tax", device = "w-a02", from = 2024-01-02 },
]
devices = [{ id = "w-a01" }, { id = "w-a02", profile = "four-key" }]
"""


@pytest.fixture
def small_hall(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(SMALL_HALL, encoding="utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["simulate", *words], {}) == code
    return capsys.readouterr().out


def test_the_list_names_every_shipped_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "--list-scenarios").splitlines()

    assert [line.split()[0] for line in lines] == list(shipped_scenarios())


def test_a_description_says_what_it_shows_and_what_goes_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "--describe", "dead-button")

    assert text.index("该键无反应") < text.index("pin never goes low")
    assert "fault[1] nth=2 what=dead-key at=08:00 key=2" in text


def test_a_scenario_without_chinese_is_described_in_english(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "t"\nabout = "a"\n', encoding="utf-8")

    assert said(capsys, "--describe", str(mine)) == "t\n\na\n\nseed yiping\n"


def test_a_plan_is_printed_byte_for_byte_alike_and_its_forms_agree(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = ("--fleet", str(sample_fleet_path()), "--scenario", "training", "--print-plan", *DAY)
    document = said(capsys, *plan, "--json")
    steps = said(capsys, *plan, "--csv")

    assert said(capsys, *plan, "--json") == document
    assert said(capsys, *plan, "--csv") == steps
    assert said(capsys, *plan, "--csv", "--seed", "another") != steps
    windows = json.loads(document)["windows"]
    rows = list(csv.DictReader(io.StringIO(steps)))
    assert len(rows) == sum(len(window["steps"]) for window in windows)
    assert rows[0]["time"] == windows[0]["steps"][0]["time"]
    assert [row["time"] for row in rows if row["window"] == "a05" and row["trouble"]] == [
        "10:00:00.000",
        "11:30:00.000",
    ]
    total = said(capsys, *plan).splitlines()[-1].split()
    expected = Counter[str]()
    for window in windows:
        expected.update(window["expected"])
    assert total[:3] == ["all", str(len(rows)), str(expected["INVITED"])]


def test_without_a_fleet_the_sample_hall_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    plan = ("--scenario", "training", "--print-plan", *DAY)

    assert said(capsys, *plan) == said(capsys, "--fleet", str(sample_fleet_path()), *plan)


def test_a_plan_names_the_trouble_of_each_window(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "--scenario", "training", "--print-plan", *DAY).splitlines()
    troubles = {line.split()[0]: line[80:].strip() for line in lines}

    assert troubles["window"] == "trouble"
    assert troubles["a01"] == ""
    assert troubles["a02"] == "dead-key 08:00-23:00"
    assert troubles["a07"] == "network-cut 10:00-10:40"
    assert troubles["a10"] == "paused 10:30-10:50"


def test_a_plan_does_not_depend_on_the_process_that_makes_it() -> None:
    words = [*(sys.executable, "-m", "kiosk", "simulate", "--fleet", str(sample_fleet_path()))]
    words += ["--scenario", "network-cut", "--print-plan", "--json", *DAY]
    plans = {
        subprocess.run(
            words, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=-1, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(plans) == 1


def test_a_panel_without_a_key_for_a_level_is_planned_without_its_ratings(
    capsys: pytest.CaptureFixture[str], small_hall: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "ones.toml"
    mine.write_text('title = "t"\nabout = "a"\n[population]\nlevels = [0, 0, 0, 0, 1]\n')
    document = said(
        capsys,
        *("--fleet", str(small_hall), "--scenario", str(mine), "--print-plan", "--json", *DAY),
    )

    five, four = (window["expected"] for window in json.loads(document)["windows"])
    assert five["RATED.1"] > 0
    assert not any(key.startswith("RATED") for key in four)


def test_a_rehearsal_says_what_was_expected_and_found(
    capsys: pytest.CaptureFixture[str], small_hall: Path
) -> None:
    text = said(capsys, "--fleet", str(small_hall), "--rehearse", *DAY)
    counts = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:]}

    assert counts["BOOT"] == ["2", "2"]
    assert all(expected == found for expected, found in counts.values())


def test_a_rehearsal_of_today_is_refused(
    capsys: pytest.CaptureFixture[str], small_hall: Path
) -> None:
    said(capsys, "--fleet", str(small_hall), "--rehearse", "--on", "2126-03-02", code=3)


def test_a_scenario_that_does_not_fit_the_hall_is_refused(
    capsys: pytest.CaptureFixture[str], small_hall: Path
) -> None:
    words = ("simulate", "--fleet", str(small_hall), "--scenario", "training", "--print-plan")

    assert main(words, {}) == 3
    assert "training.toml: fault[2].nth: expected a hall of that size (2), got [3]" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ((), "--devices, --hall-time"),
        (("--devices", "x"), "--hall-time"),
    ],
)
def test_what_a_hall_needs_is_asked_for(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], missing: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *words], {})

    assert ended.value.code == 2
    assert f"required: {missing}" in capsys.readouterr().err

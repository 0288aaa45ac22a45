from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.fleet import load_fleet, sample_fleet_path
from kiosk.simulator.day import local_time, opening
from kiosk.simulator.hall_time import KeptTime, first_times

ZONE = ZoneInfo("Asia/Shanghai")
WEDNESDAY = date(2026, 3, 4)


def test_a_new_hall_begins_so_many_open_days_ago_and_hurries_to_a_morning_after_opening() -> None:
    hall = load_fleet(sample_fleet_path()).hall

    begin_ms, live_ms = first_times(hall, WEDNESDAY, ZONE, start_days_back=10, history_days=3)

    begins, live = local_time(begin_ms, ZONE), local_time(live_ms, ZONE)
    assert begins.date() == date(2026, 2, 20)
    assert begins.hour < opening(hall, begins.date())[0][0] // 3600
    assert live.date() == date(2026, 2, 24)
    assert (live.hour, live.minute) == (9, 10)


def test_time_is_kept_for_the_next_run(tmp_path: Path) -> None:
    kept = KeptTime(tmp_path / "time.json")
    assert kept.load() is None

    kept.save(1_000, 500)

    assert KeptTime(tmp_path / "time.json").load() == (1_000, 500)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"hall_ms": "x", "history_until_ms": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "time.json"
    path.write_text(content)

    with pytest.raises(InvalidSettings, match=r"time\.json: expected hall_ms"):
        KeptTime(path).load()

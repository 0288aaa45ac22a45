"""The restore drill: the ledger is lost under load, a backup put back, the devices do the rest."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("press_driver.py")
WINDOWS = 6

pytestmark = [
    pytest.mark.system,
    # the broker decides nothing here; the other make is for `make lab`
    pytest.mark.parametrize(
        "hall", ["mosquitto", pytest.param("amqtt", marks=pytest.mark.lab)], indirect=True
    ),
]


class Drill:
    """Kiosks that are pressed as fast as they answer, and a second disk for backups."""

    def __init__(self, hall: Any, disk: Path) -> None:
        self.hall = hall
        self.disk = disk
        self.devices = hall.devices[:WINDOWS]
        hall.config.write_text(
            f'{hall.config.read_text()}\n[backup]\nfolder = "{disk}"\n', encoding="utf-8"
        )
        hall.render_devices(
            self.devices,
            **{"panel.debounce_ms": "1", "uplink.resend_s": "1", "uplink.resend_max_s": "2"},
        )
        self.kiosks = hall.program("kiosks", str(DRIVER), str(hall.folder), *self.devices)
        self.kiosks.start()
        self.wait_for_more(60)

    def said(self, word: str) -> list[tuple[str, int]]:
        lines = self.kiosks.log.read_text(errors="replace").split("\n")[:-1]
        parts = [line.split(" ") for line in lines]
        return [(part[1], int(part[2])) for part in parts if part[0] == word and len(part) == 3]

    def wait_for_more(self, records: int) -> None:
        """Wait until so many more records are in the ledger."""
        goal = self.hall.size() + records
        self.hall.wait(lambda: self.hall.size() >= goal, f"{records} more records")

    def wait_for_thanks(self, number: int) -> None:
        """Wait until so many more presses were thanked, whoever stores them."""
        goal = len(self.said("thanked")) + number
        self.hall.wait(lambda: len(self.said("thanked")) >= goal, f"{number} more thanks")

    def run(self, *arguments: str) -> Any:
        """A collector command that succeeds; its JSON."""
        done = self.hall.collector(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def lose_the_ledger(self) -> None:
        """Ingest is killed and its disk is gone."""
        self.hall.ingest.kill()
        for path in self.hall.folder.glob("ledger.db*"):
            path.unlink()

    def converge(self) -> None:
        """No more presses; the devices, not started anew, send what the ledger lacks."""
        self.kiosks.process.send_signal(signal.SIGUSR1)

        def is_whole() -> bool:
            held = set(self.hall.ledger_records())
            return all(self.hall.journal(device) <= held for device in self.devices)

        self.hall.wait(is_whole, "all journals to be in the ledger", 120)

    def check(self) -> None:
        """Nothing lost, nothing doubled, nothing put aside."""
        held = self.hall.ledger_records()
        written = set().union(*(self.hall.journal(device) for device in self.devices))
        assert len(held) == len(set(held))
        assert set(held) == written
        counted = self.hall.query("SELECT case_no, level FROM outcomes WHERE level IS NOT NULL")
        thanked = self.said("thanked")
        assert len(thanked) > 50
        assert all(times == 1 for times in Counter(counted).values())
        assert set(thanked) <= set(counted) <= set(self.said("tried"))
        assert self.hall.query("SELECT count(*) FROM conflicts") == [(0,)]
        assert self.hall.query("SELECT count(*) FROM quarantine") == [(0,)]

    def archived(self) -> dict[str, tuple[int, int]]:
        """Device → what the ledger calls archived, and what the device has been told of it."""
        rows = self.hall.query(
            "SELECT d.code, e.archived FROM epochs e JOIN devices d ON d.id = e.device"
        )
        told = {}
        for device in self.devices:
            path = self.hall.folder / "devices" / device / "journal.db"
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as journal:
                [(archived,)] = journal.execute("SELECT archived FROM watermarks").fetchall()
            told[device] = archived
        return {device: (archived, told[device]) for device, archived in rows if device in told}

    def wait_until_told(self) -> None:
        """Every device knows how far it is archived, and it is more than nothing."""

        def is_told() -> bool:
            pairs = self.archived().values()
            return len(pairs) == WINDOWS and all(here == there > 0 for here, there in pairs)

        self.hall.wait(is_told, "devices to learn what is archived")

    def gens(self) -> list[str]:
        return [reason for (reason,) in self.hall.query("SELECT reason FROM gens ORDER BY id")]


@pytest.fixture
def drill(hall: Any) -> Iterator[Drill]:
    """Another file system than the test's own, as the settings demand."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        assert os.stat(disk).st_dev != hall.folder.stat().st_dev
        yield Drill(hall, Path(disk))


def test_a_lost_ledger_is_restored_under_load_and_nothing_is_lost_or_doubled(
    drill: Drill,
) -> None:
    """I2: every thanked record is in a journal, or in the ledger and a verified backup."""
    made = drill.run("backup")
    drill.wait_until_told()  # each device is told, with no restart of anything
    assert made["archived_moved"] == WINDOWS
    drill.wait_for_more(60)

    drill.lose_the_ledger()
    drill.wait_for_thanks(20)
    done = drill.run("restore", "latest", "--yes")
    drill.hall.start_ingest()
    drill.wait_for_thanks(20)
    drill.converge()

    drill.check()
    assert drill.gens() == ["made", "restored"]
    assert done["records"] == made["records"] < drill.hall.size()
    drill.wait_until_told()
    assert sum(here for here, _ in drill.archived().values()) == made["records"]


def test_an_older_backup_and_one_made_while_ingest_was_killed_converge_too(drill: Drill) -> None:
    first = drill.run("backup")
    older = drill.hall.folder / "kept" / first["name"]  # the rotation keeps one a day
    shutil.copytree(drill.disk / "ledger" / first["name"], older)
    drill.wait_for_more(60)
    drill.hall.ingest.kill()  # its log is left beside the ledger, not checkpointed
    second = drill.run("backup")
    assert second["records"] >= first["records"] + 60
    drill.hall.start_ingest()
    drill.wait_for_more(30)

    drill.lose_the_ledger()
    drill.run("restore", str(older), "--yes")
    drill.hall.start_ingest()
    drill.wait_for_more(second["records"] - first["records"])
    drill.hall.ingest.stop()
    again = drill.run("restore", "latest", "--yes")
    assert Path(again["kept"]).is_file()
    drill.hall.start_ingest()
    drill.converge()

    drill.check()
    assert drill.gens() == ["made", "restored"]


def test_a_copy_put_back_by_hand_without_a_gen_converges_by_the_devices_own_rule(
    drill: Drill,
) -> None:
    made = drill.run("backup")
    drill.wait_for_more(60)

    drill.lose_the_ledger()
    shutil.copy(drill.disk / "ledger" / made["name"] / "ledger.db", drill.hall.ledger)
    drill.hall.start_ingest()
    drill.wait_for_thanks(20)
    drill.converge()

    drill.check()
    assert drill.gens() == ["made"]


def test_ingest_is_safe_from_a_restore_while_it_runs(drill: Drill) -> None:
    drill.run("backup")

    done = drill.hall.collector("restore", "latest", "--yes")

    assert done.returncode == 5
    assert "another `collector ingest` writes it" in done.stderr
    drill.wait_for_more(10)

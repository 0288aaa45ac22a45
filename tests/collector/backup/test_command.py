"""The commands `collector backup` and `collector restore`: words, JSON, exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.office.database import Office

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(hall: Any, tmp_path: Path) -> Path:
    """The hall's settings as a file."""
    path = tmp_path / "collector.toml"
    path.write_text(
        f'hall = "hall-1"\nfleet = "f"\ndevice_keys = "k"\nkey = "collector.jwk"\n'
        f'ledger = "{hall.settings.ledger.name}"\n[broker]\nhost = "127.0.0.1"\n'
        '[backup]\nfolder = "disk"\nallow_same_disk = true\n[web]\noffice = "office.db"\n'
    )
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("backup", "--json")` → exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(config)], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_backup_says_where_it_is_and_what_moved(run: Run, hall: Any) -> None:
    code, out, err = run("backup")

    assert (code, err) == (0, "")
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert told["verified"] == f"in  {hall.disk}"
    assert told["records"] == "60"
    assert told["archived"] == "moved for 2 journals"


def test_the_list_names_every_backup_and_what_is_wrong_with_it(run: Run, hall: Any) -> None:
    names = [json.loads(run("backup", "--json")[1])["name"] for _ in range(2)]
    hall.disk.joinpath("ledger", "20200101T000000Z").mkdir()

    rows = json.loads(run("backup", "list", "--json")[1])

    # the rotation keeps one a day
    assert [row["name"] for row in rows] == ["20200101T000000Z", names[1]]
    assert rows[0]["verified"] == "NO: manifest.json: is not there"
    assert (rows[1]["verified"], rows[1]["records"]) == ("yes", 60)
    assert run("backup", "list", "--csv")[1].startswith("when,bytes,records,verified,where,name")
    assert run("backup", "list")[1].splitlines()[0].split()[0] == "when"


def test_verify_passes_a_good_copy_and_names_what_is_wrong_with_a_bad_one(
    run: Run, hall: Any
) -> None:
    name = json.loads(run("backup", "--json")[1])["name"]
    folder = hall.disk / "ledger" / name

    code, out, _ = run("backup", "verify", str(folder))
    assert (code, out.splitlines()[-1]) == (0, "PASS")
    assert json.loads(run("backup", "verify", str(folder), "--full", "--json")[1]) == {
        **json.loads(run("backup", "verify", str(folder), "--json")[1]),
        "signatures": 60,
    }

    copy = folder / "ledger.db"
    content = bytearray(copy.read_bytes())
    content[-100] ^= 1
    copy.write_bytes(content)
    code, out, err = run("backup", "verify", str(folder))
    assert (code, out) == (1, "")
    assert "expected SHA-256" in err


def test_a_place_that_fails_is_exit_code_4_and_no_places_3(
    run: Run, hall: Any, config: Path
) -> None:
    hall.disk.rmdir()
    code, out, err = run("backup")
    assert (code, out) == (4, "")
    assert err.startswith("collector: error: ")
    assert json.loads(run("backup", "--json")[1])["name"] is None

    config.write_text(config.read_text().replace('folder = "disk"\n', ""))
    code, _, err = run("backup")
    assert code == 3
    assert "backup.folder: expected a folder, or backup.sftp, got neither" in err


def test_an_sftp_place_needs_its_files(run: Run) -> None:
    code, _, err = run("backup", "--set", "backup.sftp=sftp://me@host/backups")

    assert code == 3
    assert "backup.sftp_key: expected a file" in err
    assert "backup.sftp_known_hosts: expected a file" in err


def test_a_restore_wants_yes_and_says_what_it_kept(run: Run, hall: Any) -> None:
    run("backup")
    hall.ledger.db.close()

    code, _, err = run("restore", "latest")
    assert code == 2
    assert "say --yes" in err

    code, out, _ = run("restore", "latest", "--yes")
    assert code == 0
    assert out.startswith("restored 60 records from ")
    [kept] = [line.split()[1] for line in out.splitlines() if line.startswith("kept")]
    assert Path(kept).is_file()


def test_what_cannot_be_restored_is_told_before_anything_changes(run: Run, hall: Any) -> None:
    before = hall.settings.ledger.read_bytes()

    assert run("restore", "latest", "--yes")[0] == 2
    assert run("restore", "no-such-folder", "--yes")[0] == 2
    assert run("restore", "latest", "--from-sftp", "--yes")[0] == 2
    assert hall.settings.ledger.read_bytes() == before


def test_the_dashboards_database_has_its_own_backups(run: Run, hall: Any, tmp_path: Path) -> None:
    code, _, err = run("backup", "--office")
    assert code == 5
    assert "expected the dashboard's database, got no file" in err

    with closing(Office(tmp_path / "office.db")) as office:
        office.prepare()
    assert run("backup", "--office")[0] == 0
    assert len(json.loads(run("backup", "--office", "list", "--json")[1])) == 1
    assert len(json.loads(run("backup", "list", "--office", "--json")[1])) == 1
    assert json.loads(run("backup", "list", "--json")[1]) == []
    assert hall.archived() == {"dev-1": 0, "dev-2": 0}


@pytest.mark.parametrize("name", ["corrections.db", "office.db"])
def test_a_database_of_the_dashboard_that_cannot_be_read_is_told_and_the_other_is_copied(
    run: Run, hall: Any, tmp_path: Path, name: str
) -> None:
    """A folder in its place: no file for anybody, not even for root."""
    (tmp_path / name).mkdir()
    code, out, err = run("backup", "--office")
    assert (code, out) == (4, "")
    assert f"{tmp_path / name}: expected a file, got something else" in err

    (other,) = {"corrections.db", "office.db"} - {name}
    with closing(Office(tmp_path / other)) as office:
        office.prepare()
    code, out, err = run("backup", "--office", "--json")
    assert code == 4
    assert f"{tmp_path / name}: expected a file, got something else" in err
    [folder] = (hall.disk / "office").iterdir()
    assert json.loads(out)["failed"].keys() == {str(tmp_path / name)}
    assert {path.name for path in folder.iterdir()} >= {other, "manifest.json"}


def test_an_unsigned_copy_wants_a_word_and_what_it_means_is_told(run: Run, hall: Any) -> None:
    name = json.loads(run("backup", "--json")[1])["name"]
    (hall.disk / "ledger" / name / "manifest.jws").unlink()
    hall.ledger.db.close()

    code, _, err = run("restore", "latest", "--yes")
    assert code == 2
    assert "--unsigned takes it" in err

    code, out, err = run("restore", "latest", "--unsigned", "--yes")
    assert code == 0
    assert "collector: warning: archived: left as the copy says" in err
    assert "archived     as the copy says" in out


def test_a_progress_bar_is_shown_to_a_person_only(config: Path) -> None:
    command = [sys.executable, "-m", "collector", "backup", "--config", str(config)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""

    terminal, side = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=side) as process:
        os.close(side)
        shown = b""
        try:
            while chunk := os.read(terminal, 4096):
                shown += chunk
        except OSError:  # how a pseudo-terminal says that nobody writes any more
            pass
        assert process.wait() == 0
    os.close(terminal)
    assert b"%" in shown

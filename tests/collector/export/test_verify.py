"""`collector export --verify` finds every kind of change, from the folder alone."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from collector.errors import UsageError
from collector.export.command import run_verify
from collector.export.verify import verify
from firmware_config.errors import ExitCode


@pytest.fixture
def exports(hall, at):
    """Exports of four days and one revision."""
    for day in (2, 3, 4, 5):
        hall.devices["w-a01"].serve(at(day, 9), 5, case_no=f"33010{day}")
        hall.devices["w-a01"].serve(at(day, 10), 2)
        hall.devices["w-b01"].serve(at(day, 10), None)
        hall.store(at(day, 18))
    hall.export(now=at(5, 2))
    hall.devices["w-b01"].serve(at(3, 12), 4)
    hall.store(at(5, 18))
    hall.export(now=at(6, 2))
    return hall.exports


def problems(folder):
    return {f.name: f.problems for f in verify(folder) if f.problems}


def rewrite_manifest(folder, **changes):
    """What a forger does who knows the format: the manifest says what the files now are."""
    path = folder / "manifest.json"
    statement = json.loads(path.read_bytes()) | changes
    for name, entry in statement["files"].items():
        content = (folder / name).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_bytes(json.dumps(statement, indent=2, ensure_ascii=False).encode() + b"\n")


def test_untouched_exports_pass(exports, capsys):
    assert run_verify(exports) is ExitCode.OK

    out = capsys.readouterr().out
    assert "PASS  2026-11-03.r2" in out
    assert out.endswith("PASS: 5 exports, 0 problems\n")


@pytest.mark.parametrize("name", ["detail.csv", "windows.csv", "departments.csv"])
def test_one_changed_byte_in_any_file_is_found(exports, name, capsys):
    path = exports / "2026-11-03" / name
    path.write_bytes(path.read_bytes().replace(b"2026-11-03", b"2026-11-04", 1))

    assert run_verify(exports) is ExitCode.FAILURE

    out = capsys.readouterr().out
    assert "FAIL  2026-11-03  " in out
    assert f"{name}: SHA-256: expected" in out


def test_a_level_changed_in_detail_and_manifest_is_found_by_counts_and_chain(exports):
    path = exports / "2026-11-03" / "detail.csv"
    path.write_bytes(path.read_bytes().replace(",2,不满意,".encode(), ",5,非常满意,".encode()))
    rewrite_manifest(exports / "2026-11-03")

    found = problems(exports)

    assert any("level2: detail.csv 0, windows.csv 1" in p for p in found["2026-11-03"])
    assert any(p.startswith("previous: SHA-256 of 2026-11-03/") for p in found["2026-11-04"])


def test_a_whole_day_forged_without_a_seam_breaks_the_chain(exports, hall, at):
    """The forger runs the exporter on a ledger of his own and puts the day in place."""
    forged = exports / "2026-11-04"
    rewrite_manifest(forged, made_at="2026-11-05T00:00:00Z")

    found = problems(exports)

    assert "2026-11-04" not in found
    assert any("previous: SHA-256 of 2026-11-04/" in p for p in found["2026-11-03.r2"])


def test_a_removed_export_is_found(exports):
    shutil.rmtree(exports / "2026-11-03.r2")

    assert any("2026-11-03.r2 is not in the folder" in p for p in problems(exports)["2026-11-05"])


def test_the_oldest_exports_may_be_moved_away(exports):
    shutil.rmtree(exports / "2026-11-02")

    assert problems(exports) == {}


def test_missing_and_foreign_files_are_named(exports):
    (exports / "2026-11-02" / "windows.csv").unlink()
    (exports / "2026-11-04" / "readme.txt").write_text("hello")
    (exports / "2026-11-05" / "manifest.json").unlink()

    found = problems(exports)

    assert found["2026-11-02"] == ["windows.csv: missing"]
    assert found["2026-11-04"] == ["readme.txt: not in the manifest"]
    assert found["2026-11-05"] == ["manifest.json: No such file or directory"]


def test_an_export_under_another_day_s_name_is_found(exports):
    (exports / "2026-11-04").rename(exports / "2026-11-09")

    assert any("expected day 2026-11-09" in p for p in problems(exports)["2026-11-09"])


def test_a_rate_that_does_not_follow_from_its_counts_is_found(exports):
    path = exports / "2026-11-02" / "departments.csv"
    path.write_bytes(path.read_bytes().replace(b",50.000,", b",90.000,"))
    rewrite_manifest(exports / "2026-11-02")

    found = problems(exports)["2026-11-02"]

    assert "departments.csv: row 3: its rates do not follow from its counts" in found


def test_departments_that_are_not_the_sums_of_their_windows_are_found(exports):
    path = exports / "2026-11-02" / "departments.csv"
    path.write_bytes(path.read_bytes().replace(b",land,", b",sand,"))
    rewrite_manifest(exports / "2026-11-02")

    found = problems(exports)["2026-11-02"]

    assert "departments.csv: not the sums of windows.csv by department" in found


def test_a_digest_of_other_facts_is_found(exports):
    rewrite_manifest(exports / "2026-11-02", facts_sha256="0" * 64)

    assert any(p.startswith("facts: expected 0000") for p in problems(exports)["2026-11-02"])


def test_a_press_time_of_another_day_is_found(exports):
    path = exports / "2026-11-02" / "detail.csv"
    path.write_bytes(path.read_bytes().replace(b"2026-11-02T09:", b"2026-11-03T09:", 1))
    rewrite_manifest(exports / "2026-11-02")

    found = problems(exports)["2026-11-02"]

    assert any("is not on 2026-11-02" in p for p in found)
    assert any("+08:00 is not 2026" in p for p in found)


def test_counts_of_the_manifest_alone_are_found(exports):
    counts = json.loads((exports / "2026-11-02" / "manifest.json").read_bytes())["counts"]
    rewrite_manifest(exports / "2026-11-02", counts=counts | {"rated": 9})

    found = problems(exports)["2026-11-02"]

    assert "windows.csv: its sums are not the manifest's counts" in found


def test_a_day_relabelled_as_balanced_is_found(hall, at):
    hall.devices["w-a01"].serve(at(2, 9), 5)
    hall.store(at(2, 18))
    hall.tamper("UPDATE hour_rollups SET invited = 7")
    assert hall.export(now=at(3, 2)) is ExitCode.FAILURE
    assert problems(hall.exports) == {}
    rewrite_manifest(hall.exports / "2026-11-02", balanced=True)

    assert problems(hall.exports)["2026-11-02"] == ["manifest.json: balanced: expected False"]


def test_a_rating_written_twice_is_found(exports):
    path = exports / "2026-11-02" / "detail.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[1]]))
    rewrite_manifest(exports / "2026-11-02")

    assert any("stands there 2 times" in p for p in problems(exports)["2026-11-02"])


def test_one_export_alone_can_be_checked(exports, capsys):
    assert run_verify(exports / "2026-11-03.r2") is ExitCode.OK
    assert "the chain to its neighbours was not checked" in capsys.readouterr().out

    (exports / "2026-11-03.r2" / "detail.csv").write_bytes(b"")
    assert run_verify(exports / "2026-11-03.r2") is ExitCode.FAILURE


def test_the_report_is_json_when_asked(exports, capsys):
    run_verify(exports, as_json=True)

    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is True
    assert [e["export"] for e in report["exports"]][:2] == ["2026-11-02", "2026-11-03"]


def test_a_folder_without_exports_does_not_pass(tmp_path):
    assert run_verify(tmp_path) is ExitCode.FAILURE


def test_what_is_no_folder_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="expected a folder"):
        run_verify(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b"null", b"[" * 5000, b'{"format": "yiping-export"}'],
)
def test_any_bytes_as_manifest_are_a_finding_and_no_crash(exports, content):
    (exports / "2026-11-02" / "manifest.json").write_bytes(content)

    assert problems(exports)["2026-11-02"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\xff", b"a,b\r\n1\r\n", b'"', b"day\r\nx\r\n", b"\x00\r\n"],
)
def test_any_bytes_as_table_are_a_finding_and_no_crash(exports, content):
    (exports / "2026-11-02" / "detail.csv").write_bytes(content)
    rewrite_manifest(exports / "2026-11-02")

    assert problems(exports)["2026-11-02"]

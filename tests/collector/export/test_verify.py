"""`collector export --verify`: the receiver's program finds every kind of change."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from collector.errors import UsageError
from firmware_config.errors import ExitCode
from firmware_config.keys import save_verify_key


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


@pytest.fixture
def codes(hall):
    """`codes(day)`: codes and places of what is wrong in the exports that begin with it."""

    def codes(name=""):
        found = hall.check().findings
        return [(f.code, f.place.partition("/")[2]) for f in found if f.place.startswith(name)]

    return codes


def run_verify(hall, *options, folder=None):
    return hall.export("--verify", str(folder or hall.exports), *options)


def rewrite_manifest(folder, **changes):
    """What a forger does who knows the format: the manifest says what the files now are."""
    path = folder / "manifest.json"
    statement = json.loads(path.read_bytes()) | changes
    for name, entry in statement["files"].items():
        content = (folder / name).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_bytes(json.dumps(statement, indent=2, ensure_ascii=False).encode() + b"\n")


def replace(path, old, new):
    assert old.encode() in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))


def test_untouched_exports_pass_and_say_what_was_checked(exports, hall, capsys):
    assert run_verify(hall) is ExitCode.OK

    out = capsys.readouterr().out
    assert "PASS (keys not compared with any you kept)  of" in out
    assert "exports 5, files 30" in out
    assert "satisfaction 60.000 % (3/5)" not in out  # 4 x 5, 1 x 4 of nine ratings
    assert "satisfaction 55.556 % (5/9)" in out
    assert "keys come from the export itself" in out


def test_one_changed_byte_in_any_file_is_found(exports, hall, capsys):
    for path in sorted((exports / "2026-11-03").iterdir()):
        content = path.read_bytes()
        at = len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert run_verify(hall) is ExitCode.FAILURE, path.name
        assert f"2026-11-03/{path.name}" in capsys.readouterr().out
        path.write_bytes(content)


def test_a_level_changed_in_every_table_is_found_by_the_signed_record_and_the_chain(exports, codes):
    replace(exports / "2026-11-03" / "detail.csv", ",2,不满意,", ",5,非常满意,")
    rewrite_manifest(exports / "2026-11-03")

    assert codes("2026-11-03/")[:2] == [("row-field", "detail.csv:3")] * 2  # level, level_name
    assert ("sum", "windows.csv:2 level2") in codes("2026-11-03/")
    assert codes("2026-11-04") == [("previous", "manifest.json 2026-11-03")]


def test_a_whole_day_forged_without_a_seam_breaks_the_chain(exports, codes):
    """The forger runs the exporter on a ledger of his own and puts the day in place."""
    rewrite_manifest(exports / "2026-11-04", made_at="2026-11-05T00:00:00Z")

    assert codes() == [("previous", "manifest.json 2026-11-04")]


def test_a_removed_export_is_found(exports, hall):
    shutil.rmtree(exports / "2026-11-03.r2")

    (finding,) = hall.check().findings
    assert (finding.place, finding.got) == ("2026-11-05/manifest.json", "missing")
    assert finding.expected == "2026-11-03.r2 (number 4)"


def test_the_oldest_exports_may_be_moved_away_and_it_is_said(exports, hall):
    shutil.rmtree(exports / "2026-11-02")

    report = hall.check()

    assert report.findings == []
    assert report.notes["oldest"] == (1, "")


def test_missing_and_foreign_files_are_named(exports, codes):
    (exports / "2026-11-02" / "windows.csv").unlink()
    (exports / "2026-11-04" / "readme.txt").write_text("hello")
    (exports / "2026-11-05" / "manifest.json").unlink()

    assert codes("2026-11-02") == [("file-missing", "windows.csv")]
    assert codes("2026-11-04") == [("file-extra", "readme.txt")]
    assert codes("2026-11-05") == [("manifest", "manifest.json")]


def test_an_export_under_another_day_s_name_is_found(exports, codes):
    (exports / "2026-11-04").rename(exports / "2026-11-09")

    assert ("folder-name", "manifest.json") in codes("2026-11-09")


def test_a_rate_that_does_not_follow_from_its_counts_is_found(exports, codes):
    replace(exports / "2026-11-02" / "departments.csv", ",50.000,", ",90.000,")
    rewrite_manifest(exports / "2026-11-02")

    assert ("rate", "departments.csv:3 satisfaction_percent") in codes("2026-11-02")


def test_departments_that_are_not_the_sums_of_their_windows_are_found(exports, codes):
    replace(exports / "2026-11-02" / "departments.csv", ",land,", ",sand,")
    rewrite_manifest(exports / "2026-11-02")

    assert ("sum", "departments.csv:2 unrated") in codes("2026-11-02")
    assert ("sum", "departments.csv land") in codes("2026-11-02")


def test_a_digest_of_other_facts_is_found(exports, codes):
    rewrite_manifest(exports / "2026-11-02", facts_sha256="0" * 64)

    assert codes("2026-11-02") == [("facts", "manifest.json")]


def test_a_press_time_of_another_day_is_found(exports, codes):
    replace(exports / "2026-11-02" / "detail.csv", "2026-11-02T09:", "2026-11-03T09:")
    rewrite_manifest(exports / "2026-11-02")

    assert codes("2026-11-02")[0] == ("row-time", "detail.csv:2")


def test_a_press_dated_to_another_hour_is_found_by_the_device_s_own_clock(exports, codes):
    path = exports / "2026-11-02" / "detail.csv"
    replace(path, "2026-11-02T09:", "2026-11-02T11:")
    replace(path, "2026-11-02T01:", "2026-11-02T03:")
    rewrite_manifest(exports / "2026-11-02")

    assert codes("2026-11-02")[0] == ("row-time", "detail.csv:2")


def test_counts_of_the_manifest_alone_are_found(exports, codes):
    counts = json.loads((exports / "2026-11-02" / "manifest.json").read_bytes())["counts"]
    rewrite_manifest(exports / "2026-11-02", counts=counts | {"rated": 9})

    assert codes("2026-11-02") == [("sum", "manifest.json rated")]


def test_a_day_relabelled_as_balanced_is_found(hall, at, codes):
    hall.devices["w-a01"].serve(at(2, 9), 5)
    hall.store(at(2, 18))
    hall.tamper("UPDATE hour_rollups SET invited = 7")
    assert hall.export(now=at(3, 2)) is ExitCode.FAILURE
    assert codes() == [("not-balanced", "manifest.json")]
    rewrite_manifest(hall.exports / "2026-11-02", balanced=True)

    assert codes() == [("balance-flag", "manifest.json")]


def test_what_stands_open_in_a_revision_is_settled_by_the_next_one(hall, at):
    hall.devices["w-a01"].serve(at(2, 9), 5)
    hall.store(at(2, 18))
    hall.tamper("UPDATE hour_rollups SET invited = 7 WHERE hour = 8")
    hall.export(now=at(3, 2))
    hall.tamper("UPDATE hour_rollups SET invited = 1 WHERE hour = 8")
    hall.export(now=at(3, 3))

    report = hall.check()

    assert report.findings == []
    assert report.notes["settled"] == (1, "2026-11-02/manifest.json")


def test_a_day_close_that_a_later_revision_agrees_with_is_settled(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    late = device.ignore(at(2, 10))
    device.close_day(at(2).date(), RATED=1, IGNORED=1)
    device.waiting.remove(late)
    hall.store(at(3, 1))
    hall.export(now=at(3, 2))
    assert [f.code for f in hall.check().findings] == ["seq-gap", "day-close", "not-balanced"]
    device.waiting.append(late)
    hall.store(at(3, 8))
    hall.export(now=at(4, 2))

    report = hall.check()

    assert report.findings == []
    assert report.notes["settled"][0] == 3


def test_a_rating_written_twice_is_found(exports, codes):
    path = exports / "2026-11-02" / "detail.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[1]]))
    rewrite_manifest(exports / "2026-11-02")

    assert ("row-twice", "detail.csv:5") in codes("2026-11-02")


def test_one_export_alone_can_be_checked(exports, hall, capsys):
    assert run_verify(hall, folder=exports / "2026-11-03.r2") is ExitCode.OK
    assert "the chain to its neighbours was not checked" in capsys.readouterr().out

    (exports / "2026-11-03.r2" / "detail.csv").write_bytes(b"")
    assert run_verify(hall, folder=exports / "2026-11-03.r2") is ExitCode.FAILURE


def test_the_report_is_json_when_asked(exports, hall, capsys):
    run_verify(hall, "--json")

    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is True
    assert report["pinned"] is False
    assert report["figures"]["exports"] == 5


def test_keys_that_the_receiver_kept_are_pinned(exports, hall, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    for code in ("w-a01", "w-b01"):
        save_verify_key(folder / f"{code}.jwk", hall.devices[code].key.public)
    assert hall.check("--keys", folder).findings == []
    assert "keys-own" not in hall.check("--keys", folder).notes

    (folder / "w-b01.jwk").unlink()
    found = {f.code for f in hall.check("--keys", folder).findings}
    assert found == {"key-pinned", "key-unknown"}
    (folder / "w-a01.jwk").rename(folder / "w-b01.jwk")  # another device's key
    assert "key-device" in {f.code for f in hall.check("--keys", folder).findings}


def test_a_folder_without_exports_does_not_pass(hall, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()

    assert run_verify(hall, folder=folder) is ExitCode.FAILURE


def test_what_is_no_folder_is_a_usage_error(hall, tmp_path):
    with pytest.raises(UsageError, match="expected a folder"):
        run_verify(hall, folder=tmp_path / "nowhere")


def test_keys_without_verify_are_a_usage_error(hall):
    with pytest.raises(UsageError, match="--keys"):
        hall.export("--keys", "somewhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b"null", b"[" * 5000, b'{"format": "yiping-export"}'],
)
def test_any_bytes_as_manifest_are_a_finding_and_no_crash(exports, codes, content):
    (exports / "2026-11-02" / "manifest.json").write_bytes(content)

    assert codes("2026-11-02") == [("manifest", "manifest.json")]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\xff", b"a,b\r\n1\r\n", b'"', b"day\r\nx\r\n", b"\x00\r\n"],
)
def test_any_bytes_as_table_are_a_finding_and_no_crash(exports, codes, content):
    (exports / "2026-11-02" / "detail.csv").write_bytes(content)
    rewrite_manifest(exports / "2026-11-02")

    assert ("csv-format", "detail.csv") in codes("2026-11-02")

"""What only shows when the receiver's program sees all days: forgeries that hold within a day."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from collector.export import yiping_verify
from firmware_config import chain
from firmware_config.keys import SigningKey
from tests.collector.export.forging import forging

GOOD = Path(__file__).resolve().parents[3] / "docs" / "verifier" / "samples" / "00-good" / "export"
STRANGER = SigningKey.from_seed(b"a stranger's key, of the tests..")


@pytest.fixture
def exports(tmp_path):
    """Three good days and a revision, to be forged."""
    shutil.copytree(GOOD, tmp_path / "export")
    return tmp_path / "export"


def device_key(code):
    """The key of a device of the samples."""
    return SigningKey.from_seed(hashlib.sha256(code.encode()).digest())


def check(exports):
    report = yiping_verify.Report()
    yiping_verify.check(yiping_verify.arguments([str(exports)]), report)
    return report


def test_a_second_history_of_a_device_is_found_where_two_days_show_the_same_record(exports):
    with forging(exports / "2026-11-04") as forger:
        # the day-close of the 3rd, written after midnight, is in both exports
        first = next(n for n, t in enumerate(forger.tokens) if b'"dev":"w-a02"' in payload(t))
        told = json.loads(payload(forger.tokens[first])) | {"mono_ms": 1}
        forger.tokens[first] = device_key("w-a02").token(msgspec.json.encode(told))
        forger.sign_anew("w-a02", device_key("w-a02"))

    assert {f.code for f in check(exports).findings} == {"same-record"}


def payload(token):
    return chain.split_token(token).payload


def test_a_changed_key_is_told(exports):
    with forging(exports / "2026-11-04") as forger:
        for jwk in forger.keys["keys"]:
            if jwk["device"] == "w-a02":
                jwk |= STRANGER.public.jwk()
        forger.sign_anew("w-a02", STRANGER)

    report = check(exports)

    assert report.notes["key-changed"] == (1, "w-a02 2026-11-04")


def test_a_device_s_hidden_day_is_told_by_the_records_that_no_day_shows(exports):
    for name in ("2026-11-03", "2026-11-03.r2"):
        with forging(exports / name) as forger:
            gone = [t for t in forger.tokens if b'"dev":"w-b01"' in payload(t)]
            forger.tokens = [t for t in forger.tokens if t not in gone]
            forger.detail = [row for row in forger.detail if row["device"] != "w-b01"]
            forger.keys["keys"] = [k for k in forger.keys["keys"] if k["device"] != "w-b01"]
            kept = [s for s in forger.manifest.evidence if s.device != "w-b01"]
            forger.changes["evidence"] = kept
            forger.less["b01", "invited"] = sum(
                b'"kind":"INVITED"' in payload(token) for token in gone
            )

    report = check(exports)

    assert report.findings == []  # nothing in the day itself tells of it
    epoch = next(s for s in forger.manifest.evidence if s.device == "w-b01").epoch
    number, example = report.notes["not-shown"]
    assert number >= 5
    assert example.startswith(f"w-b01/{epoch}/")


def test_a_case_counted_on_two_days_is_found(hall, at):
    hall.devices["w-a01"].serve(at(2, 9), 5, case_no="1")
    hall.devices["w-b01"].serve(at(3, 9), 2, case_no="1")
    hall.store(at(3, 18))
    hall.export(now=at(4, 2))
    assert hall.check().findings == []
    assert "repeat-elsewhere" in hall.check(name="2026-11-03").notes

    with forging(hall.exports / "2026-11-03") as forger:
        forger.row(is_repeat="1")["is_repeat"] = "0"

    (finding,) = hall.check().findings
    assert (finding.code, finding.place) == ("repeat", "2026-11-03/detail.csv:2")
    assert finding.got == "1 1: 2026-11-02"


def test_a_rating_dated_by_estimate_to_a_day_that_is_not_there_is_told(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    device.serve(at(2, 10), 1, synced=False)
    device.serve(at(2, 11), 4)
    hall.store(at(2, 18))
    hall.export(now=at(3, 2))
    with forging(hall.exports / "2026-11-02") as forger:
        forger.detail.remove(forger.row(level="1"))

    report = hall.check()

    assert report.findings == []
    assert report.notes["dated-away"] == (1, f"w-a01/{device.epoch}/4")

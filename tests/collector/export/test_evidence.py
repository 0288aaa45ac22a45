"""The signed records in an export: which are there, and what makes a day's export anew."""

from __future__ import annotations

import gzip
import json

import pytest

from collector.export.evidence import MAX_BETWEEN, gap_differences, render_records, stretches
from collector.export.manifest import Stretch
from firmware_config import chain
from firmware_config.contract import Boot
from firmware_config.errors import ExitCode
from tests.collector.export.sample_hall import COLLECTOR, checkpoint


def manifest(hall, name="2026-11-02"):
    return json.loads((hall.exports / name / "manifest.json").read_bytes())


def records(hall, name="2026-11-02"):
    tokens = gzip.decompress((hall.exports / name / "records.jws.gz").read_bytes()).splitlines()
    return [json.loads(chain.split_token(token).payload) for token in tokens]


def names(hall):
    return sorted(path.name for path in hall.exports.iterdir() if path.name[0] != ".")


def add_checkpoint(hall, day):
    token = COLLECTOR.token(checkpoint("hall-1", "gen", f"2026-11-{day:02}", 1, bytes(32), 0))
    hall.tamper(
        "INSERT INTO checkpoints SELECT coalesce(max(id), 0) + 1, 'gen', 1, x'00', ?, 0, ?"
        " FROM checkpoints",
        *(f"2026-11-{day:02}", token),
    )
    return token.decode()


@pytest.fixture
def worked(hall, at):
    """Two devices on 2 and 3 November; one is silent on the 2nd, except for its day-close."""
    hall.devices["w-a01"].serve(at(2, 9), 5)
    hall.devices["w-a01"].ignore(at(2, 10))
    hall.devices["w-a01"].serve(at(3, 9), 4)
    hall.devices["w-b01"].close_day(at(2).date())
    hall.store(at(3, 18))
    return hall


def test_every_record_of_the_day_is_there_in_order_of_device_and_seq(worked, at):
    worked.export(now=at(4, 2))

    assert [(r["dev"], r["seq"], r["kind"]) for r in records(worked)] == [
        ("w-a01", 1, "INVITED"),
        ("w-a01", 2, "RATED"),
        ("w-a01", 3, "IGNORED"),
        ("w-b01", 1, "DAYCLOSE"),
    ]
    epoch = worked.devices["w-a01"].epoch
    first = {"device": "w-a01", "epoch": epoch, "first": 1, "last": 3}
    assert manifest(worked)["evidence"][0] == first
    assert manifest(worked)["files"]["records.jws.gz"]["rows"] == 4
    assert worked.check().findings == []


def test_only_the_signers_keys_are_there(worked, at):
    worked.export(now=at(4, 2))

    keys = json.loads((worked.exports / "2026-11-02" / "keys.json").read_bytes())
    expected = [
        worked.devices[code].key.public.jwk() | {"device": code} for code in ("w-a01", "w-b01")
    ]
    assert keys == {"keys": expected, "collector": ""}


def test_a_press_dated_by_the_collector_brings_its_record_along(hall, at):
    device = hall.devices["w-a01"]
    unset = at(2, 9).replace(year=2025)
    device.serve(at(2, 9), 5, synced=False, wall_at=unset)
    hall.store(at(2, 18))
    hall.export(now=at(3, 2))

    report = hall.check(name="2026-11-02")

    assert report.findings == []
    assert report.figures["hall_estimated"] == 1
    assert [r["kind"] for r in records(hall)] == ["INVITED", "RATED"]


def test_the_newest_checkpoint_is_there_and_a_newer_one_makes_no_day_anew(worked, at, tree):
    first = add_checkpoint(worked, 2)
    worked.export(now=at(4, 2))
    assert manifest(worked)["checkpoint"] == first
    keys = json.loads((worked.exports / "2026-11-02" / "keys.json").read_bytes())
    assert keys["collector"] == COLLECTOR.kid
    before = tree(worked.exports)

    add_checkpoint(worked, 3)
    assert worked.export("--from", "2026-11-02", now=at(4, 3)) is ExitCode.OK

    assert tree(worked.exports) == before


def test_a_record_missing_in_between_is_a_difference_until_it_arrives(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    late = device.ignore(at(2, 9, 30))
    device.serve(at(2, 10), 4)
    device.waiting.remove(late)
    hall.store(at(2, 18))

    assert hall.export(now=at(3, 2)) is ExitCode.FAILURE
    assert manifest(hall)["differences"] == [
        {
            "what": f"device w-a01, epoch {device.epoch}: records missing in the ledger",
            "found": {"first": 3, "last": 3},
        }
    ]
    assert [f.code for f in hall.check().findings] == ["seq-gap", "not-balanced"]

    device.waiting.append(late)
    hall.store(at(3, 8))
    assert hall.export(now=at(4, 2)) is ExitCode.OK
    assert names(hall)[:2] == ["2026-11-02", "2026-11-02.r2"]
    report = hall.check()
    assert report.findings == []  # the first export's open points are settled by the second
    assert report.notes["settled"][0] == 2


def test_a_late_day_close_that_agrees_makes_no_day_anew(worked, at):
    worked.export(now=at(4, 2))
    before = names(worked)
    worked.devices["w-a01"].close_day(at(3).date(), RATED=1)
    worked.store(at(4, 8))

    worked.export("--from", "2026-11-02", "--to", "2026-11-03", now=at(4, 9))

    assert names(worked) == before


def test_records_far_apart_are_stretches_of_their_own():
    near, far = 5 + MAX_BETWEEN + 1, 5 + 2 * MAX_BETWEEN + 3
    assert [(s.first, s.last) for s in stretches({("d", "e"): [far, 5, near, 3]})] == [
        (3, near),
        (far, far),
    ]


def test_gaps_are_named_by_their_first_and_last():
    stretch = Stretch(device="d", epoch="e", first=2, last=9)
    assert [d.found for d in gap_differences(stretch, [3, 4, 7])] == [
        {"first": 2, "last": 2},
        {"first": 5, "last": 6},
        {"first": 8, "last": 9},
    ]


def test_the_same_tokens_give_the_same_bytes():
    assert render_records([b"a", b"b"]) == render_records([b"a", b"b"])


def test_a_start_before_the_clock_is_set_is_shown_on_the_day_it_was(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    hall.store(at(2, 18))
    unset = at(3, 8).replace(year=2025)
    device.write(Boot, at(3, 8), version="1", synced=False, wall_at=unset)
    device.serve(at(3, 9), 4)
    hall.store(at(3, 9))
    hall.export(now=at(4, 2))

    assert [r["kind"] for r in records(hall, "2026-11-03")] == ["BOOT", "INVITED", "RATED"]
    assert "not-shown" not in hall.check().notes

"""I8: a kiosk's own count of its day, the ledger's, and the export's are the same."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from firmware_config.contract import IgnoredReason, Kind, Trigger, UnratedReason
from firmware_config.errors import ExitCode
from kiosk.clock import Stamp
from kiosk.drafts import Draft, Session
from kiosk.journal.days import day_counts
from kiosk.journal.opening import open_journal

BOOT = "0123456789abcdef0123456789abcdef"


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def test_i8_the_day_a_kiosk_closes_is_the_day_that_is_exported(hall, at):
    device = hall.devices["w-b01"]
    zone = at(2).tzinfo
    journal = open_journal(
        hall.folder / "journal.db", key=device.key, device="w-b01", zone=zone, wall_ms=ms(at(2))
    )
    booted_ms = ms(at(2, 8))
    stamp = Stamp(boot=BOOT, offset_ms=booted_ms, is_synced=True)

    def write(kind: Kind, when: datetime, **fields: object) -> None:
        journal.append([Draft(kind, ms(when) - booted_ms, fields)], stamp)

    write(Kind.BOOT, at(2, 8), version="1")
    for number, level in enumerate((5, 4, 1, None), start=1):
        begin = at(2, 9, number)
        session = Session(number=number, trigger=Trigger.CLERK, invited_ms=ms(begin) - booted_ms)
        write(Kind.INVITED, begin, **session.fields())
        end = begin + timedelta(seconds=5)
        if level is None:
            write(Kind.UNRATED, end, reason=UnratedReason.TIMEOUT, **session.fields())
        else:
            write(Kind.RATED, end, level=level, button="key", **session.fields())
    write(Kind.IGNORED, at(2, 10), level=5, button="key", reason=IgnoredReason.NO_SESSION)
    write(Kind.PAUSED, at(2, 23, 59))
    write(Kind.RESUMED, at(3, 0, 0))  # the next day's, although written before the close
    told = day_counts(journal, at(2).date())
    write(Kind.DAYCLOSE, at(3, 0, 1), on="2026-11-02", counts=told)
    device.waiting = [token for _, token in journal.tokens(range(1, journal.head + 1))]
    journal.close()
    hall.store(at(3, 0, 1))

    assert hall.export(now=at(3, 2)) is ExitCode.OK

    manifest = json.loads((hall.exports / "2026-11-02" / "manifest.json").read_bytes())
    assert manifest["day_closes"]["compared"] == 1
    assert manifest["day_closes"]["mismatches"] == []
    counts = manifest["counts"]
    assert counts["rated"] == told["RATED"] == 3
    assert [counts[f"level{n}"] for n in (5, 4, 3, 2, 1)] == [
        told[f"RATED.{n}"] for n in (5, 4, 3, 2, 1)
    ]
    assert (counts["invited"], counts["unrated"], counts["ignored"]) == (
        told["INVITED"],
        told["UNRATED"],
        told["IGNORED"],
    )

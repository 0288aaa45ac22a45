"""A hall with something on every page: made ratings, a checkpoint, corrections. For pictures, tests
and benchmarks."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bench.add_corrections import add_corrections, last_ratings
from bench.make_ledger import make_ledger
from collector.corrections.entries import Reason, Verdict
from collector.corrections.file import CorrectionsFile
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.migrations import open_ledger
from firmware_config.keys import SigningKey

SEED: Final = b"for a made hall only, 32 bytes.."


def make_full_hall(
    ledger: Path, corrections: Path, records: int, *, until: datetime, is_signed: bool = False
) -> None:
    """Make the files of the hall.

    Args:
        ledger: made here.
        corrections: made here; approved ones, a rejected and an open one, and so many of window
            a05 that it is an alarm.
        records: how many, about.
        until: time of the last one, aware.
        is_signed: sign every record really.
    """
    make_ledger(ledger, records, until=until, is_signed=is_signed)
    now_ms = int(until.timestamp() * 1000)
    with closing(open_ledger(ledger)) as db:
        make_checkpoint(
            db,
            until.date() - timedelta(days=1),
            hall="yunze",
            key=SigningKey.from_seed(SEED),
            now_ms=now_ms,
        )
    file = CorrectionsFile(corrections)
    first, second, third, *_rest = last_ratings(ledger, "a03", 9)
    add_corrections(file, [second], now_ms=now_ms - 240_000)
    add_corrections(
        file, [third], now_ms=now_ms - 180_000, verdict=Verdict.REJECTED, reason=Reason.OTHER
    )
    add_corrections(
        file, last_ratings(ledger, "a05", 6), now_ms=now_ms - 120_000, reason=Reason.TEST
    )
    add_corrections(file, [first], now_ms=now_ms - 60_000, verdict=None)

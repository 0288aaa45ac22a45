"""Made ledgers that are kept between runs, because ten million records take minutes to make.

They all end at the same moment of the past, so that a kept one is as good as a new one. Pages are
asked with the time of the newest record for now.
"""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bench.make_ledger import make_ledger
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.migrations import close_ledger, open_ledger
from firmware_config.keys import SigningKey

UNTIL: Final = datetime.fromisoformat("2026-05-13T15:30:00+08:00")
"""The end of every ledger here: a Wednesday afternoon."""
BYTES_A_RECORD: Final = 640
"""What a record takes with its indexes and sums. Source: measured, `bench/size.py`, rounded up."""


def kept_ledger(folder: Path, records: int) -> Path:
    """The ledger of about so many records in a folder; made there, or brought up to date.

    Args:
        folder: made when missing.
        records: rows of the ledger, see `make_ledger`.

    Raises:
        OSError: the disk has not enough room to make it.
    """
    path = folder / f"ledger-{records}.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _require_room(folder, records * BYTES_A_RECORD)
        unfinished = path.with_suffix(".unfinished")
        for left_over in folder.glob(f"{unfinished.name}*"):
            left_over.unlink()
        began_s = time.monotonic()
        made = make_ledger(unfinished, records, until=UNTIL)
        unfinished.rename(path)
        print(f"made {made:,} records in {time.monotonic() - began_s:.0f} s", flush=True)
    _finish(path)
    return path


def _finish(path: Path) -> None:
    """Bring the schema up to date, and sign one checkpoint, so that there is a page of one."""
    db = open_ledger(path)
    if not db.execute("SELECT count(*) FROM checkpoints").fetchone()[0]:
        hall = db.execute("SELECT value FROM meta WHERE key = 'hall'").fetchone()[0]
        make_checkpoint(
            db,
            UNTIL.date() - timedelta(days=1),
            hall=hall,
            key=SigningKey.from_seed(bytes(32)),
            now_ms=int(UNTIL.timestamp() * 1000),
        )
    close_ledger(db)


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"{folder}: expected {needed:,} bytes free, got {free:,}")

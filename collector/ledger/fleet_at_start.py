"""What ingest takes from the fleet file and the folder of keys when it starts.

Presses are stored whatever state the fleet file is in. So what is new is loaded; what would change
the past, or is wrong, is told and left for somebody who looks at it: `collector fleet load`.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlite_utils import Database

from collector.errors import ImmutableFleet
from collector.ledger.fleet_loader import load_into_ledger, scan_device_keys
from collector.ledger.registry import read_meta
from firmware_config.fleet import Fleet

logger = logging.getLogger(__name__)

_GOES_ON = "fleet file not loaded, going on with the fleet the ledger knows"


def load_at_start(
    db: Database, fleet: Fleet | None, problems: list[str], key_folder: Path, now_ms: int
) -> None:
    """Load what cannot change a stored figure.

    Args:
        db: the ledger, opened for writing.
        fleet: the checked fleet file; None when it is wrong.
        problems: what is wrong with it.
        key_folder: the devices' public keys.
        now_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        ImmutableFleet: and the ledger knows no fleet with which to go on.
        sqlite3.Error: nothing was loaded.
    """
    keys, bad_keys = scan_device_keys(key_folder)
    for problem in bad_keys:
        logger.error("device key not loaded: %s", problem)
    if fleet is not None:
        try:
            changes = load_into_ledger(db, fleet, keys, now_ms=now_ms, may_change_the_past=False)
        except ImmutableFleet as error:
            if "hall" not in read_meta(db):
                raise
            problems = error.problems
        else:
            for change in changes:
                if change.action == "retroactive":
                    logger.error(
                        "not loaded, it changes stored ratings: %s %s: %s; see `collector fleet "
                        "diff`, then `collector fleet load`",
                        *(change.what, change.code, change.detail),
                    )
                else:
                    logger.debug("fleet change=%s", change)
    for problem in problems:
        logger.error("%s: %s", _GOES_ON, problem)

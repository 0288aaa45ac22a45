"""What time it was in the simulated hall: kept in a small file, so that the next run goes on.

While it runs, a time a little ahead is kept: after a kill the hall goes on from there, and what
was played already is never played again. A stop in order keeps the exact time.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_config.errors import InvalidSettings
from firmware_config.files import write_atomically
from firmware_config.fleet import Hall
from kiosk.simulator.day import local_ms, open_days_before, opening


class KeptTime:
    """The file of one simulated hall."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[int, int] | None:
        """Hall time and the end of its history, UTC milliseconds; None: this is the first run.

        Raises:
            InvalidSettings: the file is not what `save` wrote.
            OSError: it cannot be read.
        """
        if not self._path.exists():
            return None
        try:
            kept = json.loads(self._path.read_bytes())
            return int(kept["hall_ms"]), int(kept["history_until_ms"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidSettings(
                [f"{self._path}: expected hall_ms and history_until_ms, got {error!r}"]
            ) from None

    def save(self, hall_ms: int, history_until_ms: int) -> None:
        """Keep them. Raises OSError."""
        kept = {"hall_ms": hall_ms, "history_until_ms": history_until_ms}
        write_atomically(self._path, json.dumps(kept).encode("ascii") + b"\n")


def first_times(
    hall: Hall, today: date, zone: ZoneInfo, *, start_days_back: int, history_days: int
) -> tuple[int, int]:
    """Where a new hall begins, and until when it is played quickly; UTC milliseconds.

    Args:
        today: the real local day.
        start_days_back: open days between the beginning and today; the hall never passes today.
        history_days: open days played quickly, fewer than that.

    Raises:
        ValueError: the hall is never open.
    """
    begin_on = open_days_before(hall, today, start_days_back)
    live_on = open_days_before(hall, today, start_days_back - history_days)
    hours = opening(hall, live_on) or ((9 * 3600, 17 * 3600),)
    begin_ms = local_ms(begin_on, 6 * 3600, zone)
    return begin_ms, local_ms(live_on, hours[0][0] + 600, zone)

"""Failed attempts, counted in `office.db`, so that a delay outlives a restart."""

from __future__ import annotations

from collections.abc import Mapping

from collector.office.database import Office
from collector.office.lockout import FORGET_AFTER_S, OWN_FIRST, delay_s


class Failures:
    """The counters of one `office.db`; see `lockout` for what they mean."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def wait_s(self, keys: Mapping[str, str], now_ms: int) -> int:
        """Seconds until the next attempt is looked at; 0: now.

        Args:
            keys: kind → key of the counters that the attempt concerns.
            now_ms: UTC milliseconds.
        """
        found = {kind: self._read(key, now_ms) for kind, key in keys.items()}
        longest = 0
        for kind, (count, last_ms) in found.items():
            own = OWN_FIRST.get(kind)
            if own is not None and not found[own][0]:
                continue
            delay_ms = delay_s(kind, count) * 1000
            # a clock that was set back must not lengthen a delay
            left_ms = min(last_ms + delay_ms - now_ms, delay_ms)
            longest = max(longest, -(-left_ms // 1000))
        return longest

    def count(self, keys: Mapping[str, str], now_ms: int) -> None:
        """Count a failed attempt."""
        forgotten_ms = now_ms - FORGET_AFTER_S * 1000
        with self._office.transaction() as database:
            for key in keys.values():
                database.execute(
                    "INSERT INTO failures (key, count, last_ms) VALUES (?, 1, ?) "
                    "ON CONFLICT (key) DO UPDATE SET last_ms = excluded.last_ms, "
                    "count = CASE WHEN last_ms < ? THEN 1 ELSE count + 1 END",
                    [key, now_ms, forgotten_ms],
                )
            database.execute("DELETE FROM failures WHERE last_ms < ?", [forgotten_ms])

    def forget(self, key: str) -> None:
        """Set a counter back."""
        self._office.database.execute("DELETE FROM failures WHERE key = ?", [key])

    def _read(self, key: str, now_ms: int) -> tuple[int, int]:
        row = self._office.database.execute(
            "SELECT count, last_ms FROM failures WHERE key = ? AND last_ms > ?",
            [key, now_ms - FORGET_AFTER_S * 1000],
        ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

"""The thread that writes down who read which page, and ships the audit trail to syslog."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from typing import Final

from collector.office.audit import AuditTrail, Entry
from collector.office.audit_shipping import Shipping, SyslogUnreachable
from collector.office.database import Office

logger = logging.getLogger(__name__)

EVERY_S: Final = 0.5
"""How long an entry waits for others; so much of what was read is lost at `kill -9`."""
SHIP_EVERY_S: Final = 5.0
"""How often a syslog server that was away is tried again."""
MOST_WAITING: Final = 5_000
"""Entries that may wait; beyond that the page waits itself, because none may be left out."""


REPEATED_MS: Final = 600_000
"""The same person reading the same page again within ten minutes of the last entry of it is not
written again: pages that refresh themselves would fill the trail. Source: our choice."""
MOST_READS: Final = 20_000
"""Readings that are remembered; beyond that all are forgotten, and the next is written again."""


class AuditWriter:
    """Writes entries in batches. Before `start()` and after `stop()` each is written at once.

    Args:
        office: the database.
        shipping: to a syslog server; None: nowhere.
    """

    def __init__(self, office: Office, shipping: Shipping | None = None) -> None:
        self._office = office
        self._trail = AuditTrail(office)
        self._shipping = shipping
        self._waiting: list[Entry] = []
        self._condition = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._is_reachable = True
        self._reads: dict[tuple[str, ...], int] = {}

    def start(self) -> None:
        """Start the thread; idempotent."""
        with self._condition:
            if self._thread is None:
                self._is_stopping = False
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Write what waits and end the thread; idempotent."""
        with self._condition:
            thread, self._thread = self._thread, None
            self._is_stopping = True
            self._condition.notify_all()
        if thread is not None:
            thread.join(timeout=10.0)

    def later(self, entry: Entry) -> None:
        """Have an entry written within `EVERY_S`."""
        with self._condition:
            if self._thread is not None and len(self._waiting) < MOST_WAITING:
                self._waiting.append(entry)
                return
        self._trail.add(entry)

    def read(self, entry: Entry) -> None:
        """The same of a page that was read, but for repetitions, see `REPEATED_MS`."""
        facts = json.dumps(entry.facts, ensure_ascii=False, sort_keys=True)
        key = (entry.account, entry.role, entry.address, entry.subject, facts)
        with self._condition:
            last_ms = self._reads.get(key)
            if last_ms is not None and 0 <= entry.made_ms - last_ms < REPEATED_MS:
                return
            if len(self._reads) >= MOST_READS:
                self._reads.clear()
            self._reads[key] = entry.made_ms
        self.later(entry)

    def _run(self) -> None:
        quiet_s = 0.0
        try:
            while not self._is_over():
                self._write()
                quiet_s += EVERY_S
                if self._is_reachable or quiet_s >= SHIP_EVERY_S:
                    quiet_s = 0.0
                    self._ship()
            self._write()
            self._ship()
        finally:
            self._office.close()

    def _is_over(self) -> bool:
        with self._condition:
            if not self._is_stopping:
                self._condition.wait(EVERY_S)
            return self._is_stopping

    def _write(self) -> None:
        with self._condition:
            entries, self._waiting = self._waiting, []
        if not entries:
            return
        try:
            self._trail.add_all(entries)
        except sqlite3.Error:
            logger.exception("audit entries not written, trying again number=%d", len(entries))
            with self._condition:
                self._waiting = entries + self._waiting

    def _ship(self) -> None:
        if self._shipping is None:
            return
        try:
            self._shipping.ship()
        except (SyslogUnreachable, sqlite3.Error) as error:
            if self._is_reachable:
                logger.error("audit trail not shipped, trying again error=%s", error)
            self._is_reachable = False
            return
        if not self._is_reachable:
            logger.info("audit trail is shipped again")
        self._is_reachable = True

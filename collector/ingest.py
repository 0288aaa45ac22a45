"""`collector ingest`: takes what devices send, stores it, then acknowledges it.

One writer thread owns the ledger; the link's network thread only fills the inbox. The order is what
a press depends on: COMMIT, then the MQTT acknowledgements, then the receipts.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from collector.errors import LedgerError, NetworkEnded
from collector.ledger.fleet_at_start import load_at_start
from collector.ledger.migrations import close_ledger, open_ledger
from collector.ledger.replacing import finish_replacing
from collector.ledger.sole_writer import SoleWriter
from collector.ledger.witnesses import Witnesses
from collector.ledger.writer import LedgerWriter, Stored
from collector.receipts import ReceiptsDue
from collector.settings import CollectorSettings
from collector.subscriber import Inbox, broker_address, subscriptions
from firmware_config.contract import Channel, encode, topic
from firmware_config.fleet import Fleet
from firmware_config.keys import SigningKey
from firmware_config.mqtt_link import (
    Arrived,
    Connected,
    Disconnected,
    Link,
    LinkEvent,
    Publication,
    Published,
    Refused,
)
from firmware_config.mqtt_link.events import REFUSED_FROM

logger = logging.getLogger(__name__)

TURN_S: Final = 1.0
"""Longest wait of the writer between two signs of life to the service manager."""


class IngestService:
    """The running ingest. `start()` returns at once; `stop()` finishes the group at hand.

    Args:
        settings: the collector's settings.
        fleet: the checked fleet file; what is new in it is loaded into the ledger before anything
            is received. None: it is wrong; the ledger's own fleet is used.
        fleet_problems: what is wrong with it.
        key: the collector's key, which signs receipts.
        clock_ms: wall clock, UTC milliseconds since 1970.
        monotonic_ms: a clock that never steps, milliseconds.
        notify: tells the service manager (systemd's sd_notify lines).

    Attributes:
        failure: what ended it, or None.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        *,
        fleet: Fleet | None,
        fleet_problems: Sequence[str] = (),
        key: SigningKey,
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
        notify: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._fleet_problems = list(fleet_problems)
        self._key = key
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._notify = notify
        self._inbox = Inbox()
        self._due = ReceiptsDue()
        self._is_stopping = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start the writer thread."""
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the group at hand, acknowledge it, disconnect; may be called twice."""
        self._is_stopping = True
        self._inbox.wake()
        if self._thread is not None:
            self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended by itself; False when it still runs after so many seconds."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            self._serve(self._settings.ledger)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: told to the main thread
            self.failure = error
        finally:
            self._ended.set()

    def _serve(self, ledger: Path) -> None:
        lock = SoleWriter(ledger)
        try:
            if finish_replacing(ledger):
                logger.warning("finished a restore that was interrupted ledger=%s", ledger)
            if not ledger.exists():
                logger.warning("there is no ledger: a new, empty one is made ledger=%s", ledger)
            db = open_ledger(ledger, cache_mib=self._settings.ledger_cache_mib)
            try:
                folder, now_ms = self._settings.device_keys, self._clock_ms()
                load_at_start(db, self._fleet, self._fleet_problems, folder, now_ms)
                hall, clock_ms = self._settings.hall, self._clock_ms
                self._receive(
                    LedgerWriter(db, hall=hall, clock_ms=clock_ms),
                    Witnesses(db, hall=hall, key=self._key, clock_ms=clock_ms),
                )
            except sqlite3.Error as error:
                raise LedgerError(f"{ledger}: {error}") from error
            finally:
                close_ledger(db)
        finally:
            lock.release()

    def _receive(self, writer: LedgerWriter, witnesses: Witnesses) -> None:
        address = broker_address(self._settings)
        link = Link(
            address,
            client_id=address.username,
            subscriptions=subscriptions(self._settings.hall),
            on_event=self._inbox.put,
            manual_ack=True,
        )
        link.start()
        logger.info("ingest started hall=%s records=%d", self._settings.hall, writer.size)
        is_ready, wait_s = False, TURN_S
        try:
            while not self._is_stopping:
                arrivals: list[Arrived] = []
                for event in self._inbox.take(wait_s):
                    if type(event) is Arrived:
                        arrivals.append(event)
                    else:
                        is_ready = self._note(event) or is_ready
                stored = Stored()
                if arrivals:
                    stored = writer.store(arrivals)
                    link.ack_all(arrivals)
                    self._owe(stored)
                for journal in writer.archive_moved():
                    self._due.ask(journal)
                for journal in witnesses.turn(writer.gen, stored.kept, self._monotonic_ms()):
                    self._due.ask(journal)
                self._send_receipts(writer, witnesses, link)
                if not link.is_alive:
                    raise NetworkEnded("the network thread ended")
                self._notify("WATCHDOG=1" if is_ready else "EXTEND_TIMEOUT_USEC=30000000")
                wait_s = self._wait_s(link, witnesses)
        finally:
            self._notify("STOPPING=1")
            link.stop()
            logger.info("ingest stopped records=%d", writer.size)

    def _note(self, event: LinkEvent) -> bool:
        """Tell what happened to the link; True when we are in service from now on."""
        match event:
            case Connected(protocol):
                logger.info("connected protocol=%s", protocol)
                self._notify("READY=1")
                return True
            case Disconnected(reason):
                logger.warning("disconnected reason=%s", reason)
            case Refused(reason):
                logger.error("refused by the broker reason=%s", reason)
            case Published(_, reason_code) if reason_code >= REFUSED_FROM:
                logger.error("receipt refused by the broker reason_code=%d", reason_code)
        return False

    def _owe(self, stored: Stored) -> None:
        for journal in stored.journals:
            self._due.ask(journal)
        for journal in stored.hellos:
            self._due.ask(journal, is_urgent=True)

    def _send_receipts(self, writer: LedgerWriter, witnesses: Witnesses, link: Link) -> None:
        if not link.is_connected:
            return
        for journal in self._due.take(self._monotonic_ms()):
            receipt = writer.receipt(journal)
            if receipt is None:
                continue
            receipt = witnesses.bring(receipt)
            name = topic(self._settings.hall, receipt.dev, Channel.RECEIPT)
            publication = Publication(name, self._key.token(encode(receipt)), retain=True)
            if link.publish(publication) is None:
                self._due.put_back(journal)
            else:
                witnesses.brought(receipt)

    def _wait_s(self, link: Link, witnesses: Witnesses) -> float:
        now_ms = self._monotonic_ms()
        waits = [self._due.wait_ms(now_ms) if link.is_connected else None]
        waits.append(witnesses.wait_ms(now_ms))
        return min([TURN_S, *(wait_ms / 1000 for wait_ms in waits if wait_ms is not None)])

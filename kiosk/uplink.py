"""The way to the collector: publishes records, takes receipts, tells status and health.

Runs in the service's work thread; only the link's network thread is beside it, and that merely
queues. What to send and what a receipt is worth is decided in `kiosk.window`. Must not: keep
records of its own (the journal is the queue), or take a PUBACK for storage.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from firmware_config import __version__, chain
from firmware_config.contract import (
    CONTRACT_VERSION,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_RECORDS,
    Channel,
    Health,
    Kind,
    Receipt,
    Status,
    decode_receipt,
    encode,
    topic,
)
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Disconnected,
    Link,
    LinkEvent,
    Publication,
    Published,
    Refused,
)
from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.events import Noted
from kiosk.journal import Journal
from kiosk.window import Watermarks, Weight, Window, weigh

logger = logging.getLogger(__name__)

_REFUSED_FROM = 0x80
"""MQTT 5 reason codes from here on are refusals (MQTT 5.0, 2.4)."""


class Uplink:
    """One device's connection to the collector.

    Args:
        kid: thumbprint of the device's key, told at every connect.
        collector_key: what receipts must be signed with.
        on_event: queues a link event for `handle`; called in the network thread.
        health: makes the health message.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        password: str,
        journal: Journal,
        kid: str,
        collector_key: VerifyKey,
        clock: Clock,
        on_event: Callable[[LinkEvent], None],
        health: Callable[[], Health],
    ) -> None:
        self._device = settings.device
        self._hall = settings.hall
        self._journal = journal
        self._kid = kid
        self._collector_key = collector_key
        self._clock = clock
        self._health = health
        self._health_ms = round(settings.uplink.health_s * 1000)
        self._health_due_ms = 0
        self._window = Window(
            round(settings.uplink.resend_s * 1000), round(settings.uplink.resend_max_s * 1000)
        )
        self._window.cover(journal.watermarks.stored)
        self._receipt_ms: int | None = None
        self._is_denied = False
        self._is_distrusting = False
        self.is_connected = False
        self._link = Link(
            BrokerAddress(
                host=settings.broker.host,
                port=settings.broker.port,
                username=settings.broker.username or settings.device,
                password=password,
                ca_file=settings.broker.ca_file,
                keep_alive_s=settings.broker.keep_alive_s,
            ),
            client_id=settings.device,
            subscriptions=(self._topic(Channel.RECEIPT),),
            on_event=on_event,
            birth=lambda: self._status("online"),
            will=self._status("offline"),
            farewell=self._status("offline"),
        )

    @property
    def watermarks(self) -> Watermarks:
        """What the collector is known to hold."""
        return self._journal.watermarks

    @property
    def is_alive(self) -> bool:
        """Whether the network thread runs."""
        return self._link.is_alive

    @property
    def receipt_age_s(self) -> float | None:
        """Seconds since the last good receipt; None: none since the start."""
        if self._receipt_ms is None:
            return None
        return max(0, self._clock.steady_ms() - self._receipt_ms) / 1000

    def start(self) -> None:
        """Start connecting; returns at once."""
        self._link.start()

    def stop(self) -> None:
        """Say goodbye and disconnect; idempotent."""
        self._link.stop()
        self.is_connected = False

    def handle(self, event: LinkEvent) -> tuple[Noted, ...]:
        """Take one event of the link; returns what is to be written down."""
        if isinstance(event, Arrived):
            return self._receive(event)
        if isinstance(event, Connected):
            self.is_connected = True
            self._window.restart()
            self._health_due_ms = self._clock.steady_ms()
        elif isinstance(event, Disconnected):
            self.is_connected = False
        elif isinstance(event, Published):
            self._note_denial(event.reason_code)
        elif isinstance(event, Refused):
            logger.warning("broker refused device=%s reason=%s", self._device, event.reason)
        return ()

    def turn(self) -> bool:
        """Send what is due, at most one message of records; returns whether there is more."""
        if not self.is_connected:
            return False
        now_ms = self._clock.steady_ms()
        if self._window.expire(now_ms):
            logger.info("no receipt, sending again device=%s", self._device)
        if now_ms >= self._health_due_ms:
            self._health_due_ms = now_ms + self._health_ms
            self._link.publish(
                Publication(self._topic(Channel.HEALTH), encode(self._health()), qos=0)
            )
        return self._send_records(now_ms)

    def due_ms(self) -> int | None:
        """When `turn` next has something to do, in `steady_ms`; None: not before an event."""
        if not self.is_connected:
            return None
        resend_ms = self._window.due_ms()
        return self._health_due_ms if resend_ms is None else min(resend_ms, self._health_due_ms)

    def _send_records(self, now_ms: int) -> bool:
        seqs = self._window.next_seqs(self._journal.head, MAX_MESSAGE_RECORDS)
        if not seqs:
            return False
        try:
            tokens = self._journal.tokens(seqs)
        except JournalError as error:
            # the journal's own commits tell a person; here it only means: not now
            logger.warning("journal cannot be read device=%s error=%s", self._device, error)
            return False
        message: list[bytes] = []
        up_to = seqs[-1]  # a seq without a token was pruned, so archived: nothing to send for it
        room = MAX_MESSAGE_BYTES + 1
        for seq, token in tokens:
            room -= len(token) + 1
            if room < 0 and message:
                up_to = seq - 1
                break
            message.append(token)
        if message:
            payload = b"\n".join(message)
            if self._link.publish(Publication(self._topic(Channel.JOURNAL), payload)) is None:
                return False
        self._window.sent(up_to, now_ms, random.random())
        return bool(self._window.next_seqs(self._journal.head, 1))

    def _receive(self, arrived: Arrived) -> tuple[Noted, ...]:
        try:
            receipt = self._verified(arrived.payload)
        except ContractError as error:
            if not self._is_distrusting:
                logger.error("receipt refused device=%s reason=%s", self._device, error)
            self._is_distrusting = True
            return ()
        self._is_distrusting = False
        before = self._journal.watermarks
        try:
            weighing = weigh(
                before,
                receipt,
                dev=self._device,
                epoch=self._journal.epoch,
                head=self._journal.head,
                digest_of=self._journal.digest_of,
                is_retained=arrived.retain,
                wall_ms=self._clock.wall_ms() if self._clock.is_synced() else None,
            )
            if weighing.watermarks != before:
                self._journal.keep(weighing.watermarks)
        except JournalError as error:
            # kept in memory or asked for again by the next receipt; a press is never affected
            logger.warning("receipt not kept device=%s error=%s", self._device, error)
            return ()
        if weighing.weight is Weight.TAKEN:
            self._receipt_ms = self._clock.steady_ms()
            extra = tuple(receipt.extra)
            self._window.cover(weighing.watermarks.stored, extra, is_new_gen=weighing.is_new_gen)
            return ()
        return self._alarm(weighing.weight, before, receipt)

    def _verified(self, payload: bytes) -> Receipt:
        token = chain.split_token(payload)
        key = self._collector_key
        if token.kid != key.kid or not key.is_signed(token.signing_input, token.signature):
            raise ContractError("signature", "not signed by the collector's key")
        return decode_receipt(token.payload)

    def _alarm(self, weight: Weight, before: Watermarks, receipt: Receipt) -> tuple[Noted, ...]:
        if weight is not Weight.FORK or before.has_fork:
            return ()
        detail = (
            f"the collector (gen {receipt.gen}) holds seq {receipt.stored} with digest "
            f"{receipt.stored_hash}, the journal's head is {self._journal.head}"
        )
        logger.error("journal fork device=%s %s", self._device, detail)
        fields = {"reason": "fork", "detail": detail}
        return (Noted(at_ms=self._clock.mono_ms(), kind=Kind.FAULT, fields=fields),)

    def _note_denial(self, reason_code: int) -> None:
        is_denied = reason_code >= _REFUSED_FROM
        if is_denied and not self._is_denied:
            logger.error(
                "broker refuses our messages device=%s reason_code=%#x", self._device, reason_code
            )
        self._is_denied = is_denied

    def _status(self, state: str) -> Publication:
        status = Status(
            dev=self._device,
            state="online" if state == "online" else "offline",
            v=CONTRACT_VERSION,
            epoch=self._journal.epoch,
            head=self._journal.head,
            kid=self._kid,
            version=__version__,
        )
        return Publication(self._topic(Channel.STATUS), encode(status), retain=True)

    def _topic(self, channel: Channel) -> str:
        return topic(self._hall, self._device, channel)

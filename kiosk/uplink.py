"""The way to the collector: publishes records, takes receipts, tells status and health.

Runs in the service's work thread; only the link's network thread is beside it, and that merely
queues. What to send and what a receipt is worth is decided in `kiosk.window`. Must not: keep
records of its own (the journal is the queue), or take a PUBACK for storage.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Final

from firmware_config import __version__
from firmware_config.contract import (
    CONTRACT_VERSION,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_RECORDS,
    Channel,
    Health,
    Status,
    encode,
    topic,
)
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
from firmware_config.mqtt_link.events import REFUSED_FROM
from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.events import Noted
from kiosk.journal import Journal
from kiosk.receipts import ReceiptBook
from kiosk.silence import Silence
from kiosk.window import Watermarks, Window

logger = logging.getLogger(__name__)

AGAIN_MS: Final = 200
"""Between two messages of records that a command asked for again. Our choice: 65 to 100 records a
second and device, so that a whole hall that is asked does not drown its live presses."""
REASONS_MAXIMUM: Final = 16
"""Most different refusals of the broker that are counted."""


class Uplink:
    """One device's connection to the collector.

    Args:
        kid: thumbprint of the device's key, told at every connect.
        collector_key: what receipts must be signed with.
        on_event: queues a link event for `handle`; called in the network thread.
        health: makes the health message.

    Attributes:
        receipts: what the collector has said.
        reasons: refusals by the broker since the start, by reason or code.
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
        self._clock = clock
        self._health = health
        self._health_ms = round(settings.uplink.health_s * 1000)
        self._health_due_ms = 0
        self._window = Window(
            round(settings.uplink.resend_s * 1000), round(settings.uplink.resend_max_s * 1000)
        )
        self._window.cover(journal.watermarks.stored)
        self.receipts = ReceiptBook(
            settings.device,
            hall=settings.hall,
            journal=journal,
            collector_key=collector_key,
            clock=clock,
        )
        self._silence = Silence()
        self._again = range(0)
        self._again_due_ms = 0
        self.reasons: dict[str, int] = {}
        self._is_denied = False
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
            subscriptions=(self._topic(Channel.RECEIPT), self.command_topic),
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
    def command_topic(self) -> str:
        """Where commands come in; what arrives there is not for `handle`."""
        return self._topic(Channel.COMMAND)

    @property
    def is_alive(self) -> bool:
        """Whether the network thread runs, and obeys."""
        return self._link.is_alive and not self._silence.is_hanging(self._clock.steady_ms())

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
            self._silence.link_changed(self._clock.steady_ms())
            self._window.restart()
            self._health_due_ms = self._clock.steady_ms()
        elif isinstance(event, Disconnected):
            self.is_connected = False
            self._silence.link_changed(self._clock.steady_ms())
        elif isinstance(event, Published):
            self._note_denial(event.reason_code)
        elif isinstance(event, Refused):
            self._count(event.reason)
            logger.warning("broker refused device=%s reason=%s", self._device, event.reason)
        return ()

    def turn(self) -> bool:
        """Send what is due, at most one message of records; returns whether there is more."""
        if not self.is_connected:
            return False
        now_ms = self._clock.steady_ms()
        if self._window.expire(now_ms):
            logger.info("no receipt, sending again device=%s", self._device)
        if self._silence.is_too_long(
            now_ms, is_waiting=self._window.is_waiting(self._journal.head)
        ):
            logger.warning("no receipt for long, connecting anew device=%s", self._device)
            self._link.reconnect()
        if now_ms >= self._health_due_ms:
            self._health_due_ms = now_ms + self._health_ms
            self._link.publish(
                Publication(self._topic(Channel.HEALTH), encode(self._health()), qos=0)
            )
        ask_ms = self.receipts.checkpoints.ask_due_ms
        if ask_ms is not None and now_ms >= ask_ms:
            mid = self._link.publish(self._status("online"))
            self.receipts.checkpoints.asked(is_said=mid is not None)
        return self._send_records(now_ms) or self._send_again(now_ms)

    def hurry_health(self) -> None:
        """Send health with the next turn: something changed."""
        self._health_due_ms = 0

    def resend_from(self, seq: int) -> None:
        """Send every record from `seq` on again."""
        self._again = range(seq, self._journal.head + 1)
        self._again_due_ms = 0

    def answer(self, token: bytes) -> bool:
        """Publish the answer to a command; False: there is no connection."""
        return self._link.publish(Publication(self._topic(Channel.ANSWER), token)) is not None

    def due_ms(self) -> int | None:
        """When `turn` next has something to do, in `steady_ms`; None: not before an event."""
        if not self.is_connected:
            return None
        times = [self._health_due_ms]
        if (resend_ms := self._window.due_ms()) is not None:
            times.append(resend_ms)
        if self._again:
            times.append(self._again_due_ms)
        if (ask_ms := self.receipts.checkpoints.ask_due_ms) is not None:
            times.append(ask_ms)
        return min(times)

    def _send_records(self, now_ms: int) -> bool:
        seqs = self._window.next_seqs(self._journal.head, MAX_MESSAGE_RECORDS)
        up_to = self._send(seqs)
        if up_to is None:
            return False
        self._window.sent(up_to, now_ms, random.random())
        return bool(self._window.next_seqs(self._journal.head, 1))

    def _send_again(self, now_ms: int) -> bool:
        """Send what was asked for again, one message now and then: live records come first."""
        if self._again and now_ms >= self._again_due_ms:
            up_to = self._send(self._again[:MAX_MESSAGE_RECORDS])
            self._again_due_ms = now_ms + AGAIN_MS
            if up_to is not None:
                self._again = range(up_to + 1, self._again.stop)
        return False

    def _send(self, seqs: Sequence[int]) -> int | None:
        """Publish one message of records; returns the last seq it covers; None: nothing sent."""
        if not seqs:
            return None
        try:
            tokens = self._journal.tokens(seqs)
        except JournalError as error:
            # the journal's own commits tell a person; here it only means: not now
            logger.warning("journal cannot be read device=%s error=%s", self._device, error)
            return None
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
                return None
        return up_to

    def _receive(self, arrived: Arrived) -> tuple[Noted, ...]:
        taken, noted = self.receipts.take(arrived.payload, is_retained=arrived.retain)
        if taken is not None:
            if not arrived.retain:  # the broker gives the last one again at every subscription
                self._silence.receipt_taken(self._clock.steady_ms())
            self._window.cover(taken.stored, taken.extra, is_new_gen=taken.is_new_gen)
        return noted

    def _note_denial(self, reason_code: int) -> None:
        is_denied = reason_code >= REFUSED_FROM
        if is_denied:
            self._count(f"{reason_code:#x}")
        if is_denied and not self._is_denied:
            logger.error(
                "broker refuses our messages device=%s reason_code=%#x", self._device, reason_code
            )
        self._is_denied = is_denied

    def _count(self, reason: str) -> None:
        if reason in self.reasons or len(self.reasons) < REASONS_MAXIMUM:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def _status(self, state: str) -> Publication:
        gen, size = self.receipts.checkpoints.base
        status = Status(
            dev=self._device,
            state="online" if state == "online" else "offline",
            v=CONTRACT_VERSION,
            epoch=self._journal.epoch,
            head=self._journal.head,
            kid=self._kid,
            version=__version__,
            checkpoint_gen=gen,
            checkpoint_size=size,
        )
        return Publication(self._topic(Channel.STATUS), encode(status), retain=True)

    def _topic(self, channel: Channel) -> str:
        return topic(self._hall, self._device, channel)

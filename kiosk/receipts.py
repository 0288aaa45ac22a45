"""Receipts: checked, weighed, kept; and what they tell of the collector's time.

What a receipt is worth is decided in `kiosk.window`; this is where signatures are checked and
where watermarks go into the journal.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from firmware_config import chain
from firmware_config.contract import Kind, Receipt, decode_receipt
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey
from kiosk.checkpoint_book import CheckpointBook
from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.events import Noted
from kiosk.journal import Journal
from kiosk.meeting import Meetings
from kiosk.window import FRESH_MS, Watermarks, Weight, time_ms, weigh

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A receipt that was believed: what is in the ledger now. See `kiosk.window.Window.cover`."""

    stored: int
    extra: tuple[tuple[int, int], ...]
    is_new_gen: bool


class ReceiptBook:
    """Takes receipts for one journal.

    Attributes:
        checkpoints: what they bring of the whole ledger.
    """

    def __init__(
        self,
        device: str,
        *,
        hall: str,
        journal: Journal,
        collector_key: VerifyKey,
        clock: Clock,
    ) -> None:
        self.checkpoints = CheckpointBook(
            hall=hall, journal=journal, collector_key=collector_key, clock=clock
        )
        self._device = device
        self._journal = journal
        self._collector_key = collector_key
        self._clock = clock
        self._taken_ms: int | None = None
        self._live: tuple[int, int] | None = None  # when, and the collector's time in it
        self._meetings = Meetings()
        self._is_distrusting = False

    @property
    def age_s(self) -> float | None:
        """Seconds since the last good receipt; None: none since the start."""
        if self._taken_ms is None:
            return None
        return max(0, self._clock.steady_ms() - self._taken_ms) / 1000

    @property
    def collector_ms(self) -> int | None:
        """The collector's time, by the newest live receipt that tells it; None: none came."""
        if self._live is None:
            return None
        taken_ms, server_ms = self._live
        return server_ms + self._clock.steady_ms() - taken_ms

    def take(self, payload: bytes, *, is_retained: bool) -> tuple[Taken | None, tuple[Noted, ...]]:
        """Check, weigh and keep one receipt; returns what it covers and what is to be written."""
        try:
            receipt = self._verified(payload)
        except ContractError as error:
            if not self._is_distrusting:
                logger.error("receipt refused device=%s reason=%s", self._device, error)
            self._is_distrusting = True
            return None, ()
        self._is_distrusting = False
        noted: tuple[Noted, ...] = ()
        if receipt.dev == self._device:
            noted = self.checkpoints.take(receipt, payload, is_retained=is_retained)
        taken, alarm = self._weigh(receipt, is_retained)
        return taken, noted + alarm

    def _weigh(self, receipt: Receipt, is_retained: bool) -> tuple[Taken | None, tuple[Noted, ...]]:
        before = self._journal.watermarks
        try:
            weighing = weigh(
                before,
                receipt,
                dev=self._device,
                epoch=self._journal.epoch,
                head=self._journal.head,
                digest_of=self._journal.digest_of,
                is_retained=is_retained,
                wall_ms=self._wall_ms(),
            )
            if weighing.watermarks != before:
                self._journal.keep(weighing.watermarks)
        except JournalError as error:
            # kept in memory or asked for again by the next receipt; a press is never affected
            logger.warning("receipt not kept device=%s error=%s", self._device, error)
            return None, ()
        if weighing.weight is not Weight.TAKEN:
            return None, self._alarm(weighing.weight, before, receipt)
        self._taken_ms = self._clock.steady_ms()
        server_ms = time_ms(receipt.server_time)
        wall_ms = self._wall_ms()
        agrees = wall_ms is not None and abs(wall_ms - server_ms) <= FRESH_MS
        if not is_retained and (agrees or server_ms >= before.server_ms):
            self._live = (self._taken_ms, server_ms)
        noted: tuple[Noted, ...] = ()
        if not is_retained and server_ms > before.server_ms and self._needs_time(wall_ms):
            noted = self._met(receipt, server_ms)
        extra = tuple(receipt.extra)
        return Taken(weighing.watermarks.stored, extra, weighing.is_new_gen), noted

    def _needs_time(self, wall_ms: int | None) -> bool:
        return wall_ms is None and self._clock.shares_time

    def _met(self, receipt: Receipt, server_ms: int) -> tuple[Noted, ...]:
        """The record of a live receipt, newer than all before it, without a clock of our own."""
        mono_ms = self._clock.mono_ms()
        if not self._meetings.note(mono_ms=mono_ms, server_ms=server_ms):
            return ()
        step_ms = server_ms - self._clock.wall_ms()
        fields = {"step_ms": step_ms, "server_time": receipt.server_time}
        return (Noted(at_ms=mono_ms, kind=Kind.CLOCK, fields=fields),)

    def _wall_ms(self) -> int | None:
        return self._clock.wall_ms() if self._clock.is_synced() else None

    def _verified(self, payload: bytes) -> Receipt:
        token = chain.split_token(payload)
        if not self._collector_key.has_signed(token):
            raise ContractError("signature", "not signed by the collector's key")
        receipt = decode_receipt(token.payload)
        time_ms(receipt.server_time)
        return receipt

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

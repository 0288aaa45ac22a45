"""The collector's checkpoints: checked, judged, kept; and receipts held against them.

What one is worth is decided in `kiosk.witness`; this is where signatures are checked, where what
was accepted or refused goes into the journal, and where the alarm is raised.
"""

from __future__ import annotations

import logging
from typing import Final

from firmware_config import chain
from firmware_config.contract import (
    CHECKPOINT_FAULT,
    Checkpoint,
    GivenCheckpoint,
    Kind,
    Receipt,
    decode_checkpoint,
)
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey
from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.events import Noted
from kiosk.journal import Journal
from kiosk.journal.checkpoints import CheckpointShelf
from kiosk.witness import Finding, Judgement, Kept, contradiction, judge

logger = logging.getLogger(__name__)

ASK_MS: Final = 60_000
"""Shortest time between two HELLOs for want of a proof."""
AGAIN_MS: Final = 1_000
"""Between two attempts while the connection takes nothing."""


class CheckpointBook:
    """Takes the checkpoints that receipts bring.

    Attributes:
        base: gen and size of the checkpoint that the next one is to be proven from, said in every
            HELLO; ("", 0): none is kept.
    """

    def __init__(
        self, *, hall: str, journal: Journal, collector_key: VerifyKey, clock: Clock
    ) -> None:
        self._hall = hall
        self._journal = journal
        self._shelf = CheckpointShelf(journal)
        self._collector_key = collector_key
        self._clock = clock
        self._last = self._shelf.last()
        self._asked: tuple[str, int] = ("", 0)  # digest of an unproven root, HELLOs said for it
        self._ask_due_ms: int | None = None
        self._asked_ms: int | None = None
        self._is_unreadable = False
        self.base = _base(self._last)

    @property
    def alarms(self) -> list[str]:
        """`checkpoint` while something that was refused, or a strange life, stands."""
        return [CHECKPOINT_FAULT] if self._journal.is_doubting else []

    @property
    def ask_due_ms(self) -> int | None:
        """When to say HELLO again for a proof, in `steady_ms`; None: there is no need."""
        return self._ask_due_ms

    def asked(self, *, is_said: bool = True) -> None:
        """HELLO was said with `base`; or could not be, and is tried again in a second."""
        if not is_said:
            self._ask_due_ms = self._clock.steady_ms() + AGAIN_MS
            return
        self._ask_due_ms = None
        self._asked_ms = self._clock.steady_ms()
        self._asked = (self._asked[0], self._asked[1] + 1)

    def take(self, receipt: Receipt, raw: bytes, *, is_retained: bool) -> tuple[Noted, ...]:
        """Take what a receipt of ours, whose signature is good, says of the whole ledger.

        Args:
            raw: its token, which is kept where it contradicts what we keep.

        Returns:
            The FAULT to be written, once, when it contradicts or is of a strange life.
        """
        was_doubting, last = self._journal.is_doubting, self._last
        problem = ""
        try:
            if receipt.checkpoint is not None:
                problem = self._take_checkpoint(receipt, receipt.checkpoint, is_retained)
            if not problem:
                problem = self._hold_against(receipt, raw, is_retained)
        except JournalError as error:
            # asked for again by the next HELLO; a press is never affected
            logger.warning("checkpoint not kept error=%s", error)
        is_strange = self._last is not last  # each such life is said
        if not problem or (was_doubting and not is_strange):
            return ()
        logger.error("the collector's ledger is in doubt gen=%s %s", receipt.gen, problem)
        fields = {"reason": CHECKPOINT_FAULT, "detail": f"gen {receipt.gen}: {problem}"[:500]}
        return (Noted(at_ms=self._clock.mono_ms(), kind=Kind.FAULT, fields=fields),)

    def _take_checkpoint(self, receipt: Receipt, given: GivenCheckpoint, is_retained: bool) -> str:
        """Returns what it contradicts, or why it is strange; empty: all is well."""
        raw = given.token.encode("ascii", "replace")
        try:
            token = chain.split_token(raw)
            if not self._collector_key.has_signed(token):
                problem = "a checkpoint that is not signed by the collector's key"
                self._refuse(Kept(gen=receipt.gen, size=0, root="", time=""), problem, raw)
                return problem
            said = decode_checkpoint(token.payload)
            judgement = judge(
                said,
                given,
                hall=self._hall,
                is_retained=is_retained,
                asked=self._asked[1] if self._asked[0] == said.root else 0,
                newest=self._shelf.newest,
                root_at=self._shelf.root_at,
                is_believed=self._shelf.is_believed,
                last_believed=self._shelf.last_believed,
            )
        except ContractError as error:
            if not self._is_unreadable:  # perhaps of a later program: not evidence of anything
                logger.warning("checkpoint cannot be read error=%s", error)
            self._is_unreadable = True
            return ""
        self._is_unreadable = False
        kept = Kept(gen=said.gen, size=said.size, root=said.root, time=said.time)
        match judgement.finding:
            case Finding.STRANGE if self._shelf.is_full:
                self._refuse(kept, judgement.problem, raw)
            case Finding.ACCEPTED | Finding.STRANGE:
                self._accept(said, kept, judgement, raw)
            case Finding.UNPROVEN if judgement.base is not None:
                self._want_proof(said, judgement.base)
            case Finding.REFUSED:
                self._refuse(kept, judgement.problem, raw)
        return judgement.problem

    def _accept(self, said: Checkpoint, kept: Kept, judgement: Judgement, raw: bytes) -> None:
        self._shelf.accept(kept, raw, strange=judgement.problem, goes_on=judgement.goes_on)
        lost = judgement.lost
        last, self._last = self._last, kept
        self.base = _base(kept)
        self._ask_due_ms = None
        logger.info("checkpoint kept on=%s gen=%s size=%d", said.on, said.gen, said.size)
        if lost is not None and said.parent is not None:
            logger.warning(
                "the collector went back to size %d, we keep its checkpoint of size %d gen=%s",
                said.parent.size,
                lost.size,
                lost.gen,
            )
        if last is not None and kept.gen != last.gen:
            logger.warning("the ledger has a new life gen=%s before=%s", kept.gen, last.gen)
        elif last is not None and kept.time < last.time:
            logger.warning("the collector's clock went back from=%s to=%s", last.time, kept.time)

    def _want_proof(self, said: Checkpoint, base: Kept) -> None:
        self.base = _base(base)
        if self._asked[0] != said.root:
            self._asked = (said.root, 0)
        if self._ask_due_ms is None:
            now_ms = self._clock.steady_ms()
            last_ms = self._asked_ms
            self._ask_due_ms = now_ms if last_ms is None else max(now_ms, last_ms + ASK_MS)

    def _hold_against(self, receipt: Receipt, raw: bytes, is_retained: bool) -> str:
        last = self._last
        if last is None or last.gen != receipt.gen:
            last = self._shelf.newest(receipt.gen, None)
        problem = contradiction(
            receipt, is_retained=is_retained, last=last, root_at=self._shelf.root_at
        )
        if problem and not self._journal.is_doubting:  # one is enough: they come every second
            kept = Kept(
                gen=receipt.gen,
                size=receipt.ledger_size,
                root=receipt.ledger_root,
                time=receipt.server_time,
            )
            self._refuse(kept, problem, raw)
        return problem

    def _refuse(self, kept: Kept, problem: str, raw: bytes) -> None:
        self._shelf.refuse(kept, problem, raw)


def _base(kept: Kept | None) -> tuple[str, int]:
    return (kept.gen, kept.size) if kept is not None else ("", 0)

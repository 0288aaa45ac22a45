"""Where commands arrive and answers leave: each is carried out once and answered each time.

The rules stand in `kiosk.commands`. A command that writes records is remembered in the very
transaction that writes them, so after a power cut it was either carried out and is known, or
neither; then the collector's repetition carries it out. An answer is final: what was refused is not
done when its token comes once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from firmware_config import chain
from firmware_config.contract import (
    CONTRACT_VERSION,
    MAX_COMMAND_BYTES,
    Answer,
    AnyCommand,
    Refusal,
    decode_command,
    encode,
)
from firmware_config.errors import ContractError
from firmware_config.keys import SigningKey, VerifyKey
from kiosk.clock import Stamp
from kiosk.commands import refusal_of
from kiosk.errors import JournalDamagedError, JournalError
from kiosk.journal import Journal
from kiosk.journal.answers import answer_of, keep_answer
from kiosk.journal.store import Statement
from kiosk.window import time_ms

logger = logging.getLogger(__name__)

OUTBOX_MAXIMUM: Final = 64
"""Most answers that wait for a connection; older ones are dropped: the collector asks again."""
PENDING_MAXIMUM: Final = 64
"""Most commands that wait to be decided."""
REFUSED_MAXIMUM: Final = 256
"""Most refusals kept in memory, the newest ones."""
DETAIL_MAXIMUM: Final = 500


class CommandDesk:
    """Takes command tokens, tells what to carry out, keeps and hands out answers.

    Args:
        device: this device's id.
        collector_key: what commands must be signed with.
        key: signs the answers.
        now_ms: the collector's time, UTC milliseconds; None: not known.

    Attributes:
        rejected: tokens that were not readable or not signed by the collector, since the start.
    """

    def __init__(
        self,
        *,
        device: str,
        collector_key: VerifyKey,
        key: SigningKey,
        journal: Journal,
        now_ms: Callable[[], int | None],
    ) -> None:
        self._device = device
        self._collector_key = collector_key
        self._key = key
        self._journal = journal
        self._now_ms = now_ms
        self._pending: dict[str, AnyCommand] = {}
        self._refused: dict[str, bytes] = {}
        self._outbox: list[bytes] = []
        self.rejected = 0

    def take(self, payload: bytes) -> AnyCommand | None:
        """Judge a command; returns it when it is to be carried out now, else answers it."""
        try:
            command = self._verified(payload)
        except ContractError as error:
            self.rejected += 1
            if self.rejected == 1:
                logger.error("command refused device=%s reason=%s", self._device, error)
            return None
        if command.id in self._pending or len(self._pending) >= PENDING_MAXIMUM:
            return None  # its first copy is being carried out, or there are too many at once
        try:
            answered = self._refused.get(command.id) or answer_of(self._journal, command.id)
        except JournalError as error:
            self._refuse(command.id, Refusal.STORAGE, str(error))
            return None
        if answered is not None:
            self._send(answered)
            return None
        reason = refusal_of(command, device=self._device, now_ms=self._now_ms())
        if reason:
            logger.warning("command refused device=%s reason=%s", self._device, reason)
            self._refuse(command.id, reason)
            return None
        self._pending[command.id] = command
        return command

    def is_pending(self, command_id: str) -> bool:
        """Whether a command is being carried out."""
        return command_id in self._pending

    def keeping(self, command_id: str) -> tuple[Statement, ...]:
        """What to write along with a command's records: that it was done."""
        command = self._pending.get(command_id)
        if command is None:
            return ()
        return self._kept(command, self._answer(command_id))

    def done(self, command_id: str) -> None:
        """It was carried out, and `keeping` was written in the same transaction."""
        if self._pending.pop(command_id, None) is not None:
            self._send(self._answer(command_id))

    def conclude(self, command_id: str, stamp: Stamp, reason: str = "", detail: str = "") -> None:
        """It wrote no record: it was carried out, or refused for `reason`; keep that and answer.

        Raises:
            JournalDamagedError: found while keeping it.
        """
        command = self._pending.pop(command_id, None)
        if command is None:
            return
        answer = self._answer(command_id, reason, detail)
        try:
            self._journal.append((), stamp, also=self._kept(command, answer))
        except JournalDamagedError:
            raise
        except JournalError as error:
            self._refuse(command_id, Refusal.STORAGE, str(error))
            return
        if reason:
            logger.info(
                "command refused device=%s do=%s reason=%s",
                self._device,
                type(command).__name__,
                reason,
            )
        self._send(answer)

    def not_stored(self, command_id: str) -> None:
        """What it had to write could not be stored: nothing happened, and nothing will."""
        if self._pending.pop(command_id, None) is not None:
            self._refuse(command_id, Refusal.STORAGE, "nothing can be stored now")

    def send_answers(self, publish: Callable[[bytes], bool]) -> None:
        """Hand the waiting answers to `publish`, in order, until it says that it could not."""
        while self._outbox and publish(self._outbox[0]):
            del self._outbox[0]

    def _refuse(self, command_id: str, reason: str, detail: str = "") -> None:
        """Answer without a place on the disk; the same command must not be done later."""
        answer = self._refused[command_id] = self._answer(command_id, reason, detail)
        while len(self._refused) > REFUSED_MAXIMUM:
            del self._refused[next(iter(self._refused))]
        self._send(answer)

    def _kept(self, command: AnyCommand, answer: bytes) -> tuple[Statement, ...]:
        now_ms = self._now_ms()
        expires_ms = time_ms(command.expires_at)
        return keep_answer(
            command.id, expires_ms, answer, now_ms=expires_ms if now_ms is None else now_ms
        )

    def _verified(self, payload: bytes) -> AnyCommand:
        if len(payload) > MAX_COMMAND_BYTES:
            raise ContractError(
                "oversized", f"expected at most {MAX_COMMAND_BYTES} bytes, got {len(payload)}"
            )
        token = chain.split_token(payload)
        if not self._collector_key.has_signed(token):
            raise ContractError("signature", "not signed by the collector's key")
        command = decode_command(token.payload)
        for moment in (command.issued_at, command.expires_at):
            time_ms(moment)
        return command

    def _answer(self, command_id: str, reason: str = "", detail: str = "") -> bytes:
        answer = Answer(
            dev=self._device,
            id=command_id,
            outcome="refused" if reason else "done",
            v=CONTRACT_VERSION,
            reason=reason,
            detail=detail[:DETAIL_MAXIMUM],
        )
        return self._key.token(encode(answer))

    def _send(self, answer: bytes) -> None:
        self._outbox.append(answer)
        del self._outbox[:-OUTBOX_MAXIMUM]

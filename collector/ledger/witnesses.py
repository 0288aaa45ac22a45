"""The writer's side of checkpoints: makes one when a day has ended and gives it to the devices.

Belongs to the writer's thread, like its connection. The devices are witnesses: what each of them
keeps can no longer be taken back.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace
from sqlite_utils import Database

from collector.errors import LedgerError, LedgerMismatch
from collector.handout import Base, Handout
from collector.ledger.checkpoints import (
    KeptCheckpoint,
    day_due,
    make_checkpoint,
    newest_checkpoint,
)
from collector.ledger.gens import read_lives
from collector.ledger.registry import calendar_of, read_meta
from collector.ledger.tree import LedgerTree, ask_of
from collector.receipts import Journal
from firmware_config.chain import b64url
from firmware_config.contract import GivenCheckpoint, Receipt
from firmware_config.keys import SigningKey

logger = logging.getLogger(__name__)

PROOFS_MAXIMUM: Final = 1000
"""Most proofs that are remembered: devices may name any size."""
_NEWEST_JOURNALS: Final = (
    "SELECT d.code, e.epoch FROM epochs e JOIN devices d ON d.id = e.device"
    " WHERE e.id = (SELECT max(id) FROM epochs WHERE device = e.device) ORDER BY d.code"
)


class Witnesses:
    """Makes checkpoints and brings them to the devices in their receipts.

    Args:
        db: the writer's connection.
        key: the collector's key.
        clock_ms: wall clock, UTC milliseconds since 1970.
    """

    def __init__(
        self, db: Database, *, hall: str, key: SigningKey, clock_ms: Callable[[], int]
    ) -> None:
        self._db = db
        self._ask = ask_of(db.conn)
        self._tree = LedgerTree(self._ask)
        self._hall = hall
        self._key = key
        self._clock_ms = clock_ms
        self._handout = Handout()
        self._calendar = calendar_of(read_meta(db))
        self._looked: tuple[str, str] | None = None  # gen and local day of the last look
        self._lives = read_lives(self._ask)
        self._newest: KeptCheckpoint | None = None
        self._proofs: dict[int, list[str]] = {}

    def turn(self, gen: str, kept: Mapping[Journal, Base], now_ms: int) -> list[Journal]:
        """Look after checkpoints; cheap when nothing has changed.

        Args:
            gen: of the ledger, as its writer knows it.
            kept: the checkpoint that devices said they keep.
            now_ms: monotonic, milliseconds.

        Returns:
            Journals whose receipts are to bring the checkpoint now.

        Raises:
            LedgerError: the database failed.
        """
        looking = gen, self._calendar.day_and_hour(self._clock_ms())[0]
        if looking != self._looked:
            try:
                self._look()
            except sqlite3.Error as error:
                raise LedgerError(f"ledger: checkpoint: {error}") from error
            self._looked = looking
        for journal, base in kept.items():
            self._handout.told(journal, base)
        return self._handout.take(now_ms)

    def wait_ms(self, now_ms: int) -> int | None:
        """Milliseconds until `turn` has devices to give to; None: none wait."""
        return self._handout.wait_ms(now_ms)

    def bring(self, receipt: Receipt) -> Receipt:
        """The receipt, with the newest checkpoint where its device is owed it.

        Raises:
            LedgerError: the database failed.
        """
        base, newest = self._handout.base_of(receipt.dev), self._newest
        if base is None or newest is None or newest.gen != receipt.gen:
            return receipt
        gen, size = base
        from_size = size if size <= newest.size and self._lives.still_holds(gen, size) else 0
        try:
            proof = self._proof(from_size, newest.size)
        except sqlite3.Error as error:
            raise LedgerError(f"ledger: checkpoint: {error}") from error
        except LedgerMismatch as error:  # ratings must be stored all the same
            logger.error("checkpoints are not given out error=%s", error)
            self._newest = None
            return receipt
        token = newest.token.decode("ascii")
        given = GivenCheckpoint(token=token, from_size=from_size, proof=proof)
        return replace(receipt, checkpoint=given)

    def brought(self, receipt: Receipt) -> None:
        """A receipt was published."""
        if receipt.checkpoint is not None:
            self._handout.given(receipt.dev)

    def _look(self) -> None:
        """Make what is due, and begin giving it out."""
        before = self._newest
        self._lives = lives = read_lives(self._ask)
        now_ms = self._clock_ms()
        on = day_due(self._ask, lives, self._calendar.zone, now_ms)
        if on is not None:
            made = make_checkpoint(self._db, on, hall=self._hall, key=self._key, now_ms=now_ms)
            logger.info("checkpoint made on=%s size=%d root=%s", on, made.size, made.root.hex())
        self._newest = newest_checkpoint(self._ask, lives.present.gen)
        if self._newest is not None and self._newest != before:
            self._proofs.clear()
            journals = [(device, epoch) for device, epoch in self._ask(_NEWEST_JOURNALS)]
            # after a start every device's retained HELLO says whether it lacks one
            is_news = on is not None
            self._handout.begin((self._newest.gen, self._newest.size), journals if is_news else ())

    def _proof(self, first: int, second: int) -> list[str]:
        """As it goes on the wire; of all devices most keep the same one."""
        if first not in self._proofs:
            if len(self._proofs) >= PROOFS_MAXIMUM:
                self._proofs.clear()
            self._proofs[first] = [
                b64url(made).decode("ascii") for made in self._tree.consistency(first, second)
            ]
        return self._proofs[first]

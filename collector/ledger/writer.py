"""The ledger's one writer: a group of arrived messages becomes one durable transaction.

Only after `store` returned may the group be acknowledged. A database error leaves the group
unstored and the writer unusable: its caches no longer say what the ledger holds.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlite_utils import Database

from collector.decoding import KIND_OF
from collector.errors import LedgerError, LedgerMismatch
from collector.judge import judge
from collector.ledger.archive import ArchiveWatch
from collector.ledger.boots import Boots
from collector.ledger.bulk import BulkInsert
from collector.ledger.derive import Batch, Placed
from collector.ledger.refusals import save_conflicts, save_quarantined
from collector.ledger.registry import calendar_of, read_meta, read_placements, read_registry
from collector.ledger.repeats import RepeatFinder
from collector.ledger.tree import save_nodes
from collector.ledger.view import EpochStates
from collector.merkle import Frontier
from collector.press_time import believed_wall_ms, wall_text
from collector.receipts import Journal
from collector.verdict import Message, Verdict, Word
from firmware_config.chain import b64url
from firmware_config.contract import CONTRACT_VERSION, Health, Receipt, Status

_RECORDS = BulkInsert(
    "records",
    (
        "position",
        "epoch",
        "seq",
        "digest",
        "kind",
        "key",
        "received_ms",
        "payload",
        "signature",
    ),
)
_EPOCH = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(slots=True)
class Stored:
    """What became of one group.

    Attributes:
        accepted: records that are new in the ledger.
        repeats: tokens that were stored before, byte for byte.
        quarantined: messages or tokens that could not become records.
        conflicts: second tokens for keys that are taken: evidence of a fork.
        journals: journals to send a receipt for.
        hellos: those of them that said HELLO: the receipt goes at once.
        kept: the checkpoint (gen and size) that devices said they keep.
    """

    accepted: int = 0
    repeats: int = 0
    quarantined: int = 0
    conflicts: int = 0
    journals: list[Journal] = field(default_factory=list)
    hellos: list[Journal] = field(default_factory=list)
    kept: dict[Journal, tuple[str, int]] = field(default_factory=dict)


class LedgerWriter:
    """Stores groups of messages; belongs to the thread that made it, like its connection."""

    def __init__(self, db: Database, *, hall: str, clock_ms: Callable[[], int]) -> None:
        """Read the state of the ledger.

        Args:
            db: from `open_ledger`, in this thread.
            hall: id of the hall this ledger must be of.
            clock_ms: wall clock, UTC milliseconds since 1970.

        Raises:
            LedgerMismatch: the ledger is of another hall or has no fleet.
        """
        self._db = db
        self._connection = db.conn
        self._hall = hall
        self._clock_ms = clock_ms
        self._read_state()
        self._data_version = self._version()
        self._archive = ArchiveWatch(self._connection)

    def store(self, messages: Iterable[Message]) -> Stored:
        """Judge a group and commit what follows from it; returns once it is durable.

        Raises:
            LedgerError: the database failed; nothing of the group is stored.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if self._version() != self._data_version:
                    self._read_state()  # another command changed the fleet or a backup's mark
                    self._data_version = self._version()
                stored = self._store(messages)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise LedgerError(f"ledger: {error}") from error
        return stored

    def receipt(self, journal: Journal) -> Receipt | None:
        """What the ledger holds of a journal; None for a device that is not registered.

        Raises:
            LedgerError: the database failed.
        """
        code, epoch = journal
        device = self._registry.devices.get(code)
        if device is None:
            return None
        try:
            state = self._states.epoch_state(device, epoch)
            extra = self._states.extra(state)
            archived = self._states.archived(state)
        except sqlite3.Error as error:
            raise LedgerError(f"ledger: {error}") from error
        return Receipt(
            dev=code,
            gen=self._gen,
            epoch=epoch,
            stored=state.stored,
            stored_hash=state.link,
            extra=extra,
            archived=archived,
            server_time=wall_text(self._clock_ms()),
            ledger_size=self._frontier.size,
            ledger_root=b64url(self._frontier.root()).decode("ascii"),
            v=CONTRACT_VERSION,
        )

    def archive_moved(self) -> list[Journal]:
        """Journals of which a backup has verified more since the last call: they want a receipt.

        Raises:
            LedgerError: the database failed.
        """
        try:
            return self._archive.moved()
        except sqlite3.Error as error:
            raise LedgerError(f"ledger: {error}") from error

    @property
    def size(self) -> int:
        """Rows in the ledger."""
        return self._frontier.size

    @property
    def gen(self) -> str:
        """Id of this life of the ledger."""
        return self._gen

    def _version(self) -> int:
        # changes when another connection has committed
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _read_state(self) -> None:
        db = self._db
        meta = read_meta(db)
        self._registry = read_registry(db, self._hall)
        self._codes = {device: code for code, device in self._registry.devices.items()}
        self._gen = meta["gen"]
        self._calendar = calendar_of(meta)
        self._placements = read_placements(db)
        self._states = EpochStates(db)
        self._boots = Boots(self._connection)
        self._repeats = RepeatFinder(self._connection)
        size, frontier = db.execute("SELECT size, frontier FROM ledger_state").fetchone()
        rows = db.execute("SELECT coalesce(max(position), 0) FROM records").fetchone()[0]
        if rows != size:
            raise LedgerMismatch(f"ledger: expected {size} records, got {rows}")
        self._frontier = Frontier(size, frontier)

    def _store(self, messages: Iterable[Message]) -> Stored:
        received_ms = self._clock_ms()
        verdict = judge(messages, self._registry, self._states)
        accepted = self._store_accepted(verdict, received_ms)
        connection = self._connection
        save_quarantined(connection, verdict.quarantined, received_ms)
        save_conflicts(connection, verdict.conflicts, received_ms)
        self._save_words(verdict.words, received_ms)
        present = [
            word.message
            for word in verdict.words
            if (isinstance(word.message, Health) or word.message.state == "online")
            and _EPOCH.fullmatch(word.message.epoch)
        ]
        return Stored(
            accepted=accepted,
            repeats=verdict.repeats,
            quarantined=len(verdict.quarantined),
            conflicts=len(verdict.conflicts),
            journals=[(self._codes[e.state.device], e.state.epoch) for e in verdict.epochs],
            hellos=[(it.dev, it.epoch) for it in present if isinstance(it, Status)],
            kept={
                (message.dev, message.epoch): (message.checkpoint_gen, message.checkpoint_size)
                for message in present
            },
        )

    def _store_accepted(self, verdict: Verdict, received_ms: int) -> int:
        connection = self._connection
        self._states.save(verdict.epochs)
        first = position = self._frontier.size
        rows: list[tuple[object, ...]] = []
        placed: list[Placed] = []
        digests: list[bytes] = []
        for epoch_verdict in verdict.epochs:
            state = epoch_verdict.state
            epoch, device = state.id, state.device
            for token, record, key, _, _ in epoch_verdict.accepted:
                position += 1
                believed_ms = believed_wall_ms(record.wall, record.synced, received_ms)
                _, _, payload, signature, digest = token
                rows.append(
                    (
                        position,
                        epoch,
                        record.seq,
                        digest,
                        KIND_OF[type(record)],
                        key.id,
                        received_ms,
                        payload,
                        signature,
                    )
                )
                digests.append(digest)
                placed.append(Placed(position, epoch, device, received_ms, believed_ms, record))
        if not rows:
            return 0
        _RECORDS.run(connection, rows)
        batch = Batch(self._calendar, self._placements)
        self._boots.take(placed)
        self._boots.save(batch)
        batch.add(placed, self._boots.times, self._repeats.find(placed))
        batch.write(connection)
        save_nodes(connection, self._frontier.extend(digests))
        connection.execute(
            "UPDATE ledger_state SET size = ?, frontier = ?, root = ?",
            (self._frontier.size, self._frontier.packed(), self._frontier.root()),
        )
        return position - first

    def _save_words(self, words: Iterable[Word], received_ms: int) -> None:
        for word in words:
            message = word.message
            if isinstance(message, Status):
                self._connection.execute(
                    "INSERT INTO device_status (device, state, status_ms, status)"
                    " VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET"
                    " state = excluded.state, status_ms = excluded.status_ms,"
                    " status = excluded.status",
                    (word.device, message.state, received_ms, word.payload),
                )
            else:
                self._connection.execute(
                    "INSERT INTO device_status"
                    " (device, state, status_ms, status, health_ms, health)"
                    " VALUES (?1, 'unknown', ?2, x'', ?2, ?3) ON CONFLICT (device) DO UPDATE SET"
                    " health_ms = excluded.health_ms, health = excluded.health",
                    (word.device, received_ms, word.payload),
                )

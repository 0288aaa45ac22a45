"""Writing and reading an open journal.

One thread at a time owns it (the service's work thread). `append` returns only after COMMIT with
`journal_mode=WAL, synchronous=FULL`: what it returned for is on the disk. Any failure leaves the
journal as it was and usable, and is a JournalError.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from firmware_config import chain
from firmware_config.contract import CONTRACT_VERSION, RECORD_TYPES, decode_record, encode
from firmware_config.keys import SigningKey
from kiosk.clock import Stamp
from kiosk.drafts import Draft
from kiosk.errors import JournalDamagedError, JournalError
from kiosk.journal import schema
from kiosk.window import Watermarks

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


_DIGEST: Final = 6
"""Place of the digest among the columns of INSERT_RECORD."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Rows signed for one exact place in the chain."""

    drafts: tuple[Draft, ...]
    stamp: Stamp
    head: int
    head_digest: bytes
    rows: tuple[tuple[Any, ...], ...]

    def is_for(self, drafts: Sequence[Draft], stamp: Stamp, head: int, head_digest: bytes) -> bool:
        return (
            self.head == head
            and self.head_digest == head_digest
            and self.stamp == stamp
            and self.drafts == tuple(drafts)
        )


Statement = tuple[str, tuple[object, ...]]
"""SQL and its values."""


class Journal:
    """An open journal. See `open_journal`.

    Attributes:
        epoch: random id made with the file.
        head: highest seq on the disk; 0: none.
        watermarks: what the collector is known to hold.
        set_aside: where a damaged predecessor was moved at opening; None: there was none.
        is_doubting: something the collector said of its ledger was refused, and that stands.
    """

    def __init__(
        self,
        path: Path,
        conn: sqlite3.Connection,
        lock: int,
        *,
        key: SigningKey,
        device: str,
        zone: tzinfo,
    ) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self._conn = conn
        self._execute = conn.execute
        self._lock = lock
        self._key = key
        self._device = device
        self._zone = zone
        self.epoch: str = self._execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        self.head = self._read_head()[0]
        row = self._execute(
            "SELECT gen, stored, archived, server_ms, has_fork FROM watermarks"
        ).fetchone()
        self.watermarks = Watermarks(
            gen=row[0],
            stored=row[1],
            archived=row[2],
            server_ms=row[3],
            has_fork=bool(row[4]),
        )
        self._kept = self.watermarks
        self.is_doubting = bool(self._execute(schema.IS_DOUBTING).fetchone()[0])
        self._prepared: _Prepared | None = None

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, for the reading modules of this package. Raises JournalError."""
        with self._reading():
            return self._execute(sql, values).fetchall()

    def append(
        self, drafts: Sequence[Draft], stamp: Stamp, *, also: Sequence[Statement] = ()
    ) -> int:
        """Write drafts in one transaction, in their order; returns the new head.

        Args:
            also: further statements of the same transaction.

        Raises:
            JournalError: nothing of it was stored; may pass.
            JournalDamagedError: the file is damaged.
            ContractError: a draft is not what the wire contract allows: a bug.
        """
        with self._transaction():
            seq, digest = self._read_head()
            prepared, self._prepared = self._prepared, None
            if prepared is None or not prepared.is_for(drafts, stamp, seq, digest):
                prepared = self._prepare(drafts, stamp, seq, digest)
            for row in prepared.rows:
                self._execute(schema.INSERT_RECORD, row)
            for sql, values in also:
                self._execute(sql, values)
            self._write_watermarks()
        self.head = seq + len(prepared.rows)
        self._kept = self.watermarks
        return self.head

    def write(self, statements: Sequence[Statement]) -> None:
        """Run statements in one transaction. Raises JournalError: nothing of it was stored."""
        with self._transaction():
            for sql, values in statements:
                self._execute(sql, values)

    def prepare(self, drafts: Sequence[Draft], stamp: Stamp) -> None:
        """Sign drafts that are likely to be appended next, while there is time.

        Nothing is written and nothing leaves; if anything is different at `append`, it is done
        anew there. Raises as `append` does.
        """
        with self._reading():
            seq, digest = self._read_head()
        if self._prepared is None or not self._prepared.is_for(drafts, stamp, seq, digest):
            self._prepared = self._prepare(drafts, stamp, seq, digest)

    def keep(self, watermarks: Watermarks) -> None:
        """Take new watermarks; they reach the disk with the next `append` or `flush`.

        Losing them in between costs only a resend, so they are not worth a sync of their own for
        every receipt; a new gen or a fork is.
        """
        is_urgent = (watermarks.gen, watermarks.has_fork) != (self._kept.gen, self._kept.has_fork)
        self.watermarks = watermarks
        if is_urgent:
            self.flush()

    def flush(self) -> None:
        """Write kept watermarks now, if they are new. Raises JournalError."""
        if self.watermarks != self._kept:
            with self._transaction():
                self._write_watermarks()
            self._kept = self.watermarks

    def tokens(self, seqs: Sequence[int]) -> list[tuple[int, bytes]]:
        """Seq and token of those of `seqs` that are in the journal, ascending."""
        marks = ",".join("?" * len(seqs))
        sql = f"SELECT seq, token FROM records WHERE seq IN ({marks}) ORDER BY seq"
        return [(seq, token) for seq, token in self.query(sql, *seqs)]

    def digest_of(self, seq: int) -> str | None:
        """Digest of the token at `seq`, base64url; None: not in the journal."""
        rows = self.query("SELECT digest FROM records WHERE seq = ?", seq)
        return chain.b64url(rows[0][0]).decode("ascii") if rows else None

    def prune(self, before_day: str) -> int:
        """Delete what is archived and older than local date `before_day`; returns how many.

        Only a run from the oldest record on, never the last INVITED or what follows it, and
        nothing once a fork was seen, or while the collector's checkpoints contradict each other.
        """
        if self.watermarks.has_fork or self.is_doubting:
            return 0
        self.flush()
        with self._transaction():
            cursor = self._execute(
                "DELETE FROM records WHERE seq <= ? AND seq < ("
                " SELECT min(seq) FROM (SELECT seq FROM records WHERE day >= ?"
                " UNION ALL SELECT max(seq) FROM records WHERE kind = 'INVITED'"
                " UNION ALL SELECT max(seq) FROM records))",
                [self.watermarks.archived, before_day],
            )
        return cursor.rowcount

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, so that no press has to wait for it."""
        with self._reading():
            self._execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._lock < 0:
            return
        with suppress(JournalError):
            self.flush()
        self._conn.close()
        os.close(self._lock)
        self._lock = -1

    def _read_head(self) -> tuple[int, bytes]:
        row = self._execute(schema.HEAD).fetchone()
        return (row[0], row[1]) if row else (0, b"")

    def _prepare(
        self, drafts: Sequence[Draft], stamp: Stamp, head: int, head_digest: bytes
    ) -> _Prepared:
        rows = []
        digest = head_digest
        for seq, draft in enumerate(drafts, start=head + 1):
            row = self._row(seq, digest, draft, stamp)
            digest = row[_DIGEST]
            rows.append(row)
        return _Prepared(tuple(drafts), stamp, head, head_digest, tuple(rows))

    def _row(self, seq: int, previous: bytes, draft: Draft, stamp: Stamp) -> tuple[Any, ...]:
        """The columns of INSERT_RECORD."""
        fields = draft.fields
        wall_s, wall_ms = divmod(stamp.offset_ms + draft.at_ms, 1000)
        payload = encode(
            RECORD_TYPES[draft.kind](
                dev=self._device,
                epoch=self.epoch,
                seq=seq,
                prev=chain.b64url(previous).decode("ascii") if previous else "",
                boot=stamp.boot,
                mono_ms=draft.at_ms,
                wall=f"{datetime.fromtimestamp(wall_s, UTC).isoformat()[:19]}.{wall_ms:03d}Z",
                synced=stamp.is_synced,
                v=CONTRACT_VERSION,
                **fields,
            )
        )
        decode_record(payload)  # constructing a Struct checks nothing; what we sign must be valid
        token = self._key.token(payload)
        return (
            seq,
            draft.kind.value,
            fields.get("session"),
            fields.get("level"),
            datetime.fromtimestamp(wall_s, self._zone).date().isoformat(),
            fields.get("on"),
            chain.digest(token),
            token,
        )

    def _write_watermarks(self) -> None:
        if self.watermarks != self._kept:
            new = self.watermarks
            self._execute(
                schema.KEEP_WATERMARKS,
                (new.gen, new.stored, new.archived, new.server_ms, int(new.has_fork)),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        conn = self._conn
        try:
            self._execute("BEGIN IMMEDIATE")
            yield
            self._execute("COMMIT")
        except BaseException as error:
            # SQLite has already rolled back after some errors (a full disk), not after others
            if conn.in_transaction:
                with suppress(sqlite3.Error):
                    self._execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translated(self.path, error) from error
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(self.path, error) from error


def translated(path: Path, error: sqlite3.Error) -> JournalError:
    """SQLite's error as ours: damage does not pass, anything else may."""
    code = getattr(error, "sqlite_errorcode", None)
    is_damage = code is not None and code & 0xFF in _DAMAGE
    return (JournalDamagedError if is_damage else JournalError)(f"{path}: {error}")

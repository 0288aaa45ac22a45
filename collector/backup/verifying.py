"""Whether a file is a whole ledger in which everything agrees; reads it, writes nothing.

One pass over the records in order of position: every token is rebuilt and its digest compared,
every link followed, the Merkle tree and the watermarks computed anew. A signature covers the
records linked before it, so the last one of each run under one key vouches for all of them;
records that no verified backup held are checked one by one beside that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from collector.backup.errors import BackupDamaged
from collector.backup.journal_runs import JournalRuns
from collector.backup.manifest import JournalMark, LedgerMark
from collector.backup.signatures import DeviceKey, Signatures
from collector.backup.snapshot import Tell
from collector.ledger.gens import read_lives
from collector.ledger.purged import digest_blocks, purged_up_to, split_digests
from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.ledger.tree import ask_of
from collector.linking import link_text
from collector.merkle import Frontier
from firmware_config import chain
from firmware_config.keys import KeyFileError, VerifyKey

MOST_PROBLEMS: Final = 20
"""More are not listed: a copy with twenty faults is not used."""
MOST_UNSIGNED: Final = 100
"""Of records whose own signature is bad, and which only a later one vouches for. Devices sign every
record: more than a few are nobody's accident."""
_BEFORE: Final = "as in the backup before (a copy put there by hand needs `db renew-gen`)"
_GROUP: Final = 2000
_One = TypeVar("_One")
_RECORDS: Final = (
    "SELECT position, epoch, seq, digest, key, payload, signature FROM records ORDER BY position"
)


class _Payload(msgspec.Struct):
    dev: str
    epoch: str
    seq: int
    prev: str


_decode = msgspec.json.Decoder(_Payload).decode


@dataclass(frozen=True, slots=True)
class KnownPart:
    """The first `size` records with this root (base64url) were verified one by one before."""

    size: int
    root: str


def verify_ledger(
    path: Path, tell: Tell, *, hall: str | None = None, known: KnownPart | None = None
) -> LedgerMark:
    """Check a ledger's file and say what is in it.

    Args:
        path: the file; nobody writes it meanwhile.
        tell: the progress.
        hall: id of the hall it must be of; None: of any.
        known: signatures of these records need not be checked again, if the root agrees.

    Raises:
        BackupDamaged: with up to MOST_PROBLEMS problems.
    """
    try:
        with LedgerReader(path) as reader:
            return _Checking(reader.connection, path, tell, hall, known).run()
    except LedgerUnavailable as error:
        raise BackupDamaged([str(error)]) from error
    except sqlite3.Error as error:
        raise BackupDamaged([f"{path}: {error}"]) from error


def verify_database(path: Path, tell: Tell) -> None:
    """Check any other SQLite file. Raises as `verify_ledger` does."""
    tell("integrity", 0, 0)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = _integrity(connection)
    except sqlite3.Error as error:
        raise BackupDamaged([f"{path}: {error}"]) from error
    if found:
        raise BackupDamaged([f"{path}: {line}" for line in found])


def _integrity(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})").fetchall()
    return [] if rows == [("ok",)] else [str(row[0]) for row in rows]


class _Checking:
    """One check of one file."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        tell: Tell,
        hall: str | None,
        known: KnownPart | None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._tell = tell
        self._hall = hall
        self._known = known
        self._problems: list[str] = []
        self._frontier = Frontier()
        self._signatures = 0
        self._bad: list[tuple[JournalRuns, int, int]] = []  # journal, its row, seq

    def run(self) -> LedgerMark:
        self._tell("integrity", 0, 0)
        for line in _integrity(self._connection):
            self._problem(line)
        self._stop_if_bad()
        meta = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        if self._hall is not None and meta.get("hall", self._hall) != self._hall:
            self._problem(f"hall: expected {self._hall}, got {meta.get('hall')}")
        self._keys = self._read_keys()
        self._signatures_of = Signatures(self._connection, self._keys)
        self._journals = self._read_journals()
        size, frontier, root = self._connection.execute(
            "SELECT size, frontier, root FROM ledger_state"
        ).fetchone()
        self._read_records(size)
        if self._frontier.size != size:
            self._problem(f"ledger_state.size: expected {self._frontier.size}, got {size}")
        elif (self._frontier.root(), self._frontier.packed()) != (root, frontier):
            self._problem("ledger_state.root: not the root over the records")
        self._check_ends()
        self._stop_if_bad()
        journals = sorted(self._journals.values(), key=lambda one: (one.dev, one.epoch))
        return LedgerMark(
            gen=meta["gen"],
            timezone=meta.get("timezone", "UTC"),
            size=size,
            root=_text(root),
            journals=[JournalMark(dev=j.dev, epoch=j.epoch, stored=j.stored) for j in journals],
            signatures=self._signatures,
            lives=[life.gen for life in read_lives(ask_of(self._connection))],
        )

    def _read_keys(self) -> dict[int, DeviceKey]:
        keys = {}
        for row, device, kid, x in self._connection.execute(
            "SELECT k.id, d.code, k.kid, k.x FROM device_keys k JOIN devices d ON d.id = k.device"
        ):
            try:
                verify = VerifyKey(x)
            except KeyFileError as error:
                self._problem(f"device_keys {device}: {error}")
                continue
            if verify.kid != kid:
                self._problem(f"device_keys {device}: kid: expected {verify.kid}, got {kid}")
            keys[row] = DeviceKey(device, chain.header_segment(kid), verify)
        return keys

    def _read_journals(self) -> dict[int, JournalRuns]:
        rows = self._connection.execute(
            "SELECT e.id, d.code, e.epoch, e.stored, e.stored_digest FROM epochs e"
            " JOIN devices d ON d.id = e.device"
        )
        return {row: JournalRuns(*rest) for row, *rest in rows}

    def _pass_over_purged(self) -> None:
        """Take in what is left of purged records: their digests, and the head of each chain."""
        for _block, digests in digest_blocks(self._connection, 0, purged_up_to(self._connection)):
            for part in self._parted(split_digests(digests)):
                self._extend(part)
        for row, seq, digest in self._connection.execute(
            "SELECT epoch, seq, digest FROM purge_heads ORDER BY purge"
        ):
            if row in self._journals:
                self._journals[row].begin_after(seq, link_text(digest))

    def _read_records(self, size: int) -> None:
        known = self._known
        self._pass_over_purged()
        cursor = self._connection.execute(_RECORDS)
        while rows := cursor.fetchmany(_GROUP):
            self._tell("records", self._frontier.size, size)
            for part in self._parted(rows):
                is_new = known is None or self._frontier.size >= known.size
                self._extend([self._check(is_new, *row) for row in part])
                self._stop_if_bad(MOST_PROBLEMS)
        if known is not None and self._frontier.size < known.size:
            self._problem(
                f"records: expected {known.size} or more, {_BEFORE}, got {self._frontier.size}"
            )

    def _extend(self, digests: list[bytes]) -> None:
        """Take a part into the tree; at the end of the known part the root must be as before."""
        self._frontier.extend(digests)
        known = self._known
        if (
            known is not None
            and self._frontier.size == known.size
            and _text(self._frontier.root()) != known.root
        ):
            self._problem(
                f"root of the first {known.size} records: expected {known.root}, {_BEFORE},"
                f" got {_text(self._frontier.root())}"
            )

    def _parted(self, group: list[_One]) -> Iterator[list[_One]]:
        """A group, cut where the known part ends."""
        cut = self._known.size - self._frontier.size if self._known is not None else 0
        yield from (part for part in (group[: max(cut, 0)], group[max(cut, 0) :]) if part)

    def _check(
        self,
        is_new: bool,
        position: int,
        epoch: int,
        seq: int,
        digest: bytes,
        key_row: int,
        payload: bytes,
        signature: bytes,
    ) -> bytes:
        """Check one record against itself and its neighbours; returns its digest as stored."""
        journal, key = self._journals.get(epoch), self._keys.get(key_row)
        if journal is None or key is None:
            self._problem(f"record {position}: expected a journal and a key that exist")
            return digest
        signed = chain.signing_input(key.header, payload)
        where = f"{journal.dev} seq {seq} (position {position})"
        if chain.digest(chain.join_token(signed, signature)) != digest:
            self._problem(f"{where}: digest is not that of the token")
        try:
            said = _decode(payload)
        except msgspec.MsgspecError as error:
            self._problem(f"{where}: payload: {error}")
            return digest
        place = (journal.dev, journal.epoch, seq, journal.dev)
        if (said.dev, said.epoch, said.seq, key.device) != place:
            self._problem(f"{where}: expected the place its payload names, {said.dev} {said.seq}")
        for problem in journal.add(seq, said.prev, link_text(digest), key_row):
            self._problem(problem)
        if is_new:
            self._signatures += 1
            if not key.verify.is_signed(signed, signature):
                self._bad.append((journal, epoch, seq))
                if len(self._bad) > MOST_UNSIGNED:
                    self._problem(f"{where}: one of more than {MOST_UNSIGNED} bad signatures")
                    self._stop_if_bad()
        return digest

    def _check_ends(self) -> None:
        """Watermarks, and the signatures that vouch for what is linked before them."""
        for row, journal in self._journals.items():
            stored = journal.contiguous
            if stored != journal.stored:
                where = f"{journal.dev} {journal.epoch}"
                self._problem(f"{where}: stored: expected {stored}, got {journal.stored}")
            elif stored and journal.tails[stored].link != link_text(journal.stored_digest or b""):
                self._problem(f"{journal.dev}: stored_digest: not that of seq {stored}")
            for seq in (*journal.tails, *journal.lasts):
                if not self._signatures_of.is_signed(row, seq):
                    self._problem(f"{journal.dev} seq {seq}: bad signature")
        for journal, row, seq in self._bad:
            if not self._signatures_of.is_vouched(row, seq):
                self._problem(f"{journal.dev} seq {seq}: bad signature, no signed record after it")

    def _problem(self, text: str) -> None:
        self._problems.append(f"{self._path}: {text}")

    def _stop_if_bad(self, number: int = 1) -> None:
        if len(self._problems) >= number:
            raise BackupDamaged(self._problems[:MOST_PROBLEMS])


def _text(raw: bytes) -> str:
    return chain.b64url(raw).decode("ascii")

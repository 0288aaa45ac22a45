"""What a verification reads of a ledger besides its records: journals, keys, lives, names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.errors import LedgerMismatch
from collector.ledger.readers import LedgerReader
from collector.ledger.rebuilt import VERSIONS, expected_versions
from collector.verify.journals import EpochRow
from collector.verify.records import Journal, Key
from collector.verify.statements import CheckpointRow, GenRow
from firmware_config.chain import header_segment
from firmware_config.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of `device_keys`: its device's row and id, key id, public key (base64url)."""

    device: int
    code: str
    kid: str
    x: str


class PurgeRow(NamedTuple):
    """A purge of records: a row of `purges`."""

    id: int
    up_to: int
    root: bytes
    number: int
    before_ms: int
    made_ms: int
    by: str
    token: bytes | None


@dataclass(frozen=True, kw_only=True)
class LedgerFacts:
    """All of it, as one snapshot had it; goes to other processes.

    Attributes:
        path: of the ledger.
        meta: its own facts: gen, hall, timezone …
        size: rows it says it has; `frontier` and `root` of them.
        first_position: smallest position there is; `last_position` the largest; 0 for no rows.
        journals: row of `epochs` → journal; `epochs` → what is said of it.
        key_rows: row of `device_keys` → key.
        nodes: (level, ordinal) → hash of kept subtrees; None: the ledger keeps none.
        purges: purges of records, by id; of these records only the digests are left.
        purge_heads: row of `epochs` → seq and digest of its last purged record.
    """

    path: Path
    meta: dict[str, str]
    size: int
    frontier: bytes
    root: bytes
    first_position: int
    last_position: int
    journals: dict[int, Journal]
    epochs: dict[int, EpochRow]
    key_rows: dict[int, KeyRow]
    gens: list[GenRow]
    checkpoints: list[CheckpointRow]
    nodes: dict[tuple[int, int], bytes] | None
    purges: list[PurgeRow]
    purge_heads: dict[int, tuple[int, bytes]]

    @property
    def purged_to(self) -> int:
        """Every record up to this place was purged."""
        return max((row.up_to for row in self.purges), default=0)

    @property
    def hall(self) -> str:
        """Id of the hall; empty when no fleet was ever loaded."""
        return self.meta.get("hall", "")

    @cached_property
    def zone(self) -> ZoneInfo:
        """The hall's zone; UTC where the ledger names none that there is."""
        try:
            return ZoneInfo(self.meta.get("timezone", ""))
        except (KeyError, ValueError, OSError):
            return ZoneInfo("UTC")

    def keys(self) -> dict[int, Key]:
        """Row of `device_keys` → key; a row that holds none is left out."""
        keys = {}
        for row, key in self.key_rows.items():
            try:
                found = Key(key.device, header_segment(key.kid), VerifyKey(key.x).is_signed)
            except ValueError:  # no Ed25519 key, or no text that could be one
                continue
            keys[row] = found
        return keys


def _expect_versions(reader: LedgerReader, tables: set[str]) -> None:
    has = "_sqlite_migrations" in tables
    found = {name for (name,) in reader.rows(VERSIONS)} if has else set()
    missing, unknown = expected_versions() - found, found - expected_versions()
    if missing:
        raise LedgerMismatch(
            f"{reader.path}: expected schema {max(missing)}, found an older one or none"
            " (`collector ingest` brings a ledger up to date)"
        )
    if unknown:
        raise LedgerMismatch(f"{reader.path}: schema {max(unknown)} is newer than this program")


def read_facts(reader: LedgerReader) -> LedgerFacts:
    """Read them from an open reader.

    Raises:
        LedgerMismatch: not a ledger of this program's schema.
        LedgerUnavailable: the database cannot be read.
    """
    tables = {name for (name,) in reader.rows("SELECT name FROM sqlite_master")}
    _expect_versions(reader, tables)
    state = reader.row("SELECT size, frontier, root FROM ledger_state WHERE id = 1")
    if state is None:
        raise LedgerMismatch(f"{reader.path}: expected a row of ledger_state, found none")
    ends = reader.row("SELECT min(position), max(position) FROM records") or (None, None)
    devices: dict[int, str] = dict(reader.rows("SELECT id, code FROM devices"))
    epochs = reader.rows(
        "SELECT id, device, epoch, stored, stored_digest, head, archived FROM epochs"
    )
    nodes = None
    if "merkle_nodes" in tables:
        rows = reader.rows("SELECT level, ordinal, hash FROM merkle_nodes")
        nodes = {(level, ordinal): node for level, ordinal, node in rows}
    purges: list[PurgeRow] = []
    heads: dict[int, tuple[int, bytes]] = {}
    if "purges" in tables:
        rows = reader.rows(
            "SELECT id, up_to, root, number, before_ms, made_ms, by, token FROM purges"
            " WHERE rule = 'records' ORDER BY id"
        )
        purges = [PurgeRow(*row) for row in rows]
        rows = reader.rows("SELECT epoch, seq, digest FROM purge_heads ORDER BY purge")
        heads = {epoch: (seq, digest) for epoch, seq, digest in rows}
    return LedgerFacts(
        path=reader.path,
        meta=dict(reader.rows("SELECT key, value FROM meta")),
        size=state[0],
        frontier=state[1],
        root=state[2],
        first_position=ends[0] or 0,
        last_position=ends[1] or 0,
        journals={row[0]: Journal(row[1], devices.get(row[1], ""), row[2]) for row in epochs},
        epochs={row[0]: EpochRow(*row[3:]) for row in epochs},
        key_rows={
            row: KeyRow(device, devices.get(device, ""), kid, x)
            for row, device, kid, x in reader.rows("SELECT id, device, kid, x FROM device_keys")
        },
        gens=[GenRow(*row) for row in reader.rows("SELECT * FROM gens ORDER BY id")],
        checkpoints=[
            CheckpointRow(*row)
            for row in reader.rows(
                "SELECT id, gen, size, root, on_date, made_ms, token FROM checkpoints ORDER BY id"
            )
        ],
        nodes=nodes,
        purges=purges,
        purge_heads=heads,
    )

"""What lies beside a copy: of what it is, its digest, and how far each journal in it goes. Pure.

A manifest is JSON. Where the collector's key could be read a token beside it (`manifest.jws`) has
exactly these bytes as its payload, so that a copy that somebody else made shows.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from collector.backup.errors import BackupDamaged

WHAT: Final = "backup"
VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"
TOKEN_NAME: Final = "manifest.jws"


class FileMark(Struct, frozen=True, kw_only=True):
    """One file of a backup: bytes, SHA-256 in hex."""

    bytes: int
    sha256: str


class JournalMark(Struct, frozen=True, kw_only=True):
    """A journal in the copy: every seq up to `stored` is there."""

    dev: str
    epoch: str
    stored: int


class LedgerMark(Struct, frozen=True, kw_only=True):
    """The ledger that was copied.

    Attributes:
        gen: its life.
        timezone: the hall's, IANA name.
        size: records.
        root: RFC 9162 Merkle root over them, base64url.
        journals: in order of device and journal.
        signatures: how many were checked one by one; all others through the chain.
        lives: every `gen` of it, oldest first, this one at the end.
    """

    gen: str
    timezone: str
    size: int
    root: str
    journals: list[JournalMark]
    signatures: int
    lives: list[str] = []


class Manifest(Struct, frozen=True, kw_only=True):
    """A verified backup.

    Attributes:
        made_at: UTC, when the copy was begun.
        program: version of the collector that made it.
        files: name → size and digest.
        ledger: None for a backup of the office.
    """

    what: str
    v: int
    hall: str
    made_at: str
    program: str
    files: dict[str, FileMark]
    ledger: LedgerMark | None


def encode_manifest(manifest: Manifest) -> bytes:
    """UTF-8 JSON, indented, with a final line feed."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode_manifest(content: bytes, where: str) -> Manifest:
    """Read a manifest; `where` names it in errors.

    Raises:
        BackupDamaged: it is none, or of a newer program.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BackupDamaged([f"{where}: {error}"]) from None
    if (manifest.what, manifest.v) != (WHAT, VERSION):
        got = f"{manifest.what} {manifest.v}"
        raise BackupDamaged([f"{where}: expected {WHAT} {VERSION}, got {got}"])
    return manifest

"""What is known from elsewhere, to hold the ledger against: keys, kept checkpoints, exports, fleet.

A ledger that was rewritten as a whole agrees with itself. Only what lies outside it shows that.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from collector.errors import CollectorError, ImmutableFleet
from collector.export.folders import ExportFolder
from collector.ledger.fleet_loader import compare_fleet, read_device_keys
from collector.ledger.readers import LedgerReader
from collector.verify.facts import LedgerFacts
from collector.verify.findings import Check, Finding, Level
from collector.verify.statements import Kept
from collector.verify.tree import Mark
from firmware_config.chain import unb64url
from firmware_config.errors import ContractError, ExitCode
from firmware_config.fleet import Fleet
from firmware_config.keys import VerifyKey, thumbprint

RETIRED: Final = "retired"
"""Folder below the keys' folder with keys that devices had before: `<device>.<anything>.jwk`."""
MAX_TOLD: Final = 10
"""Most differences to the fleet file told one by one."""
_TOLD_OTHERWISE: Final = ("keyless", "unused", "retroactive")
_TOKEN: Final = re.compile(rb"[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{80,}")


class NoCheckpoint(CollectorError, OSError):
    """A file of kept checkpoints cannot be read, or has none."""

    exit_code = ExitCode.IO


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What to hold a ledger against; what is None is not known, and that is said.

    Attributes:
        collector_key: public half of the key that signs checkpoints.
        device_keys: device id → public keys it has or had.
        hall: id of the hall it must be of.
        fleet: the fleet file.
        exports: folder of nightly exports.
        kept: checkpoints and receipts kept elsewhere.
        since: day from which day-closes are compared; None: all.
        restored: lives (`gen`) that are known to have begun with a restored copy.
        now_ms: wall clock, UTC milliseconds since 1970.
    """

    now_ms: int
    collector_key: VerifyKey | None = None
    device_keys: dict[str, list[VerifyKey]] | None = None
    hall: str = ""
    fleet: Fleet | None = None
    exports: Path | None = None
    kept: Sequence[Kept] = ()
    since: date | None = None
    restored: Sequence[str] = ()


def read_kept(texts: Iterable[str]) -> list[Kept]:
    """Kept tokens: each text is a token, or a file with any number of them in any text.

    Raises:
        NoCheckpoint: it is neither.
    """
    kept: list[Kept] = []
    for text in texts:
        if _TOKEN.fullmatch(text.encode("utf-8", "surrogateescape")):
            kept.append(Kept("command line", text.encode("ascii")))
            continue
        try:
            tokens = _TOKEN.findall(Path(text).read_bytes())
        except OSError as error:
            raise NoCheckpoint(f"{text}: {error.strerror}") from error
        if not tokens:
            raise NoCheckpoint(f"{text}: expected checkpoints as their collector signed them")
        kept += [Kept(Path(text).name, token) for token in tokens]
    return kept


def read_known_keys(folder: Path) -> dict[str, list[VerifyKey]] | None:
    """Device id → its key, and keys it had before (`RETIRED`); None when the folder has none.

    Raises:
        InvalidSettings: with a line for every file that is no public key.
    """
    keys = {device: [key] for device, key in read_device_keys(folder).items()}
    for name, key in read_device_keys(folder / RETIRED).items():
        keys.setdefault(name.partition(".")[0], []).append(key)
    return keys or None


def export_marks(folder: Path) -> tuple[list[Mark], list[Finding]]:
    """What every export says of the ledger it was made from, and which cannot be read.

    Raises:
        ExportUnwritable: the folder cannot be read.
    """
    marks: list[Mark] = []
    findings: list[Finding] = []
    for found in ExportFolder(folder).exports():
        where, on = f"export {found.name}", found.day.isoformat()
        try:
            if found.manifest is None:
                raise ContractError("malformed", found.problem)
            ledger = found.manifest.ledger
            if ledger.size < 0:
                raise ContractError("schema", f"ledger.size: expected 0 or more, got {ledger.size}")
            root = unb64url(ledger.root.encode("ascii"))
        except (ContractError, ValueError) as error:
            findings.append(
                Finding(
                    level=Level.FAIL,
                    check=Check.EXPORT,
                    what="its manifest cannot be read",
                    where=where,
                    first_on=on,
                    last_on=on,
                    got=str(error),
                )
            )
            continue
        marks.append(Mark(ledger.size, root, Check.EXPORT, where, True, ledger.gen, on))
    return marks, findings


def key_findings(facts: LedgerFacts, known: dict[str, list[VerifyKey]] | None) -> Iterable[Finding]:
    """Keys of the ledger that are not those registered outside it."""
    for row, key in sorted(facts.key_rows.items()):
        where = f"key {key.kid}"
        expected = thumbprint(key.x) if key.x.isascii() else "one of an Ed25519 key"
        if expected != key.kid:
            yield Finding(
                level=Level.FAIL,
                check=Check.KEY,
                what="the key id is not the thumbprint of the key",
                device=key.code,
                where=where,
                expected=expected,
                got=key.kid,
            )
        if known is None:
            continue
        ours = known.get(key.code, [])
        if (key.kid, key.x) not in {(one.kid, one.x) for one in ours}:
            yield Finding(
                level=Level.FAIL,
                check=Check.KEY,
                what="the ledger takes a key for this device that its key folder does not have",
                device=key.code,
                where=f"device_keys row {row}",
                expected=", ".join(one.kid for one in ours) or "no key",
                got=key.kid,
            )


def fleet_findings(facts: LedgerFacts, known: Known) -> Iterable[Finding]:
    """Whether hall and dated assignments are those of the fleet file."""
    if known.hall and known.hall != facts.hall:
        what = "the ledger is of another hall"
        yield _fleet(Level.FAIL, what, expected=known.hall, got=facts.hall)
    if known.fleet is None:
        return
    keys = {device: keys[0] for device, keys in (known.device_keys or {}).items()}
    with LedgerReader(facts.path) as reader, closing(_connect(reader.uri)) as connection:
        try:
            changes = compare_fleet(connection, known.fleet, keys).changes
        except ImmutableFleet as error:
            for problem in error.problems:
                yield _fleet(Level.FAIL, "not what the fleet file says", got=problem)
        except (sqlite3.Error, KeyError, ValueError, OverflowError) as error:
            yield _fleet(Level.FAIL, "cannot be compared with the fleet file", got=repr(error))
        else:
            for change in changes:
                if change.action == "retroactive":  # or taken out of the ledger
                    what = "stored records were counted without what the fleet file says"
                    yield _fleet(Level.FAIL, what, got=str(change))
            told = [one for one in changes if one.action not in _TOLD_OTHERWISE]
            what = "the fleet file says otherwise, and is not loaded"
            for change in told[:MAX_TOLD]:
                yield _fleet(Level.NOTE, what, got=str(change))
            if len(told) > MAX_TOLD:
                yield _fleet(Level.NOTE, what, got=f"{len(told) - MAX_TOLD} more changes")


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True)


def _fleet(level: Level, what: str, *, expected: str = "", got: str = "") -> Finding:
    return Finding(
        level=level, check=Check.FLEET, what=what, where=got[:120], expected=expected, got=got
    )

"""The manifest of one exported day: what is in the files, of which ledger, after which export.

Pure. A manifest is JSON with fixed keys in a fixed order, so that the same statement has one
spelling; its SHA-256 is the `previous` of the next one, which chains the exports.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from collector.errors import CollectorError
from collector.export.rule_entry import RuleEntry
from collector.rates import Counts, Rule, net_of, participation, satisfaction

FORMAT: Final = "yiping-export"
FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"


class InvalidManifest(CollectorError, ValueError):
    """A file is not a manifest of this format."""


class FileEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: data rows (the header not counted), bytes, SHA-256 in hex."""

    rows: int
    bytes: int
    sha256: str


class Link(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another export: its folder's name and the SHA-256 (hex) of its manifest."""

    folder: str
    sha256: str


class Stretch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records of one journal in the evidence, from seq `first` to `last`, both included."""

    device: str
    epoch: str
    first: int
    last: int


class LedgerMark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger that was read: database id, rows, RFC 9162 root over them (base64url)."""

    gen: str
    size: int
    root: str


class CountsEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sums over the whole hall, and the rates' numerators and bases."""

    invited: int
    rated: int
    level5: int
    level4: int
    level3: int
    level2: int
    level1: int
    unrated: int
    ignored: int
    repeats: int
    satisfaction_numerator: int
    satisfaction_base: int
    participation_numerator: int
    participation_base: int
    excluded: int
    net_satisfaction_numerator: int
    net_satisfaction_base: int


class CorrectionsEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The corrections (误评) when this was made.

    Attributes:
        entries: length of their chain.
        head: digest of its last entry, base64url; empty when there is none.
        in_day: numbers of the approved exclusions of this day.
        alarms: a line for each hall, department, window or pair of people of which too large a
            share of the month's ratings was excluded.
    """

    entries: int
    head: str
    in_day: list[int]
    alarms: list[str]


class Difference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two or more sources that should say the same: what, and source → what it says."""

    what: str
    found: dict[str, int | str]


class DayCloses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The devices' own counts of the day (DAYCLOSE records) beside the ledger's.

    Attributes:
        compared: number of DAYCLOSE records of the day in the ledger.
        missing: devices that stood at a window and whose DAYCLOSE was not there yet.
        mismatches: counts that differ.
    """

    compared: int
    missing: list[str]
    mismatches: list[Difference]


class CsvDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the CSV files are written."""

    encoding: str
    bom: bool
    line_end: str
    guard: str


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a receiver needs to check one exported day.

    Attributes:
        number: 1, 2, 3 … over all exports of this folder, in the order they were made.
        previous: the export numbered one lower; None for the first.
        revision: 1, or higher when the day was exported before and has changed since.
        replaces: the export of the revision before; None for revision 1.
        day: local date; `day_start` and `day_end` its limits `[start, end)` in UTC.
        balanced: no `differences` and no `day_closes.mismatches`.
        evidence: which records the file of signed tokens holds, ordered by device, epoch, seq.
        checkpoint: the newest checkpoint the collector signed (contract.Checkpoint as a token);
            None: there was none yet.
        facts_sha256: digest of the facts, see `facts.facts_digest`.
        made_at: UTC.
    """

    format: str
    format_version: int
    contract_version: int
    number: int
    previous: Link | None
    hall: str
    hall_name: str
    day: str
    timezone: str
    day_start: str
    day_end: str
    revision: int
    replaces: Link | None
    made_at: str
    ledger: LedgerMark
    rule: RuleEntry
    counts: CountsEntry
    corrections: CorrectionsEntry
    balanced: bool
    differences: list[Difference]
    day_closes: DayCloses
    csv: CsvDialect
    evidence: list[Stretch]
    checkpoint: str | None
    files: dict[str, FileEntry]
    facts_sha256: str


def counts_entry(counts: Counts, rule: Rule, excluded: Counts) -> CountsEntry:
    """The manifest's form of the hall's counts; `excluded`: ratings left out of the net rate."""
    satisfied, participated = satisfaction(counts, rule), participation(counts)
    net = satisfaction(net_of(counts, excluded), rule)
    return CountsEntry(
        invited=counts.invited,
        rated=counts.rated,
        level5=counts.level5,
        level4=counts.level4,
        level3=counts.level3,
        level2=counts.level2,
        level1=counts.level1,
        unrated=counts.unrated,
        ignored=counts.ignored,
        repeats=counts.repeats,
        satisfaction_numerator=satisfied.numerator,
        satisfaction_base=satisfied.base,
        participation_numerator=participated.numerator,
        participation_base=participated.base,
        excluded=excluded.rated,
        net_satisfaction_numerator=net.numerator,
        net_satisfaction_base=net.base,
    )


def file_entry(content: bytes, rows: int) -> FileEntry:
    """What the manifest says of a file."""
    return FileEntry(rows=rows, bytes=len(content), sha256=sha256(content))


def sha256(content: bytes) -> str:
    """SHA-256 in hex, as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's one spelling: UTF-8, two spaces of indent, a final line feed."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        InvalidManifest: not this format, another version, or not in its one spelling.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest(f"{MANIFEST_NAME}: {error}") from None
    if manifest.format != FORMAT or manifest.format_version != FORMAT_VERSION:
        raise InvalidManifest(
            f"{MANIFEST_NAME}: expected {FORMAT} {FORMAT_VERSION}, "
            f"got {manifest.format} {manifest.format_version}"
        )
    if encode_manifest(manifest) != content:
        raise InvalidManifest(f"{MANIFEST_NAME}: not in the spelling an export writes")
    return manifest

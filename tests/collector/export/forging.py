"""A forger who knows the format: changes an export and makes everything else agree with it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from collector.corrections.excluded import level_counts
from collector.export.balance import OUTCOME_FIELDS, detail_counts, summary_counts, total
from collector.export.corrections import CORRECTIONS_COLUMNS
from collector.export.csv_format import parse_csv, render_csv
from collector.export.evidence import KEYS_NAME, RECORDS_NAME, render_records
from collector.export.facts import facts_digest
from collector.export.folders import ExportFolder
from collector.export.manifest import (
    MANIFEST_NAME,
    Link,
    Manifest,
    Stretch,
    counts_entry,
    decode_manifest,
    encode_manifest,
    file_entry,
    sha256,
)
from collector.export.rule_entry import rule_of
from collector.export.tables import (
    DETAIL_COLUMNS,
    TABLE_NAMES,
    Names,
    Place,
    Table,
    departments_table,
    windows_table,
)
from collector.rates import Counts
from firmware_config import chain
from firmware_config.keys import SigningKey


class Forger:
    """One export, open for changes; see `forging`.

    Attributes:
        detail: the rows of detail.csv, as column → cell; `corrections` those of corrections.csv.
        tokens: the signed records.
        keys: keys.json.
        changes: of the manifest, on saving.
        less: window and a count the detail cannot tell (`invited`, `ignored`) → how much less.
        raw: file name → function over its bytes, on saving, before its hash is taken.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = decode_manifest((folder / MANIFEST_NAME).read_bytes())
        self._tables = {
            name: parse_csv(name, (folder / f"{name}.csv").read_bytes()) for name in TABLE_NAMES
        }
        self.detail = [dict(row) for row in self._tables["detail"].dicts()]
        self.corrections = [dict(row) for row in self._tables["corrections"].dicts()]
        self.tokens = gzip.decompress((folder / RECORDS_NAME).read_bytes()).splitlines()
        self.keys: dict[str, Any] = json.loads((folder / KEYS_NAME).read_bytes())
        self.changes: dict[str, Any] = {}
        self.less: dict[tuple[str, str], int] = {}
        self.raw: dict[str, Any] = {}

    def row(self, **cells: str) -> dict[str, str]:
        """The first row of the detail with these cells."""
        return next(row for row in self.detail if cells.items() <= row.items())

    def payload(self, row: dict[str, str]) -> dict[str, Any]:
        """The payload of the token a row comes from."""
        return _payload(self.tokens[self.place(row)])

    def place(self, row: dict[str, str]) -> int:
        """Where in `tokens` a row's token stands."""
        return self.place_of(row["device"], int(row["seq"]))

    def place_of(self, device: str, seq: int) -> int:
        """Where in `tokens` a device's record stands."""
        return next(
            at
            for at, token in enumerate(self.tokens)
            if (_payload(token)["dev"], _payload(token)["seq"]) == (device, seq)
        )

    def sign_anew(self, device: str, key: SigningKey) -> None:
        """Sign all records of a device with another key, chained as they should be."""
        previous = ""
        for at, token in enumerate(self.tokens):
            payload = _payload(token)
            if payload["dev"] == device:
                if previous:
                    payload["prev"] = previous
                self.tokens[at] = key.token(msgspec.json.encode(payload))
                previous = chain.b64url(chain.digest(self.tokens[at])).decode()
        self.take_digests()

    def take_digests(self) -> None:
        """Bring the rows' digests to their tokens."""
        digests = {
            (p["dev"], p["epoch"], str(p["seq"])): chain.b64url(chain.digest(token)).decode()
            for token in self.tokens
            for p in [_payload(token)]
        }
        for row in self.detail:
            name = (row["device"], row["epoch"], row["seq"])
            row["digest"] = digests.get(name, row["digest"])

    def move_stretch(self, device: str, **changes: int) -> None:
        """Say other limits of what the evidence holds of a device."""
        self.changes["evidence"] = [
            msgspec.structs.replace(stretch, **changes) if stretch.device == device else stretch
            for stretch in self.changes.get("evidence", self.manifest.evidence)
        ]

    def split_stretch(self, device: str, without: int) -> None:
        """List a device's records in two stretches, as if the one between were of no interest."""
        found: list[Stretch] = []
        for stretch in self.manifest.evidence:
            if stretch.device == device:
                found.append(msgspec.structs.replace(stretch, last=without - 1))
                stretch = msgspec.structs.replace(stretch, first=without + 1)
            found.append(stretch)
        self.changes["evidence"] = found

    def save(self) -> None:
        """Write everything anew; sums, rates, hashes and the digest of the facts agree."""
        rule = rule_of(self.manifest.rule)
        rows = [tuple(row[column] for column in DETAIL_COLUMNS) for row in self.detail]
        detail = Table("detail", DETAIL_COLUMNS, rows)
        counted, was = detail_counts(detail), summary_counts(self._tables["windows"])
        places = {}
        for place, counts in was.items():
            values = msgspec.to_builtins(counts) | {field: 0 for field in OUTCOME_FIELDS}
            if place in counted:
                values |= {field: getattr(counted[place], field) for field in OUTCOME_FIELDS}
            for field in ("invited", "ignored"):
                values[field] -= self.less.get((place[0], field), 0)
            places[place] = type(counts)(**values)
        on = date.fromisoformat(self.manifest.day)
        names = Names(
            windows={r["window"]: r["window_name"] for r in self._tables["windows"].dicts()},
            departments={
                r["department"]: r["department_name"] for r in self._tables["departments"].dicts()
            },
        )
        excluded = _excluded(self.detail)
        left_out = [
            tuple(row[column] for column in CORRECTIONS_COLUMNS) for row in self.corrections
        ]
        tables = (
            detail,
            windows_table(on, places, excluded, names, rule),
            departments_table(on, places, excluded, names, rule),
            Table("corrections", CORRECTIONS_COLUMNS, left_out),
        )
        files = {f"{t.name}.csv": (render_csv(t, has_bom=True), len(t.rows)) for t in tables}
        files[RECORDS_NAME] = (render_records(self.tokens), len(self.tokens))
        keys = json.dumps(self.keys, indent=2, ensure_ascii=False).encode() + b"\n"
        files[KEYS_NAME] = (keys, len(self.keys["keys"]))
        for name, change in self.raw.items():
            files[name] = (change(files[name][0]), files[name][1])
        for name, (content, _) in files.items():
            (self.folder / name).write_bytes(content)
        closes = self.manifest.day_closes
        manifest = msgspec.structs.replace(
            self.manifest,
            **{
                "counts": counts_entry(total(places), rule, total(excluded)),
                "files": {name: file_entry(*entry) for name, entry in files.items()},
                "facts_sha256": facts_digest(tables, self.manifest.differences, closes.mismatches),
                **self.changes,
            },
        )
        (self.folder / MANIFEST_NAME).write_bytes(encode_manifest(manifest))


@contextmanager
def forging(folder: Path) -> Iterator[Forger]:
    """Change an export; it is saved at the end, and the chain after it is made anew.

    Args:
        folder: of the export; its neighbours, if there are any, lie beside it.
    """
    forger = Forger(folder)
    yield forger
    forger.save()
    chain_anew(folder.parent)


def chain_anew(exports: Path) -> None:
    """Bring the links between the manifests of a folder to what the manifests are now."""
    found = {e.name: e for e in ExportFolder(exports).exports()}
    ordered = sorted(found.values(), key=lambda e: e.manifest.number if e.manifest else 0)
    digests: dict[str, str] = {}
    for export in ordered:
        assert export.manifest is not None
        links = {
            field: Link(folder=link.folder, sha256=digests.get(link.folder, link.sha256))
            for field in ("previous", "replaces")
            if (link := getattr(export.manifest, field)) is not None
        }
        content = encode_manifest(msgspec.structs.replace(export.manifest, **links))
        (exports / export.name / MANIFEST_NAME).write_bytes(content)
        digests[export.name] = sha256(content)


def _payload(token: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(chain.split_token(token).payload)
    return payload


def _excluded(detail: list[dict[str, str]]) -> dict[Place, Counts]:
    """Excluded ratings by level, as the rows of the detail mark them."""
    levels: dict[Place, Counter[int]] = {}
    for row in detail:
        if row["excluded"]:
            levels.setdefault((row["window"], row["department"]), Counter())[int(row["level"])] += 1
    return {place: level_counts(counted) for place, counted in levels.items()}

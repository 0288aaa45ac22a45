"""Exports and the rule book: days that another rule has become the rule of, rules that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import UNSET

from collector.export.folders import FoundExport
from collector.rules.book import RuleBook
from collector.rules.entries import version_digest
from firmware_config.chain import b64url


def ruled_anew(book: RuleBook, exported: Mapping[date, FoundExport]) -> set[date]:
    """Exported days that go by another version now: one that begins in the past was added."""
    return {
        on
        for on, export in exported.items()
        if export.manifest is not None and export.manifest.rule.version != book.on(on).number
    }


def rule_problems(book: RuleBook, exported: Iterable[FoundExport]) -> Iterator[str]:
    """Versions that exports name and the book does not have as they were; each told once.

    The chain inside the book cannot show that its newest versions were cut off.
    """
    digests = {
        version.number: b64url(version_digest(version)).decode("ascii")
        for version in book.versions()
    }
    told: set[int] = set()
    for export in exported:
        said = export.manifest.rule if export.manifest else None
        if said is None or said.version in told:
            continue
        if said.version not in digests:
            told.add(said.version)
            yield f"rules: {export.name} was made by version {said.version}, which is not there now"
        elif said.book is not UNSET and said.book.digest != digests[said.version]:
            told.add(said.version)
            yield f"rules: version {said.version} was another when {export.name} was made"

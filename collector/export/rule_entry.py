"""A version of the hall's rules as a manifest carries it: whole, to be checked. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from collector.rates import Rounding, Rule
from collector.rules.entries import Version, version_digest
from firmware_config.chain import b64url
from firmware_config.levels import Level


class SpecialDayEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A holiday or make-up working day of a version of the rules."""

    on: str
    kind: str
    name: str


class RulesEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a version of the hall's rules says, see `rules.entries.HallRules`."""

    satisfied: list[int]
    base: Literal["rated", "invited"]
    decimals: int | None
    rounding: str
    minimum_base: int
    hours: list[str]
    days: list[SpecialDayEntry]


class BookEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version of the hall's rule book, whole, so that its digest can be computed again.

    Attributes:
        number: its version; `from_on`: first local day it is the rule of.
        author: account; empty for version 1.
        reason: why it was made; `past_reason`: why it begins before that.
        made_ms: UTC milliseconds since 1970.
        prev: digest of the version before, base64url; empty for version 1.
        rules: what it says.
        digest: SHA-256 over all of these as JSON with sorted keys, base64url.
    """

    number: int
    from_on: str
    author: str
    reason: str
    past_reason: str
    made_ms: int
    prev: str
    rules: RulesEntry
    digest: str


class RuleEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rule of the satisfaction rate; `satisfied` from high to low.

    Attributes:
        book: the version in full; left out where the hall has no rule book yet.
    """

    name: str
    version: int
    satisfied: list[int]
    base: Literal["rated", "invited"]
    book: BookEntry | UnsetType = UNSET


def rule_entry(version: Version) -> RuleEntry:
    """The manifest's form of a version of the rules."""
    return RuleEntry(
        name=version.rules.name,
        version=version.number,
        satisfied=list(version.rules.satisfied),
        base=version.rules.base,
        book=_book_entry(version) if version.made_ms else UNSET,
    )


def _book_entry(version: Version) -> BookEntry:
    told = msgspec.to_builtins(version)
    return msgspec.convert(
        told
        | {
            "prev": b64url(version.prev).decode("ascii"),
            "digest": b64url(version_digest(version)).decode("ascii"),
        },
        BookEntry,
    )


def rule_of(entry: RuleEntry) -> Rule:
    """The rule a manifest names.

    Raises:
        ValueError: a level or a rounding that does not exist.
    """
    satisfied = frozenset(Level(number) for number in entry.satisfied)
    if entry.book is UNSET:
        return Rule(entry.name, entry.version, satisfied, entry.base)
    rules = entry.book.rules
    return Rule(
        entry.name,
        entry.version,
        satisfied,
        entry.base,
        Rounding(rules.rounding),
        rules.decimals,
        rules.minimum_base,
    )

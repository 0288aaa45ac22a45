"""The rule book: `rules.db`, read by everything that computes a rate, added to by the dashboard."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from collector.chained import InvalidText, kept_text
from collector.kept_file import KeptFile, KeptFileUnavailable, Row
from collector.periods import Period
from collector.rules.entries import (
    LONGEST_REASON,
    HallRules,
    RuleProblem,
    RulesRefused,
    UnknownRule,
    Version,
    first_version,
    in_force,
    in_force_in,
    problems_of,
    version_digest,
)

_COLUMNS = "number, from_on, rules, author, reason, past_reason, made_ms, prev, digest"


class RulesUnavailable(KeptFileUnavailable):
    """`rules.db` cannot be read, or is not what was written: no rate is told by a guess."""


class RulesFile(KeptFile):
    """The file of one hall's rules."""

    package = "collector.rules"
    schemas = ("0001_rules.sql",)
    unavailable = RulesUnavailable


class RuleBook:
    """All versions of one hall's rules. Safe to use from any thread.

    Args:
        path: `rules.db`; where it does not exist, version 1 alone is the rule.
        minimum_base: what version 1 says of it; only until the file has its version 1.
    """

    def __init__(self, path: Path, *, minimum_base: int) -> None:
        self._file = RulesFile(path)
        self._minimum_base = minimum_base
        self._known: tuple[tuple[int, int, int], tuple[Version, ...]] | None = None

    def prepare(self, now_ms: int, *, was_made: bool = False) -> None:
        """Make the file and write version 1 into it; only the dashboard calls this.

        Args:
            now_ms: when version 1 is written, UTC milliseconds.
            was_made: see `KeptFile.prepare`.

        Raises:
            RulesUnavailable: it cannot be made, or a newer program wrote it.
        """
        if not self._file.prepare(was_made=was_made):
            return
        if not self._file.rows("SELECT 1 FROM versions"):
            try:
                self._insert(first_version(self._minimum_base, now_ms))
            except sqlite3.IntegrityError:  # another dashboard was quicker
                self._known = None

    def mark(self) -> tuple[int, int, int]:
        """Something that changes with every version; costs one look at the folder."""
        return self._file.version()

    def versions(self) -> Sequence[Version]:
        """All of them, by number; costs one look at the folder while nothing has changed.

        Raises:
            RulesUnavailable: the file cannot be read, or one version is not what was written.
        """
        mark = self._file.version()
        known = self._known
        if known is not None and known[0] == mark:
            return known[1]
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM versions ORDER BY number")
        versions = self._verified(rows) or (first_version(self._minimum_base),)
        self._known = (mark, versions)
        return versions

    def _verified(self, rows: Sequence[Row]) -> tuple[Version, ...]:
        found: list[Version] = []
        prev = b""
        for place, row in enumerate(rows, start=1):
            number, from_on, rules, author, reason, past_reason, made_ms, told_prev, digest = row
            try:
                version = Version(
                    number=number,
                    from_on=date.fromisoformat(from_on),
                    rules=msgspec.json.decode(rules, type=HallRules),
                    author=author,
                    reason=reason,
                    past_reason=past_reason,
                    made_ms=made_ms,
                    prev=told_prev,
                )
            except (ValueError, msgspec.DecodeError) as error:
                raise RulesUnavailable(f"{self._file.path}: version {number}: {error}") from None
            if number != place or told_prev != prev or version_digest(version) != digest:
                raise RulesUnavailable(
                    f"{self._file.path}: version {number} is not what was written: "
                    "its digest does not follow from its content and the version before"
                )
            found.append(version)
            prev = digest
        return tuple(found)

    def number(self, number: int) -> Version:
        """One version.

        Raises:
            UnknownRule: there is none of that number.
        """
        versions = self.versions()
        if not 1 <= number <= len(versions):
            raise UnknownRule(f"rule: expected a version from 1 to {len(versions)}, got {number}")
        return versions[number - 1]

    def on(self, on: date) -> Version:
        """The rule of a local day."""
        return in_force(self.versions(), on)

    def of(self, period: Period, today: date) -> Version:
        """The rule of a period, see `entries.in_force_in`."""
        return in_force_in(self.versions(), period, today)

    def check(self, draft: Version, *, today: date, after: int) -> Version:
        """What `add` would add.

        Args:
            draft: the version asked for; its number and `prev` are not looked at.
            today: the hall's local day.
            after: number of the newest version that the author saw.

        Returns:
            It, numbered, chained, with its texts as they are kept.

        Raises:
            RulesRefused: with everything that is wrong.
        """
        newest = self.versions()[-1]
        kept, problems = kept_reasons(
            draft.reason, draft.past_reason, is_past=draft.from_on < today
        )
        problems = problems_of(draft.rules) + problems
        if draft.rules == newest.rules and draft.from_on >= newest.from_on:
            problems.append((RuleProblem.SAME, str(newest.number)))
        if after != newest.number:
            problems.append((RuleProblem.TAKEN, str(newest.number)))
        if problems:
            raise RulesRefused(problems)
        return msgspec.structs.replace(
            draft, number=newest.number + 1, prev=version_digest(newest), **kept
        )

    def add(self, draft: Version, *, today: date, after: int) -> Version:
        """Add a version; the arguments are those of `check`.

        Raises:
            RulesRefused: with everything that is wrong.
            RulesUnavailable: the file cannot be written.
        """
        version = self.check(draft, today=today, after=after)
        try:
            self._insert(version)
        except sqlite3.IntegrityError as error:  # somebody added between our look and our word
            raise RulesRefused([(RuleProblem.TAKEN, str(error))]) from error
        return version

    def _insert(self, version: Version) -> None:
        with self._file.writing() as connection:
            connection.execute(
                f"INSERT INTO versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    version.number,
                    version.from_on.isoformat(),
                    msgspec.json.encode(version.rules).decode("utf-8"),
                    version.author,
                    version.reason,
                    version.past_reason,
                    version.made_ms,
                    version.prev,
                    version_digest(version),
                ),
            )
        self._known = None


def kept_reasons(
    reason: str, past_reason: str, *, is_past: bool
) -> tuple[dict[str, str], list[tuple[RuleProblem, str]]]:
    """The reasons as they are kept, by name, and what is wrong with them.

    Args:
        reason: why the rules change; always needed.
        past_reason: why they change for days that have passed.
        is_past: whether they do; else there is no second reason.
    """
    kept: dict[str, str] = {}
    problems: list[tuple[RuleProblem, str]] = []
    for name, text, problem, is_required in (
        ("reason", reason, RuleProblem.REASON, True),
        ("past_reason", past_reason if is_past else "", RuleProblem.PAST, is_past),
    ):
        try:
            kept[name] = kept_text(text, name, longest=LONGEST_REASON, is_required=is_required)
        except InvalidText as error:
            problems.append((problem, str(error)))
    return kept, problems

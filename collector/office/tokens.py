"""Tokens of programs: what one may read and until when. The token itself is not kept."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.errors import CollectorError, UsageError
from collector.office.accounts import LONGEST_NAME, PLAIN_NAME, Account
from collector.office.database import Office
from collector.office.lockout import FORGET_AFTER_S, delay_s
from collector.office.roles import Role

BEGIN: Final = "yiping_"
"""How every token begins, so that one that leaked into a file is found by its looks."""
SECRET_BYTES: Final = 32
PREFIX_CHARS: Final = len(BEGIN) + 6
LONGEST_TOKEN: Final = 100
LONGEST_DAYS: Final = 365
DEFAULT_DAYS: Final = 90
DAY_MS: Final = 86_400_000
_USED_EVERY_MS: Final = 60_000
_COLUMNS: Final = (
    "id, name, prefix, departments, parts, created_ms, created_by, expires_ms, revoked_ms, "
    "revoked_by, used_ms, used_from"
)


class TokenExists(UsageError):
    """There is a token of that name already, perhaps a revoked one."""


class UnknownToken(UsageError):
    """There is no token of that name."""


class InvalidToken(CollectorError, ValueError):
    """A name, part or time that no token can have.

    Attributes:
        field: `name`, `parts`, `departments` or `days`.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token.

    Attributes:
        prefix: its first characters.
        departments: codes; empty: the whole hall.
        parts: groups of addresses it may read.
        revoked_ms: None: it is not revoked.
        used_ms: when it was last used, to the minute; None: never.
    """

    id: int
    name: str
    prefix: str
    departments: frozenset[str]
    parts: frozenset[str]
    created_ms: int
    created_by: str
    expires_ms: int
    revoked_ms: int | None
    revoked_by: str | None
    used_ms: int | None
    used_from: str | None

    @property
    def role(self) -> Role:
        """Whom it reads as."""
        return role_of(self.departments)

    def holds(self, now_ms: int) -> bool:
        """Whether it may be used."""
        return self.revoked_ms is None and now_ms < self.expires_ms

    @property
    def account(self) -> Account:
        """It as a visitor; its name is no person's, because theirs have no colon."""
        return Account(
            id=0,
            name=f"token:{self.name}",
            role=self.role,
            created_ms=self.created_ms,
            disabled_ms=None,
            departments=self.departments,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a token that was shown: whose it is, or None and the seconds to wait."""

    token: Token | None
    wait_s: int


def role_of(departments: Collection[str]) -> Role:
    """Whom a token reads as: a department manager, or the director where it names no department."""
    return Role.DEPARTMENT if departments else Role.DIRECTOR


class Tokens:
    """The tokens of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def add(
        self,
        name: str,
        *,
        parts: Collection[str],
        departments: Collection[str],
        days: int,
        by: str,
        now_ms: int,
    ) -> str:
        """Make a token; returns it, for the one time it is seen.

        Args:
            name: what it is for.
            parts: groups of addresses, at least one.
            departments: codes; empty: the whole hall.
            days: how long it holds, 1 to 365.
            by: who makes it.
            now_ms: UTC milliseconds.

        Raises:
            InvalidToken: see there.
            TokenExists: the name is taken.
        """
        if not name or len(name) > LONGEST_NAME or not PLAIN_NAME.issuperset(name):
            raise InvalidToken(
                "name",
                f"token name: expected 1 to {LONGEST_NAME} ASCII letters, digits, . _ or -, "
                f"got {name!r}",
            )
        if not parts:
            raise InvalidToken("parts", "token: expected at least one part to read, got none")
        if not 1 <= days <= LONGEST_DAYS:
            raise InvalidToken("days", f"token: expected 1 to {LONGEST_DAYS} days, got {days}")
        token = BEGIN + secrets.token_urlsafe(SECRET_BYTES)
        try:
            self._office.database.execute(
                "INSERT INTO tokens (name, prefix, digest, departments, parts, created_ms, "
                "created_by, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    name,
                    token[:PREFIX_CHARS],
                    _digest(token),
                    json.dumps(sorted(set(departments))),
                    json.dumps(sorted(set(parts))),
                    now_ms,
                    by,
                    now_ms + days * DAY_MS,
                ],
            )
        except sqlite3.IntegrityError as error:
            raise TokenExists(f"token {name}: exists already") from error
        return token

    def all(self) -> list[Token]:
        """All tokens, newest first; revoked and expired ones too."""
        rows = self._office.database.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY id DESC")
        return [_token_of(row) for row in rows.fetchall()]

    def revoke(self, name: str, *, by: str, now_ms: int) -> None:
        """Let a token end now; idempotent.

        Raises:
            UnknownToken: there is none of that name.
        """
        done = self._office.database.execute(
            "UPDATE tokens SET revoked_by = coalesce(revoked_by, ?), "
            "revoked_ms = coalesce(revoked_ms, ?) WHERE name = ?",
            [by, now_ms, name],
        )
        if not done.rowcount:
            raise UnknownToken(f"token {name}: does not exist")

    def shown(self, text: str, *, address: str, now_ms: int) -> Shown:
        """Whose a token is that came with a request.

        A good one is never kept waiting: 256 random bits are not guessed, and a forgotten program
        at the same address must not shut out another. Wrong ones are slowed down.
        """
        found = self._find(text) if len(text) <= LONGEST_TOKEN else None
        if found is not None and found.holds(now_ms):
            self._used(found, address, now_ms)
            return Shown(found, 0)
        key = f"token:{address}"
        wait_s = self._wait_s(key, now_ms)
        if not wait_s:
            self._count(key, now_ms)
        return Shown(None, wait_s)

    def holds(self, token_id: int, *, now_ms: int) -> bool:
        """Whether a token still holds; asking does not count as use."""
        row = self._office.database.execute(
            "SELECT 1 FROM tokens WHERE id = ? AND revoked_ms IS NULL AND expires_ms > ?",
            [token_id, now_ms],
        ).fetchone()
        return row is not None

    def _find(self, text: str) -> Token | None:
        row = self._office.database.execute(
            f"SELECT {_COLUMNS} FROM tokens WHERE digest = ?", [_digest(text)]
        ).fetchone()
        return None if row is None else _token_of(row)

    def _used(self, token: Token, address: str, now_ms: int) -> None:
        if token.used_ms is None or now_ms - token.used_ms >= _USED_EVERY_MS:
            self._office.write_if_free(
                "UPDATE tokens SET used_ms = ?, used_from = ? WHERE id = ?",
                [now_ms, address, token.id],
            )

    def _wait_s(self, key: str, now_ms: int) -> int:
        row = self._office.database.execute(
            "SELECT count, last_ms FROM failures WHERE key = ?", [key]
        ).fetchone()
        if row is None or now_ms - row[1] >= FORGET_AFTER_S * 1000:
            return 0
        left_ms = int(row[1]) + delay_s("token", row[0]) * 1000 - now_ms
        return max(0, -(-left_ms // 1000))

    def _count(self, key: str, now_ms: int) -> None:
        self._office.database.execute(
            "INSERT INTO failures (key, count, last_ms) VALUES (?, 1, ?) "
            "ON CONFLICT (key) DO UPDATE SET last_ms = excluded.last_ms, "
            "count = CASE WHEN last_ms < ? THEN 1 ELSE count + 1 END",
            [key, now_ms, now_ms - FORGET_AFTER_S * 1000],
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _token_of(row: Sequence[Any]) -> Token:
    values = dict(zip(Token.__slots__, row, strict=True))
    for name in ("departments", "parts"):
        values[name] = frozenset(json.loads(values[name]))
    return Token(**values)

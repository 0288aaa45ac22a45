"""Big screens: how one is paired, what it may go on showing, and how that ends.

A screen makes itself known by a code that somebody with the right to do so types in; its token (128
bits) is given to its browser before, as a cookie, and becomes good at that moment. So no secret is
ever typed, shown or part of an address. Source: the roles of RFC 8628, without its polling secret.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from collector.errors import UsageError
from collector.office.database import Office

TOKEN_BYTES: Final = 16
"""128 bits: nobody guesses one. Source: OWASP ASVS 5.0, 7.2.3 asks for at least that."""
CODE_DIGITS: Final = 8
"""Of a pairing code. It only says which screen is meant, and only who may pair can use it."""
PAIRING_MS: Final = 10 * 60_000
"""How long a code can be typed in. Source: our choice; a walk from the lobby to an office."""
MOST_PAIRINGS: Final = 50
MOST_PAIRINGS_OF_ADDRESS: Final = 10
"""Screens that may wait at one time: anybody can open the page that begins to wait."""
MOST_DISPLAYS: Final = 200
LONGEST_NAME: Final = 40
_SEEN_EVERY_MS: Final = 60_000
_COLUMNS: Final = (
    "id, name, theme, is_bilingual, made_ms, made_by, address, seen_ms, revoked_ms, revoked_by"
)


class Theme(StrEnum):
    """Colours of a screen; AUTO follows its computer."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class DisplayRefused(UsageError):
    """A screen cannot be paired or named so.

    Attributes:
        why: `code`, `name`, `many`.
    """

    def __init__(self, why: str, text: str) -> None:
        super().__init__(text)
        self.why = why


class UnknownDisplay(UsageError):
    """There is no screen of that number that could be changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """A paired screen. Times are UTC milliseconds; `revoked_ms` None: it shows the figures."""

    id: int
    name: str
    theme: str
    is_bilingual: bool
    made_ms: int
    made_by: str
    address: str
    seen_ms: int | None
    revoked_ms: int | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A screen that waits. `token`: for its cookie, where it is new; empty where it has one."""

    code: str
    ends_ms: int
    token: str = ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def checked_name(name: str) -> str:
    """A screen's name as it is kept.

    Raises:
        DisplayRefused: empty, too long, or with control characters.
    """
    kept = " ".join(name.split())
    if not 0 < len(kept) <= LONGEST_NAME or any(
        unicodedata.category(c).startswith("C") for c in kept
    ):
        raise DisplayRefused(
            "name", f"name: expected 1 to {LONGEST_NAME} characters, got {name[:60]!r}"
        )
    return kept


def plain_code(text: str) -> str:
    """A code as somebody typed it: without what groups its digits; fullwidth digits are digits."""
    return "".join(c for c in unicodedata.normalize("NFKC", text[:40]) if c not in " -\t")


class Displays:
    """The screens of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def of_token(self, token: str, *, now_ms: int, address: str) -> Display | None:
        """The screen that holds a token; None when there is none, or it was revoked."""
        row = self._one("token_digest = ? AND revoked_ms IS NULL", _digest(token))
        if row is None:
            return None
        if row.seen_ms is None or not 0 <= now_ms - row.seen_ms < _SEEN_EVERY_MS:
            self._office.write_if_free(
                "UPDATE displays SET seen_ms = ?, address = ? WHERE id = ?",
                [now_ms, address, row.id],
            )
        return row

    def begin(self, token: str, *, now_ms: int, address: str) -> Pairing | None:
        """The pairing of the browser that holds `token`, or a new one.

        Args:
            token: of its cookie; empty or anything else where it has none.
            now_ms: UTC milliseconds.
            address: the browser's.

        Returns:
            None when too many screens wait.
        """
        with self._office.transaction() as database:
            database.execute(
                "DELETE FROM display_pairings WHERE begun_ms <= ?", [now_ms - PAIRING_MS]
            )
            row = database.execute(
                "SELECT code, begun_ms FROM display_pairings WHERE token_digest = ?",
                [_digest(token)],
            ).fetchone()
            if row is not None:
                return Pairing(code=row[0], ends_ms=row[1] + PAIRING_MS)
            waiting = database.execute(
                "SELECT count(*), coalesce(sum(address = ?), 0) FROM display_pairings", [address]
            ).fetchone()
            if waiting[0] >= MOST_PAIRINGS or waiting[1] >= MOST_PAIRINGS_OF_ADDRESS:
                return None
            made = secrets.token_urlsafe(TOKEN_BYTES)
            taken = {row[0] for row in database.execute("SELECT code FROM display_pairings")}
            while (code := _new_code()) in taken:
                pass
            database.execute(
                "INSERT INTO display_pairings (token_digest, code, begun_ms, address)"
                " VALUES (?, ?, ?, ?)",
                [_digest(made), code, now_ms, address],
            )
            return Pairing(code=code, ends_ms=now_ms + PAIRING_MS, token=made)

    def pair(
        self, code: str, name: str, *, theme: Theme, is_bilingual: bool, by: str, now_ms: int
    ) -> Display:
        """Let the screen that shows a code show the figures.

        Raises:
            DisplayRefused: no screen shows it (any more), the name is none, or there are too many.
        """
        name = checked_name(name)
        with self._office.transaction() as database:
            row = database.execute(
                "SELECT token_digest, address FROM display_pairings"
                " WHERE code = ? AND begun_ms > ?",
                [plain_code(code), now_ms - PAIRING_MS],
            ).fetchone()
            if row is None:
                raise DisplayRefused("code", "code: expected one that a screen shows, got another")
            number = database.execute(
                "SELECT count(*) FROM displays WHERE revoked_ms IS NULL"
            ).fetchone()[0]
            if number >= MOST_DISPLAYS:
                raise DisplayRefused("many", f"expected at most {MOST_DISPLAYS} screens")
            database.execute("DELETE FROM display_pairings WHERE token_digest = ?", [row[0]])
            made = database.execute(
                "INSERT INTO displays (name, token_digest, theme, is_bilingual, made_ms, made_by,"
                " address) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [name, row[0], theme.value, int(is_bilingual), now_ms, by, row[1]],
            ).lastrowid
        found = self._one("id = ?", made)
        assert found is not None
        return found

    def change(self, number: int, name: str, *, theme: Theme, is_bilingual: bool) -> Display:
        """Give a screen another name or look.

        Raises:
            DisplayRefused: the name is none.
            UnknownDisplay: there is none, or it was revoked.
        """
        name = checked_name(name)
        changed = self._office.database.execute(
            "UPDATE displays SET name = ?, theme = ?, is_bilingual = ?"
            " WHERE id = ? AND revoked_ms IS NULL",
            [name, theme.value, int(is_bilingual), number],
        ).rowcount
        found = self._one("id = ?", number)
        if not changed or found is None:
            raise UnknownDisplay(f"screen {number}: there is none in use")
        return found

    def revoke(self, number: int, *, by: str, now_ms: int) -> Display:
        """End what a screen may show, at its next question; idempotent.

        Raises:
            UnknownDisplay: there is none.
        """
        self._office.database.execute(
            "UPDATE displays SET revoked_ms = ?, revoked_by = ?"
            " WHERE id = ? AND revoked_ms IS NULL",
            [now_ms, by, number],
        )
        found = self._one("id = ?", number)
        if found is None:
            raise UnknownDisplay(f"screen {number}: there is none")
        return found

    def all(self) -> list[Display]:
        """Those in use by name, then the last twenty revoked ones, newest first."""
        in_use = self._many("revoked_ms IS NULL ORDER BY name, id")
        ended = self._many("revoked_ms IS NOT NULL ORDER BY revoked_ms DESC, id DESC LIMIT 20")
        return in_use + ended

    def _one(self, where: str, value: object) -> Display | None:
        found = self._many(where, value)
        return found[0] if found else None

    def _many(self, where: str, *values: object) -> list[Display]:
        rows = self._office.database.execute(
            f"SELECT {_COLUMNS} FROM displays WHERE {where}", list(values)
        ).fetchall()
        return [_display(row) for row in rows]


def _display(row: Any) -> Display:
    values = dict(zip(Display.__slots__, row, strict=True))
    return Display(**{**values, "is_bilingual": bool(values["is_bilingual"])})


def _new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"

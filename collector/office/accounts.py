"""Accounts: argon2id passwords, and what happens at a sign-in."""

from __future__ import annotations

import json
import sqlite3
import string
import threading
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from collector.corrections.entries import person_of
from collector.errors import CollectorError, UsageError
from collector.office.database import Office
from collector.office.lockout import FORGET_AFTER_S, counters, delay_s
from collector.office.roles import Role

SHORTEST_PASSWORD: Final = 8
"""Characters. Source: NIST SP 800-63B-4, 3.1.1.2, and OWASP ASVS 5.0, 6.2.1."""
LONGEST_PASSWORD: Final = 256
LONGEST_NAME: Final = 64
PLAIN_NAME: Final = frozenset(string.ascii_letters + string.digits + "._-")
"""Of a name, beside Chinese characters: none of them looks like one of another script."""
DEFAULT_ROLE: Final = Role.DIRECTOR

_DUMMY_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$mkfCqBW+OtqsVcPd8WJ+/w$"
    "WBp8OHZJc7atGXrPuGPYWT1RIbMnFvaJraoqBTwUATI"
)
"""Verified when the account does not exist, so that the answer takes as long."""


class AccountExists(UsageError):
    """There is an account of that name already."""


class UnknownAccount(UsageError):
    """There is no account of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account; `disabled_ms` None: it may sign in.

    `departments`: codes of those it speaks for, of the role DEPARTMENT; else none.
    """

    id: int
    name: str
    role: str
    created_ms: int
    disabled_ms: int | None
    departments: frozenset[str] = frozenset()


ACCOUNT_COLUMNS: Final = (
    "a.id, a.name, a.role, a.created_ms, a.disabled_ms, (SELECT json_group_array(department) "
    "FROM account_departments WHERE account = a.id)"
)
"""What `account_of` takes, of a query that calls the accounts `a`."""


def account_of(row: Sequence[Any]) -> Account:
    """The account in a row of `ACCOUNT_COLUMNS`."""
    *told, departments = row
    values = dict(zip(Account.__slots__, told, strict=False))
    return Account(**values, departments=frozenset(json.loads(departments)))


@dataclass(frozen=True, slots=True)
class SignIn:
    """What came of an attempt: the account, or None and the seconds to wait (0: just wrong)."""

    account: Account | None
    wait_s: int


class InvalidAccount(CollectorError, ValueError):
    """A name or password that cannot be used."""


def default_hasher() -> PasswordHasher:
    """argon2id with 19 MiB, 2 passes, 1 lane. Source: OWASP Password Storage Cheat Sheet."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Accounts:
    """The accounts of one `office.db`.

    Args:
        office: the database.
        hasher: parameters of argon2id.
    """

    def __init__(self, office: Office, hasher: PasswordHasher | None = None) -> None:
        self._office = office
        self._hasher = hasher or default_hasher()
        self._one_at_a_time = threading.Lock()  # bounds the memory of many sign-ins at once

    def add(
        self,
        name: str,
        password: str,
        *,
        now_ms: int,
        role: Role = DEFAULT_ROLE,
        departments: Collection[str] = (),
    ) -> Account:
        """Add an account.

        Args:
            name: what is typed at the sign-in.
            password: 8 characters or more.
            now_ms: UTC milliseconds.
            role: what it may do.
            departments: codes of its departments; of the role DEPARTMENT, and of no other.

        Raises:
            AccountExists: the name is taken, or that of the same person (`person_of`).
            InvalidAccount: the name is empty, too long or of other characters, the password too
                short or too long, or a department is missing or too much.
        """
        if (role is Role.DEPARTMENT) != bool(departments):
            expected = "a department" if role is Role.DEPARTMENT else "no department"
            given = ", ".join(sorted(departments)) or "none"
            raise InvalidAccount(f"role {role}: expected {expected}, got {given}")
        if not _is_name(name):
            raise InvalidAccount(
                f"account name: expected 1 to {LONGEST_NAME} ASCII letters, digits, Chinese "
                f"characters, . _ or -, with no dot at either end, got {name!r}"
            )
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InvalidAccount(
                f"password: expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, "
                f"got {len(password)}"
            )
        for other in self.all():  # disabled ones too: corrections name them for ever
            if person_of(other.name) == person_of(name):
                raise AccountExists(f"account {name}: exists already, as {other.name}")
        digest = self._hasher.hash(password)
        try:
            with self._office.transaction() as database:
                database.execute(
                    "INSERT INTO accounts (name, password_hash, role, created_ms) "
                    "VALUES (?, ?, ?, ?)",
                    [name, digest, role.value, now_ms],
                )
                database.conn.executemany(
                    "INSERT INTO account_departments SELECT id, ? FROM accounts WHERE name = ?",
                    [(code, name) for code in sorted(set(departments))],
                )
        except sqlite3.IntegrityError as error:
            raise AccountExists(f"account {name}: exists already") from error
        found = self.find(name)
        assert found is not None
        return found

    def find(self, name: str) -> Account | None:
        """The account of that name, disabled ones too."""
        return next((a for a in self.all() if a.name == name), None)

    def all(self) -> list[Account]:
        """All accounts, by name."""
        rows = self._office.database.execute(
            f"SELECT {ACCOUNT_COLUMNS} FROM accounts a ORDER BY name"
        ).fetchall()
        return [account_of(row) for row in rows]

    def disable(self, name: str, *, now_ms: int) -> None:
        """Disable an account and end its sessions; idempotent.

        Raises:
            UnknownAccount: there is none of that name.
        """
        account = self.find(name)
        if account is None:
            raise UnknownAccount(f"account {name}: does not exist")
        database = self._office.database
        database.execute(
            "UPDATE accounts SET disabled_ms = coalesce(disabled_ms, ?) WHERE id = ?",
            [now_ms, account.id],
        )
        database.execute("DELETE FROM sessions WHERE account = ?", [account.id])

    def sign_in(self, name: str, password: str, *, address: str, now_ms: int) -> SignIn:
        """Check a password.

        1. While a delay runs for this account or address, refuse without looking.
        2. Verify, also for an account that does not exist, so that both take as long.
        3. Wrong: count it. Right: forget the pair's failures, renew an outdated hash.
        """
        keys = counters(name[:LONGEST_NAME], address)
        wait_s = self._wait_s(keys, now_ms)
        if wait_s:
            return SignIn(None, wait_s)
        row = self._office.database.execute(
            "SELECT password_hash FROM accounts WHERE name = ? AND disabled_ms IS NULL", [name]
        ).fetchone()
        digest = row[0] if row else _DUMMY_HASH
        with self._one_at_a_time:
            wait_s = self._wait_s(keys, now_ms)  # others may have failed while we waited
            if wait_s:
                return SignIn(None, wait_s)
            is_right = self._is_right(digest, password) and row is not None
            account = self.find(name) if is_right else None
            if account is None:
                self._count(keys, now_ms)
                return SignIn(None, self._wait_s(keys, now_ms))
        self._office.database.execute("DELETE FROM failures WHERE key = ?", [keys["pair"]])
        if self._hasher.check_needs_rehash(digest):
            self._office.database.execute(
                "UPDATE accounts SET password_hash = ? WHERE id = ?",
                [self._hasher.hash(password), account.id],
            )
        return SignIn(account, 0)

    def _is_right(self, digest: str, password: str) -> bool:
        try:
            self._hasher.verify(digest, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False
        return True

    def _wait_s(self, keys: dict[str, str], now_ms: int) -> int:
        longest = 0
        failed = "SELECT 1 FROM failures WHERE key = ?"
        has_failed = self._office.database.execute(failed, [keys["pair"]]).fetchone() is not None
        for kind, key in keys.items():
            if kind == "account" and not has_failed:
                continue  # strangers' failures do not shut out who made none
            row = self._office.database.execute(
                "SELECT count, last_ms FROM failures WHERE key = ?", [key]
            ).fetchone()
            if row and now_ms - row[1] < FORGET_AFTER_S * 1000:
                left_ms = row[1] + delay_s(kind, row[0]) * 1000 - now_ms
                longest = max(longest, -(-left_ms // 1000))
        return longest

    def _count(self, keys: dict[str, str], now_ms: int) -> None:
        forgotten_ms = now_ms - FORGET_AFTER_S * 1000
        for key in keys.values():
            self._office.database.execute(
                "INSERT INTO failures (key, count, last_ms) VALUES (?, 1, ?) "
                "ON CONFLICT (key) DO UPDATE SET last_ms = excluded.last_ms, "
                "count = CASE WHEN last_ms < ? THEN 1 ELSE count + 1 END",
                [key, now_ms, forgotten_ms],
            )
        self._office.database.execute("DELETE FROM failures WHERE last_ms < ?", [forgotten_ms])


def _is_name(text: str) -> bool:
    """Whether a new account may have this name: nobody takes it for another one."""
    return (
        0 < len(text) <= LONGEST_NAME
        and text == text.strip(".")
        and all(c in PLAIN_NAME or _is_chinese(c) for c in text)
    )


def _is_chinese(character: str) -> bool:
    """Whether it is an ideograph, and no second form of one that is kept for compatibility."""
    return unicodedata.name(character, "").startswith("CJK UNIFIED IDEOGRAPH-")

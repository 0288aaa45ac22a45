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
from collector.errors import UsageError
from collector.office.database import Office
from collector.office.failures import Failures
from collector.office.lockout import counters
from collector.office.passwords import LONGEST_PASSWORD, InvalidAccount, check_password
from collector.office.roles import Role

LONGEST_NAME: Final = 64
PLAIN_NAME: Final = frozenset(string.ascii_letters + string.digits + "._-")
"""Of a name, beside Chinese characters: none of them looks like one of another script."""
DEFAULT_ROLE: Final = Role.DIRECTOR
INITIAL_S: Final = 7 * 86_400
"""How long a password that was made up for somebody holds. Our choice: a week's leave."""

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

    Attributes:
        departments: codes of those it speaks for, of the role DEPARTMENT; else none.
        must_change: its password was made up for it and must be replaced first.
        has_factor: a code of a second factor is asked for at the sign-in.
        needs_factor: it may do nothing before it has one.
    """

    id: int
    name: str
    role: str
    created_ms: int
    disabled_ms: int | None
    departments: frozenset[str] = frozenset()
    must_change: bool = False
    has_factor: bool = False
    needs_factor: bool = False


ACCOUNT_COLUMNS: Final = (
    "a.id, a.name, a.role, a.created_ms, a.disabled_ms, (SELECT json_group_array(department) "
    "FROM account_departments WHERE account = a.id), a.must_change, "
    "EXISTS (SELECT 1 FROM factors WHERE account = a.id AND confirmed_ms IS NOT NULL), "
    "a.factor_required OR EXISTS (SELECT 1 FROM factor_roles WHERE role = a.role)"
)
"""What `account_of` takes, of a query that calls the accounts `a`."""


def account_of(row: Sequence[Any]) -> Account:
    """The account in a row of `ACCOUNT_COLUMNS`."""
    *told, departments, must_change, has_factor, needs_factor = row
    return Account(
        **dict(zip(Account.__slots__, told, strict=False)),
        departments=frozenset(json.loads(departments)),
        must_change=bool(must_change),
        has_factor=bool(has_factor),
        needs_factor=bool(needs_factor),
    )


@dataclass(frozen=True, slots=True)
class SignIn:
    """What came of an attempt: the account, or None and the seconds to wait (0: just wrong)."""

    account: Account | None
    wait_s: int


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
        self._failures = Failures(office)
        self._one_at_a_time = threading.Lock()  # bounds the memory of many sign-ins at once

    def add(
        self,
        name: str,
        password: str,
        *,
        now_ms: int,
        role: Role = DEFAULT_ROLE,
        departments: Collection[str] = (),
        initial: bool = False,
    ) -> Account:
        """Add an account.

        Args:
            name: what is typed at the sign-in.
            password: 8 characters or more.
            now_ms: UTC milliseconds.
            role: what it may do.
            departments: codes of its departments; of the role DEPARTMENT, and of no other.
            initial: the password was made up for its owner: it holds for `INITIAL_S`, and must be
                replaced at the first sign-in.

        Raises:
            AccountExists: the name is taken, or that of the same person (`person_of`).
            InvalidAccount: the name is empty, too long or of other characters, the password too
                short or too long, or a department is missing or too much.
        """
        check_departments(role, departments)
        if not _is_name(name):
            raise InvalidAccount(
                f"account name: expected 1 to {LONGEST_NAME} ASCII letters, digits, Chinese "
                f"characters, . _ or -, with no dot at either end, got {name!r}"
            )
        check_password(password, name)
        for other in self.all():  # disabled ones too: corrections name them for ever
            if person_of(other.name) == person_of(name):
                raise AccountExists(f"account {name}: exists already, as {other.name}")
        digest = self.digest_of(password)
        until_ms = now_ms + INITIAL_S * 1000 if initial else None
        try:
            with self._office.transaction() as database:
                database.execute(
                    "INSERT INTO accounts (name, password_hash, role, created_ms, must_change, "
                    "password_until_ms) VALUES (?, ?, ?, ?, ?, ?)",
                    [name, digest, role.value, now_ms, initial, until_ms],
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

    def with_id(self, number: int) -> Account:
        """The account with a row id.

        Raises:
            UnknownAccount: there is none.
        """
        for account in self.all():
            if account.id == number:
                return account
        raise UnknownAccount(f"account {number}: does not exist")

    def disable(self, name: str, *, now_ms: int) -> None:
        """Disable an account and end its sessions; idempotent.

        Raises:
            UnknownAccount: there is none of that name.
        """
        account = self.find(name)
        if account is None:
            raise UnknownAccount(f"account {name}: does not exist")
        with self._office.transaction() as database:
            database.execute(
                "UPDATE accounts SET disabled_ms = coalesce(disabled_ms, ?) WHERE id = ?",
                [now_ms, account.id],
            )
            database.execute("DELETE FROM sessions WHERE account = ?", [account.id])

    def digest_of(self, password: str) -> str:
        """The argon2id hash of a password, in its own encoding."""
        with self._one_at_a_time:
            return self._hasher.hash(password)

    def sign_in(self, name: str, password: str, *, address: str, now_ms: int) -> SignIn:
        """Check a password.

        1. While a delay runs for this account or address, refuse without looking.
        2. Verify, also for an account that does not exist, so that both take as long.
        3. Wrong: count it. Right: forget the pair's failures, renew an outdated hash.
        """
        keys = counters(name[:LONGEST_NAME], address)
        wait_s = self._failures.wait_s(keys, now_ms)
        if wait_s:
            return SignIn(None, wait_s)
        row = self._office.database.execute(
            "SELECT password_hash FROM accounts WHERE name = ? AND disabled_ms IS NULL "
            "AND coalesce(password_until_ms > ?, 1)",
            [name, now_ms],
        ).fetchone()
        digest = row[0] if row else _DUMMY_HASH
        with self._one_at_a_time:
            wait_s = self._failures.wait_s(keys, now_ms)  # others may have failed while we waited
            if wait_s:
                return SignIn(None, wait_s)
            is_right = self._is_right(digest, password) and row is not None
            account = self.find(name) if is_right else None
            if account is None:
                self._failures.count(keys, now_ms)
                return SignIn(None, self._failures.wait_s(keys, now_ms))
        self._failures.forget(keys["pair"])
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


def check_departments(role: Role, departments: Collection[str]) -> None:
    """Raises InvalidAccount when a role has departments and must not, or has none and must."""
    if (role is Role.DEPARTMENT) != bool(departments):
        expected = "a department" if role is Role.DEPARTMENT else "no department"
        given = ", ".join(sorted(departments)) or "none"
        raise InvalidAccount(f"role {role}: expected {expected}, got {given}")

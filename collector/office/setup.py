"""The first start: a code that makes the first administrator, once."""

from __future__ import annotations

import hmac
from typing import Final

from collector.errors import UsageError
from collector.office.accounts import Account, Accounts
from collector.office.codes import code_digest, made_code
from collector.office.database import Office
from collector.office.failures import Failures
from collector.office.lockout import setup_counters
from collector.office.roles import Role

CODE_S: Final = 3600
"""How long a set-up code holds. Our choice: a walk from the server to a desk."""


class NotTheFirst(UsageError):
    """There are accounts already."""


class Setup:
    """The first start of one `office.db`."""

    def __init__(self, office: Office, accounts: Accounts) -> None:
        self._office = office
        self._accounts = accounts
        self._failures = Failures(office)

    @property
    def is_open(self) -> bool:
        """Whether there is no account yet."""
        return not self._office.database.execute("SELECT 1 FROM accounts LIMIT 1").fetchone()

    def new_code(self, *, now_ms: int) -> str:
        """A new code; the one before opens nothing any more.

        Raises:
            NotTheFirst: there are accounts already.
        """
        with self._office.transaction() as database:
            if not self.is_open:
                raise NotTheFirst("set-up code: there are accounts already; an administrator adds")
            code = made_code()
            database.execute(
                "INSERT INTO setup_code (id, digest, expires_ms) VALUES (1, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, "
                "expires_ms = excluded.expires_ms",
                [code_digest(code), now_ms + CODE_S * 1000],
            )
        return code

    def first_administrator(
        self, code: str, name: str, password: str, *, address: str, now_ms: int
    ) -> tuple[Account | None, int]:
        """Make the first administrator and use the code up.

        Returns:
            The account, or None and the seconds to wait (0: the code is wrong or too old).

        Raises:
            NotTheFirst: there are accounts already.
            InvalidAccount: the name or password cannot be used; the code still can.
        """
        keys = setup_counters(address)
        wait_s = self._failures.wait_s(keys, now_ms)
        if wait_s:
            return None, wait_s
        with self._office.transaction() as database:
            if not self.is_open:
                raise NotTheFirst("set-up: there are accounts already")
            row = database.execute("SELECT digest, expires_ms FROM setup_code").fetchone()
            is_right = row is not None and hmac.compare_digest(row[0], code_digest(code))
            if not is_right or now_ms >= row[1]:
                self._failures.count(keys, now_ms)
                return None, self._failures.wait_s(keys, now_ms)
            account = self._accounts.add(name, password, now_ms=now_ms, role=Role.ADMINISTRATOR)
            database.execute("DELETE FROM setup_code")
        return account, 0

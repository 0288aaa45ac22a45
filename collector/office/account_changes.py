"""What an administrator changes of an account. Each change ends its sessions at once."""

from __future__ import annotations

from collections.abc import Collection

from collector.errors import UsageError
from collector.office.accounts import INITIAL_S, Account, Accounts, check_departments
from collector.office.database import Office
from collector.office.passwords import check_password
from collector.office.roles import Role


class LastAdministrator(UsageError):
    """Nobody would be left to keep the accounts."""


class AccountChanges:
    """Changes of the accounts of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def set_rights(self, account: Account, role: Role, departments: Collection[str]) -> None:
        """Give an account another role and other departments, in place of those it has.

        Raises:
            InvalidAccount: a department is missing or too much.
            LastAdministrator: see there.
        """
        check_departments(role, departments)
        with self._office.transaction() as database:
            database.execute("UPDATE accounts SET role = ? WHERE id = ?", [role.value, account.id])
            database.execute("DELETE FROM account_departments WHERE account = ?", [account.id])
            database.conn.executemany(
                "INSERT INTO account_departments VALUES (?, ?)",
                [(account.id, code) for code in sorted(set(departments))],
            )
            self._check_administrators(account)
            self._end_sessions(account)

    def disable(self, account: Account, *, now_ms: int) -> None:
        """Shut an account out; idempotent.

        Raises:
            LastAdministrator: see there.
        """
        with self._office.transaction() as database:
            database.execute(
                "UPDATE accounts SET disabled_ms = coalesce(disabled_ms, ?) WHERE id = ?",
                [now_ms, account.id],
            )
            self._check_administrators(account)
            self._end_sessions(account)

    def enable(self, account: Account) -> None:
        """Let an account in again; idempotent."""
        self._office.database.execute(
            "UPDATE accounts SET disabled_ms = NULL WHERE id = ?", [account.id]
        )

    def require_factor(self, account: Account, is_required: bool) -> None:
        """Say whether an account must have a second factor, whatever its role."""
        with self._office.transaction() as database:
            database.execute(
                "UPDATE accounts SET factor_required = ? WHERE id = ?", [is_required, account.id]
            )
            self._end_sessions(account)

    def set_password(
        self,
        account: Account,
        password: str,
        accounts: Accounts,
        *,
        now_ms: int,
        initial: bool,
        context: Collection[str] = (),
    ) -> None:
        """Replace a password and end the account's sessions.

        Args:
            account: whose.
            password: the new one.
            accounts: hashes it.
            now_ms: UTC milliseconds.
            initial: it was made up for its owner, who must replace it.
            context: words that must not be all of it.

        Raises:
            InvalidAccount: it cannot be used.
        """
        check_password(password, account.name, *context)
        digest = accounts.digest_of(password)
        with self._office.transaction() as database:
            database.execute(
                "UPDATE accounts SET password_hash = ?, must_change = ?, password_until_ms = ? "
                "WHERE id = ?",
                [digest, initial, now_ms + INITIAL_S * 1000 if initial else None, account.id],
            )
            self._end_sessions(account)

    def _end_sessions(self, account: Account) -> None:
        self._office.database.execute("DELETE FROM sessions WHERE account = ?", [account.id])

    def _check_administrators(self, account: Account) -> None:
        """Inside a transaction: a change of an administrator leaves another one who may sign in."""
        was_administrator = account.role == Role.ADMINISTRATOR and account.disabled_ms is None
        row = self._office.database.execute(
            "SELECT count(*) FROM accounts WHERE role = ? AND disabled_ms IS NULL",
            [Role.ADMINISTRATOR.value],
        ).fetchone()
        if was_administrator and not row[0]:
            raise LastAdministrator(
                f"account {account.name}: it is the last administrator; make another one first"
            )

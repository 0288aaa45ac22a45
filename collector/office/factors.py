"""The second factor: time-based codes (RFC 6238) and recovery codes for a lost telephone."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import pyotp

from collector.office.accounts import Account
from collector.office.codes import code_digest, made_code
from collector.office.database import Office
from collector.office.failures import Failures
from collector.office.lockout import code_counters
from collector.office.roles import Role

STEP_S: Final = 30
"""Seconds of one code. Source: RFC 6238, 5.2."""
SKEW_STEPS: Final = 1
"""Steps a telephone's clock may be off, either way. Source: RFC 6238, 5.2 allows for one."""
RECOVERY_CODES: Final = 8
ISSUER: Final = "Yiping"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a code: how it was right (`totp`, `recovery`, or empty), or seconds to wait."""

    how: str
    wait_s: int = 0


class Factors:
    """The second factors of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._failures = Failures(office)

    def begin(self, account: Account) -> None:
        """Make a secret that the owner has still to prove; one in use is left alone."""
        self._office.database.execute(
            "INSERT INTO factors (account, secret) VALUES (?, ?) ON CONFLICT (account) DO UPDATE "
            "SET secret = excluded.secret, last_step = 0 WHERE confirmed_ms IS NULL",
            [account.id, pyotp.random_base32()],
        )

    def pending(self, account: Account) -> str | None:
        """The secret that has still to be proved; None when there is none."""
        row = self._office.database.execute(
            "SELECT secret FROM factors WHERE account = ? AND confirmed_ms IS NULL", [account.id]
        ).fetchone()
        return str(row[0]) if row else None

    def confirm(
        self, account: Account, code: str, *, address: str, now_ms: int
    ) -> tuple[list[str], Checked]:
        """Switch the factor on with its first code.

        Returns:
            The recovery codes, to be shown once, and what came of the code.
        """
        with self._office.transaction() as database:
            checked = self._check(account, code, address, now_ms, is_pending=True)
            if not checked.how:
                return [], checked
            codes = [made_code() for _ in range(RECOVERY_CODES)]
            database.execute(
                "UPDATE factors SET confirmed_ms = ? WHERE account = ?", [now_ms, account.id]
            )
            database.execute("DELETE FROM recovery_codes WHERE account = ?", [account.id])
            database.conn.executemany(
                "INSERT INTO recovery_codes VALUES (?, ?)",
                [(account.id, code_digest(one)) for one in codes],
            )
        return codes, checked

    def check(self, account: Account, code: str, *, address: str, now_ms: int) -> Checked:
        """Check a code of an account that has a factor; each is good once.

        Args:
            account: whose.
            code: six digits, or a recovery code.
            address: of the visitor.
            now_ms: UTC milliseconds.
        """
        return self._check(account, code, address, now_ms, is_pending=False)

    def remove(self, account: Account) -> None:
        """Switch the factor off; idempotent."""
        with self._office.transaction() as database:
            database.execute("DELETE FROM factors WHERE account = ?", [account.id])
            database.execute("DELETE FROM recovery_codes WHERE account = ?", [account.id])

    def recovery_codes_left(self, account: Account) -> int:
        """Recovery codes that were not used yet."""
        row = self._office.database.execute(
            "SELECT count(*) FROM recovery_codes WHERE account = ?", [account.id]
        ).fetchone()
        return int(row[0])

    def required_roles(self) -> frozenset[Role]:
        """Roles whose accounts must have a second factor."""
        rows = self._office.database.execute("SELECT role FROM factor_roles").fetchall()
        return frozenset(Role(row[0]) for row in rows)

    def require(self, roles: Collection[Role]) -> None:
        """Say which roles must have one; the others may."""
        with self._office.transaction() as database:
            database.execute("DELETE FROM factor_roles")
            database.conn.executemany(
                "INSERT INTO factor_roles VALUES (?)", [(role.value,) for role in set(roles)]
            )

    def _check(
        self, account: Account, code: str, address: str, now_ms: int, *, is_pending: bool
    ) -> Checked:
        keys = code_counters(account.name, address)
        with self._office.transaction():
            wait_s = self._failures.wait_s(keys, now_ms)
            if wait_s:
                return Checked("", wait_s)
            how = "totp" if self._use_step(account, code, now_ms, is_pending=is_pending) else ""
            if not how and not is_pending and self._use_recovery_code(account, code):
                how = "recovery"
            if how:
                self._failures.forget(keys["code"])
                return Checked(how)
            self._failures.count(keys, now_ms)
            return Checked("", self._failures.wait_s(keys, now_ms))

    def _use_step(self, account: Account, code: str, now_ms: int, *, is_pending: bool) -> bool:
        plain = "".join(code.split())
        row = self._office.database.execute(
            "SELECT secret, last_step FROM factors WHERE account = ? "
            f"AND confirmed_ms IS {'' if is_pending else 'NOT '}NULL",
            [account.id],
        ).fetchone()
        if row is None or not (plain.isascii() and plain.isdigit()):
            return False
        maker = pyotp.TOTP(row[0], interval=STEP_S)
        now_step = now_ms // (STEP_S * 1000)
        for step in range(now_step - SKEW_STEPS, now_step + SKEW_STEPS + 1):
            if step > row[1] and hmac.compare_digest(maker.generate_otp(step), plain):
                self._office.database.execute(
                    "UPDATE factors SET last_step = ? WHERE account = ?", [step, account.id]
                )
                return True
        return False

    def _use_recovery_code(self, account: Account, code: str) -> bool:
        used = self._office.database.conn.execute(
            "DELETE FROM recovery_codes WHERE account = ? AND digest = ?",
            [account.id, code_digest(code)],
        )
        return used.rowcount == 1


def enrolment_uri(account: Account, secret: str, hall: str) -> str:
    """What the QR code says to an authenticator application."""
    issuer = f"{ISSUER} {hall}".strip()
    maker = pyotp.TOTP(secret, name=account.name, issuer=issuer, interval=STEP_S)
    return maker.provisioning_uri()

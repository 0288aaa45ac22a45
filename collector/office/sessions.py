"""Sign-in sessions, kept on the server so that they can be ended there."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from collector.office.accounts import ACCOUNT_COLUMNS, Account, account_of
from collector.office.database import Office

SESSION_ID_BYTES: Final = 32
IDLE_S: Final = 12 * 3600
"""A session that was not used for that long ends. A hall's page stays open for a working day."""
ABSOLUTE_S: Final = 7 * 86_400
"""A session ends that long after its sign-in, however busy."""
_SEEN_EVERY_MS: Final = 60_000


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


class Sessions:
    """The sessions of one `office.db`.

    Args:
        office: the database.
        idle_s: a session not used for so many seconds ends.
    """

    def __init__(self, office: Office, *, idle_s: int = IDLE_S) -> None:
        self._office = office
        self._idle_ms = idle_s * 1000

    def start(self, account: Account, *, address: str, agent: str, now_ms: int) -> str:
        """Begin a session; returns its id, which is for the browser's cookie and nowhere else."""
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        database = self._office.database
        database.execute(
            "DELETE FROM sessions WHERE seen_ms < ? OR created_ms < ?",
            [now_ms - self._idle_ms, now_ms - ABSOLUTE_S * 1000],
        )
        database.execute(
            "INSERT INTO sessions (id_digest, account, created_ms, seen_ms, address, agent) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [_digest(session_id), account.id, now_ms, now_ms, address, agent[:200]],
        )
        return session_id

    def account_of(self, session_id: str, *, now_ms: int) -> Account | None:
        """Whose session it is; None when it is unknown, ended, too old, or its account disabled."""
        row = self._office.database.execute(
            f"SELECT s.created_ms, s.seen_ms, {ACCOUNT_COLUMNS} "
            "FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.id_digest = ?",
            [_digest(session_id)],
        ).fetchone()
        if row is None:
            return None
        created_ms, seen_ms, *told = row
        account = account_of(told)
        if account.disabled_ms is not None:
            return None
        if now_ms - created_ms >= ABSOLUTE_S * 1000 or now_ms - seen_ms >= self._idle_ms:
            self.end(session_id)
            return None
        if now_ms - seen_ms >= _SEEN_EVERY_MS:  # one write a minute, not one for each page
            self._office.database.execute(
                "UPDATE sessions SET seen_ms = ? WHERE id_digest = ?",
                [now_ms, _digest(session_id)],
            )
        return account

    def is_running(self, session_id: str, *, now_ms: int) -> bool:
        """Whether the session still holds; asking does not count as use."""
        row = self._office.database.execute(
            "SELECT s.created_ms, s.seen_ms FROM sessions s JOIN accounts a ON a.id = s.account"
            " WHERE s.id_digest = ? AND a.disabled_ms IS NULL",
            [_digest(session_id)],
        ).fetchone()
        if row is None:
            return False
        return bool(now_ms - row[0] < ABSOLUTE_S * 1000 and now_ms - row[1] < self._idle_ms)

    def end(self, session_id: str) -> None:
        """End a session; idempotent."""
        self._office.database.execute(
            "DELETE FROM sessions WHERE id_digest = ?", [_digest(session_id)]
        )

"""Sign-in sessions, kept on the server so that they can be ended there."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.office.accounts import ACCOUNT_COLUMNS, Account, account_of
from collector.office.database import Office

SESSION_ID_BYTES: Final = 32
IDLE_S: Final = 12 * 3600
"""A session that was not used for that long ends. A hall's page stays open for a working day."""
ABSOLUTE_S: Final = 7 * 86_400
"""A session ends that long after its sign-in, however busy."""
CODE_S: Final = 300
"""How long the page that asks for the second factor's code waits. Our choice."""
MOST_SESSIONS: Final = 100
"""Of one account; a further sign-in ends the one that was not used for longest. Our choice."""
_SEEN_EVERY_MS: Final = 60_000
_HANDLE_CHARACTERS: Final = 16


class Stage(StrEnum):
    """CODE: the password was right, the second factor's code is still to come. FULL: signed in."""

    CODE = "code"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSession:
    """A session as its owner sees it; `handle` names it and opens nothing."""

    handle: str
    created_ms: int
    seen_ms: int
    address: str
    agent: str


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


def handle_of(session_id: str) -> str:
    """What a session is called on pages."""
    return _digest(session_id).hex()[:_HANDLE_CHARACTERS]


class Sessions:
    """The sessions of one `office.db`.

    Args:
        office: the database.
        idle_s: a session not used for so many seconds ends.
        absolute_s: a session ends that many seconds after its sign-in.
    """

    def __init__(
        self, office: Office, *, idle_s: int = IDLE_S, absolute_s: int = ABSOLUTE_S
    ) -> None:
        self._office = office
        self._idle_ms = idle_s * 1000
        self._absolute_ms = absolute_s * 1000

    @property
    def absolute_s(self) -> int:
        """How long a session lasts at most, seconds."""
        return self._absolute_ms // 1000

    def start(
        self,
        account: Account,
        *,
        address: str,
        agent: str,
        now_ms: int,
        stage: Stage = Stage.FULL,
    ) -> str:
        """Begin a session; returns its id, which is for the browser's cookie and nowhere else."""
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        with self._office.transaction() as database:
            database.execute(
                "DELETE FROM sessions WHERE seen_ms < ? OR created_ms < ?",
                [now_ms - self._idle_ms, now_ms - self._absolute_ms],
            )
            database.execute(
                "DELETE FROM sessions WHERE account = ? AND id_digest NOT IN (SELECT id_digest "
                "FROM sessions WHERE account = ? ORDER BY seen_ms DESC, created_ms DESC LIMIT ?)",
                [account.id, account.id, MOST_SESSIONS - 1],
            )
            database.execute(
                "INSERT INTO sessions (id_digest, account, created_ms, seen_ms, address, agent, "
                "stage) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_digest(session_id), account.id, now_ms, now_ms, address, agent[:200], stage],
            )
        return session_id

    def account_of(
        self, session_id: str, *, now_ms: int, stage: Stage = Stage.FULL
    ) -> Account | None:
        """Whose session it is; None when it is unknown, ended, too old, or its account disabled.

        Args:
            session_id: from the browser's cookie.
            now_ms: UTC milliseconds.
            stage: only a session that is at it counts.
        """
        row = self._office.database.execute(
            f"SELECT s.created_ms, s.seen_ms, {ACCOUNT_COLUMNS} FROM sessions s "
            "JOIN accounts a ON a.id = s.account WHERE s.id_digest = ? AND s.stage = ?",
            [_digest(session_id), stage],
        ).fetchone()
        if row is None:
            return None
        created_ms, seen_ms, *told = row
        account = account_of(told)
        if account.disabled_ms is not None:
            return None
        if not self._holds(created_ms, seen_ms, stage, now_ms):
            self.end(session_id)
            return None
        if now_ms - seen_ms >= _SEEN_EVERY_MS:  # one write a minute, not one for each page
            self._office.write_if_free(
                "UPDATE sessions SET seen_ms = ? WHERE id_digest = ?",
                [now_ms, _digest(session_id)],
            )
        return account

    def is_running(self, session_id: str, *, now_ms: int) -> bool:
        """Whether the session still holds; asking does not count as use."""
        row = self._office.database.execute(
            "SELECT s.created_ms, s.seen_ms FROM sessions s JOIN accounts a ON a.id = s.account"
            " WHERE s.id_digest = ? AND a.disabled_ms IS NULL AND s.stage = 'full'",
            [_digest(session_id)],
        ).fetchone()
        return row is not None and self._holds(row[0], row[1], Stage.FULL, now_ms)

    def of(self, account: Account, *, now_ms: int) -> list[RunningSession]:
        """An account's sessions, the one used last first."""
        rows = self._office.database.execute(
            "SELECT id_digest, created_ms, seen_ms, address, agent FROM sessions "
            "WHERE account = ? AND stage = 'full' AND seen_ms > ? AND created_ms > ? "
            "ORDER BY seen_ms DESC, created_ms DESC",
            [account.id, now_ms - self._idle_ms, now_ms - self._absolute_ms],
        ).fetchall()
        names = RunningSession.__slots__
        return [
            RunningSession(
                **dict(zip(names, (row[0].hex()[:_HANDLE_CHARACTERS], *row[1:]), strict=True))
            )
            for row in rows
        ]

    def end(self, session_id: str) -> None:
        """End a session; idempotent."""
        self._office.database.execute(
            "DELETE FROM sessions WHERE id_digest = ?", [_digest(session_id)]
        )

    def end_named(self, account: Account, handle: str) -> bool:
        """End one of an account's sessions; whether there was such a one."""
        ended = self._office.database.conn.execute(
            "DELETE FROM sessions WHERE account = ? AND lower(substr(hex(id_digest), 1, ?)) = ?",
            [account.id, _HANDLE_CHARACTERS, handle],
        )
        return ended.rowcount > 0

    def end_all(self, account: Account, *, but: str = "") -> int:
        """End an account's sessions, except the one with the id `but`; returns how many."""
        ended = self._office.database.conn.execute(
            "DELETE FROM sessions WHERE account = ? AND id_digest <> ?",
            [account.id, _digest(but)],
        )
        return ended.rowcount

    def _holds(self, created_ms: int, seen_ms: int, stage: str, now_ms: int) -> bool:
        longest_ms = CODE_S * 1000 if stage == Stage.CODE else self._absolute_ms
        return now_ms - created_ms < longest_ms and now_ms - seen_ms < self._idle_ms

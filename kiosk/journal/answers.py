"""What the journal keeps beside records: answered commands, and the collector's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from kiosk.journal import schema
from kiosk.journal.store import Journal, Statement


def answer_of(journal: Journal, command_id: str) -> bytes | None:
    """The token with which a command was answered; None: it is new. Raises JournalError."""
    rows = journal.query("SELECT answer FROM commands WHERE id = ?", command_id)
    return rows[0][0] if rows else None


KEEP_MS: Final = 86_400_000
"""How long an answer is kept past its command's end: longer than the clocks of two collector hosts,
or one that is set back, can differ without somebody noticing. Our choice."""


def keep_answer(
    command_id: str, expires_ms: int, answer: bytes, *, now_ms: int
) -> tuple[Statement, ...]:
    """Statements that keep an answer and forget those whose commands are long void.

    Args:
        now_ms: the collector's time.
    """
    return (
        (schema.FORGET_ANSWERS, (now_ms - KEEP_MS,)),
        (schema.KEEP_ANSWER, (command_id, expires_ms, answer)),
    )


def keep_remote(version: int, values: Mapping[str, str]) -> tuple[Statement, ...]:
    """Statements that keep the collector's settings."""
    text = json.dumps({"version": version, "values": dict(values)}, ensure_ascii=False)
    return ((schema.KEEP_META, (schema.REMOTE_SETTINGS, text)),)


def remote_settings(journal: Journal) -> tuple[int, dict[str, str]]:
    """Version and values of the collector's settings in force; 0 and none: there are none."""
    rows = journal.query("SELECT value FROM meta WHERE key = ?", schema.REMOTE_SETTINGS)
    if not rows:
        return 0, {}
    kept = json.loads(rows[0][0])
    return kept["version"], kept["values"]

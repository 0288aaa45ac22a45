"""Keeping what did not become a record: quarantine and conflicts. Nothing is taken out again.

Journal messages are kept each, as evidence. Of status and health messages, which a device repeats
with other numbers every 30 seconds, the first of each topic and reason is kept and the others are
counted: a device that says nothing readable for a year costs one row.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterable
from typing import Final

from collector.verdict import Conflict, Quarantined
from firmware_config.chain import unb64url

logger = logging.getLogger(__name__)

MAX_KEPT_BYTES: Final = 65_536
"""Most bytes kept of one quarantined message; its digest covers all of them."""


def save_quarantined(
    connection: sqlite3.Connection, quarantined: Iterable[Quarantined], now_ms: int
) -> None:
    """Keep each, or raise `times` of what is kept already. Logs once for each reason and group."""
    new: dict[str, list[str]] = {}  # reason -> topics
    for topic, raw, reason, detail, is_word in quarantined:
        same = f"{topic} {reason.value}".encode() if is_word else raw
        digest = hashlib.sha256(same).digest()
        known = connection.execute(
            "UPDATE quarantine SET times = times + 1, last_ms = ? WHERE digest = ?",
            (now_ms, digest),
        )
        if known.rowcount:
            continue
        connection.execute(
            "INSERT INTO quarantine"
            " (digest, topic, raw, raw_bytes, reason, detail, first_ms, last_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            (digest, topic, raw[:MAX_KEPT_BYTES], len(raw), reason.value, detail, now_ms),
        )
        new.setdefault(reason.value, []).append(topic)
    for word, topics in new.items():
        logger.warning("quarantined reason=%s new=%d topic=%s", word, len(topics), topics[0])


def save_conflicts(
    connection: sqlite3.Connection, conflicts: Iterable[Conflict], now_ms: int
) -> None:
    """Keep each second token, or raise its `times`. Logs each new one as an alarm."""
    for state, seq, stored_link, token in conflicts:
        stored_digest = unb64url(stored_link.encode("ascii"))
        known = connection.execute(
            "UPDATE conflicts SET times = times + 1, last_ms = ?"
            " WHERE epoch = ? AND seq = ? AND other_digest = ?",
            (now_ms, state.id, seq, token.digest),
        )
        if known.rowcount:
            continue
        connection.execute(
            "INSERT INTO conflicts"
            " (epoch, seq, stored_digest, other_digest, token, first_ms, last_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            (state.id, seq, stored_digest, token.digest, token.raw, now_ms),
        )
        logger.error("conflict: two tokens for one key epoch=%s seq=%d", state.epoch, seq)

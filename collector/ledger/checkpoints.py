"""The ledger's daily checkpoints: when one is due, making it, reading those there are.

A checkpoint is a token by the collector's key over size and root of the whole ledger. It is kept
for ever, and given to every device; see `docs/ledger.md`.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from sqlite_utils import Database

from collector.ledger.gens import Lives, read_lives
from collector.ledger.tree import Ask, ask_of
from collector.press_time import wall_text
from firmware_config.chain import b64url
from firmware_config.contract import CONTRACT_VERSION, Checkpoint, encode
from firmware_config.contract import Life as Parent
from firmware_config.keys import SigningKey

_COLUMNS: Final = "id, gen, size, root, on_date, made_ms, token"


class KeptCheckpoint(NamedTuple):
    """One row of `checkpoints`.

    Attributes:
        on_date: the local day at whose end it was made, ISO.
        made_ms: wall clock, UTC milliseconds since 1970.
        token: as it was given out.
    """

    id: int
    gen: str
    size: int
    root: bytes
    on_date: str
    made_ms: int
    token: bytes


def read_checkpoints(ask: Ask, where: str = "", *values: Any, limit: int = -1) -> list[Any]:
    """Checkpoints, newest first.

    Args:
        where: an SQL condition, with its values.
        limit: at most so many; negative: all.
    """
    condition = f" WHERE {where}" if where else ""
    sql = f"SELECT {_COLUMNS} FROM checkpoints{condition} ORDER BY id DESC LIMIT ?"
    return [KeptCheckpoint(*row) for row in ask(sql, *values, limit)]


def newest_checkpoint(ask: Ask, gen: str) -> KeptCheckpoint | None:
    """The newest one of a life; None: it has none."""
    found = read_checkpoints(ask, "gen = ?", gen, limit=1)
    return found[0] if found else None


def day_due(ask: Ask, lives: Lives, zone: tzinfo, now_ms: int) -> date | None:
    """The ended local day that wants a checkpoint now; None: none does.

    Of days that were missed only the last one: its checkpoint covers them all. A ledger is not
    witnessed before its first day has ended; one that was restored or renewed is at once, so that
    the devices learn of it while they still know what there was.
    """
    on = _local_date(now_ms, zone) - timedelta(days=1)
    life = lives.present
    if life.reason == "made" and on < _local_date(life.began_ms, zone):
        return None
    if ask("SELECT 1 FROM checkpoints WHERE gen = ? AND on_date = ?", life.gen, on.isoformat()):
        return None
    return on if ask("SELECT size FROM ledger_state")[0][0] else None


def make_checkpoint(
    db: Database, on: date, *, hall: str, key: SigningKey, now_ms: int
) -> KeptCheckpoint:
    """Sign and store the checkpoint of a day; returns once it is durable.

    Args:
        hall: id of the hall.
        now_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        sqlite3.Error: nothing has changed; also when this life has one of that day.
    """
    connection: sqlite3.Connection = db.conn
    ask = ask_of(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        lives = read_lives(ask)
        size, root = ask("SELECT size, root FROM ledger_state")[0]
        gen = lives.present.gen
        message = Checkpoint(
            what="checkpoint",
            hall=hall,
            gen=gen,
            on=on.isoformat(),
            size=size,
            root=_text(root),
            time=wall_text(now_ms),
            v=CONTRACT_VERSION,
            parent=_parent(lives),
        )
        number = ask("SELECT coalesce(max(id), 0) + 1 FROM checkpoints")[0][0]
        token = key.token(encode(message))
        made = KeptCheckpoint(number, gen, size, root, on.isoformat(), now_ms, token)
        connection.execute(
            f"INSERT INTO checkpoints ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", made
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return made


def _parent(lives: Lives) -> Parent | None:
    found = lives.parent_of(lives.present.gen)
    if found is None:
        return None
    before, life = found
    return Parent(gen=before.gen, size=life.size, root=_text(life.root))


def _text(root: bytes) -> str:
    return b64url(root).decode("ascii")


def _local_date(ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).date()

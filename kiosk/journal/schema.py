"""The journal's tables, as text; `kiosk.journal` applies them. Pure data.

The triggers are guard rails against our own mistakes (a plain connection can drop them); what makes
a change show is the signed chain and the collector's copy.
"""

from __future__ import annotations

from typing import Final

SCHEMA_0001: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    seq INTEGER PRIMARY KEY,        -- 1, 2, 3 … without gaps
    kind TEXT NOT NULL,
    session INTEGER,
    level INTEGER,
    day TEXT NOT NULL,              -- local date of the wall clock as it was read
    closed_on TEXT,                 -- of a DAYCLOSE: the day it closes
    digest BLOB NOT NULL,           -- SHA-256 of token
    token BLOB NOT NULL
) STRICT;

CREATE TABLE watermarks (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    gen TEXT NOT NULL, stored INTEGER NOT NULL, archived INTEGER NOT NULL,
    server_ms INTEGER NOT NULL, has_fork INTEGER NOT NULL
) STRICT;

CREATE TRIGGER records_follow_each_other BEFORE INSERT ON records
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM records)
    BEGIN SELECT RAISE(ABORT, 'seq does not follow the head'); END;
CREATE TRIGGER records_are_never_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER only_archived_records_are_pruned BEFORE DELETE ON records
    WHEN OLD.seq > (SELECT archived FROM watermarks)
    BEGIN SELECT RAISE(ABORT, 'not archived by the collector'); END;
"""

SCHEMA_0002: Final = """
CREATE TABLE commands (
    id TEXT PRIMARY KEY,            -- the command's; it is carried out once
    expires_ms INTEGER NOT NULL,    -- the collector's time, UTC
    answer BLOB NOT NULL            -- the token that was sent, to be sent again
) STRICT, WITHOUT ROWID;
"""

SCHEMA_0003: Final = """
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    gen TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, time TEXT NOT NULL,
    problem TEXT NOT NULL,          -- empty: accepted; else what it contradicts
    strange TEXT NOT NULL,          -- of the first of a strange life: why; else empty
    goes_on INTEGER NOT NULL,       -- 1: the first of a life that goes on from what was believed
    digest BLOB NOT NULL,           -- SHA-256 of token
    token BLOB NOT NULL             -- a checkpoint's; a receipt's, where that is the evidence
) STRICT;
CREATE UNIQUE INDEX checkpoints_accepted ON checkpoints (gen, size) WHERE problem = '';
CREATE UNIQUE INDEX checkpoints_once ON checkpoints (digest, problem = '');
CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are evidence'); END;
CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are evidence'); END;
"""

MIGRATION_SET: Final = "kiosk_journal"
NEWEST_MIGRATION: Final = "m0003_checkpoints"

INSERT_RECORD: Final = (
    "INSERT INTO records (seq, kind, session, level, day, closed_on, digest, token)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
HEAD: Final = "SELECT seq, digest FROM records ORDER BY seq DESC LIMIT 1"
"""The head is read inside the inserting transaction, so no memory of it can be wrong."""
KEEP_ANSWER: Final = "INSERT OR REPLACE INTO commands (id, expires_ms, answer) VALUES (?, ?, ?)"
FORGET_ANSWERS: Final = "DELETE FROM commands WHERE expires_ms < ?"
KEEP_META: Final = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
REMOTE_SETTINGS: Final = "remote_settings"
"""Key in `meta`: `{"version": 1, "values": {…}}`, the collector's settings in force."""
KEEP_WATERMARKS: Final = (
    "UPDATE watermarks SET gen = ?, stored = ?, archived = ?, server_ms = ?, has_fork = ?"
)
KEEP_CHECKPOINT: Final = (
    "INSERT INTO checkpoints (gen, size, root, time, problem, strange, goes_on, digest, token)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
IS_DOUBTING: Final = (
    "SELECT EXISTS (SELECT 1 FROM checkpoints doubt"
    " WHERE (doubt.problem <> '' OR doubt.strange <> '') AND NOT EXISTS"
    " (SELECT 1 FROM checkpoints later WHERE later.id > doubt.id AND later.goes_on"
    " AND later.gen <> doubt.gen))"
)
"""Whether something refused or strange stands: since then no other life was accepted that goes on
from what was believed."""
BELIEVED: Final = (
    "SELECT gen FROM checkpoints WHERE goes_on"
    " OR id = (SELECT min(id) FROM checkpoints WHERE problem = '')"
)
"""Lives: the first one of which something is kept, and those that go on from it."""
COUNT_DOUBTS: Final = (
    "SELECT count(*) FROM checkpoints WHERE (problem <> '' OR strange <> '') AND id >"
    " (SELECT coalesce(max(id), 0) FROM checkpoints WHERE goes_on)"
)
"""Refused and strange ones since a life was last accepted that ends doubts."""

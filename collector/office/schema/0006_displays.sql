-- Big screens of the lobby. A screen's token is known to its browser only; here is its SHA-256.
CREATE TABLE displays (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    token_digest BLOB NOT NULL UNIQUE,
    theme TEXT NOT NULL CHECK (theme IN ('auto', 'light', 'dark')),
    is_bilingual INTEGER NOT NULL CHECK (is_bilingual IN (0, 1)), -- 1: with English beneath
    made_ms INTEGER NOT NULL, made_by TEXT NOT NULL,
    address TEXT NOT NULL,               -- where it asked from, when it was last seen
    seen_ms INTEGER,                     -- NULL: never since it was made
    revoked_ms INTEGER, revoked_by TEXT  -- NULL: it may show the figures
) STRICT;

-- Screens that wait for somebody to type their code. The token becomes the display's.
CREATE TABLE display_pairings (
    token_digest BLOB PRIMARY KEY, code TEXT NOT NULL UNIQUE,
    begun_ms INTEGER NOT NULL, address TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tokens of programs that read the API. A token is shown once; here is its SHA-256.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,                -- its first characters, by which people know it again
    digest BLOB NOT NULL UNIQUE,
    departments TEXT NOT NULL,           -- JSON list of codes; empty: the whole hall
    parts TEXT NOT NULL,                 -- JSON list: groups of addresses it may read
    created_ms INTEGER NOT NULL, created_by TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER, revoked_by TEXT, -- NULL: not revoked
    used_ms INTEGER, used_from TEXT      -- last use, to the minute, and its address; NULL: never
) STRICT;

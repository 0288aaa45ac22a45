-- The dashboard's own database, first version. Times are UTC milliseconds since 1970 (`_ms`).

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- keys: cookie_key (signs the cookie that carries language, theme and CSRF token; no rights)

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,         -- argon2id, in its own encoding with its parameters
    role TEXT NOT NULL, created_ms INTEGER NOT NULL,
    disabled_ms INTEGER                  -- NULL: may sign in
) STRICT;

-- A session's id is known to the browser only; here is its SHA-256.
CREATE TABLE sessions (
    id_digest BLOB PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts,
    created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);

-- Failed sign-ins, counted by `account`, by `address` and by both together (`pair`).
CREATE TABLE failures (
    key TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Passwords that were made up for somebody, the second factor, the first start, and pruning.
ALTER TABLE accounts ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;  -- 1: a password of one's own first
ALTER TABLE accounts ADD COLUMN password_until_ms INTEGER;               -- NULL: does not expire
ALTER TABLE accounts ADD COLUMN factor_required INTEGER NOT NULL DEFAULT 0;

-- `code`: the password was right, the code of the second factor is still to come; opens nothing.
ALTER TABLE sessions ADD COLUMN stage TEXT NOT NULL DEFAULT 'full' CHECK (stage IN ('code', 'full'));

CREATE TABLE factors (
    account INTEGER PRIMARY KEY REFERENCES accounts,
    secret TEXT NOT NULL,                -- base32, RFC 6238
    confirmed_ms INTEGER,                -- NULL: shown, and not yet proved
    last_step INTEGER NOT NULL DEFAULT 0 -- a code of this or an earlier step opens nothing again
) STRICT;
CREATE TABLE recovery_codes (
    account INTEGER NOT NULL REFERENCES accounts, digest BLOB NOT NULL,
    PRIMARY KEY (account, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE factor_roles (role TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;  -- that must have one

CREATE TABLE setup_code (
    id INTEGER PRIMARY KEY CHECK (id = 1), digest BLOB NOT NULL, expires_ms INTEGER NOT NULL
) STRICT;

-- What was pruned of the audit trail; `digest` is what the first entry kept is chained to.
CREATE TABLE audit_prunes (
    last_id INTEGER PRIMARY KEY, entries INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, pruned_ms INTEGER NOT NULL,
    digest BLOB NOT NULL,
    CHECK (pruned_ms - last_ms >= 15897600000)  -- 184 days: six months, the longest ones
) STRICT;
CREATE TRIGGER audit_prunes_are_never_changed BEFORE UPDATE ON audit_prunes
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_prunes_are_never_removed BEFORE DELETE ON audit_prunes
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_prunes_are_never_replaced BEFORE INSERT ON audit_prunes
    WHEN EXISTS (SELECT 1 FROM audit_prunes WHERE last_id >= new.last_id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_only_pruned BEFORE DELETE ON audit
    WHEN old.id > coalesce((SELECT max(last_id) FROM audit_prunes), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE INDEX audit_by_time ON audit (made_ms);

-- The departments an account of the role `department` speaks for; others have none.
CREATE TABLE account_departments (
    account INTEGER NOT NULL REFERENCES accounts, department TEXT NOT NULL,
    PRIMARY KEY (account, department)
) STRICT, WITHOUT ROWID;
INSERT INTO account_departments SELECT id, department FROM accounts WHERE department <> '';
ALTER TABLE accounts DROP COLUMN department;

-- Who saw or changed what. Append-only; `digest` is SHA-256 over the previous one and this row.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, made_ms INTEGER NOT NULL,
    account TEXT NOT NULL,               -- name at the time; empty: nobody signed in
    role TEXT NOT NULL, address TEXT NOT NULL,
    action TEXT NOT NULL,                -- e.g. account.add, session.start, page.read
    subject TEXT NOT NULL,               -- what it was done to
    facts TEXT NOT NULL,                 -- JSON object
    digest BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = new.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

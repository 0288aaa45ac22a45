-- The rule book, first version. Rows are only added and chained: `prev` is the `digest` of the
-- version before. The triggers guard against our own mistakes; the chain shows what got past.

CREATE TABLE versions (
    number INTEGER PRIMARY KEY,          -- 1, 2, 3 …
    from_on TEXT NOT NULL,               -- first local day it is the rule of
    rules TEXT NOT NULL,                 -- what it says, JSON
    author TEXT NOT NULL, reason TEXT NOT NULL,
    past_reason TEXT NOT NULL,           -- why it begins before it was made; else empty
    made_ms INTEGER NOT NULL,            -- UTC milliseconds since 1970
    prev BLOB NOT NULL, digest BLOB NOT NULL
) STRICT;

CREATE TRIGGER versions_are_never_changed BEFORE UPDATE ON versions
    BEGIN SELECT RAISE(ABORT, 'rules are append-only'); END;
CREATE TRIGGER versions_are_never_deleted BEFORE DELETE ON versions
    BEGIN SELECT RAISE(ABORT, 'rules are append-only'); END;
CREATE TRIGGER versions_follow_each_other BEFORE INSERT ON versions
    WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM versions)
        OR NEW.prev IS NOT coalesce(
            (SELECT digest FROM versions ORDER BY number DESC LIMIT 1), x'')
    BEGIN SELECT RAISE(ABORT, 'rules are append-only'); END;

-- What makes an alteration show: guards against our own mistakes (a plain connection can drop
-- them), and the ledger's own signed history, which others keep copies of.

-- REPLACE would take an old row away without firing the delete trigger.
CREATE TRIGGER records_follow_each_other BEFORE INSERT ON records
    WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM records)
        OR EXISTS (SELECT 1 FROM records WHERE epoch = NEW.epoch AND seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER conflicts_are_never_deleted BEFORE DELETE ON conflicts
    BEGIN SELECT RAISE(ABORT, 'conflicts are evidence'); END;

-- One row for each life of the database: made, restored from a backup, or renewed by hand. `size`
-- and `root` are the ledger when it began, so that what a former life had stored beyond it shows.
CREATE TABLE gens (
    id INTEGER PRIMARY KEY, gen TEXT NOT NULL UNIQUE, began_ms INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('made', 'restored', 'renewed')),
    size INTEGER NOT NULL, root BLOB NOT NULL
) STRICT;
CREATE TRIGGER gens_are_never_changed BEFORE UPDATE ON gens
    BEGIN SELECT RAISE(ABORT, 'gens are append-only'); END;
CREATE TRIGGER gens_are_never_deleted BEFORE DELETE ON gens
    BEGIN SELECT RAISE(ABORT, 'gens are append-only'); END;
CREATE TRIGGER gens_follow_each_other BEFORE INSERT ON gens
    WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM gens)
    BEGIN SELECT RAISE(ABORT, 'gens are append-only'); END;

-- One row for each signed checkpoint; `token` is the JWS of contract.Checkpoint as it was given out.
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY, gen TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    on_date TEXT NOT NULL, made_ms INTEGER NOT NULL, token BLOB NOT NULL,
    UNIQUE (gen, on_date)
) STRICT;
CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER checkpoints_follow_each_other BEFORE INSERT ON checkpoints
    WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM checkpoints)
        OR EXISTS (SELECT 1 FROM checkpoints WHERE gen = NEW.gen AND on_date = NEW.on_date)
    BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;

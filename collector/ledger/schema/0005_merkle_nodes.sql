-- Hashes of the perfect subtrees of 2**8 rows and more, so that the root of any earlier size and a
-- proof between any two cost a few look-ups (collector/merkle.py). They follow from `records`, and
-- are never changed because records never are. `ordinal` counts the subtrees of a level from 0.
CREATE TABLE merkle_nodes (
    level INTEGER NOT NULL, ordinal INTEGER NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (level, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER merkle_nodes_are_never_changed BEFORE UPDATE ON merkle_nodes
    BEGIN SELECT RAISE(ABORT, 'merkle_nodes are append-only'); END;
CREATE TRIGGER merkle_nodes_are_never_deleted BEFORE DELETE ON merkle_nodes
    BEGIN SELECT RAISE(ABORT, 'merkle_nodes are append-only'); END;
CREATE TRIGGER merkle_nodes_follow_each_other BEFORE INSERT ON merkle_nodes
    WHEN NEW.ordinal
        <> (SELECT coalesce(max(ordinal), -1) + 1 FROM merkle_nodes WHERE level = NEW.level)
    BEGIN SELECT RAISE(ABORT, 'merkle_nodes are append-only'); END;

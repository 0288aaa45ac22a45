-- Retention: old records may be purged, by rule, oldest first, and only what a verified backup holds.
-- What stays lets everything later be verified as before: the digest of every purged record (so the
-- Merkle root of any size and every proof can be computed for ever), the head of every chain at the
-- cut, the outcomes with their case numbers made unreadable, and what the purged records had added
-- to the rollups.

-- One row for each purge, written in the same transaction as it happens.
CREATE TABLE purges (
    id INTEGER PRIMARY KEY, rule TEXT NOT NULL CHECK (rule IN ('records', 'quarantine')),
    made_ms INTEGER NOT NULL, before_ms INTEGER NOT NULL, -- what was received before this went
    number INTEGER NOT NULL,             -- rows removed
    up_to INTEGER NOT NULL,              -- of records: the highest position purged; else 0
    root BLOB NOT NULL,                  -- Merkle root of the first `up_to` records
    by TEXT NOT NULL, token BLOB         -- who ran it; the collector's signature, where it could sign
) STRICT;
CREATE TABLE purge_heads (
    purge INTEGER NOT NULL REFERENCES purges, epoch INTEGER NOT NULL REFERENCES epochs,
    seq INTEGER NOT NULL, digest BLOB NOT NULL, -- the last record of this journal that was purged
    PRIMARY KEY (purge, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX purge_heads_by_journal ON purge_heads (epoch, purge);
-- Digests of purged records, 256 in a row: block b holds positions 256 b + 1 to 256 b + 256.
CREATE TABLE purged_digests (block INTEGER PRIMARY KEY, digests BLOB NOT NULL) STRICT;
-- What purged records had added to the rollups; rebuilding begins with these.
CREATE TABLE purged_day_rollups (
    on_date TEXT NOT NULL, window INTEGER NOT NULL, department INTEGER NOT NULL,
    staff_no TEXT NOT NULL, staff_from TEXT NOT NULL, item TEXT NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_date, window, department, staff_no, staff_from, item)
) STRICT, WITHOUT ROWID;
CREATE TABLE purged_hour_rollups (
    on_date TEXT NOT NULL, window INTEGER NOT NULL, department INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_date, window, department, hour)
) STRICT, WITHOUT ROWID;

-- What purged records said of their boots; see collector/boot_times.py.
CREATE TABLE purged_boots (
    epoch INTEGER NOT NULL REFERENCES epochs, boot TEXT NOT NULL,
    first_seq INTEGER NOT NULL, last_mono_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL, met_ms INTEGER,
    PRIMARY KEY (epoch, boot)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER purges_are_never_changed BEFORE UPDATE ON purges
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purges_are_never_deleted BEFORE DELETE ON purges
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purges_follow_each_other BEFORE INSERT ON purges
    WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM purges)
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purge_heads_are_never_changed BEFORE UPDATE ON purge_heads
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purge_heads_are_never_deleted BEFORE DELETE ON purge_heads
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purge_heads_are_written_once BEFORE INSERT ON purge_heads
    WHEN EXISTS (SELECT 1 FROM purge_heads WHERE purge = NEW.purge AND epoch = NEW.epoch)
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purged_digests_are_never_changed BEFORE UPDATE ON purged_digests
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purged_digests_are_never_deleted BEFORE DELETE ON purged_digests
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;
CREATE TRIGGER purged_digests_are_written_once BEFORE INSERT ON purged_digests
    WHEN EXISTS (SELECT 1 FROM purged_digests WHERE block = NEW.block)
    BEGIN SELECT RAISE(ABORT, 'purges are append-only'); END;

-- A record may go only under a purge that says so.
DROP TRIGGER records_are_never_deleted;
CREATE TRIGGER records_are_only_purged BEFORE DELETE ON records
    WHEN OLD.position > (SELECT coalesce(max(up_to), 0) FROM purges WHERE rule = 'records')
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER quarantine_is_only_purged BEFORE DELETE ON quarantine
    WHEN OLD.last_ms >= (SELECT coalesce(max(before_ms), 0) FROM purges WHERE rule = 'quarantine')
    BEGIN SELECT RAISE(ABORT, 'quarantine is evidence'); END;

-- What names a rating to others once its record is gone; NULL while the record tells it.
ALTER TABLE outcomes ADD COLUMN seq INTEGER;
CREATE INDEX outcomes_of_purged ON outcomes (epoch, seq) WHERE seq IS NOT NULL;

-- What is known of the clock of each boot, and what follows from it. Times are of the boot's
-- beginning: wall = mono_ms + offset_ms. Derived; see collector/boot_times.py.
DROP TABLE boots;
CREATE TABLE boots (
    epoch INTEGER NOT NULL REFERENCES epochs, boot TEXT NOT NULL,
    first_seq INTEGER NOT NULL,          -- order of the boots of a journal
    last_mono_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL,       -- by receptions and synchronised clocks
    met_ms INTEGER,                      -- not before, by receipts and synchronised clocks
    offset_ms INTEGER NOT NULL,          -- the best estimate
    earliest_ms INTEGER, latest_ms INTEGER NOT NULL,
    time_quality TEXT NOT NULL,          -- offset, bounded
    PRIMARY KEY (epoch, boot)
) STRICT, WITHOUT ROWID;
CREATE INDEX boots_in_order ON boots (epoch, first_seq);
CREATE INDEX boots_that_did_not_meet ON boots (epoch) WHERE met_ms IS NULL;

-- The boot by which an outcome is timed; NULL: by its own clock, or by its reception.
ALTER TABLE outcomes ADD COLUMN boot TEXT;

-- What was derived by the former rule is derived anew when the ledger is next opened for writing.
INSERT INTO meta (key, value) SELECT 'derived', 'stale' WHERE EXISTS (SELECT 1 FROM records);

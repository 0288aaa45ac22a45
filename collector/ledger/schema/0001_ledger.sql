-- The ledger, first version. Times are UTC milliseconds since 1970 (`_ms`), local dates are
-- ISO text in the hall's zone (`on_date`). `records` is the truth; every other table that names a
-- record is derived from it and can be rebuilt.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- keys: gen, hall, timezone, hall_name, hall_name_en

-- The fleet as loaded from its file. Codes are the ids of the fleet file.
CREATE TABLE departments (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, name_en TEXT NOT NULL, ordinal INTEGER NOT NULL
) STRICT;
CREATE TABLE windows (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, name_en TEXT NOT NULL, ordinal INTEGER NOT NULL
) STRICT;
CREATE TABLE devices (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE device_keys (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices,
    kid TEXT NOT NULL UNIQUE, x TEXT NOT NULL, registered_ms INTEGER NOT NULL
) STRICT;
-- Dated assignments, append-only: valid from `from_ms` until the next row. NULL: none from then on.
CREATE TABLE device_windows (
    device INTEGER NOT NULL REFERENCES devices, from_ms INTEGER NOT NULL,
    window INTEGER REFERENCES windows, PRIMARY KEY (device, from_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE window_departments (
    window INTEGER NOT NULL REFERENCES windows, from_ms INTEGER NOT NULL,
    department INTEGER REFERENCES departments, PRIMARY KEY (window, from_ms)
) STRICT, WITHOUT ROWID;

-- One row for each journal a device has had.
CREATE TABLE epochs (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices, epoch TEXT NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,   -- every seq up to here is in `records`
    stored_digest BLOB,                  -- digest of the token at `stored`; NULL when 0
    head INTEGER NOT NULL DEFAULT 0,     -- highest seq in `records`
    archived INTEGER NOT NULL DEFAULT 0, -- every seq up to here is in a verified backup
    UNIQUE (device, epoch)
) STRICT;

-- The ledger itself. `position` counts 1, 2, 3 … without gaps: leaf position-1 of the Merkle tree.
-- The token is rebuilt exactly from key, payload and signature (firmware_config.chain).
CREATE TABLE records (
    position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL REFERENCES epochs, seq INTEGER NOT NULL,
    digest BLOB NOT NULL, kind TEXT NOT NULL, key INTEGER NOT NULL REFERENCES device_keys,
    received_ms INTEGER NOT NULL, payload BLOB NOT NULL, signature BLOB NOT NULL,
    UNIQUE (epoch, seq)
) STRICT;
CREATE TRIGGER records_are_never_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER records_are_never_deleted BEFORE DELETE ON records
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Merkle state after `size` rows (RFC 9162): the frontier is the roots of the perfect subtrees.
CREATE TABLE ledger_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL, frontier BLOB NOT NULL, root BLOB NOT NULL
) STRICT;

-- What is known of the clock of one boot: wall = mono_ms + offset_ms.
CREATE TABLE boots (
    epoch INTEGER NOT NULL REFERENCES epochs, boot TEXT NOT NULL, offset_ms INTEGER NOT NULL,
    PRIMARY KEY (epoch, boot)
) STRICT, WITHOUT ROWID;

-- Derived: counted records (invited, rated, unrated, ignored) whose time is told by the boot's
-- offset: they are timed anew when the offset becomes tighter.
CREATE TABLE offset_times (
    epoch INTEGER NOT NULL, boot TEXT NOT NULL, position INTEGER NOT NULL REFERENCES records,
    PRIMARY KEY (epoch, boot, position)
) STRICT, WITHOUT ROWID;

-- Derived: one row for each RATED or UNRATED record.
CREATE TABLE outcomes (
    position INTEGER PRIMARY KEY REFERENCES records,
    epoch INTEGER NOT NULL, session INTEGER NOT NULL,
    device INTEGER NOT NULL, window INTEGER, department INTEGER,
    level INTEGER,                       -- 5 … 1; NULL: unrated
    reason TEXT,                         -- of an unrated session: timeout, superseded, …
    trigger TEXT NOT NULL, case_no TEXT NOT NULL, service_no INTEGER NOT NULL,
    item TEXT NOT NULL, staff_no TEXT NOT NULL,
    pressed_ms INTEGER NOT NULL, on_date TEXT NOT NULL, hour INTEGER NOT NULL,
    answer_ms INTEGER NOT NULL,          -- invitation to press or time-out
    time_quality TEXT NOT NULL,          -- synced, offset, bounded
    is_repeat INTEGER NOT NULL           -- 1: a later rating of a case already rated; not counted
) STRICT;
CREATE UNIQUE INDEX outcomes_counted_case ON outcomes (case_no, service_no)
    WHERE level IS NOT NULL AND is_repeat = 0 AND case_no <> '';
CREATE UNIQUE INDEX outcomes_counted_session ON outcomes (epoch, session)
    WHERE level IS NOT NULL AND is_repeat = 0;
CREATE INDEX outcomes_by_day ON outcomes (on_date, window);
CREATE INDEX outcomes_by_window ON outcomes (window, pressed_ms);

-- Rollups, kept in the same transaction as the records. window/department 0: not assigned.
CREATE TABLE day_rollups (
    on_date TEXT NOT NULL, window INTEGER NOT NULL, department INTEGER NOT NULL,
    staff_no TEXT NOT NULL, item TEXT NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,  -- all reasons
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_date, window, department, staff_no, item)
) STRICT, WITHOUT ROWID;
CREATE TABLE hour_rollups (
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

-- What could not become a record, kept as it came. The same bytes again raise `times`.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, topic TEXT NOT NULL, raw BLOB NOT NULL,
    raw_bytes INTEGER NOT NULL,          -- length as received; `raw` keeps at most 65,536 bytes
    reason TEXT NOT NULL, detail TEXT NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL DEFAULT 1
) STRICT;
-- A second, different token for a key that is taken: evidence of a fork or a cloned card.
CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL REFERENCES epochs, seq INTEGER NOT NULL,
    stored_digest BLOB NOT NULL, other_digest BLOB NOT NULL, token BLOB NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    UNIQUE (epoch, seq, other_digest)
) STRICT;
-- Latest word of each device; not part of the ledger's truth.
CREATE TABLE device_status (
    device INTEGER PRIMARY KEY REFERENCES devices, state TEXT NOT NULL,
    status_ms INTEGER NOT NULL, status BLOB NOT NULL, health_ms INTEGER, health BLOB
) STRICT;

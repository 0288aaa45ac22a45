-- Who works where: a rating without a sign-in belongs to the one member of staff of its window.
-- Names are personal data: empty where the fleet file has none, and forgotten with it.
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, staff_no TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, name_en TEXT NOT NULL
) STRICT;
-- Dated like the other assignments: valid from `from_ms` until the next row. NULL: at no window.
CREATE TABLE staff_windows (
    staff INTEGER NOT NULL REFERENCES staff, from_ms INTEGER NOT NULL,
    window INTEGER REFERENCES windows, PRIMARY KEY (staff, from_ms)
) STRICT, WITHOUT ROWID;

-- Whence `staff_no` is known: 'record' (signed in), 'assignment' (the one at the window), '' (not).
ALTER TABLE outcomes ADD COLUMN staff_from TEXT NOT NULL DEFAULT '';
UPDATE outcomes SET staff_from = 'record' WHERE staff_no <> '';
ALTER TABLE day_rollups RENAME TO old_day_rollups;
CREATE TABLE day_rollups (
    on_date TEXT NOT NULL, window INTEGER NOT NULL, department INTEGER NOT NULL,
    staff_no TEXT NOT NULL, staff_from TEXT NOT NULL DEFAULT '', item TEXT NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,  -- all reasons
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_date, window, department, staff_no, staff_from, item)
) STRICT, WITHOUT ROWID;
INSERT INTO day_rollups
    SELECT on_date, window, department, staff_no, CASE staff_no WHEN '' THEN '' ELSE 'record' END,
        item, invited, level5, level4, level3, level2, level1, unrated, ignored, repeats
    FROM old_day_rollups;
DROP TABLE old_day_rollups;

-- What decided where stored ratings belong is only ever added to, and whose key signed them too.
CREATE TRIGGER device_windows_are_never_changed BEFORE UPDATE ON device_windows
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER device_windows_are_never_deleted BEFORE DELETE ON device_windows
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER device_windows_are_never_replaced BEFORE INSERT ON device_windows
    WHEN EXISTS (SELECT 1 FROM device_windows WHERE device = NEW.device AND from_ms = NEW.from_ms)
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER window_departments_are_never_changed BEFORE UPDATE ON window_departments
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER window_departments_are_never_deleted BEFORE DELETE ON window_departments
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER window_departments_are_never_replaced BEFORE INSERT ON window_departments
    WHEN EXISTS (
        SELECT 1 FROM window_departments WHERE window = NEW.window AND from_ms = NEW.from_ms)
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER staff_windows_are_never_changed BEFORE UPDATE ON staff_windows
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER staff_windows_are_never_deleted BEFORE DELETE ON staff_windows
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER staff_windows_are_never_replaced BEFORE INSERT ON staff_windows
    WHEN EXISTS (SELECT 1 FROM staff_windows WHERE staff = NEW.staff AND from_ms = NEW.from_ms)
    BEGIN SELECT RAISE(ABORT, 'assignments are append-only'); END;
CREATE TRIGGER device_keys_are_never_changed BEFORE UPDATE ON device_keys
    BEGIN SELECT RAISE(ABORT, 'keys are append-only'); END;
CREATE TRIGGER device_keys_are_never_deleted BEFORE DELETE ON device_keys
    BEGIN SELECT RAISE(ABORT, 'keys are append-only'); END;
CREATE TRIGGER device_keys_are_never_replaced BEFORE INSERT ON device_keys
    WHEN EXISTS (SELECT 1 FROM device_keys WHERE id = NEW.id OR kid = NEW.kid)
    BEGIN SELECT RAISE(ABORT, 'keys are append-only'); END;
-- A name may change; a number may not, and nobody is taken out.
CREATE TRIGGER staff_are_never_renumbered BEFORE UPDATE OF id, staff_no ON staff
    BEGIN SELECT RAISE(ABORT, 'staff numbers are append-only'); END;
CREATE TRIGGER staff_are_never_deleted BEFORE DELETE ON staff
    BEGIN SELECT RAISE(ABORT, 'staff numbers are append-only'); END;
CREATE TRIGGER staff_are_never_replaced BEFORE INSERT ON staff
    WHEN EXISTS (SELECT 1 FROM staff WHERE id = NEW.id OR staff_no = NEW.staff_no)
    BEGIN SELECT RAISE(ABORT, 'staff numbers are append-only'); END;

-- A third grain, for long periods: a page over a year reads 12 rows a window instead of one for
-- each day, member of staff and item. Kept with the other rollups, rebuilt with them.
CREATE TABLE month_rollups (
    on_month TEXT NOT NULL,              -- ISO, e.g. 2026-05
    window INTEGER NOT NULL, department INTEGER NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_month, window, department)
) STRICT, WITHOUT ROWID;
INSERT INTO month_rollups
    SELECT substr(on_date, 1, 7), window, department, sum(invited), sum(level5), sum(level4),
        sum(level3), sum(level2), sum(level1), sum(unrated), sum(ignored), sum(repeats)
    FROM day_rollups GROUP BY 1, 2, 3;

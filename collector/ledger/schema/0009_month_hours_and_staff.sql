-- Two more month grains. The heat map of a whole hall over a year reads a row for each department,
-- weekday and hour instead of one for each window, day and hour; the table of staff reads a row for
-- each month and place they served. Kept with the other rollups, rebuilt with them.
CREATE TABLE month_hour_rollups (
    on_month TEXT NOT NULL,
    weekday INTEGER NOT NULL,            -- ISO: 1 Monday … 7 Sunday, of the local day
    hour INTEGER NOT NULL, department INTEGER NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_month, weekday, hour, department)
) STRICT, WITHOUT ROWID;
INSERT INTO month_hour_rollups
    SELECT substr(on_date, 1, 7), (strftime('%w', on_date) + 6) % 7 + 1, hour, department,
        sum(invited), sum(level5), sum(level4), sum(level3), sum(level2), sum(level1),
        sum(unrated), sum(ignored), sum(repeats)
    FROM hour_rollups GROUP BY 1, 2, 3, 4;
CREATE TABLE month_staff_rollups (
    on_month TEXT NOT NULL, staff_no TEXT NOT NULL, staff_from TEXT NOT NULL,
    window INTEGER NOT NULL, department INTEGER NOT NULL,
    invited INTEGER NOT NULL DEFAULT 0,
    level5 INTEGER NOT NULL DEFAULT 0, level4 INTEGER NOT NULL DEFAULT 0,
    level3 INTEGER NOT NULL DEFAULT 0, level2 INTEGER NOT NULL DEFAULT 0,
    level1 INTEGER NOT NULL DEFAULT 0,
    unrated INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (on_month, staff_no, staff_from, window, department)
) STRICT, WITHOUT ROWID;
INSERT INTO month_staff_rollups
    SELECT substr(on_date, 1, 7), staff_no, staff_from, window, department,
        sum(invited), sum(level5), sum(level4), sum(level3), sum(level2), sum(level1),
        sum(unrated), sum(ignored), sum(repeats)
    FROM day_rollups WHERE staff_no <> '' GROUP BY 1, 2, 3, 4, 5;

-- Where windows stand on the plan of the hall, as the fleet file says now: no stored figure depends on
-- it, so it may change. A window without a row here is not drawn. The hall's opening hours stand in
-- `meta` under `hall_opens`, one line such as `mon 09:00-12:00` for each stretch.
CREATE TABLE window_plan (
    window INTEGER PRIMARY KEY REFERENCES windows,
    plan_row INTEGER NOT NULL CHECK (plan_row > 0), plan_column INTEGER NOT NULL CHECK (plan_column > 0),
    UNIQUE (plan_row, plan_column)
) STRICT;

-- Finding what a device says of itself without walking through its journal, and whose the quarantined
-- messages are without reading them. Few in a thousand records, so the index is small.
CREATE INDEX records_about_health ON records (kind, epoch, seq)
    WHERE kind IN ('BOOT', 'CLOCK', 'FAULT');
CREATE INDEX quarantine_by_topic ON quarantine (topic, last_ms);

-- Follow-up of bad ratings (回访整改): only ever added to. A rating's state is its newest entry's; one
-- without any is open. The record is named as corrections name it, and told as it was at the time.
CREATE TABLE follow_ups (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    pressed_ms INTEGER NOT NULL,         -- for finding it by period; the ledger's word counts
    state TEXT NOT NULL CHECK (state IN ('in-progress', 'rectified', 'closed')),
    note TEXT NOT NULL, author TEXT NOT NULL, made_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX follow_ups_of_rating ON follow_ups (device, epoch, seq, id);
CREATE INDEX follow_ups_by_press ON follow_ups (pressed_ms);
CREATE TRIGGER follow_ups_are_never_changed BEFORE UPDATE ON follow_ups
    BEGIN SELECT RAISE(ABORT, 'follow-ups are append-only'); END;
CREATE TRIGGER follow_ups_are_never_deleted BEFORE DELETE ON follow_ups
    BEGIN SELECT RAISE(ABORT, 'follow-ups are append-only'); END;
CREATE TRIGGER follow_ups_are_never_replaced BEFORE INSERT ON follow_ups
    WHEN EXISTS (SELECT 1 FROM follow_ups WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'follow-ups are append-only'); END;

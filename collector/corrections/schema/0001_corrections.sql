-- Corrections, first version. Times are UTC milliseconds since 1970 (`_ms`). Rows are only added;
-- both tables share one chain: `entry` counts 1, 2, 3 … over both, `prev` is the `entry_digest` of
-- the entry before. The triggers guard against our own mistakes; the chain shows what got past.

CREATE TABLE proposals (
    id INTEGER PRIMARY KEY,              -- number of the correction: 1, 2, 3 …
    entry INTEGER NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('exclude', 'restore')),
    restores INTEGER REFERENCES proposals, -- of `restore`: the exclusion that shall end
    device TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    digest BLOB NOT NULL,                -- SHA-256 of the rating's token
    reason TEXT NOT NULL, note TEXT NOT NULL, evidence TEXT NOT NULL,
    -- the rating as it was shown to the author; the ledger's word counts, not this
    level INTEGER NOT NULL, window TEXT NOT NULL, department TEXT NOT NULL,
    pressed_ms INTEGER NOT NULL, time_quality TEXT NOT NULL,
    author TEXT NOT NULL, made_ms INTEGER NOT NULL,
    prev BLOB NOT NULL, entry_digest BLOB NOT NULL,
    CHECK ((kind = 'restore') = (restores IS NOT NULL))
) STRICT;
CREATE INDEX proposals_of_rating ON proposals (device, epoch, seq);
CREATE INDEX proposals_by_press ON proposals (pressed_ms) WHERE kind = 'exclude';
-- press times that may still move are looked at whatever the period
CREATE INDEX proposals_not_synced ON proposals (id) WHERE kind = 'exclude' AND time_quality <> 'synced';
CREATE INDEX proposals_restoring ON proposals (restores) WHERE restores IS NOT NULL;
CREATE INDEX proposals_by_made ON proposals (made_ms);

CREATE TABLE decisions (
    proposal INTEGER PRIMARY KEY REFERENCES proposals,
    entry INTEGER NOT NULL UNIQUE,
    verdict TEXT NOT NULL CHECK (verdict IN ('approved', 'rejected', 'withdrawn')),
    decider TEXT NOT NULL, note TEXT NOT NULL, made_ms INTEGER NOT NULL,
    prev BLOB NOT NULL, entry_digest BLOB NOT NULL
) STRICT;

CREATE VIEW chain AS
    SELECT entry, entry_digest FROM proposals
    UNION ALL SELECT entry, entry_digest FROM decisions;

-- Exclusions that hold: approved, and not ended by an approved `restore`.
CREATE VIEW in_force AS
    SELECT p.*, d.decider AS approver, d.made_ms AS approved_ms
    FROM proposals p JOIN decisions d ON d.proposal = p.id
    WHERE p.kind = 'exclude' AND d.verdict = 'approved' AND NOT EXISTS (
        SELECT 1 FROM proposals r JOIN decisions e ON e.proposal = r.id
        WHERE r.restores = p.id AND e.verdict = 'approved');

CREATE TRIGGER proposals_are_never_changed BEFORE UPDATE ON proposals
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER proposals_are_never_deleted BEFORE DELETE ON proposals
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER decisions_are_never_changed BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER decisions_are_never_deleted BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;

CREATE TRIGGER proposals_follow_each_other BEFORE INSERT ON proposals
    WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM proposals)
        OR NEW.entry IS NOT (SELECT coalesce(max(entry), 0) + 1 FROM chain)
        OR NEW.prev IS NOT coalesce(
            (SELECT entry_digest FROM chain ORDER BY entry DESC LIMIT 1), x'')
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER decisions_follow_each_other BEFORE INSERT ON decisions
    WHEN NEW.entry IS NOT (SELECT coalesce(max(entry), 0) + 1 FROM chain)
        OR EXISTS (SELECT 1 FROM decisions WHERE proposal = NEW.proposal)
        OR NEW.prev IS NOT coalesce(
            (SELECT entry_digest FROM chain ORDER BY entry DESC LIMIT 1), x'')
    BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;

CREATE TRIGGER a_rating_is_excluded_once BEFORE INSERT ON proposals
    WHEN NEW.kind = 'exclude' AND (
        EXISTS (SELECT 1 FROM in_force f WHERE f.device = NEW.device AND f.epoch = NEW.epoch
            AND f.seq = NEW.seq)
        OR EXISTS (SELECT 1 FROM proposals p WHERE p.device = NEW.device AND p.epoch = NEW.epoch
            AND p.seq = NEW.seq AND p.id NOT IN (SELECT proposal FROM decisions)))
    BEGIN SELECT RAISE(ABORT, 'this rating is excluded or proposed already'); END;
CREATE TRIGGER only_what_holds_is_restored BEFORE INSERT ON proposals
    WHEN NEW.kind = 'restore' AND (
        NOT EXISTS (SELECT 1 FROM in_force f WHERE f.id = NEW.restores AND f.device = NEW.device
            AND f.epoch = NEW.epoch AND f.seq = NEW.seq)
        OR EXISTS (SELECT 1 FROM proposals p WHERE p.restores = NEW.restores
            AND p.id NOT IN (SELECT proposal FROM decisions)))
    BEGIN SELECT RAISE(ABORT, 'this exclusion does not hold, or is to be ended already'); END;
-- `unix:li` on the command line and the account `li` are one person.
CREATE TRIGGER another_person_decides BEFORE INSERT ON decisions
    WHEN EXISTS (SELECT 1 FROM proposals p WHERE p.id = NEW.proposal
        AND (lower(CASE WHEN p.author LIKE 'unix:%' THEN substr(p.author, 6) ELSE p.author END)
          = lower(CASE WHEN NEW.decider LIKE 'unix:%' THEN substr(NEW.decider, 6)
                ELSE NEW.decider END))
        <> (NEW.verdict = 'withdrawn'))
    BEGIN SELECT RAISE(ABORT, 'author and approver must be two people'); END;

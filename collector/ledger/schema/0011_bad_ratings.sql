-- Finding the bad ratings (levels 2 and 1) by their time, whatever the ledger's size. They are a few
-- in a thousand, so the index is small and costs the others nothing. It holds all that filters ask.
CREATE INDEX outcomes_bad ON outcomes (pressed_ms, window, department, level, is_repeat)
    WHERE level <= 2 AND is_repeat = 0;
-- Later ratings of a case that was rated already; the counted one is in outcomes_counted_case.
CREATE INDEX outcomes_repeats_of_case ON outcomes (case_no) WHERE is_repeat = 1 AND case_no <> '';

"""Retention: what is kept how long, by rule, and a record of each purge.

`rules` says what there is and why; `command` shows and asks. What a
purge does to the ledger is in `collector.ledger` (`purging`, `purge`, `quarantine_purge`).
"""

"""Retention: what is kept how long, by rule, and a record of each purge.

`rules` says what there is and why; `purging` signs and drives; `command` shows and asks. What a
purge of records does to the ledger is `collector.ledger.purge`.
"""

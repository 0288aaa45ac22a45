"""`collector verify`: everything in a ledger that can be checked, checked again from the records.

Reads only. What it cannot find is told in docs/verify.md.
"""

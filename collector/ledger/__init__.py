"""The ledger: an append-only SQLite database of signed records, and what is derived from it.

One writer thread in `collector ingest` writes; everyone else opens it read-only.
"""

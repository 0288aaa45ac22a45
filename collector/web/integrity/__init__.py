"""The state of the ledger itself."""

"""One record of the ledger: what it says, its token, and that it is unaltered."""

"""Questions to the ledger: a read-only connection, and one module for each group of questions.

Everything here reads rollups or an index, never the whole of `records`, so that an answer costs
the same after ten years as on the first day. Nothing here can write.
"""

from collector.ledger.readers.connection import LedgerReader, LedgerUnavailable

__all__ = ["LedgerReader", "LedgerUnavailable"]

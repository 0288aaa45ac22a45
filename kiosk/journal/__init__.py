"""The journal: an append-only chain of signed records in a SQLite file.

The only package of the device program that touches SQLite. It must not decide what is written,
delete a damaged file, or tell the collector anything.
"""

from kiosk.journal.opening import open_journal
from kiosk.journal.store import Journal

__all__ = ["Journal", "open_journal"]

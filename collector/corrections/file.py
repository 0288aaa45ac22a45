"""`corrections.db`: the corrections' file and schema."""

from __future__ import annotations

from collector.kept_file import FILE_MODE, KeptFile, KeptFileUnavailable, Row

__all__ = ["FILE_MODE", "SCHEMAS", "CorrectionsFile", "CorrectionsUnavailable", "Row"]

SCHEMAS = ("0001_corrections.sql",)


class CorrectionsUnavailable(KeptFileUnavailable):
    """`corrections.db` cannot be read or written: no figure is told as if there were none."""


class CorrectionsFile(KeptFile):
    """The corrections of one hall; where the file does not exist, there are none yet."""

    package = "collector.corrections"
    schemas = SCHEMAS
    unavailable = CorrectionsUnavailable

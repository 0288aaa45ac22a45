"""Which databases of the dashboard there are to copy."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG

from collector.errors import LedgerError
from collector.settings import CollectorSettings


def office_files(settings: CollectorSettings) -> tuple[dict[str, Path], dict[str, str]]:
    """The dashboard's own databases: name of the copy → file; those that exist.

    Returns:
        Those that can be read, and file → why it cannot be read for the others.

    Raises:
        LedgerError: there is none.
    """
    wanted = {
        "office.db": settings.web.office,
        "corrections.db": settings.corrections_file,
        "rules.db": settings.rules_file,
    }
    found: dict[str, Path] = {}
    unreadable: dict[str, str] = {}
    for name, path in wanted.items():
        try:
            if not S_ISREG(path.stat().st_mode):
                unreadable[str(path)] = f"{path}: expected a file, got something else"
                continue
            path.open("rb").close()
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable[str(path)] = f"{path}: cannot be read: {error.strerror}"
            continue
        found[name] = path
    if not found and not unreadable:
        raise LedgerError(f"{settings.web.office}: expected the dashboard's database, got no file")
    return found, unreadable

"""Putting another ledger in the place of one, so that a crash leaves the old or the new one.

A log (`-wal`) that belongs to the old file would be applied to the new one, so three files change
places, which no single rename can do. Instead the new ledger is made ready beside the old one, with
its new `gen`; then a note is written in one step, and from that moment on whoever holds the lock
finishes what the note says: ingest at its start, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.errors import LedgerMismatch
from firmware_config.files import sync_folder, write_atomically

_NOTE: Final = ".restore-note"
_READY: Final = ".restoring"
_PARTS: Final = ("-wal", "-shm", "-journal", "")


def ready_path(ledger: Path) -> Path:
    """Where the new ledger is made ready: one file, with nothing beside it."""
    return ledger.with_name(ledger.name + _READY)


def kept_path(ledger: Path, stamp: str) -> Path:
    """Where the old ledger is kept; its log beside it."""
    return ledger.with_name(f"{ledger.name}.before-{stamp}")


def kept_stamps(ledger: Path) -> list[str]:
    """The stamps of the ledgers that are kept, and of logs that lie there alone."""
    before = kept_path(ledger, "").name
    names = (entry.name.removeprefix(before) for entry in ledger.parent.glob(f"{before}*"))
    return [name.removesuffix(part) for name in names for part in _PARTS if name.endswith(part)]


def replace_ledger(ledger: Path, stamp: str) -> None:
    """Put the ledger at `ready_path` in its place; the old one is kept. Holds `SoleWriter`.

    Args:
        ledger: where it belongs.
        stamp: names what is kept; not one of `kept_stamps`, whose file it would replace.

    Raises:
        OSError: a file cannot be moved; `finish_replacing` goes on from there.
    """
    write_atomically(_note(ledger), stamp.encode("ascii"), mode=0o640)
    finish_replacing(ledger)


def finish_replacing(ledger: Path) -> bool:
    """Finish what was begun and interrupted; returns whether there was anything.

    Call it with `SoleWriter` held, before the ledger is opened.

    Raises:
        OSError: a file cannot be moved; call it again.
    """
    note = _note(ledger)
    if not note.exists():
        return False
    stamp = note.read_text(encoding="ascii")
    if ready_path(ledger).exists():
        for part in _PARTS:
            old = ledger.with_name(ledger.name + part)
            if old.exists():
                old.rename(kept_path(ledger, stamp + part))
        sync_folder(ledger.parent)  # the old log is gone before the new file can be found
        ready_path(ledger).rename(ledger)
        sync_folder(ledger.parent)
    note.unlink()
    sync_folder(ledger.parent)
    return True


def refuse_while_replaced(ledger: Path) -> None:
    """Raise LedgerMismatch while an interrupted replacement waits to be finished."""
    if _note(ledger).exists():
        raise LedgerMismatch(
            f"{ledger}: a restore was interrupted; start `collector ingest`, which finishes it,"
            " or restore again"
        )


def _note(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + _NOTE)

"""Random edits of a ledger: every one is found, and named; a ledger that is right raises nothing.

`make lab` makes a thousand of them.
"""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest

from collector.verify.run import verify
from tests.collector.verify.copy import SpoiledLedger
from tests.collector.verify.edits import EDITS
from tests.collector.verify.hall import WorkingHall

LAB_EDITS = 1_000


def found_and_named(hall: WorkingHall, kind: str, seed: int, folder: Path) -> str:
    """Make one edit of a copy and verify that; returns what went wrong, empty for nothing."""
    path = folder / f"{kind}-{seed}.db"
    ledger = SpoiledLedger(hall, path, random.Random(f"{kind} {seed}"))
    is_named = EDITS[kind](ledger)
    ledger.close()
    report = verify(path, hall.known())
    path.unlink()
    if not report.failures:
        return f"{kind}, seed {seed}: not found"
    if not any(map(is_named, report.findings)):
        told = "\n".join(f"  {one}" for one in report.failures[:12])
        return f"{kind}, seed {seed}: found but not named:\n{told}"
    return ""


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_of_each_kind_is_found_and_named(
    kind: str, hall: WorkingHall, tmp_path: Path
) -> None:
    for seed in (1, 2):
        assert not found_and_named(hall, kind, seed, tmp_path)


@pytest.mark.lab
def test_every_one_of_a_thousand_edits_is_found_and_named(
    hall: WorkingHall, tmp_path: Path
) -> None:
    kinds = [kind for _ in range(LAB_EDITS // len(EDITS) + 1) for kind in EDITS]
    missed = [
        said
        for seed, kind in enumerate(islice(kinds, LAB_EDITS), start=1_000)
        if (said := found_and_named(hall, kind, seed, tmp_path))
    ]

    assert missed == []


def test_a_copy_that_nobody_edited_raises_nothing(hall: WorkingHall, tmp_path: Path) -> None:
    ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(1))
    ledger.cover_up()
    ledger.close()

    report = verify(tmp_path / "copy.db", hall.known())

    assert report.failures == []
    assert report.root == verify(hall.path, hall.known()).root

"""A verification of a ledger that is right, and how it says what it found."""

from __future__ import annotations

from collector.verify.run import verify
from tests.collector.verify.hall import WorkingHall


def test_a_ledger_that_is_right_has_no_failure(hall: WorkingHall) -> None:
    report = verify(hall.path, hall.known())

    assert report.failures == []
    assert report.records > 1_500
    assert report.devices == 4

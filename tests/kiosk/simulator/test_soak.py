"""Two busy hours leave nothing behind in the process; bench/soak.py does a whole day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.soak import BusyWindow
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from kiosk.simulator.rehearsal import journal_entries

OBJECTS_SLACK = 300
"""Caches that fill up once (imports on first use, compiled patterns). Two hours of a leak of one
object for each press would be 400, of one for each edge 1,000."""

pytestmark = pytest.mark.system


@pytest.fixture
def window(open_broker: object, tmp_path: Path) -> Iterator[BusyWindow]:
    """A busy window with a broker, which is cut off from it every hour."""
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", collector.public)
    made = BusyWindow(tmp_path, open_broker.port, is_receipted=False)  # type: ignore[attr-defined]
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("open_broker", ["mosquitto"], indirect=True)
def test_two_busy_hours_leave_no_objects_threads_or_descriptors(
    window: BusyWindow, tmp_path: Path
) -> None:
    window.play(1)
    before = window.read()

    window.play(2)
    after = window.read()

    assert after.records - before.records > 400
    assert (after.threads, after.descriptors) == (before.threads, before.descriptors)
    assert after.objects - before.objects < OBJECTS_SLACK
    counts = [entry.kind for entry in journal_entries(tmp_path / "journal.db")]
    assert counts.count("RATED") + counts.count("UNRATED") == counts.count("INVITED")

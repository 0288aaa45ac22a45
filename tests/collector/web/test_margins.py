"""A window's page says how far an estimated press time may be off."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlite_utils import Database

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def estimate(ledger: Path, earliest_ms: int | None, latest_ms: int) -> tuple[str, int]:
    """Make the newest outcome of a window one of a boot with these bounds around its offset."""
    with closing(Database(ledger)) as db:
        window, position, pressed_ms = db.execute(
            "SELECT w.code, o.position, o.pressed_ms FROM outcomes o JOIN windows w"
            " ON w.id = o.window ORDER BY o.pressed_ms DESC LIMIT 1"
        ).fetchone()
        db.execute(
            "UPDATE outcomes SET boot = 'b', time_quality = 'bounded' WHERE position = ?",
            [position],
        )
        db.execute(
            "INSERT INTO boots SELECT epoch, 'b', 1, 1, 9, NULL, 7000, ?, ?, 'bounded'"
            " FROM outcomes WHERE position = ?",
            [None if earliest_ms is None else 7000 + earliest_ms, 7000 + latest_ms, position],
        )
    return window, pressed_ms


@pytest.mark.parametrize(
    ("earliest_ms", "latest_ms", "said"),
    [
        (None, 0, "at the latest"),
        (-MINUTE_MS, MINUTE_MS, ""),
        (-MINUTE_MS - 1, 0, "± 2 min"),
        (-MINUTE_MS, 119 * MINUTE_MS, "± 119 min"),
        (-14 * HOUR_MS - 1, 14 * HOUR_MS, "± 15 h"),
        (0, 48 * HOUR_MS, "± 2 days"),
        (-(2**55), 0, "± 416999966 days"),
    ],
)
def test_an_estimated_time_shows_its_margin(
    english: FlaskClient, ledger: Path, earliest_ms: int | None, latest_ms: int, said: str
) -> None:
    window, pressed_ms = estimate(ledger, earliest_ms, latest_ms)

    page = english.get(f"/windows/{window}").text
    newest = english.get(f"/api/v1/windows/{window}").json["sessions"][0]

    assert page.count("estimated") == 1
    for one in ("at the latest", "± "):
        assert page.count(one) == (said.startswith(one))
    assert said in page
    bounds = (newest["earliest_ms"], newest["latest_ms"])
    assert bounds == (
        None if earliest_ms is None else pressed_ms + earliest_ms,
        pressed_ms + latest_ms,
    )


def test_a_time_by_the_device_s_own_clock_has_no_margin(english: FlaskClient, ledger: Path) -> None:
    window, _ = estimate(ledger, None, 0)
    [_, *others] = english.get(f"/api/v1/windows/{window}").json["sessions"]

    assert {(row["earliest_ms"], row["latest_ms"]) for row in others} == {(None, None)}

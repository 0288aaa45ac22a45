"""Every page of the dashboard has a picture, taken as one who may open it."""

from __future__ import annotations

from pathlib import Path

from bench.sample_addresses import page_rules
from collector.web.app import create_app
from collector.web.dashboard import WebOptions
from collector.web.rights import PUBLIC, may
from docs.dashboard_pictures import PICTURES, who_opens
from docs.screenshots import FOLDER

LARGEST_BYTES = 210_000


def test_every_page_of_the_application_has_a_picture(tmp_path: Path) -> None:
    options = WebOptions(
        ledger=tmp_path / "ledger.db",
        office=tmp_path / "office.db",
        corrections=tmp_path / "corrections.db",
        shows_staff=True,
    )

    there_are = {rule.endpoint for rule in page_rules(create_app(options))}

    chinese = {picture.endpoint for picture in PICTURES.values() if picture.language == "zh-CN"}
    assert there_are == chinese


def test_each_picture_is_taken_by_a_role_that_may_open_the_page() -> None:
    for name, picture in PICTURES.items():
        role = who_opens(picture)
        assert may(role or PUBLIC, picture.endpoint), name


def test_the_pictures_are_there_and_small() -> None:
    for name in PICTURES:
        size = (FOLDER / f"{name}.png").stat().st_size
        assert 5_000 < size < LARGEST_BYTES, f"{name}: {size} bytes"

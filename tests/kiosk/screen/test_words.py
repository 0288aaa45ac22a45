"""The catalogue says everything in both languages."""

from __future__ import annotations

import re
import string
from datetime import date
from pathlib import Path

import pytest

from firmware_config.counter_settings import LANGUAGES
from firmware_config.levels import LEVEL_NAMES
from kiosk.screen.shown import Scene
from kiosk.screen.words import WORDS, day_name, level_name, say

FOLDER = Path(__file__).resolve().parents[3] / "kiosk" / "screen"


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_every_text_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    zh, en = WORDS[key]

    assert re.search(r"[一-鿿]", zh)
    assert en.isascii()
    assert en.strip() == en
    assert places(zh) == places(en)


def test_the_page_itself_says_nothing_that_is_not_in_the_catalogue() -> None:
    page = (FOLDER / "templates" / "screen.html").read_text(encoding="utf-8")
    script = (FOLDER / "static" / "screen.js").read_text(encoding="utf-8")

    title = "<title>一评 Yiping</title>"
    assert not re.search(r"[一-鿿]", page.replace(title, ""))
    assert not re.search(r"[一-鿿]", script)


def test_every_scene_has_a_title() -> None:
    own = {Scene.INVITATION, Scene.WALKUP, Scene.NOT_STORED, Scene.IDENTIFY, Scene.CLOSED}
    for scene in Scene:
        if scene not in own | {Scene.TESTING}:
            assert f"{scene}.more" in WORDS
        if scene is not Scene.WALKUP:
            assert scene.value in WORDS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", list(LEVEL_NAMES))
def test_levels_are_named_as_on_the_keys(level: int, language: str) -> None:
    name = LEVEL_NAMES[level]  # type: ignore[index]

    assert level_name(level, language).lower() == (name.zh if language == "zh-CN" else name.en)


def test_dates_are_written_as_people_write_them() -> None:
    assert day_name(date(2026, 11, 24), "zh-CN") == "2026年11月24日 星期二"
    assert day_name(date(2026, 11, 24), "en") == "Tuesday, 24 November 2026"


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("nothing", "en")


def test_the_colours_of_the_levels_are_those_of_the_house() -> None:
    css = (FOLDER / "static" / "screen.css").read_text(encoding="utf-8")

    for level, name in LEVEL_NAMES.items():
        assert f"--level-{int(level)}: {name.colour};" in css

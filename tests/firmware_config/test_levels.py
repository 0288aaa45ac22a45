"""The five levels: their numbers are what receivers expect, and none goes unnamed."""

from __future__ import annotations

import re

from firmware_config.levels import BAD_LEVELS, LEVEL_NAMES, Level


def test_the_numbers_and_chinese_names_are_those_of_the_rules() -> None:
    assert {int(level): name.zh for level, name in LEVEL_NAMES.items()} == {
        5: "非常满意",
        4: "满意",
        3: "基本满意",
        2: "不满意",
        1: "非常不满意",
    }


def test_levels_are_listed_from_best_to_worst() -> None:
    assert list(LEVEL_NAMES) == sorted(Level, reverse=True)


def test_a_bad_rating_is_level_1_or_2() -> None:
    assert {1, 2} == BAD_LEVELS


def test_a_level_is_told_apart_by_more_than_its_colour() -> None:
    for marks in zip(
        *((name.zh, name.en, name.colour, name.face) for name in LEVEL_NAMES.values()), strict=True
    ):
        assert len(set(marks)) == 5
    assert all(re.fullmatch("#[0-9a-f]{6}", name.colour) for name in LEVEL_NAMES.values())

"""The five satisfaction levels: their numbers, names and colours. Pure data.

Source: the five levels and 差评 = levels 1 and 2 are uniform in national and provincial rules
(国办发〔2019〕51号 and the local rules that carry it out).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """A satisfaction level; the number is what travels and what receivers expect."""

    VERY_SATISFIED = 5
    SATISFIED = 4
    BASICALLY_SATISFIED = 3
    DISSATISFIED = 2
    VERY_DISSATISFIED = 1


LEVELS: tuple[int, ...] = tuple(int(level) for level in Level)
"""Their numbers, from 5 down to 1."""
KEY_LEVELS: dict[str, int] = {level.name.lower().replace("_", "-"): int(level) for level in Level}
"""Name of a key in the built-in pin profiles → its level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelName:
    """How one level is shown.

    Attributes:
        zh: the label on the key and on Chinese screens.
        en: the label on English screens.
        colour: sRGB hex of the button's lens and of charts; never the only mark of a level.
        face: a short text mark that needs no colour.
    """

    zh: str
    en: str
    colour: str
    face: str


LEVEL_NAMES: dict[Level, LevelName] = {
    Level.VERY_SATISFIED: LevelName(
        zh="非常满意", en="very satisfied", colour="#12806f", face="😄"
    ),
    Level.SATISFIED: LevelName(zh="满意", en="satisfied", colour="#79c2ad", face="🙂"),
    Level.BASICALLY_SATISFIED: LevelName(
        zh="基本满意", en="basically satisfied", colour="#d9c78f", face="😐"
    ),
    Level.DISSATISFIED: LevelName(zh="不满意", en="dissatisfied", colour="#e8943f", face="🙁"),
    Level.VERY_DISSATISFIED: LevelName(
        zh="非常不满意", en="very dissatisfied", colour="#b8432f", face="😠"
    ),
}
"""Level → how it is shown, from 5 down to 1."""

BAD_LEVELS: frozenset[Level] = frozenset({Level.DISSATISFIED, Level.VERY_DISSATISFIED})
"""差评: the levels that start a follow-up."""

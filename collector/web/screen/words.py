"""The words of a big screen, each in Chinese and in English: it has no visitor who chose one."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from flask_babel import force_locale, gettext, lazy_gettext

from collector.rates import Rule
from collector.web.languages import LANGUAGES
from firmware_config.levels import LEVEL_NAMES

TEMPLATE: Final = Path(__file__).parent.parent / "templates" / "screen" / "screen.html"


class Words(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


TEXTS: Final = {
    "rate": lazy_gettext("Satisfaction today"),
    "over": lazy_gettext("satisfied / ratings"),
    "levels": lazy_gettext("Ratings today"),
    "ratings": lazy_gettext("ratings"),
    "participation": lazy_gettext("Participation"),
    "participation_over": lazy_gettext("ratings / invitations"),
    "hours": lazy_gettext("Ratings by hour"),
    "departments": lazy_gettext("Departments"),
    "departments_until": lazy_gettext(
        "last {days} days up to yesterday · {least} ratings at least"
    ),
    "few": lazy_gettext("Fewer than {least} ratings so far today"),
    "excluded": lazy_gettext("left out by approved correction: {number}"),
    "updated": lazy_gettext("Updated {time}"),
    "kept": lazy_gettext("No connection · figures of {time}"),
    "unheard": lazy_gettext("Rating devices not heard since {time} · figures may be behind"),
    "never_heard": lazy_gettext("No rating device heard yet"),
    "loading": lazy_gettext("Connecting …"),
    "without": lazy_gettext("No figures yet"),
}
"""Key → text; what stands in braces is filled in by the screen."""


@cache
def _of(language: str) -> dict[str, str]:
    with force_locale(language):
        return {key: str(text) for key, text in TEXTS.items()}


def screen_words() -> dict[str, Words]:
    """Key → text in both languages, levels as `level5` … `level1`."""
    chinese, english = (_of(language) for language in LANGUAGES)
    words = {key: Words(chinese[key], english[key]) for key in TEXTS}
    for level, names in LEVEL_NAMES.items():
        words[f"level{int(level)}"] = Words(names.zh, names.en)
    return words


def rule_words(rule: Rule) -> Words:
    """What a rule says, in both languages."""

    def said(language: str, of_level: str) -> str:
        names = [getattr(LEVEL_NAMES[level], of_level) for level in sorted(rule.satisfied)[::-1]]
        with force_locale(language):
            base = gettext("counted ratings") if rule.base == "rated" else gettext("invitations")
            text = gettext("satisfied: %(levels)s; base: %(base)s")
            return str(text % {"levels": " + ".join(names), "base": base})

    chinese, english = LANGUAGES
    return Words(said(chinese, "zh"), said(english, "en"))


def build() -> str:
    """Changes with what a screen's page is made of, so that an old one loads itself anew."""
    from collector.web.shown import static_url  # it imports the pages, which import this

    parts: list[Any] = [static_url(f"css/{name}.css") for name in ("tokens", "screen")]
    parts += [static_url("js/screen.js"), screen_words(), TEMPLATE.read_bytes()]
    return sha256(repr(parts).encode()).hexdigest()[:12]

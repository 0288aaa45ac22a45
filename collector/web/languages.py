"""The two languages of the screens, and how dates and names read in each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from babel.dates import format_date
from flask import Flask, g, request, session
from flask_babel import Babel, get_locale

from collector.web import bearer
from firmware_config.levels import LEVEL_NAMES, Level

LANGUAGES: Final = {"zh_CN": "中文", "en": "English"}
"""Catalogue → its own name. The first is the default: a hall's screens are Chinese first."""
DEFAULT_LANGUAGE: Final = "zh_CN"
_CHINESE: Final = {int(level): names.zh for level, names in LEVEL_NAMES.items()}
_ENGLISH: Final = {int(level): names.en for level, names in LEVEL_NAMES.items()}


def language() -> str:
    """The visitor's language: the one chosen, else Chinese; a program's: the one it asks for."""
    if bearer.is_shown():
        asked = request.accept_languages.best_match(["zh-CN", "zh", "en"], default="zh")
        return asked if asked in LANGUAGES else DEFAULT_LANGUAGE
    chosen = session.get("language", DEFAULT_LANGUAGE)
    return chosen if chosen in LANGUAGES else DEFAULT_LANGUAGE


def is_chinese() -> bool:
    """Whether this page is in Chinese; asked for every name on it, so it is kept."""
    if "is_chinese" not in g:
        locale = get_locale()
        g.is_chinese = locale is None or locale.language == "zh"
    return bool(g.is_chinese)


def html_language() -> str:
    """The page's language as HTML names it."""
    return "zh-CN" if is_chinese() else "en"


def place_name(place: Any) -> str:
    """The name of a hall, department or window in the page's language."""
    return str(place.name if is_chinese() else place.name_en)


def level_names() -> Mapping[int, str]:
    """Level → its name in the page's language."""
    return _CHINESE if is_chinese() else _ENGLISH


def level_name(level: int) -> str:
    """The name of a level in the page's language."""
    return level_names()[level]


def level_face(level: int) -> str:
    """The mark of a level that needs no colour."""
    return LEVEL_NAMES[Level(level)].face


def long_date(on: date) -> str:
    """A date with its weekday: 2026年5月1日 星期五, or Friday, 1 May 2026."""
    pattern = "y年M月d日 EEEE" if is_chinese() else "EEEE, d MMMM y"
    return format_date(on, pattern, locale="zh_CN" if is_chinese() else "en")


def short_date(on: date) -> str:
    """A date for tables and labels: 2026-05-01 in both languages."""
    return on.isoformat()


def clock_time(at: datetime) -> str:
    """A time of day with seconds, 24 hours."""
    return at.strftime("%H:%M:%S")


def speak(app: Flask) -> None:
    """Give an application its languages."""
    Babel(app, locale_selector=language, default_locale=DEFAULT_LANGUAGE)

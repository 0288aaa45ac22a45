"""A language for texts that are made outside a page, by the timer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask_babel import force_locale

from collector.web import languages


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """What is translated inside is in this language.

    Args:
        language: a key of `languages.LANGUAGES`.
    """
    app = Flask("collector.web")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    languages.speak(app)
    with app.test_request_context(), force_locale(language):
        yield

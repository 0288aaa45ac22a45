"""Keeps the two catalogues complete: `python -m collector.web.catalogues` after changing a text.

Texts in code and templates are English. The Chinese catalogue is written by people; the English
one repeats the text, so that both are checked in the same way. The compiled files are kept beside
them, because a fresh clone must be able to speak without a build step.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

from collector.web.languages import LANGUAGES
from firmware_config.files import write_atomically

WEB: Final = Path(__file__).parent
FOLDER: Final = WEB / "translations"
_NO_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Compiled files change only with the texts."""
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS: Final = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
_KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
}


def extracted() -> Catalog:
    """Every text that code and templates ask a translation for."""
    catalog = Catalog(project="yiping", charset="utf-8")
    found = extract_from_dir(WEB, _METHODS, _OPTIONS, _KEYWORDS)
    for path, _line, message, _comments, context in sorted(found, key=lambda f: (f[0], f[1])):
        catalog.add(message, None, [(path, 1)], context=context)
    return catalog


def po_path(language: str) -> Path:
    """The catalogue of a language, for people.

    Its folder has the name Babel resolves the language to (zh_CN is zh_Hans_CN there): Flask-Babel
    looks for that name only, and shows untranslated texts without a word when it is not found.
    """
    return FOLDER / str(Locale.parse(language)) / "LC_MESSAGES" / "messages.po"


def mo_path(language: str) -> Path:
    """The same, compiled."""
    return po_path(language).with_suffix(".mo")


def read(language: str) -> Catalog:
    """The catalogue of a language as it is kept."""
    with po_path(language).open("rb") as file:
        return pofile.read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """A catalogue compiled; texts without a translation are left out."""
    buffer = io.BytesIO()
    catalog.creation_date = catalog.revision_date = _NO_DATE
    write_mo(buffer, catalog)
    return buffer.getvalue()


def missing(catalog: Catalog) -> list[Message]:
    """Messages of a catalogue without a complete, certain translation."""
    return [message for message in catalog if message.id and not _is_complete(message)]


def _is_complete(message: Message) -> bool:
    forms = [message.string] if isinstance(message.string, str) else message.string
    return not message.fuzzy and bool(forms) and all(forms or ())


def update(language: str) -> Catalog:
    """Bring one catalogue up to the texts in use; known translations stay."""
    catalog = read(language) if po_path(language).exists() else Catalog(locale=language)
    catalog.project, catalog.version, catalog.fuzzy = "yiping", "1", False
    catalog.header_comment = f"# Texts of the dashboard: {LANGUAGES[language]}"
    template = extracted()
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    if language == "en":
        for message in catalog:
            if message.id:
                message.string = message.id
    return catalog


def text_of(catalog: Catalog) -> bytes:
    """A catalogue as its `.po` file; without times, so that it changes only with the texts."""
    buffer = io.BytesIO()
    pofile.write_po(
        buffer, catalog, omit_header=False, sort_output=True, include_lineno=False, width=100
    )
    kept = [
        line
        for line in buffer.getvalue().decode("utf-8").splitlines()
        if not line.startswith(
            (
                '"POT-Creation-Date',
                '"PO-Revision-Date',
                '"Generated-By',
                '"Last-Translator',
                '"Language-Team',
                '"Report-Msgid-Bugs-To',
            )
        )
    ]
    return ("\n".join(kept).strip() + "\n").encode("utf-8")


def main() -> int:
    """Update and compile both catalogues; 1 when a translation is missing."""
    count = 0
    for language in LANGUAGES:
        catalog = update(language)
        write_atomically(po_path(language), text_of(catalog))
        catalog = read(language)
        write_atomically(mo_path(language), compiled(catalog))
        for message in missing(catalog):
            sys.stdout.write(f"{po_path(language)}: no translation: {message.id!r}\n")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

"""The text of each page of a PDF that Chromium printed: enough of the format for its own output."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\s*(.*?)endobj", re.S)
_LENGTH = re.compile(rb"/Length\s+(\d+)")


def page_texts(content: bytes) -> list[str]:
    """The text of each page, in order, glyphs mapped by the fonts' own ToUnicode tables."""
    objects = {int(number): body for number, body in _OBJECT.findall(content)}
    pages = [body for body in objects.values() if re.search(rb"/Type\s*/Page\b(?!s)", body)]
    return [_page_text(page, objects) for page in pages]


def _stream(body: bytes) -> bytes:
    head, _separator, rest = body.partition(b"stream\n")
    length = _LENGTH.search(head)
    assert length is not None
    raw = rest[: int(length[1])]
    return zlib.decompress(raw) if b"/FlateDecode" in head else raw


def _page_text(page: bytes, objects: dict[int, bytes]) -> str:
    resources = page
    reference = re.search(rb"/Resources\s+(\d+) 0 R", page)
    if reference:
        resources = objects[int(reference[1])]
    fonts = {}
    for name, number in re.findall(rb"/(F\d+)\s+(\d+) 0 R", resources):
        to_unicode = re.search(rb"/ToUnicode\s+(\d+) 0 R", objects[int(number)])
        if to_unicode:
            fonts[name] = _glyphs(_stream(objects[int(to_unicode[1])]))
    contents = re.search(rb"/Contents\s+(\d+) 0 R", page)
    assert contents is not None
    return _shown(_stream(objects[int(contents[1])]), fonts)


def _glyphs(table: bytes) -> dict[int, str]:
    glyphs: dict[int, str] = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.S):
        for glyph, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            glyphs[int(glyph, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.S):
        for first, last, text in re.findall(
            rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block
        ):
            begin = int(text, 16)
            for at, glyph in enumerate(range(int(first, 16), int(last, 16) + 1)):
                glyphs[glyph] = chr(begin + at)
    return glyphs


def _shown(commands: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    text, font = [], {}
    for name, shown in re.findall(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>", commands):
        if name:
            font = fonts.get(name, {})
        else:
            codes = [int(shown[at : at + 4], 16) for at in range(0, len(shown), 4)]
            text.append("".join(font.get(code, "") for code in codes))
    return "".join(text)

"""Both languages are complete, and no page mixes them."""

from __future__ import annotations

import gettext
import html
import io
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment, nodes

from collector.web import catalogues
from collector.web.languages import LANGUAGES

PAGES = (
    "/",
    "/?period=30-days",
    "/ratings",
    "/ratings?level=9",
    "/departments?period=30-days&sort=rate",
    "/departments/tax?period=30-days",
    "/departments/tax?period=year",
    "/windows",
    "/windows/a01?period=7-days",
    "/integrity",
    "/bad-ratings",
    "/bad-ratings?state=x",
    "/corrections/find?case_no=x",
    "/displays",
    "/nowhere",
    "/departments?period=x",
    "/departments?from=2026-02-30&to=2026-03-01",
    "/windows?sort=x",
)
LEFT_AS_THEY_ARE = {
    # names of things that have no other
    "satisfied-4-5", "rated", "v1", "RFC", "English", "zhang", "signature", "malformed", "a01-1",
    # what a visitor typed, and words of the address
    "period", "today", "7-days", "30-days", "days", "week", "month", "quarter", "year", "sort",
    "level", "place", "department", "invited", "participation", "rate", "bad", "from", "x", "s",
    "state", "open", "rectified", "closed", "excluded",
}  # fmt: skip


def words(page: str) -> str:
    """What a person reads of a page or is told by it, without figures and ids."""
    attributes = re.findall(r'(?:aria-label|title|placeholder)="([^"]*)"', page)
    body = re.sub(r"(?s)<(script|template|code)\b.*?</\1>", " ", page)
    chart = re.findall(r"data-words='([^']*)'", page)
    text = " ".join([re.sub(r"<[^>]+>", " ", body), *attributes])
    return html.unescape(text) + " ".join(re.sub(r'"[a-z0-9]+":', " ", c) for c in chart)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_text_and_no_other(language: str) -> None:
    used = {str(m.id) for m in catalogues.extracted() if m.id}
    kept = {str(m.id) for m in catalogues.read(language) if m.id}
    assert len(used) > 100
    assert kept == used


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_complete(language: str) -> None:
    assert [m.id for m in catalogues.missing(catalogues.read(language))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_the_written_one(language: str) -> None:
    # by content: the header names the version of the program that compiled it
    kept = gettext.GNUTranslations(io.BytesIO(catalogues.mo_path(language).read_bytes()))
    fresh = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(catalogues.read(language))))
    texts = [{k: v for k, v in t._catalog.items() if k} for t in (kept, fresh)]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_its_placeholders(language: str) -> None:
    for message in catalogues.read(language):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else message.string
        for text in strings or ():
            names = set(re.findall(r"%\(\w+\)[sd]", text))
            assert names == set(re.findall(r"%\(\w+\)[sd]", ids[-1])), message.id


def test_missing_translations_are_found(tmp_path: Path) -> None:
    catalog = catalogues.read("zh_CN")
    catalog.add("a text nobody has translated")
    assert [m.id for m in catalogues.missing(catalog)] == ["a text nobody has translated"]


@pytest.mark.parametrize("path", PAGES)
def test_a_chinese_page_has_no_english_words(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert 'lang="zh-CN"' in page
    found = set(re.findall(r"[A-Za-z][A-Za-z0-9'-]+", words(page)))
    ids = {word for word in found if re.fullmatch(r"[A-Ea-e]\d\d(-[12])?|w-[a-e]\d\d|rated", word)}
    cases = {word for word in found if re.fullmatch(r"[a-e]\d{8}|[\w-]{10,}", word)}
    assert found - LEFT_AS_THEY_ARE - ids - cases == set()


@pytest.mark.parametrize("path", PAGES)
def test_an_english_page_has_no_chinese_words(english: FlaskClient, path: str) -> None:
    page = english.get(path).text
    assert 'lang="en"' in page
    assert set(re.findall(r"[\u3000-\u9fff\uff00-\uffef]+", words(page))) == {"中文"}


def test_the_sign_in_page_speaks_both(visitor: FlaskClient) -> None:
    page = visitor.get("/login").text
    assert "登录" in page
    assert "Sign in" not in page


def test_an_unknown_language_in_the_cookie_is_chinese(client: FlaskClient) -> None:
    with client.session_transaction() as kept:
        kept["language"] = "tlh"
        kept["theme"] = "neon"
    page = client.get("/").text
    assert 'lang="zh-CN"' in page
    assert 'data-theme="auto"' in page


def test_no_text_is_computed_once_for_both_languages(app: Flask) -> None:
    # Jinja computes a filter of a literal when it compiles the template: in the first visitor's
    # language, for everybody until the next start
    environment = app.jinja_env
    ours = environment.filters.keys() - Environment().filters.keys()
    found = []
    for name in environment.list_templates(extensions=["html"]):
        loaded = environment.loader.get_source(environment, name)[0] if environment.loader else ""
        for node in environment.parse(loaded).find_all(nodes.Filter):
            if node.name in ours and isinstance(node.node, nodes.Const):
                found.append((name, node.lineno, node.name))
    assert found == []


def test_a_page_speaks_the_language_of_each_visitor(client: FlaskClient) -> None:
    page = client.get("/ratings").text
    assert 'value="clerk">工作人员按键<' in page
    with client.session_transaction() as kept:
        kept["language"] = "en"
    page = client.get("/ratings").text
    assert "工作人员按键" not in page
    assert 'value="clerk">clerk' in page


@pytest.mark.parametrize(
    ("text", "place"),
    [
        # 编号: what one signs in with is a 验证码
        ("Code", "reports/columns.py"),
        # 大厅编号: the hall's id, not its name
        ("Hall", "templates/integrity/checkpoint.html"),
    ],
)
def test_a_word_of_two_meanings_stands_for_one(text: str, place: str) -> None:
    (message,) = (m for m in catalogues.extracted() if m.id == text)
    assert [name for name, _line in message.locations] == [place]

"""Checkpoints on the ledger's page, and the sheet that is printed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
import segno
from flask.testing import FlaskClient

from collector.ledger.checkpoints import KeptCheckpoint, make_checkpoint
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from firmware_config.chain import b64url, split_token
from firmware_config.keys import SigningKey

KEY = SigningKey.from_seed(b"collector key for the test suite")
MADE_MS = 1_778_601_601_000
"""2026-05-13 00:00:01 in Shanghai."""


class Kept(NamedTuple):
    """Two checkpoints of one ledger: of its first life, and of the one after a restore."""

    first: KeptCheckpoint
    second: KeptCheckpoint


@pytest.fixture
def kept(ledger: Path) -> Kept:
    with closing(open_ledger(ledger)) as db:
        first = make_checkpoint(db, date(2026, 5, 11), hall="yunze", key=KEY, now_ms=MADE_MS - 1000)
        begin_gen(db, "restored", MADE_MS)
        second = make_checkpoint(db, date(2026, 5, 12), hall="yunze", key=KEY, now_ms=MADE_MS)
    return Kept(first, second)


def text_of(page: str) -> str:
    """What a person reads of a page, white space made one space."""
    body = re.sub(r"(?s)<(script|svg|template|head)\b.*?</\1>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()


def test_the_ledgers_page_lists_checkpoints_and_lives(client: FlaskClient, kept: Kept) -> None:
    page = client.get("/integrity").text
    shown = text_of(page)
    assert f"2026-05-12 {kept.second.size:,} " in shown
    assert shown.rindex("2026-05-12") < shown.rindex("2026-05-11")
    assert f'href="/integrity/checkpoints/{kept.second.id}"' in page
    assert f"{kept.second.gen[:12]}… 由备份恢复 " in shown
    assert f"{kept.first.gen[:12]}… 新建 " in shown


def test_the_interface_for_machines_gives_the_tokens(client: FlaskClient, kept: Kept) -> None:
    answer = client.get("/api/v1/integrity").json
    assert answer is not None
    newest = answer["checkpoints"][0]
    assert newest["token"] == kept.second.token.decode()
    assert (newest["on"], newest["size"]) == ("2026-05-12", kept.second.size)
    assert [life["reason"] for life in answer["lives"]] == ["made", "restored"]


def test_a_ledger_without_a_checkpoint_says_so(client: FlaskClient) -> None:
    assert "暂无；当日结束后生成第一个。" in text_of(client.get("/integrity").text)


def test_the_sheet_says_everything_that_was_signed(client: FlaskClient, kept: Kept) -> None:
    shown = text_of(client.get(f"/integrity/checkpoints/{kept.second.id}").text)
    digits = kept.second.root.hex()
    for part in (
        "云泽市政务服务大厅",
        "2026年5月12日",
        f"{kept.second.size:,}",
        " ".join(digits[at : at + 4] for at in range(0, 64, 4)),
        b64url(kept.second.root).decode(),
        "2026-05-13 00:00:01 (UTC+0800)",
        kept.second.gen,
        kept.first.gen,
        KEY.kid,
        kept.second.token.decode(),
        "签字",
        "盖章",
        "collector checkpoint check FILE",
    ):
        assert part in shown, part
    of_the_first = text_of(client.get(f"/integrity/checkpoints/{kept.first.id}").text)
    assert "上一库代号" not in of_the_first


def test_the_sheet_is_complete_in_english(english: FlaskClient, kept: Kept) -> None:
    page = english.get(f"/integrity/checkpoints/{kept.second.id}").text
    shown = text_of(page)
    assert set(re.findall(r"[\u3000-\u9fff\uff00-\uffef]+", shown)) == {"中文"}
    for part in ("Checkpoint of the ledger", "Signature", "Stamp", "Witness", "up to record"):
        assert part in shown


def test_the_chinese_sheet_has_no_english_words(client: FlaskClient, kept: Kept) -> None:
    page = client.get(f"/integrity/checkpoints/{kept.second.id}").text
    shown = text_of(re.sub(r"(?s)<code.*?</code>", " ", page))
    assert set(re.findall(r"[A-Za-z]{2,}", shown)) <= {"English", "zhang", "UTC"}


def test_the_code_is_the_token_and_breaks_no_policy(client: FlaskClient, kept: Kept) -> None:
    answer = client.get(f"/integrity/checkpoints/{kept.second.id}")
    [drawn] = re.findall(r"(?s)<figure class=\"sheet-code\">(<svg.*?</svg>)", answer.text)
    assert "style" not in drawn
    assert "script" not in drawn
    assert dark_modules(drawn) == {
        (x, y)
        for y, row in enumerate(
            segno.make_qr(kept.second.token.decode(), error="m").matrix_iter(border=2)
        )
        for x, is_dark in enumerate(row)
        if is_dark
    }
    token = split_token(kept.second.token)
    assert KEY.public.is_signed(token.signing_input, token.signature)


def dark_modules(svg: str) -> set[tuple[int, int]]:
    """The dark modules that the lines of a code's path cover."""
    [path] = re.findall(r' d="([^"]+)"', svg)
    found: set[tuple[int, int]] = set()
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if command == "h":
            found |= {(round(x) + at, int(y)) for at in range(round(values[0]))}
            x += values[0]
        elif command == "M":
            x, y = values
        else:
            x, y = x + values[0], y + values[1]
    return found


@pytest.mark.parametrize("number", ["0", "3", "99999999999999999999999", "-1", "x"])
def test_a_checkpoint_that_is_not_there_is_not_found(
    client: FlaskClient, kept: Kept, number: str
) -> None:
    assert kept.second.id == 2
    assert client.get(f"/integrity/checkpoints/{number}").status_code == 404


def test_a_stranger_sees_no_sheet(
    visitor: FlaskClient, kept: Kept, sign_in: Callable[..., int]
) -> None:
    path = f"/integrity/checkpoints/{kept.second.id}"
    assert visitor.get(path).status_code == 302
    assert sign_in(visitor) == 302
    assert visitor.get(path).status_code == 200


def test_devices_that_refuse_a_checkpoint_are_named(client: FlaskClient, ledger: Path) -> None:
    assert 'role="alert"' not in client.get("/integrity").text
    health = {"v": 1, "uptime_s": 1, "head": 1, "stored": 1, "archived": 0}
    with closing(open_ledger(ledger)) as db:
        for code, alarms in (("w-a01", ["checkpoint"]), ("w-a02", ["disk-low"])):
            said = json.dumps({**health, "dev": code, "alarms": alarms}).encode()
            db.execute(
                "INSERT INTO device_status (device, state, status_ms, status, health_ms, health)"
                " SELECT id, 'online', 0, x'', 0, ? FROM devices WHERE code = ? ON CONFLICT DO"
                " UPDATE SET health = excluded.health",
                [said, code],
            )
        db.execute("UPDATE device_status SET health = x'00' WHERE device = 3")
    page = client.get("/integrity").text
    [notice] = re.findall(r'(?s)role="alert">(.*?)</p>', page)
    assert re.findall(r"<code>(.*?)</code>", notice) == ["w-a01"]
    answer = client.get("/api/v1/integrity").json
    assert answer is not None
    assert answer["refusing"] == ["w-a01"]


def test_the_ledgers_page_lists_the_newest_purges(client: FlaskClient, ledger: Path) -> None:
    assert "清除记录" not in client.get("/integrity").text
    with closing(open_ledger(ledger)) as db:
        for number in range(1, 8):
            token = KEY.token(b"a purge") if number != 7 else None
            rule, up_to = ("records", 256 * number) if number < 6 else ("quarantine", 0)
            db.execute(
                "INSERT INTO purges VALUES (?, ?, ?, ?, ?, ?, x'', 'me', ?)",
                [number, rule, MADE_MS + number, MADE_MS - 86_400_000, 1000 + number, up_to, token],
            )
    page = client.get("/integrity").text
    shown = text_of(page[page.index("清除记录") :])
    assert "隔离区 1,007 2026-05-12 00:00 — 无" in shown
    assert "记录 1,005 2026-05-12 00:00 1,280 有" in shown
    assert shown.index("1,007") < shown.index("1,003")
    assert "1,002" not in shown
    told = client.get("/api/v1/integrity").json["purges"]
    assert [row["number"] for row in told] == [1003, 1004, 1005, 1006, 1007]
    assert [row["signed"] for row in told] == [True] * 4 + [False]
    assert told[0]["before"] == "2026-05-11T16:00:01.000Z"

"""One record's page: what it says, and that every check fails when what it checks is altered."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.add_corrections import add_corrections, last_ratings
from bench.make_ledger import make_ledger
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.migrations import open_ledger
from collector.ledger.purge import plan_purge, purge_records
from collector.merkle import leaf_hash
from collector.web.dashboard import Dashboard
from collector.web.records.words import key_text
from firmware_config.chain import split_token, unb64url
from firmware_config.keys import SigningKey
from firmware_config.merkle_proof import is_included

UNTIL = datetime.fromisoformat("2026-05-13T10:05:00+08:00")
UNTIL_MS = int(UNTIL.timestamp() * 1000)


@pytest.fixture(scope="session")
def signed_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of the sample hall, really signed, with a checkpoint over it."""
    path = tmp_path_factory.mktemp("signed") / "ledger.db"
    make_ledger(path, 1, until=UNTIL, is_signed=True)
    with closing(open_ledger(path)) as db:
        make_checkpoint(
            db,
            date(2026, 5, 12),
            hall="yunze",
            key=SigningKey.from_seed(bytes(32)),
            now_ms=UNTIL_MS,
        )
    return path


@pytest.fixture
def made_ledger(signed_ledger: Path) -> Path:
    """In place of the larger one, whose records carry no signatures."""
    return signed_ledger


@pytest.fixture
def alter(ledger: Path) -> Iterator[Callable[..., None]]:
    """Writes past the guards, as somebody with the file could."""
    connection = sqlite3.connect(ledger)
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")

    def run(sql: str, *values: object) -> None:
        changed = connection.execute(sql, values)
        assert changed.rowcount > 0
        connection.commit()

    yield run
    connection.close()


@pytest.fixture
def rating(client: FlaskClient) -> dict[str, Any]:
    """The hall's last rating, as the API lists it."""
    told = client.get("/api/v1/ratings?level=5&from=2026-05-13&to=2026-05-13").json
    found: dict[str, Any] = told["ratings"][0]
    return found


def address(one: dict[str, Any], seq: int | None = None) -> str:
    return f"/records/{one['device']}/{one['epoch']}/{one['seq'] if seq is None else seq}"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def checks(page: str) -> list[str]:
    return re.findall(r'class="check check-([a-z]+)"', page)


def test_a_record_says_what_was_signed_and_that_it_is_unaltered(
    client: FlaskClient, rating: dict[str, Any]
) -> None:
    page = client.get(address(rating)).text
    told = client.get(f"/api/v1{address(rating)}").json
    assert checks(page) == ["right"] * 4
    assert told["payload"]["level"] == rating["level"]
    assert told["payload"]["case_no"] == rating["case_no"]
    assert told["position"] == rating["position"]
    assert told["token"] in page
    assert rating["case_no"] in page
    assert "作出评价" in page
    assert "2026-05-12 的检查点见证" in page
    assert split_token(told["token"].encode()).payload
    assert (told["digest_is_right"], told["signature_is_right"], told["link_is_right"]) == (
        *(True, True, True),
    )


def test_the_proof_can_be_checked_by_anyone(client: FlaskClient, rating: dict[str, Any]) -> None:
    told = client.get(f"/api/v1{address(rating)}").json
    proof = told["inclusion"]
    token = split_token(told["token"].encode())
    assert is_included(
        leaf_hash(token.digest),
        proof["index"],
        proof["size"],
        [unb64url(one.encode()) for one in proof["proof"]],
        unb64url(proof["root"].encode()),
    )
    assert proof["holds"] is True
    assert proof["checkpoint"]["on"] == "2026-05-12"


def test_records_lead_to_their_neighbours(client: FlaskClient, rating: dict[str, Any]) -> None:
    seq = rating["seq"]
    before = client.get(f"/api/v1{address(rating, seq - 1)}").json
    assert before["kind"] == "INVITED"
    assert client.get(f"/api/v1{address(rating)}").json["previous"] == before["digest"]
    assert f'href="{address(rating, seq - 1)}"' in client.get(address(rating)).text
    first = client.get(address(rating, 1)).text
    assert checks(first) == ["right"] * 4
    assert "第一条记录" in first


def test_every_kind_of_field_is_told_in_words(client: FlaskClient, rating: dict[str, Any]) -> None:
    page = text_of(client.get(address(rating, rating["seq"] - 1)).text)
    assert "发起邀评" in page
    for word in ("邀评方式", "工作人员按键", "工号", "设备时钟", "已同步", "办件编号"):
        assert word in page


ALTERED = {
    "signature": "signature = zeroblob(64)",
    "level": "payload = CAST(replace(CAST(payload AS TEXT), '\"level\":5', '\"level\":1') AS BLOB)",
    "digest": "digest = randomblob(32)",
}


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("signature", ["wrong", "wrong", "right", "right"]),
        ("level", ["wrong", "wrong", "right", "right"]),
        ("digest", ["right", "wrong", "right", "wrong"]),
    ],
)
def test_an_altered_record_shows(
    client: FlaskClient,
    rating: dict[str, Any],
    alter: Callable[..., None],
    what: str,
    expected: list[str],
) -> None:
    """Of signature, digest, link and tree those that are wrong now."""
    alter(f"UPDATE records SET {ALTERED[what]} WHERE position = ?", rating["position"])
    assert checks(client.get(address(rating)).text) == expected


def test_a_record_that_was_put_in_between_shows(
    client: FlaskClient, rating: dict[str, Any], alter: Callable[..., None]
) -> None:
    alter(
        "UPDATE records SET digest = randomblob(32) WHERE epoch = (SELECT epoch FROM records"
        " WHERE position = ?1) AND seq = (SELECT seq - 1 FROM records WHERE position = ?1)",
        rating["position"],
    )
    found = client.get(f"/api/v1{address(rating)}").json
    assert found["link_is_right"] is False
    assert found["signature_is_right"] is True


def test_a_gap_before_it_is_said_and_is_no_mistake(
    client: FlaskClient, rating: dict[str, Any], alter: Callable[..., None]
) -> None:
    alter(
        "DELETE FROM records WHERE epoch = (SELECT epoch FROM records WHERE position = ?1) AND"
        " seq = (SELECT seq - 1 FROM records WHERE position = ?1)",
        rating["position"],
    )
    page = client.get(address(rating)).text
    assert checks(page)[2] == "unknown"
    assert "无法核验与前一条记录的链接" in page


def test_the_state_of_a_correction_stands_at_the_record(
    client: FlaskClient, dashboard: Dashboard, ledger: Path
) -> None:
    [one] = last_ratings(ledger, "a01", 1)
    path = f"/records/{one.device}/{one.epoch}/{one.seq}"
    assert "申请剔除" in client.get(path).text
    [number] = add_corrections(dashboard.corrections, [one], now_ms=dashboard.clock())
    page = client.get(path).text
    assert f'href="/corrections/{number}"' in page
    assert "申请剔除" not in page
    told = client.get(f"/api/v1{path}").json
    assert told["correction"] == {"id": number, "state": "approved"}


def test_of_a_purged_record_what_is_left_is_told(
    client: FlaskClient, ledger: Path, rating: dict[str, Any]
) -> None:
    with closing(open_ledger(ledger)) as db:
        db.execute("UPDATE epochs SET archived = head")
        row = db.execute(
            "SELECT d.code, e.epoch, r.seq, o.case_no, r.digest, o.level FROM records r"
            " JOIN outcomes o ON o.position = r.position JOIN epochs e ON e.id = r.epoch"
            " JOIN devices d ON d.id = e.device WHERE o.level IS NOT NULL ORDER BY r.position"
        ).fetchone()
        plan = plan_purge(db.conn, UNTIL_MS)
        purged = list(
            purge_records(
                db, plan, by="test", sign=lambda _purged: b"signed", clock_ms=lambda: UNTIL_MS
            )
        )
    assert purged
    device, epoch, seq, case_no, digest, level = row
    path = f"/records/{device}/{epoch}/{seq}"
    page = client.get(path).text
    assert checks(page) == ["unknown", "unknown", "unknown", "right"]
    assert "该记录已按保存期限规则清除" in page
    assert case_no not in page
    told = client.get(f"/api/v1{path}").json
    assert told["purged"] is True
    assert (told["token"], told["payload"]) == (None, None)
    assert unb64url(told["digest"].encode()) == digest
    assert told["inclusion"]["holds"] is True
    listed = client.get("/api/v1/ratings?from=2026-05-13&to=2026-05-13&outcome=rated").json
    assert listed["number"] > 100
    assert client.get(f"/api/v1/ratings?level={level}").status_code == 200
    invitation = client.get(f"/records/{device}/{epoch}/{seq - 1}")
    assert invitation.status_code == 200
    assert "无法辨认" in invitation.text
    assert client.get(f"/api/v1/records/{device}/{epoch}/{seq - 1}").status_code == 404
    # the newest are there as before, also the first one after the cut
    assert checks(client.get(address(rating)).text) == ["right"] * 4


def test_the_record_after_the_newest_checkpoint_is_proven_by_the_tree_as_it_is(
    client: FlaskClient, ledger: Path, alter: Callable[..., None], rating: dict[str, Any]
) -> None:
    alter("DELETE FROM checkpoints")
    told = client.get(f"/api/v1{address(rating)}").json
    assert told["inclusion"]["checkpoint"] is None
    assert told["inclusion"]["holds"] is True
    assert "将由下一个检查点见证" in client.get(address(rating)).text


@pytest.mark.parametrize(
    "path",
    [
        "/records/none/x/1",
        "/records/w-a01/none/1",
        "/records/{device}/{epoch}/0",
        "/records/{device}/{epoch}/999999",
        "/records/{device}/{epoch}/-1",
        "/records/{device}/{epoch}/x",
        "/records/{device}/{epoch}/9999999999999999999999",
        "/records/%F0%9F%92%A9/%00/1",
    ],
)
def test_what_is_no_record_is_not_found(
    client: FlaskClient, rating: dict[str, Any], path: str
) -> None:
    path = path.format(**rating)
    for address_of in (path, f"/api/v1{path}"):
        assert client.get(address_of).status_code == 404


def test_a_place_in_the_ledger_leads_to_its_record(
    client: FlaskClient, rating: dict[str, Any]
) -> None:
    answer = client.get(f"/records/at/{rating['position']}")
    assert (answer.status_code, answer.location) == (302, address(rating))
    for position in (0, 10**14):
        assert client.get(f"/records/at/{position}").status_code == 404
    live = client.get("/").text
    newest = client.get("/api/v1/live").json["latest"]
    assert newest
    for one in newest:
        assert f'href="/records/at/{one["position"]}"' in live


def test_a_bad_rating_and_its_record_lead_to_each_other(client: FlaskClient) -> None:
    found = client.get("/api/v1/bad-ratings?period=today").json["ratings"]
    assert found
    name = f"{found[0]['device']}/{found[0]['epoch']}/{found[0]['seq']}"
    assert f'href="/bad-ratings/{name}"' in client.get(f"/records/{name}").text
    assert f'href="/records/{name}"' in client.get(f"/bad-ratings/{name}").text


def test_a_key_is_told_by_its_level_and_its_own_name(app: Flask) -> None:
    with app.test_request_context():
        assert key_text("very-dissatisfied").startswith("非常不满意 <code")
        assert ">very-dissatisfied<" in key_text("very-dissatisfied")
        assert key_text("screen-5").startswith("非常满意 <code")
        assert key_text("key") == "key"

"""The audit trail: only added to, chained, kept six months, shipped to syslog."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.office.audit import AuditTrail, Entry, digest_of
from collector.office.audit_pruning import DAY_MS, KEPT_DAYS, ChainBroken, TooYoung, prune
from collector.office.audit_reading import Asked, AuditReader
from collector.office.audit_shipping import Shipping, SyslogUnreachable
from collector.office.database import Office

NOW_MS = 1_778_650_000_000
BY = Entry(
    made_ms=NOW_MS,
    account="li",
    role="administrator",
    address="10.0.0.1",
    action="account.add",
    subject="zhang",
    facts={"role": "director"},
)


@pytest.fixture
def trail(office: Office) -> AuditTrail:
    return AuditTrail(office)


def fill(trail: AuditTrail, days_ago: list[float]) -> None:
    for number, days in enumerate(days_ago):
        made_ms = NOW_MS - int(days * DAY_MS)
        trail.add(replace(BY, made_ms=made_ms, subject=f"account {number}"))


def broken(office: Office, *statements: str) -> int | None:
    """Do something no rule of the schema allows, and say where the chain breaks."""
    connection = sqlite3.connect(office.path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return AuditReader(office).verify().broken_at


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET account = 'wang' WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT id, made_ms, 'wang', role, address, action, subject,"
        " facts, digest FROM audit WHERE id = 2",
        "INSERT INTO audit_prunes VALUES (2, 2, 0, 1778649999999, 1778650000000, x'00')",
    ],
)
def test_no_statement_changes_or_removes_an_entry(
    office: Office, trail: AuditTrail, statement: str
) -> None:
    fill(trail, [3, 2, 1])
    with pytest.raises(sqlite3.IntegrityError):
        office.database.execute(statement)
    assert AuditReader(office).verify().broken_at is None
    assert AuditReader(office).count(Asked()) == 3


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE audit SET account = 'wang' WHERE id = 2", 2),
        ("UPDATE audit SET facts = '{}' WHERE id = 3", 3),
        ("UPDATE audit SET made_ms = made_ms + 1 WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("UPDATE audit SET id = 9 WHERE id = 3", 9),
        ("UPDATE audit SET digest = zeroblob(32) WHERE id = 2", 2),
    ],
)
def test_a_change_behind_the_schemas_back_is_found(
    office: Office, trail: AuditTrail, statement: str, at: int
) -> None:
    fill(trail, [3, 2, 1])
    assert broken(office, statement) == at


def test_who_forges_an_entry_with_its_digest_breaks_the_next(
    office: Office, trail: AuditTrail
) -> None:
    fill(trail, [3, 2, 1])
    [(before,), (made_ms,)] = (
        office.database.execute(f"SELECT {column} FROM audit WHERE id = {id}").fetchone()
        for column, id in (("digest", 1), ("made_ms", 2))
    )
    forged = replace(BY, made_ms=made_ms, subject="account 1", account="wang")
    digest = digest_of(bytes(before), forged).hex()
    at = broken(office, f"UPDATE audit SET account = 'wang', digest = x'{digest}' WHERE id = 2")
    assert at == 3


def test_a_clean_chain_says_from_when_to_when(office: Office, trail: AuditTrail) -> None:
    fill(trail, [3, 2, 1])
    found = AuditReader(office).verify()
    assert (found.entries, found.broken_at) == (3, None)
    assert (found.first_ms, found.last_ms) == (NOW_MS - 3 * DAY_MS, NOW_MS - DAY_MS)


@pytest.mark.parametrize("text", ["\ud800", "a\nb", "'; DROP TABLE audit;--", "𠮷\x00", "x" * 9999])
def test_any_text_is_kept_and_the_chain_holds(office: Office, trail: AuditTrail, text: str) -> None:
    trail.add(replace(BY, subject=text, facts={"query": text, "more": (1, None, [text])}))
    trail.add(BY)
    found = AuditReader(office).verify()
    assert (found.entries, found.broken_at) == (2, None)


def test_entries_are_found_by_time_account_and_action(office: Office, trail: AuditTrail) -> None:
    fill(trail, [3, 2, 1])
    trail.add(replace(BY, account="wang", action="page.read", subject="/"))
    reader = AuditReader(office)

    def subjects(**asked: Any) -> list[str]:
        return [one.entry.subject for one in reader.newest(Asked(**asked), limit=10)]

    assert subjects(account="wang") == ["/"]
    assert subjects(action="account") == ["account 2", "account 1", "account 0"]
    assert subjects(action="acc") == []
    assert subjects(from_ms=NOW_MS - 2 * DAY_MS, to_ms=NOW_MS) == ["account 2", "account 1"]
    assert reader.actions() == ["account.add", "page.read"]
    assert reader.newest(Asked(), limit=1, skip=3)[0].id == 1


def test_an_entry_stands_or_falls_with_the_change_around_it(
    office: Office, trail: AuditTrail
) -> None:

    def fail() -> None:
        with office.transaction() as database:
            database.execute("INSERT INTO factor_roles VALUES ('director')")
            trail.add(BY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert AuditReader(office).count(Asked()) == 0
    assert not office.database.execute("SELECT 1 FROM factor_roles").fetchall()


def test_six_months_are_kept(office: Office, trail: AuditTrail) -> None:
    fill(trail, [400, 300, KEPT_DAYS + 1, KEPT_DAYS - 1, 1])
    with pytest.raises(TooYoung):
        prune(office, BY, older_than_days=KEPT_DAYS - 1)
    assert prune(office, BY, older_than_days=KEPT_DAYS) == 3
    found = AuditReader(office).verify()
    assert (found.entries, found.pruned, found.broken_at) == (3, 3, None)
    assert found.first_ms == NOW_MS - (KEPT_DAYS - 1) * DAY_MS
    (mark,) = AuditReader(office).newest(Asked(action="audit.prune"), limit=9)
    assert mark.entry.facts["entries"] == 3


def test_verification_goes_on_over_several_prunes(office: Office, trail: AuditTrail) -> None:
    fill(trail, [500, 400, 1])
    assert prune(office, BY, older_than_days=450) == 1
    assert prune(office, BY, older_than_days=KEPT_DAYS) == 1
    assert prune(office, BY, older_than_days=KEPT_DAYS) == 0
    much_later = replace(BY, made_ms=NOW_MS + 900 * DAY_MS)
    assert prune(office, much_later, older_than_days=KEPT_DAYS) == 3
    trail.add(replace(much_later, action="page.read"))
    found = AuditReader(office).verify()
    assert (found.entries, found.pruned, found.broken_at) == (2, 5, None)


def test_a_prune_that_the_chain_does_not_tell_of_is_found(
    office: Office, trail: AuditTrail
) -> None:
    fill(trail, [3, 2, 1])
    assert (
        broken(
            office,
            "INSERT INTO audit_prunes SELECT 2, 2, 0, 0, 15897600000, digest FROM audit "
            "WHERE id = 2",
            "DELETE FROM audit WHERE id <= 2",
        )
        is not None
    )


def test_a_broken_chain_is_not_pruned(office: Office, trail: AuditTrail) -> None:
    fill(trail, [400, 300, 1])
    broken(office, "UPDATE audit SET account = 'wang' WHERE id = 1")
    with pytest.raises(ChainBroken):
        prune(office, BY, older_than_days=KEPT_DAYS)
    assert AuditReader(office).count(Asked()) == 3


@pytest.fixture
def syslog() -> Any:
    """A syslog server on UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


def test_every_entry_is_sent_once_as_rfc_5424(
    office: Office, trail: AuditTrail, syslog: socket.socket
) -> None:
    fill(trail, [2, 1])
    shipping = Shipping(office, f"udp://127.0.0.1:{syslog.getsockname()[1]}", host="hall")
    assert shipping.ship() == 2
    assert shipping.ship() == 0
    trail.add(replace(BY, subject="a\nb <1> 张"))
    assert shipping.ship() == 1
    texts = [syslog.recv(65_535).decode("ascii") for _ in range(3)]
    pattern = r"<109>1 \d{4}-\d\d-\d\dT[\d:.]+Z hall yiping \d+ account\.add - (\{.*\})"
    bodies = []
    for text in texts:
        found = re.fullmatch(pattern, text)
        assert found is not None, text
        bodies.append(json.loads(found[1]))
    assert [body["id"] for body in bodies] == [1, 2, 3]
    assert bodies[2]["subject"] == "a\nb <1> 张"
    head = AuditReader(office).verify().head
    assert bodies[2]["digest"] == head


def test_what_was_not_sent_is_sent_when_the_server_is_back(
    office: Office, trail: AuditTrail
) -> None:
    fill(trail, [2, 1])
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        shipping = Shipping(office, f"tcp://127.0.0.1:{port}")
        with pytest.raises(SyslogUnreachable):
            shipping.ship()
        server.listen()
        assert shipping.ship() == 2
        server.settimeout(5)
        server.accept()[0].close()  # the probe
        connection = server.accept()[0]
        connection.settimeout(5)
        text = b""
        while chunk := connection.recv(65_535):
            text += chunk
        connection.close()
    assert text.count(b"\n") == 2


def test_a_local_socket_that_is_not_there_is_an_error_of_ours(
    office: Office, trail: AuditTrail, tmp_path: Path
) -> None:
    fill(trail, [1])
    with pytest.raises(SyslogUnreachable):
        Shipping(office, str(tmp_path / "nowhere")).ship()

"""The first start: a code, once, for an hour, and no account that anybody knows."""

from __future__ import annotations

import pytest

from collector.office.accounts import Accounts
from collector.office.database import Office
from collector.office.passwords import WeakPassword
from collector.office.roles import Role
from collector.office.setup import CODE_S, NotTheFirst, Setup

NOW_MS = 1_778_650_000_000
PASSWORD = "correct horse battery"


@pytest.fixture
def setup(office: Office, accounts: Accounts) -> Setup:
    return Setup(office, accounts)


def attempt(setup: Setup, code: str, *, at_ms: int = NOW_MS, password: str = PASSWORD) -> object:
    return setup.first_administrator(code, "li", password, address="10.0.0.1", now_ms=at_ms)[0]


def test_a_new_installation_has_no_account(accounts: Accounts, setup: Setup) -> None:
    assert accounts.all() == []
    assert setup.is_open


def test_the_code_makes_one_administrator(setup: Setup, accounts: Accounts) -> None:
    code = setup.new_code(now_ms=NOW_MS)
    assert attempt(setup, code) is not None
    (made,) = accounts.all()
    assert made.role == Role.ADMINISTRATOR
    with pytest.raises(NotTheFirst):
        attempt(setup, code)
    with pytest.raises(NotTheFirst):
        setup.new_code(now_ms=NOW_MS)


def test_it_expires_and_a_newer_one_replaces_it(setup: Setup) -> None:
    code = setup.new_code(now_ms=NOW_MS)
    assert attempt(setup, code, at_ms=NOW_MS + CODE_S * 1000) is None
    newer = setup.new_code(now_ms=NOW_MS)
    assert attempt(setup, code) is None
    assert attempt(setup, newer) is not None


def test_without_a_code_nothing_opens(setup: Setup) -> None:
    assert attempt(setup, "") is None


def test_only_its_digest_is_kept(setup: Setup, office: Office) -> None:
    code = setup.new_code(now_ms=NOW_MS)
    dump = "\n".join(office.database.conn.iterdump())
    assert code not in dump
    assert code.replace("-", "") not in dump


def test_guessing_it_is_slowed_down(setup: Setup) -> None:
    code = setup.new_code(now_ms=NOW_MS)
    waits = [
        setup.first_administrator(
            f"wrong{number}", "li", PASSWORD, address="10.0.0.1", now_ms=NOW_MS
        )[1]
        for number in range(30)
    ]
    assert waits[0] == 0
    assert waits[-1] > 0
    assert attempt(setup, code) is None  # while the delay runs
    assert attempt(setup, code, at_ms=NOW_MS + 60_000) is not None


def test_a_useless_password_leaves_the_code_in_force(setup: Setup) -> None:
    code = setup.new_code(now_ms=NOW_MS)
    with pytest.raises(WeakPassword):
        attempt(setup, code, password="12345678")
    assert attempt(setup, code) is not None

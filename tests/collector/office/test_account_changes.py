"""What an administrator changes: sessions end at once, the last administrator stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.office.account_changes import AccountChanges, LastAdministrator
from collector.office.accounts import INITIAL_S, Account, Accounts
from collector.office.database import Office
from collector.office.passwords import InvalidAccount
from collector.office.roles import Role
from collector.office.sessions import MOST_SESSIONS, Sessions, Stage, handle_of

NOW_MS = 1_778_650_000_000
PASSWORD = "correct horse battery"
Change = Callable[[AccountChanges, Account, Accounts], None]


@pytest.fixture
def changes(office: Office) -> AccountChanges:
    return AccountChanges(office)


@pytest.fixture
def sessions(office: Office) -> Sessions:
    return Sessions(office)


def start(sessions: Sessions, account: Account, at_ms: int = NOW_MS) -> str:
    return sessions.start(account, address="10.0.0.1", agent="Chromium", now_ms=at_ms)


CHANGES: dict[str, Change] = {
    "rights": lambda c, a, _: c.set_rights(a, Role.DEPARTMENT, ["tax"]),
    "disable": lambda c, a, _: c.disable(a, now_ms=NOW_MS),
    "disable on the command line": lambda _, a, all_of: all_of.disable(a.name, now_ms=NOW_MS),
    "factor": lambda c, a, _: c.require_factor(a, True),
    "password": lambda c, a, all_of: c.set_password(
        a, "another horse battery", all_of, now_ms=NOW_MS, initial=True
    ),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_change_ends_the_accounts_sessions_and_nobody_elses(
    name: str,
    changes: AccountChanges,
    sessions: Sessions,
    accounts: Accounts,
    zhang: Account,
    admin: Account,
) -> None:
    of_zhang, of_admin = start(sessions, zhang), start(sessions, admin)
    CHANGES[name](changes, zhang, accounts)
    assert not sessions.is_running(of_zhang, now_ms=NOW_MS)
    assert sessions.account_of(of_zhang, now_ms=NOW_MS) is None
    changes.enable(zhang)
    assert not sessions.is_running(of_zhang, now_ms=NOW_MS), "an old session came back"
    assert sessions.is_running(of_admin, now_ms=NOW_MS)


def test_rights_are_replaced(changes: AccountChanges, accounts: Accounts, zhang: Account) -> None:
    changes.set_rights(zhang, Role.DEPARTMENT, ["tax", "market"])
    changes.set_rights(zhang, Role.DEPARTMENT, ["market", "housing"])
    assert accounts.with_id(zhang.id).departments == {"market", "housing"}
    with pytest.raises(InvalidAccount):
        changes.set_rights(zhang, Role.DIRECTOR, ["market"])
    with pytest.raises(InvalidAccount):
        changes.set_rights(zhang, Role.DEPARTMENT, [])
    assert accounts.with_id(zhang.id).role == Role.DEPARTMENT


def test_the_last_administrator_stays(
    changes: AccountChanges, accounts: Accounts, admin: Account
) -> None:
    with pytest.raises(LastAdministrator):
        changes.disable(admin, now_ms=NOW_MS)
    with pytest.raises(LastAdministrator):
        changes.set_rights(admin, Role.DIRECTOR, [])
    assert accounts.with_id(admin.id) == admin  # rolled back as a whole
    other = accounts.add("second", PASSWORD, now_ms=NOW_MS, role=Role.ADMINISTRATOR)
    changes.disable(admin, now_ms=NOW_MS)
    with pytest.raises(LastAdministrator):
        changes.disable(other, now_ms=NOW_MS)


def test_an_initial_password_expires_and_must_be_replaced(
    changes: AccountChanges, accounts: Accounts, zhang: Account
) -> None:
    changes.set_password(zhang, "first horse battery", accounts, now_ms=NOW_MS, initial=True)
    assert accounts.with_id(zhang.id).must_change

    def signs_in(at_ms: int) -> bool:
        done = accounts.sign_in("zhang", "first horse battery", address="a", now_ms=at_ms)
        return done.account is not None

    assert signs_in(NOW_MS + INITIAL_S * 1000 - 1)
    assert not signs_in(NOW_MS + INITIAL_S * 1000)
    changes.set_password(zhang, "own horse battery", accounts, now_ms=NOW_MS, initial=False)
    assert not accounts.with_id(zhang.id).must_change
    late_ms = NOW_MS + 400 * 86_400_000  # one's own password never expires
    assert accounts.sign_in("zhang", "own horse battery", address="b", now_ms=late_ms).account


def test_a_session_that_waits_for_its_code_opens_nothing_and_ends_soon(
    sessions: Sessions, zhang: Account
) -> None:
    session_id = sessions.start(zhang, address="a", agent="b", now_ms=NOW_MS, stage=Stage.CODE)
    assert sessions.account_of(session_id, now_ms=NOW_MS) is None
    assert not sessions.is_running(session_id, now_ms=NOW_MS)
    assert sessions.of(zhang, now_ms=NOW_MS) == []
    assert sessions.account_of(session_id, now_ms=NOW_MS, stage=Stage.CODE) == zhang
    late_ms = NOW_MS + 300_000
    assert sessions.account_of(session_id, now_ms=late_ms, stage=Stage.CODE) is None


def test_sessions_are_listed_and_ended_one_by_one(
    sessions: Sessions, zhang: Account, admin: Account
) -> None:
    first, second = start(sessions, zhang), start(sessions, zhang, NOW_MS + 1)
    listed = sessions.of(zhang, now_ms=NOW_MS + 2)
    assert [one.handle for one in listed] == [handle_of(second), handle_of(first)]
    assert listed[0].address == "10.0.0.1"
    assert not sessions.end_named(admin, handle_of(first)), "somebody else's session"
    assert sessions.end_named(zhang, handle_of(first))
    assert not sessions.is_running(first, now_ms=NOW_MS)
    assert sessions.is_running(second, now_ms=NOW_MS)


def test_an_account_has_a_limited_number_of_sessions(sessions: Sessions, zhang: Account) -> None:
    ids = [start(sessions, zhang, NOW_MS + number) for number in range(MOST_SESSIONS + 3)]
    running = [one for one in ids if sessions.is_running(one, now_ms=NOW_MS + 100)]
    assert running == ids[3:]

"""Accounts and sign-ins: argon2id, delays that outlive a restart, nobody locked out by others."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from collector.office import AccountExists, Office, UnknownAccount, delay_s
from collector.office.accounts import Accounts, InvalidAccount, default_hasher
from collector.office.database import OfficeError
from collector.office.lockout import POLICIES
from collector.office.sessions import ABSOLUTE_S, Sessions

NOW_MS = 1_778_650_000_000
PASSWORD = "long enough"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "office.db")
    made.prepare()
    return made


@pytest.fixture
def accounts(office: Office) -> Accounts:
    made = Accounts(office, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    made.add("zhang", PASSWORD, now_ms=NOW_MS)
    return made


def attempts(accounts: Accounts, number: int, *, address: str, at_ms: int = NOW_MS) -> int:
    """Wrong passwords, each as soon as allowed; gives the time after the last."""
    for _ in range(number):
        outcome = accounts.sign_in("zhang", "wrong", address=address, now_ms=at_ms)
        assert outcome.account is None
        at_ms += outcome.wait_s * 1000
    return at_ms


def test_the_right_password_signs_in(accounts: Accounts) -> None:
    outcome = accounts.sign_in("zhang", PASSWORD, address="10.0.0.1", now_ms=NOW_MS)
    assert outcome.account is not None
    assert outcome.account.name == "zhang"


@pytest.mark.parametrize(("name", "password"), [("zhang", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_anything_else_does_not(accounts: Accounts, name: str, password: str) -> None:
    assert accounts.sign_in(name, password, address="10.0.0.1", now_ms=NOW_MS).account is None


def test_the_dummy_password_of_unknown_accounts_opens_nothing(accounts: Accounts) -> None:
    outcome = accounts.sign_in("x", "no account has this password", address="a", now_ms=NOW_MS)
    assert outcome.account is None


def test_passwords_are_kept_as_argon2id(office: Office, accounts: Accounts) -> None:
    row = office.database.execute("SELECT password_hash FROM accounts").fetchone()
    assert row[0].startswith("$argon2id$")
    parameters = default_hasher()
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2


def test_a_weak_hash_is_renewed_at_the_next_sign_in(office: Office, accounts: Accounts) -> None:
    stronger = Accounts(office, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    stronger.sign_in("zhang", PASSWORD, address="a", now_ms=NOW_MS)
    row = office.database.execute("SELECT password_hash FROM accounts").fetchone()
    assert "t=2" in row[0]
    assert stronger.sign_in("zhang", PASSWORD, address="a", now_ms=NOW_MS).account is not None


def test_guessing_is_slowed_down_and_the_delay_outlives_a_restart(
    accounts: Accounts, tmp_path: Path
) -> None:
    at_ms = attempts(accounts, 8, address="10.0.0.9")
    assert at_ms - NOW_MS >= (1 + 2 + 4) * 1000
    again = Accounts(Office(tmp_path / "office.db"))
    refused = again.sign_in("zhang", PASSWORD, address="10.0.0.9", now_ms=at_ms - 1)
    assert refused.account is None
    assert refused.wait_s > 0
    assert again.sign_in("zhang", PASSWORD, address="10.0.0.9", now_ms=at_ms).account is not None


def test_guessing_from_elsewhere_hardly_delays_the_owner(accounts: Accounts) -> None:
    at_ms = NOW_MS
    for number in range(200):
        outcome = accounts.sign_in("zhang", "wrong", address=f"10.1.0.{number}", now_ms=at_ms)
        at_ms += outcome.wait_s * 1000
    owner = accounts.sign_in("zhang", PASSWORD, address="10.0.0.1", now_ms=at_ms)
    assert owner.account is not None
    assert delay_s("account", 10**6) <= 10


def test_failures_are_forgotten_after_a_day(accounts: Accounts) -> None:
    at_ms = attempts(accounts, 12, address="10.0.0.9")
    fresh = accounts.sign_in("zhang", "wrong", address="10.0.0.9", now_ms=at_ms + 86_400_000)
    assert fresh.wait_s == 0


@given(st.sampled_from(sorted(POLICIES)), st.integers(0, 10**9))
def test_a_delay_never_shrinks_and_never_exceeds_its_limit(kind: str, failures: int) -> None:
    assert 0 <= delay_s(kind, failures) <= delay_s(kind, failures + 1) <= POLICIES[kind].longest_s


def test_names_and_passwords_have_limits(accounts: Accounts) -> None:
    for name, password in (("", PASSWORD), (" x", PASSWORD), ("x" * 65, PASSWORD), ("x", "short")):
        with pytest.raises(InvalidAccount):
            accounts.add(name, password, now_ms=NOW_MS)
    with pytest.raises(AccountExists):
        accounts.add("zhang", PASSWORD, now_ms=NOW_MS)
    with pytest.raises(UnknownAccount):
        accounts.disable("nobody", now_ms=NOW_MS)


@pytest.mark.parametrize(
    "name",
    [
        "ｓｕｐ",
        "ѕup",
        "sup.",
        ".sup",
        "unix:sup",
        "su p",
        "sup\u200b",
        "śup",
        "\uf900",
        "〆",
        "sup\n",
    ],
)
def test_a_name_that_can_be_taken_for_another_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidAccount, match="ASCII letters, digits"):
        accounts.add(name, PASSWORD, now_ms=NOW_MS)


def test_one_person_has_one_account(accounts: Accounts) -> None:
    for name in ("Zhang", "ZHANG"):
        with pytest.raises(AccountExists, match="zhang"):
            accounts.add(name, PASSWORD, now_ms=NOW_MS)
    for name in ("z.hang", "zhang_2", "zhang-2", "张三", "2"):
        assert accounts.add(name, PASSWORD, now_ms=NOW_MS).name == name


def test_accounts_of_older_names_still_sign_in_and_can_be_disabled(accounts: Accounts) -> None:
    accounts.add("old", PASSWORD, now_ms=NOW_MS)
    accounts._office.database.execute("UPDATE accounts SET name = 'Ｏ ld.' WHERE name = 'old'")
    found = accounts.sign_in("Ｏ ld.", PASSWORD, address="10.0.0.1", now_ms=NOW_MS).account
    assert found is not None
    accounts.disable("Ｏ ld.", now_ms=NOW_MS)
    assert found.name == "Ｏ ld."


def test_a_rare_character_is_a_name_like_any_other(accounts: Accounts) -> None:
    assert accounts.add("𠮷永龘", PASSWORD, now_ms=NOW_MS).name == "𠮷永龘"


def test_a_disabled_account_cannot_sign_in(accounts: Accounts) -> None:
    accounts.disable("zhang", now_ms=NOW_MS)
    assert accounts.sign_in("zhang", PASSWORD, address="a", now_ms=NOW_MS).account is None


def test_a_session_ends_after_a_week_however_busy(office: Office, accounts: Accounts) -> None:
    sessions = Sessions(office)
    account = accounts.all()[0]
    session_id = sessions.start(account, address="a", agent="b", now_ms=NOW_MS)
    for hour in range(0, ABSOLUTE_S // 3600, 6):
        assert sessions.account_of(session_id, now_ms=NOW_MS + hour * 3_600_000) == account
    assert sessions.account_of(session_id, now_ms=NOW_MS + ABSOLUTE_S * 1000) is None


def test_a_busy_session_is_written_once_a_minute(office: Office, accounts: Accounts) -> None:
    sessions = Sessions(office)
    session_id = sessions.start(accounts.all()[0], address="a", agent="b", now_ms=NOW_MS)
    before = office.database.conn.total_changes
    for number in range(59):
        sessions.account_of(session_id, now_ms=NOW_MS + number * 1000)
    assert office.database.conn.total_changes == before
    sessions.account_of(session_id, now_ms=NOW_MS + 60_000)
    assert office.database.conn.total_changes == before + 1


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    made = Office(tmp_path / "office.db")
    made.prepare()
    made.database.execute("PRAGMA user_version = 99")
    with pytest.raises(OfficeError, match="99"):
        Office(tmp_path / "office.db").prepare()


def test_only_the_owner_may_read_the_file(office: Office) -> None:
    assert office.path.stat().st_mode & 0o077 == 0

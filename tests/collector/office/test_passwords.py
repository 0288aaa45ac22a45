"""Which passwords are taken: no composition rules, and none of the first to be guessed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from collector.office import passwords
from collector.office.accounts import Account, Accounts
from collector.office.passwords import (
    SHORTEST_PASSWORD,
    InvalidAccount,
    WeakPassword,
    check_password,
    is_common,
)

NOW_MS = 1_778_650_000_000


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password1!",
        "P@ssw0rd",
        "12345678",
        "123456789",
        "87654321",
        "11111111",
        "12341234",
        "woaini1314",
        "woaini520",
        "5201314520",
        "wodemima",
        "zhang123456",
        "qwertyuiop",
        "1qaz2wsx",
        "1q2w3e4r",
        "abcdefgh",
        "abc12345",
        "19900101",
        "13812345678",
        "iloveyou!!",
        "admin888888",
        "yiping2026",
        "YiPing@123",
        "zhengwu888",
        "supervisor1",
        "beijing2008",
    ],
)
def test_the_commonest_passwords_and_words_of_the_surroundings_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "一个没人猜得到的口令",
        "        x       ",
        "nuvolagrigia",
        "zq8fkw2m",
        "72910384",
        "the right password",
        "long enough",
        "é" * 7 + "ü",
    ],
)
def test_any_other_composition_is_taken(password: str) -> None:
    check_password(password)


def test_more_than_three_thousand_known_passwords_are_refused() -> None:
    dates = [date(1950, 1, 1) + timedelta(days=day) for day in range(25_000)]
    assert all(is_common(f"{on:%Y%m%d}") for on in dates)


@pytest.mark.parametrize("password", ["yunze2026", "Yunze-Hall", "云泽市云泽市", "li.ming99"])
def test_the_names_of_hall_and_account_are_no_passwords(password: str) -> None:
    assert is_common(password, ("云泽市", "Yunze Hall", "li.ming"))


def test_length_is_the_only_other_rule() -> None:
    for password in ("x" * (SHORTEST_PASSWORD - 1), "ab " * 86):
        with pytest.raises(InvalidAccount, match="characters"):
            check_password(password)
    check_password("ab cd ef " * 10)


def test_a_long_password_is_verified_as_it_was_typed(accounts: Accounts) -> None:
    password = "ab cd ef " * 8 + "End"
    accounts.add("long", password, now_ms=NOW_MS)

    def signs_in(text: str) -> Account | None:
        return accounts.sign_in("long", text, address="10.0.0.1", now_ms=NOW_MS).account

    assert signs_in(password) is not None
    assert signs_in(password[:-1]) is None
    assert signs_in(password.lower()) is None
    assert signs_in(password + " ") is None


def test_a_made_up_password_is_always_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = iter(["2Q8Q36014Slq", "__655ElQ_2_8-o55", "kT4-wRzqLmXvBnGh"])
    monkeypatch.setattr(
        "collector.office.passwords.secrets.token_urlsafe", lambda _bytes: next(offered)
    )
    assert passwords.made_up() == "kT4-wRzqLmXvBnGh"

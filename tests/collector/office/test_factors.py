"""The second factor: each code once, guessing slowed down, nobody locked out by others."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from collector.office.accounts import Account, Accounts
from collector.office.codes import code_digest, made_code
from collector.office.database import Office
from collector.office.factors import RECOVERY_CODES, STEP_S, Factors, enrolment_uri
from collector.office.roles import Role

NOW_MS = 1_778_650_000_000
HERE = "10.0.0.1"


@pytest.fixture
def factors(office: Office) -> Factors:
    return Factors(office)


def code_at(secret: str, now_ms: int) -> str:
    return pyotp.TOTP(secret).at(now_ms // 1000)


@pytest.fixture
def enrolled(factors: Factors, zhang: Account) -> tuple[str, list[str]]:
    """Secret and recovery codes of `zhang`, switched on an hour ago."""
    factors.begin(zhang)
    secret = factors.pending(zhang)
    assert secret is not None
    then_ms = NOW_MS - 3_600_000
    codes, checked = factors.confirm(zhang, code_at(secret, then_ms), address=HERE, now_ms=then_ms)
    assert checked.how == "totp"
    return secret, codes


def test_it_is_on_only_after_its_first_code(
    factors: Factors, zhang: Account, accounts: Accounts
) -> None:
    factors.begin(zhang)
    secret = factors.pending(zhang)
    assert secret is not None
    assert not accounts.with_id(zhang.id).has_factor
    wrong = str((int(code_at(secret, NOW_MS)) + 1) % 10**6).zfill(6)
    assert factors.confirm(zhang, wrong, address=HERE, now_ms=NOW_MS)[0] == []
    assert not accounts.with_id(zhang.id).has_factor
    codes, _ = factors.confirm(zhang, code_at(secret, NOW_MS), address=HERE, now_ms=NOW_MS)
    assert len(set(codes)) == RECOVERY_CODES
    assert accounts.with_id(zhang.id).has_factor
    assert factors.pending(zhang) is None


def test_a_code_opens_once(
    factors: Factors, zhang: Account, enrolled: tuple[str, list[str]]
) -> None:
    code = code_at(enrolled[0], NOW_MS)
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == "totp"
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS + 1000).how == ""
    older = code_at(enrolled[0], NOW_MS - STEP_S * 1000)
    assert factors.check(zhang, older, address=HERE, now_ms=NOW_MS + 2000).how == ""


def test_the_code_that_switched_it_on_does_not_sign_in(factors: Factors, zhang: Account) -> None:
    factors.begin(zhang)
    code = code_at(factors.pending(zhang) or "", NOW_MS)
    factors.confirm(zhang, code, address=HERE, now_ms=NOW_MS)
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == ""


def test_a_clock_may_be_one_step_off_and_no_more(
    factors: Factors, zhang: Account, enrolled: tuple[str, list[str]]
) -> None:
    for steps, how in ((-2, ""), (2, ""), (-1, "totp"), (1, "totp")):
        code = code_at(enrolled[0], NOW_MS + steps * STEP_S * 1000)
        assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == how, steps


def test_a_recovery_code_opens_once_however_it_is_typed(
    factors: Factors, zhang: Account, enrolled: tuple[str, list[str]]
) -> None:
    typed = enrolled[1][3].lower().replace("-", " ")
    assert factors.check(zhang, typed, address=HERE, now_ms=NOW_MS).how == "recovery"
    assert factors.recovery_codes_left(zhang) == RECOVERY_CODES - 1
    assert factors.check(zhang, typed, address=HERE, now_ms=NOW_MS).how == ""


def test_recovery_codes_are_kept_hashed_and_hold_120_bits(
    factors: Factors, office: Office, enrolled: tuple[str, list[str]]
) -> None:
    dump = "\n".join(office.database.conn.iterdump())
    for code in enrolled[1]:
        assert code not in dump
        assert code.replace("-", "") not in dump
        assert code_digest(code).hex().upper() in dump.upper()
        assert len(code.replace("-", "")) * 5 == 120
    assert len({made_code() for _ in range(1000)}) == 1000


def test_guessing_codes_is_slowed_down_and_the_delay_outlives_a_restart(
    factors: Factors, zhang: Account, accounts: Accounts, enrolled: object, tmp_path: Path
) -> None:
    at_ms = NOW_MS
    for number in range(8):
        checked = factors.check(zhang, f"{number:06}", address=HERE, now_ms=at_ms)
        assert checked.how == ""
        # a right password does not set the codes' counter back
        accounts.sign_in("zhang", "correct horse battery", address=HERE, now_ms=at_ms)
        at_ms += checked.wait_s * 1000
    assert at_ms - NOW_MS >= (1 + 2 + 4) * 1000
    again = Factors(Office(tmp_path / "office.db"))
    assert again.check(zhang, "000000", address=HERE, now_ms=at_ms - 1).wait_s > 0


def test_who_guesses_codes_elsewhere_does_not_lock_the_owner_out(
    factors: Factors, zhang: Account, enrolled: tuple[str, list[str]]
) -> None:
    for number in range(200):
        factors.check(zhang, "000000", address=f"10.9.0.{number}", now_ms=NOW_MS)
    code = code_at(enrolled[0], NOW_MS)
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == "totp"


def test_a_clock_that_was_set_back_lengthens_no_delay(
    factors: Factors, zhang: Account, enrolled: tuple[str, list[str]]
) -> None:
    later_ms = NOW_MS + 80_000_000
    for _ in range(3):
        factors.check(zhang, "000000", address=HERE, now_ms=later_ms)
    code = code_at(enrolled[0], NOW_MS)
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == "totp"


@pytest.mark.parametrize("code", ["", "12345", "１２３４５６", "abc", "-1", "' OR 1=1", "0" * 64])
def test_what_is_no_code_opens_nothing(
    factors: Factors, zhang: Account, enrolled: object, code: str
) -> None:
    assert factors.check(zhang, code, address=HERE, now_ms=NOW_MS).how == ""


def test_a_role_can_require_it(factors: Factors, accounts: Accounts, zhang: Account) -> None:
    assert not accounts.with_id(zhang.id).needs_factor
    factors.require([Role.DIRECTOR, Role.ADMINISTRATOR])
    assert accounts.with_id(zhang.id).needs_factor
    assert factors.required_roles() == {Role.DIRECTOR, Role.ADMINISTRATOR}
    factors.require([])
    assert not accounts.with_id(zhang.id).needs_factor


def test_the_qr_code_names_hall_account_and_secret(zhang: Account) -> None:
    parts = urlsplit(enrolment_uri(zhang, "ABCDEFGHIJKLMNOPQRSTUVWX", "云泽"))
    assert parts.scheme == "otpauth"
    asked = parse_qs(parts.query)
    assert asked["secret"] == ["ABCDEFGHIJKLMNOPQRSTUVWX"]
    assert asked["issuer"] == ["Yiping 云泽"]
    assert parts.path.endswith(":zhang")

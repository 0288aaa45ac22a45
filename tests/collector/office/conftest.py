"""An `office.db` of one's own with quick passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from collector.office.accounts import Account, Accounts
from collector.office.database import Office
from collector.office.roles import Role

NOW_MS = 1_778_650_000_000
PASSWORD = "correct horse battery"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A new file."""
    made = Office(tmp_path / "office.db")
    made.prepare()
    return made


@pytest.fixture
def accounts(office: Office) -> Accounts:
    """Its accounts."""
    return Accounts(office, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def admin(accounts: Accounts) -> Account:
    """The only administrator."""
    return accounts.add("admin.li", PASSWORD, now_ms=NOW_MS, role=Role.ADMINISTRATOR)


@pytest.fixture
def zhang(accounts: Accounts) -> Account:
    """A director."""
    return accounts.add("zhang", PASSWORD, now_ms=NOW_MS)

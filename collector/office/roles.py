"""Roles of accounts, and what they mean for corrections. Pure.

Which role may open which address stands in `collector/web/rights.toml`. Who answers for the people
that are rated may ask for a correction, and cannot grant it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """DIRECTOR heads the hall and reads everything, DEPARTMENT manages departments and sees only
    those, SUPERVISOR is the supervision (效能监察) and decides on corrections, OPERATOR keeps the
    devices running, ADMINISTRATOR keeps accounts and settings."""

    DIRECTOR = "director"
    DEPARTMENT = "department"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


def sees_department(role: str, own: Collection[str], department: str) -> bool:
    """Whether ratings of a department are shown to an account, one by one and in sums.

    Args:
        role: of the account; an unknown one sees nothing.
        own: codes of the account's departments, empty for none.
        department: code of the rating's department, empty for none.
    """
    if role == Role.DEPARTMENT:
        return bool(department) and department in own
    return role in (Role.DIRECTOR, Role.SUPERVISOR)


def may_propose(role: str, own: Collection[str], department: str) -> bool:
    """Whether an account may propose a correction of a department's rating."""
    return sees_department(role, own, department)


def may_decide(role: str) -> bool:
    """Whether an account may approve or reject what others propose."""
    return role == Role.SUPERVISOR

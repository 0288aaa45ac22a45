"""What an account may do by its role. Pure.

Who answers for the people that are rated may ask for a correction, and cannot grant it.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """DIRECTOR heads the hall, SUPERVISOR is the supervision (效能监察), DEPARTMENT manages one
    department's windows."""

    DIRECTOR = "director"
    SUPERVISOR = "supervisor"
    DEPARTMENT = "department"


def sees_department(role: str, own: str, department: str) -> bool:
    """Whether corrections of a department's ratings are shown to an account.

    Args:
        role: of the account; an unknown one sees nothing.
        own: code of the account's department, empty for none.
        department: code of the rating's department, empty for none.
    """
    if role == Role.DEPARTMENT:
        return bool(own) and own == department
    return role in (Role.DIRECTOR, Role.SUPERVISOR)


def may_propose(role: str, own: str, department: str) -> bool:
    """Whether an account may propose a correction of a department's rating."""
    return sees_department(role, own, department)


def may_decide(role: str) -> bool:
    """Whether an account may approve or reject what others propose."""
    return role in (Role.DIRECTOR, Role.SUPERVISOR)

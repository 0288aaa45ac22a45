"""Which role may open which address: the matrix in `rights.toml`, deny by default."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from collector.office.roles import Role

MATRIX: Final = Path(__file__).with_name("rights.toml")
PUBLIC: Final = "public"
"""In the matrix: also for visitors who have not signed in."""
EVERYONE: Final = "everyone"
"""In the matrix: for every role."""
HOME: Final[dict[str, str]] = {
    Role.OPERATOR: "devices.index",
    Role.ADMINISTRATOR: "people.index",
}
"""Role → endpoint it begins with, where that is not the hall."""


class InvalidMatrix(ValueError):
    """The matrix names a role that does not exist, or is no table of lists."""


@cache
def matrix() -> dict[str, frozenset[str]]:
    """Endpoint → roles that may open it; `PUBLIC` among them: everybody.

    Raises:
        InvalidMatrix: see there.
    """
    known = {role.value for role in Role}
    result: dict[str, frozenset[str]] = {}
    for group, routes in tomllib.loads(MATRIX.read_text(encoding="utf-8")).items():
        for name, given in routes.items():
            roles = {given} if isinstance(given, str) else set(given)
            if EVERYONE in roles:
                roles = roles - {EVERYONE} | known
            if PUBLIC in roles:
                roles |= known
            unknown = roles - known - {PUBLIC}
            if unknown:
                raise InvalidMatrix(
                    f"rights.toml: {group}.{name}: expected roles of {sorted(known)}, "
                    f"{EVERYONE!r} or {PUBLIC!r}, got {sorted(unknown)}"
                )
            result["static" if group == "static" else f"{group}.{name}"] = frozenset(roles)
    return result


def may(role: str, endpoint: str) -> bool:
    """Whether a role, or `PUBLIC` for nobody, may open an endpoint; one not listed: nobody may."""
    return role in matrix().get(endpoint, frozenset())


def home_of(role: str) -> str:
    """The endpoint a role begins with."""
    return HOME.get(role, "hall.page")
